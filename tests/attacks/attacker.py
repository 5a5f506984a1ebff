"""What an attacker asks for, in few words; every one of these is a request that an honest client sends too."""

from typing import Any

from msgspec.structs import replace

from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    DerivationMethod,
    EncodingOption,
    KeyFormatType,
    KeyWrapType,
    ObjectType,
    Operation,
    ResultReason,
    WrappingMethod,
)
from gateway.kmip.objects import (
    EncryptionKeyInformation,
    KeyBlock,
    KeyValue,
    KeyWrappingSpecification,
    SymmetricKey,
)
from gateway.kmip.structure import Attribute, Attributes, DateTime, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V2_1
from gateway.operations.create import CreateRequest
from gateway.operations.decrypt import DecryptRequest
from gateway.operations.derive_key import DerivationParameters, DeriveKeyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.import_ import ImportRequest
from gateway.operations.register import RegisterRequest
from tests.operations.conftest import Client

A, B, M, O = CryptographicAlgorithm, BlockCipherMode, CryptographicUsageMask, Operation  # noqa: E741
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1_600_000_000))
SENSITIVE, RESIDENT = Attribute(Tag.SENSITIVE, True), Attribute(Tag.EXTRACTABLE, False)
NOT_SENSITIVE, EXTRACTABLE = Attribute(Tag.SENSITIVE, False), Attribute(Tag.EXTRACTABLE, True)
WRAPS = M.WRAP_KEY | M.UNWRAP_KEY


def spec(bits: int, uses: CryptographicUsageMask, algorithm: CryptographicAlgorithm = A.AES) -> Attributes:
    """Describe an Active key."""
    return (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, algorithm),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, bits),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, uses),
        ACTIVE,
    )


async def create(client: Client, uses: CryptographicUsageMask, *more: Attribute, bits: int = 256) -> str:
    """Have an AES key made, and give its unique identifier."""
    request = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=(*spec(bits, uses), *more))
    return str((await client.one(V2_1, O.CREATE, request)).unique_identifier)


async def register(client: Client, value: bytes, uses: CryptographicUsageMask, *more: Attribute) -> str:
    """Register an AES key whose value the attacker knows."""
    request = RegisterRequest(
        object_type=ObjectType.SYMMETRIC_KEY,
        attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, uses), ACTIVE, *more),
        symmetric_key=aes(value),
    )
    return str((await client.one(V2_1, O.REGISTER, request)).unique_identifier)


def aes(value: bytes) -> SymmetricKey:
    """Give an AES key as a client sends it."""
    block = KeyBlock(
        key_format_type=KeyFormatType.RAW,
        key_value=KeyValue(key_material=value),
        cryptographic_algorithm=A.AES,
        cryptographic_length=8 * len(value),
    )
    return SymmetricKey(key_block=block)


def wrapping(by: str, **parameters: Any) -> KeyWrappingSpecification:
    """Ask for the bytes of a key alone, wrapped by another with these Cryptographic Parameters."""
    chosen = CryptographicParameters(**parameters) if parameters else None
    return KeyWrappingSpecification(
        wrapping_method=WrappingMethod.ENCRYPT,
        encryption_key_information=EncryptionKeyInformation(unique_identifier=by, cryptographic_parameters=chosen),
        encoding_option=EncodingOption.NO_ENCODING,
    )


def fetch(key: str, by: str | None = None, **parameters: Any) -> tuple[Operation, GetRequest]:
    """Ask for a key, wrapped by another or in the clear."""
    specification = None if by is None else wrapping(by, **parameters)
    return O.GET, GetRequest(unique_identifier=key, key_wrapping_specification=specification)


async def blob(client: Client, key: str, by: str, **parameters: Any) -> SymmetricKey:
    """Get a key wrapped."""
    found: SymmetricKey = (await client.one(V2_1, *fetch(key, by, **parameters))).symmetric_key
    return found


def bring(given: SymmetricKey, uses: CryptographicUsageMask, *more: Attribute) -> tuple[Operation, ImportRequest]:
    """Ask for a wrapped key to be kept unwrapped, for these uses."""
    attributes = (Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, uses), ACTIVE, *more)
    given = replace(given, key_block=replace(given.key_block, cryptographic_algorithm=A.AES, cryptographic_length=256))
    request = ImportRequest(
        unique_identifier="", attributes=attributes, symmetric_key=given, key_wrap_type=KeyWrapType.NOT_WRAPPED
    )
    return O.IMPORT, request


def derive(
    base: str, data: bytes, uses: CryptographicUsageMask, *more: Attribute, bits: int = 256, **parameters: Any
) -> tuple[Operation, DeriveKeyRequest]:
    """Ask for a key derived by encryption of data."""
    chosen = CryptographicParameters(**{"block_cipher_mode": B.ECB, **parameters})
    request = DeriveKeyRequest(
        object_type=ObjectType.SYMMETRIC_KEY,
        unique_identifier=(base,),
        derivation_method=DerivationMethod.ENCRYPT,
        derivation_parameters=DerivationParameters(cryptographic_parameters=chosen, derivation_data=(data,)),
        attributes=(*spec(bits, uses), *more),
    )
    return O.DERIVE_KEY, request


def encrypt(key: str, data: bytes, iv: bytes | None = None, **parameters: Any) -> tuple[Operation, EncryptRequest]:
    """Ask for data to be encrypted."""
    chosen = CryptographicParameters(**parameters)
    return O.ENCRYPT, EncryptRequest(
        unique_identifier=key, data=data, iv_counter_nonce=iv, cryptographic_parameters=chosen
    )


def decrypt(key: str, data: bytes, iv: bytes | None = None, **parameters: Any) -> tuple[Operation, DecryptRequest]:
    """Ask for data to be decrypted."""
    chosen = CryptographicParameters(**parameters)
    return O.DECRYPT, DecryptRequest(
        unique_identifier=key, data=data, iv_counter_nonce=iv, cryptographic_parameters=chosen
    )


async def made(client: Client, asked: tuple[Operation, Structure]) -> str:
    """Ask for an object, and give its unique identifier."""
    return str((await client.one(V2_1, *asked)).unique_identifier)


async def reason(client: Client, asked: tuple[Operation, Structure]) -> ResultReason | None:
    """Ask for what must be refused, and tell why it is."""
    return await client.refused(V2_1, *asked)
