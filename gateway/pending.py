"""Asynchronous requests as the operations that deal with them see them: found, waited for, fetched.

The one rule here: a request is its client's alone, and to everybody else as if there were none.
"""

import time

from msgspec.structs import replace

from gateway.access.permissions import MAY_BE_GRANTED, Use
from gateway.call import Call
from gateway.errors import InvalidAsynchronousCorrelationValue, NotAuthorized, ObjectDestroyed, ResponseTooLarge
from gateway.items import Polled
from gateway.kmip.enums import Operation, ResultReason, ResultStatus
from gateway.kmip.structure import Encoded
from gateway.kmip.version import Version
from gateway.store.api import HeldRequest, ObjectRow, Stage, Transaction

REQUEST, RESULT = b"asynchronous request ", b"asynchronous result "
GIVING = frozenset({Operation.GET, Operation.EXPORT})  # key material
# The uses that a request makes of the object that it is about, and of those that it needs besides.
ITSELF: tuple[int | None, ...] = (None,)
BESIDE = (None, Operation.GET, Use.WRAP_KEY, Use.UNWRAP_KEY)
MICROSECONDS = 1_000_000
RESPONSE_BYTES = 256  # of a response message besides the payload, at most


def bound(correlation: bytes, part: bytes) -> bytes:
    """Give what the seal of a request, or of its result, is bound to: neither can stand for another."""
    return part + correlation


def version_of(held: HeldRequest) -> Version:
    """Give the protocol version in which something was asked for."""
    major, _, minor = held.version.partition(".")
    return Version(int(major), int(minor))


async def find(call: Call, correlation: bytes) -> HeldRequest:
    """Give a request of this client.

    Raises:
        InvalidAsynchronousCorrelationValue: there is none, or its result was fetched.
    """
    return _own(call, await call.store.held(correlation))


def current(call: Call, transaction: Transaction, correlation: bytes) -> HeldRequest:
    """Give a request of this client as it is inside a transaction.

    Raises:
        InvalidAsynchronousCorrelationValue: there is none, or its result was fetched.
    """
    return _own(call, transaction.request(correlation))


def _own(call: Call, held: HeldRequest | None) -> HeldRequest:
    identity = call.peer.identity
    if held is None or (held.tenant, held.owner) != (identity.tenant, identity.name) or not may_see(call, held):
        raise InvalidAsynchronousCorrelationValue
    return held


def may_see(call: Call, held: HeldRequest) -> bool:
    """Tell whether a ticket may see a request of its client's: one with rights sees what was asked for by it alone."""
    return call.batch.rights is None or held.ticket == call.batch.ticket


async def hastened(call: Call, held: HeldRequest, patience_s: float) -> HeldRequest:
    """Have a request begun at once, and wait for its result a while, as far as this message may.

    Raises:
        InvalidAsynchronousCorrelationValue: it was canceled, or its result was fetched, meanwhile.
    """
    call.background.begin(held)
    start = time.monotonic()
    ended = await call.background.ended(held, min(patience_s, call.batch.patience_s))
    call.batch.patience_s = max(0.0, call.batch.patience_s - (time.monotonic() - start))
    return _own(call, ended)


def still_pending(held: HeldRequest) -> Polled:
    """Give the answer to a Poll that comes too early."""
    return Polled(
        operation=held.operation,
        unique_batch_item_id=held.batch_item,
        status=ResultStatus.OPERATION_PENDING,
        correlation=held.correlation,
    )


async def fetched(call: Call, held: HeldRequest) -> Polled:
    """Take the result of a completed request away, and give it.

    Raises:
        NotAuthorized: roles or ticket do not allow the operation any more, or key material to leave; it is kept.
        ObjectNotFound, ObjectDestroyed: an object is out of the client's reach by now; it is kept too.
        ResponseTooLarge: it is larger than the client's Maximum Response Size; it is kept.
        InvalidAsynchronousCorrelationValue: another Poll was faster.
    """
    failed = bool(held.reason)
    call.touched += held.objects  # the audit says whose key leaves here
    _check_again(call, held, failed=failed)
    payload = None if failed else Encoded(await call.token.open(held.sealed, bound(held.correlation, RESULT)))
    if call.batch.most is not None and len(payload or b"") + RESPONSE_BYTES > call.batch.most:
        raise ResponseTooLarge

    def take(transaction: Transaction) -> None:
        current(call, transaction, held.correlation)
        transaction.drop_request(held.correlation)

    await call.store.write(take)
    call.on_undo(lambda: call.store.write(lambda transaction: transaction.put_request(held)))
    return Polled(
        operation=held.operation,
        unique_batch_item_id=held.batch_item,
        status=ResultStatus.OPERATION_FAILED if failed else ResultStatus.SUCCESS,
        reason=ResultReason(held.reason) if failed else None,
        message=held.message or None,
        payload=payload,
    )


def _check_again(call: Call, held: HeldRequest, *, failed: bool) -> None:
    """Make sure that a client may still be told what it has asked for once: it may have lost the right since."""
    then = Call(call.services, call.peer, call.version, call.batch)
    then.enter(held.operation)
    if failed or held.operation not in MAY_BE_GRANTED:  # the others tell nothing but identifiers of the client's own
        return
    if held.operation in GIVING and not held.objects:
        raise NotAuthorized("it is not known any more of which object this is: ask for it anew")
    rows = [call.store.peek(each) for each in held.objects]
    for place, row in enumerate(rows):
        if row is not None and not any(then.may(row, use) for use in (BESIDE if place else ITSELF)):
            raise then.missing(row.unique_identifier, row)
    if held.operation in GIVING and rows[0] is not None:
        _check_given(then, rows[0], held)


def _check_given(then: Call, row: ObjectRow, held: HeldRequest) -> None:
    then.require_export(row)
    destroyed = then.services.catalogue.managed(row).destroy
    if destroyed is not None and destroyed >= held.submitted // MICROSECONDS:  # else it was exported without material
        raise ObjectDestroyed(f"{row.unique_identifier} was destroyed")


def is_completed(held: HeldRequest) -> bool:
    """Tell whether a request has its result."""
    return held.stage is Stage.COMPLETED


async def begun(call: Call, held: HeldRequest) -> None:
    """Have a request begun at once."""
    call.background.begin(held)


async def restored(call: Call, held: HeldRequest) -> None:
    """Keep a request again that was canceled; it is begun anew in a while, for it had done nothing."""
    kept = replace(held, stage=Stage.SUBMITTED, instance=call.store.instance)
    await call.store.write(lambda transaction: transaction.put_request(kept))
