"""What a bad neighbour costs: the latency of one client beside another that asks as fast as it can.

`python -m tests.soak.neighbour --seconds 20` starts a gateway, and prints p50 and p99 of a client that encrypts fifty
times a second: beside one like it, beside a bad one with many connections and long messages, and beside the same once
[limits] has a rate for each client. CI has the queue itself under test: tests/token/test_turns.py, tests/test_rates.py.
"""

import argparse
import multiprocessing
import tempfile
import threading
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    ObjectType,
    Operation,
    ResultStatus,
)
from gateway.kmip.structure import Attribute
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V2_1
from gateway.operations.activate import ActivateRequest
from gateway.operations.create import CreateRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.server.administration import ask_reload
from tests.bench.servers import gateway
from tests.support.client import Client
from tests.support.messages import request

PACE_S = 0.02
GCM = CryptographicParameters(block_cipher_mode=BlockCipherMode.GCM, tag_length=16)
RATES = "\n[limits]\nclient_requests_per_s = 500\nburst_s = 1.0\n"


class Neighbour(NamedTuple):
    """How a client asks: `items` encryptions in a message, on so many connections, every `pace_s`."""

    connections: int
    items: int
    pace_s: float


LIKE = Neighbour(2, 1, PACE_S)
BAD = Neighbour(48, 100, 0.0)


def key_of(client: Client) -> str:
    """Make an active AES key and give its unique identifier."""
    attributes = (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, CryptographicUsageMask.ENCRYPT),
    )
    create = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=attributes)
    (made,) = client.ask(V2_1, (Operation.CREATE, create))
    uid = str(made.payload.unique_identifier)
    client.ask(V2_1, (Operation.ACTIVATE, ActivateRequest(unique_identifier=uid)))
    return uid


def ask_on(folder: Path, port: int, name: str, how: Neighbour, stop: Event) -> list[float]:
    """Ask on all connections until told to stop, and give how long each answer took, in seconds."""
    taken: list[float] = []
    with Client(folder, port, name) as first:
        encrypt = EncryptRequest(unique_identifier=key_of(first), cryptographic_parameters=GCM, data=bytes(64))
        (tried,) = first.ask(V2_1, (Operation.ENCRYPT, encrypt))
        assert tried.status is ResultStatus.SUCCESS, tried.message
    message = request(V2_1, *[(Operation.ENCRYPT, encrypt)] * how.items)

    def one() -> None:
        with Client(folder, port, name) as client:
            while not stop.is_set():
                begun = time.perf_counter()
                client.send(message)
                taken.append(time.perf_counter() - begun)
                time.sleep(how.pace_s)

    threads = [threading.Thread(target=one) for _ in range(how.connections)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return taken


def be_neighbour(folder: Path, port: int, how: Neighbour, stop: Event) -> None:
    """Be the other client, in a process of its own."""
    messages = len(ask_on(folder, port, "client2", how, stop))
    print(f"    the neighbour had {messages} messages of {how.items} answered or refused")


def beside(folder: Path, port: int, how: Neighbour, seconds: float) -> tuple[float, float]:
    """Give p50 and p99 in milliseconds of the good client beside such a neighbour."""
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    process = spawn.Process(target=be_neighbour, args=(folder, port, how, stop))
    process.start()
    time.sleep(3)  # until all its connections are there
    threading.Timer(seconds, stop.set).start()
    taken = ask_on(folder, port, "client", LIKE, stop)
    process.join()
    cuts = quantiles(taken, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "dev"
        server = gateway(folder)
        try:
            phases = [("one like it", LIKE), ("a bad one", BAD), ("the same, with a rate for each client", BAD)]
            for words, how in phases:
                if words is phases[-1][0]:
                    with (folder / "gateway.toml").open("a") as toml:
                        toml.write(RATES)
                    assert ask_reload(folder / "run").good
                p50, p99 = beside(folder, server.port, how, seconds)
                print(f"beside {words}: p50 {p50:.2f} ms, p99 {p99:.2f} ms", flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
