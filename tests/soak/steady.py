"""`python -m tests.soak.steady 30`: a gateway under steady load for so many minutes; memory, descriptors and failures.

Each client makes keys, uses, changes, finds and destroys them, and connects anew now and then. At the end it says by
how much each process has grown from the second quarter of the time to the last, and how many answers were failures.
"""

import argparse
import itertools
import os
import re
import statistics
import tempfile
import threading
import time
from pathlib import Path

from gateway.kmip.enums import NameType, ObjectType, Operation, RevocationReasonCode
from gateway.kmip.structure import Attribute
from gateway.kmip.tags import Tag
from gateway.kmip.values import Name, RevocationReason
from gateway.operations.activate import ActivateRequest
from gateway.operations.create import CreateRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.revoke import RevokeRequest
from tests.bench import cases, servers
from tests.support.client import Client

CLIENTS = 4
SAMPLE_S = 15
LIVES_A_CONNECTION = 20
USES = 10
CEASED = RevocationReason(revocation_reason_code=RevocationReasonCode.CESSATION_OF_OPERATION)


class Load:
    """Clients that work until the time is over, each so many lives of a key a second at most."""

    def __init__(self, folder: Path, port: int, lives_per_s: float) -> None:
        self._folder, self._port, self._pause_s = folder, port, CLIENTS / lives_per_s
        self.asked, self.failed = 0, 0
        self.over = threading.Event()

    def work(self, number: int) -> None:
        names = (f"steady {number} {place}" for place in itertools.count())
        while not self.over.is_set():
            with Client(self._folder, self._port) as client:
                for name in itertools.islice(names, LIVES_A_CONNECTION):
                    self._live(client, name)
                    if self.over.wait(self._pause_s):
                        return

    def _live(self, client: Client, name: str) -> None:
        named = Name(name_value=name, name_type=NameType.UNINTERPRETED_TEXT_STRING)
        made = self._ask(
            client, Operation.CREATE, CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=cases._aes(name))
        )
        if made is None:
            return
        key = made.unique_identifier
        self._ask(client, Operation.ACTIVATE, ActivateRequest(unique_identifier=key))
        encrypt = EncryptRequest(unique_identifier=key, cryptographic_parameters=cases.GCM, data=bytes(64))
        for _ in range(USES):
            self._ask(client, Operation.ENCRYPT, encrypt)
        self._ask(client, Operation.GET, GetRequest(unique_identifier=key))
        self._ask(client, Operation.LOCATE, LocateRequest(attributes=(Attribute(Tag.NAME, named),)))
        self._ask(client, Operation.REVOKE, RevokeRequest(unique_identifier=key, revocation_reason=CEASED))
        self._ask(client, Operation.DESTROY, DestroyRequest(unique_identifier=key))

    def _ask(self, client: Client, operation: Operation, payload):
        (answer,) = client.ask(cases.VERSION, (operation, payload))
        self.asked += 1
        self.failed += answer.payload is None
        return answer.payload


def processes(supervisor: int) -> list[int]:
    """Give the gateway's processes, its supervisor first."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return [supervisor, *map(int, children)]


def megabytes(process: int) -> float:
    """Give what a process has in memory."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1]) / 1024


def main() -> None:
    """Run, and print a line for each sample and the growth at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=float)
    parser.add_argument("--lives", type=float, default=45, help="of keys a second, 16 requests each")
    parser.add_argument("--dir", default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        folder = Path(name) / "gateway"
        server = servers.gateway(folder, "--front-ends", "2", "--token-workers", "2")
        load = Load(folder, server.port, options.lives)
        threads = [threading.Thread(target=load.work, args=(number,)) for number in range(CLIENTS)]
        for each in threads:
            each.start()
        try:
            samples = _sample(server.process.pid, load, options.minutes * 60)
        finally:
            load.over.set()
            for each in threads:
                each.join()
            server.stop()
    _tell(samples, load)


def _sample(supervisor: int, load: Load, seconds: float) -> list[dict[int, tuple[float, int]]]:
    samples, ends = [], time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(SAMPLE_S)
        seen = {each: (megabytes(each), len(os.listdir(f"/proc/{each}/fd"))) for each in processes(supervisor)}
        samples.append(seen)
        told = "  ".join(f"{memory:.1f} MB {descriptors} fds" for memory, descriptors in seen.values())
        print(f"{load.asked} requests, {load.failed} failed: {told}", flush=True)
    return samples


def _tell(samples: list[dict[int, tuple[float, int]]], load: Load) -> None:
    quarter = max(len(samples) // 4, 1)
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    print(f"{load.asked} requests, {load.failed} failed, over {len(samples) * SAMPLE_S / 60:.1f} minutes")
    for process in samples[-1]:
        if not all(process in each for each in (*early, *late)):
            print(f"{process}: was replaced meanwhile")
            continue
        grown = [
            statistics.median(each[process][kind] for each in late)
            - statistics.median(each[process][kind] for each in early)
            for kind in (0, 1)
        ]
        print(f"{process}: {grown[0]:+.1f} MB, {grown[1]:+.0f} descriptors")


if __name__ == "__main__":
    main()
