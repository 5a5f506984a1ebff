"""Destroy: an object's material is gone, its attributes stay (KMIP 2.1 section 6.1.15 Destroy)."""

from gateway import approvals, creation, windows
from gateway.call import Call
from gateway.errors import ObjectDestroyed, WrongLifecycleState
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import Operation, State
from gateway.kmip.structure import Attributes, Identifier, Structure
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.operations import operation


class DestroyRequest(Structure):
    """Which object; the ID Placeholder when left out."""

    unique_identifier: Identifier | None = None


class DestroyResponse(Structure):
    """Which object it was."""

    unique_identifier: str


@operation(Operation.DESTROY)
async def destroy(call: Call, request: DestroyRequest) -> DestroyResponse:
    """Destroy an object, archived or not; of a key pair this half alone.

    No client has it back. Where the configuration or a role names a window, an operator has, until that is over.

    Raises:
        ObjectNotFound.
        ObjectDestroyed: it was before.
        WrongLifecycleState: it is Active; Revoke comes first (section 4.57 State).
    """

    def destroyed(current: Managed) -> Attributes:
        if current.destroy is not None:
            raise ObjectDestroyed(f"{current.unique_identifier} was destroyed")
        if current.state(call.now) is State.ACTIVE:
            raise WrongLifecycleState(f"{current.unique_identifier} is Active; revoke it first")
        attributes = sets.put(current.attributes, Tag.DESTROY_DATE, call.today)
        return sets.put(attributes, Tag.LAST_CHANGE_DATE, call.today)

    managed = call.find(request.unique_identifier)
    destroyed(managed)  # what is refused anyway asks nobody
    await approvals.require_destroy(call, managed, request)
    await creation.erase(call, managed, destroyed, window_s=windows.window_s(call, managed))
    return DestroyResponse(unique_identifier=managed.unique_identifier)
