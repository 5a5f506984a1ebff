"""Certificate requests: what is asked to be certified, once the asker has proved to hold the private key.

The rule here: nothing is taken out of a request whose signature is not right, and everything in it is a wish.
"""

from collections.abc import Callable
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from gateway.errors import FeatureNotSupported, InvalidCSR
from gateway.keys import crmf
from gateway.keys.curves import PublicKey
from gateway.kmip.enums import CertificateRequestType

T = CertificateRequestType
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 16384
MIN_CURVE_BITS = 224
# SHA-1 proves possession still, which takes a second preimage to forge, and clients of appliances sign with it.
HASHES = (hashes.SHA1, hashes.SHA224, hashes.SHA256, hashes.SHA384, hashes.SHA512, hashes.SHA3_256, hashes.SHA3_384)


UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class Requested(NamedTuple):
    """What is asked to be certified; the extensions are those that the certificate is to have."""

    subject: x509.Name
    public_key: PublicKey
    extensions: x509.Extensions


class Parsed(NamedTuple):
    """A request as PKCS#10 has it, and the bytes that its signature is over."""

    request: x509.CertificateSigningRequest
    signed: bytes


def parsed(kind: CertificateRequestType, raw: bytes) -> Parsed | None:
    """Give a request that is well formed, whoever signed it; None for those of a type that is not read.

    Raises:
        InvalidCSR: it is no such request.
    """
    reader = READERS.get(kind)
    if reader is None:
        return None
    try:
        found = reader(raw)
        _ = found.request.public_key(), found.request.subject, found.request.extensions
    except UNREADABLE:
        raise InvalidCSR(f"this is no certificate request of type {kind.token}") from None
    return found


def read(kind: CertificateRequestType, raw: bytes) -> Requested:
    """Read a request.

    Raises:
        InvalidCSR: it is no such request, its signature is wrong, or its key is of a kind that is not certified.
        FeatureNotSupported: requests of this type are not read.
    """
    found = parsed(kind, raw)
    if found is None:
        raise FeatureNotSupported(f"certificate requests of type {kind.token} are not read")
    key = found.request.public_key()
    if not isinstance(key, SIGNERS) or not _is_signed(found, key):
        raise InvalidCSR("the certificate request is not signed by the private key of its public key")
    check(key)
    return Requested(found.request.subject, key, found.request.extensions)


SIGNERS = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)
Signer = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
READERS: dict[CertificateRequestType, Callable[[bytes], Parsed]] = {
    T.PKCS_10: lambda raw: _whole(x509.load_der_x509_csr(raw)),
    T.PEM: lambda raw: _whole(x509.load_pem_x509_csr(raw)),
    T.CRMF: lambda raw: Parsed(*crmf.as_pkcs10(raw)),
}


def _whole(request: x509.CertificateSigningRequest) -> Parsed:
    return Parsed(request, request.tbs_certrequest_bytes)


def check(key: PublicKey) -> None:
    """Check that a key is one to put a name to.

    Raises:
        InvalidCSR: it is too weak, or of a kind that is not certified.
    """
    if isinstance(key, rsa.RSAPublicKey):
        fits = MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS
    elif isinstance(key, ec.EllipticCurvePublicKey):
        fits = key.key_size >= MIN_CURVE_BITS
    else:
        fits = isinstance(key, SIGNERS)
    if not fits:
        raise InvalidCSR("keys of this kind or length are not certified")


def _is_signed(found: Parsed, key: Signer) -> bool:
    request = found.request
    try:
        hash_, parameters = request.signature_hash_algorithm, request.signature_algorithm_parameters
        if hash_ is not None and not isinstance(hash_, HASHES):
            return False
        arguments = [each for each in (parameters, hash_ if isinstance(key, rsa.RSAPublicKey) else None) if each]
        key.verify(request.signature, found.signed, *arguments)  # type: ignore[arg-type]
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):  # or the algorithm is not for such a key
        return False
    return True
