"""What a client could get by batches and numbers that nobody sends in good faith."""

import asyncio
from typing import Any

import pytest

from gateway.batch import MAX_AHEAD
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    NameType,
    ObjectType,
    Operation,
    ResultReason,
    ResultStatus,
    RevocationReasonCode,
    State,
    UsageLimitsUnit,
)
from gateway.kmip.objects import OpaqueObject
from gateway.kmip.structure import Attribute, DateTime, Interval, LongInteger, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, Name, RevocationReason, UsageLimits
from gateway.kmip.version import V1_4
from gateway.operations.create import CreateRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.re_key import ReKeyRequest
from gateway.operations.register import RegisterRequest
from gateway.operations.revoke import RevokeRequest
from gateway.store.sqlite import SqliteStore
from gateway.token.api import KeyRef, ObjectClass
from tests.operations.conftest import Gateway
from tests.operations.making import call_of

O, M = Operation, CryptographicUsageMask  # noqa: E741
UNDO = BatchErrorContinuationOption.UNDO
GCM = CryptographicParameters(block_cipher_mode=BlockCipherMode.GCM, tag_length=16)
AES = (
    Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
    Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 128),
    Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT),
)
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1))
MISSING = (O.GET, GetRequest(unique_identifier="missing"))
COMPROMISED = RevocationReason(revocation_reason_code=RevocationReasonCode.KEY_COMPROMISE)


async def create(gateway: Gateway, *attributes: Attribute) -> str:
    request = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=(*AES, *attributes))
    made: str = (await gateway.one(V1_4, O.CREATE, request)).unique_identifier
    return made


async def test_a_use_that_gave_its_result_is_not_taken_back(gateway: Gateway) -> None:
    limits = UsageLimits(usage_limits_total=LongInteger(1), usage_limits_unit=UsageLimitsUnit.OBJECT)
    uid = await create(gateway, ACTIVE, Attribute(Tag.USAGE_LIMITS, limits))
    encrypt = (O.ENCRYPT, EncryptRequest(unique_identifier=uid, cryptographic_parameters=GCM, data=b"data"))
    ciphertexts = []
    for _ in range(3):
        done = await gateway.ask(V1_4, encrypt, MISSING, batch_error_continuation_option=UNDO)
        ciphertexts += [each.payload.data for each in done if each.payload is not None]
    assert len(ciphertexts) == 1


@pytest.mark.parametrize("between", [False, True])
async def test_undo_leaves_a_revocation_that_came_between(gateway: Gateway, between: bool) -> None:
    uid = await create(gateway, ACTIVE)
    call = call_of(gateway)
    call.batch.undo = []
    stop = DateTime(2_000_000_000)
    await call.change(call.find(uid), lambda current: sets.put(current.attributes, Tag.PROTECT_STOP_DATE, stop))
    if between:
        await gateway.one(V1_4, O.REVOKE, RevokeRequest(unique_identifier=uid, revocation_reason=COMPROMISED))
    for step in reversed(call.batch.undo):
        await step()
    left = call.find(uid)
    assert left.state(call.now) is (State.COMPROMISED if between else State.ACTIVE)
    assert left.protect_stop is None


async def test_dates_beyond_64_bits_are_refused_and_leave_no_key(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = DateTime(-(2**63)), DateTime(2**63 - 1)
    uid = await create(gateway, Attribute(Tag.ACTIVATION_DATE, early), Attribute(Tag.DEACTIVATION_DATE, late))
    made: list[bytes] = []
    generate = type(gateway.token).generate_key

    async def noted(self: Any, ref: KeyRef, *rest: Any) -> None:
        made.append(ref.cka_id)
        await generate(self, ref, *rest)

    monkeypatch.setattr(type(gateway.token), "generate_key", noted)
    request = ReKeyRequest(unique_identifier=uid, offset=Interval(0))
    assert await gateway.refused(V1_4, O.RE_KEY, request) is ResultReason.INVALID_FIELD
    assert await gateway.token.find(made) == []


async def opaque(gateway: Gateway, size: int) -> str:
    big = OpaqueObject(opaque_data_type=OpenEnumeration(0x80000001), opaque_data_value=bytes(size))
    request = RegisterRequest(object_type=ObjectType.OPAQUE_OBJECT, opaque_object=big)
    made: str = (await gateway.one(V1_4, O.REGISTER, request)).unique_identifier
    return made


async def test_the_answers_of_one_message_have_a_bound(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.items.MAX_RESPONSE_BYTES", 1_000_000)
    get = (O.GET, GetRequest(unique_identifier=await opaque(gateway, 100_000)))
    create = (O.CREATE, CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=AES))
    continued = BatchErrorContinuationOption.CONTINUE
    done = await gateway.ask(V1_4, *[get] * 200, create, batch_error_continuation_option=continued)
    given = [each for each in done if each.payload is not None]
    # Those that were under way together come on top.
    assert 10 <= len(given) <= 10 + MAX_AHEAD
    assert {each.reason for each in done if each.payload is None} == {ResultReason.RESPONSE_TOO_LARGE}
    assert done[-1].payload is None  # and nothing was made


async def test_large_objects_do_not_stay_in_memory(gateway: Gateway) -> None:
    uid = await opaque(gateway, 100_000)
    await gateway.one(V1_4, O.GET, GetRequest(unique_identifier=uid))
    small = await opaque(gateway, 100)
    await gateway.one(V1_4, O.GET, GetRequest(unique_identifier=small))
    services = gateway.exchange._services
    assert set(services.catalogue._seen) == {small}
    assert isinstance(services.store, SqliteStore)
    assert set(services.store._reader._rows) == {small}


async def test_small_objects_in_memory_have_a_bound_in_bytes(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.store.reader.MAX_CACHED_BYTES", 20_000)
    monkeypatch.setattr("gateway.managed.MAX_KEPT_BYTES", 20_000)
    for uid in [await opaque(gateway, 4_000) for _ in range(20)]:
        await gateway.one(V1_4, O.GET, GetRequest(unique_identifier=uid))
    services = gateway.exchange._services
    assert isinstance(services.store, SqliteStore)
    reader = services.store._reader
    assert reader._weight == sum(row.weight for row in reader._rows.values()) <= 20_000
    assert sum(row.weight for row, _ in services.catalogue._seen.values()) <= 30_000


async def test_what_undo_brings_back_is_not_reaped_before(gateway: Gateway) -> None:
    """The reaper of any front end may come between two items of a batch."""

    async def reap() -> None:
        while True:
            for row in await gateway.store.pending_destroys():
                await gateway.token.destroy(KeyRef(ObjectClass(row.object_class), row.cka_id))
            await asyncio.sleep(0)

    uid = await create(gateway)
    before = await gateway.one(V1_4, O.GET, GetRequest(unique_identifier=uid))
    destroy = (O.DESTROY, DestroyRequest(unique_identifier=uid))
    more = [(O.CREATE, CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=AES))] * 20
    reaper = asyncio.create_task(reap())
    answers = await gateway.ask(V1_4, destroy, *more, MISSING, batch_error_continuation_option=UNDO)
    reaper.cancel()
    assert answers[0].status is ResultStatus.OPERATION_UNDONE
    assert await gateway.one(V1_4, O.GET, GetRequest(unique_identifier=uid)) == before


async def test_a_name_tells_nothing_of_what_others_have(gateway: Gateway) -> None:
    name = Attribute(Tag.NAME, Name(name_value="the same", name_type=NameType.UNINTERPRETED_TEXT_STRING))
    request = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=(*AES, name))
    await gateway.one(V1_4, O.CREATE, request)
    await gateway.other.one(V1_4, O.CREATE, request)
    assert await gateway.refused(V1_4, O.CREATE, request) is ResultReason.INVALID_FIELD
