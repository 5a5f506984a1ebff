"""Client certificate in, Peer out; once per connection."""

import ssl
import time
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from gateway.access.identity import Identity, Peer


class CertificateRefused(Exception):
    """The certificate is none to take an identity from; the message says why."""


class Shown(Struct, frozen=True):
    """What a certificate says that matters here; `not_after` is in seconds since 1970."""

    identity: Identity
    not_after: float


def peer_of(connection: ssl.SSLSocket, address: str) -> Peer:
    """Give the peer of a connection whose handshake is complete.

    Raises:
        CertificateRefused: the certificate has expired since the session that is resumed was verified, or its key is
            of a kind that cannot be read.
    """
    certificate = connection.getpeercert(binary_form=True)
    if not certificate:
        # CERT_REQUIRED makes this impossible; should it come to pass, nobody is served.
        raise CertificateRefused("no certificate")
    try:
        shown = read_certificate(certificate)
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateRefused("unreadable certificate") from None
    if shown.not_after < time.time():
        raise CertificateRefused("certificate expired")
    return Peer(shown.identity, address)


@lru_cache(maxsize=4096)
def read_certificate(der: bytes) -> Shown:
    """Give the identity and the end of a certificate; its chain was verified in a handshake.

    Cached, since the same few clients connect again and again.
    """
    certificate = x509.load_der_x509_certificate(der)
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Shown(Identity(f"cert:{sha256(spki).hexdigest()}"), certificate.not_valid_after_utc.timestamp())
