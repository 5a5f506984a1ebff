"""What Certify and Re-certify make a certificate of (KMIP 2.1 sections 6.1.6 Certify and 6.1.45 Re-certify).

The rules here: only who proved to hold the private key gets a certificate of its public one, by a request that the key
has signed or because the pair was made here; and what a request asks for is a wish (`keys/issuing` says what is
granted).
"""

from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from gateway import authority as authorities
from gateway import creation, errors, material, registration
from gateway.authority import Authority
from gateway.call import Call
from gateway.creation import Change, Draft
from gateway.keyblocks import bytes_of
from gateway.keys import chains, issuing, public, requests
from gateway.keys.curves import PublicKey
from gateway.keys.requests import Requested
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import CertificateRequestType, CertificateType, KeyFormatType, LinkType, ObjectType, State
from gateway.kmip.objects import Certificate, CertificateRequest, KeyBlock
from gateway.kmip.structure import Attributes
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.store.api import Filter, Query

DAY_S = 24 * 60 * 60
# What a certificate tells of itself, whatever its client says: the request has its way over attributes (section 6.1.6).
TOLD = (Tag.CERTIFICATE_TYPE, Tag.CRYPTOGRAPHIC_ALGORITHM, Tag.CRYPTOGRAPHIC_LENGTH, Tag.KEY_FORMAT_TYPE)
OVER = (State.COMPROMISED, State.DEACTIVATED)


class Asked(Protocol):
    """A certificate request, as Certify and Re-certify carry it."""

    @property
    def certificate_request_type(self) -> CertificateRequestType | None:
        """How the request is written."""

    @property
    def certificate_request(self) -> bytes | None:
        """The request, as 1.x names it."""

    @property
    def certificate_request_value(self) -> bytes | None:
        """The request, as 2.x names it."""


def certifiable(managed: Managed, now: float) -> Managed:
    """Give a public key that may be certified now.

    Raises:
        InvalidObjectType: it is no public key.
        WrongLifecycleState: it was revoked, or its time is over.
    """
    if managed.object_type is not ObjectType.PUBLIC_KEY:
        raise errors.InvalidObjectType(f"{managed.unique_identifier} is no Public Key")
    if managed.state(now) in OVER:
        raise errors.WrongLifecycleState(f"{managed.unique_identifier} is {managed.state(now).token}")
    return managed


def requested(asked: Asked) -> Requested | None:
    """Read the certificate request, where there is one.

    Raises:
        InvalidField, MissingData: there are two requests, or only one half of the type and the request.
        InvalidCSR, FeatureNotSupported: see `requests.read`.
    """
    given = [each for each in (asked.certificate_request, asked.certificate_request_value) if each is not None]
    if len(given) > 1:
        raise errors.InvalidField("there are two certificate requests")
    if bool(given) != (asked.certificate_request_type is not None):
        raise errors.MissingData("a certificate request comes with its type")
    if asked.certificate_request_type is None:
        return None
    return requests.read(asked.certificate_request_type, given[0])


async def of_object(call: Call, managed: Managed) -> Requested:
    """Read the certificate request that a Certificate Request object is.

    Raises:
        InvalidObjectType: it is none.
        InvalidCSR, FeatureNotSupported: see `requests.read`.
    """
    is_one = managed.object_type is ObjectType.CERTIFICATE_REQUEST
    given = await material.unseal(call, managed) if is_one else None
    if not isinstance(given, CertificateRequest):
        raise errors.InvalidObjectType(f"{managed.unique_identifier} is no Certificate Request")
    return requests.read(given.certificate_request_type, given.certificate_request_value)


def public_key_of(call: Call, managed: Managed) -> Managed | None:
    """Give the public key that a certificate or a request is of, where a Link leads to one, if it may be certified.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, InvalidObjectType, WrongLifecycleState: of that key.
    """
    linked = managed.linked(LinkType.PUBLIC_KEY_LINK)
    return None if linked is None else certifiable(call.live(linked), call.now)


def check_key(call: Call, asked: Requested, key: PublicKey) -> None:
    """Check that a request is for the key that is to be certified.

    Raises:
        InvalidCSR: it is for another one. The test cases TC-REKEY-9 to 12 want that, which a switch allows.
    """
    if not call.config.certify_other_keys and _info(asked.public_key) != _info(key):
        raise errors.InvalidCSR("the certificate request is for another key")


def _info(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


async def key_of(call: Call, managed: Managed) -> PublicKey:
    """Give the key that a Public Key object is.

    Raises:
        KeyFormatTypeNotSupported, KeyValueNotPresent: the server does not know it.
    """
    given = await material.fetch(call, managed, KeyFormatType.X_509)
    block: KeyBlock = given.key_block  # type: ignore[union-attr]  # public keys have one
    return public.read(KeyFormatType.X_509, bytes_of(material.material_of(call, block)))


def of_own_pair(call: Call, managed: Managed, key: PublicKey) -> Requested:
    """Give what is certified without a request: a pair that was made here, by its public key's unique identifier.

    Raises:
        MissingData: it was not, and who asks need not have the private key.
        ObjectNotFound, ObjectDestroyed, ObjectArchived, WrongLifecycleState: of the private key.
    """
    linked = managed.linked(LinkType.PRIVATE_KEY_LINK)
    private = None if linked is None else call.live(linked)
    # Only the halves of a pair that the token made share a CKA_ID; a Link alone can be set by any client.
    if private is None or not managed.row.cka_id or private.row.cka_id != managed.row.cka_id:
        raise errors.MissingData("a pair that was not made here is certified by a certificate request only")
    if private.state(call.now) in OVER:
        raise errors.WrongLifecycleState(f"{private.unique_identifier} is {private.state(call.now).token}")
    requests.check(key)
    name = x509.NameAttribute(NameOID.COMMON_NAME, managed.unique_identifier)
    return Requested(x509.Name([name]), key, x509.Extensions([]))


def renewed(old: x509.Certificate, authority: Authority) -> Requested:
    """Give what is certified anew without a request: a certificate of this authority as it is.

    Raises:
        MissingData: another authority issued it, and nobody has proved to have the private key.
    """
    if not chains.signed_by(old, authority.certificate):
        raise errors.MissingData("a certificate that was not issued here is renewed by a certificate request only")
    key = authorities.certified_key(old)
    requests.check(key)
    return Requested(old.subject, key, old.extensions)


async def check_own(call: Call, certificate: x509.Certificate) -> None:
    """Check that a certificate of this authority, renewed without a request, was issued to the client that asks.

    Whoever has seen a certificate can register it, and need not have the private key. The first object that is this
    certificate is the one that Certify has made, in the commit before which nobody knew it; it says whose it is.

    Raises:
        MissingData: it was issued to another client.
        WrongLifecycleState: it was compromised, whatever a copy of it says.
    """
    digest = creation.digest_of(certificate.public_bytes(Encoding.DER), None).digest_value
    filters = Filter(tag=Tag.OBJECT_TYPE, low=int(ObjectType.CERTIFICATE)), Filter(tag=Tag.DIGEST, low=digest)
    of_all = Query(tenant=None, filters=filters, include_archived=True, include_destroyed=True)
    *_, first = (await call.store.locate(of_all)).unique_identifiers or (None,)
    row = None if first is None else call.store.peek(first)
    identity = call.peer.identity
    if row is None or (row.owner, row.tenant) != (identity.name, identity.tenant):
        raise errors.MissingData("a certificate that was issued to another client is renewed by a request only")
    if call.services.catalogue.decode(row).compromise is not None:
        raise errors.WrongLifecycleState(f"{row.unique_identifier} is Compromised")


async def issued(call: Call, authority: Authority, asked: Requested, attributes: Attributes) -> Draft:
    """Issue a certificate and give its draft; it begins and ends as its Activation and Deactivation Dates say.

    It begins now at the earliest, and ends after the operator's `certificate_days` or with the authority at the latest.

    Raises:
        InvalidCSR: it would have no subject.
        PermissionDenied: the subject is the authority's own.
        InvalidAttributeValue: it would end before it begins.
    """
    issuer = authority.certificate.subject
    if not list(asked.subject):
        raise errors.InvalidCSR("the certificate request names no subject")
    if asked.subject == issuer:
        raise errors.PermissionDenied("the subject is the authority's own name")
    begins, ends = _period(call, authority, attributes)
    mask = sets.number(attributes, Tag.CRYPTOGRAPHIC_USAGE_MASK) or 0
    granted = issuing.granted(asked.extensions, mask, alternative_names=call.config.certify_alternative_names)
    identifiers = issuing.identifiers(asked.public_key, authority.key.public_key)
    contents = issuing.Contents(asked.subject, issuer, asked.public_key, begins, ends, (*granted, *identifiers))
    der = await authorities.signed(call.token, authority.key, contents)
    certificate = Certificate(certificate_type=CertificateType.X_509, certificate_value=der)
    own = sets.put_missing(sets.drop(attributes, *TOLD), Tag.ORIGINAL_CREATION_DATE, call.today)
    return await registration.drafted(call, ObjectType.CERTIFICATE, certificate, own)


def _period(call: Call, authority: Authority, attributes: Attributes) -> tuple[int, int]:
    """Give the first and the last second of a certificate."""
    today = int(call.today)
    begins = max(today, sets.number(attributes, Tag.ACTIVATION_DATE) or today)
    ends = min(begins + call.config.certificate_days * DAY_S, authority.ends)
    deactivation = sets.number(attributes, Tag.DEACTIVATION_DATE)
    if deactivation is not None:
        ends = min(ends, deactivation)
    if ends <= begins:
        raise errors.InvalidAttributeValue("the certificate would end before it begins")
    return begins, ends


def linked(draft: Draft, managed: Managed) -> tuple[Draft, Change]:
    """Tie a new certificate to its Public Key, whose Certificate Link leads to it from now on."""

    def certified(current: Managed) -> Attributes:
        if current.destroy is not None:
            raise errors.ObjectDestroyed(f"{current.unique_identifier} was destroyed")
        if current.compromise is not None:
            raise errors.WrongLifecycleState(f"{current.unique_identifier} was revoked")
        return creation.link(current.attributes, LinkType.CERTIFICATE_LINK, draft.unique_identifier)

    attributes = creation.link(draft.attributes, LinkType.PUBLIC_KEY_LINK, managed.unique_identifier)
    return draft._replace(attributes=attributes), Change(managed, certified)
