"""A plain KMIP client over a TLS socket: one message out, one message in."""

import socket
import ssl
from pathlib import Path
from types import TracebackType

from gateway.kmip.enums import Operation
from gateway.kmip.structure import Structure
from gateway.kmip.version import Version
from tests.support.messages import Answer, answers, request


class Client:
    """One connection to a gateway, as the owner of pki/NAME.pem under `directory`."""

    def __init__(self, directory: Path, port: int, name: str = "client") -> None:
        pki = directory / "pki"
        context = ssl.create_default_context(cafile=pki / "ca.pem")
        context.load_cert_chain(pki / f"{name}.pem", pki / f"{name}.key")
        plain = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, raw: bytes) -> bytes:
        """Send a message and give the whole of what is answered."""
        self.socket.sendall(raw)
        head = self._read(8)
        return head + self._read(int.from_bytes(head[4:8], "big"))

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            more = self.socket.recv(size - len(found))
            if not more:
                raise ConnectionError("the gateway closed the connection")
            found += more
        return found

    def ask(self, version: Version, *items: tuple[Operation, Structure]) -> list[Answer]:
        """Ask for operations in one message and give what each came to."""
        return answers(self.send(request(version, *items)), version)
