"""Real tokens in temporary folders, and workers on them."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from gateway.token.api import KeyRef, KeyTemplate, ObjectClass, Rights
from gateway.token.local import LocalWorkers
from gateway.token.pool import TokenPool
from gateway.token.settings import WorkerSettings
from tests.token.tokens import KINDS, PIN, SOFTHSM, softhsm, started

__all__ = ["PIN", "softhsm"]
MODULE = str(SOFTHSM)


@pytest.fixture(scope="module", params=list(KINDS))
def settings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerSettings]:
    """A token of each kind that is set up, shared by the tests of a file."""
    with started(request.param, tmp_path_factory.mktemp(request.param)) as settings:
        yield settings


@pytest.fixture(scope="module", params=["softhsm", "nss"])
def wrapping_settings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerSettings]:
    """Those with secret keys, for files of tests that all need one."""
    with started(request.param, tmp_path_factory.mktemp(request.param)) as settings:
        yield settings


@pytest.fixture(scope="module")
def softhsm_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerSettings]:
    """The SoftHSM2 alone, for tests of what is the same on every token: processes, frames, failures."""
    with started("softhsm", tmp_path_factory.mktemp("softhsm")) as settings:
        yield settings


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
