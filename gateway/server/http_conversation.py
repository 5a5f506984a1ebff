"""One conversation in HTTP: aiohttp parses and writes, and here is how long each of its phases may take.

aiohttp's own timers do not cover a client that sends or reads byte by byte, so the phases are those of the connection,
as on the KMIP port, and the listener sweeps over their deadlines.
"""

import asyncio
import math
from typing import Any

import structlog
from aiohttp import HttpVersion11, web
from aiohttp.web_protocol import RequestHandler

from gateway.access.identity import Peer
from gateway.config import ServerConfig
from gateway.server.answers import Answer, refusal, written
from gateway.server.connection import LINGER_S, Connection
from gateway.server.transport import Transport

log = structlog.get_logger()


class Sent(web.StreamResponse):
    """What aiohttp is told of an answer that is on its way already."""

    def __init__(self, *, kept: bool) -> None:
        super().__init__()
        self._kept = kept

    @property
    def keep_alive(self) -> bool:
        """Tell whether another request may follow."""
        return self._kept

    async def prepare(self, request: web.BaseRequest) -> None:
        """Do nothing more."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing more."""


KEPT, ENDED = Sent(kept=True), Sent(kept=False)


class HttpConversation(RequestHandler):
    """What is said on one connection, whose phases it enters."""

    __slots__ = ("_connection", "_limits", "_over", "_sent", "_transport", "draining")

    def __init__(self, server: web.Server, limits: ServerConfig, connection: Connection) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=limits.idle_timeout_s,
            tcp_keepalive=False,
            lingering_time=LINGER_S,
            auto_decompress=False,  # a compressed body is refused, not opened
            access_log=None,  # type: ignore[arg-type]  # aiohttp means "none" by it, and its type does not say so
        )
        self._connection = connection
        self._limits = limits
        self._transport = Transport(connection, self)
        self._over: asyncio.Future[None] = self._loop.create_future()
        self.draining = False

    @property
    def peer(self) -> Peer | None:
        """Who speaks; None without TLS, where nobody asks for anything of anybody."""
        return self._connection.peer

    def admitted(self) -> Peer:
        """Give who asks; raises CertificateRefused as the connection does."""
        return self._connection.admitted()

    def who(self) -> dict[str, str]:
        """Give who speaks, for the log."""
        known = {} if self.peer is None else {"identity": self.peer.identity.name, "tenant": self.peer.identity.tenant}
        return known | {"address": self._connection.address}

    async def run(self, received: bytes, *, last: bool = False) -> None:
        """Answer until one side has ended it; `received` is what the client has said already, and all with `last`."""
        self.draining = last
        self._await_request()
        self._transport.start(received)
        try:
            await self._over
        finally:
            self._transport.abort()

    def drain(self) -> None:
        """Let the request in hand be answered, and end."""
        self.draining = True
        self._finish()

    def answer(self) -> None:
        """Begin to answer; the token's own deadlines hold."""
        self._connection.enter("answer", math.inf)

    async def send(self, request: web.BaseRequest, answer: Answer, *, last: bool = False) -> web.StreamResponse:
        """Send an answer, and begin to wait for the next request when all of it is sent; after the last, end."""
        self._connection.enter("write", self._limits.message_timeout_s)
        kept = request.keep_alive and not last and not self.draining
        old = request.version < HttpVersion11
        self._transport.write(written(answer, kept=kept, old=old, bodiless=request.method == "HEAD"))
        await self._transport.sent()
        self._await_request()
        return KEPT if kept else ENDED

    def data_received(self, data: bytes) -> None:
        """Take bytes from the wire; from the first of a request on, all of it has to come in time."""
        if self._connection.phase == "idle":
            self._connection.enter("message", self._limits.message_timeout_s)
        super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # a transport asks, though aiohttp has nothing to say
        """Answer what was asked before the client stopped sending; tell whether there is something."""
        return self._finish()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of what the conversation had."""
        super().connection_lost(exc)
        if not self._over.done():
            self._over.set_result(None)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Give the answer to what is no HTTP, or met a fault of ours; neither says more than that."""
        if status >= 500 and not isinstance(exc, ConnectionError):
            log.error("fault", what="HTTP request", exc_info=exc)
        if status < 500:
            log.info("refused", status=status, **self.who())
        self._transport.write(written(refusal(status), kept=False))
        return ENDED

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a fault in aiohttp's own words."""
        log.error("fault", what=str(args[0]) if args else "", exc_info=kw.get("exc_info"))

    def _await_request(self) -> None:
        self._connection.enter("idle", self._limits.idle_timeout_s)

    def _finish(self) -> bool:
        """End after the request in hand; at once, and False, if there is none."""
        waiting = self._waiter is not None and not self._waiter.done()
        if waiting:
            self.force_close()
        else:
            self.close()
        return not waiting
