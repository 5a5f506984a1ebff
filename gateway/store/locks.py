"""A file whose bytes are locks: held by a process while it lives, dropped by the kernel whatever its end.

They are Linux's open file description locks, one per byte. No reused process id and no second container with its own
process ids can fool whoever asks, as they could with a number in a table.
"""

import os
import struct
from fcntl import F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_UNLCK, F_WRLCK, fcntl
from pathlib import Path

MIGRATION = 0  # The byte of whoever creates or changes the tables; an instance has the byte of its number, from 1.

_FLOCK = "hhqqi4x"  # struct flock of Linux on a 64-bit machine: type, whence, start, length, pid


class LockFile:
    """The lock file beside a database."""

    def __init__(self, database: Path) -> None:
        """Open it, or create it for the owner only."""
        self._fd = os.open(f"{database}-locks", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def hold(self, byte: int, *, wait: bool = False) -> None:
        """Take a byte until `close`; without `wait`, one that is taken raises BlockingIOError."""
        fcntl(self._fd, F_OFD_SETLKW if wait else F_OFD_SETLK, _lock(byte))

    def held_elsewhere(self, byte: int) -> bool:
        """Say whether somebody holds the byte, this LockFile itself not counted."""
        kind: int = struct.unpack(_FLOCK, fcntl(self._fd, F_OFD_GETLK, _lock(byte)))[0]
        return kind != F_UNLCK

    def close(self) -> None:
        """Drop every byte held."""
        os.close(self._fd)


def _lock(byte: int) -> bytes:
    return struct.pack(_FLOCK, F_WRLCK, os.SEEK_SET, byte, 1, 0)
