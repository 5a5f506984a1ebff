"""The cases of one version, said in another, for the versions whose own cases are not here.

What a version has of its neighbour's cases must come out as there; what differs is in a table, with the reason.
"""

from copy import deepcopy
from pathlib import Path

import pytest

from gateway.token.api import Token
from tests.conformance.cases import Case, cases
from tests.conformance.exclusions import reason
from tests.conformance.gateways import replayed
from tests.kmip.facts import needs_facts
from tests.wire.xmlcases import Step

pytestmark = [needs_facts, pytest.mark.asyncio(loop_scope="session")]

NEIGHBOURS = {"1.0": "1.1", "1.2": "1.3", "1.4": "1.3", "2.1": "2.0"}
DIGEST = "since 1.1 a Digest names the format"
REASON = "2.0 says Permission Denied of a wrong State, as 1.x does"
SENSITIVE = "1.3 has neither Sensitive nor Extractable"
ROTATE = "2.0 has no Rotate attributes"
# By the version in which the case is said, and the beginning of its name.
OTHERWISE = {
    ("1.1", "AKLC-"): DIGEST,
    ("1.1", "SKLC-"): DIGEST,
    ("1.1", "TC_NP_"): DIGEST,
    **{("1.3", f"SKFF-M-{number}-14"): SENSITIVE for number in (9, 10, 11, 12)},
    **{
        ("1.3", f"{name}-14"): SENSITIVE
        for name in (
            "AKLC-O-1",
            "SKLC-O-1",
            "TC-CERTATTR-1",
            "TC-ECC-3",
            "TC-EXTRACTABLE-1",
            "TC-PGP-1",
            "TC-SENSITIVE-1",
        )
    },
    ("1.3", "CS-BC-M-GCM-"): "before 1.4 the tag is the end of the data",
    ("1.3", "TC-PKCS12-"): "1.3 has no Links to a PKCS#12 password",
    ("2.0", "AKLC-M-2"): REASON,
    ("2.0", "AKLC-M-3"): REASON,
    ("2.0", "CS-AC-M-8"): REASON,
    ("2.0", "CS-BC-M-14"): REASON,
    ("2.0", "SKLC-M-2"): REASON,
    ("2.0", "SKLC-M-3"): REASON,
    ("2.0", "TC-ASYNC-"): "2.0 has no Process",
    ("2.0", "TC-CERTATTR-1"): "2.0 calls the format of a certificate Raw",
    ("2.0", "TC-IMPEXP-5"): "2.0 calls the format of a certificate Raw",
    ("2.0", "TC-MD-1"): "2.0 cannot say that there are no defaults",
    ("2.0", "TC-PKCS12-2"): REASON,
    **{("2.0", f"TC-MD-{number}"): "2.0 has neither Set Defaults nor constraints" for number in range(2, 7)},
    ("2.0", "TC-PING-"): "2.0 has no Ping",
    ("2.0", "TC-REKEY-11"): ROTATE,
    ("2.0", "TC-REKEY-12"): ROTATE,
    ("2.0", "TC-REKEY-3"): ROTATE,
    ("2.0", "TC-REKEY-4"): ROTATE,
    ("2.0", "TC-REKEY-7"): ROTATE,
    ("2.0", "TC-REKEY-8"): ROTATE,
}
# They start from what another case has left.
NOT_ALONE = ("SASED-M-3", "TC-CREG-", "TL-M-3")


def said_in(version: str, case: Case) -> Case:
    """Give a case with another version in all its headers."""
    other = Case(case.path)
    other.steps = [Step(step.number, deepcopy(step.element)) for step in case.steps]
    for step in other.steps:
        for part, number in zip(step.element[0].iterfind("ProtocolVersion/*"), version.split("."), strict=True):
            part.set("value", number)
    return other


def neighbours() -> list[object]:
    """Give the cases that pass in their own version and stand alone, said in another version."""
    found = []
    for case in cases():
        version = NEIGHBOURS.get(case.version)
        if version and not reason(case) and not case.not_registered and not case.name.startswith(NOT_ALONE):
            why = [why for (of, start), why in OTHERWISE.items() if of == version and case.name.startswith(start)]
            marks = [pytest.mark.xfail(reason=why[0], strict=True, raises=AssertionError)] if why else []
            found.append(pytest.param(said_in(version, case), id=f"{case.name}-in-{version}", marks=marks))
    return found


@pytest.mark.parametrize("case", neighbours())
async def test_the_case_passes_in_another_version(case: Case, token: Token, tmp_path: Path) -> None:
    differing = await replayed([case], token, tmp_path)
    assert not differing, "\n".join(differing)
