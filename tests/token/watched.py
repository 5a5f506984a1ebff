"""Run by test_crossing.py in a process of its own: one token that sends keys to itself, every call of it looked into.

Writes a line of JSON: the calls in which the key's value was seen, for each thing done with it; and all calls made.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.token import frames, selftest, testkeys
from gateway.token.api import Crossing, KeyRef, KeyTemplate, KeyType, ObjectClass, Receiver, Rights
from gateway.token.connection import Connection
from gateway.token.frames import decode_result
from gateway.token.pkcs11 import Access
from gateway.token.settings import WorkerSettings

SECRET = bytes(range(60, 92))


class Watch:
    """Stands before every C call, and python-pkcs11's two that make keys, and looks for what must not be seen."""

    def __init__(self, access: Access, value: bytes) -> None:
        self._access, self._value = access, value
        self.seen: list[str] = []
        self.made: list[str] = []
        functions: dict[str, Any] = access.calls._functions
        for name, function in list(functions.items()):
            functions[name] = self._watched(name, function)

    def _watched(self, name: str, function: Callable[..., int]) -> Callable[..., int]:
        def call(*arguments: object) -> int:
            rv = function(*arguments)
            calls = self._access.calls
            passed = [each for each in arguments if isinstance(each, bytes)]
            self.look(name, [*passed, bytes(calls._output), bytes(calls._attribute_buffer)])
            return rv

        return call

    def look(self, name: str, where: list[bytes]) -> None:
        self.made.append(name)
        if any(self._value in each for each in where):
            self.seen.append(name)


def done(reply: frames.Reply) -> Any:
    assert isinstance(reply, frames.Done), reply
    return reply.result


def crossed(access: Access, ref: KeyRef, key_type: KeyType) -> KeyRef:
    """Send a key of the token to the token."""
    receiver = decode_result(done(access.answer(frames.Receive(1, 2048, 0x220))), Receiver)
    crossing = decode_result(done(access.answer(frames.SendKey(2, ref, receiver))), Crossing)
    new = KeyRef(ref.object_class, os.urandom(16))
    template = KeyTemplate("watched", Rights.SIGN, extractable=True)
    done(access.answer(frames.TakeKey(3, receiver, crossing, new, key_type, template)))
    return new


def main() -> None:
    access = Access(Connection(msgspec.json.decode(sys.argv[1], type=WorkerSettings)))
    access.profile = selftest.profile_of(access)
    exponent = testkeys.rsa_key().private_numbers().d.to_bytes(256, "big")
    told: dict[str, list[str]] = {}
    for object_class, key_type, material, value in (
        (ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET, SECRET, SECRET),
        (ObjectClass.PRIVATE_KEY, KeyType.RSA, testkeys.RSA_PKCS8, exponent),
    ):
        ref = KeyRef(object_class, os.urandom(16))
        template = KeyTemplate("watched", Rights.SIGN, extractable=True)
        done(access.answer(frames.ImportKey(0, ref, key_type, material, template)))
        watch = Watch(access, value)
        new = crossed(access, ref, key_type)
        told[f"{key_type.name} seen"], told[f"{key_type.name} calls"] = list(watch.seen), sorted(set(watch.made))
        assert done(access.answer(frames.ExportKey(4, new))) == material
        for each in (ref, new):
            done(access.answer(frames.Destroy(5, each)))
    plain = KeyTemplate("watched", Rights.SIGN, extractable=True, sensitive=False)
    ref = KeyRef(ObjectClass.SECRET_KEY, os.urandom(16))
    done(access.answer(frames.ImportKey(0, ref, KeyType.GENERIC_SECRET, SECRET, plain)))
    watch = Watch(access, SECRET)
    access.calls.attribute(access.connection.session, access.handles.of(ref), 0x11)  # CKA_VALUE
    told["a value that is read"] = watch.seen
    print(msgspec.json.encode(told).decode(), flush=True)


if __name__ == "__main__":
    main()
    os._exit(0)
