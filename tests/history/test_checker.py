"""The checker finds what is planted, and nothing where nothing is; its model says what one client would see."""

import itertools
import random
from math import inf

import pytest

from gateway.kmip.enums import ResultReason as R
from gateway.kmip.enums import State
from tests.history.checker import UNKNOWN, Event, Model, linearizable
from tests.history.lifecycle import (
    Activate,
    Allocate,
    Compromise,
    Destroy,
    Encrypt,
    Key,
    Modify,
    Read,
    ReKey,
    Revoke,
    model,
    step,
)


def register(state, operation, outcome):
    """Be a register of one number: reads and writes."""
    kind, value = operation
    if kind == "write":
        return [value]
    return [state] if outcome in (state, UNKNOWN) else []


REGISTER = Model(0, register)


def event(client, operation, sent, answered, outcome="ok"):
    return Event(client, operation, sent, answered, outcome)


WRITE_1 = ("write", 1)
READ = ("read", None)


@pytest.mark.parametrize(
    ("history", "right"),
    [
        ([event(1, WRITE_1, 0, 1), event(2, READ, 2, 3, 1)], True),
        ([event(1, WRITE_1, 0, 1), event(2, READ, 2, 3, 0)], False),  # stale
        ([event(1, WRITE_1, 0, 3), event(2, READ, 1, 2, 0)], True),  # at the same time: either
        ([event(1, WRITE_1, 0, 3), event(2, READ, 1, 2, 1)], True),
        # Once one has seen it, nobody sees the old value any more, though the write is not answered yet.
        ([event(1, WRITE_1, 0, 9), event(2, READ, 1, 2, 1), event(3, READ, 3, 4, 0)], False),
        # Without an answer it may be carried out never, at once or late, but only once.
        ([event(1, WRITE_1, 0, inf, UNKNOWN), event(2, READ, 1, 2, 0), event(3, READ, 3, 4, 0)], True),
        ([event(1, WRITE_1, 0, inf, UNKNOWN), event(2, READ, 1, 2, 0), event(3, READ, 3, 4, 1)], True),
        ([event(1, WRITE_1, 0, inf, UNKNOWN), event(2, READ, 1, 2, 1), event(3, READ, 3, 4, 0)], False),
        ([event(1, WRITE_1, 5, inf, UNKNOWN), event(2, READ, 1, 2, 1)], False),  # not before it was sent
    ],
)
def test_histories_of_a_register(history, right):
    assert linearizable(history, REGISTER) is right


def by_all_orders(history, model):
    """Tell the same by trying every order of every choice of the unanswered ones."""
    answered = [each for each in history if each.answered != inf]
    open_ = [each for each in history if each.answered == inf]
    for count in range(len(open_) + 1):
        for chosen in itertools.combinations(open_, count):
            for order in itertools.permutations([*answered, *chosen]):
                if any(b.answered < a.sent for a, b in itertools.combinations(order, 2)):
                    continue
                states = [model.first]
                for each in order:
                    states = [s for state in states for s in model.step(state, each.operation, each.outcome)]
                if states:
                    return True
    return False


def test_the_search_agrees_with_all_orders():
    rng, verdicts = random.Random(7), set()
    for _ in range(400):
        history = []
        for client in range(rng.randrange(2, 6)):
            sent = rng.randrange(10)
            answered = rng.choice((sent + rng.randrange(1, 6), sent + 1, inf))
            operation = rng.choice((READ, ("write", rng.randrange(3))))
            outcome = UNKNOWN if answered == inf else rng.randrange(3) if operation is READ else "ok"
            history.append(event(client, operation, sent, answered, outcome))
        right = by_all_orders(history, REGISTER)
        verdicts.add(right)
        assert linearizable(history, REGISTER) is right, history
    assert verdicts == {True, False}


FIRST = Key(State.ACTIVE, left=10, note="0")


def in_a_row(*steps):
    return [event(1, operation, 2 * n, 2 * n + 1, outcome) for n, (operation, outcome) in enumerate(steps)]


@pytest.mark.parametrize(
    "steps",
    [
        [(Revoke(), None), (Read(), FIRST._replace(state=State.ACTIVE))],  # a Revoke that was lost
        [(Revoke(), None), (Encrypt(), None)],  # a revoked key that encrypts
        [(Revoke(), None), (Destroy(), None), (Read(), FIRST._replace(state=State.DEACTIVATED))],  # it lives again
        [(Destroy(), None)],  # an Active key destroyed
        [(Allocate(6), None), (Allocate(6), None)],  # more taken than there is
        [(Allocate(6), None), (Read(), FIRST)],  # a count that was lost
        [(Modify("1"), None), (Modify("2"), None), (Read(), FIRST._replace(note="1"))],  # an update that was lost
        [(ReKey(), "new"), (Read(), FIRST)],  # a Link that was lost
        [(Revoke(), R.OBJECT_DESTROYED)],  # it is not
        [(Activate(), None)],  # it was Active before
    ],
    ids=lambda steps: " ".join(type(operation).__name__ for operation, _ in steps),
)
def test_a_broken_promise_is_found(steps):
    assert not linearizable(in_a_row(*steps), model(FIRST))


def test_two_clients_cannot_both_have_the_last_of_a_limit():
    both = [event(1, Allocate(6), 0, 9, None), event(2, Allocate(6), 0, 9, None)]
    assert not linearizable(both, model(FIRST))
    one = [both[0], both[1]._replace(outcome=R.PERMISSION_DENIED)]
    assert linearizable(one, model(FIRST))


def test_a_whole_life_is_right():
    now = FIRST._replace(state=State.PRE_ACTIVE)
    history = in_a_row(
        (Activate(), None),
        (Activate(), R.WRONG_KEY_LIFECYCLE_STATE),
        (Encrypt(), None),
        (Modify("1"), None),
        (ReKey(), "new"),
        (Destroy(), R.WRONG_KEY_LIFECYCLE_STATE),
        (Revoke(), None),
        (Encrypt(), R.WRONG_KEY_LIFECYCLE_STATE),
        (Compromise(), None),
        (Destroy(), None),
        (Modify("2"), R.OBJECT_DESTROYED),
        (Read(), Key(State.DESTROYED_COMPROMISED, left=9, note="1", replacement="new")),
    )
    assert linearizable(history, model(now))


@pytest.mark.parametrize("state", list(State))
def test_a_refusal_changes_nothing(state):
    key = FIRST._replace(state=state)
    for operation in (Activate(), Revoke(), Compromise(), Destroy(), Modify("1"), Allocate(1), Encrypt(), ReKey()):
        for reason in (R.WRONG_KEY_LIFECYCLE_STATE, R.OBJECT_DESTROYED, R.PERMISSION_DENIED):
            assert step(key, operation, reason) in ([], [key])
