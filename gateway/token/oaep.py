"""RSA-OAEP beside the token: the whole encryption with a public key, and what follows bare RSA with a private one.

SoftHSM has OAEP with SHA-1 alone (pkcs11.md section 2); other tokens lack a label or two different hashes. The rule
here: from the block that the token decrypted, nothing that can be measured or read tells why it was refused (Manger,
CRYPTO 2001), so that every check is made on every block.
"""

import hmac

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.errors import CryptographicFailure, InvalidObjectType
from gateway.token.digests import Hash
from gateway.token.mechanisms import Oaep


def encrypt(public_info: bytes, scheme: Oaep, data: bytes) -> bytes:
    """Encrypt data with a public key (SubjectPublicKeyInfo in DER).

    Raises:
        CryptographicFailure: the data is too long for the key.
    """
    key = load_der_public_key(public_info)
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidObjectType("the key is no RSA key")
    mask_generator = padding.MGF1(scheme.mgf_hash.algorithm)
    try:
        return key.encrypt(data, padding.OAEP(mask_generator, scheme.hash.algorithm, scheme.label))
    except ValueError:
        raise CryptographicFailure("the data is too long for this key") from None


def mask(seed: bytes, size: int, hash_: Hash) -> bytes:
    """Give the mask MGF1 makes of a seed (RFC 8017 appendix B.2.1)."""
    rounds = range(-(-size // hash_.size))
    return b"".join(hash_.digest(seed + counter.to_bytes(4, "big")) for counter in rounds)[:size]


def unpad(block: bytes, key_bytes: int, scheme: Oaep) -> bytes | None:
    """Give the message in a decrypted block (RFC 8017 section 7.1.2 step 3), None when there is none.

    The time taken depends on the lengths of the key and of a message that was found, on nothing else.
    """
    size = scheme.hash.size
    block = block.rjust(key_bytes, b"\0")  # some tokens leave leading zeros out
    masked_seed, masked_data = block[1 : size + 1], block[size + 1 :]
    seed = _xor(masked_seed, mask(masked_data, size, scheme.mgf_hash))
    data = _xor(masked_data, mask(seed, len(masked_data), scheme.mgf_hash))
    label_hash = scheme.hash.digest(scheme.label)
    good = int(hmac.compare_digest(data[:size], label_hash)) & int(block[0] == 0)
    start, separated = _separator(data[size:])
    return data[size + start :] if good & separated else None


def _separator(rest: bytes) -> tuple[int, int]:
    """Give where the message begins, and whether nothing but zeros stands before its 0x01; every byte is looked at."""
    looking, clean, start = 1, 1, 0
    for place, byte in enumerate(rest):
        is_one, is_zero = int(byte == 1), int(byte == 0)
        start |= (place + 1) * (looking & is_one)
        clean &= 1 - (looking & (1 - is_one) & (1 - is_zero))
        looking &= 1 - is_one
    return start, clean & (1 - looking)


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")
