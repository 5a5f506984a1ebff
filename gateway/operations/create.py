"""Create: a symmetric key, or Secret Data, made by the token (KMIP 2.1 section 6.1.8 Create)."""

from typing import Annotated

from gateway import attribute_rules, creation, defaults, keymaking, placement, templates
from gateway.call import Call
from gateway.creation import Wanted
from gateway.errors import InvalidObjectType
from gateway.kmip.enums import ObjectType, Operation
from gateway.kmip.structure import Attributed, Attributes, Form, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.kmip.values import ProtectionStorageMasks
from gateway.operations import operation

# 1.x speaks of symmetric keys alone; its test cases create Secret Data too (TC-CREATE-SD-1-14).
CREATED = (ObjectType.SYMMETRIC_KEY, ObjectType.SECRET_DATA)


class CreateRequest(Structure):
    """What is to be made; its attributes say which algorithm and how long, in bits."""

    object_type: ObjectType
    attributes: Annotated[Attributes, Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES)]
    protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None


class CreateResponse(Structure):
    """Under which unique identifier the object is kept; 1.x may be told what the server chose, and is not."""

    object_type: ObjectType
    unique_identifier: str
    attributes: Annotated[
        Attributes, Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES), Until(1, 4)
    ] = ()


@operation(Operation.CREATE)
async def create(call: Call, request: CreateRequest) -> CreateResponse:
    """Make a key on the token, or one that no token uses from the token's random numbers.

    Without a Cryptographic Usage Mask it is made too (TC-CS-CORVAL-1), and can only be fetched.

    Raises:
        InvalidObjectType: other objects are not created so.
        MissingData: algorithm or length is missing.
        UnsupportedCryptographicParameters: the token makes no such keys.
        ProtectionStorageUnavailable: nor keeps them as asked.
        AttributeReadOnly, AttributeSingleValued, InvalidAttributeValue, NonUniqueName: an attribute cannot be so.
        ConstraintViolation: the client has set constraints that forbid it.
    """
    if request.object_type not in CREATED:
        raise InvalidObjectType(f"Create makes symmetric keys and Secret Data, not {request.object_type.token}")
    wanted = Wanted(request.protection_storage_masks)
    given = defaults.completed(call, request.object_type, await templates.expanded(call, request.attributes))
    attributes = attribute_rules.at_birth(given, request.object_type)
    home = placement.home(call, attributes)
    creation.check_protection(home, wanted)
    (made,) = await creation.add(home, await keymaking.secret(home, request.object_type, attributes), wanted=[wanted])
    call.batch.placeholder = made.unique_identifier
    return CreateResponse(object_type=request.object_type, unique_identifier=made.unique_identifier)
