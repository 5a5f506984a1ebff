"""Messages and TTLV bytes (KMIP 2.1 section 9.1): the version is found first, then its layouts do the rest."""

from struct import Struct
from typing import TypeVar

from gateway.errors import TtlvError
from gateway.kmip.enums import ResultStatus
from gateway.kmip.messages import RequestBatchItem, RequestHeader, RequestMessage, ResponseBatchItem, ResponseHeader
from gateway.kmip.structure import Constant, Encoded, Item, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import Version
from gateway.wire import layout, scalars
from gateway.wire.scalars import HEADER_BYTES, ItemType, read_head

S = TypeVar("S", bound=Structure)

MAX_CONSTANTS = 256
_constants: dict[tuple[int, Version], tuple[Constant, Encoded]] = {}
_successes: dict[tuple[int, Version], bytes] = {}

# Request Message, Request Header, Protocol Version, Major, Minor: "all fields SHALL appear in the order specified" (1.4
# section 7), so the items before the version's two numbers are known, and where they stand.
_BEGINNING = (
    (0, Tag.REQUEST_MESSAGE, ItemType.STRUCTURE),
    (8, Tag.REQUEST_HEADER, ItemType.STRUCTURE),
    (16, Tag.PROTOCOL_VERSION, ItemType.STRUCTURE),
    (24, Tag.PROTOCOL_VERSION_MAJOR, ItemType.INTEGER),
    (40, Tag.PROTOCOL_VERSION_MINOR, ItemType.INTEGER),
)
# The five tags and types, the lengths and values of the two numbers.
_read_beginning = Struct(">I4xI4xI4xIIi4xIIi4x").unpack_from
_WORDS = tuple(tag << 8 | type_ for _, tag, type_ in _BEGINNING)
_SHORTEST = 56


def read_version(raw: bytes) -> Version:
    """Read the protocol version at the start of a request message.

    Raises:
        TtlvError: the bytes do not begin as a request message does.
    """
    if len(raw) < _SHORTEST:
        raise TtlvError("a request message is longer", len(raw))
    message, header, version, major_word, major_size, major, minor_word, minor_size, minor = _read_beginning(raw)
    if (message, header, version, major_word, minor_word) != _WORDS or major_size != 4 or minor_size != 4:
        raise _other_beginning(raw)
    return Version(major, minor)


def _other_beginning(raw: bytes) -> TtlvError:
    for at, tag, type_ in _BEGINNING:
        if read_head(raw, at)[0] != tag << 8 | type_:
            return TtlvError(f"a request message has {tag.token} here", at)
    return TtlvError("an Integer is 4 bytes", 24)


def decode_request(raw: bytes, version: Version) -> RequestMessage:
    """Decode a request message whose version is known; request payloads stay as they came.

    Raises:
        TtlvError, InvalidField: the bytes are not such a message, and nothing but it.
    """
    length = read_head(raw, 0)[1]
    if HEADER_BYTES + length != len(raw):
        raise TtlvError(f"the message says {length} bytes, {len(raw) - HEADER_BYTES} came", 4)
    message: RequestMessage = layout.reader(RequestMessage, version)(raw, HEADER_BYTES, length)
    return message


def decode_header(raw: bytes, version: Version) -> RequestHeader:
    """Decode the header of a request message whose version is known, and nothing else of it.

    Raises:
        TtlvError, InvalidField: the bytes are no header.
    """
    length = read_head(raw, HEADER_BYTES)[1]
    if 2 * HEADER_BYTES + length > len(raw):
        raise TtlvError("the request header is cut off", HEADER_BYTES)
    header: RequestHeader = layout.arms(RequestHeader, version)[0].read(raw, 2 * HEADER_BYTES, length)
    return header


def encode_item(item: ResponseBatchItem, version: Version) -> Encoded:
    """Encode one batch item of a response."""
    return Encoded(layout.writer(ResponseBatchItem, Tag.BATCH_ITEM, version)(item))


def encode_success(item: RequestBatchItem, payload: Encoded, version: Version) -> Encoded:
    """Encode the response to an item that succeeded: all but the payload is mostly the same for an operation."""
    if item.unique_batch_item_id is not None:
        before = _before_payload(item, version)
    else:
        known = _successes.get((item.operation, version))
        if known is None:
            known = _before_payload(item, version)
            if len(_successes) < MAX_CONSTANTS:
                _successes[item.operation, version] = known
        before = known
    return Encoded(scalars.structure(Tag.BATCH_ITEM, before + payload))


def _before_payload(item: RequestBatchItem, version: Version) -> bytes:
    succeeded = ResponseBatchItem(
        operation=item.operation,
        unique_batch_item_id=item.unique_batch_item_id,
        result_status=ResultStatus.SUCCESS,
    )
    return layout.content_writer(ResponseBatchItem, version)(succeeded)


def encode_header(header: ResponseHeader, version: Version) -> Encoded:
    """Encode the header of a response."""
    return Encoded(layout.writer(ResponseHeader, Tag.RESPONSE_HEADER, version)(header))


def response(header: Encoded, items: list[Encoded]) -> bytes:
    """Give the response message of a header and batch items that are encoded already."""
    return scalars.structure(Tag.RESPONSE_MESSAGE, b"".join((header, *items)))


def encode_payload(payload: Structure, version: Version) -> Encoded:
    """Encode the response payload of an operation."""
    if not isinstance(payload, Constant):
        return Encoded(layout.writer(type(payload), Tag.RESPONSE_PAYLOAD, version)(payload))
    # Known by its place in memory, its own as long as it is kept here: its hash would cost as much as encoding.
    kept = _constants.get((id(payload), version))
    if kept is None:
        kept = payload, Encoded(layout.writer(type(payload), Tag.RESPONSE_PAYLOAD, version)(payload))
        if len(_constants) >= MAX_CONSTANTS:
            _constants.clear()
        _constants[id(payload), version] = kept
    return kept[1]


def decode_structure(cls: type[S], item: Item, version: Version) -> S:
    """Decode an item that was kept as it came, now that it is known what it is.

    Raises:
        TtlvError, InvalidField: it is not; the byte told counts from the start of the message that it came in.
    """
    if item.type != ItemType.STRUCTURE:
        raise TtlvError(f"{cls.__name__} is a structure", item.offset)
    structure: S = layout.reader(cls, version)(item.message or item.raw, item.offset, len(item.raw))
    return structure
