"""The listening socket as one front end sees it: accepts, counts, sweeps deadlines, drains.

The socket is shared by all front ends, and whoever is awake accepts. Caps hold over all of them, through the tally.
"""

import asyncio
import errno
import socket
from functools import partial

import structlog
from OpenSSL import SSL

from gateway.config import Config
from gateway.server.connection import Connection, Exchange
from gateway.server.tally import Tally

SWEEP_S = 1.0
# How long a front end leaves new connections to the others when it has more than its share, and how many more.
YIELD_S = 0.002
SLACK = 2
# How long to wait when the machine has no descriptor or memory left for another connection.
EXHAUSTED_S = 0.5

log = structlog.get_logger()


class Listener:
    """Serves every connection that this front end accepts from `sock` (bound, listening, non-blocking)."""

    def __init__(
        self, sock: socket.socket, context: SSL.Context, exchange: Exchange, config: Config, tally: Tally
    ) -> None:
        self._socket = sock
        self._context = context
        self._exchange = exchange
        self._limits = config.server
        self._max_message_bytes = config.kmip.max_message_bytes
        self._tally = tally
        self._loop = asyncio.get_running_loop()
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._accepting = False
        self._yielded = False
        self._sweep_s = min(SWEEP_S, self._shortest_phase() / 4)

    def start(self) -> None:
        """Begin to accept."""
        self._accepting = True
        self._loop.add_reader(self._socket.fileno(), self._accept)
        self._loop.call_later(self._sweep_s, self._sweep)

    async def drain(self, seconds: float) -> None:
        """Accept no more, let requests in hand be answered, and cut what is not done in that time."""
        self._accepting = False
        self._loop.remove_reader(self._socket.fileno())
        for task, connection in self._connections.items():
            connection.drain()
            if connection.phase == "handshake":
                task.cancel()
        if not self._connections:
            return
        _, late = await asyncio.wait(list(self._connections), timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            log.warning("connections cut at shutdown", connections=len(late))
            await asyncio.wait(late)

    def _accept(self) -> None:
        """Accept one connection; the loop calls again while there are more, and another front end may be first."""
        if self._tally.surplus() > SLACK and not self._yielded:
            self._yielded = True  # once: the others may be busy, or gone
            self._rest(YIELD_S)
            return
        self._yielded = False
        try:
            sock, address = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            log.error("cannot accept a connection", reason=error.strerror)
            self._rest(EXHAUSTED_S)
            return
        self._admit(sock, address[0])

    def _rest(self, seconds: float) -> None:
        """Stop accepting for a moment."""
        self._loop.remove_reader(self._socket.fileno())
        self._loop.call_later(seconds, self._accept_again)

    def _accept_again(self) -> None:
        if self._accepting:
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def _admit(self, sock: socket.socket, address: str) -> None:
        """Start the conversation, unless a cap is reached."""
        cap = self._cap_reached(address)
        if cap:
            log.info("connection refused", address=address, reason=cap)
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tally.opened(address)
        connection = Connection(sock, address, self._context, self._exchange, self._limits, self._max_message_bytes)
        task = self._loop.create_task(connection.run())
        self._connections[task] = connection
        task.add_done_callback(partial(self._forget, address))

    def _cap_reached(self, address: str) -> str:
        if self._tally.open_connections() >= self._limits.max_connections:
            return "max_connections"
        if self._tally.open_from(address) >= self._limits.max_connections_per_address:
            return "max_connections_per_address"
        return ""

    def _forget(self, address: str, task: asyncio.Task[None]) -> None:
        self._tally.closed(address)
        del self._connections[task]
        if not task.cancelled():
            task.result()  # a fault of ours is told, not swallowed

    def _sweep(self) -> None:
        """Cut every connection whose phase is overdue."""
        now = self._loop.time()
        for task, connection in self._connections.items():
            if connection.deadline < now:
                log.info("connection cut", address=connection.address, phase=connection.phase)
                task.cancel()
        self._loop.call_later(self._sweep_s, self._sweep)

    def _shortest_phase(self) -> float:
        limits = self._limits
        return min(limits.handshake_timeout_s, limits.message_timeout_s, limits.idle_timeout_s)
