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
        # A second run is what a reader tries next; what the first has left must not be in its way.
        for _ in range(2):
            assert_prints_what_readme_says(example, tmp_path)


def assert_prints_what_readme_says(example, folder):
    """Assert that the example, run in this folder, prints its four lines."""
    finished = subprocess.run(
        [sys.executable, "-c", example], cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert finished.returncode == 0, finished.stderr
    said = finished.stdout.splitlines()
    assert said[:3] == ["get: 32 bytes", "decrypt: b'attack at dawn'", "locate: True"]
    assert re.fullmatch(r"destroyed: [0-9a-f-]{36}", said[3])
