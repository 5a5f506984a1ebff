"""Database and token held beside each other: which keys are missing, which nobody names, which are not what they say.

The rule of the room: the token's keys are listed before the rows are read, so that what a running gateway makes
meanwhile is known by its reservation or its row; what it deletes meanwhile is gone when one looks again.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from typing import NamedTuple, TypeVar
from zlib import crc32

from gateway.admin.findings import Finding, Kind
from gateway.errors import KmipError, TokenDown, TokenTimeout
from gateway.kmip.attributes import ATTRIBUTES
from gateway.kmip.enums import CryptographicAlgorithm
from gateway.kmip.tags import Tag
from gateway.managed import ref_of
from gateway.store.api import Custody, ObjectRow
from gateway.store.inspection import Ending, Inspection
from gateway.token.api import (
    AUDIT_CKA_ID,
    CKA_ID_BYTES,
    STORAGE_KEY_LABEL,
    Attributes,
    KeyRef,
    KeyType,
    ObjectClass,
    kek_label,
)
from gateway.token.parcels import VERSION_BYTES, unpack
from gateway.token.pool import TokenPool
from gateway.wire.attribute_forms import decode_value

T = TypeVar("T")

PAGE = 500
SAMPLE = 500  # so many objects, about, are looked into unless all are to be
AT_A_TIME = 32
# A window that is over is ended by the next round of a reaper.
REAPED_WITHIN_S = 300.0
OURS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # the label of a key is its object's identifier

A = CryptographicAlgorithm
# The algorithms that leave little choice of key type.
KEY_TYPES = {
    int(A.AES): {KeyType.AES},
    int(A.DES3): {KeyType.DES, KeyType.DES2, KeyType.DES3},
    int(A.RSA): {KeyType.RSA},
    int(A.ECDSA): {KeyType.EC},
}


# What is left of a destroyed object and does not go by itself.
STUCK = {Ending.NOW: Kind.UNFINISHED, Ending.UNDECIDED: Kind.UNDECIDED}


class Surveyed(NamedTuple):
    """What was seen, and what was found."""

    objects: int
    keys_on_token: int | None
    looked_into: int
    findings: frozenset[Finding]


class Survey:
    """One look at a database and at one of the tokens that `configured` names, or with a pool of None at none."""

    def __init__(
        self, inspection: Inspection, pool: TokenPool | None, name: str, configured: Collection[str], *, deep: bool
    ) -> None:
        self._inspection = inspection
        self._pool = pool
        self._name = name
        self._configured = configured
        self._deep = deep
        self._found: set[Finding] = set()
        self._living: set[KeyRef] = set()  # keys of objects that are not destroyed
        self._destroyed: dict[KeyRef, str] = {}  # keys of destroyed ones, which there may be many of
        self._versions: set[int] = set()  # of the key-encryption keys that are needed
        self._objects = self._looked_into = 0

    async def look(self) -> Surveyed:
        """Give what there is to find.

        Raises:
            KmipError: the database or the token does not answer.
        """
        pool = self._pool
        there = None if pool is None else frozenset(await pool.keys())
        every = 1 if self._deep else max(1, self._inspection.catalogue.counts()["objects"] // SAMPLE)
        async for rows in self._pages():
            self._objects += len(rows)
            self._decode(rows)
            mine = [row for row in rows if self._is_mine(row)]
            if pool is not None and there is not None:
                self._compare(mine, there)
                await self._try(pool, [row for row in mine if not crc32(row.unique_identifier.encode()) % every], there)
        if pool is not None and there is not None:
            await self._explain(pool, there)
        self._ask_database()
        count = None if there is None else len(there)
        return Surveyed(self._objects, count, self._looked_into, frozenset(self._found))

    async def _pages(self) -> AsyncIterator[list[ObjectRow]]:
        """Give the rows, oldest first, other work getting its turn between."""
        last = 0
        while rows := self._inspection.catalogue.page(after=last, limit=PAGE):
            yield rows
            last = rows[-1].id
            await asyncio.sleep(0)

    def _add(self, kind: Kind, row: ObjectRow | None = None, ref: KeyRef | None = None, detail: str = "") -> None:
        key, token = ("", "") if ref is None else (key_name(ref), self._name)
        self._found.add(Finding(kind, "" if row is None else row.unique_identifier, key, token, detail))

    # --- the database alone

    def _decode(self, rows: Iterable[ObjectRow]) -> None:
        for row in rows:
            for each in row.attributes:
                try:
                    decode_value(_attribute_tag(each.tag), each.ttlv)
                except (KmipError, ValueError) as error:
                    self._add(Kind.UNREADABLE, row, detail=f"attribute {each.tag:06x}[{each.index}]: {error}")

    def _is_mine(self, row: ObjectRow) -> bool:
        if row.token not in self._configured:
            self._found.add(Finding(Kind.OTHER_TOKEN, token=row.token))
        return row.token == self._name

    def _ask_database(self) -> None:
        asked = self._inspection
        self._found |= {Finding(Kind.DAMAGED, detail=each) for each in asked.damage()}
        self._found |= {Finding(Kind.SHARED_KEY, each) for each in asked.shared_keys()}
        self._found |= {Finding(Kind.UNNAMED, uid, detail=repr(name)) for uid, name in asked.unnamed(Tag.NAME)}
        self._found |= {Finding(Kind.DEAD_LINK, uid, detail=str(to)) for uid, to in asked.dead_links(Tag.LINK)}
        self._found |= {
            Finding(STUCK[ending], uid, key=_key_of(asked.catalogue.get(uid)))
            for uid, ending in self._ending().items()
            if ending in STUCK
        }

    def _ending(self) -> dict[str, Ending]:
        return self._inspection.ending(time.time() - REAPED_WITHIN_S)

    # --- the database and the token

    def _compare(self, rows: Iterable[ObjectRow], there: frozenset[KeyRef]) -> None:
        for row in rows:
            if row.on_token and is_key(row):
                self._place(row, ref_of(row), there)
            elif row.on_token:
                self._add(Kind.UNREADABLE, row, detail=f"object class {row.object_class}")
            elif row.wrapped and not row.destroyed:
                self._versions.add(int.from_bytes(row.wrapped[:VERSION_BYTES], "big"))

    def _place(self, row: ObjectRow, ref: KeyRef, there: frozenset[KeyRef]) -> None:
        if row.destroyed:
            self._destroyed[ref] = row.unique_identifier
            return
        self._living.add(ref)
        if ref not in there:
            self._add(Kind.DANGLING, row, ref)

    async def _explain(self, pool: TokenPool, there: frozenset[KeyRef]) -> None:
        """Say of each key that no living object names what it is, or may be."""
        own = await self._own_keys(pool)
        queued = self._queued(there)
        reserved = self._inspection.reservations()
        unknown: list[KeyRef] = []
        for ref in there - self._living - own:
            if ref.cka_id in reserved:
                if not reserved[ref.cka_id]:
                    self._add(Kind.UNACKNOWLEDGED, ref=ref)
            elif key_name(ref) in queued:
                continue
            elif ref in self._destroyed:
                self._found.add(Finding(Kind.LEFTOVER, self._destroyed[ref], key_name(ref), self._name))
            else:
                unknown.append(ref)
        await each_of(unknown, lambda ref: self._name_unknown(pool, ref))

    def _queued(self, there: frozenset[KeyRef]) -> set[str]:
        """Give the keys of destroyed objects that may be left, and tell of those that should be and are not."""
        queued: set[str] = set()
        for uid, ending in self._ending().items():
            row = self._inspection.catalogue.get(uid)
            queued.add(_key_of(row))
            mine = row is not None and row.on_token and is_key(row) and row.token == self._name
            if row is not None and mine and ending is not Ending.NOW and ref_of(row) not in there:
                self._add(Kind.DANGLING, row, ref_of(row), "destroyed, and kept")
        return queued

    async def _name_unknown(self, pool: TokenPool, ref: KeyRef) -> None:
        try:
            label = str((await pool.attributes(ref)).get("label", ""))
        except KmipError as error:
            raise_if_down(error)
            return  # it is gone by now
        ours = len(ref.cka_id) == CKA_ID_BYTES and OURS.fullmatch(label)
        self._add(Kind.ORPHAN if ours else Kind.FOREIGN, ref=ref, detail=label)

    async def _own_keys(self, pool: TokenPool) -> set[KeyRef]:
        """Give the gateway's own keys, and tell of those that are needed and not there."""
        own = {KeyRef(half, AUDIT_CKA_ID) for half in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY)}
        kept = self._inspection.kept_wrapped(self._name)
        self._versions |= {int.from_bytes(each[:VERSION_BYTES], "big") for each in kept}
        labels = [STORAGE_KEY_LABEL, *map(kek_label, range(1, max(self._versions, default=0) + 1))]
        for label in labels:
            ref = await pool.labelled(label)
            if ref is not None:
                own.add(ref)
            elif label in map(kek_label, self._versions) or (label == STORAGE_KEY_LABEL and pool.profile.aes_bits):
                self._found.add(Finding(Kind.OWN_KEY_MISSING, token=self._name, detail=label))
        # Newer ones, by which nothing is wrapped yet.
        version = len(labels)
        while (ref := await pool.labelled(kek_label(version))) is not None:
            own.add(ref)
            version += 1
        return own

    # --- keys and material tried

    async def _try(self, pool: TokenPool, rows: list[ObjectRow], there: frozenset[KeyRef]) -> None:
        tried = [row for row in rows if not row.destroyed and _is_tried(row, there)]
        self._looked_into += len(tried)
        await each_of(tried, lambda row: self._try_one(pool, row))

    async def _try_one(self, pool: TokenPool, row: ObjectRow) -> None:
        kind = Kind.DOES_NOT_OPEN if row.custody is Custody.SEALED else Kind.DOES_NOT_UNWRAP
        try:
            if row.custody is Custody.SEALED:
                await pool.open(row.material or b"", row.unique_identifier.encode())
                return
            if row.wrapped:
                unpack(row.wrapped)
            self._hold_against(row, await pool.attributes(ref_of(row)))
        except KmipError as error:
            raise_if_down(error)
            if row.custody is not Custody.TOKEN:  # one that is gone from the token since is found by the next look
                self._add(kind, row, detail=error.message)

    def _hold_against(self, row: ObjectRow, told: Attributes) -> None:
        """Compare what the token says of a key with what its object says."""
        said = {each.tag: each.scalar for each in row.attributes}
        ref = ref_of(row)._replace(wrapped=b"")
        secret = ref.object_class is not ObjectClass.PUBLIC_KEY
        if secret and said.get(Tag.EXTRACTABLE) == 0 and told.get("extractable"):
            self._add(Kind.WEAKER, row, ref, "extractable")
        if secret and told.get("sensitive") is False:
            self._add(Kind.WEAKER, row, ref, "not sensitive")
        algorithm = said.get(Tag.CRYPTOGRAPHIC_ALGORITHM)
        types = KEY_TYPES.get(algorithm) if isinstance(algorithm, int) else None
        if types is not None and told.get("key_type") not in types:
            self._add(Kind.MISMATCH, row, ref, f"key type {told.get('key_type')}")


def key_name(ref: KeyRef) -> str:
    """Give a key as reports name it: its class, and its CKA_ID in hexadecimal."""
    return f"{ref.object_class.name} {ref.cka_id.hex()}"


def _key_of(row: ObjectRow | None) -> str:
    return "" if row is None or not is_key(row) else key_name(ref_of(row))


def is_key(row: ObjectRow) -> bool:
    """Tell whether a row names a class of keys."""
    return row.object_class in set(ObjectClass)


def _is_tried(row: ObjectRow, there: frozenset[KeyRef]) -> bool:
    match row.custody:
        case Custody.TOKEN:
            return row.on_token and is_key(row) and ref_of(row) in there
        case Custody.WRAPPED:
            return bool(row.wrapped) and is_key(row)
        case Custody.SEALED:
            return row.material is not None


def _attribute_tag(number: int) -> Tag:
    tag = Tag(number)
    if tag not in ATTRIBUTES and tag is not Tag.ATTRIBUTE:
        raise ValueError(f"{tag.name} is no attribute")
    return tag


def raise_if_down(error: KmipError) -> None:
    """Pass on what says nothing of the one key that was asked for."""
    if isinstance(error, TokenDown | TokenTimeout):
        raise error


async def each_of(items: Sequence[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Do something for all, a few at a time."""
    for start in range(0, len(items), AT_A_TIME):
        await asyncio.gather(*(work(item) for item in items[start : start + AT_A_TIME]))
