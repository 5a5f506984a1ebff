"""The module of faulty.c from the test's side: built once, and told what to do for the n-th call of a function."""

import mmap
import shutil
import struct
import subprocess
from enum import IntEnum
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.token.cryptoki import INDEX
from gateway.token.settings import WorkerSettings

SOURCE = Path(__file__).with_name("faulty.c")
RULES = 32
RULE = struct.Struct("<iiiiq")  # action, function, after, times, argument
CALLS_AT = RULES * RULE.size
SIZE = CALLS_AT + 8 * len(INDEX)
ALWAYS = 1 << 30


class Action(IntEnum):
    """What the module does; the enumeration of faulty.c."""

    NONE = 0
    RETURN = 1  # the argument, without calling the real module
    SLEEP = 2  # so many ms before the call
    SEGFAULT = 3
    ABORT = 4
    EXIT = 5  # with the argument, as a module that thinks it owns the process
    PRINT = 6  # to standard output
    LENGTH = 7  # says that so many bytes were given
    EMPTY = 8  # C_FindObjects finds nothing
    REUSE = 9  # from now on, the numbers of the token's handles name other objects
    RETURN_AFTER = 10  # the argument, though the call was carried out
    SLEEP_AFTER = 11
    KILL_AFTER = 12  # the process is gone once the call is carried out
    FLAGS = 13  # C_GetTokenInfo says these too


class FaultyModule:
    """The control of one module, shared with every process that has loaded it."""

    def __init__(self, folder: Path) -> None:
        """Build the module in the folder; skips the test where there is no C compiler."""
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler (Debian: gcc libc6-dev)")
        self.path = folder / "faulty.so"
        options = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run([compiler, *options, "-o", self.path, SOURCE, "-ldl"], check=True)
        self._control = folder / "faulty.control"
        self._control.write_bytes(bytes(SIZE))
        with self._control.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), SIZE)

    def environment(self, real: str) -> dict[str, str]:
        """Give what the module has to find in its environment to stand before the real one."""
        return {"FAULTY_MODULE": real, "FAULTY_CONTROL": str(self._control)}

    def around(self, settings: WorkerSettings) -> WorkerSettings:
        """Give the settings of a worker whose module is this one, before the one that it had."""
        environment = {**settings.environment, **self.environment(settings.module)}
        return replace(settings, module=str(self.path), environment=environment)

    def on(self, function: str, action: Action, argument: int = 0, *, after: int = 1, times: int = 1) -> None:
        """Do that for the `after`-th call of the function from now, and for `times` calls in all."""
        place = next(n for n in range(RULES) if not self._rule(n)[0])
        rule = RULE.pack(0, INDEX[function], after, times, argument)
        start = place * RULE.size
        self._map[start : start + RULE.size] = rule
        self._map[start : start + 4] = struct.pack("<i", action)

    def well(self) -> None:
        """Forget every rule."""
        self._map[:CALLS_AT] = bytes(CALLS_AT)

    def calls(self, function: str) -> int:
        """How often the function was called by anyone so far."""
        (count,) = struct.unpack_from("<q", self._map, CALLS_AT + 8 * INDEX[function])
        return int(count)

    def _rule(self, place: int) -> tuple[int, int, int, int, int]:
        action, function, after, times, argument = RULE.unpack_from(self._map, place * RULE.size)
        return action, function, after, times, argument
