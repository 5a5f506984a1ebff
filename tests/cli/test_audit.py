"""`audit verify`, `search` and `export` over what a running gateway and its operators have left."""

import json
import shutil
import socket
import ssl

import pytest

from gateway.kmip.enums import CryptographicAlgorithm, ObjectType, Operation
from gateway.kmip.version import V2_1
from gateway.operations.create import CreateRequest
from gateway.operations.get import GetRequest
from tests.cli.process import assert_one_sentence, run, running_dev
from tests.operations.test_create import spec
from tests.support.client import Client

CREATE = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=spec(CryptographicAlgorithm.AES, 256))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder of `dev` after a gateway has served in it, and the object that was made; it has one front end."""
    folder = tmp_path_factory.mktemp("audited")
    with running_dev(folder, "--front-ends", "1", "--token-workers", "1") as gateway:
        with Client(folder, gateway.port) as client:
            made = client.ask(V2_1, (Operation.CREATE, CREATE))[0].payload.unique_identifier
            client.ask(V2_1, (Operation.GET, GetRequest(unique_identifier="nobody's")))
        context = ssl.create_default_context(cafile=folder / "pki/ca.pem")
        with socket.create_connection(("127.0.0.1", gateway.port)) as plain, pytest.raises((ssl.SSLError, OSError)):
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
                secured.recv(1)
                raise OSError("closed")
        assert gateway.stop() == 0
    return folder, made


def audit(folder, verb, *arguments):
    return run("audit", verb, "--config", folder / "gateway.toml", *arguments)


def test_what_a_gateway_left_is_right_by_the_key_on_the_token(served):
    finished = audit(served[0], "verify")
    assert (finished.returncode, "nothing is wrong" in finished.stdout) == (0, True), finished.stdout
    verdict = json.loads(audit(served[0], "verify", "--json", "--key", served[0] / "audit/checkpoint-key.pem").stdout)
    assert verdict["faults"] == []
    # Only the chain of the operators goes on when no front end is there to sign.
    assert all("operators" in remark for remark in verdict["remarks"])


def test_another_key_proves_nothing(served, tmp_path):
    finished = audit(served[0], "verify", "--key", served[0] / "pki/client.pem")
    assert_one_sentence(finished, "no public key")


def test_an_edited_record_is_named_and_is_a_problem(served, tmp_path):
    shutil.copytree(served[0] / "audit", tmp_path / "audit")
    (path,) = (tmp_path / "audit").glob("front-end-*")
    path.write_bytes(path.read_bytes().replace(served[1].encode(), b"x" * len(served[1]), 1))
    key = served[0] / "audit/checkpoint-key.pem"
    finished = audit(served[0], "verify", "--dir", tmp_path / "audit", "--key", key)
    assert finished.returncode == 1
    assert f"{path.name} line 2: record 1 is not the one that was written" in finished.stdout


def test_records_are_found_by_what_they_say(served):
    (line,) = audit(served[0], "search", "--operation", "Create").stdout.splitlines()
    _, who, operation, objects, result, address = line.split("\t")
    assert (operation, objects, result, address) == ("Create", served[1], "Success", "127.0.0.1")
    assert who.startswith("default/cert:")
    assert audit(served[0], "search", "--object", served[1], "--tenant", "default").stdout == line + "\n"
    assert audit(served[0], "search", "--tenant", "other", "--since", "2026-01-01").stdout == ""
    found = json.loads(audit(served[0], "search", "--result", "ObjectNotFound", "--json").stdout)
    assert (found["operation"], found["objects"]) == ("Get", ["nobody's"])


def test_all_is_exported_for_other_programs(served):
    exported = audit(served[0], "export", "--format", "cef").stdout.splitlines()
    assert all(line.startswith("CEF:0|kmip-gateway|") for line in exported)
    assert any("|item|Create|1|" in line and f"cs2={served[1]}" in line for line in exported)
    found = [json.loads(line) for line in audit(served[0], "export").stdout.splitlines()]
    refused = [each for each in found if each["event"] == "handshake"]
    assert [(each["address"], each["status"]) for each in refused] == [("127.0.0.1", "OperationFailed")]
    assert refused[0]["detail"]
    events = [each["event"] for each in found]
    assert events.count("item") == 2
    assert audit(served[0], "export", "--format", "xml").returncode == 2


def test_a_command_that_changes_something_is_recorded_before_and_after(served):
    audit_key = ("--operation", "ticket end", "--json")
    assert run("ticket", "end", "--config", served[0] / "gateway.toml", "--owner", "nobody").returncode == 0
    found = [json.loads(line) for line in audit(served[0], "search", *audit_key).stdout.splitlines()]
    assert [each["status"] for each in found] == ["Asked", "Success"]
    assert found[0]["identity"].startswith("os:")
    assert found[0]["detail"] == "of nobody"


def test_a_command_that_cannot_be_recorded_is_not_carried_out(served, tmp_path):
    path = served[0] / "elsewhere.toml"
    (tmp_path / "file").touch()
    path.write_text((served[0] / "gateway.toml").read_text() + f'\n[audit]\ndir = "{tmp_path / "file"}"\n')
    assert_one_sentence(run("ticket", "end", "--config", path, "--owner", "nobody"), "nothing can be recorded")
