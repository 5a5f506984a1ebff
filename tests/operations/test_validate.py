"""Validate (KMIP 2.1 section 6.1.57): chains judged as certificates, objects or both, by what the client registered."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from gateway.kmip.enums import CertificateType, ObjectType, Operation, RevocationReasonCode
from gateway.kmip.enums import ResultReason as R
from gateway.kmip.enums import ValidityIndicator as V
from gateway.kmip.objects import Certificate
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.values import RevocationReason
from gateway.kmip.version import SUPPORTED, V1_4, V2_1, Version
from gateway.operations.archive import ArchiveRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.register import RegisterRequest
from gateway.operations.revoke import RevokeRequest
from gateway.operations.validate import ValidateRequest
from tests.operations.authorities import CA, NOW, YEAR, Made, certified, root
from tests.operations.conftest import Client, Gateway
from tests.operations.making import make

ROOT = root()
MIDDLE = certified("middle", ROOT, CA)
LEAF = certified("leaf", MIDDLE)


async def register(client: Client, made: Made, *attributes: Attribute, version: Version = V2_1) -> str:
    request = RegisterRequest(object_type=ObjectType.CERTIFICATE, certificate=made.kmip, attributes=attributes)
    identifier: str = (await client.one(version, Operation.REGISTER, request)).unique_identifier
    return identifier


async def validity(client: Client, *given: Made | str, date: int | None = None, version: Version = V2_1) -> V:
    """Ask whether a chain holds, made of certificates and unique identifiers."""
    request = ValidateRequest(
        certificate=tuple(each.kmip for each in given if isinstance(each, Made)),
        unique_identifier=tuple(each for each in given if isinstance(each, str)),
        validity_date=None if date is None else DateTime(date),
    )
    indicator: V = (await client.one(version, Operation.VALIDATE, request)).validity_indicator
    return indicator


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_a_chain_up_to_a_registered_root_is_valid(gateway: Gateway, version: Version) -> None:
    trusted = await register(gateway, ROOT, version=version)
    assert await validity(gateway, LEAF, MIDDLE, trusted, version=version) is V.VALID


async def test_order_does_not_matter_nor_how_certificates_are_given(gateway: Gateway) -> None:
    trusted, middle, leaf = [await register(gateway, each) for each in (ROOT, MIDDLE, LEAF)]
    assert await validity(gateway, trusted, middle, leaf) is V.VALID
    assert await validity(gateway, ROOT, LEAF, MIDDLE) is V.VALID
    assert await validity(gateway, LEAF, leaf, middle, MIDDLE) is V.VALID


async def test_what_is_missing_above_is_found_among_the_clients_own(gateway: Gateway) -> None:
    await register(gateway, ROOT)
    assert await validity(gateway, LEAF) is V.UNKNOWN
    await register(gateway, MIDDLE)
    assert await validity(gateway, LEAF) is V.VALID


async def test_nobody_is_trusted_because_of_a_request_or_another_client(gateway: Gateway) -> None:
    assert await validity(gateway, LEAF, MIDDLE, ROOT) is V.UNKNOWN
    assert await validity(gateway, LEAF) is V.UNKNOWN
    foreign = await register(gateway.other, ROOT)
    assert await validity(gateway, LEAF, MIDDLE, ROOT) is V.UNKNOWN
    request = ValidateRequest(certificate=(LEAF.kmip, MIDDLE.kmip), unique_identifier=(foreign,))
    assert await gateway.refused(V2_1, Operation.VALIDATE, request) is R.OBJECT_NOT_FOUND


async def test_a_registered_certificate_below_the_root_makes_no_trust(gateway: Gateway) -> None:
    await register(gateway, MIDDLE)
    assert await validity(gateway, LEAF, MIDDLE, ROOT) is V.UNKNOWN


async def test_two_chains_or_strange_certificates_are_invalid(gateway: Gateway) -> None:
    await register(gateway, ROOT)
    for stranger in (root("stranger"), certified("other leaf", MIDDLE), root()):
        assert await validity(gateway, LEAF, MIDDLE, ROOT, stranger) is V.INVALID


async def test_a_forged_issuer_is_invalid(gateway: Gateway) -> None:
    await register(gateway, ROOT)
    assert await validity(gateway, certified("leaf", root()), ROOT) is V.INVALID


WRONG = {
    "no authority": certified("issuer", ROOT),
    "said to be none": certified("issuer", ROOT, x509.BasicConstraints(ca=False, path_length=None)),
    "may not sign certificates": certified(
        "issuer", ROOT, CA, x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    ),
    "expired": certified("issuer", ROOT, CA, ends=NOW - timedelta(seconds=1)),
    "not yet": certified("issuer", ROOT, CA, begins=NOW + timedelta(seconds=1)),
}


@pytest.mark.parametrize("issuer", WRONG.values(), ids=WRONG)
async def test_an_issuer_that_may_not_be_one_is_invalid(gateway: Gateway, issuer: Made) -> None:
    await register(gateway, ROOT)
    assert await validity(gateway, certified("leaf", issuer), issuer, ROOT) is V.INVALID


async def test_path_length_counts_authorities_below(gateway: Gateway) -> None:
    top = certified("top", None, x509.BasicConstraints(ca=True, path_length=1))
    first = certified("first", top, CA)
    await register(gateway, top)
    assert await validity(gateway, certified("leaf", first), first, top) is V.VALID
    second = certified("second", first, CA)
    # At the end of a chain an authority is a certificate like any other.
    assert await validity(gateway, second, first, top) is V.VALID
    assert await validity(gateway, certified("leaf", second), second, first, top) is V.INVALID


async def test_a_critical_extension_that_is_not_understood_is_unknown(gateway: Gateway) -> None:
    await register(gateway, ROOT)
    strange = x509.NameConstraints(permitted_subtrees=[x509.DNSName("example")], excluded_subtrees=None)
    issuer = certified("issuer", ROOT, CA, strange)
    assert await validity(gateway, certified("leaf", issuer), issuer) is V.UNKNOWN


async def test_the_validity_date_is_what_counts(gateway: Gateway) -> None:
    await register(gateway, ROOT)
    now = int(NOW.timestamp())
    assert await validity(gateway, LEAF, MIDDLE, date=now - 1) is V.VALID
    gateway.clock.now += 2 * YEAR.total_seconds()
    assert await validity(gateway, LEAF, MIDDLE) is V.INVALID
    assert await validity(gateway, LEAF, MIDDLE, date=now) is V.VALID


async def test_a_date_of_no_year_is_refused(gateway: Gateway) -> None:
    for date in (-(2**63), 2**63 - 1):
        request = ValidateRequest(certificate=(LEAF.kmip,), validity_date=DateTime(date))
        assert await gateway.refused(V2_1, Operation.VALIDATE, request) is R.INVALID_FIELD


@pytest.mark.parametrize("given_as", ["object", "certificate"])
async def test_a_revoked_object_makes_the_chain_invalid(gateway: Gateway, given_as: str) -> None:
    await register(gateway, ROOT)
    leaf = await register(gateway, LEAF, Attribute(Tag.ACTIVATION_DATE, DateTime(1)))
    given = leaf if given_as == "object" else LEAF
    assert await validity(gateway, given, MIDDLE) is V.VALID
    reason = RevocationReason(revocation_reason_code=RevocationReasonCode.CESSATION_OF_OPERATION)
    await gateway.one(V2_1, Operation.REVOKE, RevokeRequest(unique_identifier=leaf, revocation_reason=reason))
    assert await validity(gateway, given, MIDDLE) is V.INVALID


async def test_objects_that_are_gone_or_no_certificates_are_refused(gateway: Gateway) -> None:
    archived, destroyed = [await register(gateway, LEAF) for _ in range(2)]
    await gateway.one(V2_1, Operation.ARCHIVE, ArchiveRequest(unique_identifier=archived))
    await gateway.one(V2_1, Operation.DESTROY, DestroyRequest(unique_identifier=destroyed))
    for reason, unique_identifier in {
        R.OBJECT_ARCHIVED: archived,
        R.OBJECT_DESTROYED: destroyed,
        R.INVALID_OBJECT_TYPE: await make(gateway),
    }.items():
        request = ValidateRequest(unique_identifier=(unique_identifier,))
        assert await gateway.refused(V2_1, Operation.VALIDATE, request) is reason


async def test_a_name_that_nobody_reads_is_kept_and_not_judged(gateway: Gateway) -> None:
    """An X.400 address as alternative name, found by mutation."""
    address = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, bytes.fromhex("3002a300"))
    strange = await register(gateway, certified("strange", ROOT, address))
    request = ValidateRequest(unique_identifier=(strange,))
    assert await gateway.refused(V2_1, Operation.VALIDATE, request) is R.INVALID_FIELD


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ((), R.INVALID_MESSAGE),
        ((LEAF.kmip,) * 17, R.INVALID_FIELD),
        ((Certificate(certificate_type=CertificateType.X_509, certificate_value=b"0"),), R.INVALID_FIELD),
        ((Certificate(certificate_type=CertificateType.PGP, certificate_value=b"0"),), R.INVALID_FIELD),
    ],
    ids=["none", "too many", "no certificate", "of PGP"],
)
async def test_what_makes_no_chain_is_refused(gateway: Gateway, given: tuple[Certificate, ...], reason: R) -> None:
    assert await gateway.refused(V1_4, Operation.VALIDATE, ValidateRequest(certificate=given)) is reason


async def test_a_name_of_a_kind_that_nobody_reads_is_refused(gateway: Gateway) -> None:
    """A common name as a BIT STRING is well formed, and no name."""
    der = ROOT.kmip.certificate_value.replace(b"\x0c\x04root", b"\x03\x04\0oot")
    assert der != ROOT.kmip.certificate_value
    given = Certificate(certificate_type=CertificateType.X_509, certificate_value=der)
    asked = RegisterRequest(object_type=ObjectType.CERTIFICATE, attributes=(), certificate=given)
    assert await gateway.refused(V2_1, Operation.REGISTER, asked) is R.INVALID_FIELD
    judged = ValidateRequest(certificate=(given,))
    assert await gateway.refused(V2_1, Operation.VALIDATE, judged) is R.INVALID_FIELD
