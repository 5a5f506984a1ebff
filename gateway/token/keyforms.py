"""Keys in their standard encodings (PKCS#8, SubjectPublicKeyInfo) to and from a token's attributes.

Raw in, raw out: what a key may be used for is none of this module's business.
"""

from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x448, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from pkcs11 import Attribute

from gateway.errors import InvalidField, UnsupportedCryptographicParameters
from gateway.token.api import KeyType

SEQUENCE, BIT_STRING, OCTET_STRING, INTEGER = 0x30, 0x03, 0x04, 0x02
OID_RSA = bytes.fromhex("06092a864886f70d0101010500")  # with its NULL parameters
OID_EC = bytes.fromhex("06072a8648ce3d0201")
# Curves whose SubjectPublicKeyInfo names the curve as the algorithm (RFC 8410), by the names PKCS#11 and OIDs have.
RFC_8410 = {
    bytes.fromhex("06032b656e"): "X25519",
    bytes.fromhex("06032b656f"): "X448",
    bytes.fromhex("06032b6570"): "Ed25519",
    bytes.fromhex("06032b6571"): "Ed448",
}
OID_OF = {name: oid for oid, name in RFC_8410.items()}
# PKCS#11 3.0 section 2.3.10 lets EC_PARAMS be a PrintableString; SoftHSM knows curve25519 by that form alone.
PRINTABLE = {
    b"\x13\x0cedwards25519": OID_OF["Ed25519"],
    b"\x13\x0acurve25519": OID_OF["X25519"],
    b"\x13\x0aedwards448": OID_OF["Ed448"],
    b"\x13\x08curve448": OID_OF["X448"],
}
PRINTABLE_OF = {oid: printable for printable, oid in PRINTABLE.items()}
MONTGOMERY = ("X25519", "X448")

Attributes = dict[Attribute, Any]


def der(tag: int, *parts: bytes) -> bytes:
    """Give one DER element around the parts."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def der_content(element: bytes) -> tuple[int, bytes, bytes]:
    """Give the tag and content of the first DER element, and what follows it."""
    size, start = element[1], 2
    if size >= 0x80:
        start += size & 0x7F
        size = int.from_bytes(element[2:start], "big")
    return element[0], element[start : start + size], element[start + size :]


def first_element(data: bytes) -> bytes:
    """Give the first DER element whole, without what follows it."""
    _, content, _ = der_content(data)
    return der(data[0], content)


def integer(value: bytes) -> bytes:
    """Give a DER INTEGER of an unsigned big-endian number."""
    value = value.lstrip(b"\0") or b"\0"
    return der(INTEGER, b"\0" + value if value[0] & 0x80 else value)


def rsa_public(modulus: bytes, exponent: bytes) -> bytes:
    """Give the SubjectPublicKeyInfo of an RSA key."""
    key = der(SEQUENCE, integer(modulus), integer(exponent))
    return der(SEQUENCE, der(SEQUENCE, OID_RSA), der(BIT_STRING, b"\0", key))


def ec_public(parameters: bytes, point: bytes) -> bytes:
    """Give the SubjectPublicKeyInfo of a key on any curve, of CKA_EC_PARAMS and CKA_EC_POINT."""
    raw = point_of(point)
    oid = PRINTABLE.get(parameters, parameters)
    algorithm = der(SEQUENCE, oid) if oid in RFC_8410 else der(SEQUENCE, OID_EC, oid)
    return der(SEQUENCE, algorithm, der(BIT_STRING, b"\0", raw))


# How long points are, by their length as an OCTET STRING: on Edwards and Montgomery curves, then uncompressed with two
# coordinates. tpm2-pkcs11 writes the length 133 of P-521 into one byte, which DER does not know (test_ec_pair).
POINT_BYTES = {34: 32, 58: 56, 59: 57, 51: 49, 67: 65, 99: 97, 131: 129, 132: 129, 135: 133, 136: 133}


def point_of(point: bytes) -> bytes:
    """Give the bare point: CKA_EC_POINT is a DER OCTET STRING, except on modules that leave the wrapping out."""
    # An uncompressed point begins with 0x04 too, but is never as long as one with its wrapping.
    size = POINT_BYTES.get(len(point), len(point))
    return point[len(point) - size :] if point[:1] == b"\x04" else point


def curve_of(public_info: bytes) -> tuple[bytes, bytes]:
    """Give the EC parameters (DER) and the bare point of a SubjectPublicKeyInfo."""
    _, body, _ = der_content(public_info)
    _, algorithm, rest = der_content(body)
    _, bits, _ = der_content(rest)
    _, _, parameters = der_content(algorithm)
    return parameters or algorithm, bits[1:]


def private_attributes(key_type: KeyType, material: bytes) -> Attributes:
    """Give what C_CreateObject needs of a private key in PKCS#8.

    Raises:
        InvalidField: not a PKCS#8 private key of this type.
    """
    try:
        # Whether the primes of RSA are prime takes 5 s at 8 192 bits, for which the worker could be killed.
        key = load_der_private_key(material, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidField("the key material is not a PKCS#8 private key that this server knows") from None
    return attributes_of(key_type, key)


def attributes_of(key_type: KeyType, key: PrivateKeyTypes) -> Attributes:
    """Give what C_CreateObject needs of a loaded private key; raises InvalidField when it is of another type."""
    if isinstance(key, rsa.RSAPrivateKey) and key_type is KeyType.RSA:
        return _rsa_private(key.private_numbers())
    if isinstance(key, ec.EllipticCurvePrivateKey) and key_type is KeyType.EC:
        size = (key.curve.key_size + 7) // 8
        return _ec_private(_public_info(key), key.private_numbers().private_value.to_bytes(size, "big"))
    rfc_8410 = (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey, x25519.X25519PrivateKey, x448.X448PrivateKey)
    if isinstance(key, rfc_8410) and key_type in (KeyType.EC_EDWARDS, KeyType.EC_MONTGOMERY):
        raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return _ec_private(_public_info(key), raw)
    raise InvalidField(f"the key material is not a private key of type {key_type.name}")


def _public_info(
    key: ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | x25519.X25519PrivateKey
    | x448.X448PrivateKey,
) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _ec_private(public_info: bytes, value: bytes) -> Attributes:
    return {Attribute.EC_PARAMS: curve_of(public_info)[0], Attribute.VALUE: value}


def _rsa_private(numbers: rsa.RSAPrivateNumbers) -> Attributes:
    return {
        Attribute.MODULUS: _unsigned(numbers.public_numbers.n),
        Attribute.PUBLIC_EXPONENT: _unsigned(numbers.public_numbers.e),
        Attribute.PRIVATE_EXPONENT: _unsigned(numbers.d),
        Attribute.PRIME_1: _unsigned(numbers.p),
        Attribute.PRIME_2: _unsigned(numbers.q),
        Attribute.EXPONENT_1: _unsigned(numbers.dmp1),
        Attribute.EXPONENT_2: _unsigned(numbers.dmq1),
        Attribute.COEFFICIENT: _unsigned(numbers.iqmp),
    }


def _unsigned(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def public_attributes(key_type: KeyType, material: bytes) -> Attributes:
    """Give what C_CreateObject needs of a public key in SubjectPublicKeyInfo.

    Raises:
        InvalidField: not the SubjectPublicKeyInfo of a key of this type.
    """
    try:
        key = load_der_public_key(material)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidField("the key material is not a SubjectPublicKeyInfo that this server knows") from None
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if isinstance(key, rsa.RSAPublicKey) and key_type is KeyType.RSA:
        numbers = key.public_numbers()
        return {Attribute.MODULUS: _unsigned(numbers.n), Attribute.PUBLIC_EXPONENT: _unsigned(numbers.e)}
    if not isinstance(key, rsa.RSAPublicKey) and key_type in (KeyType.EC, KeyType.EC_EDWARDS, KeyType.EC_MONTGOMERY):
        parameters, point = curve_of(info)
        return {Attribute.EC_PARAMS: parameters, Attribute.EC_POINT: der(OCTET_STRING, point)}
    raise InvalidField(f"the key material is not a public key of type {key_type.name}")


def token_parameters(attributes: Attributes, curve25519: bytes) -> Attributes:
    """Give the attributes with the curve named as the token wants it: `curve25519` is its EC parameters, or b""."""
    if attributes.get(Attribute.EC_PARAMS) != OID_OF["X25519"]:
        return attributes
    if not curve25519:
        raise UnsupportedCryptographicParameters("the token has no Curve25519")
    return {**attributes, Attribute.EC_PARAMS: curve25519}
