"""`restore`: a backup made the database again, where file and token belong together.

The rule of the room: what can be explained by what has happened since is told, and what cannot is refused before
anything is written. Nothing on the token is touched.
"""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from gateway.admin.backup import check_value, own_keys
from gateway.admin.fsck import open_pools
from gateway.admin.manifest import BackedUpKey, BackedUpToken, Manifest, read_manifest
from gateway.admin.proof import check_opens, fact_of
from gateway.admin.survey import each_of, key_name
from gateway.config import Config
from gateway.errors import ConfigurationError, KmipError
from gateway.store.copying import fact_in, put_in_place
from gateway.token.api import AUDIT_CKA_ID, KeyRef, ObjectClass
from gateway.token.pool import TokenPool

MOST_NAMED = 3  # of keys that are another, in the sentence that refuses them


class Restored(Struct, frozen=True):
    """What was restored, and what the tokens have had done to them since; keys as reports name them."""

    made: str
    objects: int
    keys: int
    missing: tuple[str, ...]  # named by the backup, and not on the token
    newest_missing: bool  # the missing are just the newest: a token is older than the backup
    unknown: int  # on the tokens, and not in the backup
    kept: int = 0  # on the tokens, of destroyed objects that an operator has to decide about

    @property
    def agrees(self) -> bool:
        """Whether the tokens have every key that the database names."""
        return not self.missing


class Compared(NamedTuple):
    """One token beside what the backup says of it."""

    keys: list[KeyRef]
    missing: list[KeyRef]
    unknown: int
    kept: int


def put_back(config: Config, file: Path, *, other_token: bool) -> Restored:
    """Make the backup the database that the configuration names, and tell what the tokens have by now.

    Raises:
        ConfigurationError: the backup was altered, a token is another one or has other keys, or there is a database.
    """
    manifest = read_manifest(file)
    if config.store.path.exists():
        raise ConfigurationError(f"{config.store.path} exists already; move it away, or name another in [store].")
    try:
        compared = asyncio.run(_compared(config, file, manifest, other_token))
    except KmipError as error:
        raise ConfigurationError(f"Nothing was restored: {error.message}") from None
    put_in_place(file, config.store.path)
    return _told(manifest, compared)


async def _compared(config: Config, file: Path, manifest: Manifest, other_token: bool) -> list[Compared]:
    unknown = sorted(manifest.tokens.keys() - config.all_tokens().keys())
    if unknown:
        raise ConfigurationError(f"The backup is of tokens that the configuration does not name: {', '.join(unknown)}.")
    async with AsyncExitStack() as stack:
        pools = await open_pools(config, stack)
        for name, token in manifest.tokens.items():
            await _check_identity(pools[name], name, token, other_token)
            proof = fact_in(file, fact_of(name))
            if proof is not None:
                await check_opens(pools[name], proof, name)
            _check_own_keys(await own_keys(pools[name]), name, token)
        return [await _beside(pools[name], token) for name, token in manifest.tokens.items()]


async def _beside(pool: TokenPool, token: BackedUpToken) -> Compared:
    there = frozenset(ref for ref in await pool.keys() if ref.cka_id != AUDIT_CKA_ID)
    await _check_keys(pool, (*token.keys, *token.kept), there)
    refs, kept = [_ref(key) for key in token.keys], {_ref(key) for key in token.kept}
    unknown = len(there - kept - set(refs)) - len(await own_keys(pool))
    return Compared(refs, [ref for ref in refs if ref not in there], max(0, unknown), len(there & kept))


async def _check_identity(pool: TokenPool, name: str, token: BackedUpToken, other_token: bool) -> None:
    now, then = await pool.info(), token.info
    if (now.label, now.serial) != (then.label, then.serial) and not other_token:
        raise ConfigurationError(
            f"The token '{name}' is '{now.label}', serial {now.serial}, and the backup is of '{then.label}', "
            f"serial {then.serial}; if it holds the same keys (a clone, a member of a cluster), say --other-token."
        )


def _check_own_keys(now: dict[str, str], name: str, token: BackedUpToken) -> None:
    for label, value in token.own_keys.items():
        if label not in now:
            raise ConfigurationError(f"The token '{name}' does not have the key '{label}', which the backup needs.")
        if value and now[label] and value != now[label]:
            raise ConfigurationError(f"The key '{label}' of the token '{name}' is another than that of the backup.")


async def _check_keys(pool: TokenPool, keys: Iterable[BackedUpKey], there: frozenset[KeyRef]) -> None:
    """Refuse a token that has other keys under the same names."""
    others: list[str] = []

    async def compare(key: BackedUpKey) -> None:
        now = await check_value(pool, _ref(key))
        if now and now != key.check_value:
            others.append(key_name(_ref(key)))

    await each_of([key for key in keys if key.check_value and _ref(key) in there], compare)
    if others:
        raise ConfigurationError(
            f"{len(others)} keys on the token are others than those of the backup: "
            f"{', '.join(sorted(others)[:MOST_NAMED])}; it is another token, or somebody has replaced them."
        )


def _told(manifest: Manifest, compared: list[Compared]) -> Restored:
    missing = [key_name(ref) for each in compared for ref in each.missing]
    newest = all(each.keys[len(each.keys) - len(each.missing) :] == each.missing for each in compared)
    return Restored(
        made=manifest.made,
        objects=manifest.counts["objects"],
        keys=sum(len(each.keys) for each in compared),
        missing=tuple(missing),
        newest_missing=bool(missing) and newest,
        unknown=sum(each.unknown for each in compared),
        kept=sum(each.kept for each in compared),
    )


def lines_of(restored: Restored) -> list[str]:
    """Give the report as text."""
    lines = [f"restored {restored.objects} objects as of {restored.made}; {restored.keys} of their keys on the token"]
    if restored.unknown > 0:
        lines.append(f"{restored.unknown} keys on the token are in no object: made since, or not ours; they stay")
    if restored.kept:
        lines.append(f"{restored.kept} keys on the token are of destroyed objects: see `object list --destroyed`")
    if restored.missing:
        why = "the token was put back to an earlier state" if restored.newest_missing else "destroyed since"
        lines.append(f"{len(restored.missing)} keys are not on the token ({why}): {', '.join(restored.missing)}")
    return [*lines, "run `kmip-gateway fsck` before you start the gateway"]


def _ref(key: BackedUpKey) -> KeyRef:
    return KeyRef(ObjectClass(key.object_class), bytes.fromhex(key.cka_id))
