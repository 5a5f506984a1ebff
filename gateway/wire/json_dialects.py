"""How JSON clients really spell messages: found by what a request has, told to the standard's spelling, answered alike.

STANDARD    OASIS: RequestMessage, RequestHeader, BatchItem; the one that all others are translated to
COSMIAN_5   the same tree, with the enumerators of Cosmian KMS 5.x: SHA256, PKCS1, Item_Not_Found
COSMIAN_4   the clients of Cosmian KMS 4.x: what repeats is in a structure of its own name, an Object has no type of its
            own, vendor attributes are VendorAttributes, every name is as in COSMIAN_5
PAGE        a page's example of bulk mode: Header, and batch items as Items within one BatchItem
"""

from collections.abc import Callable, Iterator
from enum import Enum, auto

from gateway.kmip import enums
from gateway.kmip.names import Named
from gateway.wire.text_tree import STRUCTURE, Node, child, children, structure


class Spelling(Enum):
    """The ways of spelling that are told apart."""

    STANDARD = auto()
    COSMIAN_5 = auto()
    COSMIAN_4 = auto()
    PAGE = auto()


_OBJECTS = frozenset(
    ("SymmetricKey", "PrivateKey", "PublicKey", "SecretData", "Certificate", "OpaqueObject", "SplitKey", "PGPKey")
)
_MASKS = frozenset(("CryptographicUsageMask", "StorageStatusMask", "ProtectionStorageMask"))
# Enumerations whose names Cosmian writes without the underscores of the standard's.
_CLOSED_UP = (
    enums.HashingAlgorithm,
    enums.KeyFormatType,
    enums.RecommendedCurve,
    enums.DigitalSignatureAlgorithm,
    enums.CryptographicAlgorithm,
)
_OWN_NAMES = {
    "BlockCipherMode": {"CBC_MAC": "CBCMAC"},
    "PaddingMethod": {"PKCS1V1_5": "PKCS1v15", "ANSIX9_23": "ANSI_X923"},
    "State": {"DestroyedCompromised": "Destroyed_Compromised"},
    "CryptographicAlgorithm": {"DES3": "THREE_DES", "CHACHA20_POLY1305": "ChaCha20Poly1305"},
    "ResultReason": {reason.token: reason.spelling.replace(" ", "_") for reason in enums.ResultReason},
}


def _closed_up(kind: type[Named]) -> dict[str, str]:
    return {member.token: member.token.replace("_", "") for member in kind}


# Tag, then the standard's name: Cosmian's.
_COSMIAN: dict[str, dict[str, str]] = {
    name: _closed_up(kind) | _OWN_NAMES.get(name, {}) for kind in _CLOSED_UP for name in (kind.__name__,)
} | {name: own for name, own in _OWN_NAMES.items() if name not in {kind.__name__ for kind in _CLOSED_UP}}
_COSMIAN["MaskGeneratorHashingAlgorithm"] = _COSMIAN["HashingAlgorithm"]
_COSMIAN_ONLY = {tag: frozenset(names.values()) - frozenset(names) for tag, names in _COSMIAN.items()}


def _walk(node: Node) -> Iterator[Node]:
    """Give a node and all that it holds; without recursion, since its depth was not looked at yet."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(children(node))


def detect(root: Node) -> Spelling:
    """Tell how a request spells things."""
    if root.tag == "RequestMessage" and child(root, "Header") is not None:
        return Spelling.PAGE
    nodes = list(_walk(root))
    if root.tag == "Message" or any(_is_cosmian_4(node) for node in nodes):
        return Spelling.COSMIAN_4
    if any(isinstance(node.value, str) and node.value in _COSMIAN_ONLY.get(node.tag, ()) for node in nodes):
        return Spelling.COSMIAN_5
    return Spelling.STANDARD


def _is_cosmian_4(node: Node) -> bool:
    if node.tag in ("VendorAttributes", "IvCounterNonce", "Object"):
        return True
    if node.tag == "RevocationReason":
        return node.type == "TextString"
    if node.tag in _MASKS:
        return node.type == "Enumeration"
    return node.tag == "Link" and _is_wrapper(node)


def _is_wrapper(node: Node) -> bool:
    held = children(node)
    return bool(held) and all(each.tag == node.tag for each in held)


# --- Requests, to the standard's spelling ---


def standard(root: Node) -> tuple[Node, Spelling]:
    """Give a request in the standard's spelling, and how it was spelled."""
    spelling = detect(root)
    respell = _STANDARD.get(spelling)
    return (root if respell is None else respell(root)), spelling


def _standard_page(root: Node) -> Node:
    parts = [_retagged(each, "RequestHeader") if each.tag == "Header" else each for each in children(root)]
    return structure("RequestMessage", *_flat(parts))


def _flat(parts: list[Node]) -> Iterator[Node]:
    """Give batch items as siblings, whether they came so or as Items, or BatchItem, within one."""
    for part in parts:
        held = children(part)
        if part.tag in ("BatchItem", "Items") and held and all(each.tag in ("Items", "BatchItem") for each in held):
            yield from (_retagged(each, "BatchItem") for each in held)
        else:
            yield _retagged(part, "BatchItem") if part.tag == "Items" else part


def _standard_4(root: Node) -> Node:
    if root.tag in ("Message", "RequestMessage"):
        root = _standard_page(root)
    return _held_in_standard(root, depth=0)


def _held_in_standard(node: Node, depth: int) -> Node:
    """Translate what a structure holds; what is nested too deeply stays as it is, to be refused later."""
    if not isinstance(node.value, list) or depth > 40:
        return _standard_leaf(node)
    held: list[Node] = []
    for each in node.value:
        tag = "Attribute" if each.tag == "VendorAttributes" else each.tag
        if _is_wrapper(each):
            held.extend(_held_in_standard(_retagged(inner, tag), depth + 1) for inner in children(each))
        else:
            held.append(_held_in_standard(_retagged(each, tag), depth + 1))
    kind = next((each.value for each in held if each.tag == "ObjectType"), "")
    held = [_retagged(each, str(kind)) if each.tag == "Object" and kind in _OBJECTS else each for each in held]
    return Node(node.tag, node.type, held)


def _standard_leaf(node: Node) -> Node:
    if node.tag == "RevocationReason" and node.type == "TextString":
        code = Node("RevocationReasonCode", "Enumeration", "Unspecified")
        return structure("RevocationReason", code, Node("RevocationMessage", "TextString", node.value))
    if node.tag in _MASKS and node.type == "Enumeration":
        return Node(node.tag, "Integer", node.value)
    return node


def _retagged(node: Node, tag: str) -> Node:
    return node if node.tag == tag else Node(tag, node.type, node.value)


_STANDARD: dict[Spelling, Callable[[Node], Node]] = {
    Spelling.PAGE: _standard_page,
    Spelling.COSMIAN_4: _standard_4,
}


# --- Answers, from the standard's spelling ---


def respelled(root: Node, spelling: Spelling) -> Node:
    """Give a response in the spelling that its request had."""
    respell = _ANSWERS.get(spelling)
    return root if respell is None else respell(root)


def _answer_page(root: Node) -> Node:
    """Spell a response as the page's second listing does, its slips included: a client made from it looks for them."""
    head, *items = children(root)
    keys: dict[object, str] = {
        str(node.value): node.tag for node in _walk(root) if node.tag.endswith("KeyUniqueIdentifier")
    }
    tags = ["Items", *["BtachItem"] * (len(items) - 1)]
    listed = [structure(tag, *_page_item(item, keys)) for tag, item in zip(tags, items, strict=True)]
    return structure("ResponseMessage", _page_header(head), structure("BatchItem", *listed))


def _page_header(head: Node) -> Node:
    return structure("Header", *(_page_moment(part) if part.tag == "TimeStamp" else part for part in children(head)))


def _page_moment(moment: Node) -> Node:
    from gateway.wire.scalars import ItemType
    from gateway.wire.text_values import PARSERS

    seconds = int.from_bytes(PARSERS[ItemType.DATE_TIME](str(moment.value), 0), "big", signed=True)
    return Node("Timestamp", "LongInteger", seconds)


def _page_item(item: Node, keys: dict[object, str]) -> list[Node]:
    if _operation(item) != "Locate":
        return children(item)
    found = [each for each in _payload(item) if each.tag == "UniqueIdentifier"]
    named = [Node(keys.get(each.value, each.tag), each.type, each.value) for each in found]
    return _with_located(item, structure("UniqueIdentifier", *named))


def _operation(item: Node) -> str:
    operation = child(item, "Operation")
    return "" if operation is None else str(operation.value)


def _payload(item: Node) -> list[Node]:
    payload = child(item, "ResponsePayload")
    return [] if payload is None else children(payload)


def _with_located(item: Node, located: Node) -> list[Node]:
    """Give a Locate's batch item with its identifiers in one structure; a failure has none."""
    others = [each for each in _payload(item) if each.tag != "UniqueIdentifier"]
    payload = structure("ResponsePayload", *others, located)
    return [payload if each.tag == "ResponsePayload" else each for each in children(item)]


def _answer_5(root: Node) -> Node:
    if isinstance(root.value, list):
        return Node(root.tag, root.type, [_answer_5(each) for each in root.value])
    if root.type == "Enumeration":
        return Node(root.tag, root.type, _COSMIAN.get(root.tag, {}).get(str(root.value), root.value))
    if root.tag in _MASKS and isinstance(root.value, str):
        return Node(root.tag, root.type, _mask_number(root))
    return root


def _mask_number(mask: Node) -> int:
    from gateway.wire import text_names, text_values

    raw = text_values.PARSERS[2](str(mask.value), text_names.tag_number(mask.tag))
    return int.from_bytes(raw, "big", signed=True)


def _answer_4(root: Node) -> Node:
    head, *items = children(root)
    listed = [structure("Items", *_item_4(item)) for item in items]
    return structure("MessageResponse", _retagged(_answer_5(head), "Header"), structure("Items", *listed))


def _item_4(item: Node) -> list[Node]:
    if _operation(item) == "Locate":
        found = [each for each in _payload(item) if each.tag == "UniqueIdentifier"]
        item = structure("BatchItem", *_with_located(item, structure("UniqueIdentifier", *found)))
    return children(_held_in_4(_answer_5(item)))


def _held_in_4(node: Node) -> Node:
    """Give what a structure holds as 4.x clients look for it."""
    if not isinstance(node.value, list):
        return _retagged(node, "IvCounterNonce") if node.tag == "IVCounterNonce" else node
    held = [_held_in_4(each) for each in node.value]
    if node.tag == "KeyBlock":
        held = [_key_value_4(each, held) if each.tag == "KeyValue" else each for each in held]
    if node.tag == "ResponsePayload":
        held = [_retagged(each, "Object") if each.tag in _OBJECTS else each for each in held]
    return Node(node.tag, node.type, _gathered(_gathered(held, "Attribute", "VendorAttributes"), "Link", "Link"))


def _gathered(held: list[Node], tag: str, wrapper: str) -> list[Node]:
    """Put all items of one tag into one structure, where the first of them stood."""
    found = [_retagged(each, wrapper) for each in held if each.tag == tag]
    if not found:
        return held
    first = next(place for place, each in enumerate(held) if each.tag == tag)
    before, after = held[:first], [each for each in held[first:] if each.tag != tag]
    return [*before, structure(wrapper, *found), *after]


def _key_value_4(value: Node, block: list[Node]) -> Node:
    """Give a Key Value Attributes, if only the format that stands beside it: JavaScript's client looks for it there."""
    if value.type != STRUCTURE or child(value, "Attributes") is not None:
        return value
    return structure("KeyValue", *children(value), structure("Attributes", *(n for n in block if "Format" in n.tag)))


_ANSWERS: dict[Spelling, Callable[[Node], Node]] = {
    Spelling.PAGE: _answer_page,
    Spelling.COSMIAN_5: _answer_5,
    Spelling.COSMIAN_4: _answer_4,
}
