"""Every CK return value a token may give is told as its row says, is tried again once at most, and harms nothing."""

import os
import subprocess
import sys

import msgspec
import pytest

from gateway.token.failures import BY_RV, FAILURES, Recovery, failure_of, name_of
from gateway.token.frames import FailureCode
from gateway.token.settings import WorkerSettings
from tests.token.faulty import STREAMS, Seen

RETRIED = (Recovery.FIND_AGAIN, Recovery.LOGIN, Recovery.NEW_SESSION)
UNKNOWN = (0x80000123, 0x1FFFF)


@pytest.fixture(scope="module")
def settings(softhsm_settings: WorkerSettings) -> WorkerSettings:
    return softhsm_settings


@pytest.fixture(scope="module")
def seen(settings: WorkerSettings) -> dict[int, Seen]:
    """Inject every value into a real token's C_SignInit."""
    arguments = [sys.executable, "-m", "tests.token.faulty", msgspec.json.encode(settings).decode()]
    environment = {**os.environ, **settings.environment}
    done = subprocess.run(arguments, env=environment, capture_output=True, check=True)
    lines = [msgspec.json.decode(line, type=Seen) for line in done.stdout.splitlines()]
    return {line.rv: line for line in lines}


@pytest.mark.parametrize("rv", [row.rv for row in FAILURES], ids=lambda rv: name_of(rv))
def test_each_row(seen: dict[int, Seen], rv: int) -> None:
    row, came = BY_RV[rv], seen[rv]
    told = FailureCode.CRYPTOGRAPHIC if row.recovery is Recovery.PROBE else row.code  # the token answers the probe
    assert came.always == told.name
    assert came.once == ("done" if row.recovery in RETRIED else told.name)
    assert came.calls == (2 if row.recovery in RETRIED else 1)
    assert bool(came.stopping) == (row.code is FailureCode.DOWN)
    assert came.after == "done"


def test_a_part_of_a_stream_that_the_token_has_lost_is_told_so(seen: dict[int, Seen]) -> None:
    came = seen[STREAMS]
    assert (came.once, came.always, came.stopping, came.calls) == ("NO_STREAM", "NO_STREAM", "", 0)
    assert came.after == "done"


@pytest.mark.parametrize("rv", UNKNOWN)
def test_a_value_nobody_knows_is_a_general_failure(seen: dict[int, Seen], rv: int) -> None:
    assert (seen[rv].once, seen[rv].always, seen[rv].stopping, seen[rv].after) == ("GENERAL", "GENERAL", "", "done")


def test_no_value_has_two_rows() -> None:
    assert len(BY_RV) == len(FAILURES)
    assert len({row.name for row in FAILURES}) == len(FAILURES)


def test_values_that_the_library_knows_only_by_text() -> None:
    from pkcs11.exceptions import PinIncorrect, PKCS11Error

    assert failure_of(PKCS11Error("Unmapped error code 0x140")).name == "CurveNotSupported"
    assert failure_of(PKCS11Error("Cryptoki is not initialized")).recovery is Recovery.STOP
    assert failure_of(PKCS11Error("User type invalid. Should never see this.")).name == "UserTypeInvalid"
    assert failure_of(PKCS11Error("who knows")).recovery is Recovery.DISCARD
    assert failure_of(PinIncorrect()).recovery is Recovery.STOP_PIN
