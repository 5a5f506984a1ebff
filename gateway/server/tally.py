"""Open connections of all front ends, in memory that they share: each writes its own row and reads all of them.

Addresses are counted in buckets: two that fall into one share its cap, which errs on the safe side. A row of a front
end that died is cleared by the supervisor, so nothing leaks.
"""

import mmap
from hashlib import blake2b
from secrets import token_bytes

from gateway.rates import Paces

BUCKETS = 1024
TOTAL = 0  # the first cell of a row; the buckets follow
ROW_CELLS = 1 + BUCKETS
BURST_S = 10.0  # a client that starts opens all its connections at once
CELL_BYTES = 4  # written in one store, so a reader never sees half of one


class Tally:
    """Counts of one front end (`row`) beside those of the others; made before the first fork."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._cells = memoryview(mmap.mmap(-1, rows * ROW_CELLS * CELL_BYTES)).cast("I")
        self._key = token_bytes(16)  # a client must not be able to choose its bucket
        self.row = 0
        self._handshakes = Paces()

    def opened(self, address: str) -> None:
        """Count a connection of this front end."""
        self._add(address, 1)

    def closed(self, address: str) -> None:
        """Count it no more."""
        self._add(address, -1)

    def open_connections(self) -> int:
        """Tell how many connections all front ends have."""
        return self._sum(TOTAL)

    def open_from(self, address: str) -> int:
        """Tell how many of them come from this address."""
        return self._sum(self._bucket(address))

    def too_fast(self, address: str, per_s: int) -> bool:
        """Tell whether new connections from this address come faster than that; one that does not is counted."""
        return self._handshakes.charge(address, 1 / per_s, BURST_S) > 0

    def surplus(self) -> int:
        """Tell how many connections this front end has more than the one that has fewest."""
        totals = self._cells[TOTAL::ROW_CELLS].tolist()
        return totals[self.row] - min(totals)

    def clear(self, row: int) -> None:
        """Forget what a dead front end had."""
        start = row * ROW_CELLS
        self._cells[start : start + ROW_CELLS] = memoryview(bytes(ROW_CELLS * CELL_BYTES)).cast("I")

    def _add(self, address: str, change: int) -> None:
        start = self.row * ROW_CELLS
        self._cells[start + TOTAL] += change
        self._cells[start + self._bucket(address)] += change

    def _sum(self, cell: int) -> int:
        return sum(self._cells[row * ROW_CELLS + cell] for row in range(self._rows))

    def _bucket(self, address: str) -> int:
        digest = blake2b(address.encode(), digest_size=4, key=self._key).digest()
        return 1 + int.from_bytes(digest, "big") % BUCKETS
