"""The curves of KMIP beside those of `cryptography`, and the kinds of key there are."""

from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519

from gateway.kmip.enums import RecommendedCurve
from gateway.kmip.structure import Structure

Material: TypeAlias = bytes | Structure
PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | dsa.DSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | x25519.X25519PrivateKey
    | x448.X448PrivateKey
)
PublicKey: TypeAlias = (
    rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | dsa.DSAPublicKey
    | ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | x25519.X25519PublicKey
    | x448.X448PublicKey
)
# Keys that are a string of bytes and nothing else (RFC 8410).
RawPrivateKey = (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey, x25519.X25519PrivateKey, x448.X448PrivateKey)
RawPublicKey = (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey, x25519.X25519PublicKey, x448.X448PublicKey)
PRIVATE = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, dsa.DSAPrivateKey, *RawPrivateKey)
PUBLIC = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, dsa.DSAPublicKey, *RawPublicKey)

C = RecommendedCurve
CURVES: dict[RecommendedCurve, ec.EllipticCurve] = {
    C.P_192: ec.SECP192R1(),
    C.P_224: ec.SECP224R1(),
    C.P_256: ec.SECP256R1(),
    C.P_384: ec.SECP384R1(),
    C.P_521: ec.SECP521R1(),
    C.SECP256K1: ec.SECP256K1(),
    C.BRAINPOOLP256R1: ec.BrainpoolP256R1(),
    C.BRAINPOOLP384R1: ec.BrainpoolP384R1(),
    C.BRAINPOOLP512R1: ec.BrainpoolP512R1(),
}
CURVE_BY_NAME = {curve.name: number for number, curve in CURVES.items()}
# The curves of RFC 7748: private kind, public kind, bytes. KMIP lets the bytes stand where others have D and Q.
MONTGOMERY: dict[RecommendedCurve, tuple[Any, Any, int]] = {
    C.CURVE25519: (x25519.X25519PrivateKey, x25519.X25519PublicKey, 32),
    C.CURVE448: (x448.X448PrivateKey, x448.X448PublicKey, 56),
}


class NotUnderstood(Exception):
    """The material may be a key, of a kind that nothing here can read: it can be kept, not used or converted."""


def curve_of(key: PrivateKey | PublicKey) -> RecommendedCurve | None:
    """Give the curve of an elliptic curve key; None for other keys, and for curves without a number in KMIP."""
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        return CURVE_BY_NAME.get(key.curve.name)
    return next((curve for curve, kinds in MONTGOMERY.items() if isinstance(key, kinds[:2])), None)
