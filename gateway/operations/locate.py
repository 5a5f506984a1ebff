"""Locate: the objects that have the attributes asked (KMIP 2.1 section 6.1.27 Locate)."""

from typing import Annotated

from gateway import matching
from gateway.attribute_changes import resolved
from gateway.call import Call
from gateway.errors import InvalidField, ServerLimitExceeded
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import ObjectGroupMember, Operation, StorageStatusMask
from gateway.kmip.structure import Attribute, Attributed, Attributes, Form, Since, Structure
from gateway.kmip.tags import Tag
from gateway.matching import Conditions
from gateway.operations import operation
from gateway.store.api import Located, ObjectRow, Query

MAX_CONDITIONS = 100  # SQLite takes a statement of about a thousand terms.
ON_LINE = StorageStatusMask.ON_LINE_STORAGE


class LocateRequest(Structure):
    """What is looked for: objects that have all these attributes; all objects when there are none."""

    maximum_items: int | None = None
    offset_items: Annotated[int | None, Since(1, 3)] = None
    storage_status_mask: StorageStatusMask | None = None
    object_group_member: Annotated[ObjectGroupMember | None, Since(1, 1)] = None
    attributes: Annotated[Attributes, Attributed(Form.REPEATED, Tag.ATTRIBUTE, Tag.ATTRIBUTES, always=True)] = ()


class LocateResponse(Structure):
    """What was found, the newest first, and how many there are without regard to the page."""

    located_items: Annotated[int | None, Since(1, 3)] = None
    unique_identifier: tuple[str, ...] = ()


@operation(Operation.LOCATE)
async def locate(call: Call, request: LocateRequest) -> LocateResponse:
    """Find the client's own objects that meet every condition; nothing found is a success.

    Texts are compared exactly, masks by the bits asked, structures by the fields asked; one date is a moment, two are a
    range. Archived and destroyed objects are found when the Storage Status Mask asks for them. One object found sets
    the ID Placeholder, which is empty otherwise.

    Raises:
        InvalidField: a number below 0, a date given three times, an Object Group Member without an Object Group.
        ServerLimitExceeded: there are too many conditions.
        UnsupportedAttribute: there is no such attribute, and so nobody has it.
    """
    maximum, offset = request.maximum_items, request.offset_items or 0
    if offset < 0 or (maximum is not None and maximum < 0):
        raise InvalidField("Maximum Items and Offset Items are numbers from 0")
    if len(request.attributes) > MAX_CONDITIONS:
        raise ServerLimitExceeded(f"Locate takes {MAX_CONDITIONS} attributes at most")
    asked = tuple(resolved(call, each) for each in matching.names_meant(request.attributes))
    if request.object_group_member is None:
        found = await _found(call, request, asked)
    else:
        found = _page(await _members(call, request, asked), offset, maximum)
    # The only one of several that Maximum Items lets through is meant too (section 6.1 Client-to-Server Operations).
    single = len(found.unique_identifiers) == 1 and (maximum == 1 or found.total == 1)
    call.batch.placeholder = found.unique_identifiers[0] if single else None
    return LocateResponse(located_items=found.total, unique_identifier=found.unique_identifiers)


async def _found(call: Call, request: LocateRequest, asked: Attributes) -> Located:
    conditions = _conditions(call, asked)
    query = _query(call, request, conditions, request.offset_items or 0, request.maximum_items)
    return await call.store.locate(query, conditions.post)


async def _members(call: Call, request: LocateRequest, asked: Attributes) -> list[str]:
    """Choose among the members of a group (section 6.1.27, Object Group Member).

    Fresh members come the oldest first, so that a group is a queue. The default member is the one longest unchanged:
    each Get of a fresh one makes it the last, so that new members take turns.
    """
    if not sets.has(asked, Tag.OBJECT_GROUP):
        raise InvalidField("an Object Group Member goes with an Object Group")
    fresh = request.object_group_member is ObjectGroupMember.GROUP_MEMBER_FRESH
    conditions = _conditions(call, (*asked, Attribute(Tag.FRESH, True)) if fresh else asked)
    members: list[ObjectRow] = []

    def collect(row: ObjectRow) -> bool:
        if conditions.post is None or conditions.post(row):
            members.append(row)
        return False

    await call.store.locate(_query(call, request, conditions, 0, None), collect)
    members.sort(key=lambda row: row.id if fresh else (row.changed, row.id))
    return [row.unique_identifier for row in (members if fresh else members[:1])]


def _conditions(call: Call, asked: Attributes) -> Conditions:
    found = matching.conditions(asked, call.services.catalogue, call.services.codec, call.now)
    # A ticket, or a role, that is for some objects finds no others.
    whole = call.rights is None and call.reach.whole
    return found if whole else found._replace(tests=(*found.tests, call.allows))


def _query(call: Call, request: LocateRequest, conditions: Conditions, offset: int, limit: int | None) -> Query:
    mask = ON_LINE if request.storage_status_mask is None else request.storage_status_mask
    return Query(
        tenant=call.peer.identity.tenant,
        owner=call.peer.identity.name,
        lent=Operation.LOCATE if call.rights is None else None,
        filters=conditions.filters,
        include_online=bool(mask & ON_LINE),
        include_archived=bool(mask & StorageStatusMask.ARCHIVAL_STORAGE),
        include_destroyed=bool(mask & StorageStatusMask.DESTROYED_STORAGE),
        offset=offset,
        limit=limit,
    )


def _page(found: list[str], offset: int, maximum: int | None) -> Located:
    end = None if maximum is None else offset + maximum
    return Located(tuple(found[offset:end]), len(found))
