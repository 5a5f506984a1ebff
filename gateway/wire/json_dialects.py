"""How JSON clients really spell messages: found by what a request has, told to the standard's spelling, answered alike.

STANDARD    OASIS: RequestMessage, RequestHeader, BatchItem; the one that all others are translated to
COSMIAN_5   the same tree, with the enumerators of Cosmian KMS 5.x: SHA256, PKCS1, Item_Not_Found
COSMIAN_4   the clients of Cosmian KMS 4.x: what repeats is in a structure of its own name, an Object has no type of its
            own, vendor attributes are VendorAttributes, every name is as in COSMIAN_5
MIXED       operations of COSMIAN_4 in the standard's message
PAGE        a page's example of bulk mode: Header, and batch items as Items within one BatchItem
"""

from collections.abc import Callable
from enum import Enum, auto

from gateway.kmip import enums
from gateway.kmip.names import Named
from gateway.wire.text_tree import Node, child, children


class Spelling(Enum):
    """The ways of spelling that are told apart."""

    STANDARD = auto()
    COSMIAN_5 = auto()
    COSMIAN_4 = auto()
    MIXED = auto()
    PAGE = auto()


OBJECTS = frozenset(
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
MASKS = frozenset(("CryptographicUsageMask", "StorageStatusMask", "ProtectionStorageMask"))
# Of Destroy and Revoke: what is linked is to go too, the whole object is to be forgotten.
SWITCHES = frozenset(("Cascade", "Remove"))
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
    return Spelling.COSMIAN_4 if is_wrapper(node) else None


def is_wrapper(node: Node) -> bool:
    """Tell whether a structure holds nothing but its like, and something."""
    held = children(node)
    return bool(held) and all(each.tag == node.tag for each in held)


# What gives a spelling away, by the tag of the item to look at.
_MARKS: dict[str, Callable[[Node], Spelling | None]] = {
    **dict.fromkeys(COSMIAN_NAMES, _by_name),
    **dict.fromkeys(MASKS, _by_type("Enumeration")),
    **dict.fromkeys(SWITCHES, _always_5),
    "RevocationReason": _by_type("TextString"),
    "Link": _by_wrapper,
    **dict.fromkeys(("VendorAttributes", "IvCounterNonce", "Object"), _always_4),
}
