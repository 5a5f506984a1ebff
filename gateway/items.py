"""What the items of one message have in common, and leave for each other.

The one rule here: it lives as long as the message, and nothing of it goes from one message to another.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gateway import errors
from gateway.access.identity import Peer
from gateway.kmip.enums import ResultReason, ResultStatus
from gateway.kmip.policy import Right
from gateway.kmip.structure import Encoded

# What the answers of one message may come to; items after that are refused before anything is done. 10 000 Gets of a
# large object, 1 MB of requests, would be 10 GB.
MAX_RESPONSE_BYTES = 64 * 1024 * 1024
# How long the items of one message may wait for asynchronous requests, all together: a front end that stops lets its
# connections come to an end for that long.
MAX_PATIENCE_S = 8.0


class Outcome(NamedTuple):
    """What a batch item leaves for later ones to refer to: operation, unique identifiers in its response, and data."""

    operation: int
    identifiers: tuple[str, ...]
    data: bytes | None = None


class Polled(NamedTuple):
    """What an item is answered with in place of a response of its own: how another one went."""

    operation: int
    unique_batch_item_id: bytes | None
    status: ResultStatus
    reason: ResultReason | None = None
    message: str | None = None
    payload: Encoded | None = None
    correlation: bytes | None = None


class Admission(NamedTuple):
    """As whom a request acts, and what it may do: all that the client may, where it shows no ticket for less."""

    peer: Peer
    rights: tuple[Right, ...] | None = None
    ticket: bytes | None = None  # the hash of the one shown
    refusal: errors.KmipError | None = None  # of a client, credential or ticket that does not hold
    fresh: bool = False  # to tell who it is, the store has just looked at what was committed
    server_hashed_password: bytes | None = None  # what the answer shows to who has shown a Hashed Password


class Batch:
    """What the items of one message have in common: the ID Placeholder and what came before."""

    __slots__ = (
        "finish",
        "fresh",
        "most",
        "outcomes",
        "patience_s",
        "placeholder",
        "refusal",
        "rights",
        "room",
        "ticket",
        "undo",
    )

    def __init__(self, admission: Admission | None = None, most: int | None = None) -> None:
        """`admission` is of the ticket that the message shows, if any; `most` its Maximum Response Size in bytes."""
        self.most = most
        self.patience_s = MAX_PATIENCE_S
        self.rights = None if admission is None else admission.rights
        self.ticket = None if admission is None else admission.ticket
        self.refusal = None if admission is None else admission.refusal
        self.fresh = False  # the first look for an object need not ask anew what was committed before the message came
        self.placeholder: str | None = None
        self.room = MAX_RESPONSE_BYTES
        self.outcomes: list[Outcome] = []
        # For a batch that asks for Undo: how to take back what was done, and what can only be done once all succeeded.
        self.undo: list[Callable[[], Awaitable[None]]] | None = None
        self.finish: list[Callable[[], Awaitable[None]]] = []
