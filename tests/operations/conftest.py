"""The whole gateway below its sockets for operations to be asked of: real SoftHSM2 workers, a real database, Exchange.

The token and its workers live for the whole session, since they take a second to start; the database and the Exchange
are new for every test, so that no test sees another's objects or names.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.identity import Identity, Peer
from gateway.access.roles import EVERYTHING, Role
from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.kmip.enums import Operation, ResultReason, ResultStatus
from gateway.kmip.structure import Structure
from gateway.kmip.version import Version
from gateway.store.api import Custody, Store
from gateway.store.sqlite import open_store
from gateway.token.api import Token
from gateway.token.local import LocalWorkers
from gateway.token.setup import set_up_token
from tests.support.messages import Answer, answers, request
from tests.token.conftest import softhsm

WORKERS = 2

# Where the keys are that the tests of this folder make: `TEST_CUSTODY=wrapped` runs all of them a second time.
KEPT = Custody(os.environ.get("TEST_CUSTODY", "token"))


class Clock:
    """The gateway's clock, in seconds since 1970; a test moves it by setting `now`."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Refused(Exception):
    """The gateway refused what a test took to succeed."""


class Client:
    """One client of the gateway: asks in any version, and gets decoded answers."""

    def __init__(
        self,
        exchange: Exchange,
        name: str,
        clock: Clock,
        store: Store,
        token: Token,
        roles: tuple[Role, ...] = (EVERYTHING,),
        tenant: str = "default",
    ) -> None:
        self.exchange = exchange
        self.clock = clock
        self.store = store
        self.token = token
        self._peer = Peer(Identity(name, tenant), "127.0.0.1", roles)

    async def ask(self, version: Version, *items: tuple[Operation, Structure], **header: Any) -> list[Answer]:
        """Send one message; `header` gives further fields of the request header."""
        return answers(await self.exchange.answer(request(version, *items, **header), self._peer), version)

    async def one(self, version: Version, operation: Operation, payload: Structure) -> Any:
        """Ask for one operation and give the response's payload.

        Raises:
            Refused: the gateway answered with a failure.
        """
        (answer,) = await self.ask(version, (operation, payload))
        if answer.status is not ResultStatus.SUCCESS:
            raise Refused(f"{answer.reason!r}: {answer.message}")
        return answer.payload

    async def refused(self, version: Version, operation: Operation, payload: Structure) -> ResultReason | None:
        """Ask for one operation that must fail, and give the reason."""
        (answer,) = await self.ask(version, (operation, payload))
        assert answer.status is ResultStatus.OPERATION_FAILED, answer
        return answer.reason


class Gateway(Client):
    """Client A; `other` is a second client of the same gateway."""

    def __init__(self, exchange: Exchange, clock: Clock, store: Store, token: Token) -> None:
        super().__init__(exchange, "cert:a", clock, store, token)
        self.other = Client(exchange, "cert:b", clock, store, token)

    def client(self, name: str, *roles: Role, tenant: str = "default") -> Client:
        """Give another client of the same gateway; one of this name has the same objects, whatever its roles."""
        return Client(self.exchange, name, self.clock, self.store, self.token, roles, tenant)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run every test of this folder in the loop in which the workers' sockets are read."""
    here = Path(__file__).parent
    for item in items:
        if KEPT is Custody.WRAPPED and item.get_closest_marker("on_token"):
            item.add_marker(pytest.mark.skip(reason="looks for keys on the token, where with this custody none is"))
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def token(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Token]:
    """A SoftHSM2 token of its own behind workers."""
    settings = softhsm(tmp_path_factory.mktemp("softhsm"))
    await asyncio.to_thread(set_up_token, settings, so_pin="security officer")
    async with LocalWorkers(settings, WORKERS) as pool:
        yield pool


@pytest.fixture
def kmip_config(request: pytest.FixtureRequest) -> KmipConfig:
    """The operator's choices, with the weaknesses that the marker `allow` names; whoever wants others overrides it."""
    allowed = tuple(name for marker in request.node.iter_markers("allow") for name in marker.args)
    return KmipConfig(custody=KEPT.value, allow=allowed)


@pytest.fixture
def clock() -> Clock:
    """The time, which stands still until a test moves it."""
    return Clock()


@pytest_asyncio.fixture(loop_scope="session")
async def store(tmp_path: Path, kmip_config: KmipConfig) -> AsyncIterator[Store]:
    """An empty database."""
    store = open_store(tmp_path / "gateway.sqlite", unique_names=kmip_config.unique_names)
    yield store
    await store.close()


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(token: Token, store: Store, kmip_config: KmipConfig, clock: Clock) -> AsyncIterator[Gateway]:
    """The gateway as client A sees it."""
    exchange = Exchange(kmip_config, store, token, clock)
    yield Gateway(exchange, clock, store, token)
    await exchange.requests.close()
