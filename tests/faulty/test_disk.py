"""A database whose disk is full, broken, read-only or slow, as clients and the operator of a whole gateway see it."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from gateway.kmip.enums import Operation, ResultReason, ResultStatus
from gateway.kmip.version import V2_1
from gateway.operations.encrypt import EncryptRequest
from gateway.store.outage import PROBE_S
from tests.cli.process import running_dev
from tests.faulty.disk import FaultyDisk
from tests.faulty.test_outage import GCM, KEY, Served, eventually
from tests.support.client import Client

FAULTS = {
    "disk full": {"writes": errno.ENOSPC},
    "read-only": {"writes": errno.EROFS},
    "write fails": {"writes": errno.EIO},
    "fsync fails": {"syncs": errno.EIO},
}
AT_ONCE_S = 5.0
TRIES = 2
SLOW_MS = 1500


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    return FaultyDisk(tmp_path_factory.mktemp("disk"))


@pytest.fixture(scope="module")
def served(disk, tmp_path_factory):
    """`serve` on what `dev` made, its database on that disk."""
    folder = tmp_path_factory.mktemp("served") / "dev"
    with running_dev(folder) as gateway:
        assert gateway.stop() == 0
    toml = folder / "faulty.toml"
    ports = "[server]\nkmip_port = 0\nfront_ends = 2\n[https]\nport = 0\nadmin_port = 0\n"
    toml.write_text(f"{(folder / 'gateway.toml').read_text()}\n{ports}")
    log = folder / "log"
    environment = {**os.environ, **disk.environment(folder / "gateway.sqlite")}
    with log.open("wb") as errors:
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(toml)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as process:
            try:
                yield Served(folder, log, process)
            finally:
                disk.fail()
                process.terminate()


def made(client):
    """Create a key, and give its answer."""
    (answer,) = client.ask(V2_1, (Operation.CREATE, KEY))
    assert answer.status is ResultStatus.SUCCESS or answer.reason is ResultReason.GENERAL_FAILURE, answer
    return answer


def encrypts(client, uid):
    asked = EncryptRequest(unique_identifier=uid, cryptographic_parameters=GCM, data=b"data")
    (answer,) = client.ask(V2_1, (Operation.ENCRYPT, asked))
    return answer.status is ResultStatus.SUCCESS


def objects_on_token(folder):
    return len(list(folder.rglob("*.object")))


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_written_fails_cleanly_and_all_else_goes_on(disk, served, fault):
    with Client(served.folder, served.port) as client:
        uid = made(client).payload.unique_identifier
        alerts, before = len(served.logged("database down")), objects_on_token(served.folder)
        disk.fail(**FAULTS[fault])
        try:
            begun = time.monotonic()
            answers = [made(client) for _ in range(5)]
            assert {each.status for each in answers} == {ResultStatus.OPERATION_FAILED}
            assert time.monotonic() - begun < AT_ONCE_S
            assert encrypts(client, uid)
            eventually(lambda: served.status("/readyz") == 503)
            assert served.status("/livez") == 200
            assert objects_on_token(served.folder) == before
            time.sleep(1.5 * PROBE_S)  # the gateway has tried by itself, and is not deceived
            assert served.status("/readyz") == 503
            assert len(served.logged("database up")) == alerts
            assert len(served.logged("database down")) == alerts + 1
        finally:
            disk.fail()
        eventually(lambda: made(client).status is ResultStatus.SUCCESS)
        eventually(lambda: served.status("/readyz") == 200)
        assert len(served.logged("database down")) == len(served.logged("database up")) == alerts + 1


def test_a_slow_disk_delays_who_writes_and_nobody_else(disk, served):
    with Client(served.folder, served.port) as client, Client(served.folder, served.port) as other:
        uid = made(other).payload.unique_identifier
        answers = []
        disk.fail(sync_ms=SLOW_MS)
        begun = time.monotonic()
        writing = threading.Thread(target=lambda: answers.append(made(client)))
        writing.start()
        try:
            while time.monotonic() - begun < SLOW_MS / 2000:
                assert encrypts(other, uid)
            assert writing.is_alive()
        finally:
            disk.fail()
            writing.join()
        assert answers[0].status is ResultStatus.SUCCESS


def test_a_front_end_that_dies_meanwhile_comes_back_with_the_disk(disk, served):
    """The other one serves on; what cannot start for want of the disk is tried until it can."""
    disk.fail(**FAULTS["disk full"])
    try:
        os.kill(served.front_ends()[0], signal.SIGKILL)
        eventually(lambda: len(served.logged("front end cannot start")) >= TRIES)
        with Client(served.folder, served.port) as client:
            assert made(client).status is ResultStatus.OPERATION_FAILED
    finally:
        disk.fail()
    eventually(lambda: len(served.front_ends()) == 2)
    with Client(served.folder, served.port) as client:
        eventually(lambda: made(client).status is ResultStatus.SUCCESS)
