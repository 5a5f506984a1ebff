"""What a test needs of its token, by the profile that the self-tests gave: what is lacking is named, and skipped.

`@needs(0x1087, KWP)`: the mechanism with that number, and wrapping as RFC 5649 says.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from pkcs11 import Mechanism

from gateway.token.api import Profile


class Ability(NamedTuple):
    """Something that a token may lack."""

    name: str
    has: Callable[[Profile], bool]


SECRET_KEYS = Ability("secret keys", lambda profile: bool(profile.aes_bits))
KWP = Ability("key wrapping as RFC 5649 says", lambda profile: bool(profile.kwp))
CURVE25519 = Ability("Curve25519", lambda profile: bool(profile.curve25519[0]))
PRIVATE_IMPORTS = Ability("private keys from outside", lambda profile: profile.imports_private_keys)
EXACT_RIGHTS = Ability("way to make a key that does one thing alone", lambda profile: profile.exact_rights)
CHECK_VALUES = Ability("CKA_CHECK_VALUE", lambda profile: profile.check_values)
SEALING = Ability("a storage key", lambda profile: 0x1087 in profile.mechanisms)


def needs(*what: Ability | int) -> pytest.MarkDecorator:
    """Mark a test that is skipped where the token lacks any of these abilities or mechanisms (CKM_*)."""
    return pytest.mark.needs(*what)


def require(profile: Profile, *what: Ability | int | bytes) -> None:
    """Skip the test that runs where the token lacks one of these abilities, mechanisms or curves."""
    for one in what:
        if not _has(profile, one):
            pytest.skip(f"the token has no {_name(one)}")


def check_needs(request: pytest.FixtureRequest, profile: Profile) -> None:
    """Skip the test where the token lacks what it is marked with."""
    for mark in request.node.iter_markers("needs"):
        require(profile, *mark.args)


def _has(profile: Profile, one: Ability | int | bytes) -> bool:
    if isinstance(one, Ability):
        return one.has(profile)
    return one in profile.curves if isinstance(one, bytes) else one in profile.mechanisms


def _name(one: Ability | int | bytes) -> str:
    if isinstance(one, Ability):
        return one.name
    return f"curve {one.hex()}" if isinstance(one, bytes) else f"CKM_{Mechanism(one).name}"
