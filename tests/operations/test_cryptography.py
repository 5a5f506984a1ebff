"""Encrypt, Decrypt, Sign, Signature Verify, MAC, Hash and RNG on real SoftHSM2 workers, held to `cryptography`."""

import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import cmac, hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway import creation
from gateway.call import Call
from gateway.items import Batch
from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    DigitalSignatureAlgorithm,
    HashingAlgorithm,
    ObjectType,
    Operation,
    PaddingMethod,
    ResultReason,
    ResultStatus,
    RevocationReasonCode,
    UsageLimitsUnit,
    ValidityIndicator,
)
from gateway.kmip.structure import Attribute, LongInteger, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, RevocationReason, UsageLimits
from gateway.kmip.version import V1_2, V1_3, V1_4, V2_0, V2_1, Version
from gateway.operations.decrypt import DecryptRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.hash import HashRequest
from gateway.operations.mac import MACRequest
from gateway.operations.mac_verify import MACVerifyRequest
from gateway.operations.revoke import RevokeRequest
from gateway.operations.rng_retrieve import RNGRetrieveRequest
from gateway.operations.rng_seed import RNGSeedRequest
from gateway.operations.sign import SignRequest
from gateway.operations.signature_verify import SignatureVerifyRequest
from gateway.store.api import Custody
from gateway.token.api import KeyRef, KeyTemplate, KeyType, ObjectClass
from tests.operations.conftest import Gateway
from tests.support.messages import Answer

A, B, D, H, P = (
    CryptographicAlgorithm,
    BlockCipherMode,
    DigitalSignatureAlgorithm,
    HashingAlgorithm,
    PaddingMethod,
)
M, R = CryptographicUsageMask, ResultReason
VALID, INVALID = ValidityIndicator.VALID, ValidityIndicator.INVALID
KEY, IV, DATA = bytes(range(32)), bytes(range(100, 116)), bytes(range(48))
LONG_AGO = 1_600_000_000

SYMMETRIC_TYPES = {A.AES: KeyType.AES, A.DES3: KeyType.DES3}
PAIR_TYPES = {A.RSA: KeyType.RSA, A.EC: KeyType.EC, A.ED25519: KeyType.EC_EDWARDS}
RSA_KEY = rsa.generate_private_key(65537, 2048)


def parameters(**fields: Any) -> CryptographicParameters:
    return CryptographicParameters(**fields)


def params(mode: B | None = None, pad: P | None = None, **fields: Any) -> CryptographicParameters:
    return CryptographicParameters(block_cipher_mode=mode, padding_method=pad, **fields)


GCM = params(B.GCM, tag_length=16)


class Keys:
    """Makes objects as Register would, straight on the token and in the database."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def _call(self) -> Call:
        return Call(self._gateway.exchange._services, self._gateway._peer, V2_1, Batch())

    async def _add(
        self, kind: ObjectType, ref: KeyRef, algorithm: A, bits: int, mask: M, more: dict[Tag, Any], custody: Custody
    ) -> str:
        values = {
            Tag.CRYPTOGRAPHIC_ALGORITHM: algorithm,
            Tag.CRYPTOGRAPHIC_LENGTH: bits,
            Tag.CRYPTOGRAPHIC_USAGE_MASK: mask,
            Tag.ACTIVATION_DATE: LONG_AGO,
            **more,
        }
        attributes = tuple(Attribute(tag, value) for tag, value in values.items() if value is not None)
        draft = creation.Draft(kind, attributes, ref, custody)
        return (await creation.add(self._call(), draft))[0].unique_identifier

    async def _import(self, object_class: ObjectClass, key_type: KeyType, material: bytes, mask: M) -> KeyRef:
        ref = KeyRef(object_class, await self._gateway.store.reserve())
        template = KeyTemplate("test", creation.rights_for(mask), extractable=True)
        await self._gateway.token.import_key(ref, key_type, material, template)
        return ref

    async def secret(
        self,
        value: bytes = KEY,
        algorithm: A = A.AES,
        mask: M = M.ENCRYPT | M.DECRYPT,
        custody: Custody = Custody.TOKEN,
        **more: Any,
    ) -> str:
        """Make a symmetric key; `more` are attributes by the names of their tags."""
        key_type = SYMMETRIC_TYPES.get(algorithm, KeyType.GENERIC_SECRET)
        ref = await self._import(ObjectClass.SECRET_KEY, key_type, value, mask)
        named = {Tag[name.upper()]: attribute for name, attribute in more.items()}
        return await self._add(ObjectType.SYMMETRIC_KEY, ref, algorithm, 8 * len(value), mask, named, custody)

    async def pair(self, key: Any, algorithm: A, bits: int, private: M = M.SIGN, public: M = M.VERIFY) -> Any:
        """Make both halves of a pair: the unique identifiers of the private and the public key."""
        pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        kind = PAIR_TYPES[algorithm]
        mine = await self._import(ObjectClass.PRIVATE_KEY, kind, pkcs8, private)
        theirs = await self._import(ObjectClass.PUBLIC_KEY, kind, info, public)
        return (
            await self._add(ObjectType.PRIVATE_KEY, mine, algorithm, bits, private, {}, Custody.TOKEN),
            await self._add(ObjectType.PUBLIC_KEY, theirs, algorithm, bits, public, {}, Custody.TOKEN),
        )


# What is done is looked at here; what is refused, in tests/attacks.
pytestmark = pytest.mark.allow("ecb", "triple_des", "client_ivs", "pkcs1_decryption", "sha1_signatures", "short_rsa")


@pytest.fixture
def keys(gateway: Gateway) -> Keys:
    return Keys(gateway)


async def ask(gateway: Gateway, operation: Operation, payload: Structure, version: Version = V2_1) -> Answer:
    (answer,) = await gateway.ask(version, (operation, payload))
    return answer


async def encrypt(gateway: Gateway, uid: str, version: Version = V2_1, **fields: Any) -> Any:
    return await gateway.one(version, Operation.ENCRYPT, EncryptRequest(unique_identifier=uid, **fields))


async def decrypt(gateway: Gateway, uid: str, version: Version = V2_1, **fields: Any) -> Any:
    return await gateway.one(version, Operation.DECRYPT, DecryptRequest(unique_identifier=uid, **fields))


async def refused_encrypt(gateway: Gateway, uid: str, version: Version = V2_1, **fields: Any) -> Any:
    return await gateway.refused(version, Operation.ENCRYPT, EncryptRequest(unique_identifier=uid, **fields))


async def refused_decrypt(gateway: Gateway, uid: str, version: Version = V2_1, **fields: Any) -> Any:
    return await gateway.refused(version, Operation.DECRYPT, DecryptRequest(unique_identifier=uid, **fields))


async def sign(gateway: Gateway, uid: str, version: Version = V2_1, **fields: Any) -> bytes:
    payload = await gateway.one(version, Operation.SIGN, SignRequest(unique_identifier=uid, **fields))
    return bytes(payload.signature_data)


async def verify(gateway: Gateway, uid: str, version: Version = V2_1, **fields: Any) -> Any:
    request = SignatureVerifyRequest(unique_identifier=uid, **fields)
    return (await gateway.one(version, Operation.SIGNATURE_VERIFY, request)).validity_indicator


async def mac(gateway: Gateway, uid: str, data: bytes, given: CryptographicParameters | None = None) -> bytes:
    request = MACRequest(unique_identifier=uid, data=data, cryptographic_parameters=given)
    return bytes((await gateway.one(V2_1, Operation.MAC, request)).mac_data)


async def mac_verify(gateway: Gateway, uid: str, data: bytes, code: bytes, given: Any = None) -> Any:
    request = MACVerifyRequest(unique_identifier=uid, data=data, mac_data=code, cryptographic_parameters=given)
    return (await gateway.one(V2_1, Operation.MAC_VERIFY, request)).validity_indicator


# --- GCM


async def test_gcm_gives_the_tag_a_field_of_its_own_and_does_not_echo_the_iv(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret(bytes(16))
    answer = await encrypt(gateway, uid, data=bytes(16), iv_counter_nonce=bytes(12), cryptographic_parameters=GCM)
    assert answer.data.hex() == "0388dace60b6a392f328c2b971b2fe78"
    assert answer.authenticated_encryption_tag.hex() == "ab6e47d42cec13bdf53a67b21257bddf"
    assert answer.iv_counter_nonce is None


@pytest.mark.parametrize("version", [V1_4, V2_0, V2_1], ids=str)
async def test_gcm_draws_an_iv_and_gives_it_back(gateway: Gateway, keys: Keys, version: Version) -> None:
    uid = await keys.secret()
    more = {"cryptographic_parameters": params(B.GCM), "authenticated_encryption_additional_data": b"header"}
    sealed = await encrypt(gateway, uid, version, data=DATA, **more)
    whole = sealed.data + sealed.authenticated_encryption_tag
    assert AESGCM(KEY).decrypt(sealed.iv_counter_nonce, whole, b"header") == DATA
    opened = await decrypt(
        gateway,
        uid,
        version,
        data=sealed.data,
        iv_counter_nonce=sealed.iv_counter_nonce,
        authenticated_encryption_tag=sealed.authenticated_encryption_tag,
        **more,
    )
    assert opened.data == DATA


@pytest.mark.parametrize("version", [V1_2, V1_3], ids=str)
async def test_before_1_4_the_tag_is_the_end_of_the_data(gateway: Gateway, keys: Keys, version: Version) -> None:
    uid = await keys.secret()
    sealed = await encrypt(gateway, uid, version, data=DATA, cryptographic_parameters=GCM)
    assert AESGCM(KEY).decrypt(sealed.iv_counter_nonce, sealed.data, None) == DATA
    opened = await decrypt(
        gateway,
        uid,
        version,
        data=sealed.data,
        iv_counter_nonce=sealed.iv_counter_nonce,
        cryptographic_parameters=GCM,
    )
    assert opened.data == DATA


async def test_gcm_takes_nothing_to_encrypt(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret(bytes(16))
    more = {
        "data": b"",
        "iv_counter_nonce": bytes(12),
        "cryptographic_parameters": GCM,
        "authenticated_encryption_additional_data": b"",
    }
    sealed = await encrypt(gateway, uid, **more)
    assert sealed.data == b""
    assert sealed.authenticated_encryption_tag.hex() == "58e2fccefa7e3061367f1d57a4e7455a"
    opened = await decrypt(gateway, uid, **more, authenticated_encryption_tag=sealed.authenticated_encryption_tag)
    assert opened.data == b""


@pytest.mark.parametrize("size", [12, 13, 14, 15])
async def test_a_shorter_tag_is_enough(gateway: Gateway, keys: Keys, size: int) -> None:
    uid = await keys.secret()
    given = params(B.GCM, tag_length=size)
    sealed = await encrypt(gateway, uid, data=DATA, iv_counter_nonce=IV, cryptographic_parameters=given)
    assert len(sealed.authenticated_encryption_tag) == size
    opened = await decrypt(
        gateway,
        uid,
        data=sealed.data,
        iv_counter_nonce=IV,
        cryptographic_parameters=given,
        authenticated_encryption_tag=sealed.authenticated_encryption_tag,
    )
    assert opened.data == DATA


async def test_whatever_is_wrong_with_a_ciphertext_is_told_alike(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret(bytes(16))
    good = {
        "data": bytes.fromhex("0388dace60b6a392f328c2b971b2fe78"),
        "iv_counter_nonce": bytes(12),
        "authenticated_encryption_tag": bytes.fromhex("ab6e47d42cec13bdf53a67b21257bddf"),
        "cryptographic_parameters": GCM,
    }
    assert (await decrypt(gateway, uid, **good)).data == bytes(16)
    wrong = (
        {"data": b"\xff" + good["data"][1:]},
        {"iv_counter_nonce": b"\xff" + bytes(11)},
        {"authenticated_encryption_tag": bytes(16)},
        {"authenticated_encryption_tag": b""},
        {"authenticated_encryption_tag": bytes(12)},
        {"authenticated_encryption_additional_data": b"more"},
    )
    messages = set()
    for change in wrong:
        request = DecryptRequest(unique_identifier=uid, **{**good, **change})
        answer = await ask(gateway, Operation.DECRYPT, request)
        messages.add((answer.reason, answer.message))
    assert len(messages) == 1
    assert messages.pop()[0] is R.CRYPTOGRAPHIC_FAILURE


@pytest.mark.parametrize("size", [0, 1, 4, 11, 17, 32, -1])
async def test_there_is_no_tag_of_another_length(gateway: Gateway, keys: Keys, size: int) -> None:
    uid = await keys.secret()
    given = {"data": DATA, "iv_counter_nonce": IV, "cryptographic_parameters": params(B.GCM, tag_length=size)}
    assert await refused_encrypt(gateway, uid, **given) is R.GENERAL_FAILURE
    tag = bytes(max(size, 0))
    assert await refused_decrypt(gateway, uid, **given, authenticated_encryption_tag=tag) is R.GENERAL_FAILURE


async def test_a_tag_or_iv_that_is_missing_is_missed(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret()
    given = {"data": DATA, "cryptographic_parameters": GCM}
    assert await refused_decrypt(gateway, uid, **given, iv_counter_nonce=IV) is R.INVALID_MESSAGE
    assert await refused_decrypt(gateway, uid, **given, authenticated_encryption_tag=IV) is R.INVALID_MESSAGE


# --- other modes


@pytest.mark.parametrize("pad", [None, P.NONE, P.PKCS5], ids=str)
@pytest.mark.parametrize("mode", [B.ECB, B.CBC], ids=str)
@pytest.mark.parametrize("algorithm", [A.AES, A.DES3], ids=str)
async def test_block_modes_are_those_of_cryptography(
    gateway: Gateway, keys: Keys, algorithm: A, mode: B, pad: P | None
) -> None:
    value = KEY if algorithm is A.AES else bytes(range(1, 25))
    block = 16 if algorithm is A.AES else 8
    theirs = algorithms.AES(value) if algorithm is A.AES else TripleDES(value)
    iv = IV[:block]
    encryptor = Cipher(theirs, modes.ECB() if mode is B.ECB else modes.CBC(iv)).encryptor()
    data, padded = DATA, DATA
    if pad is P.PKCS5:
        data = DATA[:-1]
        padder = PKCS7(8 * block).padder()
        padded = padder.update(data) + padder.finalize()
    uid = await keys.secret(value, algorithm)
    more = {"iv_counter_nonce": None if mode is B.ECB else iv, "cryptographic_parameters": params(mode, pad)}
    sealed = (await encrypt(gateway, uid, data=data, **more)).data
    assert sealed == encryptor.update(padded) + encryptor.finalize()
    assert (await decrypt(gateway, uid, data=sealed, **more)).data == data
    for wrong in (sealed[:-1], b"", sealed[:-block] + bytes(block)):
        if pad is P.PKCS5:
            assert await refused_decrypt(gateway, uid, data=wrong, **more) is R.CRYPTOGRAPHIC_FAILURE


async def test_without_padding_data_fills_blocks(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret()
    given = {"data": DATA[:17], "iv_counter_nonce": IV, "cryptographic_parameters": params(B.CBC)}
    assert await refused_encrypt(gateway, uid, **given) is R.INVALID_FIELD
    assert await refused_decrypt(gateway, uid, **given) is R.CRYPTOGRAPHIC_FAILURE


async def test_cbc_with_random_iv_draws_it_and_decrypt_needs_it(gateway: Gateway, keys: Keys) -> None:
    given = params(B.CBC, P.PKCS5, random_iv=True)
    uid = await keys.secret(cryptographic_parameters=given)
    sealed = await encrypt(gateway, uid, V1_2, data=DATA)
    assert len(sealed.iv_counter_nonce) == 16
    answer = await ask(gateway, Operation.DECRYPT, DecryptRequest(unique_identifier=uid, data=sealed.data), V1_2)
    assert (answer.reason, answer.message) == (R.INVALID_MESSAGE, "missing-iv")
    opened = await decrypt(gateway, uid, V1_2, data=sealed.data, iv_counter_nonce=sealed.iv_counter_nonce)
    assert opened.data == DATA
    again = await encrypt(gateway, uid, data=DATA, iv_counter_nonce=IV)
    assert again.iv_counter_nonce is None


async def test_cbc_draws_an_iv_unless_random_iv_is_false(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret(cryptographic_parameters=params(B.CBC, P.PKCS5))
    assert len((await encrypt(gateway, uid, data=DATA)).iv_counter_nonce) == 16
    given = params(B.CBC, P.PKCS5, random_iv=False)
    assert await refused_encrypt(gateway, uid, data=DATA, cryptographic_parameters=given) is R.INVALID_MESSAGE


@pytest.mark.parametrize(
    ("nonce", "bits", "first"), [(IV, None, None), (IV[:12], 32, 1), (IV[:12], 32, None), (IV[:8], 64, 2**31 - 1)]
)
async def test_ctr_counts_from_where_it_is_told(
    gateway: Gateway, keys: Keys, nonce: bytes, bits: int | None, first: int | None
) -> None:
    uid = await keys.secret()
    given = params(B.CTR, counter_length=bits, initial_counter_value=first)
    block = nonce + (first or 0).to_bytes(16 - len(nonce), "big")
    encryptor = Cipher(algorithms.AES(KEY), modes.CTR(block)).encryptor()
    sealed = await encrypt(gateway, uid, data=DATA[:33], iv_counter_nonce=nonce, cryptographic_parameters=given)
    assert sealed.data == encryptor.update(DATA[:33])
    opened = await decrypt(gateway, uid, data=sealed.data, iv_counter_nonce=nonce, cryptographic_parameters=given)
    assert opened.data == DATA[:33]


@pytest.mark.parametrize(
    ("given", "reason", "reason_1x"),
    [
        (None, R.BAD_CRYPTOGRAPHIC_PARAMETERS, R.INVALID_FIELD),
        (params(), R.BAD_CRYPTOGRAPHIC_PARAMETERS, R.INVALID_FIELD),
        (params(B.XTS), R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS, R.FEATURE_NOT_SUPPORTED),
        (params(B.CBC, P.OAEP), R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS, R.FEATURE_NOT_SUPPORTED),
        (params(B.CBC, cryptographic_algorithm=A.DES3), R.BAD_CRYPTOGRAPHIC_PARAMETERS, R.INVALID_FIELD),
    ],
)
async def test_parameters_are_not_guessed(
    gateway: Gateway, keys: Keys, given: CryptographicParameters | None, reason: R, reason_1x: R
) -> None:
    uid = await keys.secret()
    more = {"data": DATA, "iv_counter_nonce": IV, "cryptographic_parameters": given}
    assert await refused_encrypt(gateway, uid, V2_1, **more) is reason
    assert await refused_encrypt(gateway, uid, V1_4, **more) is reason_1x
    assert await refused_decrypt(gateway, uid, V1_2, **more) is reason_1x


# --- RSA encryption

HASHES = {H.SHA_1: hashes.SHA1(), H.SHA_256: hashes.SHA256(), H.SHA_384: hashes.SHA384(), H.SHA_512: hashes.SHA512()}


async def rsa_pair(keys: Keys, private: M = M.DECRYPT | M.SIGN, public: M = M.ENCRYPT | M.VERIFY) -> Any:
    return await keys.pair(RSA_KEY, A.RSA, 2048, private, public)


@pytest.mark.parametrize("label", [None, b"label"])
@pytest.mark.parametrize("mask", [None, H.SHA_1, H.SHA_256])
@pytest.mark.parametrize("main", [None, H.SHA_1, H.SHA_256, H.SHA_384, H.SHA_512])
async def test_oaep_agrees_with_cryptography_in_both_directions(
    gateway: Gateway, keys: Keys, main: H | None, mask: H | None, label: bytes | None
) -> None:
    private, public = await rsa_pair(keys)
    hash_ = HASHES[main or H.SHA_1]
    scheme = padding.OAEP(padding.MGF1(HASHES[mask] if mask else hash_), hash_, label)
    given = params(pad=P.OAEP, hashing_algorithm=main, mask_generator_hashing_algorithm=mask, p_source=label)
    sealed = (await encrypt(gateway, public, data=b"a secret", cryptographic_parameters=given)).data
    assert RSA_KEY.decrypt(sealed, scheme) == b"a secret"
    theirs = RSA_KEY.public_key().encrypt(b"another", scheme)
    assert (await decrypt(gateway, private, data=theirs, cryptographic_parameters=given)).data == b"another"


async def test_rsa_with_pkcs1_v1_5(gateway: Gateway, keys: Keys) -> None:
    private, public = await rsa_pair(keys)
    given = params(pad=P.PKCS1_V1_5)
    sealed = (await encrypt(gateway, public, data=DATA, cryptographic_parameters=given)).data
    assert RSA_KEY.decrypt(sealed, padding.PKCS1v15()) == DATA
    assert (await decrypt(gateway, private, data=sealed, cryptographic_parameters=given)).data == DATA


@pytest.mark.parametrize(
    "given", [params(pad=P.PKCS1_V1_5), params(pad=P.OAEP), params(pad=P.OAEP, hashing_algorithm=H.SHA_256)], ids=str
)
async def test_rsa_ciphertexts_fail_alike(gateway: Gateway, keys: Keys, given: CryptographicParameters) -> None:
    private, _ = await rsa_pair(keys)
    seen = set()
    for wrong in (b"", bytes(256), b"\xff" * 256, bytes(255) + b"\x05", bytes(200), b"\x01" * 256):
        request = DecryptRequest(unique_identifier=private, data=wrong, cryptographic_parameters=given)
        answer = await ask(gateway, Operation.DECRYPT, request)
        seen.add((answer.status, answer.reason, answer.message))
    assert len(seen) == 1
    assert seen.pop()[1] is R.CRYPTOGRAPHIC_FAILURE


async def test_an_rsa_key_encrypts_no_more_than_it_holds(gateway: Gateway, keys: Keys) -> None:
    _, public = await rsa_pair(keys)
    for given, room in ((params(pad=P.PKCS1_V1_5), 245), (params(pad=P.OAEP, hashing_algorithm=H.SHA_256), 190)):
        assert len((await encrypt(gateway, public, data=bytes(room), cryptographic_parameters=given)).data) == 256
        more = {"data": bytes(room + 1), "cryptographic_parameters": given}
        assert await refused_encrypt(gateway, public, **more) is R.INVALID_FIELD


async def test_each_half_of_a_pair_does_its_own(gateway: Gateway, keys: Keys) -> None:
    every = M.ENCRYPT | M.DECRYPT | M.SIGN | M.VERIFY
    private, public = await rsa_pair(keys, every, every)
    given = {"data": DATA, "cryptographic_parameters": params(pad=P.PKCS1_V1_5)}
    assert await refused_encrypt(gateway, private, **given) is R.INVALID_OBJECT_TYPE
    assert await refused_decrypt(gateway, public, **given) is R.INVALID_OBJECT_TYPE
    request = SignRequest(unique_identifier=public, data=DATA)
    assert await gateway.refused(V1_2, Operation.SIGN, request) is R.INVALID_FIELD


# --- signatures


@pytest.mark.parametrize("hashing", list(HASHES), ids=str)
@pytest.mark.parametrize("pad", [None, P.PKCS1_V1_5, P.PSS], ids=str)
async def test_rsa_signatures(gateway: Gateway, keys: Keys, pad: P | None, hashing: H) -> None:
    private, public = await rsa_pair(keys)
    given = params(pad=pad, hashing_algorithm=hashing, cryptographic_algorithm=A.RSA)
    signature = await sign(gateway, private, data=DATA, cryptographic_parameters=given)
    hash_ = HASHES[hashing]
    scheme = padding.PSS(padding.MGF1(hash_), hash_.digest_size) if pad is P.PSS else padding.PKCS1v15()
    RSA_KEY.public_key().verify(signature, DATA, scheme, hash_)
    more = {"data": DATA, "cryptographic_parameters": given}
    assert await verify(gateway, public, signature_data=signature, **more) is VALID
    flipped = bytes([signature[0] ^ 1]) + signature[1:]  # Another value at that place might be the signature itself.
    for wrong in (flipped, signature[:-1], b"", bytes(256), b"\xff" * 256, b"\xff" * 300):
        assert await verify(gateway, public, signature_data=wrong, **more) is INVALID


@pytest.mark.parametrize("salt", [0, 20, 32, 222])
async def test_pss_is_verified_whatever_its_salt(gateway: Gateway, keys: Keys, salt: int) -> None:
    private, public = await rsa_pair(keys)
    told = params(pad=P.PSS, hashing_algorithm=H.SHA_256, salt_length=salt)
    untold = params(pad=P.PSS, hashing_algorithm=H.SHA_256)
    signature = await sign(gateway, private, data=DATA, cryptographic_parameters=told)
    RSA_KEY.public_key().verify(signature, DATA, padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())
    for given in (told, untold):
        more = {"signature_data": signature, "cryptographic_parameters": given}
        assert await verify(gateway, public, data=DATA, **more) is VALID
        assert await verify(gateway, public, data=DATA[1:], **more) is INVALID
    other = params(pad=P.PSS, hashing_algorithm=H.SHA_1, cryptographic_algorithm=A.RSA)
    assert await verify(gateway, public, data=DATA, signature_data=signature, cryptographic_parameters=other) is INVALID


async def test_a_salt_that_does_not_fit_is_refused(gateway: Gateway, keys: Keys) -> None:
    private, _ = await rsa_pair(keys)
    for salt in (-1, 223, 2**31 - 1):
        given = params(pad=P.PSS, hashing_algorithm=H.SHA_256, salt_length=salt)
        request = SignRequest(unique_identifier=private, data=DATA, cryptographic_parameters=given)
        assert await gateway.refused(V2_1, Operation.SIGN, request) is R.BAD_CRYPTOGRAPHIC_PARAMETERS


CURVES = {
    "P-256": (ec.SECP256R1(), 256),
    "P-384": (ec.SECP384R1(), 384),
    "P-521": (ec.SECP521R1(), 521),
    "secp256k1": (ec.SECP256K1(), 256),
}


@pytest.mark.parametrize("hashing", [H.SHA_1, H.SHA_256, H.SHA_512], ids=str)
@pytest.mark.parametrize("curve", CURVES)
async def test_ecdsa_signatures_are_der(gateway: Gateway, keys: Keys, curve: str, hashing: H) -> None:
    kind, bits = CURVES[curve]
    key = ec.generate_private_key(kind)
    private, public = await keys.pair(key, A.EC, bits)
    given = params(hashing_algorithm=hashing, cryptographic_algorithm=A.ECDSA)
    signature = await sign(gateway, private, data=DATA, cryptographic_parameters=given)
    key.public_key().verify(signature, DATA, ec.ECDSA(HASHES[hashing]))
    more = {"data": DATA, "cryptographic_parameters": given}
    assert await verify(gateway, public, signature_data=signature, **more) is VALID
    theirs = key.sign(DATA, ec.ECDSA(HASHES[hashing]))
    assert await verify(gateway, public, signature_data=theirs, **more) is VALID
    too_long = utils.encode_dss_signature(2**600, 1)
    for wrong in (signature[:-1], b"", too_long, utils.encode_dss_signature(0, 0), utils.encode_dss_signature(1, 1)):
        assert await verify(gateway, public, signature_data=wrong, **more) is INVALID


@pytest.mark.parametrize("size", [1, 16, 20, 32, 64])
async def test_a_digest_of_unknown_hash_is_signed_as_it_is(gateway: Gateway, keys: Keys, size: int) -> None:
    digest = bytes(range(1, size + 1))
    key = ec.generate_private_key(ec.SECP256K1())
    pairs = (
        (await keys.pair(key, A.EC, 256), params(cryptographic_algorithm=A.ECDSA)),
        (await rsa_pair(keys), params(cryptographic_algorithm=A.RSA)),
    )
    for (private, public), given in pairs:
        more = {"digested_data": digest, "cryptographic_parameters": given}
        signature = await sign(gateway, private, **more)
        assert await verify(gateway, public, signature_data=signature, **more) is VALID
        more["digested_data"] = b"\xff" + digest[1:]
        assert await verify(gateway, public, signature_data=signature, **more) is INVALID
        pss = params(pad=P.PSS, hashing_algorithm=H.SHA_1, cryptographic_algorithm=A.RSA)
        assert (
            await verify(gateway, public, data=DATA, signature_data=signature, cryptographic_parameters=pss) is INVALID
        )


@pytest.mark.parametrize("pad", [P.PKCS1_V1_5, P.PSS], ids=str)
async def test_a_digest_takes_the_place_of_its_data(gateway: Gateway, keys: Keys, pad: P) -> None:
    private, public = await rsa_pair(keys)
    given = params(pad=pad, hashing_algorithm=H.SHA_256)
    digest = hashlib.sha256(DATA).digest()
    signature = await sign(gateway, private, V1_4, digested_data=digest, cryptographic_parameters=given)
    more = {"signature_data": signature, "cryptographic_parameters": given}
    assert await verify(gateway, public, data=DATA, **more) is VALID
    request = SignRequest(unique_identifier=private, digested_data=digest[1:], cryptographic_parameters=given)
    assert await gateway.refused(V2_1, Operation.SIGN, request) is R.BAD_CRYPTOGRAPHIC_PARAMETERS


async def test_ed25519_signs_messages(gateway: Gateway, keys: Keys) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    private, public = await keys.pair(key, A.ED25519, 256)
    signature = await sign(gateway, private, data=DATA)
    assert signature == key.sign(DATA)
    assert await verify(gateway, public, data=DATA, signature_data=signature) is VALID
    assert await verify(gateway, public, data=DATA, signature_data=bytes(64)) is INVALID
    request = SignRequest(unique_identifier=private, digested_data=DATA)
    assert await gateway.refused(V2_1, Operation.SIGN, request) is R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS


async def test_a_digital_signature_algorithm_says_it_all(gateway: Gateway, keys: Keys) -> None:
    private, _ = await rsa_pair(keys)
    given = parameters(digital_signature_algorithm=D.SHA_384_WITH_RSA_ENCRYPTION)
    signature = await sign(gateway, private, data=DATA, cryptographic_parameters=given)
    RSA_KEY.public_key().verify(signature, DATA, padding.PKCS1v15(), hashes.SHA384())
    for wrong in (
        parameters(digital_signature_algorithm=D.SHA_384_WITH_RSA_ENCRYPTION, padding_method=P.PSS),
        parameters(digital_signature_algorithm=D.SHA_384_WITH_RSA_ENCRYPTION, hashing_algorithm=H.SHA_1),
        parameters(digital_signature_algorithm=D.ECDSA_WITH_SHA256),
        parameters(digital_signature_algorithm=D.RSASSA_PSS),
    ):
        request = SignRequest(unique_identifier=private, data=DATA, cryptographic_parameters=wrong)
        assert await gateway.refused(V2_1, Operation.SIGN, request) is R.BAD_CRYPTOGRAPHIC_PARAMETERS


async def test_something_must_be_signed_and_one_thing_only(gateway: Gateway, keys: Keys) -> None:
    private, public = await rsa_pair(keys)
    given = params(hashing_algorithm=H.SHA_256)
    neither = SignRequest(unique_identifier=private, cryptographic_parameters=given)
    assert await gateway.refused(V2_1, Operation.SIGN, neither) is R.MISSING_DATA
    both = SignRequest(unique_identifier=private, data=DATA, digested_data=DATA[:32], cryptographic_parameters=given)
    assert await gateway.refused(V2_1, Operation.SIGN, both) is R.INVALID_FIELD
    unhashed = SignRequest(unique_identifier=private, data=DATA)
    assert await gateway.refused(V1_2, Operation.SIGN, unhashed) is R.INVALID_FIELD
    nothing = SignatureVerifyRequest(unique_identifier=public, signature_data=b"", cryptographic_parameters=given)
    assert await gateway.refused(V2_1, Operation.SIGNATURE_VERIFY, nothing) is R.MISSING_DATA


# --- message authentication codes

MACS = M.MAC_GENERATE | M.MAC_VERIFY


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        (A.HMAC_SHA1, "sha1"),
        (A.HMAC_SHA224, "sha224"),
        (A.HMAC_SHA256, "sha256"),
        (A.HMAC_SHA384, "sha384"),
        (A.HMAC_SHA512, "sha512"),
    ],
)
async def test_hmac(gateway: Gateway, keys: Keys, algorithm: A, name: str) -> None:
    value = bytes(range(64))
    uid = await keys.secret(value, algorithm, MACS)
    code = await mac(gateway, uid, DATA)
    assert code == hmac.digest(value, DATA, name)
    assert await mac(gateway, uid, DATA, parameters(cryptographic_algorithm=algorithm)) == code
    assert await mac_verify(gateway, uid, DATA, code) is VALID
    for wrong in (code[:-1], b"", bytes(len(code)), code + b"\0"):
        assert await mac_verify(gateway, uid, DATA, wrong) is INVALID


async def test_hmac_by_an_aes_key_that_may_be_fetched(gateway: Gateway, keys: Keys) -> None:
    value = bytes.fromhex("0123456789abcdef0123456789abcdef")
    given = parameters(cryptographic_algorithm=A.HMAC_SHA256)
    every = M.ENCRYPT | M.DECRYPT | MACS
    uid = await keys.secret(value, A.AES, every, cryptographic_parameters=given)
    data = bytes.fromhex("01020304050607080910111213141516")
    code = await mac(gateway, uid, data)
    assert code.hex() == "c911e78196d64c30f631bb079ea37b97a95936d4da764d6a171df030c895ecf9"
    assert await mac_verify(gateway, uid, data, code) is VALID
    assert await mac_verify(gateway, uid, data, code[:-1]) is INVALID
    for attribute in ({"sensitive": True}, {"extractable": False}):
        hidden = await keys.secret(value, A.AES, every, cryptographic_parameters=given, **attribute)
        request = MACRequest(unique_identifier=hidden, data=data)
        assert await gateway.refused(V1_4, Operation.MAC, request) is R.FEATURE_NOT_SUPPORTED


async def test_cmac_is_what_an_aes_key_does(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret(KEY, A.AES, MACS)
    expected = cmac.CMAC(algorithms.AES(KEY))
    expected.update(DATA)
    code = expected.finalize()
    assert await mac(gateway, uid, DATA) == code
    assert await mac(gateway, uid, DATA, params(B.CMAC)) == code
    assert await mac_verify(gateway, uid, DATA, code) is VALID


async def test_a_mac_that_the_token_or_the_key_has_not(gateway: Gateway, keys: Keys) -> None:
    short = await keys.secret(KEY, A.HMAC_SHA512, MACS)
    request = MACRequest(unique_identifier=short, data=DATA)
    assert await gateway.refused(V2_1, Operation.MAC, request) is R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS
    other = MACRequest(
        unique_identifier=short, data=DATA, cryptographic_parameters=parameters(hashing_algorithm=H.SHA_1)
    )
    assert await gateway.refused(V2_1, Operation.MAC, other) is R.BAD_CRYPTOGRAPHIC_PARAMETERS
    triple = await keys.secret(bytes(range(1, 25)), A.DES3, MACS)
    request = MACRequest(unique_identifier=triple, data=DATA)
    assert await gateway.refused(V2_1, Operation.MAC, request) is R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS
    missing = MACVerifyRequest(unique_identifier=short, mac_data=b"")
    assert await gateway.refused(V2_1, Operation.MAC_VERIFY, missing) is R.MISSING_DATA


# --- no key


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [(H.MD5, "md5"), (H.SHA_1, "sha1"), (H.SHA_256, "sha256"), (H.SHA_512, "sha512"), (H.SHA3_384, "sha3_384")],
)
async def test_hash(gateway: Gateway, algorithm: H, name: str) -> None:
    request = HashRequest(cryptographic_parameters=parameters(hashing_algorithm=algorithm), data=DATA)
    assert (await gateway.one(V1_4, Operation.HASH, request)).data == hashlib.new(name, DATA).digest()


async def test_hash_needs_an_algorithm_that_is_done_here(gateway: Gateway) -> None:
    request = HashRequest(cryptographic_parameters=parameters(), data=DATA)
    assert await gateway.refused(V2_1, Operation.HASH, request) is R.INVALID_FIELD
    request = HashRequest(cryptographic_parameters=parameters(hashing_algorithm=H.TIGER), data=DATA)
    assert await gateway.refused(V2_1, Operation.HASH, request) is R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS
    assert await gateway.refused(V1_2, Operation.HASH, request) is R.FEATURE_NOT_SUPPORTED


async def test_random_numbers(gateway: Gateway) -> None:
    seen = set()
    for size in (1, 32, 32, 65_536):
        answer = await gateway.one(V1_2, Operation.RNG_RETRIEVE, RNGRetrieveRequest(data_length=size))
        assert len(answer.data) == size
        seen.add(answer.data)
    assert len(seen) == 4
    for size in (0, -1, 65_537, 2**31 - 1):
        request = RNGRetrieveRequest(data_length=size)
        assert await gateway.refused(V2_1, Operation.RNG_RETRIEVE, request) is R.INVALID_FIELD


async def test_a_seed_is_taken(gateway: Gateway) -> None:
    assert (await gateway.one(V2_1, Operation.RNG_SEED, RNGSeedRequest(data=KEY))).data_length == 32


# --- who may use what, and when


async def test_the_usage_mask_decides(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret(mask=M.DECRYPT)
    given = {"data": DATA, "cryptographic_parameters": GCM}
    assert await refused_encrypt(gateway, uid, V2_1, **given) is R.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK
    assert await refused_encrypt(gateway, uid, V1_4, **given) is R.PERMISSION_DENIED


async def test_protect_stop_and_process_start_decide(gateway: Gateway, keys: Keys) -> None:
    now = int(gateway.clock.now)
    uid = await keys.secret(process_start_date=now + 3600, protect_stop_date=now - 3600)
    given = {"data": DATA, "cryptographic_parameters": params(B.ECB)}
    for version, reason in ((V1_2, R.PERMISSION_DENIED), (V2_0, R.PERMISSION_DENIED), (V2_1, R(67))):
        assert await refused_encrypt(gateway, uid, version, **given) is reason
        assert await refused_decrypt(gateway, uid, version, **given) is reason
    assert R(67) is R.WRONG_KEY_LIFECYCLE_STATE
    gateway.clock.now += 7200
    assert (await decrypt(gateway, uid, **given)).data


async def test_usage_limits_are_used_up_by_bytes(gateway: Gateway, keys: Keys) -> None:
    limits = UsageLimits(usage_limits_total=LongInteger(100), usage_limits_unit=UsageLimitsUnit.BYTE)
    uid = await keys.secret(usage_limits=limits)
    given = {"data": DATA, "cryptographic_parameters": params(B.ECB)}
    wrong = {"data": DATA, "cryptographic_parameters": params(B.XTS)}
    assert await refused_encrypt(gateway, uid, **wrong) is R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS
    for _ in range(2):
        await encrypt(gateway, uid, **given)
    assert await refused_encrypt(gateway, uid, **given) is R.PERMISSION_DENIED
    sealed = await encrypt(gateway, uid, data=b"", cryptographic_parameters=params(B.ECB, P.PKCS5))
    assert (await decrypt(gateway, uid, data=sealed.data, cryptographic_parameters=params(B.ECB, P.PKCS5))).data == b""


async def test_nothing_is_spent_of_a_key_that_was_revoked_meanwhile(gateway: Gateway, keys: Keys) -> None:
    """A client that saw the revoked key saw how much is left, and that stays (found by tests/history)."""
    limits = UsageLimits(usage_limits_total=LongInteger(5), usage_limits_unit=UsageLimitsUnit.OBJECT)
    uid = await keys.secret(usage_limits=limits)
    write = gateway.store.write

    async def revoked_first(fn: Any) -> Any:
        gateway.store.write = write  # type: ignore[method-assign]
        reason = RevocationReason(revocation_reason_code=RevocationReasonCode.CESSATION_OF_OPERATION)
        await gateway.one(V2_1, Operation.REVOKE, RevokeRequest(unique_identifier=uid, revocation_reason=reason))
        return await write(fn)

    gateway.store.write = revoked_first  # type: ignore[method-assign]
    reason = await refused_encrypt(gateway, uid, data=DATA, cryptographic_parameters=GCM)
    assert reason is R.WRONG_KEY_LIFECYCLE_STATE
    found = (await gateway.one(V2_1, Operation.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=uid))).attributes
    (left,) = [each.value for each in found if each.tag is Tag.USAGE_LIMITS]
    assert left.usage_limits_count == 5


async def test_another_clients_key_is_not_there(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret()
    request = EncryptRequest(unique_identifier=uid, data=DATA, cryptographic_parameters=GCM)
    assert await gateway.other.refused(V2_1, Operation.ENCRYPT, request) is R.OBJECT_NOT_FOUND
    assert await gateway.other.refused(V1_4, Operation.ENCRYPT, request) is R.ITEM_NOT_FOUND


async def test_a_key_that_the_token_has_not_is_not_used(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret(custody=Custody.SEALED)
    given = {"data": DATA, "cryptographic_parameters": GCM}
    assert await refused_encrypt(gateway, uid, **given) is R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS


async def test_one_part_is_the_whole(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret()
    given = {"data": DATA, "cryptographic_parameters": params(B.ECB)}
    whole = await encrypt(gateway, uid, **given, init_indicator=True, final_indicator=True)
    assert whole.data == (await encrypt(gateway, uid, V1_2, **given)).data
    assert (await encrypt(gateway, uid, **given, init_indicator=False)).data == whole.data


async def test_items_of_a_batch_use_one_key_side_by_side(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret()
    request = EncryptRequest(unique_identifier=uid, data=DATA, cryptographic_parameters=GCM)
    answers = await gateway.ask(V2_1, *[(Operation.ENCRYPT, request)] * 5)
    assert [answer.status for answer in answers] == [ResultStatus.SUCCESS] * 5
    assert len({answer.payload.iv_counter_nonce for answer in answers}) == 5
