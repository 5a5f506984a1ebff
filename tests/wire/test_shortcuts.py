"""What the wire keeps between messages to save time says the same as what it would have worked out, and no secret."""

import pytest

from gateway.kmip.enums import CredentialType, Operation, ResultStatus
from gateway.kmip.messages import (
    Authentication,
    Credential,
    ProtocolVersion,
    RequestBatchItem,
    RequestHeader,
    RequestMessage,
    ResponseBatchItem,
    UsernameAndPassword,
)
from gateway.kmip.structure import DateTime, OpenEnumeration, Payload
from gateway.kmip.tags import Tag
from gateway.kmip.version import SUPPORTED, V1_4, Version
from gateway.operations import OPERATIONS
from gateway.wire import layout, ttlv
from gateway.wire.scalars import ItemType, read_item
from tests.wire.samples import full

NOTHING = Payload(ItemType.STRUCTURE, b"", 0, b"")
SECRET = UsernameAndPassword(username="alice", password="correct horse")


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
@pytest.mark.parametrize("unique_batch_item_id", [None, b"\0\7"])
def test_a_success_is_written_as_any_other_item(version: Version, unique_batch_item_id: bytes | None) -> None:
    for entry in OPERATIONS.values():
        if not entry.exists_in(version):
            continue
        payload = ttlv.encode_payload(full(entry.response), version)
        item = RequestBatchItem(
            operation=OpenEnumeration(entry.operation),
            unique_batch_item_id=unique_batch_item_id,
            request_payload=NOTHING,
        )
        same = ResponseBatchItem(
            operation=item.operation,
            unique_batch_item_id=unique_batch_item_id,
            result_status=ResultStatus.SUCCESS,
            response_payload=payload,
        )
        assert ttlv.encode_success(item, payload, version) == ttlv.encode_item(same, version)


def header_of(raw: bytes) -> RequestHeader:
    return ttlv.decode_request(raw, V1_4).request_header


def message(authentication: Authentication | None = None, time_stamp: DateTime | None = None) -> bytes:
    header = RequestHeader(
        protocol_version=ProtocolVersion(protocol_version_major=1, protocol_version_minor=4),
        authentication=authentication,
        time_stamp=time_stamp,
        batch_count=1,
    )
    item = RequestBatchItem(operation=OpenEnumeration(Operation.QUERY), request_payload=NOTHING)
    whole = RequestMessage(request_header=header, batch_item=(item,))
    return layout.writer(RequestMessage, Tag.REQUEST_MESSAGE, V1_4)(whole)


def test_a_header_is_read_once_unless_it_shows_a_credential_or_a_time() -> None:
    value = layout.writer(UsernameAndPassword, Tag.CREDENTIAL_VALUE, V1_4)(SECRET)
    kept = read_item(ItemType.STRUCTURE)(value, 8, len(value) - 8)
    shown = Credential(credential_type=CredentialType.USERNAME_AND_PASSWORD, credential_value=kept)
    plain = message()
    assert header_of(plain) is header_of(plain)
    for other in (message(Authentication(credential=(shown,))), message(time_stamp=DateTime(1_700_000_000))):
        assert header_of(other) == header_of(other)
        assert header_of(other) is not header_of(other)
