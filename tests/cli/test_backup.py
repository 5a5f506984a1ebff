"""The drill: backed up while clients write, restored elsewhere with the same token, checked, and served from."""

import json
import shutil
import threading

import pytest
from msgspec.structs import replace

from gateway.admin import fsck
from gateway.admin.backup import back_up
from gateway.admin.findings import Kind
from gateway.admin.fsck import check
from gateway.admin.manifest import manifest_path
from gateway.admin.restore import put_back
from gateway.config import load
from gateway.errors import ConfigurationError
from gateway.kmip.enums import Operation
from tests.cli.process import assert_one_sentence, run, running_dev
from tests.cli.test_fsck import OPAQUE, created, destroy
from tests.cli.test_kek import decrypted, encrypted, one
from tests.support.client import Client

O = Operation  # noqa: E741


def configured(folder, database):
    """Give a configuration of the folder's gateway with another database."""
    toml = folder / f"with-{database.parent.name}-{database.name}.toml"
    text = (folder / "gateway.toml").read_text()
    toml.write_text(f'{text}\n[store]\npath = "{database}"\n[server]\nkmip_port = 0\nfront_ends = 1\n')
    return toml


def objects_on_token(folder):
    return len(list(folder.rglob("*.object")))


class Drill:
    """What the drill left: a backup, what clients had before it, and what happened after it."""

    def __init__(self, folder):
        self.folder, self.backup = folder, folder.parent / "backup"
        with running_dev(folder) as gateway, Client(folder, gateway.port) as client:
            uids = [created(client) for _ in range(4)]
            self.kept = {uid: encrypted(client, uid) for uid in uids[:3]}
            stop, registered = threading.Event(), []

            def write():
                with Client(folder, gateway.port) as other:
                    while not stop.is_set():
                        registered.append(one(other, O.REGISTER, OPAQUE))

            writing = threading.Thread(target=write)
            writing.start()
            try:
                self.finished = run("backup", self.backup, "--config", folder / "gateway.toml")
            finally:
                stop.set()
                writing.join()
            self.registered = len(registered)
            self.unspoilt = shutil.copytree(folder / "tokens", folder.parent / "tokens at the time of the backup")
            self.made_since = [created(client) for _ in range(5)]
            destroy(client, uids[3])
            assert gateway.stop() == 0
        self.destroyed_since = uids[3]


@pytest.fixture(scope="module")
def drill(tmp_path_factory):
    return Drill(tmp_path_factory.mktemp("drill") / "dev")


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(fsck, "LOOK_AGAIN_S", 0.05)


def test_backed_up_under_load_and_restored_to_the_token_of_then_all_is_sound(drill, tmp_path):
    assert drill.finished.returncode == 0, drill.finished.stderr
    assert drill.registered
    assert sorted(path.name for path in drill.backup.parent.glob("backup*")) == ["backup", "backup.json"]
    assert drill.backup.stat().st_mode & 0o777 == manifest_path(drill.backup).stat().st_mode & 0o777 == 0o600
    # The token as it was, as an HSM's own backup would give it back.
    tokens, today = drill.folder / "tokens", drill.folder / "tokens of today"
    tokens.rename(today)
    shutil.copytree(drill.unspoilt, tokens)
    try:
        toml = configured(drill.folder, tmp_path / "restored.sqlite")
        restored = run("restore", drill.backup, "--config", toml)
        assert restored.returncode == 0, restored
        assert check(load(toml), deep=True).findings == ()
    finally:
        shutil.rmtree(tokens)
        today.rename(tokens)


def test_what_was_made_since_stays_on_the_token_and_what_was_destroyed_since_is_named(drill, tmp_path):
    database, objects = tmp_path / "restored.sqlite", objects_on_token(drill.folder)
    toml = configured(drill.folder, database)
    restored = run("restore", drill.backup, "--json", "--config", toml)
    assert restored.returncode == 1, restored.stderr
    told = json.loads(restored.stdout)
    assert (len(told["missing"]), told["unknown"], told["newest_missing"]) == (1, 5, True)
    assert [each.kind for each in check(load(toml)).findings] == [Kind.DANGLING, *[Kind.ORPHAN] * 5]
    # A gateway that runs on it has nothing deleted, at its start or by its reaper, not even by a repair.
    gateway_toml = drill.folder / "gateway.toml"
    original = gateway_toml.read_text()
    gateway_toml.write_text(toml.read_text().replace("[server]\nkmip_port = 0\n", "[server]\n"))
    try:
        with running_dev(drill.folder) as gateway, Client(drill.folder, gateway.port) as client:
            for uid, data in drill.kept.items():
                assert decrypted(client, uid, data) == b"sixteen bytes!!!"
            destroy(client, created(client))
            assert gateway.stop() == 0
    finally:
        gateway_toml.write_text(original)
    assert check(load(toml), repair=True).repaired == 0
    assert objects_on_token(drill.folder) == objects


def test_what_cannot_be_explained_is_refused(drill, dev_folder, tmp_path):
    database = tmp_path / "restored.sqlite"
    toml, elsewhere = configured(drill.folder, database), configured(dev_folder, database)
    altered = tmp_path / "altered"
    shutil.copy(manifest_path(drill.backup), manifest_path(altered))
    raw = bytearray(drill.backup.read_bytes())
    raw[len(raw) // 2] ^= 1
    altered.write_bytes(raw)
    refused = (
        (drill.backup, drill.folder / "gateway.toml", False, "exists already"),
        (drill.backup, elsewhere, False, "serial .*--other-token"),
        (drill.backup, elsewhere, True, "not the one that the database was written with"),
        (altered, toml, False, "SHA-256"),
        (tmp_path / "none", toml, False, "none.json"),
    )
    for file, path, other_token, words in refused:
        with pytest.raises(ConfigurationError, match=words):
            put_back(load(path), file, other_token=other_token)
    assert not database.exists()
    assert_one_sentence(run("backup", drill.backup, "--config", toml), "exists already")


def test_a_gateway_does_not_start_on_the_token_of_another_database(drill, dev_folder):
    toml = configured(dev_folder, drill.folder / "gateway.sqlite")
    assert_one_sentence(run("serve", "--config", toml), "not the one that the database was written with")


def test_each_of_several_tokens_is_compared_backed_up_and_restored(drill, dev_folder, tmp_path):
    database = tmp_path / "restored.sqlite"
    toml, other = configured(drill.folder, database), load(dev_folder / "gateway.toml")
    config = load(toml)
    both = replace(config, tokens={"second": replace(other.token, name="second")})
    here = replace(both, store=replace(both.store, path=drill.folder / "gateway.sqlite"))
    # The second token has the keys of a gateway of its own, which no row here names.
    assert {(each.kind, each.token) for each in check(here).findings} == {(Kind.ORPHAN, "second")}
    manifest = back_up(here, tmp_path / "backup")
    assert {name: bool(token.keys) for name, token in manifest.tokens.items()} == {"default": True, "second": False}
    with pytest.raises(ConfigurationError, match="second"):
        put_back(config, tmp_path / "backup", other_token=False)
    restored = put_back(both, tmp_path / "backup", other_token=False)
    assert restored.agrees and restored.unknown > 0
    assert {(each.kind, each.token) for each in check(both).findings} == {(Kind.ORPHAN, "second")}
