"""`token init` and `token check` on a real SoftHSM2; no PIN is ever in argv or the environment."""

import json
import os

import pytest

from tests.cli.process import assert_one_sentence, run

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
OWN_KEYS = "the gateway's own keys (made by token init)"


@pytest.fixture
def softhsm(tmp_path):
    """Give an empty SoftHSM2: the environment that leads to it, and a folder with two PIN files."""
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nlog.level = ERROR\n")
    for name, pin in (("so.pin", "so-secret-1"), ("user.pin", "user-secret-1"), ("wrong.pin", "wrong-secret")):
        (tmp_path / name).write_text(pin)
        (tmp_path / name).chmod(0o400)
    return {**os.environ, "SOFTHSM2_CONF": str(tmp_path / "softhsm2.conf")}, tmp_path


def init(softhsm, *arguments, label="first", pin="user.pin"):
    environment, folder = softhsm
    pins = ("--so-pin-file", folder / "so.pin") if "--initialise" in arguments else ()
    given = ("--module", MODULE, "--label", label, "--pin-file", folder / pin, *pins, *arguments)
    return run("token", "init", *given, env=environment)


def contents(folder):
    return {path: path.stat().st_size for path in (folder / "tokens").rglob("*.object")}


def abilities(finished):
    return {row["what"]: row["works"] for row in json.loads(finished.stdout)["abilities"]}


def test_a_new_token_is_initialised_and_has_the_gateways_keys(softhsm):
    finished = init(softhsm, "--initialise", "--json")
    assert finished.returncode in (0, 1), finished.stderr
    assert abilities(finished)[OWN_KEYS]
    assert json.loads(finished.stdout)["token"]["label"] == "first"
    assert "secret" not in finished.stdout + finished.stderr


def test_an_initialised_token_is_used_without_the_flag_and_refused_with_it(softhsm):
    init(softhsm, "--initialise")
    before = contents(softhsm[1])
    assert_one_sentence(init(softhsm, "--initialise"), "'first'", "initialised already")
    assert abilities(init(softhsm, "--json"))[OWN_KEYS]
    assert contents(softhsm[1]) == before


def test_a_pin_may_come_through_a_descriptor(softhsm):
    environment, _ = softhsm
    init(softhsm, "--initialise")
    reading, writing = os.pipe()
    os.write(writing, b"user-secret-1\n")
    os.close(writing)
    arguments = ("--module", MODULE, "--label", "first", "--pin-fd", reading, "--json")
    finished = run("token", "init", *arguments, env=environment, pass_fds=(reading,))
    os.close(reading)
    assert abilities(finished)[OWN_KEYS], finished.stderr


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
    lacking = [row["what"] for row in report["abilities"] if row["needed"] and not row["works"]]
    assert finished.returncode == (1 if lacking else 0)
    plain = run("token", "check", "--config", dev_folder / "gateway.toml").stdout
    assert len(plain.splitlines()) == 1 + len(report["abilities"])


def test_pins_are_no_options():
    text = run("token", "init", "--help").stdout
    assert "--pin-file" in text
    assert "--pin " not in text
    assert "--so-pin " not in text
