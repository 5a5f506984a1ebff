"""The profiles that Query tells of: every mandatory official case of each passes, and none is left out of the table."""

import pytest

from gateway.config import KmipConfig
from gateway.kmip.version import SUPPORTED, V1_0, V1_3, V1_4, V2_1, Version
from gateway.profiles import CLAIMS, RSA, Claim, conforming, holds
from gateway.token.api import Profile
from tests.conformance.cases import VERSIONS, cases
from tests.conformance.exclusions import reason
from tests.kmip.facts import needs_facts

ALL_ON = KmipConfig(interop=True, software_ciphers=True, policy="open")
ABLE = Profile(mechanisms=frozenset().union(*(claim.mechanisms for claim in CLAIMS)))
# Whose published cases cannot be met, or show less than the profile is.
NOT_CLAIMED = {"MSGENC-HTTPS", "MSGENC-JSON", "MSGENC-XML", "SUITEB_128", "SUITEB_192", "PKCS11"}
WITH_CASES = [Version(*map(int, version.split("."))) for version in VERSIONS]


def mandatory(version, stem=None):
    """Give the mandatory cases of a version, by the profile's name in them."""
    found = [each for each in cases() if each.version == str(version) and each.column == "mandatory"]
    return [each for each in found if stem is None or each.name.startswith((f"{stem}-M-", f"{stem}_M_"))]


def told(version, config=ALL_ON, token=ABLE):
    return [each.profile_name.name for each in conforming(version, token, config)]


@needs_facts
@pytest.mark.parametrize("version", WITH_CASES, ids=str)
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.cases)
def test_all_mandatory_cases_of_a_profile_pass(claim: Claim, version: Version) -> None:
    here = mandatory(version, claim.cases)
    assert bool(here) is holds(claim, version, ABLE, ALL_ON)
    failing = {each.name: reason(each) for each in here if reason(each)}
    assert all(why.startswith("defect") for why in failing.values()), failing


@needs_facts
@pytest.mark.parametrize("version", WITH_CASES, ids=str)
def test_no_profile_with_mandatory_cases_is_forgotten(version: Version) -> None:
    stems = {each.name.replace("_M_", "-M-").split("-M-")[0] for each in mandatory(version)}
    assert stems - NOT_CLAIMED <= {claim.cases for claim in CLAIMS}


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
def test_a_version_is_told_in_its_own_words(version: Version) -> None:
    found = conforming(version, ABLE, ALL_ON)
    assert bool(found) is (version >= V1_3)
    assert all(each.profile_name.exists_in(version) for each in found)
    assert all((each.profile_version is not None) is (version >= V2_1) for each in found)


def test_1_x_tells_of_every_version_up_to_its_own() -> None:
    tape = [f"TAPE_LIBRARY_SERVER_KMIP_V1_{minor}" for minor in range(5)]
    assert [name for name in told(V1_4) if name.startswith("TAPE")] == tape
    assert [name for name in told(V1_3) if name.startswith("TAPE")] == tape[:4]
    assert not any(name.startswith("ADVANCED") and name.endswith(("V1_0", "V1_1")) for name in told(V1_4))
    assert told(V1_0) == []


def test_what_the_operator_has_not_turned_on_is_not_told() -> None:
    production = told(V2_1, KmipConfig())
    assert not {"BASELINE_SERVER", "QUANTUM_SAFE_SERVER", "BASIC_CRYPTOGRAPHIC_SERVER"} & set(production)
    assert {"TAPE_LIBRARY_SERVER", "ADVANCED_CRYPTOGRAPHIC_SERVER"} <= set(production)
    # Before 1.4 there is no ChaCha20 that it could lack.
    assert "BASIC_CRYPTOGRAPHIC_SERVER_KMIP_V1_3" in told(V1_4, KmipConfig(allow=("ecb", "client_ivs")))
    assert "BASIC_CRYPTOGRAPHIC_SERVER_KMIP_V1_3" not in told(V1_4, KmipConfig())


def test_what_the_token_cannot_do_is_not_told() -> None:
    assert "ADVANCED_CRYPTOGRAPHIC_SERVER" not in told(V2_1, token=Profile(mechanisms=ABLE.mechanisms - RSA))
