"""The published bytes: examples of the specification, the use cases of 1.0, the message encodings profile."""

import json
from xml.etree.ElementTree import fromstring

import pytest

from gateway.kmip.messages import RequestMessage, ResponseHeader
from gateway.kmip.structure import Encoded, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import Version
from gateway.operations import OPERATIONS
from gateway.wire import layout, scalars, ttlv
from tests.kmip.facts import SHARED, needs_facts
from tests.support.messages import ReceivedItem
from tests.wire.trees import meaning, nodes
from tests.wire.xmlcases import Bindings, to_ttlv

pytestmark = needs_facts


def vectors(name):
    """Give the vectors of a file, none when it is not there."""
    path = SHARED / "ttlv_vectors" / f"{name}.json"
    return json.loads(path.read_text())["vectors"] if path.exists() else []


T = scalars.ItemType
EXAMPLES = {
    T.INTEGER: 8,
    T.LONG_INTEGER: 123456789000000000,
    T.BIG_INTEGER: 1234567890000000000000000000,
    T.ENUMERATION: 255,
    T.BOOLEAN: True,
    T.TEXT_STRING: "Hello World",
    T.BYTE_STRING: b"\1\2\3",
    T.DATE_TIME: 1205495800,
    T.INTERVAL: 864000,
    T.DATE_TIME_EXTENDED: 1205495800000001,
}
PUBLISHED = {vector["id"]: bytes.fromhex(vector["hex"]) for vector in vectors("usecases_1.0")} | {
    f"{vector['id']}-{vector['index']}": bytes.fromhex(vector["ttlv"]) for vector in vectors("msgenc_profile_v1.0")
}
IS_REQUEST = b"\x42\x00\x78"
REQUESTS = {name: raw for name, raw in PUBLISHED.items() if raw.startswith(IS_REQUEST)}
RESPONSES = {name: raw for name, raw in PUBLISHED.items() if not raw.startswith(IS_REQUEST)}


class Received(Structure):
    """A response as a client reads it."""

    response_header: ResponseHeader
    batch_item: tuple[ReceivedItem, ...] = ()


@pytest.mark.parametrize("vector", vectors("spec_examples"), ids=lambda vector: vector["describes"][:30])
def test_examples_of_the_specification(vector):
    raw = bytes.fromhex(vector["hex"])
    ((word, at, size),) = scalars.items(raw, 0, len(raw))
    if word & 0xFF == T.STRUCTURE:
        scalars.check_items(raw, 0, len(raw), 1)
    else:
        assert scalars.READERS[word & 0xFF](raw, at, size) == EXAMPLES[T(word & 0xFF)]


@pytest.mark.parametrize("name", REQUESTS)
def test_published_requests_come_back_as_they_were(name):
    raw = REQUESTS[name]
    version = ttlv.read_version(raw)
    message = ttlv.decode_request(raw, version)
    assert layout.writer(RequestMessage, Tag.REQUEST_MESSAGE, version)(message) == raw
    for item in message.batch_item:
        entry = OPERATIONS.get(item.operation)
        if entry is not None:
            payload = ttlv.decode_structure(entry.request, item.request_payload, version)
            again = layout.content_writer(entry.request, version)(payload)
            assert meaning(nodes(again)) == meaning(nodes(item.request_payload.raw))


@pytest.mark.parametrize("name", RESPONSES)
def test_published_responses_come_back_as_they_were(name):
    raw, version = RESPONSES[name], Version(1, 0)
    response = layout.reader(Received, version)(raw, 8, len(raw) - 8)
    items = [Encoded(layout.writer(ReceivedItem, Tag.BATCH_ITEM, version)(item)) for item in response.batch_item]
    assert nodes(ttlv.response(ttlv.encode_header(response.response_header, version), items)) == nodes(raw)


@pytest.mark.parametrize(
    "vector", vectors("msgenc_profile_v1.0"), ids=lambda vector: f"{vector['id']}-{vector['index']}"
)
def test_the_transcoder_for_test_cases_makes_the_published_bytes(vector):
    """Time stamps of the two forms differ by some seconds as published."""
    made = nodes(to_ttlv(fromstring(vector["xml"]), Bindings()))
    assert without_dates(made) == without_dates(nodes(bytes.fromhex(vector["ttlv"])))


def without_dates(found):
    """Leave out dates."""
    return [
        node._replace(value=without_dates(node.value)) if isinstance(node.value, list) else node
        for node in found
        if node.tag != Tag.TIME_STAMP
    ]
