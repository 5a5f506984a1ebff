"""Health and metrics of a gateway as it runs, with a token that stops answering and comes back."""

import json
import os
import signal
import ssl
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.process import running_dev
from tests.server.clients import connect, dial
from tests.server.https import ask, get, post
from tests.server.test_processes import eventually

QUERY = b'{"tag":"Query","value":[{"tag":"QueryFunction","type":"Enumeration","value":"QueryOperations"}]}'
OPTIONS = ("--token-workers", "1", "--http-port", "0", "--front-ends")


@pytest.fixture
def gateway(tmp_path, request):
    """A gateway of its own, with so many front ends; `admin_port` is where its numbers are."""
    options = (*OPTIONS, str(request.param))
    with (tmp_path / "log").open("w") as log, running_dev(tmp_path / "dev", *options, stderr=log) as running:
        lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
        (running.admin_port,) = (line["port"] for line in lines if line["event"] == "health and metrics")
        yield running
        assert running.stop() == 0


def children(process):
    pids = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    return {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in pids}


@contextmanager
def stopped(pid):
    """Let a process do nothing for a while."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def admin(gateway, path):
    with dial(gateway.admin_port) as sock:
        return ask(sock, get(path))


# Each front end remembers for a second what it has found.
@pytest.mark.parametrize("gateway", [1], indirect=True)
def test_a_token_that_does_not_answer_is_told_until_it_does(gateway):
    assert admin(gateway, "/readyz").status == 200
    (worker,) = (pid for pid, command in children(gateway.process).items() if "gateway.token.worker" in command)
    with stopped(worker):
        time.sleep(1.1)  # the last answer is good for a second
        answer = admin(gateway, "/readyz")
        assert (answer.status, json.loads(answer.body)) == (503, {"status": "DOWN", "failing": "token"})
        assert admin(gateway, "/livez").status == 200
        assert "kmip_token_up 0.0" in admin(gateway, "/metrics").body.decode()
    assert eventually(lambda: admin(gateway, "/readyz").status == 200, 20)


@pytest.mark.parametrize("gateway", [2], indirect=True)
def test_the_numbers_are_those_of_all_front_ends(gateway):
    pki = gateway.folder / "pki"
    context = ssl.create_default_context(cafile=pki / "ca.pem")
    context.load_cert_chain(pki / "client.pem", pki / "client.key")
    for _ in range(8):
        with connect(gateway.https_port, context) as sock:
            assert ask(sock, post(QUERY, path="/kmip/2_1", media_type="application/json")).status == 200
    # Whichever front end is asked.
    for _ in range(4):
        lines = admin(gateway, "/metrics").body.decode().splitlines()
        assert 'kmip_request_seconds_count{encoding="json",port="https"} 8.0' in lines
