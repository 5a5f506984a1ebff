"""What NSS softokn alone needs: a token whose short lengths and lax flags broke other bindings."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from gateway.admin.own_keys import described
from gateway.admin.token_report import lines_of, report_of
from gateway.errors import CryptographicFailure, NotExtractable
from gateway.token.api import KeyRef, KeyType, Mechanism, ObjectClass, Rights, kek_label, own_cka_id
from gateway.token.local import LocalWorkers
from gateway.token.pool import TokenPool
from tests.token.conftest import secret, template
from tests.token.tokens import started

USE = Rights.ENCRYPT | Rights.DECRYPT

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def token(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TokenPool]:
    with started("nss", tmp_path_factory.mktemp("nss")) as settings:
        async with LocalWorkers(settings, 2) as pool:
            yield pool


async def test_its_profile_is_its_own(token: TokenPool) -> None:
    profile = token.profile
    assert profile.kwp == 0x210B  # its 0x210A pads by PKCS#7, and the known answer tells
    assert profile.kwp_any_length
    assert 0x250 in profile.oaep_hashes  # SHA-256, which SoftHSM lacks
    assert 0x1044 in profile.mechanisms  # ECDSA_SHA256, too
    assert 0x1057 not in profile.mechanisms  # no EdDSA
    assert not profile.refuses_unextractable_wrap
    assert (profile.only_true_rights, profile.exact_rights) == (False, True)


async def test_its_keys_have_check_values_although_it_tells_none(token: TokenPool) -> None:
    storage, kek = await described(token, ("kmip-gateway storage key",))
    assert (storage.works, storage.made, storage.by_wrapping, storage.confined) == (True, True, False, True)
    assert (kek.works, kek.made, kek.by_wrapping, kek.confined) == (True, False, True, True)
    key = await token.labelled(storage.label)
    assert key is not None
    assert storage.check_value == (await token.encrypt(key, Mechanism(0x1081), bytes(16)))[:3].hex()
    assert [len(each.check_value) for each in (storage, kek)] == [6, 6]
    assert list(await described(token)) == [replace(storage, made=False), kek]


async def test_gcm_in_spite_of_its_short_lengths(token: TokenPool) -> None:
    ref, key = secret(), os.urandom(32)
    await token.import_key(ref, KeyType.AES, key, template(USE))
    mechanism = Mechanism(0x1087, iv=b"i" * 12, tag_bits=128)
    sealed = await token.encrypt(ref, mechanism, b"data")
    assert sealed == AESGCM(key).encrypt(b"i" * 12, b"data", None)
    assert await token.decrypt(ref, mechanism, sealed) == b"data"
    with pytest.raises(CryptographicFailure):
        await token.decrypt(ref, mechanism, bytes(20))
    assert await token.decrypt(ref, mechanism, sealed) == b"data"


@pytest.mark.parametrize("size", [16, 21, 32])
async def test_keys_leave_only_if_extractable_although_it_would_let_them(token: TokenPool, size: int) -> None:
    open_, kept, material = secret(), secret(), os.urandom(size)
    await token.import_key(open_, KeyType.GENERIC_SECRET, material, template(Rights.SIGN, extractable=True))
    await token.import_key(kept, KeyType.GENERIC_SECRET, material, template(Rights.SIGN))
    assert await token.export_key(open_) == material
    with pytest.raises(NotExtractable):
        await token.export_key(kept)


async def test_workers_see_each_others_keys(token: TokenPool) -> None:
    refs = [secret() for _ in range(8)]
    for ref in refs:
        await token.generate_key(ref, KeyType.AES, 256, template(USE))
    assert sorted(await token.find([ref.cka_id for ref in refs])) == sorted(refs)
    known = await token.attributes(refs[0])
    assert (known["sensitive"], known["extractable"], known["encrypt"], known["sign"]) == (True, False, True, False)
    for ref in refs:
        assert await token.destroy(ref)
    assert await token.find([ref.cka_id for ref in refs]) == []


async def test_a_pair(token: TokenPool) -> None:
    cka_id, curve = os.urandom(16), bytes.fromhex("06082a8648ce3d030107")
    await token.generate_key_pair(cka_id, KeyType.EC, 0, curve, template(Rights.SIGN), template(Rights.VERIFY))
    signature = await token.sign(KeyRef(ObjectClass.PRIVATE_KEY, cka_id), Mechanism(0x1044), b"message")
    assert await token.verify(KeyRef(ObjectClass.PUBLIC_KEY, cka_id), Mechanism(0x1044), b"message", signature)


async def test_sealing(token: TokenPool) -> None:
    assert await token.open(await token.seal(b"data", b"row"), b"row") == b"data"


async def test_an_own_key_that_can_leave_or_does_more_is_no_good(token: TokenPool) -> None:
    """The last here: nothing destroys the gateway's own keys, and these are made as if by another program."""
    made = {kek_label(2): (USE, False), kek_label(3): (Rights.WRAP | Rights.UNWRAP, True)}
    for label, (rights, extractable) in made.items():
        ref = KeyRef(ObjectClass.SECRET_KEY, own_cka_id(label))
        await token.generate_key(ref, KeyType.AES, 256, template(rights, extractable=extractable, label=label))
        *_, key = await described(token)
        assert key.label == label
        report = report_of(await token.info(), token.profile, (key,))
        assert not report.fit
        assert any("MISSING" in line and label in line for line in lines_of(report))
