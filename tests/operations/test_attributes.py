"""Reading and changing attributes, as the official cases and real clients do it, in 1.x and 2.x."""

import asyncio

import pytest

from gateway import attribute_changes
from gateway.kmip.attributes import ATTRIBUTES
from gateway.kmip.enums import (
    AdjustmentType,
    BatchErrorContinuationOption,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    HashingAlgorithm,
    ItemType,
    LinkType,
    Operation,
    ResultReason,
    ResultStatus,
    RevocationReasonCode,
    State,
    UniqueIdentifierReference,
    UsageLimitsUnit,
)
from gateway.kmip.structure import Attribute, AttributeReference, DateTime, Interval, Item, LongInteger, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import (
    ApplicationSpecificInformation,
    CryptographicParameters,
    Digest,
    Link,
    RevocationReason,
    UsageLimits,
)
from gateway.kmip.version import SUPPORTED, V1_0, V1_1, V1_2, V1_4, V2_0, V2_1
from gateway.operations.add_attribute import AddAttributeRequest
from gateway.operations.adjust_attribute import AdjustAttributeRequest
from gateway.operations.delete_attribute import DeleteAttributeRequest
from gateway.operations.get_attribute_list import GetAttributeListRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.modify_attribute import ModifyAttributeRequest
from gateway.operations.set_attribute import SetAttributeRequest
from tests.operations.making import call_of, destroy, make, name, names, vendor
from tests.support import messages

R = ResultReason
O = Operation  # noqa: E741
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1_600_000_000))
NOW = 1_700_000_000


def date(tag, seconds):
    return Attribute(tag, DateTime(seconds))


def reference(*tags):
    return tuple(AttributeReference(tag) for tag in tags)


async def attributes(client, uid, *tags, version=V2_1):
    payload = await client.one(version, O.GET_ATTRIBUTES, GetAttributesRequest(
        unique_identifier=uid, attribute_reference=reference(*tags)
    ))  # fmt: skip
    return payload.attributes


async def values(client, uid, *tags, version=V2_1):
    return [each.value for each in await attributes(client, uid, *tags, version=version)]


async def state(client, uid):
    return (await values(client, uid, Tag.STATE))[0]


def adding(uid, attribute):
    return O.ADD_ATTRIBUTE, AddAttributeRequest(unique_identifier=uid, new_attribute=(attribute,))


def modifying(uid, new, old=None):
    current = () if old is None else (old,)
    return O.MODIFY_ATTRIBUTE, ModifyAttributeRequest(
        unique_identifier=uid, current_attribute=current, new_attribute=(new,)
    )


def setting(uid, attribute):
    return O.SET_ATTRIBUTE, SetAttributeRequest(unique_identifier=uid, new_attribute=(attribute,))


def deleting(uid, *named, current=(), index=None):
    return O.DELETE_ATTRIBUTE, DeleteAttributeRequest(
        unique_identifier=uid, attribute_reference=named, current_attribute=current, attribute_index=index
    )


def adjusting(uid, named, kind=AdjustmentType.INCREMENT, by=None):
    return O.ADJUST_ATTRIBUTE, AdjustAttributeRequest(
        unique_identifier=uid, attribute_reference=(named,), adjustment_type=kind, adjustment_value=by
    )


class NamedRequest(Structure):
    """Get Attributes with a name that is no attribute's."""

    unique_identifier: str
    attribute_name: str


class TestGetAttributes:
    async def test_all_come_in_the_order_of_the_standard_with_the_state(self, gateway):
        uid = await make(gateway, *names("b", "a"), ACTIVE)
        found = await attributes(gateway, uid)
        tags = [each.tag for each in found]
        assert tags == sorted(tags, key=list(ATTRIBUTES).index)
        assert [each.value.name_value for each in found if each.tag is Tag.NAME] == ["b", "a"]
        assert Attribute(Tag.STATE, State.ACTIVE) in found
        assert Attribute(Tag.UNIQUE_IDENTIFIER, uid) in found

    @pytest.mark.parametrize("version", SUPPORTED, ids=str)
    async def test_nothing_is_newer_than_the_version(self, gateway, version):
        given = (name("n"), vendor("ID", "1"), vendor("other", "2", of="acme"), Attribute(Tag.DESCRIPTION, "d"))
        uid = await make(gateway, *given)
        for each in await attributes(gateway, uid, version=version):
            assert ATTRIBUTES[each.tag].exists_in(version)
        known = await gateway.one(version, O.GET_ATTRIBUTE_LIST, GetAttributeListRequest(unique_identifier=uid))
        tags = {each.tag for each in known.attribute_reference}
        assert (Tag.SHORT_UNIQUE_IDENTIFIER in tags) == (version >= V2_0)
        assert (Tag.DESCRIPTION in tags) == (version >= V1_4)
        assert (Tag.FRESH in tags) == (version >= V1_1)
        assert (AttributeReference(Tag.ATTRIBUTE, "acme", "other") in known.attribute_reference) == (version >= V2_0)
        assert AttributeReference(Tag.ATTRIBUTE, "x", "ID") in known.attribute_reference

    async def test_nor_are_enumerators_and_bits(self, gateway):
        uid = await make(
            gateway,
            Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.ARIA),
            Attribute(
                Tag.CRYPTOGRAPHIC_USAGE_MASK, CryptographicUsageMask.ENCRYPT | CryptographicUsageMask.FPE_ENCRYPT
            ),
            Attribute(
                Tag.CRYPTOGRAPHIC_PARAMETERS, CryptographicParameters(hashing_algorithm=HashingAlgorithm.SHA3_256)
            ),
        )
        asked = (Tag.CRYPTOGRAPHIC_ALGORITHM, Tag.CRYPTOGRAPHIC_USAGE_MASK, Tag.CRYPTOGRAPHIC_PARAMETERS)
        assert await values(gateway, uid, *asked, version=V1_2) == [CryptographicUsageMask.ENCRYPT]
        assert len(await values(gateway, uid, *asked, version=V2_0)) == 3

    async def test_those_asked_for_come_and_no_others(self, gateway):
        uid = await make(gateway, name("n"))
        found = await attributes(gateway, uid, Tag.STATE, Tag.OBJECT_TYPE, Tag.CONTACT_INFORMATION)
        assert [each.tag for each in found] == [Tag.OBJECT_TYPE, Tag.STATE]

    @pytest.mark.parametrize("version", SUPPORTED, ids=str)
    async def test_an_attribute_that_the_object_lacks_is_left_out(self, gateway, version):
        uid = await make(gateway)
        request = GetAttributesRequest(unique_identifier=uid, attribute_reference=reference(Tag.NAME))
        payload = await gateway.one(version, O.GET_ATTRIBUTES, request)
        assert payload.attributes == ()

    async def test_2x_has_the_structure_even_when_it_is_empty(self, gateway):
        uid = await make(gateway)
        request = GetAttributesRequest(unique_identifier=uid, attribute_reference=reference(Tag.NAME))
        raw = await gateway.exchange.answer(messages.request(V2_0, (O.GET_ATTRIBUTES, request)), gateway._peer)
        assert bytes.fromhex("4201250100000000") in raw

    @pytest.mark.parametrize("spelled", ["No Such Thing", "x-No Such", ""])
    async def test_a_misspelled_name_is_of_an_attribute_that_nothing_has(self, gateway, spelled):
        uid = await make(gateway)
        request = NamedRequest(unique_identifier=uid, attribute_name=spelled)
        payload = await gateway.one(V1_2, O.GET_ATTRIBUTES, request)
        assert payload.attributes == ()

    @pytest.mark.parametrize(("version", "refused"), [(V1_0, False), (V1_1, True), (V1_2, True), (V2_1, True)], ids=str)
    async def test_a_name_given_twice(self, gateway, version, refused):  # TC-171
        uid = await make(gateway)
        request = GetAttributesRequest(
            unique_identifier=uid, attribute_reference=reference(Tag.OBJECT_TYPE, Tag.OBJECT_TYPE)
        )
        (answer,) = await gateway.ask(version, (O.GET_ATTRIBUTES, request))
        assert answer.reason is (R.INVALID_MESSAGE if refused else None)

    async def test_a_destroyed_object_still_tells(self, gateway):
        uid = await make(gateway, name("n"))
        await destroy(gateway, uid)
        assert await values(gateway, uid, Tag.STATE) == [State.DESTROYED]

    @pytest.mark.parametrize("operation", [O.GET_ATTRIBUTES, O.GET_ATTRIBUTE_LIST])
    @pytest.mark.parametrize(("version", "reason"), [(V1_4, R.ITEM_NOT_FOUND), (V2_1, R.OBJECT_NOT_FOUND)], ids=str)
    async def test_others_see_nothing(self, gateway, operation, version, reason):
        uid = await make(gateway)
        payload = {O.GET_ATTRIBUTES: GetAttributesRequest, O.GET_ATTRIBUTE_LIST: GetAttributeListRequest}[operation]
        assert await gateway.other.refused(version, operation, payload(unique_identifier=uid)) is reason
        assert await gateway.refused(version, operation, payload()) is reason  # The ID Placeholder is empty.


async def test_a_name_is_listed_once_however_many_instances_there_are(gateway):
    uid = await make(gateway, *names("a", "b", "c"))
    payload = await gateway.one(V2_1, O.GET_ATTRIBUTE_LIST, GetAttributeListRequest(unique_identifier=uid))
    assert [each.tag for each in payload.attribute_reference].count(Tag.NAME) == 1
    assert AttributeReference(Tag.STATE) in payload.attribute_reference


class TestAddAttribute:
    async def test_1x_gives_it_back_with_the_next_index(self, gateway):
        uid = await make(gateway, name("first"))
        for index, text in enumerate(("second", "third"), 1):
            payload = await gateway.one(V1_2, *adding(uid, name(text)))
            assert payload.attribute == (Attribute(Tag.NAME, name(text).value, index),)

    async def test_an_index_stays_when_another_is_deleted(self, gateway):  # TC-171
        uid = await make(gateway, *names("a", "b"))
        gone = await gateway.one(V1_2, *deleting(uid, AttributeReference(Tag.NAME)))
        assert gone.attribute == (name("a"),)
        await gateway.one(V1_2, *adding(uid, name("c")))
        assert [each.index for each in await attributes(gateway, uid, Tag.NAME, version=V1_2)] == [1, 2]

    async def test_the_server_chooses_the_index(self, gateway):
        uid = await make(gateway)
        given = Attribute(Tag.NAME, name("a").value, 3)
        assert await gateway.refused(V1_4, *adding(uid, given)) is R.INVALID_FIELD

    @pytest.mark.parametrize(
        ("version", "reason"), [(V1_4, R.ILLEGAL_OPERATION), (V2_1, R.ATTRIBUTE_SINGLE_VALUED)], ids=str
    )
    async def test_one_value_is_enough_for_most(self, gateway, version, reason):  # BL-M-5
        uid = await make(gateway)
        await gateway.one(version, *adding(uid, Attribute(Tag.DESCRIPTION, "This is opaque")))
        assert await gateway.refused(version, *adding(uid, Attribute(Tag.DESCRIPTION, "duplicate"))) is reason

    @pytest.mark.parametrize(
        ("version", "reason"), [(V1_4, R.ILLEGAL_OPERATION), (V2_1, R.NON_UNIQUE_NAME_ATTRIBUTE)], ids=str
    )
    async def test_a_name_is_one_objects_alone(self, gateway, version, reason):  # BL-M-8
        taken, uid = await make(gateway, name("taken")), await make(gateway, name("own"))
        assert await gateway.refused(version, *adding(uid, name("taken"))) is reason
        assert await gateway.refused(version, *adding(uid, name("own"))) is reason
        await gateway.one(version, *deleting(taken, AttributeReference(Tag.NAME)))
        await gateway.one(version, *adding(uid, name("taken")))

    async def test_the_date_of_the_last_change_moves(self, gateway):
        uid = await make(gateway)
        gateway.clock.now += 100
        await gateway.one(V2_1, *adding(uid, Attribute(Tag.COMMENT, "c")))
        assert await values(gateway, uid, Tag.LAST_CHANGE_DATE) == [NOW + 100]

    async def test_an_operation_policy_name_comes_back(self, gateway):  # Synology, VAST Data
        uid = await make(gateway)
        for policy in ("default", "default"):
            payload = await gateway.one(V1_4, *adding(uid, Attribute(Tag.OPERATION_POLICY_NAME, policy)))
            assert payload.attribute[0].value == policy
        assert await values(gateway, uid, Tag.OPERATION_POLICY_NAME, version=V1_4) == ["default"]
        assert all(each.tag is not Tag.OPERATION_POLICY_NAME for each in await attributes(gateway, uid, version=V2_1))

    async def test_an_attribute_of_a_later_version_is_refused(self, gateway):
        uid = await make(gateway)
        raw = bytearray(messages.request(V1_4, adding(uid, Attribute(Tag.COMMENT, "c"))))
        raw[51] = 0  # The minor version: such a client would not understand the answer.
        (answer,) = messages.answers(await gateway.exchange.answer(bytes(raw), gateway._peer), V1_0)
        assert answer.reason is R.INVALID_FIELD

    async def test_sixteen_custom_attributes_round_trip(self, gateway):  # NetApp ONTAP
        uid = await make(gateway)
        given = [vendor(f"NETAPP-{n}", f"value {n}") for n in range(16)]
        for each in given:
            await gateway.one(V1_2, *adding(uid, each))
        found = [each for each in await attributes(gateway, uid, version=V1_2) if each.tag is Tag.ATTRIBUTE]
        assert sorted((a.name, a.value.raw) for a in found) == sorted((a.name, a.value.raw) for a in given)

    @pytest.mark.parametrize(
        "value",
        [
            Item(ItemType.INTEGER, (7).to_bytes(4, "big")),
            Item(ItemType.BOOLEAN, (1).to_bytes(8, "big")),
            Item(ItemType.DATE_TIME, NOW.to_bytes(8, "big")),
            Item(ItemType.BYTE_STRING, b"abc"),
            Item(ItemType.STRUCTURE, bytes.fromhex("42000a0700000003") + b"abc" + bytes(5)),
        ],
        ids=lambda item: ItemType(item.type).name,
    )
    async def test_a_custom_attribute_may_be_of_any_type(self, gateway, value):
        uid = await make(gateway)
        await gateway.one(V1_4, *adding(uid, vendor("any", value)))
        asked = GetAttributesRequest(
            unique_identifier=uid, attribute_reference=(AttributeReference(Tag.ATTRIBUTE, "x", "any"),)
        )
        for version in (V1_0, V2_1):
            payload = await gateway.one(version, O.GET_ATTRIBUTES, asked)
            assert (payload.attributes[0].value.type, payload.attributes[0].value.raw) == (value.type, value.raw)

    async def test_a_link_to_the_id_placeholder_is_one_to_the_object(self, gateway):
        uid = await make(gateway)
        link = Link(link_type=LinkType.NEXT_LINK, linked_object_identifier=UniqueIdentifierReference.ID_PLACEHOLDER)
        assert await gateway.refused(V2_1, *adding(uid, Attribute(Tag.LINK, link))) is R.OBJECT_NOT_FOUND

    async def test_application_data_is_the_clients(self, gateway):
        uid = await make(gateway)
        given = ApplicationSpecificInformation(application_namespace="ssl", application_data="www.example.com")
        await gateway.one(V1_2, *adding(uid, Attribute(Tag.APPLICATION_SPECIFIC_INFORMATION, given)))
        lacking = ApplicationSpecificInformation(application_namespace="ssl")
        asked = adding(uid, Attribute(Tag.APPLICATION_SPECIFIC_INFORMATION, lacking))
        assert await gateway.refused(V1_2, *asked) is R.APPLICATION_NAMESPACE_NOT_SUPPORTED

    @pytest.mark.parametrize(
        ("version", "reason"), [(V1_4, R.INDEX_OUT_OF_BOUNDS), (V2_1, R.SERVER_LIMIT_EXCEEDED)], ids=str
    )
    async def test_an_object_does_not_grow_without_end(self, gateway, monkeypatch, version, reason):
        monkeypatch.setattr(attribute_changes, "MAX_INSTANCES", 3)
        uid = await make(gateway, *names("a", "b", "c"))
        assert await gateway.refused(version, *adding(uid, name("d"))) is reason

    async def test_nor_by_large_values_and_can_still_be_destroyed(self, gateway, monkeypatch):
        uid = await make(gateway)
        monkeypatch.setattr(attribute_changes, "MAX_OBJECT_BYTES", 2000)
        await gateway.one(V1_4, *adding(uid, vendor("large", "x" * 2000)))
        assert await gateway.refused(V1_4, *adding(uid, vendor("more", "y"))) is R.GENERAL_FAILURE
        await destroy(gateway, uid)

    async def test_a_vendor_attribute_cannot_pass_for_anothers(self, gateway):
        uid = await make(gateway)
        hidden = vendor("serial", "1", of="y\0acme")
        assert await gateway.refused(V2_1, *adding(uid, hidden)) is R.INVALID_ATTRIBUTE_VALUE

    async def test_one_attribute_at_a_time(self, gateway):
        uid = await make(gateway)
        for several in ((), names("a", "b")):
            request = AddAttributeRequest(unique_identifier=uid, new_attribute=several)
            assert await gateway.refused(V2_1, O.ADD_ATTRIBUTE, request) is R.INVALID_MESSAGE


SAMPLES = {
    Tag.UNIQUE_IDENTIFIER: "uid",
    Tag.STATE: State.ACTIVE,
    Tag.INITIAL_DATE: DateTime(0),
    Tag.CERTIFICATE_LENGTH: 123,
    Tag.CRYPTOGRAPHIC_ALGORITHM: CryptographicAlgorithm.AES,
    Tag.CRYPTOGRAPHIC_USAGE_MASK: CryptographicUsageMask.SIGN,
    Tag.LEASE_TIME: Interval(1),
    Tag.ALWAYS_SENSITIVE: True,
    Tag.FRESH: True,
    Tag.DIGEST: Digest(hashing_algorithm=HashingAlgorithm.SHA_256, digest_value=b"d"),
    Tag.ORIGINAL_CREATION_DATE: DateTime(1),
}


@pytest.mark.parametrize("tag", SAMPLES, ids=lambda tag: tag.token)
@pytest.mark.parametrize(("version", "reason"), [(V1_4, R.PERMISSION_DENIED), (V2_1, R.ATTRIBUTE_READ_ONLY)], ids=str)
async def test_what_the_client_cannot_change(gateway, tag, version, reason):  # BL-M-7, BL-M-10
    uid = await make(gateway)
    new = Attribute(tag, SAMPLES[tag])
    for asked in (adding(uid, new), modifying(uid, new), deleting(uid, AttributeReference(tag))):
        assert await gateway.refused(version, *asked) is reason
    if version.major == 2:
        assert await gateway.refused(version, *setting(uid, new)) is reason


@pytest.mark.parametrize("asked", [adding, modifying])
async def test_the_servers_own_prefix_is_not_the_clients(gateway, asked):
    uid = await make(gateway)
    assert await gateway.refused(V1_4, *asked(uid, vendor("serial", "1", of="y"))) is R.PERMISSION_DENIED


class TestModifyAttribute:
    async def test_1x_says_which_by_index(self, gateway):
        uid = await make(gateway, *names("a", "b"))
        payload = await gateway.one(V1_4, *modifying(uid, Attribute(Tag.NAME, name("B").value, 1)))
        assert payload.attribute == (Attribute(Tag.NAME, name("B").value, 1),)
        assert [each.name_value for each in await values(gateway, uid, Tag.NAME)] == ["a", "B"]
        missing = modifying(uid, Attribute(Tag.NAME, name("c").value, 2))
        assert await gateway.refused(V1_4, *missing) is R.ITEM_NOT_FOUND

    async def test_an_index_of_0_does_no_harm_to_a_single_value(self, gateway):  # TC-171
        uid = await make(gateway, Attribute(Tag.CONTACT_INFORMATION, "admin@localhost"))
        payload = await gateway.one(V1_2, *modifying(uid, Attribute(Tag.CONTACT_INFORMATION, "donald@localhost")))
        assert payload.attribute == (Attribute(Tag.CONTACT_INFORMATION, "donald@localhost"),)

    async def test_2x_says_which_by_value(self, gateway):
        uid = await make(gateway, *names("a", "b"))
        await gateway.one(V2_1, *modifying(uid, name("B"), name("b")))
        assert [each.name_value for each in await values(gateway, uid, Tag.NAME)] == ["a", "B"]
        assert await gateway.refused(V2_1, *modifying(uid, name("C"), name("c"))) is R.ATTRIBUTE_INSTANCE_NOT_FOUND
        assert await gateway.refused(V2_1, *modifying(uid, name("C"))) is R.ATTRIBUTE_INSTANCE_NOT_FOUND
        other = modifying(uid, name("C"), Attribute(Tag.COMMENT, "c"))
        assert await gateway.refused(V2_1, *other) is R.INVALID_FIELD

    async def test_2x_needs_no_value_of_the_only_one(self, gateway):
        uid = await make(gateway, vendor("VendorAttribute3", "old"))
        await gateway.one(V2_1, *modifying(uid, vendor("VendorAttribute3", "new")))
        found = await values(gateway, uid, Tag.ATTRIBUTE)
        assert found == []  # A reference by tag alone is to a vendor attribute without vendor and name.
        again = modifying(uid, vendor("VendorAttribute3", "newer"), vendor("VendorAttribute3", "new"))
        await gateway.one(V2_1, *again)

    @pytest.mark.parametrize(("version", "reason"), [(V1_4, R.INVALID_FIELD), (V2_1, R.ATTRIBUTE_NOT_FOUND)], ids=str)
    async def test_what_is_not_there_must_be_added_first(self, gateway, version, reason):
        uid = await make(gateway)
        assert await gateway.refused(version, *modifying(uid, Attribute(Tag.COMMENT, "c"))) is reason

    async def test_a_key_is_renamed_before_and_after_activation(self, gateway):  # Synology
        for dates in ((), (ACTIVE,)):
            uid = await make(gateway, name(f"key {dates}"), *dates)
            payload = await gateway.one(V1_2, *modifying(uid, name(f"{uid}-deprecated-1")))
            assert payload.attribute[0].value.name_value == f"{uid}-deprecated-1"

    async def test_a_destroyed_object_stays_as_it_is(self, gateway):
        uid = await make(gateway, name("n"))
        await destroy(gateway, uid)
        assert await gateway.refused(V2_1, *modifying(uid, name("m"))) is R.OBJECT_DESTROYED
        assert await gateway.refused(V1_4, *adding(uid, name("m"))) is R.ITEM_NOT_FOUND

    async def test_others_change_nothing(self, gateway):
        uid = await make(gateway, name("n"))
        for asked in (adding, modifying, setting):
            assert await gateway.other.refused(V2_1, *asked(uid, name("m"))) is R.OBJECT_NOT_FOUND


class TestDates:
    async def test_an_activation_date_that_has_come_activates(self, gateway):
        uid = await make(gateway, date(Tag.ACTIVATION_DATE, NOW + 1000))
        assert await state(gateway, uid) is State.PRE_ACTIVE
        await gateway.one(V2_1, *modifying(uid, date(Tag.ACTIVATION_DATE, NOW)))
        assert await state(gateway, uid) is State.ACTIVE

    async def test_a_deactivation_date_that_has_come_deactivates(self, gateway):  # TC-92
        uid = await make(gateway)
        await gateway.one(V1_0, *adding(uid, date(Tag.ACTIVATION_DATE, NOW - 20)))
        payload = await gateway.one(V1_0, *adding(uid, date(Tag.DEACTIVATION_DATE, NOW - 10)))
        assert payload.attribute[0].value == NOW - 10
        assert await state(gateway, uid) is State.DEACTIVATED

    @pytest.mark.parametrize(
        ("version", "reason"),
        [(V1_4, R.PERMISSION_DENIED), (V2_0, R.PERMISSION_DENIED), (V2_1, R.WRONG_KEY_LIFECYCLE_STATE)],
        ids=str,
    )
    async def test_an_active_object_keeps_its_activation_date(self, gateway, version, reason):  # SKLC-M-3
        uid = await make(gateway, ACTIVE)
        assert await gateway.refused(version, *modifying(uid, date(Tag.ACTIVATION_DATE, NOW))) is reason

    async def test_a_deactivated_object_keeps_its_deactivation_date(self, gateway):
        uid = await make(gateway, ACTIVE, date(Tag.DEACTIVATION_DATE, NOW - 1))
        later = date(Tag.DEACTIVATION_DATE, NOW + 1)
        assert await gateway.refused(V2_1, *modifying(uid, later)) is R.WRONG_KEY_LIFECYCLE_STATE

    @pytest.mark.parametrize("tag", [Tag.PROCESS_START_DATE, Tag.PROTECT_STOP_DATE], ids=lambda tag: tag.token)
    async def test_a_date_of_use_moves_until_it_is_reached(self, gateway, tag):
        uid = await make(gateway, ACTIVE, date(tag, NOW + 10))
        await gateway.one(V2_1, *setting(uid, date(tag, NOW + 20)))
        gateway.clock.now += 20
        assert await gateway.refused(V2_1, *setting(uid, date(tag, NOW + 30))) is R.WRONG_KEY_LIFECYCLE_STATE

    @pytest.mark.parametrize(
        ("version", "reason"), [(V1_4, R.INVALID_FIELD), (V2_1, R.INVALID_ATTRIBUTE_VALUE)], ids=str
    )
    async def test_dates_keep_their_order(self, gateway, version, reason):
        uid = await make(gateway, date(Tag.ACTIVATION_DATE, NOW + 100), date(Tag.DEACTIVATION_DATE, NOW + 200))
        late = date(Tag.PROTECT_STOP_DATE, NOW + 201)
        assert await gateway.refused(version, *adding(uid, late)) is reason
        assert await gateway.refused(version, *modifying(uid, date(Tag.DEACTIVATION_DATE, NOW + 99))) is reason

    async def test_a_date_of_life_cannot_be_deleted(self, gateway):
        uid = await make(gateway, date(Tag.ACTIVATION_DATE, NOW + 100))
        assert await gateway.refused(V2_1, *deleting(uid, AttributeReference(Tag.ACTIVATION_DATE))) is (
            R.ATTRIBUTE_READ_ONLY
        )


class TestWhatCannotBeUndone:
    @pytest.mark.parametrize(
        ("tag", "stays", "ever"),
        [(Tag.SENSITIVE, True, Tag.ALWAYS_SENSITIVE), (Tag.EXTRACTABLE, False, Tag.NEVER_EXTRACTABLE)],
    )
    async def test_a_key_never_becomes_easier_to_take_out(self, gateway, tag, stays, ever):  # TC-SETATTR-1
        uid = await make(gateway)
        await gateway.one(V2_1, *setting(uid, Attribute(tag, stays)))
        await gateway.one(V2_1, *setting(uid, Attribute(tag, stays)))
        assert await values(gateway, uid, tag) == [stays]
        assert await values(gateway, uid, ever) == [False]  # It was otherwise once.
        back = Attribute(tag, not stays)
        for asked in (setting(uid, back), modifying(uid, back)):
            assert await gateway.refused(V2_1, *asked) is R.ATTRIBUTE_READ_ONLY
        negated = adjusting(uid, AttributeReference(tag), AdjustmentType.NEGATE)
        assert await gateway.refused(V2_1, *negated) is R.ATTRIBUTE_READ_ONLY

    async def test_usage_limits_start_full_and_stay_once_used(self, gateway):
        def limits(total, count=None, unit=UsageLimitsUnit.BYTE):
            counted = None if count is None else LongInteger(count)
            value = UsageLimits(
                usage_limits_total=LongInteger(total), usage_limits_count=counted, usage_limits_unit=unit
            )
            return Attribute(Tag.USAGE_LIMITS, value)

        uid = await make(gateway, Attribute(Tag.ACTIVATION_DATE, DateTime(1)))
        payload = await gateway.one(V1_2, *adding(uid, limits(1000, 5)))
        assert payload.attribute == (limits(1000, 1000),)
        await gateway.one(V2_1, *modifying(uid, limits(500)))
        assert await values(gateway, uid, Tag.USAGE_LIMITS) == [limits(500, 500).value]
        assert await gateway.refused(V2_1, *modifying(uid, limits(-1))) is R.INVALID_ATTRIBUTE_VALUE
        call = call_of(gateway)
        await call.spend(call.find(uid), 100)
        assert await gateway.refused(V2_1, *modifying(uid, limits(900))) is R.ATTRIBUTE_READ_ONLY
        assert await gateway.refused(V1_4, *deleting(uid, AttributeReference(Tag.USAGE_LIMITS))) is R.PERMISSION_DENIED


class TestDeleteAttribute:
    async def test_1x_gives_back_what_is_gone(self, gateway):
        uid = await make(gateway, *names("a", "b"))
        payload = await gateway.one(V1_2, *deleting(uid, AttributeReference(Tag.NAME), index=1))
        assert payload.attribute == (Attribute(Tag.NAME, name("b").value, 1),)
        again = deleting(uid, AttributeReference(Tag.NAME), index=1)
        assert await gateway.refused(V1_2, *again) in (R.ITEM_NOT_FOUND, R.INDEX_OUT_OF_BOUNDS)

    async def test_2x_deletes_all_instances_by_reference(self, gateway):
        uid = await make(gateway, *names("a", "b"))
        await gateway.one(V2_1, *deleting(uid, AttributeReference(Tag.NAME)))
        assert await values(gateway, uid, Tag.NAME) == []
        assert await gateway.refused(V2_1, *deleting(uid, AttributeReference(Tag.NAME))) is R.ATTRIBUTE_NOT_FOUND

    async def test_2x_deletes_one_by_value(self, gateway):
        uid = await make(gateway, *names("a", "b"))
        await gateway.one(V2_1, *deleting(uid, current=(name("a"),)))
        assert [each.name_value for each in await values(gateway, uid, Tag.NAME)] == ["b"]
        gone = deleting(uid, current=(name("a"),))
        assert await gateway.refused(V2_1, *gone) is R.ATTRIBUTE_INSTANCE_NOT_FOUND

    async def test_a_vendor_attribute_goes_by_vendor_and_name(self, gateway):
        uid = await make(gateway, vendor("attribute1", "1"), vendor("attribute2", "2"))
        await gateway.one(V2_1, *deleting(uid, AttributeReference(Tag.ATTRIBUTE, "x", "attribute1")))
        left = [each for each in await attributes(gateway, uid) if each.tag is Tag.ATTRIBUTE]
        assert [each.name for each in left] == ["attribute2"]

    @pytest.mark.parametrize(
        ("named", "current", "reason"),
        [
            ((), (), R.INVALID_MESSAGE),
            ((AttributeReference(Tag.COMMENT),), (name("a"),), R.INVALID_FIELD),
            ((AttributeReference(Tag.COMMENT), AttributeReference(Tag.NAME)), (), R.INVALID_FIELD),
        ],
    )
    async def test_the_request_is_about_one_attribute(self, gateway, named, current, reason):
        uid = await make(gateway, name("a"))
        assert await gateway.refused(V2_1, *deleting(uid, *named, current=current)) is reason


class TestSetAttribute:
    async def test_it_adds_or_replaces_but_does_not_choose(self, gateway):  # TC-SETATTR-2, TC-SETATTR-3
        uid = await make(gateway)
        for text in ("one", "two"):
            await gateway.one(V2_1, *setting(uid, vendor("Set", text, of="tc")))
            found = [each.value.raw for each in await attributes(gateway, uid) if each.tag is Tag.ATTRIBUTE]
            assert found == [text.encode()]
        await gateway.one(V2_1, *adding(uid, vendor("Set", "three", of="tc")))
        assert await gateway.refused(V2_1, *setting(uid, vendor("Set", "four", of="tc"))) is R.MULTI_VALUED_ATTRIBUTE

    async def test_1x_has_no_such_operation(self, gateway):
        uid = await make(gateway)
        assert await gateway.refused(V1_4, *setting(uid, name("n"))) is R.OPERATION_NOT_SUPPORTED


def item(kind, number, size):
    return Item(kind, number.to_bytes(size, "big", signed=True))


@pytest.mark.parametrize(
    ("before", "kind", "by", "after"),
    [
        (item(ItemType.INTEGER, 5, 4), AdjustmentType.INCREMENT, None, 6),
        (item(ItemType.INTEGER, 5, 4), AdjustmentType.DECREMENT, 7, -2),
        (item(ItemType.INTEGER, 5, 4), AdjustmentType.NEGATE, None, -5),
        (item(ItemType.INTEGER, 2**31 - 1, 4), AdjustmentType.INCREMENT, None, R.NUMERIC_RANGE),
        (item(ItemType.LONG_INTEGER, 2**40, 8), AdjustmentType.INCREMENT, 2, 2**40 + 2),
        (item(ItemType.BIG_INTEGER, 2**63 - 1, 8), AdjustmentType.INCREMENT, None, 2**63),
        (item(ItemType.INTERVAL, 60, 4), AdjustmentType.DECREMENT, 60, 0),
        (item(ItemType.INTERVAL, 60, 4), AdjustmentType.DECREMENT, 61, R.NUMERIC_RANGE),
        (item(ItemType.DATE_TIME, NOW, 8), AdjustmentType.INCREMENT, None, NOW + 1),
        (item(ItemType.DATE_TIME_EXTENDED, NOW * 10**6, 8), AdjustmentType.DECREMENT, None, NOW * 10**6 - 1),
        (item(ItemType.BOOLEAN, 1, 8), AdjustmentType.NEGATE, None, 0),
        (item(ItemType.BOOLEAN, 1, 8), AdjustmentType.INCREMENT, None, R.INVALID_DATA_TYPE),
        (item(ItemType.DATE_TIME, NOW, 8), AdjustmentType.NEGATE, None, R.INVALID_DATA_TYPE),
        (Item(ItemType.TEXT_STRING, b"5"), AdjustmentType.INCREMENT, None, R.INVALID_DATA_TYPE),
    ],
)
async def test_numbers_are_adjusted(gateway, before, kind, by, after):
    uid = await make(gateway, vendor("n", before))
    asked = adjusting(uid, AttributeReference(Tag.ATTRIBUTE, "x", "n"), kind, by)
    if isinstance(after, ResultReason):
        assert await gateway.refused(V2_1, *asked) is after
        return
    await gateway.one(V2_1, *asked)
    (found,) = [each.value for each in await attributes(gateway, uid) if each.tag is Tag.ATTRIBUTE]
    assert found.type == before.type
    assert int.from_bytes(found.raw, "big", signed=True) == after


class TestAdjustAttribute:
    async def test_an_attribute_of_the_standard(self, gateway):
        uid = await make(gateway, Attribute(Tag.PROTECTION_PERIOD, Interval(10)), date(Tag.ACTIVATION_DATE, NOW + 5))
        await gateway.one(V2_1, *adjusting(uid, AttributeReference(Tag.PROTECTION_PERIOD), by=Interval(5)))
        assert await values(gateway, uid, Tag.PROTECTION_PERIOD) == [15]
        back = adjusting(uid, AttributeReference(Tag.ACTIVATION_DATE), AdjustmentType.DECREMENT, Interval(5))
        await gateway.one(V2_1, *back)
        assert await state(gateway, uid) is State.ACTIVE
        assert await gateway.refused(V2_1, *back) is R.WRONG_KEY_LIFECYCLE_STATE

    async def test_what_cannot_be_adjusted(self, gateway):
        uid = await make(gateway, vendor("n", "1"), Attribute(Tag.ATTRIBUTE, vendor("n", "2").value, 1, "x", "n"))
        several = AttributeReference(Tag.ATTRIBUTE, "x", "n")
        assert await gateway.refused(V2_1, *adjusting(uid, several)) is R.MULTI_VALUED_ATTRIBUTE
        absent = AttributeReference(Tag.PROTECTION_PERIOD)
        assert await gateway.refused(V2_1, *adjusting(uid, absent)) is R.ITEM_NOT_FOUND
        fixed = AttributeReference(Tag.CRYPTOGRAPHIC_LENGTH)
        assert await gateway.refused(V2_1, *adjusting(uid, fixed)) is R.ATTRIBUTE_READ_ONLY
        named = AttributeReference(Tag.NAME)
        uid = await make(gateway, name("n"))
        assert await gateway.refused(V2_1, *adjusting(uid, named)) is R.INVALID_DATA_TYPE


async def test_clients_that_add_at_once_each_get_their_own_index(gateway):
    uid = await make(gateway)
    asked = [gateway.one(V1_4, *adding(uid, name(f"n{n}"))) for n in range(20)]
    told = [payload.attribute[0] for payload in await asyncio.gather(*asked)]
    assert sorted(each.index for each in told) == list(range(20))
    assert {each.value.name_value for each in told} == {f"n{n}" for n in range(20)}
    assert list(told) == sorted(await attributes(gateway, uid, Tag.NAME, version=V1_4), key=told.index)


async def test_undo_takes_changes_back(gateway):
    uid = await make(gateway, name("before"))
    answers = await gateway.ask(
        V2_1,
        modifying(uid, name("after")),
        adding(uid, Attribute(Tag.STATE, State.ACTIVE)),
        batch_error_continuation_option=BatchErrorContinuationOption.UNDO,
    )
    assert [each.status for each in answers] == [ResultStatus.OPERATION_UNDONE, ResultStatus.OPERATION_FAILED]
    assert [each.name_value for each in await values(gateway, uid, Tag.NAME)] == ["before"]
    await make(gateway, name("after"))  # The name is free again.


async def test_what_a_revoked_object_tells(gateway):
    reason = RevocationReason(revocation_reason_code=RevocationReasonCode.KEY_COMPROMISE)
    uid = await make(gateway, Attribute(Tag.REVOCATION_REASON, reason), date(Tag.COMPROMISE_DATE, NOW))
    assert await values(gateway, uid, Tag.REVOCATION_REASON, Tag.STATE) == [State.COMPROMISED, reason]
