"""XML and JSON to TTLV bytes and back: the official messages unchanged, everything malformed refused in one way."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import binary

from gateway.errors import InvalidMessage, TextError
from gateway.kmip.enums import Operation
from gateway.kmip.version import V2_1
from gateway.operations.discover_versions import DiscoverVersionsRequest
from gateway.wire import text, ttlv, ttlv_json, ttlv_xml
from gateway.wire.json_dialects import Spelling
from tests.support.messages import request
from tests.wire import xmlcases

JSON, XML = "application/json", "text/xml"
SEED = Path(__file__).parents[3] / "shared" / "seed" / "request.json"
DISCOVER = request(V2_1, (Operation.DISCOVER_VERSIONS, DiscoverVersionsRequest()))
VERSIONS = ("1.0", "1.2", "1.4", "2.1")


def messages(version: str) -> list[bytes]:
    """Give the TTLV bytes of every official message of a version that can be made without a server's values."""
    steps = [step for path in xmlcases.files(version) for step in xmlcases.steps(path)]
    return [xmlcases.to_ttlv(step.element, xmlcases.Bindings()) for step in steps]


@pytest.mark.skipif(not SEED.exists(), reason="../shared is not beside this checkout")
@pytest.mark.parametrize("version", VERSIONS)
def test_three_encodings_agree(version: str) -> None:
    found = messages(version)
    assert len(found) > 300
    for raw in found:
        assert ttlv_xml.decode(ttlv_xml.encode(raw)) == raw
        tree, spelling = ttlv_json.read(ttlv_json.encode(raw))
        assert spelling is Spelling.STANDARD
        assert ttlv_json.to_bytes(tree, tree) == raw


@pytest.mark.skipif(not SEED.exists(), reason="../shared is not beside this checkout")
def test_the_page_that_the_project_started_from_is_understood() -> None:
    decoded = text.decode(SEED.read_bytes(), JSON, bare=False)
    message = ttlv.decode_request(decoded.raw, ttlv.read_version(decoded.raw))
    assert ttlv.read_version(decoded.raw) == V2_1
    assert [item.operation for item in message.batch_item] == [Operation.CREATE_KEY_PAIR, Operation.LOCATE]
    assert message.request_header.maximum_response_size == 9999
    assert decoded.dialect.spelling is Spelling.PAGE


@pytest.mark.parametrize("media_type", [JSON, XML])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"<a", b'{"tag":1}', b"\xff", b"<a></b>", b"null", b"<a/><b/>"])
def test_what_is_not_well_formed_is_refused_with_its_place(body: bytes, media_type: str) -> None:
    with pytest.raises(TextError, match=r"\(at .+\)"):
        text.decode(body, media_type, bare=False)


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><RequestMessage>&a;</RequestMessage>',
        b'<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]><RequestMessage>&c;</RequestMessage>',
    ],
)
def test_xml_has_no_document_type_and_so_no_entities(body: bytes) -> None:
    with pytest.raises(TextError, match="document type"):
        ttlv_xml.decode(body)


@pytest.mark.parametrize(
    ("body", "media_type"),
    [(b"<RequestMessage>" * 100_000, XML), (b'{"tag":"RequestMessage","value":[' * 100_000, JSON)],
)
def test_nesting_is_bounded(body: bytes, media_type: str) -> None:
    with pytest.raises(TextError, match="nested too deeply"):
        text.decode(body, media_type, bare=False)


@pytest.mark.parametrize("media_type", [JSON, XML])
@given(body=binary(max_size=200))
def test_garbage_is_refused_in_one_way(body: bytes, media_type: str) -> None:
    with pytest.raises(InvalidMessage):
        text.decode(body, media_type, bare=False)


@pytest.mark.parametrize(("encode", "media_type"), [(ttlv_xml.encode, XML), (ttlv_json.encode, JSON)])
def test_a_damaged_message_is_ttlv_or_refused(encode: type, media_type: str) -> None:
    source, whole = random.Random(7), bytearray(encode(DISCOVER))
    assert text.decode(bytes(whole), media_type, bare=False).raw == DISCOVER
    for _ in range(3000):
        damaged = bytearray(whole)
        for _ in range(source.randint(1, 4)):
            damaged[source.randrange(len(damaged))] = source.choice(b'"<>{}[],:0x9Za \xff\0')
        try:
            assert text.decode(bytes(damaged), media_type, bare=False).raw
        except InvalidMessage:
            continue


def test_a_bare_operation_becomes_a_message_of_one_item() -> None:
    decoded = text.decode(b'{"tag":"Query","value":[]}', JSON, bare=True)
    (item,) = ttlv.decode_request(decoded.raw, V2_1).batch_item
    assert item.operation == int(Operation.QUERY)
    assert decoded.dialect.bare
