"""An object's material: packed to be kept in the database, and fetched again in the form that a client asks for.

A key on the token is there alone; what else its object holds (the type of Secret Data) stands beside it, without the
key. Everything that a token cannot hold is kept whole, sealed under the token's storage key and bound to its unique
identifier.
"""

from typing import TypeVar

from msgspec.structs import replace

from gateway import errors, keyblocks, placement, wrapping
from gateway.call import Call
from gateway.keys.curves import Material, NotUnderstood
from gateway.kmip.enums import KeyCompressionType, KeyFormatType, KeyWrapType, ObjectType, SecretDataType
from gateway.kmip.objects import OBJECTS, TRANSPARENT, KeyBlock, KeyValue, ManagedObject, SecretData
from gateway.kmip.structure import Item, OpenEnumeration, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import Version
from gateway.managed import Managed
from gateway.store.api import Custody

S = TypeVar("S", bound=Structure)

STRUCTURE = 1  # the item type
HEADER_BYTES = 8


def pack(call: Call, value: Structure) -> bytes:
    """Give an object's fields in the layout of the request's version, after two bytes that say which that is."""
    encoded = call.services.codec.encode_structure(value, Tag.KEY_BLOCK, call.version)
    return bytes(call.version) + encoded[HEADER_BYTES:]


def unpack(call: Call, cls: type[S], packed: bytes) -> S:
    """Give back what `pack` took."""
    item = Item(STRUCTURE, packed[2:])
    return call.services.codec.decode_structure(cls, item, Version(packed[0], packed[1]))


async def seal(call: Call, unique_identifier: str, value: Structure) -> bytes:
    """Give an object sealed, for the database."""
    return await call.token.seal(pack(call, value), unique_identifier.encode())


async def unseal(call: Call, managed: Managed) -> ManagedObject:
    """Give an object that is kept sealed."""
    blob = managed.row.material
    if blob is None:
        raise errors.KeyValueNotPresent
    packed = await placement.token_of(call, managed).open(blob, managed.unique_identifier.encode())
    value: ManagedObject = unpack(call, OBJECTS[managed.object_type], packed)  # type: ignore[assignment]
    return value


def material_of(call: Call, block: KeyBlock) -> Material:
    """Give the Key Material of a Key Block that is not wrapped, its structure decoded.

    Raises:
        KeyValueNotPresent: it has none.
        InvalidField: the structure is not the one that its Key Format Type names.
    """
    value, cls = block.key_value, TRANSPARENT.get(block.key_format_type)
    if value is None:
        raise errors.KeyValueNotPresent
    # A Key Value that is a byte string itself is PKCS#12 of 1.4.
    content = value if isinstance(value, bytes) else value.key_material
    if isinstance(content, bytes) and cls is None:
        return content
    if isinstance(content, Item) and cls is not None:
        return call.services.codec.decode_structure(cls, content, call.version)
    kind = "byte string" if cls is None else "structure"
    raise errors.InvalidField(f"the Key Material of format {block.key_format_type.token} is a {kind}")


def check_public(call: Call, object_type: ObjectType, block: KeyBlock) -> None:
    """Check that what was unwrapped as a Public Key is one: those are given to everybody, and secrets are not.

    Raises:
        InvalidField: it is none, or is not understood.
    """
    if object_type is not ObjectType.PUBLIC_KEY:
        return
    try:
        keyblocks.read(object_type, block.key_format_type, material_of(call, block), block.cryptographic_algorithm)
    except NotUnderstood:
        raise errors.InvalidField("what was unwrapped is no public key") from None


def format_for(call: Call, managed: Managed, asked: KeyFormatType | None) -> KeyFormatType:
    """Choose the format in which an object is given: as asked, as registered, else by default."""
    if asked is not None:
        return asked
    own = managed.key_format_type
    if own is not None and own.exists_in(call.version):
        return own
    return keyblocks.default_format(managed.object_type, managed.algorithm, call.version)


async def fetch(
    call: Call,
    managed: Managed,
    format_type: KeyFormatType | None = None,
    compression: KeyCompressionType | None = None,
    wrap_type: KeyWrapType | None = None,
) -> ManagedObject:
    """Give an object with its material in the clear, or as it was registered if that was wrapped.

    Raises:
        KeyFormatTypeNotSupported, KeyCompressionTypeNotSupported: there is no such form of it.
        KeyValueNotPresent: the server does not hold it.
        NotExtractable: the token does not let it go.
    """
    chosen = format_for(call, managed, format_type)
    if managed.row.custody is Custody.SEALED or _kept_as_it_came(managed):
        return await _from_database(call, managed, chosen, compression, wrap_type)
    form = await placement.token_of(call, managed).export_key(managed.ref)
    material = keyblocks.material(managed.ref.object_class, form, chosen, compression)
    return shell(call, managed, chosen, KeyValue(key_material=material), compression)


def _kept_as_it_came(managed: Managed) -> bool:
    # Beside Secret Data on the token stands its type, beside a secret key nothing.
    return managed.row.material is not None and managed.object_type in (ObjectType.PRIVATE_KEY, ObjectType.PUBLIC_KEY)


async def _from_database(
    call: Call,
    managed: Managed,
    format_type: KeyFormatType,
    compression: KeyCompressionType | None,
    wrap_type: KeyWrapType | None,
) -> ManagedObject:
    value = await unseal(call, managed)
    block = getattr(value, "key_block", None)
    if block is None:
        return value
    return replace(value, key_block=await _converted(call, managed, block, format_type, compression, wrap_type))


def shell(
    call: Call,
    managed: Managed,
    format_type: KeyFormatType,
    value: KeyValue | None = None,
    compression: KeyCompressionType | None = None,
) -> ManagedObject:
    """Give the object of a key on the token around a Key Value."""
    if managed.object_type is ObjectType.SECRET_DATA:
        return _secret_data(call, managed, format_type, value)
    block = KeyBlock(
        key_format_type=format_type,
        key_compression_type=compression,
        key_value=value,
        cryptographic_algorithm=keyblocks.name_in(managed.algorithm, call.version),
        cryptographic_length=managed.length or None,
    )
    made: ManagedObject = OBJECTS[managed.object_type](key_block=block)  # type: ignore[assignment]
    return made


def _secret_data(call: Call, managed: Managed, format_type: KeyFormatType, value: KeyValue | None) -> SecretData:
    packed = managed.row.material
    if packed is None:  # generated, not registered, which makes it a seed
        block = KeyBlock(key_format_type=format_type, key_value=value)
        return SecretData(secret_data_type=OpenEnumeration(SecretDataType.SEED), key_block=block)
    # A password has an algorithm or length in its Key Block only where its client gave it one.
    given = unpack(call, SecretData, packed)
    return replace(given, key_block=replace(given.key_block, key_format_type=format_type, key_value=value))


async def _converted(
    call: Call,
    managed: Managed,
    block: KeyBlock,
    format_type: KeyFormatType,
    compression: KeyCompressionType | None,
    wrap_type: KeyWrapType | None,
) -> KeyBlock:
    """Give a Key Block that was kept whole in another format, which it must not have if it is to stay wrapped."""
    if block.key_value is None and format_type is block.key_format_type:
        return block  # of an object whose key is elsewhere the rest is told (test case TC-MDO-1)
    if block.key_wrapping_data is not None and wrap_type is KeyWrapType.NOT_WRAPPED:
        block = await wrapping.unwrapped_block(call, block, sensitive=managed.sensitive)
        check_public(call, managed.object_type, block)
    if block.key_format_type is format_type and compression in (None, block.key_compression_type):
        return block if block.key_wrapping_data is not None else _named(call, managed, block)
    if block.key_wrapping_data is not None:
        raise errors.KeyFormatTypeNotSupported("a wrapped key is given in the format in which it was registered")
    try:
        key = keyblocks.read(
            managed.object_type, block.key_format_type, material_of(call, block), block.cryptographic_algorithm
        )
    except NotUnderstood:
        raise errors.KeyFormatTypeNotSupported("this object is given as it was registered only") from None
    material = keyblocks.material(key.object_class, key.form, format_type, compression)
    value = KeyValue(key_material=material)
    made = replace(block, key_format_type=format_type, key_compression_type=compression, key_value=value)
    return _named(call, managed, made)


def _named(call: Call, managed: Managed, block: KeyBlock) -> KeyBlock:
    """Put algorithm and length into a Key Block, which clients look for there and may have left out themselves."""
    algorithm = keyblocks.name_in(managed.algorithm, call.version)
    return replace(block, cryptographic_algorithm=algorithm, cryptographic_length=managed.length or None)
