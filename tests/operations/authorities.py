"""Chains of certificates for tests, made by software keys: an authority, its certificates, what is wrong with them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.kmip.enums import CertificateType
from gateway.kmip.objects import Certificate

NOW = datetime.fromtimestamp(1_700_000_000, UTC)  # where the clock of the tests stands
YEAR = timedelta(days=365)
CA = x509.BasicConstraints(ca=True, path_length=None)


def named(text: str) -> x509.Name:
    """Give a name with a common name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Made:
    """A certificate and its private key."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self.key = key

    @property
    def kmip(self) -> Certificate:
        """The certificate as KMIP has it."""
        der = self.certificate.public_bytes(Encoding.DER)
        return Certificate(certificate_type=CertificateType.X_509, certificate_value=der)


def certified(
    name: str,
    by: Made | None = None,
    *extensions: x509.ExtensionType,
    begins: datetime = NOW - YEAR,
    ends: datetime = NOW + YEAR,
    hash_: Any = None,
) -> Made:
    """Make a certificate that `by` signs, or the certificate itself where that is None."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = named(name) if by is None else by.certificate.subject
    builder = x509.CertificateBuilder(issuer, named(name), key.public_key(), x509.random_serial_number(), begins, ends)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return Made(builder.sign(key if by is None else by.key, hash_ or SHA256()), key)


def root(name: str = "root") -> Made:
    """Make the certificate of an authority that signs itself."""
    return certified(name, None, CA)
