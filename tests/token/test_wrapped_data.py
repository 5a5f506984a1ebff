"""Data that is wrapped as if it were a key, and digests of keys: nothing of it stays on the token."""

import hashlib
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap, aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import (
    BadCryptographicParameters,
    CryptographicFailure,
    FeatureNotSupported,
    KmipError,
    UsageMaskMissing,
)
from gateway.token.api import KeyRef, KeyTemplate, KeyType, Mechanism, ObjectClass, Rights
from gateway.token.local import LocalWorkers
from gateway.token.pool import TokenPool
from tests.token.conftest import secret, template
from tests.token.needs import KWP, PRIVATE_IMPORTS, SECRET_KEYS, check_needs, needs

KEY_WRAP = Mechanism(0x2109)
CKM_SHA256 = 0x250


@pytest.fixture
def token(workers: LocalWorkers, request: pytest.FixtureRequest) -> TokenPool:
    check_needs(request, workers.pool.profile)
    return workers.pool


@needs(0x2109, KWP)
@pytest.mark.parametrize("size", (16, 24, 256, 1000, 100_000))
async def test_data_is_wrapped_and_unwrapped(token: TokenPool, size: int) -> None:
    wrapping, key, data = secret(), os.urandom(32), os.urandom(size)
    await token.import_key(wrapping, KeyType.AES, key, template(Rights.WRAP | Rights.UNWRAP))
    blob = await token.wrap_data(wrapping, KEY_WRAP, data)
    assert aes_key_unwrap(key, blob) == data
    if size > 256 and not token.profile.unwraps_long_data:  # NSS
        with pytest.raises(FeatureNotSupported, match="longer than 256 bytes"):
            await token.unwrap_data(wrapping, KEY_WRAP, blob)
    else:
        assert await token.unwrap_data(wrapping, KEY_WRAP, aes_key_wrap(key, data)) == data


@needs(KWP)
async def test_data_of_any_length_comes_back(token: TokenPool) -> None:
    wrapping, key = secret(), os.urandom(32)
    await token.import_key(wrapping, KeyType.AES, key, template(Rights.UNWRAP))
    for data in (b"a", b"with zeros\0\0", bytes(20), os.urandom(255)):
        blob = aes_key_wrap_with_padding(key, data)
        assert await token.unwrap_data(wrapping, Mechanism(token.profile.kwp), blob) == data


@needs(0x2109)
async def test_a_key_without_the_right_wraps_nothing(token: TokenPool) -> None:
    other = secret()
    await token.import_key(other, KeyType.AES, os.urandom(32), template(Rights.ENCRYPT | Rights.DECRYPT))
    refused = (UsageMaskMissing, BadCryptographicParameters)  # NSS: CKR_KEY_TYPE_INCONSISTENT
    with pytest.raises(refused):
        await token.wrap_data(other, KEY_WRAP, bytes(16))
    with pytest.raises(refused):
        await token.unwrap_data(other, KEY_WRAP, bytes(24))


@needs(0x2109, 0x1087)
@pytest.mark.parametrize("right", [Rights.ENCRYPT, Rights.DECRYPT, Rights.SIGN], ids=str)
async def test_no_copy_of_a_key_that_stays_does_more_than_the_key(token: TokenPool, right: Rights) -> None:
    """What the database says of it may have been altered; a key for encryption alone would decrypt by a copy."""
    iv, key = bytes(12), secret()
    await token.generate_key(key, KeyType.AES, 256, KeyTemplate("", right, extractable=False))
    for mechanism in (KEY_WRAP, Mechanism(0x1087, iv=iv, tag_bits=128)):
        for asked in (token.wrap_data, token.unwrap_data):
            with pytest.raises(UsageMaskMissing):
                await asked(key, mechanism, bytes(40), by_copy=True)
    trusted = secret()
    rights = Rights.WRAP | Rights.UNWRAP
    await token.generate_key(trusted, KeyType.AES, 256, KeyTemplate("", rights, extractable=False))
    sealing = Mechanism(0x1087, iv=iv, tag_bits=128)
    assert await token.unwrap_data(trusted, sealing, await token.wrap_data(trusted, sealing, b"data")) == b"data"


@needs(0x2109)
async def test_what_was_wrapped_by_another_key_is_refused(token: TokenPool) -> None:
    wrapping = secret()
    await token.import_key(wrapping, KeyType.AES, os.urandom(32), template(Rights.UNWRAP))
    with pytest.raises(CryptographicFailure):
        await token.unwrap_data(wrapping, KEY_WRAP, aes_key_wrap(os.urandom(32), bytes(16)))


@needs(SECRET_KEYS)
@pytest.mark.parametrize("extractable", (False, True))
async def test_a_key_is_digested_on_the_token(token: TokenPool, extractable: bool) -> None:
    ref, key = secret(), os.urandom(32)
    await token.import_key(ref, KeyType.AES, key, template(Rights.ENCRYPT, extractable=extractable))
    assert await token.digest_key(ref, CKM_SHA256) == hashlib.sha256(key).digest()


@needs(PRIVATE_IMPORTS)
async def test_a_digest_that_fails_leaves_the_session_usable(token: TokenPool) -> None:
    ref = KeyRef(ObjectClass.PUBLIC_KEY, os.urandom(16))
    info = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = info.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    await token.import_key(ref, KeyType.EC, der, template(Rights.VERIFY))
    for _ in range(3):
        with pytest.raises(KmipError):
            await token.digest_key(ref, CKM_SHA256)
        assert await token.digest(CKM_SHA256, b"x") == hashlib.sha256(b"x").digest()
