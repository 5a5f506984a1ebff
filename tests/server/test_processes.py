"""Supervisor, front ends and token workers as they are: real processes, real signals, a real token."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from gateway.config import ServerConfig, TlsConfig
from gateway.errors import ConfigurationError
from gateway.server.binding import listen
from gateway.token.setup import set_up_token
from tests.server.clients import ask, closed, connect, read_message, request
from tests.token.conftest import softhsm

START_TIMEOUT_S = 30
Context = ssl.SSLContext


class Gateway:
    """A running supervisor and what is known of it from outside."""

    def __init__(self, process: subprocess.Popen[str], port: int, context: Context) -> None:
        self.process = process
        self.port = port
        self._context = context

    def connect(self, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        return connect(self.port, self._context, session)

    def ask(self, question: str) -> str:
        with self.connect() as sock:
            return ask(sock, question.encode()).decode()

    def children(self) -> dict[int, str]:
        """Give the command lines of the supervisor's children by process id."""
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(pid): Path(f"/proc/{pid}/cmdline").read_text() for pid in pids}

    def workers(self) -> list[int]:
        return [pid for pid, command in self.children().items() if "gateway.token.worker" in command]

    def front_ends(self) -> list[int]:
        return [pid for pid, command in self.children().items() if "gateway.token.worker" not in command]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(START_TIMEOUT_S)


Running = Callable[..., AbstractContextManager[Gateway]]


def eventually(true: Callable[[], object], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(true())


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory, tls: TlsConfig) -> Path:
    folder = tmp_path_factory.mktemp("processes")
    settings = softhsm(folder)
    set_up_token(settings, so_pin="security officer")
    path = folder / "gateway.toml"
    path.write_text(f"""
version = "v1"
[server]
kmip_port = 0
front_ends = 2
token_workers = 2
drain_timeout_s = 5
[tls]
ca = "{tls.ca}"
certificate = "{tls.certificate}"
key = "{tls.key}"
[token]
module = "{settings.module}"
label = "{settings.label}"
pin_file = "{settings.pin_file}"
environment = {{ SOFTHSM2_CONF = "{settings.environment["SOFTHSM2_CONF"]}" }}
""")
    return path


@pytest.fixture
def running(toml: Path, context: Context, tmp_path: Path) -> Running:
    @contextmanager
    def run() -> Iterator[Gateway]:
        with (tmp_path / "log").open("w") as log, start(toml, log) as process:
            assert process.stdout
            line = process.stdout.readline().split()
            assert line[:1] == ["ready"], (tmp_path / "log").read_text()
            try:
                yield Gateway(process, int(line[1]), context)
            finally:
                if process.poll() is None:
                    process.terminate()
                process.wait(START_TIMEOUT_S)

    return run


def start(toml: Path, log: TextIO, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.server.processes", str(toml), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True)


def events(tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


def test_all_front_ends_serve_and_resume_each_others_sessions(running: Running) -> None:
    with running() as gateway:
        with gateway.connect() as sock:
            first = ask(sock, b"pid")
            session = sock.session
        pids = set()
        for _ in range(40):
            with gateway.connect(session) as sock:
                pids.add(ask(sock, b"pid"))
                assert sock.session_reused
        assert {int(pid) for pid in pids | {first}} == set(gateway.front_ends())
        assert gateway.stop() == 0


def test_connections_are_spread_over_front_ends(running: Running) -> None:
    with running() as gateway:
        kept = [gateway.connect() for _ in range(32)]
        pids = [ask(sock, b"pid") for sock in kept]
        assert min(pids.count(pid) for pid in set(pids)) >= 12
        for sock in kept:
            sock.close()


def test_a_killed_front_end_is_replaced(running: Running, tmp_path: Path) -> None:
    with running() as gateway:
        before = gateway.front_ends()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: len(gateway.front_ends()) == 2 and not set(before) & set(gateway.front_ends()))
        assert int(gateway.ask("pid")) in gateway.front_ends()
        assert len(gateway.ask("random")) == 32
        assert gateway.stop() == 0
    ended = [event for event in events(tmp_path) if event["event"] == "child ended"]
    assert [(event["kind"], event["how"]) for event in ended] == [("front end", "killed by SIGKILL")] * 2


def test_a_killed_worker_is_replaced_under_the_same_connection(running: Running) -> None:
    with running() as gateway, gateway.connect() as sock:
        before = gateway.workers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: len(ask(sock, b"random")) == 32)
        assert eventually(lambda: len(gateway.workers()) == 2 and not set(before) & set(gateway.workers()))
        assert gateway.stop() == 0


def test_a_worker_that_hangs_is_killed_and_replaced(running: Running, tmp_path: Path) -> None:
    with running() as gateway:
        hanging, _ = gateway.workers()
        os.kill(hanging, signal.SIGSTOP)  # it shows no sign of life from now on, which is noticed after ten seconds
        assert eventually(lambda: gone(hanging), 15)
        assert eventually(lambda: len(gateway.workers()) == 2)
        assert len(gateway.ask("random")) == 32
        assert gateway.stop() == 0
    assert [event["event"] for event in events(tmp_path)] == [
        "token worker is past its deadline",
        "child ended",
        "stopping",
    ]


def test_a_worker_is_succeeded_without_a_gap(running: Running, tmp_path: Path) -> None:
    with running() as gateway, gateway.connect() as sock:
        first, second = gateway.workers()
        gateway.process.send_signal(signal.SIGUSR1)
        most = 0
        while first in gateway.workers():
            assert len(ask(sock, b"random")) == 32
            most = max(most, len(gateway.workers()))
        assert most == 3
        assert second in gateway.workers()
        assert len(gateway.workers()) == 2
        assert gateway.stop() == 0
    assert [event["event"] for event in events(tmp_path)] == ["token worker is succeeded", "stopping"]


def test_sigterm_answers_what_is_in_hand(running: Running) -> None:
    with running() as gateway, gateway.connect() as busy, gateway.connect() as idle:
        ask(idle, b"pid")
        busy.sendall(request(b"sleep 1"))
        time.sleep(0.3)
        children = gateway.children()
        gateway.process.send_signal(signal.SIGTERM)
        assert closed(idle)
        assert read_message(busy)[8:] == b"sleep 1"
        assert gateway.process.wait(10) == 0
        assert all(map(gone, children))


def test_sigint_and_a_group_of_processes(running: Running) -> None:
    with running() as gateway:
        for pid in gateway.front_ends():  # a terminal's Ctrl-C reaches these too
            os.kill(pid, signal.SIGINT)
        assert gateway.ask("pid")
        assert gateway.stop(signal.SIGINT) == 0


def test_kill_9_of_the_supervisor_leaves_nothing_behind(running: Running) -> None:
    with running() as gateway:
        children = gateway.children()
        assert len(children) == 4
        gateway.process.kill()
        assert eventually(lambda: all(map(gone, children)))


def test_workers_that_are_stuck_die_with_the_supervisor(running: Running) -> None:
    with running() as gateway:
        children, stuck = gateway.children(), gateway.workers()
        for pid in stuck:  # as in a call that never returns: they read no socket any more
            os.kill(pid, signal.SIGSTOP)
        gateway.process.kill()
        assert eventually(lambda: all(map(gone, children)))


def test_no_process_that_forks_has_loaded_the_module(running: Running) -> None:
    """So none has sessions that a child would inherit: workers are new programs, and front ends come of no worker."""
    with running() as gateway:
        for pid in [gateway.process.pid, *gateway.front_ends()]:
            assert "softhsm" not in Path(f"/proc/{pid}/maps").read_text()
        for pid in gateway.workers():
            assert "softhsm" in Path(f"/proc/{pid}/maps").read_text()
            assert Path(f"/proc/{pid}/task/{pid}/children").read_text() == ""


def test_no_process_dumps_core(running: Running) -> None:
    with running() as gateway:
        for pid in [gateway.process.pid, *gateway.children()]:
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert next(line for line in limits.splitlines() if "core" in line).split()[4:6] == ["0", "0"]


@pytest.mark.parametrize(
    ("fault", "words"), [("sentence", "The database is not there."), ("fault", "A front end ended right after")]
)
def test_a_front_end_that_cannot_start_ends_the_gateway(toml: Path, tmp_path: Path, fault: str, words: str) -> None:
    with (tmp_path / "log").open("w") as log, start(toml, log, fault) as process:
        assert process.wait(START_TIMEOUT_S) == 2
    assert words in (tmp_path / "log").read_text().splitlines()[-1]


def test_a_port_in_use_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} on 127.0.0.1 is in use"):
            listen(ServerConfig(kmip_port=port))


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_a_host_that_is_not_ours_is_a_sentence(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^\[server\] .*192.0.2.1|no such host"):
        listen(ServerConfig(host=host, kmip_port=0))
