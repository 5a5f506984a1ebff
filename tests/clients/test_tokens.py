"""The whole gateway, served from a configuration file, on tokens other than SoftHSM2, for PyKMIP over TLS."""

import json
import re
import subprocess
import sys
import warnings
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from gateway.admin.pki import make_pki
from tests.token.tokens import started

with warnings.catch_warnings():
    # PyKMIP's server, which comes with its client, is of the time before SQLAlchemy 2.0.
    warnings.simplefilter("ignore")
    from kmip.core import enums
    from kmip.pie.client import ProxyKmipClient
    from kmip.pie.exceptions import KmipOperationFailure

M = enums.CryptographicUsageMask
CTR = {
    "cryptographic_algorithm": enums.CryptographicAlgorithm.AES,
    "block_cipher_mode": enums.BlockCipherMode.CTR,
}
SHA256_RSA = {
    "padding_method": enums.PaddingMethod.PKCS1v15,
    "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
    "cryptographic_algorithm": enums.CryptographicAlgorithm.RSA,
}


def configuration(folder, token):
    """Write the gateway's files beside the token's and give the configuration's path."""
    make_pki(folder / "pki")
    text = {name: json.dumps(str(getattr(token, name))) for name in ("module", "label", "pin_file", "reserved")}
    environment = ", ".join(f"{name} = {json.dumps(value)}" for name, value in token.environment.items())
    path = folder / "gateway.toml"
    path.write_text(
        'version = "v1"\n[server]\nkmip_port = 0\nfront_ends = 1\ntoken_workers = 2\n'
        '[access]\nunknown_clients = "own"\ndefault_roles = ["everything"]\n'
        '[tls]\nca = "pki/ca.pem"\ncertificate = "pki/server.pem"\nkey = "pki/server.key"\n[token]\n'
        + "".join(f"{name} = {value}\n" for name, value in text.items())
        + f"environment = {{ {environment} }}\n"
    )
    path.chmod(0o600)
    return path


@contextmanager
def served(path):
    """Give the port of a gateway that serves this configuration."""
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(path)]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        try:
            line = process.stdout.readline()
            ready = re.match(r"ready kmip=\S+:(\d+)", line)
            assert ready, f"no ready line but {line!r}"
            yield int(ready[1])
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()


@contextmanager
def connected(kind, folder):
    """Give PyKMIP's client of a gateway on such a token."""
    with started(kind, folder) as token, served(configuration(folder, token)) as port:
        pki = folder / "pki"
        files = {"cert": str(pki / "client.pem"), "key": str(pki / "client.key"), "ca": str(pki / "ca.pem")}
        with warnings.catch_warnings():
            # It makes its TLS context the way of Python 3.9.
            warnings.simplefilter("ignore", DeprecationWarning)
            client = ProxyKmipClient("127.0.0.1", port, **files, kmip_version=enums.KMIPVersion.KMIP_1_4)
            client.open()
        yield client
        client.close()


@pytest.fixture(scope="module")
def nss(tmp_path_factory):
    with connected("nss", tmp_path_factory.mktemp("nss")) as client:
        yield client


@pytest.fixture(scope="module")
def tpm(tmp_path_factory):
    with connected("tpm", tmp_path_factory.mktemp("tpm")) as client:
        yield client


def rsa_pair(client):
    """Make an active pair that signs and give the identifiers of its public and its private half."""
    public, private = client.create_key_pair(
        enums.CryptographicAlgorithm.RSA, 2048, public_usage_mask=[M.VERIFY], private_usage_mask=[M.SIGN]
    )
    client.activate(public)
    client.activate(private)
    return public, private


def test_nss_makes_gives_and_uses_secret_keys(nss):
    key = nss.create(enums.CryptographicAlgorithm.AES, 256, cryptographic_usage_mask=[M.ENCRYPT, M.DECRYPT])
    nss.activate(key)
    value = nss.get(key).value
    assert len(value) == 32
    sealed, _ = nss.encrypt(b"data", key, CTR, b"i" * 16)
    outside = Cipher(AES(value), modes.CTR(b"i" * 16)).decryptor()
    assert outside.update(sealed) == b"data"
    assert nss.decrypt(sealed, key, CTR, b"i" * 16) == b"data"


@pytest.mark.parametrize("kind", ["nss", "tpm"])
def test_a_pair_signs(kind, request):
    client = request.getfixturevalue(kind)
    public, private = rsa_pair(client)
    signature = client.sign(b"message", private, SHA256_RSA)
    outside = load_der_public_key(client.get(public).value)
    outside.verify(signature, b"message", padding.PKCS1v15(), SHA256())
    assert client.signature_verify(b"message", signature, public, SHA256_RSA) is enums.ValidityIndicator.VALID
    wrong = client.signature_verify(b"massage", signature, public, SHA256_RSA)
    assert wrong is enums.ValidityIndicator.INVALID


def test_nss_gives_private_keys_of_4096_bits_that_never_were_in_the_clear(nss):
    _, private = nss.create_key_pair(
        enums.CryptographicAlgorithm.RSA, 4096, public_usage_mask=[M.VERIFY], private_usage_mask=[M.SIGN]
    )
    assert load_der_private_key(nss.get(private).value, None).key_size == 4096


def test_a_tpm_keeps_its_private_keys_and_makes_no_secret_ones(tpm):
    _, private = rsa_pair(tpm)
    with pytest.raises(KmipOperationFailure):
        tpm.get(private)
    with pytest.raises(KmipOperationFailure) as refused:
        tpm.create(enums.CryptographicAlgorithm.AES, 256, cryptographic_usage_mask=[M.ENCRYPT])
    assert "HSM does not answer" not in str(refused.value)


def test_what_a_configuration_promises_and_a_tpm_cannot_keep_is_told_at_the_start(tmp_path):
    with started("tpm", tmp_path) as token:
        path = configuration(tmp_path, token)
        path.write_text(path.read_text() + '[kmip]\ncustody = "wrapped"\n')
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(path)]
        finished = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert finished.returncode == 2
    assert 'custody = "wrapped"' in finished.stderr
