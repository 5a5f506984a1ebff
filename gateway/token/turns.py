"""Whose request goes to a worker next: clients take turns, however much each of them has waiting.

What was sent to a worker cannot be overtaken any more. So only as much is sent as keeps it busy, and the rest waits
here, where a client that comes with one request is behind one request of each other client and not behind all of them.
"""

from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Generic, TypeVar

from gateway.errors import ServerLimitExceeded

# On whose behalf the present task asks the token: set once for a connection, and inherited by what it begins. An
# argument would have to be handed through every operation and verb.
CLIENT: ContextVar[str] = ContextVar("client", default="")

# How long what was sent may keep a worker busy; who comes new waits that long before its turn.
SENT_S = 0.005
# Fewer than these would let a worker wait for its next frame, more make a newcomer wait and no frame cheaper.
FEWEST_SENT = 4
MOST_SENT = 128
# A measurement of fewer says little.
ENOUGH = 32

T = TypeVar("T")


class Turns(Generic[T]):
    """What waits, in a line for each client; `count` is how many there are in all."""

    def __init__(self, most_of_client: int) -> None:
        self._most = most_of_client
        self._lines: dict[str, deque[T]] = {}  # never an empty one; the first in the dictionary is the next
        self.count = 0

    def add(self, client: str, item: T) -> None:
        """Put an item at the end of its client's line.

        Raises:
            ServerLimitExceeded: so many of this client's are waiting already.
        """
        line = self._lines.get(client)
        if line is None:
            line = self._lines[client] = deque()
        elif len(line) >= self._most:
            raise ServerLimitExceeded("too many of your requests are waiting for the token; try again later")
        line.append(item)
        self.count += 1

    def take(self) -> T:
        """Give the first item of the client whose turn it is; its next turn comes after all others'."""
        client = next(iter(self._lines))
        line = self._lines.pop(client)
        item = line.popleft()
        if line:
            self._lines[client] = line
        self.count -= 1
        return item

    def __iter__(self) -> Iterator[T]:
        """Give all that waits."""
        for line in self._lines.values():
            yield from line

    def clear(self) -> None:
        """Let nothing wait."""
        self._lines.clear()
        self.count = 0


class Window:
    """How many requests a worker is sent at a time, by how long it takes over one while others wait."""

    def __init__(self) -> None:
        self.size = MOST_SENT
        self._answered = 0
        self._busy_s = 0.0
        self._since: float | None = None

    def crowded(self, now: float) -> None:
        """Note that something begins to wait; now is in seconds of any steady clock."""
        self._since = now

    def answered(self) -> None:
        """Count an answer that came while something waited."""
        self._answered += 1

    def relieved(self, now: float) -> None:
        """Note that nothing waits any more, and fit the size once enough is known."""
        if self._since is not None:
            self._busy_s += now - self._since
            self._since = None
        if self._answered >= ENOUGH and self._busy_s > 0:
            self.size = min(MOST_SENT, max(FEWEST_SENT, int(SENT_S * self._answered / self._busy_s)))
            self._answered, self._busy_s = 0, 0.0

    def sweep(self, now: float) -> None:
        """Fit the size now and then, also while something waits all the time."""
        if self._since is not None:
            self.relieved(now)
            self.crowded(now)
