"""Request messages out of payloads, and responses taken apart, by the gateway's own layouts."""

from typing import Any, NamedTuple

from msgspec.structs import fields

from gateway.kmip.enums import Operation, ResultReason, ResultStatus
from gateway.kmip.messages import ProtocolVersion, RequestBatchItem, RequestHeader, RequestMessage, ResponseHeader
from gateway.kmip.structure import Item, OpenEnumeration, Payload, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import Version
from gateway.operations import OPERATIONS
from gateway.wire import layout
from gateway.wire.scalars import ItemType
from tests.support.allowed import strange
from tests.wire.trees import nodes


class ReceivedItem(Structure):
    """A response's batch item as a client reads it: the payload not yet taken apart."""

    operation: OpenEnumeration | None = None
    unique_batch_item_id: bytes | None = None
    result_status: ResultStatus
    result_reason: ResultReason | None = None
    result_message: str | None = None
    asynchronous_correlation_value: bytes | None = None
    response_payload: Item | None = None


class ReceivedMessage(Structure):
    """A response message as a client reads it."""

    response_header: ResponseHeader
    batch_item: tuple[ReceivedItem, ...] = ()


class Answer(NamedTuple):
    """What one batch item came to; the payload is the operation's response structure."""

    status: ResultStatus
    reason: ResultReason | None
    message: str | None
    payload: Any


def request(
    version: Version, *items: tuple[Operation, Structure], ephemeral: tuple[int, ...] = (), **header: Any
) -> bytes:
    """Encode a request message of these operations; the batch items are numbered when there are several.

    `ephemeral` are the numbers of those whose output is for later items alone.
    """
    batch = [
        RequestBatchItem(
            operation=OpenEnumeration(operation),
            ephemeral=True if number in ephemeral else None,
            unique_batch_item_id=number.to_bytes(4, "big") if len(items) > 1 else None,
            request_payload=Payload(ItemType.STRUCTURE, layout.content_writer(type(payload), version)(payload)),
        )
        for number, (operation, payload) in enumerate(items)
    ]
    spoken = ProtocolVersion(protocol_version_major=version.major, protocol_version_minor=version.minor)
    head = RequestHeader(protocol_version=spoken, batch_count=len(batch), **header)
    message = RequestMessage(request_header=head, batch_item=tuple(batch))
    return layout.writer(RequestMessage, Tag.REQUEST_MESSAGE, version)(message)


def received(raw: bytes, version: Version) -> ReceivedMessage:
    """Take a response message apart, down to its payloads."""
    message: ReceivedMessage = layout.reader(ReceivedMessage, version)(raw, 8, len(raw) - 8)
    return message


def answers(raw: bytes, version: Version) -> list[Answer]:
    """Take a response message apart, payloads included."""
    message = received(raw, version)
    assert message.response_header.batch_count == len(message.batch_item)
    assert not list(strange(nodes(raw), version)), "nothing goes out that the version does not have"
    return [_answer(item, version) for item in message.batch_item]


def _answer(item: ReceivedItem, version: Version) -> Answer:
    payload = None
    if item.response_payload is not None and item.operation is not None:
        content = item.response_payload.raw
        kind = OPERATIONS[item.operation].response
        # That of an ephemeral item is empty, whatever the operation.
        if content or not any(field.required for field in fields(kind)):
            payload = layout.reader(kind, version)(content, 0, len(content))
    return Answer(item.result_status, item.result_reason, item.result_message, payload)
