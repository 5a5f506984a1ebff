"""docs/reliability.md names tests that exist, each promise once and in order."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[tuple[str, str, str]]:
    return ROW.findall((ROOT / "docs" / "reliability.md").read_text("utf-8"))


def test_each_promise_names_tests_that_exist() -> None:
    for number, _, named in rows():
        found = TEST.findall(named)
        assert found, f"{number} names no test"
        for path, name in found:
            assert re.search(rf"^ *(async )?def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), (
                number,
                name,
            )


def test_each_promise_stands_once_and_in_order() -> None:
    numbers = [int(number) for number, _, _ in rows()]
    assert numbers == sorted(set(numbers))
