"""One token for all cases, a gateway for each, and the score after the last."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.token.api import Token
from gateway.token.local import LocalWorkers
from gateway.token.setup import set_up_token
from tests.conformance import score
from tests.conformance.cases import Case
from tests.token.conftest import softhsm

WORKERS = 2
SCORED = "scored"
OUTCOMES = pytest.StashKey[list[score.Outcome]]()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def token(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Token]:
    """A SoftHSM2 token of its own behind workers."""
    settings = softhsm(tmp_path_factory.mktemp("conformance"))
    await asyncio.to_thread(set_up_token, settings, so_pin="security officer")
    async with LocalWorkers(settings, WORKERS) as pool:
        yield pool


def pytest_configure(config: pytest.Config) -> None:
    """Keep the outcomes with the run, and know the mark of the tests that are scored."""
    config.addinivalue_line("markers", f"{SCORED}: counts in the score of the official test cases")
    config.stash[OUTCOMES] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Note what a case came to: skipped and expected failures are failures here."""
    report = yield
    done = report.when == "call" or (report.when == "setup" and not report.passed)
    case = item.callspec.params["case"] if item.get_closest_marker(SCORED) else None
    if done and isinstance(case, Case):  # without the files there is one test, and no case
        outcome = score.Outcome(case.version, case.column, case.name, _why(report))
        item.config.stash[OUTCOMES].append(outcome)
    return report


def _why(report: pytest.TestReport) -> str:
    """Give why a case did not pass, nothing if it did."""
    if hasattr(report, "wasxfail"):
        return report.wasxfail.removeprefix("reason: ")
    if report.skipped:
        return report.longrepr[2].removeprefix("Skipped: ")
    return "" if report.passed else "the test failed"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the score."""
    outcomes = config.stash[OUTCOMES]
    if outcomes:
        terminalreporter.section("official test cases")
        for line in score.lines(outcomes):
            terminalreporter.write_line(line)
