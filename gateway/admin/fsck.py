"""`fsck`: what database and token disagree on, and with `--repair` what is safe to put right.

The rule of the room: only a key that the database names as ours and over is deleted, by the reaper's own rule; what
nobody names is listed, and stays. What is found is looked for a second time before it is told: beside a running
gateway, half of what one sees is on its way.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from gateway.admin.findings import Finding, Findings, Kind
from gateway.admin.reaper import Reaper
from gateway.admin.survey import Survey, Surveyed
from gateway.config import Config
from gateway.errors import ConfigurationError, KmipError
from gateway.store.api import Transaction
from gateway.store.inspection import Inspection, open_inspection
from gateway.store.sqlite import SqliteStore, open_store
from gateway.token.local import LocalWorkers
from gateway.token.pool import TokenPool
from gateway.token.settings import WorkerSettings

LOOK_AGAIN_S = 2.0


def check(config: Config, *, repair: bool = False, deep: bool = False, database_only: bool = False) -> Findings:
    """Give what is wrong, or is left to be wrong after the repair.

    deep: every key and all that is sealed is tried, not a sample of about 500.

    Raises:
        ConfigurationError: the database or the token cannot be used.
    """
    try:
        return asyncio.run(_check(config, repair=repair, deep=deep, database_only=database_only))
    except KmipError as error:
        raise ConfigurationError(f"The check could not be ended: {error.message}") from None


async def _check(config: Config, *, repair: bool, deep: bool, database_only: bool) -> Findings:
    async with AsyncExitStack() as stack:
        inspection = stack.enter_context(open_inspection(config.store.path))
        pools = {} if database_only else await open_pools(config, stack)
        look = partial(_look, inspection, pools, config, deep)
        seen, repaired = await _settled(look), 0
        if repair and any(each.meaning.repairable for each in seen.findings):
            repaired = await _repair(config, pools, seen.findings)
            seen = await _settled(look)
    found = tuple(sorted(seen.findings, key=lambda each: (each.kind, each.object, each.key, each.detail)))
    return Findings(seen.objects, seen.keys_on_token, seen.looked_into, repaired, found)


async def open_pools(config: Config, stack: AsyncExitStack) -> dict[str, TokenPool]:
    """Give workers of this process for every token that the configuration names, until the stack ends.

    Raises:
        ConfigurationError: one of the tokens cannot be used.
    """
    workers = {
        name: LocalWorkers(WorkerSettings.of(token, config.server.runtime_dir))
        for name, token in config.all_tokens().items()
    }
    return {name: await stack.enter_async_context(each) for name, each in workers.items()}


async def _look(inspection: Inspection, pools: Mapping[str, TokenPool], config: Config, deep: bool) -> Surveyed:
    """Give what is found on all tokens together."""
    configured = config.all_tokens()
    surveys = [Survey(inspection, pool, name, configured, deep=deep) for name, pool in pools.items()]
    seen = [await each.look() for each in surveys or [Survey(inspection, None, "", configured, deep=deep)]]
    counts = [each.keys_on_token for each in seen if each.keys_on_token is not None]
    return Surveyed(
        seen[-1].objects,
        sum(counts) if counts else None,
        sum(each.looked_into for each in seen),
        frozenset().union(*(each.findings for each in seen)),
    )


async def _settled(look: Callable[[], Awaitable[Surveyed]]) -> Surveyed:
    """Give what is there at the first look and at the second."""
    first = await look()
    if not first.findings:
        return first
    await asyncio.sleep(LOOK_AGAIN_S)
    second = await look()
    return second._replace(findings=first.findings & second.findings)


async def _repair(config: Config, pools: Mapping[str, TokenPool], findings: Iterable[Finding]) -> int:
    """Delete the keys that are ours and over, and count them."""
    async with _opened(config) as store:
        for each in findings:
            if each.kind is Kind.LEFTOVER:
                await store.write(partial(_queue, each.object))
        return await Reaper(store, pools, config.all_tokens()).reap()


@asynccontextmanager
async def _opened(config: Config) -> AsyncIterator[SqliteStore]:
    store = open_store(config.store.path, unique_names=config.kmip.unique_names)
    try:
        yield store
    finally:
        await store.close()


def _queue(unique_identifier: str, transaction: Transaction) -> None:
    """Queue the deletion again, if the object is still destroyed."""
    row = transaction.get(unique_identifier)
    if row is not None and row.destroyed and row.on_token:
        transaction.queue_destroy(row.id)
