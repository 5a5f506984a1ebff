"""A key's second one, in the database or on the token, is the same key and may do no more; the first stays."""

import hashlib
import hmac
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.errors import FeatureNotSupported, KmipError, NotExtractable
from gateway.token.api import KeyRef, KeyTemplate, KeyType, Mechanism, Rights
from gateway.token.parcels import BOUND_BYTES
from tests.token.conftest import secret

HMAC = Mechanism(0x251)
CBC = Mechanism(0x1082, iv=bytes(16))
PKCS1, ECDSA = Mechanism(0x40), Mechanism(0x1041)
P256 = bytes.fromhex("06082a8648ce3d030107")
R = Rights


@pytest.fixture(scope="module")
def settings(wrapping_settings):
    return wrapping_settings


def template(rights, *, extractable, wrapped=False):
    return KeyTemplate("", rights, extractable, wrapped=wrapped)


def another(ref):
    """Give another name for a key of the same class."""
    return KeyRef(ref.object_class, os.urandom(16))


async def test_a_resident_key_comes_to_the_token_and_does_not_leave_it_again(token, workers):
    made = await token.generate_key(
        secret(), KeyType.AES, 256, template(R.ENCRYPT | R.DECRYPT, extractable=False, wrapped=True)
    )
    ciphertext = await token.encrypt(made, CBC, bytes(32))
    there = await token.token_copy(made, another(made), "label")
    known = await token.attributes(there)
    assert (known["token"], known["sensitive"], known["extractable"]) == (True, True, False)
    assert (known["encrypt"], known["decrypt"], known["wrap"], known["sign"]) == (True, True, False, False)
    workers.workers[0].kill()  # whoever comes then finds it
    assert await token.decrypt(there, CBC, ciphertext) == bytes(32)
    for leaving in (token.wrapped_copy(there, another(there)), token.export_key(there)):
        with pytest.raises(NotExtractable):
            await leaving
    assert await token.decrypt(made, CBC, ciphertext) == bytes(32)
    assert await token.destroy(there)


async def test_a_key_goes_to_the_database_and_may_do_there_what_it_might(token):
    made = await token.generate_key(secret(), KeyType.AES, 256, template(R.ENCRYPT, extractable=True))
    ciphertext, value = await token.encrypt(made, CBC, bytes(32)), await token.export_key(made)
    wrapped = await token.wrapped_copy(made, another(made))
    assert wrapped.wrapped
    assert await token.find([wrapped.cka_id]) == []
    assert await token.encrypt(made, CBC, bytes(32)) == ciphertext
    assert await token.destroy(made)
    assert await token.encrypt(wrapped, CBC, bytes(32)) == ciphertext
    with pytest.raises(KmipError):
        await token.decrypt(wrapped, CBC, ciphertext)
    assert await token.export_key(wrapped) == value
    back = await token.token_copy(wrapped, another(made), "label")
    assert await token.export_key(back) == value
    assert await token.destroy(back)


@pytest.mark.parametrize("size", [36, 32])
async def test_a_key_of_any_length_is_the_same_or_refused(token, size):
    value = os.urandom(size - 1) + b"\x01"
    made = await token.import_key(secret(), KeyType.GENERIC_SECRET, value, template(R.SIGN, extractable=True))
    if size % 8 and not token.profile.kwp_any_length:
        with pytest.raises(FeatureNotSupported):
            await token.wrapped_copy(made, another(made))
    else:
        wrapped = await token.wrapped_copy(made, another(made))
        assert await token.sign(wrapped, HMAC, b"data") == hmac.digest(value, b"data", hashlib.sha256)
    assert await token.sign(made, HMAC, b"data") == hmac.digest(value, b"data", hashlib.sha256)
    assert await token.destroy(made)


@pytest.mark.parametrize("kind", [KeyType.RSA, KeyType.EC], ids=lambda kind: kind.name)
async def test_a_pair_goes_and_comes_back(token, kind):
    halves = template(R.SIGN, extractable=True), template(R.VERIFY, extractable=True)
    bits, curve = (2048, b"") if kind is KeyType.RSA else (0, P256)
    info, private, public = await token.generate_key_pair(os.urandom(16), kind, bits, curve, *halves)
    name = os.urandom(16)
    if kind is KeyType.EC and (await token.info()).manufacturer.startswith("Mozilla"):
        with pytest.raises(FeatureNotSupported, match="take back"):  # as it does not take back one from outside
            await token.wrapped_copy(private, KeyRef(private.object_class, name))
        return
    wrapped = [await token.wrapped_copy(each, KeyRef(each.object_class, name)) for each in (private, public)]
    name = os.urandom(16)
    back = [await token.token_copy(each, KeyRef(each.object_class, name), "label") for each in wrapped]
    assert set(await token.find([name])) == set(back)
    key, digest = load_der_public_key(info), hashlib.sha256(b"data").digest()
    for signing, verifying in ((private, public), wrapped, back):
        assert await token.export_key(verifying) == info
        if kind is KeyType.RSA:
            signature = await token.sign(signing, PKCS1, b"data")
            key.verify(signature, b"data", padding.PKCS1v15(), SHA256())
            assert await token.verify(verifying, PKCS1, b"data", signature)
        else:
            raw = await token.sign(signing, ECDSA, digest)
            halves_of = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
            key.verify(utils.encode_dss_signature(*halves_of), digest, ec.ECDSA(utils.Prehashed(SHA256())))
            assert await token.verify(verifying, ECDSA, digest, raw)
    for each in (private, public, *back):
        assert await token.destroy(each)


@pytest.mark.parametrize("kind", [KeyType.AES, KeyType.RSA], ids=["secret", "public"])
async def test_a_key_that_was_altered_in_the_database_does_not_come_to_the_token(token, kind):
    """What it may do stands in the clear before its value, and is bound to it."""
    halves = template(R.SIGN, extractable=True, wrapped=True), template(R.VERIFY, extractable=True, wrapped=True)
    if kind is KeyType.AES:
        made = await token.generate_key(secret(), kind, 256, template(R.ENCRYPT, extractable=True, wrapped=True))
    else:
        made = (await token.generate_key_pair(os.urandom(16), kind, 2048, b"", *halves)).public
    for place in (BOUND_BYTES + 2, len(made.wrapped) - 1):  # its rights; the end of its value
        altered = bytearray(made.wrapped)
        altered[place] ^= 1
        new = another(made)
        with pytest.raises(KmipError):
            await token.token_copy(made._replace(wrapped=bytes(altered)), new, "label")
        assert await token.find([new.cka_id]) == []
