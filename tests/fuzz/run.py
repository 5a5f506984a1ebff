"""Sends mutated messages through the gateway and tells what should not have come of them."""

import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.types import EventDict, WrappedLogger

from gateway.access.identity import Identity, Peer
from gateway.access.roles import EVERYTHING
from gateway.errors import KmipError
from gateway.exchange import Exchange
from gateway.kmip.messages import ResponseHeader
from gateway.kmip.structure import Structure
from gateway.operations import OPERATIONS
from gateway.wire import layout, ttlv
from tests.support.messages import ReceivedItem
from tests.wire.trees import nodes

PEER = Peer(Identity("cert:fuzz"), "127.0.0.1", (EVERYTHING,))
# What `batch` and `exchange` log when their last resort catches something: each is a bug somewhere.
LAST_RESORT = ("operation_failed", "exchange_failed")


class Response(Structure):
    """A response as a client reads it."""

    response_header: ResponseHeader
    batch_item: tuple[ReceivedItem, ...]


def decoded(raw: bytes) -> bool:
    """Decode a request down to its payloads; tell whether it is one. Nothing but KmipError may come out."""
    try:
        version = ttlv.read_version(raw)
        for item in ttlv.decode_request(raw, version).batch_item:
            if item.operation in OPERATIONS:
                ttlv.decode_structure(OPERATIONS[item.operation].request, item.request_payload, version)
    except KmipError:
        return False
    return True


def check_response(raw: bytes) -> Counter[str]:
    """Hold a response to what every response is; give how its items came out."""
    (message,) = nodes(raw)
    assert isinstance(message.value, list)
    major, minor = struct.unpack_from(">i12xi", raw, 32)
    version = layout.Version(major, minor)
    response: Response = layout.reader(Response, version)(raw, 8, len(raw) - 8)
    assert response.response_header.batch_count == len(response.batch_item) > 0
    for item in response.batch_item:
        assert (item.result_reason is None) == (item.result_status.name != "OPERATION_FAILED")
        assert item.result_reason is None or item.result_reason.exists_in(version)
        assert (item.response_payload is None) == (item.result_status.name not in ("SUCCESS", "OPERATION_UNDONE"))
    return Counter(item.result_status.name for item in response.batch_item)


@contextmanager
def unforeseen() -> Iterator[list[str]]:
    """Collect the exceptions that only the last resort caught, while the block runs."""
    found: list[str] = []

    def collect(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if event["event"] in LAST_RESORT:
            found.append(f"{event.get('operation', '')} {event.get('exception', '')}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.format_exc_info, collect], cache_logger_on_first_use=False)
    try:
        yield found
    finally:
        structlog.configure(**before)


async def answered(exchange: Exchange, raw: bytes) -> Counter[str]:
    """Have a message answered and the answer checked."""
    return check_response(await exchange.answer(raw, PEER))


def exchange_over(store: Any, token: Any, config: Any) -> Exchange:
    """Make the gateway on a store and a token, at a fixed time."""
    return Exchange(config, store, token, lambda: 1_700_000_000.0)
