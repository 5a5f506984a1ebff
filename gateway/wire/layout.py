"""Compiles a Structure's annotations, for one protocol version, into a reader and a writer.

Decided once, here: fields are written in the order of the standard (which is the order of the class) and read in any
order, since looking them up costs the same and some clients err. A field that came with a later version is understood
in an older message, and never written into one. Recursion is bounded by the schema: nothing can be nested without end.

The first four bytes of an item, read as one number, are `tag << 8 | type`: one look-up finds the field and checks its
type; what went wrong is worked out only when it is not found.
"""

from collections.abc import Callable, Iterable
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from msgspec.structs import astuple
from msgspec.structs import fields as struct_fields

from gateway.errors import InvalidField, InvalidMessage, NotInVersion, TtlvError
from gateway.kmip import structure as kinds
from gateway.kmip.enums import CredentialType, QueryFunction
from gateway.kmip.messages import ProtocolVersion, RequestHeader
from gateway.kmip.names import Mask, Named
from gateway.kmip.structure import Attributed, Encoded, Item, Payload, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V1_0, Version
from gateway.wire import scalars
from gateway.wire.scalars import HEADER_BYTES, ItemType, Reader, Writer, head, read_head

ONE, APPEND, EXTEND = range(3)
# The first byte of a tag: the standard's own, and those that vendors make up (section 9.1.1.1 Item Tag).
STANDARD, EXTENSIONS = 0x42, 0x54


class Arm(NamedTuple):
    """One of the types that a field may have: the item type, the Python type, how to read it and to make its writer."""

    item_type: int
    python: Any
    read: Reader
    writer: Callable[[Tag], Writer]


class Entry(NamedTuple):
    """What is done with an item that is met: the field that it goes to, its reader, and whether values add up."""

    name: str
    read: Reader
    mode: int


def _number(type_: ItemType, layout: str, read: Reader) -> Arm:
    return Arm(type_, int, read, lambda tag: scalars.number_writer(type_, layout, tag))


T = ItemType
SCALARS: dict[Any, Arm] = {
    int: _number(T.INTEGER, "i", scalars.read_integer),
    kinds.ItemNumber: _number(T.INTEGER, "i", scalars.read_integer),
    kinds.LongInteger: _number(T.LONG_INTEGER, "q", scalars.read_long),
    kinds.BigInteger: Arm(T.BIG_INTEGER, int, scalars.read_big_integer, scalars.big_integer_writer),
    kinds.OpenEnumeration: _number(T.ENUMERATION, "I", scalars.read_unsigned),
    bool: Arm(T.BOOLEAN, bool, scalars.read_boolean, lambda tag: scalars.number_writer(T.BOOLEAN, "q", tag)),
    str: Arm(T.TEXT_STRING, str, scalars.read_text, scalars.text_writer),
    bytes: Arm(T.BYTE_STRING, bytes, scalars.read_bytes, scalars.bytes_writer),
    kinds.DateTime: _number(T.DATE_TIME, "q", scalars.read_long),
    kinds.Interval: _number(T.INTERVAL, "I", scalars.read_unsigned),
    kinds.DateTimeExtended: _number(T.DATE_TIME_EXTENDED, "q", scalars.read_long),
}


@cache
def arms(annotation: Any, version: Version) -> tuple[Arm, ...]:
    """Give the types that `annotation` allows, None left out."""
    if get_origin(annotation) in (Union, UnionType):
        return tuple(arm for part in get_args(annotation) if part is not NoneType for arm in arms(part, version))
    if annotation in SCALARS:
        return (SCALARS[annotation],)
    if annotation is Item:
        return tuple(Arm(t, Item, scalars.read_item(t), scalars.item_writer) for t in ItemType)
    if annotation is Payload:
        return (Arm(T.STRUCTURE, Payload, scalars.read_payload, scalars.item_writer),)
    if annotation is Encoded:
        return (Arm(T.STRUCTURE, Encoded, scalars.read_bytes, lambda _: lambda value: value),)
    if issubclass(annotation, Named):
        read = scalars.enumeration_reader(annotation)
        return (Arm(T.ENUMERATION, annotation, read, lambda tag: _enumeration_writer(annotation, tag, version)),)
    if issubclass(annotation, Mask):
        read = scalars.mask_reader(annotation)
        return (Arm(T.INTEGER, annotation, read, lambda tag: _mask_writer(annotation, tag, version)),)
    if annotation is Structure:
        return (Arm(T.STRUCTURE, Structure, scalars.read_item(T.STRUCTURE), lambda tag: any_writer(tag, version)),)
    read = _remembering(annotation, version)
    return (Arm(T.STRUCTURE, annotation, read, lambda tag: writer(annotation, tag, version)),)


# What only clients say is not held back from them.
SAID_BY_CLIENTS = (CredentialType, QueryFunction)


def _enumeration_writer(annotation: type[Named], tag: Tag, version: Version) -> Writer:
    """Compile the writer of an enumeration; what is newer than the version raises NotInVersion."""
    write = SCALARS[kinds.OpenEnumeration].writer(tag)
    newer = frozenset(int(member) for member in annotation if member.since > version)
    if not newer or annotation in SAID_BY_CLIENTS:
        return write

    def write_known(value: Any) -> bytes:
        if value in newer:
            raise NotInVersion(f"{tag.spelling} {annotation(value).spelling} is not of KMIP {version}")
        return write(value)

    return write_known


def _mask_writer(annotation: type[Mask], tag: Tag, version: Version) -> Writer:
    """Compile the writer of a mask, without the bits that are newer than the version."""
    write = SCALARS[int].writer(tag)
    newer = sum(int(bit) for bit in annotation if bit.since > version)
    return (lambda value: write(value & ~newer)) if newer else write


# Frozen values that a client sends with every request, small and never secret: read once and then known by their bytes.
# A header that shows a credential is none of them, and one with a time does not come again.
REMEMBERED: dict[type[Structure], Callable[[Any], bool]] = {
    CryptographicParameters: lambda _: True,
    ProtocolVersion: lambda _: True,
    RequestHeader: lambda header: header.authentication is None and header.time_stamp is None,
}
MAX_REMEMBERED = 512
MAX_REMEMBERED_BYTES = 128


def _remembering(cls: type[Structure], version: Version) -> Reader:
    """Compile a structure's reader; of the REMEMBERED, equal bytes give the very same value, at a tenth of the cost."""
    read = reader(cls, version)
    if cls not in REMEMBERED:
        return read
    lasts = REMEMBERED[cls]
    known: dict[bytes, Any] = {}

    def read_or_remember(data: bytes, at: int, length: int) -> Any:
        raw = data[at : at + length]
        if raw in known:
            return known[raw]
        value = read(data, at, length)
        if length <= MAX_REMEMBERED_BYTES and lasts(value):
            if len(known) >= MAX_REMEMBERED:  # Clients choose the bytes: the memory that they can take is bounded.
                known.clear()
            known[raw] = value
        return value

    return read_or_remember


def union_writer(options: tuple[Arm, ...], tag: Tag) -> Writer:
    """Write a value by the arm of its Python type."""
    if len(options) == 1:
        return options[0].writer(tag)
    writers = {arm.python: arm.writer(tag) for arm in reversed(options) if arm.python is not Item}
    other = next((arm.writer(tag) for arm in options if arm.python is Structure), None)
    item = scalars.item_writer(tag)

    def write(value: Any) -> bytes:
        if type(value) is Item:
            return item(value)
        chosen: Writer | None = writers.get(type(value), other)
        if chosen is None:
            raise TypeError(f"{type(value).__name__} does not fit {tag.name}")
        return chosen(value)

    return write


def any_writer(tag: Tag, version: Version) -> Writer:
    """Write whichever Structure comes."""

    def write(value: Structure) -> bytes:
        return writer(type(value), tag, version)(value)

    return write


class Field(NamedTuple):
    """One field of a Structure, its annotation taken apart."""

    name: str
    annotation: Any
    many: bool
    since: Version | None
    until: Version | None
    attributed: Attributed | None

    @property
    def tag(self) -> Tag:
        """A field's name is its tag; the classes of X.509 attributes aside, the names are the standard's."""
        return Tag[self.name.upper()]

    def written_in(self, version: Version) -> bool:
        """Tell whether a message of this version may carry the field; one whose tag is newer it never may."""
        since = self.since or (V1_0 if self.attributed else self.tag.since)
        return since <= version and (self.until is None or version <= self.until)


@cache
def fields_of(cls: type[Structure]) -> tuple[Field, ...]:
    """List the fields of a Structure in their order."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple(_field(field.name, hints[field.name]) for field in struct_fields(cls))


def _field(name: str, annotation: Any) -> Field:
    marks = getattr(annotation, "__metadata__", ())
    inner = annotation.__origin__ if marks else annotation
    attributed = next((m for m in marks if isinstance(m, Attributed)), None)
    many = get_origin(inner) is tuple and attributed is None
    if many:
        inner = get_args(inner)[0]
    since = next((Version(*m) for m in marks if isinstance(m, Since)), None)
    until = next((Version(*m) for m in marks if isinstance(m, Until)), None)
    return Field(name, inner, many, since, until, attributed)


def _entries(cls: type[Structure], version: Version) -> dict[int, Entry]:
    from gateway.wire import attribute_forms  # It compiles structures itself, by way of this module.

    entries: dict[int, Entry] = {}
    for field in fields_of(cls):
        if field.attributed is not None:
            entries.update(attribute_forms.entries(field.name, field.attributed, version))
            continue
        for arm in arms(field.annotation, version):
            # The first arm that an annotation names wins: `bytes | Item` keeps as it came only what is not bytes.
            entry = Entry(field.name, arm.read, APPEND if field.many else ONE)
            entries.setdefault(field.tag << 8 | arm.item_type, entry)
    return entries


@cache
def reader(cls: type[Structure], version: Version) -> Reader:
    """Compile the reader of a structure's content.

    The reader raises TtlvError for bytes that are not TTLV and for fields that are missing or come twice, InvalidField
    for fields that do not belong there.
    """
    single: dict[int, tuple[str, Reader]] = {}
    several: dict[int, tuple[str, Reader, bool]] = {}
    repeated: list[str] = []

    def read(data: bytes, at: int, length: int) -> Any:
        start, end = at, at + length
        found: dict[str, Any] = {}
        # The walk of scalars.items, written out: as a generator it would cost a sixth of the decoding of a message.
        while at < end:
            if end - at < HEADER_BYTES:
                raise TtlvError("an item's header is cut off", at)
            word, size = read_head(data, at)
            following = at + HEADER_BYTES + (size + 7 & -8)
            if following > end:
                raise TtlvError("an item is longer than what holds it", at)
            if word in single:
                name, read_field = single[word]
                if name in found:
                    raise TtlvError(f"{name} comes twice", at)
                found[name] = read_field(data, at + HEADER_BYTES, size)
            elif word in several:
                name, read_field, is_list = several[word]
                value = read_field(data, at + HEADER_BYTES, size)
                found.setdefault(name, []).extend(value if is_list else (value,))
            else:
                _unknown(cls, (*single, *several), word, at)
            at = following
        for name in repeated:
            if name in found:
                found[name] = tuple(found[name])
        try:
            return cls(**found)
        except TypeError:
            raise _missing(cls, found, start) from None

    # Filled in after `read` exists, for structures that hold one of their own kind.
    _sort_in(single, several, _entries(cls, version))
    repeated.extend({name for name, _, _ in several.values()})
    return read


def _sort_in(
    single: dict[int, tuple[str, Reader]], several: dict[int, tuple[str, Reader, bool]], entries: dict[int, Entry]
) -> None:
    """Add each entry to the table of fields that come once, or to that of fields that may come several times."""
    for word, entry in entries.items():
        if entry.mode == ONE:
            single[word] = entry.name, entry.read
        else:
            several[word] = entry.name, entry.read, entry.mode == EXTEND


def _unknown(cls: type[Structure], known: Iterable[int], word: int, at: int) -> None:
    name = stranger(known, word, at)
    if name:
        raise InvalidField(f"{name} does not belong in {cls.__name__} (at byte {at})")


def stranger(known: Iterable[int], word: int, at: int) -> str:
    """Name an item that is not `known` where it stands; an empty name is a vendor's item, to be passed over.

    Raises:
        TtlvError: no tag begins so, or the tag is known with another item type.
    """
    tag = word >> 8
    if tag >> 16 == EXTENSIONS:
        return ""
    if tag >> 16 != STANDARD:
        raise TtlvError(f"a tag begins with 0x42 or 0x54, not 0x{tag:06X}", at)
    name = Tag(tag).token if tag in Tag._value2member_map_ else f"tag 0x{tag:06X}"
    if any(each >> 8 == tag for each in known):
        raise TtlvError(f"{name} cannot have item type {word & 0xFF}", at)
    return name


def _missing(cls: type[Structure], found: dict[str, Any], at: int) -> InvalidMessage:
    missing = [f.name for f in struct_fields(cls) if f.required and f.name not in found]
    names = ", ".join(Tag[name.upper()].token for name in missing)
    return TtlvError(f"{cls.__name__} lacks {names}", at)


@cache
def writer(cls: type[Structure], tag: Tag, version: Version) -> Writer:
    """Compile the writer of a structure under `tag`; it gives the whole item."""
    content, word = content_writer(cls, version), tag << 8 | T.STRUCTURE

    def write(value: Any) -> bytes:
        raw = content(value)
        return head(word, len(raw)) + raw

    return write


@cache
def content_writer(cls: type[Structure], version: Version) -> Writer:
    """Compile the writer of a structure's fields, without its own header."""
    writers = [_field_writer(field, version) for field in fields_of(cls)]

    def write(value: Any) -> bytes:
        content = b""
        # All fields by one call: most of them are None most of the time.
        for item, write_field in zip(astuple(value), writers, strict=True):
            if item is not None:
                content += write_field(item)
        return content

    return write


def _field_writer(field: Field, version: Version) -> Writer:
    from gateway.wire import attribute_forms

    if not field.written_in(version):
        return lambda _: b""
    if field.attributed is not None:
        return attribute_forms.writer(field.attributed, version)
    options = arms(field.annotation, version)
    one = union_writer(options, field.tag)
    if field.many:
        return lambda values: b"".join([one(value) for value in values])
    numbered = any(isinstance(arm.python, type) and issubclass(arm.python, Named) for arm in options)
    return _if_in_version(one) if numbered and NoneType in get_args(field.annotation) else one


def _if_in_version(write: Writer) -> Writer:
    """Leave out a field that need not be there, rather than say what the version has no word for."""

    def write_or_not(value: Any) -> bytes:
        try:
            return write(value)
        except NotInVersion:
            return b""

    return write_or_not
