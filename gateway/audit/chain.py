"""The files of one chain, written by one process: each line has the hash of the line before it, across files.

The rule here: a line is in the file whole, or not at all; what a full disk cut off is taken away before more is added.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from gateway.audit.records import chained, genesis, hash_of

SUFFIX = ".jsonl"
DIGITS = 6


def file_name(chain: str, number: int) -> str:
    """Give the name of a chain's file; the first has number 1."""
    return f"{chain}.{number:0{DIGITS}}{SUFFIX}"


class Chain:
    """A chain that is being written; `count` lines so far, the last of which has the hash `head`."""

    def __init__(self, folder: Path, name: str, max_file_bytes: int, *, durable: bool = False) -> None:
        """A `durable` one has what it leaves in a file on the disk before it begins the next."""
        self.name = name
        self.count = 0
        self.head = genesis(name)
        self._folder = folder
        self._most = max_file_bytes
        self._durable = durable
        self._number = 0
        self._fd = -1
        self._size = 0
        self._torn = False

    def append(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Write the records as lines, all with one call, and give the lines.

        Raises:
            OSError: they could not be written, and none of them is in the chain.
        """
        head, count, lines = self.head, self.count, []
        for body in bodies:
            line = chained(count, head, body)
            head = hash_of(line)
            count += 1
            lines.append(line)
        self._write(lines[0] + b"\n" if len(lines) == 1 else b"\n".join([*lines, b""]))
        self.head, self.count = head, count
        return lines

    def _write(self, data: bytes) -> None:
        if self._fd < 0 or self._size >= self._most:
            self._begin_file()
        if self._torn:
            os.ftruncate(self._fd, self._size)
            self._torn = False
        self._torn = True  # until all of it is known to be there
        if os.write(self._fd, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False
        self._size += len(data)

    def _begin_file(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(self._number + 1)
        if self._durable and self._fd >= 0:
            os.fsync(self._fd)  # afterwards only the new file is synced
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self.close()
        self._fd, self._size, self._torn = fd, 0, False
        self._number += 1

    def _path(self, number: int) -> Path:
        return self._folder / file_name(self.name, number)

    def check(self) -> None:
        """Make sure that the file is still where it was, and as long as it was left.

        Raises:
            OSError: somebody has removed it, put another in its place, or altered it; what follows goes to a new file.
        """
        if self._fd < 0:
            return
        try:
            seen, own = os.stat(self._path(self._number)), os.fstat(self._fd)
            intact = os.path.samestat(seen, own) and (self._torn or own.st_size == self._size)
        except FileNotFoundError:
            intact = False
        if not intact:
            self.close()
            raise OSError(errno.ESTALE, "an audit file was removed or altered")

    @property
    def descriptor(self) -> int:
        """The file that is written to now, for fsync; -1 before the first record."""
        return self._fd

    def close(self) -> None:
        """Close the file; what is added after that goes to the next."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
