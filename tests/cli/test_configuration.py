"""A slip in the configuration is one sentence with file and key, and exit code 2."""

import pytest

from gateway.admin.pki import make_pki
from gateway.config import load
from gateway.errors import ConfigurationError
from tests.cli.process import assert_one_sentence, run

WHOLE = """\
version = "v1"
[tls]
ca = "pki/ca.pem"
certificate = "pki/server.pem"
key = "pki/server.key"
[token]
module = "/usr/lib/softhsm/libsofthsm2.so"
label = "a token"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("configuration")
    make_pki(folder / "pki")
    return folder


def written(folder, text):
    path = folder / "gateway.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_file(folder):
    config = load(written(folder, WHOLE + "[store]\npath = 'sub/db'\n"))
    assert config.tls.ca == folder / "pki/ca.pem"
    assert config.store.path == folder / "sub/db"
    assert config.server.runtime_dir == folder / "run"
    assert config.token.pin_file is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('version = "v1"', "", ["version"]),
        ("v1", "v2", ["version", "'v2'"]),
        ("[tls]", "[server]\nkmip_prot = 1\n[tls]", ["[server]", "'kmip_prot'"]),
        ("[tls]", "[server]\nkmip_port = 70000\n[tls]", ["[server]", "kmip_port", "65535"]),
        ("[tls]", "[server]\nkmip_port = '5696'\n[tls]", ["[server]", "kmip_port", "an integer"]),
        ("[tls]", "[servers]\n[tls]", ["'servers'"]),
        ("[tls]", "[log]\nlevel = 'loud'\n[tls]", ["[log]", "level", "'loud'"]),
        ('ca = "pki/ca.pem"\n', "", ["[tls]", "'ca'"]),
        ('ca = "pki/ca.pem"', "ca = ''", ["[tls]", "'ca'"]),
        ('ca = "pki/ca.pem"', "ca = 7", ["[tls]", "ca", "a path"]),
        ('label = "a token"', "", ["[token]", "label, serial or slot"]),
        ('label = "a token"', "label = 'x'\npin_file = 'a'\npin_credential = 'b'", ["pin_file", "pin_credential"]),
        ('label = "a token"', "label = 'x'\nenvironment = {A = 1}", ["[token] environment", "a string"]),
        ('label = "a token"', "label", ["TOML"]),
    ],
)
def test_a_wrong_key_is_named(folder, old, new, words):
    path = written(folder, WHOLE.replace(old, new, 1))
    with pytest.raises(ConfigurationError) as told:
        load(path)
    sentence = str(told.value)
    assert sentence.startswith(f"{path}: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert all(word in sentence for word in words), sentence


def test_check_says_correct(folder):
    path = written(folder, WHOLE)
    finished = run("config", "check", "--config", path)
    assert (finished.returncode, finished.stdout) == (0, f"{path}: correct\n")


def test_check_tells_an_unknown_key(folder):
    path = written(folder, WHOLE + "[log]\nlevle = 'info'\n")
    assert_one_sentence(run("config", "check", "--config", path), path, "[log]", "'levle'")


def test_check_tells_a_missing_file(tmp_path):
    path = tmp_path / "none.toml"
    assert_one_sentence(run("config", "check", "--config", path), path, "No such file")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("pki/server.pem", "pki/none.pem", ["certificate", "No such file"]),
        ("pki/server.pem", "pki/server.key", ["certificate"]),
        ("pki/server.key", "pki/client.key", ["key", "server.pem"]),
        ("pki/ca.pem", "pki/ca.key", ["ca"]),
        ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/none.so", ["module", "/usr/lib/none.so"]),
        ('label = "a token"', 'label = "a token"\npin_file = "none.pin"', ["pin_file", "none.pin"]),
        ('label = "a token"', 'label = "a token"\npin_file = "pki/ca.pem"', ["pin_file", "chmod 400"]),
    ],
)
def test_check_tells_a_file_that_does_not_fit(folder, old, new, words):
    finished = run("config", "check", "--config", written(folder, WHOLE.replace(old, new, 1)))
    assert_one_sentence(finished, *words)


def test_version():
    assert run("version").stdout.startswith("kmip-gateway 0.")


@pytest.mark.parametrize("arguments", [("serve",), ("dev", "--kmip-port", "70000"), ("nonsense",), ("object", "show")])
def test_wrong_usage_is_exit_code_2(arguments):
    finished = run(*arguments)
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
