"""The whole gateway below its sockets for operations to be asked of: real SoftHSM2 workers, a real database, Exchange.

The token and its workers live for the whole session, since they take a second to start; the database and the Exchange
are new for every test, so that no test sees another's objects or names.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from gateway.access.identity import Identity, Peer
from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.kmip.enums import Operation, ResultReason, ResultStatus
from gateway.kmip.messages import (
    ProtocolVersion,
    RequestBatchItem,
    RequestHeader,
    RequestMessage,
    ResponseBatchItem,
    ResponseMessage,
)
from gateway.kmip.structure import OpenEnumeration, Payload, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import Version
from gateway.operations import OPERATIONS
from gateway.store.api import Store
from gateway.store.sqlite import open_store
from gateway.token.api import Token
from gateway.token.local import LocalWorkers
from gateway.token.setup import set_up_token
from gateway.wire import layout
from gateway.wire.scalars import HEADER_BYTES, ItemType
from tests.token.conftest import softhsm

WORKERS = 2


class Clock:
    """The gateway's clock, in seconds since 1970; a test moves it by setting `now`."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Answer(NamedTuple):
    """One batch item of a response, its payload decoded as a client would."""

    status: ResultStatus
    reason: ResultReason | None
    message: str | None
    payload: Any


class Refused(Exception):
    """The gateway refused what a test took to succeed."""


class Client:
    """One client of the gateway: asks in any version, and gets decoded answers."""

    def __init__(self, exchange: Exchange, name: str, clock: Clock, store: Store, token: Token) -> None:
        self.exchange = exchange
        self.clock = clock
        self.store = store
        self.token = token
        self._peer = Peer(Identity(name), "127.0.0.1")

    async def ask(self, version: Version, *items: tuple[Operation, Structure], **header: Any) -> list[Answer]:
        """Send one message; `header` gives further fields of the request header."""
        answer = await self.exchange.answer(encode_request(version, items, header), self._peer)
        return decode_response(answer, version)

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


def encode_request(version: Version, items: tuple[tuple[Operation, Structure], ...], header: dict[str, Any]) -> bytes:
    """Encode a request message as a client would."""
    several = len(items) > 1
    message = RequestMessage(
        request_header=RequestHeader(
            protocol_version=ProtocolVersion(protocol_version_major=version[0], protocol_version_minor=version[1]),
            batch_count=len(items),
            **header,
        ),
        batch_item=tuple(
            RequestBatchItem(
                operation=OpenEnumeration(operation),
                unique_batch_item_id=bytes([number]) if several else None,
                request_payload=Payload(ItemType.STRUCTURE, layout.content_writer(type(payload), version)(payload)),
            )
            for number, (operation, payload) in enumerate(items)
        ),
    )
    return layout.writer(RequestMessage, Tag.REQUEST_MESSAGE, version)(message)


def decode_response(raw: bytes, version: Version) -> list[Answer]:
    """Decode a response message of this version, as strictly as the gateway decodes requests."""
    message: ResponseMessage = layout.reader(ResponseMessage, version)(raw, HEADER_BYTES, len(raw) - HEADER_BYTES)
    assert message.response_header.batch_count == len(message.batch_item)
    return [_answer(content, version) for content in message.batch_item]


def _answer(content: bytes, version: Version) -> Answer:
    item: ResponseBatchItem = layout.reader(ResponseBatchItem, version)(content, 0, len(content))
    payload = item.response_payload
    if payload is not None and item.operation is not None:
        payload = layout.reader(OPERATIONS[item.operation].response, version)(payload, 0, len(payload))
    return Answer(item.result_status, item.result_reason, item.result_message, payload)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run every test of this folder in the loop in which the workers' sockets are read."""
    here = Path(__file__).parent
    for item in items:
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
def kmip_config() -> KmipConfig:
    """The operator's choices; a test or file that wants others overrides this fixture."""
    return KmipConfig()


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


@pytest.fixture
def gateway(token: Token, store: Store, kmip_config: KmipConfig, clock: Clock) -> Gateway:
    """The gateway as client A sees it."""
    return Gateway(Exchange(kmip_config, store, token, clock), clock, store, token)
