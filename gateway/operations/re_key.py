"""Re-key: a new symmetric key in place of another (KMIP 2.1 section 6.1.46 Re-key)."""

from typing import Annotated

from gateway import creation, keymaking, placement, replacement, templates
from gateway.call import Call
from gateway.creation import Wanted
from gateway.kmip.enums import ObjectType, Operation
from gateway.kmip.structure import Attributed, Attributes, Form, Identifier, Interval, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.kmip.values import ProtectionStorageMasks
from gateway.operations import operation

ATTRIBUTES = Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES)


class ReKeyRequest(Structure):
    """Which key (the ID Placeholder when left out), in how many seconds the new one is activated, what else it has."""

    unique_identifier: Identifier | None = None
    offset: Interval | None = None
    attributes: Annotated[Attributes, ATTRIBUTES] = ()
    protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None


class ReKeyResponse(Structure):
    """The new key; 1.x may be told what the server chose, and is not."""

    unique_identifier: str
    attributes: Annotated[Attributes, ATTRIBUTES, Until(1, 4)] = ()


@operation(Operation.RE_KEY)
async def re_key(call: Call, request: ReKeyRequest) -> ReKeyResponse:
    """Make a key with the attributes of another, which loses its Names to it and otherwise stays as it is.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, KeyValueNotPresent.
        NotReplaceable: it is no symmetric key.
        InvalidMessage: an Offset together with dates, or without an Activation Date to move.
        ProtectionStorageUnavailable, NonUniqueName, and what else Create raises.
    """
    wanted = Wanted(request.protection_storage_masks)
    old = replacement.replaceable(call.live(request.unique_identifier), ObjectType.SYMMETRIC_KEY)
    given = await templates.expanded(call, request.attributes)
    attributes = replacement.attributes_for(call, old, given, request.offset)
    home = placement.at(call, old.row.token)
    creation.check_protection(home, wanted)
    draft = replacement.successor(await keymaking.secret(home, ObjectType.SYMMETRIC_KEY, attributes), old)
    (new,) = await creation.add(
        home, draft, changes=[replacement.replaced(call, old, draft.unique_identifier)], wanted=[wanted]
    )
    call.batch.placeholder = new.unique_identifier
    return ReKeyResponse(unique_identifier=new.unique_identifier)
