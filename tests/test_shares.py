"""What one client has of a front end at a time, and that nobody waits behind all of another's messages.

In uvloop, as front ends run: its clock stands still within a round.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from itertools import pairwise

import uvloop

from gateway.shares import MOST_ITEMS, Shares


def in_uvloop(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        uvloop.run(test())

    return run


class Front:
    """Messages that are carried out at once or wait, as an exchange has them; notes who began in which order."""

    def __init__(self) -> None:
        self.shares = Shares()
        self.begun: list[str] = []
        self.most: dict[str, int] = {}
        self._now: dict[str, int] = {}

    async def message(self, client: str, items: int, rounds: int = 3) -> None:
        if not self.shares.enter(client, items):
            await self.shares.turn(client, items)
        try:
            self.begun.append(client)
            self._now[client] = self._now.get(client, 0) + items
            self.most[client] = max(self.most.get(client, 0), self._now[client])
            for _ in range(rounds):
                await asyncio.sleep(0)
        finally:
            self._now[client] -= items
            self.shares.leave(client, items)


@in_uvloop
async def test_long_messages_of_one_client_come_one_after_the_other_and_others_in_between() -> None:
    front = Front()
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(front.message("bad", 100))
        await asyncio.sleep(0)
        assert front.begun == ["bad"]
        await front.message("good", 1)
    assert front.begun[1] == "good"
    assert front.begun.count("bad") == 20
    assert front.most["bad"] == 100


@in_uvloop
async def test_what_is_done_without_waiting_does_not_fill_a_round_either() -> None:
    """Refusals, for one: a client that asks for nothing but nonsense has as little of a round as any other."""
    front, between = Front(), [0]
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(front.message("bad", 100, rounds=0))
        for _ in range(30):
            await asyncio.sleep(0)
            between.append(len(front.begun))
    assert max(later - earlier for earlier, later in pairwise(between)) <= 2
    assert len(front.begun) == 10


@in_uvloop
async def test_what_is_done_at_once_takes_a_round_of_its_own_too() -> None:
    shares, done, between = Shares(), [], [0]

    async def read(client: str) -> None:
        await shares.pass_through(client, 100)
        done.append(client)

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(read("bad"))
        for each in range(40):
            if each == 2:
                group.create_task(read("good"))
            await asyncio.sleep(0)
            between.append(len(done))
    assert max(later - earlier for earlier, later in pairwise(between)) <= 2
    assert "good" in done[:4]
    assert done.count("bad") == 10
    assert not shares._held


@in_uvloop
async def test_single_requests_of_many_connections_do_not_wait() -> None:
    front = Front()
    async with asyncio.TaskGroup() as group:
        for _ in range(MOST_ITEMS + 10):
            group.create_task(front.message("client", 1))
        await asyncio.sleep(0)
        assert len(front.begun) == MOST_ITEMS
    assert len(front.begun) == MOST_ITEMS + 10
    assert front.most["client"] == MOST_ITEMS


@in_uvloop
async def test_a_client_that_leaves_while_it_waits_holds_up_nobody() -> None:
    front = Front()
    first = asyncio.create_task(front.message("client", 100, rounds=5))
    await asyncio.sleep(0)
    leaving = [asyncio.create_task(front.message("client", 100)) for _ in range(5)]
    last = asyncio.create_task(front.message("client", 100))
    await asyncio.sleep(0)
    for each in leaving:
        each.cancel()
    await asyncio.wait_for(asyncio.gather(first, last), 5)
    assert front.begun == ["client", "client"]
    assert not front.shares._held
    assert not front.shares._lines


@in_uvloop
async def test_who_is_cancelled_just_as_its_turn_comes_gives_it_on() -> None:
    shares = Shares()
    assert shares.enter("client", 100)
    second = asyncio.create_task(shares.turn("client", 100))
    third = asyncio.create_task(shares.turn("client", 100))
    await asyncio.sleep(0)
    shares.leave("client", 100)
    shares._begin_next()
    second.cancel()  # its turn has come, and it has not been told
    await asyncio.wait([second])
    assert second.cancelled()
    await asyncio.wait_for(third, 5)
    shares.leave("client", 100)
    assert not shares._held
