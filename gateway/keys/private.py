"""Private keys in the formats of KMIP: a row for reading and a row for writing each."""

from collections.abc import Callable
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from gateway.errors import InvalidField, KeyFormatTypeNotSupported
from gateway.keys import rsa_numbers
from gateway.keys.curves import (
    CURVES,
    MONTGOMERY,
    PRIVATE,
    Material,
    NotUnderstood,
    PrivateKey,
    RawPrivateKey,
    curve_of,
)
from gateway.kmip.enums import KeyFormatType
from gateway.kmip.objects import TransparentDSAPrivateKey, TransparentECPrivateKey, TransparentRSAPrivateKey
from gateway.kmip.structure import BigInteger, Structure

F = KeyFormatType
MAX_DSA_BITS = 4096


def _load_private(material: bytes) -> PrivateKey:
    try:
        key = load_der_private_key(material, None, unsafe_skip_rsa_key_validation=True)
    except (TypeError, UnsupportedAlgorithm):  # encrypted, or on a curve that is not known
        raise NotUnderstood from None
    if not isinstance(key, PRIVATE):
        raise NotUnderstood
    if isinstance(key, rsa.RSAPrivateKey):
        rsa_numbers.check(key)
    return key


def _rsa_private(material: TransparentRSAPrivateKey) -> PrivateKey:
    exponents = material.public_exponent, material.private_exponent
    return rsa_numbers.private_key(material.modulus, *exponents, material.p, material.q)


def _ec_private(material: TransparentECPrivateKey) -> PrivateKey:
    curve = material.recommended_curve
    if curve in MONTGOMERY:
        kind, _, size = MONTGOMERY[curve]
        key: PrivateKey = kind.from_private_bytes((material.d % 256**size).to_bytes(size, "big"))
        return key
    if curve not in CURVES:
        raise NotUnderstood
    return ec.derive_private_key(material.d, CURVES[curve])


def _dsa_private(material: TransparentDSAPrivateKey) -> PrivateKey:
    if not 0 < material.x < material.p or material.p.bit_length() > MAX_DSA_BITS:
        raise NotUnderstood
    group = dsa.DSAParameterNumbers(material.p, material.q, material.g)
    public = dsa.DSAPublicNumbers(pow(material.g, material.x, material.p), group)
    try:
        return dsa.DSAPrivateNumbers(material.x, public).private_key()
    except ValueError:  # of a length that is not used any more
        raise NotUnderstood from None


TRANSPARENT_EC_PRIVATE = (
    F.TRANSPARENT_EC_PRIVATE_KEY,
    F.TRANSPARENT_ECDSA_PRIVATE_KEY,
    F.TRANSPARENT_ECDH_PRIVATE_KEY,
    F.TRANSPARENT_ECMQV_PRIVATE_KEY,
)
PRIVATE_READERS: dict[KeyFormatType, Callable[[Any], PrivateKey]] = {
    F.PKCS_8: _load_private,
    F.PKCS_1: _load_private,
    F.ECPRIVATEKEY: _load_private,
    F.TRANSPARENT_RSA_PRIVATE_KEY: _rsa_private,
    F.TRANSPARENT_DSA_PRIVATE_KEY: _dsa_private,
    **dict.fromkeys(TRANSPARENT_EC_PRIVATE, _ec_private),
}


def _pkcs8(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _traditional(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _raw_private(key: Any) -> bytes:
    raw: bytes = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return raw


def _transparent_rsa_private(key: rsa.RSAPrivateKey) -> Structure:
    numbers = key.private_numbers()
    return TransparentRSAPrivateKey(
        modulus=BigInteger(numbers.public_numbers.n),
        private_exponent=BigInteger(numbers.d),
        public_exponent=BigInteger(numbers.public_numbers.e),
        p=BigInteger(numbers.p),
        q=BigInteger(numbers.q),
        prime_exponent_p=BigInteger(numbers.dmp1),
        prime_exponent_q=BigInteger(numbers.dmq1),
        crt_coefficient=BigInteger(numbers.iqmp),
    )


def _transparent_ec_private(key: Any) -> Structure:
    curve = curve_of(key)
    if curve is None:
        raise KeyFormatTypeNotSupported("KMIP has no number for the curve of this key")
    if curve in MONTGOMERY:
        d = int.from_bytes(_raw_private(key), "big")
    else:
        d = key.private_numbers().private_value
    return TransparentECPrivateKey(recommended_curve=curve, d=BigInteger(d))


def _transparent_dsa_private(key: dsa.DSAPrivateKey) -> Structure:
    numbers = key.private_numbers()
    group = numbers.public_numbers.parameter_numbers
    return TransparentDSAPrivateKey(
        p=BigInteger(group.p), q=BigInteger(group.q), g=BigInteger(group.g), x=BigInteger(numbers.x)
    )


RSA, DSA, WEIERSTRASS = (rsa.RSAPrivateKey,), (dsa.DSAPrivateKey,), (ec.EllipticCurvePrivateKey,)
ELLIPTIC = (*WEIERSTRASS, *(kinds[0] for kinds in MONTGOMERY.values()))
# Which keys a format is for, and how it is made of one.
PRIVATE_WRITERS: dict[KeyFormatType, tuple[tuple[type, ...], Callable[[Any], Material]]] = {
    F.PKCS_8: (PRIVATE, _pkcs8),
    F.PKCS_1: (RSA, _traditional),
    F.ECPRIVATEKEY: (WEIERSTRASS, _traditional),
    F.RAW: (RawPrivateKey, _raw_private),
    F.TRANSPARENT_RSA_PRIVATE_KEY: (RSA, _transparent_rsa_private),
    F.TRANSPARENT_DSA_PRIVATE_KEY: (DSA, _transparent_dsa_private),
    **dict.fromkeys(TRANSPARENT_EC_PRIVATE, (ELLIPTIC, _transparent_ec_private)),
}


def read(format_type: KeyFormatType, material: Any) -> PrivateKey:
    """Read a private key in one of its formats.

    Raises:
        NotUnderstood: nothing here reads this format, or a key of this kind in it.
        InvalidField: the material is not a private key in this format.
    """
    if format_type not in PRIVATE_READERS:
        raise NotUnderstood
    try:
        return PRIVATE_READERS[format_type](material)
    except (ValueError, OverflowError, ZeroDivisionError):
        raise InvalidField(f"the Key Material is not a private key in the format {format_type.token}") from None


def write(key: PrivateKey, format_type: KeyFormatType) -> Material:
    """Give a private key in one of its formats.

    Raises:
        KeyFormatTypeNotSupported: keys of this kind do not have this format.
    """
    kinds, make = PRIVATE_WRITERS.get(format_type, ((), _pkcs8))
    if not isinstance(key, kinds):
        raise KeyFormatTypeNotSupported(f"this private key cannot be given in the format {format_type.token}")
    return make(key)
