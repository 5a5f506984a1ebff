"""What an X.509 certificate says of itself, as attributes (KMIP 2.1 sections 4.7 to 4.9 and 4.69 to 4.71).

1.0 has issuer and subject as text in the manner of RFC 4514, 1.1 adds them in DER, and 1.4 the parts of both names.
"""

from collections.abc import Iterator
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from gateway.errors import InvalidField
from gateway.keyblocks import describe
from gateway.keys.curves import PUBLIC
from gateway.kmip.enums import CertificateType, DigitalSignatureAlgorithm
from gateway.kmip.structure import Attribute, Attributes, Value
from gateway.kmip.tags import Tag
from gateway.kmip.values import (
    CertificateIdentifier,
    CertificateIssuer,
    CertificateSubject,
    X509CertificateIdentifier,
    X509CertificateIssuer,
    X509CertificateSubject,
)

D, S = DigitalSignatureAlgorithm, SignatureAlgorithmOID
SIGNATURES = {
    S.RSA_WITH_MD5: D.MD5_WITH_RSA_ENCRYPTION,
    S.RSA_WITH_SHA1: D.SHA_1_WITH_RSA_ENCRYPTION,
    S.RSA_WITH_SHA224: D.SHA_224_WITH_RSA_ENCRYPTION,
    S.RSA_WITH_SHA256: D.SHA_256_WITH_RSA_ENCRYPTION,
    S.RSA_WITH_SHA384: D.SHA_384_WITH_RSA_ENCRYPTION,
    S.RSA_WITH_SHA512: D.SHA_512_WITH_RSA_ENCRYPTION,
    S.RSA_WITH_SHA3_256: D.SHA3_256_WITH_RSA_ENCRYPTION,
    S.RSA_WITH_SHA3_384: D.SHA3_384_WITH_RSA_ENCRYPTION,
    S.RSA_WITH_SHA3_512: D.SHA3_512_WITH_RSA_ENCRYPTION,
    S.RSASSA_PSS: D.RSASSA_PSS,
    S.DSA_WITH_SHA1: D.DSA_WITH_SHA_1,
    S.DSA_WITH_SHA224: D.DSA_WITH_SHA224,
    S.DSA_WITH_SHA256: D.DSA_WITH_SHA256,
    S.ECDSA_WITH_SHA1: D.ECDSA_WITH_SHA_1,
    S.ECDSA_WITH_SHA224: D.ECDSA_WITH_SHA224,
    S.ECDSA_WITH_SHA256: D.ECDSA_WITH_SHA256,
    S.ECDSA_WITH_SHA384: D.ECDSA_WITH_SHA384,
    S.ECDSA_WITH_SHA512: D.ECDSA_WITH_SHA512,
}


class NamePart(NamedTuple):
    """An attribute type of X.500 and the attributes that it is in the subject's and the issuer's name."""

    oid: x509.ObjectIdentifier
    subject: Tag
    issuer: Tag


N, T = NameOID, Tag
NAME_PARTS = (
    NamePart(N.COMMON_NAME, T.CERTIFICATE_SUBJECT_CN, T.CERTIFICATE_ISSUER_CN),
    NamePart(N.ORGANIZATION_NAME, T.CERTIFICATE_SUBJECT_O, T.CERTIFICATE_ISSUER_O),
    NamePart(N.ORGANIZATIONAL_UNIT_NAME, T.CERTIFICATE_SUBJECT_OU, T.CERTIFICATE_ISSUER_OU),
    NamePart(N.EMAIL_ADDRESS, T.CERTIFICATE_SUBJECT_EMAIL, T.CERTIFICATE_ISSUER_EMAIL),
    NamePart(N.COUNTRY_NAME, T.CERTIFICATE_SUBJECT_C, T.CERTIFICATE_ISSUER_C),
    NamePart(N.STATE_OR_PROVINCE_NAME, T.CERTIFICATE_SUBJECT_ST, T.CERTIFICATE_ISSUER_ST),
    NamePart(N.LOCALITY_NAME, T.CERTIFICATE_SUBJECT_L, T.CERTIFICATE_ISSUER_L),
    NamePart(N.USER_ID, T.CERTIFICATE_SUBJECT_UID, T.CERTIFICATE_ISSUER_UID),
    NamePart(N.SERIAL_NUMBER, T.CERTIFICATE_SUBJECT_SERIAL_NUMBER, T.CERTIFICATE_ISSUER_SERIAL_NUMBER),
    NamePart(N.TITLE, T.CERTIFICATE_SUBJECT_TITLE, T.CERTIFICATE_ISSUER_TITLE),
    NamePart(N.DOMAIN_COMPONENT, T.CERTIFICATE_SUBJECT_DC, T.CERTIFICATE_ISSUER_DC),
    NamePart(N.DN_QUALIFIER, T.CERTIFICATE_SUBJECT_DN_QUALIFIER, T.CERTIFICATE_ISSUER_DN_QUALIFIER),
)


def attributes_of(kind: CertificateType, value: bytes) -> Attributes:
    """Give the attributes that follow from a certificate; the length is in bytes, of its key in bits.

    Raises:
        InvalidField: it is not an X.509 certificate in DER, and said to be one.
    """
    common = (Attribute(T.CERTIFICATE_TYPE, kind), Attribute(T.CERTIFICATE_LENGTH, len(value)))
    if kind is not CertificateType.X_509:
        return common
    try:
        certificate = x509.load_der_x509_certificate(value)
        found = (*_names(certificate), *_key(certificate), *_signature(certificate))
    except (ValueError, TypeError, x509.InvalidVersion):  # TypeError: a name in bits that is no x500UniqueIdentifier
        raise InvalidField("the Certificate Value is not an X.509 certificate in DER") from None
    return (*common, *found)


def _names(certificate: x509.Certificate) -> Iterator[Attribute]:
    subject, issuer = certificate.subject, certificate.issuer
    serial = _serial(certificate.serial_number)
    alternatives = _alternatives(certificate, x509.SubjectAlternativeName)
    issuer_alternatives = _alternatives(certificate, x509.IssuerAlternativeName)
    yield Attribute(
        T.X_509_CERTIFICATE_IDENTIFIER,
        X509CertificateIdentifier(
            issuer_distinguished_name=issuer.public_bytes(),
            certificate_serial_number=bytes((0x02, len(serial))) + serial,
        ),
    )
    yield Attribute(
        T.X_509_CERTIFICATE_SUBJECT,
        X509CertificateSubject(
            subject_distinguished_name=subject.public_bytes(), subject_alternative_name=alternatives
        ),
    )
    yield Attribute(
        T.X_509_CERTIFICATE_ISSUER,
        X509CertificateIssuer(
            issuer_distinguished_name=issuer.public_bytes(), issuer_alternative_name=issuer_alternatives
        ),
    )
    yield from _texts(subject, issuer, serial)
    for part in NAME_PARTS:
        yield from _parts(part.subject, subject, part.oid)
        yield from _parts(part.issuer, issuer, part.oid)


def _texts(subject: x509.Name, issuer: x509.Name, serial: bytes) -> Iterator[Attribute]:
    """Give the names as 1.x wants them."""
    issuer_text = issuer.rfc4514_string()
    values: tuple[tuple[Tag, Value], ...] = (
        (T.CERTIFICATE_IDENTIFIER, CertificateIdentifier(issuer=issuer_text, serial_number=_spelled(serial))),
        (
            T.CERTIFICATE_SUBJECT,
            CertificateSubject(certificate_subject_distinguished_name=subject.rfc4514_string()),
        ),
        (T.CERTIFICATE_ISSUER, CertificateIssuer(certificate_issuer_distinguished_name=issuer_text)),
    )
    for tag, value in values:
        yield Attribute(tag, value)


def _spelled(serial: bytes) -> str:
    """Give a serial number as the test cases of 1.x have it: upper case, and no zeros in front that only DER needs."""
    return (serial.lstrip(bytes(1)) or bytes(1)).hex().upper()


def _serial(number: int) -> bytes:
    """Give the content of the DER INTEGER."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def _alternatives(
    certificate: x509.Certificate, kind: type[x509.SubjectAlternativeName] | type[x509.IssuerAlternativeName]
) -> tuple[bytes, ...]:
    """Give the whole extension's value in DER, where the certificate has it."""
    try:
        return (certificate.extensions.get_extension_for_class(kind).value.public_bytes(),)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return ()


def _parts(tag: Tag, name: x509.Name, oid: x509.ObjectIdentifier) -> Iterator[Attribute]:
    for index, part in enumerate(name.get_attributes_for_oid(oid)):
        value = part.value
        yield Attribute(tag, value if isinstance(value, str) else value.hex(), index)


def _key(certificate: x509.Certificate) -> Iterator[Attribute]:
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return
    if isinstance(key, PUBLIC):
        algorithm, lengths = describe(key)
        yield Attribute(T.CRYPTOGRAPHIC_ALGORITHM, algorithm)
        yield Attribute(T.CRYPTOGRAPHIC_LENGTH, lengths[0])


def _signature(certificate: x509.Certificate) -> Iterator[Attribute]:
    algorithm = SIGNATURES.get(certificate.signature_algorithm_oid)
    if algorithm is not None:
        yield Attribute(T.DIGITAL_SIGNATURE_ALGORITHM, algorithm)
