"""Run by test_parcels.py in a process of its own: one token, and how many session objects it has after each step.

Writes a line of JSON with the counts by their step.
"""

import os
import sys
import time

import msgspec
from pkcs11 import Attribute

from gateway.token import frames, parcels, selftest
from gateway.token.api import KeyRef, KeyTemplate, KeyType, ObjectClass, Rights
from gateway.token.connection import Connection
from gateway.token.cryptoki import AttributeArray
from gateway.token.pkcs11 import Access
from gateway.token.settings import WorkerSettings
from gateway.token.templates import packed

IN_SESSION = AttributeArray(packed({Attribute.TOKEN: False, Attribute.CLASS: int(ObjectClass.SECRET_KEY)}))
COPY = AttributeArray(packed({Attribute.TOKEN: False, Attribute.WRAP: True}))


def make(access: Access) -> str:
    """Make a key that comes along wrapped; tell what comes of it."""
    ref = KeyRef(ObjectClass.SECRET_KEY, os.urandom(16))
    template = KeyTemplate("", Rights.ENCRYPT, extractable=False, wrapped=True)
    return type(access.answer(frames.GenerateKey(1, ref, KeyType.AES, 256, template))).__name__


def main() -> None:
    access = Access(Connection(msgspec.json.decode(sys.argv[1], type=WorkerSettings)))
    access.profile = selftest.profile_of(access)
    access.connection.renew_session()

    def count() -> int:
        # Without the copy of the key-encryption key that SoftHSM is given to work with.
        found, copies = (access.calls.search(access.connection.session, each) for each in (IN_SESSION, COPY))
        return len(found) - len(copies)

    seen: dict[str, int | str] = {"begun": count(), "made": make(access), "ready": count()}
    access.parcels.reap()
    seen["still ready"] = count()
    now = time.monotonic() + parcels.LIFE_S + 1
    time.monotonic = lambda: now
    access.parcels.reap()
    seen["reaped"] = count()
    many = parcels.REAP_AT_ONCE + 2
    for _ in range(many):
        make(access)
    later = now + parcels.LIFE_S + 1
    time.monotonic = lambda: later
    access.parcels.reap()
    seen |= {"made more": many, "left of them": count()}
    access.connection.renew_session()
    access.parcels.clear()
    access.handles.labelled = lambda _: None  # type: ignore[method-assign]  # the token has lost the key
    seen |= {"refused": make(access), "left": count()}
    print(msgspec.json.encode(seen).decode(), flush=True)


if __name__ == "__main__":
    main()
    os._exit(0)
