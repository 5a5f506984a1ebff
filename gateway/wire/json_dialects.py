"""How JSON clients really spell messages: found by what a request has, told to the standard's spelling, answered alike.

STANDARD    OASIS: RequestMessage, RequestHeader, BatchItem; the one that all others are translated to
COSMIAN_5   the same tree, with the enumerators of Cosmian KMS 5.x: SHA256, PKCS1, Item_Not_Found
COSMIAN_4   the clients of Cosmian KMS 4.x: what repeats is in a structure of its own name, an Object has no type of its
            own, vendor attributes are VendorAttributes, every name is as in COSMIAN_5
MIXED       operations of COSMIAN_4 in the standard's message
PAGE        a page's example of bulk mode: Header, and batch items as Items within one BatchItem
"""

from collections.abc import Callable, Iterator
from enum import Enum, auto
from operator import is_

from gateway.kmip import enums
from gateway.kmip.names import Named
from gateway.wire import text_values
from gateway.wire.scalars import ItemType
from gateway.wire.text_names import tag_number
from gateway.wire.text_tree import MAX_DEPTH, STRUCTURE, Node, child, children, structure, walk


class Spelling(Enum):
    """The ways of spelling that are told apart."""

    STANDARD = auto()
    COSMIAN_5 = auto()
    COSMIAN_4 = auto()
    MIXED = auto()
    PAGE = auto()


_OBJECTS = frozenset(
    (
        "SymmetricKey",
        "PrivateKey",
        "PublicKey",
        "SecretData",
        "Certificate",
        "CertificateRequest",
        "OpaqueObject",
        "SplitKey",
        "PGPKey",
    )
)
_MASKS = frozenset(("CryptographicUsageMask", "StorageStatusMask", "ProtectionStorageMask"))
# Of Destroy and Revoke: what is linked is to go too, the whole object is to be forgotten.
_SWITCHES = frozenset(("Cascade", "Remove"))
_A_VENDORS = "0x54FFFF"
_HMAC = [each.token for each in enums.CryptographicAlgorithm if each.token.startswith("HMAC_")]


def _closed_up(kind: type[Named]) -> dict[str, str]:
    return {member.token: member.token.replace("_", "") for member in kind}


# Tag, then the standard's name: Cosmian's, where it is another.
COSMIAN_NAMES: dict[str, dict[str, str]] = {
    "HashingAlgorithm": _closed_up(enums.HashingAlgorithm),
    "MaskGeneratorHashingAlgorithm": _closed_up(enums.HashingAlgorithm),
    "KeyFormatType": _closed_up(enums.KeyFormatType),
    "RecommendedCurve": _closed_up(enums.RecommendedCurve),
    "DigitalSignatureAlgorithm": _closed_up(enums.DigitalSignatureAlgorithm),
    "CryptographicAlgorithm": {name: name.replace("_", "") for name in _HMAC} | {"DES3": "THREE_DES"},
    "CertificateType": {"X_509": "X509"},
    "BlockCipherMode": {"CBC_MAC": "CBCMAC"},
    "PaddingMethod": {"PKCS1V1_5": "PKCS1v15", "ANSIX9_23": "ANSI_X923"},
    "State": {"DestroyedCompromised": "Destroyed_Compromised"},
    "ResultReason": {reason.token: reason.spelling.replace(" ", "_") for reason in enums.ResultReason},
}
# The names that only Cosmian writes, by tag.
_COSMIAN_ONLY = {tag: frozenset(names.values()) - frozenset(names) for tag, names in COSMIAN_NAMES.items()}


def _item_value(item: Node, tag: str) -> str:
    found = child(item, tag)
    return "" if found is None else str(found.value)


# --- Which it is ---


def detect(root: Node) -> Spelling:
    """Tell how a request spells things."""
    if root.tag == "Message":
        return Spelling.COSMIAN_4
    if root.tag == "RequestMessage" and child(root, "Header") is not None:
        return Spelling.PAGE
    found = Spelling.STANDARD
    nodes = [root]
    for node in nodes:  # and what they hold, as it is met: its depth was not looked at yet
        marks = _MARKS.get(node.tag)
        if marks is not None:
            found = marks(node) or found
            if found is Spelling.COSMIAN_4:
                return Spelling.MIXED if root.tag == "RequestMessage" else found
        if type(node.value) is list:
            nodes += node.value
    return found


def _always_4(_: Node) -> Spelling:
    return Spelling.COSMIAN_4


def _by_type(type_: str) -> Callable[[Node], Spelling | None]:
    return lambda node: Spelling.COSMIAN_4 if node.type == type_ else None


def _by_name(node: Node) -> Spelling | None:
    return Spelling.COSMIAN_5 if isinstance(node.value, str) and node.value in _COSMIAN_ONLY[node.tag] else None


def _always_5(_: Node) -> Spelling:
    return Spelling.COSMIAN_5


def _by_wrapper(node: Node) -> Spelling | None:
    return Spelling.COSMIAN_4 if _is_wrapper(node) else None


def _is_wrapper(node: Node) -> bool:
    held = children(node)
    return bool(held) and all(each.tag == node.tag for each in held)


# What gives a spelling away, by the tag of the item to look at.
_MARKS: dict[str, Callable[[Node], Spelling | None]] = {
    **dict.fromkeys(COSMIAN_NAMES, _by_name),
    **dict.fromkeys(_MASKS, _by_type("Enumeration")),
    **dict.fromkeys(_SWITCHES, _always_5),
    "RevocationReason": _by_type("TextString"),
    "Link": _by_wrapper,
    **dict.fromkeys(("VendorAttributes", "IvCounterNonce", "Object"), _always_4),
}


# --- Requests, to the standard's spelling ---


def standard(root: Node, spelling: Spelling) -> Node:
    """Give a request in the standard's spelling; a name that is changed is changed in the very node that has it."""
    return root if spelling is Spelling.STANDARD else _STANDARD[spelling](root)


def _standard_page(root: Node) -> Node:
    return _held_in_standard(_standard_message(root), depth=0)


def _standard_message(root: Node) -> Node:
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
    root = _held_in_standard(_standard_message(root) if root.tag == "Message" else root, depth=0)
    for item in children(root):
        if item.tag == "BatchItem":
            _say_what_4_takes_for_granted(_item_value(item, "Operation"), child(item, "RequestPayload"))
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
            uses = _USES.get(_item_value(payload, "ObjectType"))
            mode = _GCM if _item_value(each, "CryptographicAlgorithm") == "AES" else None
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
        return _retagged(node.value[0], "KeyMaterial")
    for each in node.value:
        tag = "Attribute" if each.tag == "VendorAttributes" else each.tag
        if _is_wrapper(each):
            held.extend(_held_in_standard(_retagged(inner, tag), depth + 1) for inner in children(each))
        else:
            held.append(_held_in_standard(_retagged(each, tag), depth + 1))
    kind = next((each.value for each in held if each.tag == "ObjectType"), None)
    if isinstance(kind, str) and kind in _OBJECTS:
        held = [_retagged(each, kind) if each.tag == "Object" else each for each in held]
    same = len(held) == len(node.value) and all(map(is_, held, node.value))
    return node if same else Node(node.tag, node.type, held)


def _standard_leaf(node: Node) -> Node:
    if node.tag == "RevocationReason" and node.type == "TextString":
        code = Node("RevocationReasonCode", "Enumeration", "Unspecified")
        return structure("RevocationReason", code, _retagged(node, "RevocationMessage"))
    if node.tag in _MASKS and node.type == "Enumeration":
        node.type = "Integer"
    return node


def _retagged(node: Node, tag: str) -> Node:
    node.tag = tag
    return node


def _standard_5(root: Node) -> Node:
    """Say Cosmian's own switches, if they are off, as a vendor's items, which are passed over; on, they are refused."""
    for node, _ in walk(root):
        if node.tag in _SWITCHES and node.value is False:
            node.tag = _A_VENDORS
    return root


_STANDARD: dict[Spelling, Callable[[Node], Node]] = {
    Spelling.PAGE: _standard_page,
    Spelling.COSMIAN_5: _standard_5,
    Spelling.COSMIAN_4: _standard_4,
    Spelling.MIXED: _standard_4,
}


# --- Answers, from the standard's spelling ---


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
    if _item_value(item, "Operation") != "Locate" or _item_value(item, "ResultStatus") != "Success":
        return children(item)
    found = [each for each in _payload(item) if each.tag == "UniqueIdentifier"]
    # Those made in the same message stand first, the private key before the public one.
    first = {identifier: place for place, identifier in enumerate(keys)}
    found.sort(key=lambda n: first.get(str(n.value), len(first)))
    located = structure("UniqueIdentifier", *(_retagged(n, keys.get(str(n.value), n.tag)) for n in found))
    count = [n for n in _payload(item) if n.tag == "LocatedItems"] or [Node("LocatedItems", "Integer", len(found))]
    payload = structure("ResponsePayload", *count, located)
    return [payload if n.tag == "ResponsePayload" else n for n in children(item) if n.tag != "ResultStatus"]


def _answer_5(root: Node) -> Node:
    for node, _ in walk(root):
        if node.tag in _MASKS and isinstance(node.value, str):
            node.value = _number(node, ItemType.INTEGER)
        elif node.tag in COSMIAN_NAMES and isinstance(node.value, str):
            node.value = COSMIAN_NAMES[node.tag].get(node.value, node.value)
    return root


def _answer_4(root: Node) -> Node:
    head, *items = children(_answer_5(root))
    listed = [structure("Items", *_item_4(item)) for item in items]
    return structure("MessageResponse", _retagged(head, "Header"), structure("Items", *listed))


def _answer_mixed(root: Node) -> Node:
    head, *items = children(_answer_5(root))
    return structure("ResponseMessage", head, *(structure("BatchItem", *_item_4(item)) for item in items))


def _item_4(item: Node) -> list[Node]:
    operation = _item_value(item, "Operation")
    for payload in children(item):
        if payload.tag == "ResponsePayload":
            # Who asks for attributes by name gets them; elsewhere there are those that JavaScript's client can read.
            held = [_held_in_4(each, every=operation == "GetAttributes") for each in children(payload)]
            held = [_retagged(each, "Object") if each.tag in _OBJECTS else each for each in held]
            payload.value = _gathered(held, "UniqueIdentifier", "UniqueIdentifier") if operation == "Locate" else held
    return children(item)


def _held_in_4(node: Node, *, every: bool) -> Node:
    """Give what a structure holds as 4.x clients look for it."""
    if node.tag == "IVCounterNonce":
        return _retagged(node, "IvCounterNonce")
    if not isinstance(node.value, list):
        return node
    held = [_held_in_4(each, every=every) for each in node.value]
    if node.tag == "Attributes" and not every:
        held = [each for each in held if each.tag in _ATTRIBUTES_4]
    if node.tag == "KeyBlock":
        held = [_key_value_4(each, held) if each.tag == "KeyValue" else each for each in held]
    return Node(node.tag, node.type, _gathered(_gathered(held, "Attribute", "VendorAttributes"), "Link", "Link"))


_ATTRIBUTES_4 = frozenset(
    ("ObjectType", "Link", "Attribute", "CryptographicAlgorithm", "CryptographicLength", "KeyFormatType", *_MASKS)
)


def _gathered(held: list[Node], tag: str, wrapper: str) -> list[Node]:
    """Put all items of one tag into one structure, where the first of them stood."""
    first = next((place for place, each in enumerate(held) if each.tag == tag), None)
    if first is None:
        return held
    others = [each for each in held[first:] if each.tag != tag]
    gathered = structure(wrapper, *(_retagged(each, wrapper) for each in held[first:] if each.tag == tag))
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
