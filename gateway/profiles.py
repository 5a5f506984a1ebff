"""The profiles that the gateway conforms to, as far as their official cases can tell (KMIP Profiles 2.1 section 5).

The one rule here: a profile is told only where all its mandatory cases pass, in that version, on this token and as the
operator has chosen; a test holds the table to the cases. Those whose cases want Notify and Put in the list of
operations (JSON, XML, HTTPS, Suite B) are not in it, nor is PKCS#11, of which no more is served than its case asks.
"""

from typing import Annotated, NamedTuple

from gateway.config import KmipConfig
from gateway.kmip.enums import ProfileName
from gateway.kmip.structure import Since, Structure
from gateway.kmip.version import SUPPORTED, V1_2, V1_3, V1_4, V2_0, V2_1, Version
from gateway.token.api import Profile

# Mechanisms of the token (CKM_*): AES in ECB, CBC and GCM; RSA signatures, and with the public key.
CIPHERS = frozenset({0x1081, 0x1082, 0x1087})
RSA = frozenset({0x01, 0x03})


class ProfileVersion(Structure):
    """The version of a profile (section 7.32 Profile Version)."""

    profile_version_major: int
    profile_version_minor: int


class ProfileInformation(Structure):
    """A profile that the server conforms to (section 7.31 Profile Information)."""

    profile_name: ProfileName
    profile_version: Annotated[ProfileVersion | None, Since(2, 0)] = None
    server_uri: str | None = None
    server_port: int | None = None


class Claim(NamedTuple):
    """A profile: what its name begins with in every version, what its test cases are called, and what it depends on.

    The operator's choice `switch` has to be on from the version `switched` on, and the weaknesses allowed.
    """

    name: str
    cases: str
    since: Version = SUPPORTED[-1]
    mechanisms: frozenset[int] = frozenset()
    switch: str = ""
    switched: Version = SUPPORTED[-1]
    weaknesses: frozenset[str] = frozenset()  # that its cases need (docs/policy.md)


CLAIMS = (
    Claim("TAPE_LIBRARY_SERVER", "TL"),
    Claim("SYMMETRIC_KEY_LIFECYCLE_SERVER", "SKLC"),
    Claim("ASYMMETRIC_KEY_LIFECYCLE_SERVER", "AKLC"),
    Claim("SYMMETRIC_KEY_FOUNDRY_SERVER", "SKFF"),
    Claim("OPAQUE_MANAGED_OBJECT_STORE_SERVER", "OMOS"),
    Claim("STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_SERVER", "SASED"),
    Claim(
        "BASIC_CRYPTOGRAPHIC_SERVER", "CS-BC", V1_2, CIPHERS, "software_ciphers", V1_4, frozenset({"ecb", "client_ivs"})
    ),
    Claim("ADVANCED_CRYPTOGRAPHIC_SERVER", "CS-AC", V1_2, RSA),
    Claim("RNG_CRYPTOGRAPHIC_SERVER", "CS-RNG", V1_2),
    Claim("AES_XTS_SERVER", "AX", V1_4),
    Claim("QUANTUM_SAFE_SERVER", "QS", V2_0, frozenset(), "interop", V2_0),
    Claim("BASELINE_SERVER", "BL", V2_0, frozenset(), "interop", V2_0),
)


def conforming(version: Version, token: Profile, config: KmipConfig) -> tuple[ProfileInformation, ...]:
    """Give the profiles to tell a client of this version; before 1.3 there is no way to say so."""
    return tuple(
        ProfileInformation(profile_name=ProfileName[name], profile_version=_version(version))
        for claim in CLAIMS
        for of, name in _names(claim, version)
        if holds(claim, of, token, config)
    )


def holds(claim: Claim, version: Version, token: Profile, config: KmipConfig) -> bool:
    """Tell whether the gateway conforms to a profile of this version."""
    allowed = config.policy == "open" or claim.weaknesses <= frozenset(config.allow)
    chosen = not claim.switch or version < claim.switched or getattr(config, claim.switch) is True
    return allowed and chosen and claim.since <= version and claim.mechanisms <= token.mechanisms


def _names(claim: Claim, version: Version) -> list[tuple[Version, str]]:
    """Give a profile's names and the versions that they are of: 1.x has one for each version, 2.x one for its own."""
    if version < V1_3:
        return []
    earlier = [each for each in SUPPORTED if each <= min(version, V1_4)]
    named = [(each, f"{claim.name}_KMIP_V1_{each.minor}") for each in reversed(earlier)]
    found = [(version, claim.name)] if version >= V2_0 else named
    return [
        (of, name) for of, name in found if name in ProfileName.__members__ and ProfileName[name].exists_in(version)
    ]


def _version(version: Version) -> ProfileVersion | None:
    if version < V2_1:  # PyKMIP cannot read it in 2.0, where it may be left out.
        return None
    return ProfileVersion(profile_version_major=version.major, profile_version_minor=version.minor)
