"""Notify and Put out of a running gateway: from a client's request to its own listener, over TLS both ways."""

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

from gateway.kmip.enums import CryptographicAlgorithm, CryptographicUsageMask, ObjectType, Operation, ResultStatus
from gateway.kmip.messages import ProtocolVersion, RequestMessage, ResponseHeader
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.version import V1_4
from gateway.operations.activate import ActivateRequest
from gateway.operations.create import CreateRequest
from gateway.pushes import Answered, AnsweredItem, Notify, Put
from gateway.server.peer import key_of
from gateway.wire import layout
from tests.cli.process import START_TIMEOUT_S
from tests.server.authority import Authority
from tests.support.client import Client

# The certificates of [tls] in the folder of `dev`.
OURS = {"ca": "ca.pem", "certificate": "server.pem", "key": "server.key"}
SPOKEN = ProtocolVersion(protocol_version_major=1, protocol_version_minor=4)
KEY = CreateRequest(
    object_type=ObjectType.SYMMETRIC_KEY,
    attributes=(
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, CryptographicUsageMask.ENCRYPT),
    ),
)


def answer(message):
    header = ResponseHeader(protocol_version=SPOKEN, time_stamp=DateTime(0), batch_count=len(message.batch_item))
    items = [AnsweredItem(operation=each.operation, result_status=ResultStatus.SUCCESS) for each in message.batch_item]
    answered = Answered(response_header=header, batch_item=tuple(items))
    return layout.writer(Answered, Tag.RESPONSE_MESSAGE, V1_4)(answered)


class Listening:
    """A client's listener in a thread: takes so many messages, each on a connection of its own, and answers them."""

    def __init__(self, authority, files, count):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.certificate, files.key)
        self._context.load_verify_locations(authority.ca)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(START_TIMEOUT_S)
        self.port = self._socket.getsockname()[1]
        self.items = []
        self.thread = threading.Thread(target=self._run, args=(count,), daemon=True)
        self.thread.start()

    def _run(self, count):
        with self._socket:
            for _ in range(count):
                plain, _ = self._socket.accept()
                with self._context.wrap_socket(plain, server_side=True) as sock, sock.makefile("rb") as stream:
                    head = stream.read(8)
                    body = stream.read(int.from_bytes(head[4:], "big"))
                    message = layout.reader(RequestMessage, V1_4)(body, 0, len(body))
                    self.items += message.batch_item
                    sock.sendall(answer(message))


@contextmanager
def serving(toml, log):
    """Give the port of `serve`, ready to be spoken to."""
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(toml)]
    streams = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, "stderr": log}
    with subprocess.Popen(command, text=True, **streams) as process:
        try:
            yield int(process.stdout.readline().rsplit(":", 1)[1])
        finally:
            process.terminate()
            process.wait(START_TIMEOUT_S)


def test_a_client_is_put_and_told_what_it_did_itself(tmp_path, dev_toml):
    authority = Authority(tmp_path / "pki")
    client, gateway = (authority.issue(name, usage=None) for name in ("client", "gateway"))
    listening = Listening(authority, client, 2)
    identity = f"cert:{key_of(client.spki_owner())}"
    where = f'host = "127.0.0.1", port = {listening.port}, version = "1.4"'
    toml = dev_toml("[kmip]", f'[kmip]\npush = [{{ identity = "{identity}", {where}, tells = "changes" }}]')
    for key, path in (("ca", authority.ca), ("certificate", gateway.certificate), ("key", gateway.key)):
        toml.write_text(toml.read_text().replace(f'{key} = "pki/{OURS[key]}"', f'{key} = "{path}"'))
    with (tmp_path / "log").open("w") as log, serving(toml, log) as port, Client(tmp_path, port) as connection:
        (made,) = connection.ask(V1_4, (Operation.CREATE, KEY))
        connection.ask(V1_4, (Operation.ACTIVATE, ActivateRequest(unique_identifier=made.payload.unique_identifier)))
        listening.thread.join(START_TIMEOUT_S)
        answered = pushed(tmp_path / "log", 2)
    assert [each.operation for each in listening.items] == [Operation.PUT, Operation.NOTIFY]
    put, notify = (read(kind, item) for kind, item in zip((Put, Notify), listening.items, strict=True))
    assert put.unique_identifier == notify.unique_identifier == made.payload.unique_identifier
    secret = put.symmetric_key.key_block.key_value.key_material
    assert len(secret) == 32 and secret.hex() not in (tmp_path / "log").read_text()
    assert answered == [["Success"], ["Success"]]


def pushed(log, count):
    """Give what the log says of so many answers, once it does."""
    answered = []
    while len(answered) < count:
        time.sleep(0.02)
        events = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        answered = [each["answered"] for each in events if each["event"] == "pushed"]
    return answered


def read(kind, item):
    raw = item.request_payload.raw
    return layout.reader(kind, V1_4)(raw, 0, len(raw))
