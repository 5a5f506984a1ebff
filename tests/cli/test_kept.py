"""What clients destroyed, had back by an operator beside a gateway that is killed and started again, or gone."""

import json
import signal
import sqlite3
import time
from contextlib import closing

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.admin import fsck
from gateway.admin.dev import prepare
from gateway.admin.findings import Kind
from gateway.admin.restore import put_back
from gateway.config import load
from gateway.errors import ConfigurationError
from gateway.kmip.enums import Operation
from gateway.operations.get import GetRequest
from tests.cli.process import running_dev
from tests.cli.test_backup import configured
from tests.cli.test_fsck import created, destroy
from tests.cli.test_kek import decrypted, encrypted, one
from tests.clients.test_crashes import eventually, keys_on_token
from tests.support.client import Client

ONE_OF_EACH = ("--front-ends", "1", "--token-workers", "1")


def configure(folder, custody, window_s):
    """Have new keys kept so, and destroyed ones for so long."""
    toml = folder / "gateway.toml"
    kept = [line for line in toml.read_text().splitlines() if not line.startswith(("custody", "destroy_window_s"))]
    kept.insert(kept.index("[kmip]") + 1, f'custody = "{custody}"\ndestroy_window_s = {window_s}')
    toml.write_text("\n".join(kept) + "\n")


def said(*arguments):
    """Run a command in this process, and give what it prints."""
    result = CliRunner().invoke(app, [*map(str, arguments)])
    if isinstance(result.exception, ConfigurationError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def database(folder, sql, *values):
    with closing(sqlite3.connect(folder / "gateway.sqlite")) as connection:
        return connection.execute(sql, values).fetchall()


def cka_id(folder, uid):
    ((found,),) = database(folder, "SELECT cka_id FROM objects WHERE unique_identifier = ?", uid)
    return found.hex()


def on_token(folder):
    return {cka_id for _, cka_id in keys_on_token(folder)}


def test_what_was_destroyed_outlives_a_kill_and_comes_back_or_goes_for_good(tmp_path, monkeypatch):
    monkeypatch.setattr(fsck, "LOOK_AGAIN_S", 0.05)
    folder = tmp_path / "dev"
    toml = folder / "gateway.toml"
    prepare(folder)
    configure(folder, "token", 3600)
    with running_dev(folder, *ONE_OF_EACH) as gateway, Client(folder, gateway.port) as client:
        back, gone, left = (created(client) for _ in range(3))
        told = {uid: encrypted(client, uid) for uid in (back, left)}
        for uid in (back, gone, left):
            destroy(client, uid)
        gateway.stop(signal.SIGKILL)
    assert fsck.check(load(toml), deep=True).findings == ()
    listed = json.loads(said("object", "list", "--destroyed", "--json", "--config", toml))
    assert {each["unique_identifier"] for each in listed if each["restorable_until"]} == {back, gone, left}
    said("backup", tmp_path / "backup", "--config", toml)
    configure(folder, "wrapped", 1)
    with running_dev(folder, *ONE_OF_EACH) as gateway, Client(folder, gateway.port) as client:
        assert said("object", "restore", back, "--config", toml) == f"{back}\tis Compromised again\n"
        assert decrypted(client, back, told[back]) == b"sixteen bytes!!!"
        said("object", "erase", gone, "--config", toml)
        wrapped = created(client)
        ((parcel,),) = database(folder, "SELECT wrapped FROM objects WHERE unique_identifier = ?", wrapped)
        for uid in (back, wrapped):
            one(client, Operation.GET, GetRequest(unique_identifier=uid))
        destroy(client, wrapped)
        assert database(folder, "SELECT wrapped FROM destroys WHERE wrapped != x''") == [(parcel,)]
        assert gateway.stop() == 0
    time.sleep(2)
    with running_dev(folder, *ONE_OF_EACH) as gateway:
        # By python-pkcs11, past the gateway: C_FindObjects.
        assert eventually(lambda: cka_id(folder, gone) not in on_token(folder), 10)
        assert {cka_id(folder, back), cka_id(folder, left)} <= on_token(folder)
        assert eventually(lambda: len(database(folder, "SELECT 1 FROM destroys")) == 1, 10)
        assert gateway.stop() == 0
    assert not any(parcel in path.read_bytes() for path in folder.glob("gateway.sqlite*"))
    for uid in (gone, wrapped):
        with pytest.raises(ConfigurationError, match=f"{uid} is gone for good"):
            said("object", "restore", uid, "--config", toml)
    told_of = "".join(each.read_text() for each in (folder / "audit").rglob("*") if each.is_file())
    assert told_of.count('"object restore"') == 6 and told_of.count('"object erase"') == 2
    check_copy(folder, tmp_path, (back, gone, left))


def check_copy(folder, tmp_path, destroyed):
    """Of a backup that was put back, nothing that was kept is deleted until an operator says so."""
    other = configured(folder, tmp_path / "restored.sqlite")
    config = load(other)
    restored = put_back(config, tmp_path / "backup", other_token=False)
    assert (restored.kept, restored.missing, restored.unknown) == (2, (), 0)  # one of the three was erased since
    found = {(each.kind, each.object) for each in fsck.check(config).findings}
    (gone,) = {uid for kind, uid in found if kind is Kind.DANGLING}
    assert gone == destroyed[1]
    assert found == {(Kind.UNDECIDED, uid) for uid in destroyed} | {(Kind.DANGLING, gone)}
    said("object", "restore", destroyed[2], "--config", other)
