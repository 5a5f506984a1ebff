"""Get Usage Allocation: a share of a key's Usage Limits, to use it elsewhere (KMIP 2.1 section 6.1.23)."""

from gateway.call import Call, allocated
from gateway.errors import InvalidField, NoUsageLimits, WrongLifecycleState
from gateway.kmip.enums import Operation, State
from gateway.kmip.structure import Attributes, Identifier, LongInteger, Structure
from gateway.managed import Managed
from gateway.operations import operation


class GetUsageAllocationRequest(Structure):
    """Which object (the ID Placeholder when left out), and how much of it, in the unit of its Usage Limits."""

    unique_identifier: Identifier | None = None
    usage_limits_count: LongInteger


class GetUsageAllocationResponse(Structure):
    """Which object it was: all that was asked for is the client's."""

    unique_identifier: str


@operation(Operation.GET_USAGE_ALLOCATION)
async def get_usage_allocation(call: Call, request: GetUsageAllocationRequest) -> GetUsageAllocationResponse:
    """Take what a client will use by itself off the Usage Limits, exactly once whatever else is taken at the time.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        InvalidField: less than nothing is asked for.
        WrongLifecycleState: nothing may be protected with the object now (section 4.57 State).
        NoUsageLimits: its use has no limit.
        UsageLimitExhausted: less is left.
    """
    if request.usage_limits_count < 0:
        raise InvalidField("the Usage Limits Count asked for is a number from 0")

    def taken(current: Managed) -> Attributes:
        _may_protect(call, current)
        if current.usage_limits is None:
            raise NoUsageLimits(f"{current.unique_identifier} has no Usage Limits")
        return allocated(current, current.usage_limits, request.usage_limits_count)

    managed = call.live(request.unique_identifier)
    await call.change(managed, taken, touch=False)
    return GetUsageAllocationResponse(unique_identifier=managed.unique_identifier)


def _may_protect(call: Call, current: Managed) -> None:
    state = current.state(call.now)
    if state is not State.ACTIVE:
        raise WrongLifecycleState(f"{current.unique_identifier} is {state.token}, not Active")
    if current.protect_stop is not None and current.protect_stop <= call.now:
        raise WrongLifecycleState(f"the Protect Stop Date of {current.unique_identifier} is past")
