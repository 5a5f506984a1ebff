"""A key in parts, and parts in a key again: the objects on both sides of `secret_sharing`.

The one rule here: what is split, and what is joined, is used here in the clear, so its owner must be one who could
fetch it so; that is looked at once more in the commit that makes the new objects live.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway import errors, giving, keyplans, registration, secret_sharing
from gateway.call import Call
from gateway.creation import Draft
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import CryptographicAlgorithm, KeyFormatType, ObjectType
from gateway.kmip.objects import KeyBlock, KeyValue, SplitKey
from gateway.kmip.structure import Attribute, Attributes, BigInteger
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.secret_sharing import Scheme
from gateway.store.api import Transaction

A, F, O = CryptographicAlgorithm, KeyFormatType, ObjectType  # noqa: E741
# In which format each type of object is split.
FORMATS = {O.SYMMETRIC_KEY: F.RAW, O.SECRET_DATA: F.RAW, O.PRIVATE_KEY: F.PKCS_8}
# Of what was together in the clear, whatever becomes of it.
SEEN = (Attribute(Tag.ALWAYS_SENSITIVE, False), Attribute(Tag.NEVER_EXTRACTABLE, False))


class Secret(NamedTuple):
    """Key material outside the token, and what its Key Block says of it; the length is in bits."""

    value: bytes
    format_type: KeyFormatType
    algorithm: CryptographicAlgorithm | None
    length: int | None

    def __repr__(self) -> str:
        return f"<Secret of {len(self.value)} bytes>"

    def block(self, value: bytes) -> KeyBlock:
        """Give a Key Block like that of the key, with this value."""
        return KeyBlock(
            key_format_type=self.format_type,
            key_value=KeyValue(key_material=value),
            cryptographic_algorithm=self.algorithm,
            cryptographic_length=self.length,
        )


async def secret_of(call: Call, base: Managed) -> Secret:
    """Give a key that is to be split.

    Raises:
        InvalidObjectType: such objects are not split.
        NotExtractable, Sensitive, KeyValueNotPresent, KeyWrapTypeNotSupported: see `giving.in_the_clear`.
    """
    if base.object_type not in FORMATS:
        raise errors.InvalidObjectType(f"{base.object_type.token} objects are not split")
    format_type = FORMATS[base.object_type]
    value = await giving.in_the_clear(call, base, format_type)
    return Secret(value, format_type, base.algorithm, base.length or 8 * len(value))


async def new_secret(call: Call, attributes: Attributes) -> Secret:
    """Make a symmetric key that is to be in parts only.

    Raises:
        What keyplans.plan_secret raises.
    """
    plan = keyplans.plan_secret(O.SYMMETRIC_KEY, attributes, call.token.profile)
    value = await call.token.random(plan.bits // 8)
    return Secret(value, F.RAW, keyplans.algorithm_of(attributes), keyplans.length(attributes))


async def parts_drafted(call: Call, secret: Secret, scheme: Scheme, attributes: Attributes) -> list[Draft]:
    """Give the drafts of a key's parts, in the order of their Key Part Identifiers.

    Raises:
        What secret_sharing.check raises.
        InvalidField: a private key is to be split in a prime field.
    """
    if secret.format_type is not F.RAW and scheme.prime is not None:
        raise errors.InvalidField("a private key is not one number: it is not split in a prime field")
    size = len(secret.value)
    await asyncio.to_thread(secret_sharing.check, scheme, size)
    times, each = secret_sharing.randomness(scheme, size)
    random = [await call.token.random(each) for _ in range(times)]
    shares = await asyncio.to_thread(secret_sharing.split, scheme, secret.value, random)
    attributes = sets.put_missing(attributes, Tag.ORIGINAL_CREATION_DATE, call.today)
    return [
        await registration.drafted(call, O.SPLIT_KEY, _part(scheme, secret, number, share), attributes)
        for number, share in enumerate(shares, 1)
    ]


def _part(scheme: Scheme, secret: Secret, number: int, share: bytes) -> SplitKey:
    return SplitKey(
        split_key_parts=scheme.parts,
        key_part_identifier=number,
        split_key_threshold=scheme.threshold,
        split_key_method=scheme.method,
        prime_field_size=None if scheme.prime is None else BigInteger(scheme.prime),
        key_block=secret.block(share),
    )


async def joined(call: Call, found: Sequence[Managed]) -> Secret:
    """Give the key that parts are of.

    Raises:
        InvalidObjectType: something else is among them.
        InvalidField: the parts are not of one kind, one comes twice, or they have no length that a key in parts has.
        CryptographicFailure: there are too few, or they are not of one key.
        NotExtractable, Sensitive, KeyValueNotPresent, KeyWrapTypeNotSupported: see `giving.in_the_clear`.
    """
    parts = [await _opened(call, each) for each in found]
    scheme = _scheme(parts[0])
    like = _kind(parts[0])
    if any(_kind(each) != like for each in parts):
        raise errors.InvalidField("the parts differ in method, number, threshold, prime, format, algorithm or length")
    shares = {part.key_part_identifier: _share(part) for part in parts}
    if len(shares) < len(parts) or not all(1 <= number <= scheme.parts for number in shares):
        raise errors.InvalidField("each part has a Key Part Identifier of its own, from 1 to their number")
    await asyncio.to_thread(secret_sharing.check, scheme, None)
    block = parts[0].key_block
    value = await asyncio.to_thread(secret_sharing.join, scheme, shares, _size(block, scheme))
    return Secret(value, block.key_format_type, block.cryptographic_algorithm, block.cryptographic_length)


async def _opened(call: Call, part: Managed) -> SplitKey:
    if part.object_type is not O.SPLIT_KEY:
        raise errors.InvalidObjectType(f"{part.unique_identifier} is no part of a key")
    given = await giving.opened(call, part)
    if not isinstance(given, SplitKey):
        raise errors.InvalidObjectType(f"{part.unique_identifier} is no part of a key")
    return given


def _scheme(part: SplitKey) -> Scheme:
    return Scheme(part.split_key_method, part.split_key_parts, part.split_key_threshold, part.prime_field_size)


def _kind(part: SplitKey) -> tuple[object, ...]:
    block = part.key_block
    return (
        _scheme(part),
        block.key_format_type,
        block.cryptographic_algorithm,
        block.cryptographic_length,
    )


def _share(part: SplitKey) -> bytes:
    value = part.key_block.key_value
    if not isinstance(value, KeyValue) or not isinstance(value.key_material, bytes):
        raise errors.InvalidField("a part of a key is a byte string")
    return value.key_material


def _size(block: KeyBlock, scheme: Scheme) -> int:
    """Tell how many bytes the key has, where the parts do not show it: those of a prime field are as long as that."""
    bits = block.cryptographic_length
    if bits is None:
        return 0 if scheme.prime is None else (scheme.prime.bit_length() - 1) // 8
    if block.cryptographic_algorithm in (A.DES, A.DES3):
        bits = keyplans.WITH_PARITY.get(bits, bits)
    return bits // 8


def still_given(call: Call, found: Sequence[Managed]) -> Callable[[Transaction], None]:
    """Give what looks at objects once more inside a transaction.

    Raises:
        ObjectDestroyed, ObjectArchived, NotExtractable, Sensitive: they are given in the clear no more.
    """

    def look(transaction: Transaction) -> None:
        for each in found:
            current = call.current(transaction, each.unique_identifier)
            if current.destroy is not None:
                raise errors.ObjectDestroyed(f"{each.unique_identifier} was destroyed")
            if current.archive is not None:
                raise errors.ObjectArchived(f"{each.unique_identifier} is archived")
            giving.check_clear(current)

    return look
