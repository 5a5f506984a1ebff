"""A real SoftHSM2 token in a temporary folder, and workers on it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.token.api import KeyRef, KeyTemplate, ObjectClass, Rights
from gateway.token.local import LocalWorkers
from gateway.token.pool import TokenPool
from gateway.token.settings import WorkerSettings
from gateway.token.setup import set_up_token

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "the pin that no log shows"


def softhsm(folder: Path, label: str = "kmip") -> WorkerSettings:
    """Give the settings of a SoftHSM2 of its own in the folder, with no token yet."""
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    pin_file = folder / "pin"
    pin_file.write_text(PIN + "\n")
    pin_file.chmod(0o400)
    return WorkerSettings(
        module=MODULE,
        runtime_dir=str(folder / "run"),
        label=label,
        pin_file=str(pin_file),
        environment={"SOFTHSM2_CONF": str(configuration)},
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> WorkerSettings:
    """A token that is set up, shared by the tests of a file."""
    folder = tmp_path_factory.mktemp("softhsm")
    settings = softhsm(folder)
    set_up_token(settings, so_pin="security officer")
    return settings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(settings: WorkerSettings) -> AsyncIterator[TokenPool]:
    """Two workers behind a pool for all tests of a file, which must leave them as they found them."""
    async with LocalWorkers(settings, 2) as pool:
        yield pool


@pytest.fixture
async def workers(settings: WorkerSettings) -> AsyncIterator[LocalWorkers]:
    """Two workers on the token."""
    local = LocalWorkers(settings, 2)
    async with local:
        yield local


@pytest.fixture
def token(workers: LocalWorkers) -> TokenPool:
    """The token through the pool."""
    return workers.pool


def secret() -> KeyRef:
    """Give a new name for a secret key."""
    return KeyRef(ObjectClass.SECRET_KEY, os.urandom(16))


def template(rights: Rights, *, extractable: bool = False, label: str = "test") -> KeyTemplate:
    """Give a template."""
    return KeyTemplate(label, rights, extractable)
