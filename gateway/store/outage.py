"""Whether the database takes writes, told once when it stops and once when it does again.

While it does not, nobody waits long for it: a write fails at once, and the writer itself looks whether it is back.
"""

import time
from contextlib import suppress

import structlog

from gateway.store.connection import WRITER_TIMEOUT_S
from gateway.store.locks import TELLING, LockFile

# How long a write waits for the lock of a database that has failed before, and how often the writer tries by itself.
DOWN_TIMEOUT_S = 0.25
PROBE_S = 1.0

log = structlog.get_logger()


class Outage:
    """The state of one process' writer; of all processes that share the database, one tells of it."""

    def __init__(self, locks: LockFile) -> None:
        self._locks = locks
        self._since: float | None = None
        self._telling = False

    @property
    def lasts(self) -> bool:
        """Whether the last write failed because of the database."""
        return self._since is not None

    @property
    def patience_s(self) -> float:
        """How long a write may wait for its turn."""
        return DOWN_TIMEOUT_S if self.lasts else WRITER_TIMEOUT_S

    @property
    def probe_s(self) -> float | None:
        """After how long without work to try a write; None: not at all."""
        return PROBE_S if self.lasts else None

    def begin(self, cause: Exception) -> None:
        """Note that a write failed."""
        if self._since is not None:
            return
        self._since = time.monotonic()
        with suppress(OSError):  # another process tells
            self._locks.hold(TELLING)
            self._telling = True
            log.error("database down", error=str(cause))

    def end(self) -> None:
        """Note that a write was made."""
        if self._since is None:
            return
        if self._telling:
            log.warning("database up", down_s=round(time.monotonic() - self._since, 1))
            self._locks.drop(TELLING)
        self._since, self._telling = None, False
