"""A private key given as a PKCS#12 file, with the certificates that its Links lead to (KMIP 2.1 section 4.35 Link).

The password is a Secret Data object of the same client's, named by the key's PKCS#12 Password Link.
"""

from gateway import errors, material
from gateway.call import Call
from gateway.keys import pkcs12
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import CertificateType, KeyFormatType, LinkType, ObjectType, State
from gateway.kmip.objects import Certificate, KeyBlock, KeyValue, PrivateKey
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_0
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
    secret = await _password(call, linked)
    key = await _material(call, managed, KeyFormatType.PKCS_8)
    contents = pkcs12.Contents(key, tuple([await _certificate(call, each) for each in _chain(call, managed)]))
    name = sets.value(managed.attributes, Tag.PKCS_12_FRIENDLY_NAME)
    file = pkcs12.write(contents, secret, name if isinstance(name, str) else None)
    value = KeyValue(key_material=file) if call.version >= V2_0 else file
    return PrivateKey(key_block=KeyBlock(key_format_type=KeyFormatType.PKCS_12, key_value=value))


async def _password(call: Call, unique_identifier: str) -> bytes:
    """Give the password that a PKCS#12 Password Link leads to.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, NotExtractable.
        InvalidObjectType: it is no Secret Data.
        WrongLifecycleState: it is not Active.
    """
    found = call.live(unique_identifier)
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
