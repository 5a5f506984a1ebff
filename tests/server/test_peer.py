"""What is taken from a certificate, and which certificates nothing is taken from, whoever has signed them."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from cryptography.x509.oid import NameOID

from gateway.server.peer import CertificateRefused, peer_of

DAY = timedelta(days=1)
KEY = ec.generate_private_key(ec.SECP256R1())
AUTHORITY = ec.generate_private_key(ec.SECP256R1())


def named(*common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each) for each in common])


def certificate(*common, names=(), purposes=(Purpose.CLIENT_AUTH,), begins=-DAY, ends=DAY, authority=AUTHORITY):
    """Give a certificate of these common names and alternative names."""
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        named("root"), named(*common), KEY.public_key(), x509.random_serial_number(), now + begins, now + ends
    )
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    builder = builder.add_extension(issuer, critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(authority, SHA256())


URI, DNS = x509.UniformResourceIdentifier("spiffe://example/anna"), x509.DNSName("Anna.example")

REFUSED = {
    "expired": (certificate("anna", begins=-2 * DAY, ends=-DAY), "expired"),
    "not yet valid": (certificate("anna", begins=DAY, ends=2 * DAY), "not valid yet"),
    "for servers": (certificate("anna", purposes=(Purpose.SERVER_AUTH,)), "not for TLS clients"),
    "without a name": (certificate(), "names nobody"),
    "of a blank name": (certificate(" "), "names nobody"),
    "with an address alone": (certificate(names=[x509.RFC822Name("anna@example")]), "names nobody"),
    "of every name": (certificate("*"), "more than one client"),
    "of a blank and every name": (certificate("anna", " * "), "more than one client"),
    "of a domain's names": (certificate("anna", names=[x509.DNSName("*.example")]), "more than one client"),
    "of too many names": (certificate("anna", names=[x509.DNSName(f"{n}.example") for n in range(20)]), "too many"),
    "of a long name": (certificate("anna", names=[x509.UniformResourceIdentifier("x:" + "a" * 600)]), "too long"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_certificates_that_name_no_client(what):
    shown, why = REFUSED[what]
    with pytest.raises(CertificateRefused, match=why):
        peer_of(shown, "192.0.2.1")


def test_what_a_certificate_shows():
    peer = peer_of(certificate("anna", names=[URI, DNS], purposes=()), "192.0.2.1")
    spki = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert peer.shown.key == sha256(spki).hexdigest()
    assert (peer.shown.issuer, peer.shown.subject) == ("CN=root", "CN=anna")
    assert (peer.shown.uris, peer.shown.dns) == (("spiffe://example/anna",), ("anna.example",))
    # Until somebody has said which client this is, it has no tenant and may do nothing.
    assert (peer.identity.tenant, peer.roles) == ("", ())


def test_an_alternative_name_is_name_enough():
    assert peer_of(certificate(names=[URI]), "").shown.subject == ""


def test_one_name_of_two_authorities_of_one_name_shows_other_facts():
    other = ec.generate_private_key(ec.SECP256R1())
    mine, theirs = (peer_of(certificate("anna", authority=each), "").shown.facts() for each in (AUTHORITY, other))
    assert [each.method for each in mine] == ["key", "subject"]
    assert mine[0] == theirs[0] and mine[1] != theirs[1]


def test_a_peer_without_a_certificate_shows_nothing():
    peer = peer_of(None, "192.0.2.1")
    assert (peer.shown.key, peer.identity.tenant, peer.roles) == ("", "", ())
