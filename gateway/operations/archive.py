"""Archive: an object is put away until it is recovered (KMIP 2.1 section 6.1.4 Archive)."""

from gateway import archives
from gateway.call import Call
from gateway.errors import ObjectArchived, ObjectDestroyed
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Attributes, Identifier, Structure
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.operations import operation


class ArchiveRequest(Structure):
    """Which object; the ID Placeholder when left out."""

    unique_identifier: Identifier | None = None


class ArchiveResponse(Structure):
    """Which object it was."""

    unique_identifier: str


@operation(Operation.ARCHIVE)
async def archive(call: Call, request: ArchiveRequest) -> ArchiveResponse:
    """Set the Archive Date of an object to now; until Recover it can be looked at and destroyed, and not used.

    Raises:
        ObjectNotFound, ObjectDestroyed.
        ObjectArchived: it is archived already.
    """

    def put_away(current: Managed) -> Attributes:
        if current.destroy is not None:
            raise ObjectDestroyed(f"{current.unique_identifier} was destroyed")
        if current.archive is not None:
            raise ObjectArchived(f"{current.unique_identifier} is archived already")
        return sets.put(current.attributes, Tag.ARCHIVE_DATE, call.today)

    managed = call.find(request.unique_identifier)
    await archives.move(call, managed, put_away, archived=True)
    return ArchiveResponse(unique_identifier=managed.unique_identifier)
