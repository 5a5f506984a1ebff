"""Official cases over HTTPS: the bodies and HTTP requests that the encoding profiles publish, and other cases in each.

Every one of them goes to the HTTPS port, the profiles' own to the KMIP port as well.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from gateway.operations import OPERATIONS
from gateway.wire import text
from gateway.wire.text import Dialect, Media
from tests.cli.process import Gateway, running_dev
from tests.conformance.bound import Bound, bound
from tests.conformance.cases import NUMBERS, SERVER_TO_CLIENT, cases
from tests.conformance.replay import compared, replay
from tests.conformance.test_official import marked
from tests.conformance.test_over_tls import NAMES, SLACK_S
from tests.conformance.weakness import allow_ecb
from tests.kmip.facts import needs_facts
from tests.server.https import Answer, ask, post
from tests.support.client import Client
from tests.wire.test_vectors import vectors

pytestmark = needs_facts

PORTS = ("port", "https_port")
MEDIA = {"HTTPS": Media.BINARY, "JSON": Media.JSON, "XML": Media.XML}
# A client of its own for each, as each makes objects of the same names; binary is in the profiles' cases.
CLIENTS = {Media.JSON: "client", Media.XML: "client2"}
CASES = [case for case in cases() if case.name.startswith(NAMES)]
PROFILES = [marked(case) for case in cases() if case.name.startswith("MSGENC-")]
PUBLISHED = vectors("msgenc_profile_v1.0")
EXCHANGES = list(zip(PUBLISHED[::2], PUBLISHED[1::2], strict=True))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A gateway that runs."""
    folder = tmp_path_factory.mktemp("dev")
    with running_dev(folder, "--front-ends", "1", "--token-workers", "1", "--http-port", "0") as running:
        allow_ecb(folder)
        yield running


@pytest.fixture(scope="module", params=PORTS)
def any_port(gateway: Gateway, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client that is connected to each of both ports."""
    with Client(gateway.folder, getattr(gateway, request.param)) as connected:
        yield connected


@pytest.fixture(scope="module", params=CLIENTS, ids=lambda media: media.name)
def writing(gateway: Gateway, request: pytest.FixtureRequest) -> Iterator[tuple[Client, Media]]:
    """A client of the HTTPS port, and what it writes."""
    with Client(gateway.folder, gateway.https_port, CLIENTS[request.param]) as connected:
        yield connected, request.param


def checked(answer: Answer, media: Media) -> bytes:
    """Give an answer as TTLV bytes; its status and fields are those of the profile."""
    assert answer.status == 200
    assert answer.headers["Content-Type"] == media.value
    assert answer.headers["Cache-Control"] == "no-cache"
    return text.decode(answer.body, media.value, bare=False).raw


def http_request(vector: dict[str, str], media: Media) -> bytes:
    """Give the request as it is published; the bodies of the binary ones have a byte too many there."""
    if media is not Media.BINARY:
        body = json.dumps(vector["json"]) if media is Media.JSON else vector["xml"]
        return post(body.encode(), media_type=media.value)
    head, _, _ = bytes.fromhex(vector["http_bytes"]).partition(b"\r\n\r\n")
    return head + b"\r\n\r\n" + bytes.fromhex(vector["ttlv"])


def without_server_to_client(expected: Element) -> Element:
    """Leave out of a Query's response what the gateway does not send to clients, and does not say that it does."""
    for payload in expected.iter("ResponsePayload"):
        for operation in payload.findall("Operation"):
            if operation.get("value") in SERVER_TO_CLIENT:
                payload.remove(operation)
    return expected


@pytest.mark.parametrize(("asked", "told"), EXCHANGES, ids=lambda vector: f"{vector['id']}-{vector['index']}")
def test_the_published_request_has_the_published_answer(any_port: Client, asked: Any, told: Any) -> None:
    media = MEDIA[asked["id"].split("-")[1]]
    raw = checked(ask(any_port.socket, http_request(asked, media)), media)
    expected = without_server_to_client(fromstring(told["xml"]))
    listed = {found.get("value", "") for found in expected.iterfind(".//ResponsePayload/Operation")}
    missing = [name for name in listed if NUMBERS[name] not in OPERATIONS]
    if missing:
        pytest.skip(f"operation not registered: {', '.join(sorted(missing))}")
    assert compared(expected, raw, Bound(int(time.time()), set(), SLACK_S)) == []


async def replayed(case: Any, client: Client, media: Media) -> list[str]:
    async def send(raw: bytes, name: str) -> bytes:
        assert name == "client", "only one client is connected"
        body, media_type, _ = text.encode(raw, Dialect(media, media.value))
        return checked(await asyncio.to_thread(ask, client.socket, post(body, media_type=media_type)), media)

    async def wait() -> int:
        await asyncio.sleep(1)
        return 1

    for exchange in case.exchanges:
        without_server_to_client(exchange.response)
    return await replay(case, bound([case], int(time.time()), SLACK_S), send, wait)


@pytest.mark.parametrize("case", PROFILES)
async def test_the_profiles_case_passes(case, any_port):
    assert await replayed(case, any_port, MEDIA[case.name.split("-")[1]]) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_case_passes_over_https(case, writing):
    assert await replayed(case, *writing) == []
