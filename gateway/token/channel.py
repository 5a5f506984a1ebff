"""One worker as a front end sees it: requests out, replies in, each joined to its future; failed when it dies.

Frames of one turn of the event loop leave in one write.
"""

import asyncio
import socket
from collections.abc import Iterator
from itertools import chain

import msgspec

from gateway.errors import ServerLimitExceeded, TokenDown, TokenTimeout
from gateway.token import frames
from gateway.token.frames import Failed, FailureCode, Splitter, append_frame, reply_decoder
from gateway.token.turns import CLIENT, Turns, Window

RECEIVE_BYTES = 256 * 1024
# Of one client, waiting for one worker; a message has 64 items under way at most, a connection one message.
MAX_WAITING = 2048
MAX_KEY_PAIRS_WAITING = 16
MAX_OUTGOING_BYTES = 64 * 1024 * 1024

Sent = tuple["asyncio.Future[frames.Result]", float]
Waiting = tuple[frames.Frame, "asyncio.Future[frames.Result]", float]


class NotSent(TokenDown):
    """The worker ended before it was sent the request, which another may carry out, whatever it is."""


class Worker:
    """One worker's socket: what is to go, and the futures of what was sent."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, index: int) -> None:
        sock.setblocking(False)
        self.index = index
        self._loop = loop
        self._sock = sock
        self._splitter = Splitter()
        self._outgoing = bytearray()
        self._flush_scheduled = False
        self._blocked = False
        self.sent: dict[int, Sent] = {}
        self._turns: Turns[Waiting] = Turns(MAX_WAITING)
        self._window = Window()
        # Key pairs take a second: one at a time is at the worker, so that what is quick goes in between.
        self._pairs: Turns[Waiting] = Turns(MAX_KEY_PAIRS_WAITING)
        self._pair = 0  # the frame of the one at the worker; 0 for none
        self.open = True
        self.token_down = False  # it said so before it ended
        self.closed_at = 0.0  # by the loop's clock
        loop.add_reader(sock, self._readable)

    def send(self, frame: frames.Frame, now: float) -> "asyncio.Future[frames.Result]":
        """Send a request at the end of this turn of the loop, or in its client's turn; the future gets its result."""
        if len(self._outgoing) > MAX_OUTGOING_BYTES:
            raise ServerLimitExceeded("too many requests are waiting for the token; try again later")
        future: asyncio.Future[frames.Result] = self._loop.create_future()
        if self._turns.count or len(self.sent) >= self._window.size:
            self._turns.add(CLIENT.get(), (frame, future, now))
            if self._turns.count == 1:
                self._window.crowded(self._loop.time())
        else:
            self._post(frame, future, now)
        return future

    def send_pair(self, frame: frames.Frame, now: float) -> "asyncio.Future[frames.Result]":
        """Send a request for a key pair when no other is under way; the future gets its result."""
        future: asyncio.Future[frames.Result] = self._loop.create_future()
        self._pairs.add(CLIENT.get(), (frame, future, now))
        self._next_pair()
        return future

    def _post(self, frame: frames.Frame, future: "asyncio.Future[frames.Result]", now: float) -> None:
        append_frame(self._outgoing, frame)
        self.sent[frame.id] = (future, now)
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    @property
    def load(self) -> int:
        """How many requests have no reply yet."""
        return len(self.sent) + self._turns.count + self._pairs.count

    def _next(self) -> None:
        """Send what waits, as far as the worker is to have it; what nobody waits for any more is left out."""
        while self._turns.count and len(self.sent) < self._window.size:
            waiting = self._turns.take()
            if not waiting[1].done():
                self._post(*waiting)
        if not self._turns.count:
            self._window.relieved(self._loop.time())

    def _next_pair(self) -> None:
        while self._pairs.count and not self._pair:
            waiting = self._pairs.take()
            if not waiting[1].done():
                self._pair = waiting[0].id
                self._post(*waiting)

    def _flush(self) -> None:
        self._flush_scheduled = False
        if not self.open or self._blocked:
            return
        self._write()

    def _write(self) -> None:
        try:
            sent = self._sock.send(self._outgoing)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        del self._outgoing[:sent]
        if self._outgoing and not self._blocked:
            self._blocked = True
            self._loop.add_writer(self._sock, self._writable)

    def _writable(self) -> None:
        self._write()
        if not self._outgoing and self._blocked and self.open:
            self._blocked = False
            self._loop.remove_writer(self._sock)

    def _readable(self) -> None:
        try:
            data = self._sock.recv(RECEIVE_BYTES)
            replies = [reply_decoder.decode(frame) for frame in self._splitter.feed(data)]
        except BlockingIOError:
            return
        except (OSError, ValueError, msgspec.DecodeError):
            self.close()
            return
        for reply in replies:
            self._deliver(reply)
        if not data:
            self.close()

    def _deliver(self, reply: frames.Reply) -> None:
        future, _ = self.sent.pop(reply.id, (None, 0.0))
        if self._turns.count:
            self._window.answered()
            self._next()
        if reply.id == self._pair:
            self._pair = 0
            self._next_pair()
        if future is None or future.done():  # timed out or cancelled meanwhile
            return
        if isinstance(reply, Failed):
            future.set_exception(reply.error())
            if reply.code is FailureCode.DOWN:  # the worker ends after saying so
                self.token_down = True
                self.close()
        else:
            future.set_result(reply.result)

    def expire(self, before: float) -> None:
        """Fail what was asked for before that time."""
        for future, sent_at in self._asked():
            if sent_at < before and not future.done():
                future.set_exception(TokenTimeout())
        self._window.sweep(self._loop.time())

    def _asked(self) -> Iterator[Sent]:
        """Give all that has no reply yet."""
        yield from self.sent.values()
        for _, future, asked_at in chain(self._turns, self._pairs):
            yield future, asked_at

    def close(self) -> None:
        """Give the worker up: all in flight fails at once, as it may or may not have been carried out.

        What it was not sent yet fails as NotSent.
        """
        if not self.open:
            return
        self.open = False
        self.closed_at = self._loop.time()
        self._loop.remove_reader(self._sock)
        if self._blocked:
            self._loop.remove_writer(self._sock)
        self._sock.close()
        for future, _ in self.sent.values():
            if not future.done():
                future.set_exception(TokenDown())
        for _, future, _ in chain(self._turns, self._pairs):
            if not future.done():
                future.set_exception(NotSent())
        for each in (self.sent, self._turns, self._pairs):
            each.clear()
