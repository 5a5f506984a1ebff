"""A token that is down and comes back, as clients and the operator of a whole gateway see it."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    ObjectType,
    Operation,
    QueryFunction,
    ResultReason,
    ResultStatus,
)
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V2_1
from gateway.operations.create import CreateRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.query import QueryRequest
from tests.cli.process import running_dev
from tests.faulty.module import ALWAYS, Action, FaultyModule
from tests.support.client import Client

M = CryptographicUsageMask
REAL = "/usr/lib/softhsm/libsofthsm2.so"
GCM = CryptographicParameters(block_cipher_mode=BlockCipherMode.GCM, tag_length=16)
KEY = CreateRequest(
    object_type=ObjectType.SYMMETRIC_KEY,
    attributes=(
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT),
        Attribute(Tag.ACTIVATION_DATE, DateTime(1)),
    ),
)
QUERY = QueryRequest(query_function=(QueryFunction.QUERY_OPERATIONS,))
DEVICE_ERROR = 0x30
CALLS = ("Initialize", "OpenSession", "EncryptInit", "FindObjectsInit", "GenerateKey", "GenerateRandom", "GetTokenInfo")
AT_ONCE_S = 0.05
BACK_S = 25.0  # a restart is put off for 10 s at most


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """The module, which is well."""
    return FaultyModule(tmp_path_factory.mktemp("faulty"))


class Served:
    """A gateway on that module, and what its log says."""

    def __init__(self, folder, log, process):
        self.folder, self._log, self._process = folder, log, process
        line = process.stdout.readline()
        self.port = int(re.match(r"ready kmip=127\.0\.0\.1:(\d+)", line)[1])
        (admin,) = self.logged("health and metrics")
        self.health = f"http://127.0.0.1:{admin['port']}"

    def front_ends(self):
        """Give the process ids of the front ends that there are."""
        pids = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [int(pid) for pid in pids if "token.worker" not in Path(f"/proc/{pid}/cmdline").read_text()]

    def logged(self, event):
        """Give the log's lines about something."""
        return [line for line in map(json.loads, self._log.read_text().splitlines()) if line["event"] == event]

    def status(self, path):
        """Give the HTTP status of a health check."""
        try:
            with urllib.request.urlopen(f"{self.health}{path}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture
def served(module, tmp_path):
    """`serve` on what `dev` made, with the module between."""
    with running_dev(tmp_path / "dev") as gateway:
        assert gateway.stop() == 0
    folder, log = gateway.folder, tmp_path / "log"
    environment = ", ".join(f'{name} = "{value}"' for name, value in module.environment(REAL).items())
    text = (folder / "gateway.toml").read_text().replace(REAL, str(module.path))
    text = text.replace("environment = {", f"environment = {{ {environment},")
    toml = folder / "faulty.toml"
    toml.write_text(f"{text}\n[server]\nkmip_port = 0\n[https]\nport = 0\nadmin_port = 0\n")
    with log.open("wb") as errors:
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(toml)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            try:
                yield Served(folder, log, process)
            finally:
                module.well()
                process.terminate()


def eventually(check, seconds=BACK_S):
    """Wait until the check holds."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_an_outage_is_told_once_answered_at_once_and_ends_by_itself(module, served):
    with Client(served.folder, served.port) as client:
        (made,) = client.ask(V2_1, (Operation.CREATE, KEY))
        encrypt = EncryptRequest(
            unique_identifier=made.payload.unique_identifier, cryptographic_parameters=GCM, data=b"data"
        )

        def works():
            (answer,) = client.ask(V2_1, (Operation.ENCRYPT, encrypt))
            assert answer.status is ResultStatus.SUCCESS or answer.reason is ResultReason.GENERAL_FAILURE
            return answer.status is ResultStatus.SUCCESS

        assert works()
        assert served.status("/readyz") == 200
        for function in CALLS:
            module.on(function, Action.RETURN, DEVICE_ERROR, times=ALWAYS)
        eventually(lambda: not works() and served.logged("token down"))
        begun = time.monotonic()
        for _ in range(50):
            assert not works()
        assert time.monotonic() - begun < 50 * AT_ONCE_S
        # What needs no token goes on, and the process is not to be restarted for it.
        assert client.ask(V2_1, (Operation.QUERY, QUERY))[0].status is ResultStatus.SUCCESS
        eventually(lambda: served.status("/readyz") == 503)
        assert served.status("/livez") == 200
        time.sleep(3)
        assert len(served.logged("token down")) == 1
        assert served.logged("token up") == []
        module.well()
        eventually(works)
        (up,) = served.logged("token up")
        assert up["down_s"] >= 3
        eventually(lambda: served.status("/readyz") == 200)
    assert len(served.logged("token down")) == 1
