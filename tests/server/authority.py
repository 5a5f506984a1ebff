"""A certificate authority for tests that can also make what a good one never would."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

DAY = timedelta(days=1)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass(frozen=True)
class Files:
    """Where a certificate and its key are."""

    certificate: Path
    key: Path

    def spki_owner(self) -> x509.Certificate:
        """Give the certificate itself."""
        return x509.load_pem_x509_certificate(self.certificate.read_bytes())


class Authority:
    """A root that signs leaf certificates into a folder."""

    def __init__(
        self, folder: Path, common_name: str = "test root", above: "Authority | None" = None, only: str = ""
    ) -> None:
        """Make a root, or an authority below another; `only` names the one domain that it may vouch for."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._name = _name(common_name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = (above or self)._sign(self._name, self._key, ends=10 * DAY, authority=True, only=only)
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def issue(
        self,
        name: str,
        *,
        usage: ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH,
        starts: timedelta = -DAY,
        ends: timedelta = DAY,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> Files:
        """Give the files of a new certificate, for any usage with None; `starts` and `ends` count from now."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_name(name), key, starts=starts, ends=ends, usage=usage)
        files = Files(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files

    def revoke(
        self,
        *certificates: x509.Certificate,
        ends: timedelta = DAY,
        extension: x509.ExtensionType | None = None,
    ) -> x509.CertificateRevocationList:
        """Give a list of these; `ends`, from now, is when the next one is due."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        builder = builder.last_update(now - 2 * DAY).next_update(now + ends)
        for each in certificates:
            entry = x509.RevokedCertificateBuilder().serial_number(each.serial_number).revocation_date(now - DAY)
            builder = builder.add_revoked_certificate(entry.build())
        if extension is not None:
            builder = builder.add_extension(extension, critical=True)
        return builder.sign(self._key, SHA256())

    def server(self) -> Files:
        """Give a server certificate for localhost."""
        return self.issue("server", usage=ExtendedKeyUsageOID.SERVER_AUTH)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        starts: timedelta = -DAY,
        ends: timedelta = DAY,
        authority: bool = False,
        usage: ObjectIdentifier | None = None,
        only: str = "",
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + starts)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            here = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(here), critical=False)
        if only:
            constraints = x509.NameConstraints([x509.DNSName(only)], None)
            builder = builder.add_extension(constraints, critical=True)
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.sign(self._key, SHA256())
