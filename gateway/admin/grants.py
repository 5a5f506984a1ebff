"""Grants as an administrator's commands make, list and take them back: a running gateway asks for them at every use.

The rule of the room: what is granted is checked when it is: an object that is there and of the tenant, a client that is
known, a use that can be granted. Beyond the tenant nothing is, whatever is written (`store/grants`).
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from gateway.access.permissions import GRANTABLE, NAMES
from gateway.errors import ConfigurationError
from gateway.store.api import Transaction
from gateway.store.catalogue import open_catalogue
from gateway.store.grants import GrantRow, Lent
from gateway.store.sqlite import open_store

T = TypeVar("T")

EVERY_USE = "*"
SHOWN = {Lent.OBJECT: "object", Lent.GROUP: "group", Lent.ALL: "all"}
OWNED = "cert:"  # begins the identity of a client that nobody has made an account for


class Asked(Struct, frozen=True):
    """What `grant add` and `grant remove` are told; names of clients as `client list` has them."""

    tenant: str
    client: str
    lent: Lent
    target: str  # a unique identifier, or an Object Group
    uses: tuple[str, ...]
    owner: str = ""


class ListedGrant(Struct, frozen=True):
    """One line of `grant list`."""

    tenant: str
    client: str  # its identity, as `object list` shows owners
    what: str  # object, group or all
    target: str
    owner: str
    uses: tuple[str, ...]


def add_grants(database: Path, asked: Asked) -> None:
    """Let a client use what another of its tenant owns.

    Raises:
        ConfigurationError: there is no such client, object or use, or the object is the client's own.
    """

    def write(transaction: Transaction) -> None:
        _check_object(transaction, asked)
        for row in _rows(transaction, asked):
            transaction.grants.add(row)

    asyncio.run(_write(database, write))


def remove_grants(database: Path, asked: Asked) -> int:
    """Take back what was granted, from the client's next request on, and count the uses.

    Raises:
        ConfigurationError: there is no such client or use, or nothing of it was granted.
    """
    removed = asyncio.run(
        _write(database, lambda transaction: sum(map(transaction.grants.remove, _rows(transaction, asked))))
    )
    if not removed:
        raise ConfigurationError("Nothing of this is granted; see `kmip-gateway grant list`.")
    return removed


def list_grants(database: Path, tenant: str | None = None) -> list[ListedGrant]:
    """Give all grants, of a tenant if one is named.

    Raises:
        ConfigurationError: the database cannot be read.
    """
    catalogue = open_catalogue(database)
    try:
        rows = catalogue.grants.all(tenant)
    finally:
        catalogue.close()
    together = groupby(rows, key=lambda row: (row.tenant, row.grantee, row.lent, row.target, row.owner))
    return [
        ListedGrant(tenant, client, SHOWN[lent], target, owner, tuple(sorted(NAMES[row.use] for row in uses)))
        for (tenant, client, lent, target, owner), uses in together
    ]


def _rows(transaction: Transaction, asked: Asked) -> Sequence[GrantRow]:
    uses = sorted(GRANTABLE) if EVERY_USE in asked.uses else asked.uses
    for unknown in sorted(set(uses) - GRANTABLE.keys()):
        raise ConfigurationError(f"{unknown!r} cannot be granted; these can: {', '.join(sorted(GRANTABLE))}.")
    grantee = _identity(transaction, asked.tenant, asked.client)
    owner = _identity(transaction, asked.tenant, asked.owner) if asked.owner else ""
    return [GrantRow(asked.tenant, grantee, GRANTABLE[use], asked.lent, asked.target, owner) for use in uses]


def _identity(transaction: Transaction, tenant: str, client: str) -> str:
    """Give a client's identity by its name, or as it is.

    Raises:
        ConfigurationError: there is no such client.
    """
    if client.startswith(OWNED):
        return client
    found = transaction.accounts.client(tenant, client)
    if found is None:
        raise ConfigurationError(f"There is no client {client!r} in the tenant {tenant!r}; see `client list`.")
    return found.identity


def _check_object(transaction: Transaction, asked: Asked) -> None:
    if asked.lent is not Lent.OBJECT:
        return
    row = transaction.get(asked.target)
    if row is None or row.tenant != asked.tenant:
        raise ConfigurationError(f"There is no object {asked.target!r} in the tenant {asked.tenant!r}.")
    if row.owner == _identity(transaction, asked.tenant, asked.client):
        raise ConfigurationError("The object is this client's own, and needs no grant.")


async def _write(database: Path, fn: Callable[[Transaction], T]) -> T:
    store = open_store(database)
    try:
        return await store.write(fn)
    finally:
        await store.close()
