"""A worker whose module misbehaves costs what it was doing, and no more: SoftHSM2 behind a module of our making."""

import asyncio
import hashlib
import hmac
import os
import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from gateway.errors import ConfigurationError, GeneralFailure, KmipError, TokenDown
from gateway.token.api import KeyType, Mechanism, Rights
from gateway.token.failures import BY_RV, Recovery
from gateway.token.frames import ERRORS, FailureCode
from gateway.token.local import LocalWorkers
from gateway.token.pool import TokenPool
from gateway.token.setup import most_sessions, set_up_token
from gateway.token.workers import start_workers
from tests.faulty.module import ALWAYS, Action, FaultyModule
from tests.soak.mixed import work
from tests.token.conftest import secret, softhsm, template

HMAC = Mechanism(0x251)  # CKM_SHA256_HMAC
KEY = b"the value of an HMAC key: 32 oct"
MESSAGE = b"message"
# Checklist of reliability, number 4; what each means is the table of gateway/token/failures.py.
VALUES = (0x30, 0x32, 0xE0, 0xB3, 0xB0, 0x101, 0x190, 0x05, 0x02, 0x31, 0xB1, 0x82, 0x90, 0xA4)
RETRIED = (Recovery.FIND_AGAIN, Recovery.LOGIN, Recovery.NEW_SESSION)
BACK_S = 5.0


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> FaultyModule:
    """The module, which is well."""
    return FaultyModule(tmp_path_factory.mktemp("faulty"))


@pytest.fixture(scope="module")
def settings(module, tmp_path_factory):
    """A token that is set up, reached through the module."""
    real = softhsm(tmp_path_factory.mktemp("softhsm"))
    set_up_token(real, so_pin="security officer")
    return module.around(real)


@pytest.fixture
def well(module) -> Iterator[None]:
    """Leave the module well, whatever the test did."""
    yield
    module.well()


@pytest.mark.usefixtures("well")
def test_a_worker_that_ends_logs_out_whatever_the_module_says_to_it(module, settings):
    for action in (Action.NONE, Action.RETURN):
        if action is not Action.NONE:
            for function in ("Logout", "CloseAllSessions"):
                module.on(function, action, 0x30, times=ALWAYS)
        before = [module.calls(function) for function in ("Logout", "CloseAllSessions", "Finalize")]
        (worker,) = start_workers(settings, 1)
        worker.stop()
        assert worker.exit_code() == 0
        after = [module.calls(function) for function in ("Logout", "CloseAllSessions", "Finalize")]
        assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1]


class Subject:
    """One worker with a key whose signatures can be checked; every answer it gives is checked."""

    def __init__(self, workers: LocalWorkers, pool: TokenPool) -> None:
        self.workers, self.pool = workers, pool
        self.key = secret()

    async def prepare(self) -> None:
        await self.pool.import_key(self.key, KeyType.GENERIC_SECRET, KEY, template(Rights.SIGN | Rights.VERIFY))

    async def sign(self) -> None:
        """Sign; raises KmipError, or has the right signature."""
        assert await self.pool.sign(self.key, HMAC, MESSAGE) == hmac.digest(KEY, MESSAGE, hashlib.sha256)

    async def comes_back(self) -> None:
        """Sign again and again until it works, within the time that a new worker takes."""
        end = time.monotonic() + BACK_S
        while True:
            try:
                return await self.sign()
            except KmipError:
                if time.monotonic() > end:
                    raise
            await asyncio.sleep(0.05)


@pytest.fixture
async def subject(settings, well):
    """One worker."""
    workers = LocalWorkers(settings, 1)
    async with workers as pool:
        found = Subject(workers, pool)
        await found.prepare()
        yield found


@pytest.mark.parametrize("rv", VALUES, ids=lambda rv: BY_RV[rv].name)
@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
async def test_each_value_is_told_tried_again_or_ends_the_worker(module, subject, rv, times):
    row = BY_RV[rv]
    module.on("SignInit", Action.RETURN, rv, times=times)
    if row.recovery in RETRIED and times == 1:
        await subject.sign()
    else:
        code = FailureCode.CRYPTOGRAPHIC if row.recovery is Recovery.PROBE else row.code
        with pytest.raises(ERRORS[code]):
            await subject.sign()
    if row.recovery is Recovery.STOP_PIN:  # what only a login can end is for an operator
        with pytest.raises(TokenDown):
            await subject.sign()
        return
    module.well()
    await subject.comes_back()
    assert bool(subject.workers.replaced) is (
        row.code is FailureCode.DOWN and (times == 2 or row.recovery not in RETRIED)
    )


@pytest.mark.parametrize(
    "how", [Action.SEGFAULT, Action.ABORT, Action.EXIT, Action.KILL_AFTER], ids=lambda how: how.name
)
async def test_a_module_that_ends_its_process_costs_no_more_than_the_wait_for_the_next(module, subject, how):
    module.on("Sign", how)
    await subject.sign()
    assert subject.workers.replaced == 1
    module.on("Sign", how, times=ALWAYS)  # no successor gets through its self-test either
    begun = time.monotonic()
    with pytest.raises(TokenDown):
        await subject.sign()
    assert time.monotonic() - begun < BACK_S
    module.well()
    await subject.comes_back()


async def test_what_changes_the_token_is_never_sent_twice(module, subject):
    """SoftHSM2's key is made in the session first, and so nothing of it is left unless it was made again."""
    key = secret()
    module.on("GenerateKey", Action.KILL_AFTER)
    with pytest.raises(TokenDown):
        await subject.pool.generate_key(key, KeyType.AES, 256, template(Rights.ENCRYPT))
    await subject.comes_back()
    assert await subject.pool.find([key.cka_id]) == []


async def test_a_call_that_hangs_ends_at_its_deadline(module, settings, well):
    workers = LocalWorkers(replace(settings, call_timeout_s=0.5, generate_timeout_s=2.0), 1)
    async with workers as pool:
        subject = Subject(workers, pool)
        await subject.prepare()
        begun = time.monotonic()
        module.on("Sign", Action.SLEEP, 3_600_000)
        await subject.sign()  # by the successor
        module.on("GenerateKey", Action.SLEEP, 3_600_000)
        with pytest.raises(TokenDown):
            await pool.generate_key(secret(), KeyType.AES, 256, template(Rights.ENCRYPT))
        assert time.monotonic() - begun < 2 * BACK_S
        await subject.comes_back()


async def test_a_module_that_prints_does_not_reach_our_output(module, subject, capfd):
    module.on("Sign", Action.PRINT)
    await subject.sign()
    assert "standard output" not in capfd.readouterr().out


@pytest.mark.parametrize("length", [1 << 20, (1 << 63) - 1, (1 << 64) - 1])
async def test_a_length_that_cannot_be_is_not_believed(module, subject, length):
    """Nor is what stood in the buffer before: it may be another client's."""
    canary = os.urandom(32) * 200
    await subject.pool.sign(subject.key, HMAC, canary)
    module.on("Sign", Action.LENGTH, length if length < 1 << 63 else length - (1 << 64))
    with pytest.raises(KmipError):
        await subject.sign()
    module.well()
    await subject.comes_back()


async def test_a_token_that_forgets_its_keys_is_told_and_the_key_is_there_when_it_remembers(module, settings, well):
    workers = LocalWorkers(settings, 1)
    async with workers as pool:
        made = Subject(workers, pool)
        await made.prepare()
    module.on("FindObjects", Action.EMPTY, times=ALWAYS)
    async with workers as pool:
        subject = Subject(workers, pool)
        subject.key = made.key
        with pytest.raises(GeneralFailure, match="lost the key"):
            await subject.sign()
        module.well()
        await subject.sign()


async def test_handles_that_name_other_keys_after_a_restart_sign_for_nobody_else(module, subject):
    """The token came back, and its numbers are those of other objects now."""
    others = [secret() for _ in range(4)]
    for other in others:
        await subject.pool.import_key(other, KeyType.GENERIC_SECRET, os.urandom(32), template(Rights.SIGN))
        await subject.pool.sign(other, HMAC, MESSAGE)
    for _ in range(4):
        await subject.sign()
    module.on("Sign", Action.REUSE)
    module.on("SignInit", Action.RETURN, 0xB3)
    for _ in range(4):
        await subject.sign()


async def test_a_refused_pin_is_tried_once_by_one_worker_and_by_nobody_again(module, settings, well):
    tried = module.calls("Login")
    module.on("Login", Action.RETURN, 0xA0, times=ALWAYS)
    with pytest.raises(ConfigurationError, match="refused the PIN"):
        await asyncio.to_thread(start_workers, settings, 4)
    assert module.calls("Login") == tried + 1


@pytest.mark.parametrize(("flag", "words"), [(0x20000, "locks its user's PIN at the next"), (0x40000, "has locked")])
async def test_no_pin_is_tried_where_a_wrong_one_would_lock_the_token(module, settings, well, flag, words):
    tried = module.calls("Login")
    module.on("GetTokenInfo", Action.FLAGS, flag, times=ALWAYS)
    with pytest.raises(ConfigurationError, match=words):
        await asyncio.to_thread(start_workers, settings, 4)
    assert module.calls("Login") == tried


async def test_a_login_lost_under_way_is_renewed_once(module, subject):
    tried = module.calls("Login")
    module.on("SignInit", Action.RETURN, 0x101)
    await subject.sign()
    module.on("SignInit", Action.RETURN, 0x101)
    module.on("Login", Action.RETURN, 0xA0, times=ALWAYS)
    with pytest.raises(TokenDown):
        await subject.sign()
    await asyncio.sleep(0.5)
    assert module.calls("Login") == tried + 2
    assert subject.workers.workers == []


async def test_a_token_without_sessions_left_is_waited_for(module, subject):
    module.on("OpenSession", Action.RETURN, 0xB1, times=2)
    module.on("SignInit", Action.RETURN, 0xB0)
    await subject.comes_back()
    await asyncio.sleep(0.3)
    await subject.comes_back()
    assert subject.workers.replaced


async def test_a_token_whose_sessions_are_all_taken_is_not_waited_for_without_end(module, subject):
    """Whoever asks is answered in the time that a successor may take, and nothing piles up behind."""
    module.on("OpenSession", Action.RETURN, 0xB1, times=ALWAYS)
    module.on("SignInit", Action.RETURN, 0xB0, times=ALWAYS)
    begun = time.monotonic()
    answers = await asyncio.gather(*(subject.sign() for _ in range(64)), return_exceptions=True)
    assert time.monotonic() - begun < 2 * BACK_S
    assert {type(answer) for answer in answers} <= {TokenDown, GeneralFailure}
    assert subject.pool.in_flight == 0
    module.well()
    await subject.comes_back()


async def test_how_many_sessions_there_are_is_found_by_trial_and_they_are_closed(module, settings, well):
    opened, closed = module.calls("OpenSession"), module.calls("CloseSession")
    module.on("OpenSession", Action.RETURN, 0xB1, after=8, times=ALWAYS)
    assert await asyncio.to_thread(most_sessions, settings) == 7
    assert module.calls("OpenSession") == opened + 8
    assert module.calls("CloseSession") == closed + 5  # the process's own two end with it


async def test_mixed_work_of_many_clients_is_right_and_opens_no_more_sessions_than_two_a_worker(module, settings, well):
    opened, closed = module.calls("OpenSession"), module.calls("CloseSession")
    async with LocalWorkers(settings, 2) as pool:
        done = await work(pool, clients=64, seconds=3.0)
        assert module.calls("OpenSession") - opened - (module.calls("CloseSession") - closed) <= 2 * 2
    assert min(done.values()) > 0, done
