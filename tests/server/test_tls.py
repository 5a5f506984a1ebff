"""Who may connect, and how: certificates, versions, suites, resumption."""

import ssl
import subprocess
import time
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from msgspec.structs import replace

from gateway.config import AccessConfig, TlsConfig
from gateway.errors import ConfigurationError
from gateway.server.trust import Trust
from tests.server.authority import DAY, Authority, Files
from tests.server.clients import ask, client_context, closed, connect, read_message, request
from tests.server.conftest import Serving

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def only(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    context.minimum_version = context.maximum_version = version
    return context


def refused(port: int, context: ssl.SSLContext) -> bool:
    """Tell whether the server refuses; a client of TLS 1.3 learns it only when it reads."""
    try:
        with connect(port, context) as sock:
            sock.sendall(request(b"anybody?"))
            return read_message(sock) == b""
    except (ssl.SSLError, ConnectionError):
        return True


@pytest.mark.parametrize("version", VERSIONS)
def test_identity_is_the_key_of_the_certificate(
    serving: Serving, context: ssl.SSLContext, client: Files, version: ssl.TLSVersion
) -> None:
    with serving() as server, connect(server.port, only(context, version)) as sock:
        assert ask(sock, b"hello   ") == b"hello   "
        assert ask(sock, b"again   ") == b"again   "
        spki = client.spki_owner().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert {peer.identity.name for peer in server.echo.peers} == {"cert:" + sha256(spki).hexdigest()}
        assert {(peer.identity.tenant, peer.address) for peer in server.echo.peers} == {("", "127.0.0.1")}


@pytest.mark.parametrize("version", VERSIONS)
def test_certificates_that_are_refused(
    serving: Serving, authority: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    bad = {
        "none": None,
        "of another authority": Authority(tmp_path / "other").issue("client"),
        "expired": authority.issue("expired", starts=-2 * DAY, ends=-DAY),
        "not yet valid": authority.issue("early", starts=DAY, ends=2 * DAY),
        "for servers": authority.issue("usage", usage=ExtendedKeyUsageOID.SERVER_AUTH),
    }
    with serving() as server:
        for what, files in bad.items():
            assert refused(server.port, only(client_context(authority.ca, files), version)), what
        assert not server.echo.peers


@pytest.mark.parametrize("version", VERSIONS)
def test_where_certificates_are_optional_a_wrong_one_is_still_refused(
    serving: Serving, authority: Authority, client: Files, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    with serving(access=AccessConfig(certificates="optional")) as server:
        for credential in (None, client):
            with connect(server.port, only(client_context(authority.ca, credential), version)) as sock:
                assert ask(sock, b"welcome ") == b"welcome "
        nobody, somebody = (peer.identity for peer in server.echo.peers)
        assert (nobody.name, nobody.tenant) == ("nobody", "")
        assert somebody.name.startswith("cert:")
        stranger = Authority(tmp_path / "other").issue("client")
        assert refused(server.port, only(client_context(authority.ca, stranger), version))


def test_a_root_of_the_same_name_is_another_authority(serving: Serving, authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "other", "test root").issue("client")
    with serving() as server:
        assert refused(server.port, client_context(authority.ca, stranger))


@pytest.mark.parametrize(("domain", "admitted"), [("localhost", True), ("example.com", False)])
def test_an_authority_vouches_only_for_names_that_it_may(
    serving: Serving, tls: TlsConfig, authority: Authority, tmp_path: Path, domain: str, admitted: bool
) -> None:
    constrained = Authority(tmp_path, "constrained", only=domain)
    with serving(tls=replace(tls, ca=constrained.ca)) as server:
        context = client_context(authority.ca, constrained.issue("client"))
        assert refused(server.port, context) is not admitted


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(serving: Serving, context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    context.minimum_version, context.maximum_version = version, version
    context.set_ciphers("ALL:@SECLEVEL=0")
    with serving() as server, pytest.raises(ssl.SSLError, match=r"alert|ALERT"):
        connect(server.port, context)


@pytest.mark.parametrize(
    "suite", ["AES128-SHA256", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "aNULL:eNULL", "PSK"]
)
def test_weak_suites_are_refused(serving: Serving, context: ssl.SSLContext, suite: str) -> None:
    only(context, ssl.TLSVersion.TLSv1_2).set_ciphers(f"{suite}:@SECLEVEL=0")
    with serving() as server, pytest.raises((ssl.SSLError, ConnectionError)):
        connect(server.port, context)


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256"])
def test_suites_of_appliances_are_there(serving: Serving, context: ssl.SSLContext, suite: str) -> None:
    only(context, ssl.TLSVersion.TLSv1_2).set_ciphers(suite)
    with serving() as server, connect(server.port, context) as sock:
        cipher = sock.cipher()
        assert cipher and cipher[0] == suite
        assert sock.compression() is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_resumed_with_its_client_certificate(
    serving: Serving, context: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    only(context, version)
    with serving() as server:
        with connect(server.port, context) as sock:
            ask(sock, b"first   ")
            session = sock.session
        with connect(server.port, context, session) as sock:
            assert ask(sock, b"second  ") == b"second  "
            assert sock.session_reused
        first, second = server.echo.peers
        assert first == second


def test_a_resumed_session_ends_with_its_certificate(
    serving: Serving, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = client_context(authority.ca, authority.issue("short", ends=timedelta(hours=1)))
    later = time.time() + 7200
    with serving() as server:
        with connect(server.port, short) as sock:
            ask(sock, b"first   ")
            session = sock.session
        with monkeypatch.context() as patch:
            patch.setattr("gateway.server.peer.time.time", lambda: later)
            with connect(server.port, short, session) as sock:
                assert sock.session_reused
                assert closed(sock)
        assert len(server.echo.peers) == 1


def test_minimum_version(serving: Serving, context: ssl.SSLContext, tls: TlsConfig) -> None:
    only(context, ssl.TLSVersion.TLSv1_2)
    with serving(tls=replace(tls, minimum_version="1.3")) as server:
        assert refused(server.port, context)


def test_clients_are_told_which_authorities_count(serving: Serving) -> None:
    """A client with several certificates chooses by it; OpenSSL's own client shows what it was told."""
    with serving() as server:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-no_ign_eof"]
        shown = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    assert "Acceptable client certificate CA names\nCN = test root" in shown.stdout.replace("CN=", "CN = ")


def test_faults_of_the_files_are_sentences(tls: TlsConfig, client: Files, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    missing = tmp_path / "missing.pem"
    faults = {
        "ca: .*cannot be read": replace(tls, ca=missing),
        "certificate: .*cannot be read": replace(tls, certificate=missing),
        "key: .*cannot be read": replace(tls, key=missing),
        "ca: .*no certificate": replace(tls, ca=nonsense),
        "certificate: .*no certificate": replace(tls, certificate=nonsense),
        "key: .*no private key": replace(tls, key=nonsense),
        "key: .*is not the key of": replace(tls, key=client.key),
    }
    for sentence, config in faults.items():
        with pytest.raises(ConfigurationError, match=sentence):
            Trust(config)
