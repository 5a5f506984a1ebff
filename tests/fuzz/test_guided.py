"""A minute of fuzzing that is led by coverage; `python -m tests.fuzz.guided` goes on for as long as one likes."""

import importlib.util

import pytest

from tests.fuzz.guided.running import Run
from tests.fuzz.guided.targets import TARGETS

SECONDS = 15  # of each target, all four at once
LEAST = 1000  # inputs; fewer would have tried nothing

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed here"),
    pytest.mark.timeout(240),  # four processes that first instrument what they import
]


def test_a_minute_of_inputs_led_by_what_they_reach_finds_nothing(tmp_path):
    runs = {}
    for target in TARGETS:
        (tmp_path / target).mkdir()
        runs[target] = Run(target, SECONDS, tmp_path / target)
    outcomes = {target: run.wait() for target, run in runs.items()}
    assert {target: outcome.broke for target, outcome in outcomes.items()} == dict.fromkeys(TARGETS, "")
    assert min(outcome.executed for outcome in outcomes.values()) > LEAST
