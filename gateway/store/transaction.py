"""One function's share of a transaction: every change of the database is made here, and numbered.

The number of the commit goes to each object it touches; readers learn from it what to forget.
"""

from collections.abc import Iterable, Sequence
from sqlite3 import Cursor, IntegrityError
from typing import Any

from msgspec.structs import astuple, replace

from gateway.errors import GeneralFailure, NameTaken, NonUniqueName, ObjectAlreadyExists
from gateway.store import ending, requests
from gateway.store.api import AttributeRow, Change, Committed, Custody, HeldRequest, Kept, ObjectRow, Scalar, TicketRow
from gateway.store.findable import FINDABLE
from gateway.store.questions import SqliteQuestions
from gateway.store.rows import (
    ARCHIVED,
    IVS_FORGOTTEN_TO,
    SELECT_ATTRIBUTES,
    SELECT_SETTING,
    read_object,
    read_ticket,
    storage_of,
)

_INSERT_OBJECT = """INSERT INTO objects (unique_identifier, tenant, owner, object_type, custody, token, object_class,
    cka_id, material, wrapped, storage, trusted, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
# Many at once: between two rows of `executemany` the event loop may take the interpreter from the writer, for 5 ms.
ROWS_A_STATEMENT = 32
_INSERT_ATTRIBUTES = tuple(
    f"""INSERT INTO attributes (object, tag, name, idx, ttlv, scalar) VALUES
    {", ".join(["(?, ?, ?, ?, ?, ?)"] * count)}
    ON CONFLICT DO UPDATE SET ttlv = excluded.ttlv, scalar = excluded.scalar"""  # noqa: S608
    for count in range(ROWS_A_STATEMENT + 1)
)
_DELETE_ATTRIBUTE = "DELETE FROM attributes WHERE object = ? AND tag = ? AND name = ? AND idx = ?"
_NAMED = """SELECT unique_identifier, id FROM names JOIN objects ON objects.id = names.object
    WHERE names.tenant = ? AND name = ? AND owner = ? ORDER BY id LIMIT 1"""
_WITH_SCALAR = f"""SELECT DISTINCT unique_identifier FROM attributes JOIN objects ON objects.id = attributes.object
    WHERE tag = ? AND name = '' AND scalar = ? AND {FINDABLE} AND tenant = ? LIMIT ?"""  # noqa: S608
_PUT_SETTING = """INSERT INTO settings (tenant, owner, tag, ttlv) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET ttlv = excluded.ttlv"""
_DELETE_SETTING = "DELETE FROM settings WHERE tenant = ? AND owner = ? AND tag = ?"
_DROP_EXPIRED = "DELETE FROM tickets WHERE tenant = ? AND owner = ? AND (expires <= ? OR requests = 0)"
_COUNT_TICKETS = "SELECT count(*) FROM tickets WHERE tenant = ? AND owner = ?"
_COUNT_OBJECTS = """SELECT count(*) FROM (SELECT 1 FROM objects
    WHERE tenant = ? AND owner = ? AND storage IN (0, ?) LIMIT ?)"""
_SPEND = "DELETE FROM reservations WHERE cka_id = ? AND instance = ? AND NOT condemned"

_MOVE = "UPDATE objects SET custody = ?, token = ?, cka_id = ?, material = ?, wrapped = ? WHERE id = ?"
_CONDEMN_KEY = "INSERT OR REPLACE INTO reservations (cka_id, instance, condemned) VALUES (?, ?, 1)"
_COUNT_INVOCATIONS = """INSERT INTO invocations (subject, counted) VALUES (?, ?)
    ON CONFLICT DO UPDATE SET counted = counted + excluded.counted RETURNING counted"""
_KEEP_IV = "INSERT INTO chosen_ivs (subject, iv) VALUES (?, ?) ON CONFLICT DO NOTHING"
_FORGOTTEN = "SELECT value FROM meta WHERE key = ?"
_COUNT_IV = """INSERT INTO invocations (subject, chosen) VALUES (?, 1)
    ON CONFLICT DO UPDATE SET chosen = chosen + 1 RETURNING chosen"""

_RESERVE = "INSERT INTO reservations (cka_id, instance) VALUES (?, ?)"
_CONDEMN = "UPDATE reservations SET condemned = 1, instance = ? WHERE instance = ?"
_CONDEMN_OWN = "UPDATE reservations SET condemned = 1 WHERE cka_id = ? AND instance = ?"
_CONDEMNED = "SELECT cka_id FROM reservations WHERE instance = ? AND condemned"
_RELEASE = "UPDATE destroys SET holder = NULL WHERE holder = ?"
_LEAVE = "DELETE FROM instances WHERE id = ? AND NOT EXISTS (SELECT 1 FROM reservations WHERE instance = ?)"


class SqliteTransaction(SqliteQuestions):
    """The database as a function given to `write` sees it; api.Transaction has the promises."""

    def __init__(self, cursor: Cursor, changed: int, instance: int, unique_names: bool) -> None:
        """Number every change `changed`; the reservations are those of `instance`."""
        self._cursor = cursor
        self._changed = changed
        self._instance = instance
        self._unique_names = unique_names
        self._spent: set[bytes] = set()
        self._touched: dict[int, bool] = {}  # objects by their id, and whether they are new
        self._found: dict[int, ObjectRow] = {}  # objects by their id, as they were read first

    def _all(self, sql: str, values: Sequence[object]) -> list[Any]:
        return self._cursor.execute(sql, values).fetchall()

    def changes(self) -> tuple[Change, ...]:
        """Tell what was done to objects so far."""
        return tuple(Change(self._name_of(id), new) for id, new in self._touched.items())

    def committed(self) -> tuple[Committed, ...]:
        """Give the objects that were added, or read and changed, as they are now and were before."""
        known = [(id, None if new else self._found.get(id)) for id, new in self._touched.items()]
        rows = [(before, self.get(self._name_of(id))) for id, before in known if before or self._touched[id]]
        return tuple(Committed(before, after) for before, after in rows if after is not None)

    def _name_of(self, id: int) -> str:
        (name,) = self._cursor.execute("SELECT unique_identifier FROM objects WHERE id = ?", (id,)).fetchone()
        return str(name)

    def request(self, correlation: bytes) -> HeldRequest | None:
        return requests.one(self._cursor, correlation)

    def put_request(self, request: HeldRequest) -> None:
        requests.put(self._cursor, request)

    def drop_request(self, correlation: bytes) -> None:
        requests.drop(self._cursor, correlation)

    def weigh_requests(self, tenant: str, owner: str) -> tuple[int, int]:
        return requests.weight(self._cursor, tenant, owner)

    def expire_requests(self, before: int) -> int:
        return requests.expire(self._cursor, before)

    def get(self, unique_identifier: str) -> ObjectRow | None:
        row = read_object(self._cursor, unique_identifier)
        if row is not None:
            self._found.setdefault(row.id, row)
        return row

    def add(self, row: ObjectRow, names: Iterable[str] = (), *, reserved: bool = True) -> ObjectRow:
        if row.cka_id:
            self.spend(row.cka_id)
        if reserved and row.custody is Custody.TOKEN and row.cka_id not in self._spent:
            raise GeneralFailure("The key's identifier on the token is no longer reserved; try again.")
        row = replace(row, id=self._insert(row), changed=self._changed)
        self._touched[row.id] = True
        self._insert_attributes(row.id, row.attributes)
        self._set_names(row.id, row.tenant, row.owner, names, NonUniqueName)
        return row

    def replace_attributes(self, id: int, rows: Sequence[AttributeRow], names: Iterable[str] | None = None) -> None:
        # Only the difference is written: most changes touch two of a dozen attributes.
        old = {each[:3]: each for each in self._cursor.execute(SELECT_ATTRIBUTES, (id,)).fetchall()}
        new = {(each.tag, each.name, each.index): each for each in rows}
        gone = [(id, *key) for key in old.keys() - new.keys()]
        written = [each for key, each in new.items() if old.get(key) != _parameters(id, each)[1:]]
        self._cursor.executemany(_DELETE_ATTRIBUTE, gone)
        self._insert_attributes(id, written)
        if names is not None:
            self._replace_names(id, names)
        self._touch(id)

    def rename(self, id: int, unique_identifier: str) -> None:
        try:
            self._cursor.execute("UPDATE objects SET unique_identifier = ? WHERE id = ?", (unique_identifier, id))
        except IntegrityError as error:
            raise ObjectAlreadyExists from error
        self._touch(id)

    def set_material(self, id: int, material: bytes | None, custody: Custody, wrapped: bytes = b"") -> None:
        values = material, custody, wrapped, id
        self._cursor.execute("UPDATE objects SET material = ?, custody = ?, wrapped = ? WHERE id = ?", values)
        self._touch(id)

    def move(self, row: ObjectRow) -> None:
        if row.on_token and row.cka_id not in self._spent:
            raise GeneralFailure("The key's identifier on the token is no longer reserved; try again.")
        values = row.custody, row.token, row.cka_id, row.material, row.wrapped, row.id
        self._cursor.execute(_MOVE, values)
        self._touch(row.id)

    def condemn_key(self, cka_id: bytes) -> None:
        if (other := ending.under(self._cursor, cka_id)) is not None:
            raise GeneralFailure(
                f"{other}, its other half, is destroyed and can be had back: restore or erase it first"
            )
        self._cursor.execute(_CONDEMN_KEY, (cka_id, self._instance))

    def set_storage(self, id: int, *, destroyed: bool = False, archived: bool = False) -> None:
        self._cursor.execute("UPDATE objects SET storage = ? WHERE id = ?", (storage_of(destroyed, archived), id))
        self._touch(id)

    def named(self, tenant: str, owner: str, name: str) -> str | None:
        found = self._cursor.execute(_NAMED, (tenant, name, owner)).fetchone()
        return found[0] if found else None

    def with_scalar(self, tenant: str, tag: int, scalar: Scalar, limit: int) -> list[ObjectRow]:
        found = self._cursor.execute(_WITH_SCALAR, (tag, scalar, tenant, limit)).fetchall()
        return [row for (name,) in found if (row := self.get(name)) is not None]

    def count_objects(self, tenant: str, owner: str, most: int) -> int:
        (count,) = self._cursor.execute(_COUNT_OBJECTS, (tenant, owner, ARCHIVED, most)).fetchone()
        return int(count) + ending.count(self._cursor, tenant, owner, most)

    def count_invocations(self, subject: bytes, amount: int) -> int:
        (counted,) = self._cursor.execute(_COUNT_INVOCATIONS, (subject, amount)).fetchone()
        return int(counted) - amount

    def keep_iv(self, subject: bytes, iv: bytes) -> int:
        if not self._cursor.execute(_KEEP_IV, (subject, iv)).rowcount:
            return 0
        (chosen,) = self._cursor.execute(_COUNT_IV, (subject,)).fetchone()
        return int(chosen)

    def ivs_forgotten_to(self) -> int:
        found = self._cursor.execute(_FORGOTTEN, (IVS_FORGOTTEN_TO,)).fetchone()
        return int(found[0]) if found else 0

    def latest_instance(self) -> int:
        found = self._cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = 'instances'").fetchone()
        return int(found[0]) if found else 0

    def setting(self, tenant: str, owner: str, tag: int) -> bytes | None:
        found = self._cursor.execute(SELECT_SETTING, (tenant, owner, tag)).fetchone()
        return found[0] if found else None

    def set_setting(self, tenant: str, owner: str, tag: int, ttlv: bytes | None) -> None:
        if ttlv is None:
            self._cursor.execute(_DELETE_SETTING, (tenant, owner, tag))
        else:
            self._cursor.execute(_PUT_SETTING, (tenant, owner, tag, ttlv))

    def ticket(self, hash: bytes) -> list[TicketRow]:
        return read_ticket(self._cursor.execute, hash)

    def add_ticket(self, row: TicketRow) -> None:
        values = astuple(row)
        self._cursor.execute(f"INSERT INTO tickets VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608

    def count_tickets(self, tenant: str, owner: str, now: int) -> int:
        self._cursor.execute(_DROP_EXPIRED, (tenant, owner, now))
        (count,) = self._cursor.execute(_COUNT_TICKETS, (tenant, owner)).fetchone()
        return int(count)

    def spend_ticket(self, hash: bytes) -> None:
        self._cursor.execute("UPDATE tickets SET requests = requests - 1 WHERE hash = ?", (hash,))

    def drop_ticket(self, hash: bytes) -> None:
        self._cursor.execute("DELETE FROM tickets WHERE hash = ?", (hash,))

    def queue_destroy(self, id: int, *, held: bool = False, kept: Kept | None = None) -> None:
        ending.queue(self._cursor, id, self._instance if held else None, kept)

    def release_destroy(self, id: int) -> None:
        self._cursor.execute("UPDATE destroys SET holder = NULL WHERE object = ?", (id,))

    def kept(self, id: int) -> Kept | None:
        return ending.one(self._cursor, id)

    def let_go(self, id: int) -> None:
        ending.let_go(self._cursor, id)

    def end_windows(self, now: int) -> int:
        """Claim what is due by `now`, and count what is gone with that."""
        return ending.claim(self._cursor, now)

    def spend(self, cka_id: bytes) -> None:
        if self._cursor.execute(_SPEND, (cka_id, self._instance)).rowcount:
            self._spent.add(cka_id)

    def keep_fact(self, key: str, value: str) -> None:
        """Keep a fact of the database as a whole, unless there is one."""
        self._cursor.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))

    def reserve(self, cka_ids: Sequence[bytes]) -> None:
        """Reserve a block for this instance."""
        self._cursor.executemany(_RESERVE, [(each, self._instance) for each in cka_ids])

    def condemn(self, instances: Sequence[int], overdue: Sequence[bytes] = ()) -> list[bytes]:
        """Take over what the instances left, drop their rows, and give every condemned CKA_ID of this instance.

        The overdue are this instance's own, and are condemned with them.
        Deletions that they held are anybody's now.

        A condemned reservation cannot be spent any more, not even by an instance that was thought dead.
        """
        ids = [(each,) for each in instances]
        self._cursor.executemany(_CONDEMN, [(self._instance, each) for each in instances])
        self._cursor.executemany(_CONDEMN_OWN, [(each, self._instance) for each in overdue])
        self._cursor.executemany(_RELEASE, ids)
        self._cursor.executemany("DELETE FROM instances WHERE id = ?", ids)
        return [each for (each,) in self._cursor.execute(_CONDEMNED, (self._instance,)).fetchall()]

    def forget(self, cka_ids: Sequence[bytes]) -> None:
        """Drop reservations of this instance, condemned or not."""
        rows = [(each, self._instance) for each in cka_ids]
        self._cursor.executemany("DELETE FROM reservations WHERE cka_id = ? AND instance = ?", rows)

    def leave(self, unused: Sequence[bytes]) -> None:
        """Give back the reservations never handed out, and drop the instance unless some are left for the reaper."""
        self.forget(unused)
        self._cursor.execute(_RELEASE, (self._instance,))
        self._cursor.execute(_LEAVE, (self._instance, self._instance))

    def dequeue_destroy(self, id: int) -> None:
        """Note that nothing is left of the object."""
        self._cursor.execute("DELETE FROM destroys WHERE object = ?", (id,))

    def _insert(self, row: ObjectRow) -> int:
        values = (
            row.unique_identifier, row.tenant, row.owner, row.object_type, row.custody, row.token, row.object_class,
            row.cka_id, row.material, row.wrapped, storage_of(row.destroyed, row.archived), int(row.trusted),
            self._changed,
        )  # fmt: skip
        try:
            inserted = self._cursor.execute(_INSERT_OBJECT, values).lastrowid
        except IntegrityError as error:
            raise ObjectAlreadyExists from error
        assert inserted is not None  # noqa: S101 - SQLite gives every inserted row an id; the type only says "maybe".
        return inserted

    def _insert_attributes(self, id: int, rows: Sequence[AttributeRow]) -> None:
        for start in range(0, len(rows), ROWS_A_STATEMENT):
            some = rows[start : start + ROWS_A_STATEMENT]
            values = [value for each in some for value in _parameters(id, each)]
            self._cursor.execute(_INSERT_ATTRIBUTES[len(some)], values)

    def _replace_names(self, id: int, names: Iterable[str]) -> None:
        tenant, owner = self._cursor.execute("SELECT tenant, owner FROM objects WHERE id = ?", (id,)).fetchone()
        self._cursor.execute("DELETE FROM names WHERE object = ?", (id,))
        self._set_names(id, tenant, owner, names, NameTaken)

    def _set_names(self, id: int, tenant: str, owner: str, names: Iterable[str], taken: type[NonUniqueName]) -> None:
        for name in dict.fromkeys(names):
            if self._unique_names and self.named(tenant, owner, name) is not None:
                raise taken
            self._cursor.execute("INSERT INTO names (tenant, name, object) VALUES (?, ?, ?)", (tenant, name, id))

    def _touch(self, id: int) -> None:
        self._touched.setdefault(id, False)
        self._cursor.execute("UPDATE objects SET changed = ? WHERE id = ?", (self._changed, id))


def _parameters(id: int, row: AttributeRow) -> tuple[int, int, str, int, bytes, int | str | bytes | None]:
    return id, row.tag, row.name, row.index, row.ttlv, row.scalar
