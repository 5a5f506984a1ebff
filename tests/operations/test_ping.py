"""Ping (KMIP 2.1 section 6.1.36): an answer, and nothing in it, even where nothing else is there."""

from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.kmip.enums import Operation, ResultReason, ResultStatus
from gateway.kmip.version import V2_0, V2_1
from gateway.operations.ping import PingRequest, PingResponse
from tests.fuzz.refusing import down
from tests.fuzz.run import PEER
from tests.support.messages import answers, request

PING = (Operation.PING, PingRequest())


async def test_it_answers(gateway):
    assert await gateway.one(V2_1, *PING) == PingResponse()


async def test_it_answers_without_token_and_database():
    exchange = Exchange(KmipConfig(), *down(), lambda: 1_700_000_000.0)
    (answer,) = answers(await exchange.answer(request(V2_1, PING), PEER), V2_1)
    assert answer.status is ResultStatus.SUCCESS


async def test_versions_before_2_1_have_none(gateway):
    assert await gateway.refused(V2_0, *PING) is ResultReason.OPERATION_NOT_SUPPORTED
