"""Signature schemes: which mechanism signs what, and the two forms of an ECDSA signature; a row for each scheme.

The rule here: the gateway hashes and the token signs the digest. So a megabyte of data does not travel to a worker,
every token that has the raw mechanisms has every hash, and Digested Data takes the same way.
"""

from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway import errors
from gateway.kmip.enums import CryptographicAlgorithm, DigitalSignatureAlgorithm, HashingAlgorithm, PaddingMethod
from gateway.kmip.values import CryptographicParameters
from gateway.token.api import Mechanism, Profile
from gateway.token.digests import HASHES, Hash, hash_of

A, D, H, P = CryptographicAlgorithm, DigitalSignatureAlgorithm, HashingAlgorithm, PaddingMethod


class Scheme(NamedTuple):
    """A signature scheme.

    ckm is given a digest, or the message itself where hashed is false; digest_info: behind the DER of its hash; salted:
    as PSS; der: outside the token r and s stand in DER (X9.62), as the test case TC-ECDSA-SIGN-1 has them.
    """

    ckm: int
    hashed: bool = True
    digest_info: bool = False
    salted: bool = False
    der: bool = False


class Meaning(NamedTuple):
    """What a Digital Signature Algorithm says in other words."""

    algorithm: CryptographicAlgorithm
    padding: PaddingMethod | None = None
    hash: HashingAlgorithm | None = None


# KMIP calls the same key EC, ECDSA or ECDH.
FAMILIES = {A.RSA: A.RSA, A.EC: A.ECDSA, A.ECDSA: A.ECDSA, A.ECDH: A.ECDSA, A.ED25519: A.ED25519}
SCHEMES: dict[tuple[CryptographicAlgorithm | None, PaddingMethod | None], Scheme] = {
    (A.RSA, None): Scheme(0x01, digest_info=True),  # TC-RSA-SIGN-DIGESTEDDATA-1 names no padding
    (A.RSA, P.PKCS1_V1_5): Scheme(0x01, digest_info=True),
    (A.RSA, P.PSS): Scheme(0x0D, salted=True),
    (A.ECDSA, None): Scheme(0x1041, der=True),
    (A.ECDSA, P.NONE): Scheme(0x1041, der=True),
    (A.ED25519, None): Scheme(0x1057, hashed=False),
    (A.ED25519, P.NONE): Scheme(0x1057, hashed=False),
}
MEANINGS: dict[DigitalSignatureAlgorithm, Meaning] = {
    D.SHA_1_WITH_RSA_ENCRYPTION: Meaning(A.RSA, P.PKCS1_V1_5, H.SHA_1),
    D.SHA_224_WITH_RSA_ENCRYPTION: Meaning(A.RSA, P.PKCS1_V1_5, H.SHA_224),
    D.SHA_256_WITH_RSA_ENCRYPTION: Meaning(A.RSA, P.PKCS1_V1_5, H.SHA_256),
    D.SHA_384_WITH_RSA_ENCRYPTION: Meaning(A.RSA, P.PKCS1_V1_5, H.SHA_384),
    D.SHA_512_WITH_RSA_ENCRYPTION: Meaning(A.RSA, P.PKCS1_V1_5, H.SHA_512),
    D.SHA3_256_WITH_RSA_ENCRYPTION: Meaning(A.RSA, P.PKCS1_V1_5, H.SHA3_256),
    D.SHA3_384_WITH_RSA_ENCRYPTION: Meaning(A.RSA, P.PKCS1_V1_5, H.SHA3_384),
    D.SHA3_512_WITH_RSA_ENCRYPTION: Meaning(A.RSA, P.PKCS1_V1_5, H.SHA3_512),
    D.RSASSA_PSS: Meaning(A.RSA, P.PSS),
    D.ECDSA_WITH_SHA_1: Meaning(A.ECDSA, None, H.SHA_1),
    D.ECDSA_WITH_SHA224: Meaning(A.ECDSA, None, H.SHA_224),
    D.ECDSA_WITH_SHA256: Meaning(A.ECDSA, None, H.SHA_256),
    D.ECDSA_WITH_SHA384: Meaning(A.ECDSA, None, H.SHA_384),
    D.ECDSA_WITH_SHA512: Meaning(A.ECDSA, None, H.SHA_512),
}


class Signing(NamedTuple):
    """How messages are signed with one key; salt_bytes is None where the client named no Salt Length."""

    scheme: Scheme
    hash: Hash | None
    salt_bytes: int | None
    key_bytes: int

    def mechanism(self) -> Mechanism:
        """Give the mechanism for the token; a salt is as long as the digest unless the client says otherwise."""
        if not self.scheme.salted or self.hash is None:
            return Mechanism(self.scheme.ckm)
        salt = self.hash.size if self.salt_bytes is None else self.salt_bytes
        return Mechanism(self.scheme.ckm, hash=self.hash.ckm, mgf=self.hash.mgf, salt_bytes=salt)

    def message(self, data: bytes | None, digested: bytes | None) -> bytes:
        """Give what goes to the token, made of data or of the digest that the client made of it.

        Raises:
            MissingData, InvalidField: there is none of the two, or both.
            BadCryptographicParameters: the digest is not one of this hash, or no hash is named.
        """
        if data is not None and digested is not None:
            raise errors.InvalidField("there is Data and Digested Data, where one of them belongs")
        if not self.scheme.hashed:
            return _whole(data, digested)
        digest = self._given(digested) if digested is not None else self._made(data)
        if self.scheme.digest_info and self.hash is not None:
            return self.hash.prefix + digest
        # A digest longer than the curve's order is cut off by the token (PKCS#11, CKM_ECDSA), which knows the curve.
        return digest

    def _made(self, data: bytes | None) -> bytes:
        if data is None:
            raise errors.MissingData("there is neither Data nor Digested Data")
        if self.hash is None:
            raise errors.BadCryptographicParameters("the Hashing Algorithm is missing")
        return self.hash.digest(data)

    def _given(self, digest: bytes) -> bytes:
        if self.hash is not None and len(digest) != self.hash.size:
            raise errors.BadCryptographicParameters(f"a digest of this hash has {self.hash.size} bytes")
        return digest

    def outward(self, signature: bytes) -> bytes:
        """Give a signature of the token as clients want it."""
        if not self.scheme.der:
            return signature
        half = len(signature) // 2
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        return utils.encode_dss_signature(r, s)

    def inward(self, signature: bytes) -> bytes | None:
        """Give a client's signature as the token wants it, None when it cannot be one."""
        if not self.scheme.der:
            return signature
        try:
            r, s = utils.decode_dss_signature(signature)
            return r.to_bytes(self.key_bytes, "big") + s.to_bytes(self.key_bytes, "big")
        except (ValueError, OverflowError):
            return None


def _whole(data: bytes | None, digested: bytes | None) -> bytes:
    if digested is not None:
        raise errors.UnsupportedCryptographicParameters("this algorithm signs whole messages, not digests")
    if data is None:
        raise errors.MissingData("there is no Data")
    return data


def fits(algorithm: CryptographicAlgorithm | None, parameters: CryptographicParameters) -> bool:
    """Tell whether the parameters are about keys of this algorithm."""
    family = None if algorithm is None else FAMILIES.get(algorithm)
    named = [parameters.cryptographic_algorithm]
    if parameters.digital_signature_algorithm in MEANINGS:
        named.append(MEANINGS[parameters.digital_signature_algorithm].algorithm)
    return all(each is None or FAMILIES.get(each) is family for each in named)


def signing(
    profile: Profile, algorithm: CryptographicAlgorithm | None, key_bits: int, parameters: CryptographicParameters
) -> Signing:
    """Choose how to sign or verify with a key.

    Raises:
        BadCryptographicParameters: they are about another algorithm, or contradict each other.
        UnsupportedCryptographicParameters: the token does not sign so.
    """
    if not fits(algorithm, parameters):
        raise errors.BadCryptographicParameters("the Cryptographic Algorithm is not the key's")
    padding_method, hashing = _padding_and_hash(parameters)
    family = None if algorithm is None else FAMILIES.get(algorithm)
    scheme = SCHEMES.get((family, padding_method))
    if scheme is None or scheme.ckm not in profile.mechanisms:
        raise errors.UnsupportedCryptographicParameters("the token has no signatures of this algorithm and padding")
    hash_ = None if hashing is None else hash_of(hashing)
    chosen = Signing(scheme, hash_, parameters.salt_length, (key_bits + 7) // 8)
    if scheme.salted:
        _check_pss(chosen, parameters)
    return chosen


def _padding_and_hash(
    parameters: CryptographicParameters,
) -> tuple[PaddingMethod | None, HashingAlgorithm | None]:
    padding_method, hashing = parameters.padding_method, parameters.hashing_algorithm
    if parameters.digital_signature_algorithm is None:
        return padding_method, hashing
    meant = MEANINGS.get(parameters.digital_signature_algorithm)
    if meant is None:
        raise errors.UnsupportedCryptographicParameters("there is no such Digital Signature Algorithm here")
    agreed = padding_method in (None, meant.padding) and (meant.hash is None or hashing in (None, meant.hash))
    if not agreed:
        raise errors.BadCryptographicParameters("the Digital Signature Algorithm contradicts what stands beside it")
    return meant.padding, meant.hash or hashing


def _check_pss(chosen: Signing, parameters: CryptographicParameters) -> None:
    if chosen.hash is None:
        raise errors.BadCryptographicParameters("the Hashing Algorithm is missing")
    mask = parameters.mask_generator_hashing_algorithm
    # Without a mask hash the test case CS-AC-M-2 means the same one, against the SHA-1 of the text since 1.4.
    if mask is not None and HASHES.get(mask) != chosen.hash:
        raise errors.UnsupportedCryptographicParameters("PSS has one hash here, for the message and for the mask")
    if parameters.trailer_field not in (None, 1):
        raise errors.UnsupportedCryptographicParameters("the Trailer Field of PSS is 1")
    room = chosen.key_bytes - chosen.hash.size - 2
    if chosen.salt_bytes is not None and not 0 <= chosen.salt_bytes <= room:
        raise errors.BadCryptographicParameters(f"the Salt Length can be from 0 to {room} bytes here")


def on_token(profile: Profile, chosen: Signing) -> bool:
    """Tell whether the token signs so: with PSS it may lack the hash."""
    return not chosen.scheme.salted or (chosen.hash is not None and chosen.hash.ckm in profile.pss_hashes)


def verify_pss(public_info: bytes, chosen: Signing, digest: bytes, signature: bytes) -> bool:
    """Verify PSS with a public key (SubjectPublicKeyInfo in DER), finding out the length of the salt.

    A token must be told the length; who signed need not have told it. There is no secret in it, so it is done here.
    """
    key = load_der_public_key(public_info)
    if not isinstance(key, rsa.RSAPublicKey) or chosen.hash is None:
        return False
    algorithm = chosen.hash.algorithm
    salt = padding.PSS.AUTO if chosen.salt_bytes is None else chosen.salt_bytes
    try:
        key.verify(signature, digest, padding.PSS(padding.MGF1(algorithm), salt), utils.Prehashed(algorithm))
    except InvalidSignature:
        return False
    return True
