"""One HTTP connection: aiohttp parses and writes, and here is who the client is and how long it may take.

aiohttp's own timers do not cover a client that sends or reads byte by byte, so a connection has phases with deadlines,
as on the KMIP port, and the listener sweeps over them.
"""

import asyncio
import math
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from cryptography.x509 import load_der_x509_certificate

from gateway.access.identity import Peer
from gateway.config import ServerConfig
from gateway.server.peer import CertificateRefused, peer_of

# What a client that was refused still sends is read for so long, so that it gets to see the refusal.
LINGER_S = 2.0
# aiohttp would name itself, Python and both versions.
HEADERS = {"Server": "kmip-gateway", "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

log = structlog.get_logger()


class HttpConnection(RequestHandler):
    """The conversation with one client; `deadline` is when the present phase must be over, in loop time.

    `peer` is None without TLS, where nobody asks for anything of anybody.
    """

    __slots__ = ("_limits", "_wire", "address", "closed", "deadline", "peer", "phase")

    def __init__(self, server: web.Server, address: str, limits: ServerConfig) -> None:
        self._limits = limits
        self._wire: asyncio.Transport | None = None  # aiohttp forgets its own before the last byte is sent
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=limits.idle_timeout_s,
            lingering_time=LINGER_S,
            auto_decompress=False,  # a compressed body is refused, not opened
            access_log=None,  # type: ignore[arg-type]  # aiohttp means "none" by it, and its type does not say so
        )
        self.address = address
        self.peer: Peer | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.enter("handshake", math.inf)  # the loop has its own deadline for it

    def enter(self, phase: str, seconds: float) -> None:
        """Begin a phase that may take so long."""
        self.phase = phase
        self.deadline = self._loop.time() + seconds

    def await_request(self) -> None:
        """Begin to wait for the next request."""
        self.enter("idle", self._limits.idle_timeout_s)

    def answer(self) -> None:
        """Begin to answer; the token's own deadlines hold."""
        self.enter("answer", math.inf)

    def write(self) -> None:
        """Begin to send the answer."""
        self.enter("write", self._limits.message_timeout_s)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take up a connection, after its handshake."""
        self._wire = cast(asyncio.Transport, transport)  # what a stream socket has, in TLS and without
        secured = transport.get_extra_info("ssl_object")
        try:
            if secured is not None:
                self.peer = _peer(secured.getpeercert(binary_form=True), self.address)
        except CertificateRefused as refused:
            log.info("connection refused", address=self.address, reason=str(refused))
            transport.close()
            return
        super().connection_made(transport)
        self.await_request()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of what the connection had."""
        super().connection_lost(exc)
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the wire; from the first of a request on, all of it has to come in time."""
        if self.phase == "idle":
            self.enter("message", self._limits.message_timeout_s)
        super().data_received(data)

    def cut(self) -> None:
        """End the connection at once."""
        if self._wire is not None:
            self._wire.abort()

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
        response = refusal(status)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a fault in aiohttp's own words."""
        log.error("fault", what=str(args[0]) if args else "", exc_info=kw.get("exc_info"))


def refusal(status: int, **headers: str) -> web.Response:
    """Give an answer that is one line of text, the status in words."""
    words = REASONS.get(status, "The request cannot be answered.")
    return web.Response(status=status, text=f"{words}\n", headers=HEADERS | headers)


REASONS = {
    400: "This is not a request of HTTP/1.1.",
    404: "There is nothing at this path.",
    405: "This path has another method.",
    411: "A request needs a Content-Length.",
    413: "The body is larger than this server reads.",
    415: "The body's type or coding is none that this server reads.",
    417: "The expectation cannot be met.",
    500: "The request failed; the server's log says why.",
}


def _peer(certificate: bytes | None, address: str) -> Peer:
    try:
        return peer_of(load_der_x509_certificate(certificate) if certificate else None, address)
    except ValueError:
        raise CertificateRefused("unreadable certificate") from None
