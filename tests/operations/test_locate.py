"""Locate: every condition counts, nobody finds another's objects, and what is found comes the newest first."""

import pytest

from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    CryptographicUsageMask,
    HashingAlgorithm,
    LinkType,
    NameType,
    ObjectGroupMember,
    ObjectType,
    Operation,
    ResultReason,
    ResultStatus,
    State,
    StorageStatusMask,
    UsageLimitsUnit,
)
from gateway.kmip.structure import Attribute, DateTime, Item, LongInteger, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import (
    ApplicationSpecificInformation,
    CryptographicParameters,
    Digest,
    Link,
    UsageLimits,
    X509CertificateIdentifier,
)
from gateway.kmip.version import SUPPORTED, V1_0, V1_2, V1_3, V1_4, V2_1
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.locate import LocateRequest
from tests.operations.making import call_of, destroy, make, name, names, vendor

M, O, R = CryptographicUsageMask, Operation, ResultReason  # noqa: E741
NOW = 1_700_000_000
CONTINUE = BatchErrorContinuationOption.CONTINUE
ON_LINE, ARCHIVAL, DESTROYED = StorageStatusMask


def date(tag, seconds):
    return Attribute(tag, DateTime(seconds))


async def located(client, *asked, version=V2_1, **fields):
    payload = await client.one(version, O.LOCATE, LocateRequest(attributes=asked, **fields))
    return list(payload.unique_identifier)


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_all_of_ones_own_and_the_newest_first(gateway, version):
    mine = [await make(gateway) for _ in range(3)]
    theirs = await make(gateway.other)
    assert await located(gateway, version=version) == mine[::-1]
    assert await located(gateway.other, version=version) == [theirs]
    assert await located(gateway, Attribute(Tag.UNIQUE_IDENTIFIER, theirs), version=version) == []


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_names_are_compared_exactly(gateway, version):  # FortiOS
    a, ab = await make(gateway, name("key-a")), await make(gateway, *names("key-ab", "x"))
    assert await located(gateway, name("key-a"), version=version) == [a]
    assert await located(gateway, name("x"), name("key-ab"), version=version) == [ab]
    for missing in ("KEY-A", "key-*", "key", ""):
        assert await located(gateway, name(missing), version=version) == []
    assert await located(gateway, name("key-a", NameType.URI), version=version) == []
    assert await located(gateway, name("key-a"), name("key-ab"), version=version) == []


async def test_a_hundred_conditions_are_enough(gateway):
    uid = await make(gateway, *names(*(f"n{n}" for n in range(100))))
    asked = [name(f"n{n}") for n in range(100)]
    assert await located(gateway, *asked) == [uid]
    request = LocateRequest(attributes=(*asked, name("n")))
    assert await gateway.refused(V2_1, O.LOCATE, request) is R.SERVER_LIMIT_EXCEEDED


async def test_types_of_two_names_are_not_mixed(gateway):
    await make(gateway, name("a"), Attribute(Tag.NAME, name("b", NameType.URI).value, 1))
    assert await located(gateway, name("b")) == []
    assert len(await located(gateway, name("b", NameType.URI))) == 1


LINK = Attribute(Tag.LINK, Link(link_type=LinkType.NEXT_LINK, linked_object_identifier="other"))
LIMITS = Attribute(
    Tag.USAGE_LIMITS,
    UsageLimits(usage_limits_total=LongInteger(100), usage_limits_unit=UsageLimitsUnit.BYTE),
)
ASI = Attribute(
    Tag.APPLICATION_SPECIFIC_INFORMATION,
    ApplicationSpecificInformation(application_namespace="LIBRARY-LTO", application_data="1234"),
)
PARAMETERS = Attribute(
    Tag.CRYPTOGRAPHIC_PARAMETERS,
    CryptographicParameters(hashing_algorithm=HashingAlgorithm.SHA_256, tag_length=16),
)
DIGEST = Attribute(Tag.DIGEST, Digest(hashing_algorithm=HashingAlgorithm.SHA_256, digest_value=b"digest"))
SERIAL = bytes.fromhex("0900d2f5bad76a5ac8f9")[1:]
CERTIFICATE = Attribute(
    Tag.X_509_CERTIFICATE_IDENTIFIER,
    X509CertificateIdentifier(issuer_distinguished_name=b"issuer", certificate_serial_number=SERIAL),
)


def limits(total, count=None, unit=UsageLimitsUnit.BYTE):
    counted = None if count is None else LongInteger(count)
    value = UsageLimits(usage_limits_total=LongInteger(total), usage_limits_count=counted, usage_limits_unit=unit)
    return Attribute(Tag.USAGE_LIMITS, value)


def certificate(serial, issuer=b"issuer"):
    value = X509CertificateIdentifier(issuer_distinguished_name=issuer, certificate_serial_number=serial)
    return Attribute(Tag.X_509_CERTIFICATE_IDENTIFIER, value)


def link(kind, uid):
    return Attribute(Tag.LINK, Link(link_type=kind, linked_object_identifier=uid))


def parameters(**fields):
    return Attribute(Tag.CRYPTOGRAPHIC_PARAMETERS, CryptographicParameters(**fields))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Attribute(Tag.OBJECT_TYPE, ObjectType.CERTIFICATE), True),
        (Attribute(Tag.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY), False),
        (Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256), True),
        (Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 128), False),
        (Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT), True),
        (Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT), True),
        (Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.SIGN), False),
        (Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M(0)), True),
        (Attribute(Tag.SENSITIVE, False), True),
        (Attribute(Tag.SENSITIVE, True), False),
        (Attribute(Tag.CONTACT_INFORMATION, "admin"), True),
        (Attribute(Tag.CONTACT_INFORMATION, "admi"), False),
        (Attribute(Tag.OBJECT_GROUP, "g2"), True),
        (Attribute(Tag.OBJECT_GROUP, "g3"), False),
        (LINK, True),
        (link(LinkType.PREVIOUS_LINK, "other"), False),
        (link(LinkType.NEXT_LINK, "another"), False),
        (ASI, True),
        (Attribute(ASI.tag, ApplicationSpecificInformation(application_namespace="LIBRARY-LTO")), True),
        (Attribute(ASI.tag, ApplicationSpecificInformation(application_namespace="LIBRARY")), False),
        (
            Attribute(
                ASI.tag,
                ApplicationSpecificInformation(application_namespace="LIBRARY-LTO", application_data="12345"),
            ),
            False,
        ),
        (PARAMETERS, True),
        (parameters(tag_length=16), True),
        (parameters(tag_length=12), False),
        (parameters(tag_length=16, iv_length=96), False),
        (parameters(), True),
        (DIGEST, True),
        (Attribute(Tag.DIGEST, Digest(hashing_algorithm=HashingAlgorithm.SHA_256)), True),
        (Attribute(Tag.DIGEST, Digest(hashing_algorithm=HashingAlgorithm.SHA_512, digest_value=b"digest")), False),
        (limits(100), True),
        (limits(99, 50), True),
        (limits(101), False),
        (limits(100, 101), False),
        (limits(100, unit=UsageLimitsUnit.OBJECT), False),
        (certificate(SERIAL), True),
        (certificate(b"\x02" + bytes([len(SERIAL)]) + SERIAL), True),  # TC-PKCS12-2
        (certificate(b"\x02\x01\x05"), False),
        (certificate(SERIAL, b"another"), False),
        (vendor("ResourceID", "r1"), True),
        (vendor("ResourceID", "r2"), False),
        (vendor("ResourceID", "r1", of="acme"), False),
        (vendor("SystemID", "r1"), False),
        (vendor("ResourceID", Item(8, b"r1")), False),
        (vendor("Long", "l" * 1000), True),
        (vendor("Long", "l" * 999), False),
        (Attribute(Tag.KEY_VALUE_PRESENT, False), False),
    ],
)
async def test_a_condition(gateway, asked, found):
    uid = await make(
        gateway,
        *names("n"),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT),
        Attribute(Tag.CONTACT_INFORMATION, "admin"),
        Attribute(Tag.OBJECT_GROUP, "g1"),
        Attribute(Tag.OBJECT_GROUP, "g2", 1),
        LINK, LIMITS, ASI, PARAMETERS, DIGEST, CERTIFICATE,
        vendor("ResourceID", "r1"),
        vendor("Long", "l" * 1000),
        object_type=ObjectType.CERTIFICATE,
    )  # fmt: skip
    await make(gateway, name("decoy"))
    assert (uid in await located(gateway, asked)) == found
    assert await located(gateway, asked, name("n")) == ([uid] if found else [])
    assert await located(gateway, asked, name("absent")) == []


class TestDates:
    async def test_one_is_a_moment_and_two_are_a_range(self, gateway):
        uids = [await make(gateway, date(Tag.ACTIVATION_DATE, NOW + n)) for n in (0, 10, 20)]

        def dates(*seconds):
            return [date(Tag.ACTIVATION_DATE, NOW + each) for each in seconds]

        assert await located(gateway, *dates(10)) == [uids[1]]
        assert await located(gateway, *dates(11)) == []
        assert await located(gateway, *dates(0, 10)) == [uids[1], uids[0]]
        assert await located(gateway, *dates(20, 10)) == [uids[2], uids[1]]
        assert await located(gateway, *dates(1, 9)) == []
        request = LocateRequest(attributes=tuple(dates(1, 2, 3)))
        assert await gateway.refused(V2_1, O.LOCATE, request) is R.INVALID_FIELD

    @pytest.mark.parametrize("tag", [Tag.INITIAL_DATE, Tag.LAST_CHANGE_DATE, Tag.ORIGINAL_CREATION_DATE])
    async def test_dates_of_the_server(self, gateway, tag):
        uid = await make(gateway, date(Tag.ORIGINAL_CREATION_DATE, NOW))
        assert await located(gateway, date(tag, NOW - 20), date(tag, NOW + 20), version=V1_4) == [uid]
        assert await located(gateway, date(tag, NOW - 20), date(tag, NOW - 10), version=V1_4) == []


async def test_the_state_is_that_of_now(gateway):
    uid = await make(gateway, date(Tag.ACTIVATION_DATE, NOW + 10), date(Tag.DEACTIVATION_DATE, NOW + 20))
    await make(gateway, date(Tag.COMPROMISE_DATE, NOW))

    async def states():
        return [each for each in State if uid in await located(gateway, Attribute(Tag.STATE, each))]

    assert await states() == [State.PRE_ACTIVE]
    gateway.clock.now = NOW + 10
    assert await states() == [State.ACTIVE]
    gateway.clock.now = NOW + 20
    assert await states() == [State.DEACTIVATED]
    assert len(await located(gateway, Attribute(Tag.STATE, State.COMPROMISED))) == 1


class TestStorage:
    async def test_what_is_destroyed_or_archived_is_found_only_when_asked_for(self, gateway):
        online, archived, destroyed, compromised = [await make(gateway, Attribute(Tag.COMMENT, "c")) for _ in range(4)]
        call = call_of(gateway)
        row_id = call.find(archived).row.id
        await call.store.write(lambda transaction: transaction.set_storage(row_id, archived=True))
        await destroy(gateway, destroyed)
        await destroy(gateway, compromised, compromised=True)
        asked = Attribute(Tag.COMMENT, "c")
        assert await located(gateway, asked) == [online]
        assert await located(gateway, asked, storage_status_mask=ON_LINE) == [online]
        assert await located(gateway, asked, storage_status_mask=ON_LINE | ARCHIVAL) == [archived, online]
        assert await located(gateway, asked, storage_status_mask=DESTROYED) == [compromised, destroyed]
        assert await located(gateway, asked, storage_status_mask=StorageStatusMask(0)) == []
        state = Attribute(Tag.STATE, State.DESTROYED)
        assert await located(gateway, state) == []
        assert await located(gateway, state, storage_status_mask=DESTROYED) == [destroyed]
        state = Attribute(Tag.STATE, State.DESTROYED_COMPROMISED)
        assert await located(gateway, state, storage_status_mask=DESTROYED) == [compromised]


class TestPages:
    async def test_offset_and_maximum(self, gateway):  # TC-OFFSET-1, TC-OFFSET-2
        uids = [await make(gateway, vendor("Group", "TC-OFFSET-2")) for _ in range(5)][::-1]
        for offset, maximum in ((None, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 1), (None, 0), (1, None)):
            request = LocateRequest(
                maximum_items=maximum, offset_items=offset, attributes=(vendor("Group", "TC-OFFSET-2"),)
            )
            payload = await gateway.one(V1_3, O.LOCATE, request)
            end = None if maximum is None else (offset or 0) + maximum
            assert list(payload.unique_identifier) == uids[offset:end]
            assert payload.located_items == 5

    async def test_older_versions_are_told_no_count(self, gateway):
        await make(gateway)
        payload = await gateway.one(V1_2, O.LOCATE, LocateRequest())
        assert payload.located_items is None

    @pytest.mark.parametrize("fields", [{"maximum_items": -1}, {"offset_items": -1}])
    async def test_numbers_are_not_negative(self, gateway, fields):
        assert await gateway.refused(V2_1, O.LOCATE, LocateRequest(**fields)) is R.INVALID_FIELD


class TestGroups:
    GROUP = Attribute(Tag.OBJECT_GROUP, "g")
    FRESH = ObjectGroupMember.GROUP_MEMBER_FRESH
    DEFAULT = ObjectGroupMember.GROUP_MEMBER_DEFAULT

    async def served(self, gateway, uid):
        """Note as Get does that an object is no longer fresh."""
        call = call_of(gateway)
        await call.change(call.find(uid), lambda current: sets.put(current.attributes, Tag.FRESH, False))

    async def test_fresh_members_are_a_queue(self, gateway):  # TC-152
        first, second = await make(gateway, self.GROUP), await make(gateway, self.GROUP)
        await make(gateway, Attribute(Tag.OBJECT_GROUP, "another"))
        asked = {"object_group_member": self.FRESH, "version": V1_2}
        assert await located(gateway, self.GROUP, **asked) == [first, second]
        for uid in (first, second):
            assert await located(gateway, self.GROUP, maximum_items=1, **asked) == [uid]
            await self.served(gateway, uid)
        assert await located(gateway, self.GROUP, **asked) == []

    async def test_the_default_member_changes_with_use(self, gateway):  # TC-153
        uids = [await make(gateway, self.GROUP) for _ in range(3)]
        for uid in (*uids, uids[0]):
            found = await located(gateway, self.GROUP, object_group_member=self.DEFAULT, maximum_items=1)
            assert found == [uid]
            await self.served(gateway, uid)

    async def test_other_conditions_count_too(self, gateway):
        await make(gateway, self.GROUP)
        uid = await make(gateway, self.GROUP, Attribute(Tag.CRYPTOGRAPHIC_PARAMETERS, PARAMETERS.value))
        for member in (self.FRESH, self.DEFAULT):
            found = await located(gateway, self.GROUP, parameters(tag_length=16), object_group_member=member)
            assert found == [uid]

    async def test_a_member_is_of_a_group(self, gateway):
        request = LocateRequest(object_group_member=self.FRESH)
        assert await gateway.refused(V2_1, O.LOCATE, request) is R.INVALID_FIELD


class TestPlaceholder:
    async def placed(self, gateway, version=V1_4, **fields):
        """Tell which object the ID Placeholder means after a Locate."""
        _, answer = await gateway.ask(
            version, (O.LOCATE, LocateRequest(**fields)), (O.GET_ATTRIBUTES, GetAttributesRequest())
        )
        return answer.payload.unique_identifier if answer.status is ResultStatus.SUCCESS else answer.reason

    async def test_one_object_found_is_meant(self, gateway):
        uid = await make(gateway, name("a"))
        await make(gateway, name("b"))
        assert await self.placed(gateway, attributes=(name("a"),)) == uid

    @pytest.mark.parametrize(("version", "reason"), [(V1_4, R.ITEM_NOT_FOUND), (V2_1, R.OBJECT_NOT_FOUND)], ids=str)
    async def test_none_or_several_are_not(self, gateway, version, reason):  # TC-314
        for text in ("a", "b"):
            await make(gateway, name(text))
        for fields in ({}, {"maximum_items": 2}, {"offset_items": 1}, {"attributes": (name("c"),)}):
            assert await self.placed(gateway, version, **fields) is reason

    async def test_the_only_one_that_was_wanted_is(self, gateway):
        await make(gateway)
        newest = await make(gateway)
        assert await self.placed(gateway, maximum_items=1) == newest


class Named(Structure):
    """An Attribute of 1.x by parts."""

    attribute_name: str
    attribute_value: str


class NameParts(Structure):
    """A Name of 1.x by parts."""

    name_value: str
    name_type: NameType


class NamedName(Structure):
    """The Name of an object as an Attribute of 1.x."""

    attribute_name: str
    attribute_value: NameParts


class Wrapped(Structure):
    """A Template-Attribute with a Name in it, bare or as an Attribute."""

    name: NameParts | None = None
    attribute: NamedName | None = None


class Bare(Structure):
    """Locate with whatever a client wraps its conditions in."""

    maximum_items: int | None = None
    template_attribute: Wrapped | None = None
    attribute: tuple[Named, ...] = ()


async def test_conditions_wrapped_in_a_template_attribute_count(gateway):  # FortiOS
    await make(gateway, name("key-1"))
    uid = await make(gateway, name("key-2"))
    await make(gateway, name("key-3"))
    parts = NameParts(name_value="key-2", name_type=NameType.UNINTERPRETED_TEXT_STRING)
    named = NamedName(attribute_name="Name", attribute_value=parts)
    for wrapped in (Wrapped(name=parts), Wrapped(attribute=named)):
        payload = await gateway.one(V1_0, O.LOCATE, Bare(maximum_items=1, template_attribute=wrapped))
        assert payload.unique_identifier == (uid,)


@pytest.mark.parametrize("asked", ["Cryptographic Usage Masc", "Unknown"])
async def test_an_unknown_condition_never_means_all(gateway, asked):  # ScyllaDB
    await make(gateway)
    request = Bare(attribute=(Named(attribute_name=asked, attribute_value="v"),))
    (refused, answered) = await gateway.ask(
        V1_4, (O.LOCATE, request), (O.LOCATE, LocateRequest()), batch_error_continuation_option=CONTINUE
    )
    assert refused.reason is R.INVALID_FIELD
    assert len(answered.payload.unique_identifier) == 1
