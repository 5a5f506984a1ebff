"""How fast a client may ask: at its rate, with what it saved up, and no client at another's cost."""

import asyncio
import os

import pytest

from gateway.access.identity import Identity, Peer
from gateway.access.roles import Quotas, Role
from gateway.config import KmipConfig, LimitsConfig
from gateway.errors import ServerLimitExceeded
from gateway.exchange import LONG_BYTES, Exchange
from gateway.kmip.enums import Operation, QueryFunction, ResultReason, ResultStatus
from gateway.kmip.version import V2_1
from gateway.operations.query import QueryRequest
from gateway.rates import Paces, Rates
from tests.fuzz.refusing import down
from tests.fuzz.run import PEER
from tests.support.messages import received, request

QUERY = (Operation.QUERY, QueryRequest(query_function=(QueryFunction.QUERY_OPERATIONS,)))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def peer(name: str, tenant: str = "default", *rates: int | None) -> Peer:
    roles = tuple(Role(name=f"role {rate}", quotas=Quotas(requests_per_s=rate)) for rate in rates)
    return Peer(Identity(name, tenant), "192.0.2.1", roles)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def admitted(rates: Rates, who: Peer, asked: int, items: int = 1) -> int:
    """Tell how many of so many messages need not wait."""
    return sum(rates.wait_s(who, items) == 0 for _ in range(asked))


def test_a_client_has_its_burst_and_then_its_rate_whatever_another_does(clock: Clock) -> None:
    rates = Rates(Paces(clock), LimitsConfig(client_requests_per_s=100, burst_s=2, patience_s=0.000_1))
    assert admitted(rates, peer("bad"), 1000) == pytest.approx(200, abs=1)
    assert admitted(rates, peer("good"), 150) == 150
    clock.now += 1
    assert admitted(rates, peer("bad"), 1000) == pytest.approx(100, abs=1)
    assert admitted(rates, peer("good"), 150) == 150
    clock.now += 3600
    assert admitted(rates, peer("bad"), 1000) == pytest.approx(200, abs=1)


def test_each_batch_item_counts(clock: Clock) -> None:
    rates = Rates(Paces(clock), LimitsConfig(client_requests_per_s=100, burst_s=2, patience_s=0.000_1))
    assert admitted(rates, peer("client"), 10, items=50) == pytest.approx(4, abs=1)


def test_what_comes_too_fast_waits_in_line_and_what_is_refused_is_not_charged(clock: Clock) -> None:
    rates = Rates(Paces(clock), LimitsConfig(client_requests_per_s=10, burst_s=1, patience_s=0.55))
    waits = [rates.wait_s(peer("client"), 1) for _ in range(100)]
    assert waits[:10] == [0.0] * 10
    assert waits[10:15] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert waits[15:] == pytest.approx([0.6] * 85)
    clock.now += 0.5
    assert rates.wait_s(peer("client"), 1) == pytest.approx(0.1)


def test_a_tenant_has_a_rate_for_all_its_clients(clock: Clock) -> None:
    rates = Rates(Paces(clock), LimitsConfig(tenant_requests_per_s=100, burst_s=1, patience_s=0.000_1))
    assert sum(admitted(rates, peer(f"client {each}", "a"), 1) for each in range(300)) == pytest.approx(100, abs=1)
    assert admitted(rates, peer("client 1", "b"), 90) == 90


@pytest.mark.parametrize(("roles", "expected"), [((20,), 20), ((20, 40), 40), ((20, None), 100), ((), 100)])
def test_a_role_says_more_than_the_file_and_a_client_has_the_best_of_its_roles(
    clock: Clock, roles: tuple[int | None, ...], expected: int
) -> None:
    rates = Rates(Paces(clock), LimitsConfig(client_requests_per_s=100, burst_s=1, patience_s=0.000_1))
    assert admitted(rates, peer("client", "default", *roles), 500) == pytest.approx(expected, abs=1)


def test_all_front_ends_count_together(clock: Clock) -> None:
    rates = Rates(Paces(clock), LimitsConfig(client_requests_per_s=100, burst_s=1, patience_s=0.000_1))
    child = os.fork()
    if not child:
        os._exit(admitted(rates, peer("client"), 60))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 60
    assert admitted(rates, peer("client"), 500) == pytest.approx(40, abs=1)


def test_other_limits_hold_from_a_reload_on(clock: Clock) -> None:
    rates = Rates(Paces(clock), LimitsConfig())
    assert admitted(rates, peer("client"), 5000) == 5000
    rates.adopt(LimitsConfig(client_requests_per_s=10, burst_s=1))
    assert admitted(rates, peer("client"), 100) == 10


async def test_who_is_refused_has_waited_first() -> None:
    """Otherwise a client that takes no heed would ask again at once, and cost more than one that is answered."""
    rates = Rates(Paces(), LimitsConfig(patience_s=0.2))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await rates.bear(0.1)
    assert loop.time() - begun >= 0.09
    with pytest.raises(ServerLimitExceeded, match="more slowly"):
        await rates.bear(30)
    assert 0.29 <= loop.time() - begun < 10


async def test_the_answer_to_a_client_that_is_too_fast(clock: Clock) -> None:
    limits = LimitsConfig(client_requests_per_s=1, burst_s=2, patience_s=0.01)
    exchange = Exchange(KmipConfig(), *down(), lambda: 0.0, rates=Rates(Paces(clock), limits))
    responses = [received(await exchange.answer(request(V2_1, QUERY), PEER), V2_1) for _ in range(3)]
    *answered, refused = (each.batch_item[0] for each in responses)
    assert {each.result_status for each in answered} == {ResultStatus.SUCCESS}
    assert refused.result_status is ResultStatus.OPERATION_FAILED
    assert refused.result_reason is ResultReason.SERVER_LIMIT_EXCEEDED


async def test_a_long_message_that_comes_too_fast_is_not_taken_apart(clock: Clock) -> None:
    limits = LimitsConfig(client_requests_per_s=1, burst_s=100, patience_s=0.01)
    exchange = Exchange(KmipConfig(), *down(), lambda: 0.0, rates=Rates(Paces(clock), limits))
    whole = request(V2_1, *[QUERY] * 100)
    torn = whole + bytes(8)
    assert len(whole) > LONG_BYTES
    told = [received(await exchange.answer(each, PEER), V2_1).batch_item[0] for each in (torn, torn, whole)]
    # The first was paid for and read; there was nothing left for the others, whatever is in them.
    assert [each.result_reason for each in told] == [
        ResultReason.INVALID_MESSAGE,
        ResultReason.SERVER_LIMIT_EXCEEDED,
        ResultReason.SERVER_LIMIT_EXCEEDED,
    ]
