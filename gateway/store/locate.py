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
from gateway.store.findable import COMMON, FINDABLE, UNINDEXED
from gateway.store.grant_rows import LENT, REACHED, SqliteGrants
from gateway.store.grants import Reach
from gateway.store.rows import ARCHIVED, DESTROYED

RARE = 1000  # A filter with fewer matches than this may drive the query.
INDEXED = (Op.EQUAL, Op.RANGE)
NOTHING_LENT = Reach(all=False, owners=(), some=False)


class Clause(NamedTuple):
    """A piece of SQL and the values of its question marks."""

    sql: str
    values: tuple[Scalar, ...]


def matching(cursor: Cursor, query: Query) -> Clause:
    """Give the FROM and WHERE that select what the query asks for from `objects`."""
    driver = _identifying(query.filters) or _rarest(cursor, [each for each in query.filters if _is_indexed(each)])
    clauses = [_exists(each) for each in query.filters if each is not driver]
    # The plus keeps SQLite from the index of the tenant, which would make it visit all that the tenant has.
    plus = ""
    if driver is not None:
        clauses.insert(0, _driven(driver))
        plus = "+"
    clauses.append(_visible(cursor, query, plus))
    return _join(clauses)


def _identifying(filters: Sequence[Filter]) -> Filter | None:
    return next((each for each in filters if each.tag == Tag.UNIQUE_IDENTIFIER and each.op is Op.EQUAL), None)


def _is_indexed(filter_: Filter) -> bool:
    """Tell whether the index has all values that a filter asks for."""
    if filter_.op not in INDEXED or filter_.tag in UNINDEXED:
        return False
    return filter_.tag not in COMMON or (filter_.op is Op.EQUAL and filter_.low != COMMON[filter_.tag])


def _driven(driver: Filter) -> Clause:
    if driver.tag == Tag.UNIQUE_IDENTIFIER:
        return Clause("unique_identifier = ?", (driver.low,))
    found = _condition(driver)
    return Clause(f"id IN (SELECT object FROM attributes WHERE {found.sql} AND {FINDABLE})", found.values)  # noqa: S608


def _visible(cursor: Cursor, query: Query, plus: str) -> Clause:
    """Give the test for the objects that the query is about: of a tenant and owner, and in a storage."""
    reach = _reach(cursor, query)
    storage = _storage(query, plus)
    if query.owner is None or reach.all:
        return _all_of([*_tenant(query, plus), storage])
    own = _owned((query.owner, *reach.owners), plus)
    if not reach.some:
        return _all_of([*_tenant(query, plus), own, storage])
    of_group = int(Tag.OBJECT_GROUP)
    if plus:  # Few are left: each is looked at.
        granted = Clause(REACHED, (query.owner, query.lent, of_group))
        return _all_of([*_tenant(query, plus), _either(own, granted), storage])
    # Two searches by an index, and neither through the tenant.
    whose = query.tenant, query.owner, query.lent
    lent = Clause(f"id IN ({LENT})", (*whose, of_group, *whose))
    return _either(_all_of([*_tenant(query, ""), own, storage]), _all_of([lent, _storage(query, "+")]))


def _reach(cursor: Cursor, query: Query) -> Reach:
    if query.tenant is None or query.owner is None or query.lent is None:
        return NOTHING_LENT
    grants = SqliteGrants(lambda sql, values: cursor.execute(sql, values).fetchall())
    return grants.reach(query.tenant, query.owner, query.lent)


def _owned(owners: tuple[str, ...], plus: str) -> Clause:
    one_or_more = "= ?" if len(owners) == 1 else f"IN ({', '.join('?' * len(owners))})"
    return Clause(f"{plus}owner {one_or_more}", owners)


def _tenant(query: Query, plus: str) -> list[Clause]:
    return [] if query.tenant is None else [Clause(f"{plus}tenant = ?", (query.tenant,))]


def _all_of(clauses: Sequence[Clause]) -> Clause:
    sql = " AND ".join(each.sql for each in clauses)
    return Clause(sql, tuple(value for each in clauses for value in each.values))


def _either(one: Clause, other: Clause) -> Clause:
    return Clause(f"(({one.sql}) OR ({other.sql}))", (*one.values, *other.values))


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
    sql = f"SELECT count(*) FROM (SELECT 1 FROM attributes WHERE {clause.sql} AND {FINDABLE} LIMIT {limit})"  # noqa: S608
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
    joined = _all_of(clauses)
    return Clause(f"FROM objects WHERE {joined.sql}", joined.values)
