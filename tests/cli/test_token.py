"""`token init` and `token check` on a real SoftHSM2; no PIN is ever in argv or the environment."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.cli.process import assert_one_sentence, run

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
OWN_KEYS = {"kmip-gateway storage key", "kmip-gateway key-encryption key v1"}
NEW = ("--initialise",)
ERASE = (*NEW, "--erase-initialised-token")


@pytest.fixture
def softhsm(tmp_path):
    """Give an empty SoftHSM2: the environment that leads to it, and a folder with two PIN files."""
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nlog.level = ERROR\n")
    for name, pin in (("so.pin", "so-secret-1"), ("user.pin", "user-secret-1"), ("wrong.pin", "wrong-secret")):
        (tmp_path / name).write_text(pin)
        (tmp_path / name).chmod(0o400)
    return {**os.environ, "SOFTHSM2_CONF": str(tmp_path / "softhsm2.conf")}, tmp_path


def init(softhsm, *arguments, label="first", pin="user.pin", so_pin="so.pin"):
    environment, folder = softhsm
    pins = ("--so-pin-file", folder / so_pin) if "--initialise" in arguments else ()
    given = ("--module", MODULE, "--label", label, "--pin-file", folder / pin, *pins, *arguments)
    return run("token", "init", *given, env=environment)


def contents(folder):
    return {path: path.stat().st_size for path in (folder / "tokens").rglob("*.object")}


def own_keys(finished):
    """Give what is said of the gateway's own keys that work, by label."""
    assert finished.returncode in (0, 1), finished.stderr
    return {row["label"]: row for row in json.loads(finished.stdout)["own_keys"] if row["works"]}


def token(finished):
    return json.loads(finished.stdout)["token"]


def test_a_new_token_is_initialised_and_has_the_gateways_keys(softhsm):
    finished = init(softhsm, *NEW, "--json")
    made = own_keys(finished)
    assert set(made) == OWN_KEYS
    assert all(key["made"] and len(bytes.fromhex(key["check_value"])) == 3 for key in made.values())
    assert token(finished)["label"] == "first"
    assert "-secret-1" not in finished.stdout + finished.stderr


def test_an_initialised_token_is_used_without_the_flag(softhsm):
    made = own_keys(init(softhsm, *NEW, "--json"))
    before = contents(softhsm[1])
    found = own_keys(init(softhsm, "--json"))
    assert [key["made"] for key in found.values()] == [False, False]
    assert {label: key["check_value"] for label, key in found.items()} == {
        label: key["check_value"] for label, key in made.items()
    }
    assert contents(softhsm[1]) == before
    assert init(softhsm).stdout.count(" check value ") == 2


def test_an_initialised_token_is_refused_with_the_flag_and_no_pin_is_tried(softhsm):
    init(softhsm, *NEW)
    before = contents(softhsm[1])
    # A PIN that was tried would have been told to be wrong.
    finished = init(softhsm, *NEW, pin="wrong.pin")
    assert_one_sentence(finished, "'first'", "initialised already", "--erase-initialised-token")
    assert contents(softhsm[1]) == before


def test_an_initialised_token_is_erased_only_by_the_long_flag(softhsm):
    first = init(softhsm, *NEW, "--json")
    assert_one_sentence(init(softhsm, "--erase-initialised-token"), "--initialise")
    before = contents(softhsm[1])
    assert_one_sentence(init(softhsm, *ERASE, so_pin="wrong.pin"), "cannot be set up")
    assert contents(softhsm[1]) == before
    second = init(softhsm, *ERASE, "--json")
    assert set(own_keys(second)) == OWN_KEYS
    assert {key["made"] for key in own_keys(second).values()} == {True}
    assert not set(values(first)) & set(values(second))


def values(finished):
    return [key["check_value"] for key in own_keys(finished).values()]


def test_the_slot_named_is_the_one_that_is_erased(softhsm):
    init(softhsm, *NEW)
    other = init(softhsm, *NEW, "--json", label="other")
    slot = int(token(other)["serial"], 16) & 0x7FFFFFFF  # as SoftHSM numbers its slots
    assert_one_sentence(init(softhsm, *NEW, "--slot", slot, label="new"), "'other'", f"slot {slot}")
    assert_one_sentence(init(softhsm, *ERASE, "--slot", slot), "another token with label 'first'")
    assert token(init(softhsm, *ERASE, "--slot", slot, "--json", label="new"))["label"] == "new"
    assert own_keys(init(softhsm, "--json"))
    assert_one_sentence(init(softhsm, label="other"), "No token with label 'other'")
    assert_one_sentence(init(softhsm, *NEW, "--slot", 77, label="more"), "slot 77")


def test_a_dry_run_says_what_would_change_and_changes_nothing(softhsm):
    would = init(softhsm, *NEW, "--dry-run").stdout.splitlines()
    assert would[0].startswith("would initialise the token in slot")
    assert sorted(would[1:]) == sorted(f"would make the key '{label}'" for label in OWN_KEYS)
    assert not contents(softhsm[1])
    init(softhsm, *NEW)
    before = contents(softhsm[1])
    assert init(softhsm, "--dry-run").stdout == "would change nothing\n"
    assert_one_sentence(init(softhsm, *NEW, "--dry-run"), "initialised already")
    erase = init(softhsm, *ERASE, "--dry-run", so_pin="wrong.pin").stdout
    assert "erasing 'first' and every key on it" in erase
    assert contents(softhsm[1]) == before


def test_a_label_that_does_not_fit_is_told_before_anything_is_made(softhsm):
    assert_one_sentence(init(softhsm, *NEW, label="é" * 17), "1 to 32 bytes")
    assert not contents(softhsm[1])


def test_the_locks_of_a_running_gateway_are_respected(dev_folder):
    lock = dev_folder / "run" / "token-default.lock"
    lock.unlink()
    run("token", "init", "--config", dev_folder / "gateway.toml")
    assert lock.exists()
    assert (dev_folder / "run").stat().st_mode & 0o777 == 0o700


def test_a_pin_may_come_through_a_descriptor(softhsm):
    environment, _ = softhsm
    init(softhsm, "--initialise")
    reading, writing = os.pipe()
    os.write(writing, b"user-secret-1\n")
    os.close(writing)
    arguments = ("--module", MODULE, "--label", "first", "--pin-fd", reading, "--json")
    finished = run("token", "init", *arguments, env=environment, pass_fds=(reading,))
    os.close(reading)
    assert set(own_keys(finished)) == OWN_KEYS


def test_a_wrong_pin_is_told_without_it(softhsm):
    init(softhsm, "--initialise")
    finished = init(softhsm, pin="wrong.pin")
    assert_one_sentence(finished, "PIN")
    assert "wrong-secret" not in finished.stderr


def test_a_missing_token_or_module_is_told(softhsm):
    environment, folder = softhsm
    assert_one_sentence(init(softhsm, label="other"), "other")
    pin = ("--pin-file", folder / "user.pin")
    assert_one_sentence(run("token", "init", "--module", "/none.so", "--label", "x", *pin, env=environment), "/none.so")
    assert_one_sentence(run("token", "init", "--module", MODULE, *pin, env=environment), "--label")
    assert_one_sentence(run("token", "init", "--label", "x", *pin, env=environment), "--module")


def test_without_a_terminal_it_asks_for_a_file_and_does_not_wait(softhsm):
    finished = run(
        "token", "init", "--module", MODULE, "--label", "x", env=softhsm[0], start_new_session=True, timeout=10
    )
    assert_one_sentence(finished, "--pin-file")


def test_check_reports_and_its_exit_code_says_whether_it_is_enough(dev_folder):
    finished = run("token", "check", "--config", dev_folder / "gateway.toml", "--json")
    report = json.loads(finished.stdout)
    assert [row["what"] for row in report["abilities"] if row["needed"] and not row["works"]] == []
    assert finished.returncode == 0
    tried = {row["what"]: row["works"] for row in report["abilities"][-3:]}
    assert tried == {
        "one process opened 64 sessions and was stopped there": True,
        "two sessions for a worker": True,
        "32 keys made, used and destroyed by two workers at once": True,
    }
    nobody = run("token", "check", "--config", dev_folder / "gateway.toml", "--name", "nobody")
    assert_one_sentence(nobody, "no token 'nobody'", "default")
    plain = run("token", "check", "--config", dev_folder / "gateway.toml").stdout
    assert len(plain.splitlines()) == 1 + len(report["own_keys"]) + len(report["abilities"])


def test_check_fails_where_a_key_of_the_gateway_is_missing(softhsm):
    environment, folder = softhsm
    tool = ["softhsm2-util", "--init-token", "--free", "--label", "bare", "--so-pin", "1234", "--pin", "user-secret-1"]
    subprocess.run(tool, env=environment, check=True, stdout=subprocess.DEVNULL)
    for name in ("ca", "certificate", "key"):
        (folder / name).touch()
    (folder / "gateway.toml").write_text(
        f'version = "v1"\n[tls]\nca = "ca"\ncertificate = "certificate"\nkey = "key"\n'
        f'[token]\nmodule = "{MODULE}"\nlabel = "bare"\npin_file = "user.pin"\n'
    )
    finished = run("token", "check", "--config", folder / "gateway.toml", env=environment)
    assert finished.returncode == 1
    assert finished.stdout.count("MISSING") == 2


def test_pins_are_no_options():
    text = run("token", "init", "--help").stdout
    assert "--pin-file" in text
    assert "--pin " not in text
    assert "--so-pin " not in text


@contextmanager
def at_a_terminal(environment, *arguments):
    """Run `token init` with a terminal of its own; gives the process and a function that waits for a prompt."""
    ours, theirs = os.openpty()
    command = ["setsid", "--ctty", sys.executable, "-m", "gateway", "token", "init", *map(str, arguments)]
    output = {"stdin": theirs, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **output) as process:
        os.close(theirs)

        def answer(prompt, pin):
            seen = b""
            while not seen.endswith(prompt.encode()):
                seen += os.read(ours, 1000)
            os.write(ours, f"{pin}\n".encode())

        yield process, answer
        assert process.wait(30) is not None
    os.close(ours)


def test_pins_are_asked_for_at_the_terminal_and_new_ones_twice(softhsm):
    arguments = ("--module", MODULE, "--label", "asked", "--initialise", "--json")
    with at_a_terminal(softhsm[0], *arguments) as (process, answer):
        answer("user PIN: ", "user-secret-2")
        answer("user PIN again: ", "user-secret-2")
        answer("SO PIN: ", "so-secret-2")
        answer("SO PIN again: ", "so-secret-2")
        said = process.stdout.read()
    assert process.returncode == 0, said
    assert json.loads(said)["token"]["label"] == "asked"
    with at_a_terminal(softhsm[0], *arguments) as (process, answer):
        answer("user PIN: ", "one")
        answer("user PIN again: ", "two")
        assert "differ" in process.stderr.read()
    assert process.returncode == 2
