"""The life of one key as one client alone would see it: which answers each request can have, and what comes of it.

KMIP 2.1 section 4.57 State; written from the standard and the gateway's documentation, and not with its code.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gateway.kmip.enums import ResultReason as R
from gateway.kmip.enums import State
from tests.history.checker import UNKNOWN, Model

GONE = (State.DESTROYED, State.DESTROYED_COMPROMISED)


class Key(NamedTuple):
    """What can be read of a key."""

    state: State
    left: int  # of its Usage Limits
    note: str = ""  # in an attribute that clients change
    replacement: str | None = None


class Activate(NamedTuple):
    """Activate."""


class Revoke(NamedTuple):
    """Revoke for a reason that is no compromise."""


class Compromise(NamedTuple):
    """Revoke because the key was compromised."""


class Destroy(NamedTuple):
    """Destroy."""


class Modify(NamedTuple):
    """Modify Attribute."""

    note: str


class Allocate(NamedTuple):
    """Get Usage Allocation."""

    amount: int


class Encrypt(NamedTuple):
    """Encrypt, which takes one off the Usage Limits."""


class ReKey(NamedTuple):
    """Re-key; the outcome is the new key's identifier."""


class Read(NamedTuple):
    """Get Attributes; the outcome is the Key."""


SOMEONE = "?"  # the key that replaces this one, of which nobody was told


WRONG, DESTROYED = frozenset({R.WRONG_KEY_LIFECYCLE_STATE}), frozenset({R.OBJECT_DESTROYED})
# Of a key that was destroyed while the request was under way, it is told that it is in the wrong State.
NOT_ANY_MORE = WRONG | DESTROYED
USED_UP = frozenset({R.PERMISSION_DENIED})
Result = Key | frozenset[R]  # the key afterwards, or the reasons for which it is refused


def _activate(key: Key, _: Activate) -> Result:
    if key.state in GONE:
        return NOT_ANY_MORE
    return key._replace(state=State.ACTIVE) if key.state is State.PRE_ACTIVE else WRONG


def _revoke(key: Key, _: Revoke) -> Result:
    if key.state in GONE:
        return DESTROYED
    return key._replace(state=State.DEACTIVATED) if key.state in (State.ACTIVE, State.DEACTIVATED) else WRONG


def _compromise(key: Key, _: Compromise) -> Result:
    if key.state in (State.COMPROMISED, State.DESTROYED_COMPROMISED):
        return WRONG
    return key._replace(state=State.DESTROYED_COMPROMISED if key.state is State.DESTROYED else State.COMPROMISED)


def _destroy(key: Key, _: Destroy) -> Result:
    if key.state in GONE:
        return DESTROYED
    if key.state is State.ACTIVE:
        return WRONG
    return key._replace(state=State.DESTROYED_COMPROMISED if key.state is State.COMPROMISED else State.DESTROYED)


def _modify(key: Key, operation: Modify) -> Result:
    return DESTROYED if key.state in GONE else key._replace(note=operation.note)


def _use(key: Key, amount: int) -> Result:
    if key.state in GONE:
        return NOT_ANY_MORE
    if key.state is not State.ACTIVE:
        return WRONG
    return key._replace(left=key.left - amount) if key.left >= amount else USED_UP


def _allocate(key: Key, operation: Allocate) -> Result:
    return _use(key, operation.amount)


def _encrypt(key: Key, _: Encrypt) -> Result:
    return _use(key, 1)


RULES: dict[type, Any] = {
    Activate: _activate,
    Revoke: _revoke,
    Compromise: _compromise,
    Destroy: _destroy,
    Modify: _modify,
    Allocate: _allocate,
    Encrypt: _encrypt,
}


def step(key: Key, operation: Any, outcome: Any) -> Sequence[Key]:
    """Give what the key may be after a request with this outcome: None is success, a reason a refusal.

    UNKNOWN: there was no answer. A General Failure says that the server failed, before the change or after it.
    """
    if isinstance(operation, Read):
        return _seen(key, outcome)
    result = _re_keyed(key, outcome) if isinstance(operation, ReKey) else RULES[type(operation)](key, operation)
    if outcome in (UNKNOWN, R.GENERAL_FAILURE):
        return [key, result] if isinstance(result, Key) else [key]
    if isinstance(result, Key):
        return [result] if not isinstance(outcome, R) else []
    return [key] if outcome in result else []


def _seen(key: Key, outcome: Any) -> Sequence[Key]:
    if outcome in (UNKNOWN, R.GENERAL_FAILURE):
        return [key]
    if key.replacement == SOMEONE and outcome.replacement is not None:
        key = key._replace(replacement=outcome.replacement)
    return [key] if outcome == key else []


def _re_keyed(key: Key, outcome: Any) -> Result:
    """Give the key with the Link to the one that replaces it."""
    if key.state in GONE:
        return DESTROYED
    return key._replace(replacement=outcome if isinstance(outcome, str) else SOMEONE)


def model(first: Key) -> Model[Key]:
    """Give the model of a key that is so at first."""
    return Model(first, step)
