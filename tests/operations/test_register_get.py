"""Register and Get on a real token: what goes in comes out, in every form, and only as far as it may."""

import os
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_unwrap_with_padding, aes_key_wrap
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)
from cryptography.x509.oid import NameOID

from gateway.errors import CryptographicFailure
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    BlockCipherMode,
    CertificateType,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    DigitalSignatureAlgorithm,
    EncodingOption,
    HashingAlgorithm,
    KeyCompressionType,
    KeyFormatType,
    KeyWrapType,
    LinkType,
    NameType,
    ObjectType,
    Operation,
    PaddingMethod,
    ProtectionStorageMask,
    RecommendedCurve,
    ResultReason,
    SecretDataType,
    SplitKeyMethod,
    WrappingMethod,
)
from gateway.kmip.objects import (
    TRANSPARENT,
    Certificate,
    EncryptionKeyInformation,
    KeyBlock,
    KeyValue,
    KeyWrappingData,
    KeyWrappingSpecification,
    OpaqueObject,
    PrivateKey,
    PublicKey,
    SecretData,
    SplitKey,
    SymmetricKey,
    Template,
    TransparentECPrivateKey,
    TransparentRSAPrivateKey,
    TransparentSymmetricKey,
)
from gateway.kmip.structure import Attribute, AttributeReference, BigInteger, DateTime, Item, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, Digest, Name, ProtectionStorageMasks, X509CertificateIdentifier
from gateway.kmip.version import SUPPORTED, V1_0, V1_1, V1_2, V1_4, V2_0, V2_1, Version
from gateway.operations.activate import ActivateRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get import GetRequest
from gateway.operations.register import RegisterRequest
from gateway.store.api import Custody
from gateway.wire import layout, ttlv
from tests.operations.conftest import Client, Gateway

A, F, M, R = CryptographicAlgorithm, KeyFormatType, CryptographicUsageMask, ResultReason
O = ObjectType  # noqa: E741
FIELDS = {SymmetricKey: O.SYMMETRIC_KEY, SecretData: O.SECRET_DATA, PrivateKey: O.PRIVATE_KEY, PublicKey: O.PUBLIC_KEY}
FIELDS |= {Certificate: O.CERTIFICATE, SplitKey: O.SPLIT_KEY, OpaqueObject: O.OPAQUE_OBJECT, Template: O.TEMPLATE}  # type: ignore[dict-item]
PKCS8 = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
TRADITIONAL = (Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
INFO = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def mask(*uses: M) -> Attribute:
    """Give a Cryptographic Usage Mask."""
    return Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M(sum(uses)))


def block(
    format_type: F, material: Any, algorithm: A | None = None, length: int | None = None, **more: Any
) -> KeyBlock:
    """Give a Key Block in the clear."""
    return KeyBlock(
        key_format_type=format_type,
        key_value=KeyValue(key_material=material),
        cryptographic_algorithm=algorithm,
        cryptographic_length=length,
        **more,
    )


def aes(key: bytes) -> SymmetricKey:
    """Give an AES key as most clients bring it."""
    return SymmetricKey(key_block=block(F.RAW, key, A.AES, 8 * len(key)))


def request(given: Any, *attributes: Attribute) -> RegisterRequest:
    """Give the payload that registers an object."""
    kind = FIELDS[type(given)]
    return RegisterRequest(object_type=kind, attributes=attributes, **{kind.name.lower(): given})


async def register(client: Client, version: Version, given: Any, *attributes: Attribute) -> str:
    """Register an object and give its unique identifier."""
    made = await client.one(version, Operation.REGISTER, request(given, *attributes))
    return str(made.unique_identifier)


async def get(client: Client, version: Version, unique_identifier: str, **how: Any) -> Any:
    """Get an object."""
    payload = await client.one(version, Operation.GET, GetRequest(unique_identifier=unique_identifier, **how))
    assert payload.unique_identifier == unique_identifier
    return getattr(payload, payload.object_type.name.lower())


def row(client: Client, unique_identifier: str) -> Any:
    """Give the store's row of an object."""
    return client.store.peek(unique_identifier)


def attributes_of(client: Client, unique_identifier: str) -> Any:
    """Give an object's attributes as they are kept."""
    return client.exchange._services.catalogue.decode(row(client, unique_identifier)).attributes


def material(given: Any, version: Version) -> Any:
    """Give the Key Material of an object, its structure decoded."""
    found = given.key_block.key_value.key_material
    if isinstance(found, Item):
        return ttlv.decode_structure(TRANSPARENT[given.key_block.key_format_type], found, version)
    return found


# --- secret keys


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_symmetric_key_comes_back_with_algorithm_and_length(gateway: Gateway, version: Version) -> None:
    given = aes(os.urandom(32))
    made = await register(gateway, version, given, mask(M.ENCRYPT, M.DECRYPT))
    assert await get(gateway, version, made) == given
    assert row(gateway, made).custody is not Custody.SEALED
    assert row(gateway, made).material is None


@pytest.mark.parametrize("bits", (128, 192, 256))
async def test_token_key_is_what_was_registered(gateway: Gateway, bits: int) -> None:
    key = os.urandom(bits // 8)
    made = await register(gateway, V2_1, aes(key), mask(M.ENCRYPT))
    managed = gateway.exchange._services.catalogue.decode(row(gateway, made))
    assert await gateway.token.export_key(managed.ref) == key
    token_says = await gateway.token.attributes(managed.ref)
    assert (token_says["encrypt"], token_says["decrypt"], token_says["extractable"]) == (True, False, True)
    assert token_says["label"] == made


async def test_transparent_symmetric_key_in_both_forms(gateway: Gateway) -> None:
    key = os.urandom(16)
    given = SymmetricKey(key_block=block(F.TRANSPARENT_SYMMETRIC_KEY, TransparentSymmetricKey(key=key), A.AES, 128))
    made = await register(gateway, V2_1, given, mask(M.ENCRYPT))
    assert material(await get(gateway, V2_1, made), V2_1) == TransparentSymmetricKey(key=key)
    assert material(await get(gateway, V2_1, made, key_format_type=F.RAW), V2_1) == key
    digests = sets.structures(attributes_of(gateway, made), Tag.DIGEST, Digest)
    assert [digest.key_format_type for digest in digests] == [F.TRANSPARENT_SYMMETRIC_KEY, F.RAW]


@pytest.mark.parametrize(("size", "length"), ((16, 112), (16, 128), (24, 168), (24, 192)))
async def test_parity_of_des_may_be_counted_or_not(gateway: Gateway, size: int, length: int) -> None:
    given = SymmetricKey(key_block=block(F.RAW, os.urandom(size), A.DES3, length))
    made = await register(gateway, V1_2, given, mask(M.ENCRYPT))
    assert (await get(gateway, V1_2, made)).key_block.cryptographic_length == length


@pytest.mark.parametrize("algorithm", (A.BLOWFISH, A.IDEA, A.SKIPJACK, A.CAMELLIA))
async def test_what_the_token_lacks_is_sealed_and_comes_back(gateway: Gateway, algorithm: A) -> None:
    given = SymmetricKey(key_block=block(F.RAW, os.urandom(16), algorithm, 128))
    made = await register(gateway, V1_2, given, mask(M.ENCRYPT))
    assert await get(gateway, V1_2, made) == given
    kept = row(gateway, made)
    assert kept.custody is Custody.SEALED
    assert given.key_block.key_value.key_material not in kept.material  # type: ignore[union-attr]


async def test_sealed_object_is_bound_to_its_identifier(gateway: Gateway) -> None:
    made = await register(gateway, V1_2, OpaqueObject(opaque_data_type=OpenEnumeration(1), opaque_data_value=b"x"))
    with pytest.raises(CryptographicFailure):
        await gateway.token.open(row(gateway, made).material, b"another identifier")


# --- secret data and the rest


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
@pytest.mark.parametrize("kind", (SecretDataType.PASSWORD, SecretDataType.SEED, 0x80000001))
async def test_secret_data_keeps_its_type(gateway: Gateway, version: Version, kind: int) -> None:
    given = SecretData(secret_data_type=OpenEnumeration(kind), key_block=block(F.OPAQUE, b"correct horse"))
    made = await register(gateway, version, given, mask(M.VERIFY))
    assert await get(gateway, version, made) == given
    assert row(gateway, made).custody is not Custody.SEALED


async def test_seed_of_mongodb(gateway: Gateway) -> None:
    given = SecretData(secret_data_type=OpenEnumeration(2), key_block=block(F.OPAQUE, os.urandom(96)))
    made = await register(gateway, V1_0, given, Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M(0)))
    await gateway.one(V1_0, Operation.ACTIVATE, ActivateRequest(unique_identifier=made))
    assert await get(gateway, V1_0, made) == given


async def test_empty_and_huge_secrets_are_sealed(gateway: Gateway) -> None:
    for size in (0, 5000):
        given = SecretData(secret_data_type=OpenEnumeration(1), key_block=block(F.RAW, bytes(size)))
        made = await register(gateway, V1_2, given, mask(M.VERIFY))
        assert await get(gateway, V1_2, made) == given
        assert row(gateway, made).custody is Custody.SEALED


async def test_opaque_object_needs_no_mask(gateway: Gateway) -> None:
    given = OpaqueObject(opaque_data_type=OpenEnumeration(0x80000001), opaque_data_value=os.urandom(3000))
    for version in (V1_0, V2_1):
        made = await register(gateway, version, given)
        assert await get(gateway, version, made) == given


async def test_split_key(gateway: Gateway) -> None:
    given = SplitKey(
        split_key_parts=3,
        key_part_identifier=1,
        split_key_threshold=2,
        split_key_method=SplitKeyMethod.POLYNOMIAL_SHARING_PRIME_FIELD,
        prime_field_size=BigInteger(2**127 - 1),
        key_block=block(F.RAW, os.urandom(16), A.AES, 128),
    )
    made = await register(gateway, V1_2, given, mask(M.ENCRYPT))
    assert await get(gateway, V1_2, made) == given


async def test_template_gives_its_attributes(gateway: Gateway) -> None:
    name = Name(name_value="house rules", name_type=NameType.UNINTERPRETED_TEXT_STRING)
    held = (mask(M.ENCRYPT), Attribute(Tag.OBJECT_GROUP, "disks"), Attribute(Tag.NAME, name))
    await register(gateway, V1_0, Template(attributes=held))
    made = await register(gateway, V1_0, aes(os.urandom(16)), Attribute(Tag.TEMPLATE, name))
    found = attributes_of(gateway, made)
    assert sets.value(found, Tag.OBJECT_GROUP) == "disks"
    assert not sets.has(found, Tag.NAME)
    other = Attribute(Tag.TEMPLATE, Name(name_value="no such", name_type=NameType.UNINTERPRETED_TEXT_STRING))
    assert await gateway.refused(V1_0, Operation.REGISTER, request(aes(bytes(16)), other)) is R.ITEM_NOT_FOUND


async def test_empty_object_group_of_kmippp(gateway: Gateway) -> None:
    await register(gateway, V1_4, aes(os.urandom(32)), mask(M.ENCRYPT), Attribute(Tag.OBJECT_GROUP, ""))


async def test_key_value_that_is_elsewhere(gateway: Gateway) -> None:
    by = await wrapping_key(gateway)
    given = SymmetricKey(key_block=KeyBlock(key_format_type=F.RAW, cryptographic_algorithm=A.AES))
    made = await register(gateway, V2_1, given, mask(M.ENCRYPT))
    assert sets.value(attributes_of(gateway, made), Tag.KEY_VALUE_PRESENT) is False
    assert await get(gateway, V2_1, made) == given
    how: Any
    for how in ({"key_format_type": F.TRANSPARENT_SYMMETRIC_KEY}, {"key_wrapping_specification": specification(by)}):
        asked = GetRequest(unique_identifier=made, **how)
        assert await gateway.refused(V2_1, Operation.GET, asked) is R.KEY_VALUE_NOT_PRESENT


# --- asymmetric keys

PRIVATE_FORMATS = {
    F.PKCS_8: RSA_KEY.private_bytes(*PKCS8),
    F.PKCS_1: RSA_KEY.private_bytes(*TRADITIONAL),
}


@pytest.mark.parametrize("format_type", PRIVATE_FORMATS)
@pytest.mark.parametrize("wanted", PRIVATE_FORMATS)
async def test_rsa_private_key_converts(gateway: Gateway, format_type: F, wanted: F) -> None:
    given = PrivateKey(key_block=block(format_type, PRIVATE_FORMATS[format_type], A.RSA, 2048))
    made = await register(gateway, V1_2, given, mask(M.SIGN))
    assert row(gateway, made).custody is not Custody.SEALED
    found = await get(gateway, V1_2, made, key_format_type=wanted)
    assert found == PrivateKey(key_block=block(wanted, PRIVATE_FORMATS[wanted], A.RSA, 2048))


@pytest.mark.parametrize("left_out", ((), ("p", "q"), ("private_exponent",), ("public_exponent",)))
async def test_transparent_rsa_key_with_fewer_numbers(gateway: Gateway, left_out: tuple[str, ...]) -> None:
    numbers = RSA_KEY.private_numbers()
    fields = {
        "private_exponent": BigInteger(numbers.d),
        "public_exponent": BigInteger(65537),
        "p": BigInteger(numbers.p),
        "q": BigInteger(numbers.q),
    }
    for name in left_out:
        del fields[name]
    transparent = TransparentRSAPrivateKey(modulus=BigInteger(numbers.public_numbers.n), **fields)
    given = PrivateKey(key_block=block(F.TRANSPARENT_RSA_PRIVATE_KEY, transparent, A.RSA, 2048))
    made = await register(gateway, V1_2, given, mask(M.SIGN))
    assert material(await get(gateway, V1_2, made), V1_2) == transparent  # as registered, not completed
    other = await get(gateway, V1_2, made, key_format_type=F.PKCS_1)
    assert len(material(other, V1_2)) == len(PRIVATE_FORMATS[F.PKCS_1])


@pytest.mark.parametrize(
    "curve", (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()), ids=lambda c: c.name
)
async def test_elliptic_private_key_in_every_format(gateway: Gateway, curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    given = PrivateKey(key_block=block(F.ECPRIVATEKEY, key.private_bytes(*TRADITIONAL), A.EC, curve.key_size))
    made = await register(gateway, V2_1, given, mask(M.SIGN))
    assert row(gateway, made).custody is not Custody.SEALED
    assert await get(gateway, V2_1, made) == given
    assert material(await get(gateway, V2_1, made, key_format_type=F.PKCS_8), V2_1) == key.private_bytes(*PKCS8)
    transparent = material(await get(gateway, V2_1, made, key_format_type=F.TRANSPARENT_EC_PRIVATE_KEY), V2_1)
    assert transparent.d == key.private_numbers().private_value
    again = PrivateKey(key_block=block(F.TRANSPARENT_EC_PRIVATE_KEY, transparent, A.ECDSA, curve.key_size))
    second = await register(gateway, V2_1, again, mask(M.SIGN))
    found = await get(gateway, V2_1, second, key_format_type=F.ECPRIVATEKEY)
    assert material(found, V2_1) == key.private_bytes(*TRADITIONAL)


async def test_private_key_whose_encoding_would_not_come_out_again(gateway: Gateway) -> None:
    # PKCS#8 without the public key, as Java writes it.
    whole = EC_KEY.private_bytes(*PKCS8)
    d = EC_KEY.private_numbers().private_value.to_bytes(32, "big")
    inner = b"\x30\x25\x02\x01\x01\x04\x20" + d
    short = b"\x30\x41\x02\x01\x00" + whole[whole.index(b"\x30\x13") :][:21] + b"\x04\x27" + inner
    given = PrivateKey(key_block=block(F.PKCS_8, short, A.EC, 256))
    made = await register(gateway, V1_2, given, mask(M.SIGN))
    assert row(gateway, made).custody is not Custody.SEALED
    assert await get(gateway, V1_2, made) == given
    assert short not in row(gateway, made).material
    other = await get(gateway, V1_2, made, key_format_type=F.ECPRIVATEKEY)
    assert material(other, V1_2) == EC_KEY.private_bytes(*TRADITIONAL)


@pytest.mark.parametrize("key", (ed25519.Ed25519PrivateKey.generate(), x25519.X25519PrivateKey.generate()))
async def test_keys_of_rfc_8410(gateway: Gateway, key: Any) -> None:
    algorithm = A.ED25519 if isinstance(key, ed25519.Ed25519PrivateKey) else A.EC
    private = PrivateKey(key_block=block(F.PKCS_8, key.private_bytes(*PKCS8), algorithm, 256))
    public = PublicKey(key_block=block(F.X_509, key.public_key().public_bytes(*INFO), algorithm, 256))
    for given in (private, public):
        made = await register(gateway, V2_1, given, mask(M.SIGN))
        assert await get(gateway, V2_1, made) == given


async def test_encrypted_and_dsa_keys_are_kept_as_they_came(gateway: Gateway) -> None:
    encrypted = EC_KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"unknown"))
    old = dsa.generate_private_key(1024).private_bytes(*PKCS8)
    for content, algorithm, length in ((encrypted, A.EC, 256), (old, A.DSA, 1024)):
        given = PrivateKey(key_block=block(F.PKCS_8, content, algorithm, length))
        made = await register(gateway, V1_2, given, mask(M.SIGN))
        assert row(gateway, made).custody is Custody.SEALED
        assert await get(gateway, V1_2, made) == given
    transparent = await get(gateway, V1_2, made, key_format_type=F.TRANSPARENT_DSA_PRIVATE_KEY)
    assert material(transparent, V1_2).p.bit_length() == 1024
    asked = GetRequest(unique_identifier=made, key_format_type=F.PKCS_1)
    assert await gateway.refused(V1_2, Operation.GET, asked) is R.KEY_FORMAT_TYPE_NOT_SUPPORTED


POINTS = {
    KeyCompressionType.EC_PUBLIC_KEY_TYPE_UNCOMPRESSED: (b"\4", 65),
    KeyCompressionType.EC_PUBLIC_KEY_TYPE_X9_62_COMPRESSED_PRIME: (b"\2\3", 33),
    KeyCompressionType.EC_PUBLIC_KEY_TYPE_X9_62_HYBRID: (b"\6\7", 65),
}


@pytest.mark.parametrize("compression", POINTS)
async def test_public_key_with_each_form_of_point(gateway: Gateway, compression: KeyCompressionType) -> None:
    info = EC_KEY.public_key().public_bytes(*INFO)
    made = await register(gateway, V1_4, PublicKey(key_block=block(F.X_509, info, A.EC, 256)), mask(M.VERIFY))
    how = {"key_format_type": F.TRANSPARENT_EC_PUBLIC_KEY, "key_compression_type": compression}
    found = await get(gateway, V1_4, made, **how)
    transparent = material(found, V1_4)
    first, size = POINTS[compression]
    assert transparent.q_string[0] in first
    assert len(transparent.q_string) == size
    assert found.key_block.key_compression_type is compression
    again = PublicKey(key_block=block(F.TRANSPARENT_EC_PUBLIC_KEY, transparent, A.EC, key_compression_type=compression))
    second = await register(gateway, V1_4, again, mask(M.VERIFY))
    assert material(await get(gateway, V1_4, second, key_format_type=F.X_509), V1_4) == info
    if compression is not KeyCompressionType.EC_PUBLIC_KEY_TYPE_X9_62_HYBRID:
        compressed = await get(gateway, V1_4, made, key_format_type=F.X_509, key_compression_type=compression)
        assert load_der_public_key(material(compressed, V1_4)) == EC_KEY.public_key()


async def test_compression_over_binary_fields_is_refused(gateway: Gateway) -> None:
    info = EC_KEY.public_key().public_bytes(*INFO)
    made = await register(gateway, V1_4, PublicKey(key_block=block(F.X_509, info, A.EC, 256)), mask(M.VERIFY))
    binary = KeyCompressionType.EC_PUBLIC_KEY_TYPE_X9_62_COMPRESSED_CHAR2
    asked = GetRequest(unique_identifier=made, key_format_type=F.X_509, key_compression_type=binary)
    assert await gateway.refused(V1_4, Operation.GET, asked) is R.KEY_COMPRESSION_TYPE_NOT_SUPPORTED


async def test_formats_of_rsa_public_keys(gateway: Gateway) -> None:
    public = RSA_KEY.public_key()
    forms = {
        F.X_509: public.public_bytes(*INFO),
        F.PKCS_1: public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
    }
    for format_type, content in forms.items():
        given = PublicKey(key_block=block(format_type, content, A.RSA, 2048))
        made = await register(gateway, V1_0, given, mask(M.VERIFY))
        for wanted, expected in forms.items():
            assert material(await get(gateway, V1_0, made, key_format_type=wanted), V1_0) == expected
    transparent = await get(gateway, V1_0, made, key_format_type=F.TRANSPARENT_RSA_PUBLIC_KEY)
    assert material(transparent, V1_0).public_exponent == 65537


async def test_algorithm_and_length_are_found_out(gateway: Gateway) -> None:
    content = EC_KEY.private_bytes(*PKCS8)
    for version, name in ((V1_0, A.ECDSA), (V2_1, A.EC)):
        made = await register(gateway, version, PrivateKey(key_block=block(F.PKCS_8, content)), mask(M.SIGN))
        found = (await get(gateway, version, made)).key_block
        assert (found.cryptographic_algorithm, found.cryptographic_length) == (name, 256)


# --- what is refused

GARBAGE = PrivateKey(key_block=block(F.PKCS_8, b"not DER", A.RSA, 2048))
PUBLIC_AS_PRIVATE = PrivateKey(key_block=block(F.PKCS_8, EC_KEY.public_key().public_bytes(*INFO), A.EC, 256))
OFF_CURVE = TransparentECPrivateKey(recommended_curve=RecommendedCurve.P_256, d=BigInteger(2**300))
REFUSED = {
    "no mask": (aes(bytes(16)), (), R.MISSING_DATA),
    "no algorithm": (SymmetricKey(key_block=block(F.RAW, bytes(16))), (mask(M.ENCRYPT),), R.MISSING_DATA),
    "another length": (
        SymmetricKey(key_block=block(F.RAW, bytes(16), A.AES, 256)),
        (mask(M.ENCRYPT),),
        R.INVALID_FIELD,
    ),
    "two lengths": (
        aes(bytes(16)),
        (mask(M.ENCRYPT), Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256)),
        R.INVALID_FIELD,
    ),
    "two algorithms": (
        aes(bytes(16)),
        (mask(M.ENCRYPT), Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.DES3)),
        R.INVALID_FIELD,
    ),
    "another algorithm": (
        PrivateKey(key_block=block(F.PKCS_8, EC_KEY.private_bytes(*PKCS8), A.RSA, 2048)),
        (mask(M.SIGN),),
        R.INVALID_FIELD,
    ),
    "garbage": (GARBAGE, (mask(M.SIGN),), R.INVALID_FIELD),
    "public as private": (PUBLIC_AS_PRIVATE, (mask(M.SIGN),), R.INVALID_FIELD),
    "off the curve": (
        PrivateKey(key_block=block(F.TRANSPARENT_EC_PRIVATE_KEY, OFF_CURVE, A.EC, 256)),
        (mask(M.SIGN),),
        R.INVALID_FIELD,
    ),
    "structure for bytes": (
        SymmetricKey(key_block=block(F.RAW, TransparentSymmetricKey(key=bytes(16)), A.AES, 128)),
        (mask(M.ENCRYPT),),
        R.INVALID_FIELD,
    ),
    "bytes for a structure": (
        PrivateKey(key_block=block(F.TRANSPARENT_RSA_PRIVATE_KEY, b"bytes", A.RSA, 2048)),
        (mask(M.SIGN),),
        R.INVALID_FIELD,
    ),
    "a date of the server": (
        aes(bytes(16)),
        (mask(M.ENCRYPT), Attribute(Tag.INITIAL_DATE, DateTime(0))),
        R.ATTRIBUTE_READ_ONLY,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_contradictions_are_refused_and_leave_nothing(gateway: Gateway, case: str) -> None:
    given, attributes, reason = REFUSED[case]
    assert await gateway.refused(V2_1, Operation.REGISTER, request(given, *attributes)) is reason


async def test_register_takes_one_object_of_its_type(gateway: Gateway) -> None:
    key = aes(bytes(16))
    for asked in (
        RegisterRequest(object_type=O.SYMMETRIC_KEY),
        RegisterRequest(object_type=O.PRIVATE_KEY, symmetric_key=key),
        RegisterRequest(object_type=O.SYMMETRIC_KEY, symmetric_key=key, template=Template()),
    ):
        assert await gateway.refused(V1_2, Operation.REGISTER, asked) is R.INVALID_FIELD


async def test_name_that_is_taken_leaves_no_key_on_the_token(gateway: Gateway) -> None:
    name = Attribute(Tag.NAME, Name(name_value="the only", name_type=NameType.UNINTERPRETED_TEXT_STRING))
    await register(gateway, V2_1, aes(bytes(16)), mask(M.ENCRYPT), name)
    refs: list[Any] = []
    imported = gateway.token.import_key

    async def watched(ref: Any, *rest: Any) -> Any:
        refs.append(ref)
        return await imported(ref, *rest)

    gateway.token.import_key = watched  # type: ignore[method-assign]
    try:
        asked = request(aes(bytes(16)), mask(M.ENCRYPT), name)
        assert await gateway.refused(V2_1, Operation.REGISTER, asked) is R.NON_UNIQUE_NAME_ATTRIBUTE
    finally:
        del gateway.token.import_key  # type: ignore[method-assign]
    assert len(refs) == 1
    assert await gateway.token.find([refs[0].cka_id]) == []


# --- who gets what


async def test_foreign_objects_do_not_exist(gateway: Gateway) -> None:
    made = await register(gateway, V2_1, aes(bytes(16)), mask(M.ENCRYPT))
    asked = GetRequest(unique_identifier=made)
    assert await gateway.other.refused(V2_1, Operation.GET, asked) is R.OBJECT_NOT_FOUND
    assert await gateway.other.refused(V1_4, Operation.GET, asked) is R.ITEM_NOT_FOUND


async def test_sensitive_and_not_extractable(gateway: Gateway) -> None:
    sensitive = await register(gateway, V2_1, aes(bytes(16)), mask(M.ENCRYPT), Attribute(Tag.SENSITIVE, True))
    resident = await register(gateway, V2_1, aes(bytes(16)), mask(M.ENCRYPT), Attribute(Tag.EXTRACTABLE, False))
    for version in (V1_4, V2_1):
        assert await gateway.refused(version, Operation.GET, GetRequest(unique_identifier=sensitive)) is R.SENSITIVE
        asked = GetRequest(unique_identifier=resident)
        assert await gateway.refused(version, Operation.GET, asked) is R.NOT_EXTRACTABLE


async def test_public_keys_are_given_even_if_not_extractable(gateway: Gateway) -> None:
    given = PublicKey(key_block=block(F.X_509, EC_KEY.public_key().public_bytes(*INFO), A.EC, 256))
    made = await register(gateway, V2_1, given, mask(M.VERIFY), Attribute(Tag.EXTRACTABLE, False))
    assert await get(gateway, V2_1, made) == given


async def test_object_is_fresh_until_it_is_given(gateway: Gateway) -> None:
    made = await register(gateway, V2_1, aes(bytes(16)), mask(M.ENCRYPT))
    changed = row(gateway, made).changed
    assert sets.value(attributes_of(gateway, made), Tag.FRESH) is True
    gateway.clock.now += 100
    await get(gateway, V2_1, made)
    attributes = attributes_of(gateway, made)
    assert sets.value(attributes, Tag.FRESH) is False
    assert sets.number(attributes, Tag.LAST_CHANGE_DATE) == int(gateway.clock.now) - 100
    written = row(gateway, made).changed
    assert written > changed
    await get(gateway, V2_1, made)
    assert row(gateway, made).changed == written


async def test_placeholder_of_register_serves_get(gateway: Gateway) -> None:
    key = aes(os.urandom(16))
    answers = await gateway.ask(
        V1_2, (Operation.REGISTER, request(key, mask(M.ENCRYPT))), (Operation.GET, GetRequest())
    )
    assert answers[1].payload.symmetric_key == key


async def test_format_newer_than_the_client_is_not_sent(gateway: Gateway) -> None:
    transparent = TransparentECPrivateKey(
        recommended_curve=RecommendedCurve.P_256, d=BigInteger(EC_KEY.private_numbers().private_value)
    )
    given = PrivateKey(key_block=block(F.TRANSPARENT_EC_PRIVATE_KEY, transparent, A.EC, 256))
    made = await register(gateway, V2_1, given, mask(M.SIGN))
    found = await get(gateway, V1_0, made)
    assert found.key_block.key_format_type is F.PKCS_8


# --- wrapped keys

KEK = bytes(range(32))


async def wrapping_key(gateway: Gateway, key: bytes = KEK, *attributes: Attribute, active: bool = True) -> str:
    """Register a key that wraps."""
    dated = (Attribute(Tag.ACTIVATION_DATE, DateTime(1)),) if active else ()
    return await register(gateway, V2_1, aes(key), mask(M.WRAP_KEY, M.UNWRAP_KEY), *dated, *attributes)


def specification(by: str, mode: BlockCipherMode | None = None, **more: Any) -> KeyWrappingSpecification:
    """Ask for a key to be wrapped."""
    parameters = None if mode is None else CryptographicParameters(block_cipher_mode=mode)
    information = EncryptionKeyInformation(unique_identifier=by, cryptographic_parameters=parameters)
    return KeyWrappingSpecification(
        wrapping_method=WrappingMethod.ENCRYPT, encryption_key_information=information, **more
    )


def unwrapped(blob: bytes, version: Version) -> KeyValue:
    """Undo RFC 3394 and read the Key Value that was encoded."""
    clear = aes_key_unwrap(KEK, blob)
    assert clear[:4] == b"\x42\x00\x45\x01"
    value: KeyValue = layout.reader(KeyValue, version)(clear, 8, len(clear) - 8)
    return value


@pytest.mark.parametrize("version", (V1_0, V1_1, V1_4, V2_0, V2_1), ids=str)
@pytest.mark.allow("untrusted_wrapping")
async def test_key_value_is_encoded_before_it_is_wrapped(gateway: Gateway, version: Version) -> None:
    by, key = await wrapping_key(gateway), os.urandom(32)
    made = await register(gateway, V2_1, aes(key), mask(M.ENCRYPT), Attribute(Tag.SENSITIVE, True))
    asked = specification(by, attribute_reference=(AttributeReference(Tag.CRYPTOGRAPHIC_USAGE_MASK),))
    found = (await get(gateway, version, made, key_wrapping_specification=asked)).key_block
    assert (found.cryptographic_algorithm, found.cryptographic_length) == (A.AES, 256)
    assert found.key_wrapping_data == KeyWrappingData(
        wrapping_method=WrappingMethod.ENCRYPT, encryption_key_information=asked.encryption_key_information
    )
    value = unwrapped(found.key_value, version)
    assert value.key_material == key
    assert value.attributes == (mask(M.ENCRYPT),)


@pytest.mark.parametrize("mode", (BlockCipherMode.NISTKEYWRAP, BlockCipherMode.AESKEYWRAPPADDING))
async def test_raw_key_is_wrapped_where_it_is(gateway: Gateway, mode: BlockCipherMode) -> None:
    by, key = await wrapping_key(gateway), os.urandom(32)
    made = await register(gateway, V2_1, aes(key), mask(M.ENCRYPT))
    asked = specification(by, mode, encoding_option=EncodingOption.NO_ENCODING)
    found = (await get(gateway, V2_1, made, key_wrapping_specification=asked)).key_block
    undo = aes_key_unwrap if mode is BlockCipherMode.NISTKEYWRAP else aes_key_unwrap_with_padding
    assert undo(KEK, found.key_value) == key
    assert found.key_wrapping_data.encoding_option is EncodingOption.NO_ENCODING


async def test_private_key_and_password_are_wrapped(gateway: Gateway) -> None:
    by = await wrapping_key(gateway)
    private = PrivateKey(key_block=block(F.PKCS_8, EC_KEY.private_bytes(*PKCS8), A.EC, 256))
    password = SecretData(secret_data_type=OpenEnumeration(1), key_block=block(F.OPAQUE, b"hunter2"))
    for given, use in ((private, M.SIGN), (password, M.VERIFY)):
        made = await register(gateway, V2_1, given, mask(use))
        found = await get(gateway, V2_1, made, key_wrapping_specification=specification(by))
        assert unwrapped(found.key_block.key_value, V2_1).key_material == given.key_block.key_value.key_material


async def test_wrapped_by_a_public_key(gateway: Gateway) -> None:
    strong = rsa.generate_private_key(65537, 3072)
    public = PublicKey(key_block=block(F.X_509, strong.public_key().public_bytes(*INFO), A.RSA, 3072))
    by = await register(gateway, V2_1, public, mask(M.WRAP_KEY), Attribute(Tag.ACTIVATION_DATE, DateTime(1)))
    key = os.urandom(16)
    made = await register(gateway, V2_1, aes(key), mask(M.ENCRYPT))
    parameters = CryptographicParameters(
        padding_method=PaddingMethod.OAEP,
        hashing_algorithm=HashingAlgorithm.SHA_1,
        mask_generator_hashing_algorithm=HashingAlgorithm.SHA_1,
    )
    asked = KeyWrappingSpecification(
        wrapping_method=WrappingMethod.ENCRYPT,
        encryption_key_information=EncryptionKeyInformation(unique_identifier=by, cryptographic_parameters=parameters),
        encoding_option=EncodingOption.NO_ENCODING,
    )
    found = await get(gateway, V2_1, made, key_wrapping_specification=asked)
    oaep = padding.OAEP(padding.MGF1(SHA1()), SHA1(), None)
    assert strong.decrypt(found.key_block.key_value, oaep) == key


async def test_wrapping_that_is_refused(gateway: Gateway) -> None:
    by, weak, asleep = await wrapping_key(gateway), await wrapping_key(gateway, bytes(16)), ""
    asleep = await wrapping_key(gateway, active=False)
    data_key = await register(
        gateway, V2_1, aes(bytes(32)), mask(M.ENCRYPT), Attribute(Tag.ACTIVATION_DATE, DateTime(1))
    )
    opaque = await register(gateway, V2_1, OpaqueObject(opaque_data_type=OpenEnumeration(1), opaque_data_value=b"x"))
    made = await register(gateway, V2_1, aes(bytes(32)), mask(M.ENCRYPT))
    bare = {"encoding_option": EncodingOption.NO_ENCODING}
    mask_too = {"attribute_reference": (AttributeReference(Tag.CRYPTOGRAPHIC_USAGE_MASK),)}
    cases = (
        (made, specification("no such key"), R.WRAPPING_OBJECT_NOT_FOUND),
        (made, specification(weak), R.PERMISSION_DENIED),
        (made, specification(asleep), R.WRONG_KEY_LIFECYCLE_STATE),
        (made, specification(data_key), R.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK),
        (made, specification(by, **bare, **mask_too), R.ENCODING_OPTION_ERROR),
        (made, specification(by, BlockCipherMode.CBC), R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS),
        (made, KeyWrappingSpecification(wrapping_method=WrappingMethod.MAC_SIGN), R.FEATURE_NOT_SUPPORTED),
        (opaque, specification(by), R.ILLEGAL_OBJECT_TYPE),
    )
    for unique_identifier, asked, reason in cases:
        payload = GetRequest(unique_identifier=unique_identifier, key_wrapping_specification=asked)
        assert await gateway.refused(V2_1, Operation.GET, payload) is reason
    other = GetRequest(unique_identifier=made, key_wrapping_specification=specification("no such key"))
    assert await gateway.refused(V1_2, Operation.GET, other) is R.ITEM_NOT_FOUND


async def test_wrapping_key_that_is_gone(gateway: Gateway) -> None:
    by = await wrapping_key(gateway, active=False)
    made = await register(gateway, V2_1, aes(bytes(32)), mask(M.ENCRYPT))
    kept = await register(gateway, V2_1, wrapped_aes(by, aes_key_wrap(KEK, bytes(16))), mask(M.ENCRYPT))
    await gateway.one(V2_1, Operation.DESTROY, DestroyRequest(unique_identifier=by))
    for asked in (
        GetRequest(unique_identifier=made, key_wrapping_specification=specification(by)),
        GetRequest(unique_identifier=kept, key_wrap_type=KeyWrapType.NOT_WRAPPED),
    ):
        assert await gateway.refused(V2_1, Operation.GET, asked) is R.WRAPPING_OBJECT_DESTROYED
    assert await get(gateway, V2_1, kept) == wrapped_aes(by, aes_key_wrap(KEK, bytes(16)))


async def test_protection_that_the_token_does_not_give(gateway: Gateway) -> None:
    masks = ProtectionStorageMasks(protection_storage_mask=(ProtectionStorageMask.OFF_SYSTEM,))
    asked = RegisterRequest(
        object_type=O.SYMMETRIC_KEY,
        attributes=(mask(M.ENCRYPT),),
        symmetric_key=aes(bytes(16)),
        protection_storage_masks=masks,
    )
    assert await gateway.refused(V2_1, Operation.REGISTER, asked) is R.PROTECTION_STORAGE_UNAVAILABLE


async def test_structure_has_no_bytes_of_its_own_to_wrap(gateway: Gateway) -> None:
    by = await wrapping_key(gateway)
    made = await register(gateway, V2_1, aes(bytes(32)), mask(M.ENCRYPT))
    asked = GetRequest(
        unique_identifier=made,
        key_format_type=F.TRANSPARENT_SYMMETRIC_KEY,
        key_wrapping_specification=specification(by, encoding_option=EncodingOption.NO_ENCODING),
    )
    assert await gateway.refused(V2_1, Operation.GET, asked) is R.ENCODING_OPTION_ERROR


async def test_parameters_of_the_wrapping_key_hold(gateway: Gateway) -> None:
    parameters = CryptographicParameters(block_cipher_mode=BlockCipherMode.AESKEYWRAPPADDING)
    by = await wrapping_key(gateway, KEK, Attribute(Tag.CRYPTOGRAPHIC_PARAMETERS, parameters))
    key = os.urandom(16)
    made = await register(gateway, V2_1, aes(key), mask(M.ENCRYPT))
    bare = {"encoding_option": EncodingOption.NO_ENCODING}
    found = await get(gateway, V2_1, made, key_wrapping_specification=specification(by, **bare))
    assert aes_key_unwrap_with_padding(KEK, found.key_block.key_value) == key
    other = specification(by, BlockCipherMode.NISTKEYWRAP, **bare)
    payload = GetRequest(unique_identifier=made, key_wrapping_specification=other)
    assert await gateway.refused(V2_1, Operation.GET, payload) is R.BAD_CRYPTOGRAPHIC_PARAMETERS


def wrapped_aes(by: str, blob: Any, option: EncodingOption | None = EncodingOption.NO_ENCODING) -> SymmetricKey:
    """Give a key that its client wrapped itself."""
    data = KeyWrappingData(
        wrapping_method=WrappingMethod.ENCRYPT,
        encryption_key_information=EncryptionKeyInformation(unique_identifier=by),
        encoding_option=option,
    )
    return SymmetricKey(
        key_block=KeyBlock(
            key_format_type=F.RAW,
            key_value=blob,
            cryptographic_algorithm=A.AES,
            cryptographic_length=128,
            key_wrapping_data=data,
        )
    )


@pytest.mark.parametrize("as_pykmip", (False, True))
@pytest.mark.allow("untrusted_wrapping")
async def test_wrapped_key_comes_back_as_it_came_or_unwrapped(gateway: Gateway, as_pykmip: bool) -> None:
    by, key = await wrapping_key(gateway), os.urandom(16)
    blob: Any = aes_key_wrap(KEK, key)
    given = wrapped_aes(by, KeyValue(key_material=blob) if as_pykmip else blob)
    made = await register(gateway, V2_1, given, mask(M.ENCRYPT), Attribute(Tag.SENSITIVE, True))
    for how in ({}, {"key_wrap_type": KeyWrapType.AS_REGISTERED}, {"key_format_type": F.RAW}):
        assert await get(gateway, V2_1, made, **how) == given
    links = [a.value for a in attributes_of(gateway, made) if a.tag is Tag.LINK]
    assert [(link.link_type, link.linked_object_identifier) for link in links] == [(LinkType.WRAPPING_KEY_LINK, by)]
    clear = GetRequest(unique_identifier=made, key_wrap_type=KeyWrapType.NOT_WRAPPED)
    assert await gateway.refused(V2_1, Operation.GET, clear) is R.SENSITIVE
    again = {"key_wrap_type": KeyWrapType.NOT_WRAPPED, "key_wrapping_specification": specification(by)}
    found = await get(gateway, V2_1, made, **again)
    assert unwrapped(found.key_block.key_value, V2_1).key_material == key


async def test_encoded_key_value_is_unwrapped(gateway: Gateway) -> None:
    by, key = await wrapping_key(gateway), os.urandom(16)
    encoded = layout.writer(KeyValue, Tag.KEY_VALUE, V2_1)(KeyValue(key_material=key))
    made = await register(gateway, V2_1, wrapped_aes(by, aes_key_wrap(KEK, encoded), None), mask(M.ENCRYPT))
    found = await get(gateway, V2_1, made, key_wrap_type=KeyWrapType.NOT_WRAPPED)
    assert found == aes(key)


async def test_wrong_wrapping_is_a_cryptographic_failure(gateway: Gateway) -> None:
    by = await wrapping_key(gateway)
    for blob, option in ((os.urandom(24), EncodingOption.NO_ENCODING), (aes_key_wrap(KEK, bytes(16)), None)):
        made = await register(gateway, V2_1, wrapped_aes(by, blob, option), mask(M.ENCRYPT))
        asked = GetRequest(unique_identifier=made, key_wrap_type=KeyWrapType.NOT_WRAPPED)
        assert await gateway.refused(V2_1, Operation.GET, asked) is R.CRYPTOGRAPHIC_FAILURE


async def test_wrapped_key_is_not_wrapped_twice(gateway: Gateway) -> None:
    by = await wrapping_key(gateway)
    made = await register(gateway, V2_1, wrapped_aes(by, aes_key_wrap(KEK, bytes(16))), mask(M.ENCRYPT))
    asked = GetRequest(unique_identifier=made, key_wrapping_specification=specification(by))
    assert await gateway.refused(V2_1, Operation.GET, asked) is R.KEY_WRAP_TYPE_NOT_SUPPORTED


# --- certificates


def certificate_of(key: Any, *names: x509.NameAttribute[Any]) -> x509.Certificate:
    """Make a certificate that signs itself."""
    subject = x509.Name(names)
    builder = x509.CertificateBuilder(issuer_name=subject, subject_name=subject, serial_number=0x80AB)
    builder = builder.public_key(key.public_key()).not_valid_before(datetime(2020, 1, 1))
    builder = builder.not_valid_after(datetime(2040, 1, 1))
    alternative = x509.SubjectAlternativeName([x509.DNSName("disk.example")])
    return builder.add_extension(alternative, critical=False).sign(key, SHA256())


CERTIFICATE = certificate_of(
    EC_KEY,
    x509.NameAttribute(NameOID.COUNTRY_NAME, "AU"),
    x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "one"),
    x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "two"),
    x509.NameAttribute(NameOID.COMMON_NAME, "disk"),
)
X509 = Certificate(certificate_type=CertificateType.X_509, certificate_value=CERTIFICATE.public_bytes(Encoding.DER))


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_certificate_comes_back(gateway: Gateway, version: Version) -> None:
    made = await register(gateway, version, X509, Attribute(Tag.CERTIFICATE_TYPE, CertificateType.X_509))
    assert await get(gateway, version, made) == X509
    assert row(gateway, made).custody is Custody.SEALED


async def test_attributes_of_a_certificate(gateway: Gateway) -> None:
    made = await register(gateway, V2_1, X509)
    found = attributes_of(gateway, made)
    values = {a.tag: a.value for a in found}
    der = CERTIFICATE.subject.public_bytes()
    assert values[Tag.CERTIFICATE_LENGTH] == len(X509.certificate_value)
    assert (values[Tag.CRYPTOGRAPHIC_ALGORITHM], values[Tag.CRYPTOGRAPHIC_LENGTH]) == (A.EC, 256)
    assert values[Tag.DIGITAL_SIGNATURE_ALGORITHM] is DigitalSignatureAlgorithm.ECDSA_WITH_SHA256
    assert values[Tag.X_509_CERTIFICATE_IDENTIFIER] == X509CertificateIdentifier(
        issuer_distinguished_name=der, certificate_serial_number=bytes.fromhex("02030080ab")
    )
    assert values[Tag.X_509_CERTIFICATE_SUBJECT].subject_distinguished_name == der
    assert b"disk.example" in values[Tag.X_509_CERTIFICATE_SUBJECT].subject_alternative_name[0]
    assert values[Tag.CERTIFICATE_IDENTIFIER].serial_number == "80AB"
    text = "CN=disk,OU=two,OU=one,C=AU"
    assert values[Tag.CERTIFICATE_SUBJECT].certificate_subject_distinguished_name == text
    units = [(a.index, a.value) for a in found if a.tag is Tag.CERTIFICATE_SUBJECT_OU]
    assert units == [(0, "one"), (1, "two")]
    (digest,) = sets.structures(found, Tag.DIGEST, Digest)
    assert digest.digest_value == CERTIFICATE.fingerprint(SHA256())


async def test_what_is_no_certificate_is_refused(gateway: Gateway) -> None:
    for value in (b"", b"0\x00", X509.certificate_value[:-1]):
        given = Certificate(certificate_type=CertificateType.X_509, certificate_value=value)
        assert await gateway.refused(V1_2, Operation.REGISTER, request(given)) is R.INVALID_FIELD
    wrong = Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 384)
    assert await gateway.refused(V1_2, Operation.REGISTER, request(X509, wrong)) is R.INVALID_FIELD


async def test_certificate_of_pgp_is_kept(gateway: Gateway) -> None:
    given = Certificate(certificate_type=CertificateType.PGP, certificate_value=b"any bytes")
    made = await register(gateway, V1_4, given)
    assert await get(gateway, V1_4, made) == given
