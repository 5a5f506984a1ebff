"""Requests that need the approval of others, in the database: what was asked, by whom, and who has said what to it.

The one rule here: a decision counts for one request, word for word, of one who asks; whoever carries it out spends the
row in a transaction, and nobody spends it again.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from msgspec import Struct, json
from msgspec.structs import astuple

Execute = Callable[[str, Sequence[object]], list[Any]]

TABLES = (
    """CREATE TABLE approvals (
        id TEXT PRIMARY KEY,
        digest BLOB NOT NULL,
        tenant TEXT NOT NULL,
        identity TEXT NOT NULL,
        operation TEXT NOT NULL,
        subject TEXT NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        stage TEXT NOT NULL,
        votes TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX approvals_by_digest ON approvals (digest)",
    "CREATE INDEX approvals_by_identity ON approvals (tenant, identity, stage)",
)
WORDS = ("ALTER TABLE approvals ADD COLUMN words TEXT NOT NULL DEFAULT ''",)
_PUT = "INSERT OR REPLACE INTO approvals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Stage(StrEnum):
    """How far a request for approval is."""

    OPEN = "open"
    DENIED = "denied"
    SPENT = "spent"


class Vote(NamedTuple):
    """Who has approved, and when, in seconds since 1970."""

    approver: str
    at: int


class ApprovalRow(Struct, frozen=True):
    """One request; `digest` is the SHA-256 of what is asked and by whom, times are in seconds since 1970."""

    id: str
    digest: bytes
    tenant: str
    identity: str
    operation: str
    subject: str  # the object, or the words of a command
    created: int
    expires: int
    stage: Stage = Stage.OPEN
    votes: tuple[Vote, ...] = ()
    words: str = ""  # all that is asked, for those who approve it


class Approvals(Protocol):
    """The questions and changes."""

    def get(self, id: str) -> ApprovalRow | None:
        """Give a request for approval."""
        ...

    def of(self, digest: bytes, now: int) -> ApprovalRow | None:
        """Give the one that is neither spent nor over of a request that is word for word this; the latest."""
        ...

    def open_of(self, tenant: str, identity: str, now: int) -> int:
        """Count those of one who asks that wait."""
        ...

    def all(self) -> list[ApprovalRow]:
        """Give all, the oldest first."""
        ...

    def put(self, row: ApprovalRow) -> None:
        """Add a row, or have it take the place of the one that is there."""
        ...

    def forget(self, before: int) -> None:
        """Drop what was over by then."""
        ...


class SqliteApprovals:
    """Approvals as a connection sees them, and changes if that is a transaction's; Approvals has the promises."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    def get(self, id: str) -> ApprovalRow | None:
        return self._first("WHERE id = ?", id)

    def of(self, digest: bytes, now: int) -> ApprovalRow | None:
        where = "WHERE digest = ? AND stage <> ? AND expires > ? ORDER BY created DESC"
        return self._first(where, digest, Stage.SPENT, now)

    def open_of(self, tenant: str, identity: str, now: int) -> int:
        sql = "SELECT count(*) FROM approvals WHERE tenant = ? AND identity = ? AND stage = ? AND expires > ?"
        return int(self._execute(sql, (tenant, identity, Stage.OPEN, now))[0][0])

    def all(self) -> list[ApprovalRow]:
        return [_row(each) for each in self._execute("SELECT * FROM approvals ORDER BY created, id", ())]

    def put(self, row: ApprovalRow) -> None:
        *columns, votes, words = astuple(row)
        self._execute(_PUT, (*columns, json.encode(votes).decode(), words))

    def forget(self, before: int) -> None:
        self._execute("DELETE FROM approvals WHERE expires < ?", (before,))

    def _first(self, where: str, *values: object) -> ApprovalRow | None:
        found = self._execute(f"SELECT * FROM approvals {where}", values)  # noqa: S608
        return _row(found[0]) if found else None


def _row(columns: Sequence[Any]) -> ApprovalRow:
    id, digest, tenant, identity, operation, subject, created, expires, stage, votes, words = columns
    said = json.decode(votes, type=tuple[Vote, ...])
    return ApprovalRow(id, digest, tenant, identity, operation, subject, created, expires, Stage(stage), said, words)
