"""The Token that a front end uses: requests spread over workers.

The rule of the room: what may have changed the token is never sent twice. A call costs one future and no task.
"""

import asyncio
import socket
import time
from zlib import crc32

import msgspec

from gateway.errors import GeneralFailure, InvalidCorrelationValue, TokenDown
from gateway.token import frames
from gateway.token.api import (
    Attributes,
    Claim,
    Crossing,
    Finished,
    KeyRef,
    KeyTemplate,
    KeyType,
    MadeKey,
    MadePair,
    Mechanism,
    ObjectClass,
    Opening,
    Profile,
    Receiver,
    Token,
    TokenInfo,
)
from gateway.token.channel import NotSent, Worker
from gateway.token.frames import STREAM_BYTES, decode_result

# A key whose home is this deep in work is used on a worker that has less than half of it, if it is used so often that
# the look through the token which the first such use may cost (90 µs an object on SoftHSM) is soon repaid. A key just
# made is not: with 32 clients creating keys, looking for each on the other worker took all of the token's time.
SPILL_DEPTH = 16
SPILL_USES = 64  # in one sweep
# Keys whose home is remembered; the oldest is forgotten first, and then falls to a worker by its CKA_ID.
HOMES_KEPT = 100_000
SWEEP_S = 1.0
# How long requests wait for the successor of the last worker: it starts in half a second, or in what a PIN check takes.
SUCCESSION_S = 3.0
# A correlation value is the number of the worker and the name of the stream there, so that every front end finds it.
PLACE_BYTES = 2


class TokenPool(Token):
    """A Token made of workers; build it inside the running event loop that will use it."""

    def __init__(self, profile: Profile, info: TokenInfo, *, timeout_s: float = 70.0) -> None:
        """`timeout_s` bounds a request from the call to its reply, queueing included; TokenTimeout after that."""
        self.profile = profile
        self.first_info = info  # as the worker that started first saw the token
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._workers: dict[int, Worker] = {}
        self._homes: dict[bytes, Worker] = {}
        self._uses: dict[bytes, int] = {}  # since the last sweep
        self._arrival = self._loop.create_future()  # done when the next worker is attached
        self._left = self._loop.time()  # when a worker was last taken away; at first, when to begin to wait for one
        self._last_id = 0
        self._now = time.monotonic()
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)

    def attach(self, index: int, sock: socket.socket) -> None:
        """Use this socket for the worker with the index, in place of an earlier one; the pool owns it now."""
        self.detach(index)
        self._workers[index] = Worker(self._loop, sock, index)
        self._arrival.set_result(None)
        self._arrival = self._loop.create_future()

    def detach(self, index: int) -> None:
        """Stop using a worker; what is in flight there fails."""
        worker = self._workers.pop(index, None)
        if worker is not None:
            self._left = self._loop.time() if worker.open else max(self._left, worker.closed_at)
            worker.close()

    def close(self) -> None:
        """Stop using all workers."""
        self._sweeper.cancel()
        for index in list(self._workers):
            self.detach(index)

    @property
    def in_flight(self) -> int:
        """How many requests have no reply yet."""
        return sum(worker.load for worker in self._workers.values())

    @property
    def ready(self) -> bool:
        """Whether there is a worker at all."""
        return any(worker.open for worker in self._workers.values())

    def _sweep(self) -> None:
        self._now = time.monotonic()
        self._uses.clear()
        for worker in self._workers.values():
            worker.expire(self._now - self._timeout_s)
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)

    # --- which worker

    def _next_id(self) -> int:
        self._last_id = (self._last_id + 1) & 0xFFFFFFFF
        return self._last_id

    def _live(self) -> dict[int, Worker]:
        live = {index: worker for index, worker in self._workers.items() if worker.open}
        if not live:
            raise TokenDown
        return live

    def _home(self, cka_id: bytes) -> Worker:
        """Give the worker that knows a key's handle: the one that made it, else the one its CKA_ID falls to.

        A worker that does not know it must look through the token once, and knows all keys then.
        """
        home = self._homes.get(cka_id)
        if home is None or not home.open:
            live = self._live()
            home = live[max(live, key=lambda index: crc32(cka_id, index))]
            self._settle(cka_id, home)
        return home

    def _settle(self, cka_id: bytes, home: Worker) -> None:
        """Remember where a key is used from now on."""
        if len(self._homes) >= HOMES_KEPT:
            del self._homes[next(iter(self._homes))]
        self._homes[cka_id] = home

    def _maker(self, cka_id: bytes) -> Worker:
        """Give the worker that is to make or destroy a key: always the same one where the token wants one writer."""
        if self.profile.one_writer:
            live = self._live()
            return live[min(live)]
        return self._home(cka_id)

    def _receiving(self) -> Worker:
        """Give the worker that has the one-time key, by which other tokens send: the first, which may write too."""
        live = self._live()
        return live[min(live)]

    def _least_loaded(self) -> Worker:
        return min(self._live().values(), key=_load)

    def _for_use(self, cka_id: bytes) -> Worker:
        """Give the key's home, or for a key in much use the idlest worker when the home is deep in work."""
        home = self._home(cka_id)
        uses = self._uses[cka_id] = self._uses.get(cka_id, 0) + 1
        depth = home.load
        if depth < SPILL_DEPTH or uses < SPILL_USES:
            return home
        chosen, least = home, depth // 2
        for worker in self._workers.values():
            if worker.open and worker.load < least:
                chosen, least = worker, worker.load
        return chosen

    async def _succession(self) -> None:
        """Wait for a worker when there is none, as long as the successor of one that died may take to start.

        Raises:
            TokenDown: none came in time, or the last one said that the token is down: then nobody is to wait.
        """
        while not self.ready:
            lost = max(self._left, *(worker.closed_at for worker in self._workers.values()), 0.0)
            left = lost + SUCCESSION_S - self._loop.time()
            if left <= 0 or any(worker.token_down for worker in self._workers.values()):
                raise TokenDown
            await asyncio.wait([self._arrival], timeout=left)

    async def _used(self, ref: KeyRef, frame: frames.Frame) -> frames.Result:
        """Carry out what changes nothing, a second time on another worker if the first dies over it."""
        try:
            return await self._for_use(ref.cka_id).send(frame, self._now)
        except TokenDown:
            await self._succession()
            return await self._for_use(ref.cka_id).send(frame, self._now)

    async def _keyless(self, frame: frames.Frame) -> frames.Result:
        try:
            return await self._least_loaded().send(frame, self._now)
        except TokenDown:
            await self._succession()
            return await self._least_loaded().send(frame, self._now)

    async def _made(
        self, cka_id: bytes, frame: frames.Frame, template: KeyTemplate, *, pair: bool = False
    ) -> frames.Result:
        """Make a key, once, and remember which worker knows it."""
        await self._succession()
        maker = self._least_loaded() if template.wrapped else self._maker(cka_id)
        send = maker.send_pair if pair else maker.send
        try:
            result = await send(frame, self._now)
        except NotSent:
            return await self._made(cka_id, frame, template, pair=pair)
        self._settle(cka_id, maker)
        return result

    async def _pinned(self, correlation_value: bytes, frame: frames.Frame) -> frames.Result:
        """Send to the worker that has the stream, once: what it was fed cannot be fed again."""
        worker = self._workers.get(int.from_bytes(correlation_value[:PLACE_BYTES], "big"))
        if worker is None or not worker.open or len(correlation_value) != PLACE_BYTES + STREAM_BYTES:
            raise InvalidCorrelationValue("there is no such stream here; begin again")
        try:
            return await worker.send(frame, self._now)
        except TokenDown:
            raise InvalidCorrelationValue("the token's worker ended, and the stream with it; begin again") from None

    # --- the verbs, as `api.Token` says

    async def generate_key(self, ref: KeyRef, key_type: KeyType, bits: int, template: KeyTemplate) -> KeyRef:
        frame = frames.GenerateKey(self._next_id(), ref, key_type, bits, template)
        return _ref(await self._made(ref.cka_id, frame, template))

    async def generate_wrapped(self, ref: KeyRef, key_type: KeyType, bits: int, template: KeyTemplate) -> MadeKey:
        frame = frames.GenerateWrapped(self._next_id(), ref, key_type, bits, template)
        return decode_result(_bytes(await self._made(ref.cka_id, frame, template)), MadeKey)

    async def generate_key_pair(
        self,
        cka_id: bytes,
        key_type: KeyType,
        bits: int,
        curve_oid: bytes,
        private: KeyTemplate,
        public: KeyTemplate,
    ) -> MadePair:
        frame = frames.GenerateKeyPair(self._next_id(), cka_id, key_type, bits, curve_oid, private, public)
        return decode_result(_bytes(await self._made(cka_id, frame, private, pair=True)), MadePair)

    async def import_key(self, ref: KeyRef, key_type: KeyType, material: bytes, template: KeyTemplate) -> KeyRef:
        frame = frames.ImportKey(self._next_id(), ref, key_type, material, template)
        return _ref(await self._made(ref.cka_id, frame, template))

    async def export_key(self, ref: KeyRef) -> bytes:
        return _bytes(await self._used(ref, frames.ExportKey(self._next_id(), ref)))

    async def wrap(self, wrapping: KeyRef, mechanism: Mechanism, target: KeyRef, *, by_copy: bool = False) -> bytes:
        return _bytes(await self._used(target, frames.Wrap(self._next_id(), wrapping, mechanism, target, by_copy)))

    async def unwrap(
        self,
        unwrapping: KeyRef,
        mechanism: Mechanism,
        blob: bytes,
        ref: KeyRef,
        key_type: KeyType,
        template: KeyTemplate,
    ) -> None:
        frame = frames.Unwrap(self._next_id(), unwrapping, mechanism, blob, ref, key_type, template)
        await self._made(ref.cka_id, frame, template)

    async def wrap_data(self, wrapping: KeyRef, mechanism: Mechanism, data: bytes, *, by_copy: bool = False) -> bytes:
        frame = frames.WrapData(self._next_id(), wrapping, mechanism, data, by_copy)
        return _bytes(await self._used(wrapping, frame))

    async def unwrap_data(
        self, unwrapping: KeyRef, mechanism: Mechanism, blob: bytes, *, by_copy: bool = False
    ) -> bytes:
        frame = frames.UnwrapData(self._next_id(), unwrapping, mechanism, blob, by_copy)
        return _bytes(await self._used(unwrapping, frame))

    async def encrypt(self, ref: KeyRef, mechanism: Mechanism, data: bytes) -> bytes:
        return _bytes(await self._used(ref, frames.Encrypt(self._next_id(), ref, mechanism, data)))

    async def decrypt(self, ref: KeyRef, mechanism: Mechanism, data: bytes) -> bytes:
        return _bytes(await self._used(ref, frames.Decrypt(self._next_id(), ref, mechanism, data)))

    async def sign(self, ref: KeyRef, mechanism: Mechanism, data: bytes) -> bytes:
        return _bytes(await self._used(ref, frames.Sign(self._next_id(), ref, mechanism, data)))

    async def verify(self, ref: KeyRef, mechanism: Mechanism, data: bytes, signature: bytes) -> bool:
        return bool(await self._used(ref, frames.Verify(self._next_id(), ref, mechanism, data, signature)))

    async def begin_stream(self, opening: Opening, data: bytes) -> tuple[bytes, bytes]:
        await self._succession()
        ref = opening.claim.ref
        worker = self._least_loaded() if ref is None else self._for_use(ref.cka_id)
        begun = _bytes(await worker.send(frames.BeginStream(self._next_id(), opening, data), self._now))
        return worker.index.to_bytes(PLACE_BYTES, "big") + begun[:STREAM_BYTES], begun[STREAM_BYTES:]

    async def continue_stream(self, correlation_value: bytes, claim: Claim, data: bytes) -> bytes:
        frame = frames.ContinueStream(self._next_id(), correlation_value[PLACE_BYTES:], claim, data)
        return _bytes(await self._pinned(correlation_value, frame))

    async def finish_stream(self, correlation_value: bytes, claim: Claim, data: bytes, trailer: bytes) -> Finished:
        frame = frames.FinishStream(self._next_id(), correlation_value[PLACE_BYTES:], claim, data, trailer)
        return decode_result(_bytes(await self._pinned(correlation_value, frame)), Finished)

    async def end_stream(self, correlation_value: bytes, owner: bytes) -> None:
        await self._pinned(correlation_value, frames.EndStream(self._next_id(), correlation_value[PLACE_BYTES:], owner))

    async def derive(
        self, ref: KeyRef, mechanism: Mechanism, new: KeyRef, key_type: KeyType, bits: int, template: KeyTemplate
    ) -> KeyRef:
        frame = frames.Derive(self._next_id(), ref, mechanism, new, key_type, bits, template)
        return _ref(await self._made(new.cka_id, frame, template))

    async def rewrap(self, ref: KeyRef) -> KeyRef:
        return _ref(await self._used(ref, frames.Rewrap(self._next_id(), ref)))

    async def wrapped_copy(self, ref: KeyRef, new: KeyRef) -> KeyRef:
        return _ref(await self._used(ref, frames.WrappedCopy(self._next_id(), ref, new)))

    async def token_copy(self, ref: KeyRef, new: KeyRef, label: str) -> KeyRef:
        await self._succession()
        return _ref(await self._maker(new.cka_id).send(frames.TokenCopy(self._next_id(), ref, new, label), self._now))

    async def receive(self, bits: int, hash_: int) -> Receiver:
        await self._succession()
        made = await self._receiving().send(frames.Receive(self._next_id(), bits, hash_), self._now)
        return decode_result(_bytes(made), Receiver)

    async def send_key(self, ref: KeyRef, receiver: Receiver) -> Crossing:
        sent = await self._used(ref, frames.SendKey(self._next_id(), ref, receiver))
        return decode_result(_bytes(sent), Crossing)

    async def take_key(
        self, receiver: Receiver, crossing: Crossing, ref: KeyRef, key_type: KeyType, template: KeyTemplate
    ) -> KeyRef:
        worker = self._receiving()
        frame = frames.TakeKey(self._next_id(), receiver, crossing, ref, key_type, template)
        taken = _ref(await worker.send(frame, self._now))
        self._settle(taken.cka_id, worker)
        return taken

    async def send_sealed(self, blob: bytes, aad: bytes, receiver: Receiver) -> Crossing:
        frame = frames.SendSealed(self._next_id(), blob, aad, receiver)
        return decode_result(_bytes(await self._keyless(frame)), Crossing)

    async def take_sealed(self, receiver: Receiver, crossing: Crossing, aad: bytes) -> bytes:
        frame = frames.TakeSealed(self._next_id(), receiver, crossing, aad)
        return _bytes(await self._receiving().send(frame, self._now))

    async def digest(self, ckm: int, data: bytes) -> bytes:
        return _bytes(await self._keyless(frames.Digest(self._next_id(), ckm, data)))

    async def digest_key(self, ref: KeyRef, ckm: int) -> bytes:
        return _bytes(await self._used(ref, frames.DigestKey(self._next_id(), ref, ckm)))

    async def random(self, n: int) -> bytes:
        return _bytes(await self._keyless(frames.Random(self._next_id(), n)))

    async def seed(self, data: bytes) -> None:
        await self._keyless(frames.Seed(self._next_id(), data))

    async def destroy(self, ref: KeyRef) -> bool:
        await self._succession()
        try:
            return bool(await self._maker(ref.cka_id).send(frames.Destroy(self._next_id(), ref), self._now))
        except NotSent:
            return await self.destroy(ref)

    async def find(self, cka_ids: list[bytes]) -> list[KeyRef]:
        return _refs(await self._keyless(frames.Find(self._next_id(), cka_ids)))

    async def keys(self) -> list[KeyRef]:
        return _refs(await self._keyless(frames.Keys(self._next_id())))

    async def labelled(self, label: str) -> KeyRef | None:
        found = _refs(await self._keyless(frames.Labelled(self._next_id(), label)))
        return found[0] if found else None

    async def attributes(self, ref: KeyRef) -> Attributes:
        return _attributes(await self._used(ref, frames.ReadAttributes(self._next_id(), ref)))

    async def seal(self, data: bytes, aad: bytes) -> bytes:
        return _bytes(await self._keyless(frames.Seal(self._next_id(), data, aad)))

    async def open(self, blob: bytes, aad: bytes) -> bytes:
        return _bytes(await self._keyless(frames.Open(self._next_id(), blob, aad)))

    async def info(self) -> TokenInfo:
        return msgspec.convert(_attributes(await self._keyless(frames.Info(self._next_id()))), TokenInfo)


def _load(worker: Worker) -> int:
    return worker.load


def _bytes(result: frames.Result) -> bytes:
    if not isinstance(result, bytes):
        raise GeneralFailure
    return result


def _ref(result: frames.Result) -> KeyRef:
    (ref,) = _refs(result)
    return ref


def _refs(result: frames.Result) -> list[KeyRef]:
    if not isinstance(result, list):
        raise GeneralFailure
    return [KeyRef(ObjectClass(object_class), *rest) for object_class, *rest in result]


def _attributes(result: frames.Result) -> Attributes:
    if not isinstance(result, dict):
        raise GeneralFailure
    return result
