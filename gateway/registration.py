"""An object that a client brings, on its way in: checked, described by its attributes, put on the token or sealed.

The one rule here: what the token can hold goes there, whatever its format; everything else is kept sealed, exactly as
it came, and can be given back but not used.
"""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace

from gateway import attribute_rules, certificates, creation, errors, keyblocks, material
from gateway.call import Call
from gateway.creation import Draft
from gateway.keyblocks import Key
from gateway.keys import requests
from gateway.keys.curves import Material, NotUnderstood
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    CertificateRequestType,
    CertificateType,
    CryptographicAlgorithm,
    KeyFormatType,
    LinkType,
    ObjectType,
)
from gateway.kmip.objects import (
    Certificate,
    CertificateRequest,
    KeyBlock,
    ManagedObject,
    OpaqueObject,
    SecretData,
    Template,
)
from gateway.kmip.structure import Attribute, Attributes, Structure, Value
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicDomainParameters
from gateway.kmip.version import V1_4, V2_0, V2_1
from gateway.store.api import Custody
from gateway.token.algorithms import CURVE_OF_LENGTH
from gateway.token.api import KeyRef, ObjectClass

O = ObjectType  # noqa: E741
# Without a mask a key could never be used; the other types live without (many clients register them so).
NEEDS_MASK = (O.SYMMETRIC_KEY, O.PUBLIC_KEY, O.PRIVATE_KEY)
NEEDS_ALGORITHM = (O.SYMMETRIC_KEY, O.PUBLIC_KEY, O.PRIVATE_KEY)


def brought(request: Structure, object_type: ObjectType | None) -> tuple[ObjectType, ManagedObject]:
    """Give the one object in a request, and its type, which a request need not tell besides.

    Raises:
        InvalidField: there is none, more than one, or one of another type than the request says.
    """
    found = {kind: getattr(request, kind.name.lower(), None) for kind in ObjectType}
    given = [(kind, value) for kind, value in found.items() if value is not None]
    if len(given) != 1 or object_type not in (None, given[0][0]):
        wanted = "one object" if object_type is None else f"one object, here a {object_type.token}"
        raise errors.InvalidField(f"the request takes {wanted}")
    return given[0]


async def drafted(
    call: Call, object_type: ObjectType, given: ManagedObject, attributes: Attributes, unique_identifier: str = ""
) -> Draft:
    """Give the draft of an object with the attributes that follow from it; a key is on the token then.

    The server makes up a unique identifier where none is given.

    Raises:
        InvalidField: object and attributes contradict each other, or the object is not what it says.
        MissingData: a key lacks its algorithm or its Cryptographic Usage Mask.
    """
    if object_type in NEEDS_MASK and not sets.has(attributes, Tag.CRYPTOGRAPHIC_USAGE_MASK):
        raise errors.MissingData("a key needs a Cryptographic Usage Mask")
    unique_identifier = unique_identifier or creation.new_identifier()
    block: KeyBlock | None = getattr(given, "key_block", None)
    if block is None:
        attributes = DESCRIBED[type(given)](call, given, attributes)
        return await _sealed(call, object_type, unique_identifier, given, attributes)
    return await _keyed(call, object_type, unique_identifier, given, block, attributes)


async def _sealed(
    call: Call, object_type: ObjectType, unique_identifier: str, given: Structure, attributes: Attributes
) -> Draft:
    blob = await material.seal(call, unique_identifier, given)
    return Draft(object_type, attributes, None, Custody.SEALED, blob, unique_identifier)


# --- what has a Key Block


async def _keyed(
    call: Call,
    object_type: ObjectType,
    unique_identifier: str,
    given: ManagedObject,
    block: KeyBlock,
    attributes: Attributes,
) -> Draft:
    attributes = _agreed(attributes, Tag.KEY_FORMAT_TYPE, block.key_format_type)
    attributes = _agreed(attributes, Tag.CRYPTOGRAPHIC_ALGORITHM, block.cryptographic_algorithm)
    attributes = _agreed(attributes, Tag.CRYPTOGRAPHIC_LENGTH, block.cryptographic_length)
    if block.key_value is None:
        attributes = sets.put(attributes, Tag.KEY_VALUE_PRESENT, False)
        return await _sealed(call, object_type, unique_identifier, given, attributes)
    if block.key_wrapping_data is not None:
        attributes = _linked_to_wrapping_key(call, block, attributes)
        return await _sealed(call, object_type, unique_identifier, given, attributes)
    content = material.material_of(call, block)
    algorithm = _algorithm(attributes)
    key = _read(object_type, block.key_format_type, content, algorithm)
    if key is not None:
        attributes = _described(call, attributes, key)
    unnamed = _algorithm(attributes) is None and block.key_format_type is not KeyFormatType.PKCS_12
    if object_type in NEEDS_ALGORITHM and unnamed:
        raise errors.MissingData("a key needs a Cryptographic Algorithm")
    attributes = _digested(call, attributes, block.key_format_type, content, key)
    if key is not None:
        kept = sets.value(attributes, Tag.EXTRACTABLE) is not False or object_type is not O.PRIVATE_KEY
        beside = await _beside(call, unique_identifier, given, block, content, key) if kept else None
        held = await _on_token(call, object_type, unique_identifier, key, attributes)
        if held is not None:
            return Draft(object_type, attributes, held, Custody.TOKEN, beside, unique_identifier)
    return await _sealed(call, object_type, unique_identifier, given, attributes)


def _agreed(attributes: Attributes, tag: Tag, value: Value | None) -> Attributes:
    """Take a value that the Key Block has over into the attributes, which must not have another one."""
    if value is None:
        return attributes
    own = sets.value(attributes, tag)
    if own is not None and own != value:
        raise errors.InvalidField(f"{tag.spelling} is another one in the Key Block than among the attributes")
    return sets.put_missing(attributes, tag, value)


def _algorithm(attributes: Attributes) -> CryptographicAlgorithm | None:
    found = sets.value(attributes, Tag.CRYPTOGRAPHIC_ALGORITHM)
    return found if isinstance(found, CryptographicAlgorithm) else None


def _read(
    object_type: ObjectType, format_type: KeyFormatType, content: Material, algorithm: CryptographicAlgorithm | None
) -> Key | None:
    try:
        return keyblocks.read(object_type, format_type, content, algorithm)
    except NotUnderstood:
        return None


def _described(call: Call, attributes: Attributes, key: Key) -> Attributes:
    """Add what the key itself tells, after comparing it with what the client said."""
    algorithm = _algorithm(attributes)
    if key.algorithm is not None:
        names = keyblocks.family(key.algorithm, call.version)
        if algorithm is not None and algorithm not in names:
            raise errors.InvalidField(f"the key is of {names[0].token}, not of {algorithm.token}")
        algorithm = algorithm or names[0]
        attributes = sets.put(attributes, Tag.CRYPTOGRAPHIC_ALGORITHM, algorithm)
    length = sets.number(attributes, Tag.CRYPTOGRAPHIC_LENGTH)
    if length is not None and length not in key.lengths:
        raise errors.InvalidField(f"the key has {key.lengths[0]} bits, not {length}")
    if algorithm is not None:  # a password has no length in bits unless the client gives it one
        attributes = sets.put_missing(attributes, Tag.CRYPTOGRAPHIC_LENGTH, key.lengths[0])
    # A curve that its length tells needs no telling.
    if key.curve is not None and CURVE_OF_LENGTH.get(key.lengths[0]) is not key.curve:
        domain = CryptographicDomainParameters(recommended_curve=key.curve)
        attributes = sets.put_missing(attributes, Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS, domain)
    return attributes


def _digested(
    call: Call, attributes: Attributes, format_type: KeyFormatType, content: Material, key: Key | None
) -> Attributes:
    """Add the digests of the material in the format registered, and in those that are always told beside it."""
    formats = [(format_type, content)]
    other = keyblocks.ALSO_DIGESTED.get(format_type)
    if other is not None and key is not None and call.version >= V1_4:  # the test cases of 1.2 have one digest
        formats += _formatted(key, other)
    digests = (creation.digest_in(call, content, name) for name, content in formats)
    return sets.add_all(attributes, (Attribute(Tag.DIGEST, digest) for digest in digests))


def _formatted(key: Key, format_type: KeyFormatType) -> Iterator[tuple[KeyFormatType, Material]]:
    try:
        yield format_type, keyblocks.material(key.object_class, key.form, format_type)
    except errors.KeyFormatTypeNotSupported:
        return


async def _on_token(
    call: Call, object_type: ObjectType, unique_identifier: str, key: Key, attributes: Attributes
) -> KeyRef | None:
    """Put a key on the token; None when it cannot hold it."""
    key_type = keyblocks.token_type(key, object_type, _algorithm(attributes), call.token.profile)
    if key_type is None:
        return None
    ref = KeyRef(key.object_class, await call.store.reserve())
    bits = 8 * len(key.form) if key.object_class is ObjectClass.SECRET_KEY else 0
    template = creation.template(call, unique_identifier, attributes, key_type, bits)
    try:
        return await call.token.import_key(ref, key_type, key.form, template)
    except keyblocks.NOT_HELD:
        return None


async def _beside(
    call: Call, unique_identifier: str, given: ManagedObject, block: KeyBlock, content: Material, key: Key
) -> bytes | None:
    """Give what neither the token nor an attribute tells of an object whose key is on the token.

    It is the type of Secret Data, and an asymmetric key that the token would not give back, or not encoded as it came:
    a client that registered a key compares what it gets byte by byte.
    """
    if isinstance(given, SecretData):
        empty = replace(block, key_value=None)
        return material.pack(call, SecretData(secret_data_type=given.secret_data_type, key_block=empty))
    if key.object_class is ObjectClass.SECRET_KEY or (_leaves(call, key) and _made_again(key, block) == content):
        return None
    return await material.seal(call, unique_identifier, given)


def _leaves(call: Call, key: Key) -> bool:
    """Tell whether a token gives such a key back at all."""
    key_type = keyblocks.token_type(key, ObjectType.PRIVATE_KEY, key.algorithm, call.token.profile)
    return key.object_class is ObjectClass.PUBLIC_KEY or key_type in call.token.profile.private_exports


def _made_again(key: Key, block: KeyBlock) -> Material | None:
    """Give what a client that asks for its key in the format registered would get if it were made anew."""
    try:
        return keyblocks.material(key.object_class, key.form, block.key_format_type, block.key_compression_type)
    except (errors.KeyFormatTypeNotSupported, errors.KeyCompressionTypeNotSupported):
        return None


def _linked_to_wrapping_key(call: Call, block: KeyBlock, attributes: Attributes) -> Attributes:
    data = block.key_wrapping_data
    if data is None or data.encryption_key_information is None or call.version < V2_0:
        return attributes
    return creation.link(attributes, LinkType.WRAPPING_KEY_LINK, data.encryption_key_information.unique_identifier)


# --- what has none


def _certificate(call: Call, given: Certificate, attributes: Attributes) -> Attributes:
    for found in certificates.attributes_of(given.certificate_type, given.certificate_value):
        if found.tag in AGREED_OF_CERTIFICATES:
            attributes = _agreed(attributes, found.tag, found.value)
        else:
            attributes = (*attributes, found)
    if given.certificate_type is CertificateType.X_509:
        attributes = _agreed(attributes, Tag.KEY_FORMAT_TYPE, KeyFormatType.X_509)
    return sets.add(
        attributes, Attribute(Tag.DIGEST, creation.digest_of(given.certificate_value, _certificate_format(call)))
    )


def _certificate_format(call: Call) -> KeyFormatType | None:
    """Give the format that the digest of a certificate names, as the test cases of each version have it."""
    if call.version >= V2_1:
        return KeyFormatType.X_509
    return KeyFormatType.RAW if call.version >= V1_4 else None


def _request(call: Call, given: CertificateRequest, attributes: Attributes) -> Attributes:
    requests.parsed(given.certificate_request_type, given.certificate_request_value)
    own = KeyFormatType.PKCS_10 if given.certificate_request_type is CertificateRequestType.PKCS_10 else None
    attributes = _agreed(attributes, Tag.KEY_FORMAT_TYPE, own)
    digest = creation.digest_of(given.certificate_request_value, own)
    return sets.add(attributes, Attribute(Tag.DIGEST, digest))


def _opaque(call: Call, given: OpaqueObject, attributes: Attributes) -> Attributes:
    attributes = _agreed(attributes, Tag.OPAQUE_DATA_TYPE, given.opaque_data_type)
    attributes = _agreed(attributes, Tag.KEY_FORMAT_TYPE, KeyFormatType.OPAQUE)
    return sets.add(
        attributes, Attribute(Tag.DIGEST, creation.digest_of(given.opaque_data_value, KeyFormatType.OPAQUE))
    )


def _template(call: Call, given: Template, attributes: Attributes) -> Attributes:
    # Clients name a Template inside it, and look for it by what it holds (test cases SASED-M-2 and TC-312 of 1.0).
    known = {a.key for a in attributes}
    held = attribute_rules.at_birth(given.attributes, ObjectType.TEMPLATE)
    return sets.add_all(attributes, (a for a in held if a.key not in known))


AGREED_OF_CERTIFICATES = (Tag.CERTIFICATE_TYPE, Tag.CRYPTOGRAPHIC_ALGORITHM, Tag.CRYPTOGRAPHIC_LENGTH)
DESCRIBED: dict[type[Structure], Callable[[Call, Any, Attributes], Attributes]] = {
    Certificate: _certificate,
    CertificateRequest: _request,
    OpaqueObject: _opaque,
    Template: _template,
}
