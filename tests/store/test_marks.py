"""What one process commits, another sees at its next look, whoever died meanwhile and whatever wrote it."""

import asyncio
import sqlite3
from contextlib import closing

from gateway.store.locks import LockFile
from gateway.store.marks import BEGUN, ENDED, NONE, Marks
from gateway.store.reader import ASK_S
from tests.store.conftest import add, attribute


def scalars(store, row):
    return [each.scalar for each in store.peek(row.unique_identifier).attributes]


async def change(store, row, scalar):
    await store.write(lambda tx: tx.replace_attributes(row.id, (attribute(1, scalar),)))


async def test_each_change_is_seen_at_the_next_look(store, other):
    row = await add(store, attribute(1, 0))
    for scalar in range(1, 50):
        await change(other, row, scalar)
        assert scalars(store, row) == [scalar]


async def test_while_a_commit_has_not_ended_the_database_is_asked(store, other, tmp_path):
    row = await add(store, attribute(1, 7))
    assert scalars(other, row) == [7]
    with closing(LockFile(tmp_path / "db.sqlite")) as locks:
        marks = Marks(locks)
        marks.begin()  # and here its process died
        assert marks.last() == NONE
        silently_change(tmp_path / "db.sqlite", row, 8)
        assert scalars(other, row) == [8]
        await change(store, row, 9)
        assert marks.last() != NONE and scalars(other, row) == [9]


async def test_what_other_tools_write_is_seen_within_a_second(store, tmp_path):
    row = await add(store, attribute(1, 7))
    assert scalars(store, row) == [7]
    silently_change(tmp_path / "db.sqlite", row, 8)
    await asyncio.sleep(ASK_S)
    assert scalars(store, row) == [8]


async def test_a_failed_commit_leaves_nobody_believing_the_marks(store, tmp_path, monkeypatch):
    row = await add(store, attribute(1, 7))
    with closing(LockFile(tmp_path / "db.sqlite")) as locks:
        numbers = locks.shared()
        before = numbers[ENDED]
        monkeypatch.setattr(Marks, "end", lambda self: None)
        await change(store, row, 8)
        assert (numbers[BEGUN], numbers[ENDED]) == (before + 1, before)
        assert scalars(store, row) == [8]


async def test_closing_gives_the_locks_back_though_memory_was_shared(opened, tmp_path):
    await opened().close()
    with closing(LockFile(tmp_path / "db.sqlite")) as locks:
        assert not locks.in_use()


def silently_change(path, row, scalar):
    """Do what a commit does, and tell nobody."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE attributes SET scalar = ? WHERE object = ?", (scalar, row.id))
        connection.execute("UPDATE objects SET changed = changed + 1 WHERE id = ?", (row.id,))
