"""`python -m tests.fuzz.live 20000 1`: the same on a real SoftHSM2 token and database, with objects to be hit."""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.kmip.enums import CryptographicAlgorithm, CryptographicUsageMask, ObjectType, Operation
from gateway.kmip.structure import Attribute, Attributes, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_1
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.store.sqlite import open_store
from gateway.token.local import LocalWorkers
from gateway.token.setup import set_up_token
from tests.fuzz.corpus import corpus
from tests.fuzz.mutation import mutated
from tests.fuzz.run import PEER, answered, exchange_over, unforeseen
from tests.support.messages import answers, request
from tests.token.conftest import softhsm
from tests.wire.trees import enumeration
from tests.wire.xmlcases import Bindings

A = CryptographicAlgorithm
EVERY_USE = CryptographicUsageMask(0xFFFFF)
ROUND = 1000  # messages, after which there are new objects in place of those that were destroyed


def described(algorithm: CryptographicAlgorithm, bits: int, *more: Attribute) -> Attributes:
    """Give the attributes that a new key needs, Active since 1970."""
    return (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, algorithm),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, bits),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, EVERY_USE),
        Attribute(Tag.ACTIVATION_DATE, 1),
        *more,
    )


MAKE: tuple[tuple[Operation, Structure], ...] = (
    *(
        (Operation.CREATE, CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=described(*kind)))
        for kind in ((A.AES, 256), (A.AES, 128), (A.HMAC_SHA256, 256))
    ),
    (Operation.CREATE_KEY_PAIR, CreateKeyPairRequest(common_attributes=described(A.RSA, 2048))),
    (Operation.CREATE_KEY_PAIR, CreateKeyPairRequest(common_attributes=described(A.ECDSA, 256))),
)


class Alive(Bindings):
    """Every unique identifier of the official cases is one of an object that exists."""

    def __init__(self, identifiers: list[str]) -> None:
        super().__init__()
        self.identifiers = identifiers

    def __missing__(self, name: str) -> str:
        if name.startswith("UNIQUE_IDENTIFIER"):
            return self.identifiers[sum(name.encode()) % len(self.identifiers)]
        return super().__missing__(name)


async def objects(exchange: Exchange) -> list[str]:
    """Make some objects and give their unique identifiers; what the gateway cannot make yet is left out."""
    found: list[str] = []
    for operation, payload in MAKE:
        (answer,) = answers(await exchange.answer(request(V2_1, (operation, payload)), PEER), V2_1)
        names = ("unique_identifier", "private_key_unique_identifier", "public_key_unique_identifier")
        found += [getattr(answer.payload, name) for name in names if hasattr(answer.payload, name)]
    return found


def lets_live(raw: bytes) -> bool:
    """Tell whether a request leaves the objects alone: once they are destroyed, there is little to hit."""
    return all(enumeration(Tag.OPERATION, operation) not in raw for operation in (Operation.DESTROY, Operation.REVOKE))


async def fuzz(exchange: Exchange, count: int, random: Random) -> Counter[str]:
    """Have mutated messages answered and give how the batch items came out."""
    results: Counter[str] = Counter()
    for start in range(0, count, ROUND):
        requests = [raw for raw in corpus(Alive(await objects(exchange))) if random.random() < 0.05 or lets_live(raw)]
        for _ in range(min(ROUND, count - start)):
            raw = mutated(random, requests) if random.random() < 0.8 else random.choice(requests)
            try:
                results += await answered(exchange, raw)
            except Exception:
                print(f"message: {raw.hex()}")
                raise
    return results


async def main(count: int, seed: int) -> int:
    """Set up, fuzz and print; give the number of exceptions that were not foreseen."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        settings = softhsm(Path(folder))
        await asyncio.to_thread(set_up_token, settings, so_pin="security officer")
        async with LocalWorkers(settings, 2) as pool:
            store = open_store(Path(folder) / "gateway.sqlite", unique_names=True)
            with unforeseen() as found:
                results = await fuzz(exchange_over(store, pool, KmipConfig()), count, Random(seed))
            await store.close()
    print(f"{count} messages in {time.perf_counter() - start:.0f} s: {dict(results)}")
    for each, times in Counter(found).most_common(20):
        print(f"{times} x {each}\n")
    return len(found)


if __name__ == "__main__":
    numbers = [*map(int, sys.argv[1:]), 5000, 1][: max(len(sys.argv[1:]), 2)]
    sys.exit(bool(asyncio.run(main(*numbers))))
