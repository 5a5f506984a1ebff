"""Ciphers that no token here has, done by the gateway with a key that it keeps sealed, where `software_ciphers` is on.

The one rule here: a key is opened for one call, in this process, and nothing of it but what it encrypts goes out. Who
turns this on trusts the gateway's memory with such keys; all others may still be made, kept and fetched.
"""

import hmac
import secrets
from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher as Both
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gateway import errors, key_use, keyblocks, material, policy
from gateway.call import Call
from gateway.kmip.enums import BlockCipherMode, CryptographicAlgorithm, KeyFormatType, PaddingMethod
from gateway.kmip.objects import KeyBlock
from gateway.kmip.values import CryptographicParameters
from gateway.managed import Managed
from gateway.policy import Weakness
from gateway.token import mechanisms

A, B, P = CryptographicAlgorithm, BlockCipherMode, PaddingMethod
KEY_BYTES = 32
COUNTER_AND_NONCE_BYTES = 16
# RFC 8439 has 12; the cipher's author, and the official test cases, 8.
NONCE_BYTES = (8, 12)
AEAD_NONCE_BYTES = 12
TAG_BYTES = 16


class Sealed(NamedTuple):
    """What encryption gives: the ciphertext, the nonce if it was drawn here, the tag if there is one."""

    data: bytes
    drawn: bytes | None = None
    tag: bytes | None = None


class Asked(NamedTuple):
    """What a request says besides the key and the data; what is None was not said."""

    parameters: CryptographicParameters
    nonce: bytes | None
    additional_data: bytes | None
    tag: bytes | None = None


async def encrypt(call: Call, key: Managed, asked: Asked, data: bytes) -> Sealed:
    """Encrypt data.

    Raises:
        BadCryptographicParameters, UnsupportedCryptographicParameters: they do not fit the key.
        InvalidField: the data is longer than the pad.
        InvalidMessage: there is no nonce, and none to be drawn.
        GeneralFailure: there is no tag of this length.
        KeyWrapTypeNotSupported, KeyValueNotPresent, NotExtractable: there is no key to be had.
        UsageLimitExhausted.
    """
    row = _row(key, asked.parameters)
    policy.check(call, Weakness.UNAPPROVED_CIPHERS, key.unique_identifier)
    value = await _opened(call, key, row)
    sealed = row.encrypt(value, asked, data)
    await key_use.spend(call, key, data)
    return sealed


async def decrypt(call: Call, key: Managed, asked: Asked, data: bytes) -> bytes:
    """Decrypt data.

    Raises:
        CryptographicFailure: the tag is wrong.
        InvalidMessage: the nonce or the tag is missing.
        What encrypt raises of parameters and key.
    """
    row = _row(key, asked.parameters)
    return row.decrypt(await _opened(call, key, row), asked, data)


async def _opened(call: Call, key: Managed, row: "Row") -> bytes:
    given = await material.fetch(call, key, KeyFormatType.RAW)
    block: KeyBlock = given.key_block  # type: ignore[union-attr]  # keys and Secret Data have one
    if block.key_wrapping_data is not None:
        raise errors.KeyWrapTypeNotSupported(f"{key.unique_identifier} is kept wrapped, and cannot be used")
    value = keyblocks.bytes_of(material.material_of(call, block))
    if row.key_bytes not in (None, len(value)):
        raise errors.BadCryptographicParameters(f"a key of this algorithm has {KEY_BYTES} bytes")
    return value


# --- ChaCha20


def _chacha(value: bytes, asked: Asked, nonce: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt; the counter begins at the Initial Counter Value, or is what comes before the nonce."""
    start = asked.parameters.initial_counter_value or 0
    size = COUNTER_AND_NONCE_BYTES - len(nonce)
    if not (0 <= start < 1 << 8 * size if size else start == 0):
        raise errors.BadCryptographicParameters("the Initial Counter Value does not fit beside the nonce")
    block = start.to_bytes(size, "little") + nonce
    return Both(algorithms.ChaCha20(value, block), mode=None).encryptor().update(data)


def _encrypt_chacha(value: bytes, asked: Asked, data: bytes) -> Sealed:
    nonce, drawn = _nonce(asked, AEAD_NONCE_BYTES)
    return Sealed(_chacha(value, asked, _stream_nonce(asked, nonce), data), drawn)


def _decrypt_chacha(value: bytes, asked: Asked, data: bytes) -> bytes:
    return _chacha(value, asked, _stream_nonce(asked, _given(asked.nonce, "missing-iv")), data)


def _stream_nonce(asked: Asked, nonce: bytes) -> bytes:
    if asked.additional_data or asked.tag:
        raise errors.BadCryptographicParameters("this algorithm authenticates no data")
    if len(nonce) not in (*NONCE_BYTES, COUNTER_AND_NONCE_BYTES):
        raise errors.BadCryptographicParameters("the nonce has 8 or 12 bytes, or 16 with the counter before it")
    return nonce


def _nonce(asked: Asked, size: int) -> tuple[bytes, bytes | None]:
    """Give the nonce, and that again if it was drawn here."""
    if asked.nonce is not None:
        return asked.nonce, None
    if asked.parameters.random_iv is False:
        raise errors.InvalidMessage("missing-iv")
    drawn = secrets.token_bytes(size)
    return drawn, drawn


def _given(value: bytes | None, missing: str) -> bytes:
    if value is None:
        raise errors.InvalidMessage(missing)
    return value


# --- ChaCha20-Poly1305


def _encrypt_aead(value: bytes, asked: Asked, data: bytes) -> Sealed:
    size = mechanisms.tag_bytes(asked.parameters)
    nonce, drawn = _nonce(asked, AEAD_NONCE_BYTES)
    sealed = ChaCha20Poly1305(value).encrypt(_aead_nonce(nonce), data, asked.additional_data)
    return Sealed(sealed[: len(data)], drawn, sealed[len(data) :][:size])


def _decrypt_aead(value: bytes, asked: Asked, data: bytes) -> bytes:
    size = mechanisms.tag_bytes(asked.parameters)
    nonce, tag = _aead_nonce(_given(asked.nonce, "missing-iv")), _given(asked.tag, "missing-tag")
    cipher = ChaCha20Poly1305(value)
    if len(tag) == size == TAG_BYTES:
        try:
            return cipher.decrypt(nonce, data + tag, asked.additional_data)
        except InvalidTag:
            raise key_use.undecipherable() from None
    # Of a shorter tag (test case CS-BC-M-CHACHA20POLY1305-1) the whole is made again. The data begins at block 1.
    stream = algorithms.ChaCha20(value, (1).to_bytes(COUNTER_AND_NONCE_BYTES - len(nonce), "little") + nonce)
    plaintext = Both(stream, mode=None).decryptor().update(data)
    whole = cipher.encrypt(nonce, plaintext, asked.additional_data)[len(data) :]
    if len(tag) != size or not hmac.compare_digest(whole[:size], tag):
        raise key_use.undecipherable()
    return plaintext


def _aead_nonce(nonce: bytes) -> bytes:
    if len(nonce) != AEAD_NONCE_BYTES:
        raise errors.BadCryptographicParameters(f"the nonce must be {AEAD_NONCE_BYTES} bytes long, not {len(nonce)}")
    return nonce


# --- one-time pads


def _padded(value: bytes, asked: Asked, data: bytes) -> bytes:
    """Add the pad from its first byte on, as the official test cases do.

    Nothing says which part of a pad was used before: that no second message is encrypted with it is its owner's care,
    and a Usage Limit of one object what sees to it.
    """
    if asked.nonce or asked.additional_data or asked.tag:
        raise errors.BadCryptographicParameters("a one-time pad has no nonce and authenticates no data")
    if len(data) > len(value):
        raise errors.InvalidField(f"the pad has {len(value)} bytes, fewer than the data")
    return bytes(one ^ other for one, other in zip(data, value, strict=False))


def _encrypt_padded(value: bytes, asked: Asked, data: bytes) -> Sealed:
    return Sealed(_padded(value, asked, data))


class Row(NamedTuple):
    """A cipher: its modes, how long its keys are if that is fixed, and what it does."""

    modes: tuple[BlockCipherMode | None, ...]
    key_bytes: int | None
    encrypt: Callable[[bytes, Asked, bytes], Sealed]
    decrypt: Callable[[bytes, Asked, bytes], bytes]


# The algorithms are those of keyplans.SOFTWARE_ALGORITHMS.
CIPHERS: dict[CryptographicAlgorithm, Row] = {
    A.CHACHA20: Row((None,), KEY_BYTES, _encrypt_chacha, _decrypt_chacha),
    A.CHACHA20POLY1305: Row((None, B.AEAD), KEY_BYTES, _encrypt_aead, _decrypt_aead),
    A.ONE_TIME_PAD: Row((None,), None, _encrypt_padded, _padded),
}


def _row(key: Managed, parameters: CryptographicParameters) -> Row:
    row = CIPHERS[key.algorithm]  # type: ignore[index]  # key_use.cipher_key has looked
    if parameters.cryptographic_algorithm not in (None, key.algorithm):
        raise errors.BadCryptographicParameters("the Cryptographic Algorithm is not the key's")
    if parameters.block_cipher_mode not in row.modes or parameters.padding_method not in (None, P.NONE):
        raise errors.UnsupportedCryptographicParameters("this algorithm has no such mode or padding")
    return row
