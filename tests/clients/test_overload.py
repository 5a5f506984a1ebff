"""A gateway that is overrun: who behaves is answered meanwhile, and afterwards nothing is left of it."""

import os
import re
import socket
import ssl
import struct
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.kmip.enums import Operation, QueryFunction, ResultReason, ResultStatus
from gateway.kmip.version import V1_4
from gateway.operations.query import QueryRequest
from tests.bench.memory import front_ends
from tests.cli.process import running_dev
from tests.support.client import Client
from tests.support.messages import answers, request

QUERY = (Operation.QUERY, QueryRequest(query_function=(QueryFunction.QUERY_OBJECTS,)))
REQUEST_MESSAGE = bytes.fromhex("42007801")
STRUCTURE = bytes.fromhex("42000f01")
CONNECTIONS = 200  # of each kind of client that means no good
SETTLED_S = 20
FEW = 5  # a file of the database or the audit that is opened once it is needed is no leak
# What the interpreter and the allocator may keep of it; 200 messages of a megabyte would be 200 MB.
KEPT_MB = 60


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """Give a gateway of its own with one front end: what is counted is its alone."""
    with running_dev(tmp_path_factory.mktemp("overload"), "--front-ends", "1", "--token-workers", "1") as running:
        yield running


class FrontEnd:
    """The process that is overrun, as /proc shows it."""

    def __init__(self, gateway) -> None:
        (self.process,) = front_ends(gateway.process.pid)

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process}/fd"))

    def megabytes(self) -> float:
        status = Path(f"/proc/{self.process}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def left_of(self, descriptors: int) -> int:
        """Give how many more descriptors there are than there were, when their number has had time to come down."""
        ends = time.monotonic() + SETTLED_S
        while (left := self.descriptors() - descriptors) > FEW and time.monotonic() < ends:
            time.sleep(0.1)
        return left


def plain(gateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=10)


def reset(sock: socket.socket) -> None:
    """Close a connection as a client that crashed: with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def silent(gateway, stack) -> None:
    stack.callback(plain(gateway).close)


def garbage(gateway, stack) -> None:
    sock = plain(gateway)
    stack.callback(sock.close)
    sock.sendall(os.urandom(2000))


def half_a_handshake(gateway, stack) -> None:
    sock = plain(gateway)
    stack.callback(reset, sock)
    sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")


def half_a_message(gateway, stack) -> None:
    client = Client(gateway.folder, gateway.port)
    client.socket.sendall(REQUEST_MESSAGE + struct.pack(">I", 100_000) + bytes(500))
    stack.callback(reset, client.socket)


def half_closed(gateway, stack) -> None:
    client = Client(gateway.folder, gateway.port)
    client.socket.sendall(request(V1_4, QUERY))
    client.socket.shutdown(socket.SHUT_WR)
    stack.callback(client.socket.close)


@pytest.mark.parametrize("client", [silent, garbage, half_a_handshake, half_a_message, half_closed])
def test_who_behaves_is_answered_and_nothing_is_left(gateway, client):
    front_end = FrontEnd(gateway)
    with Client(gateway.folder, gateway.port) as behaves:
        (answer,) = behaves.ask(V1_4, QUERY)
        descriptors = front_end.descriptors()
        with ExitStack() as stack:
            for number in range(CONNECTIONS):
                client(gateway, stack)
                if number % 20 == 0:
                    assert [each.payload for each in behaves.ask(V1_4, QUERY)] == [answer.payload]
        assert front_end.left_of(descriptors) <= FEW


def nested(depth: int) -> bytes:
    """Give a Request Message of nothing but structures, each in the one before."""
    inner = b""
    for _ in range(depth):
        inner = STRUCTURE + struct.pack(">I", len(inner)) + inner
    return REQUEST_MESSAGE + struct.pack(">I", len(inner)) + inner


def counted(number: int) -> bytes:
    """Give a message whose Batch Count is this, and that has one item."""
    message = bytearray(request(V1_4, QUERY))
    place = message.index(bytes.fromhex("42000d0200000004")) + 8
    message[place : place + 4] = struct.pack(">i", number)
    return bytes(message)


HOSTILE = {
    "nested a hundred thousand deep": nested(100_000),
    "a batch count of 2^31 - 1": counted(2**31 - 1),
    "a negative batch count": counted(-1),
    "a length of 2^32 - 1": REQUEST_MESSAGE + b"\xff\xff\xff\xff",
    "more than is read": REQUEST_MESSAGE + struct.pack(">I", 1 << 20) + bytes(1 << 20),
}


@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE)
def test_a_message_out_of_bounds_is_refused_at_little_cost(gateway, message):
    front_end = FrontEnd(gateway)
    with Client(gateway.folder, gateway.port) as client:
        client.ask(V1_4, QUERY)
    before, descriptors = front_end.megabytes(), front_end.descriptors()
    for _ in range(20):
        with Client(gateway.folder, gateway.port) as client:
            (answer,) = answers(client.send(message), V1_4)
            assert answer.status is ResultStatus.OPERATION_FAILED
            assert answer.reason in (ResultReason.INVALID_MESSAGE, ResultReason.INVALID_FIELD)
    assert front_end.left_of(descriptors) <= FEW
    assert front_end.megabytes() < before + KEPT_MB


def test_ten_thousand_items_are_answered_one_by_one(gateway):
    front_end = FrontEnd(gateway)
    with Client(gateway.folder, gateway.port) as client:
        one = client.ask(V1_4, QUERY)
        before = front_end.megabytes()
        many = client.ask(V1_4, *[QUERY] * 10_000)
        assert [each.payload for each in many] == [one[0].payload] * 10_000
        (refused,) = client.ask(V1_4, *[QUERY] * 10_001)
        assert refused.payload is None
        assert client.ask(V1_4, QUERY)[0].payload == one[0].payload
    assert front_end.megabytes() < before + KEPT_MB


def test_connections_that_come_and_go_leave_nothing(gateway):
    front_end = FrontEnd(gateway)
    with Client(gateway.folder, gateway.port) as client:
        client.ask(V1_4, QUERY)
    descriptors = front_end.descriptors()
    before = 0.0
    for number in range(300):
        with Client(gateway.folder, gateway.port) as client:
            client.ask(V1_4, QUERY)
        if number == 100:
            before = front_end.megabytes()
    assert front_end.left_of(descriptors) <= FEW
    assert front_end.megabytes() < before + 20


def test_a_client_of_an_old_tls_does_not_disturb(gateway):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    front_end = FrontEnd(gateway)
    descriptors = front_end.descriptors()
    for _ in range(50):
        with plain(gateway) as sock, pytest.raises((ssl.SSLError, OSError)):
            context.wrap_socket(sock).recv(1)
    assert front_end.left_of(descriptors) <= FEW
