"""The rows of asynchronous requests: what was asked for and not fetched yet, by whichever process it came."""

from collections.abc import Callable
from sqlite3 import Cursor
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import json
from msgspec.structs import replace

from gateway.errors import RequestCanceled
from gateway.store.api import Change, HeldRequest, Stage

if TYPE_CHECKING:
    from gateway.store.transaction import SqliteTransaction

T = TypeVar("T")

_PLAIN = (
    "correlation, tenant, owner, operation, version, batch_item, ticket, submitted, stage, instance, begun, changes"
)
_STAGE, _CHANGES = (_PLAIN.split(", ").index(column) for column in ("stage", "changes"))
_ONE = f"SELECT {_PLAIN}, sealed, reason, message, objects FROM asynchronous_requests WHERE correlation = ?"  # noqa: S608
_LIST = f"SELECT {_PLAIN}, x'', reason, '', '[]' FROM asynchronous_requests WHERE"  # noqa: S608
_OF_CLIENT = f"{_LIST} tenant = ? AND owner = ? ORDER BY id"
_UNFINISHED = f"{_LIST} stage IN ({Stage.SUBMITTED:d}, {Stage.IN_PROCESS:d}) ORDER BY id"
_PUT = f"""INSERT INTO asynchronous_requests ({_PLAIN}, sealed, reason, message, objects)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (correlation) DO UPDATE SET stage = excluded.stage, instance = excluded.instance,
        begun = excluded.begun, changes = excluded.changes, sealed = excluded.sealed,
        reason = excluded.reason, message = excluded.message, objects = excluded.objects"""  # noqa: S608 - the columns are the constants above
_DROP = "DELETE FROM asynchronous_requests WHERE correlation = ?"
_WEIGHT = """SELECT count(*), coalesce(sum(length(sealed)), 0) FROM asynchronous_requests
    WHERE tenant = ? AND owner = ?"""
_EXPIRE = f"DELETE FROM asynchronous_requests WHERE stage = {Stage.COMPLETED:d} AND submitted < ?"  # noqa: S608


def one(cursor: Cursor, correlation: bytes) -> HeldRequest | None:
    """Give the request with this correlation value."""
    columns = cursor.execute(_ONE, (correlation,)).fetchone()
    return None if columns is None else _held(columns)


def of_client(cursor: Cursor, tenant: str, owner: str) -> list[HeldRequest]:
    """Give a client's requests, the oldest first, without what is sealed."""
    return [_held(columns) for columns in cursor.execute(_OF_CLIENT, (tenant, owner)).fetchall()]


def unfinished(cursor: Cursor) -> list[HeldRequest]:
    """Give the requests that are not completed, the oldest first, without what is sealed."""
    return [_held(columns) for columns in cursor.execute(_UNFINISHED).fetchall()]


def put(cursor: Cursor, request: HeldRequest) -> None:
    """Insert a request, or write what may change of it."""
    cursor.execute(
        _PUT,
        (
            request.correlation,
            request.tenant,
            request.owner,
            request.operation,
            request.version,
            request.batch_item,
            request.ticket,
            request.submitted,
            int(request.stage),
            request.instance,
            request.begun,
            json.encode(request.changes).decode(),
            request.sealed,
            request.reason,
            request.message,
            json.encode(request.objects).decode(),
        ),
    )


def drop(cursor: Cursor, correlation: bytes) -> None:
    """Delete a request, if it is there."""
    cursor.execute(_DROP, (correlation,))


def weight(cursor: Cursor, tenant: str, owner: str) -> tuple[int, int]:
    """Count a client's requests, and the bytes that are sealed of them."""
    count, size = cursor.execute(_WEIGHT, (tenant, owner)).fetchone()
    return count, size


def expire(cursor: Cursor, before: int) -> int:
    """Delete the completed requests that were submitted before then (microseconds since 1970), and count them."""
    return cursor.execute(_EXPIRE, (before,)).rowcount


def journaled(request: HeldRequest, fn: Callable[["SqliteTransaction"], T], transaction: "SqliteTransaction") -> T:
    """Run `fn` for a request in process, and note with it what it does.

    Raises:
        RequestCanceled: nobody is to do anything for it any more, or somebody else does.
    """
    current = transaction.request(request.correlation)
    if current is None or (current.stage, current.instance, current.begun) != (
        Stage.IN_PROCESS,
        request.instance,
        request.begun,
    ):
        raise RequestCanceled
    result = fn(transaction)
    transaction.put_request(replace(current, changes=(*current.changes, *transaction.changes())))
    return result


def _held(columns: tuple[Any, ...]) -> HeldRequest:
    fields = list(columns)
    fields[_STAGE] = Stage(fields[_STAGE])
    fields[-1] = json.decode(fields[-1], type=tuple[str, ...])
    fields[_CHANGES] = json.decode(fields[_CHANGES], type=tuple[Change, ...])
    return HeldRequest(*fields)
