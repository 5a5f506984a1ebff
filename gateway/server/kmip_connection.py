"""A connection of the KMIP port: request messages answered strictly in order, or HTTP where a client begins with POST.

The profiles let the port have both: a Request Message begins with a byte of 42 hex, and POST does not.
"""

import asyncio
import math
import socket

import structlog
from OpenSSL import SSL

from gateway.config import Config
from gateway.server.connection import RECORD_BYTES, Connection, Exchange, Speak
from gateway.server.trust import Trust
from gateway.wire.framing import Framer, FramingError

# Requests that a client sends ahead wait in the framer up to this much; beyond it, reading stops until they are
# answered. A message that is larger than this is still read to its end.
AHEAD_BYTES = 65536
POST = b"POST "

log = structlog.get_logger()


class KmipConnection(Connection):
    """The conversation with one client in binary TTLV; with `speak`, in HTTP too."""

    __slots__ = ("_exchange", "_framer", "_limits", "_paused")

    def __init__(
        self,
        sock: socket.socket,
        address: str,
        trust: Trust,
        config: Config,
        exchange: Exchange,
        speak: Speak | None,
    ) -> None:
        super().__init__(sock, address, trust, config.server, speak, exchange.turn_away)
        self._exchange = exchange
        self._limits = config.server
        self._framer = Framer(config.kmip.max_message_bytes)
        self._paused = False

    def drain(self) -> None:
        """Let what the client has asked be answered, read no more, and end the conversation."""
        if self._http is not None:
            super().drain()
            return
        if self._ended or self.phase in ("handshake", "linger"):
            return
        self._read()  # what has arrived was sent in good faith
        if not self._ended:
            self._end()
        self._wake()

    async def _converse(self) -> None:
        """Answer what the client asks, in the language that it begins with."""
        self._loop.add_reader(self.socket.fileno(), self._read)
        self._read()  # the first request may have come in with the end of the handshake
        if self._speak is not None and await self._begins_with(POST):
            self._loop.remove_reader(self.socket.fileno())
            await self._speak_http(self._framer.take())
        else:
            await self._answer_messages()

    async def _begins_with(self, start: bytes) -> bool:
        """Tell whether the client's first bytes are these; waits for as many as tell."""
        while start.startswith(begun := self._framer.peek(len(start))) and begun != start and not self._ended:
            self._await_message()
            await self._woken()
        return begun == start

    async def _answer_messages(self) -> None:
        try:
            while (message := await self._next_message()) is not None:
                self.enter("answer", math.inf)
                await self._write(await self._answer(message))
                if len(self._framer):
                    await asyncio.sleep(0)  # a client that sends ahead takes turns with the others
        except FramingError as error:
            log.info("connection refused", address=self.address, reason=str(error))
            await self._write(self._exchange.refuse(error, self.peer))
            await self._linger()

    async def _answer(self, message: bytes) -> bytes:
        return await self._exchange.answer(message, self.admitted())

    async def _next_message(self) -> bytes | None:
        """Give the next request, or None when there will be no more."""
        while (message := self._framer.next_message()) is None and not self._ended:
            self._await_message()
            await self._woken()
        return message

    def _await_message(self) -> None:
        """Set the deadline for what is missing: a whole message, or the rest of one from its first byte on."""
        if not len(self._framer):
            self.enter("idle", self._limits.idle_timeout_s)
        else:
            if self.phase != "message":
                self.enter("message", self._limits.message_timeout_s)
            # A client with Nagle's algorithm sends the rest of what is longer than a TLS record only when the first
            # was acknowledged, for which the kernel takes 40 ms; it forgets that it is not to, so it is told each time.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if self._paused:
            self._paused = False
            self._loop.add_reader(self.socket.fileno(), self._read)

    async def _write(self, data: bytes) -> None:
        """Send all of the data, in one TLS record where it fits one.

        Some clients take one read for one response (libkmip does), so a response is never split on purpose.
        """
        rest: bytes | memoryview = data
        while (sent := self._send(rest)) < len(rest):
            if not sent:
                if self.phase != "write":
                    self.enter("write", self._limits.message_timeout_s)
                await self._writable()
            rest = memoryview(rest)[sent:]

    def _send(self, data: bytes | memoryview) -> int:
        """Send what goes now and give how many bytes that was, one record at most; 0 when the socket is full."""
        try:
            return self.tls.send(data)
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
            self.tell_broken(error)
            self._end()
        if self.phase in ("answer", "write") and len(self._framer) > AHEAD_BYTES and not self._ended:
            self._paused = True
            self._loop.remove_reader(self.socket.fileno())
        self._wake()

    def _receive(self) -> None:
        self._framer.feed(self.tls.recv(RECORD_BYTES))
        # What is decrypted already would not make the socket readable again.
        while self.tls.pending():
            self._framer.feed(self.tls.recv(RECORD_BYTES))

    def _end(self) -> None:
        """Note that the client sends no more; what it asked before is still answered."""
        self._ended = True
        self._loop.remove_reader(self.socket.fileno())
