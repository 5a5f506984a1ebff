"""A port as one front end sees it: counts connections, sweeps over their deadlines, drains."""

import asyncio
import socket
from collections.abc import Callable
from functools import partial

import structlog

from gateway.config import ServerConfig
from gateway.server.acceptor import Acceptor
from gateway.server.connection import Connection
from gateway.server.tally import Tally

SWEEP_S = 1.0

# Gives the conversation with a client that was accepted: its socket, its address.
Connect = Callable[[socket.socket, str], Connection]

log = structlog.get_logger()


class Listener:
    """Serves every connection that this front end accepts from `sock` (bound, listening, non-blocking)."""

    def __init__(self, sock: socket.socket, connect: Connect, limits: ServerConfig, tally: Tally) -> None:
        self._connect = connect
        self._limits = limits
        self._tally = tally
        self._loop = asyncio.get_running_loop()
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._acceptor = Acceptor(sock, limits, tally, self._admit)
        self._sweep_s = min(SWEEP_S, self._shortest_phase() / 4)

    def start(self) -> None:
        """Begin to accept."""
        self._acceptor.start()
        self._loop.call_later(self._sweep_s, self._sweep)

    def quiet(self) -> None:
        """Accept no more; the connections go on."""
        self._acceptor.stop()

    def doubt(self) -> None:
        """Have the certificate of every client that is connected looked at again, at its next request."""
        for connection in self._connections.values():
            connection.good_until = 0.0

    async def drain(self, seconds: float) -> None:
        """Accept no more, let requests in hand be answered, and cut what is not done in that time."""
        self._acceptor.stop()
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

    def _admit(self, sock: socket.socket, address: str) -> None:
        """Start the conversation."""
        self._tally.opened(address)
        connection = self._connect(sock, address)
        task = self._loop.create_task(connection.run())
        self._connections[task] = connection
        task.add_done_callback(partial(self._forget, address))

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
