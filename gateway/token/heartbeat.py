"""What a worker shows of itself while it cannot speak: since when it is in a call, and how long that call may take.

Three floats in memory shared with the supervisor, each written in one store. Times are of CLOCK_MONOTONIC, which is
one clock for all processes of a machine.
"""

import mmap
import os
import time

SIZE_BYTES = 4096
STARTED, ALLOWED, ALIVE = 0, 1, 2
# A worker without work looks up every IDLE_TICK_S; one that has not for IDLE_LIMIT_S is stopped or lost.
IDLE_TICK_S = 1.0
IDLE_LIMIT_S = 10.0


class Heartbeat:
    """The shared memory behind a file descriptor, for the worker to write and the supervisor to read."""

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, SIZE_BYTES)
        self._values = memoryview(self._memory).cast("d")

    def begin(self, allowed_s: float) -> None:
        """Say that a call begins now and may take so long."""
        values = self._values
        values[ALLOWED] = allowed_s
        values[STARTED] = time.monotonic()

    def idle(self) -> None:
        """Say that the worker is alive and in no call."""
        self._values[STARTED] = 0.0
        self._values[ALIVE] = time.monotonic()

    def overdue(self, now: float) -> bool:
        """Say whether the call has taken longer than it may, or an idle worker has stopped looking up."""
        values = self._values
        started, allowed, alive = values[STARTED], values[ALLOWED], values[ALIVE]
        if started != values[STARTED]:  # a new call began while we read: the worker lives
            return False
        if started:
            return now > started + allowed
        return now > alive + IDLE_LIMIT_S

    def close(self) -> None:
        """Unmap the memory."""
        self._values.release()
        self._memory.close()


def create() -> int:
    """Give the file descriptor of new shared memory, all zeros; the caller closes it."""
    fd = os.memfd_create("kmip-gateway heartbeat", os.MFD_CLOEXEC)
    os.ftruncate(fd, SIZE_BYTES)
    return fd
