"""The messages: headers, batch items, credentials (KMIP 2.1 section 8 Messages, section 9 Message Protocols)."""

from typing import Annotated

from gateway.kmip.enums import (
    AsynchronousIndicator,
    AttestationType,
    BatchErrorContinuationOption,
    CredentialType,
    HashingAlgorithm,
    ResultReason,
    ResultStatus,
    TicketType,
)
from gateway.kmip.structure import DateTime, DateTimeExtended, Encoded, Item, OpenEnumeration, Payload, Since, Structure


class ProtocolVersion(Structure):
    """The version of a message (section 8.21 Protocol Version)."""

    protocol_version_major: int
    protocol_version_minor: int


class Nonce(Structure):
    """A number used once, for attestation (section 7.18 Nonce)."""

    nonce_id: bytes
    nonce_value: bytes


class UsernameAndPassword(Structure):
    """A credential (section 7.8 Credential)."""

    username: str
    password: str | None = None


class Device(Structure):
    """A device's credential; what is given together must be unique."""

    device_serial_number: str | None = None
    password: str | None = None
    device_identifier: str | None = None
    network_identifier: str | None = None
    machine_identifier: str | None = None
    media_identifier: str | None = None


class OneTimePassword(Structure):
    """A credential that is good for one use (section 9.11 Credential Type)."""

    username: str
    password: str | None = None
    one_time_password: str


class HashedPassword(Structure):
    """A credential that shows a password without telling it (section 9.11 Credential Type)."""

    username: str
    time_stamp: DateTimeExtended
    hashing_algorithm: HashingAlgorithm | None = None
    hashed_password: bytes


class Ticket(Structure):
    """What Login gave (section 7.33 Ticket)."""

    ticket_type: TicketType
    ticket_value: bytes


class TicketCredential(Structure):
    """A credential that is a ticket (section 9.11 Ticket)."""

    ticket: Ticket


class Credential(Structure):
    """Who the client says it is; the value's structure follows from the type."""

    credential_type: CredentialType
    credential_value: Item


class Authentication(Structure):
    """The credentials of a request; in 2.x all of them must hold (section 9.2 Authentication)."""

    credential: tuple[Credential, ...] = ()


class MessageExtension(Structure):
    """A vendor's addition to a batch item (section 9.13 Message Extension)."""

    vendor_identification: str
    criticality_indicator: bool
    vendor_extension: Item


class RequestHeader(Structure):
    """The header of a request (section 8.1 Request Header)."""

    protocol_version: ProtocolVersion
    maximum_response_size: int | None = None  # bytes, of the TTLV form
    client_correlation_value: Annotated[str | None, Since(1, 4)] = None
    server_correlation_value: Annotated[str | None, Since(1, 4)] = None
    asynchronous_indicator: bool | AsynchronousIndicator | None = None  # Boolean in 1.x, Enumeration in 2.x
    attestation_capable_indicator: Annotated[bool | None, Since(1, 2)] = None
    attestation_type: Annotated[tuple[AttestationType, ...], Since(1, 2)] = ()
    authentication: Authentication | None = None
    batch_error_continuation_option: BatchErrorContinuationOption | None = None
    batch_order_option: bool | None = None
    time_stamp: DateTime | None = None
    batch_count: int


class RequestBatchItem(Structure):
    """One operation that is asked for (section 8.2 Request Batch Item).

    The payload is decoded when its turn comes: what is wrong in it fails this item alone.
    """

    operation: OpenEnumeration
    ephemeral: Annotated[bool | None, Since(2, 0)] = None
    unique_batch_item_id: bytes | None = None
    request_payload: Payload
    message_extension: MessageExtension | None = None


class RequestMessage(Structure):
    """A request (section 8 Messages)."""

    request_header: RequestHeader
    batch_item: tuple[RequestBatchItem, ...] = ()


class ResponseHeader(Structure):
    """The header of a response (section 8.3 Response Header)."""

    protocol_version: ProtocolVersion
    time_stamp: DateTime
    nonce: Annotated[Nonce | None, Since(1, 2)] = None
    server_hashed_password: Annotated[bytes | None, Since(2, 0)] = None
    attestation_type: Annotated[tuple[AttestationType, ...], Since(1, 2)] = ()
    client_correlation_value: Annotated[str | None, Since(1, 4)] = None
    server_correlation_value: Annotated[str | None, Since(1, 4)] = None
    batch_count: int


class ResponseBatchItem(Structure):
    """What became of one operation (section 8.4 Response Batch Item); the payload is already encoded."""

    operation: OpenEnumeration | None = None
    unique_batch_item_id: bytes | None = None
    result_status: ResultStatus
    result_reason: ResultReason | None = None
    result_message: str | None = None
    asynchronous_correlation_value: bytes | None = None
    response_payload: Encoded | None = None
    message_extension: MessageExtension | None = None


class ResponseMessage(Structure):
    """A response; its batch items are already encoded."""

    response_header: ResponseHeader
    batch_item: tuple[Encoded, ...] = ()
