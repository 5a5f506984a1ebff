"""Check: may an object be used as the client means to (KMIP 2.1 section 6.1.7 Check)."""

from gateway.call import Call
from gateway.creation import LEASE_TIME_S
from gateway.errors import KmipError, PermissionDenied, UsageLimitExhausted, UsageMaskMissing
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import CryptographicUsageMask, Operation
from gateway.kmip.structure import Identifier, Interval, LongInteger, Structure
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.operations import operation


class CheckRequest(Structure):
    """Which object (the ID Placeholder when left out), and what is to be done with it."""

    unique_identifier: Identifier | None = None
    usage_limits_count: LongInteger | None = None
    cryptographic_usage_mask: CryptographicUsageMask | None = None
    lease_time: Interval | None = None


class CheckResponse(Structure):
    """Which object it was: all of it is allowed."""

    unique_identifier: str | None = None
    usage_limits_count: LongInteger | None = None
    cryptographic_usage_mask: CryptographicUsageMask | None = None
    lease_time: Interval | None = None


@operation(Operation.CHECK)
async def check(call: Call, request: CheckRequest) -> CheckResponse:
    """Tell that an object may be used so; a refusal empties the ID Placeholder, so that nothing later uses it.

    The text of the standard would rather have what is not allowed repeated in a success; its table of errors and its
    test cases (BL-M-2, BL-M-3) have a failure.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        UsageMaskMissing: the Cryptographic Usage Mask lacks a use asked for.
        UsageLimitExhausted: less is left of the Usage Limits.
        PermissionDenied: the lease would be longer than any that is given.
    """
    try:
        managed = call.live(request.unique_identifier)
        _mask(managed, request.cryptographic_usage_mask)
        _limits(managed, request.usage_limits_count)
        _lease(managed, request.lease_time)
    except KmipError:
        call.batch.placeholder = None
        raise
    return CheckResponse(unique_identifier=managed.unique_identifier)


def _mask(managed: Managed, asked: CryptographicUsageMask | None) -> None:
    if asked is not None and int(asked) & ~managed.usage_bits:
        raise UsageMaskMissing(f"the usage mask of {managed.unique_identifier} does not allow all of this")


def _limits(managed: Managed, asked: LongInteger | None) -> None:
    limits = managed.usage_limits
    if asked is None or limits is None:
        return
    left = limits.usage_limits_total if limits.usage_limits_count is None else limits.usage_limits_count
    if asked > left:
        raise UsageLimitExhausted(f"the Usage Limits of {managed.unique_identifier} leave {left}")


def _lease(managed: Managed, asked: Interval | None) -> None:
    longest = sets.number(managed.attributes, Tag.LEASE_TIME) or LEASE_TIME_S
    if asked is not None and asked > longest:
        raise PermissionDenied(f"a lease of {managed.unique_identifier} is {longest} seconds")
