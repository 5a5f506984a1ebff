"""Some official cases as a client meets them: a running gateway, TLS, its own clock."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.process import running_dev
from tests.conformance.bound import bound
from tests.conformance.cases import cases
from tests.conformance.replay import replay
from tests.conformance.weakness import allow_ecb
from tests.kmip.facts import needs_facts
from tests.support.client import Client

pytestmark = needs_facts

SLACK_S = 30
# One for keys, one for a key pair, one for a batch, one for what does not fit, one for encryption, one asynchronous.
NAMES = ("SKLC-M-1-10", "AKLC-M-1-12", "TL-M-1-14", "TC_72_12", "CS-BC-M-1-21", "TC_314_12", "TC-ASYNC-8-21")
CASES = [case for case in cases() if case.name.startswith(NAMES)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a gateway that runs."""
    folder: Path = tmp_path_factory.mktemp("dev")
    with (
        running_dev(folder, "--front-ends", "1", "--token-workers", "1") as gateway,
        Client(gateway.folder, gateway.port) as connected,
    ):
        allow_ecb(folder)
        yield connected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_case_passes_over_tls(case, client):
    async def ask(raw: bytes, name: str) -> bytes:
        assert name == "client", "only one client is connected"
        return await asyncio.to_thread(client.send, raw)

    async def wait() -> int:
        await asyncio.sleep(1)
        return 1

    assert await replay(case, bound([case], int(time.time()), SLACK_S), ask, wait) == []
