"""The README's table of operations, as they are registered: `python -m tests.support.readme` brings it up to date.

The table stands between two comments that only the README's source shows.
"""

import re
from itertools import groupby
from pathlib import Path

from gateway.config import KmipConfig
from gateway.operations import OPERATIONS, Entry

README = Path(__file__).parents[2] / "README.md"
COMMAND = f"python -m {__spec__.name}"
BEGIN = f"<!-- operations: made by `{COMMAND}` -->"
END = "<!-- end of operations -->"


def table() -> str:
    """Give the table: a row for each range of protocol versions, the operations in it by the alphabet."""
    entries = sorted(OPERATIONS.values(), key=lambda entry: (_range(entry), entry.operation.spelling.casefold()))
    rows = [f"| {versions} | {', '.join(map(_spelled, members))} |" for versions, members in groupby(entries, _range)]
    return "\n".join(["| KMIP | operations |", "|---|---|", *rows])


def renewed(text: str) -> str:
    """Give the README's text with the table as it is now."""
    pattern = f"({re.escape(BEGIN)}\n).*?(\n{re.escape(END)})"
    return re.sub(pattern, lambda found: f"{found[1]}\n{table()}\n{found[2]}", text, flags=re.DOTALL)


def _spelled(entry: Entry) -> str:
    if not entry.switch:
        return entry.operation.spelling
    on = f"`{entry.switch} = true`" if getattr(KmipConfig(), entry.switch) is False else f"`{entry.switch}` is set"
    return f"{entry.operation.spelling} (where {on})"


def _range(entry: Entry) -> str:
    return f"{entry.since} to {entry.until}"


if __name__ == "__main__":
    README.write_text(renewed(README.read_text()))
