"""The streams of one worker: whose each is, how many there may be, and how long one may be idle.

The rule of the room: a stream answers to the claim of its first part alone, and to everybody else as if it were not
there; a part that fails ends it.
"""

import os
import time
from contextlib import suppress

from pkcs11.exceptions import PKCS11Error

from gateway.errors import InvalidCorrelationValue, ServerLimitExceeded
from gateway.token.api import Claim, Finished, KeyRef, Opening
from gateway.token.flows import Flow
from gateway.token.frames import STREAM_BYTES

# Each holds a session of the token, and some tokens have few hundreds.
MAX_STREAMS = 256
MAX_STREAMS_OF_ONE = 32
# A client that is silent for so long has gone, or must begin again.
IDLE_S = 60.0
LIFE_S = 3600.0
# Of all authenticated decryptions together, since what each may hold times their number would be all of a machine.
MAX_HELD_IN_ALL_BYTES = 64 * 1024 * 1024


class Stream:
    """One stream: how it was opened, what it does, since when it is there and idle."""

    def __init__(self, opening: Opening, flow: Flow) -> None:
        self.opening = opening
        self.flow = flow
        self.begun = self.used = time.monotonic()

    def is_over(self, now: float) -> bool:
        """Tell whether it has been idle, or there, for too long."""
        return now > self.used + IDLE_S or now > self.begun + LIFE_S


class Streams:
    """The table of streams."""

    def __init__(self) -> None:
        self._streams: dict[bytes, Stream] = {}

    def __len__(self) -> int:
        return len(self._streams)

    def make_room(self, owner: bytes) -> None:
        """See to it that one more may begin.

        Raises:
            ServerLimitExceeded: its owner has, or all together have, as many as there may be.
        """
        self.reap()
        of_one = sum(each.opening.claim.owner == owner for each in self._streams.values())
        if of_one >= MAX_STREAMS_OF_ONE or len(self._streams) >= MAX_STREAMS:
            raise ServerLimitExceeded("too many streams are open; finish one, or wait until idle ones are ended")

    def add(self, opening: Opening, flow: Flow, data: bytes) -> tuple[bytes, bytes]:
        """Give the new stream's name and what it gives for its first part."""
        name = os.urandom(STREAM_BYTES)
        self._streams[name] = Stream(opening, flow)
        return name, self.feed(name, opening.claim, data)

    def feed(self, name: bytes, claim: Claim, data: bytes) -> bytes:
        """Take a part and give what comes of it."""
        stream = self._claimed(name, claim)
        try:
            output = stream.flow.feed(data)
            if stream.flow.held and sum(each.flow.held for each in self._streams.values()) > MAX_HELD_IN_ALL_BYTES:
                raise ServerLimitExceeded("too much is waiting to be authenticated; try again later")
        except BaseException:
            self._end(name)
            raise
        stream.used = time.monotonic()
        return output

    def finish(self, name: bytes, claim: Claim, data: bytes, trailer: bytes) -> Finished:
        """Take the last part and give the rest; a trailer that comes now counts before one that came first."""
        stream = self._claimed(name, claim)
        try:
            output = stream.flow.feed(data)
            rest, left = stream.flow.finish(trailer or stream.opening.trailer)
        finally:
            self._end(name)
        return Finished(output + rest, left, stream.opening.kept)

    def _claimed(self, name: bytes, claim: Claim) -> Stream:
        stream = self._streams.get(name)
        if stream is None or stream.opening.claim != claim or stream.is_over(time.monotonic()):
            raise InvalidCorrelationValue(
                "no such stream is open here for this operation and key: it was ended, idle for too long, or lost with "
                "the worker that had it; begin again"
            )
        return stream

    def end(self, name: bytes, owner: bytes) -> None:
        """Give a stream up, if it is this owner's."""
        stream = self._streams.get(name)
        if stream is not None and stream.opening.claim.owner == owner:
            self._end(name)

    def end_with(self, ref: KeyRef) -> None:
        """Give up every stream of a key that goes."""
        for name in [name for name, each in self._streams.items() if each.opening.claim.ref == ref]:
            self._end(name)

    def reap(self) -> None:
        """Give up those that are over."""
        now = time.monotonic()
        for name in [name for name, each in self._streams.items() if each.is_over(now)]:
            self._end(name)

    def _end(self, name: bytes) -> None:
        with suppress(PKCS11Error):  # the session was gone already
            self._streams.pop(name).flow.close()
