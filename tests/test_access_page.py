"""docs/access.md has what the presets allow and what can be granted, and an example that is a role."""

import re
import tomllib
from pathlib import Path

from msgspec import convert

from gateway.access.permissions import GRANTABLE, USES, check
from gateway.access.presets import PRESETS
from gateway.access.roles import Role
from gateway.operations import OPERATIONS

PAGE = (Path(__file__).parents[1] / "docs" / "access.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (yes)? ?\| (yes)? ?\| (yes)? ?\| (yes)? ?\| (yes)? ?\|$", re.MULTILINE)
COLUMNS = ("storage", "crypto", "operator", "auditor")


def test_the_page_says_what_presets_and_grants_allow() -> None:
    known = [use for use, number in sorted(USES.items()) if number < 0 or number in OPERATIONS]
    allowing = [*(PRESETS[name].operations for name in COLUMNS), GRANTABLE]
    told = [(use, *("yes" if use in each else "" for each in allowing)) for use in known]
    assert ROW.findall(PAGE) == told
    assert all(f"`{name}`" in PAGE for name in PRESETS)


def test_the_example_is_a_role() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    check(convert({"name": "example", **tomllib.loads(example)}, Role))


def test_what_is_said_to_be_read_is_there() -> None:
    linked = re.findall(r"\]\(([\w./]+)\)", PAGE)
    docs = Path(__file__).parents[1] / "docs"
    assert [each for each in linked if not (docs / each).exists()] in ([], ["clients.md"])
