"""Grants in SQLite: each question and change as one statement.

The one rule here: the tenant of the object and that of the client are compared by the statement that finds the grant.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gateway.kmip.tags import Tag
from gateway.store.findable import FINDABLE
from gateway.store.grants import GrantRow, Lent, Reach

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
# The objects that a client was granted one by one, or by their group; each part's values are tenant, grantee and use,
# the second's the tag of the Object Group before. CROSS JOIN, so that it begins with the grants: of them there are few.
LENT = f"""SELECT objects.id FROM grants
    CROSS JOIN objects ON unique_identifier = target AND objects.tenant = grants.tenant
    WHERE grants.tenant = ? AND grantee = ? AND use = ? AND lent = {Lent.OBJECT:d}
    UNION SELECT objects.id FROM grants CROSS JOIN attributes ON tag = ? AND name = '' AND scalar = target
    AND {FINDABLE}
    CROSS JOIN objects ON objects.id = object AND objects.tenant = grants.tenant
    WHERE grants.tenant = ? AND grantee = ? AND use = ? AND lent = {Lent.GROUP:d}
    AND grants.owner IN ('', objects.owner)"""  # noqa: S608
_KINDS = "SELECT DISTINCT lent, iif(lent = ?, owner, '') FROM grants WHERE tenant = ? AND grantee = ? AND use = ?"
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

    def reach(self, tenant: str, grantee: str, use: int) -> Reach:
        found = self._execute(_KINDS, (Lent.ALL, tenant, grantee, use))
        owners = tuple(owner for lent, owner in found if lent == Lent.ALL)
        return Reach("" in owners, owners, any(lent != Lent.ALL for lent, _ in found))

    def all(self, tenant: str | None = None) -> list[GrantRow]:
        sql = "SELECT tenant, grantee, use, lent, target, owner FROM grants WHERE ? IS NULL OR tenant = ?"
        found = self._execute(f"{sql} ORDER BY tenant, grantee, lent, target, owner, use", (tenant, tenant))
        return [GrantRow(*each)._replace(lent=Lent(each[3])) for each in found]

    def add(self, row: GrantRow) -> None:
        self._execute("INSERT OR IGNORE INTO grants VALUES (?, ?, ?, ?, ?, ?)", row)

    def remove(self, row: GrantRow) -> bool:
        return bool(self._execute(_REMOVE, row))
