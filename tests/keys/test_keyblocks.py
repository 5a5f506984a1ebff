"""Every format of every kind of key, out of the token's form and back into it."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway import keyblocks
from gateway.errors import InvalidField, KeyFormatTypeNotSupported
from gateway.keys import private, public
from gateway.keys.curves import CURVES, NotUnderstood
from gateway.kmip.enums import CryptographicAlgorithm, KeyFormatType, ObjectType, RecommendedCurve
from gateway.kmip.objects import TransparentSymmetricKey
from gateway.kmip.version import V1_0, V1_2, V1_3, V2_1
from gateway.token.api import KeyType, ObjectClass, Profile

A, F = CryptographicAlgorithm, KeyFormatType
O = ObjectType  # noqa: E741
KEYS: dict[str, Any] = {
    "RSA": rsa.generate_private_key(65537, 2048),
    "DSA": dsa.generate_private_key(1024),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "Ed448": ed448.Ed448PrivateKey.generate(),
    "X25519": x25519.X25519PrivateKey.generate(),
    "X448": x448.X448PrivateKey.generate(),
    **{curve.name: ec.generate_private_key(curve) for curve in CURVES.values()},
}
ALGORITHMS = {"RSA": A.RSA, "DSA": A.DSA, "Ed25519": A.ED25519, "Ed448": A.ED448}


def pkcs8(key: Any) -> bytes:
    """Give a private key as a token takes it."""
    form: bytes = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return form


def info(key: Any) -> bytes:
    """Give the public half as a token takes it."""
    form: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return form


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("format_type", private.PRIVATE_WRITERS, ids=lambda f: f.name)
def test_private_keys(name: str, format_type: F) -> None:
    form = pkcs8(KEYS[name])
    try:
        material = keyblocks.material(ObjectClass.PRIVATE_KEY, form, format_type)
    except KeyFormatTypeNotSupported:
        assert format_type is not F.PKCS_8
        return
    algorithm = ALGORITHMS.get(name, A.EC)
    if format_type is F.RAW and algorithm is not A.ED25519:
        return  # bytes alone do not tell the curve
    key = keyblocks.read(O.PRIVATE_KEY, format_type, material, algorithm)
    assert key.form == form
    assert key.algorithm is algorithm
    assert repr(key) == f"<Key of {len(form)} bytes>"


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("format_type", public.PUBLIC_WRITERS, ids=lambda f: f.name)
def test_public_keys(name: str, format_type: F) -> None:
    form = info(KEYS[name])
    try:
        material = keyblocks.material(ObjectClass.PUBLIC_KEY, form, format_type)
    except KeyFormatTypeNotSupported:
        assert format_type is not F.X_509
        return
    algorithm = ALGORITHMS.get(name, A.EC)
    if format_type is F.RAW and algorithm is not A.ED25519:
        return
    key = keyblocks.read(O.PUBLIC_KEY, format_type, material, algorithm)
    assert (key.form, key.algorithm) == (form, algorithm)


def test_every_kind_has_its_default_formats() -> None:
    for name, key in KEYS.items():
        algorithm = ALGORITHMS.get(name, A.EC)
        for version in (V1_0, V1_2, V1_3, V2_1):
            for object_type, form in ((O.PRIVATE_KEY, pkcs8(key)), (O.PUBLIC_KEY, info(key))):
                format_type = keyblocks.default_format(object_type, algorithm, version)
                assert format_type.exists_in(version)
                assert keyblocks.material(keyblocks.OBJECT_CLASSES[object_type], form, format_type)


def test_secret_keys() -> None:
    for format_type in (F.RAW, F.OPAQUE):
        assert keyblocks.material(ObjectClass.SECRET_KEY, b"key", format_type) == b"key"
        assert keyblocks.read(O.SYMMETRIC_KEY, format_type, b"key", A.AES).lengths == (24,)
    transparent = keyblocks.material(ObjectClass.SECRET_KEY, b"key", F.TRANSPARENT_SYMMETRIC_KEY)
    assert transparent == TransparentSymmetricKey(key=b"key")
    assert keyblocks.read(O.SYMMETRIC_KEY, F.TRANSPARENT_SYMMETRIC_KEY, transparent, A.AES).form == b"key"
    with pytest.raises(KeyFormatTypeNotSupported):
        keyblocks.material(ObjectClass.SECRET_KEY, b"key", F.PKCS_8)


@pytest.mark.parametrize("object_type", (O.SPLIT_KEY, O.PGP_KEY, O.CERTIFICATE))
def test_what_a_token_has_no_class_for(object_type: O) -> None:
    with pytest.raises(NotUnderstood):
        keyblocks.read(object_type, F.RAW, b"", None)


PROFILE = Profile(curves=frozenset({bytes.fromhex("06082a8648ce3d030107")}))
HOLDINGS = (
    (O.SYMMETRIC_KEY, 16, A.AES, KeyType.AES),
    (O.SYMMETRIC_KEY, 17, A.AES, None),
    (O.SYMMETRIC_KEY, 16, A.DES3, KeyType.DES2),
    (O.SYMMETRIC_KEY, 24, A.DES3, KeyType.DES3),
    (O.SYMMETRIC_KEY, 8, A.DES3, None),
    (O.SYMMETRIC_KEY, 20, A.HMAC_SHA1, KeyType.GENERIC_SECRET),
    (O.SYMMETRIC_KEY, 16, A.IDEA, None),
    (O.SYMMETRIC_KEY, 16, None, None),
    (O.SECRET_DATA, 5, None, KeyType.GENERIC_SECRET),
    (O.SECRET_DATA, 0, None, None),
    (O.SECRET_DATA, 2049, None, None),
)


@pytest.mark.parametrize(("object_type", "size", "algorithm", "key_type"), HOLDINGS)
def test_what_a_token_holds(object_type: O, size: int, algorithm: A | None, key_type: KeyType | None) -> None:
    key = keyblocks.read(object_type, F.RAW, bytes(size), algorithm)
    assert keyblocks.token_type(key, object_type, algorithm, PROFILE) == key_type


def test_keys_on_curves_that_the_token_lacks() -> None:
    held = {
        name: keyblocks.token_type(
            keyblocks.read(O.PRIVATE_KEY, F.PKCS_8, pkcs8(key), None), O.PRIVATE_KEY, None, PROFILE
        )
        for name, key in KEYS.items()
    }
    assert {name for name, key_type in held.items() if key_type is not None} == {"RSA", "secp256r1"}


def test_curve25519_needs_a_token_that_has_it() -> None:
    key = keyblocks.read(O.PRIVATE_KEY, F.PKCS_8, pkcs8(KEYS["X25519"]), None)
    assert key.curve is RecommendedCurve.CURVE25519
    profile = Profile(curve25519=(0x1055, b"\x13\x0acurve25519"))
    assert keyblocks.token_type(key, O.PRIVATE_KEY, A.EC, profile) is KeyType.EC_MONTGOMERY


def test_an_ed25519_key_is_32_bytes() -> None:
    for object_type in (O.PRIVATE_KEY, O.PUBLIC_KEY):
        with pytest.raises(InvalidField):
            keyblocks.read(object_type, F.RAW, bytes(33), A.ED25519)
