"""Which client certificates their authorities have taken back: certificate revocation lists, one or more per issuer.

The rule of the room: a list counts only if one of the authorities in `tls.ca` has signed it, and an issuer without a
list that is in date vouches for nobody, unless `crl_policy` is "soft" (RFC 5280 section 5 CRL Profile, section 6.3).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import inf

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import Certificate, CertificateRevocationList, ExtensionNotFound
from msgspec import Struct

from gateway.errors import ConfigurationError
from gateway.server.peer import CertificateRefused

PEM_BEGIN = b"-----BEGIN X509 CRL-----"

log = structlog.get_logger()


class RevocationList(Struct, frozen=True):
    """What one list says: the serial numbers, and until when it is to be believed, in seconds since 1970."""

    authority: Certificate
    serial_numbers: frozenset[int]
    next_update: float


class Revocation:
    """The lists in use at present; without any, nothing is asked of them."""

    def __init__(self, lists: Sequence[RevocationList] = (), *, hard: bool = True) -> None:
        self._lists = lists
        self._hard = hard
        self._told: set[str] = set()  # of which issuer an alarm was raised

    def check(self, certificate: Certificate, now: float) -> float:
        """Give until when the lists say nothing against a certificate, in seconds since 1970.

        Raises:
            CertificateRefused: it is revoked, so is its issuer, or no list tells and the policy is hard.
        """
        if not self._lists:
            return inf
        of_issuer = [each for each in self._lists if _issued(each.authority, certificate)]
        if not of_issuer:
            return self._untold(certificate, "no revocation list of its issuer")
        if any(certificate.serial_number in each.serial_numbers for each in of_issuer):
            raise CertificateRefused("certificate revoked")
        if any(self._is_revoked(each.authority) for each in of_issuer):
            raise CertificateRefused("issuer of the certificate revoked")
        until = max(each.next_update for each in of_issuer)
        return until if until > now else self._untold(certificate, "revocation list of its issuer is out of date")

    def _is_revoked(self, authority: Certificate) -> bool:
        return any(
            authority.serial_number in each.serial_numbers and _issued(each.authority, authority)
            for each in self._lists
        )

    def _untold(self, certificate: Certificate, reason: str) -> float:
        """Refuse where no list tells, or raise one alarm for each issuer and let it pass."""
        if self._hard:
            raise CertificateRefused(reason)
        issuer = certificate.issuer.rfc4514_string()
        if issuer not in self._told:
            self._told.add(issuer)
            log.error("revocation is not known", issuer=issuer, reason=reason)
        return inf


def read_lists(files: Iterable[tuple[str, bytes]], authorities: Sequence[Certificate]) -> list[RevocationList]:
    """Give the lists in files, each a name for the operator and its content: one list in DER, or several in PEM.

    Raises:
        ConfigurationError: a file has none, one that no authority has signed, or one that says more than is understood.
    """
    return [_understood(name, each, authorities) for name, content in files for each in _parse(name, content)]


def _parse(name: str, content: bytes) -> list[CertificateRevocationList]:
    begun = content.split(PEM_BEGIN)[1:]
    try:
        if begun:
            return [x509.load_pem_x509_crl(PEM_BEGIN + each) for each in begun]
        return [x509.load_der_x509_crl(content)]
    except ValueError:
        raise ConfigurationError(f"[tls] crl: {name} holds no revocation list in PEM or DER form.") from None


def _understood(name: str, found: CertificateRevocationList, authorities: Sequence[Certificate]) -> RevocationList:
    authority = next((each for each in authorities if _signed(each, found)), None)
    if authority is None:
        sentence = f"[tls] crl: {name} is signed by no authority in ca; put the certificate of its issuer there."
        raise ConfigurationError(sentence)
    if not _is_complete(found):
        raise ConfigurationError(f"[tls] crl: {name} is for some certificates or changes only; give a complete list.")
    end = found.next_update_utc
    if end is None:
        raise ConfigurationError(f"[tls] crl: {name} does not say when the next one is due.")
    if end < datetime.now(UTC):
        log.error("revocation list is out of date", file=name, next_update=end.isoformat())
    return RevocationList(authority, frozenset(each.serial_number for each in found), end.timestamp())


def _is_complete(found: CertificateRevocationList) -> bool:
    """Tell whether a list is for all client certificates of its own issuer, and has nothing critical that is strange.

    An indirect list says whose its entries are by a critical extension of theirs, and of its distribution point.
    """
    for extension in found.extensions:
        value = extension.value
        if isinstance(value, x509.IssuingDistributionPoint):
            partial = value.only_contains_ca_certs or value.only_contains_attribute_certs or value.only_some_reasons
            if partial or value.indirect_crl:
                return False
        elif extension.critical:
            return False
    return True


def _signed(authority: Certificate, found: CertificateRevocationList) -> bool:
    """Tell whether an authority has signed a list, by its key and not by its name alone."""
    if authority.subject != found.issuer or not _may_sign_lists(authority):
        return False
    try:
        return found.is_signature_valid(authority.public_key())  # type: ignore[arg-type]  # other keys raise TypeError
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False


def _may_sign_lists(authority: Certificate) -> bool:
    try:
        return authority.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except ExtensionNotFound:
        return True


def _issued(authority: Certificate, certificate: Certificate) -> bool:
    """Tell whether an authority has signed a certificate; two may have one name."""
    if authority.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
