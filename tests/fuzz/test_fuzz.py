"""Whatever comes is answered: by a response, and by nothing that only the last resort caught."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import KmipConfig
from gateway.errors import KmipError
from gateway.wire import ttlv
from tests.fuzz.corpus import corpus
from tests.fuzz.mutation import mutated
from tests.fuzz.refusing import Refusing, down
from tests.fuzz.run import answered, decoded, exchange_over, unforeseen

SEED, DECODED, ANSWERED = 20240601, 6000, 3000


@pytest.fixture(scope="module")
def requests():
    return corpus()


def test_decoding_lets_nothing_else_out(requests):
    random = Random(SEED)
    passed = sum(decoded(mutated(random, requests)) for _ in range(DECODED))
    # Mutations that all were refused at once would test little.
    assert DECODED / 20 < passed < DECODED


async def test_everything_is_answered(requests):
    random = Random(SEED)
    exchange = exchange_over(*down(), KmipConfig())
    with unforeseen() as found:
        for _ in range(ANSWERED):
            await answered(exchange, mutated(random, requests))
    assert found == []


async def test_every_request_of_the_corpus_is_answered_though_nothing_works(requests):
    exchange = exchange_over(*down(), KmipConfig())
    with unforeseen() as found:
        for raw in requests:
            await answered(exchange, raw)
    assert found == []


async def test_what_is_not_foreseen_is_found(requests):
    """The tests above would see a bug: a store that breaks its word is one."""
    broken = Refusing(RuntimeError)
    exchange = exchange_over(broken, broken, KmipConfig())
    with unforeseen() as found:
        for raw in requests[:300]:
            await answered(exchange, raw)
    assert any("RuntimeError" in each for each in found)


@given(st.binary(max_size=300))
def test_garbage_is_refused_in_one_way(raw):
    with pytest.raises(KmipError):
        ttlv.read_version(raw)


@given(st.data())
def test_garbage_after_a_version_is_refused_in_one_way(requests, data):
    raw = data.draw(st.sampled_from(requests))[:56] + data.draw(st.binary(max_size=300))
    decoded(raw)
