"""Databases of every earlier version, with rows in them: brought to this version, or left as they were."""

import hashlib
import sqlite3
from contextlib import closing

import pytest

from gateway.errors import ConfigurationError
from gateway.store import connection
from gateway.store.catalogue import open_catalogue
from gateway.store.connection import migrate
from gateway.store.locks import LockFile
from gateway.store.rows import MIGRATIONS
from gateway.store.sqlite import open_store
from tests.store.conftest import add

# The first migrations as databases have them; a later one is appended, and these are never edited.
DIGESTS = (
    "36e3b8ebee152654",
    "7a32faf1c1732e45",
    "a47eb551ee525a5a",
    "24449e938c8ceb9e",
    "bc9f6808c53f1b17",
    "42939568f9269206",
)
# What gateways of each version wrote, by the version that brought the table or column.
ROWS = {
    1: (
        """INSERT INTO objects (id, unique_identifier, tenant, owner, object_type, storage, custody, token,
            object_class, cka_id, changed, material) VALUES
            (1, 'key', 'default', 'cert:aa', 2, 0, 'token', 'default', 4, x'0011', 1, NULL),
            (2, 'gone', 'default', 'cert:aa', 2, 2, 'token', 'default', 4, x'ff11', 3, NULL),
            (3, 'data', 'default', 'cert:bb', 8, 1, 'sealed', 'default', 0, x'', 2, x'010203')""",
        """INSERT INTO attributes (object, tag, name, idx, ttlv, scalar) VALUES
            (1, 4325459, '', 0, x'aabb', 'name'), (1, 4325469, '', 0, x'cc', 256), (3, 4325459, '', 0, x'dd', NULL)""",
        "INSERT INTO names (tenant, name, object) VALUES ('default', 'name', 1)",
        "INSERT INTO instances (id, pid, started) VALUES (7, 4711, 1700000000)",
        "INSERT INTO reservations (cka_id, instance) VALUES (x'aa11', 7)",
        "INSERT INTO destroys (object) VALUES (2)",
    ),
    3: ("INSERT INTO settings (tenant, owner, tag, ttlv) VALUES ('default', 'cert:aa', 1, x'01')",),
    4: ("INSERT INTO tickets (hash, tenant, owner, delegated) VALUES (x'01', 'default', 'cert:aa', 0)",),
    5: (
        """INSERT INTO asynchronous_requests (correlation, tenant, owner, operation, version, submitted, stage,
            instance, begun, changes, sealed, reason, message) VALUES
            (x'02', 'default', 'cert:aa', 1, '2.1', 1, 3, 7, 1, '[]', x'05', 0, '')""",
    ),
    6: ("UPDATE objects SET custody = 'wrapped', wrapped = x'00000001ff' WHERE id = 1",),
}


def build(path, version):
    """Make the database that a gateway of this schema version has left."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID")
        for number, migration in enumerate(MIGRATIONS[:version], 1):
            for statement in (*migration, *ROWS.get(number, ())):
                database.execute(statement)
        database.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(version),))
    with closing(LockFile(path)) as locks:
        locks.note(3)  # its last commit: without that it would pass for a copy, of which less is believed


def told(path, *statements):
    with closing(sqlite3.connect(path)) as database:
        return [database.execute(statement).fetchall() for statement in statements]


def schema(path):
    return told(path, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")


def test_no_migration_that_databases_have_is_edited():
    digests = [hashlib.sha256("\0".join(each).encode()).hexdigest()[:16] for each in MIGRATIONS[: len(DIGESTS)]]
    assert tuple(digests) == DIGESTS


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
async def test_a_database_of_each_earlier_version_is_brought_to_this_one(tmp_path, version):
    path, fresh = tmp_path / "db.sqlite", tmp_path / "fresh.sqlite"
    build(path, version)
    store = open_store(path)
    key, gone, data = (store.peek(uid) for uid in ("key", "gone", "data"))
    assert [(each.tag, each.scalar) for each in key.attributes] == [(4325459, "name"), (4325469, 256)]
    assert gone.destroyed and data.archived and data.material == b"\1\2\3"
    assert key.wrapped == (b"\0\0\0\1\xff" if version >= 6 else b"")
    assert [row.unique_identifier for row in await store.pending_destroys()] == ["gone"]
    assert store.setting("default", "cert:aa", 1) == (b"\1" if version >= 3 else None)
    assert len(store.ticket(b"\1")) == (version >= 4)
    assert (await store.held(b"\2") is not None) is (version >= 5)
    assert (await add(store)).id == 4
    await store.close()
    migrate(fresh)
    assert schema(path) == schema(fresh)
    assert told(path, "PRAGMA integrity_check", "PRAGMA foreign_key_check") == [[("ok",)], []]


def test_a_migration_that_fails_leaves_the_database_to_the_gateway_that_wrote_it(tmp_path, monkeypatch):
    path = tmp_path / "db.sqlite"
    build(path, len(MIGRATIONS))
    before = schema(path), told(path, "SELECT * FROM meta", "SELECT * FROM objects")
    half_good = ("CREATE TABLE extra (a) STRICT, WITHOUT ROWID", "DELETE FROM objects", "NO SQL AT ALL")
    monkeypatch.setattr(connection, "MIGRATIONS", (*MIGRATIONS, half_good))
    with pytest.raises(ConfigurationError, match="cannot be brought"):
        migrate(path)
    assert (schema(path), told(path, "SELECT * FROM meta", "SELECT * FROM objects")) == before
    monkeypatch.undo()
    migrate(path)


@pytest.mark.parametrize("opening", [migrate, open_store, open_catalogue])
def test_an_earlier_gateway_refuses_a_later_database_and_changes_nothing(tmp_path, monkeypatch, opening):
    """A rollback of the program alone: the sentence says which versions, and the later program still finds its own."""
    path = tmp_path / "db.sqlite"
    build(path, len(MIGRATIONS))
    before = path.read_bytes()
    monkeypatch.setattr(connection, "MIGRATIONS", MIGRATIONS[:-1])
    found, known = len(MIGRATIONS), len(MIGRATIONS) - 1
    with pytest.raises(ConfigurationError, match=f"schema version {found} and this gateway knows {known}"):
        opening(path)
    monkeypatch.undo()
    # The journal mode stands in the file's header, and is all that may differ.
    assert path.read_bytes()[100:] == before[100:]
    migrate(path)
