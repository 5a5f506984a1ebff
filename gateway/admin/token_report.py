"""What a token can and cannot do for the gateway, a row each, from the self-tests and never from its own lists."""

from typing import NamedTuple

from msgspec import Struct

from gateway.token.api import Profile, TokenInfo


class Wanted(NamedTuple):
    """A mechanism that the gateway uses where the token has it, or cannot be without."""

    what: str
    name: str
    ckm: int
    needed: bool = False


MECHANISMS = (
    Wanted("AES, sealed objects", "CKM_AES_GCM", 0x1087, needed=True),
    Wanted("AES", "CKM_AES_ECB", 0x1081),
    Wanted("AES", "CKM_AES_CBC", 0x1082),
    Wanted("AES", "CKM_AES_CBC_PAD", 0x1085),
    Wanted("AES", "CKM_AES_CTR", 0x1086),
    Wanted("3DES", "CKM_DES3_ECB", 0x0132),
    Wanted("3DES", "CKM_DES3_CBC", 0x0133),
    Wanted("3DES", "CKM_DES3_CBC_PAD", 0x0136),
    Wanted("MAC", "CKM_SHA_1_HMAC", 0x0221),
    Wanted("MAC", "CKM_SHA224_HMAC", 0x0256),
    Wanted("MAC", "CKM_SHA256_HMAC", 0x0251),
    Wanted("MAC", "CKM_SHA384_HMAC", 0x0261),
    Wanted("MAC", "CKM_SHA512_HMAC", 0x0271),
    Wanted("RSA PKCS#1 v1.5", "CKM_RSA_PKCS", 0x0001),
    Wanted("RSA OAEP", "CKM_RSA_PKCS_OAEP", 0x0009),
    Wanted("RSA PSS", "CKM_RSA_PKCS_PSS", 0x000D),
    Wanted("ECDSA", "CKM_ECDSA", 0x1041),
    Wanted("Ed25519", "CKM_EDDSA", 0x1057),
    Wanted("ECDH", "CKM_ECDH1_DERIVE", 0x1050),
)
CURVES = {
    "P-256": bytes.fromhex("06082a8648ce3d030107"),
    "P-384": bytes.fromhex("06052b81040022"),
    "P-521": bytes.fromhex("06052b81040023"),
}


class Ability(Struct, frozen=True):
    """One line of the report."""

    what: str
    works: bool
    needed: bool = False

    @property
    def fails(self) -> bool:
        """Whether the gateway cannot work on this token because of it."""
        return self.needed and not self.works


class OwnKey(Struct, frozen=True):
    """One of the gateway's own keys: `made` now, and the check value by which one knows it again."""

    label: str
    works: bool
    made: bool = False
    check_value: str = ""  # a block of zeros encrypted, its first three bytes in hexadecimal; "": the token tells none


class Report(Struct, frozen=True):
    """What is printed: the token by its own names, then each ability."""

    token: TokenInfo
    abilities: tuple[Ability, ...]
    own_keys: tuple[OwnKey, ...] = ()

    @property
    def fit(self) -> bool:
        """Whether the gateway can work on this token."""
        return not any(ability.fails for ability in self.abilities)


def report_of(info: TokenInfo, profile: Profile, own_keys: tuple[OwnKey, ...]) -> Report:
    """Give the report."""
    return Report(
        info,
        (
            *(Ability(f"{key.label} (made by token init)", key.works, needed=True) for key in own_keys),
            Ability("wrapping, Get of a key: AES-KWP (RFC 5649)", bool(profile.kwp), needed=True),
            *(Ability(f"{row.what}: {row.name}", row.ckm in profile.mechanisms, row.needed) for row in MECHANISMS),
            *(Ability(f"curve {name}", oid in profile.curves) for name, oid in CURVES.items()),
            Ability("curve Curve25519", bool(profile.curve25519[0])),
            *(Ability(f"AES {bits} bits", bits in profile.aes_bits) for bits in (128, 192, 256)),
            *(Ability(f"RSA {bits} bits", bits in profile.rsa_bits) for bits in (2048, 3072, 4096)),
        ),
        own_keys,
    )


def lines_of(report: Report) -> list[str]:
    """Give the report as text."""
    token = report.token
    title = (
        f"token {token.label!r}: {token.manufacturer} {token.model}, serial {token.serial}, firmware {token.firmware}"
    )
    keys = [f"  {'made' if key.made else 'found':8} {_known_by(key)}" for key in report.own_keys if key.works]
    return [title, *keys, *(f"  {_word(ability):8} {ability.what}" for ability in report.abilities)]


def _known_by(key: OwnKey) -> str:
    return f"{key.label}, check value {key.check_value.upper() or 'not told by the token'}"


def _word(ability: Ability) -> str:
    if ability.works:
        return "yes"
    return "MISSING" if ability.needed else "no"
