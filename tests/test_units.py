"""The systemd units in config/: what systemd itself says of them, and that their names fit the gateway's."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

CONFIG = Path(__file__).parents[1] / "config"
UNITS = ("kmip-gateway.service", "kmip-gateway.socket")
MOST_EXPOSED = 20  # tenths of what `systemd-analyze security` gives; what vendors' modules need comes by drop-ins


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units, with programs that are on this machine."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze (Debian: systemd)")
    for name in UNITS:
        text = (CONFIG / name).read_text().replace("/usr/bin/kmip-gateway ", "/bin/true ")
        (tmp_path / name).write_text(text)
    return [tmp_path / name for name in UNITS]


def test_systemd_finds_nothing_wrong(units: list[Path]) -> None:
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_service_is_exposed_to_little(units: list[Path]) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(units[0])]
    secured = subprocess.run(command, capture_output=True, text=True)
    assert secured.returncode == 0, secured.stdout


def test_the_socket_has_the_name_that_the_gateway_looks_for() -> None:
    unit = configparser.ConfigParser()
    unit.read(CONFIG / "kmip-gateway.socket")
    assert unit["Socket"]["FileDescriptorName"] == "kmip"
    assert unit["Socket"]["ListenStream"] == "5696"
