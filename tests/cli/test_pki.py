"""The development PKI is one that a strict TLS client accepts."""

import subprocess

import pytest

from gateway.admin.pki import make_pki


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki") / "pki"
    make_pki(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "purpose", "fits"),
    [
        ("server", "sslserver", True),
        ("server", "sslclient", False),
        ("client", "sslclient", True),
        ("client2", "sslclient", True),
        ("client", "sslserver", False),
    ],
)
def test_strict_openssl_accepts_each_for_its_purpose_only(pki, name, purpose, fits):
    command = ["openssl", "verify", "-x509_strict", "-CAfile", pki / "ca.pem", "-purpose", purpose, pki / f"{name}.pem"]
    assert (subprocess.run(command, capture_output=True).returncode == 0) is fits


def test_keys_are_private(pki):
    assert {path.stat().st_mode & 0o777 for path in pki.glob("*.key")} == {0o600}
    assert pki.stat().st_mode & 0o777 == 0o700


def test_an_unfinished_folder_is_made_anew(tmp_path):
    (tmp_path / "pki.unfinished").mkdir()
    (tmp_path / "pki.unfinished" / "ca.key").write_text("half")
    make_pki(tmp_path / "pki")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pki"]
