"""docs/policy.md and the configuration have the weaknesses of gateway/policy.py, and what the policies say of each."""

import re
from pathlib import Path
from typing import get_args

from gateway import config
from gateway.policy import ROWS, Weakness

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "policy.md"
ROW = re.compile(r"^\| `(\w+)` \| [^|]+ \| (refused|done) \| (refused|done) \| `(\w+)` \|$", re.MULTILINE)
WORDS = {True: "refused", False: "done"}


def test_the_page_says_what_the_table_says() -> None:
    told = [(row.weakness.value, WORDS[row.default], WORDS[row.fips]) for row in ROWS]
    assert [each[:3] for each in ROW.findall(PAGE.read_text("utf-8"))] == told


def test_each_row_names_a_test_that_exists() -> None:
    attacks = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / "attacks").glob("test_*.py"))
    named = [test for *_, test in ROW.findall(PAGE.read_text("utf-8"))]
    assert named
    assert [test for test in named if f"async def {test}(" not in attacks] == []


def test_an_operator_may_allow_each_weakness_by_name() -> None:
    assert [each.value for each in Weakness] == list(get_args(config.Weakness)) == [row.weakness for row in ROWS]


def test_no_policy_of_fips_is_wider_than_the_default() -> None:
    assert not [row.weakness for row in ROWS if row.default and not row.fips]
