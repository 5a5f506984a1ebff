"""PyKMIP's own client, which decodes strictly, on the cryptographic operations; only its socket is replaced."""

import asyncio
import hmac
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.kmip.enums import CryptographicAlgorithm, CryptographicUsageMask
from tests.operations.conftest import Gateway
from tests.operations.test_cryptography import DATA, IV, KEY, RSA_KEY, Keys

with warnings.catch_warnings():
    # PyKMIP's server, which comes with its client, is of the time before SQLAlchemy 2.0.
    warnings.simplefilter("ignore")
    from kmip.core import enums, utils
    from kmip.pie.client import ProxyKmipClient
    from kmip.pie.exceptions import KmipOperationFailure

VERSIONS = [getattr(enums.KMIPVersion, f"KMIP_{v}") for v in ("1_2", "1_3", "1_4", "2_0")]
M = CryptographicUsageMask
Ask = Callable[..., Awaitable[Any]]


class Protocol:
    """What PyKMIP sends and receives by: messages go to the gateway in the tests' loop."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.loop, self.answer = gateway, asyncio.get_running_loop(), b""

    def write(self, data: bytes) -> None:
        asked = self.gateway.exchange.answer(bytes(data), self.gateway._peer)
        self.answer = asyncio.run_coroutine_threadsafe(asked, self.loop).result(10)

    def read(self) -> utils.BytearrayStream:
        return utils.BytearrayStream(self.answer)


@pytest.fixture(params=VERSIONS, ids=str)
def ask(gateway: Gateway, request: pytest.FixtureRequest) -> Ask:
    """Call a method of PyKMIP's client that speaks a version."""

    async def call(method: str, *arguments: Any, **named: Any) -> Any:
        client = ProxyKmipClient(kmip_version=request.param)
        client._is_open = True
        client.proxy.protocol = Protocol(gateway)
        return await asyncio.to_thread(getattr(client, method), *arguments, **named)

    return call


@pytest.fixture
def keys(gateway: Gateway) -> Keys:
    return Keys(gateway)


CBC = {
    "cryptographic_algorithm": enums.CryptographicAlgorithm.AES,
    "block_cipher_mode": enums.BlockCipherMode.CBC,
    "padding_method": enums.PaddingMethod.PKCS5,
}


async def test_cbc(ask: Ask, keys: Keys) -> None:
    uid = await keys.secret()
    sealed, iv = await ask("encrypt", DATA, uid, CBC, IV)
    assert iv is None
    assert await ask("decrypt", sealed, uid, CBC, IV) == DATA
    sealed, iv = await ask("encrypt", DATA, uid, {**CBC, "random_iv": True})
    assert await ask("decrypt", sealed, uid, CBC, iv) == DATA
    decryptor = Cipher(algorithms.AES(KEY), modes.CBC(iv)).decryptor()
    assert decryptor.update(sealed).startswith(DATA)
    with pytest.raises(KmipOperationFailure, match="missing-iv"):
        await ask("decrypt", sealed, uid, CBC)
    with pytest.raises(KmipOperationFailure, match="CRYPTOGRAPHIC_FAILURE"):
        await ask("decrypt", sealed[:-16], uid, CBC, iv)


async def test_signatures(ask: Ask, keys: Keys) -> None:
    private, public = await keys.pair(RSA_KEY, CryptographicAlgorithm.RSA, 2048)
    for method in (enums.PaddingMethod.PKCS1v15, enums.PaddingMethod.PSS):
        given = {
            "padding_method": method,
            "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
            "cryptographic_algorithm": enums.CryptographicAlgorithm.RSA,
        }
        signature = await ask("sign", DATA, private, given)
        scheme = padding.PKCS1v15() if method.name == "PKCS1v15" else padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        RSA_KEY.public_key().verify(signature, DATA, scheme, hashes.SHA256())
        assert await ask("signature_verify", DATA, signature, public, given) is enums.ValidityIndicator.VALID
        assert await ask("signature_verify", DATA[1:], signature, public, given) is enums.ValidityIndicator.INVALID


async def test_mac(ask: Ask, keys: Keys) -> None:
    uid = await keys.secret(KEY, CryptographicAlgorithm.HMAC_SHA256, M.MAC_GENERATE)
    _, code = await ask("mac", DATA, uid, enums.CryptographicAlgorithm.HMAC_SHA256)
    assert code == hmac.digest(KEY, DATA, "sha256")


async def test_gcm_is_read_in_every_version(ask: Ask, keys: Keys) -> None:
    """Its client gives no tag to its caller; before 1.4 the tag is in the data."""
    uid = await keys.secret()
    given = {"block_cipher_mode": enums.BlockCipherMode.GCM, "tag_length": 16}
    sealed, iv = await ask("encrypt", DATA, uid, given)
    whole = AESGCM(KEY).encrypt(iv, DATA, None)
    assert sealed in (whole, whole[:-16])
