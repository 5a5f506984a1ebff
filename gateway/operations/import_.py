"""Import: an object with its unique identifier and all its attributes, as Export gave it (KMIP 2.1 section 6.1.25)."""

from functools import partial
from typing import Annotated

from gateway import creation, duplicates, imports, placement, registration
from gateway.call import Call
from gateway.imports import Room
from gateway.kmip.enums import KeyWrapType, ObjectType, Operation
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
from gateway.kmip.version import V1_4
from gateway.operations import operation


class ImportRequest(Structure):
    """Under which unique identifier (the server's choice when empty), in whose place, and the object."""

    unique_identifier: str
    object_type: Annotated[ObjectType | None, Since(2, 0)] = None
    replace_existing: bool | None = None
    key_wrap_type: KeyWrapType | None = None
    attributes: Annotated[Attributes, Attributed(Form.REPEATED, Tag.ATTRIBUTE, Tag.ATTRIBUTES, always=True)] = ()
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


class ImportResponse(Structure):
    """Under which unique identifier the object is kept."""

    unique_identifier: str


@operation(Operation.IMPORT, since=V1_4)
async def import_(call: Call, request: ImportRequest) -> ImportResponse:
    """Keep an object under the identifier and with the history that it brings.

    Replace Existing destroys an object of the same client's that has the identifier, an Active one too; what is known
    of that one stays, under another.

    Raises:
        ObjectAlreadyExists: the identifier is taken, and not to be given up, or not by this client.
        InvalidField: object, Key Block and attributes contradict each other, or the object is not what it says.
        MissingData: a key without algorithm or Cryptographic Usage Mask.
        InvalidAttributeValue, AttributeSingleValued, NonUniqueName: an attribute cannot be so.
        PermissionDenied: a key that is unwrapped would do more than another with its value may.
        What wrapping.unwrapped_block raises: a key is to be kept unwrapped, and cannot be.
    """
    object_type, given = registration.brought(request, request.object_type)
    unique_identifier = imports.identifier(request.unique_identifier)
    room = Room(call, unique_identifier, request.replace_existing is True)
    room.check()
    unwrapped = imports.is_unwrapped(given, request.key_wrap_type)
    if unwrapped:
        given = await imports.unwrapped(call, given, request.attributes)
    home = placement.home(call, request.attributes)
    draft = await imports.drafted(home, object_type, given, request.attributes, unique_identifier)
    call.on_undo(room.give_back)  # Undone after the new object, which has the identifier until then.
    check = None
    if unwrapped:
        digests = imports.digests_of(home, object_type, given, request.attributes)
        check = partial(duplicates.check, values=digests)
    await creation.add(home, draft, first=room.make, check=check)
    await room.leave()
    call.batch.placeholder = unique_identifier
    return ImportResponse(unique_identifier=unique_identifier)
