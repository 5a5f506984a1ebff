"""What a client may do to TLS that is no request: floods, renegotiation, a stream that is sent again, slowness."""

import socket
import ssl
import threading
import time
from collections.abc import Callable

import pytest

from tests.server.authority import Files
from tests.server.clients import ask, connect, dial, request, response
from tests.server.conftest import Serving
from tests.server.openssl import TLS_1_2, TLS_1_3, OpenSsl

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def captured(port: int, context: ssl.SSLContext, message: bytes) -> bytes:
    """Ask once, and give every byte that went to the server."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    sent = b""
    with dial(port) as sock:

        def turn(step: Callable[[], object]) -> object:
            nonlocal sent
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    sent += (said := outgoing.read())
                    sock.sendall(said)
                    incoming.write(sock.recv(65536))

        turn(tls.do_handshake)
        tls.write(message)
        assert turn(lambda: tls.read(1000)) == response(message[8:])
    return sent


def drained(sock: socket.socket) -> bytes:
    """Give all that comes until the server closes."""
    data = b""
    try:
        while more := sock.recv(65536):
            data += more
    except ConnectionError:
        pass
    return data


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stream_that_is_sent_again_asks_for_nothing(
    serving: Serving, context: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    context.minimum_version = context.maximum_version = version
    with serving(handshake_timeout_s=2) as server:
        stream = captured(server.port, context, request(b"transfer"))
        assert len(stream) > 1000
        for _ in range(3):
            with dial(server.port) as sock:
                sock.sendall(stream)
                sock.shutdown(socket.SHUT_WR)
                assert b"transfer" not in drained(sock)
        assert server.echo.begun == [b"transfer"]


def test_there_is_no_early_data_to_send_again(serving: Serving, client: Files) -> None:
    """TLS 1.3 lets data come with the first flight, where it could be replayed, if tickets say so; ours never do."""
    with serving() as server, OpenSsl(server.port, client, TLS_1_3) as one:
        assert one.send(request(b"hello   "))
        assert one.receive(100) == response(b"hello   ")
        assert one.early_data_bytes() == 0


def test_renegotiation_is_refused(serving: Serving, client: Files) -> None:
    with serving() as server, OpenSsl(server.port, client, TLS_1_2) as one:
        assert one.send(request(b"hello   "))
        assert one.receive(100) == response(b"hello   ")
        assert not one.renegotiate()


def test_a_flood_of_key_updates_holds_up_nobody(serving: Serving, context: ssl.SSLContext, client: Files) -> None:
    stop, sent = threading.Event(), []

    def flood(port: int) -> None:
        with OpenSsl(port, client, TLS_1_3) as one:
            while not stop.is_set() and one.update_keys():
                sent.append(1)

    with serving() as server, connect(server.port, context) as sock:
        thread = threading.Thread(target=flood, args=[server.port])
        thread.start()
        try:
            end = time.monotonic() + 2
            answered = 0
            while time.monotonic() < end:
                assert ask(sock, b"meantime") == b"meantime"
                answered += 1
        finally:
            stop.set()
            thread.join(10)
    assert not thread.is_alive()
    assert len(sent) > 100
    assert answered > 100


@pytest.mark.parametrize("phase", ["handshake", "header", "body", "answer"])
def test_slow_clients_hold_up_nobody(serving: Serving, context: ssl.SSLContext, phase: str) -> None:
    """They are cut at the end of their phase, and all the while others are answered."""
    begun = {"handshake": b"\x16\x03", "header": b"\x42\x00", "body": request(bytes(100))[:50]}
    with serving(handshake_timeout_s=1.5, message_timeout_s=1.5) as server:
        slow: list[socket.socket] = []
        for _ in range(20):
            sock = dial(server.port) if phase == "handshake" else connect(server.port, context)
            sock.sendall(begun.get(phase) or request(b"large5000000"))
            slow.append(sock)
        with connect(server.port, context) as good:
            for _ in range(100):
                assert ask(good, b"meantime") == b"meantime"
            deadline = time.monotonic() + 10
            while len(server.connections()) > 1 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert len(server.connections()) == 1
            assert ask(good, b"at last ") == b"at last "
        for sock in slow:
            sock.close()
