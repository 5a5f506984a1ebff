"""PKCS#12 files: Get makes one that other code opens and that holds no more than its client may see; Register takes one
apart that other code has made, within limits.
"""

import asyncio
import time
from typing import Any

import pytest
from asn1crypto.pkcs12 import Pfx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12, serialize_key_and_certificates
from cryptography.x509.oid import NameOID

from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import CertificateType, LinkType, ObjectType, Operation, SecretDataType
from gateway.kmip.objects import Certificate, KeyBlock, KeyValue, PrivateKey, SecretData
from gateway.kmip.structure import Attribute, DateTime, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import Link
from gateway.kmip.version import V1_4, V2_0, V2_1, Version
from gateway.operations.add_attribute import AddAttributeRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get import GetRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.register import RegisterRequest
from gateway.store.api import Custody
from tests.operations.conftest import Client, Gateway
from tests.operations.test_create import kept
from tests.operations.test_register_get import EC_KEY, PKCS8, RSA_KEY, A, F, M, R, block, certificate_of, mask

PASSWORD = b"the password of the file"
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1))


def linked(kind: LinkType, to: str) -> Attribute:
    """Give a Link."""
    return Attribute(Tag.LINK, Link(link_type=kind, linked_object_identifier=to))


async def register(client: Client, version: Version, kind: ObjectType, given: Any, *attributes: Attribute) -> str:
    """Register an object."""
    request = RegisterRequest(object_type=kind, attributes=attributes, **{kind.name.lower(): given})
    identifier: str = (await client.one(version, Operation.REGISTER, request)).unique_identifier
    return identifier


async def password(client: Client, version: Version, *attributes: Attribute) -> str:
    """Register the password of a file."""
    secret = SecretData(secret_data_type=OpenEnumeration(SecretDataType.PASSWORD), key_block=block(F.OPAQUE, PASSWORD))
    return await register(client, version, ObjectType.SECRET_DATA, secret, mask(M.DERIVE_KEY), *attributes)


async def private_key(client: Client, version: Version, key: Any, *attributes: Attribute) -> str:
    """Register a private key."""
    algorithm = A.RSA if key is RSA_KEY else A.EC
    given = PrivateKey(key_block=block(F.PKCS_8, key.private_bytes(*PKCS8), algorithm, key.key_size))
    return await register(client, version, ObjectType.PRIVATE_KEY, given, mask(M.SIGN), *attributes)


async def certificate(client: Client, version: Version, key: Any, name: str, *attributes: Attribute) -> str:
    """Register a certificate of a key."""
    made = certificate_of(key, x509.NameAttribute(NameOID.COMMON_NAME, name)).public_bytes(Encoding.DER)
    given = Certificate(certificate_type=CertificateType.X_509, certificate_value=made)
    return await register(client, version, ObjectType.CERTIFICATE, given, *attributes)


def asked(unique_identifier: str) -> tuple[Operation, GetRequest]:
    """Ask for a file."""
    return Operation.GET, GetRequest(unique_identifier=unique_identifier, key_format_type=F.PKCS_12)


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY], ids=["rsa", "ec"])
@pytest.mark.parametrize("version", [V1_4, V2_1], ids=str)
async def test_file_holds_key_and_chain_under_the_password(gateway: Gateway, version: Version, key: Any) -> None:
    top = await certificate(gateway, version, RSA_KEY if key is EC_KEY else EC_KEY, "top")
    own = await certificate(gateway, version, key, "own", linked(LinkType.PKCS_12_CERTIFICATE_LINK, top))
    secret = await password(gateway, version, ACTIVE)
    made = await private_key(
        gateway,
        version,
        key,
        linked(LinkType.PKCS_12_PASSWORD_LINK, secret),
        linked(LinkType.PKCS_12_CERTIFICATE_LINK, own),
        Attribute(Tag.PKCS_12_FRIENDLY_NAME, "mine"),
    )
    given = (await gateway.one(version, *asked(made))).private_key.key_block
    assert (given.key_format_type, given.cryptographic_algorithm) == (F.PKCS_12, None)
    # In 1.4 the Key Value is the file itself.
    file = given.key_value if version < V2_1 else given.key_value.key_material
    found = load_pkcs12(file, PASSWORD)
    assert found.key is not None and found.key.private_bytes(*PKCS8) == key.private_bytes(*PKCS8)
    assert found.cert is not None and found.cert.friendly_name == b"mine"
    names = [each.certificate.subject.rfc4514_string() for each in (found.cert, *found.additional_certs)]
    assert names == ["CN=own", "CN=top"]


async def test_certificates_that_lead_to_each_other_are_there_once(gateway: Gateway) -> None:
    own = await certificate(gateway, V2_1, EC_KEY, "own")
    await _point_to_itself(gateway, own)
    secret = await password(gateway, V2_1, ACTIVE)
    links = linked(LinkType.PKCS_12_PASSWORD_LINK, secret), linked(LinkType.PKCS_12_CERTIFICATE_LINK, own)
    made = await private_key(gateway, V2_1, EC_KEY, *links)
    given = (await gateway.one(V2_1, *asked(made))).private_key.key_block.key_value.key_material
    assert load_pkcs12(given, PASSWORD).additional_certs == []


async def _point_to_itself(gateway: Gateway, unique_identifier: str) -> None:
    new = (linked(LinkType.PKCS_12_CERTIFICATE_LINK, unique_identifier),)
    request = AddAttributeRequest(unique_identifier=unique_identifier, new_attribute=new)
    await gateway.one(V2_1, Operation.ADD_ATTRIBUTE, request)


async def test_no_file_without_a_password_of_ones_own_that_is_active(gateway: Gateway) -> None:
    bare = await private_key(gateway, V2_1, EC_KEY)
    assert await gateway.refused(V2_1, *asked(bare)) is R.KEY_FORMAT_TYPE_NOT_SUPPORTED
    waiting = await password(gateway, V2_1)
    early = await private_key(gateway, V2_1, EC_KEY, linked(LinkType.PKCS_12_PASSWORD_LINK, waiting))
    assert await gateway.refused(V2_1, *asked(early)) is R.WRONG_KEY_LIFECYCLE_STATE
    foreign = await password(gateway.other, V2_1, ACTIVE)
    stolen = await private_key(gateway, V2_1, EC_KEY, linked(LinkType.PKCS_12_PASSWORD_LINK, foreign))
    assert await gateway.refused(V2_1, *asked(stolen)) is R.OBJECT_NOT_FOUND
    await gateway.one(V2_1, Operation.DESTROY, DestroyRequest(unique_identifier=waiting))
    assert await gateway.refused(V2_1, *asked(early)) is R.OBJECT_DESTROYED


async def test_no_file_of_what_may_not_be_seen(gateway: Gateway) -> None:
    secret = await password(gateway, V2_1, ACTIVE)
    link = linked(LinkType.PKCS_12_PASSWORD_LINK, secret)
    sensitive = await private_key(gateway, V2_1, EC_KEY, link, Attribute(Tag.SENSITIVE, True))
    assert await gateway.refused(V2_1, *asked(sensitive)) is R.SENSITIVE
    kept = await private_key(gateway, V2_1, EC_KEY, link, Attribute(Tag.EXTRACTABLE, False))
    assert await gateway.refused(V2_1, *asked(kept)) is R.NOT_EXTRACTABLE


async def test_no_file_with_a_certificate_of_another_key(gateway: Gateway) -> None:
    other = await certificate(gateway, V2_1, RSA_KEY, "other")
    secret = await password(gateway, V2_1, ACTIVE)
    links = linked(LinkType.PKCS_12_PASSWORD_LINK, secret), linked(LinkType.PKCS_12_CERTIFICATE_LINK, other)
    made = await private_key(gateway, V2_1, EC_KEY, *links)
    assert await gateway.refused(V2_1, *asked(made)) is R.KEY_FORMAT_TYPE_NOT_SUPPORTED


# --- Register


def file_of(key: Any, secret: bytes, *chain: x509.Certificate) -> bytes:
    """Make a file as other programs do."""
    encryption = BestAvailableEncryption(secret)
    return serialize_key_and_certificates(b"theirs", key, chain[0] if chain else None, chain[1:], encryption)


def chain_of(key: Any) -> tuple[x509.Certificate, ...]:
    """Make a certificate of a key, and two more."""
    keys = (key, RSA_KEY if key is EC_KEY else EC_KEY, EC_KEY)
    names = (x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("own", "middle", "top"))
    return tuple(certificate_of(each, name) for each, name in zip(keys, names, strict=True))


def brought(version: Version, file: bytes) -> PrivateKey:
    """Give a file as KMIP has it; in 1.4 the Key Value is the file itself."""
    value = file if version < V2_0 else KeyValue(key_material=file)
    return PrivateKey(key_block=KeyBlock(key_format_type=F.PKCS_12, key_value=value))


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY], ids=["rsa", "ec"])
@pytest.mark.parametrize("version", [V1_4, V2_0, V2_1], ids=str)
async def test_a_file_becomes_a_key_and_certificates(gateway: Gateway, version: Version, key: Any) -> None:
    chain = chain_of(key)
    link = linked(LinkType.PKCS_12_PASSWORD_LINK, await password(gateway, version, ACTIVE))
    file = brought(version, file_of(key, PASSWORD, *chain))
    made = await register(gateway, version, ObjectType.PRIVATE_KEY, file, mask(M.SIGN), link)
    held = await kept(gateway, made)
    assert held.row.custody is not Custody.SEALED
    assert held.key_format_type is F.PKCS_8
    assert sets.text(held.attributes, Tag.PKCS_12_FRIENDLY_NAME) == "theirs"
    for certificate in chain:
        held = await kept(gateway, held.linked(LinkType.PKCS_12_CERTIFICATE_LINK) or "")
        given = await gateway.one(version, Operation.GET, GetRequest(unique_identifier=held.unique_identifier))
        assert given.certificate.certificate_value == certificate.public_bytes(Encoding.DER)
    assert held.linked(LinkType.PKCS_12_CERTIFICATE_LINK) is None
    again = (await gateway.one(version, *asked(made))).private_key.key_block.key_value
    found = load_pkcs12(again if isinstance(again, bytes) else again.key_material, PASSWORD)
    assert found.key is not None and found.key.private_bytes(*PKCS8) == key.private_bytes(*PKCS8)
    assert found.cert is not None
    assert (found.cert.certificate, *(each.certificate for each in found.additional_certs)) == chain


async def refused_file(gateway: Gateway, file: bytes, *attributes: Attribute) -> R | None:
    """Register a file that must be refused, and see that nothing is left of it."""
    request = RegisterRequest(
        object_type=ObjectType.PRIVATE_KEY,
        attributes=(mask(M.SIGN), *attributes),
        private_key=brought(V2_1, file),
    )
    reason = await gateway.refused(V2_1, Operation.REGISTER, request)
    for kind in (ObjectType.PRIVATE_KEY, ObjectType.CERTIFICATE):
        wanted = LocateRequest(attributes=(Attribute(Tag.OBJECT_TYPE, kind),))
        assert (await gateway.one(V2_1, Operation.LOCATE, wanted)).unique_identifier == ()
    return reason


async def test_a_file_that_does_not_open_is_refused(gateway: Gateway) -> None:
    link = linked(LinkType.PKCS_12_PASSWORD_LINK, await password(gateway, V2_1, ACTIVE))
    whole = file_of(EC_KEY, PASSWORD, *chain_of(EC_KEY))
    keyless = serialize_key_and_certificates(None, None, None, chain_of(EC_KEY), BestAvailableEncryption(PASSWORD))
    for file in (file_of(EC_KEY, b"another password"), whole[:-1], b"0", keyless):
        assert await refused_file(gateway, file, link) is R.INVALID_FIELD


async def test_the_password_of_a_file_is_ones_own_and_active(gateway: Gateway) -> None:
    file = file_of(EC_KEY, PASSWORD)
    waiting = linked(LinkType.PKCS_12_PASSWORD_LINK, await password(gateway, V2_1))
    assert await refused_file(gateway, file, waiting) is R.WRONG_KEY_LIFECYCLE_STATE
    foreign = linked(LinkType.PKCS_12_PASSWORD_LINK, await password(gateway.other, V2_1, ACTIVE))
    assert await refused_file(gateway, file, foreign) is R.OBJECT_NOT_FOUND


async def test_a_file_without_end_costs_seconds_and_holds_up_nobody(gateway: Gateway) -> None:
    """A file says itself how often its password is hashed: two thousand million times, an hour of it."""
    link = linked(LinkType.PKCS_12_PASSWORD_LINK, await password(gateway, V2_1, ACTIVE))
    file = Pfx.load(file_of(EC_KEY, PASSWORD))
    file["mac_data"]["iterations"] = 2**31 - 1
    opening = asyncio.create_task(refused_file(gateway, file.dump(force=True), link))
    await asyncio.sleep(0.5)
    began = time.monotonic()
    await gateway.one(V2_1, Operation.LOCATE, LocateRequest())
    assert time.monotonic() - began < 1 and not opening.done()
    assert await opening is R.INVALID_FIELD


async def test_without_its_password_a_file_is_kept_as_it_is(gateway: Gateway) -> None:
    file = file_of(EC_KEY, PASSWORD, *chain_of(EC_KEY))
    made = await register(gateway, V2_1, ObjectType.PRIVATE_KEY, brought(V2_1, file), mask(M.SIGN))
    given = await gateway.one(V2_1, Operation.GET, GetRequest(unique_identifier=made))
    assert given.private_key.key_block.key_value.key_material == file
