"""Responses in the spelling of every JSON dialect, from the tree that the standard spells."""

from collections.abc import Callable

from gateway.wire import text_values
from gateway.wire.json_dialects import COSMIAN_NAMES, MASKS, OBJECTS, Spelling
from gateway.wire.scalars import ItemType
from gateway.wire.text_names import tag_number
from gateway.wire.text_tree import STRUCTURE, Node, child, child_value, children, retagged, structure, walk


def respelled(root: Node, spelling: Spelling) -> Node:
    """Give a response in the spelling that its request had; its nodes are changed, or in another tree afterwards."""
    return root if spelling is Spelling.STANDARD else _ANSWERS[spelling](root)


def _payload(item: Node) -> list[Node]:
    payload = child(item, "ResponsePayload")
    return [] if payload is None else children(payload)


def _answer_page(root: Node) -> Node:
    """Spell a response as the page's second listing does, its slips included: a client made from it looks for them."""
    head, *items = children(root)
    keys = {str(node.value): node.tag for node, _ in walk(root) if node.tag.endswith("KeyUniqueIdentifier")}
    tags = ["Items", *["BtachItem"] * (len(items) - 1)]
    listed = [structure(tag, *_page_item(item, keys)) for tag, item in zip(tags, items, strict=True)]
    return structure("ResponseMessage", _page_header(head), structure("BatchItem", *listed))


def _page_header(head: Node) -> Node:
    return structure("Header", *(_page_moment(part) for part in children(head) if part.tag in _PAGE_HEADER))


_PAGE_HEADER = ("ProtocolVersion", "TimeStamp", "BatchCount")


def _page_moment(part: Node) -> Node:
    return Node("Timestamp", "LongInteger", _number(part, ItemType.DATE_TIME)) if part.tag == "TimeStamp" else part


def _number(node: Node, type_: ItemType) -> int:
    """Give the number that a value in words stands for."""
    parse = text_values.PARSERS[type_](tag_number(node.tag))
    return int.from_bytes(parse(str(node.value)), "big", signed=True)


def _page_item(item: Node, keys: dict[str, str]) -> list[Node]:
    """Give what is in a batch item; one of a Locate that went well has no status there, and counts what it found."""
    if child_value(item, "Operation") != "Locate" or child_value(item, "ResultStatus") != "Success":
        return children(item)
    found = [each for each in _payload(item) if each.tag == "UniqueIdentifier"]
    # Those made in the same message stand first, the private key before the public one.
    first = {identifier: place for place, identifier in enumerate(keys)}
    found.sort(key=lambda n: first.get(str(n.value), len(first)))
    located = structure("UniqueIdentifier", *(retagged(n, keys.get(str(n.value), n.tag)) for n in found))
    count = [n for n in _payload(item) if n.tag == "LocatedItems"] or [Node("LocatedItems", "Integer", len(found))]
    payload = structure("ResponsePayload", *count, located)
    return [payload if n.tag == "ResponsePayload" else n for n in children(item) if n.tag != "ResultStatus"]


def _answer_5(root: Node) -> Node:
    for node, _ in walk(root):
        # What a client keeps in a vendor attribute may have any type under any tag.
        if node.tag in MASKS and node.type == "Integer" and isinstance(node.value, str):
            node.value = _number(node, ItemType.INTEGER)
        elif node.tag in COSMIAN_NAMES and isinstance(node.value, str):
            node.value = COSMIAN_NAMES[node.tag].get(node.value, node.value)
    return root


def _answer_4(root: Node) -> Node:
    head, *items = children(_answer_5(root))
    listed = [structure("Items", *_item_4(item)) for item in items]
    return structure("MessageResponse", retagged(head, "Header"), structure("Items", *listed))


def _answer_mixed(root: Node) -> Node:
    head, *items = children(_answer_5(root))
    return structure("ResponseMessage", head, *(structure("BatchItem", *_item_4(item)) for item in items))


def _item_4(item: Node) -> list[Node]:
    operation = child_value(item, "Operation")
    for payload in children(item):
        if payload.tag == "ResponsePayload":
            # Who asks for attributes by name gets them; elsewhere there are those that JavaScript's client can read.
            held = [_held_in_4(each, every=operation == "GetAttributes") for each in children(payload)]
            held = [retagged(each, "Object") if each.tag in OBJECTS else each for each in held]
            payload.value = _gathered(held, "UniqueIdentifier", "UniqueIdentifier") if operation == "Locate" else held
    return children(item)


def _held_in_4(node: Node, *, every: bool) -> Node:
    """Give what a structure holds as 4.x clients look for it."""
    if node.tag == "IVCounterNonce":
        return retagged(node, "IvCounterNonce")
    if not isinstance(node.value, list):
        return node
    held = [_held_in_4(each, every=every) for each in node.value]
    if node.tag == "Attributes" and not every:
        held = [each for each in held if each.tag in _ATTRIBUTES_4]
    if node.tag == "KeyBlock":
        held = [_key_value_4(each, held) if each.tag == "KeyValue" else each for each in held]
    return Node(node.tag, node.type, _gathered(_gathered(held, "Attribute", "VendorAttributes"), "Link", "Link"))


_ATTRIBUTES_4 = frozenset(
    ("ObjectType", "Link", "Attribute", "CryptographicAlgorithm", "CryptographicLength", "KeyFormatType", *MASKS)
)


def _gathered(held: list[Node], tag: str, wrapper: str) -> list[Node]:
    """Put all items of one tag into one structure, where the first of them stood."""
    first = next((place for place, each in enumerate(held) if each.tag == tag), None)
    if first is None:
        return held
    others = [each for each in held[first:] if each.tag != tag]
    gathered = structure(wrapper, *(retagged(each, wrapper) for each in held[first:] if each.tag == tag))
    return [*held[:first], gathered, *others]


def _key_value_4(value: Node, block: list[Node]) -> Node:
    """Give a Key Value Attributes, if only the format that stands beside it: JavaScript's client looks for it there."""
    if value.type != STRUCTURE or child(value, "Attributes") is not None:
        return value
    return structure("KeyValue", *children(value), structure("Attributes", *(n for n in block if "Format" in n.tag)))


_ANSWERS: dict[Spelling, Callable[[Node], Node]] = {
    Spelling.PAGE: _answer_page,
    Spelling.COSMIAN_5: _answer_5,
    Spelling.COSMIAN_4: _answer_4,
    Spelling.MIXED: _answer_mixed,
}
