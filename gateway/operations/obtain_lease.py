"""Obtain Lease: for how long a client may use what it fetched (KMIP 2.1 section 6.1.35 Obtain Lease)."""

from gateway.call import Call
from gateway.creation import LEASE_TIME_S
from gateway.errors import PermissionDenied
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import Operation, State
from gateway.kmip.structure import DateTime, Identifier, Interval, Structure
from gateway.kmip.tags import Tag
from gateway.operations import operation


class ObtainLeaseRequest(Structure):
    """Which object; the ID Placeholder when left out."""

    unique_identifier: Identifier | None = None


class ObtainLeaseResponse(Structure):
    """For how many seconds, and when the object last changed, so that a client sees whether to fetch it again."""

    unique_identifier: str
    lease_time: Interval
    last_change_date: DateTime


@operation(Operation.OBTAIN_LEASE, pure=True)
async def obtain_lease(call: Call, request: ObtainLeaseRequest) -> ObtainLeaseResponse:
    """Give a lease of the object's Lease Time from now on; there is no limit to how many are given.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        PermissionDenied: the object is Compromised (test case TC-95).
    """
    managed = call.live(request.unique_identifier)
    if managed.state(call.now) is State.COMPROMISED:
        raise PermissionDenied(f"{managed.unique_identifier} is Compromised: there is no lease of it")
    return ObtainLeaseResponse(
        unique_identifier=managed.unique_identifier,
        lease_time=Interval(sets.number(managed.attributes, Tag.LEASE_TIME) or LEASE_TIME_S),
        last_change_date=DateTime(sets.number(managed.attributes, Tag.LAST_CHANGE_DATE) or call.today),
    )
