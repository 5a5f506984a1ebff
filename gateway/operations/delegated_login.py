"""Delegated Login: a ticket for others, that allows what it says (KMIP 2.1 section 6.1.13 Delegated Login)."""

from msgspec.structs import replace

from gateway import tickets
from gateway.call import Call
from gateway.errors import FeatureNotSupported
from gateway.kmip.enums import Operation
from gateway.kmip.messages import Ticket
from gateway.kmip.policy import Objects, Right, Rights
from gateway.kmip.structure import Interval, Structure
from gateway.kmip.values import UsageLimits
from gateway.kmip.version import V2_0
from gateway.operations import operation


class DelegatedLoginRequest(Structure):
    """What the ticket is to allow, for how long, in seconds, and for how many requests; 0 is no limit."""

    lease_time: Interval | None = None
    request_count: int | None = None
    usage_limits: UsageLimits | None = None
    rights: Rights


class DelegatedLoginResponse(Structure):
    """The ticket, which is told once."""

    ticket: Ticket


@operation(Operation.DELEGATED_LOGIN, since=V2_0)
async def delegated_login(call: Call, request: DelegatedLoginRequest) -> DelegatedLoginResponse:
    """Give a ticket by which any client of the tenant may do in this client's name what the rights say.

    Raises:
        NotAuthorized: a right is not covered by one right of the ticket that the request shows.
        ObjectNotFound: a right is for an object that is not this client's own.
        InvalidField: a Request Count below 0.
        FeatureNotSupported: Usage Limits; those of the keys hold whoever uses them.
        ServerLimitExceeded: the client has too many tickets, or grants too much at once.
    """
    call.require_everything()
    if request.usage_limits is not None or any(each.usage_limits is not None for each in request.rights.right):
        raise FeatureNotSupported("Usage Limits are kept for keys, not for tickets")
    granted = tuple(_resolved(call, each) for each in request.rights.right)
    return DelegatedLoginResponse(
        ticket=await tickets.issue(call, request.lease_time, request.request_count, granted),
    )


def _resolved(call: Call, right: Right) -> Right:
    """Give a right for the objects that it means, whatever it calls them."""
    if right.objects is None:
        return right
    meant = tuple(call.find(each).unique_identifier for each in right.objects.unique_identifier)
    return replace(right, objects=Objects(unique_identifier=meant))
