"""Activate: a Pre-Active object becomes Active (KMIP 2.1 section 6.1.1 Activate)."""

from gateway.call import Call
from gateway.errors import WrongLifecycleState
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import Operation, State
from gateway.kmip.structure import Attributes, Identifier, Structure
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.operations import operation


class ActivateRequest(Structure):
    """Which object; the ID Placeholder when left out."""

    unique_identifier: Identifier | None = None


class ActivateResponse(Structure):
    """Which object it was."""

    unique_identifier: str


@operation(Operation.ACTIVATE)
async def activate(call: Call, request: ActivateRequest) -> ActivateResponse:
    """Set the Activation Date of a Pre-Active object to now.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        WrongLifecycleState: the object is not Pre-Active (section 4.57 State).
    """

    def now_active(current: Managed) -> Attributes:
        if current.state(call.now) is not State.PRE_ACTIVE:
            raise WrongLifecycleState(f"{current.unique_identifier} is {current.state(call.now).token}, not PreActive")
        return sets.put(current.attributes, Tag.ACTIVATION_DATE, call.today)

    managed = await call.change(call.live(request.unique_identifier), now_active)
    return ActivateResponse(unique_identifier=managed.unique_identifier)
