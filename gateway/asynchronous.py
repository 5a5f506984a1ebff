"""Requests that are carried out while no client waits for them (KMIP 2.1 section 9.1 Asynchronous Indicator).

The one rule here: the database alone says how far a request is. It is begun by whoever moves its row from Submitted to
In Process, in whatever front end, and ended by the same one; what a front end leaves behind when it dies is begun anew
by another if it had committed nothing, and brought to its end by what it had committed otherwise.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import NoReturn
from weakref import WeakValueDictionary

import structlog
from msgspec import Struct, msgpack
from msgspec.structs import replace

from gateway import errors, recording, recovered, tickets
from gateway.access.identity import Identity
from gateway.admission import acting
from gateway.batch import Done
from gateway.call import Call, Services
from gateway.config import KmipConfig
from gateway.errors import KmipError
from gateway.items import Admission, Batch
from gateway.kmip.enums import Operation, ResultStatus
from gateway.kmip.messages import RequestBatchItem
from gateway.kmip.structure import OpenEnumeration, Payload
from gateway.operations import OPERATIONS
from gateway.pending import REQUEST, RESULT, bound, version_of
from gateway.store.api import HeldRequest, Stage, Transaction

CORRELATION_BYTES = 16  # Random: who guesses one has not found anything yet, for the owner is compared too.
START_AFTER_S = 1.0  # Until then a client may think better of it; Process and Poll do not wait.
LOOK_S = 0.05  # At a request that another front end carries out.
SWEEP_S = 5.0
EXPIRE_S = 600.0
RETRY_S = 1.0
CLOSE_S = 1.0
MAX_RUNNING = 8  # A worker makes one RSA key at a time, and others wait for it behind.
MAX_RUNNING_OF_ONE = 2
MAX_BEGUN = 3  # A request that ends its front end thrice is given up.
GIVEN_UP = "the server was stopped each time it did this; nothing of it is done"
PARTLY_DONE = "the server was stopped while it did this; some of it is done"
STRUCTURE = 1  # the item type of TTLV
MAX_HELD_BYTES = 16 * 1024 * 1024  # of one client

log = structlog.get_logger()


class Asked(Struct, array_like=True):
    """What is sealed of a request until it is carried out: who asked from where, and the payload."""

    identity: Identity
    address: str
    payload: bytes


class Requests:
    """Implements `call.Background` in one front end; every one of them may carry out what came to another."""

    def __init__(self, services: Services, carry_out: Callable[[Call, RequestBatchItem], Awaitable[Done]]) -> None:
        self._services = services
        self._store = services.store
        self._carry_out = carry_out
        self._timers: dict[bytes, asyncio.TimerHandle] = {}
        self._tasks: dict[bytes, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(MAX_RUNNING)
        self._slots_of: WeakValueDictionary[tuple[str, str], asyncio.Semaphore] = WeakValueDictionary()
        self._held_back: set[bytes] = set()  # until they are kept and, with Undo, their batch has succeeded
        self._next_expiry = 0.0

    def adopt(self, config: KmipConfig) -> None:
        """Begin requests by this configuration from now on."""
        self._services = self._services._replace(config=config)

    async def run(self) -> NoReturn:
        """Take over what dead front ends left, now and once in a while, until cancelled."""
        while True:
            try:
                await self.sweep()
            except KmipError as error:
                log.warning("asynchronous_sweep_failed", reason=str(error))
            await asyncio.sleep(SWEEP_S)

    async def close(self) -> None:
        """Let what is nearly done come to its end, and leave the rest to the next start."""
        for timer in self._timers.values():
            timer.cancel()
        tasks = dict(self._tasks)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks.values(), timeout=CLOSE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for correlation, task in tasks.items():
            if task in late:
                await self._give_back(correlation)

    async def _give_back(self, correlation: bytes) -> None:
        """Let a request that has done nothing be as if it had not been begun: being stopped is no fault of its own."""

        def write(transaction: Transaction) -> None:
            held = transaction.request(correlation)
            if held is not None and held.stage is Stage.IN_PROCESS and not held.changes:
                transaction.put_request(replace(held, stage=Stage.SUBMITTED, begun=held.begun - 1))

        try:
            await self._store.write(write)
        except KmipError as error:
            log.warning("asynchronous_request_not_given_back", reason=str(error))

    # --- what clients ask for

    async def submit(self, call: Call, item: RequestBatchItem) -> bytes:
        """Keep an item to be carried out later, and give its Asynchronous Correlation Value.

        In a batch that asks for Undo nothing is begun until all of it has succeeded.

        Raises:
            ServerLimitExceeded: the client has too many requests, or too much in them.
        """
        call.in_turn()
        correlation = secrets.token_bytes(CORRELATION_BYTES)
        asked = Asked(call.peer.identity, call.peer.address, item.request_payload.raw)
        held = HeldRequest(
            correlation=correlation,
            tenant=call.peer.identity.tenant,
            owner=call.peer.identity.name,
            operation=item.operation,
            version=str(call.version),
            batch_item=item.unique_batch_item_id,
            ticket=call.batch.ticket,
            submitted=int(call.now * 1_000_000),
            stage=Stage.SUBMITTED,
            instance=self._store.instance,
            sealed=await call.token.seal(msgpack.encode(asked), bound(correlation, REQUEST)),
        )
        self._held_back.add(correlation)
        try:
            await call.store.write(lambda t: self._admit(t, held))
        except BaseException:
            self._held_back.discard(correlation)
            raise
        if call.batch.undo is None:
            self._let_go(held)
        else:
            call.batch.finish.append(partial(self._let_go_after, held))
            call.on_undo(partial(self._drop, held))
        return correlation

    def _let_go(self, held: HeldRequest) -> None:
        self._held_back.discard(held.correlation)
        loop = asyncio.get_running_loop()
        self._timers[held.correlation] = loop.call_later(START_AFTER_S, self.begin, replace(held, sealed=b""))

    async def _let_go_after(self, held: HeldRequest) -> None:
        self._let_go(held)

    async def _drop(self, held: HeldRequest) -> None:
        self._held_back.discard(held.correlation)
        await self._store.write(lambda t: t.drop_request(held.correlation))

    def _admit(self, transaction: Transaction, held: HeldRequest) -> None:
        count, size = transaction.weigh_requests(held.tenant, held.owner)
        most = self._services.config.max_asynchronous_requests
        if count >= most:
            raise errors.ServerLimitExceeded(f"a client has {most} asynchronous requests at most; Poll or Cancel some")
        if size + len(held.sealed) > MAX_HELD_BYTES:
            raise errors.ServerLimitExceeded("too much is kept of this client's asynchronous requests; Poll some")
        transaction.put_request(held)

    def begin(self, request: HeldRequest) -> None:
        """Carry out a kept request now, if nobody is at it yet."""
        self._forget_timer(request.correlation)
        if request.stage is Stage.SUBMITTED and request.correlation not in self._tasks:
            # Many may wait for their turn: what is sealed is read when it comes.
            self._start(request.correlation, self._run(replace(request, sealed=b"")))

    def _start(self, correlation: bytes, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks[correlation] = task
        task.add_done_callback(lambda _: self._tasks.pop(correlation))

    async def ended(self, request: HeldRequest, timeout_s: float) -> HeldRequest | None:
        """Wait until a request has its result, or the time is over; None when it was canceled meanwhile."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        held: HeldRequest | None = request
        while held is not None and held.stage is not Stage.COMPLETED and (left := end - loop.time()) > 0:
            task = self._tasks.get(request.correlation)
            if task is not None:
                await asyncio.wait([task], timeout=left)
            else:
                await asyncio.sleep(min(left, LOOK_S))
            held = await self._store.held(request.correlation)
        return held

    def _forget_timer(self, correlation: bytes) -> None:
        timer = self._timers.pop(correlation, None)
        if timer is not None:
            timer.cancel()

    # --- how a request is carried out

    async def _run(self, request: HeldRequest) -> None:
        try:
            async with self._slots_for(request), self._slots:
                held = await self._store.write(lambda t: self._begun(t, request.correlation))
                if held is not None:
                    await self._end(held, await self._done(held))
        except KmipError as error:
            # The row is as it was; the next sweep finds it.
            log.warning("asynchronous_request_put_off", reason=str(error))

    def _slots_for(self, request: HeldRequest) -> asyncio.Semaphore:
        client = request.tenant, request.owner
        return self._slots_of.setdefault(client, asyncio.Semaphore(MAX_RUNNING_OF_ONE))

    def _begun(self, transaction: Transaction, correlation: bytes) -> HeldRequest | None:
        held = transaction.request(correlation)
        if held is None or held.stage is not Stage.SUBMITTED:
            return None
        begun = replace(held, stage=Stage.IN_PROCESS, instance=self._store.instance, begun=held.begun + 1)
        transaction.put_request(begun)
        return begun

    async def _done(self, held: HeldRequest) -> Done:
        """Carry out a request by the way that every other goes, its writes excepted."""
        services = self._services._replace(store=self._store.journal(held))
        try:
            opened = await self._services.token.open(held.sealed, bound(held.correlation, REQUEST))
            asked = msgpack.decode(opened, type=Asked)
            peer = acting(services, asked.identity, asked.address)
            # Rights and states are looked at now, and not as they were when it was asked for.
            admission = Admission(peer) if held.ticket is None else tickets.admit_again(services, held.ticket, peer)
        except KmipError as error:
            return _failed(held, error)
        call = Call(services, peer, version_of(held), Batch(admission))
        done = await self._carry_out(call, _item(held, asked.payload))
        audit = self._services.audit
        if audit is not None and not audit.write(recording.of_items(recording.Asked(peer, call.version), [done])):
            return _failed(held, errors.AuditDown())
        return done

    async def _end(self, held: HeldRequest, done: Done) -> None:
        """Keep the result; what fails here is tried again, for the request is done and only its client must know."""
        while True:
            try:
                return await self._keep(held, done)
            except KmipError as error:
                log.warning("asynchronous_result_not_kept", reason=str(error))
            await asyncio.sleep(RETRY_S)

    async def _keep(self, held: HeldRequest, done: Done) -> None:
        sealed = b""
        if done.payload is not None:
            sealed = await self._services.token.seal(bytes(done.payload), bound(held.correlation, RESULT))
        ended = replace(
            held,
            stage=Stage.COMPLETED,
            sealed=sealed,
            reason=done.reason or 0,
            message=done.message or "",
            objects=_touched(held, done),
        )
        await self._store.write(lambda t: _ended(t, ended))

    # --- what is left behind

    async def sweep(self) -> None:
        """Take over what nobody is at any more, and forget the results that nobody fetched in time.

        Raises:
            KmipError: token or database do not answer; what is left is found again.
        """
        loop = asyncio.get_running_loop()
        if loop.time() >= self._next_expiry:
            before = int((self._services.clock() - self._services.config.asynchronous_result_lifetime_s) * 1_000_000)
            expired = await self._store.write(lambda t: t.expire_requests(before))
            self._next_expiry = loop.time() + EXPIRE_S
            if expired:
                log.info("asynchronous_results_expired", count=expired)
        for left in await self._store.unfinished():
            known = (
                left.correlation in self._tasks,
                left.correlation in self._timers,
                left.correlation in self._held_back,
            )
            if not any(known):
                await self._take_over(left)

    async def _take_over(self, left: HeldRequest) -> None:
        held = await self._store.write(lambda t: self._adopted(t, left))
        if held is None:
            return
        log.info("asynchronous_request_taken_over", operation=Operation(held.operation).token, begun=held.begun)
        if held.stage is Stage.SUBMITTED:
            self.begin(held)
        else:
            self._start(held.correlation, self._conclude(held))

    def _adopted(self, transaction: Transaction, left: HeldRequest) -> HeldRequest | None:
        """Make a request this front end's, to be begun (anew) if it has done nothing, and to be ended otherwise."""
        held = transaction.request(left.correlation)
        if held is None or (held.stage, held.instance, held.begun) != (left.stage, left.instance, left.begun):
            return None
        anew = not held.changes and held.begun < MAX_BEGUN
        stage = Stage.SUBMITTED if anew else Stage.IN_PROCESS
        adopted = replace(held, stage=stage, instance=self._store.instance)
        transaction.put_request(adopted)
        return adopted

    async def _conclude(self, held: HeldRequest) -> None:
        try:
            await self._end(held, await self._concluded(held))
        except KmipError as error:
            log.warning("asynchronous_request_put_off", reason=str(error))

    async def _concluded(self, held: HeldRequest) -> Done:
        """Tell how a request went from what it had committed when its front end died."""
        rows = [await self._store.get(each.unique_identifier) for each in held.changes]
        changed = [(change, row) for change, row in zip(held.changes, rows, strict=True) if row is not None]
        payload = recovered.response(held.operation, OPERATIONS[held.operation].response, changed)
        if payload is None:
            error = errors.GeneralFailure(PARTLY_DONE if held.changes else GIVEN_UP)
            return _failed(held, error)
        encoded = self._services.codec.encode_payload(payload, version_of(held))
        return Done(_item(held), ResultStatus.SUCCESS, payload=encoded)


def _item(held: HeldRequest, content: bytes = b"") -> RequestBatchItem:
    return RequestBatchItem(
        operation=OpenEnumeration(held.operation),
        unique_batch_item_id=held.batch_item,
        request_payload=Payload(STRUCTURE, content),
    )


def _touched(held: HeldRequest, done: Done) -> tuple[str, ...]:
    """Give the objects of a request, the one that it is about first; what a dead front end did is in its commits."""
    named = [each.unique_identifier for each in held.changes] if done.call is None else done.call.touched
    return tuple(dict.fromkeys(named))


def _failed(held: HeldRequest, error: KmipError) -> Done:
    return Done(_item(held), ResultStatus.OPERATION_FAILED, error.reason_for(version_of(held)), error.message)


def _ended(transaction: Transaction, ended: HeldRequest) -> None:
    """Keep a result, unless the request was canceled; one that is too large fails in its place."""
    current = transaction.request(ended.correlation)
    if current is None or (current.instance, current.begun) != (ended.instance, ended.begun):
        return
    _, size = transaction.weigh_requests(ended.tenant, ended.owner)
    if size - len(current.sealed) + len(ended.sealed) > MAX_HELD_BYTES:
        error = errors.ResponseTooLarge()
        reason = error.reason_for(version_of(ended))
        ended = replace(ended, sealed=b"", reason=reason, message=error.message)
    transaction.put_request(replace(ended, changes=current.changes))
