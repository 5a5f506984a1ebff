"""Hash functions by their names everywhere: KMIP, hashlib, PKCS#11, and DER; a row each.

SHA-1 is among them for HMAC, for OAEP, and for signatures made long ago; MD5 is not.
"""

import hashlib
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes

from gateway.errors import UnsupportedCryptographicParameters
from gateway.kmip.enums import HashingAlgorithm


class Hash(NamedTuple):
    """One hash function.

    name is hashlib's, algorithm what cryptography takes; ckm and mgf are CKM_* of the hash and CKG_MGF1_* with it, 0
    where PKCS#11 2.40 has none; size counts bytes; prefix is the DER of a DigestInfo up to the digest itself (RFC 8017
    section 9.2).
    """

    name: str
    size: int
    algorithm: hashes.HashAlgorithm
    ckm: int
    mgf: int
    prefix: bytes

    def digest(self, data: bytes) -> bytes:
        """Hash data."""
        return hashlib.new(self.name, data, usedforsecurity=False).digest()


def _row(name: str, algorithm: hashes.HashAlgorithm, oid: str, ckm: int = 0, mgf: int = 0) -> Hash:
    identifier, size = bytes.fromhex(oid), algorithm.digest_size
    sequence = b"\x06" + bytes([len(identifier)]) + identifier + b"\x05\x00"
    content = b"\x30" + bytes([len(sequence)]) + sequence + b"\x04" + bytes([size])
    return Hash(name, size, algorithm, ckm, mgf, b"\x30" + bytes([len(content) + size]) + content)


H = HashingAlgorithm
NIST = "6086480165030402"  # 2.16.840.1.101.3.4.2
HASHES: dict[HashingAlgorithm, Hash] = {
    H.SHA_1: _row("sha1", hashes.SHA1(), "2b0e03021a", 0x220, 1),  # noqa: S303
    H.SHA_224: _row("sha224", hashes.SHA224(), NIST + "04", 0x255, 5),
    H.SHA_256: _row("sha256", hashes.SHA256(), NIST + "01", 0x250, 2),
    H.SHA_384: _row("sha384", hashes.SHA384(), NIST + "02", 0x260, 3),
    H.SHA_512: _row("sha512", hashes.SHA512(), NIST + "03", 0x270, 4),
    H.SHA3_224: _row("sha3_224", hashes.SHA3_224(), NIST + "07"),
    H.SHA3_256: _row("sha3_256", hashes.SHA3_256(), NIST + "08"),
    H.SHA3_384: _row("sha3_384", hashes.SHA3_384(), NIST + "09"),
    H.SHA3_512: _row("sha3_512", hashes.SHA3_512(), NIST + "0a"),
}


def hash_of(algorithm: HashingAlgorithm) -> Hash:
    """Give the hash function that protects something.

    Raises:
        UnsupportedCryptographicParameters: it has no row; MD5 has none on purpose.
    """
    found = HASHES.get(algorithm)
    if found is None:
        raise UnsupportedCryptographicParameters(f"{algorithm.spelling} is not done here")
    return found
