"""Whole messages in, whole messages out: versions, counts, sizes, and what is not to be taken apart."""

import struct

import pytest

from gateway.config import KmipConfig
from gateway.errors import TokenDown
from gateway.exchange import Exchange
from gateway.kmip.enums import BatchErrorContinuationOption, Operation, QueryFunction, ResultReason, ResultStatus
from gateway.kmip.tags import Tag
from gateway.kmip.version import SUPPORTED, V1_0, V1_2, V1_4, V2_0, V2_1, Version
from gateway.operations.activate import ActivateRequest
from gateway.operations.discover_versions import DiscoverVersionsRequest
from gateway.operations.query import QueryRequest
from tests.fuzz.refusing import Refusing, down
from tests.fuzz.run import PEER, check_response, unforeseen
from tests.support.messages import received, request
from tests.wire.trees import enumeration, integer, item, structure, text

R = ResultReason
DISCOVER = (Operation.DISCOVER_VERSIONS, DiscoverVersionsRequest())
ACTIVATE = (Operation.ACTIVATE, ActivateRequest(unique_identifier="1"))
QUERY = (Operation.QUERY, QueryRequest(query_function=(QueryFunction.QUERY_OPERATIONS,)))
CONTINUE = BatchErrorContinuationOption.CONTINUE


@pytest.fixture
def exchange():
    return Exchange(KmipConfig(max_batch_items=10), *down(), lambda: 1_700_000_000.9)


async def ask(exchange, raw, version):
    """Have a message answered, in the version that the answer must have."""
    answer = await exchange.answer(raw, PEER)
    check_response(answer)
    response = received(answer, version)
    spoken = response.response_header.protocol_version
    assert (spoken.protocol_version_major, spoken.protocol_version_minor) == version
    return response


def refusal(response):
    """Give the reason of a message that was refused as a whole."""
    (one,) = response.batch_item
    assert (one.operation, one.unique_batch_item_id, one.response_payload) == (None, None, None)
    return one.result_reason


def altered(raw, version):
    """Write another protocol version into a message."""
    return raw[:32] + struct.pack(">i", version[0]) + raw[36:48] + struct.pack(">i", version[1]) + raw[52:]


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_an_answer_has_the_version_of_its_question(exchange, version):
    response = await ask(exchange, request(version, QUERY), version)
    assert response.response_header.time_stamp == 1_700_000_000
    assert response.batch_item[0].result_status is ResultStatus.SUCCESS


@pytest.mark.parametrize(("asked", "answered"), [((1, 5), V1_4), ((1, 2**31 - 1), V1_4), ((2, 2), V2_1)])
async def test_a_newer_client_may_ask_which_versions_there_are(exchange, asked, answered):
    response = await ask(exchange, altered(request(V2_1, DISCOVER), asked), answered)
    assert response.batch_item[0].result_status is ResultStatus.SUCCESS
    refused = await ask(exchange, altered(request(V2_1, DISCOVER, QUERY), asked), V2_1)
    assert refusal(refused) is R.UNSUPPORTED_PROTOCOL_VERSION


@pytest.mark.parametrize("asked", [(0, 9), (3, 0), (-1, 0), (2**31 - 1, 0), (1, -1)])
async def test_other_versions_are_refused_in_the_newest(exchange, asked):
    refused = await ask(exchange, altered(request(V2_1, QUERY), asked), V2_1)
    assert refusal(refused) is R.UNSUPPORTED_PROTOCOL_VERSION


@pytest.mark.parametrize("raw", [b"", b"GET / HTTP/1.1\r\n\r\n", bytes(200), b"\x42\0\x78\1\0\0\0\0"])
async def test_what_is_no_message_is_refused_in_the_newest(exchange, raw):
    assert refusal(await ask(exchange, raw, V2_1)) is R.INVALID_MESSAGE


def message(count, *items, version=(1, 4)):
    """Make a message whose Batch Count is as it is told."""
    numbers = zip((Tag.PROTOCOL_VERSION_MAJOR, Tag.PROTOCOL_VERSION_MINOR), version, strict=True)
    spoken = structure(Tag.PROTOCOL_VERSION, *(integer(tag, number) for tag, number in numbers))
    head = structure(Tag.REQUEST_HEADER, spoken, integer(Tag.BATCH_COUNT, count))
    return structure(Tag.REQUEST_MESSAGE, head, *items)


ONE = structure(Tag.BATCH_ITEM, enumeration(Tag.OPERATION, Operation.DISCOVER_VERSIONS), structure(Tag.REQUEST_PAYLOAD))


@pytest.mark.parametrize(("count", "items"), [(0, 0), (1, 0), (0, 1), (2, 1), (1, 2), (-1, 1), (2**31 - 1, 1)])
async def test_a_wrong_batch_count_is_refused(exchange, count, items):
    assert refusal(await ask(exchange, message(count, *[ONE] * items), V1_4)) is R.INVALID_MESSAGE


async def test_more_items_than_the_server_takes_are_refused(exchange):
    assert len((await ask(exchange, message(10, *[ONE] * 10), V1_4)).batch_item) == 10
    assert refusal(await ask(exchange, message(11, *[ONE] * 11), V1_4)) is R.GENERAL_FAILURE
    refused = await ask(exchange, message(11, *[ONE] * 11, version=V2_1), V2_1)
    assert refusal(refused) is R.SERVER_LIMIT_EXCEEDED


async def test_items_that_have_the_same_identifier_are_told_alike(exchange):
    twin = item(Tag.UNIQUE_BATCH_ITEM_ID, 8, b"same")
    one = structure(
        Tag.BATCH_ITEM,
        enumeration(Tag.OPERATION, Operation.DISCOVER_VERSIONS),
        twin,
        structure(Tag.REQUEST_PAYLOAD),
    )
    response = await ask(exchange, message(2, one, one), V1_4)
    assert [each.unique_batch_item_id for each in response.batch_item] == [b"same", b"same"]


@pytest.mark.parametrize(
    ("version", "operation"),
    [(V1_0, Operation.DISCOVER_VERSIONS), (V1_4, Operation.PING), (V2_1, 0x80000001), (V2_0, 0xFFFFFFFF)],
)
async def test_an_operation_that_is_not_there_is_echoed(exchange, version, operation):
    one = structure(Tag.BATCH_ITEM, enumeration(Tag.OPERATION, operation), structure(Tag.REQUEST_PAYLOAD))
    (refused,) = (await ask(exchange, message(1, one, version=version), version)).batch_item
    assert (refused.operation, refused.result_reason) == (operation, R.OPERATION_NOT_SUPPORTED)


async def test_what_is_wrong_in_one_item_leaves_the_others(exchange):
    wrong = structure(
        Tag.BATCH_ITEM,
        enumeration(Tag.OPERATION, Operation.ACTIVATE),
        structure(Tag.REQUEST_PAYLOAD, text(Tag.NAME_VALUE, "?")),
    )
    response = await ask(exchange, message(3, ONE, wrong, ONE), V1_4)
    assert [each.result_reason for each in response.batch_item] == [None, R.INVALID_FIELD]


async def test_a_token_or_store_that_is_down_is_a_general_failure(exchange):
    response = await ask(exchange, request(V1_4, ACTIVATE, QUERY, batch_error_continuation_option=CONTINUE), V1_4)
    assert [each.result_reason for each in response.batch_item] == [R.GENERAL_FAILURE, None]


async def test_what_nobody_foresaw_is_told_by_a_number_alone():
    broken = Refusing(type("KeyError 4711", (Exception,), {}))
    with unforeseen() as found:
        response = await ask(Exchange(KmipConfig(), broken, broken, lambda: 0.0), request(V1_2, ACTIVATE), V1_2)
    (failed,) = response.batch_item
    assert failed.result_reason is R.GENERAL_FAILURE
    assert "4711" not in failed.result_message
    assert "4711" in found[0]


async def test_even_a_clock_that_breaks_is_answered():
    times = iter([TokenDown(), 1.0])

    def clock():
        now = next(times)
        if isinstance(now, Exception):
            raise ValueError
        return now

    with unforeseen() as found:
        raw = await Exchange(KmipConfig(), *down(), clock).answer(request(V1_2, QUERY), PEER)
    assert refusal(received(raw, V1_2)) is R.GENERAL_FAILURE
    assert len(found) == 1


@pytest.mark.parametrize("limit", [0, 1, 100, 2**31 - 1])
async def test_no_answer_is_larger_than_the_client_takes(exchange, limit):
    whole = await exchange.answer(request(V1_4, QUERY), PEER)
    response = await ask(exchange, request(V1_4, QUERY, maximum_response_size=limit), V1_4)
    (one,) = response.batch_item
    assert one.result_reason is (R.RESPONSE_TOO_LARGE if len(whole) > limit else None)
    assert one.operation == Operation.QUERY


async def test_the_largest_answer_makes_room_for_the_others(exchange):
    items = (DISCOVER, QUERY, DISCOVER)
    whole = await exchange.answer(request(V1_4, *items), PEER)
    response = await ask(exchange, request(V1_4, *items, maximum_response_size=len(whole) - 1), V1_4)
    assert [each.result_reason for each in response.batch_item] == [None, R.RESPONSE_TOO_LARGE, None]


@pytest.mark.parametrize(
    ("version", "sent", "told"),
    [
        (V1_2, None, (None, False)),
        (V1_4, None, (None, False)),
        (V1_4, "mine", ("mine", True)),
        (V2_1, None, (None, True)),
    ],
)
async def test_correlation_values(exchange, version, sent, told):
    named = {"client_correlation_value": sent} if sent else {}
    heads = [(await ask(exchange, request(version, QUERY, **named), version)).response_header for _ in range(2)]
    assert [(head.client_correlation_value, head.server_correlation_value is not None) for head in heads] == [told] * 2
    assert not told[1] or heads[0].server_correlation_value != heads[1].server_correlation_value


def test_versions_compare_in_their_order():
    assert list(SUPPORTED) == sorted(SUPPORTED, reverse=True)
    assert str(Version(1, 4)) == "1.4"
