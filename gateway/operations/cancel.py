"""Cancel: a request that was asked for asynchronously is not wanted any more (KMIP 2.1 section 6.1.5 Cancel)."""

from gateway import pending
from gateway.call import Call
from gateway.errors import InvalidAsynchronousCorrelationValue
from gateway.kmip.enums import CancellationResult, Operation
from gateway.kmip.structure import Structure
from gateway.kmip.version import V2_0
from gateway.operations import operation
from gateway.store.api import HeldRequest, Transaction


class CancelRequest(Structure):
    """Which request."""

    asynchronous_correlation_value: bytes


class CancelResponse(Structure):
    """Which request it was, and what has become of it."""

    asynchronous_correlation_value: bytes
    cancellation_result: CancellationResult


@operation(Operation.CANCEL)
async def cancel(call: Call, request: CancelRequest) -> CancelResponse:
    """Let a request do nothing, if it has not done anything yet; the result of one that is completed can be polled.

    What the token has been asked for comes to its end, and is taken off it again. In 1.x a request that is not known
    has the result Unavailable.

    Raises:
        InvalidAsynchronousCorrelationValue: from 2.0 on, there is none, or its answer was given already.
    """
    correlation = request.asynchronous_correlation_value
    result = CancellationResult.UNAVAILABLE
    try:
        result, held = await call.store.write(lambda transaction: _canceled(call, transaction, correlation))
        if result is CancellationResult.CANCELED:
            call.on_undo(lambda: pending.restored(call, held))
    except InvalidAsynchronousCorrelationValue:
        if call.version >= V2_0:
            raise
    return CancelResponse(asynchronous_correlation_value=correlation, cancellation_result=result)


def _canceled(call: Call, transaction: Transaction, correlation: bytes) -> tuple[CancellationResult, HeldRequest]:
    held = pending.current(call, transaction, correlation)
    if pending.is_completed(held):
        return CancellationResult.FAILED if held.reason else CancellationResult.COMPLETED, held
    if held.changes:
        return CancellationResult.UNABLE_TO_CANCEL, held
    transaction.drop_request(correlation)
    return CancellationResult.CANCELED, held
