"""What `write` promises: all or nothing for one function, one commit for many, and nothing stale afterwards."""

import asyncio
from sqlite3 import OperationalError

import pytest

from gateway.errors import GeneralFailure, NameTaken, NonUniqueName, ObjectAlreadyExists, ObjectNotFound, StoreDown
from gateway.store.api import Custody
from tests.store.conftest import DATE, NAME, add, attribute, key


async def test_a_row_comes_back_as_it_was_given(store):
    row = key(
        attribute(1, 7), attribute(2, "x"), attribute(2, b"\0", 1), attribute(3, None, name="v\0n"), material=b"m"
    )
    added = await store.write(lambda tx: tx.add(row))
    assert store.peek(row.unique_identifier) == added == await store.get(row.unique_identifier)
    assert added.attributes == row.attributes and added.id > 0


async def test_an_unknown_identifier_gives_nothing(store):
    assert store.peek("none") is None


async def test_writers_share_commits(store):
    rows = await asyncio.gather(*[add(store) for _ in range(50)])
    assert len({row.changed for row in rows}) <= 2  # The first may be on its way alone before the others queue.


async def test_a_function_that_raises_undoes_only_its_own_changes(store):
    def failing(tx):
        tx.add(lost)
        raise ObjectNotFound

    lost = key()
    before, failure, after = await asyncio.gather(add(store), store.write(failing), add(store), return_exceptions=True)
    assert isinstance(failure, ObjectNotFound)
    assert store.peek(before.unique_identifier) and store.peek(after.unique_identifier)
    assert store.peek(lost.unique_identifier) is None


@pytest.mark.parametrize("raised", [ValueError("x"), KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
async def test_whatever_a_function_raises_reaches_its_caller_and_spares_the_writer(store, raised):
    def failing(tx):
        raise raised

    try:
        await store.write(failing)
    except BaseException as error:
        assert error is raised
    else:
        pytest.fail("nothing was raised")
    assert await add(store)


async def test_a_cancelled_caller_does_not_disturb_its_group(store):
    cancelled = asyncio.ensure_future(add(store))
    kept = asyncio.ensure_future(add(store))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert store.peek((await kept).unique_identifier)
    with pytest.raises(asyncio.CancelledError):
        await cancelled


async def test_a_watcher_is_told_what_each_write_did(store):
    told = []
    store.watch(told.extend)
    row = await add(store, attribute(1, 7))

    def change(tx):
        current = tx.get(row.unique_identifier)
        tx.replace_attributes(current.id, (attribute(1, 8),))
        tx.set_storage(current.id, archived=True)

    def failing(tx):
        change(tx)
        raise ObjectNotFound

    await store.write(change)
    with pytest.raises(ObjectNotFound):
        await store.write(failing)
    await store.write(lambda tx: tx.set_storage(row.id))  # not read: by nobody who would know what it was before
    (new, changed) = told
    assert (new.before, new.after) == (None, row)
    assert changed.before == row
    assert [each.scalar for each in changed.after.attributes] == [8] and changed.after.archived


async def test_a_watcher_is_told_though_the_caller_was_cancelled(store):
    told = []
    store.watch(told.extend)
    cancelled = asyncio.ensure_future(add(store))
    await asyncio.sleep(0)
    cancelled.cancel()
    kept = await add(store)
    assert [each.after.unique_identifier for each in told][1:] == [kept.unique_identifier]


async def test_a_database_failure_fails_the_whole_group_and_passes(store):
    def broken(tx):
        raise OperationalError("database or disk is full")

    outcomes = await asyncio.gather(store.write(lambda tx: None), store.write(broken), return_exceptions=True)
    assert isinstance(outcomes[1], StoreDown) and isinstance(outcomes[1], GeneralFailure)
    assert await add(store)


async def test_an_identifier_is_given_once(store):
    row = await add(store)
    with pytest.raises(ObjectAlreadyExists):
        await add(store, unique_identifier=row.unique_identifier)


async def test_replacing_attributes_keeps_exactly_the_new_set(store):
    row = await add(store, attribute(1, 1), attribute(2, 2), attribute(3, 3))
    new = (attribute(1, 1), attribute(2, 22), attribute(4, 4))
    await store.write(lambda tx: tx.replace_attributes(row.id, new))
    assert store.peek(row.unique_identifier).attributes == new


async def test_a_transaction_sees_its_own_changes(store):
    def change(tx):
        added = tx.add(key(attribute(1, 1)))
        tx.replace_attributes(added.id, [attribute(1, 2)])
        return tx.get(added.unique_identifier)

    assert (await store.write(change)).attributes == (attribute(1, 2),)


async def test_material_and_storage_change(store):
    row = await add(store, material=b"old")
    await store.write(lambda tx: tx.set_material(row.id, b"new", Custody.SEALED))
    changed = store.peek(row.unique_identifier)
    assert (changed.material, changed.custody) == (b"new", Custody.SEALED)
    await store.write(lambda tx: tx.set_storage(row.id, destroyed=True))
    changed = store.peek(row.unique_identifier)
    assert changed.destroyed and not changed.archived


async def test_a_name_belongs_to_one_object_of_an_owner(store):
    row = await add(store, names=("db",))
    with pytest.raises(NonUniqueName) as failure:
        await add(store, names=("db",))
    assert type(failure.value) is NonUniqueName  # A 1.x Create is told Invalid Field.
    assert await add(store, names=("db",), tenant="other")
    assert await add(store, names=("db",), owner="bob")
    assert await store.write(lambda tx: tx.named("default", "alice", "db")) == row.unique_identifier


async def test_a_name_taken_by_a_later_change_has_its_own_reason(store):
    await add(store, names=("db",))
    row = await add(store)
    with pytest.raises(NameTaken):
        await store.write(lambda tx: tx.replace_attributes(row.id, [], names=["db"]))


async def test_a_name_stays_while_the_metadata_stays(store):
    row = await add(store, names=("db",))
    await store.write(lambda tx: tx.set_storage(row.id, destroyed=True))
    with pytest.raises(NonUniqueName):
        await add(store, names=("db",))


async def test_a_name_moves_within_one_transaction(store):
    def rekey(tx):
        tx.replace_attributes(old.id, [], names=())
        return tx.add(key(), ["db"])

    old = await add(store, attribute(NAME, "db"), names=("db",))
    new = await store.write(rekey)
    assert await store.write(lambda tx: tx.named("default", "alice", "db")) == new.unique_identifier


async def test_names_are_left_alone_unless_given(store):
    row = await add(store, names=("db",))
    await store.write(lambda tx: tx.replace_attributes(row.id, [attribute(DATE, 1)]))
    assert await store.write(lambda tx: tx.named("default", "alice", "db")) == row.unique_identifier


async def test_names_may_be_shared_where_the_switch_says_so(opened):
    store = opened(unique_names=False)
    first = await add(store, names=("db",))
    await add(store, names=("db",))
    assert await store.write(lambda tx: tx.named("default", "alice", "db")) == first.unique_identifier
    await store.close()


async def test_another_process_sees_a_commit_at_once(store, other):
    row = await add(store, attribute(1, 0))
    for n in range(1, 50):
        writer, reader = (store, other) if n % 2 else (other, store)
        await writer.write(lambda tx, n=n: tx.replace_attributes(row.id, [attribute(1, n)]))
        assert reader.peek(row.unique_identifier).attributes == (attribute(1, n),)
        assert writer.peek(row.unique_identifier).attributes == (attribute(1, n),)


async def test_the_cache_is_bounded_and_keeps_what_is_used(opened):
    store = opened(cache_objects=10)
    rows = [await add(store) for _ in range(30)]
    for row in rows:
        assert store.peek(row.unique_identifier) == row
        assert store.peek(rows[0].unique_identifier) == rows[0]
    assert len(store._reader) == 10
    assert rows[0].unique_identifier in store._reader._rows
    await store.close()


async def test_a_change_drops_only_what_it_changed(store, other):
    rows = [await add(store) for _ in range(10)]
    for row in rows:
        store.peek(row.unique_identifier)
    await other.write(lambda tx: tx.set_storage(rows[3].id, archived=True))
    store.peek(rows[0].unique_identifier)
    assert len(store._reader) == 9
