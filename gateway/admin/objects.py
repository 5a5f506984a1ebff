"""Managed objects as the command line shows them: from the database alone, never with key material."""

import time
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from gateway.errors import ConfigurationError
from gateway.kmip.attributes import ATTRIBUTES
from gateway.kmip.enums import ObjectType
from gateway.kmip.names import Mask, Named
from gateway.kmip.structure import DateTime
from gateway.kmip.tags import Tag
from gateway.managed import state_of
from gateway.store.api import AttributeRow, Kept, ObjectRow
from gateway.store.catalogue import open_catalogue
from gateway.wire.attribute_forms import decode_value

UNDECIDED = "undecided"  # of what was kept in a copy of the database: until an operator says so


class Listed(Struct, frozen=True):
    """One line of `object list`; `number` is what the next page starts after."""

    number: int
    unique_identifier: str
    object_type: str
    state: str
    custody: str
    tenant: str
    owner: str
    names: tuple[str, ...]
    restorable_until: str = ""  # of what is destroyed and can be had back: a date, or "undecided"


class Shown(Struct, frozen=True):
    """What `object show` prints: the line of the list, where the key is, and every attribute."""

    listed: Listed
    token: str
    cka_id: str  # hexadecimal, as the vendor's tools print it
    attributes: tuple[tuple[str, Any], ...]


def list_objects(
    database: Path, *, tenant: str | None, after: int, limit: int, destroyed: bool = False
) -> list[Listed]:
    """Give up to `limit` objects, oldest first, of one tenant or of all; or those destroyed that can be had back.

    Raises:
        ConfigurationError: the database cannot be read.
    """
    catalogue = open_catalogue(database)
    try:
        if destroyed:
            found = catalogue.kept(time.time(), tenant=tenant, after=after, limit=limit)
            return [_listed(row, kept) for row, kept in found]
        return [_listed(row) for row in catalogue.page(tenant=tenant, after=after, limit=limit)]
    finally:
        catalogue.close()


def show_object(database: Path, unique_identifier: str) -> Shown:
    """Give one object.

    Raises:
        ConfigurationError: the database cannot be read, or has no such object.
    """
    catalogue = open_catalogue(database)
    try:
        row = catalogue.get(unique_identifier)
        kept = None if row is None else catalogue.kept_of(row.id)
    finally:
        catalogue.close()
    if row is None:
        raise ConfigurationError(f"{unique_identifier}: no such object; see `kmip-gateway object list`.")
    attributes = tuple((_attribute_name(each), _attribute_value(each)) for each in row.attributes)
    return Shown(_listed(row, kept), row.token, row.cka_id.hex(), attributes)


def _listed(row: ObjectRow, kept: Kept | None = None) -> Listed:
    return Listed(
        row.id,
        row.unique_identifier,
        ObjectType(row.object_type).token,
        state_of(row, time.time()).token,
        str(row.custody),
        row.tenant,
        row.owner,
        tuple(str(each.scalar) for each in row.attributes if each.tag == Tag.NAME),
        _until(kept, time.time()),
    )


def _until(kept: Kept | None, now: float) -> str:
    if kept is None or (kept.due is not None and kept.due <= now):
        return ""
    return UNDECIDED if kept.due is None else datetime.fromtimestamp(kept.due, UTC).isoformat()


def _attribute_name(row: AttributeRow) -> str:
    name = row.name.replace("\0", "-") or Tag(row.tag).token
    return f"{name}[{row.index}]" if row.index else name


def _attribute_value(row: AttributeRow) -> Any:
    tag = Tag(row.tag)
    value = decode_value(tag, row.ttlv)
    if ATTRIBUTES[tag].type is DateTime:
        return datetime.fromtimestamp(value, UTC).isoformat()
    return readable(value)


def readable(value: Any) -> Any:
    """Give a KMIP value in the terms of JSON: enumerations by name, bytes in hexadecimal."""
    match value:
        case Named():
            return value.token
        case Mask():
            return [bit.token for bit in type(value) if bit in value]
        case Enum():
            return value.name
        case bytes():
            return value.hex()
        case Struct():
            return {key: readable(each) for key, each in asdict(value).items() if each is not None and each != ()}
        case tuple() | list():
            return [readable(each) for each in value]
    return value
