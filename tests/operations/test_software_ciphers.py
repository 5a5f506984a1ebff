"""ChaCha20, ChaCha20-Poly1305 and one-time pads by the gateway itself, where `software_ciphers` is on."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from gateway.config import KmipConfig
from gateway.keyplans import SOFTWARE_ALGORITHMS
from gateway.kmip.enums import BlockCipherMode, CryptographicAlgorithm, KeyFormatType, PaddingMethod, UsageLimitsUnit
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import ObjectType as O
from gateway.kmip.enums import Operation as Op
from gateway.kmip.enums import ResultReason as R
from gateway.kmip.objects import KeyBlock, SecretData
from gateway.kmip.structure import Attribute, LongInteger, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, UsageLimits
from gateway.kmip.version import V1_4, V2_1
from gateway.operations.decrypt import DecryptRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.mac import MACRequest
from gateway.software_ciphers import CIPHERS
from tests.operations.conftest import KEPT, Client, Gateway
from tests.operations.test_derive_key import RESIDENT, SENSITIVE, base, block, registered

A = CryptographicAlgorithm
KEY, NONCE = bytes(range(32)), bytes(range(100, 112))
TEXT = b"Ladies and Gentlemen of the class of '99"
USE = M.ENCRYPT | M.DECRYPT


@pytest.fixture
def kmip_config() -> KmipConfig:
    return KmipConfig(software_ciphers=True, custody=KEPT.value)


async def key(client: Client, algorithm: A = A.CHACHA20, value: bytes = KEY, *more: Attribute) -> str:
    return await base(client, value, *more, algorithm=algorithm, uses=USE)


async def encrypted(client: Client, uid: str, data: bytes = TEXT, **fields: Any) -> Any:
    return await client.one(V2_1, Op.ENCRYPT, EncryptRequest(unique_identifier=uid, data=data, **fields))


async def decrypted(client: Client, uid: str, data: bytes, **fields: Any) -> bytes:
    payload = await client.one(V2_1, Op.DECRYPT, DecryptRequest(unique_identifier=uid, data=data, **fields))
    return bytes(payload.data)


async def not_encrypted(client: Client, uid: str, data: bytes = TEXT, **fields: Any) -> R | None:
    return await client.refused(V2_1, Op.ENCRYPT, EncryptRequest(unique_identifier=uid, data=data, **fields))


async def not_decrypted(client: Client, uid: str, data: bytes = TEXT, **fields: Any) -> R | None:
    return await client.refused(V2_1, Op.DECRYPT, DecryptRequest(unique_identifier=uid, data=data, **fields))


def parameters(**fields: Any) -> CryptographicParameters:
    return CryptographicParameters(**fields)


def test_each_algorithm_has_its_cipher():
    assert set(CIPHERS) == SOFTWARE_ALGORITHMS


@pytest.mark.parametrize(
    ("nonce", "start", "full"),
    [
        (NONCE, 0, bytes(4) + NONCE),
        (NONCE, 1, b"\1\0\0\0" + NONCE),
        (NONCE[:8], 0, bytes(8) + NONCE[:8]),
        (b"\7\0\0\0" + NONCE, 0, b"\7\0\0\0" + NONCE),
    ],
)
async def test_chacha20_begins_where_it_is_told(gateway, nonce, start, full):
    uid = await key(gateway)
    fields = {"iv_counter_nonce": nonce, "cryptographic_parameters": parameters(initial_counter_value=start)}
    expected = Cipher(ChaCha20(KEY, full), None).encryptor().update(TEXT)
    made = await encrypted(gateway, uid, **fields)
    assert (made.data, made.iv_counter_nonce, made.authenticated_encryption_tag) == (expected, None, None)
    assert await decrypted(gateway, uid, expected, **fields) == TEXT


@pytest.mark.parametrize("algorithm", [A.CHACHA20, A.CHACHA20POLY1305])
async def test_a_nonce_is_drawn_where_there_is_none(gateway, algorithm):
    uid = await key(gateway, algorithm)
    one, other = [await encrypted(gateway, uid) for _ in "ab"]
    assert len(one.iv_counter_nonce) == 12
    assert one.iv_counter_nonce != other.iv_counter_nonce
    fields = {"iv_counter_nonce": one.iv_counter_nonce}
    if one.authenticated_encryption_tag is not None:
        fields["authenticated_encryption_tag"] = one.authenticated_encryption_tag
    assert await decrypted(gateway, uid, one.data, **fields) == TEXT
    own = parameters(random_iv=False)
    assert await not_encrypted(gateway, uid, cryptographic_parameters=own) is R.INVALID_MESSAGE
    assert await not_decrypted(gateway, uid) is R.INVALID_MESSAGE


@pytest.mark.parametrize("mode", [None, BlockCipherMode.AEAD])
@pytest.mark.parametrize("size", [None, 16, 12])
async def test_poly1305_authenticates(gateway, mode, size):
    uid = await key(gateway, A.CHACHA20POLY1305)
    said = {
        "iv_counter_nonce": NONCE,
        "authenticated_encryption_additional_data": b"header",
        "cryptographic_parameters": parameters(block_cipher_mode=mode, tag_length=size),
    }
    sealed = ChaCha20Poly1305(KEY).encrypt(NONCE, TEXT, b"header")
    made = await encrypted(gateway, uid, **said)
    tag = sealed[len(TEXT) :][: size or 16]
    assert (made.data, made.authenticated_encryption_tag) == (sealed[: len(TEXT)], tag)
    assert await decrypted(gateway, uid, made.data, authenticated_encryption_tag=tag, **said) == TEXT
    for field, wrong in (
        ("authenticated_encryption_tag", bytes(len(tag))),
        ("authenticated_encryption_tag", tag[:-1]),
        ("authenticated_encryption_tag", tag + b"\0"),
        ("authenticated_encryption_additional_data", b"other"),
        ("iv_counter_nonce", bytes(12)),
    ):
        asked = {"authenticated_encryption_tag": tag, **said, field: wrong}
        assert await not_decrypted(gateway, uid, made.data, **asked) is R.CRYPTOGRAPHIC_FAILURE
    asked = {"authenticated_encryption_tag": tag, **said}
    altered = made.data[:-1] + bytes([made.data[-1] ^ 1])
    assert await not_decrypted(gateway, uid, altered, **asked) is R.CRYPTOGRAPHIC_FAILURE
    assert await not_decrypted(gateway, uid, made.data, **said) is R.INVALID_MESSAGE


async def pad(client: Client, value: bytes, *more: Attribute) -> str:
    given = SecretData(secret_data_type=OpenEnumeration(1), key_block=block(value, KeyFormatType.OPAQUE))
    algorithm = Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.ONE_TIME_PAD)
    return await registered(client, O.SECRET_DATA, given, algorithm, *more, uses=USE)


async def test_a_pad_is_added_from_its_first_byte_on(gateway):
    limits = UsageLimits(usage_limits_total=LongInteger(1), usage_limits_unit=UsageLimitsUnit.OBJECT)
    value = bytes(range(200, 232))
    once = Attribute(Tag.USAGE_LIMITS, limits)
    for uid in (await pad(gateway, value, once), await key(gateway, A.ONE_TIME_PAD, value, once)):
        assert await not_encrypted(gateway, uid, bytes(33)) is R.INVALID_FIELD
        assert await not_encrypted(gateway, uid, iv_counter_nonce=NONCE) is R.BAD_CRYPTOGRAPHIC_PARAMETERS
        assert (await encrypted(gateway, uid, b"\1\1")).data == bytes([200 ^ 1, 201 ^ 1])
        assert await not_encrypted(gateway, uid, b"\1\1") is R.PERMISSION_DENIED
        assert await decrypted(gateway, uid, bytes([200 ^ 1, 201 ^ 1])) == b"\1\1"


async def test_what_never_leaves_is_used_all_the_same(gateway):
    uid = await key(gateway, A.CHACHA20, KEY, SENSITIVE, RESIDENT)
    made = await encrypted(gateway, uid, iv_counter_nonce=NONCE)
    assert await decrypted(gateway, uid, made.data, iv_counter_nonce=NONCE) == TEXT


@pytest.mark.parametrize(
    ("algorithm", "value", "fields", "reason"),
    [
        (A.CHACHA20, KEY, {"iv_counter_nonce": bytes(9)}, R.BAD_CRYPTOGRAPHIC_PARAMETERS),
        (A.CHACHA20, KEY[:16], {"iv_counter_nonce": NONCE}, R.BAD_CRYPTOGRAPHIC_PARAMETERS),
        (A.CHACHA20, KEY, {"authenticated_encryption_additional_data": b"a"}, R.BAD_CRYPTOGRAPHIC_PARAMETERS),
        (A.CHACHA20POLY1305, KEY, {"iv_counter_nonce": bytes(8)}, R.BAD_CRYPTOGRAPHIC_PARAMETERS),
        (
            A.CHACHA20,
            KEY,
            {"cryptographic_parameters": parameters(block_cipher_mode=BlockCipherMode.CBC)},
            R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS,
        ),
        (
            A.CHACHA20,
            KEY,
            {"cryptographic_parameters": parameters(padding_method=PaddingMethod.PKCS5)},
            R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS,
        ),
        (
            A.CHACHA20,
            KEY,
            {"cryptographic_parameters": parameters(cryptographic_algorithm=A.AES)},
            R.BAD_CRYPTOGRAPHIC_PARAMETERS,
        ),
        (
            A.CHACHA20,
            KEY,
            {"cryptographic_parameters": parameters(initial_counter_value=-1)},
            R.BAD_CRYPTOGRAPHIC_PARAMETERS,
        ),
        (
            A.CHACHA20,
            KEY,
            {"iv_counter_nonce": bytes(16), "cryptographic_parameters": parameters(initial_counter_value=1)},
            R.BAD_CRYPTOGRAPHIC_PARAMETERS,
        ),
        (A.SKIPJACK, KEY[:10], {}, R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS),
        (A.CHACHA20, KEY, {"init_indicator": True}, R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS),
    ],
)
async def test_what_cannot_be_is_refused(gateway, algorithm, value, fields, reason):
    assert await not_encrypted(gateway, await key(gateway, algorithm, value), **fields) is reason


async def test_access_and_state_are_checked_as_for_any_key(gateway):
    uid = await key(gateway.other)
    assert await not_encrypted(gateway, uid, iv_counter_nonce=NONCE) is R.OBJECT_NOT_FOUND
    uid = await base(gateway, KEY, algorithm=A.CHACHA20, uses=M.DECRYPT)
    assert await not_encrypted(gateway, uid, iv_counter_nonce=NONCE) is R.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK


async def test_a_key_that_is_kept_elsewhere_encrypts_nothing(gateway):
    empty = SecretData(secret_data_type=OpenEnumeration(1), key_block=KeyBlock(key_format_type=KeyFormatType.OPAQUE))
    algorithm = Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.ONE_TIME_PAD)
    uid = await registered(gateway, O.SECRET_DATA, empty, algorithm, uses=USE)
    assert await not_encrypted(gateway, uid) is R.KEY_VALUE_NOT_PRESENT


async def test_no_other_operation_uses_such_keys(gateway):
    uid = await base(gateway, KEY, algorithm=A.CHACHA20, uses=M.MAC_GENERATE)
    asked = MACRequest(unique_identifier=uid, data=TEXT)
    assert await gateway.refused(V1_4, Op.MAC, asked) is R.FEATURE_NOT_SUPPORTED


class TestByDefault:
    """No key is opened in the gateway's memory that its operator did not allow to be."""

    @pytest.fixture
    def kmip_config(self) -> KmipConfig:
        return KmipConfig(custody=KEPT.value)

    @pytest.mark.parametrize("algorithm", sorted(SOFTWARE_ALGORITHMS))
    async def test_nothing_is_done_in_software(self, gateway: Gateway, algorithm: A) -> None:
        uid = await key(gateway, algorithm)
        assert await not_encrypted(gateway, uid) is R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS
        assert await not_decrypted(gateway, uid) is R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS
        assert await not_encrypted(gateway, await pad(gateway, KEY)) is R.INVALID_OBJECT_TYPE
