"""An HTTP port as one front end sees it: handshakes, counts connections, sweeps over their deadlines, drains."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from aiohttp import web

from gateway.config import ServerConfig
from gateway.server.acceptor import Acceptor
from gateway.server.http_connection import HttpConnection
from gateway.server.tally import Tally

SWEEP_S = 1.0

log = structlog.get_logger()

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HttpListener:
    """Serves every connection that this front end accepts from `sock`; without a context it speaks plain HTTP."""

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext | None, handler: Handler, limits: ServerConfig, tally: Tally
    ) -> None:
        self._context = context
        self._limits = limits
        self._tally = tally
        self._server = web.Server(handler)
        self._acceptor = Acceptor(sock, limits, tally, self._admit)
        self._loop = asyncio.get_running_loop()
        self._connections: dict[asyncio.Task[None], HttpConnection] = {}
        self._sweep_s = min(SWEEP_S, limits.message_timeout_s / 4, limits.idle_timeout_s / 4)

    def start(self) -> None:
        """Begin to accept."""
        self._acceptor.start()
        self._loop.call_later(self._sweep_s, self._sweep)

    async def drain(self, seconds: float) -> None:
        """Accept no more, let requests in hand be answered, and cut what is not done in that time."""
        self._acceptor.stop()
        for task, connection in self._connections.items():
            if connection.phase == "handshake":
                task.cancel()
        await self._server.shutdown(seconds)
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=seconds)

    def _admit(self, sock: socket.socket, address: str) -> None:
        self._tally.opened(address)
        connection = HttpConnection(self._server, address, self._limits)
        task = self._loop.create_task(self._converse(sock, connection))
        self._connections[task] = connection
        task.add_done_callback(partial(self._forget, address))

    async def _converse(self, sock: socket.socket, connection: HttpConnection) -> None:
        """Return at the end of the connection; everything between is aiohttp's to call."""
        patience = None if self._context is None else self._limits.handshake_timeout_s
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection, sock, ssl=self._context, ssl_handshake_timeout=patience
            )
            await connection.closed
        except OSError as error:  # of TLS too
            log.info("connection broken", address=connection.address, phase="handshake", reason=_reason(error))

    def _forget(self, address: str, task: asyncio.Task[None]) -> None:
        self._tally.closed(address)
        del self._connections[task]
        if not task.cancelled():
            task.result()  # a fault of ours is told, not swallowed

    def _sweep(self) -> None:
        """Cut every connection whose phase is overdue."""
        now = self._loop.time()
        for connection in self._connections.values():
            if connection.deadline < now:
                log.info("connection cut", address=connection.address, phase=connection.phase)
                connection.cut()
        self._loop.call_later(self._sweep_s, self._sweep)


def _reason(error: OSError) -> str:
    """Give OpenSSL's or the system's words for what went wrong."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "").lower().replace("_", " ") or type(error).__name__
    return error.strerror or type(error).__name__
