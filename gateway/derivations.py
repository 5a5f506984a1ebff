"""Derivation functions: a secret and what is public in, key material out; a row each (KMIP 2.1 section 6.1.14).

The one rule here: nothing but arithmetic. Who may derive, and whether the token does it, is decided above.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple

from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import BadCryptographicParameters, InvalidField, MissingData, UnsupportedCryptographicParameters
from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    DerivationMethod,
    HashingAlgorithm,
    PaddingMethod,
)
from gateway.kmip.values import CryptographicParameters
from gateway.token.digests import Hash, hash_of

A, D, H = CryptographicAlgorithm, DerivationMethod, HashingAlgorithm
COUNTER_BYTES = 4
# Of the hash, for all blocks together; a few seconds of one core, and above what is advised for passwords (OWASP: 1.3
# million for each block of SHA-1).
MAX_ITERATIONS = 3_000_000

# The hash where a request names none (test case TC-DERIVEKEY-3, and section 11.15 Derivation Method).
DEFAULT_HASHES = {D.PBKDF2: H.SHA_1, D.HKDF: H.SHA_256}


def _triple_des(secret: bytes) -> TripleDES:
    # Of two keys the first comes again as the third.
    return TripleDES(secret + secret[:8] if len(secret) == 16 else secret)


# Ciphers that keys are derived by, and the bytes of their blocks; Blowfish, which no token has, because the suite of
# PyKMIP derives by it.
CIPHERS: dict[CryptographicAlgorithm, tuple[Callable[[bytes], BlockCipherAlgorithm], int]] = {
    A.AES: (AES, 16),
    A.DES3: (_triple_des, 8),
    A.BLOWFISH: (Blowfish, 8),
}
PADDINGS = (None, PaddingMethod.NONE, PaddingMethod.PKCS5)


class Asked(NamedTuple):
    """What a derivation is told besides the secret; `size` is how much is wanted, in bytes.

    `algorithm` is that of the base key; data, salt and iterations are None where there are none.
    """

    parameters: CryptographicParameters
    algorithm: CryptographicAlgorithm | None
    data: bytes | None
    salt: bytes | None
    iterations: int | None
    iv: bytes
    size: int

    def hash(self, method: DerivationMethod) -> Hash:
        """Give the hash function that is asked for.

        Raises:
            BadCryptographicParameters: none is, and there is no default.
            UnsupportedCryptographicParameters: it is not done here.
        """
        algorithm = self.parameters.hashing_algorithm or DEFAULT_HASHES.get(method)
        if algorithm is None:
            raise BadCryptographicParameters("the Hashing Algorithm is missing")
        return hash_of(algorithm)

    def needed_data(self) -> bytes:
        """Give the Derivation Data.

        Raises:
            MissingData: there is none.
        """
        if not self.data:
            raise MissingData("the Derivation Data is missing")
        return self.data


def derive(method: DerivationMethod, secret: bytes, asked: Asked) -> bytes:
    """Give `asked.size` bytes derived from a secret: the first ones, where the method gives more.

    Raises:
        InvalidField: that is more than the method gives, or it is told what it has no place for.
        MissingData: it is not told what it needs.
        BadCryptographicParameters, UnsupportedCryptographicParameters.
    """
    return cut(METHODS[method](secret, asked), asked.size)


def cut(derived: bytes, size: int) -> bytes:
    """Give the first bytes of what was derived.

    Raises:
        InvalidField: there are not so many.
    """
    if len(derived) < size:
        raise InvalidField(f"this derivation gives {8 * len(derived)} bits, not {8 * size}")
    return derived[:size]


def check_known(method: DerivationMethod) -> None:
    """Check that keys are derived so at all.

    Raises:
        UnsupportedCryptographicParameters: they are not.
    """
    if method not in METHODS and method is not D.ASYMMETRIC_KEY:
        raise UnsupportedCryptographicParameters(f"keys are not derived by {method.spelling} here")


def _hash(secret: bytes, asked: Asked) -> bytes:
    if asked.data is not None:
        raise InvalidField("the hash is of the object's value: there is no place for Derivation Data")
    return asked.hash(D.HASH).digest(secret)


def _hmac(secret: bytes, asked: Asked) -> bytes:
    return hmac.digest(secret, asked.needed_data(), asked.hash(D.HMAC).name)


def _pbkdf2(secret: bytes, asked: Asked) -> bytes:
    hash_ = asked.hash(D.PBKDF2)
    if asked.salt is None or asked.iterations is None:
        raise MissingData("PBKDF2 needs a Salt and an Iteration Count")
    if asked.data is not None:
        raise InvalidField("the password is the object's value: there is no place for Derivation Data")
    blocks = -(-asked.size // hash_.size)
    if not 0 < asked.iterations <= MAX_ITERATIONS // blocks:
        raise InvalidField(f"the Iteration Count is from 1 to {MAX_ITERATIONS // blocks} for so many bits")
    return hashlib.pbkdf2_hmac(hash_.name, secret, asked.salt, asked.iterations, asked.size)


def _hkdf(secret: bytes, asked: Asked) -> bytes:
    hash_ = asked.hash(D.HKDF)
    size = min(asked.size, 255 * hash_.size)  # all that there is (RFC 5869 section 2.3)
    return HKDF(hash_.algorithm, size, asked.salt, asked.data).derive(secret)


# --- NIST SP 800-108: the Derivation Data is the fixed input, label and context as its client has put them together


def _counters() -> Iterator[bytes]:
    return (number.to_bytes(COUNTER_BYTES, "big") for number in count(1))


def _counter_mode(secret: bytes, asked: Asked) -> bytes:
    name, data = asked.hash(D.NIST800_108_C).name, asked.needed_data()
    return _enough(asked.size, (hmac.digest(secret, counter + data, name) for counter in _counters()))


def _feedback_mode(secret: bytes, asked: Asked) -> bytes:
    name, data = asked.hash(D.NIST800_108_F).name, asked.needed_data()

    def blocks() -> Iterator[bytes]:
        block = asked.iv
        for counter in _counters():
            block = hmac.digest(secret, block + counter + data, name)
            yield block

    return _enough(asked.size, blocks())


def _double_pipeline_mode(secret: bytes, asked: Asked) -> bytes:
    name, data = asked.hash(D.NIST800_108_DPI).name, asked.needed_data()

    def blocks() -> Iterator[bytes]:
        chained = data
        for counter in _counters():
            chained = hmac.digest(secret, chained, name)
            yield hmac.digest(secret, chained + counter + data, name)

    return _enough(asked.size, blocks())


def _enough(size: int, blocks: Iterator[bytes]) -> bytes:
    derived = b""
    while len(derived) < size:
        derived += next(blocks)
    return derived


# --- encryption


def plaintext(asked: Asked) -> bytes:
    """Give what is encrypted to derive a key: the Derivation Data, padded if asked.

    Raises:
        MissingData: there is none.
        InvalidField: it is no whole number of blocks.
        UnsupportedCryptographicParameters: other ciphers, modes or paddings are not done here.
        BadCryptographicParameters: the base key is of another algorithm, the IV is not one block, or there is one where
            none belongs.
    """
    named, padding = asked.parameters.cryptographic_algorithm, asked.parameters.padding_method
    if named not in (None, asked.algorithm):
        raise BadCryptographicParameters("the base key is of another algorithm than the Cryptographic Parameters say")
    if asked.algorithm not in CIPHERS or padding not in PADDINGS:
        raise UnsupportedCryptographicParameters("keys are derived by encryption with AES, 3DES or Blowfish")
    _, block_bytes = CIPHERS[asked.algorithm]
    data = asked.needed_data()
    if padding is PaddingMethod.PKCS5:
        missing = block_bytes - len(data) % block_bytes
        data += bytes([missing]) * missing
    if len(data) % block_bytes:
        raise InvalidField(f"the Derivation Data is whole blocks of {block_bytes} bytes where it is not padded")
    _check_iv(asked, block_bytes)
    return data


def _check_iv(asked: Asked, block_bytes: int) -> None:
    sizes = {BlockCipherMode.ECB: 0, BlockCipherMode.CBC: block_bytes}
    mode = asked.parameters.block_cipher_mode
    if mode not in sizes:
        raise UnsupportedCryptographicParameters("keys are derived by encryption in ECB or CBC")
    if len(asked.iv) != sizes[mode]:
        raise BadCryptographicParameters(f"the Initialization Vector is {sizes[mode]} bytes long in this mode")


def _encrypt(secret: bytes, asked: Asked) -> bytes:
    data = plaintext(asked)
    cipher, _ = CIPHERS[asked.algorithm]  # type: ignore[index]  # plaintext has seen that it is there
    mode = modes.CBC(asked.iv) if asked.iv else modes.ECB()  # noqa: S305 - the standard's method, for key material
    try:
        return Cipher(cipher(secret), mode).encryptor().update(data)
    except ValueError:  # a key that could only be kept, for its length
        raise BadCryptographicParameters("the base key has no length that its algorithm has") from None


METHODS: dict[DerivationMethod, Callable[[bytes, Asked], bytes]] = {
    D.PBKDF2: _pbkdf2,
    D.HASH: _hash,
    D.HMAC: _hmac,
    D.ENCRYPT: _encrypt,
    D.NIST800_108_C: _counter_mode,
    D.NIST800_108_F: _feedback_mode,
    D.NIST800_108_DPI: _double_pipeline_mode,
    D.HKDF: _hkdf,
}
