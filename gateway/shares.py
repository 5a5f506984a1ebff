"""How much of a front end one client has at a time: so many batch items are carried out at once, the rest waits.

An event loop goes round by round over all that is ready. If a client with fifty connections has a hundred items in
each, a round takes a quarter of a second for everybody. Here its messages come one after the other, each in a round of
its own, and other clients' come in between; it loses nothing, for the processor is as busy either way.
"""

import asyncio
from collections import deque
from typing import NamedTuple

# Of one client in one front end, at once and begun in one round. A message with more is carried out alone; a client
# that sends single requests has this many connections before one of them waits.
MOST_ITEMS = 64


class Waiting(NamedTuple):
    """A message that waits for others of its client."""

    items: int
    turn: "asyncio.Future[None]"


class Shares:
    """Who has how many items in hand; a message that does not `enter` at once waits for its `turn`, and then leaves."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None  # of whoever comes first
        self._held: dict[str, int] = {}  # none that is 0
        self._begun: dict[str, int] = {}  # in this round
        self._lines: dict[str, deque[Waiting]] = {}  # none that is empty
        self._round = 0.0  # the time of uvloop, which moves between rounds only, by milliseconds
        self._next: asyncio.Handle | None = None

    def enter(self, client: str, items: int) -> bool:
        """Begin a message if it may begin at once."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        now = loop.time()
        if now != self._round:
            self._round = now
            self._begun.clear()
        if client in self._lines or not self._has_room(client, items):
            return False
        self._begin(client, items)
        return True

    async def turn(self, client: str, items: int) -> None:
        """Begin a message when those of its client before it have left room."""
        waiting = Waiting(items, asyncio.get_running_loop().create_future())
        self._lines.setdefault(client, deque()).append(waiting)
        self._look_again()
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting.turn.done() and not waiting.turn.cancelled():
                self.leave(client, items)
            raise

    async def pass_through(self, client: str, items: int) -> None:
        """Return when so much may be done at once, in this round."""
        if not self.enter(client, items):
            await self.turn(client, items)
        self.leave(client, items)

    def leave(self, client: str, items: int) -> None:
        """End a message, and let those that wait for it begin in the next round."""
        held = self._held.pop(client) - items
        if held:
            self._held[client] = held
        if client in self._lines:
            self._look_again()

    def _has_room(self, client: str, items: int) -> bool:
        used = max(self._held.get(client, 0), self._begun.get(client, 0))
        return not used or used + items <= MOST_ITEMS

    def _begin(self, client: str, items: int) -> None:
        self._held[client] = self._held.get(client, 0) + items
        self._begun[client] = self._begun.get(client, 0) + items

    def _look_again(self) -> None:
        if self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._begin_next)

    def _begin_next(self) -> None:
        """Begin a new round, in which of each client as many begin as have room."""
        self._next = None
        self._begun.clear()
        for client, line in list(self._lines.items()):
            while line and (line[0].turn.done() or self._has_room(client, line[0].items)):
                waiting = line.popleft()
                if not waiting.turn.done():
                    self._begin(client, waiting.items)
                    waiting.turn.set_result(None)
            if not line:
                del self._lines[client]
            elif client not in self._held:
                self._look_again()
