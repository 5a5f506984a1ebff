"""The client's side of a connection, with blocking sockets: what a test says goes over the wire as it says it."""

import socket
import ssl
from pathlib import Path

from tests.server.authority import Files

PATIENCE_S = 10.0


def request(body: bytes = b"") -> bytes:
    """Give a Request Message whose content is `body`, which no server but the tests' own understands."""
    return b"\x42\x00\x78\x01" + len(body).to_bytes(4, "big") + body


def response(body: bytes = b"") -> bytes:
    """Give a Response Message whose content is `body`."""
    return b"\x42\x00\x7b\x01" + len(body).to_bytes(4, "big") + body


def client_context(ca: Path, credential: Files | None) -> ssl.SSLContext:
    """Give a context that shows the credential, or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    if credential is not None:
        context.load_cert_chain(credential.certificate, credential.key)
    return context


def dial(port: int) -> socket.socket:
    """Give a TCP connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def connect(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
    """Give a TLS connection."""
    return context.wrap_socket(dial(port), server_hostname="localhost", session=session)


def read_message(sock: socket.socket) -> bytes:
    """Give one whole message; b"" at the end of the stream."""
    data = b""
    while len(data) < 8 or len(data) < 8 + int.from_bytes(data[4:8], "big"):
        wanted = 8 if len(data) < 8 else 8 + int.from_bytes(data[4:8], "big")
        more = sock.recv(wanted - len(data))
        if not more:
            assert not data, "the stream ended inside a message"
            return b""
        data += more
    return data


def ask(sock: socket.socket, body: bytes) -> bytes:
    """Send one request and give the content of its response."""
    sock.sendall(request(body))
    return read_message(sock)[8:]


def closed(sock: socket.socket) -> bool:
    """Tell whether the server ends the connection, without a further byte."""
    try:
        return sock.recv(1) == b""
    except (ConnectionError, ssl.SSLError):
        return True
