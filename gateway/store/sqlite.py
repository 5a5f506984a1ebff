"""The SQLite store: one reader with its cache, one writer with its thread, one instance with its reservations."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import copy
from functools import partial
from pathlib import Path
from sqlite3 import Error
from typing import Any, TypeVar

from gateway.errors import ConfigurationError, StoreDown
from gateway.store import ending, requests
from gateway.store.account_rows import SqliteAccounts
from gateway.store.api import Committed, HeldRequest, Located, ObjectRow, Query, TicketRow, Transaction
from gateway.store.connection import READER_TIMEOUT_S, WRITER_TIMEOUT_S, migrate, open_connection, open_for_writing
from gateway.store.grant_rows import SqliteGrants
from gateway.store.lineage import check_lineage
from gateway.store.locate import Clause, matching
from gateway.store.locks import TELLING, LockFile
from gateway.store.marks import Marks
from gateway.store.reader import Reader, translated
from gateway.store.requests import journaled
from gateway.store.reservations import Stock, register
from gateway.store.rows import read_ticket
from gateway.store.transaction import SqliteTransaction
from gateway.store.writer import Writer

T = TypeVar("T")

CACHE_OBJECTS = 20_000
MAX_COUNTED = 5_000  # Beyond this many candidates, a Locate with a limit does not count the pages it does not give.
SLICE = 100  # Rows looked at in one turn of the event loop, a few milliseconds when none is cached.

_UNSPENT = "SELECT cka_id FROM reservations WHERE instance = ? AND NOT condemned"
_PENDING = """SELECT unique_identifier FROM destroys JOIN objects ON objects.id = destroys.object
    WHERE holder IS NULL AND due = 0 ORDER BY object"""

_WRAPPED_BEFORE = """SELECT unique_identifier FROM objects WHERE custody = 'wrapped' AND token = ?
    AND substr(wrapped, 1, 4) >= ? AND substr(wrapped, 1, 4) < ? ORDER BY substr(wrapped, 1, 4), id LIMIT ?"""


class SqliteStore:
    """A store in one SQLite file, shared by the processes of one machine; api.Store has the promises."""

    def __init__(self, reader: Reader, writer: Writer, locks: LockFile, instance: int) -> None:
        """Join the parts; `open_store` makes them."""
        self._reader = reader
        self._writer = writer
        self._locks = locks
        self._instance = instance
        self._stock = Stock(lambda block: writer.write(lambda tx: tx.reserve(block)))
        self._request: HeldRequest | None = None  # for which everything here is done
        self._watcher: Callable[[Sequence[Committed]], None] | None = None
        # Bound once: the request path saves a call.
        self.peek = reader.peek
        self.recall = reader.recall
        self.refresh = reader.refresh
        self.access_generation = reader.generation
        self.accounts = SqliteAccounts(self._all)
        self.grants = SqliteGrants(self._all)

    async def get(self, unique_identifier: str) -> ObjectRow | None:
        return self._reader.peek(unique_identifier)

    async def check(self) -> None:
        # Another process may have met the outage, and this one have had nothing to write.
        if self._writer.down or self._locks.held_elsewhere(TELLING):
            raise StoreDown
        self._reader.peek("")

    def setting(self, tenant: str, owner: str, tag: int) -> bytes | None:
        return self._reader.setting(tenant, owner, tag)

    def ticket(self, hash: bytes) -> list[TicketRow]:
        with translated("read"):
            return read_ticket(self._reader.connection.execute, hash)

    async def locate(self, query: Query, post: Callable[[ObjectRow], bool] | None = None) -> Located:
        with translated("locate"):
            where = matching(self._reader.connection.cursor(), query)
        return await self._filtered(query, where, post) if post else self._page(query, where)

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        made = fn if self._request is None else partial(journaled, self._request, fn)
        if self._watcher is None:
            return await self._writer.write(made)
        # What is committed is told of, though the writer be cancelled meanwhile.
        return await asyncio.shield(asyncio.ensure_future(self._told(made, self._watcher)))

    async def _told(self, fn: Callable[[Transaction], T], watcher: Callable[[Sequence[Committed]], None]) -> T:
        result, committed = await self._writer.write(partial(_watched, fn))
        watcher(committed)
        return result

    def watch(self, watcher: Callable[[Sequence[Committed]], None]) -> None:
        self._watcher = watcher

    async def reserve(self) -> bytes:
        return await self._stock.take()

    async def destroyed(self, id: int) -> None:
        await self._writer.write(lambda tx: tx.dequeue_destroy(id))

    async def end_windows(self, now: int) -> int:
        if not self._all(ending.ANY_DUE, (now,)):
            return 0
        return await self._writer.write(lambda tx: tx.end_windows(now))

    async def pending_destroys(self) -> list[ObjectRow]:
        return self._reader.scan([uid for (uid,) in self._all(_PENDING)])

    def wrapped_before(self, token: str, version: int, limit: int) -> list[ObjectRow]:
        """Give objects of a token whose keys are wrapped by an earlier key-encryption key; public keys by none."""
        values = token, (1).to_bytes(4, "big"), version.to_bytes(4, "big"), limit
        return self._reader.scan([uid for (uid,) in self._all(_WRAPPED_BEFORE, values)])

    def fact(self, key: str) -> str | None:
        """Give what was kept of the database as a whole under this key."""
        found = self._all("SELECT value FROM meta WHERE key = ?", (key,))
        return found[0][0] if found else None

    async def keep_fact(self, key: str, value: str) -> None:
        """Keep a fact of the database as a whole, unless there is one under this key."""
        await self._writer.write(lambda tx: tx.keep_fact(key, value))

    async def unspent(self) -> list[bytes]:
        known = [each for (each,) in self._all("SELECT id FROM instances")]
        dead = [each for each in known if each != self._instance and not self._locks.held_elsewhere(each)]
        overdue = self._stock.overdue(each for (each,) in self._all(_UNSPENT, (self._instance,)))
        return await self._writer.write(lambda tx: tx.condemn(dead, overdue))

    async def forget(self, cka_ids: Sequence[bytes]) -> None:
        await self._writer.write(lambda tx: tx.forget(cka_ids))

    @property
    def instance(self) -> int:
        return self._instance

    async def held(self, correlation: bytes) -> HeldRequest | None:
        with translated("read"):
            return requests.one(self._reader.connection.cursor(), correlation)

    async def held_by(self, tenant: str, owner: str) -> list[HeldRequest]:
        with translated("read"):
            return requests.of_client(self._reader.connection.cursor(), tenant, owner)

    async def unfinished(self) -> list[HeldRequest]:
        with translated("read"):
            found = requests.unfinished(self._reader.connection.cursor())
        living = {each: self._locks.held_elsewhere(each) for each in {row.instance for row in found}}
        return [row for row in found if not living[row.instance]]

    def journal(self, request: HeldRequest) -> "SqliteStore":
        view = copy(self)
        view._request = request
        return view

    async def close(self) -> None:
        left = await self._stock.drain()
        with suppress(StoreDown):  # Logged; a reaper will find what could not be given back.
            await self._writer.write(lambda tx: tx.leave(left))
        await asyncio.to_thread(self._writer.close)
        self._reader.connection.close()
        self._locks.close()

    def _page(self, query: Query, where: Clause) -> Located:
        limit = -1 if query.limit is None else query.limit
        sql = f"SELECT unique_identifier {where.sql} ORDER BY id DESC LIMIT ? OFFSET ?"
        page = tuple(uid for (uid,) in self._all(sql, (*where.values, limit, query.offset)))
        if len(page) == limit or (query.offset and not page):
            return Located(page, self._count(where))
        return Located(page, query.offset + len(page))

    def _count(self, where: Clause) -> int | None:
        sql = f"SELECT count(*) FROM (SELECT 1 {where.sql} LIMIT {MAX_COUNTED + 1})"  # noqa: S608
        ((count,),) = self._all(sql, where.values)
        return count if count <= MAX_COUNTED else None

    async def _filtered(self, query: Query, where: Clause, post: Callable[[ObjectRow], bool]) -> Located:
        """Test candidates slice by slice, other requests getting their turn between, until page and count are made."""
        found: list[str] = []
        tested = 0
        end = None if query.limit is None else query.offset + query.limit
        for candidates in self._slices(where):
            found += [row.unique_identifier for row in self._reader.scan(candidates) if post(row)]
            tested += len(candidates)
            if end is not None and len(found) >= end and tested >= MAX_COUNTED:
                return Located(tuple(found[query.offset : end]), None)
            await asyncio.sleep(0)
        return Located(tuple(found[query.offset : end]), len(found))

    def _slices(self, where: Clause) -> Iterator[list[str]]:
        """Give the candidates newest first, each slice read when it is wanted."""
        sql = f"SELECT id, unique_identifier {where.sql} AND id < ? ORDER BY id DESC LIMIT {SLICE}"
        last = 1 << 62
        while rows := self._all(sql, (*where.values, last)):
            yield [uid for _, uid in rows]
            last = rows[-1][0]

    def _all(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        with translated("read"):
            return self._reader.connection.execute(sql, values).fetchall()


def _watched(fn: Callable[[Transaction], T], transaction: SqliteTransaction) -> tuple[T, Sequence[Committed]]:
    """Run a function of a write, and tell what it did to objects besides what it gives."""
    return fn(transaction), transaction.committed()


def open_store(path: Path, *, unique_names: bool = True, cache_objects: int = CACHE_OBJECTS) -> SqliteStore:
    """Give the store of a database file, created and migrated where needed.

    Every process opens its own, after the fork; the reaper's queries see the others as instances.

    Raises:
        ConfigurationError: the database cannot be used as it is; the sentence says why.
    """
    migrate(path)
    writing = open_for_writing(path, timeout_s=WRITER_TIMEOUT_S)
    reading = open_connection(path, timeout_s=READER_TIMEOUT_S)
    locks = LockFile(path)
    try:
        check_lineage(writing, locks, path)
        instance = register(writing, locks)
        marks = Marks(locks)
    except (Error, OSError) as error:
        raise ConfigurationError(f"The database {path} cannot be written: {error}.") from error
    writer = Writer(writing, path, locks, marks, instance, unique_names)
    return SqliteStore(Reader(reading, marks, cache_objects), writer, locks, instance)
