"""One suite over every store: a new database adds a line to STORES."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway.store.api import AttributeRow, Custody, ObjectRow, Store
from gateway.store.sqlite import open_store

STORES: dict[str, Callable[..., Store]] = {
    "sqlite": lambda folder, **options: open_store(folder / "db.sqlite", **options)
}

NAME, OBJECT_TYPE, USAGE_MASK, DATE = 0x420053, 0x420057, 0x42002C, 0x420001


@pytest.fixture(params=STORES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Store]:
    """Give what opens the database of this test: called twice, it stands for two processes."""
    return lambda **options: STORES[request.param](tmp_path, **options)


@pytest.fixture
async def store(opened: Callable[..., Store]) -> AsyncIterator[Store]:
    store = opened()
    yield store
    await store.close()


@pytest.fixture
async def other(opened: Callable[..., Store]) -> AsyncIterator[Store]:
    store = opened()
    yield store
    await store.close()


def key(*attributes: AttributeRow, **columns: Any) -> ObjectRow:
    """Give the row of a key kept in the database, which needs no reservation."""
    columns = {
        "unique_identifier": str(uuid4()),
        "tenant": "default",
        "owner": "alice",
        "custody": Custody.WRAPPED,
    } | columns
    return ObjectRow(object_type=2, attributes=attributes, **columns)


def attribute(tag: int, scalar: int | str | bytes | None, index: int = 0, name: str = "") -> AttributeRow:
    return AttributeRow(tag, name, index, repr(scalar).encode(), scalar)


async def add(store: Store, *attributes: AttributeRow, names: tuple[str, ...] = (), **columns: Any) -> ObjectRow:
    return await store.write(lambda tx: tx.add(key(*attributes, **columns), names))
