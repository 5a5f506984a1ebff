"""The table of attributes in use: what each lets a client do, in every version that has it (KMIP 2.1 section 4)."""

import pytest

from gateway.kmip.attributes import ATTRIBUTES, By
from gateway.kmip.enums import (
    AlternativeNameType,
    BlockCipherMode,
    KeyValueLocationType,
    LinkType,
    NameType,
    Operation,
    ProtectionLevel,
    ResultReason,
    RotateNameType,
    UsageLimitsUnit,
)
from gateway.kmip.structure import Attribute, AttributeReference, DateTime, Interval, Item, LongInteger
from gateway.kmip.tags import Tag
from gateway.kmip.values import (
    AlternativeName,
    ApplicationSpecificInformation,
    CryptographicParameters,
    KeyValueLocation,
    Link,
    Name,
    RotateName,
    UsageLimits,
)
from gateway.kmip.version import SUPPORTED, V2_0
from gateway.operations.locate import LocateRequest
from tests.operations.making import make
from tests.operations.test_attributes import NOW, adding, attributes, deleting, modifying

O, R, T = Operation, ResultReason, Tag  # noqa: E741


def limits(total):
    return UsageLimits(
        usage_limits_total=LongInteger(total),
        usage_limits_count=LongInteger(total),
        usage_limits_unit=UsageLimitsUnit.OBJECT,
    )


def value_of(kind, prefix, text, type_):
    return kind(**{f"{prefix}_value": text, f"{prefix}_type": type_})


# Two values for each attribute that a client may give an object at any time.
SAMPLES = {
    T.NAME: [value_of(Name, "name", text, NameType.UNINTERPRETED_TEXT_STRING) for text in "ab"],
    T.CRYPTOGRAPHIC_PARAMETERS: [
        CryptographicParameters(block_cipher_mode=mode) for mode in (BlockCipherMode.CBC, BlockCipherMode.ECB)
    ],
    T.USAGE_LIMITS: [limits(5), limits(7)],
    T.ACTIVATION_DATE: [DateTime(NOW + 100), DateTime(NOW + 200)],
    T.PROCESS_START_DATE: [DateTime(NOW + 100), DateTime(NOW + 200)],
    T.PROTECT_STOP_DATE: [DateTime(NOW + 100), DateTime(NOW + 200)],
    T.DEACTIVATION_DATE: [DateTime(NOW + 100), DateTime(NOW + 200)],
    T.OBJECT_GROUP: ["one", "two"],
    T.LINK: [
        Link(link_type=LinkType.CERTIFICATE_LINK, linked_object_identifier="above"),
        Link(link_type=LinkType.PUBLIC_KEY_LINK, linked_object_identifier="below"),
    ],
    T.APPLICATION_SPECIFIC_INFORMATION: [
        ApplicationSpecificInformation(application_namespace="ssl", application_data=text) for text in "ab"
    ],
    T.CONTACT_INFORMATION: ["Ann", "Fred"],
    T.ATTRIBUTE: [Item(7, b"one"), Item(7, b"two")],
    T.ALTERNATIVE_NAME: [
        value_of(AlternativeName, "alternative_name", "urn:a", AlternativeNameType.URI),
        value_of(AlternativeName, "alternative_name", "S/N 7", AlternativeNameType.OBJECT_SERIAL_NUMBER),
    ],
    T.KEY_VALUE_LOCATION: [
        value_of(KeyValueLocation, "key_value_location", text, KeyValueLocationType.URI) for text in ("urn:a", "urn:b")
    ],
    T.PKCS_12_FRIENDLY_NAME: ["friend", "foe"],
    T.DESCRIPTION: ["this", "that"],
    T.COMMENT: ["yes", "no"],
    T.SENSITIVE: [False, True],
    T.EXTRACTABLE: [True, False],
    T.PROTECTION_LEVEL: [ProtectionLevel.HIGH, ProtectionLevel.LOW],
    T.PROTECTION_PERIOD: [Interval(60), Interval(120)],
    T.QUANTUM_SAFE: [True, False],
    T.ROTATE_NAME: [value_of(RotateName, "rotate_name", text, RotateNameType.URI) for text in ("urn:a", "urn:b")],
}
# It means nothing here, and is taken twice (VAST Data).
TAKEN = T.OPERATION_POLICY_NAME
# Every new object has them.
BORN_WITH = (T.SENSITIVE, T.EXTRACTABLE)
CASES = [(tag, version) for tag in SAMPLES for version in SUPPORTED if ATTRIBUTES[tag].exists_in(version)]
IN_EVERY_VERSION = pytest.mark.parametrize(("tag", "version"), CASES, ids=[f"{tag.token}-{v}" for tag, v in CASES])


def sample(tag, place, index=0):
    named = {"vendor": "x", "name": "note"} if tag is T.ATTRIBUTE else {}
    return Attribute(tag, SAMPLES[tag][place], index, **named)


def named(tag):
    return AttributeReference(tag, *(("x", "note") if tag is T.ATTRIBUTE else ()))


async def there(gateway, uid, tag):
    """Give the values that an object has, wherever in their messages they stood."""
    found = [each.value for each in await attributes(gateway, uid) if each.key == named(tag).key]
    return [Item(int(each.type), each.raw) if isinstance(each, Item) else each for each in found]


async def fresh(gateway, tag):
    """Make an object; the one that has its first value."""
    return await make(gateway, *((sample(tag, 0),) if tag in BORN_WITH else ()))


def test_every_attribute_that_a_client_may_change_is_tried():
    assert set(SAMPLES) == {tag for tag, rule in ATTRIBUTES.items() if rule.by in (By.CLIENT, By.OWNER)} - {TAKEN}


@IN_EVERY_VERSION
async def test_it_is_added_found_and_given_back(gateway, tag, version):
    uid = await fresh(gateway, tag)
    if tag not in BORN_WITH:
        await gateway.one(version, *adding(uid, sample(tag, 0)))
    assert await there(gateway, uid, tag) == [SAMPLES[tag][0]]
    await make(gateway)
    found = await gateway.one(version, O.LOCATE, LocateRequest(attributes=(sample(tag, 0),)))
    assert uid in found.unique_identifier
    assert tag in BORN_WITH or len(found.unique_identifier) == 1


@IN_EVERY_VERSION
async def test_a_second_instance_is_one_where_there_may_be_several(gateway, tag, version):
    uid = await make(gateway, sample(tag, 0))
    if ATTRIBUTES[tag].many:
        await gateway.one(version, *adding(uid, sample(tag, 1)))
        assert await there(gateway, uid, tag) == SAMPLES[tag]
    else:
        single = R.ATTRIBUTE_SINGLE_VALUED if version >= V2_0 else R.ILLEGAL_OPERATION
        assert await gateway.refused(version, *adding(uid, sample(tag, 1))) is single
        assert await there(gateway, uid, tag) == SAMPLES[tag][:1]


@IN_EVERY_VERSION
async def test_it_is_modified(gateway, tag, version):
    uid = await make(gateway, sample(tag, 0))
    old = sample(tag, 0) if version >= V2_0 else None
    await gateway.one(version, *modifying(uid, sample(tag, 1), old))
    assert await there(gateway, uid, tag) == SAMPLES[tag][1:]


@IN_EVERY_VERSION
async def test_it_is_deleted_where_it_may_be(gateway, tag, version):
    uid = await make(gateway, sample(tag, 0))
    if ATTRIBUTES[tag].by is By.OWNER:
        await gateway.one(version, *deleting(uid, named(tag)))
        assert await there(gateway, uid, tag) == []
    else:
        reason = R.ATTRIBUTE_READ_ONLY if version >= V2_0 else R.PERMISSION_DENIED
        assert await gateway.refused(version, *deleting(uid, named(tag))) is reason
        assert await there(gateway, uid, tag) == SAMPLES[tag][:1]


@pytest.mark.parametrize("tag", SAMPLES, ids=lambda tag: tag.token)
async def test_a_version_without_it_neither_adds_nor_shows_it(gateway, tag):
    uid = await make(gateway, sample(tag, 0))
    for version in SUPPORTED:
        shown = {each.tag for each in await attributes(gateway, uid, version=version)}
        assert (tag in shown) is ATTRIBUTES[tag].exists_in(version)
