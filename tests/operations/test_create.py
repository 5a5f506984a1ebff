"""Create (KMIP 2.1 section 6.1.8): what the token is asked for, what is kept, what is refused."""

import hashlib
from typing import Annotated, Any

import pytest

from gateway.errors import NotExtractable, TokenDown
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import KeyFormatType, NameType, ObjectType, Operation, ProtectionStorageMask, ResultReason
from gateway.kmip.objects import Template
from gateway.kmip.structure import Attribute, Attributed, Attributes, DateTime, Form, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import Digest, Name, ProtectionStorageMasks
from gateway.kmip.version import SUPPORTED, V1_0, V1_2, V1_4, V2_0, V2_1, Version
from gateway.managed import Catalogue, Managed
from gateway.operations.create import CreateRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.register import RegisterRequest
from gateway.store.api import Custody
from gateway.token.api import KeyRef, MadeKey
from gateway.wire.codec import Codec
from tests.operations.conftest import Gateway

S = ObjectType.SYMMETRIC_KEY
USE = M.ENCRYPT | M.DECRYPT


def spec(algorithm: A | None, bits: int | None, mask: M | None = USE, *more: Attribute) -> Attributes:
    found = (
        (Tag.CRYPTOGRAPHIC_ALGORITHM, algorithm),
        (Tag.CRYPTOGRAPHIC_LENGTH, bits),
        (Tag.CRYPTOGRAPHIC_USAGE_MASK, mask),
    )
    return (*(Attribute(tag, value) for tag, value in found if value is not None), *more)


def called(text: str) -> Name:
    return Name(name_value=text, name_type=NameType.UNINTERPRETED_TEXT_STRING)


def name(text: str) -> Attribute:
    return Attribute(Tag.NAME, called(text))


class TemplateAttribute(Structure):
    """What a 1.x client sends that names a Template object."""

    name: tuple[Name, ...]
    attributes: Annotated[Attributes, Attributed(Form.REPEATED, Tag.ATTRIBUTE, Tag.ATTRIBUTES)]


class CreateByTemplate(Structure):
    """A Create request with it."""

    object_type: ObjectType
    template_attribute: TemplateAttribute


async def created(gateway: Gateway, attributes: Attributes, version: Version = V2_1, kind: ObjectType = S) -> Managed:
    request = CreateRequest(object_type=kind, attributes=attributes)
    payload = await gateway.one(version, Operation.CREATE, request)
    assert payload.object_type is kind
    return await kept(gateway, payload.unique_identifier)


async def kept(gateway: Gateway, unique_identifier: str) -> Managed:
    row = await gateway.store.get(unique_identifier)
    assert row is not None
    return Catalogue(Codec()).decode(row)


async def refused(gateway: Gateway, attributes: Attributes, version: Version = V2_1, kind: ObjectType = S):
    return await gateway.refused(version, Operation.CREATE, CreateRequest(object_type=kind, attributes=attributes))


def value(managed: Managed, tag: Tag):
    return next((a.value for a in managed.attributes if a.tag is tag), None)


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_every_version_creates(gateway: Gateway, version: Version) -> None:
    managed = await created(gateway, spec(A.AES, 256, USE, name("key")), version)
    assert len(await gateway.token.export_key(managed.ref)) == 32
    assert managed.names() == ("key",)


@pytest.mark.parametrize(
    ("algorithm", "bits", "size"),
    [
        (A.AES, 128, 16),
        (A.AES, 192, 24),
        (A.DES3, 112, 16),
        (A.DES3, 168, 24),
        (A.DES3, 192, 24),
        (A.HMAC_SHA256, 256, 32),
        (A.HMAC_SHA1, 88, 11),
    ],
)
async def test_the_token_makes_keys_of_the_length_asked(gateway: Gateway, algorithm: A, bits: int, size: int) -> None:
    managed = await created(gateway, spec(algorithm, bits))
    exported = await gateway.token.export_key(managed.ref)
    assert len(exported) == size
    digest = value(managed, Tag.DIGEST)
    assert isinstance(digest, Digest)
    assert digest.digest_value == hashlib.sha256(exported).digest()
    assert digest.key_format_type is KeyFormatType.RAW
    assert managed.length == bits


@pytest.mark.parametrize(("algorithm", "bits"), [(A.SKIPJACK, 80), (A.BLOWFISH, 128), (A.CHACHA20, 256), (A.DES, 56)])
async def test_what_no_token_uses_is_sealed(gateway: Gateway, algorithm: A, bits: int) -> None:
    managed = await created(gateway, spec(algorithm, bits))
    assert managed.row.custody is Custody.SEALED
    assert managed.row.cka_id == b""
    assert managed.length == bits


async def test_the_token_is_told_what_the_mask_allows(gateway: Gateway) -> None:
    managed = await created(gateway, spec(A.AES, 256, M.ENCRYPT, Attribute(Tag.EXTRACTABLE, False)))
    told = await gateway.token.attributes(managed.ref)
    assert told["sensitive"]
    assert not told["extractable"]
    assert value(managed, Tag.NEVER_EXTRACTABLE) is True


async def test_a_key_without_a_mask_is_made(gateway: Gateway) -> None:
    managed = await created(gateway, spec(A.AES, 128, None))
    assert managed.usage_bits == 0


async def test_an_activation_date_in_the_past_makes_it_active(gateway: Gateway) -> None:
    date = DateTime(int(gateway.clock.now) - 3600)
    managed = await created(gateway, spec(A.AES, 128, USE, Attribute(Tag.ACTIVATION_DATE, date)))
    assert managed.state(gateway.clock.now).name == "ACTIVE"


@pytest.mark.parametrize("version", [V1_4, V2_1], ids=str)
async def test_secret_data_is_a_password(gateway: Gateway, version: Version) -> None:
    managed = await created(gateway, spec(None, 80, None), version, ObjectType.SECRET_DATA)
    assert managed.row.custody is not Custody.SEALED
    assert len(await gateway.token.export_key(managed.ref)) == 10
    assert managed.key_format_type is KeyFormatType.OPAQUE


@pytest.mark.parametrize(
    ("attributes", "version", "reason"),
    [
        (spec(A.AES, 0), V2_1, ResultReason.GENERAL_FAILURE),
        (spec(A.AES, -128), V2_1, ResultReason.INVALID_ATTRIBUTE_VALUE),
        (spec(A.AES, 100), V2_1, ResultReason.INVALID_ATTRIBUTE_VALUE),
        (spec(A.AES, 512), V1_2, ResultReason.INVALID_FIELD),
        (spec(A.HMAC_SHA256, 20001), V2_1, ResultReason.INVALID_ATTRIBUTE_VALUE),
        (spec(A.AES, None), V2_1, ResultReason.MISSING_DATA),
        (spec(None, 128), V1_0, ResultReason.MISSING_DATA),
        (spec(A.RSA, 2048), V2_1, ResultReason.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS),
        (spec(A.RSA, 2048), V1_4, ResultReason.FEATURE_NOT_SUPPORTED),
        (spec(A.AES, 128, USE, Attribute(Tag.QUANTUM_SAFE, True)), V2_1, ResultReason.GENERAL_FAILURE),
        (spec(A.AES, 128, USE, Attribute(Tag.INITIAL_DATE, DateTime(1))), V2_1, ResultReason.ATTRIBUTE_READ_ONLY),
        (
            spec(A.AES, 128, USE, Attribute(Tag.KEY_FORMAT_TYPE, KeyFormatType.PKCS_1)),
            V2_1,
            ResultReason.KEY_FORMAT_TYPE_NOT_SUPPORTED,
        ),
    ],
)
async def test_what_cannot_be_made_is_refused(
    gateway: Gateway, attributes: Attributes, version: Version, reason: ResultReason
) -> None:
    assert await refused(gateway, attributes, version) is reason


async def test_other_objects_are_not_created(gateway: Gateway) -> None:
    reason = await refused(gateway, spec(A.RSA, 2048), V2_1, ObjectType.PRIVATE_KEY)
    assert reason is ResultReason.INVALID_OBJECT_TYPE


async def test_a_quantum_safe_key_is_long(gateway: Gateway) -> None:
    managed = await created(gateway, spec(A.AES, 256, USE, Attribute(Tag.QUANTUM_SAFE, True)))
    assert value(managed, Tag.QUANTUM_SAFE) is True


@pytest.mark.on_token
@pytest.mark.parametrize(("version", "reason"), [(V1_2, "INVALID_FIELD"), (V2_0, "NON_UNIQUE_NAME_ATTRIBUTE")])
async def test_a_name_is_given_once_and_nothing_is_left_of_the_second(
    gateway: Gateway, version: Version, reason: str
) -> None:
    await created(gateway, spec(A.AES, 128, USE, name("taken")), version)
    destroyed = []
    original = gateway.token.destroy

    async def destroy(ref):
        destroyed.append(ref)
        return await original(ref)

    gateway.token.destroy = destroy  # type: ignore[method-assign]
    try:
        assert await refused(gateway, spec(A.AES, 128, USE, name("taken")), version) is ResultReason[reason]
    finally:
        del gateway.token.destroy
    assert len(destroyed) == 1
    assert await gateway.token.find([destroyed[0].cka_id]) == []


@pytest.mark.on_token
async def test_a_key_is_taken_away_when_the_token_fails_over_it(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    async def digest_key(ref: KeyRef, ckm: int) -> bytes:
        made.append(ref)
        raise TokenDown

    monkeypatch.setattr(gateway.token, "digest_key", digest_key)
    assert await refused(gateway, spec(A.AES, 128)) is ResultReason.GENERAL_FAILURE
    assert await gateway.token.find([made[0].cka_id]) == []


async def test_a_token_that_digests_no_keys_leaves_the_digest_out(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def digest_key(ref: KeyRef, ckm: int) -> bytes:
        raise NotExtractable

    generate_wrapped = gateway.token.generate_wrapped

    async def undigested(*arguments: Any) -> MadeKey:
        return (await generate_wrapped(*arguments))._replace(digest=None)

    monkeypatch.setattr(gateway.token, "digest_key", digest_key)
    monkeypatch.setattr(gateway.token, "generate_wrapped", undigested)
    assert value(await created(gateway, spec(A.AES, 128)), Tag.DIGEST) is None


async def test_transparent_keys_are_digested_in_both_formats(gateway: Gateway) -> None:
    """TC-DIGESTS-1: of a structure the whole item is digested."""
    transparent = Attribute(Tag.KEY_FORMAT_TYPE, KeyFormatType.TRANSPARENT_SYMMETRIC_KEY)
    managed = await created(gateway, spec(A.AES, 128, USE, transparent))
    digests = {a.value.key_format_type: a.value.digest_value for a in managed.attributes if a.tag is Tag.DIGEST}
    key = await gateway.token.export_key(managed.ref)
    item = bytes.fromhex("42004301 00000018 42003f08 00000010") + key
    assert digests == {
        KeyFormatType.TRANSPARENT_SYMMETRIC_KEY: hashlib.sha256(item).digest(),
        KeyFormatType.RAW: hashlib.sha256(key).digest(),
    }


async def test_a_template_stands_for_its_attributes(gateway: Gateway) -> None:
    template = Template(attributes=spec(A.AES, 192, M.SIGN, Attribute(Tag.OBJECT_GROUP, "group")))
    register = RegisterRequest(object_type=ObjectType.TEMPLATE, attributes=(name("template"),), template=template)
    await gateway.one(V1_2, Operation.REGISTER, register)
    own = (Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT), Attribute(Tag.OBJECT_GROUP, "own"), name("key"))
    for wanted, reason in (("template", None), ("another", ResultReason.ITEM_NOT_FOUND)):
        named = TemplateAttribute(name=(called(wanted),), attributes=own)
        request = CreateByTemplate(object_type=S, template_attribute=named)
        (answer,) = await gateway.ask(V1_2, (Operation.CREATE, request))
        assert answer.reason is reason
        own = own[:2]
    (uid,) = (await gateway.one(V1_2, Operation.LOCATE, LocateRequest(attributes=(name("key"),)))).unique_identifier
    managed = await kept(gateway, uid)
    assert (managed.length, managed.usage_mask, managed.names()) == (192, M.ENCRYPT, ("key",))
    assert [a.value for a in managed.attributes if a.tag is Tag.OBJECT_GROUP] == ["group", "own"]


async def test_protection_storage_masks_are_alternatives(gateway: Gateway) -> None:
    hardware, software = ProtectionStorageMask.HARDWARE, ProtectionStorageMask.SOFTWARE
    for masks, reason in (
        ((hardware, software), None),
        ((hardware, hardware | software), ResultReason.PROTECTION_STORAGE_UNAVAILABLE),
    ):
        request = CreateRequest(
            object_type=S,
            attributes=spec(A.AES, 128),
            protection_storage_masks=ProtectionStorageMasks(protection_storage_mask=masks),
        )
        (answer,) = await gateway.ask(V2_1, (Operation.CREATE, request))
        assert answer.reason is reason


async def test_the_object_belongs_to_its_client_alone(gateway: Gateway) -> None:
    managed = await created(gateway, spec(A.AES, 128))
    assert managed.row.owner == "cert:a"
    payload = await gateway.other.one(V2_1, Operation.CREATE, CreateRequest(object_type=S, attributes=spec(A.AES, 128)))
    assert (await kept(gateway, payload.unique_identifier)).row.owner == "cert:b"
