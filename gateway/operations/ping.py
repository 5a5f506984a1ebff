"""Ping: is the server there (KMIP 2.1 section 6.1.36 Ping)."""

from gateway.call import Call
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Structure
from gateway.kmip.version import V2_1
from gateway.operations import operation


class PingRequest(Structure):
    """Nothing is asked."""


class PingResponse(Structure):
    """Nothing is told."""


@operation(Operation.PING, since=V2_1, pure=True)
async def ping(call: Call, request: PingRequest) -> PingResponse:
    """Answer, whether or not token and database do: what a client learns is that the gateway reads its messages."""
    return PingResponse()
