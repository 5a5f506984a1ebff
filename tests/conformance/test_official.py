"""Every official case of four versions, on a real token and database, in process; the score is printed at the end."""

from pathlib import Path

import pytest

from gateway.token.api import Token
from tests.conformance.cases import Case, cases
from tests.conformance.exclusions import reason
from tests.conformance.gateways import replayed
from tests.kmip.facts import needs_facts

pytestmark = [needs_facts, pytest.mark.asyncio(loop_scope="session")]

CASES = cases()
BY_NAME = {case.name: case for case in CASES}
# Cases that use what another has left behind, by their names without the version.
AFTER = {"SASED-M-3": "SASED-M-2", "TC-CREG-2": "TC-CREG-1", "TC-CREG-3": "TC-CREG-1", "TL-M-3": "TL-M-2"}


def before(case: Case) -> list[Case]:
    """Give the case that has to run first, if any, and the case."""
    stem, _, version = case.name.rpartition("-")
    return [BY_NAME[f"{AFTER[stem]}-{version}"], case] if stem in AFTER else [case]


def marked(case: Case) -> object:
    """Give the case as a parameter that is expected to fail where a table says so, or skipped for what is not there."""
    if case.not_registered and not reason(case):
        why = f"operation not registered: {', '.join(case.not_registered)}"
        return pytest.param(case, id=case.name, marks=pytest.mark.skip(reason=why))
    why = reason(case)
    marks = [pytest.mark.xfail(reason=why, strict=True, raises=AssertionError)] if why else []
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.scored
@pytest.mark.parametrize("case", [marked(case) for case in CASES])
async def test_the_case_passes(case: Case, token: Token, tmp_path: Path) -> None:
    differing = await replayed(before(case), token, tmp_path)
    assert not differing, "\n".join(differing)
