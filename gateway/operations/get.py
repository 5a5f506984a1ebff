"""Get: an object with its material, in the format asked for, wrapped if asked (KMIP 2.1 section 6.1.22 Get)."""

from typing import Annotated

from msgspec.structs import replace

from gateway import bundles, material, wrapping
from gateway.call import Call
from gateway.errors import (
    IllegalObjectType,
    KeyValueNotPresent,
    KeyWrapTypeNotSupported,
    NotExtractable,
    Sensitive,
)
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import KeyCompressionType, KeyFormatType, KeyWrapType, ObjectType, Operation
from gateway.kmip.objects import (
    Certificate,
    KeyBlock,
    KeyValue,
    KeyWrappingSpecification,
    ManagedObject,
    OpaqueObject,
    PGPKey,
    PrivateKey,
    PublicKey,
    SecretData,
    SplitKey,
    SymmetricKey,
    Template,
)
from gateway.kmip.structure import Attributes, Identifier, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.operations import operation
from gateway.store.api import Custody

# What is no secret is given to everybody who may see the object, whatever Extractable says. Sensitive is not there by
# itself, so a client that asks for it means it, even for a public key (test case BL-M-12 of 2.1).
OPEN = (ObjectType.PUBLIC_KEY, ObjectType.CERTIFICATE, ObjectType.TEMPLATE)
FIELDS = {kind: kind.name.lower() for kind in ObjectType}


class GetRequest(Structure):
    """Which object, the ID Placeholder when left out, and in which form."""

    unique_identifier: Identifier | None = None
    key_format_type: KeyFormatType | None = None
    key_wrap_type: Annotated[KeyWrapType | None, Since(1, 4)] = None
    key_compression_type: KeyCompressionType | None = None
    key_wrapping_specification: KeyWrappingSpecification | None = None


class GetResponse(Structure):
    """The object, in the field of its type."""

    object_type: ObjectType
    unique_identifier: str
    certificate: Certificate | None = None
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
        NotExtractable, Sensitive: it does not leave the server, or only wrapped (sections 4.26 and 4.58).
        KeyFormatTypeNotSupported, KeyCompressionTypeNotSupported, KeyWrapTypeNotSupported: not in this form.
        KeyValueNotPresent: the server does not hold the key.
        IllegalObjectType: it is to be wrapped, and has no Key Block.
        What wrapping.to_wrap raises about the wrapping key.
    """
    managed = call.live(request.unique_identifier)
    if managed.object_type not in OPEN and not managed.extractable:
        raise NotExtractable(f"{managed.unique_identifier} is not Extractable")
    if request.key_wrapping_specification is not None:
        given = await _wrapped(call, managed, request, request.key_wrapping_specification)
    else:
        given = await _as_it_is(call, managed, request)
    if managed.fresh:
        await call.change(managed, _not_fresh, touch=False)
    return GetResponse(
        object_type=managed.object_type,
        unique_identifier=managed.unique_identifier,
        **{FIELDS[managed.object_type]: given},  # type: ignore[arg-type]  # the field of the object's own type
    )


def _not_fresh(current: Managed) -> Attributes:
    return sets.put(current.attributes, Tag.FRESH, False)


async def _as_it_is(call: Call, managed: Managed, request: GetRequest) -> ManagedObject:
    # What is sealed may have come wrapped, and goes as it came.
    if managed.sensitive and managed.row.custody is Custody.TOKEN:
        raise _sensitive(managed)
    given: ManagedObject
    if bundles.is_made(managed, request.key_format_type):
        given = await bundles.made(call, managed)
    else:
        given = await material.fetch(
            call, managed, request.key_format_type, request.key_compression_type, request.key_wrap_type
        )
    if managed.sensitive and not _is_wrapped(given):
        raise _sensitive(managed)
    return given


def _sensitive(managed: Managed) -> Sensitive:
    return Sensitive(f"{managed.unique_identifier} is Sensitive: it is given wrapped only")


def _is_wrapped(given: ManagedObject) -> bool:
    block: KeyBlock | None = getattr(given, "key_block", None)
    return block is not None and block.key_wrapping_data is not None


async def _wrapped(
    call: Call, managed: Managed, request: GetRequest, specification: KeyWrappingSpecification
) -> ManagedObject:
    by = wrapping.to_wrap(call, managed, specification)
    chosen = material.format_for(call, managed, request.key_format_type)
    if wrapping.wraps_in_place(managed, chosen, specification):
        given = material.shell(call, managed, chosen)
        value = await wrapping.wrap_in_place(call, managed, by)
    else:
        given = await material.fetch(
            call, managed, request.key_format_type, request.key_compression_type, request.key_wrap_type
        )
        value = await wrapping.wrap_value(call, managed, _clear(given), by, specification)
    block: KeyBlock = given.key_block  # type: ignore[union-attr]  # _clear has seen it
    return replace(given, key_block=wrapping.wrapped_block(block, value, specification))


def _clear(given: ManagedObject) -> KeyValue:
    block: KeyBlock | None = getattr(given, "key_block", None)
    if block is None:
        raise IllegalObjectType("only what has a Key Block can be wrapped")
    if block.key_wrapping_data is not None:
        raise KeyWrapTypeNotSupported("this key is wrapped already; ask for it NotWrapped to have it wrapped anew")
    if not isinstance(block.key_value, KeyValue):
        raise KeyValueNotPresent
    return block.key_value
