"""The standard's tables as ../shared has them, against which the gateway's own are held; absent, tests skip."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gateway.kmip.version import SUPPORTED, V3_0, Version

SHARED = Path(__file__).parents[3] / "shared" / "kmip"
FACTS = SHARED / "kmip_facts.json"
VERSIONS = SUPPORTED[::-1]  # oldest first
needs_facts = pytest.mark.skipif(not FACTS.exists(), reason=f"{FACTS} is not on this machine")


@cache
def facts() -> Any:
    """Give all facts, or an empty table for each kind when they are not there."""
    if not FACTS.exists():
        return {kind: [] for kind in ("tags", "operations", "attributes")} | {
            kind: {} for kind in ("enumerations", "masks", "structures")
        }
    return json.loads(FACTS.read_text())


def version(text: str) -> Version:
    """Read `1.4`."""
    return Version(*map(int, text.split(".")))


def lifetime(row: dict[str, Any]) -> tuple[Version, Version]:
    """Give the first and last version of a row."""
    known = [version(each) for each in row["versions"] if version(each) <= V3_0]
    return known[0], known[-1]
