"""The power of power.c from the test's side: built once, preloaded into a gateway, and cut.

What survives is the least that fsync promises: of every file of the database, the bytes at its last fsync. Names of
files are taken to be safe, as on a journaling file system.
"""

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("power.c")
HEAD = struct.Struct("=qqq")  # offset, length of the earlier bytes, earlier size of the file


class Power:
    """What the files of one database rely on."""

    def __init__(self, folder: Path, database: Path) -> None:
        """Build it in the folder; skips the test where there is no C compiler."""
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler (Debian: gcc libc6-dev)")
        library = folder / "power.so"
        options = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run([compiler, *options, "-o", library, SOURCE, "-ldl"], check=True)
        self._database, self._undo = database, folder / "undo"
        self._undo.mkdir()
        self.environment = {
            "LD_PRELOAD": str(library),
            "POWER_FILES": str(database),
            "POWER_UNDO": str(self._undo),
        }

    def cut(self) -> int:
        """Undo what no fsync has followed, once every process is dead, and count the writes that are lost."""
        lost = 0
        for records in self._undo.iterdir():
            file = self._database.with_name(records.name)
            for offset, earlier, size in reversed(list(_records(records.read_bytes()))):
                lost += 1
                if file.exists():  # SQLite deletes its log when nobody has the database open any more
                    with file.open("r+b") as opened:
                        opened.seek(offset)
                        opened.write(earlier)
                        opened.truncate(size)
            records.unlink()
        return lost


def _records(raw: bytes) -> list[tuple[int, bytes, int]]:
    found, at = [], 0
    while at + HEAD.size <= len(raw):
        offset, length, size = HEAD.unpack_from(raw, at)
        at += HEAD.size
        found.append((offset, raw[at : at + length], size))
        at += length
    return found


def environment_with(power: Power) -> dict[str, str]:
    """Give the environment of a process that relies on it."""
    return os.environ | power.environment
