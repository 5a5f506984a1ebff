"""Tickets as the command line shows and ends them: whom each lets in as whom, by its hash alone.

An operator ends what a client cannot end any more: one whose certificate was revoked has left its tickets to others.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.admin.objects import readable
from gateway.errors import ConfigurationError
from gateway.kmip.policy import Rights
from gateway.kmip.structure import Item
from gateway.kmip.version import V2_1
from gateway.store.api import TicketRow
from gateway.store.catalogue import open_catalogue
from gateway.store.sqlite import open_store
from gateway.wire.codec import Codec

STRUCTURE = 1
HEADER_BYTES = 8
SHORTEST = 8  # hexadecimal digits that mean one ticket


class ListedTicket(Struct, frozen=True):
    """One line of `ticket list`; what is None has no limit."""

    ticket: str  # its hash, hexadecimal
    tenant: str
    owner: str
    for_others: bool
    expires: str | None
    requests: int | None  # that are left
    rights: Any


def list_tickets(database: Path) -> list[ListedTicket]:
    """Give all tickets that are not over.

    Raises:
        ConfigurationError: the database cannot be read.
    """
    now = time.time()
    return [_listed(row) for row in _rows(database) if row.requests != 0 and (row.expires is None or row.expires > now)]


def end_tickets(database: Path, tickets: Sequence[str], owner: str | None) -> int:
    """End the tickets that begin so, or all of an owner, and those that were asked for by them; count the first.

    Raises:
        ConfigurationError: the database cannot be used, or there is no such ticket.
    """
    rows = _rows(database)
    for each in tickets:
        if len(each) < SHORTEST:
            raise ConfigurationError(f"{each!r}: give {SHORTEST} digits or more, so that no other ticket is meant.")
        if not any(row.hash.hex().startswith(each.lower()) for row in rows):
            raise ConfigurationError(f"{each}: no such ticket; see `kmip-gateway ticket list`.")
    wanted = tuple(each.lower() for each in tickets)
    found = [row.hash for row in rows if row.owner == owner or row.hash.hex().startswith(wanted)]
    asyncio.run(_drop(database, found))
    return len(found)


def _rows(database: Path) -> list[TicketRow]:
    catalogue = open_catalogue(database)
    try:
        return catalogue.tickets()
    finally:
        catalogue.close()


async def _drop(database: Path, hashes: Sequence[bytes]) -> None:
    store = open_store(database)
    try:
        for each in hashes:
            await store.write(lambda transaction, each=each: transaction.drop_ticket(each))  # type: ignore[misc]
    finally:
        await store.close()


def _listed(row: TicketRow) -> ListedTicket:
    return ListedTicket(
        row.hash.hex(),
        row.tenant,
        row.owner,
        row.delegated,
        None if row.expires is None else datetime.fromtimestamp(row.expires, UTC).isoformat(),
        row.requests,
        None if row.rights is None else _rights(row.rights),
    )


def _rights(raw: bytes) -> Any:
    rights = Codec().decode_structure(Rights, Item(STRUCTURE, raw[HEADER_BYTES:]), V2_1)
    return readable(rights.right)
