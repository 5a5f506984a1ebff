"""One client connection: handshake, then requests answered strictly in order until one side ends it.

A task per connection reads as the conversation goes; the socket itself is driven by readiness (`add_reader`) and not
by a transport, because a transport's TLS buffers cost more than the whole rest of an idle connection. Nothing here
owns a timer: a phase has a deadline, and the listener sweeps over all of them once a second.
"""

import asyncio
import math
import socket
import ssl
from collections.abc import Awaitable
from contextlib import suppress
from typing import Protocol

import structlog

from gateway.access.identity import Peer
from gateway.config import ServerConfig
from gateway.errors import KmipError
from gateway.server.peer import CertificateRefused, peer_of
from gateway.wire.framing import Framer, FramingError

# One TLS record at most comes out of one read (RFC 8446 section 5.1).
RECORD_BYTES = 16384
# Requests that a client sends ahead wait in the framer up to this much; beyond it, reading stops until they are
# answered. A message that is larger than this is still read to its end.
AHEAD_BYTES = 65536
# How long a client may take to notice that it was refused before the connection is dropped under it.
LINGER_S = 2.0

log = structlog.get_logger()


class Exchange(Protocol):
    """The gateway behind a listener: bytes in, bytes out."""

    def answer(self, raw: bytes, peer: Peer, /) -> Awaitable[bytes]:
        """Give the response to one request message; never raises."""
        ...

    def refuse(self, error: KmipError, /) -> bytes:
        """Give the response to bytes that are no request message."""
        ...


class Connection:
    """The conversation with one client; `deadline` is when the present phase must be over, in loop time."""

    __slots__ = (
        "_draining",
        "_ended",
        "_exchange",
        "_framer",
        "_limits",
        "_loop",
        "_paused",
        "_socket",
        "_waiter",
        "address",
        "deadline",
        "phase",
    )

    def __init__(
        self, sock: ssl.SSLSocket, address: str, exchange: Exchange, limits: ServerConfig, max_message_bytes: int
    ) -> None:
        self._socket = sock
        self.address = address
        self._exchange = exchange
        self._limits = limits
        self._framer = Framer(max_message_bytes)
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._paused = False
        self._ended = False  # the client sends no more
        self._draining = False
        self._enter("handshake", limits.handshake_timeout_s)

    async def run(self) -> None:
        """Serve the client until it leaves, breaks a rule or the listener cancels; the socket is closed afterwards."""
        try:
            await self._handshake()
            await self._converse(peer_of(self._socket, self.address))
        except CertificateRefused as refused:
            log.info("connection refused", address=self.address, reason=str(refused))
        except OSError as error:
            self._tell_broken(error)
        finally:
            self._close()

    def drain(self) -> None:
        """Let the request in hand be answered and end the conversation after it."""
        self._draining = True
        self._wake()

    async def _handshake(self) -> None:
        self._loop.add_reader(self._socket.fileno(), self._wake)
        while True:
            try:
                self._socket.do_handshake()
                return
            except ssl.SSLWantReadError:
                await self._woken()
            except ssl.SSLWantWriteError:
                await self._writable()

    async def _converse(self, peer: Peer) -> None:
        """Answer what the client asks; HTTP on this port is to be told apart here, by the first bytes in the framer."""
        self._loop.add_reader(self._socket.fileno(), self._read)
        self._read()  # the first request may have come in with the end of the handshake
        try:
            while (message := await self._next_message()) is not None:
                self._enter("answer", math.inf)
                await self._write(await self._exchange.answer(message, peer))
        except FramingError as error:
            log.info("connection refused", address=self.address, reason=str(error))
            await self._write(self._exchange.refuse(error))
            await self._linger()

    async def _next_message(self) -> bytes | None:
        """Give the next request, or None when there will be no more."""
        while (message := self._framer.next_message()) is None and not (self._ended or self._draining):
            self._await_message()
            await self._woken()
        return message

    def _await_message(self) -> None:
        """Set the deadline for what is missing: a whole message, or the rest of one from its first byte on."""
        if not len(self._framer):
            self._enter("idle", self._limits.idle_timeout_s)
        elif self.phase != "message":
            self._enter("message", self._limits.message_timeout_s)
        if self._paused:
            self._paused = False
            self._loop.add_reader(self._socket.fileno(), self._read)

    async def _write(self, data: bytes) -> None:
        """Send all of the data, in one TLS record where it fits one.

        Some clients take one read for one response (libkmip does), so a response is never split on purpose.
        """
        sent = self._send(data)
        if sent == len(data):
            return
        self._enter("write", self._limits.message_timeout_s)
        rest = memoryview(data)
        while len(rest := rest[sent:]):
            await self._writable()
            sent = self._send(rest)

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self._socket.send(data)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0

    def _read(self) -> None:
        """Move what the socket has into the framer; the loop calls it when the socket is readable."""
        try:
            self._receive()
        except ssl.SSLWantReadError:
            return
        except OSError as error:
            self._tell_broken(error)
            self._end()
        if self.phase == "answer" and len(self._framer) > AHEAD_BYTES and not self._ended:
            self._paused = True
            self._loop.remove_reader(self._socket.fileno())
        self._wake()

    def _receive(self) -> None:
        data = self._socket.recv(RECORD_BYTES)
        while data:
            self._framer.feed(data)
            # What is decrypted already would not make the socket readable again.
            if not self._socket.pending():
                return
            data = self._socket.recv(RECORD_BYTES)
        self._end()

    def _end(self) -> None:
        """Note that the client sends no more; what it asked before is still answered."""
        self._ended = True
        self._loop.remove_reader(self._socket.fileno())

    async def _linger(self) -> None:
        """Wait until the client has stopped sending: a close before that would reset the connection under the answer.

        After `shutdown` the socket is a plain one, and what comes is thrown away undeciphered.
        """
        self._enter("linger", LINGER_S)
        with suppress(OSError):
            self._socket.unwrap()
        self._socket.shutdown(socket.SHUT_WR)
        self._loop.add_reader(self._socket.fileno(), self._wake)
        while self._discarded():
            await self._woken()

    def _discarded(self) -> bool:
        """Throw away what has come; False at its end."""
        try:
            return bool(self._socket.recv(RECORD_BYTES))
        except BlockingIOError:
            return True

    async def _woken(self) -> None:
        self._waiter = self._loop.create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _writable(self) -> None:
        descriptor = self._socket.fileno()
        writable = self._loop.create_future()
        self._loop.add_writer(descriptor, _settle, writable)
        try:
            await writable
        finally:
            self._loop.remove_writer(descriptor)

    def _enter(self, phase: str, seconds: float) -> None:
        self.phase = phase
        self.deadline = self._loop.time() + seconds

    def _tell_broken(self, error: OSError) -> None:
        """Log why the connection broke; a client that leaves without a word is not worth an operator's eye."""
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        tell = log.info if self.phase == "handshake" and isinstance(error, ssl.SSLError) else log.debug
        tell(
            "connection refused" if self.phase == "handshake" else "connection broken",
            address=self.address,
            reason=reason,
            phase=self.phase,
        )

    def _close(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        # The close_notify of TLS; nobody waits for the client's. After a linger there is no TLS left: ValueError.
        with suppress(OSError, ValueError):
            self._socket.unwrap()
        self._socket.close()


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
