"""Histories recorded at a gateway whose processes are killed and paused: `python -m tests.history.recording`.

Games of some seconds: clients of one owner ask for anything that changes the life of two keys, all at once, while a
process is killed, or stopped and let go on. Each key's history is checked when the game is over. The seed gives what
is asked and what is done to the processes; the moments are the machine's.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import LinkType, NameType, ObjectType, Operation, ResultReason, ResultStatus, State
from gateway.kmip.enums import RevocationReasonCode as Code
from gateway.kmip.enums import UsageLimitsUnit as Unit
from gateway.kmip.structure import Attribute, LongInteger, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import Name, RevocationReason, UsageLimits
from gateway.kmip.version import V2_1
from gateway.operations.activate import ActivateRequest
from gateway.operations.create import CreateRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.get_usage_allocation import GetUsageAllocationRequest
from gateway.operations.modify_attribute import ModifyAttributeRequest
from gateway.operations.re_key import ReKeyRequest
from gateway.operations.revoke import RevokeRequest
from tests.cli.process import Gateway
from tests.history import lifecycle
from tests.history.checker import UNKNOWN, Event, linearizable
from tests.history.lifecycle import Key
from tests.soak.failpoints import children
from tests.soak.kills import Run, client_of
from tests.soak.ledger import ACTIVE, AES, GCM, hold
from tests.support.client import Client
from tests.support.messages import Answer

O = Operation  # noqa: E741
CLIENTS, REQUESTS = 5, 14  # a game: so many clients ask so often
LIMIT = 25
REASON = RevocationReason(revocation_reason_code=Code.CESSATION_OF_OPERATION)
COMPROMISED = RevocationReason(revocation_reason_code=Code.KEY_COMPROMISE)
WEIGHTS: dict[type, int] = {
    lifecycle.Read: 6,
    lifecycle.Modify: 4,
    lifecycle.Allocate: 4,
    lifecycle.Encrypt: 4,
    lifecycle.Activate: 3,
    lifecycle.Revoke: 2,
    lifecycle.ReKey: 2,
    lifecycle.Destroy: 2,
    lifecycle.Compromise: 1,
}
PAUSES_S = (0.05, 0.3, 1.0)


class Fault(NamedTuple):
    """What is done to one process of the gateway: killed, or stopped for so long."""

    workers: bool
    pause_s: float | None


def asked(operation: Any, uid: str) -> tuple[Operation, Structure]:
    """Give the request for an operation of the model."""
    match operation:
        case lifecycle.Activate():
            return O.ACTIVATE, ActivateRequest(unique_identifier=uid)
        case lifecycle.Revoke():
            return O.REVOKE, RevokeRequest(unique_identifier=uid, revocation_reason=REASON)
        case lifecycle.Compromise():
            return O.REVOKE, RevokeRequest(unique_identifier=uid, revocation_reason=COMPROMISED)
        case lifecycle.Destroy():
            return O.DESTROY, DestroyRequest(unique_identifier=uid)
        case lifecycle.Modify(note):
            new = (Attribute(Tag.CONTACT_INFORMATION, note),)
            return O.MODIFY_ATTRIBUTE, ModifyAttributeRequest(unique_identifier=uid, new_attribute=new)
        case lifecycle.Allocate(amount):
            count = LongInteger(amount)
            return O.GET_USAGE_ALLOCATION, GetUsageAllocationRequest(unique_identifier=uid, usage_limits_count=count)
        case lifecycle.Encrypt():
            return O.ENCRYPT, EncryptRequest(unique_identifier=uid, cryptographic_parameters=GCM, data=b"x")
        case lifecycle.ReKey():
            return O.RE_KEY, ReKeyRequest(unique_identifier=uid)
    return O.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=uid)


def seen(answer: Answer, operation: Any) -> Any:
    """Give an answer in the terms of the model."""
    if answer.status is not ResultStatus.SUCCESS:
        # Which of them the token's or the database's failure becomes depends on the verb; none says that it was undone.
        failed = answer.reason in (ResultReason.GENERAL_FAILURE, ResultReason.CRYPTOGRAPHIC_FAILURE)
        return ResultReason.GENERAL_FAILURE if failed else answer.reason
    if isinstance(operation, lifecycle.ReKey):
        return answer.payload.unique_identifier
    return key_of(answer) if isinstance(operation, lifecycle.Read) else None


def key_of(answer: Answer) -> Key:
    """Give what Get Attributes tells of a key."""
    found = {each.tag: each.value for each in answer.payload.attributes if each.tag is not Tag.LINK}
    links = [each.value for each in answer.payload.attributes if each.tag is Tag.LINK]
    replacements = [x.linked_object_identifier for x in links if x.link_type is LinkType.REPLACEMENT_OBJECT_LINK]
    return Key(
        found[Tag.STATE],
        int(found[Tag.USAGE_LIMITS].usage_limits_count),
        found[Tag.CONTACT_INFORMATION],
        str(replacements[0]) if replacements else None,
    )


def create(client: Client, name: str, active: bool) -> tuple[str, Key]:
    """Make a key for a game."""
    limits = UsageLimits(
        usage_limits_total=LongInteger(LIMIT), usage_limits_count=LongInteger(LIMIT), usage_limits_unit=Unit.OBJECT
    )
    attributes = (
        *AES,
        Attribute(Tag.NAME, Name(name_value=name, name_type=NameType.UNINTERPRETED_TEXT_STRING)),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT),
        Attribute(Tag.USAGE_LIMITS, limits),
        Attribute(Tag.CONTACT_INFORMATION, "0"),
        *((ACTIVE,) if active else ()),
    )
    asking = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=attributes)
    end = time.monotonic() + 20
    while True:
        (answer,) = client.ask(V2_1, (O.CREATE, asking))
        if answer.status is ResultStatus.SUCCESS:
            return answer.payload.unique_identifier, Key(State.ACTIVE if active else State.PRE_ACTIVE, LIMIT, "0")
        hold(time.monotonic() < end, f"no key for a game: {answer}")
        time.sleep(0.2)


class Player:
    """One client of a game; a new one takes its place when it is left without an answer."""

    def __init__(self, gateways: Sequence[Gateway], number: int, keys: Sequence[str], rng: random.Random) -> None:
        self._gateway = gateways[number % len(gateways)]
        self._number, self._keys, self._rng = number, keys, rng
        self._client: Client | None = None
        self.events: list[tuple[str, Event]] = []

    def play(self) -> None:
        """Ask as often as a game has it."""
        for count in range(REQUESTS):
            uid = self._rng.choice(self._keys)
            (kind,) = self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))
            amount: tuple[Any, ...] = ()
            if kind is lifecycle.Modify:
                amount = (f"{self._number}.{count}",)
            elif kind is lifecycle.Allocate:
                amount = (self._rng.randrange(1, 6),)
            self._ask(uid, kind(*amount))
        if self._client is not None:
            self._client.socket.close()

    def _ask(self, uid: str, operation: Any) -> None:
        client = self._connected()
        sent, answered, outcome = time.monotonic(), inf, UNKNOWN
        try:
            (answer,) = client.ask(V2_1, asked(operation, uid))
            answered, outcome = time.monotonic(), seen(answer, operation)
        except OSError:
            self._client = None
            client.socket.close()
            self._number += CLIENTS
        self.events.append((uid, Event(self._number, operation, sent, answered, outcome)))

    def _connected(self) -> Client:
        while self._client is None:
            with suppress(OSError):
                self._client = Client(self._gateway.folder, self._gateway.port)
                break
            time.sleep(0.05)
        return self._client


class Game:
    """Two keys, the clients that fight over them, and what is done to the gateways meanwhile."""

    def __init__(self, gateways: Sequence[Gateway], name: str) -> None:
        self._gateways, self._name, self._rng = gateways, name, random.Random(name)
        self.faults: Counter[str] = Counter()
        self.stopped: list[int] = []

    def play(self, faults: int) -> dict[str, tuple[Key, list[Event]]]:
        """Give the first state and the history of each key."""
        with client_of(self._gateways[0]) as client:
            firsts = dict(create(client, f"{self._name}-{number}", active=number > 0) for number in range(2))
        seeds = [self._rng.random() for _ in range(CLIENTS)]
        players = [Player(self._gateways, n, list(firsts), random.Random(seed)) for n, seed in enumerate(seeds)]
        threads = [threading.Thread(target=player.play) for player in players]
        for thread in threads:
            thread.start()
        for _ in range(faults):
            time.sleep(self._rng.random() * 0.1)
            self._hurt(Fault(self._rng.random() < 0.5, self._rng.choice((None, *PAUSES_S))))
        for thread in threads:
            thread.join()
        events = [each for player in players for each in player.events]
        return {
            uid: (first, [event for of, event in events if of == uid] + [self._last(uid)])
            for uid, first in firsts.items()
        }

    def _hurt(self, fault: Fault) -> None:
        found = children(self._rng.choice(self._gateways).process.pid, workers=fault.workers)
        if not found:
            return
        pid, whom = self._rng.choice(found), "worker" if fault.workers else "front end"
        with suppress(ProcessLookupError):
            if fault.pause_s is None:
                os.kill(pid, signal.SIGKILL)
                self.faults[f"{whom} killed"] += 1
                return
            os.kill(pid, signal.SIGSTOP)
            time.sleep(fault.pause_s)
            os.kill(pid, signal.SIGCONT)
            self.faults[f"{whom} paused"] += 1

    def _last(self, uid: str) -> Event:
        """Look at a key when all is over."""
        operation, end = lifecycle.Read(), time.monotonic() + 20
        with client_of(self._gateways[0]) as client:
            while True:
                sent = time.monotonic()
                (answer,) = client.ask(V2_1, asked(operation, uid))
                outcome = seen(answer, operation)
                if outcome is not ResultReason.GENERAL_FAILURE:
                    return Event(-1, operation, sent, time.monotonic(), outcome)
                hold(time.monotonic() < end, f"{uid} cannot be read: {answer}")
                time.sleep(0.2)


def check(histories: dict[str, tuple[Key, list[Event]]]) -> Counter[str]:
    """Count what was checked.

    Raises:
        Violation: no order of the requests explains a history, which is printed.
    """
    counts: Counter[str] = Counter()
    for uid, (first, events) in histories.items():
        right = linearizable(events, lifecycle.model(first))
        if not right:
            print(f"{uid} is {first} at first", *sorted(events, key=lambda each: each.sent), sep="\n")
        hold(right, f"no order explains what clients saw of {uid}")
        counts["histories"] += 1
        counts["requests"] += len(events)
        counts["unanswered"] += sum(each.outcome is UNKNOWN for each in events)
        counts["failed"] += sum(each.outcome is ResultReason.GENERAL_FAILURE for each in events)
    return counts


def record(gateways: Sequence[Gateway], seed: int, games: int, faults: int) -> Counter[str]:
    """Play so many games with so many faults each, and count what happened.

    Raises:
        Violation: a history is not linearizable.
    """
    counts: Counter[str] = Counter()
    for number in range(games):
        game = Game(gateways, f"{seed}-{number}")
        counts += check(game.play(faults)) + game.faults
        if number % 25 == 24:
            print(time.strftime("%X"), number + 1, dict(counts), flush=True)
    return counts


def main() -> int:
    """Record, print the figures, and give 1 if a history cannot be explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=300)
    parser.add_argument("--faults", type=int, default=3)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--custody", choices=("token", "wrapped"), default="token")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="history-"))
    print(f"seed {given.seed}, custody {given.custody}, in {folder}", flush=True)
    run = Run(folder, given.seed, given.custody)
    try:
        print(dict(record([run.gateway], given.seed, given.games, given.faults)))
    finally:
        run.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
