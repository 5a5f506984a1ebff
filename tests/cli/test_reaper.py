"""The crash rule: what was never acknowledged goes, what was queued is finished, and nothing else is touched."""

import pytest

from gateway.admin.reaper import Reaper
from gateway.config import load
from gateway.kmip.enums import ObjectType
from gateway.store.api import Custody, ObjectRow
from gateway.store.sqlite import open_store
from gateway.token.api import KeyRef, KeyTemplate, KeyType, ObjectClass, Rights
from gateway.token.local import LocalWorkers
from gateway.token.settings import WorkerSettings

TEMPLATE = KeyTemplate("reaper test", Rights.ENCRYPT | Rights.DECRYPT, extractable=False)


@pytest.fixture
async def token(dev_folder):
    config = load(dev_folder / "gateway.toml")
    async with LocalWorkers(WorkerSettings.of(config.token, config.server.runtime_dir)) as pool:
        yield pool


@pytest.fixture
async def store(tmp_path):
    store = open_store(tmp_path / "db")
    yield store
    await store.close()


class Condemning:
    """A store in which a dead process left these reservations; everything else is the real store's."""

    def __init__(self, store, condemned):
        self._store, self.condemned, self.forgotten = store, condemned, []

    async def unspent(self):
        return [each for each in self.condemned if each not in self.forgotten]

    async def forget(self, cka_ids):
        self.forgotten += cka_ids

    def __getattr__(self, name):
        return getattr(self._store, name)


async def generated(token, cka_id):
    ref = KeyRef(ObjectClass.SECRET_KEY, cka_id)
    await token.generate_key(ref, KeyType.AES, 256, TEMPLATE)
    return ref


async def test_an_unacknowledged_key_goes_and_its_reservation_waits_a_round(store, token, dev_folder):
    left = await generated(token, b"unacknowledged!!")
    ours = await generated(token, b"nobody's concern")
    leaving = Condemning(store, [left.cka_id])
    reaper = Reaper(leaving, {"default": token}, load(dev_folder / "gateway.toml").all_tokens())
    assert await reaper.reap() == 1
    assert leaving.forgotten == []
    assert await token.find([left.cka_id, ours.cka_id]) == [ours]
    await generated(token, left.cka_id)  # by a worker that was still at it when its front end died
    assert await reaper.reap() == 1
    assert leaving.forgotten == [left.cka_id]
    assert await token.find([left.cka_id]) == []
    await token.destroy(ours)


@pytest.mark.parametrize(("token_name", "reaped"), [("default", 1), ("another", 0)])
async def test_a_queued_deletion_is_finished_on_its_own_token_only(store, token, dev_folder, token_name, reaped):
    ref = await generated(token, await store.reserve())
    row = ObjectRow(
        unique_identifier="uid",
        tenant="default",
        owner="cert:aa",
        object_type=ObjectType.SYMMETRIC_KEY,
        custody=Custody.TOKEN,
        token=token_name,
        object_class=ref.object_class,
        cka_id=ref.cka_id,
    )
    added = await store.write(lambda tx: tx.add(row))
    await store.write(lambda tx: tx.set_storage(added.id, destroyed=True) or tx.queue_destroy(added.id))
    assert await Reaper(store, {"default": token}, load(dev_folder / "gateway.toml").all_tokens()).reap() == reaped
    assert bool(await token.find([ref.cka_id])) is not bool(reaped)
    assert bool(await store.pending_destroys()) is not bool(reaped)
    await token.destroy(ref)


async def test_a_key_that_the_module_was_killed_over_goes_too(store, dev_folder):
    """SoftHSM writes one attribute after another: that the key is on the token is said late, its CKA_ID before."""
    config = load(dev_folder / "gateway.toml")
    settings = WorkerSettings.of(config.token, config.server.runtime_dir)
    before = set(dev_folder.glob("tokens/*/*.object"))
    async with LocalWorkers(settings) as token:
        left = await generated(token, b"half of an objec")
    (file,) = set(dev_folder.glob("tokens/*/*.object")) - before
    whole = file.read_bytes()
    on_token = (1).to_bytes(8, "big") + (1).to_bytes(8, "big")  # CKA_TOKEN, a Boolean
    assert whole.count(on_token + b"\xff") == 1
    file.write_bytes(whole.replace(on_token + b"\xff", on_token + b"\x00"))
    leaving = Condemning(store, [left.cka_id])
    async with LocalWorkers(settings) as token:
        assert await Reaper(leaving, {"default": token}, config.all_tokens()).reap() == 1
        assert await token.find([left.cka_id]) == []
    assert not file.exists()
