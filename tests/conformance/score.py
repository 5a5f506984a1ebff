"""The score: how many of the official cases pass, by version and by column of the profiles."""

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.conformance.cases import COLUMNS, VERSIONS


class Outcome(NamedTuple):
    """What a case came to; `why` tells why it did not pass."""

    version: str
    column: str
    name: str
    why: str


def lines(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Give the table, then the cases that did not pass, by reason."""
    outcomes = list(outcomes)
    yield "version  " + "".join(f"{column:>16}" for column in (*COLUMNS, "all"))
    for version in (*VERSIONS, "all"):
        row = [each for each in outcomes if version in (each.version, "all")]
        yield f"{version:9}" + "".join(f"{_cell(row, column):>16}" for column in (*COLUMNS, "all"))
    reasons = defaultdict(list)
    for each in outcomes:
        if each.why:
            reasons[each.why].append(each.name)
    for why, names in sorted(reasons.items(), key=lambda item: -len(item[1])):
        yield f"{len(names):4} {why}"
        yield textwrap.fill(" ".join(names), 120, initial_indent=" " * 5, subsequent_indent=" " * 5)


def _cell(row: list[Outcome], column: str) -> str:
    """Give how many passed of how many, and the share."""
    here = [each for each in row if column in (each.column, "all")]
    passed = sum(not each.why for each in here)
    return f"{passed}/{len(here)} {100 * passed / len(here):.0f} %" if here else "-"
