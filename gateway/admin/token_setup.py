"""`token init` and `token check`: a token made ready for the gateway, and told what it lacks.

The rule of the room: the module is loaded in processes of their own, never in this one; a PIN reaches them through a
file that has no name, never through argv or the environment.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from gateway.admin.pins import PinSource, read_pin
from gateway.admin.token_report import Report, report_of
from gateway.config import Config, TokenConfig, load
from gateway.errors import ConfigurationError, KmipError
from gateway.token.local import LocalWorkers
from gateway.token.pool import TokenPool
from gateway.token.settings import WorkerSettings
from gateway.token.setup import set_up_token


class Job(NamedTuple):
    """What `token init` is asked to do."""

    token: TokenConfig
    user_pin: PinSource
    so_pin: PinSource
    initialise: bool = False


def token_of(config: Path | None, *, module: Path | None, label: str, serial: str, slot: int) -> TokenConfig:
    """Give the token that the options name, over what the configuration file says.

    Raises:
        ConfigurationError: neither names a module, or neither a token in it.
    """
    token = load(config).token if config else None
    if token is None and module is None:
        raise ConfigurationError("No PKCS#11 module is named; give --module or --config.")
    named = bool(label or serial or slot >= 0)
    if token is None and not named:
        raise ConfigurationError("No token is named; give --label, --serial or --slot.")
    if token is None:
        return TokenConfig(module=module or Path(), label=label, serial=serial, slot=slot)
    if named:
        token = replace(token, label=label, serial=serial, slot=slot)
    return replace(token, module=module) if module else token


def initialise_token(job: Job) -> Report:
    """Make the token ready and give what it can do.

    Raises:
        ConfigurationError: why it cannot be done.
    """
    has_source = job.token.pin_file is not None or job.token.pin_credential
    given = job.user_pin.path is not None or job.user_pin.descriptor is not None
    pin = None if has_source and not given else read_pin(job.user_pin)
    so_pin = read_pin(job.so_pin).decode() if job.initialise else ""
    with tempfile.TemporaryDirectory(prefix="kmip-gateway-") as runtime_dir, _pin_file(pin) as pin_file:
        settings = WorkerSettings.of(job.token, Path(runtime_dir))
        if pin_file:
            settings = replace(settings, pin_file=pin_file, pin_credential="")
        outcome = set_up_token(settings, so_pin)
        if job.initialise and not outcome.initialised:
            raise ConfigurationError(
                f"The token {outcome.info.label if outcome.info else ''!r} is initialised already and nothing of it "
                "was erased; leave --initialise out to use it, or name a new one."
            )
        return asyncio.run(_report(settings))


def check_token(config: Config) -> Report:
    """Give what the configured token can do.

    Raises:
        ConfigurationError: the token cannot be reached or logged in to.
    """
    return asyncio.run(_report(WorkerSettings.of(config.token, config.server.runtime_dir)))


@contextmanager
def _pin_file(pin: bytes | None) -> Iterator[str]:
    """Give the path of an unnamed file that has the PIN, readable by this user's processes while the block runs."""
    if pin is None:
        yield ""
        return
    fd = os.memfd_create("kmip-gateway PIN", os.MFD_CLOEXEC)
    try:
        os.fchmod(fd, 0o400)
        os.write(fd, pin)
        yield f"/proc/{os.getpid()}/fd/{fd}"
    finally:
        os.close(fd)


async def _report(settings: WorkerSettings) -> Report:
    async with LocalWorkers(settings) as pool:
        return report_of(await pool.info(), pool.profile, has_own_keys=await _can_seal(pool))


async def _can_seal(pool: TokenPool) -> bool:
    try:
        return await pool.open(await pool.seal(b"probe", b""), b"") == b"probe"
    except KmipError:
        return False
