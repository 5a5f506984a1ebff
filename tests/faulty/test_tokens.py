"""Several tokens behind one gateway: an object is on the one that its row names; one that is down stops no other."""

import re
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from gateway.kmip.enums import ObjectType, Operation, ProtectionStorageMask, ResultReason, ResultStatus
from gateway.kmip.objects import OpaqueObject
from gateway.kmip.structure import Attribute
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_1
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.register import RegisterRequest
from gateway.store.catalogue import open_catalogue
from gateway.token.setup import set_up_token
from tests.cli.process import run, running_dev
from tests.faulty.module import ALWAYS, Action, FaultyModule
from tests.faulty.test_outage import CALLS, DEVICE_ERROR, GCM, KEY, Served, eventually
from tests.support.client import Client
from tests.token.tokens import softhsm, started

GROUP = Attribute(Tag.OBJECT_GROUP, "payments")
THERE = replace(KEY, attributes=(*KEY.attributes, GROUP))

DORMANT = replace(THERE, attributes=tuple(a for a in THERE.attributes if a.tag is not Tag.ACTIVATION_DATE))


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """The module of the second token, which is well."""
    return FaultyModule(tmp_path_factory.mktemp("faulty"))


def table(settings, name="second"):
    """Give the settings as the table of a further token."""
    environment = ", ".join(f'{name} = "{value}"' for name, value in settings.environment.items())
    return f"""
[tokens.{name}]
module = "{settings.module}"
label = "{settings.label}"
reserved = "{settings.reserved}"
pin_file = "{settings.pin_file}"
environment = {{ {environment} }}
workers = 1
call_timeout_s = 2.0
"""


@contextmanager
def serving(folder, more, log, name="second"):
    """`serve` on what `dev` made, with more in the configuration."""
    toml = folder / "several.toml"
    text = (folder / "gateway.toml").read_text()
    ports = "[server]\nkmip_port = 0\ntoken_workers = 1\nfront_ends = 1\n[https]\nport = 0\nadmin_port = 0\n"
    text = text.replace("[kmip]", f'[kmip]\ngroup_tokens = [{{ group = "payments", token = "{name}" }}]')
    toml.write_text(f"{text}\n{more}\n{ports}")
    with log.open("wb") as errors:
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(toml)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            try:
                yield Served(folder, log, process)
            finally:
                process.terminate()
                process.wait(30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What `dev` made."""
    with running_dev(tmp_path_factory.mktemp("several") / "dev", "--front-ends", "1") as gateway:
        assert gateway.stop() == 0
    return gateway.folder


@pytest.fixture(scope="module")
def second(module, tmp_path_factory):
    """A second token that is set up, reached through the module."""
    real = softhsm(tmp_path_factory.mktemp("second"), label="second")
    set_up_token(real, so_pin="security officer")
    return module.around(real)


class Asker:
    """A client that asks for one thing at a time."""

    def __init__(self, client):
        self._client = client

    def ask(self, operation, payload):
        """Give the answer."""
        (answer,) = self._client.ask(V2_1, (operation, payload))
        return answer

    def made(self, request):
        """Create a key, and give its unique identifier."""
        answer = self.ask(Operation.CREATE, request)
        assert answer.status is ResultStatus.SUCCESS, answer
        return answer.payload.unique_identifier

    def encrypts(self, identifier):
        """Say whether a key encrypts; a failure must be that of the token."""
        request = EncryptRequest(unique_identifier=identifier, cryptographic_parameters=GCM, data=b"data")
        answer = self.ask(Operation.ENCRYPT, request)
        assert answer.status is ResultStatus.SUCCESS or answer.reason is ResultReason.GENERAL_FAILURE, answer
        return answer.status is ResultStatus.SUCCESS


def places(folder):
    """Give the token of each object that is not destroyed, by unique identifier."""
    catalogue = open_catalogue(folder / "gateway.sqlite")
    try:
        return {row.unique_identifier: row.token for row in catalogue.page(limit=1000) if not row.destroyed}
    finally:
        catalogue.close()


def test_objects_are_on_the_token_of_their_group_and_one_that_is_down_stops_no_other(folder, module, second, tmp_path):
    with serving(folder, table(second), tmp_path / "log") as served, Client(served.folder, served.port) as client:
        asker = Asker(client)
        here, there, dormant = asker.made(KEY), asker.made(THERE), asker.made(DORMANT)
        sealed = RegisterRequest(
            object_type=ObjectType.OPAQUE_OBJECT,
            attributes=(GROUP,),
            opaque_object=OpaqueObject(opaque_data_type=0x80000001, opaque_data_value=b"data"),
        )
        opaque = asker.ask(Operation.REGISTER, sealed).payload.unique_identifier
        assert {key: places(folder)[key] for key in (here, there, opaque)} == {
            here: "default",
            there: "second",
            opaque: "second",
        }
        assert asker.encrypts(here)
        assert asker.encrypts(there)
        assert asker.ask(Operation.GET, GetRequest(unique_identifier=opaque)).status is ResultStatus.SUCCESS
        for function in CALLS:
            module.on(function, Action.RETURN, DEVICE_ERROR, times=ALWAYS)
        eventually(lambda: not asker.encrypts(there) and served.logged("token down"))
        assert [line["token"] for line in served.logged("token down")] == ["second"]
        assert asker.encrypts(here)
        asker.made(KEY)
        assert asker.ask(Operation.CREATE, THERE).reason is ResultReason.GENERAL_FAILURE
        assert asker.ask(Operation.GET, GetRequest(unique_identifier=opaque)).reason is ResultReason.GENERAL_FAILURE
        assert served.status("/readyz") == 200
        with urllib.request.urlopen(f"{served.health}/metrics", timeout=5) as metrics:
            lines = metrics.read().decode().splitlines()
        assert {"kmip_token_up 1.0", 'kmip_further_token_up{token="second"} 0.0'} <= set(lines)
        # What is destroyed meanwhile is gone at once, though the token has it until it is back.
        asker.ask(Operation.DESTROY, DestroyRequest(unique_identifier=dormant))
        assert dormant not in places(folder)
        module.well()
        eventually(lambda: asker.ask(Operation.CREATE, THERE).status is ResultStatus.SUCCESS)
        assert [line["token"] for line in served.logged("token up")] == ["second"]


def test_a_start_without_the_second_token_says_so_and_serves_the_rest(folder, module, second, tmp_path):
    for function in CALLS:
        module.on(function, Action.RETURN, DEVICE_ERROR, times=ALWAYS)
    with serving(folder, table(second), tmp_path / "log") as served, Client(served.folder, served.port) as client:
        asker = Asker(client)
        (missing,) = served.logged("token missing")
        assert missing["token"] == "second"
        assert asker.encrypts(asker.made(KEY))
        refused = asker.ask(Operation.CREATE, THERE)
        assert (refused.reason, "not there" in refused.message) == (ResultReason.GENERAL_FAILURE, True)
        module.well()
        eventually(lambda: asker.ask(Operation.CREATE, THERE).status is ResultStatus.SUCCESS)
        assert asker.encrypts(asker.made(THERE))
    for function in CALLS:
        module.on(function, Action.RETURN, DEVICE_ERROR, times=ALWAYS)
    text = (folder / "several.toml").read_text().replace("workers = 1\ncall", "workers = 1\nrequired = true\ncall")
    (folder / "required.toml").write_text(text)
    finished = run("serve", "--config", folder / "required.toml")
    module.well()
    assert finished.returncode == 2
    assert "cannot be" in finished.stderr.splitlines()[-1]


def test_a_token_of_another_make_beside_softhsm_and_another_under_its_name(folder, second, tmp_path):
    with started("nss", tmp_path) as nss:
        settings = folder, table(nss, "third"), tmp_path / "log", "third"
        with serving(*settings) as served, Client(served.folder, served.port) as client:
            asker = Asker(client)
            here, there = asker.made(KEY), asker.made(THERE)
            assert asker.encrypts(here)
            assert asker.encrypts(there)
            assert places(folder)[there] == "third"
            told = asker.ask(Operation.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=there)).payload
            masks = [each.value for each in told.attributes if each.tag is Tag.PROTECTION_STORAGE_MASK]
            assert masks == [ProtectionStorageMask.SOFTWARE]
    with serving(folder, table(second, "third"), tmp_path / "other", "third") as served:
        (refused,) = served.logged("token refused")
        assert refused["token"] == "third"
        with Client(served.folder, served.port) as client:
            assert not Asker(client).encrypts(there)


def test_one_token_under_two_names_is_refused(folder, second, tmp_path):
    own = (folder / "gateway.toml").read_text()
    toml = folder / "twice.toml"
    (table_of_token,) = re.findall(r"^\[token\]\n(?:[^\[\n].*\n)*", own, re.MULTILINE)
    toml.write_text(own + "\n" + table_of_token.replace("[token]", "[tokens.second]"))
    finished = run("serve", "--config", toml)
    assert finished.returncode == 2
    assert "names one token twice" in finished.stderr.splitlines()[-1]
