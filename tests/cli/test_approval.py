"""`approval`: what waits, and what operators say to it, as the command line has it."""

import json
import os
import re
import socket

import pytest
from msgspec import to_builtins
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.access.identity import Shown
from gateway.admin import accounts, approvals, audit
from gateway.errors import ConfigurationError
from gateway.store.accounts import StrangerRow

TOML = """version = "v1"
[tls]
ca = "ca.pem"
certificate = "server.pem"
key = "server.key"
[token]
module = "/m.so"
label = "x"
[approval]
needed = 2
approvers = ["ann", "bob", "eve"]
administration = true
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Give a function that runs a command as an operator and gives what it prints."""
    path = tmp_path / "gateway.toml"
    path.write_text(TOML)

    def run(operator, *arguments):
        monkeypatch.setattr(approvals, "operator", lambda: operator)
        result = CliRunner().invoke(app, [*arguments, "--config", str(path)])
        if isinstance(result.exception, ConfigurationError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_a_command_waits_for_two_others_and_the_audit_says_who_decided(run, tmp_path):
    with pytest.raises(ConfigurationError, match="tenant create: this needs the approval of others: 0 of 2") as refused:
        run("ann", "tenant", "create", "bank")
    id = re.search(r"it is (\w+)\.$", str(refused.value))[1]
    waiting = run("bob", "approval", "list").split("\t")
    assert waiting[:6] == [id, "open", "tenant create", "bank", "administration", "ann"]
    assert "1 of 2 have approved" in run("bob", "approval", "approve", id)
    with pytest.raises(ConfigurationError, match="1 of 2 so far"):
        run("ann", "tenant", "create", "bank")
    assert "2 of 2 have approved" in run("eve", "approval", "approve", id)
    run("ann", "tenant", "create", "bank")
    assert "bank" in run("ann", "tenant", "list")
    assert run("ann", "approval", "list") == ""
    (spent,) = json.loads(run("ann", "approval", "list", "--all", "--json"))
    assert (spent["stage"], spent["approved_by"]) == ("spent", ["bob", "eve"])
    told = "".join(each.read_text() for each in (tmp_path / "audit").rglob("*") if each.is_file())
    assert told.count("approval approve") == 4
    assert told.count("tenant create") == 6


def test_what_is_denied_is_not_done(run):
    with pytest.raises(ConfigurationError) as refused:
        run("ann", "tenant", "create", "bank")
    id = re.search(r"it is (\w+)\.$", str(refused.value))[1]
    assert "denied" in run("bob", "approval", "deny", id)
    with pytest.raises(ConfigurationError, match=f"others have denied this; their decision is {id}"):
        run("ann", "tenant", "create", "bank")
    with pytest.raises(ConfigurationError, match="Nothing waits"):
        run("eve", "approval", "approve", id)


def test_a_destroyed_key_comes_back_only_once_others_have_approved(run):
    with pytest.raises(ConfigurationError, match="needs the approval"):  # which makes the database
        run("ann", "tenant", "create", "bank")
    with pytest.raises(ConfigurationError, match="object restore: this needs the approval of others: 0 of 2"):
        run("ann", "object", "restore", "some-key")
    assert {line.split("\t")[2] for line in run("bob", "approval", "list").splitlines()} == {
        "tenant create",
        "object restore",
    }


def test_a_key_goes_to_another_token_only_once_others_have_approved(run):
    move = ("object", "move", "some-key", "--custody", "token", "--token", "other")
    with pytest.raises(ConfigurationError, match="object move to other: this needs the approval of others: 0 of 2"):
        run("ann", *move)
    (waiting,) = run("bob", "approval", "list").splitlines()
    assert "some-key, custody token" in waiting


def test_who_approves_a_credential_approves_no_other(run):
    for command in (
        ("tenant", "create", "bank"),
        ("client", "create", "anna", "--tenant", "bank", "--role", "storage"),
    ):
        approved(run, *command)
        run("ann", *command)
    given = "credential", "set", "anna", "--tenant", "bank", "--kind"
    once = *given, "one-time", "--username", "anna"
    device = *given, "device", "--serial", "7"
    approved(run, *once)
    approved(run, *device, "--no-password")
    others = (
        (*once, "--count", "100"),
        (*given, "one-time", "--username", "bert"),
        (*given, "device", "--serial", "8", "--no-password"),
    )
    for other in others:
        with pytest.raises(ConfigurationError, match="0 of 2 so far"):
            run("ann", *other)
    assert len(run("ann", *once).split()) == 1
    run("ann", *device, "--no-password")


def approved(run, *command):
    """Ask for a command, and have two others approve it."""
    with pytest.raises(ConfigurationError) as refused:
        run("ann", *command)
    id = re.search(r"it is (\w+)\.$", str(refused.value))[1]
    for each in ("bob", "eve"):
        run(each, "approval", "approve", id)


def wait_for(path, *keys):
    """Have these certificates wait to be accepted."""
    shown = [Shown(key=each, issuer="CN=ca", authority="01", subject="CN=bert", ends=2e9) for each in keys]

    def write(found):
        for each in shown:
            found.add_stranger(StrangerRow(each.key, json.dumps(to_builtins(each)), "192.0.2.1", 7), 10)

    accounts.change(path, write)


def test_who_approves_a_certificate_approves_all_of_it_and_by_what_it_is_known(run, tmp_path):
    database, good, bad = tmp_path / "gateway.sqlite", "abcdef12" + "0" * 56, "abcdef12" + "1" * 56
    wait_for(database, good)
    accept = "client", "accept", "abcdef12", "--name", "bert", "--tenant", "default", "--role", "storage"
    approved(run, *accept)
    assert good in run("bob", "approval", "list")
    with pytest.raises(ConfigurationError, match="0 of 2 so far"):
        run("ann", *accept, "--by", "subject")
    # Another one that begins alike is not what they have seen.
    accounts.change(database, lambda found: found.remove_stranger(good))
    wait_for(database, bad)
    with pytest.raises(ConfigurationError, match="0 of 2 so far"):
        run("ann", *accept)
    accounts.change(database, lambda found: found.remove_stranger(bad))
    wait_for(database, good)
    run("ann", *accept)


def test_who_has_logged_in_and_who_calls_sudo_are_one(tmp_path, monkeypatch):
    """A process of which no log-in has told the kernel may tell it itself: one could vote as several."""
    login = tmp_path / "loginuid"
    monkeypatch.setattr(approvals, "LOGIN", login)
    monkeypatch.setattr(approvals, "user_name", lambda number: f"user{number}")
    monkeypatch.delenv("SUDO_UID", raising=False)
    assert approvals.operator() == f"user{os.getuid()}"
    for told, by_sudo in (("1001", ""), ("1001", "0"), ("1001", "1001")):
        login.write_text(told)
        monkeypatch.setenv("SUDO_UID", by_sudo)
        assert approvals.operator() == "user1001"
    monkeypatch.setenv("SUDO_UID", "1002")
    with pytest.raises(ConfigurationError, match="user1001 has logged in here, and user1002 has called sudo"):
        approvals.operator()
    # What the audit says nobody chooses by a variable of the environment alone.
    monkeypatch.setenv("SUDO_USER", "mallory")
    assert audit._operator() == f"os:user1001, by sudo of mallory as user{os.getuid()}"


def test_what_operators_do_goes_to_syslog_as_it_is_in_the_file(run, tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.admin.logs.configure", lambda log: None)  # else later tests log to this one's stderr
    path = tmp_path / "gateway.toml"
    path.write_text(f'{path.read_text()}[audit]\nsyslog = "unix:{tmp_path / "log"}"\n')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(str(tmp_path / "log"))
        there.settimeout(5)
        with pytest.raises(ConfigurationError, match="needs the approval"):
            run("ann", "tenant", "create", "bank")
        shipped = [there.recv(65536).partition(b" audit - ")[2] for _ in range(2)]
    assert b"\n".join(shipped) + b"\n" == (tmp_path / "audit" / "operators.000001.jsonl").read_bytes()
