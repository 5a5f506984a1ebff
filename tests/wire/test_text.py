"""XML and JSON to TTLV bytes and back: the official messages unchanged, everything malformed refused in one way."""

import random
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary

from gateway.errors import InvalidMessage, TextError, TtlvError
from gateway.kmip.enums import Operation
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_1
from gateway.operations.discover_versions import DiscoverVersionsRequest
from gateway.wire import text, text_tree, ttlv, ttlv_json, ttlv_xml
from gateway.wire.text_tree import MAX_DEPTH
from tests.support.messages import request
from tests.wire.trees import item

JSON, XML = "application/json", "text/xml"
DISCOVER = request(V2_1, (Operation.DISCOVER_VERSIONS, DiscoverVersionsRequest()))


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


def test_an_xml_message_has_no_more_elements_than_ttlv_has_room_for() -> None:
    with pytest.raises(TextError, match="too many elements"):
        ttlv_xml.decode(b"<RequestMessage>" + b"<BatchItem/>" * ttlv_xml.MAX_ELEMENTS + b"</RequestMessage>")


@pytest.mark.parametrize("media_type", [JSON, XML])
@settings(deadline=None)
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


# --- What only XML has ---

MESSAGE = '<RequestMessage xmlns="urn:oasis:tc:kmip:xmlns">\n  {}\n</RequestMessage>'


def held(content: str) -> bytes:
    """Give the bytes of what a message holds."""
    return ttlv_xml.decode(MESSAGE.format(content).encode())[8:]


@pytest.mark.parametrize(
    ("content", "raw"),
    [
        ('<TTLV tag="0x540001" name="Ours" type="Integer" value="1"/>', "5400010200000004 0000000100000000"),
        ('<TTLV tag="0x540001"><TTLV tag="0x42000D" type="Integer" value="2"/></TTLV>',
         "5400010100000010 42000d0200000004 0000000200000000"),
        ('<TTLV tag="BatchCount" type="Integer" value="1"/>', "42000d0200000004 0000000100000000"),
        ('<k:BatchCount xmlns:k="urn:oasis:tc:kmip:xmlns" type="Integer" value="1"/>',
         "42000d0200000004 0000000100000000"),
        ('<BatchCount xmlns:x="urn:x" x:type="y" type="Integer" value="1"/>', "42000d0200000004 0000000100000000"),
        ("# TIME 2 <!-- said aside --><BatchItem/>", "42000f0100000000"),
        ('<BatchItem type="Structure"></BatchItem>', "42000f0100000000"),
        ('<Comment type="TextString" value="a&#10;b&amp;&quot;"/>', "42010f0700000005 610a622622000000"),
    ],
)  # fmt: skip
def test_elements_may_be_generic_namespaced_and_talked_between(content: str, raw: str) -> None:
    assert held(content) == bytes.fromhex(raw.replace("42010f", f"{int(Tag.COMMENT):06x}"))


@pytest.mark.parametrize(
    ("content", "message", "column"),
    [
        ('<BatchCount type="Integer" value="x"/>', "no whole number", 3),
        ('<BatchItem/> <BatchCount type="Integer" value="x"/>', "no whole number", 16),
        ('<Frob type="Integer" value="1"/>', "no tag of this name", 3),
        ('<BatchCount value="1"/>', "is the type missing", 3),
        ('<BatchCount type="Integer"/>', "value is missing", 3),
        ('<BatchCount type="Whole" value="1"/>', "no such type", 3),
        ('<BatchCount type="Integer" value="1"><BatchItem/></BatchCount>', "only a Structure", 40),
        ('<BatchItem xmlns="urn:other"/>', "namespace", 3),
        (f"<{'B' * 200}/>", "no tag of this name", 3),
        ("<TTLV/>", "no tag of this name", 3),
        ("<BatchItem " + " ".join(f'a{n}="x"' for n in range(20)) + "/>", "too many attributes", 3),
        ("<BatchItem>", "not XML: mismatched tag", 3),
        ("&nbsp;", "not XML: undefined entity", 3),
    ],
)
def test_an_error_in_xml_tells_line_and_column(content: str, message: str, column: int) -> None:
    with pytest.raises(TextError, match=message) as caught:
        held(content)
    line = 3 if "mismatched" in message else 2
    assert caught.value.place == f"line {line}, column {column}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "us-ascii"])
def test_xml_says_its_own_encoding(encoding: str) -> None:
    written = '<?xml version="1.0" encoding="{}"?><BatchItem><Comment type="TextString" value="&#252;b"/></BatchItem>'
    raw = ttlv_xml.decode(written.format(encoding.removesuffix("-sig")).encode(encoding))
    assert raw.endswith("üb".encode() + bytes(5))


@pytest.mark.parametrize("encoding", ["utf-7", "none-such", "utf-16"])
def test_an_encoding_that_is_not_known_or_not_used_is_refused(encoding: str) -> None:
    with pytest.raises(TextError):
        ttlv_xml.decode(f'<?xml version="1.0" encoding="{encoding}"?><RequestMessage/>'.encode())


# --- What only JSON has ---


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"tag":"RequestMessage"}',
        '{"tag":"RequestMessage"}'.encode("utf-16"),
        b'{"tag":"Comment","type":"TextString","value":"\\ud800"}',
        b'{"tag":"Comment","type":"TextString","value":"\xed\xa0\x80"}',
        b'{"tag":"BatchCount","type":"Integer","value":NaN}',
        b'{"tag":"BatchCount","type":"Integer","value":Infinity}',
        b'{"tag":"BatchCount","type":"Integer","value":1e400}',
        b'{"tag":"BatchCount","type":"Integer","value":' + b"9" * 5000 + b"}",
        b'{"tag":"BatchCount","type":"Integer","value":01}',
        b'{"tag":"BatchCount","type":"Integer","value":1}{}',
        b'{"tag":"BatchCount","kind":"Integer","value":1}',
        b'{"tag":["BatchCount"],"type":"Integer","value":1}',
        b'{"tag":"BatchCount","type":"Integer","value":[1]}',
        b'{"tag":"BatchCount","type":"Integer","value":{"a":1}}',
        b'{"tag":"BatchCount","type":"Integer","value":[]}',
        b'{"tag":"RequestMessage","value":"BatchItem"}',
    ],
)
def test_json_that_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(TextError):
        text.decode(body, JSON, bare=False)


def test_what_is_wide_and_deep_and_no_message_takes_no_more_memory_than_it_has_bytes() -> None:
    deep, wide = 250, 100_000
    body = b'{"tag":"A","value":[' * deep + b",".join([b"0"] * wide) + b"]}" * deep
    tracemalloc.start()
    try:
        with pytest.raises(TextError) as refused:
            text.decode(body, "application/json", bare=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.place == "$" + ".value[0]" * deep
    assert peak < 50 * len(body)  # the paths of all would be a thousand times as much


def test_of_members_that_come_twice_the_last_is_taken() -> None:
    raw = text.decode(b'{"tag":"BatchItem","tag":"RequestMessage","value":[]}', JSON, bare=False).raw
    assert raw == bytes.fromhex("4200780100000000")


def nested(depth: int) -> dict[str, bytes]:
    """Give a message of this many structures inside one another in both encodings."""
    return {
        JSON: b'{"tag":"BatchItem","value":[' * (depth - 1) + b'{"tag":"BatchItem"}' + b"]}" * (depth - 1),
        XML: b"<BatchItem>" * depth + b"</BatchItem>" * depth,
    }


@pytest.mark.parametrize("media_type", [JSON, XML])
def test_as_much_is_nested_as_can_be_answered(media_type: str) -> None:
    raw = text.decode(nested(MAX_DEPTH)[media_type], media_type, bare=False).raw
    assert ttlv_xml.decode(ttlv_xml.encode(raw)) == raw
    for deeper in (MAX_DEPTH + 1, MAX_DEPTH + 2, 900):
        with pytest.raises(TextError, match="nested too deeply"):
            text.decode(nested(deeper)[media_type], media_type, bare=False)


# --- What both write ---


@pytest.mark.parametrize("media_type", [JSON, XML, "application/octet-stream"])
def test_a_response_is_written_in_the_encoding_of_its_request(media_type: str) -> None:
    dialect = text.dialect_of(media_type)
    assert dialect is not None
    content, answered, status = text.encode(DISCOVER, dialect)
    assert (answered, status) == (media_type, 200)
    assert text.decode(content, media_type, bare=False) == (DISCOVER, dialect)


@pytest.mark.parametrize("encode", [ttlv_xml.encode, ttlv_json.encode])
@pytest.mark.parametrize(
    "raw",
    [
        "",
        "42007801000000",
        "4200780100000008",
        "4200780100000008 4200690100000008",
        "4200780100000008 42006a0c00000000",
        "4200780100000004 42006a02",
        "42007801000000 0042007801000000 00",
        "4200780100000010 42006a0200000008 0000000000000000",
        "4200780100000010 42006a0700000001 ff00000000000000",
        "4200780100000010 42006a0600000008 0000000000000002",
        "4200780100000010 42006a0400000004 0000000100000000",
        "".join(f"42000f01{8 * n:08x}" for n in reversed(range(MAX_DEPTH + 2))),
    ],
)
def test_what_is_no_ttlv_is_not_written(encode: Callable[[bytes], bytes], raw: str) -> None:
    with pytest.raises(TtlvError):
        encode(bytes.fromhex(raw))


def test_what_is_kept_of_names_is_bounded() -> None:
    """Clients choose the tags, of which there are more than are kept."""
    for number in range(0x540000, 0x540000 + 9000):
        raw = item(number, 2, bytes(4))
        assert ttlv_json.encode(raw) == b'{"tag":"0x%06X","type":"Integer","value":0}' % number
        assert text.decode(ttlv_json.encode(raw), JSON, bare=False).raw == raw
    assert len(ttlv_json.naming) <= 4096
    assert len(text_tree.forms) <= 4096
