"""A short piece of the recording, in CI: some games with kills and pauses, each with an order that explains it."""

import pytest

from tests.history.checker import UNKNOWN
from tests.history.lifecycle import Read
from tests.history.recording import Game, check, record
from tests.soak.kills import Run
from tests.soak.ledger import Violation


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("history"), 5, "token")
    yield run
    run.close()


@pytest.mark.timeout(120)
def test_what_clients_see_while_processes_are_killed_and_stopped_has_an_order(run):
    counts = record([run.gateway], seed=5, games=2, faults=3)
    assert counts["histories"] == 4
    assert counts["requests"] > 100


@pytest.mark.timeout(120)
def test_two_gateways_on_one_database_and_token_are_as_one(run, tmp_path):
    first = run.gateway
    with (tmp_path / "log").open("w") as log, run.start(log) as second:
        counts = record([first, second], seed=17, games=1, faults=2)
        assert counts["histories"] == 2
        assert second.stop() == 0


@pytest.mark.timeout(120)
def test_an_answer_that_was_not_given_is_found(run):
    """The last look is altered, as if the last change had been lost."""
    histories = Game([run.gateway], "altered").play(faults=0)
    check(histories)
    uid, (first, events) = next(iter(histories.items()))
    last = events[-1]
    assert isinstance(last.operation, Read) and last.outcome is not UNKNOWN
    altered = last._replace(outcome=last.outcome._replace(left=last.outcome.left - 1))
    with pytest.raises(Violation, match="no order explains"):
        check({uid: (first, [*events[:-1], altered])})
