"""Login: a ticket that stands for the client in later requests (KMIP 2.1 section 6.1.30 Login)."""

from gateway import tickets
from gateway.call import Call
from gateway.errors import FeatureNotSupported, NotAuthorized
from gateway.kmip.enums import Operation
from gateway.kmip.messages import Ticket
from gateway.kmip.structure import Interval, Structure
from gateway.kmip.values import UsageLimits
from gateway.kmip.version import V2_0
from gateway.operations import operation


class LoginRequest(Structure):
    """For how long, in seconds, and for how many requests; 0 is no limit."""

    lease_time: Interval | None = None
    request_count: int | None = None
    usage_limits: UsageLimits | None = None


class LoginResponse(Structure):
    """The ticket, which is told once."""

    ticket: Ticket


@operation(Operation.LOGIN, since=V2_0)
async def login(call: Call, request: LoginRequest) -> LoginResponse:
    """Give a ticket for all that the client may do; it is of use to the same client alone.

    Without a Lease Time it holds for an hour.

    Raises:
        NotAuthorized: the request shows a ticket that allows a part only.
        InvalidField: a Request Count below 0.
        FeatureNotSupported: Usage Limits; those of the keys hold whoever uses them.
        ServerLimitExceeded: the client has too many tickets.
    """
    if call.batch.rights is not None:
        raise NotAuthorized("Login gives a ticket for everything, and the one that is shown is for less")
    if request.usage_limits is not None:
        raise FeatureNotSupported("Usage Limits are kept for keys, not for tickets")
    return LoginResponse(ticket=await tickets.issue(call, request.lease_time, request.request_count))
