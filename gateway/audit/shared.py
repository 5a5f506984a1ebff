"""The chain that several processes write in turn: commands of operators, starts and stops of the gateway.

Each takes the file's lock, reads where the chain ends, and adds its line; there are few, and nobody waits long.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.audit.chain import file_name
from gateway.audit.records import Record, chained, decode, encode, genesis, hash_of

NAME = "operators"
TAIL_BYTES = 65536  # more than any line of ours


def add(folder: Path, record: Record) -> bytes:
    """Add a record, on the disk when this returns, and give its line.

    Raises:
        OSError: it cannot be written.
        ValueError: the file does not end with a record of ours.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder) as fd:
        count, head, end = _end(fd)
        line = chained(count, head, encode(record)) + b"\n"
        os.ftruncate(fd, end)
        if os.pwrite(fd, line, end) != len(line):
            os.ftruncate(fd, end)
            raise OSError(f"{folder}: no space for an audit record")
        os.fsync(fd)
    return line.removesuffix(b"\n")


def end_of(folder: Path) -> tuple[int, str]:
    """Give how many lines the chain has, and the hash of the last.

    Raises:
        OSError: it cannot be read.
        ValueError: it does not end with a record of ours.
    """
    with _locked(folder) as fd:
        count, head, _ = _end(fd)
    return count, head.decode()


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    fd = os.open(folder / file_name(NAME, 1), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def _end(fd: int) -> tuple[int, bytes, int]:
    """Give the number of lines, the hash of the last whole one, and where it ends; a torn line after it is dropped."""
    size = os.fstat(fd).st_size
    start = max(0, size - TAIL_BYTES)
    tail = os.pread(fd, size - start, start)
    whole = tail.rfind(b"\n") + 1
    if not whole:
        if start:
            raise ValueError("the audit chain of operators does not end with a record")
        return 0, genesis(NAME), 0
    last = tail[tail.rfind(b"\n", 0, whole - 1) + 1 : whole - 1]
    return decode(last).seq + 1, hash_of(last), start + whole
