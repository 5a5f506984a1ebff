"""Query Asynchronous Requests: which there are, and how far they have come (KMIP 2.1 section 6.1.41)."""

from gateway import pending
from gateway.call import Call
from gateway.kmip.enums import Operation, ProcessingStage
from gateway.kmip.policy import Operations
from gateway.kmip.structure import DateTimeExtended, OpenEnumeration, Structure
from gateway.kmip.version import V2_1
from gateway.operations import operation
from gateway.store.api import HeldRequest


class AsynchronousCorrelationValues(Structure):
    """The requests that are asked about."""

    asynchronous_correlation_value: tuple[bytes, ...] = ()


class QueryAsynchronousRequestsRequest(Structure):
    """Which requests; all of the client's when neither is given."""

    asynchronous_correlation_values: AsynchronousCorrelationValues | None = None
    operations: Operations | None = None


class AsynchronousRequest(Structure):
    """One request (section 7.1 of 2.1)."""

    asynchronous_correlation_value: bytes
    operation: OpenEnumeration
    submission_date: DateTimeExtended
    processing_stage: ProcessingStage


class QueryAsynchronousRequestsResponse(Structure):
    """The requests whose answers were not given yet, the oldest first."""

    asynchronous_request: tuple[AsynchronousRequest, ...] = ()


@operation(Operation.QUERY_ASYNCHRONOUS_REQUESTS, since=V2_1)
async def query_asynchronous_requests(
    call: Call, request: QueryAsynchronousRequestsRequest
) -> QueryAsynchronousRequestsResponse:
    """Tell of this client's requests that have one of the correlation values, and of the operations, where given."""
    values = request.asynchronous_correlation_values
    wanted = None if values is None else frozenset(values.asynchronous_correlation_value)
    operations = None if request.operations is None else frozenset(request.operations.operation)
    identity = call.peer.identity
    found = [
        _told(held)
        for held in await call.store.held_by(identity.tenant, identity.name)
        if pending.may_see(call, held)
        and (wanted is None or held.correlation in wanted)
        and (operations is None or held.operation in operations)
    ]
    return QueryAsynchronousRequestsResponse(asynchronous_request=tuple(found))


def _told(held: HeldRequest) -> AsynchronousRequest:
    return AsynchronousRequest(
        asynchronous_correlation_value=held.correlation,
        operation=OpenEnumeration(held.operation),
        submission_date=DateTimeExtended(held.submitted),
        processing_stage=ProcessingStage(held.stage),
    )
