"""Set Defaults, Set Constraints, Get Constraints (KMIP 2.1 sections 6.1.56, 6.1.55, 6.1.19): for the client's own."""

import pytest

from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    KeyFormatType,
    ObjectType,
    Operation,
    QueryFunction,
    ResultReason,
    State,
)
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.objects import KeyBlock, KeyValue, SymmetricKey
from gateway.kmip.policy import (
    Constraint,
    Constraints,
    DefaultsInformation,
    ObjectDefaults,
    ObjectGroups,
    ObjectTypes,
)
from gateway.kmip.structure import Attribute
from gateway.kmip.tags import Tag
from gateway.kmip.version import V1_2, V1_4, V2_0, V2_1
from gateway.operations.activate import ActivateRequest
from gateway.operations.add_attribute import AddAttributeRequest
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get_constraints import GetConstraintsRequest
from gateway.operations.modify_attribute import ModifyAttributeRequest
from gateway.operations.query import QueryRequest
from gateway.operations.register import RegisterRequest
from gateway.operations.set_constraints import SetConstraintsRequest
from gateway.operations.set_defaults import SetDefaultsRequest
from tests.operations.conftest import Gateway
from tests.operations.making import call_of, name
from tests.operations.test_create import created, kept, refused, spec

O, R, K = Operation, ResultReason, ObjectType  # noqa: E741
UNKNOWN = "TheEvilTheBadTheUglyKeys"


def at(tag, value):
    return Attribute(tag, value)


def aes(bits):
    return at(Tag.CRYPTOGRAPHIC_ALGORITHM, A.AES), at(Tag.CRYPTOGRAPHIC_LENGTH, bits)


def group(text):
    return at(Tag.OBJECT_GROUP, text)


def defaults(*attributes, types=(K.SYMMETRIC_KEY,), groups=()):
    return ObjectDefaults(
        object_types=ObjectTypes(object_type=types),
        attributes=attributes,
        object_groups=ObjectGroups(object_group=groups) if groups else None,
    )


def constraint(*attributes, types=(K.SYMMETRIC_KEY,), groups=()):
    return Constraint(
        object_types=ObjectTypes(object_type=types) if types else None,
        object_groups=ObjectGroups(object_group=groups) if groups else None,
        attributes=attributes,
    )


def setting(*several):
    return O.SET_DEFAULTS, SetDefaultsRequest(defaults_information=DefaultsInformation(object_defaults=several))


def constraining(*several):
    return O.SET_CONSTRAINTS, SetConstraintsRequest(constraints=Constraints(constraint=several))


async def told(client, version=V2_1, *groups):
    asked = QueryRequest(
        query_function=(QueryFunction.QUERY_DEFAULTS_INFORMATION,),
        object_groups=ObjectGroups(object_group=groups) if groups else None,
    )
    return (await client.one(version, O.QUERY, asked)).defaults_information


def length(managed):
    return sets.value(managed.attributes, Tag.CRYPTOGRAPHIC_LENGTH)


# --- defaults


async def test_what_a_create_leaves_out_is_the_default(gateway):
    await gateway.one(V2_1, *setting(defaults(*aes(192), at(Tag.CONTACT_INFORMATION, "Fred"))))
    made = await created(gateway, spec(None, None))
    assert (made.algorithm, length(made)) == (A.AES, 192)
    assert sets.text(made.attributes, Tag.CONTACT_INFORMATION) == "Fred"
    assert length(await created(gateway, spec(None, None), V1_4)) == 192


async def test_what_the_request_says_has_its_way(gateway):
    await gateway.one(V2_1, *setting(defaults(*aes(192), at(Tag.CONTACT_INFORMATION, "Fred"))))
    made = await created(gateway, spec(A.AES, 256, M.ENCRYPT, at(Tag.CONTACT_INFORMATION, "Ann")))
    assert (length(made), sets.text(made.attributes, Tag.CONTACT_INFORMATION)) == (256, "Ann")


async def test_a_default_length_is_for_its_own_algorithm(gateway):
    await gateway.one(V2_1, *setting(defaults(*aes(192))))
    assert await refused(gateway, spec(A.HMAC_SHA256, None)) is R.MISSING_DATA


async def test_a_groups_defaults_lie_over_those_for_all(gateway):
    await gateway.one(
        V2_1, *setting(defaults(at(Tag.CRYPTOGRAPHIC_LENGTH, 256), groups=("Blue",)), defaults(*aes(128)))
    )
    assert length(await created(gateway, spec(None, None, M.ENCRYPT, group("Blue")))) == 256
    assert length(await created(gateway, spec(None, None, M.ENCRYPT, group("Red")))) == 128


async def test_they_are_for_the_types_that_they_name(gateway):
    await gateway.one(V2_1, *setting(defaults(*aes(192), types=(K.SPLIT_KEY,))))
    assert await refused(gateway, spec(None, None)) is R.MISSING_DATA


async def test_a_key_that_is_brought_tells_of_itself(gateway):
    await gateway.one(V2_1, *setting(defaults(*aes(192), at(Tag.COMMENT, "ours"))))
    block = KeyBlock(
        key_format_type=KeyFormatType.RAW,
        key_value=KeyValue(key_material=bytes(16)),
        cryptographic_algorithm=A.AES,
        cryptographic_length=128,
    )
    request = RegisterRequest(
        object_type=K.SYMMETRIC_KEY, attributes=spec(None, None), symmetric_key=SymmetricKey(key_block=block)
    )
    made = await kept(gateway, (await gateway.one(V2_1, O.REGISTER, request)).unique_identifier)
    assert (length(made), sets.text(made.attributes, Tag.COMMENT)) == (128, "ours")


@pytest.mark.allow("short_rsa")
async def test_the_halves_of_a_pair_have_their_own(gateway):
    rsa = (at(Tag.CRYPTOGRAPHIC_ALGORITHM, A.RSA), at(Tag.CRYPTOGRAPHIC_LENGTH, 1024))
    private = defaults(*rsa, at(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.SIGN), types=(K.PRIVATE_KEY,))
    public = defaults(*rsa, at(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.VERIFY), types=(K.PUBLIC_KEY,))
    await gateway.one(V2_1, *setting(private, public))
    made = await gateway.one(V2_1, O.CREATE_KEY_PAIR, CreateKeyPairRequest())
    assert (await kept(gateway, made.private_key_unique_identifier)).usage_mask == M.SIGN
    assert (await kept(gateway, made.public_key_unique_identifier)).usage_mask == M.VERIFY


async def test_each_client_has_its_own_defaults(gateway):
    await gateway.one(V2_1, *setting(defaults(*aes(192))))
    assert (await told(gateway.other)).object_defaults == ()
    await gateway.other.one(V2_1, O.SET_DEFAULTS, SetDefaultsRequest())
    assert len((await told(gateway)).object_defaults) == 1


async def test_query_tells_them_as_its_version_writes_them(gateway):
    several = defaults(*aes(192), types=(K.SYMMETRIC_KEY, K.SPLIT_KEY)), defaults(*aes(128), groups=("Blue",))
    await gateway.one(V2_1, *setting(*several))
    assert (await told(gateway)).object_defaults == several
    assert (await told(gateway, V2_1, "Blue")).object_defaults == several[1:]
    assert (await told(gateway, V2_1, "Red")).object_defaults == ()
    each = (await told(gateway, V2_0)).object_defaults
    assert [one.object_type for one in each] == [(K.SYMMETRIC_KEY,), (K.SPLIT_KEY,)]
    assert all(one.object_types is None and one.object_groups is None for one in each)
    await gateway.one(V2_1, O.SET_DEFAULTS, SetDefaultsRequest())
    assert (await told(gateway)).object_defaults == ()
    assert await told(gateway, V2_0) is None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (ObjectDefaults(attributes=aes(192)), R.INVALID_FIELD),
        (defaults(*aes(192), types=(K.TEMPLATE,)), R.INVALID_OBJECT_TYPE),
        (defaults(name("one for all")), R.INVALID_ATTRIBUTE),
        (defaults(at(Tag.STATE, State.ACTIVE)), R.ATTRIBUTE_READ_ONLY),
        (defaults(*aes(192), *aes(256)), R.ATTRIBUTE_SINGLE_VALUED),
    ],
)
async def test_defaults_that_no_object_could_have_are_refused(gateway, bad, reason):
    assert await gateway.refused(V2_1, *setting(bad)) is reason
    assert (await told(gateway)).object_defaults == ()


async def test_there_is_an_end_to_them(gateway):
    long = defaults(at(Tag.COMMENT, "x" * 20_000))
    assert await gateway.refused(V2_1, *setting(long)) is R.SERVER_LIMIT_EXCEEDED


async def test_a_group_has_to_be_known_where_there_is_a_list(gateway):
    strict = Exchange(KmipConfig(object_groups=("Blue",)), gateway.store, gateway.token, gateway.clock)
    client = Gateway(strict, gateway.clock, gateway.store, gateway.token)
    await client.one(V2_1, *setting(defaults(*aes(192), groups=("Blue",))))
    assert await client.refused(V2_1, *setting(defaults(*aes(192), groups=(UNKNOWN,)))) is R.UNKNOWN_OBJECT_GROUP
    bad = constraint(*aes(192), groups=(UNKNOWN,))
    assert await client.refused(V2_1, *constraining(bad)) is R.UNKNOWN_OBJECT_GROUP


async def test_undo_gives_back_what_was_laid_down_before(gateway):
    before = defaults(*aes(192))
    await gateway.one(V2_1, *setting(before))
    gone = O.DESTROY, DestroyRequest(unique_identifier="nothing")
    undo = BatchErrorContinuationOption.UNDO
    await gateway.ask(V2_1, setting(defaults(*aes(256))), gone, batch_error_continuation_option=undo)
    assert (await told(gateway)).object_defaults == (before,)


# --- constraints


async def test_what_is_not_as_constrained_is_not_made(gateway):
    await gateway.one(V2_1, *constraining(constraint(*aes(256))))
    assert await refused(gateway, spec(A.AES, 128)) is R.CONSTRAINT_VIOLATION
    assert await refused(gateway, spec(A.AES, 128), V2_0) is R.PERMISSION_DENIED
    assert await refused(gateway, spec(A.AES, 128), V1_2) is R.PERMISSION_DENIED
    assert length(await created(gateway, spec(A.AES, 256))) == 256
    await gateway.one(V2_1, O.SET_CONSTRAINTS, SetConstraintsRequest())
    assert length(await created(gateway, spec(A.AES, 128))) == 128


@pytest.mark.on_token
async def test_a_refused_key_does_not_stay_on_the_token(gateway, monkeypatch):
    destroyed = []
    token = gateway.token
    real = type(token).destroy

    async def destroy(self, ref):
        destroyed.append(ref)
        await real(self, ref)

    monkeypatch.setattr(type(token), "destroy", destroy)
    await gateway.one(V2_1, *constraining(constraint(*aes(256))))
    assert await refused(gateway, spec(A.AES, 128)) is R.CONSTRAINT_VIOLATION
    assert len(destroyed) == 1


async def test_a_groups_constraints_come_before_those_for_all(gateway):
    await gateway.one(V2_1, *constraining(constraint(*aes(256), groups=("Blue",)), constraint(*aes(192))))
    blue = group("Blue")
    assert length(await created(gateway, spec(A.AES, 256, M.ENCRYPT, blue))) == 256
    assert length(await created(gateway, spec(A.AES, 192))) == 192
    assert await refused(gateway, spec(A.AES, 192, M.ENCRYPT, blue)) is R.CONSTRAINT_VIOLATION
    assert await refused(gateway, spec(A.AES, 256)) is R.CONSTRAINT_VIOLATION


async def test_several_are_alternatives_and_a_missing_attribute_is_none_of_them(gateway):
    either = [constraint(at(Tag.COMMENT, text), types=()) for text in ("one", "two")]
    await gateway.one(V2_1, *constraining(*either))
    for text in ("one", "two"):
        await created(gateway, spec(A.AES, 128, M.ENCRYPT, at(Tag.COMMENT, text)))
    assert await refused(gateway, spec(A.AES, 128)) is R.CONSTRAINT_VIOLATION


async def test_an_object_cannot_be_changed_past_them(gateway):
    small = await created(gateway, spec(A.AES, 128))
    blue = await created(gateway, spec(A.AES, 256, M.ENCRYPT, at(Tag.COMMENT, "ours")))
    await gateway.one(
        V2_1,
        *constraining(constraint(*aes(256), groups=("Blue",)), constraint(at(Tag.COMMENT, "ours"))),
    )
    joining = AddAttributeRequest(unique_identifier=small.unique_identifier, new_attribute=(group("Blue"),))
    assert await gateway.refused(V2_1, O.ADD_ATTRIBUTE, joining) is R.CONSTRAINT_VIOLATION
    other = ModifyAttributeRequest(unique_identifier=blue.unique_identifier, new_attribute=(at(Tag.COMMENT, "theirs"),))
    assert await gateway.refused(V2_1, O.MODIFY_ATTRIBUTE, other) is R.CONSTRAINT_VIOLATION
    assert sets.text((await kept(gateway, blue.unique_identifier)).attributes, Tag.COMMENT) == "ours"


async def test_what_was_there_before_may_be_used_and_changed_otherwise(gateway):
    small = await created(gateway, spec(A.AES, 128))
    await gateway.one(V2_1, *constraining(constraint(*aes(256))))
    await gateway.one(V2_1, O.ACTIVATE, ActivateRequest(unique_identifier=small.unique_identifier))
    noted = AddAttributeRequest(unique_identifier=small.unique_identifier, new_attribute=(at(Tag.COMMENT, "old"),))
    await gateway.one(V2_1, O.ADD_ATTRIBUTE, noted)
    assert call_of(gateway).find(small.unique_identifier).state(gateway.clock.now) is State.ACTIVE


async def test_each_client_has_its_own_constraints(gateway):
    await gateway.one(V2_1, *constraining(constraint(*aes(256))))
    assert (await gateway.other.one(V2_1, O.GET_CONSTRAINTS, GetConstraintsRequest())).constraints is None
    request = CreateRequest(object_type=K.SYMMETRIC_KEY, attributes=spec(A.AES, 128))
    assert (await gateway.other.one(V2_1, O.CREATE, request)).unique_identifier
    await gateway.other.one(V2_1, O.SET_CONSTRAINTS, SetConstraintsRequest())
    found = await gateway.one(V2_1, O.GET_CONSTRAINTS, GetConstraintsRequest())
    assert found.constraints.constraint == (constraint(*aes(256)),)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (constraint(), R.INVALID_FIELD),
        (constraint(*aes(192), types=(K.TEMPLATE,)), R.INVALID_OBJECT_TYPE),
        (constraint(name("one")), R.INVALID_ATTRIBUTE),
        (constraint(at(Tag.STATE, State.ACTIVE)), R.ATTRIBUTE_READ_ONLY),
    ],
)
async def test_constraints_that_mean_nothing_are_refused(gateway, bad, reason):
    assert await gateway.refused(V2_1, *constraining(bad)) is reason


async def test_each_attribute_is_asked_for_once_however_many_values_it_may_have(gateway, monkeypatch):
    """All writers wait for a transaction: what is compared in it goes with the values, not with their square."""
    allowed = [group(f"{number:03}") for number in range(400)]
    await gateway.one(V2_1, *constraining(constraint(*allowed)))
    compared, equal = [], sets.equal
    monkeypatch.setattr(sets, "equal", lambda one, other: compared.append(1) or equal(one, other))
    others = tuple(group(f"other {number}") for number in range(50))
    made = await created(gateway, spec(A.AES, 128, M.ENCRYPT, *others, allowed[-1]))
    assert made.algorithm is A.AES
    assert 400 < len(compared) <= 400 * 51
