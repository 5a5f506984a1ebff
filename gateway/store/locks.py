"""A file whose bytes are locks: held by a process while it lives, dropped by the kernel whatever its end.

They are Linux's open file description locks, one per byte. No reused process id and no second container with its own
process ids can fool whoever asks, as they could with a number in a table.
"""

import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import F_OFD_GETLK, F_OFD_SETLK, F_UNLCK, F_WRLCK, fcntl
from pathlib import Path

MIGRATION = 0  # The byte of whoever creates or changes the tables; an instance has the byte of its number, from 1.
NEXT, WRITING = 1 << 60, 1 << 61  # The bytes of the process that may write next, and of the one that writes.
TELLING = 1 << 59  # The byte of the process that tells the operator of an outage, for all of them.
POLL_S = 0.0002
NOTE_BYTES = 8
MARKS_BYTES = 24  # the note, and the two numbers of `marks`

_FLOCK = "hhqqi4x"  # struct flock of Linux on a 64-bit machine: type, whence, start, length, pid


class LockFile:
    """The lock file beside a database."""

    def __init__(self, database: Path) -> None:
        """Open it, or create it for the owner only."""
        self._path = f"{database}-locks"
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def hold(self, byte: int, timeout_s: float = 0) -> None:
        """Take a byte, until `drop` or `close`.

        It polls, because the kernel's own wait has no time limit and a stopped process would stop all the others.

        Raises:
            TimeoutError: another held it all the time.
        """
        end = time.monotonic() + timeout_s
        while True:
            try:
                fcntl(self._fd, F_OFD_SETLK, _flock(F_WRLCK, byte))
                return
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise TimeoutError("another process holds the lock") from None
            time.sleep(POLL_S)

    def drop(self, byte: int) -> None:
        """Give a byte back."""
        fcntl(self._fd, F_OFD_SETLK, _flock(F_UNLCK, byte))

    @contextmanager
    def turn(self, timeout_s: float) -> Iterator[None]:
        """Hold the right to write, which processes get in turn.

        SQLite alone lets the one that has just written write again while the others sleep: of two busy processes, one
        waited two seconds. Whoever waits here for WRITING holds NEXT, so that the last writer cannot overtake it.
        """
        self.hold(NEXT, timeout_s)
        try:
            self.hold(WRITING, timeout_s)
        finally:
            self.drop(NEXT)
        try:
            yield
        finally:
            self.drop(WRITING)

    def held_elsewhere(self, byte: int) -> bool:
        """Say whether somebody holds the byte, this LockFile itself not counted."""
        kind: int = struct.unpack(_FLOCK, fcntl(self._fd, F_OFD_GETLK, _flock(F_WRLCK, byte)))[0]
        return kind != F_UNLCK

    def in_use(self) -> bool:
        """Say whether any process has the database open."""
        kind: int = struct.unpack(_FLOCK, fcntl(self._fd, F_OFD_GETLK, _flock(F_WRLCK, MIGRATION, TELLING)))[0]
        return kind != F_UNLCK

    def note(self, commit: int) -> None:
        """Write down the number of the last commit, for whoever opens the database next.

        No fsync: after a power cut an earlier number stands here, which says no more than nothing.
        """
        os.pwrite(self._fd, commit.to_bytes(NOTE_BYTES, "little"), 0)

    def noted(self) -> int | None:
        """Give the number that was noted last, None where none ever was."""
        raw = os.pread(self._fd, NOTE_BYTES, 0)
        return int.from_bytes(raw, "little") if len(raw) == NOTE_BYTES else None

    def shared(self) -> memoryview:
        """Give the file's numbers of 8 bytes as memory shared with all processes that ask; the first is the note.

        The room is taken on the disk at once: memory that has none there ends the process that writes to it. The file
        is opened anew, because the memory keeps what it is of open, and with it the locks would outlast `close`.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.posix_fallocate(fd, 0, MARKS_BYTES)
            return memoryview(mmap.mmap(fd, MARKS_BYTES)).cast("Q")
        finally:
            os.close(fd)

    def close(self) -> None:
        """Drop every byte held."""
        os.close(self._fd)


def _flock(kind: int, byte: int, length: int = 1) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, byte, length, 0)
