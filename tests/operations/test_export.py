"""Export (KMIP 2.1 section 6.1.18): what Get gives, with every attribute, and no more than Get gives."""

import pytest

from gateway.kmip.attribute_sets import equal
from gateway.kmip.enums import (
    BlockCipherMode,
    KeyFormatType,
    ObjectType,
    Operation,
    ResultReason,
    State,
    WrappingMethod,
)
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.objects import EncryptionKeyInformation, KeyWrappingSpecification, TransparentSymmetricKey
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import SUPPORTED, V1_3, V1_4, V2_1
from gateway.operations.activate import ActivateRequest
from gateway.operations.archive import ArchiveRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.export import ExportRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_attributes import GetAttributesRequest
from tests.operations.making import destroy, make, names, vendor
from tests.operations.test_create import created, kept, spec

O, R = Operation, ResultReason  # noqa: E741
WITH_EXPORT = [v for v in SUPPORTED if v >= V1_4]
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1))


async def exported(client, version, unique_identifier, **form):
    return await client.one(version, O.EXPORT, ExportRequest(unique_identifier=unique_identifier, **form))


async def refused(client, unique_identifier, version=V2_1):
    return await client.refused(version, O.EXPORT, ExportRequest(unique_identifier=unique_identifier))


@pytest.mark.parametrize("version", WITH_EXPORT, ids=str)
async def test_a_key_comes_as_get_gives_it_with_all_that_is_known_of_it(gateway, version):
    key = await created(gateway, spec(A.AES, 256, M.ENCRYPT, *names("a", "b"), vendor("own", "mine")))
    found = await exported(gateway, version, key.unique_identifier)
    asked = GetAttributesRequest(unique_identifier=key.unique_identifier)
    told = (await gateway.one(version, O.GET_ATTRIBUTES, asked)).attributes
    assert [(a.key, a.index) for a in found.attributes] == [(a.key, a.index) for a in told]
    assert all(equal(one.value, other.value) for one, other in zip(found.attributes, told, strict=True))
    assert (found.object_type, found.unique_identifier) == (ObjectType.SYMMETRIC_KEY, key.unique_identifier)
    got = await gateway.one(version, O.GET, GetRequest(unique_identifier=key.unique_identifier))
    assert found.symmetric_key == got.symmetric_key
    assert found.symmetric_key.key_block.key_value.key_material == await gateway.token.export_key(key.ref)


async def test_what_was_exported_is_still_fresh(gateway):
    key = await created(gateway, spec(A.AES, 128))
    found = await exported(gateway, V2_1, key.unique_identifier)
    assert Attribute(Tag.FRESH, True) in found.attributes
    assert (await kept(gateway, key.unique_identifier)).fresh


async def test_it_comes_in_the_format_asked_for(gateway):
    key = await created(gateway, spec(A.AES, 128))
    form = KeyFormatType.TRANSPARENT_SYMMETRIC_KEY
    found = (await exported(gateway, V2_1, key.unique_identifier, key_format_type=form)).symmetric_key.key_block
    assert found.key_format_type is form
    assert len(found.key_value.key_material.raw) > len(TransparentSymmetricKey(key=bytes(16)).key)


@pytest.mark.allow("untrusted_wrapping")
async def test_it_comes_wrapped_where_it_must(gateway):
    wrapping = await created(gateway, spec(A.AES, 256, M.WRAP_KEY, ACTIVE))
    key = await created(gateway, spec(A.AES, 128, M.ENCRYPT, Attribute(Tag.SENSITIVE, True)))
    assert await refused(gateway, key.unique_identifier) is R.SENSITIVE
    specification = KeyWrappingSpecification(
        wrapping_method=WrappingMethod.ENCRYPT,
        encryption_key_information=EncryptionKeyInformation(
            unique_identifier=wrapping.unique_identifier,
            cryptographic_parameters=CryptographicParameters(block_cipher_mode=BlockCipherMode.NISTKEYWRAP),
        ),
    )
    found = await exported(gateway, V2_1, key.unique_identifier, key_wrapping_specification=specification)
    block = found.symmetric_key.key_block
    assert block.key_wrapping_data is not None and isinstance(block.key_value, bytes)
    assert Attribute(Tag.SENSITIVE, True) in found.attributes


@pytest.mark.parametrize("version", WITH_EXPORT, ids=str)
async def test_what_may_not_leave_does_not(gateway, version):
    resident = await created(gateway, spec(A.AES, 128, M.ENCRYPT, Attribute(Tag.EXTRACTABLE, False)))
    assert await refused(gateway, resident.unique_identifier, version) is R.NOT_EXTRACTABLE


@pytest.mark.parametrize("version", WITH_EXPORT, ids=str)
async def test_of_what_was_destroyed_there_are_the_attributes(gateway, version):
    key = await created(gateway, spec(A.AES, 128, M.ENCRYPT, *names("gone")))
    await gateway.one(version, O.DESTROY, DestroyRequest(unique_identifier=key.unique_identifier))
    found = await exported(gateway, version, key.unique_identifier)
    assert found.symmetric_key is None
    assert {Attribute(Tag.STATE, State.DESTROYED), *names("gone")} <= set(found.attributes)


async def test_what_is_archived_or_somebody_elses_stays(gateway):
    archived, theirs = await make(gateway), await make(gateway.other)
    await gateway.one(V2_1, O.ARCHIVE, ArchiveRequest(unique_identifier=archived))
    assert await refused(gateway, archived) is R.OBJECT_ARCHIVED
    assert await refused(gateway, theirs) is R.OBJECT_NOT_FOUND
    await destroy(gateway.other, theirs)
    assert await refused(gateway, theirs) is R.OBJECT_NOT_FOUND


async def test_what_was_exported_is_what_later_items_mean(gateway):
    key = await created(gateway, spec(A.AES, 128))
    asked = (O.EXPORT, ExportRequest(unique_identifier=key.unique_identifier))
    answers = await gateway.ask(V1_4, asked, (O.ACTIVATE, ActivateRequest()))
    assert [answer.payload.unique_identifier for answer in answers] == [key.unique_identifier] * 2


async def test_versions_before_1_4_have_none(gateway):
    assert await refused(gateway, await make(gateway), V1_3) is R.OPERATION_NOT_SUPPORTED
