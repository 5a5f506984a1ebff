"""Client certificate in, stranger out: what a certificate says is read here, once; whose it is, `directory` knows."""

import time
from functools import lru_cache
from hashlib import sha256
from typing import TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import (
    AuthorityKeyIdentifier,
    Certificate,
    DNSName,
    DuplicateExtension,
    ExtendedKeyUsage,
    ExtensionNotFound,
    ExtensionType,
    SubjectAlternativeName,
    UniformResourceIdentifier,
    UnsupportedGeneralNameType,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from gateway.access.identity import NOTHING_SHOWN, Peer, Shown, stranger

E = TypeVar("E", bound=ExtensionType)

# What `cryptography` raises for what is well signed, and yet no certificate that says who somebody is.
UNREADABLE = (ValueError, UnsupportedAlgorithm, DuplicateExtension, UnsupportedGeneralNameType)
CLIENT_PURPOSES = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
# Each is a row of the database's index, and a line of a list.
MAX_NAMES, MAX_NAME_LENGTH = 16, 512


class CertificateRefused(Exception):
    """The certificate is none to take an identity from; the message says why."""


class Read(Struct, frozen=True):
    """A certificate that was read: what it shows, when it begins, and why it is refused whatever the time, if it is."""

    shown: Shown
    begins: float
    fault: str = ""


def peer_of(certificate: Certificate | None, address: str) -> Peer:
    """Give the peer that showed the certificate in a handshake, from that network address.

    Raises:
        CertificateRefused: the certificate has expired since the session that is resumed was verified or begins later,
            is not for clients, names nobody or everybody, or cannot be read.
    """
    if certificate is None:
        # Only where [access] lets credentials be enough; else the handshake asks for one.
        return stranger(NOTHING_SHOWN, address)
    try:
        read = _read(certificate)
    except UNREADABLE:
        raise CertificateRefused("unreadable certificate") from None
    now = time.time()
    if read.shown.ends < now:
        raise CertificateRefused("certificate expired")
    if read.begins > now:
        raise CertificateRefused("certificate not valid yet")
    if read.fault:
        raise CertificateRefused(read.fault)
    return stranger(read.shown, address)


def key_of(certificate: Certificate) -> str:
    """Give the SHA-256 of a certificate's public key, hexadecimal, whatever the certificate is for.

    Raises:
        CertificateRefused: the key is of a kind that cannot be read.
    """
    try:
        return _key(certificate)
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateRefused("unreadable certificate") from None


def _key(certificate: Certificate) -> str:
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(spki).hexdigest()


@lru_cache(maxsize=4096)
def _read(certificate: Certificate) -> Read:
    """Give what a certificate says; cached, since the same few clients connect again and again."""
    names = _extension(certificate, SubjectAlternativeName)
    issuer = _extension(certificate, AuthorityKeyIdentifier)
    shown = Shown(
        key=_key(certificate),
        issuer=certificate.issuer.rfc4514_string(),
        authority="" if issuer is None else (issuer.key_identifier or b"").hex(),
        subject=certificate.subject.rfc4514_string(),
        uris=tuple(names.get_values_for_type(UniformResourceIdentifier)) if names else (),
        dns=tuple(each.lower() for each in names.get_values_for_type(DNSName)) if names else (),
        ends=certificate.not_valid_after_utc.timestamp(),
    )
    return Read(shown, certificate.not_valid_before_utc.timestamp(), _fault(certificate, shown))


def _fault(certificate: Certificate, shown: Shown) -> str:
    """Say why a certificate is refused whatever the time; empty where it is not."""
    purposes = _extension(certificate, ExtendedKeyUsage)
    if purposes is not None and CLIENT_PURPOSES.isdisjoint(purposes):
        return "certificate is not for TLS clients"
    common = [str(each.value).strip() for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    names = (*shown.uris, *shown.dns)
    if not any(common) and not any(names):
        return "certificate names nobody"
    # Other servers have taken such a name for every name that they compared it with.
    if any("*" in each for each in (*common, *names)):
        return "certificate names more than one client"
    texts = (shown.subject, shown.issuer, *names)
    if len(texts) > MAX_NAMES or any(len(each) > MAX_NAME_LENGTH for each in texts):
        return "certificate has too many names, or too long ones"
    return ""


def _extension(certificate: Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except ExtensionNotFound:
        return None
