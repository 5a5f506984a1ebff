"""A conversation: order, deadlines, caps, bounds, and how it ends."""

import socket
import ssl
import time
from collections.abc import Callable

import pytest

from tests.server.clients import ask, closed, connect, dial, read_message, request, response
from tests.server.conftest import MAX_MESSAGE_BYTES, Serving

Context = ssl.SSLContext


def eventually(true: Callable[[], object]) -> bool:
    """Tell whether it comes true within some seconds."""
    end = time.monotonic() + 5
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(true())


def seconds_until_closed(sock: socket.socket) -> float:
    start = time.monotonic()
    assert closed(sock)
    return time.monotonic() - start


def raw_records(port: int, context: Context, message: bytes) -> list[int]:
    """Send a message and give the sizes of the TLS records that the answer came in."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    sizes: list[int] = []
    with dial(port) as sock:

        def turn(step: Callable[[], object]) -> object:
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    sock.sendall(outgoing.read())
                    incoming.write(sock.recv(65536))

        turn(tls.do_handshake)
        tls.write(message)
        sock.sendall(outgoing.read())
        data, answer = b"", b""
        while len(answer) < 8 or len(answer) < 8 + int.from_bytes(answer[4:8], "big"):
            data += (chunk := sock.recv(65536))
            incoming.write(chunk)
            while True:
                try:
                    answer += tls.read(1 << 20)
                except ssl.SSLWantReadError:
                    break
    while data:
        size = int.from_bytes(data[3:5], "big")
        sizes.append(size)
        data = data[5 + size :]
    return sizes


def test_pipelined_requests_are_answered_in_order(serving: Serving, context: Context) -> None:
    bodies = [b"%08d" % number for number in range(500)]
    with serving() as server, connect(server.port, context) as sock:
        sock.sendall(b"".join(map(request, bodies)))
        assert [read_message(sock) for _ in bodies] == [response(body) for body in bodies]
        assert server.echo.begun == bodies


def test_one_request_of_a_connection_at_a_time(serving: Serving, context: Context) -> None:
    with serving() as server, connect(server.port, context) as sock:
        sock.sendall(request(b"wait") + request(b"next"))
        assert eventually(lambda: server.echo.begun == [b"wait"])
        time.sleep(0.1)
        assert server.echo.begun == [b"wait"]
        server.echo.gate.set()
        assert [read_message(sock)[8:] for _ in range(2)] == [b"wait", b"next"]


def test_requests_sent_ahead_are_not_read_without_bound(serving: Serving, context: Context) -> None:
    """A client that sends and does not wait is stopped by its own socket, not by our memory."""
    ahead = request(bytes(60_000))
    with serving() as server, connect(server.port, context) as sock:
        sock.sendall(request(b"wait"))
        assert eventually(lambda: server.echo.begun)
        sock.settimeout(0.5)
        sent = 0
        with pytest.raises((TimeoutError, ssl.SSLWantWriteError)):
            for sent in range(1000):  # noqa: B007
                sock.sendall(ahead)
        assert sent < 500
        waiting = next(iter(server.connections()))._framer
        assert len(waiting) < 3 * 65536
        server.echo.gate.set()


def test_reading_goes_on_after_a_pause(serving: Serving, context: Context) -> None:
    bodies = [b"wait"] + [b"%08d" % number * 2000 for number in range(30)]
    with serving() as server, connect(server.port, context) as sock:
        sock.sendall(b"".join(map(request, bodies)))
        time.sleep(0.2)
        server.echo.gate.set()
        assert [read_message(sock) for _ in bodies] == [response(body) for body in bodies]


def test_byte_by_byte(serving: Serving, context: Context) -> None:
    with serving() as server, connect(server.port, context) as sock:
        for byte in request(b"slowly  "):
            sock.sendall(bytes([byte]))
        assert read_message(sock) == response(b"slowly  ")


@pytest.mark.parametrize("size", [16_000, 100_000, 150_000])
def test_large_requests_and_answers(serving: Serving, context: Context, size: int) -> None:
    with serving() as server, connect(server.port, context) as sock:
        assert ask(sock, bytes(size)) == bytes(size)


def test_an_answer_larger_than_the_socket_takes(serving: Serving, context: Context) -> None:
    with serving() as server, connect(server.port, context) as sock:
        sock.sendall(request(b"large20000000"))
        time.sleep(0.3)
        assert len(read_message(sock)) == 20_000_008


def test_an_answer_of_one_record_size_is_one_record(serving: Serving, context: Context) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving() as server:
        *_handshake, answer = raw_records(server.port, context, request(b"large16000"))
        assert answer > 16_000


def test_half_close_still_gets_its_answers(serving: Serving, context: Context) -> None:
    with serving() as server, connect(server.port, context) as sock:
        sock.sendall(request(b"wait") + request(b"last"))
        assert eventually(lambda: server.echo.begun)
        socket.socket.shutdown(sock, socket.SHUT_WR)
        server.echo.gate.set()
        assert [read_message(sock)[8:] for _ in range(2)] == [b"wait", b"last"]
        assert closed(sock)


def test_a_client_that_leaves_does_not_disturb(serving: Serving, context: Context) -> None:
    with serving() as server:
        sock = connect(server.port, context)
        sock.sendall(request(b"wait"))
        assert eventually(lambda: server.echo.begun)
        sock.close()
        server.echo.gate.set()
        assert eventually(lambda: not server.connections())
        with connect(server.port, context) as other:
            assert ask(other, b"well    ") == b"well    "


@pytest.mark.parametrize("start", [b"POST /kmip HTTP/1.1\r\n\r\n", b"\x42\x00\x7b\x01" + bytes(4), b"\x16\x03\x01"])
def test_what_is_no_request_is_answered_once_and_closed(serving: Serving, context: Context, start: bytes) -> None:
    with serving() as server, connect(server.port, context) as sock:
        sock.sendall(request(b"well    ") + start)
        assert read_message(sock) == response(b"well    ")
        assert b"was expected (at byte" in read_message(sock)
        assert closed(sock)
        assert server.echo.begun == [b"well    "]


def test_a_message_too_large_is_refused_before_its_body(serving: Serving, context: Context) -> None:
    with serving() as server, connect(server.port, context) as sock:
        sock.sendall(b"\x42\x00\x78\x01" + MAX_MESSAGE_BYTES.to_bytes(4, "big"))
        assert b"this server reads 200000" in read_message(sock)
        assert closed(sock)


def test_the_refusal_reaches_a_client_that_is_still_sending(serving: Serving, context: Context) -> None:
    with serving() as server, connect(server.port, context) as sock:
        sock.sendall(b"\x42\x00\x78\x01" + (1 << 28).to_bytes(4, "big") + bytes(3_000_000))
        assert b"this server reads 200000" in read_message(sock)


# Deadlines.


def test_a_silent_handshake_is_cut(serving: Serving) -> None:
    with serving(handshake_timeout_s=0.4) as server, dial(server.port) as sock:
        assert 0.2 < seconds_until_closed(sock) < 2


def test_a_slow_handshake_is_cut(serving: Serving) -> None:
    with serving(handshake_timeout_s=0.4) as server, dial(server.port) as sock:
        start = time.monotonic()
        with pytest.raises(OSError):
            for byte in b"\x16\x03\x01\x02\x00\x01" + bytes(100):
                sock.sendall(bytes([byte]))
                time.sleep(0.05)
        assert time.monotonic() - start < 3


def test_a_slow_message_is_cut_though_bytes_keep_coming(serving: Serving, context: Context) -> None:
    with serving(message_timeout_s=0.4) as server, connect(server.port, context) as sock:
        start = time.monotonic()
        with pytest.raises(OSError):
            for byte in request(bytes(100)):
                sock.sendall(bytes([byte]))
                time.sleep(0.05)
        assert time.monotonic() - start < 3
        assert not server.echo.begun


def test_an_idle_connection_is_cut(serving: Serving, context: Context) -> None:
    with serving(idle_timeout_s=0.6) as server, connect(server.port, context) as sock:
        for _ in range(3):
            time.sleep(0.3)
            assert ask(sock, b"alive   ") == b"alive   "
        assert 0.3 < seconds_until_closed(sock) < 2


def test_a_client_that_does_not_read_is_cut(serving: Serving, context: Context) -> None:
    with serving(message_timeout_s=0.4) as server, connect(server.port, context) as sock:
        sock.sendall(request(b"large50000000"))
        assert eventually(lambda: not server.connections())


def test_a_long_answer_is_waited_for(serving: Serving, context: Context) -> None:
    limits = {"handshake_timeout_s": 0.3, "message_timeout_s": 0.3, "idle_timeout_s": 0.3}
    with serving(**limits) as server, connect(server.port, context) as sock:
        sock.sendall(request(b"wait"))
        time.sleep(1)
        server.echo.gate.set()
        assert read_message(sock) == response(b"wait")


# Caps.


@pytest.mark.parametrize("cap", ["max_connections", "max_connections_per_address"])
def test_connections_beyond_a_cap_are_refused(serving: Serving, context: Context, cap: str) -> None:
    with serving(**{cap: 2}) as server:
        kept = [connect(server.port, context) for _ in range(2)]
        for sock in kept:
            ask(sock, b"here    ")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connect(server.port, context)
        kept.pop().close()
        assert eventually(lambda: len(server.connections()) == 1)
        with connect(server.port, context) as sock:
            assert ask(sock, b"room    ") == b"room    "
        kept.pop().close()


def test_handshakes_that_come_too_fast_are_refused(serving: Serving, context: Context) -> None:
    with serving(max_handshakes_per_address_per_s=1) as server:
        kept = [connect(server.port, context) for _ in range(10)]  # ten seconds' worth
        with pytest.raises((ssl.SSLError, ConnectionError)):
            # Enough, if the machine is so slow that a second passes now and then.
            kept.extend(connect(server.port, context) for _ in range(10))
        assert ask(kept[0], b"here    ") == b"here    "
        for each in kept:
            each.close()


# The drain.


def test_drain_answers_what_is_in_hand_and_accepts_no_more(serving: Serving, context: Context) -> None:
    with serving() as server, connect(server.port, context) as busy, connect(server.port, context) as idle:
        ask(idle, b"here    ")
        busy.sendall(request(b"wait"))
        assert eventually(lambda: len(server.echo.begun) == 2)
        server.drain()
        assert closed(idle)
        server.echo.gate.set()
        assert read_message(busy) == response(b"wait")
        assert closed(busy)
        server.join()
        with pytest.raises(ConnectionError):
            dial(server.port)


def test_drain_cuts_what_takes_too_long(serving: Serving, context: Context) -> None:
    with serving(drain_timeout_s=0.3) as server, connect(server.port, context) as sock:
        sock.sendall(request(b"wait"))
        assert eventually(lambda: server.echo.begun)
        server.drain()
        server.join()
        assert closed(sock)
