"""Keys that come along wrapped: used as if they were on the token, and no more than they may be."""

import asyncio
import hashlib
import hmac
import json
import os
import sys

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_public_key

from gateway.errors import CryptographicFailure, FeatureNotSupported, GeneralFailure, KmipError, NotExtractable
from gateway.token.api import KeyRef, KeyTemplate, KeyType, Mechanism, ObjectClass, Rights
from gateway.token.local import LocalWorkers
from gateway.token.parcels import BOUND_BYTES, MAX_LIVE, REAP_AT_ONCE, VERSION_BYTES, unpack
from gateway.token.setup import add_kek
from tests.token.conftest import secret

HMAC = Mechanism(0x251)
CBC = Mechanism(0x1082, iv=bytes(16))
PKCS1 = Mechanism(0x40)
ECDSA = Mechanism(0x1041)
P256 = bytes.fromhex("06082a8648ce3d030107")
R = Rights


@pytest.fixture(scope="module")
def settings(wrapping_settings):
    return wrapping_settings


def template(rights, *, extractable=False):
    return KeyTemplate("", rights, extractable, wrapped=True)


async def aes(token, rights=R.ENCRYPT | R.DECRYPT, *, extractable=False):
    return await token.generate_key(secret(), KeyType.AES, 256, template(rights, extractable=extractable))


async def test_a_key_that_comes_along_is_not_on_the_token_and_works_on_every_worker(token, workers):
    key = await aes(token)
    assert key.wrapped and await token.find([key.cka_id]) == []
    ciphertext = await token.encrypt(key, CBC, bytes(32))
    for worker in list(workers.workers):
        worker.kill()
    await asyncio.sleep(1.5)  # the successors know nothing of it
    assert await token.decrypt(key, CBC, ciphertext) == bytes(32)


async def test_what_may_not_leave_does_not_and_has_no_more_rights_than_it_was_given(token):
    key = await aes(token, R.ENCRYPT)
    with pytest.raises(NotExtractable):
        await token.export_key(key)
    with pytest.raises(KmipError):
        await token.decrypt(key, CBC, bytes(32))
    for _ in range(2):  # made just now, then unwrapped anew
        known = await token.attributes(key)
        assert (known["sensitive"], known["extractable"], known["token"]) == (True, False, False)
        assert (known["encrypt"], known["decrypt"], known["wrap"]) == (True, False, False)
        await token.destroy(key)  # of what is unwrapped; the key itself is the reference


async def test_what_may_leave_leaves_in_every_form(token):
    key = await aes(token, extractable=True)
    assert len(await token.export_key(key)) == 32
    value = os.urandom(40)
    known = await token.import_key(secret(), KeyType.GENERIC_SECRET, value, template(R.SIGN, extractable=True))
    await token.destroy(known)
    assert await token.export_key(known) == value
    assert await token.sign(known, HMAC, b"m") == hmac.digest(value, b"m", hashlib.sha256)


@pytest.mark.parametrize("bits", [2048, 4096])
async def test_an_rsa_pair(token, bits):
    pair = await token.generate_key_pair(
        os.urandom(16), KeyType.RSA, bits, b"", template(R.SIGN, extractable=True), template(R.VERIFY)
    )
    await token.destroy(pair.private)
    signature = await token.sign(pair.private, PKCS1, b"digest info")
    assert await token.verify(pair.public, PKCS1, b"digest info", signature)
    assert await token.export_key(pair.public) == pair.info
    private = await token.export_key(pair.private)
    again = await token.import_key(
        KeyRef(ObjectClass.PRIVATE_KEY, os.urandom(16)), KeyType.RSA, private, template(R.SIGN)
    )
    await token.destroy(again)
    assert await token.sign(again, PKCS1, b"digest info") == signature


async def test_an_imported_elliptic_key(token):
    key = ec.generate_private_key(ec.SECP256R1())
    form = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    ref = KeyRef(ObjectClass.PRIVATE_KEY, os.urandom(16))
    try:
        made = await token.import_key(ref, KeyType.EC, form, template(R.SIGN))
    except FeatureNotSupported as refused:  # NSS: before anybody relies on the key
        assert "cannot take back" in refused.message
        return
    await token.destroy(made)
    assert len(await token.sign(made, ECDSA, bytes(32))) == 64


async def test_a_pair_agrees_with_its_public_half(token):
    pair = await token.generate_key_pair(os.urandom(16), KeyType.EC, 0, P256, template(R.SIGN), template(R.VERIFY))
    assert isinstance(load_der_public_key(pair.info), ec.EllipticCurvePublicKey)
    signature = await token.sign(pair.private, ECDSA, bytes(32))
    assert await token.verify(pair.public, ECDSA, bytes(32), signature)


async def test_one_key_that_comes_along_wraps_another(token):
    kek = await aes(token, R.WRAP | R.UNWRAP)
    key = await aes(token, extractable=True)
    blob = await token.wrap(kek, Mechanism(token.profile.kwp), key)
    assert await token.unwrap_data(kek, Mechanism(token.profile.kwp), blob) == await token.export_key(key)


@pytest.mark.parametrize("place", [0, VERSION_BYTES, VERSION_BYTES + 3, -1])
async def test_a_damaged_key_is_refused(token, place):
    key = await aes(token)
    await token.encrypt(key, CBC, bytes(16))
    damaged = bytearray(key.wrapped)
    damaged[place] ^= 0x40
    with pytest.raises((GeneralFailure, CryptographicFailure)):
        await token.encrypt(key._replace(wrapped=bytes(damaged)), CBC, bytes(16))
    await token.encrypt(key, CBC, bytes(16))


async def test_keys_beyond_those_that_are_ready_are_unwrapped_anew(settings):
    async with LocalWorkers(settings, 1) as token:
        first = await aes(token)
        told = await token.encrypt(first, CBC, bytes(16))
        others = []
        while len(others) < MAX_LIVE:
            others += await asyncio.gather(*(aes(token) for _ in range(1024)))
        assert len({await token.encrypt(key, CBC, bytes(16)) for key in others[::64]} | {told}) == MAX_LIVE // 64 + 1
        assert await token.encrypt(first, CBC, bytes(16)) == told


async def test_a_new_key_encryption_key_wraps_and_the_old_one_still_unwraps(settings, workers, token):
    old = await aes(token)
    told = await token.encrypt(old, CBC, bytes(16))
    version = await asyncio.to_thread(add_kek, settings)
    assert version > 1
    async with LocalWorkers(settings, 1) as anew:
        new = await anew.rewrap(old)
        assert await anew.rewrap(new) == new
    assert int.from_bytes(new.wrapped[:VERSION_BYTES], "big") == version
    assert await token.encrypt(new, CBC, bytes(16)) == await token.encrypt(old, CBC, bytes(16)) == told
    await token.destroy(new)
    assert await token.encrypt(new, CBC, bytes(16)) == told
    with pytest.raises(NotExtractable):
        await token.export_key(new)
    async with LocalWorkers(settings, 1) as pool:
        assert int.from_bytes((await aes(pool)).wrapped[:VERSION_BYTES], "big") == version


async def test_what_is_ready_for_use_lasts_no_longer_than_it_may(settings, token):
    arguments = [sys.executable, "-m", "tests.token.lasting", msgspec.json.encode(settings).decode()]
    environment = {**os.environ, **settings.environment}
    process = await asyncio.create_subprocess_exec(*arguments, env=environment, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    seen = json.loads(told)
    assert (seen["begun"], seen["made"], seen["ready"], seen["still ready"]) == (0, "Done", 1, 1)
    assert seen["reaped"] == 0
    assert seen["left of them"] == seen["made more"] - REAP_AT_ONCE  # the others go a second later
    assert (seen["refused"], seen["left"]) == ("Failed", 0)


async def test_who_writes_the_database_makes_no_key_more_than_it_is(token):
    """Extractable, another right, another key's code or place: each is refused before the token is asked."""
    key, other = await aes(token, R.ENCRYPT), await aes(token, R.ENCRYPT | R.DECRYPT)
    _, parcel = unpack(key.wrapped)
    bound = key.wrapped[:BOUND_BYTES]
    widened = (
        bound + msgspec.msgpack.encode(msgspec.structs.replace(parcel, extractable=True)),
        bound + msgspec.msgpack.encode(msgspec.structs.replace(parcel, rights=R.ENCRYPT | R.DECRYPT)),
        other.wrapped[:BOUND_BYTES] + key.wrapped[BOUND_BYTES:],
        key.wrapped[:VERSION_BYTES] + key.wrapped[BOUND_BYTES:],
        other.wrapped,
    )
    for wrapped in widened:
        altered = key._replace(wrapped=wrapped)
        for asked in (token.encrypt(altered, CBC, bytes(16)), token.export_key(altered), token.rewrap(altered)):
            with pytest.raises(GeneralFailure):
                await asked
    await token.encrypt(key, CBC, bytes(16))
