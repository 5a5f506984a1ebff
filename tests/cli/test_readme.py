"""The README's examples, run exactly as they stand by clients that nobody here wrote."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import running_dev

README = Path(__file__).parents[2] / "README.md"
SEED = README.parents[1] / "shared" / "seed" / "request.json"


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


def test_the_https_example_does_what_it_says(tmp_path):
    example = "\n".join(re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL))
    assert "https://localhost:9998" in example
    with running_dev(tmp_path / "dev-data", "--http-port", "0") as gateway:
        example = example.replace("9998", str(gateway.https_port))
        finished = subprocess.run(
            ["bash", "-euc", example], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    page, versions, *drawn, server = finished.stdout.splitlines()
    assert_created_and_located(json.loads(page))
    assert versions.startswith('{"tag":"ResponseMessage"')
    assert versions.count("ProtocolVersionMinor") > 5
    assert "ResponseHeader" in versions
    assert re.search(r'<Data type="ByteString" value="[0-9a-fA-F]{32}"/>', "".join(drawn))
    assert json.loads(server)["tag"] == "QueryResponse"


def assert_created_and_located(answer):
    """Assert that the answer to the page's message has two results, the second of which locates what the first made."""
    header, items = answer["value"]
    assert (answer["tag"], header["tag"], items["tag"]) == ("ResponseMessage", "Header", "BatchItem")
    made, located = (dict(leaves(item)) for item in items["value"])
    assert (made["Operation"], made["ResultStatus"]) == ("CreateKeyPair", "Success")
    assert (located["Operation"], located["LocatedItems"]) == ("Locate", 2)
    for half in ("PrivateKeyUniqueIdentifier", "PublicKeyUniqueIdentifier"):
        assert made[half] == located[half]


def leaves(node):
    """Give tag and value of everything in a tree that is no structure."""
    if node["type"] != "Structure":
        return [(node["tag"], node["value"])]
    return [leaf for each in node["value"] for leaf in leaves(each)]


@pytest.mark.skipif(not SEED.exists(), reason=f"{SEED} is not there")
def test_the_https_example_is_the_page():
    assert SEED.read_text().strip() in README.read_text()
