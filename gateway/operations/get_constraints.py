"""Get Constraints: which values this client's objects have to have (KMIP 2.1 section 6.1.19 Get Constraints)."""

from gateway import constraints
from gateway.call import Call
from gateway.kmip.enums import Operation
from gateway.kmip.policy import Constraints
from gateway.kmip.structure import Structure
from gateway.kmip.version import V2_1
from gateway.operations import operation


class GetConstraintsRequest(Structure):
    """Nothing is asked."""


class GetConstraintsResponse(Structure):
    """All constraints; the test cases leave out the structure where there are none (TC-MD-21)."""

    constraints: Constraints | None = None


@operation(Operation.GET_CONSTRAINTS, since=V2_1, pure=True)
async def get_constraints(call: Call, request: GetConstraintsRequest) -> GetConstraintsResponse:
    """Give the constraints that this client has set, and no others'."""
    found = constraints.read(call)
    return GetConstraintsResponse(constraints=found if found.constraint else None)
