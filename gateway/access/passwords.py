"""What is kept of a password, and whether one that is shown is it; pure functions, slow by intention.

The one rule here: nothing that is kept lets a password, or what a client sends in its place, be told but by trying one
after the other at the cost of argon2id.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION, Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# The second recommendation of RFC 9106 has 64 MiB and 4 lanes; this is OWASP's for servers, 30 ms and 19 MiB each.
TIME_COST, MEMORY_KIB, LANES = 2, 19456, 1
KEY_BYTES = SALT_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16  # of GCM
DIGEST_BYTES = 32  # of SHA-256, the only algorithm of Hashed Password that is taken

_HASHER = PasswordHasher(TIME_COST, MEMORY_KIB, LANES)


def kept(password: str) -> str:
    """Give what is kept of a password."""
    return _HASHER.hash(password)


def _drawn(size: int) -> str:
    return b64encode(secrets.token_bytes(size)).decode()


# What is compared with where there is nobody of the name, so that the answer takes as long. It is drawn and not hashed:
# no password is known to be right, and who asks first holds up nobody. Encoded numbers of argon2 have no padding.
_SALT, _HASH = (_drawn(size).rstrip("=") for size in (SALT_BYTES, _HASHER.hash_len))
NOBODY = f"$argon2id$v={ARGON2_VERSION}$m={MEMORY_KIB},t={TIME_COST},p={LANES}${_SALT}${_HASH}"
NOBODY_HASHED = _drawn(SALT_BYTES + NONCE_BYTES + DIGEST_BYTES + TAG_BYTES)


def matches(hashed: str, password: str) -> bool:
    """Tell whether this is the password."""
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def one_time() -> str:
    """Give a password for one use, of 128 bits."""
    return secrets.token_hex(KEY_BYTES)


def digest_of(one_time_password: str) -> str:
    """Give what is kept of a password for one use; it was drawn here, so it cannot be guessed and needs no argon2."""
    return hashlib.sha256(one_time_password.encode()).hexdigest()


class Answer(NamedTuple):
    """Whether a Hashed Password is right, and what the server shows in turn that it knows the password too."""

    server_hashed_password: bytes


def kept_for_hashing(username: str, password: str) -> str:
    """Give what is kept of a password that is shown as a Hashed Password (KMIP 2.1 section 9.11 Credential).

    The client shows S2 = H(password || username), and proves S1 = H(username || password). S1 is kept encrypted under
    a key that argon2id makes of S2, so the database has nothing to show instead of the password.
    """
    first, second = _halves(username, password)
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(_key(second, salt)).encrypt(nonce, first, username.encode())
    return b64encode(salt + nonce + sealed).decode()


def answer(secret: str, username: str, stamp: bytes, shown: bytes) -> Answer | None:
    """Give the server's answer to a Hashed Password, None where it is wrong; `stamp` is the time as it was encoded."""
    proof, second = shown[:DIGEST_BYTES], shown[DIGEST_BYTES:]
    raw = b64decode(secret)
    salt, nonce, sealed = raw[:SALT_BYTES], raw[SALT_BYTES : SALT_BYTES + NONCE_BYTES], raw[SALT_BYTES + NONCE_BYTES :]
    try:
        first = AESGCM(_key(second, salt)).decrypt(nonce, sealed, username.encode())
    except InvalidTag:
        return None
    if not hmac.compare_digest(_hash(first + stamp), proof):
        return None
    return Answer(_hash(stamp + first + _hash(second)))


def hashed_password(username: str, password: str, stamp: bytes) -> bytes:
    """Give the Hashed Password that a client shows."""
    first, second = _halves(username, password)
    return _hash(first + stamp) + second


def _halves(username: str, password: str) -> tuple[bytes, bytes]:
    return _hash((username + password).encode()), _hash((password + username).encode())


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _key(second: bytes, salt: bytes) -> bytes:
    return hash_secret_raw(second, salt, TIME_COST, MEMORY_KIB, LANES, KEY_BYTES, Type.ID)
