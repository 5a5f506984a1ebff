"""What a TPM alone needs: the least a token can be, and a library that leaks and keeps its keys busy."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.errors import CryptographicFailure, FeatureNotSupported, GeneralFailure
from gateway.token.api import KeyRef, KeyType, Mechanism, ObjectClass, Rights
from gateway.token.local import LocalWorkers
from gateway.token.pool import TokenPool
from tests.token.conftest import secret, template
from tests.token.tokens import started

P256 = bytes.fromhex("06082a8648ce3d030107")
PKCS1, OAEP = Mechanism(0x01), Mechanism(0x09, hash=0x250, mgf=2)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def token(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TokenPool]:
    with started("tpm", tmp_path_factory.mktemp("tpm")) as settings:
        async with LocalWorkers(settings, 4) as pool:
            yield pool


async def made(token: TokenPool) -> tuple[KeyRef, KeyRef]:
    """Make an RSA pair that decrypts; gives its private and its public half."""
    cka_id = os.urandom(16)
    await token.generate_key_pair(
        cka_id, KeyType.RSA, 2048, b"", template(Rights.DECRYPT), template(Rights.ENCRYPT | Rights.VERIFY)
    )
    return KeyRef(ObjectClass.PRIVATE_KEY, cka_id), KeyRef(ObjectClass.PUBLIC_KEY, cka_id)


async def test_its_profile(token: TokenPool) -> None:
    profile = token.profile
    assert {0x01, 0x03, 0x09, 0x0D, 0x40, 0x1041, 0x1044} <= profile.mechanisms
    assert not {0x1081, 0x1087, 0x251, 0x1050, 0x2109} & profile.mechanisms
    assert (profile.aes_bits, profile.kwp, profile.private_exports) == ((), 0, frozenset())
    assert P256 in profile.curves
    assert bytes.fromhex("06052b81040023") not in profile.curves  # P-521: made, and of no use
    assert profile.only_true_rights  # found by a trial, and every pair below is made so
    assert profile.one_process
    assert token.ready  # although four workers were asked for


async def test_more_pairs_than_a_tpm_bears(token: TokenPool) -> None:
    """Each leaves something in the TPM; without a new start of the module the fifteenth would fail."""
    for _ in range(30):
        cka_id = os.urandom(16)
        await token.generate_key_pair(cka_id, KeyType.EC, 0, P256, template(Rights.SIGN), template(Rights.VERIFY))
        private, public = (KeyRef(c, cka_id) for c in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY))
        signature = await token.sign(private, Mechanism(0x1041), bytes(32))
        assert await token.verify(public, Mechanism(0x1041), bytes(32), signature)
        assert sorted(await token.find([cka_id])) == [public, private]
        assert await token.destroy(private)
        assert await token.destroy(public)


@pytest.mark.parametrize("mechanism", [PKCS1, OAEP], ids=["PKCS#1", "OAEP"])
async def test_what_a_public_key_encrypts_has_its_length(token: TokenPool, mechanism: Mechanism) -> None:
    private, public = await made(token)
    sealed = await token.encrypt(public, mechanism, b"secret")
    assert len(sealed) == 256
    assert await token.decrypt(private, mechanism, sealed) == b"secret"


async def test_a_key_whose_use_failed_is_destroyed_at_the_second_try(token: TokenPool) -> None:
    private, _ = await made(token)
    for _ in range(3):
        with pytest.raises(CryptographicFailure):
            await token.decrypt(private, PKCS1, bytes(256))
    try:
        await token.destroy(private)
    except GeneralFailure:
        await token.destroy(private)
    assert private not in await token.find([private.cka_id])


async def test_secret_keys_are_refused_in_words(token: TokenPool) -> None:
    with pytest.raises(FeatureNotSupported):
        await token.generate_key(secret(), KeyType.AES, 256, template(Rights.ENCRYPT))
