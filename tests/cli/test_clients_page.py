"""docs/clients.md, run as it stands: two clients in tenants of their own, by PyKMIP, and one of them revoked."""

import re
import subprocess
import sys
from pathlib import Path

from tests.cli.process import running_dev

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text("utf-8")
# The command is where a reader's shell finds it; here it is this interpreter's.
COMMAND = f'kmip-gateway() {{ {sys.executable} -m gateway "$@"; }}\nconfig="--config dev-data/gateway.toml"\n'


def finished(*command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=50, check=False)


def test_the_page_does_what_it_says(dev_folder, tmp_path):
    (tmp_path / "dev-data").symlink_to(dev_folder)
    making, revoking = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with running_dev(tmp_path / "dev-data", "--front-ends", "1", "--token-workers", "1") as gateway:
        made = finished("bash", "-euc", COMMAND + making, folder=tmp_path)
        assert made.returncode == 0, made.stderr
        listed = [line.split("\t")[:3] for line in made.stdout.splitlines()]
        assert ["databases", "mongod", "accepted"] in listed and ["hypervisors", "vcenter", "accepted"] in listed
        # Only the port differs from what a reader has: 5696 may be taken on the machine of the tests.
        for name in ("vcenter", "mongod"):
            file = tmp_path / name / "pykmip.conf"
            assert "port = 5696\n" in file.read_text()
            file.write_text(file.read_text().replace("5696", str(gateway.port)))
        said = finished(sys.executable, "-c", example, folder=tmp_path)
        assert said.stdout.splitlines() == [
            "get: 32 bytes",
            "get: 32 bytes",
            "the other's key: ITEM_NOT_FOUND",
            "located: [1, 1]",
        ], said.stderr
        revoked = finished("bash", "-euc", COMMAND + revoking, folder=tmp_path)
        assert revoked.stdout.split("\t")[:3] == ["databases", "mongod", "revoked"], revoked.stderr
        again = finished(sys.executable, "-c", example, folder=tmp_path)
        assert "this client was revoked" in again.stderr
