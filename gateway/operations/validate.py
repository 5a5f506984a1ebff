"""Validate: does a chain of certificates hold (KMIP 2.1 section 6.1.57 Validate).

The standard leaves the policy to the server. Here a client trusts what it has registered, and the gateway's authority:
a chain is Valid if it ends there, at a certificate that signs itself. Nothing is fetched from a network.
"""

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import authority, creation
from gateway.call import Call
from gateway.errors import InvalidField, InvalidMessage
from gateway.keys import chains
from gateway.kmip.enums import CertificateType, ObjectType, Operation, State, ValidityIndicator
from gateway.kmip.objects import Certificate
from gateway.kmip.structure import Attribute, DateTime, Identifier, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import X509CertificateSubject
from gateway.managed import Managed
from gateway.operations import operation
from gateway.store.api import Filter, Op, Query

YEARS = range(-62135596800, 253402300800)  # seconds since 1970 that are in the years 1 to 9999


class ValidateRequest(Structure):
    """One chain, in any order: certificates, and managed certificates; the date at which all have to be valid."""

    certificate: tuple[Certificate, ...] = ()
    unique_identifier: tuple[Identifier, ...] = ()
    validity_date: DateTime | None = None


class ValidateResponse(Structure):
    """Whether the chain holds."""

    validity_indicator: ValidityIndicator


# The certificates of a chain, each with the objects of this client's that are the same certificate.
Held = dict[x509.Certificate, list[Managed]]


@operation(Operation.VALIDATE, pure=True)
async def validate(call: Call, request: ValidateRequest) -> ValidateResponse:
    """Judge a chain; what is missing above it is looked for among the client's own certificates.

    Unknown: the chain does not end at a certificate that the client trusts, or has a critical extension that is
    not understood here. Invalid: it is no one chain, or does not hold at the Validity Date, now when left out; or one
    of its certificates is an object that was revoked.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        InvalidObjectType: one of the objects is no certificate.
        InvalidMessage: there is no certificate at all.
        InvalidField: there are too many certificates, or one of them is no X.509 certificate.
    """
    count = len(request.certificate) + len(request.unique_identifier)
    if not count:
        raise InvalidMessage("there is no certificate to validate")
    if count > chains.MAX_CHAIN:
        raise InvalidField(f"a chain has {chains.MAX_CHAIN} certificates at most")
    held: Held = {}
    for given in request.certificate:
        await _hold(call, held, _read(given))
    for identifier in request.unique_identifier:
        managed = call.live(identifier)
        await _hold(call, held, await authority.certificate_of(call, managed), managed)
    return ValidateResponse(validity_indicator=await _judged(call, held, _moment(call, request.validity_date)))


def _moment(call: Call, date: DateTime | None) -> datetime:
    seconds = call.today if date is None else date
    if seconds not in YEARS:
        raise InvalidField("the Validity Date is in no year from 1 to 9999")
    return datetime.fromtimestamp(seconds, UTC)


def _read(given: Certificate) -> x509.Certificate:
    if given.certificate_type is not CertificateType.X_509:
        raise InvalidField("only X.509 certificates are validated")
    return chains.read(given.certificate_value)


async def _hold(call: Call, held: Held, certificate: x509.Certificate, *own: Managed) -> None:
    """Note a certificate, and which of the client's objects it is; an imported one need not have a Digest."""
    digest = creation.digest_of(certificate.public_bytes(Encoding.DER), None).digest_value
    held.setdefault(certificate, []).extend((*own, *await _located(call, Filter(tag=Tag.DIGEST, low=digest))))


async def _located(call: Call, wanted: Filter) -> list[Managed]:
    identity = call.peer.identity
    filters = Filter(tag=Tag.OBJECT_TYPE, low=int(ObjectType.CERTIFICATE)), wanted
    query = Query(tenant=identity.tenant, owner=identity.name, filters=filters, limit=chains.MAX_CHAIN)
    return [call.live(each) for each in (await call.store.locate(query, call.owns)).unique_identifiers]


async def _judged(call: Call, held: Held, moment: datetime) -> ValidityIndicator:
    chain, anchor = chains.in_order(held), await _anchor(call)
    if not chain:
        return ValidityIndicator.INVALID
    while not chains.signs_itself(chain[-1]) and len(chain) < chains.MAX_CHAIN:
        above = await _issuer(call, chain[-1], anchor)
        if above is None or above in held:
            break
        await _hold(call, held, above)
        chain.append(above)
    if not chains.holds(chain, moment) or any(_revoked(call, each, moment) for own in held.values() for each in own):
        return ValidityIndicator.INVALID
    last = chain[-1]
    trusted = last == anchor or (bool(held[last]) and chains.signs_itself(last))
    return ValidityIndicator.VALID if trusted and chains.understood(chain) else ValidityIndicator.UNKNOWN


async def _anchor(call: Call) -> x509.Certificate | None:
    """Give the certificate of the gateway's authority, where there is one that was not revoked."""
    name = call.config.certification_authority
    managed = await authority.named(call, name) if name else None
    if managed is None or managed.state(call.now) is not State.ACTIVE:
        return None
    return await authority.certificate_of(call, managed)


async def _issuer(
    call: Call, certificate: x509.Certificate, anchor: x509.Certificate | None
) -> x509.Certificate | None:
    """Find the certificate that signed another: the authority's, or one of the client's own."""
    if anchor is not None and chains.signed_by(certificate, anchor):
        return anchor
    name = X509CertificateSubject(subject_distinguished_name=certificate.issuer.public_bytes())
    ttlv = call.services.codec.encode_value(Attribute(Tag.X_509_CERTIFICATE_SUBJECT, name))
    for managed in await _located(call, Filter(tag=Tag.X_509_CERTIFICATE_SUBJECT, op=Op.TTLV, low=ttlv)):
        found = await authority.certificate_of(call, managed)
        if chains.signed_by(certificate, found):
            return found
    return None


def _revoked(call: Call, managed: Managed, moment: datetime) -> bool:
    """Tell whether a certificate was revoked, or is no more used at the moment; one not active yet is none of these."""
    ended = managed.deactivation is not None and managed.deactivation <= moment.timestamp()
    return ended or managed.state(call.now) in (State.COMPROMISED, State.DEACTIVATED)
