"""`backup`: the database as it is at one moment, and which keys of the token it hangs on; these stay on the token."""

import asyncio
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

from gateway import __version__
from gateway.admin.fsck import open_pools
from gateway.admin.manifest import (
    FORMAT,
    BackedUpKey,
    BackedUpToken,
    Manifest,
    manifest_path,
    sha256_of,
    write_manifest,
)
from gateway.admin.survey import each_of, is_key, raise_if_down
from gateway.config import Config
from gateway.errors import ConfigurationError, KmipError
from gateway.managed import ref_of
from gateway.store.api import ObjectRow
from gateway.store.catalogue import Catalogue, open_catalogue
from gateway.store.copying import copy_database, version_of
from gateway.token.api import STORAGE_KEY_LABEL, KeyRef, kek_label
from gateway.token.pool import TokenPool

PAGE = 500


def back_up(config: Config, file: Path) -> Manifest:
    """Copy the database to a new file, and give the manifest that stands beside it.

    Raises:
        ConfigurationError: the database or the token cannot be used, or the file is there already.
    """
    for path in (file, manifest_path(file)):
        if path.exists():
            raise ConfigurationError(f"{path} exists already; name a new file.")
    copy_database(config.store.path, file)
    try:
        return asyncio.run(_described(config, file))
    except KmipError as error:
        raise ConfigurationError(f"{file} was made, and no manifest of it: {error.message}") from None


async def _described(config: Config, file: Path) -> Manifest:
    async with AsyncExitStack() as stack:
        catalogue = stack.enter_context(closing(open_catalogue(file)))
        pools = await open_pools(config, stack)
        manifest = Manifest(
            format=FORMAT,
            gateway=__version__,
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            sha256=sha256_of(file),
            schema_version=version_of(file),
            counts=catalogue.counts(),
            tokens={name: await _token(pool, catalogue, name) for name, pool in pools.items()},
        )
    write_manifest(file, manifest)
    return manifest


async def _token(pool: TokenPool, catalogue: Catalogue, name: str) -> BackedUpToken:
    return BackedUpToken(
        await pool.info(),
        await own_keys(pool),
        await _described_keys(pool, _living(catalogue, name)),
        await _described_keys(pool, _kept(catalogue, name)),
    )


async def own_keys(pool: TokenPool) -> dict[str, str]:
    """Give the labels of the gateway's own keys on a token, each with its check value."""
    found: dict[str, str] = {}
    for label in chain([STORAGE_KEY_LABEL], map(kek_label, count(1))):
        ref = await pool.labelled(label)
        if ref is not None:
            found[label] = await check_value(pool, ref)
        elif label != STORAGE_KEY_LABEL:
            break
    return found


async def check_value(pool: TokenPool, ref: KeyRef) -> str:
    """Give a key's check value in hexadecimal, "" where the token tells none or has no such key any more."""
    if not pool.profile.check_values:
        return ""
    try:
        return str((await pool.attributes(ref)).get("check_value", ""))
    except KmipError as error:
        raise_if_down(error)
        return ""


def _living(catalogue: Catalogue, token_name: str) -> list[KeyRef]:
    """Give the keys on the token that living objects name, in the order in which they were made."""
    refs: list[KeyRef] = []
    last = 0
    while rows := catalogue.page(after=last, limit=PAGE):
        last = rows[-1].id
        refs += [ref_of(row) for row in rows if not row.destroyed and _is_on(row, token_name)]
    return refs


def _kept(catalogue: Catalogue, token_name: str) -> list[KeyRef]:
    """Give the keys on the token of destroyed objects that can still be had back."""
    refs: list[KeyRef] = []
    last = 0
    while found := catalogue.kept(0, after=last, limit=PAGE):
        last = found[-1][0].id
        refs += [ref_of(row) for row, _ in found if _is_on(row, token_name)]
    return refs


def _is_on(row: ObjectRow, token_name: str) -> bool:
    return row.on_token and is_key(row) and row.token == token_name


async def _described_keys(pool: TokenPool, refs: list[KeyRef]) -> tuple[BackedUpKey, ...]:
    values: dict[KeyRef, str] = {}

    async def ask(ref: KeyRef) -> None:
        values[ref] = await check_value(pool, ref)

    await each_of(refs, ask)
    return tuple(BackedUpKey(int(ref.object_class), ref.cka_id.hex(), values[ref]) for ref in refs)
