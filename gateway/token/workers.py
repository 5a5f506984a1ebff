"""Token worker processes as their parent sees them: started, watched, killed, replaced.

Everything here is synchronous and knows no event loop, so that the supervisor can use it. The parent never loads a
PKCS#11 module.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import msgspec

from gateway.errors import ConfigurationError
from gateway.token import heartbeat, reports
from gateway.token.settings import WorkerSettings, open_pin_files

CONTROL_BYTES = 1 << 20
START_TIMEOUT_S = 120.0
SOCKET_BUFFER_BYTES = 1 << 20
PIN_REFUSED = 4  # worker.ExitCode.PIN_REFUSED; not imported, because that module loads python-pkcs11


class WorkerProcess:
    """One worker. `ready` is None until the worker has said that it takes requests.

    It dies with the thread that starts it (prctl PR_SET_PDEATHSIG), which must therefore outlive it.
    """

    def __init__(self, settings: WorkerSettings, index: int = 0) -> None:
        """Start the process; `wait_ready` or `read_control` tells how it went."""
        self.index = index
        self.ready: reports.Ready | None = None
        self.failure: str = ""
        self.pin_refused = False
        self.retiring = False
        beat = heartbeat.create()
        self._heartbeat = heartbeat.Heartbeat(beat)
        self._heartbeat.idle()
        self._heartbeat.begin(START_TIMEOUT_S)
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        blob = _settings_file(settings)
        try:
            self._process = _spawn(settings, theirs.fileno(), blob, beat)
        finally:
            theirs.close()
            os.close(blob)
            os.close(beat)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def fileno(self) -> int:
        """The control socket, for a selector: readable when `read_control` has something to read, or at the end."""
        return self.control.fileno()

    def wait_ready(self, timeout_s: float = START_TIMEOUT_S) -> reports.Ready:
        """Wait until the worker takes requests.

        Raises:
            ConfigurationError: it cannot start, and why; the process has ended.
        """
        deadline = time.monotonic() + timeout_s
        while self.ready is None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.control], [], [], left)[0]:
                self.failure = "The token worker did not start in time."
            elif self.read_control() and not self.failure:
                continue
            self.kill()
            raise ConfigurationError(self.failure or "The token worker ended before it was ready; see its messages.")
        return self.ready

    def read_control(self) -> bool:
        """Take one message of the worker; False when it has ended. Call it when the control socket is readable."""
        try:
            raw = self.control.recv(CONTROL_BYTES)
        except OSError:
            raw = b""
        if not raw:
            return False
        message = reports.decode_control(raw)
        if isinstance(message, reports.Ready):
            self.ready = message
        elif isinstance(message, reports.StartFailed):
            self.failure, self.pin_refused = message.sentence, message.pin_refused
        else:
            self.retiring = True
        return True

    def add_front_end(self, sock: socket.socket) -> bool:
        """Give the worker its end of a socket pair (the caller closes its own copy); False when it has ended."""
        try:
            socket.send_fds(self.control, [b"f"], [sock.fileno()])
        except OSError:
            return False
        return True

    def overdue(self, now: float) -> bool:
        """Say whether the worker hangs; now is time.monotonic()."""
        return self._process.poll() is None and self._heartbeat.overdue(now)

    def exit_code(self) -> int | None:
        """Give the exit code, None while the worker runs; negative for a signal."""
        return self._process.poll()

    @property
    def may_restart(self) -> bool:
        """False when the PIN was refused: another try by itself would burn the token's counter."""
        return self.exit_code() != PIN_REFUSED

    def kill(self) -> None:
        """End the process at once and release what the parent holds of it."""
        self._process.kill()
        self._process.wait()
        self.release()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Let the worker finish what has reached it, then end it."""
        with suppress(OSError):
            self.control.shutdown(socket.SHUT_WR)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self.release()

    def release(self) -> None:
        """Close the parent's side; the process must have ended."""
        self.control.close()
        with suppress(ValueError):  # closed before
            self._heartbeat.close()


def start_workers(settings: WorkerSettings, count: int) -> list[WorkerProcess]:
    """Give `count` workers that are ready, or the one that the token bears; they die with the calling thread.

    The first must have logged in before the others try: a wrong PIN costs one try of the token's counter, not `count`.

    Raises:
        ConfigurationError: a worker cannot start; none is left running.
    """
    workers = [WorkerProcess(settings, 0)]
    if workers[0].wait_ready().profile.one_process:
        return workers
    workers += [WorkerProcess(settings, index) for index in range(1, count)]
    try:
        for worker in workers:
            worker.wait_ready()
    except ConfigurationError:
        for worker in workers:
            worker.kill()
        raise
    return workers


def worker_pair() -> tuple[socket.socket, socket.socket]:
    """Give a socket pair for one front end and one worker: which end is whose makes no difference."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for sock in pair:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
    return pair


def _settings_file(settings: WorkerSettings) -> int:
    fd = os.memfd_create("kmip-gateway worker settings", os.MFD_CLOEXEC)
    os.write(fd, msgspec.json.encode(settings))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _spawn(settings: WorkerSettings, control: int, blob: int, beat: int) -> "subprocess.Popen[bytes]":
    # -P: the folder the gateway is started in is not a place to import modules from.
    arguments = [sys.executable, "-P", "-m", "gateway.token.worker", str(control), str(blob), str(beat)]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        arguments,
        stdin=subprocess.DEVNULL,
        pass_fds=(control, blob, beat, *open_pin_files([settings.pin_file])),
        env={**os.environ, **settings.environment},
        process_group=0,  # a terminal's Ctrl-C is the supervisor's to handle: workers must drain, not die
    )
