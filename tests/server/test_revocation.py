"""Who is let in when authorities take certificates back; what the lists must be like."""

import ssl
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace
from structlog.testing import capture_logs

from gateway.config import TlsConfig
from gateway.errors import ConfigurationError
from gateway.server.peer import CertificateRefused
from gateway.server.revocation import Revocation, read_lists
from gateway.server.trust import Trust
from tests.server.authority import DAY, Authority, Files
from tests.server.clients import ask, client_context, closed, connect
from tests.server.conftest import Serving

PEM, DER = Encoding.PEM, Encoding.DER


def revocation(
    lists: Sequence[x509.CertificateRevocationList], *authorities: Authority, hard: bool = True
) -> Revocation:
    files = [("list", each.public_bytes(PEM)) for each in lists]
    return Revocation(read_lists(files, [each.certificate for each in authorities]), hard=hard)


@pytest.fixture
def listed(authority: Authority, tls: TlsConfig, tmp_path: Path) -> TlsConfig:
    """Give [tls] with a list, in which nobody is."""
    path = tmp_path / "list.pem"
    path.write_bytes(authority.revoke().public_bytes(PEM))
    return replace(tls, crl=(path,))


def test_who_is_revoked_is_refused_at_the_handshake_and_others_are_not(
    serving: Serving, authority: Authority, client: Files, listed: TlsConfig
) -> None:
    taken_back = authority.issue("taken back")
    listed.crl[0].write_bytes(authority.revoke(taken_back.spki_owner()).public_bytes(PEM))
    with serving(tls=listed) as server:
        with connect(server.port, client_context(authority.ca, taken_back)) as sock:
            assert closed(sock)
        with connect(server.port, client_context(authority.ca, client)) as sock:
            assert ask(sock, b"welcome ") == b"welcome "


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_resumed_session_and_an_open_connection_are_asked_after_again(
    serving: Serving, authority: Authority, client: Files, listed: TlsConfig, version: ssl.TLSVersion
) -> None:
    context = client_context(authority.ca, client)
    context.maximum_version = version
    with serving(tls=listed) as server, connect(server.port, context) as kept:
        ask(kept, b"first   ")
        listed.crl[0].write_bytes(authority.revoke(client.spki_owner()).public_bytes(PEM))
        server.reload()
        with connect(server.port, context, kept.session) as sock:
            assert sock.session_reused
            assert closed(sock)
        kept.sendall(b"\x42\x00\x78\x01\x00\x00\x00\x00")
        assert closed(kept)
        assert server.echo.begun == [b"first   "]


def test_a_list_that_goes_out_of_date_ends_open_connections(
    serving: Serving, context: ssl.SSLContext, listed: TlsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.time() + 90_000
    with serving(tls=listed) as server, connect(server.port, context) as sock:
        ask(sock, b"in date ")
        with monkeypatch.context() as patch:
            patch.setattr("gateway.server.connection.time.time", lambda: later)
            sock.sendall(b"\x42\x00\x78\x01\x00\x00\x00\x00")
            assert closed(sock)
        assert len(server.echo.begun) == 1


def test_a_certificate_that_ends_ends_its_open_connections(
    serving: Serving, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = client_context(authority.ca, authority.issue("short lived", ends=timedelta(hours=1)))
    later = time.time() + 7200
    with serving() as server, connect(server.port, short) as sock:
        ask(sock, b"in date ")
        with monkeypatch.context() as patch:
            patch.setattr("gateway.server.connection.time.time", lambda: later)
            sock.sendall(b"\x42\x00\x78\x01\x00\x00\x00\x00")
            assert closed(sock)
        assert len(server.echo.begun) == 1


@pytest.mark.parametrize("reason", ["out of date", "of another issuer"])
def test_an_issuer_without_a_list_in_date_vouches_for_nobody_unless_the_policy_is_soft(
    authority: Authority, client: Files, tmp_path: Path, reason: str
) -> None:
    other = Authority(tmp_path, "other root")
    found = authority.revoke(ends=-DAY) if reason == "out of date" else other.revoke()
    now = time.time()
    with pytest.raises(CertificateRefused, match="revocation list of its issuer"):
        revocation([found], authority, other).check(client.spki_owner(), now)
    soft = revocation([found], authority, other, hard=False)
    with capture_logs() as logs:
        for _ in range(3):
            assert soft.check(client.spki_owner(), now) > now
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("revocation is not known", "error")]


def test_who_is_on_a_list_out_of_date_is_refused_though_the_policy_is_soft(authority: Authority, client: Files) -> None:
    found = authority.revoke(client.spki_owner(), ends=-DAY)
    with pytest.raises(CertificateRefused, match="certificate revoked"):
        revocation([found], authority, hard=False).check(client.spki_owner(), time.time())


def test_an_issuer_that_is_revoked_vouches_for_nobody(authority: Authority, tmp_path: Path) -> None:
    issuing = Authority(tmp_path, "issuing", authority)
    client = issuing.issue("below").spki_owner()
    lists = [issuing.revoke(), authority.revoke()]
    assert revocation(lists, authority, issuing).check(client, time.time()) > time.time()
    lists = [issuing.revoke(), authority.revoke(issuing.certificate)]
    with pytest.raises(CertificateRefused, match="issuer of the certificate revoked"):
        revocation(lists, authority, issuing).check(client, time.time())


def test_a_list_of_another_authority_of_that_name_is_refused(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="signed by no authority in ca"):
        revocation([Authority(tmp_path, "test root").revoke()], authority)


@pytest.mark.parametrize(
    "extension",
    [
        x509.DeltaCRLIndicator(1),
        x509.IssuingDistributionPoint(None, None, False, False, None, True, False),
        x509.IssuingDistributionPoint(None, None, False, True, None, False, False),
        x509.IssuingDistributionPoint(None, None, False, False, frozenset([x509.ReasonFlags.superseded]), False, False),
    ],
    ids=["delta", "indirect", "of authorities", "of some reasons"],
)
def test_a_list_that_is_not_complete_is_refused(authority: Authority, extension: x509.ExtensionType) -> None:
    with pytest.raises(ConfigurationError, match="give a complete list"):
        revocation([authority.revoke(extension=extension)], authority)


def test_lists_come_in_der_or_several_in_one_file_of_pem(authority: Authority, client: Files, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other root")
    ours, theirs = authority.revoke(client.spki_owner()), other.revoke()
    files = {"der": ours.public_bytes(DER), "pem": b"# comment\n" + theirs.public_bytes(PEM) + ours.public_bytes(PEM)}
    for name, content in files.items():
        lists = read_lists([(name, content)], [authority.certificate, other.certificate])
        with pytest.raises(CertificateRefused, match="certificate revoked"):
            Revocation(lists).check(client.spki_owner(), time.time())


def test_faults_of_lists_are_sentences(tls: TlsConfig, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    with pytest.raises(ConfigurationError, match=r"\[tls\] crl: .*nonsense.pem holds no revocation list"):
        Trust(replace(tls, crl=(nonsense,)))
    with pytest.raises(ConfigurationError, match=r"\[tls\] crl: .*missing.pem cannot be read"):
        Trust(replace(tls, crl=(tmp_path / "missing.pem",)))
