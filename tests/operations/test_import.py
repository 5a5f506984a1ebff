"""Import (KMIP 2.1 section 6.1.25): an object with its identifier and history, and never in another client's place."""

import asyncio
from datetime import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    CertificateType,
    EncodingOption,
    HashingAlgorithm,
    KeyFormatType,
    KeyWrapType,
    LinkType,
    ObjectType,
    Operation,
    ResultReason,
    ResultStatus,
    State,
    StorageStatusMask,
    UsageLimitsUnit,
    WrappingMethod,
)
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.objects import (
    Certificate,
    EncryptionKeyInformation,
    KeyBlock,
    KeyValue,
    KeyWrappingData,
    SymmetricKey,
)
from gateway.kmip.structure import Attribute, DateTime, Interval, LongInteger
from gateway.kmip.tags import Tag
from gateway.kmip.values import Digest, UsageLimits
from gateway.kmip.version import SUPPORTED, V1_3, V1_4, V2_0, V2_1
from gateway.operations.activate import ActivateRequest
from gateway.operations.archive import ArchiveRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.export import ExportRequest
from gateway.operations.get import GetRequest
from gateway.operations.import_ import ImportRequest
from gateway.operations.locate import LocateRequest
from gateway.store.api import Custody
from tests.operations.conftest import Client, Gateway
from tests.operations.making import names, vendor
from tests.operations.test_create import created, kept, spec
from tests.operations.test_register_get import KEK, aes, mask, wrapping_key

O, R, S = Operation, ResultReason, ResultStatus  # noqa: E741
WITH_IMPORT = [v for v in SUPPORTED if v >= V1_4]
ONE, OTHER = bytes(range(16)), bytes(range(16, 32))
DESTROYED = StorageStatusMask.DESTROYED_STORAGE
USE = mask(M.ENCRYPT)


def brought(unique_identifier, key=ONE, *attributes, **fields):
    fields = {"symmetric_key": aes(key), **fields}
    return ImportRequest(unique_identifier=unique_identifier, attributes=(USE, *attributes), **fields)


async def imported(client, request, version=V2_1):
    return (await client.one(version, O.IMPORT, request)).unique_identifier


async def refused(client, request, version=V2_1):
    return await client.refused(version, O.IMPORT, request)


async def material(client, unique_identifier):
    found = await client.one(V2_1, O.GET, GetRequest(unique_identifier=unique_identifier))
    return found.symmetric_key.key_block.key_value.key_material


async def value(gateway, unique_identifier, tag):
    return sets.value((await kept(gateway, unique_identifier)).attributes, tag)


# --- what is imported


@pytest.mark.on_token
@pytest.mark.parametrize("version", WITH_IMPORT, ids=str)
async def test_a_key_is_kept_on_the_token_under_its_identifier(gateway, version):
    assert await imported(gateway, brought("mine/1", ONE, *names("a")), version) == "mine/1"
    managed = await kept(gateway, "mine/1")
    assert managed.row.custody is not Custody.SEALED
    assert await gateway.token.export_key(managed.ref) == ONE
    assert (await gateway.token.attributes(managed.ref))["label"] == "mine/1"
    assert managed.names() == ("a",)
    assert await material(gateway, "mine/1") == ONE


async def test_the_server_makes_up_an_identifier_where_there_is_none(gateway):
    first, second = [await imported(gateway, brought("")) for _ in range(2)]
    assert first and second and first != second
    assert await material(gateway, first) == ONE


@pytest.mark.parametrize("wrong", ["x" * 256, "a\nb", "\x7f"])
async def test_an_identifier_is_short_and_printable(gateway, wrong):
    assert await refused(gateway, brought(wrong)) is R.INVALID_FIELD


async def test_history_stays_as_it_was(gateway):
    dates = {tag: DateTime(number) for number, tag in enumerate(HISTORY, 100)}
    limits = UsageLimits(
        usage_limits_total=LongInteger(10), usage_limits_count=LongInteger(3), usage_limits_unit=UsageLimitsUnit.OBJECT
    )
    told = (*(Attribute(*each) for each in dates.items()), Attribute(Tag.USAGE_LIMITS, limits))
    told += (Attribute(Tag.LEASE_TIME, Interval(7)), vendor("made", "elsewhere", of="y"))
    await imported(gateway, brought("old", ONE, *told, Attribute(Tag.FRESH, False)))
    managed = await kept(gateway, "old")
    assert {tag: sets.value(managed.attributes, tag) for tag in dates} == dates
    assert managed.usage_limits == limits
    assert sets.value(managed.attributes, Tag.LEASE_TIME) == 7
    assert managed.state(gateway.clock.now) is State.COMPROMISED
    assert not managed.fresh
    assert [a.vendor for a in managed.attributes if a.tag is Tag.ATTRIBUTE] == ["y"]


HISTORY = (
    Tag.INITIAL_DATE,
    Tag.ACTIVATION_DATE,
    Tag.COMPROMISE_OCCURRENCE_DATE,
    Tag.COMPROMISE_DATE,
    Tag.LAST_CHANGE_DATE,
    Tag.ORIGINAL_CREATION_DATE,
)


async def test_what_was_archived_is_archived(gateway):
    await imported(gateway, brought("away", ONE, Attribute(Tag.ARCHIVE_DATE, DateTime(5))))
    assert await gateway.refused(V2_1, O.GET, GetRequest(unique_identifier="away")) is R.OBJECT_ARCHIVED
    assert not (await gateway.one(V2_1, O.LOCATE, LocateRequest())).unique_identifier


async def test_what_the_object_itself_tells_is_not_taken_from_the_client(gateway):
    wrong = Digest(hashing_algorithm=HashingAlgorithm.SHA_256, digest_value=bytes(32))
    told = (Attribute(Tag.DIGEST, wrong), Attribute(Tag.SHORT_UNIQUE_IDENTIFIER, bytes(8)))
    await imported(gateway, brought("a", ONE, *told))
    plain = await imported(gateway, brought("b", ONE))
    assert await value(gateway, "a", Tag.DIGEST) == await value(gateway, plain, Tag.DIGEST) != wrong
    assert await value(gateway, "a", Tag.SHORT_UNIQUE_IDENTIFIER) != bytes(8)


@pytest.mark.parametrize(
    "wrong",
    [
        (Attribute(Tag.UNIQUE_IDENTIFIER, "b"),),
        (Attribute(Tag.OBJECT_TYPE, ObjectType.SECRET_DATA),),
        (Attribute(Tag.DESTROY_DATE, DateTime(1)),),
        (Attribute(Tag.ALWAYS_SENSITIVE, True),),
        (Attribute(Tag.NEVER_EXTRACTABLE, True), Attribute(Tag.EXTRACTABLE, True)),
        (Attribute(Tag.STATE, State.ACTIVE),),
        (Attribute(Tag.STATE, State.COMPROMISED), Attribute(Tag.ACTIVATION_DATE, DateTime(1))),
        (Attribute(Tag.ACTIVATION_DATE, DateTime(2)), Attribute(Tag.DEACTIVATION_DATE, DateTime(1))),
    ],
    ids=lambda wrong: wrong[0].tag.name,
)
async def test_attributes_do_not_contradict_each_other(gateway, wrong):
    assert await refused(gateway, brought("a", ONE, *wrong)) is R.INVALID_ATTRIBUTE_VALUE
    assert await gateway.store.get("a") is None


@pytest.mark.parametrize("count", [-1, 11])
async def test_usage_limits_are_within_bounds(gateway, count):
    limits = UsageLimits(
        usage_limits_total=LongInteger(10),
        usage_limits_count=LongInteger(count),
        usage_limits_unit=UsageLimitsUnit.OBJECT,
    )
    wrong = brought("a", ONE, Attribute(Tag.USAGE_LIMITS, limits))
    assert await refused(gateway, wrong) is R.INVALID_ATTRIBUTE_VALUE


async def test_a_single_value_comes_once(gateway):
    twice = brought("a", ONE, Attribute(Tag.INITIAL_DATE, DateTime(1)), Attribute(Tag.INITIAL_DATE, DateTime(2)))
    assert await refused(gateway, twice) is R.ATTRIBUTE_SINGLE_VALUED


async def test_an_object_may_have_gone_on_in_its_life_since_it_was_exported(gateway):
    dates = (Attribute(Tag.ACTIVATION_DATE, DateTime(1)), Attribute(Tag.DEACTIVATION_DATE, DateTime(2)))
    await imported(gateway, brought("a", ONE, Attribute(Tag.STATE, State.ACTIVE), *dates))
    assert (await kept(gateway, "a")).state(gateway.clock.now) is State.DEACTIVATED


async def test_a_sensitive_key_stays_so(gateway):
    told = [
        (Tag.SENSITIVE, True),
        (Tag.ALWAYS_SENSITIVE, True),
        (Tag.EXTRACTABLE, False),
        (Tag.NEVER_EXTRACTABLE, True),
    ]
    await imported(gateway, brought("a", ONE, *(Attribute(*each) for each in told)))
    assert await gateway.refused(V2_1, O.GET, GetRequest(unique_identifier="a")) is R.NOT_EXTRACTABLE
    assert [await value(gateway, "a", tag) for tag, _ in told] == [each for _, each in told]


async def test_the_object_is_of_the_type_named(gateway):
    assert await refused(gateway, brought("a", object_type=ObjectType.SECRET_DATA)) is R.INVALID_FIELD
    assert await refused(gateway, ImportRequest(unique_identifier="a")) is R.INVALID_FIELD
    await imported(gateway, brought("a", object_type=ObjectType.SYMMETRIC_KEY))


async def test_versions_before_1_4_have_none(gateway):
    assert await refused(gateway, brought("a"), V1_3) is R.OPERATION_NOT_SUPPORTED


async def test_a_certificate_tells_of_itself_once(gateway):
    given = certificate()
    told = (Attribute(Tag.CERTIFICATE_LENGTH, 1), Attribute(Tag.CERTIFICATE_SUBJECT_CN, "somebody else"))
    request = ImportRequest(unique_identifier="c", attributes=told, certificate=given)
    await imported(gateway, request)
    attributes = (await kept(gateway, "c")).attributes
    lengths = [a.value for a in attributes if a.tag is Tag.CERTIFICATE_LENGTH]
    assert lengths == [len(given.certificate_value)]
    assert [a.value for a in attributes if a.tag is Tag.CERTIFICATE_SUBJECT_CN] == ["me"]


def certificate():
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "me")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(datetime(2025, 1, 1)).not_valid_after(datetime(2035, 1, 1))
    made = built.sign(key, SHA256())
    return Certificate(certificate_type=CertificateType.X_509, certificate_value=made.public_bytes(Encoding.DER))


@pytest.mark.parametrize("version", WITH_IMPORT, ids=str)
async def test_what_was_exported_can_be_imported(gateway, version):
    key = await created(gateway, spec(A.AES, 128, M.ENCRYPT, *names("a"), vendor("own", "mine")))
    found = await gateway.one(version, O.EXPORT, ExportRequest(unique_identifier=key.unique_identifier))
    await gateway.one(version, O.DESTROY, DestroyRequest(unique_identifier=key.unique_identifier))
    back = ImportRequest(
        unique_identifier=found.unique_identifier,
        replace_existing=True,
        attributes=found.attributes,
        symmetric_key=found.symmetric_key,
    )
    gateway.clock.now += 100
    await imported(gateway, back, version)
    again = await gateway.one(version, O.EXPORT, ExportRequest(unique_identifier=key.unique_identifier))
    assert again.symmetric_key == found.symmetric_key
    assert [(a.key, a.index) for a in again.attributes] == [(a.key, a.index) for a in found.attributes]


# --- wrapped keys


async def wrapped(gateway, blob):
    data = KeyWrappingData(
        wrapping_method=WrappingMethod.ENCRYPT,
        encryption_key_information=EncryptionKeyInformation(unique_identifier=await wrapping_key(gateway)),
        encoding_option=EncodingOption.NO_ENCODING,
    )
    block = KeyBlock(
        key_format_type=KeyFormatType.RAW,
        key_value=blob,
        cryptographic_algorithm=A.AES,
        cryptographic_length=128,
        key_wrapping_data=data,
    )
    return SymmetricKey(key_block=block)


@pytest.mark.on_token
async def test_a_wrapped_key_is_unwrapped_if_asked(gateway):
    given = await wrapped(gateway, aes_key_wrap(KEK, ONE))
    await imported(gateway, brought("a", key_wrap_type=KeyWrapType.NOT_WRAPPED, symmetric_key=given))
    assert (await kept(gateway, "a")).row.custody is not Custody.SEALED
    assert await material(gateway, "a") == ONE


async def test_a_wrapped_key_is_kept_as_it_came_otherwise_with_the_digest_it_had(gateway):
    given = await wrapped(gateway, aes_key_wrap(KEK, ONE))
    digest = Digest(hashing_algorithm=HashingAlgorithm.SHA_256, digest_value=bytes(32))
    await imported(gateway, brought("a", ONE, Attribute(Tag.DIGEST, digest), symmetric_key=given))
    found = await gateway.one(V2_1, O.GET, GetRequest(unique_identifier="a"))
    assert found.symmetric_key == given
    assert await value(gateway, "a", Tag.DIGEST) == digest


async def test_what_cannot_be_unwrapped_is_not_imported(gateway):
    given = await wrapped(gateway, bytes(24))
    wrong = brought("a", key_wrap_type=KeyWrapType.NOT_WRAPPED, symmetric_key=given)
    assert await refused(gateway, wrong) is R.CRYPTOGRAPHIC_FAILURE
    assert await gateway.store.get("a") is None


async def test_nobody_unwraps_by_somebody_elses_key(gateway):
    given = await wrapped(gateway, aes_key_wrap(KEK, ONE))
    stolen = brought("a", key_wrap_type=KeyWrapType.NOT_WRAPPED, symmetric_key=given)
    assert await refused(gateway.other, stolen) is R.WRAPPING_OBJECT_NOT_FOUND


# --- whose place it takes


@pytest.mark.parametrize("version", WITH_IMPORT, ids=str)
@pytest.mark.parametrize("fields", [{}, {"replace_existing": False}], ids=str)
async def test_what_exists_is_not_replaced_unasked(gateway, version, fields):
    await imported(gateway, brought("a"))
    assert await refused(gateway, brought("a", OTHER, **fields), version) is R.OBJECT_ALREADY_EXISTS
    assert await material(gateway, "a") == ONE


@pytest.mark.parametrize("version", WITH_IMPORT, ids=str)
async def test_what_exists_is_replaced_if_asked(gateway, version):
    old = await created(gateway, spec(A.AES, 128, M.ENCRYPT, *names("a"), Attribute(Tag.ACTIVATION_DATE, DateTime(1))))
    new = brought(old.unique_identifier, OTHER, *names("a"), replace_existing=True)
    assert await imported(gateway, new, version) == old.unique_identifier
    assert await material(gateway, old.unique_identifier) == OTHER
    assert await gateway.token.find([old.row.cka_id]) == []
    assert await gateway.store.pending_destroys() == []


async def test_what_was_replaced_is_kept_destroyed_under_another_identifier(gateway):
    await imported(gateway, brought("a", ONE, *names("a")))
    await imported(gateway, brought("a", OTHER, replace_existing=True))
    located = await gateway.one(V2_1, O.LOCATE, LocateRequest(storage_status_mask=DESTROYED))
    (aside,) = located.unique_identifier
    managed = await kept(gateway, aside)
    assert managed.state(gateway.clock.now) is State.DESTROYED
    assert managed.linked(LinkType.REPLACEMENT_OBJECT_LINK) == "a"
    assert sets.value(managed.attributes, Tag.UNIQUE_IDENTIFIER) == aside
    assert managed.names() == () and managed.row.material is None


async def test_what_was_archived_or_destroyed_is_replaced_too(gateway):
    for operation, request in ((O.ARCHIVE, ArchiveRequest), (O.DESTROY, DestroyRequest)):
        await imported(gateway, brought("a", ONE, replace_existing=True))
        await gateway.one(V2_1, operation, request(unique_identifier="a"))
        assert await refused(gateway, brought("a", OTHER)) is R.OBJECT_ALREADY_EXISTS
        await imported(gateway, brought("a", OTHER, replace_existing=True))
        assert await material(gateway, "a") == OTHER


@pytest.mark.on_token
@pytest.mark.parametrize("version", WITH_IMPORT, ids=str)
@pytest.mark.parametrize("choice", [KmipConfig(), KmipConfig(foreign_objects="denied")], ids=["missing", "denied"])
async def test_nobody_takes_over_somebody_elses_object(gateway: Gateway, version, choice):
    """Cosmian's advisory 2026-003."""
    key = await created(gateway, spec(A.AES, 128, M.ENCRYPT))
    before = await gateway.store.get(key.unique_identifier)
    exchange = Exchange(choice, gateway.store, gateway.token, gateway.clock)
    stranger = Client(exchange, "cert:b", gateway.clock, gateway.store, gateway.token)
    for answer in (True, False):
        stolen = brought(key.unique_identifier, OTHER, replace_existing=answer)
        assert await refused(stranger, stolen, version) is R.OBJECT_ALREADY_EXISTS
    assert await gateway.store.get(key.unique_identifier) == before
    assert await gateway.token.find([key.row.cka_id]) == [key.ref]
    assert await gateway.store.pending_destroys() == []


async def test_an_import_does_not_take_another_objects_name(gateway):
    await imported(gateway, brought("b", ONE, *names("taken")))
    await imported(gateway, brought("a"))
    found = await refused(gateway, brought("a", OTHER, *names("taken"), replace_existing=True))
    assert found is R.NON_UNIQUE_NAME_ATTRIBUTE
    assert await material(gateway, "a") == ONE


async def test_of_many_who_import_at_once_one_does_and_the_token_has_no_more(gateway):
    asked = [(O.IMPORT, brought("a", bytes([n]) * 16)) for n in range(6)]
    told = await asyncio.gather(*(gateway.ask(V2_1, each) for each in asked))
    statuses = [answer.status for (answer,) in told]
    assert statuses.count(S.SUCCESS) == 1
    assert await material(gateway, "a") == bytes([statuses.index(S.SUCCESS)]) * 16


async def test_of_many_who_replace_at_once_all_do_and_one_is_left(gateway):
    await imported(gateway, brought("a"))
    asked = [(O.IMPORT, brought("a", bytes([n]) * 16, replace_existing=True)) for n in range(6)]
    told = await asyncio.gather(*(gateway.ask(V2_1, each) for each in asked))
    assert {answer.status for (answer,) in told} == {S.SUCCESS}
    located = await gateway.one(V2_1, O.LOCATE, LocateRequest(storage_status_mask=DESTROYED))
    rows = [await gateway.store.get(each) for each in located.unique_identifier]
    assert len(rows) == 6
    assert await gateway.token.find([row.cka_id for row in rows]) == []
    assert await gateway.store.pending_destroys() == []


async def undone(client, *asked):
    nothing = (O.GET, GetRequest(unique_identifier="nothing"))
    option = BatchErrorContinuationOption.UNDO
    answers = await client.ask(V2_0, *asked, nothing, batch_error_continuation_option=option)
    assert [answer.status for answer in answers] == [*[S.OPERATION_UNDONE] * len(asked), S.OPERATION_FAILED]


async def test_an_import_is_undone(gateway):
    await undone(gateway, (O.IMPORT, brought("a", ONE, *names("a"))))
    assert (await kept(gateway, "a")).destroy is not None
    await imported(gateway, brought("b", ONE, *names("a")))


@pytest.mark.parametrize("before", ["as it is", "destroyed"])
async def test_a_replacement_is_undone(gateway, before):
    await imported(gateway, brought("a", ONE, *names("a")))
    if before == "destroyed":
        await gateway.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier="a"))
    old = await kept(gateway, "a")
    await undone(gateway, (O.IMPORT, brought("a", OTHER, *names("a"), replace_existing=True)))
    new = await kept(gateway, "a")
    assert replace(new.row, changed=0) == replace(old.row, changed=0)
    assert await gateway.store.pending_destroys() == []
    if before == "as it is":
        assert await material(gateway, "a") == ONE


async def test_two_replacements_are_undone(gateway):
    await imported(gateway, brought("a", ONE))
    again = [(O.IMPORT, brought("a", each, replace_existing=True)) for each in (OTHER, bytes(16))]
    await undone(gateway, *again)
    assert await material(gateway, "a") == ONE
    assert await gateway.store.pending_destroys() == []


async def test_what_was_imported_is_what_later_items_mean(gateway):
    answers = await gateway.ask(V1_4, (O.IMPORT, brought("a")), (O.ACTIVATE, ActivateRequest()))
    assert [answer.payload.unique_identifier for answer in answers] == ["a"] * 2


async def test_what_made_no_way_is_left_alone_by_undo(gateway):
    """The commit that would have replaced the object fails; there is nothing to give back then."""
    await imported(gateway, brought("mine"))
    await created(gateway, spec(A.AES, 128, M.ENCRYPT, *names("taken")))
    before = await kept(gateway, "mine")
    replacing = brought("mine", OTHER, *names("taken"), replace_existing=True)
    items, option = ((O.IMPORT, brought("another")), (O.IMPORT, replacing)), BatchErrorContinuationOption.UNDO
    *_, last = await gateway.ask(V2_1, *items, batch_error_continuation_option=option)
    assert last.reason is R.NON_UNIQUE_NAME_ATTRIBUTE
    assert (await kept(gateway, "mine")).attributes == before.attributes
    assert await material(gateway, "mine") == ONE


SEALED = brought(
    "sealed",
    symmetric_key=SymmetricKey(
        key_block=KeyBlock(
            key_format_type=KeyFormatType.RAW,
            key_value=KeyValue(key_material=ONE),
            cryptographic_algorithm=A.BLOWFISH,
            cryptographic_length=128,
        )
    ),
)


def taking_the_place(gateway, monkeypatch):
    """Have another request import under the identifier while the one that is to be undone brings what is sealed."""
    seal = gateway.token.seal

    async def later(data, aad):
        monkeypatch.setattr(gateway.token, "seal", seal)
        await imported(gateway, brought("mine", OTHER, *names("latest"), replace_existing=True))
        return await seal(data, aad)

    monkeypatch.setattr(gateway.token, "seal", later)


@pytest.mark.parametrize("replaces", [True, False])
async def test_what_took_the_place_meanwhile_is_left_alone_by_undo(gateway, monkeypatch, replaces):
    if replaces:
        await imported(gateway, brought("mine", bytes(16)))
    taking_the_place(gateway, monkeypatch)
    await undone(gateway, (O.IMPORT, brought("mine", ONE, replace_existing=True)), (O.IMPORT, SEALED))
    assert await material(gateway, "mine") == OTHER
    assert (await kept(gateway, "mine")).names() == ("latest",)


async def test_a_destruction_is_not_undone_where_another_object_has_the_place(gateway, monkeypatch):
    await imported(gateway, brought("mine", bytes(16), *names("old")))
    taking_the_place(gateway, monkeypatch)
    await undone(gateway, (O.DESTROY, DestroyRequest(unique_identifier="mine")), (O.IMPORT, SEALED))
    assert await material(gateway, "mine") == OTHER
    located = await gateway.one(V2_1, O.LOCATE, LocateRequest())
    assert located.unique_identifier == ("mine",)
