"""kill -9 under load, over TLS: what was acknowledged holds, and what was not leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    ObjectType,
    Operation,
    RecommendedCurve,
    ResultReason,
    ResultStatus,
)
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicDomainParameters, CryptographicParameters
from gateway.kmip.version import V1_4, V2_1
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.store.catalogue import open_catalogue
from tests.cli.process import running_dev
from tests.support.client import Client

M = CryptographicUsageMask
GCM = CryptographicParameters(block_cipher_mode=BlockCipherMode.GCM, tag_length=16)
AES = (
    Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
    Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
    Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT),
)
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1))
CREATE = (Operation.CREATE, CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=AES))
PAIR = (
    Operation.CREATE_KEY_PAIR,
    CreateKeyPairRequest(
        common_attributes=(
            Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.EC),
            Attribute(
                Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS,
                CryptographicDomainParameters(recommended_curve=RecommendedCurve.P_256),
            ),
        ),
        private_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.SIGN),),
        public_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.VERIFY),),
    ),
)
# What is on the token besides the gateway's own keys; a process of its own, as every module needs.
LIST_KEYS = """
import json, pkcs11
from pkcs11 import Attribute, ObjectClass
token = next(iter(pkcs11.lib("/usr/lib/softhsm/libsofthsm2.so").get_tokens()))
with token.open(user_pin=open("user.pin").read().strip()) as session:
    found = []
    for kind in (ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
        for key in session.get_objects({Attribute.CLASS: kind}):
            if not key[Attribute.LABEL].startswith("kmip-gateway"):
                found.append([int(kind), key[Attribute.ID].hex()])
print(json.dumps(found))
"""


def children(pid, *, workers):
    """Give a supervisor's token workers, or its front ends."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/stat") as stat, open(f"/proc/{process}/cmdline") as command:
                parent, is_worker = int(stat.read().rsplit(")", 1)[1].split()[1]), "token.worker" in command.read()
        except OSError:
            continue
        if parent == pid and is_worker is workers:
            found.append(int(process))
    return found


def eventually(check, seconds=20):
    """Wait until the check holds, and give what it gave."""
    end = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def keys_on_token(folder):
    environment = os.environ | {"SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
    done = subprocess.run(
        [sys.executable, "-c", LIST_KEYS], cwd=folder, env=environment, capture_output=True, check=True
    )
    return {(kind, cka_id) for kind, cka_id in json.loads(done.stdout)}


def keys_in_database(folder):
    catalogue = open_catalogue(folder / "gateway.sqlite")
    try:
        rows, page = [], catalogue.page()
        while page:
            rows += page
            page = catalogue.page(after=page[-1].id)
    finally:
        catalogue.close()
    return {(row.object_class, row.cka_id.hex()) for row in rows if row.cka_id and not row.destroyed}


def test_a_killed_worker_costs_the_requests_in_flight_and_no_others(tmp_path):
    clients, answers, stop = 8, [], threading.Event()
    with running_dev(tmp_path / "gateway", "--front-ends", "2", "--token-workers", "2") as gateway:
        create = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=(*AES, ACTIVE))
        with Client(gateway.folder, gateway.port) as client:
            (made,) = client.ask(V1_4, (Operation.CREATE, create))
        encrypt = EncryptRequest(
            unique_identifier=made.payload.unique_identifier, cryptographic_parameters=GCM, data=b"under load"
        )

        def load():
            with Client(gateway.folder, gateway.port) as client:
                while not stop.is_set():
                    answers.extend(client.ask(V1_4, (Operation.ENCRYPT, encrypt)))

        threads = [threading.Thread(target=load) for _ in range(clients)]
        for thread in threads:
            thread.start()
        kills = 0
        for _ in range(4):
            time.sleep(0.4)
            workers = eventually(lambda: len(found := children(gateway.process.pid, workers=True)) == 2 and found)
            os.kill(workers[kills % 2], signal.SIGKILL)
            kills += 1
        time.sleep(0.5)
        before_the_end = len(answers)
        time.sleep(0.5)
        stop.set()
        for thread in threads:
            thread.join(20)
        assert gateway.stop() == 0
    failed = [answer for answer in answers if answer.status is not ResultStatus.SUCCESS]
    assert {answer.reason for answer in failed} <= {ResultReason.GENERAL_FAILURE}
    assert len(failed) <= kills * clients, f"{len(failed)} of {len(answers)} failed"
    assert len(answers) > before_the_end
    assert all(answer.status is ResultStatus.SUCCESS for answer in answers[before_the_end:])


class Load:
    """Clients that make and destroy keys until their connections break; what was acknowledged is noted."""

    def __init__(self, gateway, clients=4):
        self.gateway = gateway
        self.made, self.destroyed, self.maybe = [], [], set()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self, number):
        for attempt in range(10_000):
            try:
                with Client(self.gateway.folder, self.gateway.port) as client:
                    self._make_and_destroy(client, number + attempt)
            except (OSError, ConnectionError):
                if self.gateway.process.poll() is not None or self._stopped:
                    return
            if self._stopped:
                return

    _stopped = False

    def _make_and_destroy(self, client, number):
        while not self._stopped:
            number += 1
            (answer,) = client.ask(V2_1, PAIR if number % 4 == 0 else CREATE)
            if answer.status is not ResultStatus.SUCCESS:
                continue
            payload = answer.payload
            key = payload.private_key_unique_identifier if number % 4 == 0 else payload.unique_identifier
            self.made.append(key)
            if number % 3 == 0:
                self.maybe.add(key)  # from here on nobody knows, until the answer
                (answer,) = client.ask(V2_1, (Operation.DESTROY, DestroyRequest(unique_identifier=key)))
                if answer.status is ResultStatus.SUCCESS:
                    self.destroyed.append(key)

    def stop(self):
        """End the load and wait for it."""
        self._stopped = True
        for thread in self._threads:
            thread.join(30)


def usable(client, key):
    (answer,) = client.ask(V2_1, (Operation.GET, GetRequest(unique_identifier=key)))
    return answer.status is ResultStatus.SUCCESS, answer.reason


@pytest.mark.timeout(180)
def test_what_was_acknowledged_holds_and_nothing_else_is_left(tmp_path):
    folder, made, destroyed, maybe = tmp_path / "gateway", [], [], set()
    options = ("--front-ends", "2", "--token-workers", "2")
    for victim in ("worker", "front end", "supervisor"):
        with running_dev(folder, *options) as gateway:
            load = Load(gateway)
            for _ in range(3):
                time.sleep(0.7)
                if victim != "supervisor":
                    os.kill(children(gateway.process.pid, workers=victim == "worker")[0], signal.SIGKILL)
            if victim == "supervisor":
                gateway.process.kill()
            load.stop()
            if victim != "supervisor":
                assert gateway.stop() == 0
        made, destroyed, maybe = made + load.made, destroyed + load.destroyed, maybe | load.maybe
    with running_dev(folder, *options) as gateway, Client(folder, gateway.port) as client:
        assert len(made) > 60
        for key in made:
            found, reason = usable(client, key)
            assert found or key in maybe, (key, reason)
            assert not (found and key in destroyed)
            assert reason in (None, ResultReason.OBJECT_DESTROYED)
        # The reaper works through what the killed processes left, beside the requests.
        assert eventually(lambda: keys_on_token(folder) == keys_in_database(folder)), (
            "keys that no row names, or the reverse"
        )
        assert gateway.stop() == 0
