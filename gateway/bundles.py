"""A private key as a PKCS#12 file, with the certificates that its Links lead to (KMIP 2.1 section 4.32 Link).

On its way in a file becomes as many objects as are in it; on its way out it is made anew. The password is a Secret Data
object of the same client's, named by the key's PKCS#12 Password Link.
"""

from typing import TypeGuard

from msgspec.structs import replace

from gateway import creation, errors, material, registration
from gateway.access.permissions import Use
from gateway.call import Call
from gateway.creation import Draft
from gateway.keys import pkcs12
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import CertificateType, KeyFormatType, LinkType, ObjectType, State
from gateway.kmip.objects import Certificate, KeyBlock, KeyValue, ManagedObject, PrivateKey
from gateway.kmip.structure import Attribute, Attributes, Value
from gateway.kmip.tags import Tag
from gateway.kmip.values import CertificateIdentifier, Digest, Link, X509CertificateIdentifier
from gateway.kmip.version import V2_0, V2_1
from gateway.managed import Managed

MAX_CERTIFICATES = 16  # a chain that is longer ends there


def is_made(managed: Managed, asked: KeyFormatType | None) -> bool:
    """Tell whether a private key is asked for as a file that is yet to be made of it."""
    return (
        asked is KeyFormatType.PKCS_12
        and managed.object_type is ObjectType.PRIVATE_KEY
        and managed.key_format_type is not KeyFormatType.PKCS_12
    )


async def made(call: Call, managed: Managed) -> PrivateKey:
    """Give a private key as a PKCS#12 file.

    Raises:
        KeyFormatTypeNotSupported: it has no PKCS#12 Password Link, or is of a kind that no such file holds.
        ObjectNotFound, ObjectDestroyed, ObjectArchived: the password or a certificate cannot be reached.
        WrongLifecycleState: the password is not Active.
        NotExtractable: the token does not let the key or the password go.
    """
    linked = managed.linked(LinkType.PKCS_12_PASSWORD_LINK)
    if linked is None:
        raise errors.KeyFormatTypeNotSupported("a PKCS#12 file needs a password: the key has no Link to one")
    secret = await _password(call, linked, Use.WRAP_KEY)
    key = await _material(call, managed, KeyFormatType.PKCS_8)
    contents = pkcs12.Contents(key, tuple([await _certificate(call, each) for each in _chain(call, managed)]))
    name = sets.value(managed.attributes, Tag.PKCS_12_FRIENDLY_NAME)
    file = pkcs12.write(contents, secret, name if isinstance(name, str) else None)
    value = KeyValue(key_material=file) if call.version >= V2_0 else file
    return PrivateKey(key_block=KeyBlock(key_format_type=KeyFormatType.PKCS_12, key_value=value))


async def _password(call: Call, unique_identifier: str, right: Use) -> bytes:
    """Give the password that a PKCS#12 Password Link leads to.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, NotExtractable.
        InvalidObjectType: it is no Secret Data.
        WrongLifecycleState: it is not Active.
    """
    found = call.live(unique_identifier, right)
    if found.object_type is not ObjectType.SECRET_DATA:
        raise errors.InvalidObjectType("the PKCS#12 Password Link leads to an object that is no Secret Data")
    if found.state(call.now) is not State.ACTIVE:
        raise errors.WrongLifecycleState("the password of a PKCS#12 file must be Active")
    return await _material(call, found, None)


async def _material(call: Call, managed: Managed, format_type: KeyFormatType | None) -> bytes:
    given = await material.fetch(call, managed, format_type)
    block: KeyBlock | None = getattr(given, "key_block", None)
    if block is not None and block.key_wrapping_data is None:
        content = material.material_of(call, block)
        if isinstance(content, bytes):
            return content
    raise errors.KeyFormatTypeNotSupported(f"{managed.unique_identifier} is not held as plain bytes")


def _chain(call: Call, managed: Managed) -> list[Managed]:
    """Give the certificates that the key's PKCS#12 Certificate Link leads to, and that of each of them, each once."""
    chain: dict[str, Managed] = {}
    linked = managed.linked(LinkType.PKCS_12_CERTIFICATE_LINK)
    while linked is not None and linked not in chain and len(chain) < MAX_CERTIFICATES:
        chain[linked] = call.live(linked)
        linked = chain[linked].linked(LinkType.PKCS_12_CERTIFICATE_LINK)
    return list(chain.values())


async def _certificate(call: Call, managed: Managed) -> bytes:
    given = await material.fetch(call, managed)
    if not isinstance(given, Certificate) or given.certificate_type is not CertificateType.X_509:
        raise errors.InvalidObjectType("a PKCS#12 Certificate Link leads to an object that is no X.509 certificate")
    return given.certificate_value


# --- on its way in


def is_file(given: ManagedObject, attributes: Attributes) -> TypeGuard[PrivateKey]:
    """Tell whether an object is a PKCS#12 file that can be opened: its attributes have a Link to the password."""
    if not isinstance(given, PrivateKey) or given.key_block.key_format_type is not KeyFormatType.PKCS_12:
        return False
    clear = given.key_block.key_value is not None and given.key_block.key_wrapping_data is None
    return clear and _password_link(attributes) is not None


def _password_link(attributes: Attributes) -> str | None:
    for link in sets.structures(attributes, Tag.LINK, Link):
        if link.link_type is LinkType.PKCS_12_PASSWORD_LINK and isinstance(link.linked_object_identifier, str):
            return link.linked_object_identifier
    return None


async def taken_apart(call: Call, file: PrivateKey, attributes: Attributes) -> list[Draft]:
    """Give the drafts of the private key in a file, with the attributes given, and of the certificates beside it.

    Each has a PKCS#12 Certificate Link to the next, so that a file made of the key is the same again.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, WrongLifecycleState, InvalidObjectType: of the password.
        InvalidField: the password does not open the file, there is no key in it, or too many certificates are.
        What registration.drafted raises.
    """
    secret = await _password(call, _password_link(attributes) or "", Use.UNWRAP_KEY)
    content = material.material_of(call, file.key_block)
    if not isinstance(content, bytes):
        raise errors.InvalidField("a PKCS#12 file is a byte string")
    contents = await pkcs12.read(content, secret)
    if len(contents.certificates) > MAX_CERTIFICATES:
        raise errors.InvalidField(f"a PKCS#12 file has {MAX_CERTIFICATES} certificates at most")
    chain: list[Draft] = []
    for place, der in reversed(list(enumerate(contents.certificates))):
        chain.insert(0, await _certificate_drafted(call, der, "" if place else contents.name, chain[:1]))
    return [await _key_drafted(call, file, contents, attributes, chain[:1]), *chain]


async def _key_drafted(
    call: Call, file: PrivateKey, contents: pkcs12.Contents, attributes: Attributes, own: list[Draft]
) -> Draft:
    value = KeyValue(key_material=contents.key)
    block = replace(file.key_block, key_format_type=KeyFormatType.PKCS_8, key_value=value)
    attributes = sets.drop(attributes, Tag.KEY_FORMAT_TYPE)
    if contents.name:
        attributes = sets.put_missing(attributes, Tag.PKCS_12_FRIENDLY_NAME, contents.name)
    draft = await registration.drafted(call, ObjectType.PRIVATE_KEY, PrivateKey(key_block=block), attributes)
    return _leading_to(draft, own)


async def _certificate_drafted(call: Call, der: bytes, name: str, above: list[Draft]) -> Draft:
    given = Certificate(certificate_type=CertificateType.X_509, certificate_value=der)
    attributes = (Attribute(Tag.PKCS_12_FRIENDLY_NAME, name),) if name else ()
    draft = await registration.drafted(call, ObjectType.CERTIFICATE, given, attributes)
    told = tuple(replace(each, value=_as_of_a_file(call, each)) for each in draft.attributes)
    return _leading_to(draft._replace(attributes=told), above)


def _leading_to(draft: Draft, above: list[Draft]) -> Draft:
    attributes = draft.attributes
    for each in above:
        attributes = creation.link(attributes, LinkType.PKCS_12_CERTIFICATE_LINK, each.unique_identifier)
    return draft._replace(attributes=attributes)


def _as_of_a_file(call: Call, attribute: Attribute) -> Value:
    """Give an attribute of a certificate as the test case TC-PKCS12-2 has it of one that was in a file.

    The serial number is the content of the DER INTEGER, without its header and with its leading zero. Locate finds it
    with the header too. In 1.4 the Digest names no format.
    """
    value = attribute.value
    match value:
        case X509CertificateIdentifier():
            return replace(value, certificate_serial_number=value.certificate_serial_number[2:])
        case CertificateIdentifier(serial_number=str(digits)):
            whole = digits.zfill(len(digits) + len(digits) % 2).lower()
            return replace(value, serial_number="00" + whole if int(whole[0], 16) >= 8 else whole)
        case Digest() if call.version < V2_1:
            return replace(value, key_format_type=None)
    return value
