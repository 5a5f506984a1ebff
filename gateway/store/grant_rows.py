"""Grants in SQLite: each question and change as one statement.

The one rule here: the tenant of the object and that of the client are compared by the statement that finds the grant.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gateway.kmip.tags import Tag
from gateway.store.grants import GrantRow, Lent

Execute = Callable[[str, Sequence[object]], list[Any]]

TABLES = (
    """CREATE TABLE grants (
        tenant TEXT NOT NULL,
        grantee TEXT NOT NULL,
        use INTEGER NOT NULL,
        lent INTEGER NOT NULL,
        target TEXT NOT NULL,
        owner TEXT NOT NULL,
        PRIMARY KEY (tenant, grantee, use, lent, target, owner)
    ) STRICT, WITHOUT ROWID""",
)

# What makes a row of `objects` one that is granted; its values are a grantee, a use, and the tag of the Object Group.
REACHED = f"""EXISTS (SELECT 1 FROM grants WHERE grants.tenant = objects.tenant AND grantee = ? AND use = ?
    AND grants.owner IN ('', objects.owner) AND (lent = {Lent.ALL:d}
    OR lent = {Lent.OBJECT:d} AND target = objects.unique_identifier OR lent = {Lent.GROUP:d} AND target IN
    (SELECT scalar FROM attributes WHERE object = objects.id AND tag = ? AND name = '')))"""  # noqa: S608
_ANY = "SELECT 1 FROM grants WHERE tenant = ? AND grantee = ? AND use = ? LIMIT 1"
_ALLOWED = f"SELECT 1 FROM objects WHERE id = ? AND tenant = ? AND {REACHED}"  # noqa: S608
_REMOVE = """DELETE FROM grants WHERE tenant = ? AND grantee = ? AND use = ? AND lent = ? AND target = ? AND owner = ?
    RETURNING 1"""


class SqliteGrants:
    """Grants as a connection sees them, and changes if that is a transaction's; grants.Grants has the promises."""

    def __init__(self, execute: Execute) -> None:
        """Ask through this function, which gives the rows of a statement."""
        self._execute = execute

    def allow(self, id: int, tenant: str, grantee: str, use: int) -> bool:
        return bool(self._execute(_ALLOWED, (id, tenant, grantee, use, int(Tag.OBJECT_GROUP))))

    def any_for(self, tenant: str, grantee: str, use: int) -> bool:
        return bool(self._execute(_ANY, (tenant, grantee, use)))

    def all(self, tenant: str | None = None) -> list[GrantRow]:
        sql = "SELECT tenant, grantee, use, lent, target, owner FROM grants WHERE ? IS NULL OR tenant = ?"
        found = self._execute(f"{sql} ORDER BY tenant, grantee, lent, target, owner, use", (tenant, tenant))
        return [GrantRow(*each)._replace(lent=Lent(each[3])) for each in found]

    def add(self, row: GrantRow) -> None:
        self._execute("INSERT OR IGNORE INTO grants VALUES (?, ?, ?, ?, ?, ?)", row)

    def remove(self, row: GrantRow) -> bool:
        return bool(self._execute(_REMOVE, row))
