"""Re-key Key Pair: a new key pair in place of another (KMIP 2.1 section 6.1.47 Re-key Key Pair)."""

from typing import Annotated

from gateway import creation, keymaking, placement, replacement, templates
from gateway.call import Call
from gateway.errors import ObjectNotFound
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import LinkType, ObjectType, Operation
from gateway.kmip.structure import Attributed, Attributes, Form, Identifier, Interval, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.kmip.values import ProtectionStorageMasks
from gateway.kmip.version import V1_1
from gateway.managed import Managed
from gateway.operations import operation

COMMON = Attributed(Form.TEMPLATE, Tag.COMMON_TEMPLATE_ATTRIBUTE, Tag.COMMON_ATTRIBUTES)
PRIVATE = Attributed(Form.TEMPLATE, Tag.PRIVATE_KEY_TEMPLATE_ATTRIBUTE, Tag.PRIVATE_KEY_ATTRIBUTES)
PUBLIC = Attributed(Form.TEMPLATE, Tag.PUBLIC_KEY_TEMPLATE_ATTRIBUTE, Tag.PUBLIC_KEY_ATTRIBUTES)


class ReKeyKeyPairRequest(Structure):
    """Which private key (the ID Placeholder when left out), and what is to be otherwise with the new pair."""

    private_key_unique_identifier: Identifier | None = None
    offset: Interval | None = None
    common_attributes: Annotated[Attributes, COMMON] = ()
    private_key_attributes: Annotated[Attributes, PRIVATE] = ()
    public_key_attributes: Annotated[Attributes, PUBLIC] = ()
    common_protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None
    private_protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None
    public_protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None


class ReKeyKeyPairResponse(Structure):
    """The halves of the new pair; 1.x may be told what the server chose, and is not."""

    private_key_unique_identifier: str
    public_key_unique_identifier: str
    private_key_attributes: Annotated[Attributes, PRIVATE, Until(1, 4)] = ()
    public_key_attributes: Annotated[Attributes, PUBLIC, Until(1, 4)] = ()


@operation(Operation.RE_KEY_KEY_PAIR, since=V1_1)
async def re_key_key_pair(call: Call, request: ReKeyKeyPairRequest) -> ReKeyKeyPairResponse:
    """Make a key pair with the attributes of another, whose halves lose their Names to the new ones.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, KeyValueNotPresent: of either half.
        NotReplaceable: it is no private key.
        InvalidMessage: an Offset together with dates, or without an Activation Date to move.
        NonUniqueName, and what else Create Key Pair raises.
    """
    wanted = creation.wanted_of_pair(
        request.common_protection_storage_masks,
        request.private_protection_storage_masks,
        request.public_protection_storage_masks,
    )
    private = replacement.replaceable(call.live(request.private_key_unique_identifier), ObjectType.PRIVATE_KEY)
    public = replacement.replaceable(call.live(_public(private)), ObjectType.PUBLIC_KEY)
    common = sets.drop(await templates.expanded(call, request.common_attributes), Tag.OBJECT_TYPE)
    halves = []
    for old, own in ((private, request.private_key_attributes), (public, request.public_key_attributes)):
        given = templates.overlaid(common, await templates.expanded(call, own))
        halves.append(replacement.attributes_for(call, old, given, request.offset))
    home = placement.at(call, private.row.token)
    creation.check_protection(home, *wanted)
    pairs = list(zip(await keymaking.pair(home, *halves), (private, public), strict=True))
    drafts = [replacement.successor(draft, old) for draft, old in pairs]
    changes = [replacement.replaced(call, old, draft.unique_identifier) for draft, old in pairs]
    made = await creation.add(home, *drafts, changes=changes, wanted=wanted)
    call.batch.placeholder = made[0].unique_identifier
    return ReKeyKeyPairResponse(
        private_key_unique_identifier=made[0].unique_identifier,
        public_key_unique_identifier=made[1].unique_identifier,
    )


def _public(private: Managed) -> str:
    linked = private.linked(LinkType.PUBLIC_KEY_LINK)
    if linked is None:
        raise ObjectNotFound(f"{private.unique_identifier} has no Link to a public key")
    return linked
