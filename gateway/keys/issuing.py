"""X.509 certificates as an authority issues them: what they may say, and how they are put together around a signature.

The rules here: a certificate says of its key what this table lets it say, whatever was asked for; and no private key is
in this process, the signature is made elsewhere.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

from gateway.errors import FeatureNotSupported
from gateway.keys.curves import PublicKey
from gateway.kmip.enums import CryptographicUsageMask

M = CryptographicUsageMask
E = TypeVar("E", bound=x509.ExtensionType)
# The uses that a certificate may have, and the bits of a Cryptographic Usage Mask that mean each. Signing certificates
# and revocation lists is not among them.
USES = {
    "digital_signature": M.SIGN | M.VERIFY,
    "content_commitment": M.CONTENT_COMMITMENT_NON_REPUDIATION,
    "key_encipherment": M.WRAP_KEY | M.UNWRAP_KEY,
    "data_encipherment": M.ENCRYPT | M.DECRYPT,
    "key_agreement": M.KEY_AGREEMENT | M.DERIVE_KEY,
}
OTHER_USES = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
PURPOSES = (Purpose.CLIENT_AUTH, Purpose.SERVER_AUTH, Purpose.EMAIL_PROTECTION)


class Contents(NamedTuple):
    """What a certificate says; dates in seconds since 1970, each extension with whether it is critical."""

    subject: x509.Name
    issuer: x509.Name
    public_key: PublicKey
    begins: int
    ends: int
    extensions: tuple[tuple[x509.ExtensionType, bool], ...]

    def builder(self) -> x509.CertificateBuilder:
        """Give the certificate with a random serial number of 159 bits, yet without a signature."""
        built = x509.CertificateBuilder(
            self.issuer,
            self.subject,
            self.public_key,
            x509.random_serial_number(),
            datetime.fromtimestamp(self.begins, UTC),
            datetime.fromtimestamp(self.ends, UTC),
        )
        for extension, critical in self.extensions:
            built = built.add_extension(extension, critical)
        return built


def of_authority(key: PublicKey) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    """Give the extensions of an authority that signs itself, and signs no other authority."""
    named = dict.fromkeys((*USES, *OTHER_USES), False) | {"key_cert_sign": True, "crl_sign": True}
    return (
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (x509.KeyUsage(**named), True),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
    )


def of_client() -> tuple[tuple[x509.ExtensionType, bool], ...]:
    """Give the extensions of a certificate that is good for TLS clients, and for nothing else."""
    named = dict.fromkeys((*USES, *OTHER_USES), False) | {"digital_signature": True}
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.KeyUsage(**named), True),
        (x509.ExtendedKeyUsage([Purpose.CLIENT_AUTH]), False),
    )


def granted(asked: x509.Extensions, mask: int, *, alternative_names: bool) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """Give what a certificate gets of the extensions that were asked for, and of the uses that a mask names.

    The Key Usage asked for has its way over the mask; where nothing of it is left the key may sign data. Names besides
    the subject are given only if `alternative_names` says so. A certificate is never one of an authority.
    """
    yield x509.BasicConstraints(ca=False, path_length=None), True
    usage = _found(asked, x509.KeyUsage)
    named = {use: bool(mask & bits) if usage is None else bool(getattr(usage, use)) for use, bits in USES.items()}
    if not any(named.values()):
        named["digital_signature"] = True
    yield x509.KeyUsage(**named, **dict.fromkeys(OTHER_USES, False)), True
    purposes = _found(asked, x509.ExtendedKeyUsage) or ()
    if kept := [each for each in purposes if each in PURPOSES]:
        yield x509.ExtendedKeyUsage(kept), False
    names = _found(asked, x509.SubjectAlternativeName)
    if names is not None and alternative_names:
        yield names, False


def identifiers(key: PublicKey, issuer: PublicKey) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """Give the extensions by which a chain is put together: which key this is, and which signed it."""
    yield x509.SubjectKeyIdentifier.from_public_key(key), False
    # An authority has a key of a kind that signs.
    yield x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), False  # type: ignore[arg-type]


def _found(asked: x509.Extensions, kind: type[E]) -> E | None:
    return next((each.value for each in asked if isinstance(each.value, kind)), None)


class _StandIn:
    """Stands where a builder takes a private key: it notes what is to be signed, and gives a signature made before."""

    def __init__(self, signature: bytes = b"") -> None:
        self.signature = signature
        self.message = b""

    def sign(self, data: bytes, *_: object) -> bytes:
        self.message = data
        return self.signature


@rsa.RSAPrivateKey.register
class _RsaStandIn(_StandIn):
    pass


@ec.EllipticCurvePrivateKey.register
class _EcStandIn(_StandIn):
    pass


@ed25519.Ed25519PrivateKey.register
class _EdStandIn(_StandIn):
    pass


STAND_INS = (
    (rsa.RSAPublicKey, _RsaStandIn),
    (ec.EllipticCurvePublicKey, _EcStandIn),
    (ed25519.Ed25519PublicKey, _EdStandIn),
)


def _stand_in(issuer: object, signature: bytes = b"") -> _StandIn:
    for kind, stand_in in STAND_INS:
        if isinstance(issuer, kind):
            return stand_in(signature)
    raise FeatureNotSupported("an authority has a key of RSA, EC or Ed25519")


def to_be_signed(builder: x509.CertificateBuilder, issuer: PublicKey, hash_: HashAlgorithm | None) -> bytes:
    """Give what the issuer, with this public key, has to sign."""
    stand_in = _stand_in(issuer)
    builder.sign(stand_in, hash_)  # type: ignore[arg-type]  # registered as a private key
    return stand_in.message


def completed(
    builder: x509.CertificateBuilder, issuer: PublicKey, hash_: HashAlgorithm | None, signature: bytes
) -> bytes:
    """Give the certificate with the issuer's signature, in DER."""
    made = builder.sign(_stand_in(issuer, signature), hash_)  # type: ignore[arg-type]  # registered as a private key
    return made.public_bytes(Encoding.DER)


def is_signed(certificate: bytes, issuer: PublicKey) -> bool:
    """Tell whether a certificate in DER has the signature of the issuer with this public key."""
    made = x509.load_der_x509_certificate(certificate)
    hash_, parameters = made.signature_hash_algorithm, made.signature_algorithm_parameters
    arguments = [each for each in (parameters, hash_ if isinstance(issuer, rsa.RSAPublicKey) else None) if each]
    try:
        issuer.verify(made.signature, made.tbs_certificate_bytes, *arguments)  # type: ignore[union-attr,arg-type]
    except InvalidSignature:
        return False
    return True
