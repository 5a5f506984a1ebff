"""What keeps `serve` from starting is one sentence that says what to do, and exit code 2."""

import pytest

from tests.cli.process import assert_one_sentence, run

MODULE = "/usr/lib/softhsm/libsofthsm2.so"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (MODULE, "/usr/lib/none.so", ["/usr/lib/none.so"]),
        ('label = "kmip-gateway dev"', 'label = "no such token"', ["no such token"]),
        ('"user.pin"', '"wrong.pin"', ["PIN"]),
        ('"user.pin"', '"none.pin"', ["none.pin"]),
        ('"pki/server.pem"', '"softhsm2.conf"', ["certificate", "softhsm2.conf"]),
        ('"pki/server.key"', '"pki/client.key"', ["key", "client.key"]),
        ("kmip_port = 0", "kmip_prot = 1", ["[server]", "'kmip_prot'"]),
        ("[tls]", '[store]\npath = "none/gateway.sqlite"\n[tls]', ["none/gateway.sqlite"]),
    ],
    ids=["module", "token", "wrong PIN", "no PIN file", "certificate", "key", "unknown key", "database"],
)
def test_a_wrong_configuration_is_told(dev_folder, dev_toml, old, new, words):
    wrong = dev_folder / "wrong.pin"
    if not wrong.exists():
        wrong.write_text("not-the-pin")
        wrong.chmod(0o400)
    finished = run("serve", "--config", dev_toml(old, new))
    assert_one_sentence(finished, *words, code=3 if words == ["PIN"] else 2)
    assert "not-the-pin" not in finished.stderr
