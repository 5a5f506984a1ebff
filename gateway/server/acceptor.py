"""Accepting from a listening socket that all front ends share, and no more than the caps allow.

Whoever is awake accepts. Caps hold over all front ends and all listeners, through the tally.
"""

import asyncio
import errno
import socket
from collections.abc import Callable

import structlog

from gateway.config import ServerConfig
from gateway.server.tally import Tally

# How long a front end leaves new connections to the others when it has more than its share, and how many more.
YIELD_S = 0.002
SLACK = 2
# How long to wait when the machine has no descriptor or memory left for another connection.
EXHAUSTED_S = 0.5

log = structlog.get_logger()


class Acceptor:
    """Gives every connection that it accepts from `sock` (bound, listening, non-blocking) to `admit`."""

    def __init__(
        self, sock: socket.socket, limits: ServerConfig, tally: Tally, admit: Callable[[socket.socket, str], None]
    ) -> None:
        self._socket = sock
        self._limits = limits
        self._tally = tally
        self._admit = admit
        self._loop = asyncio.get_running_loop()
        self._accepting = False
        self._yielded = False

    def start(self) -> None:
        """Begin to accept."""
        self._accepting = True
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def stop(self) -> None:
        """Accept no more."""
        self._accepting = False
        self._loop.remove_reader(self._socket.fileno())

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
        self._offer(sock, address[0])

    def _rest(self, seconds: float) -> None:
        """Stop accepting for a moment."""
        self._loop.remove_reader(self._socket.fileno())
        self._loop.call_later(seconds, self._accept_again)

    def _accept_again(self) -> None:
        if self._accepting:
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def _offer(self, sock: socket.socket, address: str) -> None:
        """Hand the connection on, unless a cap is reached."""
        cap = self._cap_reached(address)
        if cap:
            log.info("connection refused", address=address, reason=cap)
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._admit(sock, address)

    def _cap_reached(self, address: str) -> str:
        if self._tally.open_connections() >= self._limits.max_connections:
            return "max_connections"
        if self._tally.open_from(address) >= self._limits.max_connections_per_address:
            return "max_connections_per_address"
        pace = self._limits.max_handshakes_per_address_per_s
        if pace and self._tally.too_fast(address, pace):
            return "max_handshakes_per_address_per_s"
        return ""
