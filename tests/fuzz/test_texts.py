"""Whatever JSON or XML comes becomes TTLV or one documented error; `python -m tests.fuzz.texts` does so at length."""

import json
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.texts import JSON, NAMES, TYPES, VALUES, XML, mutated, outcome, texts

SEED, COUNT = 20240601, 4000
REQUESTS = texts()


@pytest.mark.parametrize("kind", [JSON, XML])
def test_mutated_requests(kind: str) -> None:
    random = Random(SEED)
    found = Counter(
        outcome(mutated(random, kind, REQUESTS[kind]), kind, bare=random.random() < 0.5) for _ in range(COUNT)
    )
    # Mutations that all were refused at once would test little.
    assert found["decoded"] > COUNT / 20
    assert found["TextError"] > COUNT / 20


SCALARS = st.sampled_from([each for each in VALUES if not isinstance(each, list | dict)]) | st.text(max_size=9)
ITEMS = st.recursive(
    st.fixed_dictionaries({"tag": st.sampled_from(NAMES), "type": st.sampled_from(TYPES), "value": SCALARS}),
    lambda held: st.fixed_dictionaries(
        {"tag": st.sampled_from(NAMES), "value": st.lists(held, max_size=4)}, optional={"type": st.just("Structure")}
    ),
)


@settings(deadline=None)
@given(ITEMS, st.booleans())
def test_any_tree_of_items(item: object, bare: bool) -> None:
    outcome(json.dumps(item).encode(), JSON, bare=bare)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda held: st.lists(held, max_size=3) | st.dictionaries(st.sampled_from(["tag", "type", "value", "x"]), held),
)


@settings(deadline=None)
@given(ANY_JSON, st.booleans())
def test_any_json(item: object, bare: bool) -> None:
    assert outcome(json.dumps(item).encode(), JSON, bare=bare) != "OperationNotSupported" or bare


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([JSON, XML]), st.booleans())
def test_garbage(body: bytes, kind: str, bare: bool) -> None:
    assert outcome(body, kind, bare=bare) == "TextError"
