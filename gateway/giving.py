"""An object on its way out to a client: what it may have of it, in the form asked for, wrapped if asked.

The one rule here: no way out leads past Extractable and Sensitive (KMIP 2.1 sections 4.26 and 4.58).
"""

from typing import Annotated

from msgspec.structs import replace

from gateway import approvals, bundles, keyblocks, material, wording, wrapping
from gateway.access.permissions import OPEN
from gateway.call import Call
from gateway.errors import (
    IllegalObjectType,
    InvalidObjectType,
    KeyValueNotPresent,
    KeyWrapTypeNotSupported,
    NotExtractable,
    Sensitive,
    WrappingObjectNotFound,
)
from gateway.keys.curves import NotUnderstood
from gateway.kmip.enums import CryptographicAlgorithm, KeyCompressionType, KeyFormatType, KeyWrapType, ObjectType
from gateway.kmip.objects import KeyBlock, KeyValue, KeyWrappingSpecification, ManagedObject
from gateway.kmip.structure import Identifier, Since, Structure
from gateway.managed import Managed

# Sensitive is not there by itself, so a client that asks for it means it, even for a public key and other objects that
# are no secret (test case BL-M-12 of 2.1).
FIELDS = {kind: kind.name.lower() for kind in ObjectType}


class Asked(Structure):
    """Which object, the ID Placeholder when left out, and in which form."""

    unique_identifier: Identifier | None = None
    key_format_type: KeyFormatType | None = None
    key_wrap_type: Annotated[KeyWrapType | None, Since(1, 4)] = None
    key_compression_type: KeyCompressionType | None = None
    key_wrapping_specification: KeyWrappingSpecification | None = None


async def given(call: Call, managed: Managed, asked: Asked) -> ManagedObject:
    """Give an object as it was asked for.

    Raises:
        NotExtractable, Sensitive: it does not leave the server, or only wrapped.
        NotAuthorized: no role lets key material leave.
        KeyFormatTypeNotSupported, KeyCompressionTypeNotSupported, KeyWrapTypeNotSupported: not in this form.
        KeyValueNotPresent: the server does not hold the key.
        IllegalObjectType: the version has no such objects; or it is to be wrapped, and has no Key Block.
        What wrapping.to_wrap raises about the wrapping key.
    """
    if not managed.object_type.exists_in(call.version):
        raise IllegalObjectType(f"KMIP {call.version} has no {managed.object_type.token}")
    if managed.object_type not in OPEN and not managed.extractable:
        raise NotExtractable(f"{managed.unique_identifier} is not Extractable")
    call.require_export(managed.row)
    approved = await _approved(call, managed, asked) if approvals.waits_for_export(call, managed) else None
    if asked.key_wrapping_specification is not None:
        return await _wrapped(call, managed, asked, asked.key_wrapping_specification, approved)
    return await _as_it_is(call, managed, asked)


async def _approved(call: Call, managed: Managed, asked: Asked) -> Managed | None:
    """Make sure that others have approved that an object leaves so, and give the wrapping key that they have seen."""
    specification = asked.key_wrapping_specification
    if specification is None:
        await approvals.require_export(call, managed, asked, wording.IN_THE_CLEAR)
        return None
    by = wrapping.key_of(call, specification)
    await approvals.require_export(call, managed, asked, wording.wrapped_by(by), by)
    return by


async def _as_it_is(call: Call, managed: Managed, asked: Asked) -> ManagedObject:
    # What is sealed may have come wrapped, and goes as it came.
    if managed.sensitive and managed.served:
        raise _sensitive(managed)
    given: ManagedObject
    if bundles.is_made(managed, asked.key_format_type):
        given = await bundles.made(call, managed)
    else:
        given = await _fetched(call, managed, asked)
    if managed.sensitive and not _is_wrapped(given):
        raise _sensitive(managed)
    return given


async def _fetched(call: Call, managed: Managed, asked: Asked) -> ManagedObject:
    return await material.fetch(call, managed, asked.key_format_type, asked.key_compression_type, asked.key_wrap_type)


def check_clear(managed: Managed) -> None:
    """Check that the owner of an object could fetch it in the clear.

    Raises:
        NotExtractable, Sensitive: its owner could not.
    """
    if managed.object_type in OPEN:
        return
    if not managed.extractable:
        raise NotExtractable(f"{managed.unique_identifier} is not Extractable, and the token does not do this with it")
    if managed.sensitive:
        raise Sensitive(f"{managed.unique_identifier} is Sensitive, and the token does not do this with it")


async def in_the_clear(call: Call, managed: Managed, format_type: KeyFormatType) -> bytes:
    """Give key material to be used here, of an object whose owner could fetch it just so, in a format that is bytes.

    Raises:
        What opened raises.
        KeyFormatTypeNotSupported: it has no such format.
    """
    given = await opened(call, managed, format_type)
    block: KeyBlock = given.key_block  # type: ignore[union-attr]  # opened has seen it
    return keyblocks.bytes_of(material.material_of(call, block))


async def opened(call: Call, managed: Managed, format_type: KeyFormatType | None = None) -> ManagedObject:
    """Give an object to be used here, whose owner could fetch it just so; as it was registered without a format.

    Raises:
        NotExtractable, Sensitive: its owner could not.
        InvalidObjectType: it has no Key Block.
        KeyWrapTypeNotSupported: it is kept wrapped, as it came.
        KeyValueNotPresent: the server does not hold it.
    """
    check_clear(managed)
    given = await material.fetch(call, managed, format_type)
    block: KeyBlock | None = getattr(given, "key_block", None)
    if block is None:
        raise InvalidObjectType(f"{managed.object_type.token} objects have no key material")
    if block.key_wrapping_data is not None:
        raise KeyWrapTypeNotSupported(f"{managed.unique_identifier} is kept wrapped, and cannot be used here")
    if block.key_value is None:
        raise KeyValueNotPresent
    return given


def _sensitive(managed: Managed) -> Sensitive:
    return Sensitive(f"{managed.unique_identifier} is Sensitive: it is given wrapped only")


def _is_wrapped(given: ManagedObject) -> bool:
    block: KeyBlock | None = getattr(given, "key_block", None)
    return block is not None and block.key_wrapping_data is not None


async def _wrapped(
    call: Call, managed: Managed, asked: Asked, specification: KeyWrappingSpecification, approved: Managed | None
) -> ManagedObject:
    by = await wrapping.to_wrap(call, managed, specification)
    if approved is not None and by.key.row.id != approved.row.id:
        raise WrappingObjectNotFound("another key has taken the place of the one that was approved")
    chosen = material.format_for(call, managed, asked.key_format_type)
    if wrapping.wraps_in_place(managed, by, chosen, specification):
        given = material.shell(call, managed, chosen)
        value = await wrapping.wrap_in_place(call, managed, by)
    else:
        given = await _fetched(call, managed, asked)
        if not managed.served:
            _check_real(call, managed, given, by.key)
        value = await wrapping.wrap_value(call, managed, _clear(given), by, specification)
    block: KeyBlock = given.key_block  # type: ignore[union-attr]  # _clear has seen it
    return replace(given, key_block=wrapping.wrapped_block(block, value, by, specification))


def _check_real(call: Call, managed: Managed, given: ManagedObject, by: Managed) -> None:
    """Check the strength of a key that was kept as it came, perhaps wrapped: its attributes are its client's word."""
    block: KeyBlock | None = getattr(given, "key_block", None)
    if block is None or not isinstance(block.key_value, KeyValue) or block.key_wrapping_data is not None:
        return
    try:
        key = keyblocks.read(
            managed.object_type, block.key_format_type, material.material_of(call, block), managed.algorithm
        )
    except NotUnderstood:
        return
    nameless = CryptographicAlgorithm.AES if managed.object_type is ObjectType.SYMMETRIC_KEY else None
    wrapping.check_strength(by, key.algorithm or managed.algorithm or nameless, key.lengths[0])


def _clear(given: ManagedObject) -> KeyValue:
    block: KeyBlock | None = getattr(given, "key_block", None)
    if block is None:
        raise IllegalObjectType("only what has a Key Block can be wrapped")
    if block.key_wrapping_data is not None:
        raise KeyWrapTypeNotSupported("this key is wrapped already; ask for it NotWrapped to have it wrapped anew")
    if not isinstance(block.key_value, KeyValue):
        raise KeyValueNotPresent
    return block.key_value
