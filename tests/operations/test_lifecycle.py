"""Destroy, Revoke, Check (KMIP 2.1 sections 6.1.15, 6.1.44 and 6.1.7): who may end what, and when."""

import asyncio

import pytest

from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    ObjectType,
    Operation,
    ResultReason,
    ResultStatus,
    RevocationReasonCode,
    State,
    UsageLimitsUnit,
)
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.structure import Attribute, DateTime, Interval, LongInteger
from gateway.kmip.tags import Tag
from gateway.kmip.values import RevocationReason, UsageLimits
from gateway.kmip.version import SUPPORTED, V1_2, V2_0, V2_1, Version
from gateway.managed import Managed
from gateway.operations.activate import ActivateRequest
from gateway.operations.check import CheckRequest
from gateway.operations.create import CreateRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.revoke import RevokeRequest
from tests.operations.conftest import Gateway
from tests.operations.test_create import created, kept, name, spec, value

AES = spec(A.AES, 128)
Code, Reason = RevocationReasonCode, ResultReason


async def active(gateway: Gateway, *more: Attribute) -> Managed:
    return await created(gateway, (*AES, Attribute(Tag.ACTIVATION_DATE, DateTime(int(gateway.clock.now))), *more))


def revocation(managed: Managed, code: Code, since: int | None = None) -> RevokeRequest:
    return RevokeRequest(
        unique_identifier=managed.unique_identifier,
        revocation_reason=RevocationReason(revocation_reason_code=code, revocation_message="because"),
        compromise_occurrence_date=None if since is None else DateTime(since),
    )


def destruction(managed: Managed) -> DestroyRequest:
    return DestroyRequest(unique_identifier=managed.unique_identifier)


# --- Destroy


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_a_destroyed_key_is_gone_from_the_token_and_keeps_its_attributes(
    gateway: Gateway, version: Version
) -> None:
    managed = await created(gateway, (*AES, name("key")), version)
    payload = await gateway.one(version, Operation.DESTROY, destruction(managed))
    assert payload.unique_identifier == managed.unique_identifier
    assert await gateway.token.find([managed.row.cka_id]) == []
    now = await kept(gateway, managed.unique_identifier)
    assert now.state(gateway.clock.now) is State.DESTROYED
    assert now.names() == ("key",)
    assert await gateway.store.pending_destroys() == []


@pytest.mark.on_token
@pytest.mark.parametrize(
    ("version", "reason"),
    [(V1_2, Reason.PERMISSION_DENIED), (V2_0, Reason.PERMISSION_DENIED), (V2_1, Reason.WRONG_KEY_LIFECYCLE_STATE)],
)
async def test_an_active_key_is_not_destroyed(gateway: Gateway, version: Version, reason: Reason) -> None:
    managed = await active(gateway)
    assert await gateway.refused(version, Operation.DESTROY, destruction(managed)) is reason
    assert await gateway.token.find([managed.row.cka_id]) == [managed.ref]


@pytest.mark.parametrize(("version", "reason"), [(V1_2, Reason.ITEM_NOT_FOUND), (V2_1, Reason.OBJECT_DESTROYED)])
async def test_nothing_is_destroyed_twice(gateway: Gateway, version: Version, reason: Reason) -> None:
    managed = await created(gateway, AES)
    await gateway.one(version, Operation.DESTROY, destruction(managed))
    assert await gateway.refused(version, Operation.DESTROY, destruction(managed)) is reason


async def test_of_two_that_destroy_at_once_one_succeeds(gateway: Gateway) -> None:
    managed = await created(gateway, AES)
    answers = await asyncio.gather(*(gateway.ask(V2_1, (Operation.DESTROY, destruction(managed))) for _ in range(8)))
    reasons = sorted(str(answer.reason) for (answer,) in answers)
    assert reasons == sorted([str(None), *[str(Reason.OBJECT_DESTROYED)] * 7])


async def test_a_sealed_object_loses_its_material(gateway: Gateway) -> None:
    managed = await created(gateway, spec(A.SKIPJACK, 80))
    await gateway.one(V2_1, Operation.DESTROY, destruction(managed))
    assert (await kept(gateway, managed.unique_identifier)).row.material is None


async def test_a_stranger_neither_destroys_nor_revokes(gateway: Gateway) -> None:
    managed = await created(gateway, AES)
    assert await gateway.other.refused(V2_1, Operation.DESTROY, destruction(managed)) is Reason.OBJECT_NOT_FOUND
    request = revocation(managed, Code.KEY_COMPROMISE)
    assert await gateway.other.refused(V1_2, Operation.REVOKE, request) is Reason.ITEM_NOT_FOUND
    assert (await kept(gateway, managed.unique_identifier)).attributes == managed.attributes


async def test_a_batch_goes_through_a_whole_life_by_the_id_placeholder(gateway: Gateway) -> None:
    """kmip-go's compliance suite does so."""
    answers = await gateway.ask(
        V1_2,
        (Operation.CREATE, CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=AES)),
        (Operation.ACTIVATE, ActivateRequest()),
        (Operation.REVOKE, RevokeRequest(revocation_reason=RevocationReason(revocation_reason_code=Code.SUPERSEDED))),
        (Operation.DESTROY, DestroyRequest()),
    )
    assert [a.status for a in answers] == [ResultStatus.SUCCESS] * 4
    assert len({a.payload.unique_identifier for a in answers}) == 1


# --- Revoke


async def test_another_reason_deactivates(gateway: Gateway) -> None:
    managed = await active(gateway)
    await gateway.one(V1_2, Operation.REVOKE, revocation(managed, Code.CESSATION_OF_OPERATION))
    now = await kept(gateway, managed.unique_identifier)
    assert now.state(gateway.clock.now) is State.DEACTIVATED
    assert now.deactivation == int(gateway.clock.now)
    assert value(now, Tag.REVOCATION_REASON) == RevocationReason(
        revocation_reason_code=Code.CESSATION_OF_OPERATION, revocation_message="because"
    )


async def test_the_clock_moves_what_dates_move_and_brings_nothing_revoked_back(gateway: Gateway) -> None:
    year = 365 * 86400
    began = gateway.clock.now
    ended = await active(gateway)
    revoked = ended.unique_identifier
    await gateway.one(V2_1, Operation.REVOKE, revocation(ended, Code.CESSATION_OF_OPERATION))
    dated = (await active(gateway, Attribute(Tag.DEACTIVATION_DATE, DateTime(int(began) + 60)))).unique_identifier
    asked = LocateRequest(attributes=(Attribute(Tag.STATE, State.DEACTIVATED),))
    try:
        for moved, state in (
            (0, State.ACTIVE),
            (year, State.DEACTIVATED),
            (59, State.ACTIVE),
            (-year, State.PRE_ACTIVE),
        ):
            gateway.clock.now = began + moved
            assert (await kept(gateway, dated)).state(gateway.clock.now) is state
            assert (await kept(gateway, revoked)).state(gateway.clock.now) is State.DEACTIVATED
            assert revoked in (await gateway.one(V2_1, Operation.LOCATE, asked)).unique_identifier
    finally:
        gateway.clock.now = began


async def test_a_deactivation_date_to_come_is_brought_forward(gateway: Gateway) -> None:
    managed = await active(gateway, Attribute(Tag.DEACTIVATION_DATE, DateTime(int(gateway.clock.now) + 999)))
    await gateway.one(V2_1, Operation.REVOKE, revocation(managed, Code.SUPERSEDED))
    assert (await kept(gateway, managed.unique_identifier)).deactivation == int(gateway.clock.now)


@pytest.mark.parametrize("code", [Code.KEY_COMPROMISE, Code.CA_COMPROMISE])
async def test_a_compromise_may_be_told_in_any_state(gateway: Gateway, code: Code) -> None:
    """PyKMIP tells no Compromise Occurrence Date, which is then the Initial Date."""
    gateway.clock.now += 50
    pre_active, used, gone = await created(gateway, AES), await active(gateway), await created(gateway, AES)
    await gateway.one(V2_1, Operation.DESTROY, destruction(gone))
    gateway.clock.now += 50
    for managed, state in (
        (pre_active, State.COMPROMISED),
        (used, State.COMPROMISED),
        (gone, State.DESTROYED_COMPROMISED),
    ):
        await gateway.one(V1_2, Operation.REVOKE, revocation(managed, code))
        now = await kept(gateway, managed.unique_identifier)
        assert now.state(gateway.clock.now) is state
        assert now.compromise == int(gateway.clock.now)
        assert value(now, Tag.COMPROMISE_OCCURRENCE_DATE) == value(now, Tag.INITIAL_DATE)


async def test_since_when_it_is_compromised_is_kept(gateway: Gateway) -> None:
    managed = await active(gateway)
    await gateway.one(V2_1, Operation.REVOKE, revocation(managed, Code.KEY_COMPROMISE, 6))
    assert value(await kept(gateway, managed.unique_identifier), Tag.COMPROMISE_OCCURRENCE_DATE) == 6


async def test_revocations_that_no_state_allows(gateway: Gateway) -> None:
    pre_active, compromised, gone = [await created(gateway, AES) for _ in range(3)]
    await gateway.one(V2_1, Operation.REVOKE, revocation(compromised, Code.KEY_COMPROMISE))
    await gateway.one(V2_1, Operation.DESTROY, destruction(gone))
    for request, reason in (
        (revocation(pre_active, Code.SUPERSEDED), Reason.WRONG_KEY_LIFECYCLE_STATE),
        (revocation(compromised, Code.SUPERSEDED), Reason.WRONG_KEY_LIFECYCLE_STATE),
        (revocation(compromised, Code.KEY_COMPROMISE), Reason.WRONG_KEY_LIFECYCLE_STATE),
        (revocation(gone, Code.SUPERSEDED), Reason.OBJECT_DESTROYED),
        (revocation(pre_active, Code.SUPERSEDED, since=1), Reason.INVALID_FIELD),
    ):
        assert await gateway.refused(V2_1, Operation.REVOKE, request) is reason


async def test_a_revocation_is_undone_with_its_batch(gateway: Gateway) -> None:
    managed = await active(gateway)
    answers = await gateway.ask(
        V2_1,
        (Operation.REVOKE, revocation(managed, Code.KEY_COMPROMISE)),
        (Operation.REVOKE, revocation(managed, Code.KEY_COMPROMISE)),
        batch_error_continuation_option=BatchErrorContinuationOption.UNDO,
    )
    assert [a.status for a in answers] == [ResultStatus.OPERATION_UNDONE, ResultStatus.OPERATION_FAILED]
    assert (await kept(gateway, managed.unique_identifier)).attributes == managed.attributes


# --- Check


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_what_is_allowed_is_told_by_the_identifier(gateway: Gateway, version: Version) -> None:
    managed = await created(gateway, AES)
    request = CheckRequest(
        unique_identifier=managed.unique_identifier,
        cryptographic_usage_mask=M.ENCRYPT,
        usage_limits_count=LongInteger(5),
        lease_time=Interval(60),
    )
    payload = await gateway.one(version, Operation.CHECK, request)
    assert payload.unique_identifier == managed.unique_identifier


@pytest.mark.parametrize(
    ("fields", "reason_1x", "reason"),
    [
        (
            {"cryptographic_usage_mask": M.ENCRYPT | M.SIGN},
            Reason.PERMISSION_DENIED,
            Reason.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK,
        ),
        ({"usage_limits_count": LongInteger(10)}, Reason.PERMISSION_DENIED, Reason.PERMISSION_DENIED),
        ({"lease_time": Interval(4_000_000)}, Reason.PERMISSION_DENIED, Reason.PERMISSION_DENIED),
    ],
)
async def test_what_is_not_allowed_fails(gateway: Gateway, fields: dict, reason_1x: Reason, reason: Reason) -> None:
    limits = UsageLimits(usage_limits_total=LongInteger(9), usage_limits_unit=UsageLimitsUnit.OBJECT)
    managed = await created(gateway, (*AES, Attribute(Tag.USAGE_LIMITS, limits)))
    request = CheckRequest(unique_identifier=managed.unique_identifier, **fields)
    assert await gateway.refused(V1_2, Operation.CHECK, request) is reason_1x
    assert await gateway.refused(V2_1, Operation.CHECK, request) is reason


async def test_a_refused_check_leaves_nothing_for_later_items(gateway: Gateway) -> None:
    answers = await gateway.ask(
        V2_1,
        (Operation.CREATE, CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=AES)),
        (Operation.CHECK, CheckRequest(cryptographic_usage_mask=M.SIGN)),
        (Operation.DESTROY, DestroyRequest()),
        batch_error_continuation_option=BatchErrorContinuationOption.CONTINUE,
    )
    reasons = [a.reason for a in answers]
    assert reasons == [None, Reason.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK, Reason.OBJECT_NOT_FOUND]


async def test_a_batch_that_fails_a_check_is_undone(gateway: Gateway) -> None:
    """BL-M-2."""
    managed = await created(gateway, AES)
    uid = managed.unique_identifier
    answers = await gateway.ask(
        V2_1,
        (Operation.ACTIVATE, ActivateRequest(unique_identifier=uid)),
        (Operation.CHECK, CheckRequest(unique_identifier=uid, cryptographic_usage_mask=M.ENCRYPT)),
        (Operation.CHECK, CheckRequest(unique_identifier=uid, cryptographic_usage_mask=M.SIGN)),
        batch_error_continuation_option=BatchErrorContinuationOption.UNDO,
    )
    assert [a.status for a in answers] == [ResultStatus.OPERATION_UNDONE] * 2 + [ResultStatus.OPERATION_FAILED]
    assert (await kept(gateway, uid)).state(gateway.clock.now) is State.PRE_ACTIVE
