"""Re-certify: a new certificate in place of another (KMIP 2.1 section 6.1.45 Re-certify)."""

from typing import Annotated

from gateway import authority, certification, creation, replacement, templates
from gateway.call import Call
from gateway.creation import Change, Draft, Wanted
from gateway.errors import InvalidField, WrongLifecycleState
from gateway.keys.requests import Requested
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import CertificateRequestType, ObjectType, Operation, State
from gateway.kmip.structure import Attributed, Attributes, Form, Identifier, Interval, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.kmip.values import ProtectionStorageMasks
from gateway.kmip.version import V1_2, V2_0
from gateway.managed import Managed
from gateway.operations import operation

ATTRIBUTES = Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES)


class ReCertifyRequest(Structure):
    """Which certificate (the ID Placeholder when left out), the request for the new one, what is to be otherwise."""

    unique_identifier: Identifier | None = None
    certificate_request_unique_identifier: Annotated[Identifier | None, Since(2, 0)] = None
    certificate_request_type: CertificateRequestType | None = None
    certificate_request: bytes | None = None
    certificate_request_value: Annotated[bytes | None, Since(2, 0)] = None
    offset: Interval | None = None
    attributes: Annotated[Attributes, ATTRIBUTES] = ()
    protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None


class ReCertifyResponse(Structure):
    """The new certificate; 1.x may be told what the server chose, and is not."""

    unique_identifier: str
    attributes: Annotated[Attributes, ATTRIBUTES, Until(1, 4)] = ()


@operation(Operation.RE_CERTIFY, switch="certification_authority")
async def re_certify(call: Call, request: ReCertifyRequest) -> ReCertifyResponse:
    """Issue a certificate with the attributes of another, which loses its Names to it and otherwise stays as it is.

    Without a request, a certificate issued here, to the same client, is renewed with its subject, key and uses.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived: of the certificate, or of its public key.
        NotReplaceable: it is no certificate.
        WrongLifecycleState: it or its public key was compromised.
        InvalidField, InvalidObjectType: there are two requests, or an object that is none.
        InvalidCSR: the request is not right, or is for another key.
        MissingData: there is no request, and another authority issued the certificate, or to another client.
        InvalidMessage: an Offset together with dates, or without an Activation Date to move.
        What certification.issued raises.
    """
    wanted = Wanted(request.protection_storage_masks)
    creation.check_protection(call, wanted)
    old = _renewable(call, request.unique_identifier)
    public = certification.public_key_of(call, old)
    issuer, certificate = await authority.configured(call), await authority.certificate_of(call, old)
    asked = await _asked(call, request)
    if asked is None:
        asked = certification.renewed(certificate, issuer)
        await certification.check_own(call, certificate)
    certification.check_key(call, asked, authority.certified_key(certificate))
    if public is not None:
        certification.check_key(call, asked, await certification.key_of(call, public))
    given = await templates.expanded(call, request.attributes)
    attributes = replacement.attributes_for(call, old, given, request.offset)
    if V1_2 <= call.version < V2_0:
        attributes = _newest_first(attributes, len(old.names()))
    draft = await certification.issued(call, issuer, asked, attributes)
    draft, changes = _tied(call, draft, old, public)
    (made,) = await creation.add(call, draft, changes=changes, wanted=[wanted])
    call.batch.placeholder = made.unique_identifier
    return ReCertifyResponse(unique_identifier=made.unique_identifier)


def _tied(call: Call, draft: Draft, old: Managed, public: Managed | None) -> tuple[Draft, list[Change]]:
    """Tie the new certificate to the old one and to its public key."""
    changes = [_replaced(call, old, draft.unique_identifier)]
    # TC-134 counts the Links of the new certificate in this order in 1.0, and in the other one from 1.2 on.
    if call.version < V1_2:
        draft = replacement.successor(draft, old)
    if public is not None:
        draft, change = certification.linked(draft, public)
        changes.append(change)
    if call.version >= V1_2:
        draft = replacement.successor(draft, old)
    return draft, changes


def _replaced(call: Call, old: Managed, unique_identifier: str) -> Change:
    """Give what becomes of the old certificate, unless it was revoked as compromised in the meantime."""
    change = replacement.replaced(call, old, unique_identifier)

    def sound(current: Managed) -> Attributes:
        if current.compromise is not None:
            raise WrongLifecycleState(f"{current.unique_identifier} is Compromised")
        return change.fn(current)

    return Change(old, sound)


def _newest_first(attributes: Attributes, moved: int) -> Attributes:
    """Count the Names that are given before those that move, as TC-134 does from 1.2 on."""
    names = [each for each in attributes if each.tag is Tag.NAME]
    return sets.add_all(sets.drop(attributes, Tag.NAME), (*names[moved:], *names[:moved]))


def _renewable(call: Call, given: Identifier | None) -> Managed:
    old = replacement.replaceable(call.live(given), ObjectType.CERTIFICATE)
    if old.state(call.now) is State.COMPROMISED:
        raise WrongLifecycleState(f"{old.unique_identifier} is Compromised")
    return old


async def _asked(call: Call, request: ReCertifyRequest) -> Requested | None:
    """Give what is to be certified, where there is a certificate request."""
    asked = certification.requested(request)
    if request.certificate_request_unique_identifier is None:
        return asked
    if asked is not None:
        raise InvalidField("there are two certificate requests")
    return await certification.of_object(call, call.live(request.certificate_request_unique_identifier))
