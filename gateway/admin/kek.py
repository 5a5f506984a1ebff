"""`token kek rotate`: a new key-encryption key, and every key of custody `wrapped` under it, while the gateway serves.

The rule of the room: a row gets its new wrapping only if it still has the old one, so that whatever a client does
meanwhile holds; and what is left by a run that ended early is found again by the next.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import NamedTuple

from gateway.admin.own_keys import check_value
from gateway.config import Config
from gateway.errors import ConfigurationError, KmipError
from gateway.managed import ref_of
from gateway.store.api import ObjectRow, Transaction
from gateway.store.sqlite import SqliteStore, open_store
from gateway.token.api import KeyRef, kek_label
from gateway.token.local import LocalWorkers
from gateway.token.parcels import LOOK_AGAIN_S
from gateway.token.pool import TokenPool
from gateway.token.settings import WorkerSettings
from gateway.token.setup import add_kek, newest_kek

AT_A_TIME = 200
COMMIT_S = 1.0  # from a key's wrapping to its row, in a gateway that serves


class Rotation(NamedTuple):
    """What a rotation did: the version that all keys are wrapped by now, and how many were wrapped anew."""

    version: int
    rewrapped: int
    check_value: str  # of the key-encryption key of that version, in hexadecimal


def rotate(config: Config) -> Rotation:
    """Wrap every key by the newest key-encryption key, after making one unless an earlier run did and has not ended.

    The earlier key-encryption keys stay on the token: a backup of the database may need them.

    Raises:
        ConfigurationError: the token or the database cannot be used; what was wrapped anew stays so.
    """
    settings = WorkerSettings.of(config.token, config.server.runtime_dir)
    store = open_store(config.store.path, unique_names=config.kmip.unique_names)
    version = newest_kek(settings)
    if not store.wrapped_before(config.token.name, version, 1):
        version = add_kek(settings)
    return asyncio.run(_rewrap_all(config, store, settings, version))


async def _rewrap_all(config: Config, store: SqliteStore, settings: WorkerSettings, version: int) -> Rotation:
    done = 0
    try:
        async with LocalWorkers(settings) as pool:
            async for count in _rewrapped(store, pool, config.token.name, version):
                done += count
            # A gateway that serves wraps new keys by the earlier one until its workers look again.
            await asyncio.sleep(LOOK_AGAIN_S + COMMIT_S)
            async for count in _rewrapped(store, pool, config.token.name, version):
                done += count
            value, _ = await check_value(pool, kek_label(version))
    except KmipError as error:
        raise ConfigurationError(f"After {done} keys: {error.message} Run it again to go on.") from None
    finally:
        await store.close()
    return Rotation(version, done, value)


async def _rewrapped(store: SqliteStore, pool: TokenPool, token: str, version: int) -> AsyncIterator[int]:
    """Wrap what an earlier key-encryption key wrapped, and tell of each lot how many keys that was."""
    while rows := store.wrapped_before(token, version, AT_A_TIME):
        await asyncio.gather(*(_rewrap(store, pool, row) for row in rows))
        yield len(rows)


async def _rewrap(store: SqliteStore, pool: TokenPool, row: ObjectRow) -> None:
    new = await pool.rewrap(ref_of(row))
    await store.write(partial(_put, row.unique_identifier, ref_of(row), new))


def _put(unique_identifier: str, old: KeyRef, new: KeyRef, transaction: Transaction) -> None:
    row = transaction.get(unique_identifier)
    if row is not None and row.wrapped == old.wrapped:
        transaction.set_material(row.id, row.material, row.custody, new.wrapped)
