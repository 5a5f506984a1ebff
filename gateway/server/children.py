"""The supervisor's children: one slot for each front end and each token worker, filled again and again."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from gateway.config import Config, TokenConfig
from gateway.hardening import forbid_dumps
from gateway.server import control
from gateway.server.front_end import Start
from gateway.server.front_end import run as run_front_end
from gateway.server.process import die_with_parent
from gateway.server.restarts import Restarts
from gateway.token.reports import Ready
from gateway.token.settings import WorkerSettings
from gateway.token.workers import WorkerProcess, worker_pair

FAULT = 1  # exit code of a front end that met a fault of ours

log = structlog.get_logger()


class FrontEndSlot:
    """Place `index` of the front ends; it listens when it is `ready`."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.ready = False
        self.accepts = False
        self.channel: socket.socket | None = None
        self.restarts = Restarts()
        self._pid = 0

    @property
    def alive(self) -> bool:
        """Whether the slot has a process."""
        return bool(self._pid)

    @property
    def pid(self) -> int:
        """The process; 0 for none."""
        return self._pid

    def fork(self, start: Start, leave_behind: Callable[[], None]) -> tuple[int, socket.socket]:
        """Start the process, and give its id and the channel to it; `leave_behind` closes what is not the child's."""
        ours, theirs = control.pair()
        supervisor = os.getpid()
        self._pid = os.fork()
        if not self._pid:
            ours.close()
            _be_front_end(start, theirs, self.index, supervisor, leave_behind)
        theirs.close()
        self.channel = ours
        self.restarts.started(time.monotonic())
        return self._pid, ours

    def hear(self) -> control.Message | None:
        """Give what the front end says; None when it says nothing (more)."""
        try:
            received = control.receive(self.channel) if self.channel else None
        except BlockingIOError:
            return None
        return received[0] if received else None

    def quiet(self) -> None:
        """Ask the process to accept no more connections; `accepts` tells when it has."""
        if self.channel is not None:
            with suppress(OSError):  # it is gone, or does not read
                control.send(self.channel, control.Quiet())

    def stop(self) -> None:
        """Ask the process to drain and end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once."""
        self._signal(signal.SIGKILL)

    def empty(self) -> int:
        """Give the exit code of the process that has ended, and let the slot be filled again."""
        _, status = os.waitpid(self._pid, 0)
        self.ready = self.accepts = False
        self._pid = 0
        if self.channel is not None:
            self.channel.close()
            self.channel = None
        self.restarts.died(time.monotonic())
        return os.waitstatus_to_exitcode(status)

    def _signal(self, number: signal.Signals) -> None:
        if self._pid:
            os.kill(self._pid, number)


class WorkerSlot:
    """Place `index` of all token workers; it takes requests when it is `ready`.

    A process that asks to be replaced works on until its `successor` takes requests, so that there is no gap.
    """

    def __init__(self, index: int, token: TokenConfig) -> None:
        self.index = index
        self.token = token
        self.ready = False
        self.process: WorkerProcess | None = None
        self.successor: WorkerSlot | None = None
        self.restarts = Restarts()
        self._killed = False

    @property
    def alive(self) -> bool:
        """Whether the slot has a process."""
        return self.process is not None

    def spawn(self, config: Config) -> WorkerProcess:
        """Start the process."""
        self.process = WorkerProcess(WorkerSettings.of(self.token, config.server.runtime_dir), self.index)
        self.restarts.started(time.monotonic())
        self._killed = False
        return self.process

    @property
    def wants_successor(self) -> bool:
        """Whether the process asks to be replaced and nothing is under way yet."""
        return self.process is not None and self.process.retiring and self.successor is None

    def overdue(self, now: float) -> bool:
        """Say, until it is killed, whether the process is past the deadline of its call; now is time.monotonic()."""
        return self.process is not None and not self._killed and self.process.overdue(now)

    def stop(self) -> None:
        """Ask the process to finish what has reached it and end."""
        if self.process is not None:
            with suppress(OSError):
                self.process.control.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """End the process at once; nobody waits here, for one that hangs in a driver may not end at once."""
        self._killed = True
        if self.process is not None and self.process.exit_code() is None:
            os.kill(self.process.pid, signal.SIGKILL)

    def empty(self) -> int:
        """Give the exit code of the process that has ended, and let the slot be filled again."""
        code = 0
        if self.process is not None:
            code = self.process.exit_code() or 0
            self.process.release()
        self.ready, self.process = False, None
        self.restarts.died(time.monotonic())
        return code


def join(worker: WorkerSlot, front_end: FrontEndSlot, found: Ready | None) -> None:
    """Give both an end of a new socket pair, if both are there; whoever is not gets one at its next start."""
    if found is None or not worker.ready or worker.process is None or front_end.channel is None:
        return
    ours, theirs = worker_pair()
    with ours, theirs, suppress(OSError):
        worker.process.add_front_end(theirs)
        control.send(front_end.channel, control.Attach(worker.index, worker.token.name, found), ours.fileno())


def how_ended(code: int) -> str:
    """Say in words how a process ended; code is as subprocess gives it."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _be_front_end(
    start: Start, channel: socket.socket, row: int, supervisor: int, leave_behind: Callable[[], None]
) -> None:
    """Be the child process: serve, then leave without running what the supervisor has on its stack."""
    code = FAULT
    try:
        die_with_parent(supervisor)
        forbid_dumps()
        leave_behind()
        start.tally.row = row
        if start.http is not None:
            start.http.meters.row = row
        code = run_front_end(start, channel)
    finally:
        if sys.exc_info()[0] is not None:
            log.critical("front end failed", exc_info=True)
        os._exit(code)
