"""The README's first example, run exactly as it stands by a client that nobody here wrote."""

import re
import subprocess
import sys
from pathlib import Path

from tests.cli.process import running_dev

README = Path(__file__).parents[2] / "README.md"


def test_the_first_example_does_what_it_says(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert "port=5696" in example
    with running_dev(tmp_path / "dev-data") as gateway:
        # Only the port differs from what a reader runs: 5696 may be taken on the machine of the tests.
        example = example.replace("port=5696", f"port={gateway.port}")
        finished = subprocess.run(
            [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )
    assert finished.returncode == 0, finished.stderr
    said = finished.stdout.splitlines()
    assert said[:3] == ["get: 32 bytes", "decrypt: b'attack at dawn'", "locate: True"]
    assert re.fullmatch(r"destroyed: [0-9a-f-]{36}", said[3])
