"""What every process of the gateway does so that nobody else reads its memory.

The rule here: each process does it itself when it begins, since a program that is started anew may be read again.
"""

import ctypes
import os
import resource
from pathlib import Path

PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
SWAPS = Path("/proc/swaps")

_libc = ctypes.CDLL(None, use_errno=True)


def forbid_core_files() -> None:
    """Let no crash leave this process's memory on the disk; a child inherits it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def forbid_dumps() -> None:
    """Let neither a core file nor another process of this user read the memory, nor what /proc has of the process.

    Raises:
        OSError: the system does not do as it was asked, and nothing secret is to be read into this process.
    """
    forbid_core_files()
    if _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) or _libc.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "the process stays readable for others")


def swaps(listed: Path = SWAPS) -> list[str]:
    """Give the places to which this machine may write the memory of processes; compressed memory is none."""
    try:
        lines = listed.read_text().splitlines()[1:]
    except OSError:  # a system without /proc/swaps, as some containers are, tells nothing
        return []
    return [place for place in (os.fsdecode(line.split()[0]) for line in lines if line) if "/zram" not in place]
