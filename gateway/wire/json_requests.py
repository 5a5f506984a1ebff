"""Requests of every JSON dialect, to the tree that the standard spells.

A name that is changed is changed in the very node that has it, and what is not changed stays where it is, so that an
error can tell the path in the request as it came.
"""

from collections.abc import Callable, Iterator
from operator import is_

from gateway.wire.json_dialects import MASKS, OBJECTS, SWITCHES, Spelling, is_wrapper
from gateway.wire.text_tree import MAX_DEPTH, Node, child, child_value, children, retagged, structure, walk

# A vendor's items are passed over.
_A_VENDORS = "0x54FFFF"


def standard(root: Node, spelling: Spelling) -> Node:
    """Give a request in the standard's spelling; a name that is changed is changed in the very node that has it."""
    return root if spelling is Spelling.STANDARD else _STANDARD[spelling](root)


def _standard_page(root: Node) -> Node:
    return _held_in_standard(_standard_message(root), depth=0)


def _standard_message(root: Node) -> Node:
    parts = [retagged(each, "RequestHeader") if each.tag == "Header" else each for each in children(root)]
    return structure("RequestMessage", *_flat(parts))


def _flat(parts: list[Node]) -> Iterator[Node]:
    """Give batch items as siblings, whether they came so or as Items, or BatchItem, within one."""
    for part in parts:
        held = children(part)
        if part.tag in ("BatchItem", "Items") and held and all(each.tag in ("Items", "BatchItem") for each in held):
            yield from (retagged(each, "BatchItem") for each in held)
        else:
            yield retagged(part, "BatchItem") if part.tag == "Items" else part


def _standard_4(root: Node) -> Node:
    root = _held_in_standard(_standard_message(root) if root.tag == "Message" else root, depth=0)
    for item in children(root):
        if item.tag == "BatchItem":
            _say_what_4_takes_for_granted(child_value(item, "Operation"), child(item, "RequestPayload"))
    _say_what_4_takes_for_granted(root.tag, root)
    _forget_lengths_of_encodings(root)
    return root


def _forget_lengths_of_encodings(root: Node) -> None:
    """Pass over a Cryptographic Length that counts the bits of a key's encoding, as JavaScript's client does."""
    nodes = [node for node, _ in walk(root)]
    material = (node.value for node in nodes if node.tag == "KeyMaterial" and node.type == "ByteString")
    encoded = {len(value) * 4 for value in material if isinstance(value, str)}
    kinds = {node.value for node in nodes if node.tag == "ObjectType" and isinstance(node.value, str)}
    for node in nodes if encoded and kinds & {"PrivateKey", "PublicKey"} else ():
        if node.tag == "CryptographicLength" and type(node.value) is int and node.value in encoded:
            node.tag = _A_VENDORS


def _say_what_4_takes_for_granted(operation: str, payload: Node | None) -> None:
    """Give new objects what 4.x clients rely on: they activate none, name no mode for AES, and of some keys no use."""
    for each in children(payload) if payload is not None and operation in _MAKING else ():
        if payload is not None and each.tag in ("Attributes", "CommonAttributes"):
            uses = _USES.get(child_value(payload, "ObjectType"))
            mode = _GCM if child_value(each, "CryptographicAlgorithm") == "AES" else None
            granted = [node for node in (_ACTIVE, uses, mode) if node is not None]
            children(each).extend(node for node in granted if child(each, node.tag) is None)


_MAKING = ("Create", "CreateKeyPair", "Register", "Import")
_ACTIVE = Node("ActivationDate", "DateTime", 0)
_USES = {
    kind: Node("CryptographicUsageMask", "Integer", uses)
    for kind, uses in (
        ("SymmetricKey", "Encrypt|Decrypt"),
        ("PrivateKey", "Sign|Decrypt"),
        ("PublicKey", "Verify|Encrypt"),
    )
}
_GCM = structure(
    "CryptographicParameters", Node("BlockCipherMode", "Enumeration", "GCM"), Node("TagLength", "Integer", 16)
)


def _held_in_standard(node: Node, depth: int) -> Node:
    """Translate what a structure holds; what is nested too deeply stays as it is, to be refused later."""
    if not isinstance(node.value, list) or depth > MAX_DEPTH:
        return _standard_leaf(node)
    held: list[Node] = []
    if node.tag == "KeyMaterial" and len(node.value) == 1 and node.value[0].tag == "ByteString":
        return retagged(node.value[0], "KeyMaterial")
    for each in node.value:
        tag = "Attribute" if each.tag == "VendorAttributes" else each.tag
        if is_wrapper(each):
            held.extend(_held_in_standard(retagged(inner, tag), depth + 1) for inner in children(each))
        else:
            held.append(_held_in_standard(retagged(each, tag), depth + 1))
    kind = next((each.value for each in held if each.tag == "ObjectType"), None)
    if isinstance(kind, str) and kind in OBJECTS:
        held = [retagged(each, kind) if each.tag == "Object" else each for each in held]
    same = len(held) == len(node.value) and all(map(is_, held, node.value))
    return node if same else Node(node.tag, node.type, held)


def _standard_leaf(node: Node) -> Node:
    if node.tag == "RevocationReason" and node.type == "TextString":
        code = Node("RevocationReasonCode", "Enumeration", "Unspecified")
        return structure("RevocationReason", code, retagged(node, "RevocationMessage"))
    if node.tag in MASKS and node.type == "Enumeration":
        node.type = "Integer"
    return node


def _standard_5(root: Node) -> Node:
    """Say Cosmian's own switches, if they are off, as a vendor's items, which are passed over; on, they are refused."""
    for node, _ in walk(root):
        if node.tag in SWITCHES and node.value is False:
            node.tag = _A_VENDORS
    return root


_STANDARD: dict[Spelling, Callable[[Node], Node]] = {
    Spelling.PAGE: _standard_page,
    Spelling.COSMIAN_5: _standard_5,
    Spelling.COSMIAN_4: _standard_4,
    Spelling.MIXED: _standard_4,
}
