"""The load generator: builds kmipload, runs it, gives what it measured."""

import json
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.bench.servers import Server

SOURCE = Path(__file__).resolve().parents[3] / "shared" / "tools" / "kmipload.c"
WARM_UP_S = 1


class Rate(NamedTuple):
    """What a run of the load generator measured, in microseconds: latencies, and the server's time for a request."""

    rps: float
    p50_us: float
    p99_us: float
    ok: int
    failed: int
    broken: int
    cpu_us: float = 0.0


def build(folder: Path) -> Path:
    """Compile the load generator.

    Raises:
        FileNotFoundError: its source is not beside this checkout.
    """
    if not SOURCE.exists():
        raise FileNotFoundError(f"the load generator's source is not at {SOURCE}")
    program = folder / "kmipload"
    subprocess.run(["cc", "-O2", "-o", program, SOURCE, "-lssl", "-lcrypto"], check=True)
    return program


class Load:
    """Puts one server under load, with the client certificate in a folder of certificates."""

    def __init__(self, program: Path, pki: Path, seconds: float) -> None:
        self.program, self.pki, self.seconds = program, pki, seconds

    def run(
        self, server: Server, message: bytes, connections: int, *, reconnect: bool = False, http: bool = False
    ) -> Rate:
        """Send one message (a whole request of HTTP) over and over on so many connections; give the rate of answers."""
        request = self.pki / "request.bin"
        request.write_bytes(message)
        command = [
            *(self.program, "-p", server.https_port if http else server.port, "-f", request),
            *("-C", connections, "-d", self.seconds, "-w", WARM_UP_S),
            *("-A", self.pki / "ca.pem", "-c", self.pki / "client.pem", "-k", self.pki / "client.key"),
            *(["-r"] if reconnect else []),
            *(["-m", "http"] if http else []),
        ]
        begun = server.cpu_seconds()
        done = subprocess.run([os.fspath(c) if isinstance(c, Path) else str(c) for c in command], capture_output=True)
        if not done.stdout:
            raise RuntimeError(done.stderr.decode())
        found = json.loads(done.stdout)
        # Answers while warming up are not counted; they come at the same rate.
        answered = found["rps"] * (self.seconds + WARM_UP_S)
        cpu_us = (server.cpu_seconds() - begun) * 1e6 / max(answered, 1)
        return Rate(**{name: found[name] for name in Rate._fields if name in found}, cpu_us=cpu_us)
