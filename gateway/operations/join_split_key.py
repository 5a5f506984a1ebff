"""Join Split Key: parts of a key, enough of them, into the key (KMIP 2.1 section 6.1.25 Join Split Key)."""

from collections.abc import Sequence
from typing import Annotated

from gateway import approvals, attribute_rules, creation, defaults, registration, secret_sharing, splitting, templates
from gateway.call import Call
from gateway.creation import Wanted
from gateway.errors import InvalidField, InvalidMessage, InvalidObjectType
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import ObjectType, Operation, SecretDataType
from gateway.kmip.objects import ManagedObject, PrivateKey, SecretData, SymmetricKey
from gateway.kmip.structure import Attributed, Attributes, Form, Identifier, OpenEnumeration, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.kmip.values import ProtectionStorageMasks
from gateway.kmip.version import V1_2
from gateway.managed import Managed
from gateway.operations import operation
from gateway.splitting import SEEN, Secret

O = ObjectType  # noqa: E741
JOINED = (O.SYMMETRIC_KEY, O.SECRET_DATA, O.PRIVATE_KEY)


class JoinSplitKeyRequest(Structure):
    """Which parts, in any order, and into which type of object."""

    object_type: ObjectType
    unique_identifier: tuple[Identifier, ...] = ()
    secret_data_type: OpenEnumeration | None = None
    attributes: Annotated[Attributes, Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES)] = ()
    protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None


class JoinSplitKeyResponse(Structure):
    """Under which unique identifier the key is kept; no client is told its type, as with Create Split Key."""

    object_type: Annotated[ObjectType | None, Until(1, 2)] = None
    unique_identifier: str
    attributes: Annotated[
        Attributes, Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES), Until(1, 4)
    ] = ()


@operation(Operation.JOIN_SPLIT_KEY, since=V1_2)
async def join_split_key(call: Call, request: JoinSplitKeyRequest) -> JoinSplitKeyResponse:
    """Join parts into a key, on the token if it can hold that; the parts stay.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        InvalidObjectType: other objects are not joined, or nothing is joined into such.
        InvalidMessage: there are no parts.
        InvalidField: one comes twice, they are not of one kind, or too many.
        CryptographicFailure: there are too few, or they are not of one key (test cases TC-SJ-1 to 4).
        NotExtractable, Sensitive, KeyValueNotPresent: a part does not leave the server.
        NotAuthorized: the key is to be outside of a group for which others are asked.
        ProtectionStorageUnavailable, MissingData, and what else Register raises.
    """
    if request.object_type not in JOINED:
        raise InvalidObjectType(f"parts are not joined into objects of type {request.object_type.token}")
    wanted = Wanted(request.protection_storage_masks)
    creation.check_protection(call, wanted)
    parts = _parts(call, request.unique_identifier)
    secret = await splitting.joined(call, parts)
    given = defaults.completed(call, request.object_type, await templates.expanded(call, request.attributes))
    attributes = attribute_rules.at_birth(given, request.object_type)
    attributes = sets.put_missing(attributes, Tag.ORIGINAL_CREATION_DATE, call.today)
    groups = [str(each.value) for each in attributes if each.tag is Tag.OBJECT_GROUP]
    for part in parts:  # Outside of their groups the key would leave without those who are asked for its parts.
        approvals.require_groups(call, part, groups)
    draft = await registration.drafted(call, request.object_type, _object(request, secret), attributes)
    (made,) = await creation.add(
        call, draft._replace(history=SEEN), first=splitting.still_given(call, parts), wanted=[wanted]
    )
    call.batch.placeholder = made.unique_identifier
    return JoinSplitKeyResponse(unique_identifier=made.unique_identifier)


def _parts(call: Call, given: Sequence[Identifier]) -> list[Managed]:
    if not given:
        raise InvalidMessage("Join Split Key names the parts to join: there is no default")
    if len(given) > secret_sharing.MAX_PARTS:
        raise InvalidField(f"a key has up to {secret_sharing.MAX_PARTS} parts")
    return [call.live(each) for each in given]


def _object(request: JoinSplitKeyRequest, secret: Secret) -> ManagedObject:
    block = secret.block(secret.value)
    if request.object_type is O.SECRET_DATA:
        kind = request.secret_data_type or OpenEnumeration(SecretDataType.SEED)
        return SecretData(secret_data_type=kind, key_block=block)
    return PrivateKey(key_block=block) if request.object_type is O.PRIVATE_KEY else SymmetricKey(key_block=block)
