"""One client connection: handshake, then requests answered strictly in order until one side ends it.

A task per connection reads as the conversation goes; the socket itself is driven by readiness (`add_reader`) and not
by a transport, because a transport's TLS buffers cost more than the whole rest of an idle connection. Nothing here
owns a timer: a phase has a deadline, and the listener sweeps over all of them once a second.
"""

import asyncio
import math
import socket
from collections.abc import Awaitable
from contextlib import suppress
from typing import Protocol

import structlog
from OpenSSL import SSL

from gateway.access.identity import Peer
from gateway.config import ServerConfig
from gateway.errors import KmipError
from gateway.server.peer import CertificateRefused, peer_of
from gateway.server.tls import reason_of
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

    def check(self) -> Awaitable[None]:
        """Return when database and token have answered; raises KmipError when one does not."""
        ...


class Connection:
    """The conversation with one client; `deadline` is when the present phase must be over, in loop time."""

    __slots__ = (
        "_ended",
        "_exchange",
        "_framer",
        "_limits",
        "_loop",
        "_paused",
        "_socket",
        "_tls",
        "_waiter",
        "address",
        "deadline",
        "phase",
    )

    def __init__(
        self,
        sock: socket.socket,
        address: str,
        context: SSL.Context,
        exchange: Exchange,
        limits: ServerConfig,
        max_message_bytes: int,
    ) -> None:
        self._socket = sock
        self._tls = SSL.Connection(context, sock)
        self._tls.set_accept_state()
        self.address = address
        self._exchange = exchange
        self._limits = limits
        self._framer = Framer(max_message_bytes)
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._paused = False
        self._ended = False  # the client sends no more
        self._enter("handshake", limits.handshake_timeout_s)

    async def run(self) -> None:
        """Serve the client until it leaves, breaks a rule or the listener cancels; the socket is closed afterwards."""
        try:
            await self._handshake()
            certificate = self._tls.get_peer_certificate(as_cryptography=True)
            await self._converse(peer_of(certificate, self.address))
        except CertificateRefused as refused:
            log.info("connection refused", address=self.address, reason=str(refused))
        except (SSL.Error, OSError) as error:
            self._tell_broken(error)
        finally:
            self._close()

    def drain(self) -> None:
        """Let what the client has asked be answered, read no more, and end the conversation."""
        if self._ended or self.phase in ("handshake", "linger"):
            return
        self._read()  # what has arrived was sent in good faith
        if not self._ended:
            self._end()
        self._wake()

    async def _handshake(self) -> None:
        self._loop.add_reader(self._socket.fileno(), self._wake)
        while True:
            try:
                self._tls.do_handshake()
                return
            except SSL.WantReadError:
                await self._woken()
            except SSL.WantWriteError:
                await self._writable()

    async def _converse(self, peer: Peer) -> None:
        """Answer what the client asks; HTTP on this port is to be told apart here, by the first bytes in the framer."""
        self._loop.add_reader(self._socket.fileno(), self._read)
        self._read()  # the first request may have come in with the end of the handshake
        try:
            while (message := await self._next_message()) is not None:
                self._enter("answer", math.inf)
                await self._write(await self._exchange.answer(message, peer))
                if len(self._framer):
                    await asyncio.sleep(0)  # a client that sends ahead takes turns with the others
        except FramingError as error:
            log.info("connection refused", address=self.address, reason=str(error))
            await self._write(self._exchange.refuse(error))
            await self._linger()

    async def _next_message(self) -> bytes | None:
        """Give the next request, or None when there will be no more."""
        while (message := self._framer.next_message()) is None and not self._ended:
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
        rest: bytes | memoryview = data
        while (sent := self._send(rest)) < len(rest):
            if not sent:
                if self.phase != "write":
                    self._enter("write", self._limits.message_timeout_s)
                await self._writable()
            rest = memoryview(rest)[sent:]

    def _send(self, data: bytes | memoryview) -> int:
        """Send what goes now and give how many bytes that was, one record at most; 0 when the socket is full."""
        try:
            return self._tls.send(data)
        except (SSL.WantWriteError, SSL.WantReadError):
            return 0

    def _read(self) -> None:
        """Move what the socket has into the framer; the loop calls it when the socket is readable."""
        try:
            self._receive()
        except SSL.WantReadError:
            pass  # a record of TLS itself
        except SSL.ZeroReturnError:
            self._end()
        except (SSL.Error, OSError) as error:
            self._tell_broken(error)
            self._end()
        if self.phase in ("answer", "write") and len(self._framer) > AHEAD_BYTES and not self._ended:
            self._paused = True
            self._loop.remove_reader(self._socket.fileno())
        self._wake()

    def _receive(self) -> None:
        self._framer.feed(self._tls.recv(RECORD_BYTES))
        # What is decrypted already would not make the socket readable again.
        while self._tls.pending():
            self._framer.feed(self._tls.recv(RECORD_BYTES))

    def _end(self) -> None:
        """Note that the client sends no more; what it asked before is still answered."""
        self._ended = True
        self._loop.remove_reader(self._socket.fileno())

    async def _linger(self) -> None:
        """Wait until the client has stopped sending: a close before that would reset the connection under the answer.

        What still comes is thrown away undeciphered.
        """
        self._enter("linger", LINGER_S)
        self._notify_close()
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

    def _tell_broken(self, error: SSL.Error | OSError) -> None:
        """Log why the connection broke; a client that just leaves is not worth an operator's eye."""
        left = isinstance(error, SSL.SysCallError | SSL.ZeroReturnError | OSError)
        reason = error.strerror or type(error).__name__ if isinstance(error, OSError) else reason_of(error)
        tell = log.debug if left else log.info
        tell("connection broken", address=self.address, phase=self.phase, reason=reason)

    def _notify_close(self) -> None:
        """Send the close_notify of TLS; nobody waits for the client's."""
        with suppress(SSL.Error, OSError):
            self._tls.shutdown()

    def _close(self) -> None:
        self._ended = True
        self._loop.remove_reader(self._socket.fileno())
        if self.phase != "linger":
            self._notify_close()
        self._socket.close()


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
