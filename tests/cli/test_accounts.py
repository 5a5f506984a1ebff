"""`tenant`, `role`, `client` and `credential`: what may be changed, and what is refused with a sentence."""

import json
import os
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from msgspec import json as text
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.access.identity import Shown
from gateway.admin import accounts
from gateway.admin.snippets import SNIPPETS
from gateway.errors import ConfigurationError
from gateway.kmip.enums import Operation, ResultReason, ResultStatus
from gateway.kmip.version import V1_4
from gateway.operations.locate import LocateRequest
from gateway.store.accounts import StrangerRow
from tests.cli.process import running_dev
from tests.server.authority import Authority
from tests.support.client import Client

KEY = "ab" * 32


@pytest.fixture
def configuration(tmp_path):
    """Give a configuration whose database is made at the first change."""
    path = tmp_path / "gateway.toml"
    tls = '[tls]\nca = "pki/ca.pem"\ncertificate = "pki/server.pem"\nkey = "pki/server.key"\n'
    path.write_text(f'version = "v1"\n{tls}[token]\nmodule = "/m.so"\nlabel = "x"\n')
    return path


@pytest.fixture
def admin(configuration):
    """Give what runs a command and gives its standard output; a refusal is a ConfigurationError."""
    return Admin(configuration)


class Admin:
    def __init__(self, configuration):
        self.configuration = configuration
        self.database = configuration.parent / "gateway.sqlite"

    def __call__(self, *arguments, code=0):
        result = CliRunner().invoke(app, [*map(str, arguments), "--config", str(self.configuration)])
        if isinstance(result.exception, ConfigurationError):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.stdout

    def listed(self, *arguments):
        return json.loads(self(*arguments, "--json"))

    def wait_for(self, key=KEY, **shown):
        """Have a certificate wait."""
        row = StrangerRow(key, text.encode(Shown(key=key, **shown)).decode(), "192.0.2.1", 7)
        accounts.change(self.database, lambda found: found.add_stranger(row, 10))


def test_a_tenant_is_made_once_and_removed_while_it_is_empty(admin):
    admin("tenant", "create", "bank")
    assert admin.listed("tenant", "list") == ["bank", "default"]
    with pytest.raises(ConfigurationError, match="already"):
        admin("tenant", "create", "bank")
    admin("client", "create", "anna", "--tenant", "bank", "--role", "storage")
    with pytest.raises(ConfigurationError, match="has clients"):
        admin("tenant", "remove", "bank")
    admin("tenant", "create", "shop")
    admin("tenant", "remove", "shop")
    assert admin.listed("tenant", "list") == ["bank", "default"]
    with pytest.raises(ConfigurationError, match="stays"):
        admin("tenant", "remove", "default")


@pytest.mark.parametrize("name", ["gateway", "", "a b", "../x", "a\nb", "\u202eabc", "-x", "x" * 65])
def test_names_are_plain(admin, name):
    with pytest.raises(ConfigurationError, match="is no name for a tenant"):
        accounts.change(admin.database, lambda found: accounts.create_tenant(found, name))


def test_a_role_comes_from_a_file_or_is_like_one_that_comes_along(admin, tmp_path):
    admin("tenant", "create", "bank")
    file = tmp_path / "role.toml"
    file.write_text(
        'operations = ["Get", "Locate"]\nobject_types = ["SymmetricKey"]\nalgorithms = ["AES"]\nexport = true\n'
    )
    admin("role", "create", "reader", "--tenant", "bank", "--file", file)
    shown = json.loads(admin("role", "show", "reader", "--tenant", "bank"))
    assert (shown["name"], sorted(shown["operations"]), shown["export"]) == ("reader", ["Get", "Locate"], True)
    # What is shown is a file that gives the same role.
    again = tmp_path / "again.json"
    again.write_text(json.dumps(shown))
    admin("role", "create", "again", "--file", again)
    assert json.loads(admin("role", "show", "again")) == shown | {"name": "again"}
    admin("role", "create", "mine", "--like", "storage")
    found = {(each["tenant"], each["name"], each["preset"]) for each in admin.listed("role", "list")}
    assert {("bank", "reader", False), ("", "mine", False), ("", "storage", True)} <= found
    admin("client", "create", "anna", "--tenant", "bank", "--role", "reader")
    with pytest.raises(ConfigurationError, match="anna would have nothing"):
        admin("role", "remove", "reader", "--tenant", "bank")
    admin("role", "remove", "mine")


@pytest.mark.parametrize("content", ['operations = ["Steal"]', "colour = 1", "operations = 7", "[", "min_length = 0"])
def test_a_file_that_is_no_role_is_refused(admin, tmp_path, content):
    file = tmp_path / "role.toml"
    file.write_text(content)
    with pytest.raises(ConfigurationError):
        admin("role", "create", "reader", "--file", file)


def test_a_client_needs_a_tenant_and_roles_that_are_there(admin):
    with pytest.raises(ConfigurationError, match="no tenant named bank"):
        admin("client", "create", "anna", "--tenant", "bank", "--role", "storage")
    with pytest.raises(ConfigurationError, match="no role named none"):
        admin("client", "create", "anna", "--tenant", "default", "--role", "none")


def test_a_certificate_that_waits_is_accepted_or_rejected(admin):
    admin.wait_for(subject="CN=anna")
    admin.wait_for("cd" * 32, subject="CN=bert")
    assert [each["subject"] for each in admin.listed("client", "pending")] == ["CN=anna", "CN=bert"]
    admin("client", "accept", KEY[:10], "--name", "anna", "--tenant", "default", "--role", "storage")
    admin("client", "reject", "cd" * 4)
    (left,) = admin.listed("client", "pending")
    assert (left["key"], left["rejected"]) == ("cd" * 32, True)
    (client,) = admin.listed("client", "list")
    assert (client["name"], client["owner"], client["known_by"]) == ("anna", "client:anna", [f"key {KEY}"])
    for wrong in ("ab", "ef" * 8):
        with pytest.raises(ConfigurationError):
            admin("client", "accept", wrong, "--name", "carl", "--tenant", "default", "--role", "storage")


def test_what_a_certificate_says_is_printed_escaped(admin):
    admin.wait_for(subject="CN=a\r\nroot\tx\x1b[31m\u202e\u2028", uris=("x:\x07",))
    line = admin("client", "pending")
    assert len(line.splitlines()) == 1
    assert r"CN=a\u000d\u000aroot\u0009x\u001b[31m\u202e\u2028" in line and r"x:\u0007" in line
    assert admin("client", "pending", "--json").isascii()


def test_a_client_is_given_other_roles(admin):
    admin("client", "create", "anna", "--tenant", "default", "--role", "storage")
    admin("client", "roles", "anna", "--tenant", "default", "--role", "crypto", "--role", "auditor")
    assert admin.listed("client", "list")[0]["roles"] == ["crypto", "auditor"]
    with pytest.raises(ConfigurationError, match="no role named none"):
        admin("client", "roles", "anna", "--tenant", "default", "--role", "none")


def test_a_client_is_revoked_and_let_in_again(admin):
    admin("client", "create", "anna", "--tenant", "default", "--role", "storage")
    admin("client", "revoke", "anna", "--tenant", "default")
    assert admin.listed("client", "list")[0]["standing"] == "revoked"
    admin("client", "revoke", "anna", "--tenant", "default", "--undo")
    assert admin.listed("client", "list")[0]["standing"] == "accepted"
    with pytest.raises(ConfigurationError, match="no client named bert"):
        admin("client", "revoke", "bert", "--tenant", "default")


def test_a_password_comes_from_a_file_and_is_kept_as_its_hash_alone(admin, tmp_path):
    admin("client", "create", "anna", "--tenant", "default", "--role", "storage")
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    os.chmod(file, 0o644)
    given = "credential", "set", "anna", "--tenant", "default", "--password-file", file
    with pytest.raises(ConfigurationError, match="chmod 400"):
        admin(*given)
    os.chmod(file, 0o400)
    for kind in ("password", "hashed"):
        admin(*given, "--kind", kind)
    admin(*given, "--kind", "device", "--serial", "SN 7")
    drawn = admin("credential", "set", "anna", "--tenant", "default", "--kind", "one-time", "--count", 2).split()
    assert len(set(drawn)) == 2
    found = admin.listed("credential", "list")
    assert [each["kind"] for each in found] == ["device", "hashed", "one-time", "one-time", "password"]
    written = b"".join(path.read_bytes() for path in admin.database.parent.glob("gateway.sqlite*"))
    for secret in ("correct horse", *drawn):
        assert secret.encode() not in written
    assert admin("credential", "remove", "anna", "--tenant", "default") == "5 removed\n"


def test_a_user_name_is_one_clients(admin):
    for name in ("anna", "bert"):
        admin("client", "create", name, "--tenant", "default", "--role", "storage")
    admin("credential", "set", "anna", "--tenant", "default", "--kind", "device", "--no-password", "--serial", "1")
    with pytest.raises(ConfigurationError, match="Another client"):
        admin("credential", "set", "bert", "--tenant", "default", "--kind", "device", "--no-password", "--serial", "1")
    with pytest.raises(ConfigurationError, match="says something of itself"):
        admin("credential", "set", "bert", "--tenant", "default", "--kind", "device", "--no-password")
    with pytest.raises(ConfigurationError, match="no client named carl"):
        admin("credential", "set", "carl", "--tenant", "default")


LOCATE = Operation.LOCATE, LocateRequest()


def test_a_client_is_made_used_and_revoked_while_the_gateway_serves(dev_folder, tmp_path):
    admin = Admin(dev_folder / "gateway.toml")
    tenant, out = f"t{os.getpid()}", tmp_path / "pki"
    with running_dev(dev_folder, "--front-ends", "2", "--token-workers", "1") as gateway:
        admin("tenant", "create", tenant)
        kinds = [word for kind in SNIPPETS for word in ("--for", kind)]
        made = "--tenant", tenant, "--role", "storage", "--out", out
        admin("client", "create", "anna", *made, *kinds)
        with Client(tmp_path, gateway.port) as anna:
            assert anna.ask(V1_4, LOCATE)[0].status is ResultStatus.SUCCESS
            admin("client", "revoke", "anna", "--tenant", tenant)
            (answer,) = anna.ask(V1_4, LOCATE)
        assert (answer.reason, answer.message) == (ResultReason.PERMISSION_DENIED, "this client was revoked")
        with pytest.raises(ConfigurationError, match="there already"):
            admin("client", "create", "bert", *made)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()}
    assert {name for name, mode in modes.items() if mode != 0o644} == {"client.key", "client-and-key.pem"}
    assert {snippet.file for snippet in SNIPPETS.values()} <= set(modes)
    assert json.loads((out / "component_keyring_kmip.cnf").read_text())["client_key"] == f"{out}/client.key"


def test_the_authority_on_the_token_signs_for_the_key_of_a_request_and_not_for_its_name(dev_folder, tmp_path, dev_toml):
    toml = dev_toml("pki/ca.pem", "pki/both.pem")
    shown = CliRunner().invoke(app, ["ca", "show", "--config", str(toml)]).stdout
    (dev_folder / "pki" / "both.pem").write_text((dev_folder / "pki" / "ca.pem").read_text() + shown)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
    csr, out, tenant = tmp_path / "anna.csr", tmp_path / "anna", f"r{os.getpid()}"
    csr.write_bytes(request.public_bytes(Encoding.PEM))
    admin = Admin(toml)
    admin("tenant", "create", tenant)
    admin("client", "create", "anna", "--tenant", tenant, "--role", "crypto", "--out", out, "--csr", csr)
    made = x509.load_pem_x509_certificate((out / "client.pem").read_bytes())
    made.verify_directly_issued_by(x509.load_pem_x509_certificate(shown.encode()))
    assert (made.subject.rfc4514_string(), made.public_key()) == (f"CN=anna,O={tenant}", key.public_key())
    assert {path.name for path in out.iterdir()} == {"client.pem", "ca.pem"}


def test_a_certificate_from_elsewhere_is_known_by_what_one_chooses(admin, tmp_path):
    elsewhere = Authority(tmp_path / "pki").issue("anna")
    made = "--tenant", "default", "--role", "storage", "--certificate", elsewhere.certificate
    with pytest.raises(ConfigurationError, match="no san-uri"):
        admin("client", "create", "anna", *made, "--by", "san-uri")
    admin("client", "create", "anna", *made, "--by", "subject")
    with pytest.raises(ConfigurationError, match="anna of the tenant default is known by this subject"):
        admin("client", "create", "bert", *made, "--by", "subject")
    admin("client", "identify", "anna", "--tenant", "default", "--certificate", elsewhere.certificate)
    (client,) = admin.listed("client", "list")
    assert [each.split()[0] for each in client["known_by"]] == ["key", "subject"]


def test_without_an_authority_that_is_trusted_nothing_is_issued(admin, tmp_path):
    Authority(tmp_path / "pki")
    with pytest.raises(ConfigurationError, match="No authority here issues"):
        admin("client", "create", "anna", "--tenant", "default", "--role", "storage", "--out", tmp_path / "out")
    assert admin.listed("client", "list") == [] and not (tmp_path / "out").exists()
