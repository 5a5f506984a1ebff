"""What a client knows of its objects after it was answered, or was not: what a killed gateway is held to.

An answer settles what it tells. Without one, before and after are both possible, and no third; `Ledger.settle` asks the
gateway which it was, and from then on that has to stay.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.asynchronous import GIVEN_UP
from gateway.kmip.enums import (
    AsynchronousIndicator,
    BatchErrorContinuationOption,
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    DerivationMethod,
    HashingAlgorithm,
    KeyFormatType,
    NameType,
    ObjectType,
    Operation,
    RecommendedCurve,
    ResultReason,
    ResultStatus,
    RevocationReasonCode,
    State,
    ValidityIndicator,
)
from gateway.kmip.objects import KeyBlock, KeyValue, SymmetricKey
from gateway.kmip.structure import Attribute, Attributes, DateTime, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import (
    CryptographicDomainParameters,
    CryptographicParameters,
    Name,
    RevocationReason,
)
from gateway.kmip.version import V2_1
from gateway.operations.activate import ActivateRequest
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.derive_key import DerivationParameters, DeriveKeyRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.import_ import ImportRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.poll import PollRequest
from gateway.operations.re_key import ReKeyRequest
from gateway.operations.re_key_key_pair import ReKeyKeyPairRequest
from gateway.operations.register import RegisterRequest
from gateway.operations.revoke import RevokeRequest
from gateway.operations.sign import SignRequest
from gateway.operations.signature_verify import SignatureVerifyRequest
from tests.support.client import Client
from tests.support.messages import Answer, answers, received, request

M, O, K = CryptographicUsageMask, Operation, ObjectType  # noqa: E741
Ask = Callable[[Operation, Structure], Answer]
GCM = CryptographicParameters(block_cipher_mode=BlockCipherMode.GCM, tag_length=16)
ECB = CryptographicParameters(block_cipher_mode=BlockCipherMode.ECB)
ECDSA = CryptographicParameters(hashing_algorithm=HashingAlgorithm.SHA_256)
AES = (Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES), Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256))
EC = (
    Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.EC),
    Attribute(
        Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS, CryptographicDomainParameters(recommended_curve=RecommendedCurve.P_256)
    ),
)
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1_600_000_000))
MASKS = {K.SYMMETRIC_KEY: M.ENCRYPT | M.DECRYPT, K.PRIVATE_KEY: M.SIGN, K.PUBLIC_KEY: M.VERIFY}
ENOUGH = 12  # objects that a client has before it rather destroys than makes
PATIENCE_S = 30.0
# What tells that the gateway, and not the request, was at fault: it may be asked again.
PASSING = frozenset({ResultReason.GENERAL_FAILURE, ResultReason.CRYPTOGRAPHIC_FAILURE})
YOUNG = (State.PRE_ACTIVE, State.ACTIVE)  # The key that replaces one of these is in the same state.
GONE = frozenset({State.DESTROYED, State.DESTROYED_COMPROMISED})


@dataclass(eq=False)
class Thing:
    """One object; `states` are those that it may be in, and `name` is None where another key has it now."""

    unique_identifier: str
    kind: ObjectType
    name: str | None
    states: set[State]
    material: bytes | None = None
    partner: "Thing | None" = None  # the other half of a pair
    fresh: bool = True  # not looked at since it was last asked to change
    derives: bool = False  # and does nothing else

    @property
    def state(self) -> State | None:
        """The state that it is in, where that is certain."""
        return next(iter(self.states)) if len(self.states) == 1 else None


@dataclass
class Unsure:
    """Names under which there may be new objects; and those that had them before, for a Re-key, or that make way."""

    kinds: dict[str, ObjectType]
    states: set[State]
    material: bytes | None = None
    olds: tuple[Thing, ...] = ()
    replaced: Thing | None = None  # by an Import, which puts it aside
    derives: bool = False  # what is made of it is for Derive Key alone


@dataclass
class Violation(Exception):
    """The gateway has broken a promise."""

    sentence: str

    def __str__(self) -> str:
        return self.sentence


def hold(true: object, sentence: str) -> None:
    """Raise a violation where something does not hold."""
    if not true:
        raise Violation(sentence)


def named(name: str) -> Attribute:
    """Give a Name."""
    return Attribute(Tag.NAME, Name(name_value=name, name_type=NameType.UNINTERPRETED_TEXT_STRING))


def described(name: str, kind: ObjectType, active: bool) -> Attributes:
    """Give the attributes of a new object."""
    mask = Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, MASKS[kind])
    return (named(name), mask, *((ACTIVE,) if active else ()))


def given(material: bytes) -> SymmetricKey:
    """Give an AES key as a client brings it."""
    block = KeyBlock(
        key_format_type=KeyFormatType.RAW,
        key_value=KeyValue(key_material=material),
        cryptographic_algorithm=CryptographicAlgorithm.AES,
        cryptographic_length=256,
    )
    return SymmetricKey(key_block=block)


@dataclass
class Ledger:
    """The objects of one client, which asks as `rng` has it."""

    client: str
    rng: random.Random
    things: list[Thing] = field(default_factory=list)
    unsure: list[Unsure] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    submitted: list[tuple[bytes, Unsure]] = field(default_factory=list)
    base: Thing | None = None  # others are derived from it
    names: int = 0
    answered: int = 0

    def step(self, client: Client) -> None:
        """Ask for something that changes objects.

        Raises:
            OSError: there came no answer.
        """

        def ask(operation: Operation, payload: Structure) -> Answer:
            (answer,) = client.ask(V2_1, (operation, payload))
            self.answered += 1
            return answer

        moving = [old for each in self.unsure for old in (*each.olds, each.replaced)]
        live = [each for each in self.things if each.state not in (None, *GONE) and each not in moving]
        making = len(live) < self.rng.randrange(2 * ENOUGH)
        if making or not live:
            make = self.rng.choice(
                (self._create, self._pair, self._register, self._import, self._derive, self._re_key, self._re_key_pair)
            )
            if self.rng.randrange(6) == 0:
                self._submit(client)
            else:
                make(ask, live)
        elif self.rng.randrange(5) == 0:
            self._undo(client, self.rng.choice(live))
        else:
            self._move(ask, self.rng.choice(live))

    # --- new objects

    def _new(self, kinds: dict[str, ObjectType], material: bytes | None = None, active: bool | None = None) -> Unsure:
        active = bool(self.rng.randrange(3)) if active is None else active
        self.names += 1
        prefix = f"{self.client}-{self.names}"
        kinds = {f"{prefix}{suffix}": kind for suffix, kind in kinds.items()}
        unsure = Unsure(kinds, {State.ACTIVE if active else State.PRE_ACTIVE}, material)
        self.unsure.append(unsure)
        return unsure

    def _made(self, unsure: Unsure, answer: Answer) -> None:
        """Note what an answer says of new objects: that they are there, or that they are not."""
        self.unsure.remove(unsure)
        if answer.status is ResultStatus.SUCCESS:
            payload = answer.payload
            single = getattr(payload, "unique_identifier", None)
            halves = () if single else (payload.private_key_unique_identifier, payload.public_key_unique_identifier)
            self._adopt(unsure, (single,) if single else halves)
        elif not unsure.olds:
            self.refused.extend(unsure.kinds)

    def _adopt(self, unsure: Unsure, identifiers: tuple[str, ...]) -> list[Thing]:
        new = [
            Thing(identifier, kind, name, set(unsure.states), unsure.material, derives=unsure.derives)
            for identifier, (name, kind) in zip(identifiers, unsure.kinds.items(), strict=True)
        ]
        if len(new) == 2:
            new[0].partner, new[1].partner = new[1], new[0]
        for old in unsure.olds:
            old.name, old.fresh = None, True
        if unsure.replaced is not None:
            self.things.remove(unsure.replaced)
        self.things.extend(new)
        return new

    def _create(self, ask: Ask, _: list[Thing]) -> None:
        unsure = self._new({"": K.SYMMETRIC_KEY})
        self._made(unsure, ask(O.CREATE, self._create_request(unsure)))

    def _create_request(self, unsure: Unsure) -> CreateRequest:
        (name,) = unsure.kinds
        attributes = (*AES, *described(name, K.SYMMETRIC_KEY, unsure.states == {State.ACTIVE}))
        return CreateRequest(object_type=K.SYMMETRIC_KEY, attributes=attributes)

    def _submit(self, client: Client) -> None:
        """Ask for a Create that is carried out later."""
        unsure = self._new({"": K.SYMMETRIC_KEY})
        item = (O.CREATE, self._create_request(unsure))
        raw = client.send(request(V2_1, item, asynchronous_indicator=AsynchronousIndicator.MANDATORY))
        (answered,) = received(raw, V2_1).batch_item
        self.unsure.remove(unsure)
        if answered.asynchronous_correlation_value is not None:
            self.submitted.append((answered.asynchronous_correlation_value, unsure))
        else:
            self.refused.extend(unsure.kinds)

    def _pair(self, ask: Ask, _: list[Thing]) -> None:
        unsure = self._new({"-private": K.PRIVATE_KEY, "-public": K.PUBLIC_KEY})
        active = unsure.states == {State.ACTIVE}
        private, public = (described(name, kind, active) for name, kind in unsure.kinds.items())
        asked = CreateKeyPairRequest(common_attributes=EC, private_key_attributes=private, public_key_attributes=public)
        self._made(unsure, ask(O.CREATE_KEY_PAIR, asked))

    def _register(self, ask: Ask, _: list[Thing]) -> None:
        unsure = self._new({"": K.SYMMETRIC_KEY}, self.rng.randbytes(32))
        (name,) = unsure.kinds
        attributes = described(name, K.SYMMETRIC_KEY, unsure.states == {State.ACTIVE})
        key = given(unsure.material or b"")
        asked = RegisterRequest(object_type=K.SYMMETRIC_KEY, attributes=attributes, symmetric_key=key)
        self._made(unsure, ask(O.REGISTER, asked))

    def _import(self, ask: Ask, live: list[Thing]) -> None:
        """Import a key under an identifier of its own, or in the place of one that was."""
        unsure = self._new({"": K.SYMMETRIC_KEY}, self.rng.randbytes(32))
        (name,) = unsure.kinds
        own = [each for each in live if each.unique_identifier.startswith("own-")]
        unsure.replaced = self.rng.choice(own) if own and self.rng.randrange(2) else None
        asked = ImportRequest(
            unique_identifier=unsure.replaced.unique_identifier if unsure.replaced else f"own-{name}",
            object_type=K.SYMMETRIC_KEY,
            replace_existing=True if unsure.replaced else None,
            attributes=(*AES, *described(name, K.SYMMETRIC_KEY, unsure.states == {State.ACTIVE})),
            symmetric_key=given(unsure.material or b""),
        )
        answer = ask(O.IMPORT, asked)
        if unsure.replaced and answer.reason in PASSING:
            return  # the old key could not be taken off the token: the new one may be there
        self._made(unsure, answer)

    def _derive(self, ask: Ask, _: list[Thing]) -> None:
        if self.base is None:
            return self._register_base(ask)
        unsure = self._new({"": K.SYMMETRIC_KEY})
        (name,) = unsure.kinds
        parameters = DerivationParameters(cryptographic_parameters=ECB, derivation_data=(self.rng.randbytes(32),))
        asked = DeriveKeyRequest(
            object_type=K.SYMMETRIC_KEY,
            unique_identifier=(self.base.unique_identifier,),
            derivation_method=DerivationMethod.ENCRYPT,
            derivation_parameters=parameters,
            attributes=(*AES, *described(name, K.SYMMETRIC_KEY, unsure.states == {State.ACTIVE})),
        )
        return self._made(unsure, ask(O.DERIVE_KEY, asked))

    def _register_base(self, ask: Ask) -> None:
        unsure = self._new({"": K.SYMMETRIC_KEY}, self.rng.randbytes(32), active=True)
        unsure.derives = True
        (name,) = unsure.kinds
        attributes = (named(name), ACTIVE, Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.DERIVE_KEY))
        key = given(unsure.material or b"")
        asked = RegisterRequest(object_type=K.SYMMETRIC_KEY, attributes=attributes, symmetric_key=key)
        answer = ask(O.REGISTER, asked)
        self._made(unsure, answer)
        if answer.status is ResultStatus.SUCCESS:
            self.base = self.things.pop()

    def _re_key(self, ask: Ask, live: list[Thing]) -> None:
        found = [
            each
            for each in live
            if each.kind is K.SYMMETRIC_KEY and each.name and each.state in YOUNG and not each.derives
        ]
        if not found:
            return
        old = self.rng.choice(found)
        unsure = Unsure({str(old.name): old.kind}, set(old.states), olds=(old,))
        self.unsure.append(unsure)
        self._made(unsure, ask(O.RE_KEY, ReKeyRequest(unique_identifier=old.unique_identifier)))

    def _re_key_pair(self, ask: Ask, live: list[Thing]) -> None:
        found = [
            each
            for each in live
            if each.kind is K.PRIVATE_KEY and each.name and each.partner in live and each.partner.name
            and each.state in YOUNG and each.states == each.partner.states
        ]  # fmt: skip
        if not found:
            return
        old = self.rng.choice(found)
        olds = (old, old.partner)
        unsure = Unsure({str(each.name): each.kind for each in olds}, set(old.states), olds=olds)
        self.unsure.append(unsure)
        asked = ReKeyKeyPairRequest(private_key_unique_identifier=old.unique_identifier)
        self._made(unsure, ask(O.RE_KEY_KEY_PAIR, asked))

    # --- what becomes of them

    def _move(self, ask: Ask, thing: Thing) -> None:
        """Bring an object one step nearer to its end."""
        before, identifier = thing.state, thing.unique_identifier
        reason = RevocationReason(revocation_reason_code=RevocationReasonCode.CESSATION_OF_OPERATION)
        steps: dict[State | None, tuple[State, Operation, Structure]] = {
            State.PRE_ACTIVE: (State.ACTIVE, O.ACTIVATE, ActivateRequest(unique_identifier=identifier)),
            State.ACTIVE: (
                State.DEACTIVATED,
                O.REVOKE,
                RevokeRequest(unique_identifier=identifier, revocation_reason=reason),
            ),
        }
        end = (State.DESTROYED, O.DESTROY, DestroyRequest(unique_identifier=identifier))
        after, operation, payload = steps.get(before, end)
        thing.states.add(after)
        thing.fresh = True
        answer = ask(operation, payload)
        if answer.status is ResultStatus.SUCCESS:
            thing.states = {after}
        else:
            hold(answer.reason in PASSING, f"{operation.token} of {identifier}, {before}, was refused: {answer}")

    def _undo(self, client: Client, thing: Thing) -> None:
        """Destroy an object in a batch that fails afterwards and is undone: it lives again."""
        before, identifier = thing.state, thing.unique_identifier
        if before is State.ACTIVE:
            return
        thing.states.add(State.DESTROYED)
        thing.fresh = True
        raw = client.send(
            request(
                V2_1,
                (O.DESTROY, DestroyRequest(unique_identifier=identifier)),
                (O.ACTIVATE, ActivateRequest(unique_identifier="nobody's")),
                batch_error_continuation_option=BatchErrorContinuationOption.UNDO,
            )
        )
        first = answers(raw, V2_1)[0]
        self.answered += 1
        if first.status is ResultStatus.OPERATION_UNDONE and before is not None:
            thing.states = {before}
            return
        hold(first.reason in PASSING, f"Destroy of {identifier}, {before}, was not undone: {first}")

    # --- which of the possible it was

    def settle(self, client: Client) -> None:
        """Ask how everything is that is not certain, and look at all that was changed, and some more.

        Raises:
            Violation: it is as it cannot be.
        """
        for correlation, unsure in self.submitted:
            self._settle_submitted(client, correlation, unsure)
        self.submitted.clear()
        for unsure in self.unsure:
            self._settle_unsure(client, unsure)
        self.unsure.clear()
        for name in self.refused:
            hold(not located(client, name), f"{name} was refused and is there")
        self.refused.clear()
        others = [each for each in self.things if not each.fresh]
        for thing in [each for each in self.things if each.fresh] + self.rng.sample(others, min(3, len(others))):
            check(client, thing)

    def _settle_submitted(self, client: Client, correlation: bytes, unsure: Unsure) -> None:
        answer = polled(client, correlation)
        (name,) = unsure.kinds
        if answer.status is ResultStatus.SUCCESS:
            self._adopt(unsure, (answer.payload.unique_identifier,))
        else:
            own_fault = answer.message == GIVEN_UP or answer.reason in PASSING
            hold(own_fault, f"the asynchronous Create of {name} failed: {answer}")
            hold(not located(client, name), f"the asynchronous Create of {name} has failed, and it is there")

    def _settle_unsure(self, client: Client, unsure: Unsure) -> None:
        found = {name: located(client, name) for name in unsure.kinds}
        olds = tuple(old.unique_identifier for old in unsure.olds)
        identifiers = tuple(each for listed in found.values() for each in listed)
        hold(len(identifiers) in (0, len(found)), f"half of what was asked for at once is there: {found}")
        if identifiers and identifiers != olds:
            self._adopt(unsure, identifiers)
        hold(identifiers or not olds, f"a Re-key has lost the names {set(found)}")


def polled(client: Client, correlation: bytes) -> Answer:
    """Give what became of an asynchronous request; an answer to Poll itself is that Poll has failed."""
    end = time.monotonic() + PATIENCE_S
    asked = (O.POLL, PollRequest(asynchronous_correlation_value=correlation))
    while True:
        raw = client.send(request(V2_1, asked))
        (item,), (answer,) = received(raw, V2_1).batch_item, answers(raw, V2_1)
        pending = answer.status is ResultStatus.OPERATION_PENDING
        if not pending and (item.operation != O.POLL or answer.reason not in PASSING):
            return answer
        hold(time.monotonic() < end, f"an asynchronous request comes to no end: {answer}")
        time.sleep(0.1)


def located(client: Client, name: str) -> tuple[str, ...]:
    """Give the unique identifiers of the objects with a name."""
    found: tuple[str, ...] = surely(
        client, O.LOCATE, LocateRequest(attributes=(named(name),))
    ).payload.unique_identifier
    return found


def surely(
    client: Client, operation: Operation, payload: Structure, passing: frozenset[ResultReason] = PASSING
) -> Answer:
    """Ask until the gateway is well enough to answer."""
    end = time.monotonic() + PATIENCE_S
    while True:
        (answer,) = client.ask(V2_1, (operation, payload))
        if answer.status is not ResultStatus.OPERATION_FAILED or answer.reason not in passing:
            return answer
        hold(time.monotonic() < end, f"{operation.token} is not answered: {answer}")
        time.sleep(0.2)


def check(client: Client, thing: Thing) -> None:
    """Look whether an object is as it must be, and note in which of its possible states it is.

    Raises:
        Violation: it is not.
    """
    uid = thing.unique_identifier
    answer = surely(client, O.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=uid))
    hold(answer.status is ResultStatus.SUCCESS, f"{uid} has no attributes: {answer}")
    found = {each.tag: each.value for each in answer.payload.attributes}
    state = found[Tag.STATE]
    hold(state in thing.states, f"{uid} is {state}, and can only be {thing.states}")
    thing.states, thing.fresh = {state}, False
    name = found.get(Tag.NAME)
    hold((name and name.name_value) == thing.name, f"{uid} has the name {name}, not {thing.name}")
    hold(found[Tag.OBJECT_TYPE] is thing.kind, f"{uid} is a {found[Tag.OBJECT_TYPE]}")
    hold(Tag.INITIAL_DATE in found, f"{uid} has no Initial Date")
    hold((Tag.DESTROY_DATE in found) is (state in GONE), f"{uid} is {state} and its Destroy Date says otherwise")
    hold(
        (state is State.PRE_ACTIVE) or Tag.ACTIVATION_DATE in found or state in GONE, f"{uid} lost its Activation Date"
    )
    hold(state is not State.DEACTIVATED or Tag.DEACTIVATION_DATE in found, f"{uid} has no Deactivation Date")
    got = surely(client, O.GET, GetRequest(unique_identifier=uid))
    if state in GONE:
        hold(got.reason is ResultReason.OBJECT_DESTROYED, f"{uid} is destroyed, and Get says {got}")
        return
    hold(got.status is ResultStatus.SUCCESS, f"{uid} cannot be fetched: {got}")
    material = getattr(got.payload, thing.kind.name.lower()).key_block.key_value.key_material
    check_material(client, thing, getattr(material, "raw", material))


def check_material(client: Client, thing: Thing, material: bytes) -> None:
    """Look whether a key is the one that it was, and does what it is for."""
    uid = thing.unique_identifier
    hold(thing.material in (None, material), f"{uid} has become another key")
    thing.material = material
    if thing.state is not State.ACTIVE or thing.derives:
        return
    if thing.kind is K.SYMMETRIC_KEY:
        asked = EncryptRequest(unique_identifier=uid, cryptographic_parameters=GCM, data=b"usable")
        answer = surely(client, O.ENCRYPT, asked, frozenset({ResultReason.GENERAL_FAILURE}))
        hold(answer.status is ResultStatus.SUCCESS, f"{uid} does not encrypt: {answer}")
        sealed = answer.payload.data + answer.payload.authenticated_encryption_tag
        hold(
            AESGCM(material).decrypt(answer.payload.iv_counter_nonce, sealed, None) == b"usable", f"{uid} is not itself"
        )
    elif thing.kind is K.PRIVATE_KEY and thing.partner is not None and thing.partner.state is State.ACTIVE:
        check_pair(client, uid, thing.partner.unique_identifier)


def check_pair(client: Client, private: str, public: str) -> None:
    """Look whether the halves of a pair belong together."""
    asked = SignRequest(unique_identifier=private, cryptographic_parameters=ECDSA, data=b"usable")
    signed = surely(client, O.SIGN, asked, frozenset({ResultReason.GENERAL_FAILURE}))
    hold(signed.status is ResultStatus.SUCCESS, f"{private} does not sign: {signed}")
    signature: Any = signed.payload.signature_data
    verify = SignatureVerifyRequest(
        unique_identifier=public, cryptographic_parameters=ECDSA, data=b"usable", signature_data=signature
    )
    answer = surely(client, O.SIGNATURE_VERIFY, verify, frozenset({ResultReason.GENERAL_FAILURE}))
    verified = answer.status is ResultStatus.SUCCESS and answer.payload.validity_indicator is ValidityIndicator.VALID
    hold(verified, f"{public} does not verify what {private} signed: {answer}")
