"""Key material that was made to break something is refused, or kept as it is, and either soon."""

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import keyblocks
from gateway.errors import InvalidField
from gateway.keys.curves import NotUnderstood
from gateway.kmip.enums import CryptographicAlgorithm, KeyFormatType, ObjectType, RecommendedCurve
from gateway.kmip.objects import (
    TransparentDSAPrivateKey,
    TransparentDSAPublicKey,
    TransparentECPrivateKey,
    TransparentECPublicKey,
    TransparentRSAPrivateKey,
    TransparentRSAPublicKey,
)
from gateway.kmip.structure import BigInteger

A, F, C = CryptographicAlgorithm, KeyFormatType, RecommendedCurve
O = ObjectType  # noqa: E741
RSA = rsa.generate_private_key(65537, 2048).private_numbers()
N, E, D, P, Q = RSA.public_numbers.n, 65537, RSA.d, RSA.p, RSA.q
MERSENNE = 2**2203 - 1  # a prime, where no two primes can be found
HUGE = 2**4_000_000 + 1
SECONDS = 3.0


def rsa_key(modulus: int, **numbers: int) -> TransparentRSAPrivateKey:
    """Give an RSA private key in the open."""
    return TransparentRSAPrivateKey(
        modulus=BigInteger(modulus), **{name: BigInteger(number) for name, number in numbers.items()}
    )


def dsa_key(p: int, q: int, g: int, x: int) -> TransparentDSAPrivateKey:
    """Give a DSA private key in the open."""
    return TransparentDSAPrivateKey(p=BigInteger(p), q=BigInteger(q), g=BigInteger(g), x=BigInteger(x))


HOSTILE: dict[str, tuple[O, F, Any]] = {
    "primes of another modulus": (
        O.PRIVATE_KEY,
        F.TRANSPARENT_RSA_PRIVATE_KEY,
        rsa_key(N, private_exponent=D, public_exponent=E, p=P + 2, q=Q),
    ),
    "exponents of another key": (
        O.PRIVATE_KEY,
        F.TRANSPARENT_RSA_PRIVATE_KEY,
        rsa_key(N, private_exponent=D + 2, public_exponent=E),
    ),
    "a prime as modulus": (
        O.PRIVATE_KEY,
        F.TRANSPARENT_RSA_PRIVATE_KEY,
        rsa_key(MERSENNE, private_exponent=pow(E, -1, MERSENNE - 1), public_exponent=E),
    ),
    "modulus alone": (O.PRIVATE_KEY, F.TRANSPARENT_RSA_PRIVATE_KEY, rsa_key(N)),
    "no exponent": (O.PRIVATE_KEY, F.TRANSPARENT_RSA_PRIVATE_KEY, rsa_key(N, p=P, q=Q)),
    "zeros": (
        O.PRIVATE_KEY,
        F.TRANSPARENT_RSA_PRIVATE_KEY,
        rsa_key(0, private_exponent=0, public_exponent=0, p=0, q=0),
    ),
    "negative": (
        O.PRIVATE_KEY,
        F.TRANSPARENT_RSA_PRIVATE_KEY,
        rsa_key(-N, private_exponent=-D, public_exponent=-E, p=-P, q=-Q),
    ),
    "even exponent": (
        O.PRIVATE_KEY,
        F.TRANSPARENT_RSA_PRIVATE_KEY,
        rsa_key(N, public_exponent=4, p=P, q=Q),
    ),
    "huge modulus": (
        O.PRIVATE_KEY,
        F.TRANSPARENT_RSA_PRIVATE_KEY,
        rsa_key(HUGE, private_exponent=HUGE, public_exponent=E),
    ),
    "long modulus without primes": (
        O.PRIVATE_KEY,
        F.TRANSPARENT_RSA_PRIVATE_KEY,
        rsa_key(2**16383 + 1, private_exponent=2**16000 + 1, public_exponent=E),
    ),
    "huge DSA": (O.PRIVATE_KEY, F.TRANSPARENT_DSA_PRIVATE_KEY, dsa_key(HUGE, HUGE, 2, HUGE - 1)),
    "DSA over nothing": (O.PRIVATE_KEY, F.TRANSPARENT_DSA_PRIVATE_KEY, dsa_key(0, 0, 0, 0)),
    "huge DSA public": (
        O.PUBLIC_KEY,
        F.TRANSPARENT_DSA_PUBLIC_KEY,
        TransparentDSAPublicKey(p=BigInteger(HUGE), q=BigInteger(HUGE), g=BigInteger(2), y=BigInteger(3)),
    ),
    "zero on a curve": (
        O.PRIVATE_KEY,
        F.TRANSPARENT_EC_PRIVATE_KEY,
        TransparentECPrivateKey(recommended_curve=C.P_256, d=BigInteger(0)),
    ),
    "huge on a curve": (
        O.PRIVATE_KEY,
        F.TRANSPARENT_EC_PRIVATE_KEY,
        TransparentECPrivateKey(recommended_curve=C.P_521, d=BigInteger(HUGE)),
    ),
    "curve that nobody has": (
        O.PRIVATE_KEY,
        F.TRANSPARENT_EC_PRIVATE_KEY,
        TransparentECPrivateKey(recommended_curve=C.ANSIX9C2PNB163V1, d=BigInteger(5)),
    ),
    "point at infinity": (
        O.PUBLIC_KEY,
        F.TRANSPARENT_EC_PUBLIC_KEY,
        TransparentECPublicKey(recommended_curve=C.P_256, q_string=b"\0"),
    ),
    "point off the curve": (
        O.PUBLIC_KEY,
        F.TRANSPARENT_EC_PUBLIC_KEY,
        TransparentECPublicKey(recommended_curve=C.P_256, q_string=b"\4" + bytes(64)),
    ),
    "short point": (
        O.PUBLIC_KEY,
        F.TRANSPARENT_EC_PUBLIC_KEY,
        TransparentECPublicKey(recommended_curve=C.CURVE25519, q_string=bytes(31)),
    ),
    "even public exponent": (
        O.PUBLIC_KEY,
        F.TRANSPARENT_RSA_PUBLIC_KEY,
        TransparentRSAPublicKey(modulus=BigInteger(N), public_exponent=BigInteger(2)),
    ),
    "short Ed25519": (O.PRIVATE_KEY, F.RAW, bytes(31)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_keys_are_refused_soon(case: str) -> None:
    object_type, format_type, material = HOSTILE[case]
    begun = time.perf_counter()
    with pytest.raises((InvalidField, NotUnderstood)):
        keyblocks.read(object_type, format_type, material, A.ED25519 if format_type is F.RAW else None)
    assert time.perf_counter() - begun < SECONDS


SEEDS = (
    ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    RSA.private_key().private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
    RSA.private_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
)
FORMATS = (F.PKCS_8, F.PKCS_1, F.ECPRIVATEKEY, F.X_509)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_bytes_with_a_few_wrong_are_a_key_or_refused(data: Any) -> None:
    material = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        material[data.draw(st.integers(0, len(material) - 1))] = data.draw(st.integers(0, 255))
    object_type = data.draw(st.sampled_from((O.PRIVATE_KEY, O.PUBLIC_KEY)))
    try:
        key = keyblocks.read(object_type, data.draw(st.sampled_from(FORMATS)), bytes(material), None)
    except (InvalidField, NotUnderstood):
        return
    assert keyblocks.material(key.object_class, key.form, F.PKCS_8 if object_type is O.PRIVATE_KEY else F.X_509)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(FORMATS), st.sampled_from((O.PRIVATE_KEY, O.PUBLIC_KEY)))
def test_any_bytes_are_refused_in_one_way(material: bytes, format_type: F, object_type: O) -> None:
    with pytest.raises((InvalidField, NotUnderstood)):
        keyblocks.read(object_type, format_type, material, None)
