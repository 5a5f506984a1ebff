"""What there is at each path of the HTTPS port and of the admin port: a method, a path, a coroutine.

The rule of the room: KMIP failures are answers of KMIP, with status 200 (HTTPS profile); a status of 400 and
above says what is wrong with the HTTP, in one line, and nothing of what is inside.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar, cast

import msgspec
import structlog
from aiohttp import web

from gateway import __version__
from gateway.errors import KmipError, TtlvError
from gateway.server.answers import Answer, refusal
from gateway.server.connection import Exchange
from gateway.server.http_conversation import HttpConversation
from gateway.server.meters import SOURCES, Metered, Meters
from gateway.server.metrics import MEDIA_TYPE, Further, metrics
from gateway.server.openapi import DOCUMENT
from gateway.server.peer import CertificateRefused
from gateway.server.readiness import Readiness
from gateway.server.tally import Tally
from gateway.wire import text
from gateway.wire.text import Dialect, Media, Unreadable

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

JSON = "application/json"
# A text of some MiB takes seconds to read; one of this size, a few milliseconds.
AT_ONCE_BYTES = 16384
ENCODINGS = {Media.BINARY: "ttlv", Media.JSON: "json", Media.XML: "xml"}


class Refused(Exception):
    """The request is not answered but with an HTTP status."""

    def __init__(self, status: int, **fields: str) -> None:
        super().__init__(status)
        self.status, self.fields = status, fields


class Endpoint:
    """A method at a path."""

    method = "GET"

    async def answer(self, request: web.BaseRequest) -> Answer:
        """Give the answer.

        Raises:
            Refused: with an HTTP status.
        """
        raise NotImplementedError


class Document(Endpoint):
    """The same JSON document for everyone."""

    def __init__(self, content: object) -> None:
        self._body = msgspec.json.encode(content)

    async def answer(self, request: web.BaseRequest) -> Answer:
        """Give the document."""
        return Answer(self._body, JSON)


class Ready(Endpoint):
    """Whether the gateway can serve."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def answer(self, request: web.BaseRequest) -> Answer:
        """Give 200, or 503 with what does not answer."""
        failing = await self._readiness.failing()
        if failing:
            return Answer(msgspec.json.encode({"status": "DOWN", "failing": failing}), JSON, 503)
        return Answer(b'{"status":"UP"}', JSON)


class Metrics(Endpoint):
    """The numbers of all front ends."""

    def __init__(self, meters: Meters, tally: Tally, readiness: Readiness, further: Further) -> None:
        self._meters, self._tally, self._readiness, self._further = meters, tally, readiness, further

    async def answer(self, request: web.BaseRequest) -> Answer:
        """Give them in Prometheus's form."""
        failing = await self._readiness.failing()
        return Answer(metrics(self._meters, self._tally, failing, self._further()), MEDIA_TYPE)


class Kmip(Endpoint):
    """Request messages in any encoding, and bare operations where they are allowed."""

    method = "POST"

    def __init__(
        self, exchange: Exchange, meters: Meters, *, bare: bool, max_body_bytes: int, max_message_bytes: int
    ) -> None:
        self._exchanges = {
            media: Metered(exchange, meters, SOURCES.index(("https", name))) for media, name in ENCODINGS.items()
        }
        self._bare = bare
        self._max_body_bytes = max_body_bytes
        self._max_message_bytes = max_message_bytes

    async def answer(self, request: web.BaseRequest) -> Answer:
        """Give the response message, written as the request was."""
        conversation = _conversation(request)
        media_type = request.headers.get("Content-Type", "")
        dialect = text.dialect_of(media_type, bare=self._bare)
        if dialect is None:
            raise Refused(415)
        body = await self._body(request)
        conversation.answer()
        raw, dialect = await self._carry_out(body, media_type, dialect, conversation)
        return Answer(*await _aside(len(raw), text.encode, raw, dialect))

    async def _carry_out(
        self, body: bytes, media_type: str, dialect: Dialect, conversation: HttpConversation
    ) -> tuple[bytes, Dialect]:
        """Give the response in TTLV, and how it is to be written."""
        exchange = self._exchanges[dialect.media]
        try:
            raw, dialect = await _aside(len(body), partial(text.decode, bare=self._bare), body, media_type)
            self._check_size(raw)
        except KmipError as error:
            log.info("refused", reason=error.reason.token, message=error.message, **conversation.who())
            return exchange.refuse(error, conversation.peer), error.dialect if isinstance(
                error, Unreadable
            ) else dialect
        return await exchange.answer(raw, conversation.admitted()), dialect

    def _check_size(self, raw: bytes) -> None:
        if len(raw) > self._max_message_bytes:
            raise TtlvError(f"the message has {len(raw)} bytes, {self._max_message_bytes} are read at most", 4)

    async def _body(self, request: web.BaseRequest) -> bytes:
        """Give the whole body; its length must be told beforehand (HTTPS profile)."""
        length = request.content_length
        if length is None or "Transfer-Encoding" in request.headers:
            raise Refused(411)
        if length > self._max_body_bytes:
            raise Refused(413)
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Refused(415)
        await _invite(request)
        return await request.content.readexactly(length) if length else b""  # aiohttp cannot read nothing exactly


class Site:
    """A port's paths."""

    def __init__(self, endpoints: dict[str, Endpoint], meters: Meters) -> None:
        self._endpoints = endpoints
        self._meters = meters

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, and return when all of the answer is sent."""
        try:
            answer, last = await self._endpoint(request).answer(request), False
        except Refused as refused:
            # What was not read is not taken for the next request.
            answer, last = refusal(refused.status, **refused.fields), request.can_read_body
            log.info("refused", status=refused.status, **_conversation(request).who())
        except CertificateRefused as refused:
            answer, last = refusal(403), True
            log.info("connection refused", reason=str(refused), **_conversation(request).who())
        self._meters.sent(answer.status)
        # aiohttp's parser loses what comes after the offer of another protocol.
        return await _conversation(request).send(request, answer, last=last or "Upgrade" in request.headers)

    def _endpoint(self, request: web.BaseRequest) -> Endpoint:
        endpoint = self._endpoints.get(request.path)
        if endpoint is None:
            raise Refused(404)
        if request.method != endpoint.method:
            raise Refused(405, Allow=endpoint.method)
        return endpoint


def health(readiness: Readiness) -> dict[str, Endpoint]:
    """Give what both ports have."""
    return {"/livez": Document({"status": "UP"}), "/readyz": Ready(readiness)}


def public(exchange: Exchange, meters: Meters, *, max_body_bytes: int, max_message_bytes: int) -> dict[str, Endpoint]:
    """Give what the HTTPS port has besides: it is for clients with a certificate."""
    limits = {"max_body_bytes": max_body_bytes, "max_message_bytes": max_message_bytes}
    return {
        "/kmip": Kmip(exchange, meters, bare=False, **limits),
        "/kmip/2_1": Kmip(exchange, meters, bare=True, **limits),
        "/version": Document(__version__),
        "/openapi.json": Document(DOCUMENT),
    }


def _conversation(request: web.BaseRequest) -> HttpConversation:
    return cast(HttpConversation, request.protocol)  # the listener makes no other


async def _aside(size: int, transcode: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
    """Give what `transcode` gives; where it has much to do, the loop goes on with other clients meanwhile."""
    if size <= AT_ONCE_BYTES:
        return transcode(*arguments, **named)
    return await asyncio.to_thread(transcode, *arguments, **named)


async def _invite(request: web.BaseRequest) -> None:
    """Ask for the body where the client waits for that (RFC 9110 section 10.1.1 Expect)."""
    expected = request.headers.get("Expect")
    if expected is None:
        return
    if expected.lower() != "100-continue":
        raise Refused(417)
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
