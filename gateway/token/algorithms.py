"""KMIP's algorithms and curves beside PKCS#11's: a row each. What a row's key can do is said in `mechanisms`."""

from typing import NamedTuple

from gateway.kmip.enums import CryptographicAlgorithm, RecommendedCurve
from gateway.token.api import KeyType


class Algorithm(NamedTuple):
    """How keys of an algorithm are kept on a token; lengths in bits, none listed means any whole number of bytes."""

    key_type: KeyType
    lengths: tuple[int, ...] = ()


class Curve(NamedTuple):
    """A curve: DER of its EC parameters, its length in bits, and the key type of keys on it."""

    parameters: bytes
    bits: int
    key_type: KeyType = KeyType.EC


A, C = CryptographicAlgorithm, RecommendedCurve

SYMMETRIC: dict[CryptographicAlgorithm, Algorithm] = {
    A.AES: Algorithm(KeyType.AES, (128, 192, 256)),
    A.DES3: Algorithm(KeyType.DES3, (112, 168)),  # KMIP leaves the parity bits out: DES2 is 112, DES3 168
    A.HMAC_SHA1: Algorithm(KeyType.GENERIC_SECRET),
    A.HMAC_SHA224: Algorithm(KeyType.GENERIC_SECRET),
    A.HMAC_SHA256: Algorithm(KeyType.GENERIC_SECRET),
    A.HMAC_SHA384: Algorithm(KeyType.GENERIC_SECRET),
    A.HMAC_SHA512: Algorithm(KeyType.GENERIC_SECRET),
}

RSA_BITS = (1024, 2048, 3072, 4096)
ELLIPTIC = (A.EC, A.ECDSA, A.ECDH, A.ED25519)

CURVES: dict[RecommendedCurve, Curve] = {
    C.P_224: Curve(bytes.fromhex("06052b81040021"), 224),
    C.P_256: Curve(bytes.fromhex("06082a8648ce3d030107"), 256),
    C.P_384: Curve(bytes.fromhex("06052b81040022"), 384),
    C.P_521: Curve(bytes.fromhex("06052b81040023"), 521),
    C.SECP256K1: Curve(bytes.fromhex("06052b8104000a"), 256),
    # The token says how it wants its parameters written (Profile.curve25519); these are the OID of RFC 8410.
    C.CURVE25519: Curve(bytes.fromhex("06032b656e"), 256, KeyType.EC_MONTGOMERY),
}
# Ed25519 is an algorithm in KMIP, and has no Recommended Curve.
ED25519 = Curve(bytes.fromhex("06032b6570"), 256, KeyType.EC_EDWARDS)

# Where a client gives a length and no curve, the NIST curve of that length is meant.
CURVE_OF_LENGTH = {224: C.P_224, 256: C.P_256, 384: C.P_384, 521: C.P_521}
