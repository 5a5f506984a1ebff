"""`token init` and `token check`: a token made ready for the gateway, and told what it lacks.

The rule of the room: the module is loaded in processes of their own, never in this one; a PIN reaches them through a
file that has no name, never through argv or the environment.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from gateway.admin.own_keys import described
from gateway.admin.pins import PinSource, read_pin
from gateway.admin.token_report import Report, report_of
from gateway.admin.token_trials import tried
from gateway.config import Config, TokenConfig, load
from gateway.errors import ConfigurationError
from gateway.token.local import LocalWorkers
from gateway.token.settings import WorkerSettings
from gateway.token.setup import Existing, plan_token, set_up_token


class Target(NamedTuple):
    """A token, and the folder whose locks keep other processes of the gateway apart from us; None: nobody is there."""

    token: TokenConfig
    runtime_dir: Path | None = None


class Job(NamedTuple):
    """What `token init` is asked to do."""

    target: Target
    user_pin: PinSource
    so_pin: PinSource
    initialise: bool = False
    erase: bool = False


def target_of(
    config: Path | None, *, module: Path | None, label: str, serial: str, slot: int, name: str = ""
) -> Target:
    """Give the token that the options name, over what the configuration file says.

    Raises:
        ConfigurationError: neither names a module, or neither a token in it.
    """
    configured = load(config).with_token(name) if config else None
    named = bool(label or serial or slot >= 0)
    if configured is None and module is None:
        raise ConfigurationError("No PKCS#11 module is named; give --module or --config.")
    if configured is None and not named:
        raise ConfigurationError("No token is named; give --label, --serial or --slot.")
    token = configured.token if configured else TokenConfig(module=module or Path())
    if named:
        token = replace(token, label=label, serial=serial, slot=slot)
    if module:
        token = replace(token, module=module)
    return Target(token, configured.server.runtime_dir if configured else None)


def initialise_token(job: Job) -> Report:
    """Make the token ready and give what it can do.

    Raises:
        ConfigurationError: why it cannot be done.
    """
    if job.erase and not job.initialise:
        raise ConfigurationError("--erase-initialised-token goes with --initialise; give both, or neither.")
    token = job.target.token
    given = job.user_pin.path is not None or job.user_pin.descriptor is not None
    pin = None if has_source(token) and not given else read_pin(job.user_pin)
    so_pin = read_pin(job.so_pin).decode() if job.initialise else None
    with ExitStack() as stack:
        settings = WorkerSettings.of(token, runtime_dir(job.target, stack))
        if pin is not None:
            settings = replace(settings, pin_file=stack.enter_context(pin_file(pin)), pin_credential="")
        outcome = set_up_token(settings, so_pin, Existing.ERASE if job.erase else Existing.REFUSE)
        if outcome.initialised and outcome.info:
            # It may be in another slot than the one it was asked for in, and has another serial number.
            settings = replace(settings, slot=-1, serial=outcome.info.serial)
        return asyncio.run(_report(settings, made=outcome.keys_made))


def has_source(token: TokenConfig) -> bool:
    """Say whether the configuration names where the user PIN is."""
    return token.pin_file is not None or bool(token.pin_credential)


def plan(job: Job) -> tuple[str, ...]:
    """Give what `initialise_token` would change, a phrase each.

    Raises:
        ConfigurationError: why it could not be done.
    """
    token, existing = job.target.token, Existing.ERASE if job.erase else Existing.REFUSE
    with ExitStack() as stack:
        settings = WorkerSettings.of(token, runtime_dir(job.target, stack))
        configured = has_source(token) and job.user_pin.path is None
        # The user's PIN is needed to see which keys there are, and of a token that is to be made there are none.
        if not job.initialise and not (configured and job.user_pin.descriptor is None):
            settings = replace(settings, pin_file=stack.enter_context(pin_file(read_pin(job.user_pin))))
        return plan_token(settings, existing, initialise=job.initialise)


def runtime_dir(target: Target, stack: ExitStack) -> Path:
    """Give the configured folder, or one for as long as the stack stands."""
    if target.runtime_dir:
        return target.runtime_dir
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kmip-gateway-")))


def check_token(config: Config) -> Report:
    """Give what the configured token can do.

    Raises:
        ConfigurationError: the token cannot be reached or logged in to.
    """
    return asyncio.run(_report(WorkerSettings.of(config.token, config.server.runtime_dir), trials=True))


@contextmanager
def pin_file(pin: bytes) -> Iterator[str]:
    """Give the path of an unnamed file that has the PIN, readable by this user's processes while the block runs."""
    fd = os.memfd_create("kmip-gateway PIN", os.MFD_CLOEXEC)
    try:
        os.fchmod(fd, 0o400)
        os.write(fd, pin)
        yield f"/proc/{os.getpid()}/fd/{fd}"
    finally:
        os.close(fd)


async def _report(settings: WorkerSettings, made: tuple[str, ...] = (), *, trials: bool = False) -> Report:
    async with LocalWorkers(settings) as pool:
        report = report_of(await pool.info(), pool.profile, await described(pool, made))
    more = await tried(settings, pool.profile) if trials else ()
    return replace(report, abilities=report.abilities + more)
