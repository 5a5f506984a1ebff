"""Register: an object that the client made, to be kept and used here (KMIP 2.1 section 6.1.43 Register)."""

from typing import Annotated

from gateway import attribute_rules, bundles, creation, defaults, placement, registration, templates
from gateway.call import Call
from gateway.creation import Wanted
from gateway.kmip.enums import ObjectType, Operation
from gateway.kmip.objects import (
    Certificate,
    CertificateRequest,
    OpaqueObject,
    PGPKey,
    PrivateKey,
    PublicKey,
    SecretData,
    SplitKey,
    SymmetricKey,
    Template,
)
from gateway.kmip.structure import Attributed, Attributes, Form, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.kmip.values import ProtectionStorageMasks
from gateway.operations import operation


class RegisterRequest(Structure):
    """An object of the type named, and attributes for it."""

    object_type: ObjectType
    attributes: Annotated[Attributes, Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES)] = ()
    certificate: Certificate | None = None
    certificate_request: Annotated[CertificateRequest | None, Since(2, 0)] = None
    symmetric_key: SymmetricKey | None = None
    private_key: PrivateKey | None = None
    public_key: PublicKey | None = None
    split_key: SplitKey | None = None
    template: Annotated[Template | None, Until(1, 4)] = None
    secret_data: SecretData | None = None
    opaque_object: OpaqueObject | None = None
    pgp_key: PGPKey | None = None
    protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None


class RegisterResponse(Structure):
    """Under which unique identifier the object is kept."""

    unique_identifier: str


@operation(Operation.REGISTER)
async def register(call: Call, request: RegisterRequest) -> RegisterResponse:
    """Keep an object, on the token if it is a key that the token can hold, else sealed in the database.

    A PKCS#12 file with a Link to its password becomes a private key, which is the object registered, and certificates.

    Raises:
        InvalidField: object, Key Block and attributes contradict each other, or the object is not what it says.
        MissingData: a key without algorithm or Cryptographic Usage Mask.
        ProtectionStorageUnavailable: the token keeps nothing as asked.
        AttributeReadOnly, AttributeSingleValued, InvalidAttributeValue, NonUniqueName: an attribute cannot be so.
        ConstraintViolation: the client has set constraints that forbid it.
    """
    _, given = registration.brought(request, request.object_type)
    wanted = Wanted(request.protection_storage_masks)
    named = await templates.expanded(call, request.attributes)
    named = defaults.beside_material(call, request.object_type, named)
    attributes = attribute_rules.at_birth(named, request.object_type)
    home = placement.home(call, attributes)
    creation.check_protection(home, wanted)
    if bundles.is_file(given, attributes):
        drafts = await bundles.taken_apart(home, given, attributes)
    else:
        drafts = [await registration.drafted(home, request.object_type, given, attributes)]
    made, *_ = await creation.add(home, *drafts, wanted=[wanted])
    call.batch.placeholder = made.unique_identifier
    return RegisterResponse(unique_identifier=made.unique_identifier)
