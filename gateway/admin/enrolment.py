"""A certificate for a new client, and the folder that it is handed over in.

The rule of the room: what a request asks to be called is not what it is called; a private key is in files of mode 0600
from its first byte, and the folder is whole or absent.
"""

import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from gateway.access.identity import Shown
from gateway.admin.files import write_file
from gateway.admin.snippets import SNIPPETS, Place
from gateway.config import Config
from gateway.errors import ConfigurationError, KmipError
from gateway.keys import issuing, requests
from gateway.keys.curves import PUBLIC, PublicKey
from gateway.kmip.enums import CertificateRequestType
from gateway.server.peer import CertificateRefused, peer_of

DEFAULT_DAYS = 825
CLOCK_SKEW = timedelta(hours=1)  # a server whose clock is late must not refuse a certificate just made


class Issued(NamedTuple):
    """A client's certificate, with the private key where it was made here."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | None = None


def issue(config: Config, tenant: str, name: str, csr: Path | None, days: int) -> Issued:
    """Give a certificate for a client, of the key of a request or of a new one.

    Raises:
        ConfigurationError: the request is none, or nothing here can issue what [tls] ca lets in.
    """
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, tenant), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    if csr is not None:
        return Issued(_issued(config, subject, _requested(csr), days))
    key = ec.generate_private_key(ec.SECP256R1())
    return Issued(_issued(config, subject, key.public_key(), days), key)


def shown_by(certificate: x509.Certificate) -> Shown:
    """Give what a certificate shows when it is used.

    Raises:
        ConfigurationError: it would be refused.
    """
    try:
        shown = peer_of(certificate, "").shown
    except CertificateRefused as refused:
        raise ConfigurationError(f"The certificate would be refused: {refused}.") from None
    assert shown is not None  # noqa: S101 - of a certificate there is something
    return shown


def read_certificate(path: Path) -> x509.Certificate:
    """Give the certificate in a PEM file.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}).") from None
    except ValueError:
        raise ConfigurationError(f"{path}: holds no certificate in PEM form.") from None


def key_requested(csr: Path) -> str:
    """Give the SHA-256 of the public key in a certificate request, hexadecimal.

    Raises:
        ConfigurationError: it is no request.
    """
    spki = _requested(csr).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(spki).hexdigest()


def _requested(csr: Path) -> PublicKey:
    try:
        return requests.read(CertificateRequestType.PEM, csr.read_bytes()).public_key
    except OSError as error:
        raise ConfigurationError(f"{csr}: cannot be read ({error.strerror}).") from None
    except KmipError as error:
        raise ConfigurationError(f"{csr}: {error.message}.") from None


def _issued(config: Config, subject: x509.Name, key: PublicKey, days: int) -> x509.Certificate:
    trusted = _certificates(config.tls.ca)
    name = config.kmip.certification_authority
    if name:
        # This takes a while to import, and asks the token.
        from gateway.admin.authority import issue_for_client, show_authority

        if x509.load_pem_x509_certificate(show_authority(config)) in trusted:
            return issue_for_client(config, name, subject, key, days)
    beside = config.tls.ca.with_suffix(".key")
    if len(trusted) != 1 or not beside.exists():
        raise ConfigurationError(
            f"No authority here issues what [tls] ca lets in: add to {config.tls.ca} what `kmip-gateway ca show` "
            "prints, or have the certificate made elsewhere and give it by --certificate."
        )
    return _issued_by_file(trusted[0], beside, subject, key, days)


def _issued_by_file(
    authority: x509.Certificate, path: Path, subject: x509.Name, key: PublicKey, days: int
) -> x509.Certificate:
    """Sign by a key in a file, as the development folder has it."""
    try:
        signer = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError(f"{path}: holds no private key in PEM form that can be read.") from None
    issuer = authority.public_key()
    if not isinstance(signer, ec.EllipticCurvePrivateKey) or not isinstance(issuer, PUBLIC):
        raise ConfigurationError(f"{path}: an authority in a file signs by an EC key.")
    if signer.public_key() != issuer:
        raise ConfigurationError(f"{path}: is not the key of the authority's certificate.")
    begins = datetime.now(UTC) - CLOCK_SKEW
    ends = min(begins + timedelta(days=days), authority.not_valid_after_utc)
    extensions = (*issuing.of_client(), *issuing.identifiers(key, issuer))
    contents = issuing.Contents(
        subject, authority.subject, key, int(begins.timestamp()), int(ends.timestamp()), extensions
    )
    return contents.builder().sign(signer, SHA256())


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}).") from None
    except ValueError:
        raise ConfigurationError(f"{path}: holds no certificate in PEM form.") from None


# --- the folder


def check_folder(folder: Path) -> None:
    """Check that a client's folder can be made.

    Raises:
        ConfigurationError: something is there.
    """
    if folder.exists():
        raise ConfigurationError(f"{folder} is there already; give --out a folder that is to be made.")


def write_bundle(folder: Path, issued: Issued, config: Config, kinds: list[str], server: str) -> None:
    """Leave certificate, key, the server's authorities, and a configuration for each kind of client, in a new folder.

    Raises:
        ConfigurationError: the folder cannot be made.
    """
    unfinished = folder.absolute().with_name(folder.name + ".unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
        unfinished.mkdir(mode=0o700, parents=True)
        _write(unfinished, issued, config)
        place = Place(server, config.server.kmip_port, folder.absolute())
        for kind in kinds:
            snippet = SNIPPETS[kind]
            write_file(unfinished / snippet.file, snippet.text(place).encode(), 0o644)
        unfinished.rename(folder)
    except OSError as error:
        raise ConfigurationError(f"{folder}: cannot be made ({error.strerror}).") from None


def _write(folder: Path, issued: Issued, config: Config) -> None:
    certificate = issued.certificate.public_bytes(Encoding.PEM)
    write_file(folder / "client.pem", certificate, 0o644)
    write_file(folder / "ca.pem", _servers_authorities(config), 0o644)
    if issued.key is not None:
        key = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_file(folder / "client.key", key, 0o600)
        write_file(folder / "client-and-key.pem", certificate + key, 0o600)  # MongoDB and others want one file


def _servers_authorities(config: Config) -> bytes:
    """Give what a client believes the server's certificate by: the end of its chain, and who signed that, if known."""
    *_, last = _certificates(config.tls.certificate)
    signers = [each for each in _certificates(config.tls.ca) if _signed_by(last, each)]
    return b"".join(each.public_bytes(Encoding.PEM) for each in signers or [last])


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    return certificate.issuer == issuer.subject and _same_key(certificate, issuer)


def _same_key(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether the authority key identifier of one is that of the other's key; True where it says none."""
    try:
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return True
    key = issuer.public_key()
    return named is None or (isinstance(key, PUBLIC) and named == x509.SubjectKeyIdentifier.from_public_key(key).digest)
