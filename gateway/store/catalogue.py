"""What the command line reads of a database, running gateway or none: never a write, never a lock held."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from sqlite_utils import Database

from gateway.errors import ConfigurationError
from gateway.store import ending
from gateway.store.api import Kept, ObjectRow, TicketRow
from gateway.store.connection import READER_TIMEOUT_S, check_version, open_connection
from gateway.store.questions import SqliteQuestions
from gateway.store.reader import translated
from gateway.store.rows import MIGRATIONS, all_tickets, read_object

_PAGE = """SELECT unique_identifier FROM objects
    WHERE (:tenant IS NULL OR tenant = :tenant) AND id > :after ORDER BY id LIMIT :limit"""
_KEPT = """SELECT unique_identifier, due FROM destroys JOIN objects ON objects.id = destroys.object
    WHERE (due IS NULL OR due > :now) AND (:tenant IS NULL OR objects.tenant = :tenant) AND id > :after
    ORDER BY id LIMIT :limit"""
_TABLES = ("objects", "attributes", "names", "reservations", "instances", "destroys", "asynchronous_requests")


class Catalogue(SqliteQuestions):
    """The objects of a database, oldest first."""

    def __init__(self, connection: Connection) -> None:
        """Read through this connection; `open_catalogue` makes it."""
        self.connection = connection
        self._db = Database(connection, execute_plugins=False)

    def get(self, unique_identifier: str) -> ObjectRow | None:
        """Give one object as it is now."""
        with self._snapshot():
            return read_object(self.connection.cursor(), unique_identifier)

    def page(self, *, tenant: str | None = None, after: int = 0, limit: int = 100) -> list[ObjectRow]:
        """Give up to `limit` objects whose `id` is above `after`: the last row's id asks for the next page."""
        with self._snapshot():
            uids = [
                row["unique_identifier"] for row in self._db.query(_PAGE, dict(tenant=tenant, after=after, limit=limit))
            ]
            rows = [read_object(self.connection.cursor(), uid) for uid in uids]
        return [row for row in rows if row is not None]

    def kept(
        self, now: float, *, tenant: str | None = None, after: int = 0, limit: int = 100
    ) -> list[tuple[ObjectRow, Kept]]:
        """Give up to `limit` destroyed objects that can still be had back, as `page` does."""
        cursor = self.connection.cursor()
        with self._snapshot():
            values = dict(now=now, tenant=tenant, after=after, limit=limit)
            found = [
                (read_object(cursor, row["unique_identifier"]), row["due"]) for row in self._db.query(_KEPT, values)
            ]
        return [(row, Kept(due)) for row, due in found if row is not None]

    def kept_of(self, id: int) -> Kept | None:
        """Tell of a destroyed object until when it is kept; None where nothing is."""
        with self._snapshot():
            return ending.one(self.connection.cursor(), id)

    def tickets(self) -> list[TicketRow]:
        """Give all tickets, those of one owner together."""
        with self._snapshot():
            return all_tickets(self.connection.execute)

    def _all(self, sql: str, values: Sequence[object]) -> list[Any]:
        with translated("read"):
            return self.connection.execute(sql, values).fetchall()

    def counts(self) -> dict[str, int]:
        """Count the rows of each table."""
        with self._snapshot():
            return {name: self._db.table(name).count for name in _TABLES}

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        with translated("read"):
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.execute("ROLLBACK")


def open_catalogue(path: Path) -> Catalogue:
    """Give the catalogue of an existing database.

    Raises:
        ConfigurationError: there is none, or it is of another version.
    """
    connection = open_connection(path, timeout_s=READER_TIMEOUT_S, read_only=True)
    try:
        version = check_version(connection, path)
    except BaseException:
        connection.close()
        raise
    if version != len(MIGRATIONS):
        connection.close()
        raise ConfigurationError(
            f"The database {path} has not been brought to this version: start the gateway with it once."
        )
    return Catalogue(connection)
