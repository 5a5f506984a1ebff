"""How a managed object comes into the world: what the server adds to its attributes, and the commit that makes it live.

The one rule here is the crash rule of the gateway: a token object is made under a CKA_ID that was reserved durably
before; the commit that adds the row spends the reservation; only then is the client answered. What fails in between is
taken off the token at once, or by the next start.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import NamedTuple
from uuid import uuid4

from gateway import constraints, placement, windows
from gateway.access.identity import GATEWAY
from gateway.call import Altered, Call
from gateway.errors import (
    KmipError,
    ObjectNotFound,
    PrivateProtectionStorageUnavailable,
    ProtectionStorageUnavailable,
    PublicProtectionStorageUnavailable,
)
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    CryptographicUsageMask,
    HashingAlgorithm,
    KeyFormatType,
    LinkType,
    ObjectType,
    ProtectionStorageMask,
)
from gateway.kmip.structure import Attribute, Attributes, Interval, Structure, Value
from gateway.kmip.tags import Tag
from gateway.kmip.values import Digest, Link, ProtectionStorageMasks, UsageLimits
from gateway.managed import Managed
from gateway.statements import random_numbers
from gateway.store.api import Custody, ObjectRow, Transaction
from gateway.token.api import KeyRef, KeyTemplate, KeyType, ObjectClass, Rights

LEASE_TIME_S = 3600
M = CryptographicUsageMask

# What a key may do on the token for each use that its mask allows.
RIGHTS = (
    (M.ENCRYPT, Rights.ENCRYPT),
    (M.DECRYPT, Rights.DECRYPT),
    (M.SIGN | M.MAC_GENERATE, Rights.SIGN),
    (M.VERIFY | M.MAC_VERIFY, Rights.VERIFY),
    (M.WRAP_KEY, Rights.WRAP),
    (M.UNWRAP_KEY, Rights.UNWRAP),
    (M.DERIVE_KEY | M.KEY_AGREEMENT, Rights.DERIVE),
)
WRAPPING = M.WRAP_KEY | M.UNWRAP_KEY

BLOCK_BITS = 64  # of RFC 5649


class Draft(NamedTuple):
    """A new object before it is committed; `attributes` are the client's and what the operation found out.

    `history` is what the object brings with it of what the server sets anew for every other.
    """

    object_type: ObjectType
    attributes: Attributes
    ref: KeyRef | None = None
    custody: Custody = Custody.TOKEN
    material: bytes | None = None
    unique_identifier: str = ""
    history: Attributes = ()
    trusted: bool = False  # see `is_trusted`

    @property
    def kept_by(self) -> Custody:
        """The custody that it has: a key that the token gave wrapped is not on the token, whatever was planned."""
        return Custody.WRAPPED if self.ref is not None and self.ref.wrapped else self.custody


def new_identifier() -> str:
    """Make a unique identifier: random, so that it tells nothing and is never used again."""
    return str(uuid4())


def short(unique_identifier: str) -> bytes:
    """Give the Short Unique Identifier that goes with a unique identifier (KMIP 2.1 section 4.60)."""
    return hashlib.sha256(unique_identifier.encode()).digest()[:8]


@lru_cache(256)
def rights_for(mask: int) -> Rights:
    """Choose what a key may do on the token.

    A key that wraps and decrypts gives away every key that it wraps, and so does one that unwraps and encrypts (Clulow,
    CHES 2003), or that derives by encryption. Where a mask asks for both, the token gets the other use alone.
    """
    rights = Rights(0)
    for uses, right in RIGHTS:
        if mask & uses:
            rights |= right
    if rights & (Rights.ENCRYPT | Rights.DECRYPT | Rights.DERIVE):
        rights &= ~(Rights.WRAP | Rights.UNWRAP)
    return rights


def template(
    call: Call, unique_identifier: str, attributes: Attributes, key_type: KeyType, bits: int = 0
) -> KeyTemplate:
    """Give what a new key with these attributes may do, and where it is kept; `bits` is the size of a secret key.

    It is kept on the token or wrapped in the database, as the configuration says and the token can: what the token
    would not wrap as it is stays on the token, and so do the gateway's own keys.
    """
    mask = sets.number(attributes, Tag.CRYPTOGRAPHIC_USAGE_MASK) or 0
    profile = call.token.profile
    whole = profile.kwp_any_length or bits % BLOCK_BITS == 0
    wrapped = whole if bits else key_type in profile.private_exports
    wrapped = bool(profile.kwp) and wrapped and custody(call, attributes) == "wrapped"
    return KeyTemplate(unique_identifier, rights_for(mask), is_extractable(attributes), wrapped=wrapped)


def custody(call: Call, attributes: Attributes) -> str:
    """Tell where a new key with these attributes is to be kept: as a role says, else as the configuration does."""
    if call.peer is GATEWAY:
        return Custody.TOKEN
    terms = call.terms_for(None, attributes)
    return call.config.custody if terms is None or terms.role.custody is None else terms.role.custody


def is_extractable(attributes: Attributes) -> bool:
    """Tell whether an object with these attributes may leave the server."""
    return sets.value(attributes, Tag.EXTRACTABLE) is not False


def is_trusted(attributes: Attributes) -> bool:
    """Tell whether a key that is made here with these attributes may wrap what is Sensitive (CKA_TRUSTED in PKCS#11).

    It never leaves, so that no other object has its value; and it does nothing else, so that nothing else undoes what
    it wraps. Neither can change: an object stays not Extractable, and keeps its mask. A public key wraps by the trust
    in its private half.
    """
    mask = sets.number(attributes, Tag.CRYPTOGRAPHIC_USAGE_MASK) or 0
    return not is_extractable(attributes) and mask | WRAPPING == WRAPPING


def digest_of(material: bytes, format_type: KeyFormatType | None) -> Digest:
    """Give the Digest attribute of key material in a format (KMIP 2.1 section 4.20 Digest)."""
    return Digest(
        hashing_algorithm=HashingAlgorithm.SHA_256,
        digest_value=hashlib.sha256(material).digest(),
        key_format_type=format_type,
    )


def digest_in(call: Call, material: bytes | Structure, format_type: KeyFormatType | None) -> Digest:
    """Give the Digest of key material in any format (KMIP 2.1 section 4.20 Digest).

    Of a structure the whole item is digested, header included.
    """
    if isinstance(material, bytes):
        return digest_of(material, format_type)
    return digest_of(call.services.codec.encode_structure(material, Tag.KEY_MATERIAL, call.version), format_type)


class Wanted(NamedTuple):
    """Where an object is to be kept: the alternatives, and how to refuse them."""

    masks: ProtectionStorageMasks | None
    error: type[ProtectionStorageUnavailable] = ProtectionStorageUnavailable


def wanted_of_pair(
    common: ProtectionStorageMasks | None,
    private: ProtectionStorageMasks | None,
    public: ProtectionStorageMasks | None,
) -> tuple[Wanted, Wanted]:
    """Tell where the halves of a pair are to be kept; what is said of one of them has its way."""
    return (
        Wanted(private or common, PrivateProtectionStorageUnavailable),
        Wanted(public or common, PublicProtectionStorageUnavailable),
    )


def check_protection(call: Call, *wanted: Wanted) -> None:
    """Check that objects can be kept in one of the ways wanted, before they are made (section 7.33).

    Raises:
        ProtectionStorageUnavailable, or what else refuses them: in none of them.
    """
    for each in wanted:
        _check_storage(each, *{storage(call, custody) for custody in Custody})


def storage(call: Call, custody: Custody) -> ProtectionStorageMask:
    """Tell where an object of this custody is: what the token encrypted and does not hold is in the database."""
    return call.services.protection if custody is Custody.TOKEN else ProtectionStorageMask.SOFTWARE


def _check_storage(wanted: Wanted, *storages: ProtectionStorageMask) -> None:
    alternatives = () if wanted.masks is None else wanted.masks.protection_storage_mask
    if alternatives and all(int(mask) & ~int(there) for mask in alternatives for there in storages):
        raise wanted.error


def generated(attributes: Attributes, call: Call) -> Attributes:
    """Add what holds for an object that the server generated: when, and by which random numbers."""
    attributes = sets.put_missing(attributes, Tag.ORIGINAL_CREATION_DATE, call.today)
    return sets.put_missing(attributes, Tag.RANDOM_NUMBER_GENERATOR, random_numbers(call.config)[0])


def link(attributes: Attributes, kind: LinkType, unique_identifier: str) -> Attributes:
    """Add a Link, in place of any other of its type."""
    kept = tuple(
        a for a in attributes if not (a.tag is Tag.LINK and isinstance(a.value, Link) and a.value.link_type == kind)
    )
    new = Link(link_type=kind, linked_object_identifier=unique_identifier)
    return sets.add(kept, Attribute(Tag.LINK, new))


def _server_set(call: Call, draft: Draft) -> Attributes:
    a = _of_any_new_object(call, draft)
    for each in draft.history:
        a = sets.put(a, each.tag, each.value)
    return a


def _of_any_new_object(call: Call, draft: Draft) -> Attributes:
    said = {each.tag: each.value for each in draft.attributes}
    today = call.today
    new: dict[Tag, Value] = {
        Tag.UNIQUE_IDENTIFIER: draft.unique_identifier,
        Tag.OBJECT_TYPE: draft.object_type,
        Tag.INITIAL_DATE: today,
        Tag.LAST_CHANGE_DATE: today,
        Tag.LEASE_TIME: Interval(LEASE_TIME_S),
        Tag.FRESH: said.get(Tag.FRESH, True),
        Tag.SENSITIVE: said.get(Tag.SENSITIVE, False),
        Tag.EXTRACTABLE: said.get(Tag.EXTRACTABLE, True),
        Tag.SHORT_UNIQUE_IDENTIFIER: short(draft.unique_identifier),
        Tag.PROTECTION_STORAGE_MASK: storage(call, draft.kept_by),
    }
    new[Tag.ALWAYS_SENSITIVE] = new[Tag.SENSITIVE] is True
    new[Tag.NEVER_EXTRACTABLE] = new[Tag.EXTRACTABLE] is False
    limits = sets.structure(draft.attributes, Tag.USAGE_LIMITS, UsageLimits)
    if limits is not None:
        new[Tag.USAGE_LIMITS] = _untouched(limits)
    return sets.put_all(draft.attributes, new)


def _untouched(limits: UsageLimits) -> UsageLimits:
    return UsageLimits(
        usage_limits_total=limits.usage_limits_total,
        usage_limits_count=limits.usage_limits_total,
        usage_limits_unit=limits.usage_limits_unit,
    )


class Change(NamedTuple):
    """What is made of another object's attributes, and names, in the commit that makes a new one live."""

    managed: Managed
    fn: Callable[[Managed], Attributes]


async def add(
    call: Call,
    *drafts: Draft,
    changes: Sequence[Change] = (),
    first: Callable[[Transaction], None] = lambda _: None,
    check: Callable[[Call, Transaction, Managed], None] | None = None,
    wanted: Sequence[Wanted] = (),
) -> list[Managed]:
    """Make new objects live in one commit, with everything that the server sets; all of them or none.

    `first` and `changes` are done before: names that they free are free for the new objects. Token objects that the
    drafts name are taken away again if the commit fails. The last of `wanted` holds for all drafts that follow. `check`
    looks at each new object inside the transaction, and raises to have none.

    Raises:
        NonUniqueName: a name is taken.
        ConstraintViolation: the client's constraints forbid an object like this.
        ProtectionStorageUnavailable: it would not be kept where it is wanted.
    """
    finished = [d._replace(unique_identifier=d.unique_identifier or new_identifier()) for d in drafts]

    def write(transaction: Transaction) -> tuple[list[Altered], list[Managed]]:
        first(transaction)
        made = []
        altered = [call.alter(transaction, change.managed, change.fn, names=True) for change in changes]
        for new in news:
            constraints.check_new(call, transaction, new.object_type, new.attributes)
            call.check_new(transaction, new.row)
            if check is not None:
                check(call, transaction, new)
            made.append(Managed(transaction.add(new.row, new.names()), new.attributes))
        return altered, made

    async with kept(call, *(d.ref for d in drafts if d.ref is not None)):
        for place, draft in enumerate(finished if wanted else ()):
            _check_storage(wanted[min(place, len(wanted) - 1)], storage(call, draft.kept_by))
        news = [_new(call, draft) for draft in finished]
        changed, added = await call.store.write(write)
    for altered in changed:
        call.on_undo(partial(call.restore, altered))
    # Undone first, so that the names are free when the others get theirs back.
    for made in added:
        call.on_undo(partial(unmake, call, (made,)))
    return added


@asynccontextmanager
async def kept(call: Call, *refs: KeyRef) -> AsyncIterator[None]:
    """Take new token objects away again if what is done with them fails.

    Not when it is cancelled: a commit may still come then, and what it names must be there. Without one, the next start
    finds the objects by their reservations.
    """
    try:
        yield
    except KmipError:
        await discard(call, refs)
        raise


def _new(call: Call, draft: Draft) -> Managed:
    attributes = _server_set(call, draft)
    identity = call.peer.identity
    ref = draft.ref
    row = ObjectRow(
        unique_identifier=draft.unique_identifier,
        tenant=identity.tenant,
        owner=identity.name,
        object_type=int(draft.object_type),
        custody=draft.kept_by,
        token=call.services.token_name,
        object_class=0 if ref is None else int(ref.object_class),
        cka_id=b"" if ref is None else ref.cka_id,
        material=draft.material,
        wrapped=b"" if ref is None else ref.wrapped,
        attributes=call.services.catalogue.rows(attributes),
        archived=sets.has(attributes, Tag.ARCHIVE_DATE),
        trusted=draft.trusted,
    )
    return Managed(row, attributes)


async def discard(call: Call, refs: Sequence[KeyRef]) -> None:
    """Take token objects away that no row will name."""
    for ref in refs:
        if not ref.wrapped:  # it is nowhere but in a row that was not written
            await call.token.destroy(ref)


async def unmake(call: Call, made: Sequence[Managed]) -> None:
    """Destroy objects that were made in a batch that is undone; their names are free again."""
    for managed in made:
        await erase(call, managed, partial(_unmade, call, managed), names=())


def _unmade(call: Call, managed: Managed, current: Managed) -> Attributes:
    if current.row.id != managed.row.id:  # An import has put it aside since; what has its identifier now stays.
        raise ObjectNotFound(f"{managed.unique_identifier} is another object now")
    return sets.put(current.attributes, Tag.DESTROY_DATE, call.today)


async def erase(
    call: Call,
    managed: Managed,
    fn: Callable[[Managed], Attributes],
    names: tuple[str, ...] | None = None,
    window_s: int = 0,
) -> None:
    """Destroy an object: one commit that ends its use and queues the deletion, the deletion, one that clears the queue.

    Its row stays, without material and with the attributes that `fn` gives; `fn` sees the object as it is inside the
    transaction, and raises to leave it alone. In a batch that asks for Undo, the token keeps the key until the batch
    has succeeded: nothing can use it, and it can be brought back. So it can by an operator for `window_s` seconds; then
    the reaper deletes it.
    """

    def write(transaction: Transaction) -> Altered:
        current = call.current(transaction, managed.unique_identifier)
        row, rows = current.row, call.services.catalogue.rows(fn(current))
        transaction.replace_attributes(row.id, rows, names)
        windows.put_away(call, transaction, row, window_s)
        return Altered(row, rows)

    altered = await call.store.write(write)
    call.on_undo(lambda: call.store.write(lambda transaction: revive(call, transaction, altered)))
    await let_go(call, altered.before, window_s)


async def let_go(call: Call, row: ObjectRow, window_s: int = 0) -> None:
    """Take the key of a destroyed object off the token, unless it is kept for a window.

    In a batch that asks for Undo, that is done once all of it has succeeded.
    """
    if call.batch.undo is not None:
        call.batch.finish.append(lambda: let_go_held(call, row, window_s))
    elif not window_s:
        await _delete(call, row)


async def let_go_held(call: Call, row: ObjectRow, window_s: int = 0) -> None:
    """Do it with one that was held until the end of its batch."""
    if window_s:
        await call.store.write(lambda transaction: transaction.release_destroy(row.id))
        return
    # Let go of first: if the token does not answer, the reaper has to find it.
    if row.on_token:
        await call.store.write(lambda transaction: transaction.queue_destroy(row.id))
    await _delete(call, row)


async def _delete(call: Call, row: ObjectRow) -> None:
    if row.on_token:
        await placement.at(call, row.token).token.destroy(KeyRef(ObjectClass(row.object_class), row.cka_id))
        await call.store.destroyed(row.id)


def revive(call: Call, transaction: Transaction, altered: Altered) -> None:
    """Make an object inside a transaction what it was before it was destroyed; what others changed since holds."""
    before = altered.before
    call.put_back(transaction, altered)
    transaction.set_material(before.id, before.material, before.custody, before.wrapped)
    transaction.set_storage(before.id, destroyed=before.destroyed, archived=before.archived)
    if not before.destroyed:
        transaction.dequeue_destroy(before.id)
