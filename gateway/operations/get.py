"""Get: an object with its material, in the format asked for, wrapped if asked (KMIP 2.1 section 6.1.22 Get)."""

from typing import Annotated

from gateway import giving
from gateway.call import Call
from gateway.giving import FIELDS, Asked
from gateway.kmip import attribute_sets as sets
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
from gateway.kmip.structure import Attributes, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.operations import operation


class GetRequest(Asked):
    """Which object, the ID Placeholder when left out, and in which form."""


class GetResponse(Structure):
    """The object, in the field of its type."""

    object_type: ObjectType
    unique_identifier: str
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


@operation(Operation.GET, pure=True)
async def get(call: Call, request: GetRequest) -> GetResponse:
    """Give an object; from then on it is not Fresh.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        What giving.given raises: it does not leave the server so.
    """
    managed = call.live(request.unique_identifier)
    given = await giving.given(call, managed, request)
    if managed.fresh:
        await call.change(managed, _not_fresh, touch=False)
    return GetResponse(
        object_type=managed.object_type,
        unique_identifier=managed.unique_identifier,
        **{FIELDS[managed.object_type]: given},  # type: ignore[arg-type]  # the field of the object's own type
    )


def _not_fresh(current: Managed) -> Attributes:
    return sets.put(current.attributes, Tag.FRESH, False)
