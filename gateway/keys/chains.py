"""Chains of X.509 certificates: put in order, and judged (RFC 5280 section 6, without policies and name constraints).

Nothing here decides whom to trust, and nothing is fetched from anywhere.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtensionOID

from gateway.errors import InvalidField

MAX_CHAIN = 16
# Extensions that are looked at here, or that say nothing about whether the chain holds.
E = ExtensionOID
UNDERSTOOD = frozenset(
    {
        E.BASIC_CONSTRAINTS,
        E.KEY_USAGE,
        E.EXTENDED_KEY_USAGE,
        E.SUBJECT_ALTERNATIVE_NAME,
        E.ISSUER_ALTERNATIVE_NAME,
        E.SUBJECT_KEY_IDENTIFIER,
        E.AUTHORITY_KEY_IDENTIFIER,
        E.CERTIFICATE_POLICIES,
        E.CRL_DISTRIBUTION_POINTS,
    }
)

# What reading one may raise; TypeError for a name in bits that is no x500UniqueIdentifier.
UNREADABLE = (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


def read(der: bytes) -> x509.Certificate:
    """Give a certificate, its extensions known to be readable.

    Raises:
        InvalidField: it is no X.509 certificate in DER, or has extensions that nobody reads.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.extensions, certificate.subject, certificate.issuer
    except UNREADABLE:
        raise InvalidField("this is no X.509 certificate in DER") from None
    return certificate


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether one certificate is named as another's issuer and has signed it, by a hash still to be believed."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def signs_itself(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate is the end of every chain that it is in."""
    return certificate.subject == certificate.issuer and signed_by(certificate, certificate)


def in_order(certificates: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Give certificates as one chain, each signed by the next; nothing when they make none."""
    rest = list(dict.fromkeys(certificates))
    issuers = {each.issuer for each in rest if each.issuer != each.subject}
    leaves = [each for each in rest if each.subject not in issuers]
    if len(leaves) != 1:
        return []
    chain = leaves
    rest.remove(chain[0])
    while rest:
        above = next((each for each in rest if signed_by(chain[-1], each)), None)
        if above is None:
            return []
        chain.append(above)
        rest.remove(above)
    return chain


def holds(chain: Sequence[x509.Certificate], moment: datetime) -> bool:
    """Tell whether every certificate of a chain in order is valid at a moment, and every issuer may be one."""
    return (
        all(each.not_valid_before_utc <= moment <= each.not_valid_after_utc for each in chain)
        and all(_may_issue(above, below) for below, above in enumerate(chain) if below)
        and all(signed_by(below, above) for below, above in pairwise(chain))
    )


def understood(chain: Iterable[x509.Certificate]) -> bool:
    """Tell whether no certificate has a critical extension that is not looked at here."""
    extensions = (extension for each in chain for extension in each.extensions)
    return all(extension.oid in UNDERSTOOD for extension in extensions if extension.critical)


def _may_issue(certificate: x509.Certificate, below: int) -> bool:
    """Tell whether a certificate may stand above so many others."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    # The certificate at the end of the chain does not count (section 4.2.1.9).
    short = constraints.path_length is None or below - 1 <= constraints.path_length
    return constraints.ca and short and _signs_certificates(certificate)


def _signs_certificates(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True
