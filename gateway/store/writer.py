"""Group commit: a thread that takes whatever has queued up, runs it in one transaction, and answers after the commit.

While one group waits for the disk the next one gathers, so that a busy gateway pays for one fsync many times over.
"""

import time
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from sqlite3 import Connection, Error, IntegrityError
from threading import Thread
from typing import Any, NamedTuple, TypeVar

import structlog

from gateway.errors import ConfigurationError, StoreDown
from gateway.store.connection import open_for_writing, set_timeout
from gateway.store.lineage import last_commit
from gateway.store.locks import LockFile
from gateway.store.marks import Marks
from gateway.store.outage import Outage
from gateway.store.transaction import SqliteTransaction

log = structlog.get_logger()
T = TypeVar("T")

MAX_GROUP = 256  # Bounds how long the other processes of this database wait for the write lock.
# Must reach the disk, so it says something new each time: SQLite does not write what a row has already.
_PROBE = "INSERT INTO meta VALUES ('probed', ?) ON CONFLICT DO UPDATE SET value = excluded.value"


class Outcome(NamedTuple):
    """What became of one function: its result, or what it raised."""

    result: Any = None
    failure: BaseException | None = None


class Job(NamedTuple):
    """A function, and the caller that waits for it."""

    fn: Callable[[SqliteTransaction], Any]
    loop: AbstractEventLoop
    waiter: "Future[Outcome]"


class Writer:
    """The write connection and its thread."""

    def __init__(
        self, connection: Connection, path: Path, locks: LockFile, marks: Marks, instance: int, unique_names: bool
    ) -> None:
        """Start the thread; from here on the connection is its own."""
        self._connection = connection
        self._cursor = connection.cursor()
        self._path = path
        self._locks = locks
        self._marks = marks
        self._outage = Outage(locks)
        self._instance = instance
        self._unique_names = unique_names
        self._closed = False
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="store writer", daemon=True)
        self._thread.start()

    async def write(self, fn: Callable[[SqliteTransaction], T]) -> T:
        """Give what `fn` returned once it is durable, or raise what it raised."""
        if self._closed:
            raise StoreDown
        loop = get_running_loop()
        waiter: Future[Outcome] = loop.create_future()
        self._queue.put(Job(fn, loop, waiter))
        result, failure = await waiter
        if failure is not None:
            raise failure
        done: T = result
        return done

    @property
    def down(self) -> bool:
        """Whether the last write failed because of the database; it is tried again every second."""
        return self._outage.lasts

    def close(self) -> None:
        """Finish what is queued and end the thread; blocks until then."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        last = False
        while not last:
            group, last = self._gather()
            if group or self._outage.lasts:
                _deliver(group, self._commit(group))

    def _gather(self) -> tuple[list[Job], bool]:
        """Wait for one job, take all that came with it, and say whether the end was among them.

        While the database is down there may be none: then it is time to look.
        """
        group: list[Job] = []
        try:
            job = self._queue.get(timeout=self._outage.probe_s)
            while job is not None:
                group.append(job)
                if len(group) == MAX_GROUP:
                    return group, False
                job = self._queue.get_nowait()
        except Empty:
            return group, False
        return group, True

    def _commit(self, group: list[Job]) -> list[Outcome]:
        """Run the group in one transaction; if the database itself fails, all of it has failed."""
        try:
            if self._outage.lasts:
                self._reopen()
            with self._locks.turn(self._outage.patience_s):
                outcomes = self._transact(group)
        except (Error, OSError, ConfigurationError) as error:
            self._outage.begin(error)
            return [Outcome(failure=_store_down(error)) for _ in group]
        if self._outage.lasts:
            self._outage.end()
            set_timeout(self._connection, self._outage.patience_s)
        return outcomes

    def _transact(self, group: list[Job]) -> list[Outcome]:
        self._cursor.execute("BEGIN IMMEDIATE")
        try:
            changed = last_commit(self._cursor) + 1
            if self._outage.lasts:
                self._cursor.execute(_PROBE, (str(time.time_ns()),))
            outcomes = [self._attempt(job, changed) for job in group]
            changed = last_commit(self._cursor)
            self._marks.begin()
            self._cursor.execute("COMMIT")
            self._marks.end()
        except Error:
            self._roll_back()
            raise
        with suppress(OSError):  # It is committed; without the note, less is known of an earlier copy.
            self._locks.note(changed)
        return outcomes

    def _reopen(self) -> None:
        """Open the database anew: of what a connection knows after a failed write or fsync, nothing is believed."""
        self._connection.close()
        self._connection = open_for_writing(self._path, timeout_s=self._outage.patience_s)
        self._cursor = self._connection.cursor()

    def _attempt(self, job: Job, changed: int) -> Outcome:
        """Run one function in a savepoint of its own: what it raises undoes its own changes only."""
        self._cursor.execute("SAVEPOINT job")
        try:
            result = job.fn(SqliteTransaction(self._cursor, changed, self._instance, self._unique_names))
        except BaseException as failure:
            # A full disk or a failed read has ended the transaction for everyone; a broken constraint has not.
            if isinstance(failure, Error) and not isinstance(failure, IntegrityError):
                raise
            self._cursor.execute("ROLLBACK TO job")
            self._cursor.execute("RELEASE job")
            if isinstance(failure, IntegrityError):
                log.error("store refused a row", error=str(failure))
                failure = _store_down(failure)
            return Outcome(failure=failure)
        self._cursor.execute("RELEASE job")
        return Outcome(result)

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._cursor.execute("ROLLBACK")
        except Error as error:
            log.debug("store failed", doing="rollback", error=str(error))


def _store_down(cause: Exception) -> StoreDown:
    log.debug("store failed", doing="write", error=str(cause))
    failure = StoreDown()
    failure.__cause__ = cause
    return failure


def _deliver(group: list[Job], outcomes: list[Outcome]) -> None:
    """Wake the callers, with one wake-up of their event loop for the group."""
    if not group:
        return
    try:
        group[0].loop.call_soon_threadsafe(_resolve, group, outcomes)
    except RuntimeError:
        log.warning("store answered nobody", writes=len(group))  # The event loop was closed before its writes ended.


def _resolve(group: list[Job], outcomes: list[Outcome]) -> None:
    for job, outcome in zip(group, outcomes, strict=True):
        if not job.waiter.done():  # Its caller may have been cancelled meanwhile.
            job.waiter.set_result(outcome)
