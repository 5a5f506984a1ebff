"""PKCS#12 files: a private key and its certificates under a password (RFC 7292)."""

import asyncio
import sys
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_der_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from gateway.errors import InvalidField, KeyFormatTypeNotSupported, ServerLimitExceeded
from gateway.keys import opening

OPENING_S = 10.0  # it has less processor time than that, and may wait for it
MAX_OPENING = 4  # files that are opened at the same time, each in a process of its own
_at_work = 0


class Contents(NamedTuple):
    """What a file holds: the key in PKCS#8 and the certificates in DER, the key's own first, and its Friendly Name."""

    key: bytes
    certificates: tuple[bytes, ...]
    name: str = ""

    def __repr__(self) -> str:
        return f"<a key and {len(self.certificates)} certificates>"


def write(contents: Contents, password: bytes, name: str | None) -> bytes:
    """Give a file, encrypted as well as PKCS#12 can (PBES2 with AES-256); the name is the key's Friendly Name.

    Raises:
        InvalidField: the password is empty.
        KeyFormatTypeNotSupported: no file can hold this, as the key is not the first certificate's.
    """
    if not password:
        raise InvalidField("a PKCS#12 file needs a password that is not empty")
    try:
        key = load_der_private_key(contents.key, None, unsafe_skip_rsa_key_validation=True)
        chain = [x509.load_der_x509_certificate(each) for each in contents.certificates]
        return serialize_key_and_certificates(
            None if name is None else name.encode(),
            key,  # type: ignore[arg-type]  # of all that it may be, the keys for agreement alone are refused
            chain[0] if chain else None,
            chain[1:],
            BestAvailableEncryption(password),
        )
    except (TypeError, ValueError):
        raise KeyFormatTypeNotSupported("this key and its certificates make no PKCS#12 file") from None


async def read(file: bytes, password: bytes) -> Contents:
    """Give what is in a file.

    Raises:
        InvalidField: it cannot be opened with this password, takes too long, or has no key.
        ServerLimitExceeded: too many are being opened.
    """
    global _at_work
    if _at_work >= MAX_OPENING:
        raise ServerLimitExceeded("too many PKCS#12 files come at the same time; try again later")
    _at_work += 1
    try:
        parts = await _opened(file, password)
    finally:
        _at_work -= 1
    if len(parts) < 3 or not parts[1]:
        raise InvalidField("the PKCS#12 file cannot be opened with this password, or has no key")
    name, key, own, *others = parts
    return Contents(key, ((own, *others) if own else ()), name.decode(errors="replace"))


async def _opened(file: bytes, password: bytes) -> list[bytes]:
    """Give the parts of a file, nothing when it could not be opened."""
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", opening.__name__, stdin=pipe, stdout=pipe, stderr=nowhere
    )
    try:
        given = opening.packed((password, file))
        told, _ = await asyncio.wait_for(process.communicate(given), OPENING_S)
    except TimeoutError:
        return []
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return list(opening.unpacked(told)) if process.returncode == 0 else []
