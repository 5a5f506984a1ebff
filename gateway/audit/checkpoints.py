"""Checkpoints: how long a chain was at a time, and its last hash, signed by a key that cannot leave the token.

Whoever can write the files can recompute a chain; a checkpoint cannot be made anew by him, and one that was brought
to another machine not be taken away.
"""

import os
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import msgspec
import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.structs import replace

log = structlog.get_logger()

CONTEXT = b"kmip-gateway audit checkpoint 1\n"


class Checkpoint(msgspec.Struct, frozen=True):
    """A chain had `count` lines at `time`, the last with the hash `head`; `key` names the key that signed this."""

    time: float
    chain: str
    count: int
    head: str
    key: str = ""
    signature: str = ""  # ECDSA with SHA-256, DER, base64

    def signed_bytes(self) -> bytes:
        """Give what the signature is over."""
        return CONTEXT + msgspec.json.encode(replace(self, signature=""))

    def holds(self, public_key: ec.EllipticCurvePublicKey) -> bool:
        """Tell whether this was signed by the private half of the key."""
        try:
            public_key.verify(b64decode(self.signature), self.signed_bytes(), ec.ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer(Protocol):
    """The key on the token."""

    @property
    def key(self) -> str:
        """What names it once it is ready: see `key_name`."""
        ...

    async def ready(self) -> bool:
        """Tell whether there is a key; raises KmipError where the token does not answer."""
        ...

    async def sign(self, data: bytes) -> bytes:
        """Give the signature in DER; raises KmipError where the token does not answer."""
        ...


def key_name(public_key: ec.EllipticCurvePublicKey) -> str:
    """Give the SHA-256 of a public key's SubjectPublicKeyInfo, in hexadecimal."""
    return sha256(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


async def signed(checkpoint: Checkpoint, signer: Signer | None) -> Checkpoint:
    """Give the checkpoint with its signature, or as it is where there is no key.

    Raises:
        KmipError: the token does not answer.
    """
    if signer is None or not await signer.ready():
        return checkpoint
    named = replace(checkpoint, key=signer.key)
    return replace(named, signature=b64encode(await signer.sign(named.signed_bytes())).decode())


class Keeping:
    """Adds checkpoints to the file of all processes, and sees when what was there is gone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left: os.stat_result | None = None

    def add(self, checkpoint: Checkpoint) -> bytes:
        """Add the checkpoint, on the disk when this returns, and give its line.

        Raises:
            OSError: it cannot be written.
        """
        line = msgspec.json.encode(checkpoint)
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._compare(os.fstat(fd))
            # In one call, so that processes do not come between; an empty line after a torn one does no harm.
            os.write(fd, line + b"\n")
            os.fsync(fd)
            self._left = os.fstat(fd)
        finally:
            os.close(fd)
        return line

    def _compare(self, now: os.stat_result) -> None:
        before = self._left
        if before is not None and (not os.path.samestat(before, now) or now.st_size < before.st_size):
            log.error("audit checkpoints were cut off or replaced", file=str(self._path))


def decode(line: bytes) -> Checkpoint:
    """Give the checkpoint of a line.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    return msgspec.json.decode(line, type=Checkpoint)
