"""A listener on a loop of its own thread, real sockets, real TLS; only the gateway behind it is a stand-in."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
import uvloop
from msgspec.structs import replace

from gateway.access.identity import Peer
from gateway.config import AccessConfig, Config, KmipConfig, ServerConfig, TlsConfig, TokenConfig
from gateway.errors import KmipError
from gateway.server.binding import listen
from gateway.server.connection import Connection
from gateway.server.kmip_connection import KmipConnection
from gateway.server.listener import Listener
from gateway.server.tally import Tally
from gateway.server.tls import read_files
from gateway.server.trust import Trust
from tests.server.authority import Authority, Files
from tests.server.clients import client_context, response

MAX_MESSAGE_BYTES = 200_000


class Echo:
    """Answers a request with its own content; notes who asked, and waits when a request says so."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.begun: list[bytes] = []
        self.gate = threading.Event()

    async def answer(self, raw: bytes, peer: Peer) -> bytes:
        self.peers.append(peer)
        body = raw[8:]
        self.begun.append(body)
        while body.startswith(b"wait") and not self.gate.is_set():  # noqa: ASYNC110 - another thread opens the gate
            await asyncio.sleep(0.01)
        if body.startswith(b"large"):
            body = bytes(int(body[5:]))
        return response(body)

    def refuse(self, error: KmipError, peer: Peer | None) -> bytes:
        return response(error.message.encode())

    def turn_away(self, address: str, reason: str) -> None:
        pass


class Server:
    """A running listener."""

    def __init__(self, config: Config, echo: Echo) -> None:
        self.config = config
        self.echo = echo
        self.port = 0
        self.drained = False
        self.faults: list[dict[str, object]] = []
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._run()))

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def drain(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)

    def reload(self) -> None:
        """Read the files of [tls] again, as a front end does when the supervisor has it do so."""
        done = threading.Event()

        def adopt() -> None:
            self._trust.adopt(read_files(self.config.tls), self.config.tls)
            self._listener.doubt()
            done.set()

        self._loop.call_soon_threadsafe(adopt)
        assert done.wait(10)

    def join(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()
        assert not self.faults

    def connections(self) -> list[Connection]:
        return list(self._listener._connections.values())

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda _, context: self.faults.append(context))
        with listen(self.config.server) as listening:
            self.port = listening.getsockname()[1]
            self._trust = trust = Trust(self.config.tls, certificates=self.config.access.certificates)
            connect = partial(KmipConnection, trust=trust, config=self.config, exchange=self.echo, speak=None)
            self._listener = listener = Listener(listening, connect, self.config.server, Tally(1))
            listener.start()
            self._ready.set()
            await self._stop.wait()
            await listener.drain(self.config.server.drain_timeout_s)
            self.drained = True


Serving = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def client(authority: Authority) -> Files:
    return authority.issue("client")


@pytest.fixture(scope="session")
def tls(authority: Authority) -> TlsConfig:
    server = authority.server()
    return TlsConfig(ca=authority.ca, certificate=server.certificate, key=server.key)


@pytest.fixture
def config(tls: TlsConfig, tmp_path: Path) -> Config:
    return Config(
        version="v1",
        server=ServerConfig(kmip_port=0, runtime_dir=tmp_path / "run"),
        tls=tls,
        token=TokenConfig(module=Path("/nonexistent")),
        kmip=KmipConfig(max_message_bytes=MAX_MESSAGE_BYTES),
    )


@pytest.fixture
def serving(config: Config) -> Serving:
    """Give a context manager that serves with some keys of [server] changed, and drains at its end."""

    @contextmanager
    def serve(tls: TlsConfig = config.tls, access: AccessConfig = config.access, **server: object) -> Iterator[Server]:
        changed = replace(config, tls=tls, access=access, server=replace(config.server, **server))
        running = Server(changed, Echo())
        running.start()
        try:
            yield running
        finally:
            running.echo.gate.set()
            running.drain()
            running.join()

    return serve


@pytest.fixture
def context(authority: Authority, client: Files) -> ssl.SSLContext:
    return client_context(authority.ca, client)
