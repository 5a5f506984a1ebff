"""`token pin change` on a real SoftHSM2: the right PIN is in a file whatever happens; a wrong one is tried once."""

import pytest

from gateway.errors import ConfigurationError
from gateway.token import setup
from tests.cli.process import assert_one_sentence, run
from tests.cli.test_token import MODULE, NEW, init, softhsm

__all__ = ["softhsm"]


@pytest.fixture
def ready(softhsm):
    """The same, with a token, a configuration and a file with a new PIN."""
    environment, folder = softhsm
    assert init(softhsm, *NEW).returncode == 0
    (folder / "new.pin").write_text("new-secret-2\n")
    (folder / "new.pin").chmod(0o400)
    for name in ("ca.pem", "server.pem", "server.key"):
        (folder / name).touch()
    (folder / "gateway.toml").write_text(f"""
version = "v1"
[tls]
ca = "ca.pem"
certificate = "server.pem"
key = "server.key"
[token]
module = "{MODULE}"
label = "first"
pin_file = "user.pin"
environment = {{ SOFTHSM2_CONF = "{environment["SOFTHSM2_CONF"]}" }}
[audit]
enabled = false
""")
    return folder


def change(folder, *arguments, new="new.pin"):
    """Give the finished `token pin change`."""
    given = ("--config", folder / "gateway.toml", "--new-pin-file", folder / new, *arguments)
    return run("token", "pin", "change", *given)


def check(folder):
    """Say whether the token lets us in with the PIN in the file."""
    return run("token", "init", "--dry-run", "--config", folder / "gateway.toml").stdout == "would change nothing\n"


def test_the_users_pin_and_its_file_are_changed(ready):
    finished = change(ready, "--user")
    assert finished.returncode == 0, finished.stderr
    assert "secret" not in finished.stdout + finished.stderr
    assert (ready / "user.pin").read_text() == "new-secret-2\n"
    assert (ready / "user.pin").stat().st_mode & 0o777 == 0o400
    assert not (ready / "user.pin.new").exists()
    assert check(ready)
    # The old one is wrong now; it is told so, and the file stays.
    finished = change(ready, "--user", "--pin-file", ready / "wrong.pin")
    assert_one_sentence(finished, "refuses the old PIN", "tried once")
    assert (ready / "user.pin").read_text() == "new-secret-2\n"
    assert not (ready / "user.pin.new").exists()
    assert check(ready)


def test_a_pin_that_the_token_does_not_take_changes_nothing(ready):
    (ready / "short.pin").write_text("no")  # SoftHSM2 takes four characters and more
    (ready / "short.pin").chmod(0o400)
    assert_one_sentence(change(ready, "--user", new="short.pin"), "does not take the new PIN")
    assert (ready / "user.pin").read_text() == "user-secret-1"
    assert not (ready / "user.pin.new").exists()


def test_the_officers_pin_is_changed_and_no_file_with_it(ready):
    old = ("--so", "--pin-file", ready / "so.pin")
    assert change(ready, *old).returncode == 0
    assert (ready / "so.pin").read_text() == "so-secret-1"
    assert_one_sentence(change(ready, *old), "refuses the old PIN")
    assert change(ready, "--so", "--pin-file", ready / "new.pin", new="so.pin").returncode == 0


def test_after_a_change_that_was_ended_early_both_pins_are_kept_and_none_is_tried(ready):
    (ready / "user.pin.new").write_text("new-secret-2\n")
    assert_one_sentence(change(ready, "--user"), "ended early", "user.pin.new")
    assert check(ready)


def test_a_process_that_ends_without_a_word_is_not_taken_for_one_that_changed_nothing(monkeypatch):
    monkeypatch.setattr(setup.subprocess, "run", lambda *_, **__: None)
    with pytest.raises(setup.EndedEarly) as ended:
        setup.change_pin(setup.WorkerSettings(module="", runtime_dir=""), None, "new-secret-2")
    assert isinstance(ended.value, ConfigurationError)
