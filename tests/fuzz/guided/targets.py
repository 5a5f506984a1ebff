"""What is fuzzed: bytes in, and an exception only if they found a bug."""

import asyncio
from collections.abc import Callable

from gateway.config import KmipConfig
from gateway.errors import InvalidMessage, OperationNotSupported
from gateway.wire import text, ttlv_json, ttlv_xml
from gateway.wire.text_tree import to_ttlv
from tests.fuzz import run
from tests.fuzz.refusing import down
from tests.fuzz.texts import JSON, XML

Target = Callable[[bytes], None]


def of_ttlv(raw: bytes) -> None:
    """Decode a request and its payloads: a message or a KmipError comes out."""
    run.decoded(raw)


def of_json(body: bytes) -> None:
    """Read a JSON text: what it means, written again, means the same."""
    raw = _decoded(body, JSON)
    if raw is not None:
        assert to_ttlv(ttlv_json.read(ttlv_json.encode(raw))[0]) == raw


def of_xml(body: bytes) -> None:
    """Read an XML text: what it means, written again, means the same."""
    raw = _decoded(body, XML)
    if raw is not None:
        assert ttlv_xml.decode(ttlv_xml.encode(raw)) == raw


def _decoded(body: bytes, media_type: str) -> bytes | None:
    try:
        return text.decode(body, media_type, bare=False).raw
    except (InvalidMessage, OperationNotSupported):
        return None


def answer() -> Target:
    """Have messages answered by the whole gateway, on a token and a database that are down: always by a response."""
    loop = asyncio.new_event_loop()

    async def made() -> run.Exchange:
        return run.exchange_over(*down(), KmipConfig())

    exchange = loop.run_until_complete(made())

    def answered(raw: bytes) -> None:
        with run.unforeseen() as found:
            loop.run_until_complete(run.answered(exchange, raw))
        assert found == []

    return answered


# Each with the media type of what it reads, for the texts to start from; None for TTLV.
TARGETS: dict[str, tuple[Callable[[], Target], str | None]] = {
    "ttlv": (lambda: of_ttlv, None),
    "json": (lambda: of_json, JSON),
    "xml": (lambda: of_xml, XML),
    "answer": (answer, None),
}
