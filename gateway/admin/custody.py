"""`object move`: keys from the token to the database and back, or to another token, while the gateway serves.

The rule of the room is the crash rule: the second key is made under a CKA_ID that was reserved before; one commit makes
the row name it and condemns the first; then the first is destroyed. Whatever is killed between leaves one key that the
database names, and another that a reaper takes off. Halves of a pair, which share a CKA_ID, move together.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial, reduce
from operator import or_
from typing import NamedTuple

from msgspec.structs import replace

from gateway.admin.passage import Arrival, Passage, Way
from gateway.admin.proof import check_proof
from gateway.config import Config
from gateway.creation import rights_for
from gateway.errors import ConfigurationError, GeneralFailure, KmipError, NotExtractable
from gateway.hardening import forbid_dumps
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import LinkType, ObjectType, ProtectionStorageMask
from gateway.kmip.structure import Attributes, DateTime
from gateway.kmip.tags import Tag
from gateway.managed import Catalogue, Managed, ref_of
from gateway.store.api import Custody, ObjectRow, Transaction
from gateway.store.sqlite import SqliteStore, open_store
from gateway.token.api import KeyRef, KeyTemplate, KeyType, ObjectClass, Rights
from gateway.token.local import LocalWorkers
from gateway.token.parcels import unpack
from gateway.token.pool import TokenPool
from gateway.token.quirks import quirk_of
from gateway.token.settings import WorkerSettings
from gateway.wire.codec import Codec

# What a gateway that serves has begun with the first key, it ends in this time; then that key is destroyed.
GRACE_S = 2.0
RESIDENT = "it is not Extractable: what never leaves its token stays there"
HALVES = (LinkType.PUBLIC_KEY_LINK, LinkType.PRIVATE_KEY_LINK)
# Of these, what is kept beside the token is sealed by it; of Secret Data it is no secret.
SEALED_BESIDE = (int(ObjectType.PRIVATE_KEY), int(ObjectType.PUBLIC_KEY))


class Order(NamedTuple):
    """Where objects are to be kept: how, and on which token, "" for the one that each is on."""

    custody: Custody
    token: str = ""
    through_memory: bool = False  # where the tokens have no other way


class Outcome(NamedTuple):
    """What became of one object, in words, and whether it is where it was to be."""

    unique_identifier: str
    what: str = "moved"
    there: bool = True


def move(config: Config, unique_identifiers: Sequence[str], order: Order) -> list[Outcome]:
    """Move objects, and tell what became of each; what an earlier run has moved stays where it is.

    Raises:
        ConfigurationError: the database or a token cannot be used, or there is no such token or object.
    """
    if order.token and order.token not in config.all_tokens():
        raise ConfigurationError(f"There is no token '{order.token}': see [token] and [tokens] in the configuration.")
    forbid_dumps()  # with `through_memory` a key may be in this process for a moment
    return asyncio.run(_move(config, unique_identifiers, order))


async def _move(config: Config, unique_identifiers: Sequence[str], order: Order) -> list[Outcome]:
    store = open_store(config.store.path, unique_names=config.kmip.unique_names)
    try:
        wanted = [_row(store, each) for each in unique_identifiers]
        names = {row.token for row in wanted} | ({order.token} if order.token else set())
        async with opened(config, store, names) as tokens:
            mover = Mover(store, tokens, through_memory=order.through_memory)
            outcomes = [outcome for row in wanted for outcome in await mover.move(row, order)]
            await mover.finish()
    except KmipError as error:
        raise ConfigurationError(f"The objects could not all be moved: {error.message} Run it again.") from None
    finally:
        await store.close()
    return outcomes


@asynccontextmanager
async def opened(config: Config, store: SqliteStore, names: set[str]) -> AsyncIterator[dict[str, TokenPool]]:
    """Give tokens that are those that the database was written with."""
    tokens: dict[str, TokenPool] = {}
    async with AsyncExitStack() as stack:
        for name in names:
            if name not in config.all_tokens():
                raise ConfigurationError(f"Objects are on the token '{name}', which is not configured any more.")
            settings = WorkerSettings.of(config.all_tokens()[name], config.server.runtime_dir)
            tokens[name] = await stack.enter_async_context(LocalWorkers(settings))
            await check_proof(store, tokens[name], name)
        yield tokens


def _row(store: SqliteStore, unique_identifier: str) -> ObjectRow:
    row = store.peek(unique_identifier)
    if row is None or row.destroyed:
        raise ConfigurationError(f"{unique_identifier}: no such object, or it is destroyed; nothing was moved.")
    return row


class Mover:
    """Moves objects, one or the two halves of a pair at a time; `finish` destroys what has been left behind."""

    def __init__(self, store: SqliteStore, tokens: dict[str, TokenPool], *, through_memory: bool = False) -> None:
        self._store = store
        self._tokens = tokens
        self._passage = Passage(tokens, through_memory=through_memory)
        self._catalogue = Catalogue(Codec())
        self._left: list[tuple[str, KeyRef]] = []  # keys that no row names any more, each with its token
        self._moved: set[str] = set()

    async def move(self, row: ObjectRow, order: Order) -> list[Outcome]:
        """Move an object, with the other half of a pair; a refusal is an outcome."""
        if row.unique_identifier in self._moved:
            return []
        target = order.token or row.token
        if row.token == target and row.custody in (order.custody, Custody.SEALED):
            return [Outcome(row.unique_identifier, "is kept so already")]
        rows = [row, *self._other_half(row)]
        try:
            moved = await self.copied(rows, order.custody, target)
            await self.commit(rows, moved)
        except KmipError as error:
            return [Outcome(each.unique_identifier, error.message, there=False) for each in rows]
        self._moved |= {each.unique_identifier for each in rows}
        return [Outcome(each.unique_identifier) for each in rows]

    async def copied(self, rows: Sequence[ObjectRow], custody: Custody, target: str) -> list[ObjectRow]:
        """Make the second keys under a reserved CKA_ID, and give the rows as they are to be.

        Raises:
            NotExtractable: the key may not leave its token.
            KmipError: a token does not do this with the key, or does not answer.
        """
        cka_id = await self._store.reserve()
        copy = self._across if rows[0].token != target else self._within
        return [await copy(row, custody, target, cka_id) for row in rows]

    async def commit(self, rows: Sequence[ObjectRow], moved: Sequence[ObjectRow]) -> None:
        """Have the database name the second keys, and condemn the first.

        Raises:
            GeneralFailure: an object was changed meanwhile.
        """
        await self._store.write(partial(self._written, rows, moved))
        self._left += [(row.token, ref_of(row)) for row in rows if row.on_token]

    async def finish(self) -> None:
        """Destroy the first keys, once what a gateway had begun with them is over.

        Raises:
            KmipError: a token does not answer; a reaper destroys them then.
        """
        if self._left:
            await asyncio.sleep(GRACE_S)
        for name, ref in self._left:
            await self._tokens[name].destroy(ref)
        await self._store.forget([ref.cka_id for _, ref in self._left])
        self._left.clear()

    def _other_half(self, row: ObjectRow) -> list[ObjectRow]:
        """Give the other half of a pair that was made here: it has the same CKA_ID."""
        managed = self._catalogue.decode(row)
        linked = (self._store.peek(uid) for kind in HALVES if (uid := managed.linked(kind)) is not None)
        return [
            other
            for other in linked
            if other is not None
            and not other.destroyed
            and row.cka_id
            and (other.cka_id, other.token, other.owner) == (row.cka_id, row.token, row.owner)
        ]

    async def _within(self, row: ObjectRow, custody: Custody, target: str, cka_id: bytes) -> ObjectRow:
        """Copy a key on its own token."""
        token, ref = self._tokens[target], ref_of(row)
        new = KeyRef(ref.object_class, cka_id)
        if custody is Custody.TOKEN:
            made = await token.token_copy(ref, new, row.unique_identifier)
        elif row.object_type != ObjectType.PUBLIC_KEY and not self._catalogue.decode(row).extractable:
            raise NotExtractable(RESIDENT)
        else:
            made = await token.wrapped_copy(ref, new)
        return replace(row, custody=custody, cka_id=cka_id, wrapped=made.wrapped)

    async def _across(self, row: ObjectRow, custody: Custody, target: str, cka_id: bytes) -> ObjectRow:
        """Bring a key, or what is sealed, to another token."""
        managed = self._catalogue.decode(row)
        may_leave = managed.extractable or row.custody is Custody.SEALED or row.object_type == ObjectType.PUBLIC_KEY
        if not may_leave:
            raise NotExtractable(RESIDENT)
        moved = replace(row, token=target, material=await self._resealed(row, target))
        if row.custody is Custody.SEALED:
            return moved
        key_type, rights = await self._known(row)
        template = KeyTemplate(
            row.unique_identifier,
            rights & rights_for(managed.usage_bits),
            extractable=managed.extractable,
            wrapped=custody is Custody.WRAPPED,
        )
        ref = KeyRef(ObjectClass(row.object_class), cka_id)
        arrival = Arrival(ref, key_type, template)
        made = await self._passage.key(Way(row.token, target), ref_of(row), arrival)
        return replace(moved, custody=custody, cka_id=cka_id, wrapped=made.wrapped)

    async def _resealed(self, row: ObjectRow, target: str) -> bytes | None:
        """Give what the database keeps of an object, sealed by another token where it is sealed."""
        sealed = row.custody is Custody.SEALED or row.object_type in SEALED_BESIDE
        if row.material is None or not sealed:
            return row.material
        return await self._passage.sealed(Way(row.token, target), row.material, row.unique_identifier.encode())

    async def _known(self, row: ObjectRow) -> tuple[KeyType, Rights]:
        """Give a key's type, and what it may do where it is: more, it may nowhere, whatever the database says."""
        if row.wrapped:
            parcel = unpack(row.wrapped)[1]  # which the token's worker finds to be its own when it unwraps it
            return parcel.key_type, parcel.rights
        told = await self._tokens[row.token].attributes(ref_of(row))
        rights = (right for right in Rights if told.get(str(right.name).lower()))
        return KeyType(int(told["key_type"])), reduce(or_, rights, Rights(0))

    def _written(self, rows: Sequence[ObjectRow], moved: Sequence[ObjectRow], transaction: Transaction) -> None:
        for row, new in zip(rows, moved, strict=True):
            current = transaction.get(row.unique_identifier)
            if current is None or _place(current) != _place(row):
                raise GeneralFailure("it was changed at the same time; run it again")
            attributes = self._catalogue.rows(self._told(self._catalogue.decode(current), new))
            transaction.spend(new.cka_id)
            transaction.replace_attributes(row.id, attributes)
            transaction.move(new)
            if row.on_token:
                transaction.condemn_key(row.cka_id)

    def _told(self, managed: Managed, new: ObjectRow) -> Attributes:
        """Give the attributes with where the object is from now on."""
        info = self._tokens[new.token].first_info
        in_software = new.custody is not Custody.TOKEN or quirk_of(info.manufacturer, info.model).in_software
        mask = ProtectionStorageMask.SOFTWARE if in_software else ProtectionStorageMask.HARDWARE
        attributes = sets.put(managed.attributes, Tag.PROTECTION_STORAGE_MASK, mask)
        return sets.put(attributes, Tag.LAST_CHANGE_DATE, DateTime(int(time.time())))


def _place(row: ObjectRow) -> tuple[object, ...]:
    """Give what must not have changed since the second key was made."""
    return row.id, row.custody, row.token, row.cka_id, row.wrapped, row.material, row.destroyed, _extractable(row)


def _extractable(row: ObjectRow) -> tuple[object, ...]:
    return tuple(each.scalar for each in row.attributes if each.tag == Tag.EXTRACTABLE)
