"""What `fsck` asks of a database, running gateway or none: whether it is whole, and what in it contradicts itself.

Never a write. A row that a query gives may have been changed since: who reports it looks again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import Any

from gateway.store.catalogue import Catalogue, open_catalogue
from gateway.store.locks import LockFile
from gateway.store.reader import translated

_ENDING = """SELECT unique_identifier, holder, due FROM destroys JOIN objects ON objects.id = destroys.object"""
_KEPT_WRAPPED = """SELECT DISTINCT destroys.wrapped FROM destroys JOIN objects ON objects.id = destroys.object
    WHERE token = ? AND destroys.wrapped != x''"""
_SHARED = """SELECT group_concat(unique_identifier, ', ') FROM objects WHERE cka_id != x'' AND storage & 2 = 0
    GROUP BY token, object_class, cka_id HAVING count(*) > 1"""
_UNNAMED = """SELECT unique_identifier, name FROM names JOIN objects ON objects.id = names.object
    WHERE NOT EXISTS (SELECT 1 FROM attributes
        WHERE attributes.object = objects.id AND tag = ? AND scalar = names.name)"""
_LINKS = """SELECT unique_identifier, scalar FROM attributes JOIN objects ON objects.id = attributes.object
    WHERE tag = ? AND storage & 2 = 0
    AND NOT EXISTS (SELECT 1 FROM objects AS others WHERE others.unique_identifier = attributes.scalar)"""


class Ending(Enum):
    """What is to become of what is left of a destroyed object."""

    NOW = auto()  # it is to be deleted
    HELD = auto()  # a batch that lives may still bring it back
    KEPT = auto()  # its window is open
    UNDECIDED = auto()  # kept in a copy of the database: an operator has to say


class Inspection:
    """A database, read through a catalogue; `open_inspection` makes it."""

    def __init__(self, catalogue: Catalogue, locks: LockFile) -> None:
        self.catalogue = catalogue
        self._locks = locks

    def damage(self) -> list[str]:
        """Say what SQLite finds wrong with the file, and which rows hang on rows that are not there."""
        whole = [str(line) for (line,) in self._all("PRAGMA integrity_check") if line != "ok"]
        hanging = self._all("PRAGMA foreign_key_check")
        return whole + [
            f"a row of {table} hangs on a row of {parent} that is not there" for table, _, parent, _ in hanging
        ]

    def reservations(self) -> dict[bytes, bool]:
        """Give the CKA_IDs that are reserved, each with whether the process that reserved it lives."""
        living = self._living()
        rows = self._all("SELECT cka_id, instance, condemned FROM reservations")
        return {cka_id: instance in living and not condemned for cka_id, instance, condemned in rows}

    def ending(self, now: float) -> dict[str, Ending]:
        """Give the destroyed objects of which something is left, each with how it is to end."""
        living = self._living()
        return {uid: _ending(due, now, held=holder in living) for uid, holder, due in self._all(_ENDING)}

    def kept_wrapped(self, token: str) -> list[bytes]:
        """Give the wrapped keys of a token's objects that are destroyed and kept."""
        return [wrapped for (wrapped,) in self._all(_KEPT_WRAPPED, token)]

    def shared_keys(self) -> list[str]:
        """Give the objects, those of one key together, that are not destroyed and name the same key."""
        return [uids for (uids,) in self._all(_SHARED)]

    def unnamed(self, name: int) -> list[tuple[str, str]]:
        """Give objects with a name that no attribute of this tag has."""
        return self._all(_UNNAMED, name)

    def dead_links(self, link: int) -> list[tuple[str, Any]]:
        """Give objects with what an attribute of this tag says, where that is no object."""
        return self._all(_LINKS, link)

    def _living(self) -> set[int]:
        known = [each for (each,) in self._all("SELECT id FROM instances")]
        return {each for each in known if self._locks.held_elsewhere(each)}

    def _all(self, sql: str, *values: object) -> list[Any]:
        with translated("read"):
            return self.catalogue.connection.execute(sql, values).fetchall()


def _ending(due: int | None, now: float, *, held: bool) -> Ending:
    if held:
        return Ending.HELD
    if due is None:
        return Ending.UNDECIDED
    return Ending.KEPT if due > now else Ending.NOW


@contextmanager
def open_inspection(path: Path) -> Iterator[Inspection]:
    """Give the inspection of an existing database.

    Raises:
        ConfigurationError: there is none, or it is of another version.
    """
    catalogue = open_catalogue(path)
    locks = LockFile(path)
    try:
        yield Inspection(catalogue, locks)
    finally:
        locks.close()
        catalogue.close()
