"""Export: an object with its material and all its attributes, to be imported elsewhere (KMIP 2.1 section 6.1.18)."""

from typing import Annotated

from gateway import giving
from gateway.attribute_rules import in_order, shown
from gateway.call import Call
from gateway.errors import ObjectArchived
from gateway.giving import FIELDS, Asked
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
from gateway.kmip.version import V1_4
from gateway.managed import visible_attributes
from gateway.operations import operation


class ExportRequest(Asked):
    """Which object, the ID Placeholder when left out, and in which form."""


class ExportResponse(Structure):
    """All attributes, and the object in the field of its type; none where it was destroyed."""

    object_type: ObjectType
    unique_identifier: str
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


@operation(Operation.EXPORT, since=V1_4)
async def export(call: Call, request: ExportRequest) -> ExportResponse:
    """Give an object and what is known of it; unlike Get it leaves it Fresh (test case TC-IMPEXP-3).

    Raises:
        ObjectNotFound, ObjectArchived.
        What giving.given raises: it does not leave the server so.
    """
    managed = call.find(request.unique_identifier)
    fields = {}
    if managed.destroy is None:
        if managed.archive is not None:
            raise ObjectArchived(f"{managed.unique_identifier} is archived")
        fields[FIELDS[managed.object_type]] = await giving.given(call, managed, request)
    call.batch.placeholder = managed.unique_identifier
    return ExportResponse(
        object_type=managed.object_type,
        unique_identifier=managed.unique_identifier,
        attributes=in_order(shown(visible_attributes(managed, call.now), call.version)),
        **fields,  # type: ignore[arg-type]  # the field of the object's own type
    )
