"""Request messages that are not quite: each is refused for what it is, where it is (KMIP 2.1 sections 8 and 9)."""

import struct

import pytest

from gateway.errors import InvalidField, KmipError, TtlvError
from gateway.kmip.enums import AsynchronousIndicator, Operation
from gateway.kmip.structure import ItemNumber
from gateway.kmip.tags import Tag
from gateway.kmip.version import SUPPORTED, V1_0, V1_4, V2_1
from gateway.operations.activate import ActivateRequest
from gateway.wire import ttlv
from tests.wire.trees import enumeration, integer, item, structure, text

T = Tag
PAYLOAD = structure(T.REQUEST_PAYLOAD, text(T.UNIQUE_IDENTIFIER, "1"))
OPERATION = enumeration(T.OPERATION, Operation.ACTIVATE)
BATCH_ITEM = structure(T.BATCH_ITEM, OPERATION, PAYLOAD)
COUNT = integer(T.BATCH_COUNT, 1)


def spoken(version):
    """Make a Protocol Version."""
    numbers = zip((T.PROTOCOL_VERSION_MAJOR, T.PROTOCOL_VERSION_MINOR), version, strict=True)
    return structure(T.PROTOCOL_VERSION, *(integer(tag, number) for tag, number in numbers))


def header(*fields, version=V1_4):
    """Make a request header; the Batch Count comes with `fields`."""
    return structure(T.REQUEST_HEADER, spoken(version), *fields)


def message(*items, head=None):
    """Make a request message."""
    return structure(T.REQUEST_MESSAGE, header(COUNT) if head is None else head, *items)


def decode(raw, version=V1_4):
    """Read a message as the exchange does."""
    assert ttlv.read_version(raw) == version
    return ttlv.decode_request(raw, version)


def activate(payload=PAYLOAD, version=V1_4):
    """Read the payload of an Activate request down to its fields."""
    request = decode(message(structure(T.BATCH_ITEM, OPERATION, payload)))
    return ttlv.decode_structure(ActivateRequest, request.batch_item[0].request_payload, version)


def place(caught):
    """Give the byte that an error names in its text."""
    return int(str(caught.value).rpartition("at byte ")[2].rstrip(")"))


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
def test_a_message_is_read(version):
    request = decode(message(BATCH_ITEM, head=header(COUNT, version=version)), version)
    assert request.request_header.batch_count == 1
    assert request.batch_item[0].operation == Operation.ACTIVATE
    assert activate(version=version) == ActivateRequest(unique_identifier="1")


def test_fields_of_the_header_are_read_in_any_order():
    head = header(COUNT, item(T.TIME_STAMP, 9, bytes(8)), integer(T.MAXIMUM_RESPONSE_SIZE, 256))
    assert decode(message(BATCH_ITEM, head=head)).request_header.maximum_response_size == 256


@pytest.mark.parametrize(
    ("raw", "indicator"),
    [(item(T.ASYNCHRONOUS_INDICATOR, 6, bytes(7) + b"\1"), True)]
    + [(enumeration(T.ASYNCHRONOUS_INDICATOR, member), member) for member in AsynchronousIndicator],
)
def test_the_asynchronous_indicator_of_both_generations(raw, indicator):
    read = decode(message(BATCH_ITEM, head=header(COUNT, raw))).request_header.asynchronous_indicator
    assert read is indicator


def test_a_unique_identifier_may_be_a_reference():
    number = structure(T.REQUEST_PAYLOAD, integer(T.UNIQUE_IDENTIFIER, -1))
    assert activate(number, V2_1) == ActivateRequest(unique_identifier=ItemNumber(-1))
    reference = structure(T.REQUEST_PAYLOAD, enumeration(T.UNIQUE_IDENTIFIER, 1))
    assert activate(reference, V2_1).unique_identifier.name == "ID_PLACEHOLDER"


def test_what_a_vendor_added_is_passed_over():
    own = structure(0x540001, integer(0x430001, 1), b"")
    request = decode(message(BATCH_ITEM, own, head=header(COUNT, own)))
    assert len(request.batch_item) == 1
    assert activate(structure(T.REQUEST_PAYLOAD, own, text(T.UNIQUE_IDENTIFIER, "1"))).unique_identifier == "1"


def test_padding_is_not_looked_at():
    """The standard has it zero; nothing is gained by refusing the clients that leave other bytes there."""
    assert BATCH_ITEM.count(bytes(7)) == 1
    request = decode(message(BATCH_ITEM.replace(bytes(7), b"padding")))
    (one,) = request.batch_item
    assert ttlv.decode_structure(ActivateRequest, one.request_payload, V1_4).unique_identifier == "1"


STRANGERS = {
    "in the message": (message(BATCH_ITEM, integer(T.BATCH_COUNT, 1)), "BatchCount does not belong in RequestMessage"),
    "in the header": (message(BATCH_ITEM, head=header(COUNT, integer(T.OFFSET, 1))), "Offset does not belong"),
    "of no version": (message(BATCH_ITEM, head=header(COUNT, integer(0x42FFFF, 1))), "tag 0x42FFFF does not belong"),
    "in the item": (message(structure(T.BATCH_ITEM, OPERATION, COUNT, PAYLOAD)), "BatchCount does not belong"),
}


@pytest.mark.parametrize(("raw", "words"), STRANGERS.values(), ids=STRANGERS)
def test_a_field_that_does_not_belong_is_an_invalid_field(raw, words):
    with pytest.raises(InvalidField, match=words):
        decode(raw)


MALFORMED = {
    "no payload": message(structure(T.BATCH_ITEM, OPERATION)),
    "no operation": message(structure(T.BATCH_ITEM, PAYLOAD)),
    "no batch count": message(BATCH_ITEM, head=header()),
    "no minor version": message(BATCH_ITEM, head=structure(T.REQUEST_HEADER, structure(T.PROTOCOL_VERSION, COUNT))),
    "two headers": message(header(COUNT), BATCH_ITEM),
    "two operations": message(structure(T.BATCH_ITEM, OPERATION, OPERATION, PAYLOAD)),
    "two payloads": message(structure(T.BATCH_ITEM, OPERATION, PAYLOAD, PAYLOAD)),
    "two batch counts": message(BATCH_ITEM, head=header(COUNT, COUNT)),
    "a count that is text": message(BATCH_ITEM, head=header(text(T.BATCH_COUNT, "1"))),
    "a payload that is text": message(structure(T.BATCH_ITEM, OPERATION, text(T.REQUEST_PAYLOAD, ""))),
    "an item of no type": message(structure(T.BATCH_ITEM, OPERATION, PAYLOAD), item(T.BATCH_ITEM, 12)),
    "a tag of nobody": message(BATCH_ITEM, integer(0x430001, 1)),
    "a response": structure(T.RESPONSE_MESSAGE, structure(T.RESPONSE_HEADER, spoken(V1_4)), BATCH_ITEM),
    "zeros": bytes(200),
    "nothing": b"",
    "only a header": message(BATCH_ITEM)[:8],
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_message_is_invalid(raw):
    with pytest.raises(TtlvError):
        decode(raw)


@pytest.mark.parametrize("option", [0, 4, 0x80000001])
def test_a_header_with_an_enumerator_of_nobody_is_an_invalid_field(option):
    with pytest.raises(InvalidField, match=f"BatchErrorContinuationOption has no value 0x{option:08X}"):
        decode(message(BATCH_ITEM, head=header(COUNT, enumeration(T.BATCH_ERROR_CONTINUATION_OPTION, option))))


def test_an_operation_of_nobody_is_the_items_affair():
    request = decode(message(structure(T.BATCH_ITEM, enumeration(T.OPERATION, 0xFFFFFFFF), PAYLOAD)))
    assert request.batch_item[0].operation == 0xFFFFFFFF


WHOLE = message(BATCH_ITEM)


def test_a_message_cut_off_anywhere_is_refused():
    for end in range(len(WHOLE)):
        with pytest.raises(TtlvError):
            decode(WHOLE[:end])


def test_a_message_cut_off_anywhere_with_its_length_put_right_is_refused():
    for end in range(56, len(WHOLE)):
        raw = WHOLE[:4] + struct.pack(">I", end - 8) + WHOLE[8:end]
        # Without any batch item it is well formed, and its Batch Count is wrong.
        if end != len(message()):
            with pytest.raises(TtlvError):
                decode(raw)


@pytest.mark.parametrize("more", [b"\0", bytes(8), WHOLE])
def test_bytes_after_the_message_are_refused(more):
    with pytest.raises(TtlvError):
        decode(WHOLE + more)


@pytest.mark.parametrize("length", [0, 1, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1])
def test_a_length_that_cannot_be_is_refused_wherever_it_stands(length):
    """Each item's length in turn; a shorter one may leave items that are well formed, never a message."""
    for at in HEADS:
        raw = WHOLE[: at + 4] + struct.pack(">I", length) + WHOLE[at + 8 :]
        if raw != WHOLE:
            with pytest.raises(KmipError):
                activate_in(decode(raw))


HEADS = [at for at in range(0, len(WHOLE), 8) if WHOLE[at] == 0x42 and WHOLE[at + 3] in range(1, 12)]


def activate_in(request):
    """Read the payload of a message's item, which must be there and name an object."""
    (one,) = request.batch_item
    payload = ttlv.decode_structure(ActivateRequest, one.request_payload, V1_4)
    if payload.unique_identifier != "1":
        raise InvalidField


@pytest.mark.parametrize(
    "content",
    [
        b"\x42",
        bytes(16),
        structure(0x430001),
        item(T.UNIQUE_IDENTIFIER, 7, b"\xff"),
        integer(T.UNIQUE_IDENTIFIER, 1)[:-4],
    ],
)
def test_what_is_wrong_in_a_payload_is_its_items_affair(content):
    """Each payload is looked into when its turn comes, so that what came before it is done and told."""
    request = decode(message(BATCH_ITEM, structure(T.BATCH_ITEM, OPERATION, structure(T.REQUEST_PAYLOAD, content))))
    payloads = [each.request_payload for each in request.batch_item]
    assert ttlv.decode_structure(ActivateRequest, payloads[0], V1_4).unique_identifier == "1"
    with pytest.raises(TtlvError):
        ttlv.decode_structure(ActivateRequest, payloads[1], V1_4)


def test_errors_tell_the_byte_in_the_message():
    with pytest.raises(TtlvError) as caught:
        decode(message(BATCH_ITEM, head=header(COUNT, COUNT)))
    assert place(caught) == len(message(head=header(COUNT)))
    raw = message(structure(T.BATCH_ITEM, OPERATION, structure(T.REQUEST_PAYLOAD, integer(T.OFFSET, 1))))
    with pytest.raises(InvalidField) as caught:
        activate_in(decode(raw))
    assert place(caught) == raw.index(struct.pack(">I", T.OFFSET)[1:]) == len(raw) - 16


def test_errors_in_a_payload_tell_the_byte_in_the_message():
    wrong = item(T.UNIQUE_IDENTIFIER, 7, b"ab\xff")
    raw = message(structure(T.BATCH_ITEM, OPERATION, structure(T.REQUEST_PAYLOAD, wrong)))
    with pytest.raises(TtlvError) as caught:
        activate_in(decode(raw))
    assert place(caught) == caught.value.offset == raw.index(b"\xff", 100)


def test_a_version_is_read_before_anything_else():
    assert ttlv.read_version(message(head=header(version=(3, 7)))) == (3, 7)
    assert ttlv.read_version(message(integer(0x430001, 1), head=header(version=V1_0))) == V1_0
