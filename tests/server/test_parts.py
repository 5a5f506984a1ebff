"""The small parts that the processes are made of."""

import errno
import os
import signal
import socket
import ssl
import time

import pytest

from gateway.server import control
from gateway.server.children import how_ended
from gateway.server.restarts import LONGEST_DELAY_S, WELL_AFTER_S, Restarts
from gateway.server.tally import Tally
from gateway.token.api import Profile, TokenInfo
from gateway.token.reports import Ready
from tests.server.clients import ask, connect
from tests.server.conftest import Serving


def two_rows() -> tuple[Tally, Tally]:
    """Give one tally as two front ends see it."""
    first = Tally(2)
    second = Tally.__new__(Tally)
    second.__dict__.update(first.__dict__)
    second.row = 1
    return first, second


def test_a_tally_counts_over_all_front_ends() -> None:
    first, second = two_rows()
    for tally, address in ((first, "192.0.2.1"), (first, "192.0.2.2"), (second, "192.0.2.1")):
        tally.opened(address)
    assert first.open_connections() == second.open_connections() == 3
    assert first.open_from("192.0.2.1") == 2
    assert (first.surplus(), second.surplus()) == (1, 0)
    first.closed("192.0.2.1")
    assert second.open_from("192.0.2.1") == 1


def test_a_dead_front_end_counts_no_more() -> None:
    first, second = two_rows()
    first.opened("192.0.2.1")
    second.opened("192.0.2.1")
    second.clear(0)
    assert (second.open_connections(), second.open_from("192.0.2.1")) == (1, 1)


def test_the_tally_is_shared_with_a_forked_process() -> None:
    tally = Tally(2)
    child = os.fork()
    if not child:
        tally.row = 1
        tally.opened("192.0.2.1")
        os._exit(0)
    os.waitpid(child, 0)
    assert tally.open_from("192.0.2.1") == 1


def test_restarts_wait_longer_each_time() -> None:
    restarts, now, delays = Restarts(), 1000.0, []
    for _ in range(12):
        restarts.started(now)
        restarts.died(now + 1)
        delays.append(round(restarts.due - now - 1, 3))
        now = restarts.due
    assert delays[:4] == [0, 0.1, 0.2, 0.4]
    assert delays[-1] == LONGEST_DELAY_S
    restarts.started(now)
    restarts.died(now + WELL_AFTER_S + 1)
    assert (restarts.deaths, restarts.due) == (1, now + WELL_AFTER_S + 1)


READY = Ready(Profile(), TokenInfo("label", "manufacturer", "model", "serial", "1.0"))


@pytest.mark.parametrize(
    "message",
    [control.Attach(3, "default", READY), control.Listening(), control.Failed("It cannot be.")],
    ids=lambda m: type(m).__name__,
)
def test_a_message_arrives_with_its_descriptor(message: control.Message) -> None:
    ours, theirs = control.pair()
    sent, kept = socket.socketpair()
    with ours, theirs, kept:
        with sent:
            control.send(ours, message, sent.fileno())
        received = control.receive(theirs)
        assert received
        assert received[0] == message
        with socket.socket(fileno=received[1][0]) as arrived:
            arrived.send(b"x")
        assert kept.recv(1) == b"x"


def test_the_end_of_a_channel_is_told_from_its_silence() -> None:
    ours, theirs = control.pair()
    with theirs:
        with ours, pytest.raises(BlockingIOError):
            control.receive(theirs)
        assert control.receive(theirs) is None


@pytest.mark.parametrize(("code", "words"), [(3, "exit code 3"), (-signal.SIGSEGV, "killed by SIGSEGV")])
def test_how_a_process_ended(code: int, words: str) -> None:
    assert how_ended(code) == words


class Exhausted:
    """A listening socket of a machine that has no descriptors left for a while."""

    def __init__(self, sock: socket.socket, times: int) -> None:
        self._sock, self.left = sock, times

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        if self.left:
            self.left -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self._sock.accept()

    def fileno(self) -> int:
        return self._sock.fileno()


def test_a_machine_out_of_descriptors_is_waited_for(serving: Serving, context: ssl.SSLContext) -> None:
    with serving() as server:
        exhausted = Exhausted(server._listener._acceptor._socket, 2)
        server._listener._acceptor._socket = exhausted  # type: ignore[assignment]
        start = time.monotonic()
        with connect(server.port, context) as sock:
            assert ask(sock, b"at last ") == b"at last "
        assert not exhausted.left
        assert 0.8 < time.monotonic() - start < 5
