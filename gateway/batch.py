"""A request message's batch items, one after the other: order, ID Placeholder, what happens after a failure.

(KMIP 2.1 section 9.5 Batch Error Continuation Option, section 9.6 Batch Order Option, section 6 Operations.)
"""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple

import structlog
from msgspec.structs import replace

from gateway import errors
from gateway.ahead import Ahead, Turn
from gateway.call import Call, Services
from gateway.items import Admission, Batch, Outcome, Polled
from gateway.kmip.enums import (
    AsynchronousIndicator,
    BatchErrorContinuationOption,
    Operation,
    ResultReason,
    ResultStatus,
)
from gateway.kmip.messages import RequestBatchItem, RequestMessage
from gateway.kmip.structure import Constant, Encoded, OpenEnumeration, Structure
from gateway.kmip.version import Version
from gateway.operations import OPERATIONS, Entry

log = structlog.get_logger()
O = Operation  # noqa: E741
Undo = BatchErrorContinuationOption.UNDO
# Items of one message under way together: enough to fill a write to a token worker, few enough to leave room for
# others. A GCM of 64 B in a message of 100 costs 41 µs of all processes with 32, 37 with 64, 35 with 128.
MAX_AHEAD = 64
# After so many items of a message, begun or done, everybody else has a turn: some 0.2 ms.
STRIDE = 16

# The data that an operation puts out, by the field of its response: later items may refer to it, and an ephemeral item
# leaves it to them alone (KMIP 2.1 section 8.2 Request Batch Item).
PUT_OUT: dict[int, str] = {
    Operation.DECRYPT: "data",
    Operation.ENCRYPT: "data",
    Operation.HASH: "data",
    Operation.MAC: "mac_data",
    Operation.RNG_RETRIEVE: "data",
    Operation.SIGN: "signature_data",
    Operation.SIGNATURE_VERIFY: "data",
}


class Nothing(Constant):
    """The response payload of an ephemeral item."""


NOTHING = Nothing()

# What tells of the server, the connection or other requests, and not of objects, is answered at once or not at all.
NEVER: frozenset[int] = frozenset(
    {
        O.POLL,
        O.CANCEL,
        O.PROCESS,
        O.QUERY_ASYNCHRONOUS_REQUESTS,
        O.DISCOVER_VERSIONS,
        O.LOGIN,
        O.LOGOUT,
        O.DELEGATED_LOGIN,
        O.SET_ENDPOINT_ROLE,
        O.RE_PROVISION,
        O.PKCS_11,
        O.INTEROP,
    }
)
LONG: frozenset[int] = frozenset({O.CREATE_KEY_PAIR, O.RE_KEY_KEY_PAIR})
ALL = frozenset(map(int, O))
NAMES: dict[int, str] = {int(each): each.token for each in O}
# What is answered even while the audit cannot be written, if the operator has it fail closed: it tells of the server,
# or what a client laid down itself, and neither changes anything nor gives or uses a key.
MAY_GO_UNRECORDED: frozenset[int] = frozenset(
    {O.QUERY, O.DISCOVER_VERSIONS, O.PING, O.LOCATE, O.GET_ATTRIBUTES, O.GET_ATTRIBUTE_LIST}
)


class Later(NamedTuple):
    """Which operations are to be asynchronous, and whether the client insists on it."""

    operations: frozenset[int]
    insisted: bool = False


AT_ONCE = Later(frozenset())


class Done(NamedTuple):
    """What became of one batch item; the identifiers in its payload are for later items to refer to."""

    item: RequestBatchItem
    status: ResultStatus
    reason: ResultReason | None = None
    message: str | None = None
    payload: Encoded | None = None
    identifiers: tuple[str, ...] = ()
    data: bytes | None = None
    correlation: bytes | None = None  # Asynchronous Correlation Value
    call: Call | None = None  # who asked, what it touched and when it ended: for the audit


async def run(services: Services, message: RequestMessage, admission: Admission, version: Version) -> list[Done]:
    """Carry out the items of a request and tell what became of each that is to be answered."""
    header = message.request_header
    option = header.batch_error_continuation_option or BatchErrorContinuationOption.STOP
    peer, batch = admission.peer, Batch(admission, header.maximum_response_size)
    if option is Undo:
        batch.undo = []
    later = _later(message)
    if len(message.batch_item) == 1 and option is not Undo:  # Most messages: nothing before, nothing after.
        batch.fresh = admission.fresh
        return [await carry_out(Call(services, peer, version, batch), message.batch_item[0], later)]

    def begin(item: RequestBatchItem, ahead: bool) -> Coroutine[Any, None, Done]:
        return carry_out(Call(services, peer, version, batch, ahead=ahead), item, later)

    line = Line(message.batch_item, begin, services.store.refresh)
    done: list[Done] = []
    try:
        for place, item in enumerate(message.batch_item):
            result = await line.carry_out(place)
            done.append(result)
            batch.outcomes.append(Outcome(item.operation, result.identifiers, result.data))
            if result.status is ResultStatus.OPERATION_FAILED and option is not BatchErrorContinuationOption.CONTINUE:
                return await _undone(batch, done) if option is Undo else done
            if place % STRIDE == STRIDE - 1:
                await Turn()
    finally:
        line.close()
    await _all(batch.finish)
    return done


class Line:
    """The items of a message in their order; of those that change nothing, some are under way together."""

    def __init__(
        self,
        items: Sequence[RequestBatchItem],
        begin: Callable[[RequestBatchItem, bool], Coroutine[Any, None, Done]],
        refresh: Callable[[], None],
    ) -> None:
        """`begin` takes an item, and whether items before it are not done yet; `refresh` is the store's."""
        self._items = items
        self._begin = begin
        self._refresh = refresh
        self._begun: deque[Ahead[Done]] = deque()  # from the present item on, without a gap

    async def carry_out(self, place: int) -> Done:
        """Give what becomes of an item, when all before it are done."""
        while self._begin_ahead(place):
            await Turn()
        result = await self._begun.popleft().finish() if self._begun else None
        return await self._begin(self._items[place], False) if result is None else result

    def _begin_ahead(self, place: int) -> bool:
        """Begin some of the items that may be; tell whether there may be more."""
        begun = self._begun
        if len(self._items) == 1 or len(begun) >= MAX_AHEAD:
            return False
        start = place + len(begun)
        for item in self._items[start : min(start + STRIDE, place + MAX_AHEAD)]:
            entry = OPERATIONS.get(item.operation)
            if entry is None or not entry.pure or not (begun or self._refreshed()):
                return False
            begun.append(Ahead(self._begin(item, bool(begun))))
        return place + len(begun) == start + STRIDE

    def _refreshed(self) -> bool:
        """See to it that what an item before has changed is seen by all that are begun now.

        Where the database does not answer, each item is begun in its turn, and fails by itself if it needs it.
        """
        try:
            self._refresh()
        except errors.StoreDown:
            return False
        return True

    def close(self) -> None:
        """Give up what was begun and is not wanted any more."""
        for each in self._begun:
            each.close()


def _later(message: RequestMessage) -> Later:
    """Tell what of a message is asynchronous (section 9.1 Asynchronous Indicator).

    In 1.x the client only says that it could bear it, and nothing is where a later item may wait for it. If one of 2.x
    leaves it to the server, it is what a token takes long for.
    """
    indicator = message.request_header.asynchronous_indicator
    if indicator is AsynchronousIndicator.MANDATORY:
        return Later(ALL, insisted=True)
    if len(message.batch_item) > 1:
        return AT_ONCE
    if indicator is True:
        return Later(ALL)
    return Later(LONG) if indicator is AsynchronousIndicator.OPTIONAL else AT_ONCE


def _is_later(item: RequestBatchItem, request: Structure, later: Later) -> bool:
    """Tell whether an item is to be carried out while nobody waits for it.

    Raises:
        FeatureNotSupported: the client insists, and it cannot be: what it gives is for this message or connection only.
    """
    if item.operation not in later.operations:
        return False
    in_parts = getattr(request, "init_indicator", None) or getattr(request, "correlation_value", None)
    bound = item.operation in NEVER or item.ephemeral or in_parts
    if bound and later.insisted:
        raise errors.FeatureNotSupported("this is never asynchronous")
    return not bound


async def _submitted(call: Call, item: RequestBatchItem, later: Later) -> bytes | None:
    """Give the Asynchronous Correlation Value; None where the client has too many, and bears an answer at once."""
    try:
        return await call.background.submit(call, item)
    except errors.ServerLimitExceeded:
        if later.insisted:
            raise
        return None


async def carry_out(call: Call, item: RequestBatchItem, later: Later = AT_ONCE) -> Done:
    """Carry out one item, or have it carried out later; what fails in it is told, and never raised."""
    try:
        entry = _entry(call, item)
        request = call.services.codec.decode_structure(entry.request, item.request_payload, call.version)
        if _is_later(item, request, later) and (correlation := await _submitted(call, item, later)):
            return Done(item, ResultStatus.OPERATION_PENDING, correlation=correlation, call=call)
        payload = await entry.handler(call, request)
        data: bytes | None = getattr(payload, PUT_OUT.get(item.operation, ""), None)
        encoded = call.services.codec.encode_payload(NOTHING if item.ephemeral else payload, call.version)
    except errors.KmipError as error:
        reason = error.reason_for(call.version)
        peer = call.peer
        log.info(
            "refused",
            operation=name_of(item.operation),
            reason=reason.token,
            message=error.message,
            identity=peer.identity.name,
            tenant=peer.identity.tenant,
            address=peer.address,
            version=str(call.version),
        )
        return Done(item, ResultStatus.OPERATION_FAILED, reason, error.message, call=call)
    except Exception:
        reference = call.reference()
        log.exception("operation_failed", operation=item.operation, reference=reference)
        message = f"the server failed; its log has more under {reference}"
        return Done(item, ResultStatus.OPERATION_FAILED, ResultReason.GENERAL_FAILURE, message, call=call)
    finally:
        call.ended = call.services.clock()
    if call.polled is not None:
        return _polled(call, item, call.polled)
    # What is not given out is kept all the same, for the items that follow.
    call.batch.room -= len(data or b"") if item.ephemeral else len(encoded)
    return Done(item, ResultStatus.SUCCESS, None, None, encoded, _identifiers(payload), data, None, call)


def _polled(call: Call, item: RequestBatchItem, polled: Polled) -> Done:
    """Answer as the item that was asked for once is answered; under its name if this one has none (TC-ASYNC-3, -8)."""
    named = item.unique_batch_item_id or polled.unique_batch_item_id
    item = replace(item, operation=OpenEnumeration(polled.operation), unique_batch_item_id=named)
    call.batch.room -= len(polled.payload or b"")
    return Done(item, polled.status, polled.reason, polled.message, polled.payload, (), None, polled.correlation, call)


def name_of(operation: int) -> str:
    """Give an operation's name, or its number where it has none."""
    return NAMES.get(operation) or str(operation)


def _entry(call: Call, item: RequestBatchItem) -> Entry:
    call.enter(item.operation)
    entry = OPERATIONS.get(item.operation)
    if entry is None or not entry.offered(call.version, call.config):
        raise errors.OperationNotSupported(f"this operation is not offered in KMIP {call.version}")
    if item.message_extension is not None and item.message_extension.criticality_indicator:
        raise errors.UnknownMessageExtension
    if item.ephemeral and item.operation not in PUT_OUT:
        raise errors.FeatureNotSupported("this operation puts out no data that later items could take")
    if call.batch.room <= 0:
        raise errors.ResponseTooLarge
    audit = call.services.audit
    if audit is not None and audit.closed and item.operation not in MAY_GO_UNRECORDED:
        raise errors.AuditDown
    return entry


def _identifiers(payload: Any) -> tuple[str, ...]:
    found = getattr(payload, "unique_identifier", ())
    if isinstance(found, str):
        return (found,)
    pair = (
        getattr(payload, "private_key_unique_identifier", None),
        getattr(payload, "public_key_unique_identifier", None),
    )
    return tuple(found) or tuple(each for each in pair if each is not None)


async def _undone(batch: Batch, done: list[Done]) -> list[Done]:
    """Take back what the items before the failed one did, the last first."""
    steps = batch.undo or []
    batch.undo, batch.finish = None, []  # What taking back does is not to be taken back, nor put off.
    await _all(reversed(steps))
    earlier = [each._replace(status=ResultStatus.OPERATION_UNDONE, correlation=None) for each in done[:-1]]
    return [*earlier, done[-1]]


async def _all(steps: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Carry out every step; one that fails keeps none of the others back, and the reaper finds what it left."""
    for step in steps:
        try:
            await step()
        except errors.KmipError as error:
            log.error("batch_step_failed", reason=str(error))
