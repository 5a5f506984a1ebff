"""PKCS#12 files: a private key and its certificates under a password (RFC 7292)."""

from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_der_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from gateway.errors import InvalidField, KeyFormatTypeNotSupported


class Contents(NamedTuple):
    """What a file holds: the key in PKCS#8 and the certificates in DER, the key's own first."""

    key: bytes
    certificates: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"<a key and {len(self.certificates)} certificates>"


def write(contents: Contents, password: bytes, name: str | None) -> bytes:
    """Give a file, encrypted as well as PKCS#12 can (PBES2 with AES-256); the name is the key's Friendly Name.

    Raises:
        InvalidField: the password is empty.
        KeyFormatTypeNotSupported: no file can hold this, as the key is not the first certificate's.
    """
    if not password:
        raise InvalidField("a PKCS#12 file needs a password that is not empty")
    try:
        key = load_der_private_key(contents.key, None, unsafe_skip_rsa_key_validation=True)
        chain = [x509.load_der_x509_certificate(each) for each in contents.certificates]
        return serialize_key_and_certificates(
            None if name is None else name.encode(),
            key,  # type: ignore[arg-type]  # of all that it may be, the keys for agreement alone are refused
            chain[0] if chain else None,
            chain[1:],
            BestAvailableEncryption(password),
        )
    except (TypeError, ValueError):
        raise KeyFormatTypeNotSupported("this key and its certificates make no PKCS#12 file") from None
