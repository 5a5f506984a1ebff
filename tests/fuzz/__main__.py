"""`python -m tests.fuzz 200000 1`: mutated messages through decoding and the gateway, by count and seed; a tally."""

import asyncio
import sys
import time
from collections import Counter
from random import Random

from gateway.config import KmipConfig
from tests.fuzz.corpus import corpus
from tests.fuzz.mutation import mutated
from tests.fuzz.refusing import down
from tests.fuzz.run import answered, decoded, exchange_over, unforeseen


async def main(count: int, seed: int) -> int:
    """Fuzz and print; give the number of exceptions that were not foreseen."""
    random, requests, results = Random(seed), corpus(), Counter[str]()
    exchange, start = exchange_over(*down(), KmipConfig()), time.perf_counter()
    with unforeseen() as found:
        for number in range(count):
            raw = mutated(random, requests)
            try:
                results["decoded"] += decoded(raw)
                results += await answered(exchange, raw)
            except Exception:
                print(f"message {number} of seed {seed}: {raw.hex()}")
                raise
    print(f"{count} messages in {time.perf_counter() - start:.0f} s: {dict(results)}")
    for each, times in Counter(found).most_common(20):
        print(f"{times} x {each}\n")
    return len(found)


if __name__ == "__main__":
    numbers = [*map(int, sys.argv[1:]), 20000, 1][: max(len(sys.argv[1:]), 2)]
    sys.exit(bool(asyncio.run(main(*numbers))))
