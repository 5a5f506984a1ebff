"""A Query as SQL, driven by the filter that leaves the fewest objects.

SQLite chooses a plan before it sees the values, and cannot know that a Name picks one object and an Object Type all of
them. So the number of matches of each filter is sounded first, up to a bound: the cost of a Locate is that of its
rarest condition.
"""

from collections.abc import Sequence
from sqlite3 import Cursor
from typing import NamedTuple

from gateway.kmip.tags import Tag
from gateway.store.api import Filter, Op, Query, Scalar
from gateway.store.grant_rows import REACHED, SqliteGrants
from gateway.store.rows import ARCHIVED, DESTROYED

RARE = 1000  # A filter with fewer matches than this may drive the query.
INDEXED = (Op.EQUAL, Op.RANGE)


class Clause(NamedTuple):
    """A piece of SQL and the values of its question marks."""

    sql: str
    values: tuple[Scalar, ...]


def matching(cursor: Cursor, query: Query) -> Clause:
    """Give the FROM and WHERE that select what the query asks for from `objects`."""
    driver = _rarest(cursor, [each for each in query.filters if each.op in INDEXED])
    clauses = [_exists(each) for each in query.filters if each is not driver]
    # The plus keeps SQLite from the index of the tenant, which would make it visit all that the tenant has.
    plus = ""
    if driver is not None:
        found = _condition(driver)
        clauses.insert(0, Clause(f"id IN (SELECT object FROM attributes WHERE {found.sql})", found.values))  # noqa: S608
        plus = "+"
    if query.tenant is not None:
        clauses.append(Clause(f"{plus}tenant = ?", (query.tenant,)))
    if query.owner is not None:
        clauses.append(_owned(cursor, query, query.owner, plus))
    clauses.append(_storage(query, plus))
    return _join(clauses)


def _owned(cursor: Cursor, query: Query, owner: str, plus: str) -> Clause:
    """Give the test for an owner's objects, and for those that it was granted, where there can be any.

    Who was granted something has all of its tenant looked through, unless a filter is rare.
    """
    own = Clause(f"{plus}owner = ?", (owner,))
    tenant, use = query.tenant, query.lent
    grants = SqliteGrants(lambda sql, values: cursor.execute(sql, values).fetchall())
    if tenant is None or use is None or not grants.any_for(tenant, owner, use):
        return own
    return Clause(f"({own.sql} OR {REACHED})", (*own.values, owner, use, int(Tag.OBJECT_GROUP)))


def _condition(filter_: Filter, scalar: str = "scalar") -> Clause:
    compared = _comparison(filter_, scalar)
    return Clause(f"tag = ? AND name = ?{compared.sql}", (filter_.tag, filter_.name, *compared.values))


def _comparison(filter_: Filter, scalar: str) -> Clause:
    low, high = filter_.low, filter_.high
    match filter_.op:
        case Op.EQUAL:
            return Clause(f" AND {scalar} = ?", (low,))
        case Op.MASK:
            return Clause(f" AND typeof({scalar}) = 'integer' AND {scalar} & ? = ?", (low, low))
        case Op.TTLV:
            return Clause(" AND ttlv = ?", (low,))
        case Op.EXISTS:
            return Clause("", ())
        case Op.RANGE:
            ends = [(f" AND {scalar} {sign} ?", end) for sign, end in ((">=", low), ("<=", high)) if end is not None]
            return Clause("".join(sql for sql, _ in ends), tuple(end for _, end in ends))


def _rarest(cursor: Cursor, filters: Sequence[Filter]) -> Filter | None:
    """Give the filter with the fewest matches, if they are few; none is sounded deeper than the rarest before it."""
    rarest, fewest = None, RARE
    for each in filters:
        count = _count(cursor, _condition(each), fewest)
        if count < fewest:
            rarest, fewest = each, count
    return rarest


def _count(cursor: Cursor, clause: Clause, limit: int) -> int:
    sql = f"SELECT count(*) FROM (SELECT 1 FROM attributes WHERE {clause.sql} LIMIT {limit})"  # noqa: S608
    count: int = cursor.execute(sql, clause.values).fetchone()[0]
    return count


def _exists(filter_: Filter) -> Clause:
    """Give the test of one object; the plus keeps SQLite from going through the scalars of all (3.6 s for 10 000)."""
    tested = _condition(filter_, "+scalar")
    return Clause(f"EXISTS (SELECT 1 FROM attributes WHERE object = objects.id AND {tested.sql})", tested.values)  # noqa: S608


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
