"""Process: a request that was asked for asynchronously is carried out now (KMIP 2.1 section 6.1.39 Process)."""

from gateway import pending
from gateway.call import Call
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Structure
from gateway.kmip.version import V2_1
from gateway.operations import operation

PATIENCE_S = 1.0  # Most requests have their result by then, for the Poll that follows.


class ProcessRequest(Structure):
    """Which request."""

    asynchronous_correlation_value: bytes


class ProcessResponse(Structure):
    """Which request it was: the standard's table is empty, and its test cases have this (TC-ASYNC-1)."""

    asynchronous_correlation_value: bytes


@operation(Operation.PROCESS, since=V2_1)
async def process(call: Call, request: ProcessRequest) -> ProcessResponse:
    """Begin a request that waits; one that is begun or completed stays so. A batch with Undo has to succeed first.

    Raises:
        InvalidAsynchronousCorrelationValue: there is none, or its answer was given already.
    """
    held = await pending.find(call, request.asynchronous_correlation_value)
    if call.batch.undo is None:
        await pending.hastened(call, held, PATIENCE_S)
    else:
        call.batch.finish.append(lambda: pending.begun(call, held))
    return ProcessResponse(asynchronous_correlation_value=held.correlation)
