"""Counts of requests and their times, in memory that all front ends share: each adds to its own row.

Whichever front end is asked for the metrics gives the sums. The row of one that died is kept, for a counter must not
fall, and its successor goes on with it.
"""

import mmap
from bisect import bisect_left
from collections.abc import Awaitable
from time import perf_counter

from gateway.access.identity import Peer
from gateway.config import Config
from gateway.errors import KmipError
from gateway.server.connection import Exchange

# Where a request comes in, and what it is written in.
SOURCES = (("kmip", "ttlv"), ("https", "ttlv"), ("https", "json"), ("https", "xml"))
# Upper bounds in seconds: a software token, an HSM in the rack, one far away, one that makes RSA keys.
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
STATUSES = (200, 400, 401, 403, 404, 405, 411, 413, 415, 417, 422, 500, 503)

SOURCE_CELLS = len(BOUNDS) + 2  # a count for each bound and one beyond, then the sum in microseconds
ROW_CELLS = len(SOURCES) * SOURCE_CELLS + len(STATUSES)
CELL_BYTES = 8


class Meters:
    """What one front end (`row`) counts, and the sums of all; made before the first fork."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._cells = memoryview(mmap.mmap(-1, rows * ROW_CELLS * CELL_BYTES)).cast("Q")
        self.row = 0

    def answered(self, source: int, seconds: float) -> None:
        """Count a request; `source` is a place in SOURCES."""
        start = self.row * ROW_CELLS + source * SOURCE_CELLS
        self._cells[start + bisect_left(BOUNDS, seconds)] += 1
        self._cells[start + SOURCE_CELLS - 1] += int(seconds * 1e6)

    def sent(self, status: int) -> None:
        """Count an HTTP answer; a status that is not in STATUSES is not."""
        if status in STATUSES:
            self._cells[self.row * ROW_CELLS + len(SOURCES) * SOURCE_CELLS + STATUSES.index(status)] += 1

    def times(self, source: int) -> tuple[list[int], float]:
        """Give how many requests took up to each bound (cumulative, the last one is all), and their seconds."""
        *counts, microseconds = (self._sum(source * SOURCE_CELLS + cell) for cell in range(SOURCE_CELLS))
        return [sum(counts[: place + 1]) for place in range(len(counts))], microseconds / 1e6

    def statuses(self) -> dict[int, int]:
        """Give how often each HTTP status was sent."""
        start = len(SOURCES) * SOURCE_CELLS
        return {status: self._sum(start + place) for place, status in enumerate(STATUSES)}

    def _sum(self, cell: int) -> int:
        return sum(self._cells[row * ROW_CELLS + cell] for row in range(self._rows))


class Metered:
    """An exchange whose requests are counted as those of one source."""

    def __init__(self, exchange: Exchange, meters: Meters, source: int) -> None:
        self._exchange = exchange
        self._meters = meters
        self._source = source

    async def answer(self, raw: bytes, peer: Peer) -> bytes:
        """Answer one request message, whatever it is."""
        begun = perf_counter()
        answer = await self._exchange.answer(raw, peer)
        self._meters.answered(self._source, perf_counter() - begun)
        return answer

    def adopt(self, config: Config) -> None:
        """Answer by this configuration from now on."""
        self._exchange.adopt(config)

    def refuse(self, error: KmipError, peer: Peer | None) -> bytes:
        """Give the response to bytes that are no request message."""
        return self._exchange.refuse(error, peer)

    def turn_away(self, address: str, reason: str) -> None:
        """Note a client that was refused before it could say anything."""
        self._exchange.turn_away(address, reason)

    def check(self) -> Awaitable[None]:
        """Return when database and token have answered."""
        return self._exchange.check()
