"""Create Key Pair: a private and a public key, made by the token (KMIP 2.1 section 6.1.9 Create Key Pair)."""

from typing import Annotated

from gateway import attribute_rules, creation, defaults, keymaking, placement, templates
from gateway.call import Call
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import ObjectType, Operation
from gateway.kmip.structure import Attributed, Attributes, Form, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.kmip.values import ProtectionStorageMasks
from gateway.operations import operation

COMMON = Attributed(Form.TEMPLATE, Tag.COMMON_TEMPLATE_ATTRIBUTE, Tag.COMMON_ATTRIBUTES)
PRIVATE = Attributed(Form.TEMPLATE, Tag.PRIVATE_KEY_TEMPLATE_ATTRIBUTE, Tag.PRIVATE_KEY_ATTRIBUTES)
PUBLIC = Attributed(Form.TEMPLATE, Tag.PUBLIC_KEY_TEMPLATE_ATTRIBUTE, Tag.PUBLIC_KEY_ATTRIBUTES)


class CreateKeyPairRequest(Structure):
    """The attributes of both halves, and of each; what is said of one of them has its way."""

    common_attributes: Annotated[Attributes, COMMON] = ()
    private_key_attributes: Annotated[Attributes, PRIVATE] = ()
    public_key_attributes: Annotated[Attributes, PUBLIC] = ()
    common_protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None
    private_protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None
    public_protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None


class CreateKeyPairResponse(Structure):
    """Under which unique identifiers the halves are kept; 1.x may be told what the server chose, and is not."""

    private_key_unique_identifier: str
    public_key_unique_identifier: str
    private_key_attributes: Annotated[Attributes, PRIVATE, Until(1, 4)] = ()
    public_key_attributes: Annotated[Attributes, PUBLIC, Until(1, 4)] = ()


@operation(Operation.CREATE_KEY_PAIR)
async def create_key_pair(call: Call, request: CreateKeyPairRequest) -> CreateKeyPairResponse:
    """Make a key pair on the token; both halves become live at once.

    A Name that both halves are to have is refused like any that is taken, unless the operator lets names repeat.

    Raises:
        MissingData: the algorithm is missing, or both length and curve are.
        UnsupportedCryptographicParameters: the token makes no such pairs.
        PrivateProtectionStorageUnavailable, PublicProtectionStorageUnavailable: nor keeps them as asked.
        AttributeReadOnly, AttributeSingleValued, InvalidAttributeValue, NonUniqueName: an attribute cannot be so.
        ConstraintViolation: the client has set constraints that forbid it.
    """
    wanted = creation.wanted_of_pair(
        request.common_protection_storage_masks,
        request.private_protection_storage_masks,
        request.public_protection_storage_masks,
    )
    # Object Type in what is common can hold for one of the halves at most; some clients put it there.
    common = sets.drop(await templates.expanded(call, request.common_attributes), Tag.OBJECT_TYPE)
    halves = [
        _half(call, object_type, templates.overlaid(common, await templates.expanded(call, own)))
        for object_type, own in (
            (ObjectType.PRIVATE_KEY, request.private_key_attributes),
            (ObjectType.PUBLIC_KEY, request.public_key_attributes),
        )
    ]
    home = placement.home(call, halves[0])
    creation.check_protection(home, *wanted)
    private, public = await creation.add(home, *await keymaking.pair(home, *halves), wanted=wanted)
    call.batch.placeholder = private.unique_identifier
    return CreateKeyPairResponse(
        private_key_unique_identifier=private.unique_identifier,
        public_key_unique_identifier=public.unique_identifier,
    )


def _half(call: Call, object_type: ObjectType, given: Attributes) -> Attributes:
    return attribute_rules.at_birth(defaults.completed(call, object_type, given), object_type)
