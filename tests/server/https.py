"""HTTP ports on a loop of their own thread: real sockets, real TLS; only the gateway behind them is a stand-in."""

import asyncio
import socket
import ssl
import threading
from dataclasses import dataclass

import uvloop

from gateway.config import Config
from gateway.errors import StoreDown, TokenDown
from gateway.server.binding import listen_all
from gateway.server.front_end import Http, Start
from gateway.server.meters import Meters
from gateway.server.sites import listeners
from gateway.server.tally import Tally
from gateway.server.trust import Trust
from tests.server.conftest import Echo

BINARY = "application/octet-stream"


class Checked(Echo):
    """An Echo that can also be asked whether it is well; `failing` is what is not."""

    def __init__(self):
        super().__init__()
        self.checks = 0
        self.failing = ""

    async def check(self):
        self.checks += 1
        if self.failing == "database":
            raise StoreDown
        if self.failing == "token":
            raise TokenDown
        if self.failing == "slow token":
            await asyncio.sleep(60)


class HttpServer:
    """Running HTTPS and admin ports."""

    def __init__(self, config: Config):
        self.config = config
        self.echo = Checked()
        self.kmip_port = self.port = self.admin_port = 0
        self.faults: list[dict[str, object]] = []
        self.tally = Tally(1)
        self.meters = Meters(1)
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._run()))

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self.echo.gate.set()
        self.drain()
        self.join()

    def drain(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)

    def join(self):
        self._thread.join(20)
        assert not self._thread.is_alive()
        assert not self.faults

    async def _run(self):
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda _, context: self.faults.append(context))
        with listen_all(self.config) as sockets:
            kmip, listening, admin = sockets
            self.kmip_port, self.port, self.admin_port = sockets.ports()
            http = Http(listening, admin, self.meters)
            start = Start(self.config, kmip, http, Trust(self.config.tls), self.tally, None, None)
            ports = self.ports = listeners(start, http, self.echo)
            for port in ports:
                port.start()
            self._ready.set()
            await self._stop.wait()
            await asyncio.gather(*(port.drain(self.config.server.drain_timeout_s) for port in ports))
            self.left = sum(len(port._connections) for port in ports)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


def post(body: bytes, *, path="/kmip", media_type=BINARY, method="POST", length=None, **headers: str) -> bytes:
    """Give a request in bytes."""
    fields = {
        "Host": "localhost",
        "Content-Type": media_type,
        "Content-Length": str(len(body) if length is None else length),
    }
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def get(path: str) -> bytes:
    """Give a request in bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def read_answer(sock: socket.socket) -> Answer:
    """Read one answer, no byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        assert byte, f"the stream ended inside {head!r}"
        head += byte
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    body = bytearray()
    while missing := int(headers.get("Content-Length", "0")) - len(body):
        more = sock.recv(missing)
        assert more, "the stream ended inside the body"
        body += more
    return Answer(int(status.split()[1]), headers, bytes(body))


def ask(sock: socket.socket | ssl.SSLSocket, request: bytes) -> Answer:
    """Send one request and give its answer."""
    sock.sendall(request)
    return read_answer(sock)
