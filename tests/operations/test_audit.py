"""What the audit says of requests: each item, whoever asked, whatever came of it; and what is done without it."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.audit.records import MAX_OBJECTS, Stored, decode
from gateway.audit.trail import Trail
from gateway.audit.verifying import chains, places, verify
from gateway.config import KmipConfig, PushTarget
from gateway.errors import AuditDown
from gateway.exchange import Exchange
from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    ObjectType,
    Operation,
    QueryFunction,
    ResultReason,
    ResultStatus,
)
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.version import V1_4, V2_1
from gateway.operations.create import CreateRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.query import QueryRequest
from tests.operations.conftest import Gateway
from tests.operations.test_asynchronous import pend, polled
from tests.operations.test_pushes import Listener, key, rotated
from tests.operations.test_register_get import aes, get, mask, register, specification
from tests.support.messages import answers, request

O, M = Operation, CryptographicUsageMask  # noqa: E741
CREATE = CreateRequest(
    object_type=ObjectType.SYMMETRIC_KEY,
    attributes=(
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT),
        Attribute(Tag.ACTIVATION_DATE, DateTime(1)),
    ),
)
QUERY = QueryRequest(query_function=(QueryFunction.QUERY_OPERATIONS,))
ECB = bytes(16)


class Disk:
    """What is written to while `full` is not set; else there is no space."""

    def __init__(self) -> None:
        self.full = False


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    write = os.write

    def limited(fd: int, data: bytes) -> int:
        return 0 if disk.full and data.startswith(b'{"seq"') else write(fd, data)

    monkeypatch.setattr("gateway.audit.chain.os.write", limited)
    return disk


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    return Trail(tmp_path / "audit", "front-end")


@pytest.fixture
def audited(gateway: Gateway, trail: Trail) -> Iterator[Gateway]:
    """The gateway with an audit."""
    exchange = Exchange(KmipConfig(), gateway.store, gateway.token, gateway.clock, audit=trail)
    yield Gateway(exchange, gateway.clock, gateway.store, gateway.token)


def told(trail: Trail) -> list[Stored]:
    """Give all records, of a chain that is right."""
    assert verify(trail._folder, None).faults == ()
    (files,) = chains(trail._folder).values()
    return [decode(place.line) for place in places(files)]


async def test_a_record_says_who_did_what_to_which_object_from_where(audited: Gateway, trail: Trail) -> None:
    made = await audited.one(V2_1, O.CREATE, CREATE)
    raw = request(V2_1, (O.GET, GetRequest(unique_identifier=made.unique_identifier)), client_correlation_value="job 7")
    await audited.exchange.answer(raw, audited._peer)
    created, got = told(trail)
    assert (created.operation, created.status, created.objects) == ("Create", "Success", (made.unique_identifier,))
    assert (got.operation, got.status, got.reason, got.objects) == ("Get", "Success", "", (made.unique_identifier,))
    assert (got.identity, got.tenant, got.address, got.version) == ("cert:a", "default", "127.0.0.1", "2.1")
    assert (got.bytes, got.client_correlation, got.time) == (len(raw), "job 7", audited.clock.now)
    assert got.server_correlation not in ("", created.server_correlation)


async def test_a_wrapping_key_is_among_the_objects(audited: Gateway, trail: Trail) -> None:
    by = await register(audited, V2_1, aes(bytes(32)), mask(M.WRAP_KEY), Attribute(Tag.ACTIVATION_DATE, DateTime(1)))
    made = await register(audited, V2_1, aes(os.urandom(16)), mask(M.ENCRYPT))
    await get(audited, V2_1, made, key_wrapping_specification=specification(by))
    assert told(trail)[-1].objects == (made, by)


async def test_what_is_refused_is_recorded_with_what_was_asked_for(audited: Gateway, trail: Trail) -> None:
    made = (await audited.one(V2_1, O.CREATE, CREATE)).unique_identifier
    await audited.other.refused(V2_1, O.GET, GetRequest(unique_identifier=made))
    found = told(trail)[-1]
    assert (found.identity, found.status, found.objects) == ("cert:b", "OperationFailed", (made,))
    assert found.reason == ResultReason.OBJECT_NOT_FOUND.token


async def test_each_item_of_a_batch_has_a_record_and_undone_ones_say_so(audited: Gateway, trail: Trail) -> None:
    wrong = (O.DESTROY, DestroyRequest(unique_identifier="nobody's"))
    undo = BatchErrorContinuationOption.UNDO
    await audited.ask(V2_1, (O.CREATE, CREATE), (O.CREATE, CREATE), wrong, batch_error_continuation_option=undo)
    found = told(trail)
    assert [each.status for each in found] == ["OperationUndone", "OperationUndone", "OperationFailed"]
    assert [each.item for each in found] == [0, 1, 2]
    assert len({each.server_correlation for each in found}) == 1
    assert all(len(each.objects) == 1 for each in found)


async def test_an_answer_that_was_cut_is_recorded_as_it_was_given(audited: Gateway, trail: Trail) -> None:
    await audited.ask(V2_1, (O.QUERY, QUERY), maximum_response_size=300)
    (found,) = told(trail)
    assert (found.operation, found.reason) == ("Query", ResultReason.RESPONSE_TOO_LARGE.token)


async def test_a_message_that_is_none_has_a_record(audited: Gateway, trail: Trail) -> None:
    await audited.exchange.answer(bytes(16), audited._peer)
    (found,) = told(trail)
    assert (found.event, found.status, found.identity, found.bytes) == ("message", "OperationFailed", "cert:a", 16)


async def test_a_request_that_is_carried_out_later_is_recorded_then_too(audited: Gateway, trail: Trail) -> None:
    value = await pend(audited, O.CREATE, CREATE)
    made = (await polled(audited, value)).payload.unique_identifier
    asked, done, fetched = told(trail)
    assert (asked.operation, asked.status) == ("Create", "OperationPending")
    assert (done.operation, done.status, done.objects) == ("Create", "Success", (made,))
    assert (fetched.operation, fetched.status) == ("Create", "Success")
    value = await pend(audited, O.GET, GetRequest(unique_identifier=made))
    await polled(audited, value)
    asked, done, fetched = told(trail)[3:]  # the key leaves with the last
    assert (fetched.operation, fetched.status, fetched.objects) == ("Get", "Success", (made,))
    await audited.exchange.requests.close()


async def test_a_request_whose_client_was_cut_off_is_recorded(audited: Gateway, trail: Trail) -> None:
    task = asyncio.create_task(audited.exchange.answer(request(V2_1, (O.CREATE, CREATE)), audited._peer))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    (found,) = told(trail)
    assert (found.event, found.status, found.detail) == ("message", "Cut", "Create, not answered")


HOSTILE = (
    'x"}\r\n{"seq":0,"forged":true}',
    "\x1b[2J\x1b]0;owned\x07",
    "invoice\u202efdp.exe",
    "\u2028\u2029\x85",
    "\x00\x7f\u200b\ufeff",
    "A" * 1_000_000,
)


@pytest.mark.parametrize("text", HOSTILE, ids=["line end", "ansi", "bidi", "separators", "invisible", "1 MB"])
async def test_what_a_client_writes_forges_no_record(audited: Gateway, trail: Trail, text: str) -> None:
    raw = request(V2_1, (O.GET, GetRequest(unique_identifier=text)), client_correlation_value=text)
    await audited.exchange.answer(raw, audited._peer)
    (path,) = trail._folder.glob("*.jsonl")
    (line,) = path.read_bytes().split(b"\n")[:-1]
    assert len(line) < 2000
    assert all(0x20 <= byte < 0x7F for byte in line)
    assert told(trail)[0].operation == "Get"


async def test_many_objects_of_one_item_are_counted(audited: Gateway, trail: Trail) -> None:
    from gateway.operations.locate import LocateRequest

    for _ in range(MAX_OBJECTS + 3):
        await audited.one(V2_1, O.CREATE, CREATE)
    await audited.one(V2_1, O.LOCATE, LocateRequest(attributes=()))
    found = told(trail)[-1]
    assert (len(found.objects), found.more_objects) == (MAX_OBJECTS, 3)


# --- the disk is full


async def test_keys_are_not_used_while_it_cannot_be_recorded(audited: Gateway, trail: Trail, disk: Disk) -> None:
    made = (await audited.one(V2_1, O.CREATE, CREATE)).unique_identifier
    disk.full = True
    use = EncryptRequest(unique_identifier=made, data=bytes(16))
    for operation, payload in ((O.ENCRYPT, use), (O.GET, GetRequest(unique_identifier=made)), (O.CREATE, CREATE)):
        (answer,) = await audited.ask(V2_1, (operation, payload))
        assert (answer.status, answer.reason) == (ResultStatus.OPERATION_FAILED, ResultReason.GENERAL_FAILURE)
        assert "cannot be recorded" in answer.message
        assert answer.payload is None
    (answer,) = await audited.ask(V1_4, (O.QUERY, QUERY))
    assert answer.status is ResultStatus.SUCCESS
    with pytest.raises(AuditDown):
        await audited.exchange.check()
    disk.full = False
    await trail.look()
    await audited.exchange.check()
    await audited.one(V2_1, O.GET, GetRequest(unique_identifier=made))
    events = [(each.event, each.operation) for each in told(trail)]
    assert events[1:6] == [("item", name) for name in ("Encrypt", "Get", "Create", "Query")] + [("interrupted", "")]


async def test_what_was_done_before_the_disk_was_found_full_is_not_answered(
    audited: Gateway, trail: Trail, disk: Disk
) -> None:
    made = await register(audited, V2_1, aes(b"K" * 32), mask(M.ENCRYPT))
    disk.full = True
    raw = request(V2_1, (O.GET, GetRequest(unique_identifier=made)))
    answer = await audited.exchange.answer(raw, audited._peer)
    assert b"K" * 32 not in answer
    (one,) = answers(answer, V2_1)
    assert (one.status, one.payload) == (ResultStatus.OPERATION_FAILED, None)
    disk.full = False
    await trail.look()
    assert [each.operation for each in told(trail)][-2:] == ["Get", ""]


async def test_an_operator_may_have_keys_used_all_the_same(gateway: Gateway, tmp_path: Path, disk: Disk) -> None:
    trail = Trail(tmp_path / "audit", "front-end", fail_open=True)
    disk.full = True
    exchange = Exchange(KmipConfig(), gateway.store, gateway.token, gateway.clock, audit=trail)
    client = Gateway(exchange, gateway.clock, gateway.store, gateway.token)
    await client.one(V2_1, O.CREATE, CREATE)
    await client.exchange.check()
    disk.full = False
    await trail.look()
    assert [each.event for each in told(trail)] == ["item", "interrupted"]


async def test_answers_wait_for_the_disk_where_the_operator_says_so(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail = Trail(tmp_path / "audit", "front-end", sync="always")
    exchange = Exchange(KmipConfig(), gateway.store, gateway.token, gateway.clock, audit=trail)
    client = Gateway(exchange, gateway.clock, gateway.store, gateway.token)
    synced: list[int] = []
    monkeypatch.setattr("gateway.audit.trail.os.fsync", lambda fd: synced.append(trail._chain.count))
    await client.one(V2_1, O.QUERY, QUERY)
    assert synced == [1]
    await asyncio.gather(*(client.one(V2_1, O.QUERY, QUERY) for _ in range(20)))
    assert synced[-1] == 21
    assert len(synced) < 21, "those that wait share one call"

    def broken(fd: int) -> None:
        raise OSError(5, "broken")

    monkeypatch.setattr("gateway.audit.trail.os.fsync", broken)
    (answer,) = await client.ask(V2_1, (O.CREATE, CREATE))
    assert answer.status is ResultStatus.OPERATION_FAILED


# --- what the gateway does by itself


async def test_a_key_that_the_gateway_replaces_and_sends_is_recorded_before_it_leaves(
    gateway: Gateway, trail: Trail, disk: Disk
) -> None:
    target = PushTarget(identity="cert:a", host="127.0.0.1", port=1)
    choice = KmipConfig(push=(target,))
    exchange = Exchange(choice, gateway.store, gateway.token, gateway.clock, audit=trail)
    client, listener = Gateway(exchange, gateway.clock, gateway.store, gateway.token), Listener(V2_1)
    old = (await key(client)).unique_identifier
    disk.full = True
    assert await rotated(client, listener) == 0, "what cannot be recorded is put off"
    disk.full = False
    await trail.look()
    assert await rotated(client, listener) == 1
    (_, put) = listener.payloads[1]
    found = [each for each in told(trail) if each.event == "gateway" and each.status == "Success"]
    assert [each.operation for each in found] == ["ReKey", "Notify", "Put"]
    assert {each.identity for each in found} == {"cert:a"}
    assert old in found[0].objects and put.unique_identifier in found[0].objects
    assert put.unique_identifier in found[2].objects
