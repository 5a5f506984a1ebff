"""Items as XML and JSON both have them: a tree of names and values, to TTLV bytes and from them.

The tree knows names, never message classes. One thing it has to look aside for: 1.x names an attribute in words beside
its value, and only that name says what the value's enumerators are called. What is found out about a name is kept, in
tables of bounded size, since the same few are met in every message.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

from gateway.errors import TtlvError
from gateway.kmip.tags import Tag
from gateway.wire import scalars, text_names, text_values
from gateway.wire.scalars import HEADER_BYTES, PADDING, ItemType, Reader, head, read_head
from gateway.wire.text_values import Formatter, Parser

# What one item may hold in TTLV, and the structures that a message puts around it.
MAX_DEPTH = scalars.MAX_DEPTH + 16
STRUCTURE = "Structure"
_REMEMBERED = 4096
# As plain numbers, since comparing with an enumeration's member costs more.
_ATTRIBUTE, _ATTRIBUTE_NAME, _ATTRIBUTE_VALUE = map(int, (Tag.ATTRIBUTE, Tag.ATTRIBUTE_NAME, Tag.ATTRIBUTE_VALUE))
_VENDOR = int(Tag.VENDOR_IDENTIFICATION)
_STRUCTURE, _SCALARS = int(ItemType.STRUCTURE), frozenset(map(int, text_values.READERS))


class Node(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An item by its names; a structure's value is what it holds. This is JSON's object as it stands."""

    tag: str
    type: str = ""
    value: "list[Node] | str | int | float | bool | None" = ""
    name: str = ""


class Misfit(ValueError):
    """A node that is no item."""

    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.node = node


def structure(tag: str, *children: Node) -> Node:
    """Make a structure."""
    return Node(tag, STRUCTURE, list(children))


def children(node: Node) -> list[Node]:
    """Give what a structure holds, nothing for another item."""
    return node.value if isinstance(node.value, list) else []


def child(node: Node, tag: str) -> Node | None:
    """Give the first child of this tag."""
    return next((each for each in children(node) if each.tag == tag), None)


def walk(root: Node) -> Iterator[tuple[Node, tuple[int, ...]]]:
    """Give a node and all that it holds, with their places; without recursion, for its depth may not be known yet."""
    waiting: list[tuple[Node, tuple[int, ...]]] = [(root, ())]
    while waiting:
        node, path = waiting.pop()
        yield node, path
        if len(path) <= MAX_DEPTH:
            waiting.extend((each, (*path, place)) for place, each in reversed([*enumerate(children(node))]))


# --- To TTLV ---


@lru_cache(maxsize=_REMEMBERED)
def _form(tag: str, type_: str, means: int) -> tuple[int, Parser | None]:
    """Give an item's tag and type as one number, and how its value is read; a structure has none."""
    number, kind = text_names.tag_number(tag), text_names.TYPES.get(type_ or STRUCTURE)
    if kind is None:
        raise ValueError("there is no such type")
    parser = None if kind == ItemType.STRUCTURE else text_values.PARSERS[kind](means or number)
    return number << 8 | kind, parser


def to_ttlv(node: Node, depth: int = 0, means: int = 0) -> bytes:
    """Encode a node and all that it holds; `means` is the attribute that it is a value of.

    Raises:
        Misfit: a name or value is not right, or the tree is too deep.
    """
    value = node.value
    try:
        word, parse = _form(node.tag, node.type, means)
        if parse is None:
            raw = _content(node, depth, word)
        elif type(value) is list:
            raise ValueError("only a Structure holds items")
        else:
            raw = parse(value)  # type: ignore[arg-type]  # it is no list
    except Misfit:
        raise
    except ValueError as error:
        raise Misfit(str(error), node) from None
    size = len(raw)
    return head(word, size) + raw + PADDING[size & 7]


def _content(node: Node, depth: int, word: int) -> bytes:
    if depth >= MAX_DEPTH:
        raise ValueError("items are nested too deeply")
    held = node.value
    if not isinstance(held, list):
        if held is None or held == "":
            return b""
        raise ValueError("a Structure has items, no value; is the type missing?")
    depth += 1
    if word >> 8 == _ATTRIBUTE:
        means = _attribute(held)
        return b"".join(
            [to_ttlv(each, depth, means if _tag(each) == _ATTRIBUTE_VALUE else 0) for each in held],
        )
    return b"".join([to_ttlv(each, depth) for each in held])


def _tag(node: Node) -> int:
    """Give a node's tag, 0 for a name that is none: it is refused when its own turn comes."""
    try:
        return text_names.tag_number(node.tag)
    except ValueError:
        return 0


def _attribute(held: Sequence[Node]) -> int:
    """Give the tag of the attribute that is named among these; a vendor's own has its vendor beside it."""
    named = {_tag(each): each for each in held}
    name = named.get(_ATTRIBUTE_NAME)
    if name is None or _VENDOR in named or name.type != "TextString":
        return 0
    return text_names.tag_of_attribute(name.value) if isinstance(name.value, str) else 0


# --- From TTLV ---


class _Shape(NamedTuple):
    """How an item is written: its names, and how its value is read and put in words."""

    tag: str
    type: str
    read: Reader
    write: Formatter


class Naming:
    """Gives TTLV bytes as a tree, its values written as one encoding has them."""

    def __init__(self, formatters: Mapping[int, Callable[[int], Formatter]]) -> None:
        self._formatters = formatters
        self._shape = lru_cache(maxsize=_REMEMBERED)(self._find_shape)

    def tree(self, raw: bytes) -> Node:
        """Decode one item and all that it holds.

        Raises:
            TtlvError: it is not TTLV.
        """
        found = self._nodes(raw, 0, len(raw), 0, 0)
        if len(found) != 1:
            raise TtlvError("a message is one item", 0)
        return found[0]

    def _find_shape(self, word: int, means: int) -> _Shape:
        tag, type_ = word >> 8, ItemType(word & 0xFF)
        write = self._formatters[type_](means or tag)
        return _Shape(text_names.tag_name(tag), text_names.TYPE_NAMES[type_], text_values.READERS[type_], write)

    def _nodes(self, raw: bytes, at: int, end: int, depth: int, means: int) -> list[Node]:
        found: list[Node] = []
        shape_of = self._shape
        # The walk of scalars.items, written out: as a generator it would cost as much as all that is done here.
        while at < end:
            if end - at < HEADER_BYTES:
                raise TtlvError("an item's header is cut off", at)
            word, size = read_head(raw, at)
            value = at + HEADER_BYTES
            at = value + (size + 7 & -8)
            if at > end:
                raise TtlvError("an item is longer than what holds it", value - HEADER_BYTES)
            type_ = word & 0xFF
            if type_ == _STRUCTURE:
                if depth >= MAX_DEPTH:
                    raise TtlvError("items are nested too deeply", value)
                inner = _named_within(raw, value, value + size) if word >> 8 == _ATTRIBUTE else 0
                tag = text_names.tag_name(word >> 8)
                found.append(Node(tag, STRUCTURE, self._nodes(raw, value, value + size, depth + 1, inner)))
            elif type_ not in _SCALARS:
                raise TtlvError(f"there is no item type {type_}", value)
            else:
                tag, kind, read, write = shape_of(word, means if word >> 8 == _ATTRIBUTE_VALUE else 0)
                found.append(Node(tag, kind, write(read(raw, value, size))))
        return found


def _named_within(raw: bytes, at: int, end: int) -> int:
    """Give the tag of the attribute that an Attribute of 1.x names, as `_attribute` does."""
    named = {word >> 8: (word & 0xFF, raw[value : value + size]) for word, value, size in scalars.items(raw, at, end)}
    type_, name = named.get(_ATTRIBUTE_NAME, (0, b""))
    if type_ != ItemType.TEXT_STRING or _VENDOR in named:
        return 0
    return text_names.tag_of_attribute(name.decode(errors="replace"))
