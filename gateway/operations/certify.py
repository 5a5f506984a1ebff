"""Certify: a certificate for a public key, issued by the gateway's authority (KMIP 2.1 section 6.1.6 Certify)."""

from typing import Annotated

from gateway import attribute_rules, authority, certification, creation, defaults, templates
from gateway.call import Call
from gateway.creation import Wanted
from gateway.errors import InvalidField
from gateway.keys.requests import Requested
from gateway.kmip.enums import CertificateRequestType, ObjectType, Operation
from gateway.kmip.structure import Attributed, Attributes, Form, Identifier, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.kmip.values import ProtectionStorageMasks
from gateway.managed import Managed
from gateway.operations import operation

ATTRIBUTES = Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES)


class CertifyRequest(Structure):
    """Which public key or Certificate Request (the ID Placeholder when left out), and the request for a public key.

    The test cases of 2.1 name the request as 1.x does.
    """

    unique_identifier: Identifier | None = None
    certificate_request_type: CertificateRequestType | None = None
    certificate_request: bytes | None = None
    certificate_request_value: Annotated[bytes | None, Since(2, 0)] = None
    attributes: Annotated[Attributes, ATTRIBUTES] = ()
    protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None


class CertifyResponse(Structure):
    """The certificate; 1.x may be told what the server chose, and is not."""

    unique_identifier: str
    attributes: Annotated[Attributes, ATTRIBUTES, Until(1, 4)] = ()


@operation(Operation.CERTIFY, switch="certification_authority")
async def certify(call: Call, request: CertifyRequest) -> CertifyResponse:
    """Issue a certificate with the attributes given, tied to its public key by Links.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, InvalidObjectType, WrongLifecycleState: see `certifiable`.
        InvalidField: there are two requests.
        InvalidCSR: the request is not right, is for another key, or for one that is too weak.
        MissingData: there is no request, and the pair was not made here.
        What certification.issued raises.
        AttributeReadOnly, AttributeSingleValued, InvalidAttributeValue, NonUniqueName: an attribute cannot be so.
    """
    wanted = Wanted(request.protection_storage_masks)
    creation.check_protection(call, wanted)
    public, asked = await _asked(call, request)
    given = defaults.completed(call, ObjectType.CERTIFICATE, await templates.expanded(call, request.attributes))
    attributes = attribute_rules.at_birth(given, ObjectType.CERTIFICATE)
    draft, changes = await certification.issued(call, await authority.configured(call), asked, attributes), []
    if public is not None:
        draft, change = certification.linked(draft, public)
        changes.append(change)
    (made,) = await creation.add(call, draft, changes=changes, wanted=[wanted])
    call.batch.placeholder = made.unique_identifier
    return CertifyResponse(unique_identifier=made.unique_identifier)


async def _asked(call: Call, request: CertifyRequest) -> tuple[Managed | None, Requested]:
    """Give the public key, where there is an object of it, and what is to be certified of it."""
    managed, asked = call.live(request.unique_identifier), certification.requested(request)
    if managed.object_type is not ObjectType.CERTIFICATE_REQUEST:
        public = certification.certifiable(managed, call.now)
        key = await certification.key_of(call, public)
        asked = asked or certification.of_own_pair(call, public, key)
        certification.check_key(call, asked, key)
        return public, asked
    if asked is not None:
        raise InvalidField("there are two certificate requests")
    asked, linked = await certification.of_object(call, managed), certification.public_key_of(call, managed)
    if linked is not None:
        certification.check_key(call, asked, await certification.key_of(call, linked))
    return linked, asked
