"""Worker processes that die, hang or cannot start: only what was in flight fails, and the PIN is tried once."""

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from gateway.errors import ConfigurationError, GeneralFailure, ServerLimitExceeded, TokenDown
from gateway.token import channel, frames, pool, turns, workers
from gateway.token.api import STORAGE_KEY_LABEL, KeyRef, KeyType, Mechanism, Rights
from gateway.token.local import LocalWorkers
from gateway.token.pool import TokenPool
from gateway.token.settings import WorkerSettings
from gateway.token.setup import set_up_token
from gateway.token.workers import WorkerProcess, start_workers, worker_pair
from tests.token.conftest import PIN, secret, softhsm, template

USE = Rights.ENCRYPT | Rights.DECRYPT
GCM = Mechanism(0x1087, iv=b"i" * 12, tag_bits=128)


@pytest.fixture(scope="module")
def settings(softhsm_settings: WorkerSettings) -> WorkerSettings:
    return softhsm_settings


def changed(settings: WorkerSettings, **fields: object) -> WorkerSettings:
    return msgspec.structs.replace(settings, **fields)


async def made(token: TokenPool, count: int) -> list[KeyRef]:
    refs = [secret() for _ in range(count)]
    for ref in refs:
        await token.generate_key(ref, KeyType.AES, 256, template(USE))
    return refs


async def replaced(local: LocalWorkers, count: int) -> None:
    """Wait until so many workers were replaced."""
    while local.replaced < count:  # noqa: ASYNC110 - a test may poll
        await asyncio.sleep(0.02)


async def test_a_killed_worker_fails_only_what_is_in_flight(workers: LocalWorkers) -> None:
    token = workers.pool
    refs = await made(token, 4)
    answered, failed = 0, 0

    async def client(ref: KeyRef, until: float) -> None:
        nonlocal answered, failed
        while time.monotonic() < until:
            try:
                assert len(await token.encrypt(ref, GCM, b"data")) == 20
                answered += 1
            except TokenDown:
                failed += 1
                await asyncio.sleep(0.01)

    load = asyncio.gather(*(client(ref, time.monotonic() + 1.5) for ref in refs for _ in range(4)))
    await asyncio.sleep(0.3)
    for worker in list(workers.workers):
        os.kill(worker.pid, signal.SIGKILL)
    await load
    await replaced(workers, 2)
    assert answered > 1000
    for ref in refs:
        assert len(await token.encrypt(ref, GCM, b"data")) == 20


async def test_with_one_worker_dead_the_other_answers(workers: LocalWorkers) -> None:
    token = workers.pool
    refs = await made(token, 8)
    os.kill(workers.workers[0].pid, signal.SIGKILL)  # the one that makes all keys on SoftHSM
    results = await asyncio.gather(*(token.encrypt(ref, GCM, b"data") for ref in refs), return_exceptions=True)
    assert all(isinstance(result, bytes) for result in results)  # what changes nothing was sent again


async def test_a_change_is_not_sent_twice(workers: LocalWorkers) -> None:
    os.kill(workers.workers[0].pid, signal.SIGSTOP)
    making = asyncio.create_task(workers.pool.generate_key(secret(), KeyType.AES, 256, template(USE)))
    await asyncio.sleep(0.05)
    os.kill(workers.workers[0].pid, signal.SIGKILL)
    with pytest.raises(TokenDown):
        await making


async def test_a_change_that_was_not_sent_yet_is_made_by_another_worker(workers: LocalWorkers) -> None:
    os.kill(workers.workers[0].pid, signal.SIGSTOP)
    new = [
        asyncio.create_task(workers.pool.generate_key(secret(), KeyType.AES, 256, template(USE)))
        for _ in range(turns.MOST_SENT + 10)
    ]
    await asyncio.sleep(0.05)
    os.kill(workers.workers[0].pid, signal.SIGKILL)
    outcomes = await asyncio.gather(*new, return_exceptions=True)
    assert [type(each) for each in outcomes] == [TokenDown] * turns.MOST_SENT + [KeyRef] * 10


async def test_a_worker_that_hangs_in_a_call_is_replaced(settings: WorkerSettings) -> None:
    local = LocalWorkers(changed(settings, generate_timeout_s=1.0), 1)
    async with local as token:
        (ref,) = await made(token, 1)
        slow = asyncio.create_task(
            token.generate_key_pair(os.urandom(16), KeyType.RSA, 8192, b"", template(USE), template(USE))
        )
        waiting = [asyncio.create_task(token.encrypt(ref, GCM, b"data")) for _ in range(10)]
        await asyncio.sleep(0.05)  # now it is looking for primes
        started = time.monotonic()
        os.kill(local.workers[0].pid, signal.SIGSTOP)
        (failed,) = await asyncio.gather(slow, return_exceptions=True)
        assert isinstance(failed, TokenDown)
        assert time.monotonic() - started < 3
        # What changes nothing waits for the successor, and is carried out there.
        assert [len(sealed) for sealed in await asyncio.gather(*waiting)] == [20] * 10
        await replaced(local, 1)
        assert len(await token.encrypt(ref, GCM, b"data")) == 20


async def test_nobody_waits_long_for_a_worker_that_does_not_come(
    settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SUCCESSION_S", 0.3)
    async with LocalWorkers(settings, 1) as token:
        (ref,) = await made(token, 1)
        token.detach(0)
        started = time.monotonic()
        results = await asyncio.gather(
            token.encrypt(ref, GCM, b"data"), token.random(8), token.destroy(ref), return_exceptions=True
        )
        assert all(isinstance(result, TokenDown) for result in results)
        assert time.monotonic() - started < 2
        again = time.monotonic()
        with pytest.raises(TokenDown):
            await token.random(8)
        assert time.monotonic() - again < 0.1  # the time is over, and a failure comes at once


async def test_overdue_is_said_only_past_the_deadline(settings: WorkerSettings) -> None:
    (worker,) = await asyncio.to_thread(start_workers, settings, 1)
    now = time.monotonic()
    assert not worker.overdue(now)
    assert worker.overdue(now + 60)  # an idle worker must look up now and then
    worker.kill()
    assert not worker.overdue(now + 60)  # dead is not overdue
    assert worker.exit_code() == -signal.SIGKILL
    assert worker.may_restart


async def test_a_worker_drains_what_it_was_sent(settings: WorkerSettings) -> None:
    (worker,) = await asyncio.to_thread(start_workers, settings, 1)
    assert worker.ready is not None
    token = TokenPool(worker.ready.profile, worker.ready.info)
    ours, theirs = worker_pair()
    worker.add_front_end(theirs)
    theirs.close()
    token.attach(0, ours)
    pending = [asyncio.create_task(token.random(8)) for _ in range(turns.MOST_SENT)]
    await asyncio.sleep(0)  # all of them are sent at the end of this turn of the loop
    await asyncio.sleep(0)
    await asyncio.to_thread(worker.stop)
    assert all(len(value) == 8 for value in await asyncio.gather(*pending))
    assert worker.exit_code() == 0
    token.close()


async def test_a_crash_in_the_middle_of_making_keys(fresh: WorkerSettings) -> None:
    """After kill -9 what was not acknowledged is found by its CKA_ID and can be destroyed; the rest is not lost."""
    local, acknowledged = LocalWorkers(fresh, 1), set()
    async with local as token:
        for crash in range(1, 6):
            refs = [secret() for _ in range(20)]

            async def make(ref: KeyRef) -> None:
                await token.generate_key(ref, KeyType.AES, 256, template(USE))
                acknowledged.add(ref)

            load = asyncio.gather(*(make(ref) for ref in refs), return_exceptions=True)
            await asyncio.sleep(0.004 * crash)
            os.kill(local.workers[0].pid, signal.SIGKILL)
            await load
            await replaced(local, crash)
            found = set(await token.find([ref.cka_id for ref in refs]))
            assert found >= acknowledged & set(refs)
            for ref in found - acknowledged:
                assert await token.destroy(ref)
            assert set(await token.find([ref.cka_id for ref in refs])) == acknowledged & set(refs)
        for ref in acknowledged:
            assert len(await token.encrypt(ref, GCM, b"data")) == 20


async def test_interleaved_writers(settings: WorkerSettings) -> None:
    """Two processes that write in turns see each other's keys, although SoftHSM by itself would not show them."""
    async with LocalWorkers(settings, 1) as first, LocalWorkers(settings, 1) as second:
        refs: list[KeyRef] = []
        for _ in range(4):
            refs += await made(first, 1) + await made(second, 1)
        for token in (first, second):
            assert sorted(await token.find([ref.cka_id for ref in refs])) == sorted(refs)
            for ref in refs:
                assert len(await token.encrypt(ref, GCM, b"data")) == 20
        for ref in refs:  # each destroys all, half of them made by the other
            assert await first.destroy(ref)
            with pytest.raises(GeneralFailure):
                await second.encrypt(ref, GCM, b"data")


async def test_a_handle_is_found_again_after_another_process_replaced_the_key(settings: WorkerSettings) -> None:
    async with LocalWorkers(settings, 1) as first, LocalWorkers(settings, 1) as second:
        ref = secret()
        await first.import_key(ref, KeyType.AES, b"1" * 32, template(USE, extractable=True))
        assert await second.export_key(ref) == b"1" * 32
        await first.destroy(ref)
        await first.import_key(ref, KeyType.AES, b"2" * 32, template(USE, extractable=True))
        assert await second.export_key(ref) == b"2" * 32


async def test_a_full_queue_says_so(workers: LocalWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_SENT", 10)
    monkeypatch.setattr(channel, "MAX_WAITING", 5)
    for each in range(2):  # a new channel to each worker has the bounds that are set now
        ours, theirs = worker_pair()
        workers.workers[each].add_front_end(theirs)
        theirs.close()
        workers.pool.attach(each, ours)
    results = await asyncio.gather(*(workers.pool.random(8) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(result, bytes) for result in results) == 30
    assert sum(isinstance(result, ServerLimitExceeded) for result in results) == 20


async def test_nonsense_from_a_front_end_ends_that_connection_alone(workers: LocalWorkers) -> None:
    ours, theirs = worker_pair()
    workers.workers[0].add_front_end(theirs)
    theirs.close()
    ours.sendall(b"\xff\xff\xff\xff nonsense")
    ours.settimeout(5)
    assert await asyncio.to_thread(ours.recv, 10) == b""
    ours.close()
    assert len(await workers.pool.random(8)) == 8


async def test_a_reader_that_does_not_read_stops_nobody_else(workers: LocalWorkers) -> None:
    slow, theirs = worker_pair()
    for worker in workers.workers:
        worker.add_front_end(theirs)
    theirs.close()
    buffer = bytearray()
    for number in range(200):
        frames.append_frame(buffer, frames.Random(number, 1 << 18))
    slow.setblocking(False)
    slow.send(buffer)  # 50 MB of replies that nobody takes
    assert len(await asyncio.wait_for(workers.pool.random(8), 20)) == 8
    slow.close()
    assert len(await workers.pool.random(8)) == 8


@pytest.fixture
def fresh(tmp_path: Path) -> WorkerSettings:
    settings = softhsm(tmp_path)
    set_up_token(settings, so_pin="security officer")
    return settings


def test_a_wrong_pin_is_tried_once(fresh: WorkerSettings, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the PIN")
    wrong.chmod(0o400)
    settings = changed(fresh, pin_file=str(wrong))
    worker = WorkerProcess(settings)
    with pytest.raises(ConfigurationError, match="refused the PIN") as caught:
        worker.wait_ready()
    assert "not the PIN" not in str(caught.value)
    worker.kill()
    assert worker.exit_code() in (workers.PIN_REFUSED, -signal.SIGKILL)
    with pytest.raises(ConfigurationError, match="refused the PIN"):
        start_workers(settings, 4)  # three of them never start


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"module": "/nowhere/module.so"}, "cannot be loaded"),
        ({"module": "/lib/x86_64-linux-gnu/libc.so.6"}, "cannot be loaded"),
        ({"label": "another"}, "No token with label 'another'"),
        ({"serial": "0000"}, "No token with label 'kmip' and serial 0000"),
        ({"pin_file": "/nowhere/pin"}, "cannot be read"),
        ({"pin_file": ""}, "No PIN source"),
        ({"pin_file": "", "pin_credential": "pin"}, "CREDENTIALS_DIRECTORY"),
    ],
)
def test_what_keeps_a_worker_from_starting(fresh: WorkerSettings, fields: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        start_workers(changed(fresh, **fields), 2)


def test_a_pin_that_others_may_read_is_refused(fresh: WorkerSettings) -> None:
    Path(fresh.pin_file).chmod(0o644)
    with pytest.raises(ConfigurationError, match="mode 0400"):
        start_workers(fresh, 1)


def test_the_pin_is_nowhere_to_be_seen(fresh: WorkerSettings) -> None:
    (worker,) = start_workers(fresh, 1)
    seen = Path(f"/proc/{worker.pid}/cmdline").read_bytes()
    # A process that is not dumpable belongs to root: not even its owner may look at the rest.
    if os.geteuid() == 0:
        seen += Path(f"/proc/{worker.pid}/environ").read_bytes()
    worker.stop()
    assert PIN.encode() not in seen


def test_a_credential_of_systemd(fresh: WorkerSettings, tmp_path: Path) -> None:
    # Where systemd gives it to the service's user by an access control list, the mask of that stands in the mode.
    credential = Path(fresh.pin_file)
    credential.chmod(0o440)
    settings = changed(
        fresh,
        pin_file="",
        pin_credential="pin",
        environment={**fresh.environment, "CREDENTIALS_DIRECTORY": str(credential.parent)},
    )
    (worker,) = start_workers(settings, 1)
    worker.stop()
    credential.chmod(0o444)
    with pytest.raises(ConfigurationError, match="can be read by others"):
        start_workers(settings, 1)


def test_setting_up_twice_changes_nothing(fresh: WorkerSettings) -> None:
    again = set_up_token(fresh, so_pin="security officer")
    assert not again.initialised
    assert again.keys_made == ()
    assert again.info is not None
    assert again.info.label == "kmip"


def test_setting_up_needs_a_token_or_an_officer(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No token with label 'kmip'"):
        set_up_token(softhsm(tmp_path))


async def test_a_token_that_goes_away_and_comes_back(fresh: WorkerSettings, tmp_path: Path) -> None:
    local = LocalWorkers(fresh, 1)
    async with local as token:
        (ref,) = await made(token, 1)
        (tmp_path / "tokens").rename(tmp_path / "elsewhere")
        with pytest.raises(TokenDown):
            await token.encrypt(ref, GCM, b"data")
        with pytest.raises(TokenDown):  # at once, while the worker tries to come back
            await token.encrypt(ref, GCM, b"data")
        await asyncio.sleep(0.6)
        (tmp_path / "elsewhere").rename(tmp_path / "tokens")
        await asyncio.wait_for(replaced(local, 1), 10)
        assert len(await token.encrypt(ref, GCM, b"data")) == 20


def test_the_exit_code_of_a_refused_pin_is_the_one_the_supervisor_knows() -> None:
    from gateway.token.worker import ExitCode

    assert workers.PIN_REFUSED == ExitCode.PIN_REFUSED


@pytest.fixture
def bare(tmp_path: Path) -> WorkerSettings:
    """A token that was made by SoftHSM's own tool and not set up by the gateway."""
    settings = softhsm(tmp_path)
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", "kmip", "--so-pin", "12345678", "--pin", PIN],
        env={**os.environ, **settings.environment},
        check=True,
        capture_output=True,
    )
    return settings


async def test_without_the_storage_key_sealing_says_what_is_wrong(bare: WorkerSettings) -> None:
    async with LocalWorkers(bare, 1) as token:
        with pytest.raises(GeneralFailure, match="lost the key") as caught:
            await token.seal(b"data", b"")
        assert STORAGE_KEY_LABEL in str(caught.value.__cause__)
