"""The table of docs/tokens.md, measured on the tokens themselves: `python -m tests.support.tokens_page` renews it.

Only the tokens that are installed can be measured, so the command wants all of them; the test renews the column that it
can measure and compares.
"""

import asyncio
import re
import tempfile
from pathlib import Path

from gateway.admin.token_report import Report, report_of
from gateway.token.local import LocalWorkers
from gateway.token.settings import WorkerSettings
from tests.token.tokens import KINDS, started

PAGE = Path(__file__).parents[2] / "docs" / "tokens.md"
COMMAND = f"python -m {__spec__.name}"
BEGIN = f"<!-- tokens: made by `{COMMAND}` -->"
END = "<!-- end of tokens -->"
NAMES = {"softhsm": "SoftHSM2", "nss": "NSS softokn", "tpm": "TPM 2.0 (tpm2-pkcs11)"}
NUMBERS = re.compile(r": \d[\d, ]* bits|, CKM 0x[0-9A-F]+")  # what differs from token to token in a row's name


def measured(kind: str) -> dict[str, str]:
    """Give what `token check` says of such a token: a cell for each row."""
    with tempfile.TemporaryDirectory() as folder, started(kind, Path(folder)) as settings:
        report = asyncio.run(_report(settings))
    cells = {}
    for ability in report.abilities:
        detail = " ".join(found.lstrip(":, ") for found in NUMBERS.findall(ability.what))
        no = ability.otherwise or "no"
        cells[NUMBERS.sub("", ability.what)] = (detail or "yes") if ability.works else no
    return cells


async def _report(settings: WorkerSettings) -> Report:
    async with LocalWorkers(settings) as pool:
        return report_of(await pool.info(), pool.profile, ())


def table() -> str:
    """Give the table: a row for each ability, a column for each token."""
    columns = {kind: measured(kind) for kind in KINDS}
    rows = [f"| {what} | " + " | ".join(columns[kind][what] for kind in KINDS) + " |" for what in columns["softhsm"]]
    return "\n".join([f"| | {' | '.join(NAMES[kind] for kind in KINDS)} |", "|---" * (len(KINDS) + 1) + "|", *rows])


def column(text: str, kind: str) -> dict[str, str]:
    """Give the cells of one token in the page."""
    body = text.split(f"{BEGIN}\n")[1].split(f"\n{END}")[0].strip()
    rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in body.splitlines()[2:]]
    return {row[0]: row[1 + list(KINDS).index(kind)] for row in rows}


def renewed(text: str) -> str:
    """Give the page's text with the table as it is measured now."""
    pattern = f"({re.escape(BEGIN)}\n).*?(\n{re.escape(END)})"
    found = table()
    return re.sub(pattern, lambda match: f"{match[1]}\n{found}\n{match[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
