"""Get Usage Allocation (KMIP 2.1 section 6.1.23): no share is given twice, and none of what has no limit."""

import asyncio

import pytest

from gateway.kmip.enums import BatchErrorContinuationOption, Operation, ResultReason, ResultStatus, UsageLimitsUnit
from gateway.kmip.structure import Attribute, DateTime, LongInteger
from gateway.kmip.tags import Tag
from gateway.kmip.values import UsageLimits
from gateway.kmip.version import SUPPORTED, V1_2, V1_4, V2_0, V2_1
from gateway.operations.archive import ArchiveRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_usage_allocation import GetUsageAllocationRequest
from tests.operations.making import call_of, destroy, make

O, R, S = Operation, ResultReason, ResultStatus  # noqa: E741
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1))


def limits(total, unit=UsageLimitsUnit.BYTE):
    return Attribute(Tag.USAGE_LIMITS, UsageLimits(usage_limits_total=LongInteger(total), usage_limits_unit=unit))


def share(unique_identifier, count):
    return GetUsageAllocationRequest(unique_identifier=unique_identifier, usage_limits_count=LongInteger(count))


def left(client, unique_identifier):
    return call_of(client).find(unique_identifier).usage_limits.usage_limits_count


@pytest.mark.parametrize("unit", UsageLimitsUnit)
@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_all_is_given_and_then_nothing(gateway, version, unit):
    key = await make(gateway, ACTIVE, limits(1000, unit))
    for rest in (500, 0):
        payload = await gateway.one(version, O.GET_USAGE_ALLOCATION, share(key, 500))
        assert payload.unique_identifier == key
        assert left(gateway, key) == rest
    assert await gateway.refused(version, O.GET_USAGE_ALLOCATION, share(key, 1)) is R.PERMISSION_DENIED
    assert left(gateway, key) == 0


async def test_more_than_is_left_is_not_given_in_part(gateway):
    key = await make(gateway, ACTIVE, limits(1000))
    assert await gateway.refused(V2_1, O.GET_USAGE_ALLOCATION, share(key, 1001)) is R.PERMISSION_DENIED
    assert left(gateway, key) == 1000


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_less_than_nothing_is_not_given(gateway, version):
    key = await make(gateway, ACTIVE, limits(1000))
    assert await gateway.refused(version, O.GET_USAGE_ALLOCATION, share(key, -1)) is R.INVALID_FIELD
    assert left(gateway, key) == 1000


async def test_of_many_who_ask_at_once_no_more_get_a_share_than_there_are(gateway):
    key = await make(gateway, ACTIVE, limits(70))
    told = await asyncio.gather(*(gateway.ask(V2_1, (O.GET_USAGE_ALLOCATION, share(key, 10))) for _ in range(20)))
    assert [answer.status for (answer,) in told].count(S.SUCCESS) == 7
    assert left(gateway, key) == 0


@pytest.mark.parametrize(("version", "reason"), [(V1_4, R.ILLEGAL_OPERATION), (V2_1, R.ATTRIBUTE_NOT_FOUND)])
async def test_there_is_no_share_of_what_has_no_limit(gateway, version, reason):
    assert await gateway.refused(version, O.GET_USAGE_ALLOCATION, share(await make(gateway, ACTIVE), 1)) is reason


@pytest.mark.parametrize(
    ("version", "reason"),
    [(V1_2, R.PERMISSION_DENIED), (V2_0, R.PERMISSION_DENIED), (V2_1, R.WRONG_KEY_LIFECYCLE_STATE)],
)
@pytest.mark.parametrize("dates", [(), (ACTIVE, Attribute(Tag.PROTECT_STOP_DATE, DateTime(2)))], ids=["new", "late"])
async def test_there_is_no_share_of_what_protects_nothing_now(gateway, version, reason, dates):
    key = await make(gateway, *dates, limits(1000))
    assert await gateway.refused(version, O.GET_USAGE_ALLOCATION, share(key, 1)) is reason
    assert left(gateway, key) == 1000


async def test_there_is_no_share_of_what_is_away_or_somebody_elses(gateway):
    archived, destroyed = await make(gateway, ACTIVE, limits(9)), await make(gateway, ACTIVE, limits(9))
    await gateway.one(V2_1, O.ARCHIVE, ArchiveRequest(unique_identifier=archived))
    await destroy(gateway, destroyed)
    assert await gateway.refused(V2_1, O.GET_USAGE_ALLOCATION, share(archived, 1)) is R.OBJECT_ARCHIVED
    assert await gateway.refused(V2_1, O.GET_USAGE_ALLOCATION, share(destroyed, 1)) is R.OBJECT_DESTROYED
    theirs = await make(gateway.other, ACTIVE, limits(9))
    assert await gateway.refused(V2_1, O.GET_USAGE_ALLOCATION, share(theirs, 1)) is R.OBJECT_NOT_FOUND
    assert left(gateway.other, theirs) == 9


async def test_a_share_is_given_back_when_the_batch_is_undone(gateway):
    key = await make(gateway, ACTIVE, limits(1000))
    answers = await gateway.ask(
        V2_1,
        (O.GET_USAGE_ALLOCATION, share(key, 400)),
        (O.GET, GetRequest(unique_identifier="nothing")),
        batch_error_continuation_option=BatchErrorContinuationOption.UNDO,
    )
    assert [answer.status for answer in answers] == [S.OPERATION_UNDONE, S.OPERATION_FAILED]
    assert left(gateway, key) == 1000
