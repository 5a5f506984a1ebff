"""A gateway that lets nobody in whom it has not been told of: who waits, who is accepted, who has a password alone."""

import http.client
import re
import ssl
import subprocess
import sys
from contextlib import contextmanager

import pytest

from gateway.access import passwords
from gateway.admin import accounts, credentials
from gateway.kmip.enums import CredentialType, Operation, ResultReason, ResultStatus
from gateway.kmip.messages import Authentication, Credential, UsernameAndPassword
from gateway.kmip.structure import Item
from gateway.kmip.version import V1_4
from gateway.operations.locate import LocateRequest
from gateway.store.accounts import CredentialRow
from gateway.wire import layout
from tests.cli.process import START_TIMEOUT_S
from tests.server.clients import dial
from tests.support.client import Client
from tests.support.messages import answers, request

LOCATE = Operation.LOCATE, LocateRequest()
READY = re.compile(r"ready kmip=127\.0\.0\.1:(\d+) https=127\.0\.0\.1:(\d+)\n")


@pytest.fixture
def toml(dev_toml):
    """Give a configuration in which a certificate that nobody knows waits, and none is needed with a password."""
    path = dev_toml('unknown_clients = "own"', 'unknown_clients = "pending"\ncertificates = "optional"')
    text = path.read_text().replace('unknown_credentials = "ignore"', 'unknown_credentials = "refuse"')
    # A database of its own: what others have kept in the folder's is none of this test's.
    text = text.replace('certification_authority = "dev"\n', "")
    path.write_text(f'{text}\n[https]\nport = 0\nadmin_port = 0\n[store]\npath = "{path.stem}.sqlite"\n')
    return path


@contextmanager
def serving(toml):
    """Give the two ports of `serve`."""
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(toml)]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        try:
            ready = READY.fullmatch(process.stdout.readline())
            assert ready
            yield int(ready[1]), int(ready[2])
        finally:
            process.terminate()
            process.wait(START_TIMEOUT_S)


def with_password(text):
    value = UsernameAndPassword(username="anna", password=text)
    raw = layout.content_writer(UsernameAndPassword, V1_4)(value)
    shown = Credential(credential_type=CredentialType.USERNAME_AND_PASSWORD, credential_value=Item(1, raw))
    return request(V1_4, LOCATE, authentication=Authentication(credential=(shown,)))


class Bare(Client):
    """A connection that shows no certificate."""

    def __init__(self, folder, port):
        self.socket = context(folder).wrap_socket(dial(port), server_hostname="localhost")


def context(folder):
    return ssl.create_default_context(cafile=folder / "pki" / "ca.pem")


def over_https(folder, port, raw):
    """Give the answer to a message that shows no certificate."""
    connection = http.client.HTTPSConnection("localhost", port, context=context(folder), timeout=START_TIMEOUT_S)
    connection.request("POST", "/kmip", raw, {"Content-Type": "application/octet-stream"})
    answer = connection.getresponse().read()
    connection.close()
    return answer


def outcome(raw):
    (answer,) = answers(raw, V1_4)
    return answer.status if answer.status is ResultStatus.SUCCESS else answer.reason


def test_nobody_is_let_in_whom_no_administrator_has_named(dev_folder, toml):
    refused = ResultReason.AUTHENTICATION_NOT_SUCCESSFUL
    database = dev_folder / f"{toml.stem}.sqlite"
    with serving(toml) as (kmip, https):
        with Client(dev_folder, kmip) as unknown:
            (answer,) = unknown.ask(V1_4, LOCATE)
            assert answer.reason is ResultReason.PERMISSION_DENIED
            assert "an administrator has to accept it" in answer.message
            (waiting,) = accounts.read(database, accounts.list_pending)
            assert (waiting.subject, waiting.address) == ("CN=client", "127.0.0.1")
            wanted = accounts.Enrolment(tenant="default", name="anna", roles=("storage",))
            accounts.change(database, lambda found: accounts.accept(found, waiting.key, wanted, ()))
            assert unknown.ask(V1_4, LOCATE)[0].status is ResultStatus.SUCCESS

        row = CredentialRow("password", "anna", "default", "anna", passwords.kept("correct horse"), 7)
        accounts.change(database, lambda found: credentials.keep(found, [row]))
        right, wrong, bare = with_password("correct horse"), with_password("wrong"), request(V1_4, LOCATE)
        with Bare(dev_folder, kmip) as nobody:
            assert [outcome(nobody.send(raw)) for raw in (bare, right, wrong, right, bare)] == [
                refused,
                ResultStatus.SUCCESS,
                refused,
                ResultStatus.SUCCESS,
                refused,
            ]
        found = [outcome(over_https(dev_folder, https, raw)) for raw in (bare, right, wrong)]
        assert found == [refused, ResultStatus.SUCCESS, refused]
