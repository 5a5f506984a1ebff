"""Whether a history is linearizable: Wing and Gong's search, with the configurations it has been in remembered.

A history is what clients saw of one object: each request with the moment it was sent, the moment its answer came, and
the answer. It is linearizable if there is an order of the requests, none of them before one that was answered before it
was sent, in which a single client that asked one after the other could have had the same answers. A request without an
answer may have been carried out at any time after it was sent, or never.
"""

from collections.abc import Callable, Hashable, Sequence
from math import inf
from typing import Any, Generic, NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)


class Unknown:
    """The outcome of a request without an answer."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()


class Event(NamedTuple):
    """One request: who asked what, from when to when (seconds of one clock), and what came of it."""

    client: int
    operation: Any
    sent: float
    answered: float  # inf without an answer
    outcome: Any

    def __str__(self) -> str:
        end = "never" if self.answered == inf else f"{self.answered:.6f}"
        return f"{self.sent:.6f}-{end} client {self.client}: {self.operation} -> {self.outcome}"


class Model(NamedTuple, Generic[S]):
    """What one client alone would see: the first state, and the states after a request with an outcome.

    `step` gives none if the request cannot have the outcome in that state; with UNKNOWN, the states after each way in
    which it may be carried out.
    """

    first: S
    step: Callable[[S, Any, Any], Sequence[S]]


class TooHard(Exception):
    """The search was given up; a shorter history is needed."""


MAX_CONFIGURATIONS = 2_000_000


def linearizable(history: Sequence[Event], model: Model[S]) -> bool:
    """Tell whether an order of the requests explains all answers.

    Raises:
        TooHard: there are too many orders to try.
    """
    events = sorted(history, key=lambda each: each.sent)
    must = sum(1 << place for place, each in enumerate(events) if each.answered != inf)
    # A configuration: which requests are done, and the state. Where one has been, nothing new comes of it.
    stack, been = [(0, model.first)], {(0, model.first)}
    while stack:
        done, state = stack.pop()
        if done & must == must:
            return True
        for place in _next(events, done):
            event = events[place]
            for after in model.step(state, event.operation, event.outcome):
                configuration = (done | 1 << place, after)
                if configuration not in been:
                    been.add(configuration)
                    stack.append(configuration)
        if len(been) > MAX_CONFIGURATIONS:
            raise TooHard(f"{len(events)} requests have more than {MAX_CONFIGURATIONS} configurations")
    return False


def _next(events: Sequence[Event], done: int) -> list[int]:
    """Give the requests that may be the next: sent before the first answer of those that are not done."""
    found: list[int] = []
    first_answer = inf
    for place, event in enumerate(events):
        if done >> place & 1:
            continue
        if event.sent > first_answer:
            break
        found.append(place)
        first_answer = min(first_answer, event.answered)
    return found
