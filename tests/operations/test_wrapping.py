"""Keys wrapped by managed keys: by AES-GCM and RSA-OAEP both ways, and by keys that are for data too.

The latter wrap by a copy that does nothing else, if their owner may fetch them.
"""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from cryptography.hazmat.primitives.keywrap import (
    aes_key_unwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap,
    aes_key_wrap_with_padding,
)
from msgspec.structs import replace

from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicUsageMask,
    EncodingOption,
    KeyWrapType,
    Operation,
    PaddingMethod,
    ResultReason,
    WrappingMethod,
)
from gateway.kmip.enums import HashingAlgorithm as H
from gateway.kmip.objects import (
    EncryptionKeyInformation,
    KeyWrappingData,
    KeyWrappingSpecification,
    PrivateKey,
    PublicKey,
    SecretData,
    SymmetricKey,
)
from gateway.kmip.structure import Attribute, DateTime, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V1_4, V2_1
from gateway.operations.decrypt import DecryptRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.store.api import Store
from gateway.token.api import Token
from tests.operations.conftest import Clock, Gateway, Refused
from tests.operations.test_register_get import (
    EC_KEY,
    INFO,
    KEK,
    PKCS8,
    A,
    F,
    aes,
    block,
    get,
    mask,
    register,
    row,
    specification,
)

pytestmark = pytest.mark.allow("untrusted_wrapping", "ecb")
M = CryptographicUsageMask
EVERYTHING = (M.ENCRYPT, M.DECRYPT, M.WRAP_KEY, M.UNWRAP_KEY)
DATED = Attribute(Tag.ACTIVATION_DATE, DateTime(1))
RAW = {"mode": BlockCipherMode.NISTKEYWRAP, "encoding_option": EncodingOption.NO_ENCODING}


async def key_for_all(gateway: Gateway, *attributes: Attribute) -> str:
    return await register(gateway, V2_1, aes(KEK), mask(*EVERYTHING), DATED, *attributes)


@pytest.mark.parametrize("asked", [RAW, {}], ids=["where it is", "encoded"])
async def test_a_key_for_data_wraps_by_a_copy(gateway: Gateway, asked: dict[str, object]) -> None:
    by, key = await key_for_all(gateway), os.urandom(32)
    made = await register(gateway, V2_1, aes(key), mask(M.ENCRYPT), Attribute(Tag.SENSITIVE, True))
    found = (await get(gateway, V2_1, made, key_wrapping_specification=specification(by, **asked))).key_block
    assert aes_key_unwrap(KEK, found.key_value).endswith(key if asked else b"")
    ecb = CryptographicParameters(block_cipher_mode=BlockCipherMode.ECB)
    request = EncryptRequest(unique_identifier=by, data=bytes(16), cryptographic_parameters=ecb)
    assert (await gateway.one(V1_4, Operation.ENCRYPT, request)).data, "the key itself is for data still"


async def test_a_key_for_data_unwraps_by_a_copy(gateway: Gateway) -> None:
    by, key = await key_for_all(gateway), os.urandom(32)
    made = await register(gateway, V2_1, wrapped_by(by, key), mask(M.ENCRYPT))
    found = await get(gateway, V2_1, made, key_wrap_type=KeyWrapType.NOT_WRAPPED)
    assert found.key_block.key_value.key_material == key


@pytest.mark.parametrize(
    "attribute", [Attribute(Tag.SENSITIVE, True), Attribute(Tag.EXTRACTABLE, False)], ids=lambda each: each.tag.name
)
async def test_a_key_for_data_that_nobody_may_fetch_wraps_nothing(gateway: Gateway, attribute: Attribute) -> None:
    """Who wraps a Sensitive key with it and decrypts the result has that key in the clear."""
    by = await key_for_all(gateway, attribute)
    made = await register(gateway, V2_1, aes(os.urandom(32)), mask(M.ENCRYPT), Attribute(Tag.SENSITIVE, True))
    request = GetRequest(unique_identifier=made, key_wrapping_specification=specification(by, **RAW))
    reason = await gateway.refused(V2_1, Operation.GET, request)
    assert reason is ResultReason.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK


# --- AES-GCM and RSA-OAEP, both ways, against `cryptography`


def gcm(tag_length: int | None = None) -> CryptographicParameters:
    return CryptographicParameters(block_cipher_mode=BlockCipherMode.GCM, tag_length=tag_length)


def by_parameters(
    by: str, parameters: CryptographicParameters, option: EncodingOption | None = EncodingOption.NO_ENCODING
) -> KeyWrappingSpecification:
    """Ask for a key to be wrapped by these parameters."""
    information = EncryptionKeyInformation(unique_identifier=by, cryptographic_parameters=parameters)
    return KeyWrappingSpecification(
        wrapping_method=WrappingMethod.ENCRYPT, encryption_key_information=information, encoding_option=option
    )


async def wrapping_only(gateway: Gateway) -> str:
    """Register a key that wraps and does nothing else."""
    return await register(
        gateway, V2_1, aes(KEK), mask(M.WRAP_KEY, M.UNWRAP_KEY), DATED, Attribute(Tag.SENSITIVE, True)
    )


async def brought(
    gateway: Gateway, blob: bytes, asked: KeyWrappingSpecification, iv: bytes | None = None, bits: int = 256
) -> SymmetricKey:
    """Register a key that was wrapped elsewhere, and get it back unwrapped."""
    data = KeyWrappingData(
        wrapping_method=asked.wrapping_method,
        encryption_key_information=asked.encryption_key_information,
        iv_counter_nonce=iv,
        encoding_option=asked.encoding_option,
    )
    block = replace(aes(bytes(bits // 8)).key_block, key_value=blob, key_wrapping_data=data)
    made = await register(gateway, V2_1, SymmetricKey(key_block=block), mask(M.ENCRYPT))
    found: SymmetricKey = await get(gateway, V2_1, made, key_wrap_type=KeyWrapType.NOT_WRAPPED)
    return found


@pytest.mark.parametrize("tag_length", [None, 12, 16])
@pytest.mark.parametrize("option", [EncodingOption.NO_ENCODING, EncodingOption.TTLV_ENCODING, None])
async def test_gcm_both_ways(gateway: Gateway, tag_length: int | None, option: EncodingOption | None) -> None:
    by, key = await wrapping_only(gateway), os.urandom(32)
    made = await register(gateway, V2_1, aes(key), mask(M.ENCRYPT), Attribute(Tag.SENSITIVE, True))
    asked = by_parameters(by, gcm(tag_length), option)
    blocks = [(await get(gateway, V2_1, made, key_wrapping_specification=asked)).key_block for _ in range(2)]
    ivs = {block.key_wrapping_data.iv_counter_nonce for block in blocks}
    assert len(ivs) == 2 and {len(iv) for iv in ivs} == {12}
    sealed, iv = blocks[0].key_value, blocks[0].key_wrapping_data.iv_counter_nonce
    size = tag_length or 16
    opener = Cipher(AES(KEK), GCM(iv, sealed[-size:], min_tag_length=size)).decryptor()
    clear = opener.update(sealed[:-size]) + opener.finalize()
    assert clear == (key if option is EncodingOption.NO_ENCODING else clear) and key in clear
    assert (await brought(gateway, sealed, asked, iv)).key_block.key_value.key_material == key


async def test_gcm_without_its_iv_or_with_another_is_refused(gateway: Gateway) -> None:
    by = await wrapping_only(gateway)
    asked, iv = by_parameters(by, gcm()), os.urandom(12)
    sealed = AESGCM(KEK).encrypt(iv, bytes(32), None)
    assert (await brought(gateway, sealed, asked, iv)).key_block.key_value.key_material == bytes(32)
    for wrong, blob in ((None, sealed), (os.urandom(12), sealed), (iv, bytes(48)), (iv, b"")):
        with pytest.raises(Refused, match="MISSING_DATA" if wrong is None else "CRYPTOGRAPHIC_FAILURE"):
            await brought(gateway, blob, asked, wrong)


async def test_a_key_that_wraps_by_gcm_encrypts_nothing_else(gateway: Gateway) -> None:
    by = await wrapping_only(gateway)
    made = await register(gateway, V2_1, aes(os.urandom(32)), mask(M.ENCRYPT), Attribute(Tag.SENSITIVE, True))
    await get(gateway, V2_1, made, key_wrapping_specification=by_parameters(by, gcm()))
    rights = await gateway.token.attributes(gateway.exchange._services.catalogue.managed(row(gateway, by)).ref)
    assert not rights["encrypt"] and not rights["decrypt"]
    for operation, request in (
        (Operation.ENCRYPT, EncryptRequest(unique_identifier=by, data=b"", cryptographic_parameters=gcm())),
        (Operation.DECRYPT, DecryptRequest(unique_identifier=by, data=b"", cryptographic_parameters=gcm())),
    ):
        reason = await gateway.refused(V2_1, operation, request)
        assert reason is ResultReason.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK


PAIR = rsa.generate_private_key(65537, 3072)
OAEPS = {
    "sha-1": (H.SHA_1, None, b"", padding.OAEP(padding.MGF1(SHA1()), SHA1(), None)),
    "sha-256": (H.SHA_256, None, b"", padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)),
    "two hashes": (H.SHA_256, H.SHA_1, b"", padding.OAEP(padding.MGF1(SHA1()), SHA256(), None)),
    "label": (H.SHA_512, None, b"label", padding.OAEP(padding.MGF1(SHA512()), SHA512(), b"label")),
}


@pytest.mark.parametrize(("hash_", "mask_hash", "label", "scheme"), OAEPS.values(), ids=OAEPS)
async def test_oaep_both_ways(
    gateway: Gateway, hash_: H, mask_hash: H | None, label: bytes, scheme: padding.OAEP
) -> None:
    public = PublicKey(key_block=block(F.X_509, PAIR.public_key().public_bytes(*INFO), A.RSA, 3072))
    private = PrivateKey(key_block=block(F.PKCS_8, PAIR.private_bytes(*PKCS8), A.RSA, 3072))
    out = await register(gateway, V2_1, public, mask(M.WRAP_KEY), DATED)
    into = await register(gateway, V2_1, private, mask(M.UNWRAP_KEY), DATED, Attribute(Tag.SENSITIVE, True))
    parameters = CryptographicParameters(
        padding_method=PaddingMethod.OAEP,
        hashing_algorithm=hash_,
        mask_generator_hashing_algorithm=mask_hash,
        p_source=label or None,
    )
    key = os.urandom(16)
    for option in (EncodingOption.NO_ENCODING, None):
        made = await register(gateway, V2_1, aes(key), mask(M.ENCRYPT), Attribute(Tag.SENSITIVE, True))
        asked = by_parameters(out, parameters, option)
        sealed = (await get(gateway, V2_1, made, key_wrapping_specification=asked)).key_block.key_value
        assert key in PAIR.decrypt(sealed, scheme)
        back = await brought(gateway, sealed, by_parameters(into, parameters, option), bits=128)
        assert back.key_block.key_value.key_material == key
    for wrong in (os.urandom(384), bytes(384), b"short", PAIR.public_key().encrypt(key, padding.PKCS1v15())):
        with pytest.raises(Refused, match="CRYPTOGRAPHIC_FAILURE"):
            await brought(gateway, wrong, by_parameters(into, parameters), bits=128)


async def test_what_does_not_fit_the_modulus_is_refused(gateway: Gateway) -> None:
    public = PublicKey(key_block=block(F.X_509, PAIR.public_key().public_bytes(*INFO), A.RSA, 3072))
    out = await register(gateway, V2_1, public, mask(M.WRAP_KEY), DATED)
    secret = SecretData(secret_data_type=OpenEnumeration(1), key_block=block(F.OPAQUE, bytes(400)))
    made = await register(gateway, V2_1, secret, mask(M.VERIFY))
    # The token does SHA-1 itself, and has its own word for it.
    for hash_, reason in (
        (H.SHA_1, ResultReason.BAD_CRYPTOGRAPHIC_PARAMETERS),
        (H.SHA_256, ResultReason.CRYPTOGRAPHIC_FAILURE),
    ):
        parameters = CryptographicParameters(padding_method=PaddingMethod.OAEP, hashing_algorithm=hash_)
        request = GetRequest(unique_identifier=made, key_wrapping_specification=by_parameters(out, parameters))
        assert await gateway.refused(V2_1, Operation.GET, request) is reason


# --- RFC 5649 at every length, which SoftHSM has for whole blocks alone

KWP = CryptographicParameters(block_cipher_mode=BlockCipherMode.AESKEYWRAPPADDING)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 15, 16, 17, 31, 200, 1001])
async def test_padded_key_wrap_both_ways(gateway: Gateway, size: int) -> None:
    by, secret = await wrapping_only(gateway), os.urandom(size)
    given = SecretData(secret_data_type=OpenEnumeration(1), key_block=block(F.OPAQUE, secret))
    made = await register(gateway, V2_1, given, mask(M.VERIFY), Attribute(Tag.SENSITIVE, True))
    asked = by_parameters(by, KWP)
    sealed = (await get(gateway, V2_1, made, key_wrapping_specification=asked)).key_block.key_value
    assert sealed == aes_key_wrap_with_padding(KEK, secret)
    data = KeyWrappingData(
        wrapping_method=asked.wrapping_method,
        encryption_key_information=asked.encryption_key_information,
        encoding_option=asked.encoding_option,
    )
    wrapped = replace(given.key_block, key_value=sealed, key_wrapping_data=data)
    again = await register(gateway, V2_1, replace(given, key_block=wrapped), mask(M.VERIFY))
    found = await get(gateway, V2_1, again, key_wrap_type=KeyWrapType.NOT_WRAPPED)
    assert found.key_block.key_value.key_material == secret


async def test_a_private_key_is_wrapped_as_its_bytes(gateway: Gateway) -> None:
    by, form = await wrapping_only(gateway), EC_KEY.private_bytes(*PKCS8)
    assert len(form) % 8
    given = PrivateKey(key_block=block(F.PKCS_8, form, A.EC, 256))
    made = await register(gateway, V2_1, given, mask(M.SIGN), Attribute(Tag.SENSITIVE, True))
    found = await get(gateway, V2_1, made, key_wrapping_specification=by_parameters(by, KWP))
    assert aes_key_unwrap_with_padding(KEK, found.key_block.key_value) == form


async def test_what_takes_too_long_to_pad_is_refused(gateway: Gateway) -> None:
    by = await wrapping_only(gateway)
    secret = SecretData(secret_data_type=OpenEnumeration(1), key_block=block(F.OPAQUE, bytes(4097)))
    made = await register(gateway, V2_1, secret, mask(M.VERIFY))
    asked = GetRequest(unique_identifier=made, key_wrapping_specification=by_parameters(by, KWP))
    reason = await gateway.refused(V2_1, Operation.GET, asked)
    assert reason is ResultReason.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS


def wrapped_by(by: str, key: bytes) -> SymmetricKey:
    """Give a key wrapped under KEK."""
    information = EncryptionKeyInformation(unique_identifier=by)
    data = KeyWrappingData(
        wrapping_method=specification(by).wrapping_method,
        encryption_key_information=information,
        encoding_option=EncodingOption.NO_ENCODING,
    )
    given = aes(key)
    block = replace(given.key_block, key_value=aes_key_wrap(KEK, key), key_wrapping_data=data)
    return replace(given, key_block=block)


@pytest.mark.parametrize("fetchable", [True, False])
@pytest.mark.parametrize("chosen", [True, False])
async def test_a_key_that_wraps_unwraps_where_the_operator_lets_it(
    token: Token, store: Store, clock: Clock, chosen: bool, fetchable: bool
) -> None:
    gateway = Gateway(Exchange(KmipConfig(unwrap_by_wrap_key=chosen), store, token, clock), clock, store, token)
    extractable = Attribute(Tag.EXTRACTABLE, fetchable)
    by = await register(gateway, V2_1, aes(KEK), mask(M.WRAP_KEY), DATED, extractable)
    made = await register(gateway, V2_1, wrapped_by(by, bytes(range(16))), mask(M.ENCRYPT))
    request = GetRequest(unique_identifier=made, key_wrap_type=KeyWrapType.NOT_WRAPPED)
    (answer,) = await gateway.ask(V2_1, (Operation.GET, request))
    allowed = chosen and fetchable
    assert answer.reason is (None if allowed else ResultReason.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK)
