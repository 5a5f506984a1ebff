"""A PIN comes from a private file, a descriptor or the terminal, and a fault never shows it."""

import os

import pytest

from gateway.admin.pins import PinSource, read_pin
from gateway.errors import ConfigurationError


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
