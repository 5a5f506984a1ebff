"""Which key a client's attributes ask for, read off the tables and the token's profile before anything is made."""

from typing import NamedTuple

from gateway import errors
from gateway.keyblocks import MAX_SECRET_BYTES
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import CryptographicAlgorithm, ObjectType, RecommendedCurve
from gateway.kmip.structure import Attributes
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicDomainParameters
from gateway.token.algorithms import CURVE_OF_LENGTH, CURVES, ED25519, ELLIPTIC, RSA_BITS, SYMMETRIC, Curve
from gateway.token.api import KeyType, Profile

A = CryptographicAlgorithm
CKM_DES3_KEY_GEN = 0x131
MAX_SECRET_BITS = 8 * MAX_SECRET_BYTES
QUANTUM_SAFE_BITS = 256  # of a symmetric key: Grover's search halves them
MONTGOMERY_BITS = 255  # of Curve25519 and Ed25519, as those count who do not round up to bytes

# Symmetric algorithms that no token here uses: their keys are made to be fetched.
SEALED_ALGORITHMS = frozenset(
    {
        A.DES,
        A.HMAC_MD5,
        A.BLOWFISH,
        A.CAMELLIA,
        A.CAST5,
        A.IDEA,
        A.MARS,
        A.RC2,
        A.RC4,
        A.RC5,
        A.SKIPJACK,
        A.TWOFISH,
        A.ONE_TIME_PAD,
        A.CHACHA20,
        A.POLY1305,
        A.CHACHA20POLY1305,
        A.HMAC_SHA3_224,
        A.HMAC_SHA3_256,
        A.HMAC_SHA3_384,
        A.HMAC_SHA3_512,
        A.ARIA,
        A.SEED,
        A.SM4,
        A.GOST_R_34_13_2015,
        A.GOST_28147_89,
    }
)
# Those of them that the gateway itself encrypts with, where its operator allows it.
SOFTWARE_ALGORITHMS = frozenset({A.CHACHA20, A.CHACHA20POLY1305, A.ONE_TIME_PAD})
# DES keys are longer than their Cryptographic Length, which leaves the parity bits out; some clients count them.
WITH_PARITY = {56: 64, 112: 128, 168: 192}
DES3_BITS = {112: KeyType.DES2, 128: KeyType.DES2, 168: KeyType.DES3, 192: KeyType.DES3}


class SecretPlan(NamedTuple):
    """A secret key to make: its type on the token, None where it is to be sealed, and the bits of its value."""

    key_type: KeyType | None
    bits: int


class PairPlan(NamedTuple):
    """A key pair to make: its type on the token, its bits, and its curve if it has one."""

    key_type: KeyType
    bits: int
    curve: Curve | None = None
    recommended: RecommendedCurve | None = None


def plan_secret(object_type: ObjectType, attributes: Attributes, profile: Profile) -> SecretPlan:
    """Tell which secret key the attributes ask for.

    Raises:
        MissingData: algorithm or length is missing.
        GeneralFailure: the length is 0, or not as safe as the client wants it.
        InvalidAttributeValue: keys of this algorithm do not have this length.
        UnsupportedCryptographicParameters: such keys cannot be made here.
    """
    bits = length(attributes)
    if object_type is ObjectType.SECRET_DATA:
        return SecretPlan(KeyType.GENERIC_SECRET, _whole_bytes(bits))
    algorithm = algorithm_of(attributes)
    if sets.value(attributes, Tag.QUANTUM_SAFE) is True and bits < QUANTUM_SAFE_BITS:
        raise errors.GeneralFailure(f"{algorithm.token} with {bits} bits is not quantum-safe")
    if algorithm in SEALED_ALGORITHMS:
        return SecretPlan(None, _whole_bytes(WITH_PARITY.get(bits, bits) if algorithm is A.DES else bits))
    if algorithm not in SYMMETRIC:
        raise errors.UnsupportedCryptographicParameters(f"there are no symmetric keys of {algorithm.token} here")
    return _on_token(algorithm, bits, profile)


def _on_token(algorithm: CryptographicAlgorithm, bits: int, profile: Profile) -> SecretPlan:
    key_type = SYMMETRIC[algorithm].key_type
    if key_type is KeyType.DES3:
        makes = CKM_DES3_KEY_GEN in profile.mechanisms
        return _possible(algorithm, DES3_BITS.get(bits), bits, makes=makes)
    if key_type is KeyType.AES:
        known = key_type if bits in SYMMETRIC[algorithm].lengths else None
        return _possible(algorithm, known, bits, makes=bits in profile.aes_bits)
    return SecretPlan(key_type, _whole_bytes(bits))


def _possible(algorithm: CryptographicAlgorithm, key_type: KeyType | None, bits: int, *, makes: bool) -> SecretPlan:
    if key_type is None:
        raise errors.InvalidAttributeValue(f"{algorithm.token} keys do not have {bits} bits")
    if not makes:
        raise errors.UnsupportedCryptographicParameters(f"the token makes no {algorithm.token} keys of {bits} bits")
    return SecretPlan(key_type, WITH_PARITY.get(bits, bits) if key_type is not KeyType.AES else bits)


def _whole_bytes(bits: int) -> int:
    if bits % 8 or bits > MAX_SECRET_BITS:
        raise errors.InvalidAttributeValue(f"a length is whole bytes and {MAX_SECRET_BITS} bits at most, not {bits}")
    return bits


def length(attributes: Attributes) -> int:
    """Give the Cryptographic Length, in bits."""
    bits = sets.number(attributes, Tag.CRYPTOGRAPHIC_LENGTH)
    if bits is None:
        raise errors.MissingData("the Cryptographic Length is missing")
    if bits == 0:
        # The test cases want this of the key generator, not of a check (TC-REENCRYPT-5).
        raise errors.GeneralFailure("a key of no bits cannot be made")
    if bits < 0:
        raise errors.InvalidAttributeValue("the Cryptographic Length is below nothing")
    return bits


def algorithm_of(attributes: Attributes) -> CryptographicAlgorithm:
    """Give the Cryptographic Algorithm."""
    algorithm = sets.value(attributes, Tag.CRYPTOGRAPHIC_ALGORITHM)
    if not isinstance(algorithm, CryptographicAlgorithm):
        raise errors.MissingData("the Cryptographic Algorithm is missing")
    return algorithm


def plan_pair(attributes: Attributes, profile: Profile) -> PairPlan:
    """Tell which key pair the attributes that both halves have ask for.

    Raises:
        MissingData: the algorithm is missing, or both length and curve are.
        GeneralFailure: the length is 0, or the client wants it quantum-safe.
        InvalidAttributeValue: length and curve contradict each other.
        UnsupportedCryptographicParameters: the token does not make such pairs.
    """
    algorithm = algorithm_of(attributes)
    if sets.value(attributes, Tag.QUANTUM_SAFE) is True:
        raise errors.GeneralFailure(f"{algorithm.token} is not quantum-safe")
    if algorithm in ELLIPTIC:
        return _plan_curve(algorithm, attributes, profile)
    bits = length(attributes)
    if algorithm is not A.RSA or bits not in RSA_BITS or not profile.rsa_bits:
        raise errors.UnsupportedCryptographicParameters(f"the token makes no {algorithm.token} pairs of {bits} bits")
    return PairPlan(KeyType.RSA, bits)


def _plan_curve(algorithm: CryptographicAlgorithm, attributes: Attributes, profile: Profile) -> PairPlan:
    recommended = None if algorithm is A.ED25519 else _recommended(attributes)
    curve = ED25519 if recommended is None else CURVES.get(recommended)
    if curve is None or not _made(curve, profile):
        name = algorithm.token if recommended is None else recommended.token
        raise errors.UnsupportedCryptographicParameters(f"the token makes no pairs on the curve of {name}")
    said = sets.number(attributes, Tag.CRYPTOGRAPHIC_LENGTH)
    counts = (None, curve.bits) if curve.key_type is KeyType.EC else (None, curve.bits, MONTGOMERY_BITS)
    if said not in counts:
        raise errors.InvalidAttributeValue(f"keys on this curve have {curve.bits} bits, not {said}")
    return PairPlan(curve.key_type, curve.bits, curve, recommended)


def _made(curve: Curve, profile: Profile) -> bool:
    if curve.key_type is KeyType.EC_MONTGOMERY:
        return profile.curve25519[0] != 0
    return curve.parameters in profile.curves


def _recommended(attributes: Attributes) -> RecommendedCurve:
    domain = sets.structure(attributes, Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS, CryptographicDomainParameters)
    if domain is not None and domain.recommended_curve is not None:
        return domain.recommended_curve
    bits = domain.qlength if domain is not None and domain.qlength is not None else length(attributes)
    if bits not in CURVE_OF_LENGTH:
        raise errors.UnsupportedCryptographicParameters(f"no curve is meant by {bits} bits alone")
    return CURVE_OF_LENGTH[bits]
