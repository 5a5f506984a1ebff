"""What a process of the gateway does lets nobody else read it: tried, and not only asked of the system."""

import os
import signal
from pathlib import Path

import pytest

from gateway import hardening
from gateway.hardening import PR_SET_DUMPABLE, forbid_dumps, swaps

NOBODY = 65534


def step_down() -> None:
    """Become somebody whom the system stops at all."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        hardening._libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # as every process is that was not root


def victim(*, hardened: bool) -> int:
    """Give a process that waits to be killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        step_down()
        if hardened:
            forbid_dumps()
        os.write(writing, b"!")
        signal.pause()
    os.read(reading, 1)
    os.close(reading)
    os.close(writing)
    return pid


def reads(path: str) -> bool:
    """Tell whether another process of the same user can read the file."""
    pid = os.fork()
    if not pid:
        step_down()
        try:
            with open(path, "rb") as file:
                file.read(1)
        except PermissionError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("hardened", [False, True])
def test_another_process_of_the_user_reads_no_memory_nor_environment(hardened: bool) -> None:
    pid = victim(hardened=hardened)
    try:
        assert reads(f"/proc/{pid}/environ") is not hardened
        assert reads(f"/proc/{pid}/maps") is not hardened
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert ("Max core file size        0                    0 " in limits) or not hardened
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_process_that_stays_readable_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lenient:
        """A system that says yes and does nothing."""

        @staticmethod
        def prctl(option: int, *_: int) -> int:
            return 0 if option == PR_SET_DUMPABLE else 1

    monkeypatch.setattr(hardening, "_libc", Lenient)
    monkeypatch.setattr(hardening, "forbid_core_files", lambda: None)
    with pytest.raises(OSError, match="stays readable"):
        forbid_dumps()


def test_swap_is_told_and_compressed_memory_is_none(tmp_path: Path) -> None:
    listed = tmp_path / "swaps"
    listed.write_text(
        "Filename\t\t\t\tType\t\tSize\n/dev/zram0 partition 8388604 0 100\n/dev/dm-1  partition 8388604 0 -2\n"
    )
    assert swaps(listed) == ["/dev/dm-1"]
    assert swaps(tmp_path / "none") == []
