"""Replacing certificates, revocation lists and configuration in every process while it serves.

The supervisor reads the files once and tries them. Only what it can use itself goes on to the front ends, as it was
read, in memory that they share: so no front end has another state than the others, and on a fault all keep the old.
"""

import os
import time
from collections.abc import Callable, Sequence

import structlog
from msgspec import Struct
from msgspec.structs import replace

from gateway.config import Config, renewed
from gateway.errors import ConfigurationError
from gateway.server import control
from gateway.server.children import FrontEndSlot
from gateway.server.renewal import Renewal
from gateway.server.tls import read_files
from gateway.server.trust import Trust

# How long a front end may take to follow; it has some milliseconds of work, and perhaps requests before it.
FOLLOW_S = 10.0
SILENT = "did not follow in time"

log = structlog.get_logger()


class ProcessOutcome(Struct, frozen=True):
    """What became of it in one process; an empty error is none."""

    kind: str
    index: int
    error: str = ""


class Outcome(Struct, frozen=True):
    """What became of a reload: `waiting` are the keys that changed in the file and count from the next start on."""

    error: str = ""
    waiting: tuple[str, ...] = ()
    processes: tuple[ProcessOutcome, ...] = ()

    @property
    def good(self) -> bool:
        """Whether every process uses what is in the files."""
        return not self.error and not any(each.error for each in self.processes)


Answer = Callable[[Outcome], None]


class Pending:
    """A reload whose front ends have not all answered."""

    def __init__(self, outcome: Outcome, answer: Answer) -> None:
        self._outcome = outcome
        self._answer = answer
        self._due = time.monotonic() + FOLLOW_S
        self.open: dict[int, int] = {}  # front ends that are to follow, with their process ids

    def follow(self, index: int, error: str) -> None:
        """Note what became of it in a front end."""
        if self.open.pop(index, None) is not None:
            self._note(index, error)

    def end(self, front_ends: Sequence[FrontEndSlot], now: float) -> bool:
        """Tell whether all is said, and then say it; who has ended has a successor that began with the new."""
        for index, pid in list(self.open.items()):
            if front_ends[index].pid != pid:
                self.follow(index, "")
            elif now > self._due:
                self.follow(index, SILENT)
        if self.open:
            return False
        _tell(self._outcome)
        self._answer(self._outcome)
        return True

    def _note(self, index: int, error: str) -> None:
        noted = (*self._outcome.processes, ProcessOutcome("front end", index, error))
        self._outcome = replace(self._outcome, processes=noted)


class Reloading:
    """Carries out reloads for the supervisor, whose configuration is `config` at any time."""

    def __init__(
        self, config: Config, reread: Callable[[], Config], trust: Trust, front_ends: Sequence[FrontEndSlot]
    ) -> None:
        self.config = config
        self._reread = reread
        self._trust = trust
        self._front_ends = front_ends
        self._pending: dict[int, Pending] = {}
        self._last = 0

    def begin(self, answer: Answer) -> None:
        """Read the files, and have them used; `answer` is told what came of it, now or later."""
        try:
            config, waiting = renewed(self.config, self._reread())
            files = read_files(config.tls)
            self._trust.adopt(files, config.tls)
        except ConfigurationError as error:
            outcome = Outcome(str(error), processes=(ProcessOutcome("supervisor", 0, str(error)),))
            _tell(outcome)
            answer(outcome)
            return
        self.config = config
        self._last += 1
        pending = Pending(Outcome(waiting=waiting, processes=(ProcessOutcome("supervisor", 0),)), answer)
        self._pending[self._last] = pending
        self._send(Renewal(config, files), pending)

    def follow(self, index: int, said: control.Adopted) -> None:
        """Take a front end's answer."""
        if said.number in self._pending:
            self._pending[said.number].follow(index, said.error)

    def turn(self, now: float) -> None:
        """End what is done or overdue; now is time.monotonic()."""
        self._pending = {number: each for number, each in self._pending.items() if not each.end(self._front_ends, now)}

    def _send(self, renewal: Renewal, pending: Pending) -> None:
        descriptor = renewal.in_memory()
        try:
            for each in self._front_ends:
                if each.channel is None:
                    continue
                pending.open[each.index] = each.pid
                try:
                    control.send(each.channel, control.Adopt(self._last), descriptor)
                except OSError as error:
                    pending.follow(each.index, error.strerror or SILENT)
        finally:
            os.close(descriptor)


def _tell(outcome: Outcome) -> None:
    faults = [f"{each.kind} {each.index}: {each.error}" for each in outcome.processes if each.error]
    if outcome.good:
        log.info("reloaded", processes=len(outcome.processes), from_the_next_start=list(outcome.waiting))
    else:
        log.error("reload failed", reason=outcome.error or "; ".join(faults))
