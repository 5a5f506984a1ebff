"""The tables at many keys: what start, Locate, Encrypt, memory and the database are when there are so many.

Usage: python -m tests.bench.many [--keys 1000000] [--custody wrapped] [--made 20000] [--seconds 5] [--dir DIR]

So many keys are made through the gateway, over TLS, and used; the rest are copies of their rows under identifiers and
names of their own, which a front end and a worker do not know the difference of: only making a million would take an
hour. With custody `token` all are made.
"""

import argparse
import asyncio
import json
import secrets
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from gateway.kmip.enums import NameType, ObjectType, Operation
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.values import Name
from gateway.managed import Catalogue
from gateway.operations.create import CreateRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.locate import LocateRequest
from gateway.store.api import ObjectRow
from gateway.store.sqlite import open_store
from gateway.wire.codec import Codec
from tests.bench import cases, servers
from tests.bench.memory import front_ends, memory
from tests.bench.servers import Server
from tests.support.client import Client
from tests.support.messages import request

GROUP = 100  # batch items a message
SUCCESS = bytes.fromhex("42007f05 00000004 00000000")  # a Result Status, as it is written
CLIENTS = 4  # processes that ask at once
ROWS_A_COMMIT = 2000
WORKER_OPTIONS = ("--front-ends", "2", "--token-workers", "2")


def make(client: Client, count: int) -> list[str]:
    """Make so many keys with names, Active, and give their unique identifiers."""
    made: list[str] = []
    while len(made) < count:
        numbers = range(len(made), min(len(made) + GROUP, count))
        attributes = [(*cases._aes(_name(number)), Attribute(Tag.ACTIVATION_DATE, DateTime(1))) for number in numbers]
        asked = [CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=each) for each in attributes]
        answers = client.ask(cases.VERSION, *[(Operation.CREATE, each) for each in asked])
        made += [answer.payload.unique_identifier for answer in answers if answer.payload]  # type: ignore[attr-defined]
    return made


def _name(number: int) -> str:
    return f"disk {number:08d}"


def copy(database: Path, made: list[str], count: int) -> None:
    """Put rows into the database until there are so many, each like one of those made, under a name of its own."""

    async def run() -> None:
        store = open_store(database)
        patterns = [row for uid in made[:GROUP] if (row := await store.get(uid)) is not None]
        for start in range(len(made), count, ROWS_A_COMMIT):
            rows = [
                _copied(catalogue, patterns[number % len(patterns)], number)
                for number in range(start, min(start + ROWS_A_COMMIT, count))
            ]
            await store.write(lambda t, rows=rows: [t.add(row, (name,)) for row, name in rows])
        await store.close()

    catalogue = Catalogue(Codec())
    asyncio.run(run())


def _copied(catalogue: Catalogue, pattern: ObjectRow, number: int) -> tuple[ObjectRow, str]:
    uid, name = str(uuid.uuid4()), _name(number)
    own = {
        Tag.UNIQUE_IDENTIFIER: uid,
        Tag.NAME: Name(name_value=name, name_type=NameType.UNINTERPRETED_TEXT_STRING),
    }
    managed = catalogue.decode(pattern)
    attributes = tuple(replace(each, value=own.get(each.tag, each.value)) for each in managed.attributes)
    row = replace(
        pattern, unique_identifier=uid, cka_id=secrets.token_bytes(16), attributes=catalogue.rows(attributes), id=0
    )
    return row, name


class Figures(NamedTuple):
    """Rate a second, and latencies in milliseconds."""

    rate: float
    p50_ms: float
    p99_ms: float


def ask_each(client: Client, messages: Iterator[bytes], items: int, seconds: float) -> Figures:
    """Send one message after the other on one connection until the time is over."""
    taken: list[float] = []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        message = next(messages)
        begun = time.perf_counter()
        answer = client.send(message)
        taken.append(time.perf_counter() - begun)
        if answer.count(SUCCESS) != items:
            raise RuntimeError("an answer was a failure")
    taken.sort()
    return Figures(len(taken) * items / sum(taken), taken[len(taken) // 2] * 1000, taken[int(len(taken) * 0.99)] * 1000)


def locates(count: int) -> Iterator[bytes]:
    """Give messages that look for one of so many keys each, by its Name."""
    while True:
        name = Name(name_value=_name(secrets.randbelow(count)), name_type=NameType.UNINTERPRETED_TEXT_STRING)
        asked = LocateRequest(attributes=(Attribute(Tag.NAME, name),))
        yield request(cases.VERSION, (Operation.LOCATE, asked))


def encrypts(made: list[str], items: int) -> Iterator[bytes]:
    """Give messages that encrypt with so many keys each, in turn: none is asked for again before all others were."""
    place = 0
    while True:
        uids = [made[(place + each) % len(made)] for each in range(items)]
        place += items
        asked = [
            EncryptRequest(
                unique_identifier=uid, cryptographic_parameters=cases.GCM, data=bytes(64), iv_counter_nonce=None
            )
            for uid in uids
        ]
        yield request(cases.VERSION, *[(Operation.ENCRYPT, each) for each in asked])


def together(folder: Path, port: int, messages: list[bytes], items: int, seconds: float) -> float:
    """Give the items a second that CLIENTS processes are answered, each asking for a share of the messages in turn."""
    with ProcessPoolExecutor(CLIENTS) as pool:
        shares = [messages[place::CLIENTS] for place in range(CLIENTS)]
        asked = [pool.submit(_answered, folder, port, share, seconds) for share in shares]
        return sum(each.result() for each in asked) * items / seconds


def _answered(folder: Path, port: int, messages: list[bytes], seconds: float) -> int:
    count = 0
    with Client(folder, port) as client:
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            client.send(messages[count % len(messages)])
            count += 1
    return count


def main() -> None:
    """Fill a gateway and print the figures as JSON, a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--made", type=int, default=20_000)
    parser.add_argument("--custody", default="wrapped", choices=["wrapped", "token"])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--dir", default=None)
    options = parser.parse_args()
    if options.custody == "token":
        options.made = options.keys
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        folder = Path(name) / "gateway"
        servers.prepare(folder, options.custody)
        _measure(folder, options)


def _tell(**figures: object) -> None:
    print(json.dumps(figures), flush=True)


def _measure(folder: Path, options: argparse.Namespace) -> None:
    made_count = min(options.made, options.keys)
    database = folder / "gateway.sqlite"
    server = servers.gateway(folder, *WORKER_OPTIONS)
    try:
        _tell(keys=0, **_memories(server))
        before = _bytes(database)
        begun = time.perf_counter()
        with Client(folder, server.port) as client:
            made = make(client, made_count)
        _tell(made=made_count, a_second=round(made_count / (time.perf_counter() - begun)))
    finally:
        server.stop()
    begun = time.perf_counter()
    copy(database, made, options.keys)
    _tell(copied=options.keys - made_count, seconds=round(time.perf_counter() - begun))
    _tell(database_bytes_a_key=round((_bytes(database) - before) / options.keys))
    begun = time.perf_counter()
    server = servers.gateway(folder, *WORKER_OPTIONS)
    try:
        _tell(start_s=round(time.perf_counter() - begun, 2), **_memories(server))
        _use(folder, server, made, options)
        _tell(after_use=True, **_memories(server))
    finally:
        server.stop()


def _use(folder: Path, server: Server, made: list[str], options: argparse.Namespace) -> None:
    with Client(folder, server.port) as client:
        ask_each(client, locates(options.keys), 1, 1)
        _tell(locate=ask_each(client, locates(options.keys), 1, options.seconds)._asdict())
        for items in (1, GROUP):
            cold = ask_each(client, encrypts(made, items), items, options.seconds)
            _tell(encrypt_with_another_key_each=cold._asdict(), items=items)
            warm = ask_each(client, encrypts(made[:1], items), items, options.seconds)
            _tell(encrypt_with_one_key=warm._asdict(), items=items)
    for name, keys in (("another_key_each", made), ("one_key", made[:1])):
        asked = [message for message, _ in zip(encrypts(keys, GROUP), range(max(len(made) // GROUP, 1)), strict=False)]
        rate = together(folder, server.port, asked, GROUP, options.seconds)
        _tell(**{f"encrypt_with_{name}_a_second": round(rate)}, items=GROUP, clients=CLIENTS)


def _bytes(database: Path) -> int:
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return database.stat().st_size


def _memories(server: Server) -> dict[str, float]:
    """Give the most resident memory of a front end and of a worker, in MB."""
    processes = front_ends(server.process.pid)
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    workers = [int(each) for each in children if int(each) not in processes]
    return {
        "front_end_mb": round(max(memory(each)[0] for each in processes), 1),
        "worker_mb": round(max((memory(each)[0] for each in workers), default=0.0), 1),
    }


if __name__ == "__main__":
    main()
