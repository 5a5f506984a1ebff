"""Key material between a Key Block and a token: the formats there are for what, the defaults, what is digested.

A token takes a secret key raw, a private key in PKCS#8 and a public key in SubjectPublicKeyInfo. Everything else that
KMIP knows is made from these, or read into them, here and in `keys` (KMIP 2.1 section 3.1 Key Block).
"""

from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa

from gateway.errors import (
    BadCryptographicParameters,
    FeatureNotSupported,
    InvalidField,
    KeyFormatTypeNotSupported,
    UnsupportedCryptographicParameters,
)
from gateway.keys import private, public
from gateway.keys.curves import Material, NotUnderstood, PrivateKey, PublicKey, curve_of
from gateway.kmip.enums import CryptographicAlgorithm, KeyCompressionType, KeyFormatType, ObjectType, RecommendedCurve
from gateway.kmip.objects import TransparentSymmetricKey
from gateway.kmip.version import V1_2, Version
from gateway.token.algorithms import CURVES, ED25519, SYMMETRIC
from gateway.token.api import KeyType, ObjectClass, Profile

A, F, O = CryptographicAlgorithm, KeyFormatType, ObjectType  # noqa: E741

# What a token can hold, by the class it has there; every other type of object is kept sealed.
OBJECT_CLASSES = {
    O.SYMMETRIC_KEY: ObjectClass.SECRET_KEY,
    O.SECRET_DATA: ObjectClass.SECRET_KEY,
    O.PRIVATE_KEY: ObjectClass.PRIVATE_KEY,
    O.PUBLIC_KEY: ObjectClass.PUBLIC_KEY,
}
MAX_SECRET_BYTES = 2048
# What a token says of a key that it cannot hold after all.
NOT_HELD = (FeatureNotSupported, UnsupportedCryptographicParameters, BadCryptographicParameters)
MAX_RSA_BITS = 8192

# The names that one kind of key goes by; the first is what the server calls it when the client does not say.
FAMILIES = (
    (A.RSA,),
    (A.DSA,),
    (A.EC, A.ECDSA, A.ECDH, A.ECMQV),
    (A.ED25519, A.EC, A.ECDSA),
    (A.ED448, A.EC, A.ECDSA),
)
FAMILY = {names[0]: names for names in FAMILIES}
# Some count DES's parity bits in the length (PyKMIP does), KMIP does not.
WITHOUT_PARITY = {64: 56, 128: 112, 192: 168}

# Formats in which a digest is given besides the one registered (KMIP 2.1 section 4.20 Digest, and what its tests want).
ALSO_DIGESTED = {
    F.TRANSPARENT_SYMMETRIC_KEY: F.RAW,
    F.TRANSPARENT_RSA_PRIVATE_KEY: F.PKCS_1,
    F.PKCS_8: F.PKCS_1,
}

# In which format a key is given where neither its client nor the request says (KMIP 2.1 section 4.29 Key Format Type).
DEFAULT_FORMATS: dict[ObjectType, dict[CryptographicAlgorithm | None, KeyFormatType]] = {
    O.PRIVATE_KEY: {
        A.RSA: F.PKCS_1,
        A.DSA: F.TRANSPARENT_DSA_PRIVATE_KEY,
        **dict.fromkeys(FAMILY[A.EC], F.TRANSPARENT_EC_PRIVATE_KEY),
    },
    O.PUBLIC_KEY: {
        A.RSA: F.PKCS_1,
        A.DSA: F.TRANSPARENT_DSA_PUBLIC_KEY,
        **dict.fromkeys(FAMILY[A.EC], F.TRANSPARENT_EC_PUBLIC_KEY),
    },
}
# Where that depends on nothing, and for clients of a version that does not have the format above.
OTHER_DEFAULTS = {O.PRIVATE_KEY: F.PKCS_8, O.PUBLIC_KEY: F.X_509, O.CERTIFICATE: F.X_509, O.OPAQUE_OBJECT: F.OPAQUE}


class Key(NamedTuple):
    """A key as a token takes it, and what its bytes tell of it; the lengths are in bits.

    `algorithm` is None where the bytes do not tell, and `lengths` are the ways to count, the standard's first.
    """

    object_class: ObjectClass
    form: bytes
    algorithm: CryptographicAlgorithm | None
    lengths: tuple[int, ...]
    curve: RecommendedCurve | None = None

    def __repr__(self) -> str:
        return f"<Key of {len(self.form)} bytes>"


def read(
    object_type: ObjectType,
    format_type: KeyFormatType,
    material: Material,
    algorithm: CryptographicAlgorithm | None,
) -> Key:
    """Read key material into the form that a token takes.

    Raises:
        NotUnderstood: it may be a key, but it can only be kept as it is.
        InvalidField: the material is no key of that format.
    """
    object_class = OBJECT_CLASSES.get(object_type)
    if object_class is None:
        raise NotUnderstood
    if object_class is ObjectClass.SECRET_KEY:
        return _secret(format_type, material, algorithm)
    if object_class is ObjectClass.PRIVATE_KEY:
        return _private(_private_key(format_type, material, algorithm))
    return _public(_public_key(format_type, material, algorithm))


def _secret(format_type: KeyFormatType, material: Material, algorithm: CryptographicAlgorithm | None) -> Key:
    if isinstance(material, TransparentSymmetricKey):
        form = material.key
    elif isinstance(material, bytes) and format_type in (F.RAW, F.OPAQUE):
        form = material
    else:
        raise NotUnderstood
    bits = 8 * len(form)
    lengths = (WITHOUT_PARITY.get(bits, bits), bits) if algorithm in (A.DES, A.DES3) else (bits,)
    return Key(ObjectClass.SECRET_KEY, form, None, lengths)


def _private_key(
    format_type: KeyFormatType, material: Material, algorithm: CryptographicAlgorithm | None
) -> PrivateKey:
    if format_type is F.RAW and algorithm is A.ED25519 and isinstance(material, bytes):
        return ed25519.Ed25519PrivateKey.from_private_bytes(_sized(material))
    return private.read(format_type, material)


def _public_key(format_type: KeyFormatType, material: Material, algorithm: CryptographicAlgorithm | None) -> PublicKey:
    if format_type is F.RAW and algorithm is A.ED25519 and isinstance(material, bytes):
        return ed25519.Ed25519PublicKey.from_public_bytes(_sized(material))
    return public.read(format_type, material)


def _sized(material: bytes) -> bytes:
    if len(material) != 32:
        raise InvalidField("an Ed25519 key is 32 bytes")
    return material


def _private(key: PrivateKey) -> Key:
    form = private.write(key, F.PKCS_8)
    return _asymmetric(ObjectClass.PRIVATE_KEY, form, key)


def _public(key: PublicKey) -> Key:
    return _asymmetric(ObjectClass.PUBLIC_KEY, public.write(key, F.X_509), key)


def _asymmetric(object_class: ObjectClass, form: Material, key: Any) -> Key:
    algorithm, lengths = describe(key)
    return Key(object_class, bytes_of(form), algorithm, lengths, curve_of(key))


def bytes_of(material: Material) -> bytes:
    """Give material that is a byte string.

    Raises:
        KeyFormatTypeNotSupported: it is a structure.
    """
    if not isinstance(material, bytes):
        raise KeyFormatTypeNotSupported("this format is a structure, not a byte string")
    return material


def describe(key: PrivateKey | PublicKey) -> tuple[CryptographicAlgorithm, tuple[int, ...]]:
    """Give a key's algorithm and its length in bits, in all ways to count it."""
    if isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey)):
        return A.RSA, (key.key_size,)
    if isinstance(key, (dsa.DSAPrivateKey, dsa.DSAPublicKey)):
        return A.DSA, (key.key_size,)
    if isinstance(key, (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey)):
        return A.ED25519, (256, 255)
    curve = curve_of(key)
    if curve is RecommendedCurve.CURVE25519:
        return A.EC, (256, 255)
    if curve is RecommendedCurve.CURVE448:
        return A.EC, (448,)
    size = getattr(key, "key_size", 0)
    return (A.EC, (size,)) if size else (A.ED448, (456, 448))


def token_type(
    key: Key, object_type: ObjectType, algorithm: CryptographicAlgorithm | None, profile: Profile
) -> KeyType | None:
    """Tell as what a token with this profile holds a key; None where it cannot."""
    if object_type is O.SECRET_DATA:
        return KeyType.GENERIC_SECRET if 0 < len(key.form) <= MAX_SECRET_BYTES else None
    if key.object_class is ObjectClass.SECRET_KEY:
        return _secret_type(key, algorithm)
    if key.algorithm is A.RSA:
        return KeyType.RSA if key.lengths[0] <= MAX_RSA_BITS else None
    if key.algorithm is A.ED25519:
        return KeyType.EC_EDWARDS if ED25519.parameters in profile.curves else None
    curve = None if key.curve is None else CURVES.get(key.curve)
    if curve is None:
        return None
    if curve.key_type is KeyType.EC_MONTGOMERY:
        return curve.key_type if profile.curve25519[0] else None
    return curve.key_type if curve.parameters in profile.curves else None


def _secret_type(key: Key, algorithm: CryptographicAlgorithm | None) -> KeyType | None:
    row = None if algorithm is None else SYMMETRIC.get(algorithm)
    if row is None or not 0 < len(key.form) <= MAX_SECRET_BYTES:
        return None
    if row.lengths and key.lengths[0] not in row.lengths:
        return None
    return KeyType.DES2 if row.key_type is KeyType.DES3 and len(key.form) == 16 else row.key_type


def default_format(
    object_type: ObjectType, algorithm: CryptographicAlgorithm | None, version: Version
) -> KeyFormatType:
    """Give the format of a key where nobody asked for one; always one that this version has."""
    wanted = DEFAULT_FORMATS.get(object_type, {}).get(algorithm)
    if wanted is not None and wanted.exists_in(version):
        return wanted
    return OTHER_DEFAULTS.get(object_type, F.RAW)


def material(
    object_class: ObjectClass,
    form: bytes,
    format_type: KeyFormatType,
    compression: KeyCompressionType | None = None,
) -> Material:
    """Give a token's form of a key in a format of KMIP.

    Raises:
        KeyFormatTypeNotSupported: such keys do not have this format.
        KeyCompressionTypeNotSupported: they do not have this form of point.
    """
    if object_class is ObjectClass.PRIVATE_KEY:
        return private.write(private.read(F.PKCS_8, form), format_type)
    if object_class is ObjectClass.PUBLIC_KEY:
        return public.write(public.read(F.X_509, form), format_type, compression)
    if format_type in (F.RAW, F.OPAQUE):
        return form
    if format_type is F.TRANSPARENT_SYMMETRIC_KEY:
        return TransparentSymmetricKey(key=form)
    raise KeyFormatTypeNotSupported(f"this key cannot be given in the format {format_type.token}")


def name_in(algorithm: CryptographicAlgorithm | None, version: Version) -> CryptographicAlgorithm | None:
    """Give the name that a version has for the keys of an algorithm; None where it has none."""
    if algorithm is None or algorithm.exists_in(version):
        return algorithm
    return next((name for name in FAMILY.get(algorithm, ()) if name.exists_in(version)), None)


def family(algorithm: CryptographicAlgorithm, version: Version) -> tuple[CryptographicAlgorithm, ...]:
    """Give the names that a client may give such a key, first the one that this version has for it."""
    names = FAMILY.get(algorithm, (algorithm,))
    return (A.ECDSA, *names) if algorithm is A.EC and version < V1_2 else names
