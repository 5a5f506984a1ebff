"""How a database is opened: created, migrated, refused, read by the command line."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.errors import ConfigurationError
from gateway.store.catalogue import open_catalogue
from gateway.store.connection import migrate
from gateway.store.rows import MIGRATIONS
from gateway.store.sqlite import open_store
from tests.store.conftest import add, attribute


def schema(path):
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
    db.close()
    return rows


def test_an_empty_file_becomes_a_database_for_its_owner_only(tmp_path):
    path = tmp_path / "db.sqlite"
    mask = os.umask(0)
    migrate(path)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "objects" in {name for _, name, _ in schema(path)}


def test_migrating_again_changes_nothing(tmp_path):
    path = tmp_path / "db.sqlite"
    migrate(path)
    before = schema(path)
    migrate(path)
    assert schema(path) == before


def test_many_that_start_at_once_migrate_once(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(migrate, [tmp_path / "db.sqlite"] * 8))
    assert schema(tmp_path / "db.sqlite")


@pytest.mark.parametrize("opening", [migrate, open_store, open_catalogue])
def test_a_later_version_is_refused(tmp_path, opening):
    path = tmp_path / "db.sqlite"
    migrate(path)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = ?", (len(MIGRATIONS) + 1,))
    db.close()
    with pytest.raises(ConfigurationError, match="schema version"):
        opening(path)


@pytest.mark.parametrize("opening", [migrate, open_store, open_catalogue])
def test_a_file_that_is_no_database_is_refused(tmp_path, opening):
    path = tmp_path / "db.sqlite"
    path.write_bytes(b"not a database, by a long way" * 100)
    with pytest.raises(ConfigurationError):
        opening(path)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="nowhere"):
        open_store(tmp_path / "nowhere" / "db.sqlite")


def test_a_catalogue_changes_no_earlier_version(tmp_path):
    path = tmp_path / "db.sqlite"
    sqlite3.connect(path).close()
    with pytest.raises(ConfigurationError, match="this version"):
        open_catalogue(path)


def test_a_catalogue_needs_a_database(tmp_path):
    with pytest.raises(ConfigurationError):
        open_catalogue(tmp_path / "db.sqlite")


async def test_the_catalogue_pages_through_a_running_store(tmp_path):
    path = tmp_path / "db.sqlite"
    store = open_store(path)
    rows = [await add(store, attribute(1, n), tenant="even" if n % 2 == 0 else "odd") for n in range(7)]
    catalogue = open_catalogue(path)
    assert catalogue.get(rows[2].unique_identifier) == rows[2]
    assert catalogue.get("none") is None
    assert catalogue.page(limit=3) == rows[:3]
    assert catalogue.page(after=rows[2].id) == rows[3:]
    assert catalogue.page(tenant="odd") == rows[1::2]
    assert catalogue.counts()["objects"] == 7
    catalogue.close()
    await store.close()
