"""Recover: an archived object is on line again (KMIP 2.1 section 6.1.42 Recover)."""

from gateway import archives
from gateway.call import Call
from gateway.errors import ObjectDestroyed
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Attributes, Identifier, Structure
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.operations import operation


class RecoverRequest(Structure):
    """Which object; the ID Placeholder when left out."""

    unique_identifier: Identifier | None = None


class RecoverResponse(Structure):
    """Which object it was."""

    unique_identifier: str


@operation(Operation.RECOVER)
async def recover(call: Call, request: RecoverRequest) -> RecoverResponse:
    """Take an object's Archive Date away, so that it can be used again; one that is on line stays as it is.

    Raises:
        ObjectNotFound, ObjectDestroyed.
    """

    def taken_out(current: Managed) -> Attributes:
        if current.destroy is not None:
            raise ObjectDestroyed(f"{current.unique_identifier} was destroyed")
        return sets.drop(current.attributes, Tag.ARCHIVE_DATE)

    managed = call.find(request.unique_identifier)
    if managed.archive is not None or managed.destroy is not None:
        await archives.move(call, managed, taken_out, archived=False)
    call.batch.placeholder = managed.unique_identifier
    return RecoverResponse(unique_identifier=managed.unique_identifier)
