"""The disk of disk.c from the test's side: built once, preloaded into a gateway, and told how to fail."""

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("disk.c")
NUMBERS = struct.Struct("<iii")  # errno of writes, errno of fsync, milliseconds of fsync


class FaultyDisk:
    """The control of one disk, shared with every process that it is preloaded into."""

    def __init__(self, folder: Path) -> None:
        """Build it in the folder; skips the test where there is no C compiler."""
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler (Debian: gcc libc6-dev)")
        self._library = folder / "disk.so"
        options = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run([compiler, *options, "-o", self._library, SOURCE, "-ldl"], check=True)
        self._control = folder / "disk.control"
        self._control.write_bytes(bytes(NUMBERS.size))
        with self._control.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), NUMBERS.size)

    def environment(self, database: Path) -> dict[str, str]:
        """Give what a process needs in its environment for this disk to be the database's."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAULTY_DISK_CONTROL": str(self._control),
            "FAULTY_DISK_FILES": str(database),
        }

    def fail(self, *, writes: int = 0, syncs: int = 0, sync_ms: int = 0) -> None:
        """Let writes and fsyncs fail with an errno, or fsyncs take their time; without any, be well."""
        NUMBERS.pack_into(self._map, 0, writes, syncs, sync_ms)
