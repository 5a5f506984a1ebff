"""`python -m tests.server.processes CONFIG [FAULT]`: the gateway's processes with a stand-in for its exchange.

Prints `ready PORT`. At SIGUSR1 the first worker is taken to have asked for its replacement, which else takes a million
calls. FAULT makes the build in a front end fail: `sentence` as a wrong configuration does, `fault` as a
mistake of ours would.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.access.identity import Peer
from gateway.admin.logs import configure
from gateway.config import Config, load
from gateway.errors import ConfigurationError, KmipError
from gateway.server.binding import Ports
from gateway.server.supervisor import Supervisor
from gateway.token.pool import TokenPool
from tests.server.clients import response


class Probe:
    """Answers what a test wants to know of the processes."""

    def __init__(self, pool: TokenPool, policy: str) -> None:
        self._pool = pool
        self._policy = policy

    async def answer(self, raw: bytes, peer: Peer) -> bytes:
        try:
            return response(await self._answer(raw[8:].decode()))
        except KmipError as error:
            return response(type(error).__name__.encode())

    async def _answer(self, question: str) -> bytes:
        match question.split():
            case ["pid"]:
                return str(os.getpid()).encode()
            case ["random"]:
                return (await self._pool.random(16)).hex().encode()
            case ["policy"]:
                return self._policy.encode()
            case ["sleep", seconds]:
                await asyncio.sleep(float(seconds))
        return question.encode()

    async def check(self) -> None:
        await self._pool.random(1)

    def adopt(self, config: Config) -> None:
        self._policy = config.kmip.policy

    def refuse(self, error: KmipError, peer: Peer | None) -> bytes:
        return response(error.message.encode())

    def turn_away(self, address: str, reason: str) -> None:
        pass


@asynccontextmanager
async def build(config: Config, pools: Mapping[str, TokenPool]) -> AsyncIterator[Probe]:
    match sys.argv[2:]:
        case ["sentence"]:
            raise ConfigurationError("The database is not there.")
        case ["fault"]:
            raise RuntimeError("a mistake of ours")
    yield Probe(pools[config.token.name], config.kmip.policy)


def _retire_first(supervisor: Supervisor) -> None:
    process = supervisor._workers[0].process
    assert process
    process.retiring = True


def _tell_ready(ports: Ports) -> None:
    print("ready", *filter(None, ports), flush=True)


def main() -> int:
    path = Path(sys.argv[1])
    config = load(path)
    configure(config.log)
    supervisor = Supervisor(
        config, build, lambda ports: print("ready", *filter(None, ports), flush=True), lambda: load(path)
    )
    signal.signal(signal.SIGUSR1, lambda *_: _retire_first(supervisor))
    try:
        return supervisor.run()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
