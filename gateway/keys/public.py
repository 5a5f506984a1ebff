"""Public keys in the formats of KMIP: a row for reading and a row for writing each."""

from collections.abc import Callable
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from gateway.errors import InvalidField, KeyCompressionTypeNotSupported, KeyFormatTypeNotSupported
from gateway.keys.curves import CURVES, MONTGOMERY, PUBLIC, Material, NotUnderstood, PublicKey, RawPublicKey, curve_of
from gateway.kmip.enums import KeyCompressionType, KeyFormatType
from gateway.kmip.objects import TransparentDSAPublicKey, TransparentECPublicKey, TransparentRSAPublicKey
from gateway.kmip.structure import BigInteger, Structure

F, K = KeyFormatType, KeyCompressionType


def _load_public(material: bytes) -> PublicKey:
    try:
        key = load_der_public_key(material)
    except UnsupportedAlgorithm:
        raise NotUnderstood from None
    if not isinstance(key, PUBLIC):
        raise NotUnderstood
    return key


def _rsa_public(material: TransparentRSAPublicKey) -> PublicKey:
    return rsa.RSAPublicNumbers(e=material.public_exponent, n=material.modulus).public_key()


def _ec_public(material: TransparentECPublicKey) -> PublicKey:
    curve, point = material.recommended_curve, material.q_string
    if curve in MONTGOMERY:
        key: PublicKey = MONTGOMERY[curve][1].from_public_bytes(point)
        return key
    if curve not in CURVES:
        raise NotUnderstood
    if point[:1] in (b"\6", b"\7"):  # X9.62 hybrid: the uncompressed point with one bit of y in its first byte
        point = b"\4" + point[1:]
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVES[curve], point)


def _dsa_public(material: TransparentDSAPublicKey) -> PublicKey:
    group = dsa.DSAParameterNumbers(material.p, material.q, material.g)
    try:
        return dsa.DSAPublicNumbers(material.y, group).public_key()
    except ValueError:  # of a length that is not used any more
        raise NotUnderstood from None


TRANSPARENT_EC_PUBLIC = (
    F.TRANSPARENT_EC_PUBLIC_KEY,
    F.TRANSPARENT_ECDSA_PUBLIC_KEY,
    F.TRANSPARENT_ECDH_PUBLIC_KEY,
    F.TRANSPARENT_ECMQV_PUBLIC_KEY,
)
PUBLIC_READERS: dict[KeyFormatType, Callable[[Any], PublicKey]] = {
    F.X_509: _load_public,
    F.PKCS_1: _load_public,
    F.TRANSPARENT_RSA_PUBLIC_KEY: _rsa_public,
    F.TRANSPARENT_DSA_PUBLIC_KEY: _dsa_public,
    **dict.fromkeys(TRANSPARENT_EC_PUBLIC, _ec_public),
}


def point(key: Any, compression: KeyCompressionType | None) -> bytes:
    """Give the point of an elliptic curve public key in ANSI X9.62 form (section 11.23 Key Compression Type).

    Raises:
        KeyCompressionTypeNotSupported: the curve has no such form.
    """
    if isinstance(key, RawPublicKey):
        raw: bytes = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return raw
    if compression is K.EC_PUBLIC_KEY_TYPE_X9_62_COMPRESSED_PRIME:
        return ec_point(key, PublicFormat.CompressedPoint)
    uncompressed = ec_point(key, PublicFormat.UncompressedPoint)
    if compression is K.EC_PUBLIC_KEY_TYPE_X9_62_HYBRID:
        return bytes((6 | uncompressed[-1] & 1,)) + uncompressed[1:]
    if compression is K.EC_PUBLIC_KEY_TYPE_X9_62_COMPRESSED_CHAR2:
        raise KeyCompressionTypeNotSupported("the curve is over a prime field")
    return uncompressed


def ec_point(key: ec.EllipticCurvePublicKey, form: PublicFormat) -> bytes:
    """Give the point of a key on a Weierstrass curve."""
    return key.public_bytes(Encoding.X962, form)


def _info(key: PublicKey, compression: KeyCompressionType | None) -> bytes:
    whole = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if compression in (None, K.EC_PUBLIC_KEY_TYPE_UNCOMPRESSED) or not isinstance(key, ec.EllipticCurvePublicKey):
        return whole
    # SEQUENCE { AlgorithmIdentifier, BIT STRING { no unused bits, point } }, with another point in it.
    full, wanted = point(key, None), point(key, compression)
    algorithm = whole[whole.index(b"\x30", 1) : whole.index(b"\x03", len(whole) - len(full) - 4)]
    return _der(0x30, algorithm + _der(0x03, b"\0" + wanted))


def _der(tag: int, content: bytes) -> bytes:
    # No point of a curve here needs more than one byte of length beyond the short form.
    size = len(content)
    return bytes((tag, size) if size < 0x80 else (tag, 0x81, size)) + content


def _pkcs1_public(key: rsa.RSAPublicKey, _: KeyCompressionType | None) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)


def _raw_public(key: Any, _: KeyCompressionType | None) -> bytes:
    return point(key, None)


def _transparent_rsa_public(key: rsa.RSAPublicKey, _: KeyCompressionType | None) -> Structure:
    numbers = key.public_numbers()
    return TransparentRSAPublicKey(modulus=BigInteger(numbers.n), public_exponent=BigInteger(numbers.e))


def _transparent_ec_public(key: Any, compression: KeyCompressionType | None) -> Structure:
    curve = curve_of(key)
    if curve is None:
        raise KeyFormatTypeNotSupported("KMIP has no number for the curve of this key")
    return TransparentECPublicKey(recommended_curve=curve, q_string=point(key, compression))


def _transparent_dsa_public(key: dsa.DSAPublicKey, _: KeyCompressionType | None) -> Structure:
    numbers = key.public_numbers()
    group = numbers.parameter_numbers
    return TransparentDSAPublicKey(
        p=BigInteger(group.p), q=BigInteger(group.q), g=BigInteger(group.g), y=BigInteger(numbers.y)
    )


RSA, DSA = (rsa.RSAPublicKey,), (dsa.DSAPublicKey,)
ELLIPTIC = (ec.EllipticCurvePublicKey, *(kinds[1] for kinds in MONTGOMERY.values()))
PublicWriter = Callable[[Any, KeyCompressionType | None], Material]
PUBLIC_WRITERS: dict[KeyFormatType, tuple[tuple[type, ...], PublicWriter]] = {
    F.X_509: (PUBLIC, _info),
    F.PKCS_1: (RSA, _pkcs1_public),
    F.RAW: (RawPublicKey, _raw_public),
    F.TRANSPARENT_RSA_PUBLIC_KEY: (RSA, _transparent_rsa_public),
    F.TRANSPARENT_DSA_PUBLIC_KEY: (DSA, _transparent_dsa_public),
    **dict.fromkeys(TRANSPARENT_EC_PUBLIC, (ELLIPTIC, _transparent_ec_public)),
}


def read(format_type: KeyFormatType, material: Any) -> PublicKey:
    """Read a public key in one of its formats.

    Raises:
        NotUnderstood: nothing here reads this format, or a key of this kind in it.
        InvalidField: the material is not a public key in this format.
    """
    if format_type not in PUBLIC_READERS:
        raise NotUnderstood
    try:
        return PUBLIC_READERS[format_type](material)
    except (ValueError, OverflowError):
        raise InvalidField(f"the Key Material is not a public key in the format {format_type.token}") from None


def write(key: PublicKey, format_type: KeyFormatType, compression: KeyCompressionType | None = None) -> Material:
    """Give a public key in one of its formats.

    Raises:
        KeyFormatTypeNotSupported: keys of this kind do not have this format.
        KeyCompressionTypeNotSupported: they do not have this form of point.
    """
    kinds, make = PUBLIC_WRITERS.get(format_type, ((), _info))
    if not isinstance(key, kinds):
        raise KeyFormatTypeNotSupported(f"this public key cannot be given in the format {format_type.token}")
    return make(key, compression)
