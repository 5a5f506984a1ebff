"""Logout: a ticket ends before its time (KMIP 2.1 section 6.1.31 Logout)."""

from gateway import tickets
from gateway.call import Call
from gateway.kmip.enums import Operation
from gateway.kmip.messages import Ticket
from gateway.kmip.structure import Structure
from gateway.kmip.version import V2_0
from gateway.operations import operation


class LogoutRequest(Structure):
    """The ticket."""

    ticket: Ticket


class LogoutResponse(Structure):
    """Nothing: it has ended."""


@operation(Operation.LOGOUT, since=V2_0)
async def logout(call: Call, request: LogoutRequest) -> LogoutResponse:
    """End a ticket, and with it those that were asked for by it.

    Raises:
        InvalidTicket: this client has no such ticket.
    """
    await tickets.end(call, request.ticket)
    return LogoutResponse()
