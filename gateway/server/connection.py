"""One client connection, whatever it speaks: handshake, phases with deadlines, and how it ends.

A task per connection reads as the conversation goes; the socket itself is driven by readiness (`add_reader`) and not
by a transport, because a transport's TLS buffers cost more than the whole rest of an idle connection. Nothing here
owns a timer: a phase has a deadline, and the listener sweeps over all of them once a second.
"""

import asyncio
import math
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import structlog
from OpenSSL import SSL

from gateway.access.identity import Peer
from gateway.config import Config, ServerConfig
from gateway.errors import KmipError
from gateway.server.peer import CertificateRefused, peer_of
from gateway.server.plain import Plain
from gateway.server.tls import reason_of
from gateway.server.trust import Trust
from gateway.token.turns import CLIENT

# One TLS record at most comes out of one read, or goes in with one write (RFC 8446 section 5.1).
RECORD_BYTES = 16384
# How long a client may take to notice that it was refused before the connection is dropped under it.
LINGER_S = 2.0

log = structlog.get_logger()


class Exchange(Protocol):
    """The gateway behind a listener: bytes in, bytes out."""

    def answer(self, raw: bytes, peer: Peer, /) -> Awaitable[bytes]:
        """Give the response to one request message; never raises."""
        ...

    def adopt(self, config: Config, /) -> None:
        """Answer by this configuration from now on, as far as it may change while the gateway runs."""
        ...

    def refuse(self, error: KmipError, peer: Peer | None, /) -> bytes:
        """Give the response to bytes that are no request message."""
        ...

    def turn_away(self, address: str, reason: str, /) -> None:
        """Note a client that was refused before it could say anything."""
        ...

    def check(self) -> Awaitable[None]:
        """Return when database and token have answered; raises KmipError when one does not."""
        ...


class Conversation(Protocol):
    """What is said in HTTP on a connection."""

    def run(self, received: bytes, /, *, last: bool) -> Awaitable[None]:
        """Answer until one side has ended it; `received` is what the client has said already, and all with `last`."""
        ...

    def drain(self) -> None:
        """Let what the client has asked be answered, and end."""
        ...


class Connection:
    """The conversation with one client; `deadline` is when the present phase must be over, in loop time.

    Without trust it has no TLS, and `peer` is None: nobody asks for anything of anybody there. `good_until` is when
    the client's certificate has to be looked at again, in seconds since 1970; to have it so at once, set it to 0.
    """

    __slots__ = (
        "_ended",
        "_http",
        "_loop",
        "_speak",
        "_trust",
        "_turn_away",
        "_verified_by",
        "_waiter",
        "address",
        "deadline",
        "good_until",
        "peer",
        "phase",
        "socket",
        "tls",
    )

    def __init__(
        self,
        sock: socket.socket,
        address: str,
        trust: Trust | None,
        limits: ServerConfig,
        speak: "Speak | None",
        turn_away: "TurnAway | None" = None,
    ) -> None:
        self.socket = sock
        self.tls = trust.secure(sock) if trust else Plain(sock)
        self.tls.set_accept_state()
        self.address = address
        self.peer: Peer | None = None
        self.good_until = math.inf
        self._trust = trust
        self._verified_by = trust.authority if trust else b""
        self._speak = speak
        self._turn_away = turn_away
        self._http: Conversation | None = None
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False  # the client sends no more, or is not to
        self.enter("handshake", limits.handshake_timeout_s)

    def enter(self, phase: str, seconds: float) -> None:
        """Begin a phase that may take so long."""
        self.phase = phase
        self.deadline = self._loop.time() + seconds

    async def run(self) -> None:
        """Serve the client until it leaves, breaks a rule or the listener cancels; the socket is closed afterwards."""
        try:
            await self._handshake()
            self._admit()
            if self.peer is not None:
                # Which client it is, a request says; who shows no certificate is told by the address.
                CLIENT.set(self.peer.shown.key if self.peer.shown and self.peer.shown.key else self.address)
            await self._converse()
        except CertificateRefused as refused:
            log.info("connection refused", address=self.address, reason=str(refused))
            self._note_refusal(str(refused))
        except (SSL.Error, OSError) as error:
            self.tell_broken(error)
        finally:
            self._close()

    def drain(self) -> None:
        """Let what the client has asked be answered, and end the conversation."""
        self._ended = True
        if self._http is not None:
            self._http.drain()

    def tell_broken(self, error: SSL.Error | OSError) -> None:
        """Log why the connection broke; a client that just leaves is not worth an operator's eye."""
        left = isinstance(error, SSL.SysCallError | SSL.ZeroReturnError | OSError)
        reason = error.strerror or type(error).__name__ if isinstance(error, OSError) else reason_of(error)
        tell = log.debug if left else log.info
        tell("connection broken", address=self.address, phase=self.phase, reason=reason)
        if self.phase == "handshake" and not left:
            self._note_refusal(reason)

    def _note_refusal(self, reason: str) -> None:
        if self._turn_away is not None:
            self._turn_away(self.address, reason)

    def admitted(self) -> Peer:
        """Give who asks, as every request has to.

        Raises:
            CertificateRefused: the client's certificate has ended since, or does not count any more.
        """
        if time.time() > self.good_until:
            self._admit()
        if self.peer is None:  # where KMIP is spoken there is TLS, so this cannot be; nobody is served then
            raise CertificateRefused("no certificate")
        return self.peer

    def _admit(self) -> None:
        if self._trust is None or isinstance(self.tls, Plain):
            return
        certificate = self.tls.get_peer_certificate(as_cryptography=True)
        self.peer = peer_of(certificate, self.address)
        if certificate is not None:
            self.good_until = self._trust.good_until(certificate, self.tls, self._verified_by)
            self._verified_by = self._trust.authority

    async def _handshake(self) -> None:
        self._loop.add_reader(self.socket.fileno(), self._wake)
        while True:
            try:
                self.tls.do_handshake()
                return
            except SSL.WantReadError:
                await self._woken()
            except SSL.WantWriteError:
                await self._writable()

    async def _converse(self) -> None:
        """Serve the client, whose identity is known now."""
        await self._speak_http(b"")

    async def _speak_http(self, received: bytes) -> None:
        """Serve a client of HTTP that has said this already."""
        if self._speak is None:
            return
        self._http = self._speak(self)
        try:
            await self._http.run(received, last=self._ended)
        finally:
            self._http = None  # or both would wait for the garbage collector
        if not self._ended:
            await self._linger()

    async def _linger(self) -> None:
        """Wait until the client has stopped sending: a close before that would reset the connection under the answer.

        What still comes is thrown away undeciphered.
        """
        self.enter("linger", LINGER_S)
        self._notify_close()
        self.socket.shutdown(socket.SHUT_WR)
        self._loop.add_reader(self.socket.fileno(), self._wake)
        while self._discarded():
            await self._woken()

    def _discarded(self) -> bool:
        """Throw away what has come; False at its end."""
        try:
            return bool(self.socket.recv(RECORD_BYTES))
        except BlockingIOError:
            return True

    async def _woken(self) -> None:
        self._waiter = self._loop.create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _writable(self) -> None:
        descriptor = self.socket.fileno()
        writable = self._loop.create_future()
        self._loop.add_writer(descriptor, _settle, writable)
        try:
            await writable
        finally:
            self._loop.remove_writer(descriptor)

    def _notify_close(self) -> None:
        """Send the close_notify of TLS; nobody waits for the client's."""
        with suppress(SSL.Error, OSError):
            self.tls.shutdown()

    def _close(self) -> None:
        self._ended = True
        self._loop.remove_reader(self.socket.fileno())
        if self.phase != "linger":
            self._notify_close()
        self.socket.close()


# Is told of a client that was refused: its address, and why.
TurnAway = Callable[[str, str], None]

# Gives what is said in HTTP on a connection.
Speak = Callable[[Connection], Conversation]


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
