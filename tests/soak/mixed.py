"""Many clients at once on one token, all of what workers do mixed, every answer checked.

`python -m tests.soak.mixed --seconds 600` runs it for as long as one likes, on a SoftHSM2 of its own, and prints how
often each was done; tests/faulty runs three seconds of it.
"""

import argparse
import asyncio
import hashlib
import hmac
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.token.api import KeyRef, KeyTemplate, KeyType, Mechanism, ObjectClass, Rights
from gateway.token.local import LocalWorkers
from gateway.token.pool import TokenPool
from tests.token.tokens import started

HMAC = Mechanism(0x251)  # CKM_SHA256_HMAC
GCM = 0x1087
KEEP = Rights.SIGN | Rights.VERIFY
CIPHER = Rights.ENCRYPT | Rights.DECRYPT


def name() -> KeyRef:
    """Give a new name for a secret key."""
    return KeyRef(ObjectClass.SECRET_KEY, os.urandom(16))


class Client:
    """One client with two keys that it knows the values of, so that each answer can be checked."""

    def __init__(self, pool: TokenPool, seed: int) -> None:
        self._pool = pool
        self._random = random.Random(seed)
        self._values = os.urandom(32), os.urandom(32)
        self._mac, self._cipher = name(), name()

    async def prepare(self) -> None:
        """Put the keys on the token."""
        kinds = (KeyType.GENERIC_SECRET, KEEP, self._mac), (KeyType.AES, CIPHER, self._cipher)
        for value, (kind, rights, ref) in zip(self._values, kinds, strict=True):
            await self._pool.import_key(ref, kind, value, KeyTemplate("soak", rights, extractable=True))

    async def one(self) -> str:
        """Do one thing, and give its name."""
        does = self._random.choice(KINDS)
        await does(self)
        return does.__name__

    async def sign(self) -> None:
        data = os.urandom(self._random.randrange(1, 2000))
        assert await self._pool.sign(self._mac, HMAC, data) == hmac.digest(self._values[0], data, hashlib.sha256)

    async def verify(self) -> None:
        code = hmac.digest(self._values[0], b"data", hashlib.sha256)
        assert await self._pool.verify(self._mac, HMAC, b"data", code)
        assert not await self._pool.verify(self._mac, HMAC, b"other", code)

    async def encrypt(self) -> None:
        data, iv = os.urandom(self._random.randrange(2000)), os.urandom(12)
        mechanism = Mechanism(GCM, iv=iv, aad=b"aad", tag_bits=128)
        assert await self._pool.encrypt(self._cipher, mechanism, data) == self._gcm(iv, data)

    async def decrypt(self) -> None:
        data, iv = os.urandom(self._random.randrange(2000)), os.urandom(12)
        mechanism = Mechanism(GCM, iv=iv, aad=b"aad", tag_bits=128)
        assert await self._pool.decrypt(self._cipher, mechanism, self._gcm(iv, data)) == data

    async def export(self) -> None:
        assert await self._pool.export_key(self._mac) == self._values[0]

    async def make_and_destroy(self) -> None:
        made = await self._pool.generate_key(name(), KeyType.AES, 256, KeyTemplate("soak", CIPHER, extractable=False))
        mechanism = Mechanism(GCM, iv=bytes(12), aad=b"", tag_bits=128)
        assert await self._pool.decrypt(made, mechanism, await self._pool.encrypt(made, mechanism, b"x")) == b"x"
        assert await self._pool.destroy(made)

    async def seal(self) -> None:
        assert await self._pool.open(await self._pool.seal(b"sealed", b"aad"), b"aad") == b"sealed"

    def _gcm(self, iv: bytes, data: bytes) -> bytes:
        return AESGCM(self._values[1]).encrypt(iv, data, b"aad")


KINDS: tuple[Callable[[Client], Awaitable[None]], ...] = (
    Client.sign,
    Client.verify,
    Client.encrypt,
    Client.decrypt,
    Client.export,
    Client.make_and_destroy,
    Client.seal,
)


async def work(pool: TokenPool, *, clients: int, seconds: float) -> Counter[str]:
    """Have so many clients work for so long, and give how often each thing was done; a wrong answer raises."""
    done: Counter[str] = Counter()
    end = time.monotonic() + seconds

    async def run(seed: int) -> None:
        client = Client(pool, seed)
        await client.prepare()
        while time.monotonic() < end:
            done[await client.one()] += 1

    await asyncio.gather(*(run(seed) for seed in range(clients)))
    return done


async def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--token", default="softhsm")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, started(options.token, Path(folder)) as settings:
        local = LocalWorkers(settings, options.workers)
        async with local as pool:
            done = await work(pool, clients=options.clients, seconds=options.seconds)
            print(*(f"{kind} {count}" for kind, count in sorted(done.items())), sep="\n")
            print("workers replaced", local.replaced)


if __name__ == "__main__":
    asyncio.run(main())
