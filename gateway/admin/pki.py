"""A small certificate authority for development: one root, P-256 keys, PEM files.

The rule of the room: a private key is in a file of mode 0600 from its first byte, and a folder is whole or absent.
"""

import shutil
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from gateway.admin.files import write_file

ROOT_DAYS = 3650
LEAF_DAYS = 825  # what the strictest TLS clients (Apple's) accept
CLOCK_SKEW = timedelta(hours=1)  # a client whose clock is late must not refuse a certificate just made


class Credential(NamedTuple):
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_pki(folder: Path) -> None:
    """Leave ca, server, client and client2 (each .pem and .key) in the folder, which is new."""
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a start that was killed
    unfinished.mkdir(mode=0o700)
    root = make_root("kmip-gateway dev CA")
    write_credential(unfinished, "ca", root)
    write_credential(unfinished, "server", make_server(root))
    for name in ("client", "client2"):
        write_credential(unfinished, name, make_client(root, name))
    unfinished.rename(folder)


def make_root(common_name: str) -> Credential:
    """Give a self-signed authority that may sign leaf certificates only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    builder = _builder(name, name, key, ROOT_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
    return Credential(builder.sign(key, SHA256()), key)


def make_server(root: Credential) -> Credential:
    """Give a server certificate for localhost and both loopback addresses."""
    addresses = [x509.IPAddress(ip_address(address)) for address in ("127.0.0.1", "::1")]
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses])
    return _make_leaf(root, "localhost", ExtendedKeyUsageOID.SERVER_AUTH, names)


def make_client(root: Credential, common_name: str) -> Credential:
    """Give a client certificate."""
    return _make_leaf(root, common_name, ExtendedKeyUsageOID.CLIENT_AUTH)


def write_credential(folder: Path, name: str, credential: Credential) -> None:
    """Leave `name`.pem (0644) and `name`.key (0600, PKCS#8 in clear) in the folder."""
    pem = credential.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_file(folder / f"{name}.key", pem, 0o600)
    write_file(folder / f"{name}.pem", credential.certificate.public_bytes(Encoding.PEM), 0o644)


def _make_leaf(
    root: Credential, common_name: str, usage: ObjectIdentifier, names: x509.SubjectAlternativeName | None = None
) -> Credential:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(common_name), root.certificate.subject, key, LEAF_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    return Credential(builder.sign(root.key, SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    start = datetime.now(UTC) - CLOCK_SKEW
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
