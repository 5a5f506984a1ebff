"""Run by test_faults.py in a process of its own: one token, whose C_SignInit fails as the row says.

Writes a line of JSON for each row: what is told when the call fails once, and when it goes on failing.
"""

import os
import sys

import msgspec

from gateway.token import frames
from gateway.token.api import Claim, KeyRef, KeyTemplate, KeyType, Mechanism, ObjectClass, Opening, Rights, StreamKind
from gateway.token.connection import Connection
from gateway.token.failures import FAILURES
from gateway.token.flows import Multipart, Signing
from gateway.token.pkcs11 import Access
from gateway.token.settings import WorkerSettings

STREAMS = -1  # no return value: the line about streams


class Seen(msgspec.Struct):
    """What came of one injected value."""

    rv: int
    once: str = ""
    always: str = ""
    stopping: str = ""
    calls: int = 0
    after: str = ""


class Faults:
    """C_SignInit that fails with `rv` so many times, then works."""

    def __init__(self, access: Access) -> None:
        self._real = access.calls.sign_init
        self.rv, self.left, self.calls = 0, 0, 0
        access.calls.sign_init = self  # type: ignore[assignment]

    def __call__(self, session: int, mechanism: int, key: int) -> int:
        self.calls += 1
        if self.left:
            self.left -= 1
            return self.rv
        return int(self._real(session, mechanism, key))

    def fail(self, rv: int, times: int) -> None:
        self.rv, self.left, self.calls = rv, times, 0


def told(reply: frames.Reply) -> str:
    return "done" if isinstance(reply, frames.Done) else reply.code.name


def main() -> None:
    settings = msgspec.json.decode(sys.argv[1], type=WorkerSettings)
    access = Access(Connection(settings))
    ref = KeyRef(ObjectClass.SECRET_KEY, os.urandom(16))
    template = KeyTemplate("faults", Rights.SIGN, extractable=False)
    assert told(access.answer(frames.GenerateKey(1, ref, KeyType.GENERIC_SECRET, 256, template))) == "done"
    request = frames.Sign(2, ref, Mechanism(0x251), b"message")
    faults = Faults(access)
    for rv in [row.rv for row in FAILURES] + [0x80000123, 0x1FFFF]:
        seen = Seen(rv)
        faults.fail(rv, 1)
        seen.once = told(access.answer(request))
        access.stopping = None
        faults.fail(rv, 1000)
        seen.always = told(access.answer(request))
        seen.calls, seen.stopping = faults.calls, access.stopping.name if access.stopping else ""
        access.stopping = None
        faults.fail(0, 0)
        seen.after = told(access.answer(request))
        print(msgspec.json.encode(seen).decode(), flush=True)
    print(msgspec.json.encode(lost_streams(access, ref)).decode(), flush=True)


def lost_streams(access: Access, ref: KeyRef) -> Seen:
    """Tell of the next part of a stream whose session is gone, of one that the token has ended, and of what follows."""
    claim = Claim(b"owner", b"Sign", ref)
    opening, seen = Opening(StreamKind.SIGN, claim, Mechanism(0x251)), Seen(STREAMS)

    def begun() -> bytes:
        reply = access.answer(frames.BeginStream(3, opening, b"one"))
        assert isinstance(reply, frames.Done)
        assert isinstance(reply.result, bytes)
        return reply.result[: frames.STREAM_BYTES]

    def calls(name: bytes) -> Multipart:
        flow = access.streams._streams[name].flow
        assert isinstance(flow, Signing)
        return flow._calls

    gone, ended = begun(), begun()
    calls(gone).close()
    seen.once = told(access.answer(frames.ContinueStream(4, gone, claim, b"two")))
    calls(ended).rest()  # as after a logout: PKCS#11 2.40 section 5.6
    seen.always = told(access.answer(frames.FinishStream(5, ended, claim, b"two", b"")))
    seen.stopping = access.stopping.name if access.stopping else ""
    seen.calls = len(access.streams)
    seen.after = told(access.answer(frames.Sign(6, ref, Mechanism(0x251), b"message")))
    return seen


if __name__ == "__main__":
    main()
    os._exit(0)
