"""`object restore` and `object erase`: destroyed objects that are kept for a window, taken back or gone before its end.

The rule of the room: an object comes back as it was, with all that was said of it since (a compromise above all), in
one transaction, and only while nothing has been claimed of it; what the reaper has claimed is over.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from gateway.admin.custody import SEALED_BESIDE, opened
from gateway.config import Config
from gateway.errors import ConfigurationError, KmipError
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import State
from gateway.kmip.structure import DateTime
from gateway.kmip.tags import Tag
from gateway.managed import Catalogue, Managed
from gateway.store.api import Custody, Kept, ObjectRow, Transaction
from gateway.store.catalogue import open_catalogue
from gateway.store.sqlite import SqliteStore, open_store
from gateway.wire.codec import Codec

T = TypeVar("T")


def described(config: Config, unique_identifier: str) -> str:
    """Say which object is to be taken back, and which destruction: what the audit keeps, and others approve.

    Raises:
        ConfigurationError: the database cannot be read.
    """
    catalogue = open_catalogue(config.store.path)
    try:
        row = catalogue.get(unique_identifier)
    finally:
        catalogue.close()
    dates = [each.scalar for each in row.attributes if each.tag == Tag.DESTROY_DATE] if row is not None else []
    return " ".join(
        [unique_identifier, *(f"destroyed {_written(int(date))}" for date in dates if isinstance(date, int))]
    )


def take_back(config: Config, unique_identifier: str, clock: Callable[[], float] = time.time) -> State:
    """Make a destroyed object what it was before, and give the State that it has now.

    Raises:
        ConfigurationError: there is nothing to be taken back, or another object has its name; the sentence says which.
    """
    now = clock()

    async def taken(store: SqliteStore) -> State:
        row, kept = await store.write(partial(_found, unique_identifier, now))
        material = await _sealed_as_now(config, store, row, kept)
        return await store.write(partial(_taken_back, row, kept, material, now, config.kmip.unique_names))

    return asyncio.run(_changed(config, taken))


def erase(config: Config, unique_identifiers: Sequence[str], clock: Callable[[], float] = time.time) -> None:
    """End the windows of destroyed objects: the database loses them now, a token with the gateway's next round.

    Raises:
        ConfigurationError: one of them is not kept; then all stay.
    """

    async def ended(store: SqliteStore) -> None:
        await store.write(partial(_let_go, unique_identifiers, clock()))
        await store.end_windows(1)

    asyncio.run(_changed(config, ended))


async def _changed(config: Config, fn: Callable[[SqliteStore], Awaitable[T]]) -> T:
    store = open_store(config.store.path, unique_names=config.kmip.unique_names)
    try:
        return await fn(store)
    except KmipError as error:
        raise ConfigurationError(f"Nothing was changed: {error.message}") from None
    finally:
        await store.close()


async def _sealed_as_now(config: Config, store: SqliteStore, row: ObjectRow, kept: Kept) -> bytes | None:
    """Give what was kept beside a key, sealed under the identifier of today: an Import may have taken the other."""
    sealed = row.custody is Custody.SEALED or row.object_type in SEALED_BESIDE
    if kept.material is None or not sealed or kept.sealed_as == row.unique_identifier:
        return kept.material
    async with opened(config, store, {row.token}) as tokens:
        clear = await tokens[row.token].open(kept.material, kept.sealed_as.encode())
        return await tokens[row.token].seal(clear, row.unique_identifier.encode())


def _taken_back(
    before: ObjectRow,
    kept: Kept,
    material: bytes | None,
    now: float,
    unique_names: bool,
    transaction: Transaction,
) -> State:
    row, kept_now = _found(before.unique_identifier, now, transaction)
    if row.id != before.id or kept_now != kept:
        raise ConfigurationError(f"{before.unique_identifier} was changed at the same time; run it again.")
    catalogue = Catalogue(Codec())
    attributes = sets.drop(catalogue.decode(row).attributes, Tag.DESTROY_DATE)
    managed = Managed(row, sets.put(attributes, Tag.LAST_CHANGE_DATE, DateTime(int(now))))
    rows = catalogue.rows(managed.attributes)
    transaction.replace_attributes(row.id, rows, ())  # its own names are not among those that are taken
    if unique_names:
        _check_names(transaction, managed)
    transaction.replace_attributes(row.id, rows, managed.names())
    transaction.set_material(row.id, material, row.custody, kept.wrapped)
    transaction.set_storage(row.id, archived=managed.archive is not None)
    transaction.dequeue_destroy(row.id)
    return managed.state(now)


def _found(unique_identifier: str, now: float, transaction: Transaction) -> tuple[ObjectRow, Kept]:
    row = transaction.get(unique_identifier)
    if row is None:
        raise ConfigurationError(f"{unique_identifier}: no such object; see `kmip-gateway object list --destroyed`.")
    if not row.destroyed:
        raise ConfigurationError(f"{unique_identifier} is not destroyed; nothing was changed.")
    kept = transaction.kept(row.id)
    if kept is None or (kept.due is not None and kept.due <= now):
        raise ConfigurationError(f"{unique_identifier} is gone for good: it was kept for no window, or that is over.")
    if kept.held:
        raise ConfigurationError(f"{unique_identifier} is destroyed by a batch that has not ended; try again.")
    return row, kept


def _check_names(transaction: Transaction, managed: Managed) -> None:
    for name in managed.names():
        other = transaction.named(managed.row.tenant, managed.row.owner, name)
        if other is not None:
            raise ConfigurationError(
                f"{managed.unique_identifier} cannot be taken back: its Name {name!r} is that of {other} by now."
            )


def _let_go(unique_identifiers: Sequence[str], now: float, transaction: Transaction) -> None:
    for each in unique_identifiers:
        row, _ = _found(each, now, transaction)
        transaction.let_go(row.id)


def _written(date: int) -> str:
    return datetime.fromtimestamp(date, UTC).isoformat()
