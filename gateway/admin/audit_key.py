"""The key on the token that signs the audit's checkpoints: found, or made at the first start.

The rule of the room: it signs, and can do nothing else; no client can name it, since it has no row.
"""

import asyncio
import fcntl
import os
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from gateway.admin.files import write_file
from gateway.audit.checkpoints import key_name
from gateway.errors import ConfigurationError, FeatureNotSupported, UnsupportedCryptographicParameters
from gateway.kmip.enums import CryptographicAlgorithm, HashingAlgorithm
from gateway.kmip.values import CryptographicParameters
from gateway.token import signatures
from gateway.token.api import AUDIT_CKA_ID, AUDIT_KEY_LABEL, KeyRef, KeyTemplate, KeyType, ObjectClass, Rights, Token

BITS = 256
P256 = bytes.fromhex("06082a8648ce3d030107")  # the curve's name in DER: EC parameters
PRIVATE = KeyRef(ObjectClass.PRIVATE_KEY, AUDIT_CKA_ID)
PUBLIC = KeyRef(ObjectClass.PUBLIC_KEY, AUDIT_CKA_ID)
FILE = "checkpoint-key.pem"
SHA_256 = CryptographicParameters(hashing_algorithm=HashingAlgorithm.SHA_256)

log = structlog.get_logger()


class TokenSigner:
    """Implements `audit.checkpoints.Signer`; the key is looked for at the first signature, when the token is there."""

    def __init__(self, token: Token, folder: Path) -> None:
        """`folder` is the audit's: the public key is left there, for whoever verifies to take away."""
        self._token = token
        self._folder = folder
        self._unable = False
        self.key = ""

    async def ready(self) -> bool:
        """Tell whether there is a key, after making it if need be.

        Raises:
            KmipError: the token does not answer.
        """
        if not self.key and not self._unable:
            try:
                found = await _made(self._token, self._folder)
            except (FeatureNotSupported, UnsupportedCryptographicParameters) as error:
                log.warning("audit checkpoints are not signed", reason=error.message)
                self._unable = True
                return False
            self.key = key_name(found)
        return bool(self.key)

    async def sign(self, data: bytes) -> bytes:
        """Give the signature in DER.

        Raises:
            KmipError: the token does not answer.
        """
        chosen = signatures.signing(self._token.profile, CryptographicAlgorithm.EC, BITS, SHA_256)
        return chosen.outward(await self._token.sign(PRIVATE, chosen.mechanism(), chosen.message(data, None)))


async def find_key(token: Token) -> ec.EllipticCurvePublicKey | None:
    """Give the public half of the key, None where the token has none.

    Raises:
        KmipError: the token does not answer.
    """
    if PUBLIC not in await token.find([AUDIT_CKA_ID]):
        return None
    return _as_public_key(load_der_public_key(await token.export_key(PUBLIC)))


async def _made(token: Token, folder: Path) -> ec.EllipticCurvePublicKey:
    """Give the public half of the key, and leave it in the folder; front ends that start at once make one key."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    lock = os.open(folder / "key.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        found = await find_key(token) or await _generated(token)
        _leave(folder / FILE, found)
        return found
    finally:
        os.close(lock)


async def _generated(token: Token) -> ec.EllipticCurvePublicKey:
    private = KeyTemplate(AUDIT_KEY_LABEL, Rights.SIGN, extractable=False)
    public = KeyTemplate(AUDIT_KEY_LABEL, Rights.VERIFY, extractable=True)
    pair = await token.generate_key_pair(AUDIT_CKA_ID, KeyType.EC, BITS, P256, private, public)
    return _as_public_key(load_der_public_key(pair.info))


def _as_public_key(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ConfigurationError(f"The key '{AUDIT_KEY_LABEL}' on the token is of another kind than the gateway makes.")
    return key


def _leave(path: Path, key: ec.EllipticCurvePublicKey) -> None:
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if not path.exists() or path.read_bytes() != pem:
        write_file(path, pem, 0o644)


def read_key(path: Path) -> ec.EllipticCurvePublicKey:
    """Give the public key of a PEM file.

    Raises:
        ConfigurationError: it has none of this kind.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        raise ConfigurationError(f"{path}: has no public key in PEM; give the one that signs checkpoints.") from None
    return _as_public_key(key)
