"""The crash rule: an acknowledged row is there, and whatever a dead process reserved is found and condemned."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.errors import GeneralFailure, StoreDown
from gateway.store import reservations
from gateway.store.api import Custody, HeldRequest, Stage, TicketRow
from gateway.store.approvals import ApprovalRow
from gateway.store.locks import WRITING, LockFile
from gateway.store.sqlite import open_store
from tests.store.conftest import add, attribute, key

WRITER = """
import asyncio, sys
from pathlib import Path
from gateway.store.sqlite import open_store
from tests.store.conftest import add, attribute

async def main():
    store = open_store(Path(sys.argv[1]))
    async def one():
        while True:
            row = await add(store, *[attribute(tag, tag) for tag in range(5)])
            print(row.unique_identifier, flush=True)
    print((await store.reserve()).hex(), flush=True)
    await asyncio.gather(*[one() for _ in range(8)])

asyncio.run(main())
"""

COUNTER = """
import asyncio, sys
from pathlib import Path
from gateway.store.sqlite import open_store
from tests.store.conftest import attribute

async def main():
    store = open_store(Path(sys.argv[1]))
    for line in sys.stdin:
        uid, n = line.split()
        assert store.peek(uid).attributes == (attribute(1, int(n)),), "stale"
        await store.write(lambda tx: tx.replace_attributes(tx.get(uid).id, [attribute(1, int(n) + 1)]))
        print(int(n) + 1, flush=True)
    await store.close()

asyncio.run(main())
"""


def child(script: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(path)]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)


def killed_after(lines: int, path: Path) -> tuple[bytes, list[str]]:
    """Run the writer, kill it, and give the reservation it held and the rows it acknowledged."""
    with child(WRITER, path) as process:
        held = bytes.fromhex(process.stdout.readline())
        acknowledged = [process.stdout.readline().strip() for _ in range(lines)]
        process.kill()
        rest = process.stdout.read()  # Not communicate(), which would pass over what readline() has buffered.
    return held, [*acknowledged, *rest.split("\n")[:-1]]


@pytest.mark.parametrize("lines", [1, 40, 173])
async def test_a_killed_writer_leaves_what_it_acknowledged_and_no_half_rows(tmp_path, lines):
    path = tmp_path / "db.sqlite"
    _, acknowledged = killed_after(lines, path)
    store = open_store(path)
    assert all(len(store.peek(uid).attributes) == 5 for uid in acknowledged)
    await store.close()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("SELECT count(*) FROM attributes GROUP BY object HAVING count(*) <> 5").fetchall() == []
    db.close()


async def test_what_a_dead_process_reserved_is_condemned_until_it_is_forgotten(tmp_path):
    path = tmp_path / "db.sqlite"
    held, _ = killed_after(1, path)
    store = open_store(path)
    mine = await store.reserve()
    condemned = await store.unspent()
    assert held in condemned and mine not in condemned and len(condemned) == reservations.BLOCK
    assert sorted(await store.unspent()) == sorted(condemned)  # The token may be down at the first try.
    await store.forget(condemned)
    await add(store, cka_id=mine, custody=Custody.TOKEN)
    assert await store.unspent() == []
    await store.close()


async def test_what_this_process_handed_out_for_nothing_is_condemned_in_the_third_round(store):
    spent, lost = await store.reserve(), await store.reserve()
    assert await store.unspent() == await store.unspent() == []
    late = await store.reserve()
    await add(store, cka_id=spent, custody=Custody.TOKEN)
    assert await store.unspent() == [lost]
    with pytest.raises(GeneralFailure):
        await add(store, cka_id=lost, custody=Custody.TOKEN)
    await add(store, cka_id=late, custody=Custody.TOKEN)
    await store.forget([lost])
    for _ in range(reservations.SIGHTINGS + 1):
        assert await store.unspent() == []  # nor what was never handed out


async def test_a_living_process_keeps_its_reservations(store, other):
    held = await other.reserve()
    assert await store.unspent() == []
    assert await add(other, cka_id=held, custody=Custody.TOKEN)


async def test_a_condemned_reservation_cannot_be_spent(store, other, monkeypatch):
    held = await other.reserve()
    monkeypatch.setattr(store._locks, "held_elsewhere", lambda instance: False)
    assert held in await store.unspent()
    with pytest.raises(GeneralFailure):
        await add(other, cka_id=held, custody=Custody.TOKEN)


async def test_both_halves_of_a_key_pair_spend_one_reservation(store):
    def pair(tx):
        private = tx.add(key(cka_id=cka_id, object_class=3, custody=Custody.TOKEN))
        return private, tx.add(key(cka_id=cka_id, object_class=2, custody=Custody.TOKEN))

    cka_id = await store.reserve()
    private, public = await store.write(pair)
    assert private.cka_id == public.cka_id
    with pytest.raises(GeneralFailure):
        await add(store, cka_id=cka_id, object_class=4, custody=Custody.TOKEN)


async def test_a_failed_function_keeps_its_reservation(store):
    def failing(tx):
        tx.add(key(cka_id=cka_id, custody=Custody.TOKEN))
        raise ValueError

    cka_id = await store.reserve()
    with pytest.raises(ValueError):
        await store.write(failing)
    assert await add(store, cka_id=cka_id, custody=Custody.TOKEN)


async def test_reservations_never_repeat_and_refill_by_themselves(store):
    taken = [await store.reserve() for _ in range(3 * reservations.BLOCK)]
    assert len(set(taken)) == len(taken) and {len(each) for each in taken} == {16}


async def test_many_at_once_wait_for_one_block(store):
    taken = await asyncio.gather(*[store.reserve() for _ in range(2 * reservations.BLOCK)])
    assert len(set(taken)) == len(taken)


async def test_a_store_closed_in_order_leaves_only_what_was_handed_out(opened):
    first = opened()
    held = await first.reserve()
    await first.close()
    second = opened()
    assert await second.unspent() == [held]
    await second.forget([held])
    await second.close()


async def test_a_queued_destroy_stays_until_the_token_is_done(opened):
    def destroy(tx):
        tx.set_storage(row.id, destroyed=True)
        tx.queue_destroy(row.id)
        tx.queue_destroy(row.id)

    store = opened()
    row = await add(store)
    await store.write(destroy)
    await store.close()
    store = opened()
    assert [each.unique_identifier for each in await store.pending_destroys()] == [row.unique_identifier]
    await store.destroyed(row.id)
    assert await store.pending_destroys() == []
    await store.close()


async def test_two_processes_never_read_what_the_other_has_replaced(tmp_path):
    path = tmp_path / "db.sqlite"
    store = open_store(path)
    row = await add(store, attribute(1, 0))
    with child(COUNTER, path) as process:
        n = 0
        for _ in range(200):
            process.stdin.write(f"{row.unique_identifier} {n}\n")
            process.stdin.flush()
            n = int(process.stdout.readline())
            assert store.peek(row.unique_identifier).attributes == (attribute(1, n),)
            n += 1
            await store.write(lambda tx, n=n: tx.replace_attributes(row.id, [attribute(1, n)]))
        process.stdin.close()
        assert process.wait(10) == 0
    await store.close()


async def test_a_locked_database_fails_writes_and_serves_reads(tmp_path, monkeypatch):
    from gateway.store import sqlite

    monkeypatch.setattr(sqlite, "WRITER_TIMEOUT_S", 0.1)
    path = tmp_path / "db.sqlite"
    store = open_store(path)
    row = await add(store)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreDown):
        await add(store)
    assert store.peek(row.unique_identifier) == row
    blocker.execute("ROLLBACK")
    blocker.close()
    assert await add(store)
    await store.close()


async def test_a_stopped_process_that_holds_the_lock_delays_others_and_no_more(tmp_path, monkeypatch):
    from gateway.store import outage

    monkeypatch.setattr(outage, "WRITER_TIMEOUT_S", 0.1)
    store = open_store(tmp_path / "db.sqlite")
    row = await add(store)
    stopped = LockFile(tmp_path / "db.sqlite")
    stopped.hold(WRITING)
    with pytest.raises(StoreDown):
        await add(store)
    assert store.peek(row.unique_identifier) == row
    stopped.close()
    assert await add(store)
    await store.close()


async def test_busy_processes_write_in_turn(opened):
    async def busy(store):
        while not done:
            await asyncio.gather(*[add(store) for _ in range(4)])

    stores = [opened() for _ in range(3)]
    done = False
    others = [asyncio.create_task(busy(store)) for store in stores[1:]]
    waits = []
    for _ in range(50):
        start = time.perf_counter()
        await add(stores[0])
        waits.append(time.perf_counter() - start)
    done = True
    await asyncio.gather(*others)
    assert max(waits) < 0.5  # With SQLite's own waiting, seconds.
    for store in stores:
        await store.close()


async def test_no_update_is_lost_between_two_stores(opened):
    def increment(tx):
        count = tx.get(row.unique_identifier).attributes[0].scalar
        tx.replace_attributes(row.id, [attribute(1, count + 1)])

    stores = [opened(), opened()]
    row = await add(stores[0], attribute(1, 0))
    await asyncio.gather(*[store.write(increment) for store in stores for _ in range(100)])
    for store in stores:
        assert store.peek(row.unique_identifier).attributes == (attribute(1, 200),)
        await store.close()


async def test_a_closed_store_says_so(opened):
    store = opened()
    await store.close()
    with pytest.raises(StoreDown):
        await add(store)
    with pytest.raises(StoreDown):
        store.peek("any")


async def test_a_full_disk_fails_writes_cleanly(tmp_path):
    store = open_store(tmp_path / "db.sqlite")
    row = await add(store)
    store._writer._connection.execute("PRAGMA max_page_count = 1")  # SQLite's own way to be full
    with pytest.raises(StoreDown):
        await add(store, material=bytes(1 << 20))
    assert store.peek(row.unique_identifier) == row
    store._writer._connection.execute("PRAGMA max_page_count = 1000000")
    assert await add(store, material=bytes(1 << 20))
    await store.close()


async def test_a_held_destroy_is_nobody_elses_until_its_holder_lets_go_or_ends(opened):
    holder, other = opened(), opened()
    let_go, left = await add(holder), await add(holder)
    for row in (let_go, left):
        await holder.write(lambda tx, row=row: tx.queue_destroy(row.id, held=True))
    assert await holder.pending_destroys() == await other.pending_destroys() == []
    await holder.write(lambda tx: tx.queue_destroy(let_go.id))
    assert [each.unique_identifier for each in await other.pending_destroys()] == [let_go.unique_identifier]
    await holder.close()
    assert len(await other.pending_destroys()) == 2
    await other.close()


async def test_of_what_was_destroyed_nothing_stays_in_the_file(opened, tmp_path):
    wrapped, seen = os.urandom(200), []
    store = opened()
    row = await add(store, custody=Custody.WRAPPED, wrapped=wrapped)
    await store.close()  # which moves all of the log into the file
    path = tmp_path / "db.sqlite"
    seen.append(wrapped in path.read_bytes())
    store = opened()
    await store.write(lambda tx: tx.set_material(row.id, None, row.custody))
    await store.close()
    seen.append(any(wrapped in file.read_bytes() for file in tmp_path.iterdir()))
    assert seen == [True, False]


async def test_a_locked_database_fails_writes_at_once_and_is_found_again_without_one(tmp_path, monkeypatch):
    from gateway.store import outage

    monkeypatch.setattr(outage, "WRITER_TIMEOUT_S", 0.1)
    path = tmp_path / "db.sqlite"
    store = open_store(path)
    row = await add(store)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    # The time-out of the open connection is that of a database that is well, 10 s; it is the price of the first write.
    store._writer._connection.execute("PRAGMA busy_timeout = 100")
    for _ in range(3):
        with pytest.raises(StoreDown):
            await add(store)
    with pytest.raises(StoreDown):
        await store.check()
    assert store.peek(row.unique_identifier) == row
    other.execute("ROLLBACK")
    other.close()
    for _ in range(100):
        if not store._writer.down:
            break
        await asyncio.sleep(0.05)
    await store.check()
    assert await add(store)
    await store.close()


async def test_an_earlier_copy_has_nothing_deleted_that_was_kept_since(tmp_path):
    path, copy = tmp_path / "db.sqlite", tmp_path / "copy.sqlite"
    store = open_store(path)
    await add(store)
    reserved = await store.reserve()
    await store.write(lambda tx: tx.put_request(held_request(store.instance)))
    spent, ended = (
        ApprovalRow("1", b"digest", "default", "alice", "Get", "", 1, 1 << 40),
        TicketRow(b"t", "default", "a"),
    )
    await store.write(lambda tx: (tx.approvals.put(spent), tx.add_ticket(ended)))
    sqlite3.connect(path).execute("VACUUM INTO ?", (str(copy),)).connection.close()
    made = await add(store, custody=Custody.TOKEN, cka_id=reserved)
    await store.close()
    since = open_store(path)
    await since.close()
    # Put in its place, as from a snapshot: the lock file beside it knows of a later commit.
    os.replace(copy, path)
    earlier = open_store(path)
    assert earlier.instance > since.instance, "or its IVs would be those of that process once more"
    assert await earlier.unspent() == []
    assert earlier.peek(made.unique_identifier) is None
    assert await earlier.unfinished() == []
    (held,) = await earlier.held_by("default", "alice")
    assert held.stage is Stage.COMPLETED and held.reason
    assert earlier.ticket(b"t") == [], "which was ended since"
    assert await earlier.write(lambda tx: tx.approvals.of(b"digest", 2)) is None, "or it would be spent twice"
    await earlier.close()


async def test_a_copy_without_its_lock_file_has_nothing_deleted_either(tmp_path):
    path, copy = tmp_path / "db.sqlite", tmp_path / "elsewhere" / "copy.sqlite"
    copy.parent.mkdir()
    store = open_store(path)
    await store.reserve()
    sqlite3.connect(path).execute("VACUUM INTO ?", (str(copy),)).connection.close()
    elsewhere = open_store(copy)
    assert await elsewhere.unspent() == []
    await elsewhere.close()
    await store.close()


def held_request(instance):
    return HeldRequest(
        correlation=b"correlation",
        tenant="default",
        owner="alice",
        operation=1,
        version="2.1",
        batch_item=None,
        ticket=None,
        submitted=1,
        stage=Stage.IN_PROCESS,
        instance=instance,
        sealed=b"sealed",
    )
