"""A PIN comes from a private file, a descriptor or the terminal, and a fault never shows it."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios

import pytest

from gateway.admin.pins import PinSource, read_pin
from gateway.errors import ConfigurationError
from tests.cli.process import assert_one_sentence, run
from tests.clients.test_crashes import children, eventually


@pytest.fixture
def pin_file(tmp_path):
    path = tmp_path / "pin"
    path.write_text("secret-pin\n")
    path.chmod(0o400)
    return path


def test_from_a_file_without_its_line_end(pin_file):
    assert read_pin(PinSource("user PIN", "--pin", path=pin_file)) == b"secret-pin"


def test_from_a_descriptor():
    reading, writing = os.pipe()
    os.write(writing, b"one\ntwo\n")
    os.close(writing)
    assert read_pin(PinSource("user PIN", "--pin", descriptor=reading)) == b"one"
    os.close(reading)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644])
def test_a_file_that_others_can_read_is_refused(pin_file, mode):
    pin_file.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 400") as told:
        read_pin(PinSource("user PIN", "--pin", path=pin_file))
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("content", ["", "\n", "x" * 300])
def test_an_empty_or_endless_pin_is_refused(pin_file, content):
    pin_file.chmod(0o600)
    pin_file.write_text(content)
    with pytest.raises(ConfigurationError, match="user PIN"):
        read_pin(PinSource("user PIN", "--pin", path=pin_file))


def test_a_closed_descriptor_is_told():
    with pytest.raises(ConfigurationError, match="--pin-fd 250"):
        read_pin(PinSource("user PIN", "--pin", descriptor=250))


def serving(toml, *options, **how):
    """Start `serve` and give the process and its first line."""
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(toml), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)
    return process, process.stdout.readline()


@pytest.fixture
def without_pin(dev_folder, dev_toml):
    """A configuration that names no PIN, and the PIN."""
    return dev_toml('pin_file = "user.pin"\n', ""), (dev_folder / "user.pin").read_bytes()


def descriptors(pid):
    folder = f"/proc/{pid}/fd"
    return {os.readlink(f"{folder}/{each}") for each in os.listdir(folder)}


def test_serve_takes_the_pin_from_a_descriptor_and_no_front_end_has_it(without_pin):
    toml, pin = without_pin
    reading, writing = os.pipe()
    os.write(writing, pin + b"\n")
    os.close(writing)
    process, line = serving(toml, "--pin-fd", str(reading), pass_fds=(reading,))
    with process:
        os.close(reading)
        assert line.startswith("ready "), process.stderr.read()
        held = "/memfd:kmip-gateway PIN (deleted)"
        assert held in descriptors(process.pid)
        front_ends = children(process.pid, workers=False)
        assert front_ends
        if os.geteuid() == 0:
            assert all(held not in descriptors(each) for each in front_ends)
        killed = children(process.pid, workers=True)[0]
        os.kill(killed, signal.SIGKILL)  # and its successor logs in too
        before = len(children(process.pid, workers=True))
        assert eventually(lambda: len(set(children(process.pid, workers=True)) - {killed}) > before - 1)
        process.terminate()
        assert process.wait(20) == 0


def test_serve_asks_the_terminal_for_the_pin(without_pin):
    toml, pin = without_pin
    ours, theirs = pty.openpty()

    def own_terminal():
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    command = [sys.executable, "-m", "gateway", "serve", "--config", str(toml), "--pin-prompt"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=own_terminal
    ) as process:
        os.close(theirs)
        assert b"user PIN" in os.read(ours, 100)
        os.write(ours, pin + b"\n")
        assert process.stdout.readline().startswith("ready ")
        process.terminate()
        assert process.wait(20) == 0
    os.close(ours)


def test_neither_argv_nor_the_environment_gives_a_pin(without_pin):
    toml, pin = without_pin
    assert run("serve", "--config", toml, "--pin", pin.decode()).returncode == 2
    named = {**os.environ, "PIN": pin.decode(), "KMIP_GATEWAY_PIN": pin.decode(), "USER_PIN": pin.decode()}
    assert_one_sentence(run("serve", "--config", toml, env=named), "No PIN source is configured")
    toml.write_text(toml.read_text().replace("[token]\n", f'[token]\npin = "{pin.decode()}"\n'))
    assert_one_sentence(run("config", "check", "--config", toml), "no key 'pin'")


def test_a_pin_that_cannot_be_read_is_told_and_nothing_starts(without_pin):
    toml, _ = without_pin
    assert_one_sentence(run("serve", "--config", toml, "--pin-fd", "250"), "--pin-fd 250: the user PIN cannot be read")
