"""Streams of a worker: idle ones go, another front end can go on with one, and none outlives its worker."""

import asyncio
import os
import signal

import pytest

from gateway.errors import InvalidCorrelationValue, ServerLimitExceeded, UnsupportedCryptographicParameters
from gateway.token import streams
from gateway.token.api import Claim, KeyRef, KeyType, Mechanism, Opening, Rights, StreamKind
from gateway.token.flows import MAX_HELD_BYTES, beside_token
from gateway.token.local import LocalWorkers
from gateway.token.pool import TokenPool
from gateway.token.settings import WorkerSettings
from gateway.token.streams import MAX_STREAMS, Streams
from gateway.token.workers import worker_pair
from tests.token.conftest import secret, template

CTR = Mechanism(0x1086, iv=bytes(16), counter_bits=128)


@pytest.fixture(scope="module")
def settings(wrapping_settings: WorkerSettings) -> WorkerSettings:
    return wrapping_settings


def digest(owner: bytes = b"a") -> Opening:
    return Opening(StreamKind.DIGEST, Claim(owner, b"Hash", None), hash="sha256", kept=b"kept")


def begun(table: Streams, owner: bytes = b"a") -> bytes:
    opening = digest(owner)
    table.make_room(owner)
    name, _ = table.add(opening, beside_token(opening, bytes), b"")
    return name


@pytest.mark.parametrize("bound", ["IDLE_S", "LIFE_S"])
def test_a_stream_that_is_over_is_gone(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    table = Streams()
    name = begun(table)
    monkeypatch.setattr(streams, bound, -1.0)
    with pytest.raises(InvalidCorrelationValue):
        table.feed(name, digest().claim, b"")
    table.reap()
    assert not len(table)


def test_all_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Streams()
    for number in range(MAX_STREAMS):
        begun(table, str(number).encode())
    with pytest.raises(ServerLimitExceeded):
        table.make_room(b"a newcomer")
    monkeypatch.setattr(streams, "IDLE_S", -1.0)
    table.make_room(b"a newcomer")


def test_only_its_owner_ends_a_stream() -> None:
    table = Streams()
    name = begun(table)
    table.end(name, b"b")
    assert table.finish(name, digest().claim, b"", b"").kept == b"kept"
    table.end(name, b"a")


async def opened(token: TokenPool) -> tuple[KeyRef, Claim, bytes]:
    ref = secret()
    await token.generate_key(ref, KeyType.AES, 256, template(Rights.ENCRYPT))
    claim = Claim(b"a", b"Encrypt", ref)
    value, _ = await token.begin_stream(Opening(StreamKind.ENCRYPT, claim, CTR), b"one")
    return ref, claim, value


async def test_another_front_end_goes_on_with_it(workers: LocalWorkers) -> None:
    ref, claim, value = await opened(workers.pool)
    other = TokenPool(workers.pool.profile, workers.pool.first_info)
    for worker in workers.workers:
        ours, theirs = worker_pair()
        with theirs:
            worker.add_front_end(theirs)
        other.attach(worker.index, ours)
    rest = await other.finish_stream(value, claim, b"two", b"")
    assert (await workers.pool.encrypt(ref, CTR, b"onetwo"))[3:] == rest.output
    other.close()


async def test_a_destroyed_key_takes_its_streams_along(workers: LocalWorkers) -> None:
    ref, claim, value = await opened(workers.pool)
    await workers.pool.destroy(ref)
    with pytest.raises(InvalidCorrelationValue):
        await workers.pool.continue_stream(value, claim, b"two")


async def test_a_stream_ends_with_its_worker(workers: LocalWorkers) -> None:
    _, claim, value = await opened(workers.pool)
    worker = next(each for each in workers.workers if each.index == int.from_bytes(value[:2], "big"))
    os.kill(worker.pid, signal.SIGSTOP)
    part = asyncio.create_task(workers.pool.continue_stream(value, claim, b"two"))
    await asyncio.sleep(0)  # it is sent, and nobody reads it
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(InvalidCorrelationValue, match="begin again"):
        await part
    while not workers.replaced:  # noqa: ASYNC110 - a test may poll
        await asyncio.sleep(0.02)
    with pytest.raises(InvalidCorrelationValue, match="begin again"):
        await workers.pool.continue_stream(value, claim, b"two")


async def test_streams_and_whole_calls_do_not_disturb_each_other(workers: LocalWorkers) -> None:
    token = workers.pool
    ref, claim, value = await opened(token)
    _, _, other = await opened(token)
    whole = await token.encrypt(ref, CTR, b"onetwothree")
    assert await token.continue_stream(value, claim, b"two") == whole[3:6]
    with pytest.raises(InvalidCorrelationValue):
        await token.continue_stream(other, claim, b"two")
    assert await token.encrypt(ref, CTR, b"onetwothree") == whole
    assert (await token.finish_stream(value, claim, b"three", b"")).output == whole[6:]


MEGABYTE = bytes(1 << 20)


async def sealed_stream(token: TokenPool, owner: bytes = b"a") -> tuple[Claim, bytes]:
    """Begin an authenticated decryption."""
    ref = secret()
    await token.generate_key(ref, KeyType.AES, 256, template(Rights.DECRYPT))
    claim = Claim(owner, b"Decrypt", ref)
    gcm = Mechanism(0x1087, iv=bytes(12), tag_bits=128)
    value, _ = await token.begin_stream(Opening(StreamKind.DECRYPT, claim, gcm, trailer_bytes=16), b"")
    return claim, value


async def needs_gcm_in_parts(token: TokenPool) -> None:
    """Skip the test where the token takes GCM whole alone, which it must say of the stream and of no other call."""
    claim, value = await sealed_stream(token)
    try:
        await token.continue_stream(value, claim, bytes(16))
    except UnsupportedCryptographicParameters:
        assert len(await token.random(8)) == 8
        pytest.skip("this token takes GCM whole alone")


async def test_what_waits_for_its_tag_is_bounded(workers: LocalWorkers) -> None:
    await needs_gcm_in_parts(workers.pool)
    claim, value = await sealed_stream(workers.pool)
    with pytest.raises(ServerLimitExceeded):
        for _ in range(MAX_HELD_BYTES // len(MEGABYTE) + 1):
            assert await workers.pool.continue_stream(value, claim, MEGABYTE) == b""
    with pytest.raises(InvalidCorrelationValue):
        await workers.pool.continue_stream(value, claim, b"")


def test_what_all_hold_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Streams()
    first, second = begun(table), begun(table, b"b")
    for name in (first, second):
        table._streams[name].flow.held = 10
    monkeypatch.setattr(streams, "MAX_HELD_IN_ALL_BYTES", 15)
    with pytest.raises(ServerLimitExceeded):
        table.feed(first, digest().claim, b"")
    assert table.feed(second, digest(b"b").claim, b"") == b"", "the one that was refused is gone, the other goes on"


async def test_a_long_authenticated_stream_comes_out_whole(workers: LocalWorkers) -> None:
    await needs_gcm_in_parts(workers.pool)
    token, ref, data = workers.pool, secret(), os.urandom(3 << 20)
    await token.generate_key(ref, KeyType.AES, 256, template(Rights.ENCRYPT | Rights.DECRYPT))
    gcm, claim = Mechanism(0x1087, iv=bytes(12), tag_bits=128), Claim(b"a", b"", ref)
    value, sealed = await token.begin_stream(Opening(StreamKind.ENCRYPT, claim, gcm, trailer_bytes=16), data[:1000])
    for at in range(1000, len(data), 700_000):
        sealed += await token.continue_stream(value, claim, data[at : at + 700_000])
    end = await token.finish_stream(value, claim, b"", b"")
    sealed += end.output
    assert sealed + end.trailer == await token.encrypt(ref, gcm, data)
    value, _ = await token.begin_stream(Opening(StreamKind.DECRYPT, claim, gcm, trailer_bytes=16), b"")
    for at in range(0, len(sealed), 100_000):
        assert await token.continue_stream(value, claim, sealed[at : at + 100_000]) == b""
    assert (await token.finish_stream(value, claim, b"", end.trailer)).output == data
