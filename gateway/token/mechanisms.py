"""Cryptographic Parameters (KMIP 2.1 section 4.17) to mechanisms of PKCS#11: a row for each choice, and no other.

The rule here: what has no row, or a row that the token's self-tests did not pass, is Unsupported; what contradicts the
key or itself is Bad; and nothing is guessed where the standard names no default.
"""

from typing import NamedTuple

from gateway import errors
from gateway.kmip.enums import BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm, PaddingMethod
from gateway.kmip.values import CryptographicParameters
from gateway.token.api import Mechanism, Profile
from gateway.token.digests import HASHES, Hash, hash_of

A, B, P, H = CryptographicAlgorithm, BlockCipherMode, PaddingMethod, HashingAlgorithm
NO_PARAMETERS = CryptographicParameters()
RSA_PKCS = Mechanism(0x01)
RSA_RAW = Mechanism(0x03)
RSA_PKCS_BYTES = 11  # what PKCS#1 v1.5 needs of the modulus beside the data
TAG_BYTES = frozenset(range(12, 17))  # shorter tags let whoever chooses the length forge (NIST SP 800-38D appendix C)
DEFAULT_TAG_BYTES = 16
CKM_AES_CTR = 0x1086
GCM_IV_BYTES = range(1, 257)


# --- secret keys


class Cipher(NamedTuple):
    """How data is encrypted under a secret key.

    iv_bytes is how long the IV is, 0 where there is none, and block_bytes the size of the blocks that data must fill, 0
    where it need not. pads: the token has no such padding, so that the gateway pads. tagged: there is a tag, and an IV
    of the client may have any length.
    """

    ckm: int
    iv_bytes: int = 0
    block_bytes: int = 0
    pads: bool = False
    tagged: bool = False


CIPHERS: dict[tuple[CryptographicAlgorithm, BlockCipherMode, PaddingMethod], Cipher] = {
    (A.AES, B.ECB, P.NONE): Cipher(0x1081, block_bytes=16),
    (A.AES, B.ECB, P.PKCS5): Cipher(0x1081, block_bytes=16, pads=True),
    (A.AES, B.CBC, P.NONE): Cipher(0x1082, iv_bytes=16, block_bytes=16),
    (A.AES, B.CBC, P.PKCS5): Cipher(0x1085, iv_bytes=16),
    (A.AES, B.CTR, P.NONE): Cipher(0x1086, iv_bytes=16),
    (A.AES, B.GCM, P.NONE): Cipher(0x1087, iv_bytes=12, tagged=True),
    (A.DES3, B.ECB, P.NONE): Cipher(0x132, block_bytes=8),
    (A.DES3, B.ECB, P.PKCS5): Cipher(0x132, block_bytes=8, pads=True),
    (A.DES3, B.CBC, P.NONE): Cipher(0x133, iv_bytes=8, block_bytes=8),
    (A.DES3, B.CBC, P.PKCS5): Cipher(0x136, iv_bytes=8),
}
# By one number instead of three enumerators, whose hashing alone would cost a microsecond of every request.
_BY_NUMBER = {int(a) << 16 | int(b) << 8 | int(p): row for (a, b, p), row in CIPHERS.items()}


def cipher(profile: Profile, algorithm: CryptographicAlgorithm | None, parameters: CryptographicParameters) -> Cipher:
    """Choose how to encrypt with a secret key; no Padding Method means no padding.

    Raises:
        BadCryptographicParameters: there is no Block Cipher Mode, or another algorithm than the key's.
        UnsupportedCryptographicParameters: neither the token nor the gateway has this combination.
    """
    row = _BY_NUMBER.get(
        (algorithm or 0) << 16 | (parameters.block_cipher_mode or 0) << 8 | (parameters.padding_method or P.NONE)
    )
    if parameters.cryptographic_algorithm is not None or row is None:
        _check_cipher(algorithm, parameters)
    if row is None or row.ckm not in profile.mechanisms:
        raise errors.UnsupportedCryptographicParameters("the token does not encrypt in this mode with this padding")
    return row


def _check_cipher(algorithm: CryptographicAlgorithm | None, parameters: CryptographicParameters) -> None:
    if parameters.cryptographic_algorithm not in (None, algorithm):
        raise errors.BadCryptographicParameters("the Cryptographic Algorithm is not the key's")
    if parameters.block_cipher_mode is None:
        raise errors.BadCryptographicParameters("the Block Cipher Mode is missing")


def check_drawn(row: Cipher, parameters: CryptographicParameters) -> None:
    """Check that the server may draw the IV for an encryption that came without one; the response then carries it.

    The text leaves open what a server does where Random IV is not given. Clients written for PyKMIP's server count on
    an IV being drawn, and a drawn one is never worse than a client's.

    Raises:
        InvalidMessage: the parameters say that the IV is not the server's to draw.
        UnsupportedCryptographicParameters: they say how, and it is another way.
    """
    if parameters.random_iv is False and not row.tagged:
        raise errors.InvalidMessage("missing-iv")
    if parameters.iv_length not in (None, 8 * row.iv_bytes) or parameters.fixed_field_length:
        raise errors.UnsupportedCryptographicParameters(f"an IV drawn here has {8 * row.iv_bytes} bits")


def tag_bytes(parameters: CryptographicParameters) -> int:
    """Give the length of the tag in bytes.

    Raises:
        GeneralFailure: there is no such tag; the test case CS-BC-M-GCM-1 wants this reason.
    """
    length = parameters.tag_length
    if length is None:
        return DEFAULT_TAG_BYTES
    if length not in TAG_BYTES:
        raise errors.GeneralFailure("the Tag Length must be from 12 to 16 bytes")
    return length


def mechanism(row: Cipher, parameters: CryptographicParameters, iv: bytes | None, aad: bytes | None) -> Mechanism:
    """Give the mechanism with its IV; `aad` is authenticated and not encrypted.

    Raises:
        InvalidMessage: there is no IV where one is needed.
        BadCryptographicParameters: the IV has a wrong length, or there is aad and nothing to authenticate it.
    """
    if row.tagged:
        return _authenticated(row, parameters, iv, aad)
    if aad:
        raise errors.BadCryptographicParameters("this mode authenticates no data")
    if not row.iv_bytes:
        return Mechanism(row.ckm)
    if iv is None:
        raise errors.InvalidMessage("missing-iv")
    if row.ckm == CKM_AES_CTR:
        return _counting(parameters, iv)
    if len(iv) != row.iv_bytes:
        raise errors.BadCryptographicParameters(f"the IV must be {row.iv_bytes} bytes long, not {len(iv)}")
    return Mechanism(row.ckm, iv=iv)


def _authenticated(row: Cipher, parameters: CryptographicParameters, iv: bytes | None, aad: bytes | None) -> Mechanism:
    if iv is None:
        raise errors.InvalidMessage("missing-iv")
    if len(iv) not in GCM_IV_BYTES:
        raise errors.BadCryptographicParameters("the IV must be from 1 to 256 bytes long")
    return Mechanism(row.ckm, iv=iv, aad=aad or b"", tag_bits=8 * tag_bytes(parameters))


def _counting(parameters: CryptographicParameters, iv: bytes) -> Mechanism:
    """Give the counter mode; an IV that leaves room for the counter begins at the Initial Counter Value."""
    bits = parameters.counter_length or 128
    if not 8 <= bits <= 128 or bits % 8:
        raise errors.UnsupportedCryptographicParameters("the Counter Length must be from 1 to 16 whole bytes, in bits")
    room = 16 - len(iv)
    if room and room * 8 != bits:
        raise errors.BadCryptographicParameters("the IV and the counter must be 16 bytes long together")
    first = (parameters.initial_counter_value or 0) & (1 << bits) - 1
    return Mechanism(CKM_AES_CTR, iv=iv + first.to_bytes(bits // 8, "big") if room else iv, counter_bits=bits)


# --- RSA encryption


class Oaep(NamedTuple):
    """The parameters of RSA-OAEP (RFC 8017 section 7.1)."""

    hash: Hash
    mgf_hash: Hash
    label: bytes

    @property
    def overhead_bytes(self) -> int:
        """What it needs of the modulus beside the data."""
        return 2 * self.hash.size + 2


class RsaEncryption(NamedTuple):
    """How data is encrypted under an RSA key, and what that needs of the modulus beside the data.

    Where the way is no mechanism, the token does the bare RSA alone and the gateway OAEP.
    """

    way: Mechanism | Oaep
    overhead_bytes: int


def rsa_encryption(
    profile: Profile, algorithm: CryptographicAlgorithm | None, parameters: CryptographicParameters
) -> RsaEncryption:
    """Choose how to encrypt or decrypt with the key of a pair.

    Raises:
        BadCryptographicParameters: there is no Padding Method, or another algorithm than the key's.
        UnsupportedCryptographicParameters: neither the token nor the gateway does this; only RSA keys encrypt.
    """
    if parameters.cryptographic_algorithm not in (None, algorithm):
        raise errors.BadCryptographicParameters("the Cryptographic Algorithm is not the key's")
    if algorithm is not A.RSA:
        raise errors.UnsupportedCryptographicParameters("of key pairs, those of RSA alone encrypt")
    if parameters.padding_method is None:
        raise errors.BadCryptographicParameters("the Padding Method is missing")
    if parameters.padding_method is P.OAEP:
        return _oaep_encryption(profile, parameters)
    if parameters.padding_method is not P.PKCS1_V1_5 or RSA_PKCS.ckm not in profile.mechanisms:
        raise errors.UnsupportedCryptographicParameters("RSA encrypts with the padding OAEP or PKCS1 v1.5")
    return RsaEncryption(RSA_PKCS, RSA_PKCS_BYTES)


def _oaep_encryption(profile: Profile, parameters: CryptographicParameters) -> RsaEncryption:
    scheme = oaep(parameters)
    # The self-tests try one hash for both purposes and no label; SoftHSM knows nothing else.
    proven = scheme.mgf_hash == scheme.hash and not scheme.label
    if proven and scheme.hash.ckm in profile.oaep_hashes:
        return RsaEncryption(Mechanism(0x09, hash=scheme.hash.ckm, mgf=scheme.hash.mgf), scheme.overhead_bytes)
    if RSA_RAW.ckm not in profile.mechanisms:
        raise errors.UnsupportedCryptographicParameters("the token does no OAEP with this hash")
    return RsaEncryption(scheme, scheme.overhead_bytes)


def oaep(parameters: CryptographicParameters) -> Oaep:
    """Give the parameters of OAEP: SHA-1 where no hash is named (RFC 8017), the same hash for the mask by default.

    KMIP 1.4 and later name SHA-1 as the default of the mask generator's hash. No client has been seen that means it:
    before 1.4 the field does not exist, and PyKMIP and the test cases take the one hash for both.
    """
    main = hash_of(parameters.hashing_algorithm or H.SHA_1)
    mask = parameters.mask_generator_hashing_algorithm
    return Oaep(main, main if mask is None else hash_of(mask), parameters.p_source or b"")


# --- message authentication codes


class Mac(NamedTuple):
    """A MAC: its mechanism, and for HMAC its hash."""

    ckm: int
    hash: Hash | None = None


HMACS = {
    A.HMAC_SHA1: Mac(0x221, HASHES[H.SHA_1]),
    A.HMAC_SHA224: Mac(0x256, HASHES[H.SHA_224]),
    A.HMAC_SHA256: Mac(0x251, HASHES[H.SHA_256]),
    A.HMAC_SHA384: Mac(0x261, HASHES[H.SHA_384]),
    A.HMAC_SHA512: Mac(0x271, HASHES[H.SHA_512]),
}
HMAC_OF = {
    H.SHA_1: A.HMAC_SHA1,
    H.SHA_224: A.HMAC_SHA224,
    H.SHA_256: A.HMAC_SHA256,
    H.SHA_384: A.HMAC_SHA384,
    H.SHA_512: A.HMAC_SHA512,
}
CMACS = {A.AES: Mac(0x108A)}


def mac(profile: Profile, algorithm: CryptographicAlgorithm | None, parameters: CryptographicParameters) -> Mac:
    """Choose a MAC: the parameters' algorithm, HMAC with their hash, or what the key's own algorithm does.

    Raises:
        BadCryptographicParameters: the key is for another HMAC than the parameters name.
        UnsupportedCryptographicParameters: the token does no such MAC.
    """
    chosen = parameters.cryptographic_algorithm or algorithm
    hashing = parameters.hashing_algorithm
    if hashing is not None:
        if parameters.cryptographic_algorithm in HMACS and HMAC_OF.get(hashing) is not chosen:
            raise errors.BadCryptographicParameters("the Hashing Algorithm is not that of the MAC")
        chosen = HMAC_OF.get(hashing)
    if algorithm in HMACS and chosen is not algorithm:
        raise errors.BadCryptographicParameters("the key is for another MAC")
    row = HMACS.get(chosen or A.DES) or CMACS.get(chosen or A.DES)
    if row is None or row.ckm not in profile.mechanisms or parameters.block_cipher_mode not in (None, B.CMAC):
        raise errors.UnsupportedCryptographicParameters("the token does no such MAC")
    if row.hash is None and chosen is not algorithm:
        raise errors.BadCryptographicParameters("the Cryptographic Algorithm is not the key's")
    return row
