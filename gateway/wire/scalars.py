"""The item types of TTLV, a row each: how a value is read from bytes and written to them (KMIP 2.1 section 9.1).

A reader takes the message, where the value begins and its length in bytes without padding; a writer takes the value
and gives the whole item. Padding is not looked at when reading, and is zero when written. One thing is read more widely
than the standard allows: NUL bytes at the end of a text are dropped, since IBM Db2 counts the padding in the length.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from struct import Struct
from typing import Any

from gateway.errors import InvalidField, TtlvError
from gateway.kmip.names import Mask, Named
from gateway.kmip.structure import Item, Payload
from gateway.kmip.tags import Tag

Reader = Callable[[bytes, int, int], Any]
Writer = Callable[[Any], bytes]

HEADER_BYTES = 8
head = Struct(">II").pack
read_head = Struct(">II").unpack_from
PADDING = tuple(bytes(-n % 8) for n in range(8))


class ItemType(IntEnum):
    """The fourth byte of an item (section 9.1.1.2 Item Type)."""

    STRUCTURE = 1
    INTEGER = 2
    LONG_INTEGER = 3
    BIG_INTEGER = 4
    ENUMERATION = 5
    BOOLEAN = 6
    TEXT_STRING = 7
    BYTE_STRING = 8
    DATE_TIME = 9
    INTERVAL = 10
    DATE_TIME_EXTENDED = 11


def _fixed(layout: str, name: str) -> Reader:
    number = Struct(layout)
    unpack, size = number.unpack_from, number.size

    def read(data: bytes, at: int, length: int) -> int:
        if length != size:
            raise TtlvError(f"{name} is {size} bytes, not {length}", at)
        value: int = unpack(data, at)[0]
        return value

    return read


read_integer = _fixed(">i", "an Integer")
read_unsigned = _fixed(">I", "an Enumeration or Interval")
read_long = _fixed(">q", "a Long Integer or Date-Time")


def read_boolean(data: bytes, at: int, length: int) -> bool:
    """Read eight bytes that say 0 or 1."""
    value: int = read_long(data, at, length)
    if value not in (0, 1):
        raise TtlvError(f"a Boolean is 0 or 1, not {value}", at)
    return value == 1


def read_big_integer(data: bytes, at: int, length: int) -> int:
    """Read a two's complement number of any length that is a multiple of 8 bytes."""
    if not length or length % 8:
        raise TtlvError(f"a Big Integer is a multiple of 8 bytes, not {length}", at)
    return int.from_bytes(data[at : at + length], "big", signed=True)


def read_text(data: bytes, at: int, length: int) -> str:
    """Read UTF-8, less any NUL bytes at its end."""
    try:
        text = data[at : at + length].decode()
    except UnicodeDecodeError as error:
        raise TtlvError("a Text String is UTF-8", at + error.start) from None
    return text.rstrip("\0") if text.endswith("\0") else text


def read_bytes(data: bytes, at: int, length: int) -> bytes:
    """Read the bytes as they are."""
    return data[at : at + length]


def read_payload(data: bytes, at: int, length: int) -> Payload:
    """Keep a structure as it came, unseen."""
    return Payload(ItemType.STRUCTURE, data[at : at + length], at, data)


def enumeration_reader(kind: type[Named]) -> Reader:
    """Read a member of `kind`; any other number is an Invalid Field."""
    members = {member.value: member for member in kind}

    def read(data: bytes, at: int, length: int) -> Named:
        number: int = read_unsigned(data, at, length)
        try:
            return members[number]
        except KeyError:
            raise InvalidField(f"{kind.__name__} has no value 0x{number:08X} (at byte {at})") from None

    return read


def mask_reader(kind: type[Mask]) -> Reader:
    """Read the bits of `kind`; bits that it does not name are kept."""
    known: dict[int, Mask] = {}

    def read(data: bytes, at: int, length: int) -> Mask:
        number: int = read_integer(data, at, length)
        if number not in known:
            if number < 0:
                raise InvalidField(f"{kind.__name__} has no value {number} (at byte {at})")
            if len(known) >= 1024:  # Clients choose the numbers: the memory that they can take is bounded.
                known.clear()
            known[number] = kind(number)
        return known[number]

    return read


def number_writer(type_: ItemType, layout: str, tag: Tag) -> Writer:
    """Write a number of fixed size under `tag`."""
    size = Struct(">" + layout).size
    pack, word = Struct(f">II{layout}{-size % 8}x").pack, tag << 8 | type_
    return lambda value: pack(word, size, value)


def bytes_writer(tag: Tag) -> Writer:
    """Write a Byte String under `tag`."""
    word = tag << 8 | ItemType.BYTE_STRING
    return lambda value: head(word, len(value)) + value + PADDING[len(value) & 7]


def text_writer(tag: Tag) -> Writer:
    """Write a Text String under `tag`."""
    word = tag << 8 | ItemType.TEXT_STRING

    def write(value: str) -> bytes:
        raw = value.encode()
        return head(word, len(raw)) + raw + PADDING[len(raw) & 7]

    return write


def big_integer_writer(tag: Tag) -> Writer:
    """Write a Big Integer under `tag`, in as few times 8 bytes as hold it."""
    word = tag << 8 | ItemType.BIG_INTEGER

    def write(value: int) -> bytes:
        # A negative number needs a bit less than its bit_length says: -128 is one byte.
        size = ((value if value >= 0 else ~value).bit_length() // 64 + 1) * 8
        return head(word, size) + value.to_bytes(size, "big", signed=True)

    return write


def item_writer(tag: Tag) -> Writer:
    """Write an Item under `tag`, as it came."""

    def write(item: Item) -> bytes:
        return head(tag << 8 | item.type, len(item.raw)) + item.raw + PADDING[len(item.raw) & 7]

    return write


def structure(tag: int, content: bytes) -> bytes:
    """Give the structure that has `content` in it."""
    return head(tag << 8 | ItemType.STRUCTURE, len(content)) + content


# How each type's values are read when nothing says what they should be.
READERS: dict[int, Reader] = {
    ItemType.INTEGER: read_integer,
    ItemType.LONG_INTEGER: read_long,
    ItemType.BIG_INTEGER: read_big_integer,
    ItemType.ENUMERATION: read_unsigned,
    ItemType.BOOLEAN: read_boolean,
    ItemType.TEXT_STRING: read_text,
    ItemType.BYTE_STRING: read_bytes,
    ItemType.DATE_TIME: read_long,
    ItemType.INTERVAL: read_unsigned,
    ItemType.DATE_TIME_EXTENDED: read_long,
}


def items(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Walk the items in data[at:end]: tag and type as one number, where the value begins, its length in bytes.

    Raises:
        TtlvError: an item does not end where it should.
    """
    while at < end:
        if end - at < HEADER_BYTES:
            raise TtlvError("an item's header is cut off", at)
        word, length = read_head(data, at)
        value = at + HEADER_BYTES
        at = value + (length + 7 & -8)
        if at > end:
            raise TtlvError("an item is longer than what holds it", value - HEADER_BYTES)
        yield word, value, length


def check_items(data: bytes, at: int, end: int, depth: int) -> None:
    """Check that data[at:end] is a sequence of well-formed items, nested no deeper than `depth`.

    Raises:
        TtlvError: it is not.
    """
    for word, value, length in items(data, at, end):
        if word & 0xFF == ItemType.STRUCTURE:
            if not depth:
                raise TtlvError("items are nested too deeply", value)
            check_items(data, value, value + length, depth - 1)
        elif word & 0xFF not in READERS:
            raise TtlvError(f"there is no item type {word & 0xFF}", value)
        else:
            READERS[word & 0xFF](data, value, length)


# Only what is kept as it came can be nested at will, since all else is bounded by its class.
MAX_DEPTH = 32


def read_item(type_: int, max_depth: int = MAX_DEPTH) -> Reader:
    """Keep a value of this type as an Item, once it is seen to be well formed."""

    def read(data: bytes, at: int, length: int) -> Item:
        if type_ == ItemType.STRUCTURE:
            check_items(data, at, at + length, max_depth)
        else:
            READERS[type_](data, at, length)
        return Item(type_, data[at : at + length], at, data)

    return read
