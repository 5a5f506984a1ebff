"""Every verb of the pool on a real SoftHSM2, checked against cryptography where there is a right answer."""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.token.api import KeyType, Mechanism, Rights
from gateway.token.pool import TokenPool
from tests.token.conftest import secret, template

USE = Rights.ENCRYPT | Rights.DECRYPT


async def test_gcm_is_what_cryptography_makes(token: TokenPool) -> None:
    ref, key, iv = secret(), os.urandom(32), os.urandom(12)
    await token.import_key(ref, KeyType.AES, key, template(USE))
    mechanism = Mechanism(0x1087, iv=iv, aad=b"header", tag_bits=128)
    sealed = await token.encrypt(ref, mechanism, b"plaintext")
    assert sealed == AESGCM(key).encrypt(iv, b"plaintext", b"header")
    assert await token.decrypt(ref, mechanism, sealed) == b"plaintext"


async def test_a_generated_key_leaves_only_if_extractable(token: TokenPool) -> None:
    ref = secret()
    await token.generate_key(ref, KeyType.AES, 256, template(USE, extractable=True))
    assert len(await token.export_key(ref)) == 32
    assert await token.destroy(ref)
    assert not await token.destroy(ref)
