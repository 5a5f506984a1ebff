"""`dev` makes everything once, finds it as it was, says when it listens, and stops well."""

import hashlib
import signal
import socket
import ssl
import stat
import urllib.request

import pytest

from tests.cli.process import assert_one_sentence, run, running_dev

ONE_OF_EACH = ("--front-ends", "1", "--token-workers", "1")


# SoftHSM2 counts up the first eight bytes of a token's own file at every login, and changes nothing else in it.
GENERATION_BYTES = 8


def fingerprint(folder):
    """Give the hash of every file that a second start must leave alone: database, locks and audit are the gateway's."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and "sqlite" not in p.name]
    kept = [p for p in files if p.parent.name not in ("run", "audit")]
    return {str(p.relative_to(folder)): hashlib.sha256(content(p)).hexdigest() for p in kept}


def content(path):
    return path.read_bytes()[GENERATION_BYTES if path.name == "token.object" else 0 :]


def test_a_second_start_finds_everything_as_it_was(dev_folder):
    before = fingerprint(dev_folder)
    assert {"gateway.toml", "softhsm2.conf", "pki/ca.pem", "pki/client2.key", "user.pin"} <= set(before)
    with running_dev(dev_folder, *ONE_OF_EACH) as gateway:
        assert gateway.stop() == 0
    assert fingerprint(dev_folder) == before


def test_files_are_private(dev_folder):
    def mode(name):
        return stat.S_IMODE((dev_folder / name).stat().st_mode)

    assert mode(".") == 0o700
    assert {mode("so.pin"), mode("user.pin")} == {0o400}
    assert {mode("pki/server.key"), mode("gateway.sqlite")} == {0o600}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0(dev_folder, number):
    with running_dev(dev_folder, *ONE_OF_EACH) as gateway:
        assert gateway.stop(number) == 0


def test_it_listens_when_it_says_so(dev_folder):
    context = ssl.create_default_context(cafile=dev_folder / "pki/ca.pem")
    context.load_cert_chain(dev_folder / "pki/client.pem", dev_folder / "pki/client.key")
    with (
        running_dev(dev_folder, *ONE_OF_EACH) as gateway,
        socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        assert secured.version() == "TLSv1.3"


def test_it_serves_https_where_it_says_so(dev_folder):
    context = ssl.create_default_context(cafile=dev_folder / "pki/ca.pem")
    context.load_cert_chain(dev_folder / "pki/client.pem", dev_folder / "pki/client.key")
    with running_dev(dev_folder, *ONE_OF_EACH, "--http-port", "0") as gateway:
        url = f"https://localhost:{gateway.https_port}/readyz"
        with urllib.request.urlopen(url, context=context, timeout=10) as answer:
            assert (answer.status, answer.read()) == (200, b'{"status":"UP"}')
        assert gateway.stop() == 0


def test_a_start_that_was_killed_is_finished_by_the_next(tmp_path):
    with running_dev(tmp_path / "new", *ONE_OF_EACH) as gateway:
        gateway.stop()
    token = fingerprint(tmp_path / "new" / "tokens")
    (tmp_path / "new" / "gateway.toml").unlink()
    with running_dev(tmp_path / "new", *ONE_OF_EACH) as gateway:
        assert gateway.stop() == 0
    assert fingerprint(tmp_path / "new" / "tokens") == token


def test_a_folder_with_other_things_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    assert_one_sentence(run("dev", "--dir", tmp_path), tmp_path, "--dir")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_port_in_use_is_told(dev_folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_one_sentence(run("dev", "--dir", dev_folder, "--kmip-port", port), port)
