"""`fsck`: what it finds, what it repairs, what it never touches, beside a running gateway and without."""

import asyncio
import json
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from gateway.admin import fsck
from gateway.admin.findings import Kind
from gateway.config import load
from gateway.kmip.enums import ObjectType, Operation, RevocationReasonCode
from gateway.kmip.objects import OpaqueObject
from gateway.kmip.structure import OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import RevocationReason
from gateway.operations.destroy import DestroyRequest
from gateway.operations.register import RegisterRequest
from gateway.operations.revoke import RevokeRequest
from gateway.store.sqlite import open_store
from gateway.token.api import KeyRef, KeyTemplate, KeyType, ObjectClass, Rights
from gateway.token.local import LocalWorkers
from gateway.token.settings import WorkerSettings
from tests.cli.process import run, running_dev
from tests.cli.test_kek import KEY, one
from tests.support.client import Client

O = Operation  # noqa: E741
SECRET = ObjectClass.SECRET_KEY
UUID_LABEL = "12345678-1234-1234-1234-123456789abc"


COMPROMISED = RevocationReason(revocation_reason_code=RevocationReasonCode.KEY_COMPROMISE)
OPAQUE = RegisterRequest(
    object_type=ObjectType.OPAQUE_OBJECT,
    opaque_object=OpaqueObject(opaque_data_type=OpenEnumeration(1), opaque_data_value=b"a document"),
)


def created(client):
    return one(client, O.CREATE, KEY).unique_identifier


def destroy(client, uid):
    one(client, O.REVOKE, RevokeRequest(unique_identifier=uid, revocation_reason=COMPROMISED))
    one(client, O.DESTROY, DestroyRequest(unique_identifier=uid))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What a gateway left that made a few objects, and destroyed one; `objects` names them."""
    with (
        running_dev(tmp_path_factory.mktemp("fsck") / "dev") as gateway,
        Client(gateway.folder, gateway.port) as client,
    ):
        made = [created(client) for _ in range(6)]
        destroy(client, made[5])
        made.append(one(client, O.REGISTER, OPAQUE).unique_identifier)
        assert gateway.stop() == 0
    gateway.folder.joinpath("objects").write_text(json.dumps(made))
    return gateway.folder


def rows(folder, sql, *values):
    with closing(sqlite3.connect(folder / "gateway.sqlite", isolation_level=None)) as database:
        return database.execute(sql, values).fetchall()


def cka_id(folder, uid):
    ((found,),) = rows(folder, "SELECT cka_id FROM objects WHERE unique_identifier = ?", uid)
    return found


def told(findings):
    return {(each.kind, each.object or each.detail) for each in findings.findings}


def test_what_a_gateway_leaves_is_sound_and_so_is_a_token_under_load(folder):
    toml = folder / "gateway.toml"
    assert fsck.check(load(toml), deep=True).findings == ()
    with running_dev(folder) as gateway:
        stop = threading.Event()

        def load_it():
            with Client(folder, gateway.port) as client:
                while not stop.is_set():
                    destroy(client, created(client))

        loads = [threading.Thread(target=load_it) for _ in range(3)]
        for each in loads:
            each.start()
        try:
            finished = run("fsck", "--config", toml)
        finally:
            stop.set()
            for each in loads:
                each.join()
    assert finished.returncode == 0 and finished.stdout.endswith(": sound\n"), finished


def test_sigterm_under_load_leaves_nothing_half_done(folder, monkeypatch):
    monkeypatch.setattr(fsck, "LOOK_AGAIN_S", 0.05)
    acknowledged, gone, unanswered = [], [], []

    def load_it(port):
        with Client(folder, port) as client:
            try:
                while True:
                    acknowledged.append(created(client))
                    destroy(client, uid := created(client))
                    gone.append(uid)
            except OSError as error:
                unanswered.append(error)

    with running_dev(folder) as gateway:
        loads = [threading.Thread(target=load_it, args=(gateway.port,)) for _ in range(4)]
        for each in loads:
            each.start()
        while len(gone) < 8:
            time.sleep(0.02)
        assert gateway.stop() == 0
    for each in loads:
        each.join()
    assert len(unanswered) == len(loads)
    for table in ("instances", "reservations", "destroys"):
        assert rows(folder, f"SELECT count(*) FROM {table}") == [(0,)], table
    there = {uid: storage for uid, storage in rows(folder, "SELECT unique_identifier, storage FROM objects")}
    assert {there[uid] for uid in acknowledged} == {0} and {there[uid] for uid in gone} == {2}
    assert fsck.check(load(folder / "gateway.toml"), deep=True).findings == ()


async def made_and_lost(folder, weaker, dangling, gone):
    """Leave on the token what processes that died, other applications and a token put back would."""
    config = load(folder / "gateway.toml")
    async with LocalWorkers(WorkerSettings.of(config.token, config.server.runtime_dir)) as pool:

        async def make(id, label, key_type=KeyType.AES, extractable=False):
            template = KeyTemplate(label, Rights.ENCRYPT | Rights.DECRYPT, extractable=extractable)
            await pool.generate_key(KeyRef(SECRET, id), key_type, 256, template)

        store = open_store(config.store.path)
        await make(await store.reserve(), "never told")
        store._locks.close()  # as the kernel does when its process dies
        await make(b"orphan, 16 bytes", UUID_LABEL)
        await make(b"foreign", "of another application")
        await make(cka_id(folder, gone), gone)
        await pool.destroy(KeyRef(SECRET, cka_id(folder, dangling)))
        await pool.destroy(KeyRef(SECRET, cka_id(folder, weaker)))
        await make(cka_id(folder, weaker), weaker, KeyType.GENERIC_SECRET, extractable=True)


def spoil(folder):
    """Do to database and token everything that `fsck` is to find, and give what it then should say."""
    kept, weaker, dangling, damaged, alien, gone, opaque = json.loads((folder / "objects").read_text())
    asyncio.run(made_and_lost(folder, weaker, dangling, gone))
    of = "WHERE tag = ? AND object = (SELECT id FROM objects WHERE unique_identifier = ?)"
    rows(folder, f"UPDATE attributes SET scalar = 0 {of}", Tag.EXTRACTABLE, weaker)
    rows(folder, f"UPDATE attributes SET ttlv = x'00' {of}", Tag.CRYPTOGRAPHIC_ALGORITHM, kept)
    rows(folder, "UPDATE objects SET material = substr(material, 2) WHERE unique_identifier = ?", opaque)
    rows(folder, "INSERT INTO names SELECT tenant, 'a name', id FROM objects WHERE unique_identifier = ?", kept)
    # No parcel at all, and one that a key-encryption key wrapped which is not there.
    for uid, wrapped in ((damaged, b"\0\0\0\1nonsense"), (alien, b"\0\0\0\7nonsense")):
        rows(folder, "UPDATE objects SET custody = 'wrapped', wrapped = ? WHERE unique_identifier = ?", wrapped, uid)
    return {
        (Kind.UNACKNOWLEDGED, ""),
        (Kind.ORPHAN, UUID_LABEL),
        (Kind.ORPHAN, damaged),  # the token still has the keys that are said to be wrapped
        (Kind.ORPHAN, alien),
        (Kind.FOREIGN, "of another application"),
        (Kind.DOES_NOT_UNWRAP, damaged),
        (Kind.DOES_NOT_UNWRAP, alien),
        (Kind.OWN_KEY_MISSING, "kmip-gateway key-encryption key v7"),
        (Kind.DANGLING, dangling),
        (Kind.LEFTOVER, gone),
        (Kind.WEAKER, weaker),
        (Kind.MISMATCH, weaker),
        (Kind.DOES_NOT_OPEN, opaque),
        (Kind.UNREADABLE, kept),
        (Kind.UNNAMED, kept),
    }


def test_everything_is_found_and_only_what_is_ours_and_over_is_deleted(folder, monkeypatch):
    monkeypatch.setattr(fsck, "LOOK_AGAIN_S", 0.05)
    expected, config = spoil(folder), load(folder / "gateway.toml")
    objects = len(list(folder.rglob("*.object")))
    found = fsck.check(config, deep=True)
    assert told(found) == expected and not found.sound
    assert len(list(folder.rglob("*.object"))) == objects
    repaired = fsck.check(config, deep=True, repair=True)
    left = {each for each in expected if each[0] not in (Kind.UNACKNOWLEDGED, Kind.LEFTOVER)}
    assert told(repaired) == left
    assert repaired.repaired == 2
    assert len(list(folder.rglob("*.object"))) == objects - 2
    finished = run("fsck", "--config", folder / "gateway.toml", "--database-only", "--json")
    assert finished.returncode == 1
    listed = {(each["kind"], each["object"]) for each in json.loads(finished.stdout)["findings"]}
    assert listed == {each for each in left if each[0] in (Kind.UNREADABLE, Kind.UNNAMED)}
