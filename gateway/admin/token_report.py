"""What a token can and cannot do for the gateway, a row each, from the self-tests and never from its own lists."""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from gateway.token.api import KeyType, Profile, TokenInfo


class Wanted(NamedTuple):
    """A mechanism that the gateway uses where the token has it, or cannot be without."""

    what: str
    name: str
    ckm: int
    needed: bool = False


MECHANISMS = (
    Wanted("AES, sealed objects", "CKM_AES_GCM", 0x1087),
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
NO_KWP = "keys stay on the token; Get of keys and custody wrapped are refused"
UNLESS = "only by `object move --through-memory`"
ONLY_PAIRS = "no secret keys: nothing is sealed, so what is no key pair is refused"
HASH_NAMES = {0x220: "SHA-1", 0x250: "SHA-256", 0x260: "SHA-384", 0x270: "SHA-512"}
CURVES = {
    "P-256": bytes.fromhex("06082a8648ce3d030107"),
    "P-384": bytes.fromhex("06052b81040022"),
    "P-521": bytes.fromhex("06052b81040023"),
}


class Ability(Struct, frozen=True):
    """One line of the report; `otherwise` is what follows where it does not work."""

    what: str
    works: bool
    needed: bool = False
    otherwise: str = ""

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
    by_wrapping: bool = False  # they are of a block of zeros wrapped as RFC 5649 says
    confined: bool = True  # it does not leave the token, and does this job alone


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
            *_of_own_keys(profile, own_keys),
            Ability(_wrapping(profile), bool(profile.kwp), otherwise=NO_KWP),
            *(Ability(f"{row.what}: {row.name}", row.ckm in profile.mechanisms, row.needed) for row in MECHANISMS),
            *(Ability(f"curve {name}", oid in profile.curves) for name, oid in CURVES.items()),
            Ability("curve Curve25519", bool(profile.curve25519[0])),
            *(Ability(f"AES {bits} bits", bits in profile.aes_bits) for bits in (128, 192, 256)),
            *(Ability(f"RSA {bits} bits", bits in profile.rsa_bits) for bits in (2048, 3072, 4096)),
            *_beside(profile),
            *_behaviour(profile),
        ),
        own_keys,
    )


def _of_own_keys(profile: Profile, own_keys: tuple[OwnKey, ...]) -> Iterator[Ability]:
    """The keys that the gateway made for itself: those of a token that makes secret keys are needed."""
    for key in own_keys:
        yield Ability(f"{key.label} (made by token init)", key.works, bool(profile.aes_bits), ONLY_PAIRS)
        if not key.confined:
            yield Ability(f"{key.label} stays on the token, and does nothing else", works=False, needed=True)


def _wrapping(profile: Profile) -> str:
    known_as = f", CKM 0x{profile.kwp:04X}" if profile.kwp else ""
    return f"wrapping, Get of a key: AES-KWP (RFC 5649){known_as}"


def _beside(profile: Profile) -> Iterator[Ability]:
    """What is done by the gateway where the token does not do it, over what the token does."""
    bare = 0x03 in profile.mechanisms
    padded = "by the gateway, over bare RSA, unpadded in constant time" if bare else ""
    for ckm, name in HASH_NAMES.items():
        yield Ability(f"RSA OAEP with {name}", ckm in profile.oaep_hashes, otherwise=padded)
    hashed = "hashed by the gateway" if 0x1041 in profile.mechanisms else ""
    yield Ability("ECDSA that hashes: CKM_ECDSA_SHA256", 0x1044 in profile.mechanisms, otherwise=hashed)
    filled = "by the gateway, block by block" if profile.kwp else ""
    yield Ability("wraps keys of any length as RFC 5649 says", profile.kwp_any_length, otherwise=filled)
    kept = "the gateway looks before it asks for one"
    yield Ability("keeps keys that are not extractable", profile.refuses_unextractable_wrap, otherwise=kept)
    stay = UNLESS if profile.kwp else "its keys stay on it"
    yield Ability("sends keys to another token, by RSA-OAEP", bool(profile.sends_by), otherwise=stay)
    stray = UNLESS if profile.imports_private_keys else "it takes none"
    yield Ability("takes keys from another token so", bool(profile.receives_by), otherwise=stray)
    left_out = "rights that a key lacks are left out, and the token's to choose"
    yield Ability("lets it be said what a key may not do", not profile.only_true_rights, otherwise=left_out)
    checked = "the gateway checks each use; other applications with the PIN are not held to it"
    yield Ability("makes keys that do one thing alone", profile.exact_rights, otherwise=checked)


def _behaviour(profile: Profile) -> Iterator[Ability]:
    """What an owner wants to know of the token, though the gateway gets along either way."""
    traits = profile.traits
    exports = (("RSA", KeyType.RSA), ("EC", KeyType.EC), ("Edwards", KeyType.EC_EDWARDS))
    for name, kind in exports:
        stay = "made not Extractable; Get refuses them"
        yield Ability(f"{name} private keys can leave, wrapped", kind in profile.private_exports, otherwise=stay)
    refused = "Register of a private key is refused"
    yield Ability("takes private keys from outside", profile.imports_private_keys, otherwise=refused)
    yield Ability("unwraps more than 256 bytes of data", profile.unwraps_long_data, otherwise="longer data are refused")
    short = "MACs by shorter keys are refused"
    macs = 0x251 in profile.mechanisms
    any_length = macs and not profile.hmac_needs_long_key
    yield Ability("HMAC with keys shorter than the hash", any_length, otherwise=short if macs else "")
    yield Ability("more than one worker", not profile.one_process, otherwise="one is started, whatever is configured")
    yield Ability("writers that do not disturb each other", not profile.one_writer, otherwise="one worker writes")
    yield Ability("tells a key's check value", profile.check_values)
    sizes = ", ".join(str(bits) for bits in traits.gcm_tag_bits)
    yield Ability(f"AES-GCM tags{': ' * bool(sizes)}{sizes}{' bits' * bool(sizes)}; IVs from the gateway", bool(sizes))
    said = "and the gateway always says which"
    yield Ability("keys stay unless said otherwise", not traits.extractable_by_default, otherwise=said)
    ours = "the gateway's own checks decide"
    yield Ability("enforces CKA_WRAP_WITH_TRUSTED", traits.keeps_to_trusted, otherwise=ours)
    yield Ability("enforces CKA_ALLOWED_MECHANISMS", traits.keeps_to_allowed_mechanisms, otherwise=ours)


def lines_of(report: Report) -> list[str]:
    """Give the report as text."""
    token = report.token
    title = (
        f"token {token.label!r}: {token.manufacturer} {token.model}, serial {token.serial}, firmware {token.firmware}"
    )
    keys = [f"  {'made' if key.made else 'found':8} {_known_by(key)}" for key in report.own_keys if key.works]
    return [title, *keys, *(f"  {_word(ability):8} {told(ability)}" for ability in report.abilities)]


def told(ability: Ability) -> str:
    """Say what it is and, where the token lacks it, what follows."""
    return ability.what if ability.works or not ability.otherwise else f"{ability.what}: {ability.otherwise}"


def _known_by(key: OwnKey) -> str:
    how = " (of zeros wrapped, since the token tells none)" * key.by_wrapping
    return f"{key.label}, check value {key.check_value.upper() or 'not told by the token'}{how}"


def _word(ability: Ability) -> str:
    if ability.works:
        return "yes"
    return "MISSING" if ability.needed else "no"
