"""What the audit is told of messages: a record for each batch item, or one for a message that was refused."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from gateway import errors
from gateway.access.identity import Peer
from gateway.audit.records import Record, bounded
from gateway.batch import MAY_GO_UNRECORDED, Done, name_of
from gateway.call import Call
from gateway.kmip.enums import ResultStatus
from gateway.kmip.messages import RequestMessage
from gateway.kmip.version import SUPPORTED, Version
from gateway.legible import legible

MAX_OPERATIONS = 20
STATUS = {status: status.token for status in ResultStatus}
SPOKEN = {version: str(version) for version in SUPPORTED}
FAILED = STATUS[ResultStatus.OPERATION_FAILED]


class Asked(NamedTuple):
    """What all items of a message have in common; `server_correlation` is the value that its response has."""

    peer: Peer
    version: Version
    message_bytes: int = 0
    server_correlation: str = ""
    client_correlation: str = ""


def of_items(asked: Asked, done: Sequence[Done]) -> list[Record]:
    """Give a record for each item that was carried out."""
    if len(done) == 1 and (call := done[0].call) is not None:  # most messages
        return [_of_item(asked, 0, done[0], call)]
    return [_of_item(asked, place, each, each.call) for place, each in enumerate(done) if each.call is not None]


def _of_item(asked: Asked, place: int, done: Done, call: Call) -> Record:
    shown, more = bounded(call.touched, done.identifiers)
    identity, connected = call.peer.identity, asked.peer.identity
    client = asked.client_correlation
    return Record(
        call.now,
        "item",
        name_of(done.item.operation),
        identity.tenant,
        identity.name,
        "" if identity.name == connected.name else connected.name,
        asked.peer.address,
        shown,
        more,
        STATUS[done.status],
        "" if done.reason is None else done.reason.token,
        SPOKEN[asked.version],
        legible(client) if client else "",
        asked.server_correlation,
        place,
        asked.message_bytes,
        max(0, int((call.ended - call.now) * 1e6)),
    )


def of_refusal(time: float, asked: Asked, error: errors.KmipError) -> Record:
    """Give the record of a message that was refused as a whole."""
    reason = error.reason_for(asked.version).token
    return replace(_of_message(time, asked), status=FAILED, reason=reason)


def of_cut(time: float, asked: Asked, message: RequestMessage | None) -> Record:
    """Give the record of a message that was cut off before it was answered; some of it may be done."""
    items = () if message is None else message.batch_item
    names = ", ".join(name_of(item.operation) for item in items[:MAX_OPERATIONS])
    more = f" and {len(items) - MAX_OPERATIONS} more" if len(items) > MAX_OPERATIONS else ""
    return replace(_of_message(time, asked), status="Cut", detail=f"{names}{more}, not answered")


def _of_message(time: float, asked: Asked) -> Record:
    identity = asked.peer.identity
    return Record(
        time,
        "message",
        tenant=identity.tenant,
        identity=identity.name,
        address=asked.peer.address,
        version=str(asked.version),
        client_correlation=legible(asked.client_correlation),
        server_correlation=asked.server_correlation,
        bytes=asked.message_bytes,
    )


def withheld(done: Sequence[Done], version: Version) -> list[Done]:
    """Give what is answered when it could not be recorded: nothing that matters leaves."""
    error = errors.AuditDown()
    reason = error.reason_for(version)
    return [
        each
        if each.item.operation in MAY_GO_UNRECORDED
        else Done(each.item, ResultStatus.OPERATION_FAILED, reason, error.message)
        for each in done
    ]
