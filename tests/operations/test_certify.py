"""Certify and Re-certify (KMIP 2.1 sections 6.1.6 and 6.1.45): what the authority on the token signs, and for whom."""

import hashlib
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

from gateway import authority as authorities
from gateway.admin.authority import KEYS, Plan, establish
from gateway.authority import SIGNS
from gateway.config import KmipConfig
from gateway.errors import InvalidCSR
from gateway.keys.requests import read
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    CertificateRequestType,
    LinkType,
    ObjectType,
    Operation,
    QueryFunction,
    ResultStatus,
    RevocationReasonCode,
    State,
    ValidityIndicator,
)
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import DigitalSignatureAlgorithm as S
from gateway.kmip.enums import ResultReason as R
from gateway.kmip.objects import CertificateRequest, PublicKey
from gateway.kmip.structure import Attribute, DateTime, Interval
from gateway.kmip.tags import Tag
from gateway.kmip.values import Digest, Link, RevocationReason
from gateway.kmip.version import SUPPORTED, V1_0, V1_4, V2_1, Version
from gateway.managed import Managed
from gateway.operations.add_attribute import AddAttributeRequest
from gateway.operations.certify import CertifyRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get import GetRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.query import QueryRequest
from gateway.operations.re_certify import ReCertifyRequest
from gateway.operations.register import RegisterRequest
from gateway.operations.revoke import RevokeRequest
from gateway.operations.validate import ValidateRequest
from gateway.store.api import Custody, Query
from tests.operations.authorities import NOW, named, root
from tests.operations.authorities import certified as made_elsewhere
from tests.operations.conftest import Client, Gateway
from tests.operations.making import call_of
from tests.operations.making import names as name_attributes
from tests.operations.test_create import kept
from tests.operations.test_key_pairs import SIGN, VERIFY, made
from tests.operations.test_register_get import EC_KEY, INFO, RSA_KEY, F, block, mask

T = CertificateRequestType
PLAN = Plan("authority", "CN=Authority,O=Tests", key="ec-p256")
ED_KEY = ed25519.Ed25519PrivateKey.generate()
WEAK_KEY = rsa.generate_private_key(65537, 1024)
ALL_USES = x509.KeyUsage(True, True, True, True, True, True, True, True, True)
EVERY_PURPOSE = x509.ExtendedKeyUsage(
    [Purpose.CLIENT_AUTH, Purpose.SERVER_AUTH, Purpose.OCSP_SIGNING, Purpose.ANY_EXTENDED_KEY_USAGE]
)
GREEDY = (x509.BasicConstraints(ca=True, path_length=None), ALL_USES, EVERY_PURPOSE)
ELSEWHERE = x509.SubjectAlternativeName([x509.DNSName("bank.example")])


@pytest.fixture
def kmip_config() -> KmipConfig:
    """An authority is configured."""
    return KmipConfig(certification_authority=PLAN.name)


@pytest_asyncio.fixture(loop_scope="session")
async def authority(gateway: Gateway) -> x509.Certificate:
    """The certificate of the authority, made in this test's database."""
    return await establish(call_of(gateway), PLAN)


def request_of(key: Any, name: x509.Name, *extensions: x509.ExtensionType) -> x509.CertificateSigningRequest:
    """Make a certificate request."""
    builder = x509.CertificateSigningRequestBuilder(name)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, None if key is ED_KEY else SHA256())


def pkcs10(key: Any = EC_KEY, name: str = "disk", *extensions: x509.ExtensionType) -> dict[str, Any]:
    """Give the fields of a request for a certificate, in DER."""
    der = request_of(key, named(name), *extensions).public_bytes(Encoding.DER)
    return {"certificate_request_type": T.PKCS_10, "certificate_request": der}


async def registered(client: Client, key: Any = EC_KEY, version: Version = V2_1) -> str:
    """Register a public key."""
    algorithm = {EC_KEY: A.EC, ED_KEY: A.ED25519}.get(key, A.RSA) if version > V1_4 else None
    given = PublicKey(key_block=block(F.X_509, key.public_key().public_bytes(*INFO), algorithm))
    if version <= V1_4 and key is EC_KEY:
        given = PublicKey(key_block=block(F.X_509, key.public_key().public_bytes(*INFO), A.ECDSA, 256))
    request = RegisterRequest(object_type=ObjectType.PUBLIC_KEY, attributes=(mask(M.VERIFY),), public_key=given)
    identifier: str = (await client.one(version, Operation.REGISTER, request)).unique_identifier
    return identifier


async def certified(
    client: Client, public: str | None, *attributes: Attribute, version: Version = V2_1, **fields: Any
) -> str:
    """Have a public key certified and give the certificate's unique identifier."""
    request = CertifyRequest(unique_identifier=public, attributes=attributes, **fields)
    identifier: str = (await client.one(version, Operation.CERTIFY, request)).unique_identifier
    return identifier


async def renewed(client: Client, old: str, *attributes: Attribute, version: Version = V2_1, **fields: Any) -> str:
    """Have a certificate renewed and give the new one's unique identifier."""
    request = ReCertifyRequest(unique_identifier=old, attributes=attributes, **fields)
    identifier: str = (await client.one(version, Operation.RE_CERTIFY, request)).unique_identifier
    return identifier


async def got(client: Client, unique_identifier: str, version: Version = V2_1) -> x509.Certificate:
    """Get a certificate as its client does."""
    payload = await client.one(version, Operation.GET, GetRequest(unique_identifier=unique_identifier))
    return x509.load_der_x509_certificate(payload.certificate.certificate_value)


def usage_of(certificate: x509.Certificate) -> x509.KeyUsage:
    return certificate.extensions.get_extension_for_class(x509.KeyUsage).value


def period(begins: int | None = None, ends: int | None = None) -> tuple[Attribute, ...]:
    """Give Activation and Deactivation Dates, in seconds from now."""
    dates = (Tag.ACTIVATION_DATE, begins), (Tag.DEACTIVATION_DATE, ends)
    now = int(NOW.timestamp())
    return tuple(Attribute(tag, DateTime(now + each)) for tag, each in dates if each is not None)


async def refused(client: Client, public: str, *attributes: Attribute, **fields: Any) -> R | None:
    """Ask for a certificate that must be refused."""
    request = CertifyRequest(unique_identifier=public, attributes=attributes, **fields)
    return await client.refused(V2_1, Operation.CERTIFY, request)


# --- Certify


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_a_request_becomes_a_certificate_of_the_authority(
    gateway: Gateway, authority: x509.Certificate, version: Version
) -> None:
    public = await registered(gateway, version=version)
    own = await certified(gateway, public, *name_attributes("own"), version=version, **pkcs10())
    certificate = await got(gateway, own, version)
    certificate.verify_directly_issued_by(authority)
    assert certificate.subject == named("disk")
    assert certificate.public_key() == EC_KEY.public_key()
    assert certificate.not_valid_before_utc == NOW
    assert certificate.not_valid_after_utc == NOW + timedelta(days=365)
    held = await kept(gateway, own)
    assert held.names() == ("own",)
    assert held.linked(LinkType.PUBLIC_KEY_LINK) == public
    assert (await kept(gateway, public)).linked(LinkType.CERTIFICATE_LINK) == own


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY, ED_KEY], ids=["rsa", "ec", "ed25519"])
async def test_keys_of_every_kind_are_certified(gateway: Gateway, authority: x509.Certificate, key: Any) -> None:
    certificate = await got(gateway, await certified(gateway, await registered(gateway, key), **pkcs10(key)))
    certificate.verify_directly_issued_by(authority)
    assert certificate.public_key() == key.public_key()


@pytest.mark.parametrize("key", ["rsa-2048", "ec-p256", "ec-p384", "ec-p521"])
async def test_authorities_sign_by_keys_of_every_kind(gateway: Gateway, key: str) -> None:
    authority = await establish(call_of(gateway), PLAN._replace(key=key))
    authority.verify_directly_issued_by(authority)
    own = await certified(gateway, await registered(gateway), **pkcs10())
    (await got(gateway, own)).verify_directly_issued_by(authority)
    told = [a.value for a in (await kept(gateway, own)).attributes if a.tag is Tag.DIGITAL_SIGNATURE_ALGORITHM]
    assert told == [
        {
            "rsa-2048": S.SHA_256_WITH_RSA_ENCRYPTION,
            "ec-p256": S.ECDSA_WITH_SHA256,
            "ec-p384": S.ECDSA_WITH_SHA384,
            "ec-p521": S.ECDSA_WITH_SHA512,
        }[key]
    ]


async def test_a_request_in_pem_or_as_2_x_names_it(gateway: Gateway, authority: x509.Certificate) -> None:
    public, request = await registered(gateway), request_of(EC_KEY, named("disk"))
    pem = {"certificate_request_type": T.PEM, "certificate_request": request.public_bytes(Encoding.PEM)}
    assert (await got(gateway, await certified(gateway, public, **pem))).subject == named("disk")
    value = {"certificate_request_type": T.PKCS_10, "certificate_request_value": request.public_bytes(Encoding.DER)}
    assert (await got(gateway, await certified(gateway, public, **value))).subject == named("disk")


# The CertReqMessages of what `openssl cmp -cmd ir -popo 1 -subject /CN=disk -reqexts v -reqout FILE` writes (3.0).
CRMF = bytes.fromhex(
    "3081fb3081f830819c020100308196a511300f310d300b06035504030c046469736ba659301306072a8648ce3d020106082a8648ce3d0301"
    "07034200043614a42ac961f4be0f179c0311b1ea35b5ef940d72f111f90f27547b93cb9db3ed7ee538491621bc00a6931d3ddeb361a92bce"
    "5e8db975f9d4e5c72927eb3deca92630170603551d110410300e820c6469736b2e6578616d706c65300b0603551d0f040403020284a15730"
    "0a06082a8648ce3d0403020349003046022100d6e226a86107b2e5d7fa376001e738e81fac9600cfbe77235bb09cdb5ab5bfbe02210097ae"
    "8eeb9265e4ef0ab0d50c43fae1b164282133078e1a22193331870ba20742"
)
CRMF_POINT = CRMF[CRMF.index(bytes.fromhex("034200")) + 3 :][:65]


async def test_a_request_of_crmf_is_certified(gateway: Gateway, authority: x509.Certificate) -> None:
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), CRMF_POINT)
    given = PublicKey(key_block=block(F.X_509, key.public_bytes(*INFO), A.EC))
    register = RegisterRequest(object_type=ObjectType.PUBLIC_KEY, attributes=(mask(M.VERIFY),), public_key=given)
    public = (await gateway.one(V2_1, Operation.REGISTER, register)).unique_identifier
    fields = {"certificate_request_type": T.CRMF, "certificate_request": CRMF}
    certificate = await got(gateway, await certified(gateway, public, **fields))
    certificate.verify_directly_issued_by(authority)
    assert (certificate.subject, certificate.public_key()) == (named("disk"), key)
    usage = usage_of(certificate)
    assert usage.digital_signature and not usage.key_cert_sign


def test_requests_of_crmf_ask_for_extensions_like_others() -> None:
    found = read(T.CRMF, CRMF)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names == x509.SubjectAlternativeName([x509.DNSName("disk.example")])


def test_a_broken_request_of_crmf_is_refused() -> None:
    for place in range(8 * len(CRMF)):
        broken_ = bytearray(CRMF)
        broken_[place // 8] ^= 1 << place % 8
        with suppress(InvalidCSR):
            read(T.CRMF, bytes(broken_))
            assert bytes(broken_[6:165]) == CRMF[6:165], "only what no signature covers may be wrong"
    for size in range(len(CRMF)):
        with pytest.raises(InvalidCSR):
            read(T.CRMF, CRMF[:size])


def test_a_request_of_crmf_is_not_too_long() -> None:
    """One as long as a message would be taken apart for many seconds, in which nobody else is answered."""
    empty = 2**19 * b"\x05\x00"
    with pytest.raises(InvalidCSR):
        read(T.CRMF, b"\x30\x84" + len(empty).to_bytes(4, "big") + empty)


async def test_a_pair_that_was_made_here_needs_no_request(gateway: Gateway, authority: x509.Certificate) -> None:
    private, public = await made(gateway, (Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.EC), *_p256()), SIGN, VERIFY)
    certificate = await got(gateway, await certified(gateway, public.unique_identifier))
    certificate.verify_directly_issued_by(authority)
    assert certificate.subject == named(public.unique_identifier)
    assert private.ref.cka_id == public.ref.cka_id


def _p256() -> tuple[Attribute, ...]:
    return (Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),)


async def test_a_link_to_a_private_key_proves_nothing(gateway: Gateway, authority: x509.Certificate) -> None:
    """A public key is everybody's; only a pair that the token made needs no proof."""
    private, _ = await made(gateway, (Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.EC), *_p256()), SIGN, VERIFY)
    public = await registered(gateway)
    link = Link(link_type=LinkType.PRIVATE_KEY_LINK, linked_object_identifier=private.unique_identifier)
    assert await refused(gateway, public) is R.MISSING_DATA
    added = AddAttributeRequest(unique_identifier=public, new_attribute=(Attribute(Tag.LINK, link),))
    await gateway.one(V2_1, Operation.ADD_ATTRIBUTE, added)
    assert await refused(gateway, public) is R.MISSING_DATA


async def test_the_id_placeholder_is_the_key_and_then_the_certificate(
    gateway: Gateway, authority: x509.Certificate
) -> None:
    given = PublicKey(key_block=block(F.X_509, EC_KEY.public_key().public_bytes(*INFO), A.EC))
    register = RegisterRequest(object_type=ObjectType.PUBLIC_KEY, attributes=(mask(M.VERIFY),), public_key=given)
    answers = await gateway.ask(
        V2_1,
        (Operation.REGISTER, register),
        (Operation.CERTIFY, CertifyRequest(**pkcs10())),
        (Operation.GET, GetRequest()),
    )
    assert answers[2].payload.unique_identifier == answers[1].payload.unique_identifier
    assert answers[2].payload.object_type is ObjectType.CERTIFICATE


async def test_serial_numbers_are_long_and_never_the_same(gateway: Gateway, authority: x509.Certificate) -> None:
    public = await registered(gateway)
    made = [await got(gateway, await certified(gateway, public, **pkcs10())) for _ in range(3)]
    assert len({each.serial_number for each in made}) == 3
    assert all(each.serial_number.bit_length() > 128 for each in made)


# --- what is granted of what is asked


async def test_nobody_becomes_an_authority(gateway: Gateway, authority: x509.Certificate) -> None:
    own = await certified(gateway, await registered(gateway), **pkcs10(EC_KEY, "disk", *GREEDY))
    certificate = await got(gateway, own)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and not constraints.value.ca
    usage = usage_of(certificate)
    assert usage.digital_signature and usage.key_agreement
    assert not (usage.key_cert_sign or usage.crl_sign)
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(purposes) == {Purpose.CLIENT_AUTH, Purpose.SERVER_AUTH}


@pytest.mark.parametrize(
    ("uses", "named_uses"),
    [
        (M.SIGN | M.VERIFY, {"digital_signature"}),
        (M.ENCRYPT | M.WRAP_KEY, {"data_encipherment", "key_encipherment"}),
        (M.CERTIFICATE_SIGN | M.CRL_SIGN, {"digital_signature"}),
        (M(0), {"digital_signature"}),
    ],
    ids=["sign", "encrypt", "authority", "none"],
)
async def test_the_mask_says_the_uses_where_the_request_does_not(
    gateway: Gateway, authority: x509.Certificate, uses: M, named_uses: set[str]
) -> None:
    own = await certified(gateway, await registered(gateway), mask(uses), **pkcs10())
    usage = usage_of(await got(gateway, own))
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    assert {use for use in (*every, "key_cert_sign", "crl_sign") if getattr(usage, use)} == named_uses


async def test_alternative_names_are_another_identity_and_left_out(
    gateway: Gateway, authority: x509.Certificate
) -> None:
    own = await certified(gateway, await registered(gateway), **pkcs10(EC_KEY, "disk", ELSEWHERE))
    with pytest.raises(x509.ExtensionNotFound):
        (await got(gateway, own)).extensions.get_extension_for_class(x509.SubjectAlternativeName)


class TestWithAlternativeNames:
    """The operator lets clients choose alternative names."""

    @pytest.fixture
    def kmip_config(self) -> KmipConfig:
        return KmipConfig(certification_authority=PLAN.name, certify_alternative_names=True)

    async def test_they_are_in_the_certificate(self, gateway: Gateway, authority: x509.Certificate) -> None:
        own = await certified(gateway, await registered(gateway), **pkcs10(EC_KEY, "disk", ELSEWHERE))
        found = (await got(gateway, own)).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert found.value == ELSEWHERE


async def test_dates_of_the_object_are_those_of_the_certificate(gateway: Gateway, authority: x509.Certificate) -> None:
    public = await registered(gateway)
    certificate = await got(gateway, await certified(gateway, public, *period(60, 3600), **pkcs10()))
    assert certificate.not_valid_before_utc == NOW + timedelta(seconds=60)
    assert certificate.not_valid_after_utc == NOW + timedelta(seconds=3600)
    early = await got(gateway, await certified(gateway, public, *period(-3600), **pkcs10()))
    assert early.not_valid_before_utc == NOW
    late = await got(gateway, await certified(gateway, public, *period(0, 10**9), **pkcs10()))
    assert late.not_valid_after_utc == NOW + timedelta(days=365)


async def test_no_certificate_outlives_the_authority(gateway: Gateway, authority: x509.Certificate) -> None:
    public = await registered(gateway)
    left = timedelta(days=30)
    gateway.clock.now = (authority.not_valid_after_utc - left).timestamp()
    certificate = await got(gateway, await certified(gateway, public, **pkcs10()))
    assert certificate.not_valid_after_utc == authority.not_valid_after_utc
    gateway.clock.now += left.total_seconds()
    assert await refused(gateway, public, **pkcs10()) is R.INVALID_ATTRIBUTE_VALUE


# --- what is refused


def broken(**fields: Any) -> dict[str, Any]:
    """Give a request whose signature is another's."""
    der = bytearray(fields["certificate_request"])
    der[-1] ^= 1
    return {**fields, "certificate_request": bytes(der)}


@ec.EllipticCurvePrivateKey.register
class Liar:
    """Says that its public key is another's."""

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return EC_KEY.public_key()

    def sign(self, data: bytes, algorithm: ec.ECDSA) -> bytes:
        return ec.generate_private_key(ec.SECP256R1()).sign(data, algorithm)


REFUSED: dict[str, tuple[R, dict[str, Any]]] = {
    "broken signature": (R.INVALID_CSR, broken(**pkcs10())),
    "signed by another": (R.INVALID_CSR, pkcs10(Liar())),
    "another key": (R.INVALID_CSR, pkcs10(RSA_KEY)),
    "no request": (R.INVALID_CSR, {"certificate_request_type": T.PKCS_10, "certificate_request": b"0"}),
    "der as pem": (R.INVALID_CSR, {**pkcs10(), "certificate_request_type": T.PEM}),
    "no subject": (
        R.INVALID_CSR,
        {
            "certificate_request_type": T.PKCS_10,
            "certificate_request": request_of(EC_KEY, x509.Name([])).public_bytes(Encoding.DER),
        },
    ),
    "the authority's subject": (
        R.PERMISSION_DENIED,
        {
            "certificate_request_type": T.PKCS_10,
            "certificate_request": request_of(EC_KEY, x509.Name.from_rfc4514_string(PLAN.subject)).public_bytes(
                Encoding.DER
            ),
        },
    ),
    "without a type": (R.MISSING_DATA, {"certificate_request": b"0"}),
    "a type alone": (R.MISSING_DATA, {"certificate_request_type": T.PKCS_10}),
    "two requests": (R.INVALID_FIELD, {**pkcs10(), "certificate_request_value": b"0"}),
}


@pytest.mark.parametrize(("reason", "fields"), REFUSED.values(), ids=REFUSED)
async def test_a_request_that_is_not_right_is_refused(
    gateway: Gateway, authority: x509.Certificate, reason: R, fields: dict[str, Any]
) -> None:
    assert await refused(gateway, await registered(gateway), **fields) is reason
    located = await gateway.one(V2_1, Operation.LOCATE, LocateRequest(attributes=_certificates()))
    assert located.unique_identifier == ()


def _certificates() -> tuple[Attribute, ...]:
    return (Attribute(Tag.OBJECT_TYPE, ObjectType.CERTIFICATE),)


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY, ED_KEY], ids=["rsa", "ec", "ed25519"])
def test_a_broken_request_is_refused_in_one_way(key: Any) -> None:
    """Every bit of a request is wrong once; what is accepted is wrong outside of what is signed, and says the same."""
    whole = request_of(key, named("disk"), *GREEDY).public_bytes(Encoding.DER)
    right, accepted = read(T.PKCS_10, whole), 0
    for place in range(8 * len(whole)):
        broken_ = bytearray(whole)
        broken_[place // 8] ^= 1 << place % 8
        with suppress(InvalidCSR):
            found = read(T.PKCS_10, bytes(broken_))
            assert (found.subject, found.public_key, list(found.extensions)) == (
                right.subject,
                right.public_key,
                list(right.extensions),
            )
            accepted += 1
    assert accepted < 8  # the number of unused bits at the signature's end, Ed25519's name where the key tells it


async def test_1_x_is_told_an_invalid_field(gateway: Gateway, authority: x509.Certificate) -> None:
    request = CertifyRequest(unique_identifier=await registered(gateway), **broken(**pkcs10()))
    assert await gateway.refused(V1_0, Operation.CERTIFY, request) is R.INVALID_FIELD


async def test_requests_for_pgp_keys_are_not_read(gateway: Gateway, authority: x509.Certificate) -> None:
    fields = {"certificate_request_type": T.PGP, "certificate_request": b"any bytes"}
    request = CertifyRequest(unique_identifier=await registered(gateway), **fields)
    assert await gateway.refused(V1_4, Operation.CERTIFY, request) is R.FEATURE_NOT_SUPPORTED


async def test_a_certificate_revoked_meanwhile_is_not_renewed(
    gateway: Gateway, authority: x509.Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signature takes its time, and what came between is looked at in the commit."""
    public = await registered(gateway)
    sign = authorities.signed
    for revoke_key in (False, True):
        old = await certified(gateway, public, **pkcs10())
        victim = public if revoke_key else old

        async def late(*given: Any, revoked: str = victim) -> bytes:
            await revoke(gateway, revoked)
            return await sign(*given)

        with monkeypatch.context() as patched:
            patched.setattr(authorities, "signed", late)
            asked = ReCertifyRequest(unique_identifier=old, **pkcs10())
            reason = await gateway.refused(V2_1, Operation.RE_CERTIFY, asked)
        assert reason is R.WRONG_KEY_LIFECYCLE_STATE
        assert (await kept(gateway, old)).linked(LinkType.REPLACEMENT_OBJECT_LINK) is None


async def test_weak_keys_are_not_certified(gateway: Gateway, authority: x509.Certificate) -> None:
    public = await registered(gateway, WEAK_KEY)
    assert await refused(gateway, public, **pkcs10(WEAK_KEY)) is R.INVALID_CSR


async def test_foreign_revoked_and_destroyed_keys_are_not_certified(
    gateway: Gateway, authority: x509.Certificate
) -> None:
    assert await refused(gateway, await registered(gateway.other), **pkcs10()) is R.OBJECT_NOT_FOUND
    revoked, destroyed = await registered(gateway), await registered(gateway)
    await revoke(gateway, revoked)
    assert await refused(gateway, revoked, **pkcs10()) is R.WRONG_KEY_LIFECYCLE_STATE
    await gateway.one(V2_1, Operation.DESTROY, DestroyRequest(unique_identifier=destroyed))
    assert await refused(gateway, destroyed, **pkcs10()) is R.OBJECT_DESTROYED
    own = await certified(gateway, await registered(gateway), **pkcs10())
    assert await refused(gateway, own, **pkcs10()) is R.INVALID_OBJECT_TYPE


async def revoke(client: Client, unique_identifier: str) -> None:
    """Revoke an object as compromised."""
    reason = RevocationReason(revocation_reason_code=RevocationReasonCode.KEY_COMPROMISE)
    request = RevokeRequest(unique_identifier=unique_identifier, revocation_reason=reason)
    await client.one(V2_1, Operation.REVOKE, request)


async def test_a_name_that_is_taken_leaves_nothing_behind(gateway: Gateway, authority: x509.Certificate) -> None:
    public = await registered(gateway)
    await certified(gateway, public, *name_attributes("own"), **pkcs10())
    before = await kept(gateway, public)
    assert await refused(gateway, public, *name_attributes("own"), **pkcs10()) is R.NON_UNIQUE_NAME_ATTRIBUTE
    assert (await kept(gateway, public)).attributes == before.attributes


async def test_undone_with_its_batch(gateway: Gateway, authority: x509.Certificate) -> None:
    public = await registered(gateway)
    before = await kept(gateway, public)
    answers = await gateway.ask(
        V2_1,
        (Operation.CERTIFY, CertifyRequest(unique_identifier=public, attributes=name_attributes("own"), **pkcs10())),
        (Operation.GET, GetRequest(unique_identifier="no such object")),
        batch_error_continuation_option=BatchErrorContinuationOption.UNDO,
    )
    assert answers[0].status is ResultStatus.OPERATION_UNDONE
    assert (await kept(gateway, public)).attributes == before.attributes
    assert (await kept(gateway, answers[0].payload.unique_identifier)).destroy is not None
    await certified(gateway, public, *name_attributes("own"), **pkcs10())


# --- the authority


async def test_the_authority_is_no_clients_object(gateway: Gateway, authority: x509.Certificate) -> None:
    own = call_of(gateway).of_gateway()
    located = await gateway.store.locate(Query(tenant="gateway"))
    assert len(located.unique_identifiers) == 3
    for unique_identifier in located.unique_identifiers:
        for operation, payload in (
            (Operation.GET, GetRequest(unique_identifier=unique_identifier)),
            (Operation.DESTROY, DestroyRequest(unique_identifier=unique_identifier)),
        ):
            assert await gateway.refused(V2_1, operation, payload) is R.OBJECT_NOT_FOUND
        held = own.live(unique_identifier)
        if held.object_type is ObjectType.PRIVATE_KEY:
            assert held.sensitive and not held.extractable
            assert (await gateway.token.attributes(held.ref))["extractable"] is False
    assert (await gateway.one(V2_1, Operation.LOCATE, LocateRequest())).unique_identifier == ()


async def test_without_the_authority_it_is_the_operators_fault(gateway: Gateway) -> None:
    assert await refused(gateway, await registered(gateway), **pkcs10()) is R.GENERAL_FAILURE


@pytest.mark.parametrize("kind", KEYS)
def test_every_kind_of_authority_is_one_that_signs(kind: str) -> None:
    assert KEYS[kind][:2] in SIGNS


class TestWithoutAuthority:
    """No authority is configured."""

    @pytest.fixture
    def kmip_config(self) -> KmipConfig:
        return KmipConfig()

    @pytest.mark.parametrize("version", SUPPORTED, ids=str)
    async def test_there_is_no_such_operation(self, gateway: Gateway, version: Version) -> None:
        for operation, payload in (
            (Operation.CERTIFY, CertifyRequest(**pkcs10())),
            (Operation.RE_CERTIFY, ReCertifyRequest(**pkcs10())),
        ):
            assert await gateway.refused(version, operation, payload) is R.OPERATION_NOT_SUPPORTED
        told = await gateway.one(version, Operation.QUERY, _operations())
        assert not {Operation.CERTIFY, Operation.RE_CERTIFY} & set(told.operation)


def _operations() -> QueryRequest:
    return QueryRequest(query_function=(QueryFunction.QUERY_OPERATIONS,))


async def test_query_tells_of_it(gateway: Gateway) -> None:
    told = await gateway.one(V2_1, Operation.QUERY, _operations())
    assert {Operation.CERTIFY, Operation.RE_CERTIFY} <= set(told.operation)


async def test_what_the_authority_issued_is_valid_for_everybody(gateway: Gateway, authority: x509.Certificate) -> None:
    own = await certified(gateway, await registered(gateway), **pkcs10())
    payload = await gateway.one(V2_1, Operation.GET, GetRequest(unique_identifier=own))
    request = ValidateRequest(certificate=(payload.certificate,))
    for client in (gateway, gateway.other):
        told = await client.one(V2_1, Operation.VALIDATE, request)
        assert told.validity_indicator is ValidityIndicator.VALID
    await revoke(gateway, own)
    told = await gateway.one(V2_1, Operation.VALIDATE, request)
    assert told.validity_indicator is ValidityIndicator.INVALID


# --- Re-certify


async def both(gateway: Gateway, old: str, new: str) -> tuple[Managed, Managed]:
    return await kept(gateway, old), await kept(gateway, new)


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_names_and_links_move_to_the_new_certificate(
    gateway: Gateway, authority: x509.Certificate, version: Version
) -> None:
    public = await registered(gateway, version=version)
    first = await certified(gateway, public, *name_attributes("first"), version=version, **pkcs10())
    second = await renewed(gateway, first, *name_attributes("second"), version=version, **pkcs10(EC_KEY, "disk 2"))
    assert (await got(gateway, second, version)).subject == named("disk 2")
    assert (await got(gateway, first, version)).subject == named("disk")
    old, new = await both(gateway, first, second)
    assert old.names() == ()
    assert set(new.names()) == {"first", "second"}
    assert old.linked(LinkType.REPLACEMENT_OBJECT_LINK) == second
    assert new.linked(LinkType.REPLACED_OBJECT_LINK) == first
    assert old.linked(LinkType.PUBLIC_KEY_LINK) == new.linked(LinkType.PUBLIC_KEY_LINK) == public
    held = await kept(gateway, public)
    links = [a.value for a in held.attributes if a.tag is Tag.LINK]
    assert [each.linked_object_identifier for each in links if each.link_type is LinkType.CERTIFICATE_LINK] == [second]


async def test_a_certificate_is_renewed_as_it_is_without_a_request(
    gateway: Gateway, authority: x509.Certificate
) -> None:
    public = await registered(gateway)
    first = await certified(gateway, public, **pkcs10(EC_KEY, "disk", x509.ExtendedKeyUsage([Purpose.CLIENT_AUTH])))
    gateway.clock.now += 1000
    second = await renewed(gateway, first)
    old, new = await got(gateway, first), await got(gateway, second)
    new.verify_directly_issued_by(authority)
    assert (new.subject, new.public_key()) == (old.subject, old.public_key())
    assert {e.oid: e.value for e in new.extensions} == {e.oid: e.value for e in old.extensions}
    assert new.serial_number != old.serial_number
    assert new.not_valid_before_utc == NOW + timedelta(seconds=1000)


async def test_an_offset_moves_the_period(gateway: Gateway, authority: x509.Certificate) -> None:
    first = await certified(gateway, await registered(gateway), *period(0, 3600), **pkcs10())
    gateway.clock.now += 3000
    second = await renewed(gateway, first, offset=Interval(60))
    certificate = await got(gateway, second)
    assert certificate.not_valid_before_utc == NOW + timedelta(seconds=3060)
    assert certificate.not_valid_after_utc == NOW + timedelta(seconds=3060 + 3600)
    assert (await kept(gateway, second)).state(gateway.clock.now) is State.PRE_ACTIVE


async def test_a_certificate_of_elsewhere_is_not_renewed_without_proof(
    gateway: Gateway, authority: x509.Certificate
) -> None:
    elsewhere = made_elsewhere("disk", root())
    request = RegisterRequest(object_type=ObjectType.CERTIFICATE, certificate=elsewhere.kmip)
    old = (await gateway.one(V2_1, Operation.REGISTER, request)).unique_identifier
    asked = ReCertifyRequest(unique_identifier=old)
    assert await gateway.refused(V2_1, Operation.RE_CERTIFY, asked) is R.MISSING_DATA
    asked = ReCertifyRequest(unique_identifier=old, **pkcs10())
    assert await gateway.refused(V2_1, Operation.RE_CERTIFY, asked) is R.INVALID_CSR
    new = await renewed(gateway, old, **pkcs10(elsewhere.key))
    (await got(gateway, new)).verify_directly_issued_by(authority)


async def test_compromised_certificates_and_keys_are_not_renewed(gateway: Gateway, authority: x509.Certificate) -> None:
    public = await registered(gateway)
    first, second = [await certified(gateway, public, **pkcs10()) for _ in range(2)]
    await revoke(gateway, first)
    asked = ReCertifyRequest(unique_identifier=first, **pkcs10())
    assert await gateway.refused(V2_1, Operation.RE_CERTIFY, asked) is R.WRONG_KEY_LIFECYCLE_STATE
    await revoke(gateway, public)
    asked = ReCertifyRequest(unique_identifier=second)
    assert await gateway.refused(V2_1, Operation.RE_CERTIFY, asked) is R.WRONG_KEY_LIFECYCLE_STATE


async def test_only_own_certificates_are_renewed(gateway: Gateway, authority: x509.Certificate) -> None:
    own = await certified(gateway, await registered(gateway), **pkcs10())
    asked = ReCertifyRequest(unique_identifier=own)
    assert await gateway.other.refused(V2_1, Operation.RE_CERTIFY, asked) is R.OBJECT_NOT_FOUND
    asked = ReCertifyRequest(unique_identifier=await registered(gateway))
    assert await gateway.refused(V2_1, Operation.RE_CERTIFY, asked) is R.INVALID_OBJECT_TYPE
    assert await gateway.refused(V1_4, Operation.RE_CERTIFY, asked) is R.ILLEGAL_OPERATION


# --- Certificate Request objects


SAVED = request_of(EC_KEY, named("saved")).public_bytes(Encoding.DER)


async def kept_request(client: Client, *attributes: Attribute, **fields: Any) -> str:
    """Register a certificate request."""
    kind, raw = fields["certificate_request_type"], fields["certificate_request"]
    given = CertificateRequest(certificate_request_type=kind, certificate_request_value=raw)
    request = RegisterRequest(
        object_type=ObjectType.CERTIFICATE_REQUEST, attributes=attributes, certificate_request=given
    )
    identifier: str = (await client.one(V2_1, Operation.REGISTER, request)).unique_identifier
    return identifier


async def test_a_certificate_request_is_an_object(gateway: Gateway) -> None:
    own = await kept_request(gateway, certificate_request_type=T.PKCS_10, certificate_request=SAVED)
    payload = await gateway.one(V2_1, Operation.GET, GetRequest(unique_identifier=own))
    assert payload.object_type is ObjectType.CERTIFICATE_REQUEST
    assert payload.certificate_request.certificate_request_value == SAVED
    held = await kept(gateway, own)
    assert held.key_format_type is F.PKCS_10
    digest = sets.structure(held.attributes, Tag.DIGEST, Digest)
    assert digest is not None and digest.digest_value == hashlib.sha256(SAVED).digest()
    # There is no such type of object before 2.0, and nothing newer than its version goes to a client.
    asked = GetRequest(unique_identifier=own)
    assert await gateway.refused(V1_4, Operation.GET, asked) is R.ILLEGAL_OPERATION


@pytest.mark.parametrize("raw", [b"", b"0", SAVED[:-1]], ids=["nothing", "no DER", "cut off"])
async def test_what_is_no_request_is_not_kept(gateway: Gateway, raw: bytes) -> None:
    given = CertificateRequest(certificate_request_type=T.PKCS_10, certificate_request_value=raw)
    request = RegisterRequest(object_type=ObjectType.CERTIFICATE_REQUEST, certificate_request=given)
    assert await gateway.refused(V2_1, Operation.REGISTER, request) is R.INVALID_CSR


async def test_an_object_is_certified_like_the_request_that_it_is(
    gateway: Gateway, authority: x509.Certificate
) -> None:
    loose = await certified(gateway, await kept_request(gateway, **pkcs10()))
    assert (await got(gateway, loose)).public_key() == EC_KEY.public_key()
    assert (await kept(gateway, loose)).linked(LinkType.PUBLIC_KEY_LINK) is None
    public = await registered(gateway)
    link = Attribute(Tag.LINK, Link(link_type=LinkType.PUBLIC_KEY_LINK, linked_object_identifier=public))
    tied = await certified(gateway, await kept_request(gateway, link, **pkcs10()))
    assert (await kept(gateway, tied)).linked(LinkType.PUBLIC_KEY_LINK) == public
    assert (await kept(gateway, public)).linked(LinkType.CERTIFICATE_LINK) == tied
    wrong = await kept_request(gateway, link, **pkcs10(RSA_KEY))
    assert await refused(gateway, wrong) is R.INVALID_CSR
    forged = await kept_request(gateway, **pkcs10(Liar()))
    assert await refused(gateway, forged) is R.INVALID_CSR
    assert await refused(gateway, wrong, **pkcs10()) is R.INVALID_FIELD


async def test_a_certificate_is_renewed_by_an_object(gateway: Gateway, authority: x509.Certificate) -> None:
    public = await registered(gateway)
    old = await certified(gateway, public, **pkcs10())
    own = await kept_request(gateway, **pkcs10(EC_KEY, "renewed"))
    new = await renewed(gateway, old, certificate_request_unique_identifier=own)
    assert (await got(gateway, new)).subject == named("renewed")
    for fields, reason in (
        ({"certificate_request_unique_identifier": public}, R.INVALID_OBJECT_TYPE),
        ({"certificate_request_unique_identifier": own, **pkcs10()}, R.INVALID_FIELD),
    ):
        asked = ReCertifyRequest(unique_identifier=new, **fields)
        assert await gateway.refused(V2_1, Operation.RE_CERTIFY, asked) is reason


class TestWrappedKeys:
    """Clients' keys are wrapped in the database; the authority's stays on the token."""

    @pytest.fixture
    def kmip_config(self) -> KmipConfig:
        return KmipConfig(certification_authority=PLAN.name, custody="wrapped")

    async def test_pairs_and_requests_are_certified(self, gateway: Gateway, authority: x509.Certificate) -> None:
        private, public = await made(gateway, (Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.EC), *_p256()), SIGN, VERIFY)
        assert private.row.custody is Custody.WRAPPED
        for own in (
            await certified(gateway, public.unique_identifier),
            await certified(gateway, await registered(gateway), **pkcs10()),
        ):
            (await got(gateway, own)).verify_directly_issued_by(authority)


class TestOtherKeys:
    """A gateway for the official test cases, whose requests are of another key than their pairs."""

    @pytest.fixture
    def kmip_config(self) -> KmipConfig:
        return KmipConfig(certification_authority=PLAN.name, certify_other_keys=True)

    async def test_the_key_of_the_request_is_certified(self, gateway: Gateway, authority: x509.Certificate) -> None:
        own = await certified(gateway, await registered(gateway), **pkcs10(RSA_KEY))
        assert (await got(gateway, own)).public_key() == RSA_KEY.public_key()


async def test_a_certificate_is_rotated_where_it_is_to_be(gateway: Gateway, authority: x509.Certificate) -> None:
    day, now = 86_400, DateTime(int(gateway.clock.now))
    rotating = (
        Attribute(Tag.ROTATE_AUTOMATIC, True),
        Attribute(Tag.ROTATE_INTERVAL, Interval(day)),
        Attribute(Tag.ACTIVATION_DATE, now),
    )
    old = await certified(gateway, await registered(gateway), *rotating, **pkcs10())
    gateway.clock.now += day
    assert await gateway.exchange.rotation().rotate() == 1
    new = (await kept(gateway, old)).linked(LinkType.REPLACEMENT_OBJECT_LINK)
    assert new is not None
    assert (await kept(gateway, new)).flag(Tag.ROTATE_LATEST, default=False)


async def test_nobody_renews_a_certificate_that_was_issued_to_another(
    gateway: Gateway, authority: x509.Certificate
) -> None:
    """A certificate is public: a copy of it says nothing about who has the private key, nor that it is still sound."""
    own = await certified(gateway, await registered(gateway), **pkcs10())
    copy = (await gateway.one(V2_1, Operation.GET, GetRequest(unique_identifier=own))).certificate
    register = RegisterRequest(object_type=ObjectType.CERTIFICATE, attributes=(), certificate=copy)
    foreign = (await gateway.other.one(V2_1, Operation.REGISTER, register)).unique_identifier
    asked = ReCertifyRequest(unique_identifier=foreign)
    assert await gateway.other.refused(V2_1, Operation.RE_CERTIFY, asked) is R.MISSING_DATA
    again = (await gateway.one(V2_1, Operation.REGISTER, register)).unique_identifier
    assert (await got(gateway, await renewed(gateway, again))).subject == named("disk")
    await revoke(gateway, own)
    third = (await gateway.one(V2_1, Operation.REGISTER, register)).unique_identifier
    reason = await gateway.refused(V2_1, Operation.RE_CERTIFY, ReCertifyRequest(unique_identifier=third))
    assert reason is R.WRONG_KEY_LIFECYCLE_STATE


async def test_a_pair_whose_private_key_was_revoked_is_not_certified(
    gateway: Gateway, authority: x509.Certificate
) -> None:
    private, public = await made(gateway, (Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.EC), *_p256()), SIGN, VERIFY)
    await revoke(gateway, private.unique_identifier)
    assert await refused(gateway, public.unique_identifier) is R.WRONG_KEY_LIFECYCLE_STATE
