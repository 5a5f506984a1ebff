"""A Query as SQL, driven by the filter that leaves the fewest objects.

SQLite chooses a plan before it sees the values, and cannot know that a Name picks one object and an Object Type all of
them. So the number of matches of each filter is sounded first, up to a bound: the cost of a Locate is that of its
rarest condition.
"""

from collections.abc import Sequence
from sqlite3 import Cursor
from typing import NamedTuple

from gateway.store.api import Filter, Op, Query, Scalar
from gateway.store.rows import ARCHIVED, DESTROYED

RARE = 1000  # A filter with fewer matches than this may drive the query.


class Clause(NamedTuple):
    """A piece of SQL and the values of its question marks."""

    sql: str
    values: tuple[Scalar, ...]


def matching(cursor: Cursor, query: Query) -> Clause:
    """Give the FROM and WHERE that select what the query asks for from `objects`."""
    filters = [_condition(each) for each in query.filters]
    driver = _rarest(cursor, [clause for each, clause in zip(query.filters, filters, strict=True) if _indexed(each)])
    clauses = [_exists(each) for each in filters if each is not driver]
    # The plus keeps SQLite from the index of the tenant, which would make it visit all that the tenant has.
    plus = ""
    if driver is not None:
        clauses.insert(0, Clause(f"id IN (SELECT object FROM attributes WHERE {driver.sql})", driver.values))  # noqa: S608
        plus = "+"
    clauses.append(Clause(f"{plus}tenant = ?", (query.tenant,)))
    if query.owner is not None:
        clauses.append(Clause(f"{plus}owner = ?", (query.owner,)))
    clauses.append(_storage(query, plus))
    return _join(clauses)


def _condition(filter_: Filter) -> Clause:
    compared = _comparison(filter_)
    return Clause(f"tag = ? AND name = ?{compared.sql}", (filter_.tag, filter_.name, *compared.values))


def _comparison(filter_: Filter) -> Clause:
    low, high = filter_.low, filter_.high
    match filter_.op:
        case Op.EQUAL:
            return Clause(" AND scalar = ?", (low,))
        case Op.MASK:
            return Clause(" AND scalar IS NOT NULL AND scalar & ? = ?", (low, low))
        case Op.TTLV:
            return Clause(" AND ttlv = ?", (low,))
        case Op.EXISTS:
            return Clause("", ())
        case Op.RANGE:
            from_, to = ("" if low is None else " AND scalar >= ?"), ("" if high is None else " AND scalar <= ?")
            return Clause(
                f" AND scalar IS NOT NULL{from_}{to}", tuple(each for each in (low, high) if each is not None)
            )


def _indexed(filter_: Filter) -> bool:
    return filter_.op in (Op.EQUAL, Op.RANGE)


def _rarest(cursor: Cursor, clauses: Sequence[Clause]) -> Clause | None:
    counts = [(_count(cursor, each), number) for number, each in enumerate(clauses)]
    fewest, number = min(counts, default=(RARE, 0))
    return clauses[number] if fewest < RARE else None


def _count(cursor: Cursor, clause: Clause) -> int:
    sql = f"SELECT count(*) FROM (SELECT 1 FROM attributes WHERE {clause.sql} LIMIT {RARE})"  # noqa: S608
    count: int = cursor.execute(sql, clause.values).fetchone()[0]
    return count


def _exists(clause: Clause) -> Clause:
    return Clause(
        f"EXISTS (SELECT 1 FROM attributes WHERE object = objects.id AND {clause.sql})",  # noqa: S608
        clause.values,
    )


def _storage(query: Query, plus: str) -> Clause:
    wanted: list[int] = []
    if query.include_online:
        wanted.append(0)
    if query.include_archived:
        wanted.append(ARCHIVED)
    if query.include_destroyed:
        wanted += [DESTROYED, DESTROYED | ARCHIVED]
    if len(wanted) == 1:
        return Clause(f"{plus}storage = ?", (wanted[0],))
    return Clause(f"{plus}storage IN ({', '.join(map(str, wanted))})", ())


def _join(clauses: Sequence[Clause]) -> Clause:
    sql = " AND ".join(each.sql for each in clauses)
    return Clause(f"FROM objects WHERE {sql}", tuple(value for each in clauses for value in each.values))
