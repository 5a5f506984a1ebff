"""Rows from a cache that cannot be stale: every look asks whether anything was committed since the last one.

What a gateway or its commands commit, the marks tell. What an operator does to the database by other tools is seen
within a second, when SQLite itself is asked.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from sqlite3 import Connection, Error

import structlog

from gateway.errors import StoreDown
from gateway.store.account_rows import SELECT_GENERATION
from gateway.store.api import MAX_ROW_BYTES, ObjectRow
from gateway.store.marks import NONE, Marks
from gateway.store.rows import SELECT_SETTING, read_object

log = structlog.get_logger()

# Clients choose what an object holds: a megabyte each would be 20 GB of cached rows. A row of a key is 0.5 KB.
MAX_CACHED_BYTES = 64 * 1024 * 1024
ASK_S = 1.0  # after so long SQLite is asked, whatever the marks say

MAX_SETTINGS = 256  # of 16 KB each at most

_DATA_VERSION = "PRAGMA data_version"
_CHANGED = "SELECT changed, unique_identifier FROM objects WHERE changed > ?"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Log the database's own words, and raise StoreDown in their place."""
    try:
        yield
    except Error as error:
        log.error("store failed", doing=what, error=str(error))
        raise StoreDown from error


class Reader:
    """A read connection, for the event loop's thread only, and the rows it read last."""

    def __init__(self, connection: Connection, marks: Marks, cache_objects: int) -> None:
        """Start with an empty cache that will hold at most `cache_objects` rows."""
        self._last = marks.last
        self._mark: int | None = None  # what `last` said when SQLite was asked
        self._ask_at = 0.0
        self._rows: OrderedDict[str, ObjectRow] = OrderedDict()
        self._limit = cache_objects
        self._weight = 0  # of all cached rows
        self.connection = connection
        self._cursor = connection.cursor()
        self._execute = self._cursor.execute
        self._version = (-1,)
        (self._seen,) = self._execute("SELECT coalesce(max(changed), 0) FROM objects").fetchone()
        self._generation = 0
        self._settings: dict[tuple[str, str, int], bytes | None] = {}  # since the last commit of another connection

    def peek(self, unique_identifier: str) -> ObjectRow | None:
        """Give the row with all that was committed before the call (0.6 us when it is cached)."""
        try:
            self._catch_up()
            row = self._rows.get(unique_identifier)
            if row is None:
                return self._load(unique_identifier)
        except Error as error:
            log.error("store failed", doing="read", error=str(error))
            raise StoreDown from error
        self._rows.move_to_end(unique_identifier)
        return row

    def refresh(self) -> None:
        """Drop what was changed since the last look."""
        with translated("read"):
            self._catch_up()

    def generation(self) -> int:
        """Give the number of the last change of who may do what."""
        try:
            self._catch_up()
        except Error as error:
            log.error("store failed", doing="read", error=str(error))
            raise StoreDown from error
        return self._generation

    def setting(self, tenant: str, owner: str, tag: int) -> bytes | None:
        """Give a setting with all that was committed before the call."""
        self.refresh()
        asked = tenant, owner, tag
        if asked not in self._settings:
            if len(self._settings) >= MAX_SETTINGS:
                self._settings.clear()
            with translated("read"):
                found = self._execute(SELECT_SETTING, asked).fetchone()
            self._settings[asked] = found[0] if found else None
        return self._settings[asked]

    def recall(self, unique_identifier: str) -> ObjectRow | None:
        """Give the row as the last look or `refresh` saw it; one that is not cached is looked for."""
        row = self._rows.get(unique_identifier)
        if row is None:
            return self.peek(unique_identifier)
        self._rows.move_to_end(unique_identifier)
        return row

    def scan(self, unique_identifiers: Iterable[str]) -> list[ObjectRow]:
        """Give those that exist, and leave the cache as it is: a Locate over everything must not empty it."""
        with translated("read"):
            self._drop_changed()
            rows = (self._rows.get(each) or self._read(each) for each in unique_identifiers)
            return [row for row in rows if row is not None]

    def __len__(self) -> int:
        """Count the cached rows."""
        return len(self._rows)

    def _catch_up(self) -> None:
        """Drop what was changed by commits since the last look; SQLite is asked unless the marks say there were none.

        The mark is read before: a commit that comes meanwhile is asked for once more at the next call.
        """
        mark = self._last()
        if mark == self._mark and time.monotonic() <= self._ask_at:
            return
        if self._execute(_DATA_VERSION).fetchone() != self._version:
            self._drop_changed()
        self._mark = None if mark == NONE else mark
        self._ask_at = time.monotonic() + ASK_S

    def _drop_changed(self) -> None:
        """Drop what other connections changed, and only that.

        The version is read before the changes: a commit between the two is dropped now, and looked for once more at
        the next call. The other way round it would be missed.
        """
        self._version = self._execute(_DATA_VERSION).fetchone()
        self._settings.clear()
        (self._generation,) = self._execute(SELECT_GENERATION).fetchone()
        for changed, unique_identifier in self._execute(_CHANGED, (self._seen,)).fetchall():
            self._seen = max(self._seen, changed)
            row = self._rows.get(unique_identifier)
            if row is not None and row.changed < changed:
                self._weight -= self._rows.pop(unique_identifier).weight

    def _load(self, unique_identifier: str) -> ObjectRow | None:
        row = self._read(unique_identifier)
        if row is not None and row.weight <= MAX_ROW_BYTES:
            self._rows[unique_identifier] = row
            self._weight += row.weight
            while len(self._rows) > self._limit or self._weight > MAX_CACHED_BYTES:
                self._weight -= self._rows.popitem(last=False)[1].weight
        return row

    def _read(self, unique_identifier: str) -> ObjectRow | None:
        self._execute("BEGIN")
        try:
            return read_object(self._cursor, unique_identifier)
        finally:
            self._execute("COMMIT")
