"""Binary, JSON and XML say the same: every operation's request and response in every version, and any TTLV there is.

The messages are made from the layouts with every field filled, so that a field that is added is tested by being there.
"""

import json
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.kmip.enums import Operation, ResultReason, ResultStatus
from gateway.kmip.messages import ProtocolVersion, ResponseBatchItem, ResponseHeader
from gateway.kmip.structure import DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.version import SUPPORTED, Version
from gateway.operations import OPERATIONS
from gateway.wire import layout, text_names, ttlv, ttlv_json
from gateway.wire.json_dialects import Spelling
from gateway.wire.scalars import ItemType
from gateway.wire.text import Dialect, Media, encode
from tests.support.messages import request
from tests.wire.encodings import assert_three_encodings_agree
from tests.wire.samples import full
from tests.wire.trees import item, structure, text


def response(version: Version, operation: Operation) -> bytes:
    """Give a response with an item that went well and one that did not."""
    payload = ttlv.encode_payload(full(OPERATIONS[operation].response), version)
    items = (
        ResponseBatchItem(operation=operation, result_status=ResultStatus.SUCCESS, response_payload=payload),
        ResponseBatchItem(
            operation=operation,
            unique_batch_item_id=b"\0\1",
            result_status=ResultStatus.OPERATION_FAILED,
            result_reason=ResultReason.ITEM_NOT_FOUND,
            result_message="<&\"'>",
        ),
    )
    spoken = ProtocolVersion(protocol_version_major=version.major, protocol_version_minor=version.minor)
    header = ResponseHeader(protocol_version=spoken, time_stamp=DateTime(1_700_000_000), batch_count=2)
    return ttlv.response(ttlv.encode_header(header, version), [ttlv.encode_item(each, version) for each in items])


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
def test_every_operation_in_every_version(version: Version) -> None:
    entries = [entry for entry in OPERATIONS.values() if entry.exists_in(version)]
    assert len(entries) > 15
    for entry in entries:
        assert_three_encodings_agree(request(version, (entry.operation, full(entry.request))))
        assert_three_encodings_agree(response(version, entry.operation))


@pytest.mark.parametrize("spelling", Spelling)
def test_every_answer_can_be_given_in_every_dialect(spelling: Spelling) -> None:
    for entry in OPERATIONS.values():
        found = json.loads(ttlv_json.encode(response(entry.since, entry.operation), spelling))
        assert found["tag"] == ("MessageResponse" if spelling is Spelling.COSMIAN_4 else "ResponseMessage")


# The page has no operations without a message.
@pytest.mark.parametrize("spelling", [Spelling.COSMIAN_5, Spelling.COSMIAN_4])
def test_every_answer_can_be_given_without_a_message(spelling: Spelling) -> None:
    dialect = Dialect(Media.JSON, "application/json", spelling, bare=True)
    for entry in OPERATIONS.values():
        content, media_type, _ = encode(payload_alone(entry.operation), dialect)
        answer = json.loads(content)
        assert (answer["tag"], media_type) == (f"{entry.operation.token}Response", dialect.media_type)
        assert answer["value"] or not layout.fields_of(entry.response)


def payload_alone(operation: Operation) -> bytes:
    """Give a response of one item that went well."""
    version = SUPPORTED[0]
    payload = ttlv.encode_payload(full(OPERATIONS[operation].response), version)
    item = ResponseBatchItem(operation=operation, result_status=ResultStatus.SUCCESS, response_payload=payload)
    spoken = ProtocolVersion(protocol_version_major=version.major, protocol_version_minor=version.minor)
    header = ResponseHeader(protocol_version=spoken, time_stamp=DateTime(0), batch_count=1)
    return ttlv.response(ttlv.encode_header(header, version), [ttlv.encode_item(item, version)])


def test_nothing_of_a_message_goes_by_number_that_has_a_name() -> None:
    for entry in OPERATIONS.values():
        written = ttlv_json.encode(request(SUPPORTED[0], (entry.operation, full(entry.request))))
        assert b'"tag":"0x42' not in written


# --- Any TTLV ---

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(
    [0, 1, -1, 2**52, 2**52 - 1, 2**53, -(2**52), 253402300800]
)
# What XML cannot write stays out: control characters and lone surrogates.
WORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r")
)
VALUES: dict[int, st.SearchStrategy[bytes]] = {
    ItemType.INTEGER: st.binary(min_size=4, max_size=4),
    ItemType.LONG_INTEGER: NUMBERS.map(lambda n: n.to_bytes(8, "big", signed=True)),
    ItemType.BIG_INTEGER: st.integers(1, 4).flatmap(lambda n: st.binary(min_size=8 * n, max_size=8 * n)),
    ItemType.ENUMERATION: st.integers(0, 60).map(lambda n: n.to_bytes(4, "big")) | st.binary(min_size=4, max_size=4),
    ItemType.BOOLEAN: st.sampled_from([bytes(8), bytes(7) + b"\1"]),
    ItemType.TEXT_STRING: WORDS.map(str.encode),
    ItemType.BYTE_STRING: st.binary(max_size=40),
    ItemType.DATE_TIME: NUMBERS.map(lambda n: n.to_bytes(8, "big", signed=True)),
    ItemType.INTERVAL: st.binary(min_size=4, max_size=4),
    ItemType.DATE_TIME_EXTENDED: NUMBERS.map(lambda n: n.to_bytes(8, "big", signed=True)),
}
TAGS = st.sampled_from([*map(int, Tag)]) | st.integers(0x540000, 0x54FFFF) | st.integers(0x420000, 0x42FFFF)
SCALARS = st.tuples(TAGS, st.sampled_from([*VALUES])).flatmap(
    lambda kind: VALUES[kind[1]].map(lambda raw: item(kind[0], kind[1], raw))
)
TREES = st.recursive(
    SCALARS,
    lambda held: st.tuples(TAGS, st.lists(held, max_size=4)).map(lambda t: structure(t[0], *t[1])),
    max_leaves=12,
)


@settings(deadline=None)
@given(TREES)
def test_any_ttlv(raw: bytes) -> None:
    assert_three_encodings_agree(structure(Tag.RESPONSE_MESSAGE, raw))


@settings(deadline=None)
@given(st.sampled_from([*map(int, Tag)]), st.sampled_from([*VALUES]), st.booleans(), st.data())
def test_an_attribute_of_1_x_has_its_value_named_by_its_name(
    tag: int, type_: int, vendor: bool, data: st.DataObject
) -> None:
    value = item(Tag.ATTRIBUTE_VALUE, type_, data.draw(VALUES[type_]))
    parts = [text(Tag.ATTRIBUTE_NAME, Tag(tag).spelling), value]
    if vendor:
        parts.append(text(Tag.VENDOR_IDENTIFICATION, "x"))
    assert_three_encodings_agree(structure(Tag.ATTRIBUTE, *data.draw(st.permutations(parts))))


# --- Every name ---


@cache
def enumerations() -> list[int]:
    """Give the tags whose values have names."""
    return [int(tag) for tag in Tag if text_names.enumerators(tag)]


def every_item() -> Iterator[bytes]:
    for tag in Tag:
        yield structure(tag)
    for tag_number in enumerations():
        for number in text_names.enumerators(tag_number).values():
            yield item(tag_number, ItemType.ENUMERATION, number.to_bytes(4, "big"))


def test_every_tag_and_every_enumerator_has_one_name() -> None:
    found = list(every_item())
    assert len(enumerations()) > 50
    assert len(found) > 1200
    for raw in found:
        assert_three_encodings_agree(raw)
        assert b"0x" not in ttlv_json.encode(raw)
