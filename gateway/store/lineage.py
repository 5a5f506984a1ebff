"""Whether a database is the one that was written here last, or an earlier copy that somebody put in its place.

The one rule: of a copy, nothing is believed that would have a key deleted. What it has as reserved and not spent may
have been spent since, by objects that clients were told of; what a batch held back, or was kept for a window, may have
been brought back. Such keys stay on the token, and `fsck` lists them.
"""

from pathlib import Path
from sqlite3 import Connection, Cursor

import structlog

from gateway.errors import GeneralFailure
from gateway.store.api import Stage
from gateway.store.approvals import Stage as Approval
from gateway.store.locks import LockFile
from gateway.store.rows import IVS_FORGOTTEN_TO

log = structlog.get_logger()

# How many processes may have come since a copy was made: a hundred restarts a day for a month are fewer.
FORGOTTEN_INSTANCES = 4096

_LAST = "SELECT coalesce(max(changed), 0) FROM objects"
# An asynchronous request that was not done may have been done since: it is told to have failed, and not done twice.
_FAILED = Stage.COMPLETED, GeneralFailure.reason.value, "the database was put back to an earlier state; ask again"
_DISOWN: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("DELETE FROM reservations", ()),
    # Whether what is kept is to be had back or to go, an operator says.
    ("UPDATE destroys SET due = NULL, holder = NULL WHERE due > 0", ()),
    ("DELETE FROM destroys WHERE holder IS NOT NULL", ()),
    ("UPDATE asynchronous_requests SET sealed = x'', stage = ?1, reason = ?2, message = ?3 WHERE stage < ?1", _FAILED),
    # A ticket may have been ended since, and an approval spent, which is for one use.
    ("DELETE FROM tickets", ()),
    ("DELETE FROM approvals WHERE stage = ?", (str(Approval.OPEN),)),
    ("DELETE FROM instances", ()),
    # IVs that clients chose since are not in the copy.
    (
        "INSERT OR REPLACE INTO meta (key, value) SELECT ?, coalesce(max(id), 0) FROM objects",
        (IVS_FORGOTTEN_TO,),
    ),
    # Processes that came since had the next numbers, and with them their IVs: none is to come again.
    ("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'instances'", (FORGOTTEN_INSTANCES,)),
)


def last_commit(cursor: Cursor) -> int:
    """Give the number of the last commit that changed an object."""
    (number,) = cursor.execute(_LAST).fetchone()
    return int(number)


def disown(connection: Connection) -> None:
    """Take out of a copy what it may not say any more; call it in a transaction."""
    for statement, values in _DISOWN:
        connection.execute(statement, values)


def check_lineage(connection: Connection, locks: LockFile, path: Path) -> None:
    """Disown what the database says of keys to be deleted, if commits are known that it does not have.

    The number of the last commit stands in the lock file beside it. A database without its lock file was brought here,
    nobody knows when it was copied.
    """
    noted = locks.noted()  # first: commits that come meanwhile only make the database newer
    last = last_commit(connection.cursor())
    if noted is not None and noted <= last:
        return
    connection.execute("BEGIN IMMEDIATE")
    disown(connection)
    connection.execute("COMMIT")
    locks.note(last)
    if noted is not None:
        log.error("database is an earlier copy", path=str(path), commit=last, known_commit=noted)
