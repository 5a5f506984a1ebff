"""What one front end has changed, the others know at their next request, whatever they have kept of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.access.presets import PRESETS
from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import Operation, RevocationReasonCode
from gateway.kmip.enums import ResultReason as R
from gateway.kmip.structure import Structure
from gateway.kmip.values import RevocationReason
from gateway.kmip.version import V2_1
from gateway.operations.archive import ArchiveRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.revoke import RevokeRequest
from gateway.store.grants import Lent
from gateway.store.sqlite import open_store
from gateway.token.api import Token
from tests.operations.conftest import Client, Clock, Gateway
from tests.operations.references import ACTIVE, CBC, secret, waiting
from tests.operations.test_grants import lend, take_back

O = Operation  # noqa: E741
ROUNDS = 5
REASON = RevocationReason(revocation_reason_code=RevocationReasonCode.KEY_COMPROMISE)
ENCRYPTING = secret(M.ENCRYPT, ACTIVE)


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere(gateway: Gateway, token: Token, tmp_path: Path, clock: Clock) -> AsyncIterator[Exchange]:
    """Another front end of the same gateway, with its own cache."""
    store = open_store(tmp_path / "gateway.sqlite")
    exchange = Exchange(KmipConfig(), store, token, clock)
    yield exchange
    await exchange.requests.close()
    await store.close()


def at(exchange: Exchange, client: Client) -> Client:
    """Give a client as it comes to another front end."""
    peer = client._peer
    return Client(exchange, peer.identity.name, client.clock, client.store, client.token, peer.roles)


def encrypt(unique_identifier: str) -> EncryptRequest:
    return EncryptRequest(
        unique_identifier=unique_identifier, cryptographic_parameters=CBC, data=bytes(16), iv_counter_nonce=bytes(16)
    )


@pytest.mark.parametrize(
    ("make", "operation", "request_of", "reason"),
    [
        (
            ENCRYPTING,
            O.REVOKE,
            lambda one: RevokeRequest(unique_identifier=one, revocation_reason=REASON),
            R.WRONG_KEY_LIFECYCLE_STATE,
        ),
        (ENCRYPTING, O.ARCHIVE, lambda one: ArchiveRequest(unique_identifier=one), R.OBJECT_ARCHIVED),
    ],
    ids=["Revoke", "Archive"],
)
async def test_a_key_is_used_no_more_at_any_front_end(
    gateway: Gateway, elsewhere: Exchange, make, operation: Operation, request_of, reason: R
) -> None:
    other = at(elsewhere, gateway)
    for _ in range(ROUNDS):
        one = await make(gateway)
        for client in (gateway, other):
            await client.one(V2_1, O.ENCRYPT, encrypt(one))  # from now on it is kept in each cache
        await gateway.one(V2_1, operation, request_of(one))
        assert await other.refused(V2_1, O.ENCRYPT, encrypt(one)) is reason
        assert await gateway.refused(V2_1, O.ENCRYPT, encrypt(one)) is reason


async def test_a_destroyed_key_is_given_no_more_at_any_front_end(gateway: Gateway, elsewhere: Exchange) -> None:
    other = at(elsewhere, gateway)
    for _ in range(ROUNDS):
        one = await waiting(gateway)
        asked = GetRequest(unique_identifier=one)
        for client in (gateway, other):
            await client.one(V2_1, O.GET, asked)
        await other.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier=one))
        assert await gateway.refused(V2_1, O.GET, asked) is R.OBJECT_DESTROYED
        assert await other.refused(V2_1, O.GET, asked) is R.OBJECT_DESTROYED


async def test_a_grant_that_was_taken_back_is_none_at_any_front_end(gateway: Gateway, elsewhere: Exchange) -> None:
    one = await waiting(gateway)
    asked: Structure = GetRequest(unique_identifier=one)
    borrowing = gateway.other, at(elsewhere, gateway.client("cert:b", PRESETS["storage"]))
    for _ in range(ROUNDS):
        await lend(gateway, Lent.OBJECT, one, "Get")
        for client in borrowing:
            await client.one(V2_1, O.GET, asked)
        await take_back(gateway, Lent.OBJECT, one, "Get")
        for client in borrowing:
            assert await client.refused(V2_1, O.GET, asked) is R.OBJECT_NOT_FOUND
