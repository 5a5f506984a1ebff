"""PyKMIP's own client, which decodes strictly, on the operations that make, replace and end objects."""

import asyncio
import warnings

import pytest

from gateway.kmip.enums import LinkType, State
from tests.operations.conftest import Gateway
from tests.operations.test_create import kept

with warnings.catch_warnings():
    # PyKMIP's server, which comes with its client, is of the time before SQLAlchemy 2.0.
    warnings.simplefilter("ignore")
    from kmip.core import enums
    from kmip.pie.exceptions import KmipOperationFailure

    from tests.operations.test_cryptography_pykmip import Ask, Protocol, ask

__all__ = ["ask"]  # a fixture

A, M, Q = enums.CryptographicAlgorithm, enums.CryptographicUsageMask, enums.QueryFunction
USE = [M.ENCRYPT, M.DECRYPT]


@pytest.mark.parametrize(
    ("algorithm", "bits"),
    [(A.AES, 256), (A.TRIPLE_DES, 192), (A.HMAC_SHA256, 256), (A.BLOWFISH, 128), (A.IDEA, 128), (A.SKIPJACK, 80)],
)
async def test_a_key_is_created_and_fetched(ask: Ask, algorithm: A, bits: int) -> None:
    uid = await ask("create", algorithm, bits, name="key", cryptographic_usage_mask=USE)
    key = await ask("get", uid)
    assert (key.cryptographic_algorithm, key.cryptographic_length, len(key.value) * 8) == (algorithm, bits, bits)


@pytest.mark.parametrize(("algorithm", "bits"), [(A.RSA, 2048), (A.EC, 384)])
async def test_a_key_pair_is_created(ask: Ask, gateway: Gateway, algorithm: A, bits: int) -> None:
    public, private = await ask(
        "create_key_pair",
        algorithm,
        bits,
        public_name="public",
        public_usage_mask=[M.VERIFY],
        private_name="private",
        private_usage_mask=[M.SIGN],
    )
    managed = await kept(gateway, private)
    assert managed.linked(LinkType.PUBLIC_KEY_LINK) == public
    assert managed.names() == ("private",)
    if algorithm is A.RSA:
        assert (await ask("get", private)).key_format_type is enums.KeyFormatType.PKCS_1
        assert (await ask("get", public)).cryptographic_length == bits


async def test_a_key_is_replaced(ask: Ask, gateway: Gateway, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params["ask"] is enums.KMIPVersion.KMIP_2_0:
        pytest.skip("PyKMIP puts a Template-Attribute into its Re-key of 2.0")
    old = await ask("create", A.AES, 128, name="key")
    new = await ask("rekey", uid=old, offset=0)
    assert new != old
    assert (await kept(gateway, new)).names() == ("key",)
    assert await ask("locate") == [new, old]


async def test_the_end_of_a_key(ask: Ask, gateway: Gateway) -> None:
    uid = await ask("create", A.AES, 128)
    await ask("activate", uid)
    with pytest.raises(KmipOperationFailure):
        await ask("destroy", uid)
    # Without a Compromise Occurrence Date.
    await ask("revoke", enums.RevocationReasonCode.KEY_COMPROMISE, uid, "stolen")
    await ask("destroy", uid)
    assert (await kept(gateway, uid)).state(gateway.clock.now) is State.DESTROYED_COMPROMISED
    for method in ("destroy", "get"):
        with pytest.raises(KmipOperationFailure):
            await ask(method, uid)


async def test_a_use_is_checked(ask: Ask) -> None:
    uid = await ask("create", A.AES, 128, cryptographic_usage_mask=USE)
    assert await ask("check", uid, cryptographic_usage_mask=USE) == uid


async def test_the_server_is_asked_what_it_can(gateway: Gateway) -> None:
    from kmip.services.kmip_client import KMIPProxy

    proxy = KMIPProxy()
    proxy.protocol = Protocol(gateway)
    functions = [Q.QUERY_OPERATIONS, Q.QUERY_OBJECTS, Q.QUERY_SERVER_INFORMATION, Q.QUERY_APPLICATION_NAMESPACES]
    result = await asyncio.to_thread(proxy.query, query_functions=functions)
    assert enums.Operation.CREATE in result.operations
    assert enums.ObjectType.SYMMETRIC_KEY in result.object_types
    assert result.vendor_identification == "kmip-gateway"
