"""What every process of the gateway does for its own safety (reliability checklist 52 and 54)."""

import ctypes
import os
import resource
import signal

PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """End at once when the parent, whose process id is given, is gone; a killed supervisor leaves nothing behind."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have ended between the fork and the line above.
    if os.getppid() != parent:
        os._exit(1)


def allow_many_files() -> None:
    """Raise the soft limit of open files to the hard one: each connection is a file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
