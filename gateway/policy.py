"""What is too weak, or gives too much away, to be done unasked: a row for each, and who may do it all the same.

The one rule here: a row is refused unless the policy leaves it out or the operator has allowed it by name, and every
use that is made of an allowance is logged. docs/policy.md says the same in words, with the test of each row.
"""

from enum import StrEnum
from typing import NamedTuple

import structlog

from gateway import errors
from gateway.call import Call
from gateway.kmip.enums import CryptographicAlgorithm

log = structlog.get_logger()


class Weakness(StrEnum):
    """What a policy may refuse; its value is the name by which an operator allows it."""

    ECB = "ecb"
    TRIPLE_DES = "triple_des"
    TRIPLE_DES_KEYS = "triple_des_keys"
    SHORT_RSA = "short_rsa"
    SHORT_MAC = "short_mac"
    SHA1_SIGNATURES = "sha1_signatures"
    PKCS1_DECRYPTION = "pkcs1_decryption"
    PKCS1_ENCRYPTION = "pkcs1_encryption"
    UNAPPROVED_CIPHERS = "unapproved_ciphers"
    CLIENT_IVS = "client_ivs"
    FORGOTTEN_IVS = "forgotten_ivs"
    CLIENT_COUNTERS = "client_counters"
    UNTRUSTED_WRAPPING = "untrusted_wrapping"
    CLEAR_UNWRAPPING = "clear_unwrapping"
    CLEAR_DERIVATION = "clear_derivation"


W = Weakness


class Row(NamedTuple):
    """A weakness: what a client is told of it, and in which policies it is refused."""

    weakness: Weakness
    told: str
    default: bool
    fips: bool


YES, NO = True, False
ROWS = (
    #   weakness                what a client is told                                               default  fips
    Row(W.ECB, "in ECB equal blocks of data stay equal", YES, YES),
    Row(W.TRIPLE_DES, "nothing is encrypted by 3DES any more", YES, YES),
    Row(W.TRIPLE_DES_KEYS, "no 3DES keys are made", NO, YES),
    Row(W.SHORT_RSA, "RSA keys of less than 2048 bits protect nothing any more", YES, YES),
    Row(W.SHORT_MAC, "a key of less than 112 bits makes no MAC that holds", YES, YES),
    Row(W.SHA1_SIGNATURES, "nothing is signed by SHA-1 any more", YES, YES),
    Row(W.PKCS1_DECRYPTION, "how PKCS#1 v1.5 padding fails can tell the data: use OAEP", YES, YES),
    Row(W.PKCS1_ENCRYPTION, "nothing is encrypted by PKCS#1 v1.5 any more: use OAEP", NO, YES),
    Row(W.UNAPPROVED_CIPHERS, "no FIPS approves this algorithm", NO, YES),
    Row(W.CLIENT_IVS, "the IV of GCM is drawn here: leave it out", YES, YES),
    Row(W.FORGOTTEN_IVS, "a copy of the database was put back, and which IVs came since is forgotten: leave the "
        "IV out, or Re-key", YES, YES),
    Row(W.CLIENT_COUNTERS, "the first counter of CTR is drawn here: leave the IV out", NO, YES),
    Row(W.UNTRUSTED_WRAPPING, "a Sensitive key leaves under a wrapping key that was made here, wraps alone and never "
        "leaves (Extractable false)", YES, YES),
    Row(W.CLEAR_UNWRAPPING, "what is unwrapped by a key that wraps Sensitive ones is Sensitive: say so", YES, YES),
    Row(W.CLEAR_DERIVATION, "what is derived from a key that is Sensitive or not Extractable is so too: say so",
        YES, YES),
)  # fmt: skip
TOLD = {row.weakness: row.told for row in ROWS}
REFUSED = {
    "default": frozenset(row.weakness for row in ROWS if row.default),
    "fips": frozenset(row.weakness for row in ROWS if row.fips),
    "open": frozenset(row.weakness for row in ROWS if row.default),  # and all of them allowed
}


def check(call: Call, weakness: Weakness, about: str) -> None:
    """Refuse what is weak, or log that it was allowed; `about` is the unique identifier of the key, or tells it.

    Raises:
        RefusedByPolicy: the policy refuses it, and nobody has allowed it.
    """
    config = call.config
    if weakness not in REFUSED[config.policy]:
        return
    if not _allowed(call, weakness):
        raise errors.RefusedByPolicy(f"{TOLD[weakness]} ({weakness}, by policy)")
    log.info("weakness allowed", weakness=str(weakness), object=about, client=call.peer.identity.name)


def _allowed(call: Call, weakness: Weakness) -> bool:
    """Tell whether the operator allows a weakness to all, or to this client by a flag of one of its roles."""
    config, flags = call.config, call.peer.permissions.flags
    return config.policy == "open" or weakness in config.allow or not flags.isdisjoint((weakness, "*"))


# --- what is weak in what is asked

# Mechanisms (CKM_*): AES and 3DES in ECB, 3DES in CBC, RSA with the padding of PKCS#1 v1.5.
TO_ENCRYPT: dict[int, tuple[Weakness, ...]] = {
    0x1081: (W.ECB,),
    0x132: (W.ECB, W.TRIPLE_DES),
    0x133: (W.TRIPLE_DES,),
    0x136: (W.TRIPLE_DES,),
    0x01: (W.PKCS1_ENCRYPTION,),
}
# What was encrypted by 3DES once may be read: only to protect anything more by it is weak.
TO_DECRYPT: dict[int, tuple[Weakness, ...]] = {
    0x1081: (W.ECB,),
    0x132: (W.ECB,),
    0x01: (W.PKCS1_DECRYPTION,),
}
# Below which length in bits a key is short; on no curve shorter than 224 bits is anything done.
SHORT_RSA_BITS = 2048
SHORT_MAC_BITS = 112
SHA1_BYTES = 20


def check_mechanism(call: Call, table: dict[int, tuple[Weakness, ...]], ckm: int, about: str) -> None:
    """Refuse a mechanism that has a weakness in `TO_ENCRYPT` or `TO_DECRYPT`.

    Raises:
        RefusedByPolicy: it is refused.
    """
    for weakness in table.get(ckm, ()):
        check(call, weakness, about)


def check_length(call: Call, algorithm: CryptographicAlgorithm | None, bits: int, about: str) -> None:
    """Refuse to protect anything with the key of a pair that is too short.

    Raises:
        RefusedByPolicy: it is refused.
    """
    if algorithm is CryptographicAlgorithm.RSA and bits < SHORT_RSA_BITS:
        check(call, W.SHORT_RSA, about)


def check_mac(call: Call, bits: int, about: str) -> None:
    """Refuse to make a MAC by a key that is too short.

    Raises:
        RefusedByPolicy: it is refused.
    """
    if bits < SHORT_MAC_BITS:
        check(call, W.SHORT_MAC, about)


def check_digest(call: Call, size: int, about: str) -> None:
    """Refuse to sign a digest of so many bytes: none is as short as that of SHA-1, and holds.

    Raises:
        RefusedByPolicy: it is refused.
    """
    if size <= SHA1_BYTES:
        check(call, W.SHA1_SIGNATURES, about)
