"""Create Split Key: a key in parts, each an object of its own (KMIP 2.1 section 6.1.10 Create Split Key)."""

from typing import Annotated

from gateway import approvals, attribute_rules, creation, defaults, splitting, templates
from gateway.call import Call
from gateway.creation import Wanted
from gateway.errors import InvalidObjectType
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import ObjectType, Operation, SplitKeyMethod
from gateway.kmip.structure import Attributed, Attributes, BigInteger, Form, Identifier, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.kmip.values import ProtectionStorageMasks
from gateway.kmip.version import V1_2
from gateway.managed import Managed
from gateway.operations import operation
from gateway.secret_sharing import Scheme
from gateway.splitting import SEEN, Secret


class CreateSplitKeyRequest(Structure):
    """Which key is split, and how; without one, a new symmetric key of the attributes' algorithm and length."""

    object_type: ObjectType
    unique_identifier: Identifier | None = None
    split_key_parts: int
    split_key_threshold: int
    split_key_method: SplitKeyMethod
    prime_field_size: BigInteger | None = None
    attributes: Annotated[Attributes, Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES)] = ()
    protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None


class CreateSplitKeyResponse(Structure):
    """Under which unique identifiers the parts are kept, that of the first part first.

    The table of 1.2 has an Object Type, which its own test cases (TC-SJ-1-12) are not told; no client is.
    """

    object_type: Annotated[ObjectType | None, Until(1, 2)] = None
    unique_identifier: tuple[str, ...] = ()
    attributes: Annotated[
        Attributes, Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES), Until(1, 4)
    ] = ()


@operation(Operation.CREATE_SPLIT_KEY, since=V1_2)
async def create_split_key(call: Call, request: CreateSplitKeyRequest) -> CreateSplitKeyResponse:
    """Split a key; it stays, and so does its State: this is no use of it, but a way out, as Get is.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        InvalidObjectType: the result is no Split Key, or such objects are not split.
        NotExtractable, Sensitive, KeyValueNotPresent: the key does not leave the token.
        InvalidField: parts, threshold and method do not fit each other or the key.
        MissingData: algorithm or length of a new key is missing, or the Prime Field Size.
        ProtectionStorageUnavailable, AttributeReadOnly, AttributeSingleValued, InvalidAttributeValue, NonUniqueName.
    """
    if request.object_type is not ObjectType.SPLIT_KEY:
        raise InvalidObjectType(f"Create Split Key makes Split Keys, not {request.object_type.token}")
    wanted = Wanted(request.protection_storage_masks)
    creation.check_protection(call, wanted)
    given = defaults.completed(call, request.object_type, await templates.expanded(call, request.attributes))
    attributes = attribute_rules.at_birth(given, request.object_type)
    scheme = Scheme(
        request.split_key_method, request.split_key_parts, request.split_key_threshold, request.prime_field_size
    )
    bases = () if request.unique_identifier is None else (call.live(request.unique_identifier),)
    for base in bases:
        await approvals.require_export(call, base, request, "in parts")
    secret = await _secret(call, bases, attributes)
    drafts = await splitting.parts_drafted(call, secret, scheme, _inherited(attributes, bases))
    if bases:
        drafts = [draft._replace(history=SEEN) for draft in drafts]
    made = await creation.add(call, *drafts, first=splitting.still_given(call, bases), wanted=[wanted])
    call.batch.placeholder = made[0].unique_identifier
    return CreateSplitKeyResponse(unique_identifier=tuple(part.unique_identifier for part in made))


async def _secret(call: Call, bases: tuple[Managed, ...], attributes: Attributes) -> Secret:
    for base in bases:
        return await splitting.secret_of(call, base)
    return await splitting.new_secret(call, attributes)


def _inherited(attributes: Attributes, bases: tuple[Managed, ...]) -> Attributes:
    """Give a part the Cryptographic Usage Mask of its key, which says what the joined key is for."""
    for base in bases:
        attributes = sets.put_missing(attributes, Tag.CRYPTOGRAPHIC_USAGE_MASK, base.usage_mask)
    return attributes
