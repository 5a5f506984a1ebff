"""Poll: how a request that was asked for asynchronously went (KMIP 2.1 section 6.1.37 Poll)."""

from gateway import pending
from gateway.call import Call
from gateway.errors import InvalidAsynchronousCorrelationValue
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Structure
from gateway.operations import operation

PATIENCE_S = 2.0  # It saves the client most of its Polls.


class PollRequest(Structure):
    """Which request."""

    asynchronous_correlation_value: bytes


class PollResponse(Structure):
    """Nothing of its own: the item is answered as the one that was asked for then."""


@operation(Operation.POLL)
async def poll(call: Call, request: PollRequest) -> PollResponse:
    """Answer as the request itself would have been answered, once; Operation Pending while there is no answer.

    A request that waits is begun at once.

    Raises:
        InvalidAsynchronousCorrelationValue: there is none, its answer was given already, or it is of another version.
        ResponseTooLarge: the answer does not fit into the client's Maximum Response Size, and is kept.
    """
    held = await pending.find(call, request.asynchronous_correlation_value)
    if pending.version_of(held) != call.version:
        # Its answer is written down already, and may hold what this version does not have.
        raise InvalidAsynchronousCorrelationValue(f"this was asked for in KMIP {held.version}: poll in that version")
    held = await pending.hastened(call, held, PATIENCE_S)
    call.polled = await pending.fetched(call, held) if pending.is_completed(held) else pending.still_pending(held)
    return PollResponse()
