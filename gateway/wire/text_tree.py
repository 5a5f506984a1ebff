"""Items as XML and JSON both have them: a tree of names and values, to TTLV bytes and from them.

The tree knows names, never message classes. One thing it has to look aside for: 1.x names an attribute in words beside
its value, and only that name says what the value's enumerators are called. What is found out about a name is kept, in
tables of bounded size, since the same few are met in every message.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple, NoReturn

from msgspec import Struct

from gateway.errors import TtlvError
from gateway.kmip.tags import Tag
from gateway.wire import scalars, text_names, text_values
from gateway.wire.scalars import HEADER_BYTES, PADDING, ItemType, Reader, head, read_head
from gateway.wire.text_values import Formatter, Scalar, Shaping

# What one item may hold in TTLV, and the structures that a message puts around it.
MAX_DEPTH = scalars.MAX_DEPTH + 16
STRUCTURE = "Structure"
_REMEMBERED = 4096
# As plain numbers, since comparing with an enumeration's member costs more.
_ATTRIBUTE, _ATTRIBUTE_NAME, _ATTRIBUTE_VALUE = map(int, (Tag.ATTRIBUTE, Tag.ATTRIBUTE_NAME, Tag.ATTRIBUTE_VALUE))
_VENDOR = int(Tag.VENDOR_IDENTIFICATION)


class Node(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An item by its names; a structure's value is what it holds. This is JSON's object as it stands."""

    tag: str
    type: str = ""
    value: "list[Node] | Scalar" = ""
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


def child_value(node: Node, tag: str) -> str:
    """Give the value of the first child of this tag as a text, an empty one when there is none."""
    found = child(node, tag)
    return "" if found is None else str(found.value)


def retagged(node: Node, tag: str) -> Node:
    """Give a node another tag."""
    node.tag = tag
    return node


def walk(root: Node) -> Iterator[tuple[Node, tuple[int, ...]]]:
    """Give a node and all that it holds, with their places; without recursion, for its depth may not be known yet."""
    yield root, ()
    rows = [enumerate(children(root))]
    path: tuple[int, ...] = ()
    while rows:
        place, node = next(rows[-1], (0, None))
        if node is None:
            rows.pop()
            path = path[:-1]
            continue
        here = (*path, place)
        yield node, here
        if len(here) <= MAX_DEPTH:
            rows.append(enumerate(children(node)))
            path = here


# --- To TTLV ---

_Write = Callable[[Any], bytes]


class _Form(NamedTuple):
    """How an item is encoded: its tag and type as one number, and for all but structures, value → the whole item."""

    word: int
    write: _Write | None


class _FormsOfTag(dict[str, _Form]):
    """The forms of a tag's items by their type; of the attribute that they are values of, if they are."""

    def __init__(self, tag: int, means: int = 0) -> None:
        self.tag, self.means = tag, means or tag

    def __missing__(self, type_: str) -> _Form:
        kind = text_names.TYPES.get(type_ or STRUCTURE)
        if kind is None:
            raise ValueError("there is no such type")
        word = self.tag << 8 | kind
        self[type_] = form = _Form(word, None if kind == ItemType.STRUCTURE else _writer(word, kind, self.means))
        return form


class _Forms(dict[str, _FormsOfTag]):
    """The forms of all items by the names of their tags; clients choose the names, so not too many are kept."""

    def __missing__(self, tag: str) -> _FormsOfTag:
        number = text_names.tag_number(tag)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[tag] = of_tag = _FormsOfTag(number)
        return of_tag


forms = _Forms()
_forms_of_values = cache(partial(_FormsOfTag, _ATTRIBUTE_VALUE))


def _writer(word: int, kind: ItemType, means: int) -> _Write:
    parse = text_values.PARSERS[kind](means)

    def write(value: Any) -> bytes:
        raw = parse(value)
        size = len(raw)
        return head(word, size) + raw + PADDING[size & 7]

    if kind != ItemType.ENUMERATION:
        return write
    known = {name: write(name) for name in text_names.enumerators(means)}
    return lambda value: known.get(value) or write(value)


def to_ttlv(root: Node) -> bytes:
    """Encode a node and all that it holds.

    Raises:
        Misfit: a name or value is not right, or the tree is too deep.
    """
    return _items((root,), 0)


def _items(nodes: Sequence[Node], depth: int, means: int = 0) -> bytes:
    """Encode nodes; `means` is the attribute that an Attribute Value among them is a value of."""
    written = []
    # One loop for all that a structure holds, for most of it are values: a call for each would cost as much again.
    for node in nodes:
        value = node.value
        try:
            word, write = forms[node.tag][node.type]
            if write is None:
                raw = _content(value, depth, word)
                written.append(head(word, len(raw)) + raw)
            elif type(value) is list:
                raise ValueError("only a Structure holds items")
            else:
                if means and word >> 8 == _ATTRIBUTE_VALUE:
                    write = _forms_of_values(means)[node.type].write or write
                written.append(write(value))
        except Misfit:
            raise
        except ValueError as error:
            raise Misfit(str(error), node) from None
    return b"".join(written)


def _content(held: "list[Node] | Scalar", depth: int, word: int) -> bytes:
    if depth >= MAX_DEPTH:
        raise ValueError("items are nested too deeply")
    if isinstance(held, list):
        return _items(held, depth + 1, _attribute(held) if word >> 8 == _ATTRIBUTE else 0)
    if held is None or held == "":
        return b""
    raise ValueError("a Structure has items, no value; is the type missing?")


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
    """How an item is written: its names, and how its value is read and put in words; a structure is read by itself."""

    tag: str
    type: str
    read: Reader | None
    write: Formatter | None


class Naming(dict[int, _Shape]):
    """Gives TTLV bytes as a tree, its values written as one encoding has them; keeps the shapes that it met."""

    def __init__(self, encoding: Mapping[int, Shaping]) -> None:
        self._encoding = encoding
        self._of_value = lru_cache(maxsize=_REMEMBERED)(self._shape)

    def __missing__(self, word: int) -> _Shape:
        if len(self) >= _REMEMBERED:
            self.clear()
        self[word] = shape = self._shape(word, word >> 8)
        return shape

    def _shape(self, word: int, means: int) -> _Shape:
        tag, type_ = text_names.tag_name(word >> 8), word & 0xFF
        if type_ == ItemType.STRUCTURE:
            return _Shape(tag, STRUCTURE, None, None)
        if type_ not in self._encoding:
            return _Shape(tag, "", _no_type, None)
        return _Shape(tag, text_names.TYPE_NAMES[ItemType(type_)], *self._encoding[type_](means))

    def tree(self, raw: bytes) -> Node:
        """Decode one item and all that it holds.

        Raises:
            TtlvError: it is not TTLV.
        """
        found = self._nodes(raw, 0, len(raw), 0, 0)
        if len(found) != 1:
            raise TtlvError("a message is one item", 0)
        return found[0]

    def _nodes(self, raw: bytes, at: int, end: int, depth: int, means: int) -> list[Node]:
        if depth > MAX_DEPTH:
            raise TtlvError("items are nested too deeply", at)
        found: list[Node] = []
        # The walk of scalars.items, written out: as a generator it would cost as much as all that is done here.
        while at < end:
            if end - at < HEADER_BYTES:
                raise TtlvError("an item's header is cut off", at)
            word, size = read_head(raw, at)
            value = at + HEADER_BYTES
            at = value + (size + 7 & -8)
            if at > end:
                raise TtlvError("an item is longer than what holds it", value - HEADER_BYTES)
            tag, type_, read, write = self[word]
            if read is None:
                inner = _named_within(raw, value, value + size) if word >> 8 == _ATTRIBUTE else 0
                found.append(Node(tag, type_, self._nodes(raw, value, value + size, depth + 1, inner)))
                continue
            if means and word >> 8 == _ATTRIBUTE_VALUE:
                shape = self._of_value(word, means)
                read, write = shape.read or read, shape.write
            known = read(raw, value, size)
            found.append(Node(tag, type_, known if write is None else write(known)))
        return found


def _no_type(_: bytes, at: int, __: int) -> NoReturn:
    raise TtlvError("there is no such item type", at)


def _named_within(raw: bytes, at: int, end: int) -> int:
    """Give the tag of the attribute that an Attribute of 1.x names, as `_attribute` does."""
    named = {word >> 8: (word & 0xFF, raw[value : value + size]) for word, value, size in scalars.items(raw, at, end)}
    type_, name = named.get(_ATTRIBUTE_NAME, (0, b""))
    if type_ != ItemType.TEXT_STRING or _VENDOR in named:
        return 0
    return text_names.tag_of_attribute(name.decode(errors="replace"))
