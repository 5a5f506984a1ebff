"""Client certificate in, Peer out; once per connection."""

import time
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate
from msgspec import Struct

from gateway.access.identity import Identity, Peer
from gateway.access.roles import EVERYTHING


class CertificateRefused(Exception):
    """The certificate is none to take an identity from; the message says why."""


class Shown(Struct, frozen=True):
    """What a certificate says that matters here; `not_after` is in seconds since 1970."""

    identity: Identity
    not_after: float


def peer_of(certificate: Certificate | None, address: str) -> Peer:
    """Give the peer that showed the certificate in a handshake, from that network address.

    Raises:
        CertificateRefused: the certificate has expired since the session that is resumed was verified, or its key is
            of a kind that cannot be read.
    """
    if certificate is None:
        # The handshake asks for one, so this cannot be; should it come to pass, nobody is served.
        raise CertificateRefused("no certificate")
    try:
        shown = _read(certificate)
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateRefused("unreadable certificate") from None
    if shown.not_after < time.time():
        raise CertificateRefused("certificate expired")
    return Peer(shown.identity, address, (EVERYTHING,))


@lru_cache(maxsize=4096)
def _read(certificate: Certificate) -> Shown:
    """Give the identity and the end of a certificate; cached, since the same few clients connect again and again."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Shown(Identity(f"cert:{sha256(spki).hexdigest()}"), certificate.not_valid_after_utc.timestamp())
