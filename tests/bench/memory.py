"""What a front end's memory holds: with many objects seen, and with many idle connections.

Usage: python -m tests.bench.memory [--objects 10000] [--connections 2000] [--dir DIR]

The objects are put into the database without keys on the token, which a front end does not know the difference of; each
is then asked for over TLS, so that whatever is kept of an object is kept.
"""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate

from gateway.kmip.enums import CryptographicAlgorithm, CryptographicUsageMask, NameType, ObjectType, Operation
from gateway.kmip.structure import Attribute, Attributes, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.values import Name
from gateway.kmip.version import V1_4
from gateway.managed import Catalogue
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.server.peer import key_of
from gateway.store.api import Custody, ObjectRow
from gateway.store.sqlite import open_store
from gateway.wire.codec import Codec
from tests.bench import servers
from tests.support.client import Client
from tests.support.messages import request

GROUP = 100


def front_ends(supervisor: int) -> list[int]:
    """Give the process numbers of a gateway's front ends."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
            command = Path(f"/proc/{process}/cmdline").read_text()
        except OSError:
            continue
        if parent == supervisor and "gateway.token.worker" not in command:
            found.append(int(process))
    return found


def memory(process: int) -> tuple[float, float]:
    """Give resident and proportional memory in MB; the latter counts shared pages once over all processes."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024


def fill(database: Path, owner: str, count: int) -> list[str]:
    """Add so many objects of one owner, and give their unique identifiers."""

    async def run() -> None:
        store = open_store(database)
        for start in range(0, count, GROUP):
            rows = [_row(catalogue, owner, number) for number in range(start, min(start + GROUP, count))]
            await store.write(lambda t, rows=rows: [t.add(row, (f"object {row.unique_identifier}",)) for row in rows])
        await store.close()

    catalogue = Catalogue(Codec())
    asyncio.run(run())
    return [_identifier(number) for number in range(count)]


def _identifier(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _row(catalogue: Catalogue, owner: str, number: int) -> ObjectRow:
    uid = _identifier(number)
    now = DateTime(1_700_000_000 + number)
    attributes: Attributes = (
        Attribute(Tag.UNIQUE_IDENTIFIER, uid),
        Attribute(Tag.OBJECT_TYPE, ObjectType.SYMMETRIC_KEY),
        Attribute(Tag.NAME, Name(name_value=f"object {uid}", name_type=NameType.UNINTERPRETED_TEXT_STRING)),
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, CryptographicUsageMask.ENCRYPT | CryptographicUsageMask.DECRYPT),
        *(Attribute(tag, now) for tag in (Tag.INITIAL_DATE, Tag.LAST_CHANGE_DATE, Tag.ACTIVATION_DATE)),
        Attribute(Tag.ORIGINAL_CREATION_DATE, now),
        *(Attribute(tag, False) for tag in (Tag.FRESH, Tag.SENSITIVE, Tag.ALWAYS_SENSITIVE, Tag.NEVER_EXTRACTABLE)),
        Attribute(Tag.EXTRACTABLE, True),
    )
    return ObjectRow(
        unique_identifier=uid,
        tenant="default",
        owner=owner,
        object_type=int(ObjectType.SYMMETRIC_KEY),
        custody=Custody.SEALED,
        material=bytes(60),
        attributes=catalogue.rows(attributes),
    )


def owner_of(certificate: Path) -> str:
    """Give the name of the identity that a certificate proves."""
    return f"cert:{key_of(load_pem_x509_certificate(certificate.read_bytes()))}"


def main() -> None:
    """Print the memory of each front end: fresh, with the objects seen, and per idle connection."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=2_000)
    parser.add_argument("--dir", default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        folder = Path(name) / "gateway"
        servers.gateway(folder, "--front-ends", "1").stop()
        configuration = folder / "gateway.toml"
        limits = "[server]\nmax_connections = 10000\nmax_connections_per_address = 10000\n"
        configuration.write_text(f"{configuration.read_text()}\n{limits}")
        uids = fill(folder / "gateway.sqlite", owner_of(folder / "pki" / "client.pem"), options.objects)
        server = servers.gateway(folder, "--front-ends", "1")
        try:
            _measure(server, folder, uids, options.connections)
        finally:
            server.stop()


def _measure(server: servers.Server, folder: Path, uids: list[str], connections: int) -> None:
    (process,) = front_ends(server.process.pid)
    print(f"fresh: {memory(process)[0]:.1f} MB resident, {memory(process)[1]:.1f} MB proportional")
    with Client(folder, server.port) as client:
        for start in range(0, len(uids), GROUP):
            asked = [GetAttributesRequest(unique_identifier=uid) for uid in uids[start : start + GROUP]]
            client.send(request(V1_4, *[(Operation.GET_ATTRIBUTES, payload) for payload in asked]))
    before = memory(process)
    print(f"{len(uids)} objects seen: {before[0]:.1f} MB resident, {before[1]:.1f} MB proportional")
    idle = [Client(folder, server.port) for _ in range(connections)]
    time.sleep(1)
    after = memory(process)
    print(f"{connections} idle connections: {(after[1] - before[1]) * 1024 / connections:.1f} KB each")
    for each in idle:
        each.socket.close()


if __name__ == "__main__":
    main()
