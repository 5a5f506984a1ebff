"""A short piece of the kill driver, in CI, and that it sees what would be wrong."""

import pytest

from gateway.kmip.enums import ObjectType, Operation, ResultReason, ResultStatus, State
from gateway.kmip.version import V2_1
from gateway.operations.create import CreateRequest
from tests.soak.kills import Kill, Run, client_of
from tests.soak.ledger import AES, Thing, Violation, check, described, located, surely

# By what can be killed, and where it hurts; the driver itself goes to every point in turn.
KILLS = {
    "token": (
        ("Create: token GenerateKey sent", "workers"),
        ("CreateKeyPair: commit 1 after", "front end"),
        ("Destroy: commit 1 after", "front end"),
        ("Register: token import_key after", "supervisor"),
    ),
    "wrapped": (
        ("asynchronous Create: commit 2 after", "front end"),
        ("Destroy: commit 1 before", "workers"),
    ),
}
# Every operation that changes both stores or one is killed at all of these, or the names in `failpoints` have moved.
POINTS = {
    f"{operation}: {where}"
    for operation in ("Create", "CreateKeyPair", "Register", "Import", "ReKey", "ReKeyKeyPair", "DeriveKey")
    for where in ("reservation before", "reservation after", "commit 1 before", "commit 1 after", "answer before")
} | {
    f"{operation}: {where}"
    for operation in ("Destroy", "Revoke", "Activate")
    for where in ("commit 1 before", "commit 1 after", "answer before")
}


@pytest.fixture(scope="module", params=["token", "wrapped"])
def run(request, tmp_path_factory):
    run = Run(tmp_path_factory.mktemp(request.param), 1, request.param)
    yield run
    run.close()


@pytest.mark.timeout(180)
def test_what_was_acknowledged_survives_every_kill_and_nothing_else_is_left(run):
    run.load(lambda: set(run.known()) >= POINTS, 20)
    for point, victim in KILLS[run.custody]:
        run.kill(run.choose(point, victim)._replace(skip=0))
        run.settle(thoroughly=False)
    run.settle(thoroughly=True)
    assert run.kills, run.missed  # on a slow machine, not each point is passed in time
    assert set(run.known()) >= POINTS, POINTS - set(run.known())


def test_the_driver_sees_an_object_in_another_state_or_with_another_key(run):
    thing = next(
        each
        for ledger in run.ledgers
        for each in ledger.things
        if each.material and each.states == {State.ACTIVE} and each.partner is None
    )
    with client_of(run.gateway) as client:
        check(client, thing)
        right, thing.material = thing.material, bytes(32)
        with pytest.raises(Violation, match="another key"):
            check(client, thing)
        thing.material, thing.states = right, {State.PRE_ACTIVE}
        with pytest.raises(Violation, match="can only be"):
            check(client, thing)
        thing.states = {State.ACTIVE}


def test_the_driver_sees_an_object_that_nobody_asked_for(run):
    ledger = next(each for each in run.ledgers if any(thing.state is State.ACTIVE for thing in each.things))
    forgotten = next(thing for thing in ledger.things if thing.state is State.ACTIVE)
    ledger.things.remove(forgotten)
    with pytest.raises(Violation, match="no client asked for"):
        run.settle(thoroughly=False)
    ledger.things.append(forgotten)


def test_a_create_that_was_not_answered_is_asked_again_with_the_same_name(run):
    """Either the second makes the key, or it is refused and the key is found by its Name: there is one in the end."""
    where = {"token": "commit 1 before", "wrapped": "commit 1 after"}[run.custody]
    create = CreateRequest(
        object_type=ObjectType.SYMMETRIC_KEY, attributes=(*AES, *described(where, ObjectType.SYMMETRIC_KEY, False))
    )
    with client_of(run.gateway) as client:
        run.arm(Kill(f"Create: {where}", "front end", 0, 0.0))
        with pytest.raises(OSError):
            client.ask(V2_1, (Operation.CREATE, create))
    with client_of(run.gateway) as client:
        answer = surely(client, Operation.CREATE, create)
        made = answer.status is ResultStatus.SUCCESS
        assert made is (where == "commit 1 before")
        assert made or answer.reason is ResultReason.NON_UNIQUE_NAME_ATTRIBUTE
        (found,) = located(client, where)
        assert not made or found == answer.payload.unique_identifier
        check(client, Thing(found, ObjectType.SYMMETRIC_KEY, where, {State.PRE_ACTIVE}))
