"""What a token enforces and leaves to others, by trial: for the report that a person reads, and for nothing else.

The gateway relies on none of it: dates, state, usage and who may wrap what are its own checks, made before the token is
asked. But an owner who shares the token with other applications wants to know.
"""

from cryptography.hazmat.primitives.ciphers import aead
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from pkcs11 import Attribute
from pkcs11 import KeyType as P11KeyType
from pkcs11.constants import MechanismFlag

from gateway.token.api import KeyType, Mechanism, Rights, Traits
from gateway.token.cryptoki import AttributeArray
from gateway.token.templates import packed
from gateway.token.testbench import Bench, Trial

KEY, IV, DATA = bytes(range(32)), bytes(range(100, 112)), bytes(range(1, 65))
CKM_AES_ECB, CKM_AES_CBC, CKM_AES_GCM, CKM_AES_KEY_WRAP = 0x1081, 0x1082, 0x1087, 0x2109
CKA_ALLOWED_MECHANISMS = 0x40000600  # python-pkcs11 cannot pack it
ULONG_BYTES = 8
GCM_TAG_BITS = (96, 104, 112, 120, 128)


def traits_of(bench: Bench, kwp: int) -> Traits:
    """Give the traits of the token on the bench, which wraps by `kwp`; what cannot be tried counts as not enforced."""
    return Traits(
        gcm_tag_bits=tuple(bits for bits in GCM_TAG_BITS if bench.passes(_gcm_tag(bits))),
        extractable_by_default=bench.passes(_extractable_by_default),
        keeps_to_trusted=bench.passes(_takes_trusted) and not bench.passes(_wraps_for_the_untrusted),
        keeps_to_allowed_mechanisms=bool(kwp)
        and bench.passes(_uses(kwp, CKM_AES_CBC, IV + IV[:4]))
        and not bench.passes(_uses(kwp, CKM_AES_ECB, b"")),
    )


def _gcm_tag(bits: int) -> Trial:
    def trial(bench: Bench) -> bool:
        sealed = bench.encrypt(
            bench.secret(KEY, Rights.ENCRYPT), Mechanism(CKM_AES_GCM, iv=IV, aad=b"aad", tag_bits=bits), DATA
        )
        whole = aead.AESGCM(KEY).encrypt(IV, DATA, b"aad")
        return sealed == whole[: len(DATA) + bits // 8]

    return trial


def _extractable_by_default(bench: Bench) -> bool:
    key = bench.work.generate_key(P11KeyType.AES, 256, capabilities=MechanismFlag.ENCRYPT)
    return bench.attribute(int(key.handle), Attribute.EXTRACTABLE) not in (b"", b"\0")


def _trusted_only(bench: Bench) -> int:
    """Give a key that only trusted keys may wrap."""
    attributes = {Attribute.CLASS: 4, Attribute.KEY_TYPE: int(KeyType.AES), Attribute.SENSITIVE: True}
    return bench.made(
        {**attributes, Attribute.EXTRACTABLE: True, Attribute.WRAP_WITH_TRUSTED: True, Attribute.VALUE: DATA[:32]}
    )


def _takes_trusted(bench: Bench) -> bool:
    return bench.attribute(_trusted_only(bench), Attribute.WRAP_WITH_TRUSTED) not in (b"", b"\0")


def _wraps_for_the_untrusted(bench: Bench) -> bool:
    return bool(bench.wrap(bench.secret(KEY, Rights.WRAP), Mechanism(CKM_AES_KEY_WRAP), _trusted_only(bench)))


def _uses(kwp: int, ckm: int, iv: bytes) -> Trial:
    """Use a key that may be used with CKM_AES_CBC alone."""

    def trial(bench: Bench) -> bool:
        attributes = {Attribute.CLASS: 4, Attribute.KEY_TYPE: int(KeyType.AES), Attribute.TOKEN: False}
        pairs = packed({**attributes, Attribute.SENSITIVE: True, Attribute.ENCRYPT: True})
        pairs.append((CKA_ALLOWED_MECHANISMS, CKM_AES_CBC.to_bytes(ULONG_BYTES, "little")))
        blob = aes_key_wrap_with_padding(KEY, DATA[:32])
        key = bench.unwrapped(bench.secret(KEY, Rights.UNWRAP), Mechanism(kwp), blob, AttributeArray(pairs))
        return bool(bench.encrypt(key, Mechanism(ckm, iv=iv), DATA))

    return trial
