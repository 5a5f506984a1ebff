"""Reading files again while the gateway serves: all processes follow, or none; nobody's request is lost."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.errors import ConfigurationError
from gateway.server import administration
from gateway.server.administration import ask_reload
from gateway.token.setup import set_up_token
from tests.server.authority import Authority, Files
from tests.server.clients import ask, client_context, closed
from tests.server.test_processes import START_TIMEOUT_S, Gateway, events, eventually, start
from tests.token.conftest import softhsm


class Site:
    """A running gateway and the folder of its files."""

    def __init__(self, folder: Path, gateway: Gateway, authority: Authority, client: Files) -> None:
        self.folder = folder
        self.gateway = gateway
        self.authority = authority
        self.client = client

    def shown(self) -> bytes:
        """Give the certificate that a new connection sees."""
        with self.gateway.connect() as sock:
            return sock.getpeercert(binary_form=True) or b""

    def install(self, server: Files) -> bytes:
        """Put another certificate for the server in its place, and give it as a connection shows it."""
        shutil.copy(server.certificate, self.folder / "server.pem")
        shutil.copy(server.key, self.folder / "server.key")
        return server.spki_owner().public_bytes(Encoding.DER)

    def configure(self, key: str, value: str) -> None:
        path = self.folder / "gateway.toml"
        text, times = re.subn(rf"^{key} = .*$", f"{key} = {value}", path.read_text(), flags=re.MULTILINE)
        assert times == 1
        path.write_text(text)

    def revoke(self, *clients: Files) -> None:
        found = self.authority.revoke(*(each.spki_owner() for each in clients))
        (self.folder / "list.pem").write_bytes(found.public_bytes(Encoding.PEM))

    def command(self) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "gateway", "reload", "--config", str(self.folder / "gateway.toml")]
        return subprocess.run(command, capture_output=True, text=True, timeout=START_TIMEOUT_S)

    def policies(self) -> set[str]:
        """Give what the front ends answer by; there are enough connections for all of them."""
        kept = [self.gateway.connect() for _ in range(8)]
        answers = {(ask(sock, b"pid"), ask(sock, b"policy")) for sock in kept}
        for sock in kept:
            sock.close()
        assert len({pid for pid, _ in answers}) == 2
        return {policy.decode() for _, policy in answers}


@pytest.fixture
def site(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path / ("a folder whose name alone is longer than the address of a socket may be " + 60 * "x")
    authority = Authority(folder / "pki")
    client = authority.issue("client")
    settings = softhsm(folder)
    set_up_token(settings, so_pin="security officer")
    toml = folder / "gateway.toml"
    toml.write_text(f"""
version = "v1"
[server]
kmip_port = 0
front_ends = 2
token_workers = 1
[tls]
ca = "ca.pem"
certificate = "server.pem"
key = "server.key"
crl = ["list.pem"]
[kmip]
policy = "default"
[token]
module = "{settings.module}"
label = "{settings.label}"
pin_file = "{settings.pin_file}"
environment = {{ SOFTHSM2_CONF = "{settings.environment["SOFTHSM2_CONF"]}" }}
""")
    shutil.copy(authority.ca, folder / "ca.pem")
    site = Site(folder, None, authority, client)  # type: ignore[arg-type]  # which is there as soon as its files are
    site.install(authority.server())
    site.revoke()
    with (tmp_path / "log").open("w") as log, start(toml, log) as process:
        assert process.stdout
        line = process.stdout.readline().split()
        assert line[:1] == ["ready"], (tmp_path / "log").read_text()
        site.gateway = Gateway(process, int(line[1]), client_context(authority.ca, client))
        try:
            yield site
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(START_TIMEOUT_S)


def test_a_good_reload_is_followed_by_all_and_loses_no_request(site: Site, tmp_path: Path) -> None:
    stop, lost, answered = threading.Event(), [], []

    def load(reconnect: bool) -> None:
        try:
            sock = site.gateway.connect()
            while not stop.is_set():
                answered.append(ask(sock, b"random"))
                if reconnect:
                    sock.close()
                    sock = site.gateway.connect()
            sock.close()
        except (OSError, AssertionError) as error:
            lost.append(error)

    threads = [threading.Thread(target=load, args=[each % 2 == 0]) for each in range(4)]
    for each in threads:
        each.start()
    with site.gateway.connect() as sock:
        ask(sock, b"pid")
        session = sock.session
    for number, policy in enumerate(["fips", "open", "default"]):
        expected = site.install(site.authority.server())
        site.configure("policy", f'"{policy}"')
        site.configure("kmip_port", str(number))
        outcome = ask_reload(site.folder / "run")
        assert outcome.good
        assert outcome.waiting == (("[server] kmip_port",) if number else ())
        assert {(each.kind, each.index) for each in outcome.processes} == {
            ("supervisor", 0),
            ("front end", 0),
            ("front end", 1),
        }
        assert site.shown() == expected
        assert site.policies() == {policy}
        with site.gateway.connect(session) as sock:
            assert sock.session_reused
    stop.set()
    for each in threads:
        each.join()
    assert not lost
    assert len(answered) > 50
    # Whoever is started from now on begins with the new, too.
    before = site.gateway.front_ends()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: len(site.gateway.front_ends()) == 2 and not set(before) & set(site.gateway.front_ends()))
    assert site.shown() == expected
    assert site.policies() == {"default"}
    expected = site.install(site.authority.server())
    site.gateway.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: site.shown() == expected)
    told = [event for event in events(tmp_path) if event["event"] == "reloaded"]
    assert len(told) == 4


def test_a_broken_reload_leaves_the_old_in_use_and_says_what_is_wrong(site: Site, tmp_path: Path) -> None:
    shown = site.shown()
    good = {path: path.read_bytes() for path in site.folder.iterdir() if path.is_file()}
    other = site.authority.issue("other")
    faults = {
        "[tls] certificate: .*server.pem holds no certificate": ("server.pem", b"nonsense"),
        "[tls] key: .*server.key is not the key of": ("server.key", other.key.read_bytes()),
        "[tls] ca: .*ca.pem holds no certificate": ("ca.pem", b""),
        "[tls] crl: .*list.pem holds no revocation list": ("list.pem", b"nonsense"),
        "[kmip] policy cannot be 'none'": ("gateway.toml", (b'"default"', b'"none"')),
        "gateway.toml: is not TOML": ("gateway.toml", (b"version", b"[version")),
    }
    with site.gateway.connect() as kept:
        for sentence, (name, content) in faults.items():
            path = site.folder / name
            path.write_bytes(content if isinstance(content, bytes) else good[path].replace(*content))
            outcome = ask_reload(site.folder / "run")
            assert not outcome.good
            assert re.search(sentence.replace("[", r"\[").replace("]", r"\]"), outcome.error), outcome.error
            assert site.shown() == shown
            assert ask(kept, b"policy") == b"default"
            path.write_bytes(good[path])
        (site.folder / "server.pem").unlink()
        told = site.command()
        assert told.returncode == 1
        assert "supervisor 0: [tls] certificate:" in told.stdout
        site.install(other)
        assert site.command().returncode == 0
        assert ask(kept, b"policy") == b"default"
    failed = [event for event in events(tmp_path) if event["event"] == "reload failed"]
    assert [event["level"] for event in failed] == ["error"] * (len(faults) + 1)


def test_revoked_clients_are_dropped_by_every_front_end_at_their_next_request(site: Site) -> None:
    other = client_context(site.authority.ca, site.authority.issue("other"))
    good = Gateway(site.gateway.process, site.gateway.port, other)
    bad, kept = ([each.connect() for _ in range(8)] for each in (site.gateway, good))
    assert len({ask(sock, b"pid") for sock in bad}) == 2
    session = bad[0].session
    site.revoke(site.client)
    assert ask_reload(site.folder / "run").good
    for sock in bad:
        sock.sendall(b"\x42\x00\x78\x01\x00\x00\x00\x00")
        assert closed(sock)
    for again in (session, None):
        with site.gateway.connect(again) as sock:
            assert closed(sock)
    for sock in kept:
        assert ask(sock, b"policy") == b"default"
    for sock in bad + kept:
        sock.close()


def test_an_authority_that_is_taken_out_admits_nobody_any_more(site: Site, tmp_path: Path) -> None:
    new = Authority(tmp_path / "new", "new root")
    shutil.copy(new.ca, site.folder / "added.pem")
    context = client_context(site.authority.ca, new.issue("new client"))
    newcomer = Gateway(site.gateway.process, site.gateway.port, context)
    site.configure("crl", "[]")
    ca = site.folder / "ca.pem"
    ca.write_bytes(site.authority.ca.read_bytes() + new.ca.read_bytes())
    assert ask_reload(site.folder / "run").good
    with site.gateway.connect() as old, newcomer.connect() as kept:
        assert ask(old, b"policy") == ask(kept, b"policy") == b"default"
        session = old.session
        ca.write_bytes(new.ca.read_bytes())
        assert ask_reload(site.folder / "run").good
        assert ask(kept, b"policy") == b"default"
        old.sendall(b"\x42\x00\x78\x01\x00\x00\x00\x00")
        assert closed(old)
        try:
            with site.gateway.connect(session) as again:
                assert not again.session_reused
                assert closed(again)
        except (ssl.SSLError, ConnectionError):
            pass  # refused before the client has sent its end of the handshake


def test_without_a_gateway_reload_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is it running"):
        ask_reload(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be entered"):
        ask_reload(tmp_path / "missing")


@pytest.mark.parametrize(("user", "begun"), [(os.geteuid(), 1), (12345, 0)])
def test_the_operators_socket_is_for_the_gateways_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, begun: int
) -> None:
    """Whatever the umask and the mode of its folder."""
    asked: list[object] = []
    before = os.umask(0)
    there = administration.Administration(tmp_path, asked.append)
    os.umask(before)
    assert (tmp_path / administration.NAME).stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(administration, "_user_of", lambda _: user)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as operator:
        operator.connect(str(tmp_path / administration.NAME))
        operator.send(administration.RELOAD)
        connection = there.accept()
        assert connection is not None
        with connection:
            there.hear(connection)
    there.close()
    assert len(asked) == begun
