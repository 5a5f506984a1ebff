"""Automatic rotation (KMIP 2.1 sections 4.50 to 4.56): the gateway replaces keys whose owners have said so."""

import asyncio
from pathlib import Path

import pytest

from gateway.config import AccessConfig, Config, KmipConfig, TlsConfig, TokenConfig
from gateway.exchange import SELF, Exchange
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import (
    LinkType,
    ObjectType,
    Operation,
    ResultReason,
    RevocationReasonCode,
    RotateNameType,
    State,
)
from gateway.kmip.policy import Constraint, Constraints
from gateway.kmip.structure import Attribute, DateTime, Interval
from gateway.kmip.tags import Tag
from gateway.kmip.values import RevocationReason, RotateName
from gateway.kmip.version import V2_1
from gateway.operations.create import CreateRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get import GetRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.modify_attribute import ModifyAttributeRequest
from gateway.operations.re_key import ReKeyRequest
from gateway.operations.revoke import RevokeRequest
from gateway.operations.set_constraints import SetConstraintsRequest
from gateway.rotation import AGAIN_S, ROUND_S
from gateway.store.sqlite import open_store
from tests.operations.conftest import Gateway
from tests.operations.test_create import created, kept, name, refused, spec, value
from tests.operations.test_key_pairs import SIGN, VERIFY, made

O, R = Operation, ResultReason  # noqa: E741
DAY_S = 86_400


def at(tag, given):
    return Attribute(tag, given)


def rotating(gateway, *more, every=DAY_S, active=True):
    """Give the attributes of a key that is to be rotated, and is Active."""
    now = DateTime(int(gateway.clock.now))
    return (
        at(Tag.ROTATE_AUTOMATIC, True),
        at(Tag.ROTATE_INTERVAL, Interval(every)),
        *((at(Tag.ACTIVATION_DATE, now),) if active else ()),
        *more,
    )


async def key(gateway, *more, **options):
    return await created(gateway, spec(A.AES, 256, None, *rotating(gateway, *more, **options)))


async def rounds(gateway, seconds=0):
    """Let so many seconds go by, make a round, and give how many keys it replaced."""
    gateway.clock.now += seconds
    return await gateway.exchange.rotation().rotate()


async def successor(gateway, old):
    return await kept(gateway, (await kept(gateway, old.unique_identifier)).linked(LinkType.REPLACEMENT_OBJECT_LINK))


async def test_a_key_is_replaced_when_its_interval_is_over(gateway):
    rotate = RotateName(rotate_name_value="r", rotate_name_type=RotateNameType.UNINTERPRETED_TEXT_STRING)
    old = await key(gateway, name("current"), at(Tag.ROTATE_NAME, rotate))
    assert await rounds(gateway, DAY_S - 1) == 0
    assert await rounds(gateway, ROUND_S) == 1
    old, new = await kept(gateway, old.unique_identifier), await successor(gateway, old)
    for managed, generation, latest in ((old, 0, False), (new, 1, True)):
        assert value(managed, Tag.ROTATE_GENERATION) == generation
        assert value(managed, Tag.ROTATE_LATEST) is latest
        assert value(managed, Tag.ROTATE_NAME) == rotate
        assert value(managed, Tag.ROTATE_DATE) == int(gateway.clock.now)
    assert (old.names(), new.names()) == ((), ("current",))
    assert new.state(gateway.clock.now) is State.ACTIVE
    assert (await gateway.one(V2_1, O.GET, GetRequest(unique_identifier=new.unique_identifier))).symmetric_key


async def test_the_latest_goes_on_and_no_other(gateway):
    await key(gateway)
    for generation in range(1, 4):
        assert await rounds(gateway, DAY_S) == 1
        found = await gateway.one(V2_1, O.LOCATE, LocateRequest())
        assert len(found.unique_identifier) == generation + 1


async def test_it_is_the_owners(gateway):
    old = await key(gateway)
    await rounds(gateway, DAY_S)
    new = await successor(gateway, old)
    asked = GetRequest(unique_identifier=new.unique_identifier)
    assert await gateway.other.refused(V2_1, O.GET, asked) is R.OBJECT_NOT_FOUND


@pytest.mark.parametrize(("role", "replaced"), [("auditor", 0), ("operator", 1)])
async def test_it_is_done_as_its_owners_roles_allow(gateway, role, replaced):
    await key(gateway)
    gateway.clock.now += DAY_S
    access = AccessConfig(unknown_clients="own", default_roles=(role,))
    limited = Exchange(KmipConfig(), gateway.store, gateway.token, gateway.clock, access=access)
    assert await limited.rotation().rotate() == replaced


async def test_it_is_done_by_the_policy_as_it_is_now(gateway):
    before = KmipConfig(policy="fips", allow=("triple_des_keys",))
    exchange = Exchange(before, gateway.store, gateway.token, gateway.clock)
    rotation = exchange.rotation()
    client = Gateway(exchange, gateway.clock, gateway.store, gateway.token)
    await created(client, spec(A.DES3, 192, None, *rotating(client)))
    gateway.clock.now += DAY_S
    none = Path("/nonexistent")
    files, token = TlsConfig(ca=none, certificate=none, key=none), TokenConfig(module=none)
    exchange.adopt(Config(version="v1", tls=files, token=token, access=SELF, kmip=KmipConfig(policy="fips")))
    assert await rotation.rotate() == 0


async def test_dates_keep_their_distance_from_the_new_activation(gateway):
    end = DateTime(int(gateway.clock.now) + 2 * DAY_S)
    old = await key(gateway, at(Tag.DEACTIVATION_DATE, end), at(Tag.ROTATE_OFFSET, Interval(600)))
    await rounds(gateway, DAY_S)
    new = await successor(gateway, old)
    now = int(gateway.clock.now)
    assert (new.activation, new.deactivation) == (now + 600, now + 600 + 2 * DAY_S)
    assert new.state(now) is State.PRE_ACTIVE
    assert await rounds(gateway, 300) == 0


@pytest.mark.allow("short_rsa")
async def test_a_pair_is_replaced_as_its_private_key_says(gateway):
    common = spec(A.RSA, 1024, None, *rotating(gateway))
    private, public = await made(gateway, common, SIGN, VERIFY)
    assert await rounds(gateway, DAY_S) == 1
    new = await successor(gateway, private), await successor(gateway, public)
    assert new[0].linked(LinkType.PUBLIC_KEY_LINK) == new[1].unique_identifier
    assert [value(each, Tag.ROTATE_GENERATION) for each in new] == [1, 1]


@pytest.mark.parametrize("kind", ["not active", "not automatic", "no interval", "revoked", "destroyed", "re-keyed"])
async def test_what_is_not_due_stays(gateway, kind):
    given = rotating(gateway, active=kind not in ("not active", "destroyed"))
    left_out = {"not automatic": Tag.ROTATE_AUTOMATIC, "no interval": Tag.ROTATE_INTERVAL}.get(kind)
    made = await created(gateway, spec(A.AES, 256, None, *(each for each in given if each.tag is not left_out)))
    if kind == "revoked":
        reason = RevocationReason(revocation_reason_code=RevocationReasonCode.KEY_COMPROMISE)
        request = RevokeRequest(unique_identifier=made.unique_identifier, revocation_reason=reason)
        await gateway.one(V2_1, O.REVOKE, request)
    if kind == "destroyed":
        await gateway.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier=made.unique_identifier))
    gateway.clock.now += DAY_S
    if kind == "re-keyed":
        await gateway.one(V2_1, O.RE_KEY, ReKeyRequest(unique_identifier=made.unique_identifier))
    assert await rounds(gateway) == 0


async def test_several_front_ends_replace_a_key_once(gateway, tmp_path):
    old = await key(gateway)
    second = open_store(tmp_path / "gateway.sqlite")
    exchange = Exchange(gateway.exchange._services.config, second, gateway.token, gateway.clock)
    gateway.clock.now += DAY_S
    found = await asyncio.gather(gateway.exchange.rotation().rotate(), exchange.rotation().rotate())
    assert sorted(found) == [0, 1]
    assert len((await gateway.one(V2_1, O.LOCATE, LocateRequest())).unique_identifier) == 2
    assert value(await successor(gateway, old), Tag.ROTATE_GENERATION) == 1
    await second.close()


async def test_two_replacements_at_once_are_one(gateway):
    old = await key(gateway)
    request = O.RE_KEY, ReKeyRequest(unique_identifier=old.unique_identifier)
    found = await asyncio.gather(*(gateway.ask(V2_1, request) for _ in range(4)))
    reasons = [answer.reason for (answer,) in found]
    assert reasons.count(None) == 1
    assert len((await gateway.one(V2_1, O.LOCATE, LocateRequest())).unique_identifier) == 2


async def test_one_that_cannot_be_replaced_holds_up_no_other_and_is_left_alone_for_a_while(gateway):
    bad, good = await key(gateway, at(Tag.COMMENT, "old")), await key(gateway, at(Tag.COMMENT, "new"))
    only = Constraints(constraint=(Constraint(attributes=(at(Tag.COMMENT, "new"),)),))
    await gateway.one(V2_1, O.SET_CONSTRAINTS, SetConstraintsRequest(constraints=only))
    rotation = gateway.exchange.rotation()
    gateway.clock.now += DAY_S
    assert await rotation.rotate() == 1
    assert (await kept(gateway, bad.unique_identifier)).linked(LinkType.REPLACEMENT_OBJECT_LINK) is None
    await gateway.one(V2_1, O.SET_CONSTRAINTS, SetConstraintsRequest())
    gateway.clock.now += ROUND_S
    assert await rotation.rotate() == 0
    gateway.clock.now += AGAIN_S
    assert await rotation.rotate() == 1
    assert await successor(gateway, bad) and await successor(gateway, good)


async def test_a_round_has_an_end(gateway, monkeypatch):
    monkeypatch.setattr("gateway.rotation.MAX_A_ROUND", 2)
    for _ in range(3):
        await key(gateway)
    assert [await rounds(gateway, DAY_S), await rounds(gateway, ROUND_S)] == [2, 1]


async def test_an_interval_is_an_hour_at_least_and_stays(gateway):
    assert await refused(gateway, spec(A.AES, 256, None, *rotating(gateway, every=3599))) is R.INVALID_ATTRIBUTE_VALUE
    made = await key(gateway, every=3600)
    other = ModifyAttributeRequest(
        unique_identifier=made.unique_identifier, new_attribute=(at(Tag.ROTATE_INTERVAL, Interval(7200)),)
    )
    assert await gateway.refused(V2_1, O.MODIFY_ATTRIBUTE, other) is R.ATTRIBUTE_READ_ONLY


async def test_no_client_keeps_the_keys_of_others_from_their_turn(gateway, monkeypatch):
    """One has more due in every round than a round takes, and the newer ones too."""
    monkeypatch.setattr("gateway.rotation.MAX_A_ROUND", 2)
    mine = await key(gateway)
    wanted = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=spec(A.AES, 256, None, *rotating(gateway)))
    theirs = [(await gateway.other.one(V2_1, O.CREATE, wanted)).unique_identifier for _ in range(3)]
    assert await rounds(gateway, DAY_S) == 2
    assert (await kept(gateway, mine.unique_identifier)).linked(LinkType.REPLACEMENT_OBJECT_LINK) is not None
    for each in theirs[:1]:
        row = gateway.store.peek(each)
        assert row is not None
        assert 0 in [a.scalar for a in row.attributes if a.tag == Tag.ROTATE_LATEST], "the oldest is the first"
