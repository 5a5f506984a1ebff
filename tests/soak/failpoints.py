"""A gateway whose processes are killed at a point: `python -m tests.soak.failpoints dev …`, its folder in FAILPOINTS.

The product has no code for it. The points are put, from here, around the seams that every operation passes whatever it
does: reservation, token call, commit, answer. So no operation is forgotten, nothing is there to be switched on in
production, and nothing costs a request anything. A point has a name: the operation, and where in it: `Create: commit 1
after`. Each that is passed for the first time is noted in the file `passed`; what lies in the file `armed` says at
which a process is to be killed, and the file is gone once that was done.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any

from gateway import __main__, asynchronous, batch
from gateway.admin.reaper import Reaper
from gateway.exchange import Exchange
from gateway.kmip.enums import Operation
from gateway.server import restarts, supervisor
from gateway.store.reservations import Stock
from gateway.store.sqlite import SqliteStore
from gateway.store.writer import Writer
from gateway.token import pool

FOLDER = "FAILPOINTS"
CHANGING = ("generate_key", "generate_wrapped", "generate_key_pair", "import_key", "unwrap", "derive", "destroy")
FRAMES = frozenset({"GenerateKey", "GenerateWrapped", "GenerateKeyPair", "ImportKey", "Unwrap", "Derive", "Destroy"})


class Passage:
    """How far one request has come."""

    def __init__(self, operation: str, *, later: bool = False) -> None:
        """`later` says that no client waits for it."""
        self.operation, self.later = operation, later
        self.commits = 0


class Round(Passage):
    """What no client asks for, and comes again and again: each of its commits counts as the first."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, min(value, 1) if name == "commits" else value)


PASSAGE: ContextVar[Passage | None] = ContextVar("passage", default=None)


class Points:
    """The points of this process, and the folder by which it hears of the one at which to kill."""

    def __init__(self, folder: Path) -> None:
        self._armed, self._passed = folder / "armed", folder / "passed"
        self._known: set[str] = set()
        self._hits: Counter[int] = Counter()

    def hit(self, passage: Passage | None, where: str) -> None:
        """Pass a point, and kill if it is the one."""
        if passage is None:
            return
        name = f"{passage.operation}: {where}"
        if name not in self._known:
            self._known.add(name)
            with self._passed.open("a") as file:
                file.write(f"{name}\n")
        try:
            armed = json.loads(self._armed.read_bytes())
        except FileNotFoundError:
            return
        if armed["point"] == name:
            self._fire(armed)

    def _fire(self, armed: dict[str, Any]) -> None:
        self._hits[armed["number"]] += 1
        if self._hits[armed["number"]] <= armed["skip"]:
            return
        try:
            self._armed.unlink()
        except FileNotFoundError:  # another process has passed it in this moment, and kills
            return
        time.sleep(armed["delay_s"])
        VICTIMS[armed["victim"]]()


def kill_front_end() -> None:
    """Kill this very process."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_supervisor() -> None:
    """Kill the supervisor, with which its children end; this one does no more."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


def kill_workers() -> None:
    """Kill every token worker."""
    for pid in children(os.getppid(), workers=True):
        os.kill(pid, signal.SIGKILL)


VICTIMS: dict[str, Callable[[], None]] = {
    "front end": kill_front_end,
    "workers": kill_workers,
    "supervisor": kill_supervisor,
}


def children(pid: int, *, workers: bool) -> list[int]:
    """Give a supervisor's token workers, or its front ends."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
            is_worker = b"token.worker" in Path(f"/proc/{process}/cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if parent == pid and is_worker is workers:
            found.append(int(process))
    return found


def around(points: Points, owner: Any, name: str, before: str, after: str) -> None:
    """Put a point before a coroutine method, and one after it has succeeded."""
    original = getattr(owner, name)

    @wraps(original)
    async def passed(*args: Any, **fields: Any) -> Any:
        points.hit(PASSAGE.get(), before)
        result = await original(*args, **fields)
        points.hit(PASSAGE.get(), after)
        return result

    setattr(owner, name, passed)


def patch_requests(points: Points) -> None:
    """Say which operation a task is at, and put a point before its answer."""
    answer, carry_out = Exchange.answer, batch.carry_out
    submit, start = asynchronous.Requests.submit, asynchronous.Requests._start

    async def answered(self: Exchange, *args: Any) -> bytes:
        PASSAGE.set(None)
        raw = await answer(self, *args)
        points.hit(PASSAGE.get(), "answer before")
        return raw

    async def carried_out(call: Any, item: Any, *args: Any) -> Any:
        passage = PASSAGE.get()
        if passage is not None and passage.later:
            passage.operation = f"asynchronous {Operation(item.operation).token}"
        else:
            PASSAGE.set(Passage(Operation(item.operation).token))
        return await carry_out(call, item, *args)

    async def submitted(self: asynchronous.Requests, call: Any, item: Any) -> bytes:
        PASSAGE.set(Passage(f"submitted {Operation(item.operation).token}"))
        return await submit(self, call, item)

    def started(self: asynchronous.Requests, correlation: bytes, work: Any) -> None:
        async def named() -> None:
            PASSAGE.set(Passage("asynchronous", later=True))
            await work

        start(self, correlation, named())

    for owner, name, patched in (
        (Exchange, "answer", answered),
        (batch, "carry_out", carried_out),
        (asynchronous.Requests, "submit", submitted),
        (asynchronous.Requests, "_start", started),
    ):
        setattr(owner, name, patched)


class Passing:
    """A function of a write that knows its request."""

    def __init__(self, fn: Callable[[Any], Any], passage: Passage, number: int) -> None:
        self.fn, self.passage, self.where = fn, passage, f"commit {number}"

    def __call__(self, transaction: Any) -> Any:
        return self.fn(transaction)


def patch_store(points: Points) -> None:
    """Put points around reservations and commits; those of a commit are in the writer's thread."""
    around(points, SqliteStore, "reserve", "reservation before", "reservation after")
    fill = Stock._fill

    async def filling(self: Stock) -> None:
        PASSAGE.set(Passage("a block of reservations"))
        await fill(self)

    setattr(Stock, "_fill", filling)  # noqa: B010 - mypy allows no other assignment to a method
    write, attempt, transact = Writer.write, Writer._attempt, Writer._transact

    async def writing(self: Writer, fn: Callable[[Any], Any]) -> Any:
        passage = PASSAGE.get()
        if passage is None:
            return await write(self, fn)
        passage.commits += 1
        return await write(self, Passing(fn, passage, passage.commits))

    def attempting(self: Writer, job: Any, changed: int) -> Any:
        outcome = attempt(self, job, changed)
        if isinstance(job.fn, Passing) and outcome.failure is None:
            points.hit(job.fn.passage, f"{job.fn.where} before")
        return outcome

    def transacting(self: Writer, group: list[Any]) -> Any:
        outcomes = transact(self, group)
        for job in group:
            if isinstance(job.fn, Passing):
                points.hit(job.fn.passage, f"{job.fn.where} after")
        return outcomes

    for name, patched in (("write", writing), ("_attempt", attempting), ("_transact", transacting)):
        setattr(Writer, name, patched)


def patch_token(points: Points) -> None:
    """Put points around what changes the token, and where the worker has just been asked for it."""
    for verb in CHANGING:
        around(points, pool.TokenPool, verb, f"token {verb} before", f"token {verb} after")
    send = pool.Worker.send

    def sending(self: pool.Worker, frame: Any, now: float) -> "asyncio.Future[Any]":
        future = send(self, frame, now)
        if type(frame).__name__ in FRAMES:
            self._flush()
            points.hit(PASSAGE.get(), f"token {type(frame).__name__} sent")
        return future

    setattr(pool.Worker, "send", sending)  # noqa: B010 - mypy allows no other assignment to a method


def patch_reaper() -> None:
    """Say of what the reaper does that it is the reaper: ends of windows, and keys that are left."""
    reap = Reaper.reap

    async def reaping(self: Reaper) -> int:
        PASSAGE.set(Round("reaper"))
        return await reap(self)

    setattr(Reaper, "reap", reaping)  # noqa: B010 - mypy allows no other assignment to a method


def hurry() -> None:
    """Have what a crash leaves looked for often, and what ends be started again at once, however often it does."""
    made = Reaper.__init__

    def impatient(self: Reaper, *args: Any) -> None:
        made(self, *args)
        self._interval_s = 2.0

    setattr(Reaper, "__init__", impatient)  # noqa: B010 - as above
    asynchronous.SWEEP_S, asynchronous.START_AFTER_S = 0.5, 0.1
    restarts.WELL_AFTER_S, supervisor.HOPELESS_DEATHS = 0.0, sys.maxsize


def main() -> None:
    """Run the command line of the gateway with all points in it."""
    points = Points(Path(os.environ[FOLDER]))
    patch_requests(points)
    patch_store(points)
    patch_token(points)
    patch_reaper()
    hurry()
    __main__.main()


if __name__ == "__main__":
    main()
