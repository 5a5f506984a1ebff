"""What a client could get by batches and numbers that nobody sends in good faith."""

from typing import Any

import pytest

from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    ObjectType,
    Operation,
    ResultReason,
    RevocationReasonCode,
    State,
    UsageLimitsUnit,
)
from gateway.kmip.structure import Attribute, DateTime, Interval, LongInteger
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, RevocationReason, UsageLimits
from gateway.kmip.version import V1_4
from gateway.operations.create import CreateRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.re_key import ReKeyRequest
from gateway.operations.revoke import RevokeRequest
from gateway.token.api import KeyRef
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
