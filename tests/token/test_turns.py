"""Who is sent to a worker next: a client with one request is not behind all of one that has thousands."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from gateway.errors import ServerLimitExceeded, TokenDown
from gateway.token import channel, frames
from gateway.token.channel import NotSent, Worker
from gateway.token.turns import CLIENT, FEWEST_SENT, MOST_SENT, SENT_S, Turns, Window


def test_clients_take_turns_each_in_its_own_order() -> None:
    turns: Turns[str] = Turns(10)
    for item in ("a1", "a2", "a3", "b1", "a4", "c1", "c2"):
        turns.add(item[0], item)
    assert sorted(turns) == ["a1", "a2", "a3", "a4", "b1", "c1", "c2"]
    assert [turns.take() for _ in range(turns.count)] == ["a1", "b1", "c1", "a2", "c2", "a3", "a4"]
    assert not turns.count


def test_who_leaves_the_line_and_comes_again_does_not_overtake() -> None:
    turns: Turns[str] = Turns(10)
    taken = []
    for item in ("a1", "b1", "b2"):
        turns.add(item[0], item)
    for _ in range(3):
        taken.append(turns.take())
        turns.add("a", f"after {taken[-1]}")
    assert taken == ["a1", "b1", "after a1"]
    assert turns.take() == "b2"


def test_one_client_fills_its_own_line_only() -> None:
    turns: Turns[int] = Turns(3)
    for number in range(3):
        turns.add("greedy", number)
    with pytest.raises(ServerLimitExceeded, match="too many of your requests"):
        turns.add("greedy", 3)
    turns.add("other", 4)
    assert turns.count == 4


@pytest.mark.parametrize(
    ("each_s", "size"), [(0.000_02, MOST_SENT), (0.000_1, round(SENT_S / 0.000_1)), (0.1, FEWEST_SENT)]
)
def test_the_window_is_as_many_as_keep_the_worker_busy_for_some_milliseconds(each_s: float, size: int) -> None:
    window = Window()
    window.crowded(10.0)
    for _ in range(1000):
        window.answered()
    window.sweep(10.0 + 1000 * each_s)
    assert window.size == pytest.approx(size, abs=1)


def test_idle_time_does_not_narrow_the_window() -> None:
    window = Window()
    for second in range(100):
        window.crowded(float(second))
        window.answered()
        window.relieved(second + 0.000_02)
        window.sweep(second + 0.5)
    assert window.size == MOST_SENT


class Far:
    """The other end of a channel: what came to the worker, and its replies."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sock.setblocking(False)
        self._splitter = frames.Splitter()
        self.come: list[int] = []

    async def look(self) -> list[int]:
        """Give the frames that have come by now."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        try:
            for frame in self._splitter.feed(self._sock.recv(1 << 20)):
                self.come.append(frames.request_decoder.decode(frame).id)
        except BlockingIOError:
            pass
        return self.come

    async def answer(self, number: int) -> None:
        """Answer a frame, and let that be heard."""
        buffer = bytearray()
        frames.append_frame(buffer, frames.Done(number, b"done"))
        self._sock.send(buffer)
        await asyncio.sleep(0.01)


def ask(worker: Worker, client: str, *numbers: int) -> "list[asyncio.Future[frames.Result]]":
    CLIENT.set(client)
    return [worker.send(frames.Random(number, 8), 0.0) for number in numbers]


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


async def test_a_newcomer_is_behind_what_was_sent_and_one_of_each_other(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    worker, far = Worker(asyncio.get_running_loop(), ends[0], 0), Far(ends[1])
    greedy = ask(worker, "greedy", *range(1, 1001))
    assert await far.look() == list(range(1, MOST_SENT + 1))
    (newcomer,) = ask(worker, "newcomer", 5000)
    assert worker.load == 1001
    for number in (1, 2):
        await far.answer(number)
    assert (await far.look())[MOST_SENT:] == [MOST_SENT + 1, 5000]
    await far.answer(5000)
    assert newcomer.done()
    assert sum(each.done() for each in greedy) == 2
    worker.close()
    ended = [TokenDown] * MOST_SENT + [NotSent] * (998 - MOST_SENT)
    assert [type(each.exception()) for each in greedy[2:]] == ended
    assert worker.load == 0


async def test_what_nobody_waits_for_is_not_sent(ends: tuple[socket.socket, socket.socket]) -> None:
    worker, far = Worker(asyncio.get_running_loop(), ends[0], 0), Far(ends[1])
    asked = ask(worker, "client", *range(1, MOST_SENT + 4))
    for each in asked[MOST_SENT : MOST_SENT + 2]:
        each.cancel()
    await far.look()
    await far.answer(1)
    assert (await far.look())[MOST_SENT:] == [MOST_SENT + 3]
    worker.close()


async def test_key_pairs_are_made_one_at_a_time_in_turns_and_quick_requests_go_between(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "MAX_KEY_PAIRS_WAITING", 5)
    worker, far = Worker(asyncio.get_running_loop(), ends[0], 0), Far(ends[1])
    CLIENT.set("greedy")
    for number in range(1, 7):
        worker.send_pair(frames.Random(number, 8), 0.0)
    with pytest.raises(ServerLimitExceeded):
        worker.send_pair(frames.Random(7, 8), 0.0)
    CLIENT.set("newcomer")
    worker.send_pair(frames.Random(100, 8), 0.0)
    ask(worker, "newcomer", 200)
    assert await far.look() == [1, 200]
    for number in (1, 2):
        await far.answer(number)
    assert await far.look() == [1, 200, 2, 100]
    worker.close()


async def test_when_the_worker_dies_all_fail_that_wait(ends: tuple[socket.socket, socket.socket]) -> None:
    worker = Worker(asyncio.get_running_loop(), ends[0], 0)
    asked = ask(worker, "client", *range(1, MOST_SENT + 100))
    worker.close()
    assert [type(each.exception()) for each in asked] == [TokenDown] * MOST_SENT + [NotSent] * 99
