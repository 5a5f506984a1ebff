"""Asynchronous requests: held, begun, polled, canceled, listed, taken over (KMIP 2.1 section 9.1)."""

import asyncio
import random
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from msgspec.structs import replace

from gateway import asynchronous
from gateway.access.roles import ANY, Role
from gateway.config import KmipConfig
from gateway.errors import TokenDown
from gateway.exchange import Exchange
from gateway.kmip.enums import (
    AsynchronousIndicator,
    BatchErrorContinuationOption,
    BlockCipherMode,
    CancellationResult,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    ObjectType,
    Operation,
    ProcessingStage,
    ResultReason,
    ResultStatus,
    UsageLimitsUnit,
)
from gateway.kmip.objects import OpaqueObject
from gateway.kmip.policy import Objects, Operations, Right, Rights
from gateway.kmip.structure import Attribute, DateTime, Interval, LongInteger, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, UsageLimits
from gateway.kmip.version import SUPPORTED, V1_0, V1_2, V1_4, V2_0, V2_1
from gateway.operations.activate import ActivateRequest
from gateway.operations.cancel import CancelRequest
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.delegated_login import DelegatedLoginRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.discover_versions import DiscoverVersionsRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.export import ExportRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.login import LoginRequest
from gateway.operations.logout import LogoutRequest
from gateway.operations.poll import PollRequest
from gateway.operations.process import ProcessRequest
from gateway.operations.query_asynchronous_requests import (
    AsynchronousCorrelationValues,
    QueryAsynchronousRequestsRequest,
)
from gateway.operations.re_key import ReKeyRequest
from gateway.operations.register import RegisterRequest
from gateway.pending import REQUEST, RESULT
from gateway.store.api import Change, Custody, Stage
from gateway.store.grants import Lent
from gateway.store.sqlite import open_store
from tests.operations.conftest import KEPT, Gateway
from tests.operations.making import make, names
from tests.operations.test_grants import lend, take_back
from tests.operations.test_tickets import shown
from tests.support.messages import received, request

O, R, S, C = Operation, ResultReason, ResultStatus, CancellationResult  # noqa: E741
A, M = CryptographicAlgorithm, CryptographicUsageMask
UNKNOWN = {
    version: R.ITEM_NOT_FOUND if version < V2_0 else R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE for version in SUPPORTED
}


def key(algorithm=A.AES, bits=128, *more):
    return (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, algorithm),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, bits),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT),
        *more,
    )


CREATE = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=key())
PAIR = CreateKeyPairRequest(common_attributes=key(A.RSA, 2048))


def later(version):
    return {"asynchronous_indicator": True if version < V2_0 else AsynchronousIndicator.MANDATORY}


async def items(client, version, *asked, **header):
    """Send a message and give the batch items as they came."""
    raw = await client.exchange.answer(request(version, *asked, **header), client._peer)
    return received(raw, version).batch_item


async def pend(client, operation, payload, version=V2_1, **header):
    """Ask for an operation asynchronously, and give the correlation value."""
    (item,) = await items(client, version, (operation, payload), **(later(version) | header))
    assert (item.operation, item.result_status, item.response_payload) == (operation, S.OPERATION_PENDING, None), item
    return item.asynchronous_correlation_value


async def polled(client, value, version=V2_1, **header):
    """Poll once, and give the answer; its payload is decoded as that of the operation which it is of."""
    (answer,) = await client.ask(version, (O.POLL, PollRequest(asynchronous_correlation_value=value)), **header)
    return answer


async def canceled(client, value, version=V2_1):
    payload = await client.one(version, O.CANCEL, CancelRequest(asynchronous_correlation_value=value))
    assert payload.asynchronous_correlation_value == value
    return payload.cancellation_result


async def listed(client, **fields):
    payload = await client.one(V2_1, O.QUERY_ASYNCHRONOUS_REQUESTS, QueryAsynchronousRequestsRequest(**fields))
    return [(each.asynchronous_correlation_value, each.processing_stage) for each in payload.asynchronous_request]


async def objects(client):
    return list((await client.one(V2_1, O.LOCATE, LocateRequest())).unique_identifier)


async def until(condition):
    for _ in range(500):
        if await condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to pass")


# The verb that makes a secret key, where these tests have their keys.
MAKES = "generate_wrapped" if KEPT is Custody.WRAPPED else "generate_key"


class Gate:
    """A token that waits before a verb, or after it, until it is opened; everything else is the real token's."""

    def __init__(self, token, verb, *, after=False):
        self._token, self._verb, self._after = token, verb, after
        self.opened, self.reached, self.calls = asyncio.Event(), asyncio.Event(), []

    def __getattr__(self, name):
        real = getattr(self._token, name)
        if name != self._verb:
            return real

        async def gated(*arguments):
            self.calls.append(arguments)
            self.reached.set()
            if not self._after:
                await self.opened.wait()
            result = await real(*arguments)
            if self._after:
                await self.opened.wait()
            return result

        return gated


@asynccontextmanager
async def served(token, path, clock, config=None):
    """A front end with a store of its own on the database at `path`."""
    store = open_store(path)
    exchange = Exchange(config or KmipConfig(custody=KEPT.value), store, token, clock)
    try:
        yield Gateway(exchange, clock, store, token)
    finally:
        await exchange.requests.close()
        await store.close()


@pytest.fixture
def path(store, tmp_path):
    """The database that the store of the gateway has open."""
    return tmp_path / "gateway.sqlite"


# --- asked for and polled


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_a_poll_is_answered_as_the_request_once(gateway, version):
    value = await pend(gateway, O.CREATE, CREATE, version)
    assert await objects(gateway) == []
    (item,) = await items(gateway, version, (O.POLL, PollRequest(asynchronous_correlation_value=value)))
    assert (item.operation, item.result_status, item.asynchronous_correlation_value) == (O.CREATE, S.SUCCESS, None)
    assert len(await objects(gateway)) == 1
    again = await polled(gateway, value, version)
    assert (again.status, again.reason) == (S.OPERATION_FAILED, UNKNOWN[version])


async def test_a_request_begins_by_itself_in_a_while(gateway, monkeypatch):
    monkeypatch.setattr(asynchronous, "START_AFTER_S", 0.01)
    value = await pend(gateway, O.CREATE, CREATE)

    async def done():
        return await listed(gateway) == [(value, ProcessingStage.COMPLETED)]

    await until(done)
    assert [(await polled(gateway, value)).payload.unique_identifier] == await objects(gateway)


async def test_a_failure_is_told_by_poll(gateway):
    value = await pend(gateway, O.GET, GetRequest(unique_identifier="nobody's"))
    answer = await polled(gateway, value)
    assert (answer.status, answer.reason) == (S.OPERATION_FAILED, R.OBJECT_NOT_FOUND)
    assert "nobody's" in answer.message


async def test_what_is_malformed_is_refused_at_once(gateway):
    (item,) = await items(gateway, V2_1, (O.CREATE, DestroyRequest(unique_identifier="x")), **later(V2_1))
    assert (item.result_status, item.result_reason) == (S.OPERATION_FAILED, R.INVALID_FIELD)
    assert await listed(gateway) == []


@pytest.mark.parametrize("indicator", [None, AsynchronousIndicator.PROHIBITED, AsynchronousIndicator.OPTIONAL])
async def test_who_does_not_insist_is_answered_at_once(gateway, indicator):
    (answer,) = await gateway.ask(V2_1, (O.CREATE, CREATE), asynchronous_indicator=indicator)
    assert answer.status is S.SUCCESS


async def test_where_the_client_leaves_it_to_the_server_a_key_pair_is_made_meanwhile(gateway):
    value = await pend(gateway, O.CREATE_KEY_PAIR, PAIR, asynchronous_indicator=AsynchronousIndicator.OPTIONAL)
    answer = await polled(gateway, value)
    while answer.status is S.OPERATION_PENDING:
        answer = await polled(gateway, value)
    made = answer.payload
    assert {made.private_key_unique_identifier, made.public_key_unique_identifier} == set(await objects(gateway))


@pytest.mark.parametrize(
    ("operation", "payload"),
    [
        (O.POLL, PollRequest(asynchronous_correlation_value=b"?")),
        (O.CANCEL, CancelRequest(asynchronous_correlation_value=b"?")),
        (O.PROCESS, ProcessRequest(asynchronous_correlation_value=b"?")),
        (O.QUERY_ASYNCHRONOUS_REQUESTS, QueryAsynchronousRequestsRequest()),
        (O.DISCOVER_VERSIONS, DiscoverVersionsRequest()),
    ],
)
async def test_some_operations_are_never_asynchronous(gateway, operation, payload):
    (answer,) = await gateway.ask(V2_1, (operation, payload), **later(V2_1))
    assert (answer.status, answer.reason) == (S.OPERATION_FAILED, R.FEATURE_NOT_SUPPORTED)


async def test_a_client_of_1x_that_could_wait_need_not(gateway):
    (answer,) = await gateway.ask(V1_2, (O.DISCOVER_VERSIONS, DiscoverVersionsRequest()), **later(V1_2))
    assert answer.status is S.SUCCESS


async def test_in_a_batch_of_1x_a_later_item_finds_what_one_before_it_made(gateway):
    told = await gateway.ask(V1_2, (O.CREATE, CREATE), (O.ACTIVATE, ActivateRequest()), **later(V1_2))
    assert [answer.status for answer in told] == [S.SUCCESS, S.SUCCESS]


async def test_a_result_is_given_in_the_version_that_it_was_asked_for_in(gateway):
    value = await pend(gateway, O.CREATE, CREATE, V2_1)
    assert (await polled(gateway, value, V1_2)).reason is R.ITEM_NOT_FOUND
    assert (await polled(gateway, value, V2_0)).reason is R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE
    assert (await polled(gateway, value, V2_1)).status is S.SUCCESS


async def test_a_result_that_is_too_large_for_a_client_is_kept(gateway):
    for number in range(20):
        await make(gateway, *names(f"object {number}"))
    value = await pend(gateway, O.LOCATE, LocateRequest())
    answer = await polled(gateway, value, maximum_response_size=400)
    assert (answer.status, answer.reason) == (S.OPERATION_FAILED, R.RESPONSE_TOO_LARGE)
    assert len((await polled(gateway, value)).payload.unique_identifier) == 20


async def test_of_polls_at_the_same_time_one_has_the_result(gateway):
    value = await pend(gateway, O.CREATE, CREATE)
    told = await asyncio.gather(*(polled(gateway, value) for _ in range(5)))
    assert sorted(each.status for each in told) == [S.SUCCESS, *[S.OPERATION_FAILED] * 4]
    assert len(await objects(gateway)) == 1


async def test_what_is_still_carried_out_is_pending(gateway, token, path, clock, monkeypatch):
    monkeypatch.setattr("gateway.operations.poll.PATIENCE_S", 0.05)
    gate = Gate(token, MAKES)
    async with served(gate, path, clock) as front_end:
        value = await pend(front_end, O.CREATE, CREATE, V1_4)
        (item,) = await items(front_end, V1_4, (O.POLL, PollRequest(asynchronous_correlation_value=value)))
        assert (item.operation, item.result_status) == (O.CREATE, S.OPERATION_PENDING)
        assert item.asynchronous_correlation_value == value
        assert await listed(front_end) == [(value, ProcessingStage.IN_PROCESS)]
        gate.opened.set()
        assert (await polled(front_end, value, V1_4)).status is S.SUCCESS


async def test_many_polls_in_one_message_wait_no_longer_than_a_message_may(gateway, token, path, clock, monkeypatch):
    monkeypatch.setattr("gateway.items.MAX_PATIENCE_S", 0.2)
    gate = Gate(token, MAKES)
    async with served(gate, path, clock) as front_end:
        values = [await pend(front_end, O.CREATE, CREATE) for _ in range(8)]
        start = asyncio.get_running_loop().time()
        asked = [(O.POLL, PollRequest(asynchronous_correlation_value=value)) for value in values]
        told = await items(front_end, V2_1, *asked)
        assert asyncio.get_running_loop().time() - start < 1.5
        assert {item.result_status for item in told} == {S.OPERATION_PENDING}
        gate.opened.set()


# --- Process, Cancel, Query Asynchronous Requests


async def test_process_begins_at_once(gateway):
    value = await pend(gateway, O.CREATE, CREATE)
    assert await listed(gateway) == [(value, ProcessingStage.SUBMITTED)]
    payload = await gateway.one(V2_1, O.PROCESS, ProcessRequest(asynchronous_correlation_value=value))
    assert payload.asynchronous_correlation_value == value
    assert await listed(gateway) == [(value, ProcessingStage.COMPLETED)]
    assert (await polled(gateway, value)).status is S.SUCCESS
    assert await listed(gateway) == []


async def test_requests_are_listed_by_value_and_by_operation(gateway):
    first, second = await pend(gateway, O.CREATE, CREATE), await pend(gateway, O.LOCATE, LocateRequest())
    assert [value for value, _ in await listed(gateway)] == [first, second]
    wanted = AsynchronousCorrelationValues(asynchronous_correlation_value=(second, b"unknown"))
    assert [value for value, _ in await listed(gateway, asynchronous_correlation_values=wanted)] == [second]
    assert [value for value, _ in await listed(gateway, operations=Operations(operation=(O.CREATE,)))] == [first]
    assert await listed(gateway, asynchronous_correlation_values=AsynchronousCorrelationValues()) == []


async def test_what_was_not_begun_is_canceled(gateway):
    value = await pend(gateway, O.CREATE, CREATE)
    assert await canceled(gateway, value) is C.CANCELED
    assert (await polled(gateway, value)).reason is R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE
    assert await objects(gateway) == [] == await listed(gateway)


async def test_a_result_can_be_polled_though_it_came_before_cancel(gateway):
    good, bad = await pend(gateway, O.CREATE, CREATE), await pend(gateway, O.GET, GetRequest(unique_identifier="x"))
    for value in (good, bad):
        await gateway.one(V2_1, O.PROCESS, ProcessRequest(asynchronous_correlation_value=value))
    assert (await canceled(gateway, good), await canceled(gateway, bad)) == (C.COMPLETED, C.FAILED)
    assert (await polled(gateway, good)).status is S.SUCCESS


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_a_value_that_nobody_gave_cannot_be_canceled(gateway, version):
    if version < V2_0:
        assert await canceled(gateway, b"made up", version) is C.UNAVAILABLE
    else:
        asked = CancelRequest(asynchronous_correlation_value=b"made up")
        assert await gateway.refused(version, O.CANCEL, asked) is R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE


async def test_what_is_canceled_while_the_token_is_at_it_leaves_nothing(gateway, token, path, clock):
    gate = Gate(token, MAKES)
    async with served(gate, path, clock) as front_end:
        value = await pend(front_end, O.CREATE, CREATE)
        polling = asyncio.create_task(polled(front_end, value))
        await gate.reached.wait()
        assert await canceled(front_end, value) is C.CANCELED
        gate.opened.set()
        assert (await polling).reason is R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE
        assert await objects(front_end) == []
        ((ref, *_),) = gate.calls
        assert await token.find([ref.cka_id]) == []


async def test_what_has_changed_an_object_cannot_be_canceled(gateway, token, path, clock):
    gate = Gate(token, "destroy")
    async with served(gate, path, clock, KmipConfig(custody="token")) as front_end:
        made = await front_end.one(V2_1, O.CREATE, CREATE)
        value = await pend(front_end, O.DESTROY, DestroyRequest(unique_identifier=made.unique_identifier))
        polling = asyncio.create_task(polled(front_end, value))
        await gate.reached.wait()
        assert await canceled(front_end, value) is C.UNABLE_TO_CANCEL
        gate.opened.set()
        assert (await polling).payload.unique_identifier == made.unique_identifier


async def test_another_client_does_not_know_of_it(gateway):
    value, other = await pend(gateway, O.CREATE, CREATE), gateway.other
    assert (await polled(other, value)).reason is R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE
    for operation, payload in (
        (O.PROCESS, ProcessRequest(asynchronous_correlation_value=value)),
        (O.CANCEL, CancelRequest(asynchronous_correlation_value=value)),
    ):
        assert await other.refused(V2_1, operation, payload) is R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE
    assert await canceled(other, value, V1_0) is C.UNAVAILABLE
    assert await listed(other) == []
    assert await listed(gateway) == [(value, ProcessingStage.SUBMITTED)]
    assert (await polled(gateway, value)).payload.unique_identifier in await objects(gateway)
    assert await objects(other) == []


# --- in a batch


async def test_each_item_of_a_batch_has_a_value_and_keeps_its_name(gateway):
    told = await items(gateway, V2_1, (O.CREATE, CREATE), (O.LOCATE, LocateRequest()), **later(V2_1))
    assert [item.operation for item in told] == [O.CREATE, O.LOCATE]
    values = [item.asynchronous_correlation_value for item in told]
    assert len(set(values)) == 2
    (item,) = await items(gateway, V2_1, (O.POLL, PollRequest(asynchronous_correlation_value=values[1])))
    assert item.unique_batch_item_id == told[1].unique_batch_item_id
    both = await items(gateway, V2_1, *[(O.POLL, PollRequest(asynchronous_correlation_value=values[0]))] * 2)
    assert [item.result_status for item in both] == [S.SUCCESS, S.OPERATION_FAILED]
    assert all(one.unique_batch_item_id != other.unique_batch_item_id for one, other in pairwise(both))


async def test_of_a_batch_that_is_undone_nothing_is_begun(gateway, monkeypatch):
    monkeypatch.setattr(asynchronous, "START_AFTER_S", 0.0)
    told = await items(
        gateway,
        V2_1,
        (O.CREATE, CREATE),
        (O.CREATE, DestroyRequest(unique_identifier="x")),
        batch_error_continuation_option=BatchErrorContinuationOption.UNDO,
        **later(V2_1),
    )
    assert [item.result_status for item in told] == [S.OPERATION_UNDONE, S.OPERATION_FAILED]
    assert {item.asynchronous_correlation_value for item in told} == {None}
    await asyncio.sleep(0.1)
    assert await listed(gateway) == [] == await objects(gateway)


async def test_a_batch_with_undo_that_succeeds_is_begun(gateway, monkeypatch):
    monkeypatch.setattr(asynchronous, "START_AFTER_S", 0.0)
    undo = {"batch_error_continuation_option": BatchErrorContinuationOption.UNDO}
    told = await items(gateway, V2_1, (O.CREATE, CREATE), (O.CREATE, CREATE), **undo, **later(V2_1))
    assert {item.result_status for item in told} == {S.OPERATION_PENDING}

    async def done():
        return len(await objects(gateway)) == 2

    await until(done)


@pytest.mark.parametrize("operation", [O.POLL, O.CANCEL, O.PROCESS])
async def test_what_is_done_with_a_request_is_undone_with_its_batch(gateway, operation):
    value = await pend(gateway, O.CREATE, CREATE)
    asked = {O.POLL: PollRequest, O.CANCEL: CancelRequest, O.PROCESS: ProcessRequest}[operation]
    told = await items(
        gateway,
        V2_1,
        (operation, asked(asynchronous_correlation_value=value)),
        (O.GET, GetRequest(unique_identifier="x")),
        batch_error_continuation_option=BatchErrorContinuationOption.UNDO,
    )
    assert [item.result_status for item in told] == [S.OPERATION_UNDONE, S.OPERATION_FAILED]
    stage = ProcessingStage.COMPLETED if operation is O.POLL else ProcessingStage.SUBMITTED
    assert await listed(gateway) == [(value, stage)]
    assert (await polled(gateway, value)).payload.unique_identifier in await objects(gateway)


# --- bounds and secrets


class TestFew:
    @pytest.fixture
    def kmip_config(self):
        return KmipConfig(custody=KEPT.value, max_asynchronous_requests=2, asynchronous_result_lifetime_s=60)

    async def test_a_client_has_so_many_requests_and_no_more(self, gateway):
        first = await pend(gateway, O.CREATE, CREATE)
        await pend(gateway, O.CREATE, CREATE)
        (item,) = await items(gateway, V2_1, (O.CREATE, CREATE), **later(V2_1))
        assert (item.result_status, item.result_reason) == (S.OPERATION_FAILED, R.SERVER_LIMIT_EXCEEDED)
        (answer,) = await gateway.ask(V1_2, (O.CREATE, CREATE), **later(V1_2))
        assert answer.status is S.SUCCESS, "a client of 1.x need not be refused: it bears an answer at once too"
        await pend(gateway.other, O.CREATE, CREATE)
        await polled(gateway, first)
        await pend(gateway, O.CREATE, CREATE)

    async def test_a_result_that_nobody_fetches_goes_in_time(self, gateway):
        done, waiting = await pend(gateway, O.CREATE, CREATE), await pend(gateway, O.CREATE, CREATE)
        await gateway.one(V2_1, O.PROCESS, ProcessRequest(asynchronous_correlation_value=done))
        gateway.clock.now += 59
        await gateway.exchange.requests.sweep()
        assert len(await listed(gateway)) == 2
        gateway.clock.now += 2
        gateway.exchange.requests._next_expiry = 0.0
        await gateway.exchange.requests.sweep()
        assert [value for value, _ in await listed(gateway)] == [waiting]


async def test_what_is_kept_of_a_client_is_bounded_in_bytes(gateway, monkeypatch):
    monkeypatch.setattr(asynchronous, "MAX_HELD_BYTES", 2000)
    for number in range(60):
        await make(gateway, *names(f"object {number}"))
    value = await pend(gateway, O.LOCATE, LocateRequest())
    answer = await polled(gateway, value)
    assert (answer.status, answer.reason) == (S.OPERATION_FAILED, R.RESPONSE_TOO_LARGE)
    large = LocateRequest(attributes=names(*("x" * 100 for _ in range(40))))
    (item,) = await items(gateway, V2_1, (O.LOCATE, large), **later(V2_1))
    assert (item.result_status, item.result_reason) == (S.OPERATION_FAILED, R.SERVER_LIMIT_EXCEEDED)


async def test_keys_in_results_are_sealed(gateway, tmp_path):
    made = await gateway.one(V2_1, O.CREATE, CREATE)
    value = await pend(gateway, O.GET, GetRequest(unique_identifier=made.unique_identifier))
    await gateway.one(V2_1, O.PROCESS, ProcessRequest(asynchronous_correlation_value=value))
    kept = b"".join(each.read_bytes() for each in tmp_path.glob("gateway.sqlite*"))
    material = (await polled(gateway, value)).payload.symmetric_key.key_block.key_value.key_material
    assert len(material) == 16
    assert value in kept and material not in kept


async def finished(client, operation, payload):
    """Ask for an operation asynchronously and have it carried out; give the correlation value."""
    value = await pend(client, operation, payload)
    await client.one(V2_1, O.PROCESS, ProcessRequest(asynchronous_correlation_value=value))
    assert (await client.store.held(value)).stage is Stage.COMPLETED
    return value


async def test_a_result_is_given_only_as_long_as_it_might_be_asked_for(gateway):
    """What was lent, the right to fetch keys, and the key itself may be gone when the client comes for it."""
    made = (await gateway.one(V2_1, O.CREATE, CREATE)).unique_identifier
    await lend(gateway, Lent.OBJECT, made, "Get", "GetAttributes")
    get, attributes = GetRequest(unique_identifier=made), GetAttributesRequest(unique_identifier=made)
    values = [await finished(gateway.other, *each) for each in ((O.GET, get), (O.GET_ATTRIBUTES, attributes))]
    await take_back(gateway, Lent.OBJECT, made, "Get", "GetAttributes")
    for value in values:
        assert (await polled(gateway.other, value)).reason is R.OBJECT_NOT_FOUND
    await lend(gateway, Lent.OBJECT, made, "GetAttributes")
    assert (await polled(gateway.other, values[0])).reason is R.OBJECT_NOT_FOUND
    assert (await polled(gateway.other, values[1])).status is S.SUCCESS
    mine, later_on = [await finished(gateway, O.GET, get) for _ in range(2)]
    none_leaves = Role(name="x", operations=ANY, object_types=ANY, algorithms=ANY, extractable="both", export=False)
    assert (await polled(gateway.client("cert:a", none_leaves), mine)).reason is R.NOT_AUTHORIZED
    assert (await polled(gateway, mine)).status is S.SUCCESS
    await gateway.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier=made))
    assert (await polled(gateway, later_on)).reason is R.OBJECT_DESTROYED
    exported = await finished(gateway, O.EXPORT, ExportRequest(unique_identifier=made))
    assert (await polled(gateway, exported)).reason is R.OBJECT_DESTROYED  # in the second in which it was destroyed
    gateway.clock.now += 2
    exported = await finished(gateway, O.EXPORT, ExportRequest(unique_identifier=made))
    assert (await polled(gateway, exported)).payload.symmetric_key is None


async def test_keys_in_requests_are_sealed(gateway, tmp_path):
    material = b"what nobody else may see"
    opaque = OpaqueObject(opaque_data_type=OpenEnumeration(0x80000001), opaque_data_value=material)
    value = await pend(gateway, O.REGISTER, RegisterRequest(object_type=ObjectType.OPAQUE_OBJECT, opaque_object=opaque))
    kept = b"".join(each.read_bytes() for each in tmp_path.glob("gateway.sqlite*"))
    assert value in kept and material not in kept
    registered = (await polled(gateway, value)).payload.unique_identifier
    got = await gateway.one(V2_1, O.GET, GetRequest(unique_identifier=registered))
    assert got.opaque_object.opaque_data_value == material


async def test_a_client_has_few_requests_under_way_at_once(gateway, token, path, clock):
    gate = Gate(token, MAKES)
    async with served(gate, path, clock) as front_end:
        values = [await pend(front_end, O.CREATE, CREATE) for _ in range(5)]
        polls = [asyncio.create_task(polled(front_end, value)) for value in values]
        await gate.reached.wait()
        await asyncio.sleep(0.1)
        assert len(gate.calls) == asynchronous.MAX_RUNNING_OF_ONE
        gate.opened.set()
        assert {answer.status for answer in await asyncio.gather(*polls)} == {S.SUCCESS}


@pytest.mark.allow("ecb")
async def test_usage_limits_are_exact(gateway):
    limits = UsageLimits(usage_limits_total=LongInteger(3), usage_limits_unit=UsageLimitsUnit.OBJECT)
    parameters = CryptographicParameters(block_cipher_mode=BlockCipherMode.ECB)
    limited = key(
        A.AES,
        128,
        Attribute(Tag.USAGE_LIMITS, limits),
        Attribute(Tag.ACTIVATION_DATE, DateTime(1)),
        Attribute(Tag.CRYPTOGRAPHIC_PARAMETERS, parameters),
    )
    create = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=limited)
    made = await gateway.one(V2_1, O.CREATE, create)
    encrypt = EncryptRequest(unique_identifier=made.unique_identifier, data=bytes(16))
    values = [await pend(gateway, O.ENCRYPT, encrypt) for _ in range(5)]
    told = await asyncio.gather(*(polled(gateway, value) for value in values))
    assert sorted(answer.status for answer in told) == [S.SUCCESS] * 3 + [S.OPERATION_FAILED] * 2
    assert len({answer.payload.data for answer in told if answer.payload}) == 1


async def test_of_cancel_and_poll_at_the_same_time_one_wins(gateway):
    for _ in range(10):
        value = await pend(gateway, O.CREATE, CREATE)
        before = await objects(gateway)
        answer, result = await asyncio.gather(polled(gateway, value), canceled_or_gone(gateway, value))
        new = set(await objects(gateway)) - set(before)
        if result is C.CANCELED:
            assert (answer.reason, new) == (R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE, set())
        else:
            assert answer.payload.unique_identifier in new


async def canceled_or_gone(client, value):
    (answer,) = await client.ask(V1_4, (O.CANCEL, CancelRequest(asynchronous_correlation_value=value)))
    return answer.payload.cancellation_result


# --- asked for by a ticket


async def delegated(client, *operations):
    """Give a ticket for operations on whatever objects."""
    right = Right(operations=Operations(operation=operations))
    asked = DelegatedLoginRequest(lease_time=Interval(60), rights=Rights(right=(right,)))
    return (await client.one(V2_1, O.DELEGATED_LOGIN, asked)).ticket


async def test_a_ticket_sees_what_was_asked_for_by_it_alone(gateway):
    made = await gateway.one(V2_1, O.CREATE, CREATE)
    value = await pend(gateway, O.GET, GetRequest(unique_identifier=made.unique_identifier))
    ticket = await delegated(gateway, O.POLL, O.CANCEL, O.PROCESS, O.QUERY_ASYNCHRONOUS_REQUESTS, O.LOCATE)
    for operation, payload in (
        (O.POLL, PollRequest(asynchronous_correlation_value=value)),
        (O.PROCESS, ProcessRequest(asynchronous_correlation_value=value)),
        (O.CANCEL, CancelRequest(asynchronous_correlation_value=value)),
    ):
        (answer,) = await gateway.other.ask(V2_1, (operation, payload), **shown(ticket))
        assert answer.reason is R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE
    own = await pend(gateway.other, O.LOCATE, LocateRequest(), **shown(ticket))
    asked = O.QUERY_ASYNCHRONOUS_REQUESTS, QueryAsynchronousRequestsRequest()
    (answer,) = await gateway.other.ask(V2_1, asked, **shown(ticket))
    assert [each.asynchronous_correlation_value for each in answer.payload.asynchronous_request] == [own]
    answer = await polled(gateway.other, own, **shown(ticket))
    assert list(answer.payload.unique_identifier) == [made.unique_identifier]
    assert (await polled(gateway, value)).status is S.SUCCESS


async def test_what_a_ticket_does_not_allow_is_not_done_later_either(gateway):
    made, other = await gateway.one(V2_1, O.CREATE, CREATE), await gateway.one(V2_1, O.CREATE, CREATE)
    right = Right(objects=Objects(unique_identifier=(made.unique_identifier,)))
    asked = DelegatedLoginRequest(lease_time=Interval(60), rights=Rights(right=(right,)))
    ticket = (await gateway.one(V2_1, O.DELEGATED_LOGIN, asked)).ticket
    for uid, status in ((made.unique_identifier, S.SUCCESS), (other.unique_identifier, S.OPERATION_FAILED)):
        value = await pend(gateway.other, O.GET, GetRequest(unique_identifier=uid), **shown(ticket))
        assert (await polled(gateway.other, value, **shown(ticket))).status is status


async def test_what_was_asked_for_by_a_ticket_that_is_over_is_not_done(gateway):
    ticket = (await gateway.one(V2_1, O.LOGIN, LoginRequest(lease_time=Interval(60)))).ticket
    late, out = [await pend(gateway, O.CREATE, CREATE, **shown(ticket)) for _ in range(2)]
    gateway.clock.now += 61
    answer = await polled(gateway, late)
    assert (answer.status, answer.reason) == (S.OPERATION_FAILED, R.INVALID_TICKET)
    gateway.clock.now -= 61
    await gateway.one(V2_1, O.LOGOUT, LogoutRequest(ticket=ticket))
    assert (await polled(gateway, out)).reason is R.INVALID_TICKET
    assert await objects(gateway) == []


async def test_the_last_request_of_a_ticket_may_be_asynchronous(gateway):
    asked = LoginRequest(lease_time=Interval(60), request_count=1)
    ticket = (await gateway.one(V2_1, O.LOGIN, asked)).ticket
    value = await pend(gateway, O.CREATE, CREATE, **shown(ticket))
    assert (await polled(gateway, value)).payload.unique_identifier in await objects(gateway)


# --- several front ends, and dead ones


async def test_any_front_end_begins_and_answers_what_came_to_another(gateway, token, path, clock):
    async with served(token, path, clock) as another:
        value = await pend(gateway, O.CREATE, CREATE)
        answer = await polled(another, value)
        assert [answer.payload.unique_identifier] == await objects(gateway)
        assert (await polled(gateway, value)).reason is R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE


async def test_a_poll_waits_for_what_another_front_end_carries_out(gateway, token, path, clock):
    gate = Gate(token, MAKES)
    async with served(gate, path, clock) as another:
        value = await pend(another, O.CREATE, CREATE)
        begun = asyncio.create_task(polled(another, value))
        await gate.reached.wait()
        polling = asyncio.create_task(polled(gateway, value))
        await asyncio.sleep(0.1)
        gate.opened.set()
        told = [await begun, await polling]
        assert sorted(answer.status for answer in told) == [S.SUCCESS, S.OPERATION_FAILED]
        assert len(await objects(gateway)) == 1


async def followed(chance, front_ends, value):
    """Ask whichever front end for whatever may be asked of a request, until it has ended; give its result if any."""
    while True:
        client = chance.choice(front_ends)
        match chance.choice(("process", "poll", "poll", "cancel", "sweep")):
            case "process":
                await client.ask(V2_1, (O.PROCESS, ProcessRequest(asynchronous_correlation_value=value)))
            case "cancel":
                if chance.random() < 0.3 and await canceled_or_gone(client, value) is C.CANCELED:
                    assert (await polled(client, value)).reason is R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE
                    return None
            case "sweep":
                await client.exchange.requests.sweep()
            case "poll":
                answer = await polled(client, value)
                if answer.status is not S.OPERATION_PENDING:
                    assert answer.status is S.SUCCESS, answer
                    return answer.payload.unique_identifier


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_asked_of_them_requests_are_done_once_or_never(gateway, token, path, clock, seed):
    chance = random.Random(seed)
    async with served(token, path, clock) as one, served(token, path, clock) as two:
        values = [await pend(chance.choice((one, two)), O.CREATE, CREATE) for _ in range(30)]
        told = await asyncio.gather(*(followed(chance, (one, two, gateway), value) for value in values))
    assert await listed(gateway) == []
    assert sorted(filter(None, told)) == sorted(await objects(gateway))
    assert 0 < len(await objects(gateway)) < len(values)


async def test_a_later_item_of_a_batch_does_not_see_what_an_earlier_one_will_make(gateway):
    told = await items(gateway, V2_1, (O.CREATE, CREATE), (O.ACTIVATE, ActivateRequest()), **later(V2_1))
    for item, reason in zip(told, (None, R.OBJECT_NOT_FOUND), strict=True):
        assert (await polled(gateway, item.asynchronous_correlation_value)).reason is reason


async def test_who_lives_keeps_its_requests(gateway, token, path, clock):
    async with served(token, path, clock) as another:
        await pend(another, O.CREATE, CREATE)
        await gateway.exchange.requests.sweep()
        assert await objects(gateway) == []


async def left_behind(token, path, clock, operation, payload, *, committed=False, monkeypatch=None, before=None):
    """Have a front end die at a request: before it has committed anything, or after it has committed all of it."""
    gate = Gate(token, MAKES if operation is O.CREATE else "generate_key_pair")
    if committed:
        gate.opened.set()
    async with served(gate, path, clock) as dying:
        asked = payload if before is None else await before(dying)
        if committed:

            async def never(*_):
                await asyncio.Event().wait()

            monkeypatch.setattr(dying.exchange.requests, "_end", never)
        value = await pend(dying, operation, asked)
        dying.exchange.requests.begin(await dying.store.held(value))

        async def far_enough():
            held = await dying.store.held(value)
            return bool(held.changes) if committed else gate.reached.is_set()

        await until(far_enough)
        monkeypatch.setattr(asynchronous, "CLOSE_S", 0.01)
        monkeypatch.setattr(dying.exchange.requests, "_give_back", nothing)  # as if it was killed
    return value


async def nothing(*_):
    pass


async def test_what_nobody_had_begun_is_begun_after_a_restart(gateway, token, path, clock):
    async with served(token, path, clock) as dying:
        value = await pend(dying, O.CREATE, CREATE)
    await gateway.exchange.requests.sweep()

    async def done():
        return len(await objects(gateway)) == 1

    await until(done)
    assert [(await polled(gateway, value)).payload.unique_identifier] == await objects(gateway)


async def test_a_gateway_may_be_stopped_as_often_as_one_likes(gateway, token, path, clock, monkeypatch):
    monkeypatch.setattr(asynchronous, "CLOSE_S", 0.01)
    value = b""
    for _ in range(asynchronous.MAX_BEGUN + 1):
        gate = Gate(token, MAKES)
        async with served(gate, path, clock) as stopping:
            value = value or await pend(stopping, O.CREATE, CREATE)
            await stopping.exchange.requests.sweep()
            stopping.exchange.requests.begin(await stopping.store.held(value))
            await gate.reached.wait()
    assert await listed(gateway) == [(value, ProcessingStage.SUBMITTED)]
    assert [(await polled(gateway, value)).payload.unique_identifier] == await objects(gateway)


@pytest.mark.parametrize(("operation", "payload", "made"), [(O.CREATE, CREATE, 1), (O.CREATE_KEY_PAIR, PAIR, 2)])
async def test_what_had_done_nothing_is_begun_anew(gateway, token, path, clock, monkeypatch, operation, payload, made):
    value = await left_behind(token, path, clock, operation, payload, monkeypatch=monkeypatch)
    assert await listed(gateway) == [(value, ProcessingStage.IN_PROCESS)]
    await gateway.exchange.requests.sweep()
    answer = await polled(gateway, value)
    while answer.status is S.OPERATION_PENDING:
        answer = await polled(gateway, value)
    assert answer.status is S.SUCCESS
    assert len(await objects(gateway)) == made


async def test_what_was_done_is_answered_so_and_not_done_twice(gateway, token, path, clock, monkeypatch):
    value = await left_behind(token, path, clock, O.CREATE, CREATE, committed=True, monkeypatch=monkeypatch)
    await gateway.exchange.requests.sweep()
    answer = await polled(gateway, value)
    assert answer.payload.object_type is ObjectType.SYMMETRIC_KEY
    assert [answer.payload.unique_identifier] == await objects(gateway)


async def test_a_pair_that_was_made_is_told_by_its_halves(gateway, token, path, clock, monkeypatch):
    value = await left_behind(token, path, clock, O.CREATE_KEY_PAIR, PAIR, committed=True, monkeypatch=monkeypatch)
    await gateway.exchange.requests.sweep()
    made = (await polled(gateway, value)).payload
    private = await gateway.store.get(made.private_key_unique_identifier)
    public = await gateway.store.get(made.public_key_unique_identifier)
    assert (private.object_type, public.object_type) == (ObjectType.PRIVATE_KEY, ObjectType.PUBLIC_KEY)


async def test_of_a_replacement_the_new_key_is_told(gateway, token, path, clock, monkeypatch):
    old = []

    async def before(client):
        old.append((await client.one(V2_1, O.CREATE, CREATE)).unique_identifier)
        return ReKeyRequest(unique_identifier=old[0])

    value = await left_behind(
        token, path, clock, O.RE_KEY, None, committed=True, monkeypatch=monkeypatch, before=before
    )
    await gateway.exchange.requests.sweep()
    new = (await polled(gateway, value)).payload.unique_identifier
    assert {new, *old} == set(await objects(gateway)) and new not in old


@pytest.mark.parametrize(
    ("operation", "payload"),
    [
        (O.ENCRYPT, EncryptRequest(unique_identifier="x", data=b"x")),  # The ciphertext is lost.
        (O.CREATE, CREATE),  # Something before the new object was committed, as Derive Key counts a use.
    ],
)
async def test_what_was_done_in_part_is_said_so(gateway, token, path, clock, operation, payload):
    async with served(token, path, clock) as dying:
        value = await pend(dying, operation, payload)
    held = await gateway.store.held(value)
    made = await make(gateway)
    gone = replace(held, stage=Stage.IN_PROCESS, begun=1, changes=(Change(made, False),))
    await gateway.store.write(lambda t: t.put_request(gone))
    await gateway.exchange.requests.sweep()
    answer = await polled(gateway, value)
    assert (answer.status, answer.reason, answer.message) == (
        S.OPERATION_FAILED,
        R.GENERAL_FAILURE,
        asynchronous.PARTLY_DONE,
    )


class Failing:
    """A token that is down each first time that something is to be sealed for one purpose."""

    def __init__(self, token, purpose):
        self._token, self._purpose, self.failed = token, purpose, 0

    def __getattr__(self, name):
        return getattr(self._token, name)

    async def seal(self, data, aad):
        if aad.startswith(self._purpose) and not self.failed:
            self.failed += 1
            raise TokenDown
        return await self._token.seal(data, aad)


async def test_a_result_is_kept_though_the_token_is_down_just_then(gateway, token, path, clock, monkeypatch):
    monkeypatch.setattr(asynchronous, "RETRY_S", 0.01)
    failing = Failing(token, RESULT)
    async with served(failing, path, clock) as front_end:
        value = await pend(front_end, O.CREATE, CREATE)
        assert [(await polled(front_end, value)).payload.unique_identifier] == await objects(front_end)
        assert failing.failed == 1


async def test_what_cannot_be_sealed_is_refused_at_once(gateway, token, path, clock):
    async with served(Failing(token, REQUEST), path, clock) as front_end:
        (item,) = await items(front_end, V2_1, (O.CREATE, CREATE), **later(V2_1))
        assert (item.result_status, item.result_reason) == (S.OPERATION_FAILED, R.GENERAL_FAILURE)
        assert await listed(front_end) == []


async def test_a_request_that_ends_its_front_end_again_and_again_is_given_up(gateway, token, path, clock, monkeypatch):
    monkeypatch.setattr(asynchronous, "MAX_BEGUN", 1)
    value = await left_behind(token, path, clock, O.CREATE, CREATE, monkeypatch=monkeypatch)
    await gateway.exchange.requests.sweep()
    answer = await polled(gateway, value)
    assert (answer.status, answer.message) == (S.OPERATION_FAILED, asynchronous.GIVEN_UP)
    assert await objects(gateway) == []
