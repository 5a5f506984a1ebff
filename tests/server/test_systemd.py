"""What systemd is told and hands over, with a test in systemd's place: real processes, real sockets."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.server.systemd import handed_over
from tests.server.clients import ask
from tests.server.test_processes import START_TIMEOUT_S
from tests.server.test_processes import toml as toml

WATCHDOG_S = 2.0
# What systemd does between fork and exec: the socket is descriptor 3, and LISTEN_PID the process itself.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.execve(sys.executable, [sys.executable, *sys.argv[2:]],
    {**os.environ, "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "kmip"})
"""


class Manager:
    """A systemd of one service: its notification socket, and its listening socket if there is one."""

    def __init__(self, folder: Path, configuration: Path) -> None:
        self._folder, self._toml = folder, configuration
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._told.bind(str(folder / "notify"))
        self._told.settimeout(START_TIMEOUT_S)

    def close(self) -> None:
        self._told.close()

    def told(self) -> dict[str, str]:
        """Give the next thing that the service says."""
        return dict(line.split("=", 1) for line in self._told.recv(4096).decode().splitlines())

    def wait_for(self, name: str) -> dict[str, str]:
        while name not in (told := self.told()):
            pass
        return told

    def all_told(self) -> list[dict[str, str]]:
        """Give what was said until now."""
        said = []
        self._told.setblocking(False)
        try:
            while True:
                said.append(self.told())
        except BlockingIOError:
            self._told.settimeout(START_TIMEOUT_S)
            return said

    @contextmanager
    def started(self, listening: socket.socket | None = None) -> Iterator["subprocess.Popen[str]"]:
        """Give a generation of the service, which has not said that it is ready."""
        module = ["-m", "tests.server.processes", str(self._toml)]
        environment = {**os.environ, "NOTIFY_SOCKET": str(self._folder / "notify")}
        environment["WATCHDOG_USEC"] = str(round(WATCHDOG_S * 1_000_000))
        command = [sys.executable, *module]
        descriptors: tuple[int, ...] = ()
        if listening is not None:
            descriptors = (listening.fileno(),)
            command = [sys.executable, "-c", HAND_OVER, str(listening.fileno()), *module]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment, pass_fds=descriptors
        ) as process:
            try:
                yield process
            finally:
                process.terminate()
                process.wait(START_TIMEOUT_S)


@pytest.fixture
def manager(tmp_path: Path, toml: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path, toml)
    yield manager
    manager.close()


def port_of(process: "subprocess.Popen[str]") -> int:
    assert process.stdout
    return int(process.stdout.readline().split()[1])


def front_ends(process: "subprocess.Popen[str]") -> list[int]:
    pids = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in pids if "token.worker" not in Path(f"/proc/{pid}/cmdline").read_text()]


def test_systemd_is_told_and_its_watchdog_fed_while_every_front_end_probes(manager: Manager) -> None:
    with manager.started() as process:
        assert manager.wait_for("READY")["STATUS"] == "serving"
        assert manager.wait_for("WATCHDOG")
        assert manager.wait_for("WATCHDOG")
        hung = front_ends(process)[0]
        os.kill(hung, signal.SIGSTOP)
        try:
            time.sleep(WATCHDOG_S)  # the last probe has aged by now
            manager.all_told()
            time.sleep(WATCHDOG_S / 2)
            assert [told for told in manager.all_told() if "WATCHDOG" in told] == []
        finally:
            os.kill(hung, signal.SIGCONT)
        assert manager.wait_for("WATCHDOG")
        process.send_signal(signal.SIGHUP)
        assert int(manager.wait_for("RELOADING")["MONOTONIC_USEC"]) > 0
        assert manager.wait_for("READY")["STATUS"] == "serving"
        process.send_signal(signal.SIGTERM)
        assert manager.wait_for("STOPPING")
        assert process.wait(START_TIMEOUT_S) == 0


class Clients:
    """Clients that ask all the time, each on a connection that it keeps, and that try once more what failed."""

    def __init__(self, port: int, context: ssl.SSLContext, count: int) -> None:
        self._port, self._context = port, context
        self._stop = threading.Event()
        self.answered: list[str] = []
        self.retried: list[str] = []
        self.lost: list[str] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]
        for each in self._threads:
            each.start()

    def wait_for(self, answers: int) -> None:
        """Wait for so many more answers."""
        enough, end = len(self.answered) + answers, time.monotonic() + START_TIMEOUT_S
        while len(self.answered) < enough:
            assert time.monotonic() < end
            time.sleep(0.02)

    def stop(self) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._connect() as sock:
                    while not self._stop.is_set():
                        self._ask(sock)
            except (OSError, AssertionError) as error:
                self.retried.append(repr(error))
                self._retry()

    def _retry(self) -> None:
        try:
            with self._connect() as sock:
                self._ask(sock)
        except (OSError, AssertionError) as error:
            self.lost.append(repr(error))

    def _connect(self) -> ssl.SSLSocket:
        """Connect with the patience that a start of the gateway takes."""
        plain = socket.create_connection(("127.0.0.1", self._port), timeout=START_TIMEOUT_S)
        return self._context.wrap_socket(plain, server_hostname="localhost")

    def _ask(self, sock: ssl.SSLSocket) -> None:
        answer = ask(sock, b"random").decode()
        if not answer:
            raise ConnectionError("closed before an answer")
        self.answered.append(answer)


def test_a_rolling_restart_loses_no_request_of_a_client_that_retries_once(
    manager: Manager, context: ssl.SSLContext
) -> None:
    """One generation hands over to a second that serves beside it, and a third begins after the second has ended."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with manager.started(listening) as first:
            assert port_of(first) == port
            clients = Clients(port, context, 6)
            with manager.started(listening) as second:
                assert port_of(second) == port
                first.terminate()
                assert first.wait(START_TIMEOUT_S) == 0
                clients.wait_for(100)
                second.terminate()
                assert second.wait(START_TIMEOUT_S) == 0
            with manager.started(listening) as third:
                assert port_of(third) == port
                clients.wait_for(100)
                clients.stop()
        assert clients.retried
        assert clients.lost == []
        assert all(len(each) == 32 for each in clients.answered)


def test_sockets_for_another_process_are_left_alone() -> None:
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "kmip:https"}
    assert handed_over(environment) == {}
    assert environment == {}
