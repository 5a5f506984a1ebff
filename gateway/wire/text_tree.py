"""Items as XML and JSON both have them: a tree of names and values, to TTLV bytes and from them.

The tree knows names, never message classes. One thing it has to look aside for: 1.x names an attribute in words beside
its value, and only that name says what the value's enumerators are called.
"""

from collections.abc import Sequence

from msgspec import Struct

from gateway.errors import TtlvError
from gateway.kmip.tags import Tag
from gateway.wire import scalars, text_names
from gateway.wire.scalars import PADDING, ItemType, head
from gateway.wire.text_values import PARSERS, Formatter

MAX_DEPTH = 32
STRUCTURE = "Structure"


class Node(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An item by its names; a structure's value is what it holds. This is JSON's object as it stands."""

    tag: str
    type: str = ""
    value: "list[Node] | str | int | float | bool | None" = ""
    name: str = ""


class Misfit(ValueError):
    """A node that is no item; `path` counts children from the root."""

    def __init__(self, message: str, node: Node, path: tuple[int, ...]) -> None:
        super().__init__(message)
        self.node, self.path = node, path


def structure(tag: str, *children: Node) -> Node:
    """Make a structure."""
    return Node(tag, STRUCTURE, list(children))


def children(node: Node) -> list[Node]:
    """Give what a structure holds, nothing for another item."""
    return node.value if isinstance(node.value, list) else []


def child(node: Node, tag: str) -> Node | None:
    """Give the first child of this tag."""
    return next((each for each in children(node) if each.tag == tag), None)


def to_ttlv(node: Node, path: tuple[int, ...] = (), means: int = 0) -> bytes:
    """Encode a node and all that it holds; `means` is the attribute that it is a value of.

    Raises:
        Misfit: a name or value is not right, or the tree is too deep.
    """
    try:
        tag = text_names.tag_number(node.tag)
        type_ = _type(node)
        raw = _content(node, path, tag) if type_ == ItemType.STRUCTURE else _scalar(node, type_, means or tag)
    except Misfit:
        raise
    except ValueError as error:
        raise Misfit(str(error), node, path) from None
    return head(tag << 8 | type_, len(raw)) + raw + PADDING[len(raw) & 7]


def _type(node: Node) -> ItemType:
    if not node.type:
        return ItemType.STRUCTURE
    if node.type not in text_names.TYPES:
        raise ValueError("there is no such type")
    return text_names.TYPES[node.type]


def _scalar(node: Node, type_: ItemType, means: int) -> bytes:
    if isinstance(node.value, list):
        raise ValueError("only a Structure holds items")
    return PARSERS[type_](node.value, means)


def _content(node: Node, path: tuple[int, ...], tag: int) -> bytes:
    if len(path) >= MAX_DEPTH:
        raise ValueError("items are nested too deeply")
    if node.value is not None and node.value != "" and not isinstance(node.value, list):
        raise ValueError("a Structure has items, no value; is the type missing?")
    held = children(node)
    means = _attribute(held) if tag == Tag.ATTRIBUTE else 0
    return b"".join(
        to_ttlv(each, (*path, place), means if each.tag == "AttributeValue" else 0) for place, each in enumerate(held)
    )


def _attribute(held: Sequence[Node]) -> int:
    """Give the tag of the attribute that is named among these; a vendor's own has its vendor beside it."""
    names = {each.tag: each.value for each in held if each.tag in ("AttributeName", "VendorIdentification")}
    name = names.get("AttributeName")
    return text_names.tag_of_attribute(name) if isinstance(name, str) and len(names) == 1 else 0


def from_ttlv(raw: bytes, formatters: dict[int, Formatter]) -> Node:
    """Decode one item and all that it holds.

    Raises:
        TtlvError: it is not TTLV.
    """
    found = _nodes(raw, 0, len(raw), formatters, 0)
    if len(found) != 1:
        raise TtlvError("a message is one item", 0)
    return found[0]


def _nodes(raw: bytes, at: int, end: int, formatters: dict[int, Formatter], means: int) -> list[Node]:
    found: list[Node] = []
    for word, value, size in scalars.items(raw, at, end):
        tag, type_ = word >> 8, word & 0xFF
        name = text_names.tag_name(tag)
        if type_ == ItemType.STRUCTURE:
            inner = _named_within(raw, value, value + size) if tag == Tag.ATTRIBUTE else 0
            found.append(Node(name, STRUCTURE, list(_nodes(raw, value, value + size, formatters, inner))))
            continue
        if type_ not in formatters:
            raise TtlvError(f"there is no item type {type_}", value)
        scalars.READERS[type_](raw, value, size)
        meaning = means if tag == Tag.ATTRIBUTE_VALUE and means else tag
        text = formatters[type_](raw[value : value + size], meaning)
        found.append(Node(name, text_names.TYPE_NAMES[ItemType(type_)], text))
    return found


def _named_within(raw: bytes, at: int, end: int) -> int:
    names = {word >> 8: raw[value : value + size] for word, value, size in scalars.items(raw, at, end)}
    if Tag.VENDOR_IDENTIFICATION in names or Tag.ATTRIBUTE_NAME not in names:
        return 0
    return text_names.tag_of_attribute(names[Tag.ATTRIBUTE_NAME].decode(errors="replace"))
