"""`ca init` and `ca show`: an authority with its key on a real token, its certificate in PEM on standard output."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cli.process import assert_one_sentence, run

INIT = ("ca", "init", "--name", "issuing", "--subject", "CN=Issuing,O=Example", "--key", "ec-p384")


@pytest.fixture
def toml(dev_toml, tmp_path):
    """A configuration that names an authority, with a database of its own."""
    named = f'[kmip]\ncertification_authority = "issuing"\n[store]\npath = "{tmp_path}/gateway.sqlite"\n'
    return str(dev_toml("[kmip]\n" + _dev_authority(dev_toml), named))


def _dev_authority(dev_toml):
    text = dev_toml("[tls]", "[tls]").read_text()
    return next(line + "\n" for line in text.splitlines() if line.startswith("certification_authority"))


def test_it_is_made_once_and_shown(toml):
    made = run(*INIT, "--config", toml, "--days", "30")
    assert made.returncode == 0, made.stderr
    certificate = x509.load_pem_x509_certificate(made.stdout.encode())
    certificate.verify_directly_issued_by(certificate)
    assert certificate.subject.rfc4514_string() == "CN=Issuing,O=Example"
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 30
    assert run("ca", "show", "--config", toml).stdout == made.stdout
    again = run(*INIT, "--config", toml)
    assert_one_sentence(again, "There is an authority named issuing already")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (("--key", "ec-p192"), "no such kind of key"),
        (("--subject", "nobody"), "is no name"),
        (("--subject", ""), "is no name"),
    ],
    ids=["key", "subject", "no subject"],
)
def test_what_cannot_be_made_is_told(toml, wrong, why):
    assert_one_sentence(run(*INIT, *wrong, "--config", toml), why)


def test_one_that_is_not_there_is_told(toml):
    assert_one_sentence(run("ca", "show", "--config", toml), "There is no authority named issuing")


def test_a_gateway_without_its_authority_does_not_start(toml):
    refused = run("serve", "--config", toml)
    assert (refused.returncode, refused.stdout) == (2, "")
    sentence = refused.stderr.splitlines()[-1]
    assert "there is no authority named issuing; make it with `kmip-gateway ca init`" in sentence
