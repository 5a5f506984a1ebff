"""Every official case of four versions, on a real token and database, in process; the score is printed at the end."""

from pathlib import Path

import pytest

from gateway.access.identity import Identity, Peer
from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.store.sqlite import open_store
from gateway.token.api import Token
from tests.conformance.bound import bound
from tests.conformance.cases import Case, cases
from tests.conformance.exclusions import reason
from tests.conformance.replay import replay
from tests.kmip.facts import needs_facts
from tests.operations.conftest import Clock
from tests.wire.xmlcases import NOW

pytestmark = [needs_facts, pytest.mark.asyncio(loop_scope="session")]

CASES = cases()
BY_NAME = {case.name: case for case in CASES}
WAIT_S = 60

# Cases that use what another has left behind, by their names without the version.
AFTER = {"SASED-M-3": "SASED-M-2", "TC-CREG-2": "TC-CREG-1", "TC-CREG-3": "TC-CREG-1", "TL-M-3": "TL-M-2"}
# Cases for a gateway set up otherwise than by default, by the beginning of their names.
SET_UP = {
    # To know an object of somebody else from none is not what production wants.
    "TC_111": {"foreign_objects": "denied"},
    "TC_112": {"foreign_objects": "denied"},
}


def before(case: Case) -> list[Case]:
    """Give the case that has to run first, if any, and the case."""
    stem, _, version = case.name.rpartition("-")
    return [BY_NAME[f"{AFTER[stem]}-{version}"], case] if stem in AFTER else [case]


def configuration(case: Case) -> KmipConfig:
    """Give the operator's choices that the case needs."""
    chosen = [choices for start, choices in SET_UP.items() if case.name.startswith(start)]
    return KmipConfig(**(chosen[0] if chosen else {}))


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
    chain, clock = before(case), Clock(float(NOW))
    store = open_store(tmp_path / "gateway.sqlite", unique_names=True)
    exchange = Exchange(configuration(case), store, token, clock)

    async def ask(raw: bytes, client: str) -> bytes:
        return await exchange.answer(raw, Peer(Identity(f"cert:{client}"), "127.0.0.1"))

    async def wait() -> int:
        clock.now += WAIT_S
        return WAIT_S

    try:
        differing = [line for each in chain for line in await replay(each, bound(chain, NOW), ask, wait)]
    finally:
        await store.close()
    assert not differing, "\n".join(differing)
