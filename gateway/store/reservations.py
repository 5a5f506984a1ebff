"""CKA_IDs reserved before they are used, so that a crash leaves no key on the token that nobody knows of.

A reservation belongs to an instance: one process that has the store open and holds the instance's lock while it lives.
"""

import asyncio
import os
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from sqlite3 import Connection

from gateway.store.connection import WRITER_TIMEOUT_S
from gateway.store.locks import LockFile

BLOCK = 256  # One durable commit for so many objects made.
LOW = BLOCK // 4  # Refilled from here on, in the background.
CKA_ID_BYTES = 16
# A reservation that the reaper of this very process finds handed out so often in a row is nobody's any more: its rounds
# are as far apart as a token call may take, and no request takes two of them from the reservation to the commit.
SIGHTINGS = 3


def register(connection: Connection, locks: LockFile) -> int:
    """Give the number of a new instance, whose lock is held before any other process can see its row."""
    with locks.turn(WRITER_TIMEOUT_S):
        connection.execute("BEGIN IMMEDIATE")
        values = os.getpid(), int(time.time())
        instance = connection.execute("INSERT INTO instances (pid, started) VALUES (?, ?)", values).lastrowid
        assert instance is not None  # noqa: S101 - SQLite gives every inserted row an id; the type only says "maybe".
        locks.hold(instance)
        connection.execute("COMMIT")
    return instance


class Stock:
    """The reserved CKA_IDs that this process has not handed out yet."""

    def __init__(self, reserve: Callable[[list[bytes]], Awaitable[None]]) -> None:
        """Start empty; `reserve` makes a block of reservations durable."""
        self._reserve = reserve
        self._ids: deque[bytes] = deque()
        self._sightings: dict[bytes, int] = {}
        self._refilling: asyncio.Task[None] | None = None

    async def take(self) -> bytes:
        """Give a reserved CKA_ID, without a turn of the event loop while there are any."""
        while len(self._ids) <= LOW:
            refilling = self._refill()
            if self._ids:
                break
            # Shielded: the others that wait for the same block must get it when this caller is cancelled.
            await asyncio.shield(refilling)
        return self._ids.popleft()

    def overdue(self, unspent: Iterable[bytes]) -> list[bytes]:
        """Give those of the unspent that were handed out and never will be spent.

        Their requests have failed, and did not know whether there is a key: its worker was killed over it.
        """
        left = set(self._ids)
        self._sightings = {each: self._sightings.get(each, 0) + 1 for each in unspent if each not in left}
        return [each for each, count in self._sightings.items() if count >= SIGHTINGS]

    async def drain(self) -> list[bytes]:
        """Give all that is left, for the end."""
        if self._refilling is not None:
            await asyncio.wait([self._refilling])
        left = list(self._ids)
        self._ids.clear()
        return left

    def _refill(self) -> asyncio.Task[None]:
        if self._refilling is None:
            self._refilling = asyncio.create_task(self._fill())
            self._refilling.add_done_callback(self._refilled)
        return self._refilling

    async def _fill(self) -> None:
        block = [secrets.token_bytes(CKA_ID_BYTES) for _ in range(BLOCK)]
        await self._reserve(block)
        self._ids.extend(block)

    def _refilled(self, task: "asyncio.Task[None]") -> None:
        self._refilling = None
        if not task.cancelled():
            task.exception()  # The writer has logged it, and whoever waits has it; asking keeps asyncio quiet.
