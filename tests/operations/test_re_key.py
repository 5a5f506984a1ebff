"""Re-key and Re-key Key Pair (KMIP 2.1 sections 6.1.46 and 6.1.47), after the official cases."""

import asyncio

import pytest

from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    LinkType,
    ObjectType,
    Operation,
    ResultReason,
    ResultStatus,
    RevocationReasonCode,
    RotateNameType,
    State,
    UsageLimitsUnit,
)
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.structure import Attribute, Attributes, DateTime, Interval, Item, LongInteger
from gateway.kmip.tags import Tag
from gateway.kmip.values import RevocationReason, RotateName, UsageLimits
from gateway.kmip.version import SUPPORTED, V1_1, V1_2, V2_1, Version
from gateway.managed import Managed
from gateway.operations.check import CheckRequest
from gateway.operations.create import CreateRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.re_key import ReKeyRequest
from gateway.operations.re_key_key_pair import ReKeyKeyPairRequest
from gateway.operations.revoke import RevokeRequest
from tests.operations.conftest import Client, Gateway
from tests.operations.test_create import created, kept, name, spec, value
from tests.operations.test_key_pairs import SIGN, VERIFY, made

AES = spec(A.AES, 128)
VENDOR = Attribute(Tag.ATTRIBUTE, Item(7, b"note"), vendor="x", name="Name")


def dates(*given: int) -> Attributes:
    tags = Tag.ACTIVATION_DATE, Tag.PROCESS_START_DATE, Tag.PROTECT_STOP_DATE, Tag.DEACTIVATION_DATE
    return tuple(Attribute(tag, DateTime(each)) for tag, each in zip(tags, given, strict=False))


def dates_of(managed: Managed) -> tuple[int | None, ...]:
    return managed.activation, managed.process_start, managed.protect_stop, managed.deactivation


async def re_keyed(gateway: Gateway, old: Managed, version: Version = V2_1, **fields) -> tuple[Managed, Managed]:
    """Give the old key as it is now, and the new one."""
    request = ReKeyRequest(unique_identifier=old.unique_identifier, **fields)
    payload = await gateway.one(version, Operation.RE_KEY, request)
    return await kept(gateway, old.unique_identifier), await kept(gateway, payload.unique_identifier)


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_names_move_and_links_tie_the_two(gateway: Gateway, version: Version) -> None:
    old, new = await re_keyed(gateway, await created(gateway, (*AES, name("key"), VENDOR), version), version)
    assert new.unique_identifier != old.unique_identifier
    assert (old.names(), new.names()) == ((), ("key",))
    for managed in (old, new):
        assert [a.value.raw for a in managed.attributes if a.key == VENDOR.key] == [b"note"]
    assert old.linked(LinkType.REPLACEMENT_OBJECT_LINK) == new.unique_identifier
    assert new.linked(LinkType.REPLACED_OBJECT_LINK) == old.unique_identifier
    assert await gateway.token.export_key(old.ref) != await gateway.token.export_key(new.ref)


async def test_the_old_key_stays_active(gateway: Gateway) -> None:
    """VAST goes on using the old key until it revokes it."""
    now = int(gateway.clock.now)
    old, new = await re_keyed(gateway, await created(gateway, (*AES, *dates(now - 3600))))
    assert old.state(now) is new.state(now) is State.ACTIVE


async def test_names_given_come_after_those_that_move(gateway: Gateway) -> None:
    """TC-REKEY-1: four times in one message, each by the ID Placeholder."""
    old = await created(gateway, (*AES, name("original")))
    first = ReKeyRequest(unique_identifier=old.unique_identifier, attributes=(name("first"),))
    answers = await gateway.ask(
        V1_2, (Operation.RE_KEY, first), (Operation.RE_KEY, ReKeyRequest(attributes=(name("second"),)))
    )
    newest = await kept(gateway, answers[1].payload.unique_identifier)
    assert newest.names() == ("original", "first", "second")
    assert [a.index for a in newest.attributes if a.tag is Tag.NAME] == [0, 1, 2]


async def test_the_name_is_located_at_the_new_key(gateway: Gateway) -> None:
    _, new = await re_keyed(gateway, await created(gateway, (*AES, name("key"))))
    located = await gateway.one(V2_1, Operation.LOCATE, LocateRequest(attributes=(name("key"),)))
    assert located.unique_identifier == (new.unique_identifier,)


async def test_dates_are_copied_without_an_offset(gateway: Gateway) -> None:
    now = int(gateway.clock.now)
    given = now, now + 1, now + 100, now + 120
    _, new = await re_keyed(gateway, await created(gateway, (*AES, *dates(*given))))
    assert dates_of(new) == given


async def test_an_offset_moves_all_dates(gateway: Gateway) -> None:
    now = int(gateway.clock.now)
    old = await created(gateway, (*AES, *dates(now, now + 1, now + 100, now + 120)))
    gateway.clock.now += 1000
    _, new = await re_keyed(gateway, old, offset=Interval(60))
    assert dates_of(new) == (now + 1060, now + 1061, now + 1160, now + 1180)
    assert new.state(gateway.clock.now) is State.PRE_ACTIVE


async def test_an_expired_key_is_replaced_by_an_active_one(gateway: Gateway) -> None:
    """TC-92."""
    now = int(gateway.clock.now)
    old = await created(gateway, (*AES, *dates(now), Attribute(Tag.DEACTIVATION_DATE, DateTime(now + 120))))
    gateway.clock.now += 500
    _, new = await re_keyed(gateway, old, offset=Interval(0))
    assert old.state(gateway.clock.now) is State.DEACTIVATED
    assert new.state(gateway.clock.now) is State.ACTIVE


async def test_a_compromised_key_is_replaced_by_one_that_is_not(gateway: Gateway) -> None:
    """TC-93."""
    old = await created(gateway, (*AES, *dates(int(gateway.clock.now))))
    reason = RevocationReason(revocation_reason_code=RevocationReasonCode.KEY_COMPROMISE)
    request = RevokeRequest(unique_identifier=old.unique_identifier, revocation_reason=reason)
    await gateway.one(V1_2, Operation.REVOKE, request)
    _, new = await re_keyed(gateway, old)
    assert new.state(gateway.clock.now) is State.ACTIVE
    assert value(new, Tag.REVOCATION_REASON) is None


async def test_dates_may_be_given_anew(gateway: Gateway) -> None:
    """TC-94."""
    now, year = int(gateway.clock.now), 31536000
    given = now - year, now - year, now + year, now + year
    _, new = await re_keyed(gateway, await created(gateway, AES), attributes=dates(*given))
    assert dates_of(new) == given


async def test_an_offset_needs_dates_of_the_old_key_only(gateway: Gateway) -> None:
    now = int(gateway.clock.now)
    stop = Attribute(Tag.PROTECT_STOP_DATE, DateTime(now + 5))
    old = await created(gateway, (*AES, stop))
    for fields in ({"offset": Interval(1)}, {"offset": Interval(1), "attributes": dates(now)}):
        request = ReKeyRequest(unique_identifier=old.unique_identifier, **fields)
        assert await gateway.refused(V2_1, Operation.RE_KEY, request) is ResultReason.INVALID_MESSAGE


async def test_rotation_is_counted(gateway: Gateway) -> None:
    """TC-REKEY-4."""
    rotate = RotateName(rotate_name_value="r", rotate_name_type=RotateNameType.UNINTERPRETED_TEXT_STRING)
    old = await created(gateway, (*AES, Attribute(Tag.ROTATE_NAME, rotate), Attribute(Tag.ROTATE_AUTOMATIC, True)))
    old, new = await re_keyed(gateway, old)
    for managed, generation, latest in ((old, 0, False), (new, 1, True)):
        assert value(managed, Tag.ROTATE_NAME) == rotate
        assert value(managed, Tag.ROTATE_GENERATION) == generation
        assert value(managed, Tag.ROTATE_LATEST) is latest
    _, newest = await re_keyed(gateway, new)
    assert value(newest, Tag.ROTATE_GENERATION) == 2


async def test_usage_limits_begin_anew(gateway: Gateway) -> None:
    limits = UsageLimits(usage_limits_total=LongInteger(9), usage_limits_unit=UsageLimitsUnit.OBJECT)
    _, new = await re_keyed(gateway, await created(gateway, (*AES, Attribute(Tag.USAGE_LIMITS, limits))))
    assert new.usage_limits is not None
    assert new.usage_limits.usage_limits_count == 9


async def test_a_sealed_key_is_replaced_by_a_sealed_key(gateway: Gateway) -> None:
    _, new = await re_keyed(gateway, await created(gateway, spec(A.SKIPJACK, 80)))
    assert new.row.material is not None


async def test_only_symmetric_keys_are_re_keyed(gateway: Gateway) -> None:
    secret = await created(gateway, spec(None, 80, None), V2_1, ObjectType.SECRET_DATA)
    request = ReKeyRequest(unique_identifier=secret.unique_identifier)
    assert await gateway.refused(V1_2, Operation.RE_KEY, request) is ResultReason.ILLEGAL_OPERATION
    assert await gateway.refused(V2_1, Operation.RE_KEY, request) is ResultReason.INVALID_OBJECT_TYPE


async def test_a_destroyed_key_is_not_re_keyed(gateway: Gateway) -> None:
    old = await created(gateway, AES)
    await gateway.one(V2_1, Operation.DESTROY, DestroyRequest(unique_identifier=old.unique_identifier))
    request = ReKeyRequest(unique_identifier=old.unique_identifier)
    assert await gateway.refused(V2_1, Operation.RE_KEY, request) is ResultReason.OBJECT_DESTROYED


async def test_a_name_that_is_taken_leaves_everything_as_it_was(gateway: Gateway) -> None:
    await created(gateway, (*AES, name("taken")))
    old = await created(gateway, (*AES, name("key")))
    request = ReKeyRequest(unique_identifier=old.unique_identifier, attributes=(name("taken"),))
    assert await gateway.refused(V2_1, Operation.RE_KEY, request) is ResultReason.NON_UNIQUE_NAME_ATTRIBUTE
    assert (await kept(gateway, old.unique_identifier)).attributes == old.attributes


async def test_of_several_replacements_at_once_one_gets_the_name(gateway: Gateway) -> None:
    old = await created(gateway, (*AES, name("key")))
    request = ReKeyRequest(unique_identifier=old.unique_identifier)
    answers = await asyncio.gather(*(gateway.ask(V2_1, (Operation.RE_KEY, request)) for _ in range(4)))
    made = [answer.payload for (answer,) in answers if answer.payload is not None]
    assert [(await kept(gateway, each.unique_identifier)).names() for each in made] == [("key",)]
    assert {answer.reason for (answer,) in answers} == {None, ResultReason.GENERAL_FAILURE}


async def test_undo_gives_the_names_back(gateway: Gateway) -> None:
    old = await created(gateway, (*AES, name("key")))
    answers = await gateway.ask(
        V2_1,
        (Operation.RE_KEY, ReKeyRequest(unique_identifier=old.unique_identifier)),
        (Operation.CHECK, CheckRequest(cryptographic_usage_mask=M.SIGN)),
        batch_error_continuation_option=BatchErrorContinuationOption.UNDO,
    )
    assert [a.status for a in answers] == [ResultStatus.OPERATION_UNDONE, ResultStatus.OPERATION_FAILED]
    now = await kept(gateway, old.unique_identifier)
    assert now.attributes == old.attributes
    new = await kept(gateway, answers[0].payload.unique_identifier)
    assert new.destroy is not None
    assert await gateway.token.find([new.row.cka_id]) == []
    # The name is the old key's again, and nobody else's.
    request = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=(*AES, name("key")))
    assert await gateway.refused(V2_1, Operation.CREATE, request) is ResultReason.NON_UNIQUE_NAME_ATTRIBUTE


async def test_a_stranger_re_keys_nothing(gateway: Gateway) -> None:
    old = await created(gateway, AES)
    request = ReKeyRequest(unique_identifier=old.unique_identifier)
    stranger: Client = gateway.other
    assert await stranger.refused(V2_1, Operation.RE_KEY, request) is ResultReason.OBJECT_NOT_FOUND


@pytest.mark.parametrize("version", [v for v in SUPPORTED if v >= V1_1], ids=str)
@pytest.mark.allow("short_rsa")
async def test_a_pair_is_replaced_by_a_pair(gateway: Gateway, version: Version) -> None:
    """TC-133."""
    halves = (*SIGN, name("private")), (*VERIFY, name("public"))
    private, public = await made(gateway, spec(A.RSA, 1024, None), *halves, version)
    request = ReKeyKeyPairRequest(
        private_key_unique_identifier=private.unique_identifier, public_key_attributes=(name("another"),)
    )
    payload = await gateway.one(version, Operation.RE_KEY_KEY_PAIR, request)
    new_private = await kept(gateway, payload.private_key_unique_identifier)
    new_public = await kept(gateway, payload.public_key_unique_identifier)
    assert new_private.names() == ("private",)
    assert new_public.names() == ("public", "another")
    assert new_private.linked(LinkType.PUBLIC_KEY_LINK) == new_public.unique_identifier
    assert new_private.linked(LinkType.REPLACED_OBJECT_LINK) == private.unique_identifier
    assert new_public.linked(LinkType.REPLACED_OBJECT_LINK) == public.unique_identifier
    old = await kept(gateway, public.unique_identifier)
    assert old.names() == ()
    assert old.linked(LinkType.PRIVATE_KEY_LINK) == private.unique_identifier
    assert old.linked(LinkType.REPLACEMENT_OBJECT_LINK) == new_public.unique_identifier


@pytest.mark.allow("short_rsa")
async def test_a_public_key_is_not_what_a_pair_is_re_keyed_by(gateway: Gateway) -> None:
    _, public = await made(gateway, spec(A.RSA, 1024, None))
    request = ReKeyKeyPairRequest(private_key_unique_identifier=public.unique_identifier)
    assert await gateway.refused(V2_1, Operation.RE_KEY_KEY_PAIR, request) is ResultReason.INVALID_OBJECT_TYPE
