"""The State of an object by everything that is asked of one (KMIP 2.1 section 4.57 State): the whole matrix.

Every reference of tests/operations/references.py is asked for in each of the six States; what the specification allows
succeeds, and everything else is told to be of the wrong State, or destroyed.
"""

import asyncio
from functools import partial

import pytest

from gateway import creation
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import Operation, ResultStatus, RevocationReasonCode, State
from gateway.kmip.enums import ResultReason as R
from gateway.kmip.structure import Attribute, Attributes, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.values import RevocationReason
from gateway.kmip.version import V2_1
from gateway.managed import Managed
from gateway.operations.activate import ActivateRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.revoke import RevokeRequest
from tests.operations.conftest import Gateway
from tests.operations.making import call_of
from tests.operations.references import CERTIFYING, REFERENCES, Reference, of, row, secret, waiting
from tests.operations.test_certify import authority, kmip_config

__all__ = ["authority", "kmip_config"]  # the fixtures: an authority is configured

O, S = Operation, State  # noqa: E741
LIVE = frozenset({S.PRE_ACTIVE, S.ACTIVE, S.DEACTIVATED, S.COMPROMISED})
ALWAYS = LIVE | {S.DESTROYED, S.DESTROYED_COMPROMISED}
PROTECTING = frozenset({S.ACTIVE})
# "... SHALL NOT be used for applying cryptographic protection"; what is protected already may still be processed.
PROCESSING = frozenset({S.ACTIVE, S.DEACTIVATED, S.COMPROMISED})
UNUSED = frozenset({S.PRE_ACTIVE})
NOT_OVER = frozenset({S.PRE_ACTIVE, S.ACTIVE})
MOVING = (Tag.ACTIVATION_DATE, Tag.DEACTIVATION_DATE, Tag.COMPROMISE_DATE, Tag.DESTROY_DATE)
DATES: dict[State, tuple[Tag, ...]] = {
    S.PRE_ACTIVE: (),
    S.ACTIVE: MOVING[:1],
    S.DEACTIVATED: MOVING[:2],
    S.COMPROMISED: (MOVING[0], MOVING[2]),
    S.DESTROYED: (*MOVING[:2], MOVING[3]),
    S.DESTROYED_COMPROMISED: (MOVING[0], *MOVING[2:]),
}

KEY = "unique_identifier"
# What the specification allows, by operation and, where one operation has several references, by reference.
ALLOWED: dict[Operation | tuple[Operation, str], frozenset[State]] = {
    O.ACTIVATE: UNUSED,
    O.ADD_ATTRIBUTE: LIVE,
    O.ADJUST_ATTRIBUTE: LIVE,
    O.ARCHIVE: LIVE,
    O.CERTIFY: NOT_OVER,
    (O.CERTIFY, "PUBLIC_KEY_LINK"): NOT_OVER,
    O.CHECK: LIVE,
    O.CREATE_SPLIT_KEY: LIVE,
    O.DECRYPT: PROCESSING,
    O.DELEGATED_LOGIN: ALWAYS,
    O.DELETE_ATTRIBUTE: LIVE,
    O.DERIVE_KEY: PROTECTING,
    O.DESTROY: LIVE - {S.ACTIVE},
    O.ENCRYPT: PROTECTING,
    O.EXPORT: ALWAYS,  # of a destroyed one its attributes
    (O.EXPORT, KEY): PROTECTING,
    O.GET: LIVE,
    (O.GET, KEY): PROTECTING,
    (O.GET, "PKCS_12_PASSWORD_LINK"): PROTECTING,
    (O.GET, "PKCS_12_CERTIFICATE_LINK"): LIVE,
    O.GET_ATTRIBUTE_LIST: ALWAYS,
    O.GET_ATTRIBUTES: ALWAYS,
    O.GET_USAGE_ALLOCATION: PROTECTING,
    (O.IMPORT, KEY): PROCESSING,
    O.JOIN_SPLIT_KEY: LIVE,
    O.MAC: PROTECTING,
    O.MAC_VERIFY: PROCESSING,
    O.MODIFY_ATTRIBUTE: LIVE,
    O.OBTAIN_LEASE: LIVE - {S.COMPROMISED},
    O.RE_CERTIFY: LIVE - {S.COMPROMISED},
    (O.RE_CERTIFY, "certificate_request_unique_identifier"): LIVE,
    O.RE_KEY: LIVE,
    O.RE_KEY_KEY_PAIR: LIVE,
    O.RECOVER: LIVE,
    (O.REGISTER, "PKCS_12_PASSWORD_LINK"): PROTECTING,
    O.REVOKE: frozenset({S.ACTIVE, S.DEACTIVATED}),
    (O.REVOKE, "compromised"): ALWAYS - {S.COMPROMISED, S.DESTROYED_COMPROMISED},
    O.SET_ATTRIBUTE: LIVE,
    O.SIGN: PROTECTING,
    O.SIGNATURE_VERIFY: PROCESSING,
    O.VALIDATE: LIVE,
}
WRONG_STATE = {R.WRONG_KEY_LIFECYCLE_STATE, R.OBJECT_DESTROYED, R.WRAPPING_OBJECT_DESTROYED}
# Obtain Lease has no such reason in its table of errors (section 6.1.33).
REFUSALS = {O.OBTAIN_LEASE: {R.PERMISSION_DENIED, R.OBJECT_DESTROYED}}
COMPROMISED = row(
    O.REVOKE,
    waiting,
    of(
        RevokeRequest,
        revocation_reason=RevocationReason(revocation_reason_code=RevocationReasonCode.KEY_COMPROMISE),
        compromise_occurrence_date=DateTime(1),
    ),
    field="compromised",
)


def allowed(reference: Reference) -> frozenset[State]:
    """Give the States in which what a row asks for is allowed."""
    own = ALLOWED.get((reference.operation, reference.field[1]))
    if own is not None and not reference.field[0].endswith("Request"):
        return own
    if own is not None and reference.field[1] != KEY:
        return own
    return ALLOWED[reference.operation]


def dated(current: Managed, state: State) -> Attributes:
    """Give an object's attributes with the dates of a State alone."""
    attributes = sets.drop(current.attributes, *MOVING)
    for tag in DATES[state]:
        attributes = sets.put(attributes, tag, DateTime(1))
    return attributes


async def lead(gateway: Gateway, unique_identifier: str, state: State) -> None:
    """Bring an object into a State, whatever it was in."""
    call = call_of(gateway)
    managed = call.find(unique_identifier)
    if Tag.DESTROY_DATE in DATES[state]:
        await creation.erase(call, managed, partial(dated, state=state))
    else:
        await call.change(managed, partial(dated, state=state))
    assert call.find(unique_identifier).state(call.now) is state


async def matrix(gateway: Gateway, reference: Reference) -> None:
    """Ask for an object in each State, and compare with what is allowed."""
    for state in State:
        one = await reference.make(gateway)
        await lead(gateway, one, state)
        payload = await reference.ask(gateway, one)
        (answer,) = await gateway.ask(V2_1, (reference.operation, payload))
        if state in allowed(reference):
            assert answer.status is ResultStatus.SUCCESS, (state, answer)
        else:
            assert answer.reason in REFUSALS.get(reference.operation, WRONG_STATE), (state, answer)


@pytest.mark.parametrize("reference", [*REFERENCES, COMPROMISED], ids=lambda each: each.name)
async def test_what_each_state_allows(gateway: Gateway, reference: Reference) -> None:
    await matrix(gateway, reference)


@pytest.mark.usefixtures("authority")
@pytest.mark.parametrize("reference", CERTIFYING, ids=lambda each: each.name)
async def test_what_each_state_lets_be_certified(gateway: Gateway, reference: Reference) -> None:
    await matrix(gateway, reference)


def test_every_operation_with_an_object_is_in_the_matrix() -> None:
    told = {each if isinstance(each, Operation) else each[0] for each in ALLOWED}
    assert told == {each.operation for each in (*REFERENCES, *CERTIFYING)}


async def test_a_hundred_at_once_have_one_legal_history(gateway: Gateway) -> None:
    """Each change of the State succeeds for one of them, and in an order that the State allows."""
    one = await secret(M.ENCRYPT, algorithm=A.AES)(gateway)
    reason = RevocationReason(revocation_reason_code=RevocationReasonCode.CESSATION_OF_OPERATION)
    asked = (
        (O.ACTIVATE, ActivateRequest(unique_identifier=one)),
        (O.REVOKE, RevokeRequest(unique_identifier=one, revocation_reason=reason)),
        (O.DESTROY, DestroyRequest(unique_identifier=one)),
    )

    async def ask(number: int) -> tuple[Operation, R | None]:
        operation, payload = asked[number % len(asked)]
        (answer,) = await gateway.ask(V2_1, (operation, payload))
        return operation, answer.reason

    found = await asyncio.gather(*(ask(number) for number in range(100)))
    done = [operation for operation, reason in found if reason is None]
    assert done.count(O.ACTIVATE) <= 1 and done.count(O.DESTROY) == 1
    assert {reason for _, reason in found if reason is not None} <= {R.WRONG_KEY_LIFECYCLE_STATE, R.OBJECT_DESTROYED}
    # It was destroyed in a State that allows it: never activated, or activated and then revoked.
    assert O.ACTIVATE not in done or O.REVOKE in done
    told = await gateway.one(V2_1, O.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=one))
    assert Attribute(Tag.STATE, State.DESTROYED) in told.attributes
