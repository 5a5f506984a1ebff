"""Call: one batch item's world. Every object that an operation touches comes out of here, checked.

The one rule here: there is no other way from an identifier to an object, and none that skips the owner.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from msgspec.structs import replace

from gateway import errors
from gateway.access.identity import GATEWAY, Peer
from gateway.ahead import OutOfTurn
from gateway.audit.records import Record, bounded
from gateway.audit.trail import Trail
from gateway.config import ApprovalConfig, KmipConfig
from gateway.credentials import Credentials
from gateway.directory import Directory
from gateway.gate import Gate
from gateway.invocations import Invocations
from gateway.items import Batch, Outcome, Polled
from gateway.kmip import attribute_sets as sets
from gateway.kmip import lifecycle
from gateway.kmip.enums import (
    CryptographicUsageMask,
    DataReference,
    Operation,
    ProtectionStorageMask,
    ResultStatus,
    State,
    UniqueIdentifierReference,
    UsageLimitsUnit,
)
from gateway.kmip.messages import RequestBatchItem
from gateway.kmip.structure import Attributes, Data, DateTime, Encoded, Identifier, Item, LongInteger, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import UsageLimits
from gateway.kmip.version import Version
from gateway.managed import Catalogue, Codec, Managed
from gateway.store.api import AttributeRow, HeldRequest, ObjectRow, Store, Transaction
from gateway.token.api import Token

# Whose data each reference means.
REFERRED = {
    DataReference.DECRYPT: Operation.DECRYPT,
    DataReference.ENCRYPT: Operation.ENCRYPT,
    DataReference.HASH: Operation.HASH,
    DataReference.MAC_MAC_DATA: Operation.MAC,
    DataReference.RNG_RETRIEVE: Operation.RNG_RETRIEVE,
    DataReference.SIGN_SIGNATURE_DATA: Operation.SIGN,
    DataReference.SIGNATURE_VERIFY: Operation.SIGNATURE_VERIFY,
}

T = TypeVar("T")
S = TypeVar("S", bound=Structure)

M = CryptographicUsageMask
# Uses that apply protection; the others process what is protected already (KMIP 2.1 section 4.57 State).
PROTECTING = M.SIGN | M.ENCRYPT | M.WRAP_KEY | M.MAC_GENERATE | M.DERIVE_KEY
_PROTECTING_BITS = int(PROTECTING)


class MessageCodec(Codec, Protocol):
    """Structures inside messages that only an operation can tell what they are."""

    def decode_structure(self, cls: type[S], item: Item, version: Version) -> S:
        """Decode an item that was kept as it came."""
        ...

    def encode_structure(self, value: Structure, tag: Tag, version: Version) -> bytes:
        """Encode a structure under a tag, header included."""
        ...

    def encode_payload(self, payload: Structure, version: Version) -> Encoded:
        """Encode the response payload of an operation."""
        ...


class Background(Protocol):
    """What carries out requests for which no client waits; `gateway.asynchronous` is, and is handed down from above."""

    async def submit(self, call: "Call", item: RequestBatchItem) -> bytes:
        """Keep an item to be carried out later, and give its Asynchronous Correlation Value."""
        ...

    def begin(self, request: HeldRequest) -> None:
        """Carry out a kept request now, if nobody is at it yet."""
        ...

    async def ended(self, request: HeldRequest, timeout_s: float) -> HeldRequest | None:
        """Wait until a request has its result, or the time is over; None when it was canceled meanwhile."""
        ...


class Place(NamedTuple):
    """One of several tokens, and where it keeps its keys."""

    token: Token
    protection: ProtectionStorageMask


class Services(NamedTuple):
    """What all calls of a process share; of several tokens, `token` is the one that new objects go to."""

    config: KmipConfig
    store: Store
    token: Token
    catalogue: Catalogue
    codec: MessageCodec
    clock: Callable[[], float]
    token_name: str
    protection: ProtectionStorageMask  # where the token keeps its keys
    invocations: Invocations
    approval: ApprovalConfig = ApprovalConfig()
    background: Background | None = None  # for requests of clients, and not for what it carries out itself
    places: Mapping[str, Place] = {}  # all tokens that there are now, by name; empty where there is one alone
    directory: Directory | None = None  # of the clients; a command of an administrator has none
    credentials: Credentials | None = None
    audit: Trail | None = None


class Altered(NamedTuple):
    """One change of an object: its row before, and the attributes that it was given."""

    before: ObjectRow
    after: tuple[AttributeRow, ...]

    def taken_back(self, now: Sequence[AttributeRow]) -> tuple[AttributeRow, ...]:
        """Give the attributes as they are now without this change, where nobody has changed them again."""
        old, new, rows = _by_place(self.before.attributes), _by_place(self.after), _by_place(now)
        for place in old.keys() | new.keys():
            if old.get(place) != new.get(place) == rows.get(place):
                rows.pop(place, None)
                rows |= {place: old[place]} if place in old else {}
        return tuple(rows[place] for place in sorted(rows))


def _by_place(rows: Sequence[AttributeRow]) -> dict[tuple[int, str, int], AttributeRow]:
    return {(row.tag, row.name, row.index): row for row in rows}


class Call(Gate):
    """One batch item: who asks, in which version, and everything the operation may reach."""

    __slots__ = ("ahead", "ended", "now", "polled", "touched", "version")

    services: Services

    def __init__(self, services: Services, peer: Peer, version: Version, batch: Batch, *, ahead: bool = False) -> None:
        """`ahead` says that items before this one are not done yet."""
        super().__init__(services, peer, batch)
        self.ahead = ahead
        self.version = version
        self.now = services.clock()
        self.polled: Polled | None = None
        self.touched: list[str] = []  # what was asked for, whether or not it was given: for the audit
        self.ended = self.now

    @property
    def config(self) -> KmipConfig:
        """The choices that an operator made."""
        return self.services.config

    @property
    def store(self) -> Store:
        """The metadata database."""
        return self.services.store

    @property
    def token(self) -> Token:
        """The token that new objects go to."""
        return self.services.token

    @property
    def background(self) -> Background:
        """What carries out asynchronous requests.

        Raises:
            FeatureNotSupported: this is one of them.
        """
        if self.services.background is None:
            raise errors.FeatureNotSupported("an asynchronous request does not deal with others")
        return self.services.background

    @property
    def today(self) -> DateTime:
        """The time at which this item began, in whole seconds since 1970."""
        return DateTime(int(self.now))

    def of_gateway(self) -> "Call":
        """Give the world of the gateway itself, whose own objects no client sees."""
        own = Call(self.services, GATEWAY, self.version, Batch())
        own.touched = self.touched
        return own

    def note(self, operation: Operation, status: ResultStatus, told: Sequence[str] = ()) -> None:
        """Record what the gateway does by itself for this client, with the objects that it touched, or tells of.

        Raises:
            AuditDown: it cannot be recorded, and so is not to be done.
        """
        audit, identity = self.services.audit, self.peer.identity
        if audit is None:
            return
        shown, more = bounded(self.touched, told)
        record = Record(
            self.services.clock(),
            "gateway",
            operation.token,
            identity.tenant,
            identity.name,
            address=self.peer.address,
            objects=shown,
            more_objects=more,
            status=status.token,
            version=str(self.version),
        )
        if not audit.write([record]):
            raise errors.AuditDown

    def in_turn(self) -> None:
        """Make sure that every item before this one is done, before anything is changed or taken from them.

        Raises:
            OutOfTurn: they are not; the item is begun anew when they are.
        """
        if self.ahead:
            raise OutOfTurn

    def reference(self) -> str:
        """Give a number under which the log and the client's message can be brought together."""
        return secrets.token_hex(4)

    def identifier(self, given: Identifier | None) -> str:
        """Tell which object is meant: by its unique identifier, the ID Placeholder, or another item of the batch.

        Raises:
            ObjectNotFound: the ID Placeholder is empty, or the item referred to made nothing.
        """
        if type(given) is str:
            return given
        self.in_turn()
        if given is None or given is UniqueIdentifierReference.ID_PLACEHOLDER:
            found = self.batch.placeholder
        elif isinstance(given, UniqueIdentifierReference):
            found = self._latest(given)
        else:
            found = self._numbered(int(given))
        if found is None:
            raise errors.ObjectNotFound("no object is meant here: the ID Placeholder is empty")
        return found

    def _latest(self, reference: UniqueIdentifierReference) -> str | None:
        name = reference.name.removesuffix("_PRIVATE_KEY").removesuffix("_PUBLIC_KEY")
        half = 1 if reference.name.endswith("_PUBLIC_KEY") else 0  # The private key is told first.
        for outcome in reversed(self.batch.outcomes):
            if outcome.operation == Operation[name] and len(outcome.identifiers) > half:
                return outcome.identifiers[half]
        return None

    def _numbered(self, number: int) -> str | None:
        found = self._outcome(number)
        return found.identifiers[0] if found is not None and found.identifiers else None

    def _outcome(self, number: int) -> Outcome | None:
        """Give what the item with this number left, counted from the first, or back from here when negative."""
        outcomes = self.batch.outcomes
        place = number if number >= 0 else len(outcomes) + number
        return outcomes[place] if 0 <= place < len(outcomes) else None

    def data(self, given: Data | None) -> bytes | None:
        """Give a request's data: its own, or what another item of the batch put out.

        Raises:
            ItemNotFound: that item put out none, or there is no such item.
        """
        if given is None or type(given) is bytes:
            return given
        self.in_turn()
        if isinstance(given, DataReference):
            latest = reversed(self.batch.outcomes)
            found = next((each for each in latest if each.operation == REFERRED[given] and each.data is not None), None)
        else:
            found = self._outcome(int(given))
        if found is None or found.data is None:
            raise errors.ItemNotFound("the batch item that is referred to has put out no data")
        return found.data

    def find(self, given: Identifier | None, use: int | None = None) -> Managed:
        """Give an object that this client may use so, destroyed ones included; None is the operation itself.

        Raises:
            ObjectNotFound: there is none, or it is somebody else's (the two are told alike).
            NotAuthorized: it is this client's, and roles or ticket do not allow this.
        """
        unique_identifier = self.identifier(given)
        self.touched.append(unique_identifier)
        # A request sees all that was committed before it came; the items begun ahead in it need not look again.
        store, batch = self.services.store, self.batch
        row = store.recall(unique_identifier) if self.ahead or batch.fresh else store.peek(unique_identifier)
        batch.fresh = False  # From here on the request may have changed something itself.
        if row is None or not self.may(row, use):
            if row is not None:  # It takes as long as with none: that one is looked for in the database.
                store.peek("")
            raise self.missing(unique_identifier, row)
        return self.services.catalogue.managed(row)

    def live(self, given: Identifier | None, use: int | None = None) -> Managed:
        """Give an object that this client may use so and that still has its material.

        Raises:
            ObjectNotFound, ObjectDestroyed, ObjectArchived.
        """
        managed = self.find(given, use)
        if managed.destroy is not None:
            raise errors.ObjectDestroyed(f"{managed.unique_identifier} was destroyed")
        if managed.archive is not None:
            raise errors.ObjectArchived(f"{managed.unique_identifier} is archived")
        return managed

    def key(self, given: Identifier | None, use: CryptographicUsageMask, right: int | None = None) -> Managed:
        """Give a key that may be used so, now, and that this client may use so; `right` as in `find`.

        Raises:
            ObjectNotFound, ObjectDestroyed, ObjectArchived.
            WrongLifecycleState: its State or its dates forbid it (KMIP 2.1 section 4.57 State).
            UsageMaskMissing: its Cryptographic Usage Mask does.
        """
        managed = self.live(given, right)
        now = self.now
        if int(use) & _PROTECTING_BITS:
            usable = managed.state(now) is State.ACTIVE
            in_time = managed.protect_stop is None or managed.protect_stop > now
        else:
            usable = managed.state(now) in lifecycle.PROCESSING
            in_time = managed.process_start is None or managed.process_start <= now
        if not usable or not in_time:
            raise errors.WrongLifecycleState(self._why_not(managed, usable))
        if not managed.usage_bits & int(use):
            raise errors.UsageMaskMissing(f"the usage mask of {managed.unique_identifier} lacks {use.token}")
        return managed

    def _why_not(self, managed: Managed, usable: bool) -> str:
        if not usable:
            return f"{managed.unique_identifier} is {managed.state(self.now).token}"
        return f"the Protect Stop or Process Start Date of {managed.unique_identifier} forbids this now"

    async def spend(self, managed: Managed, data_bytes: int, use: int | None = None) -> None:
        """Take one use, or so many bytes, off the Usage Limits of a key that is to protect something, before it does.

        `use` is the right by which this client has the key, as in `find`.

        Raises:
            UsageLimitExhausted: less than that is left.
            WrongLifecycleState: another client has ended its use since it was looked at.
        """

        def spent(current: Managed) -> Attributes:
            # That client may have been answered, and seen how much is left: nothing is taken off afterwards.
            self._check_protects(current)
            return _spent(current, data_bytes)

        if managed.usage_limits is not None:
            # Not to be undone: the result of an undone item is given to the client all the same.
            await self.change(managed, spent, touch=False, undoable=False, use=use)

    def _check_protects(self, current: Managed) -> None:
        now = self.services.clock()  # which may be later than when this item began
        in_time = current.protect_stop is None or current.protect_stop > now
        if current.state(now) is not State.ACTIVE or current.archive is not None or not in_time:
            raise errors.WrongLifecycleState(f"{current.unique_identifier} may not be used so any more")

    async def change(
        self,
        managed: Managed,
        fn: Callable[[Managed], Attributes],
        *,
        touch: bool = True,
        names: bool = False,
        undoable: bool = True,
        use: int | None = None,
        check: Callable[[Transaction, Managed], None] = lambda transaction, changed: None,
    ) -> Managed:
        """Replace the attributes of an object by what `fn` makes of them as they are at that moment.

        `fn` sees the object as it is inside the transaction, whatever came between, and raises to leave it alone. Last
        Change Date moves with it unless `touch` is false; the names are compared with others' only if `names` is true.
        A batch that asks for Undo takes it back unless `undoable` is false. `check` sees what came of it, inside the
        transaction too, and raises to leave the object alone.
        """

        self.in_turn()
        altered = await self.services.store.write(
            lambda t: self.alter(t, managed, fn, touch=touch, names=names, use=use, check=check)
        )
        if undoable:
            self.on_undo(lambda: self.restore(altered))
        return self.services.catalogue.managed(self._row(managed.unique_identifier))

    def alter(
        self,
        transaction: Transaction,
        managed: Managed,
        fn: Callable[[Managed], Attributes],
        *,
        touch: bool = True,
        names: bool = False,
        use: int | None = None,
        check: Callable[[Transaction, Managed], None] = lambda transaction, changed: None,
    ) -> Altered:
        """Do inside a transaction what `change` does, and tell what that was, for `restore`."""
        current = self.current(transaction, managed.unique_identifier, use)
        attributes = fn(current)
        if touch:
            attributes = sets.put(attributes, Tag.LAST_CHANGE_DATE, self.today)
        changed = Managed(current.row, attributes)
        check(transaction, changed)
        rows = self.services.catalogue.rows(attributes)
        transaction.replace_attributes(current.row.id, rows, changed.names() if names else None)
        return Altered(current.row, rows)

    def current(self, transaction: Transaction, unique_identifier: str, use: int | None = None) -> Managed:
        """Give an object as it is inside a transaction, if this client may use it so; None is the operation itself.

        Raises:
            ObjectNotFound: it may not, or there is none.
        """
        row = transaction.get(unique_identifier)
        if row is None or not self.may(row, use, transaction):
            raise self.missing(unique_identifier, row)
        return self.services.catalogue.decode(row)

    def _row(self, unique_identifier: str) -> ObjectRow:
        row = self.services.store.peek(unique_identifier)
        if row is None:
            raise errors.ObjectNotFound(f"there is no object {unique_identifier[:100]!r}")
        return row

    async def restore(self, altered: Altered) -> None:
        """Take one change back, and leave what others have changed since: a revocation that came between holds."""
        await self.services.store.write(lambda t: self.put_back(t, altered))

    def put_back(self, transaction: Transaction, altered: Altered) -> None:
        """Do inside a transaction what `restore` does."""
        current = self.current(transaction, altered.before.unique_identifier).row
        if current.id != altered.before.id:  # An import has put it aside since, and that holds too.
            raise errors.ObjectNotFound(f"{altered.before.unique_identifier} is another object now")
        rows = altered.taken_back(current.attributes)
        names = self.services.catalogue.decode(replace(current, attributes=rows)).names()
        transaction.replace_attributes(current.id, rows, names)

    def on_undo(self, fn: Callable[[], Awaitable[None]]) -> None:
        """Say how to take back what was just done, for a batch that asks for Undo."""
        if self.batch.undo is not None:
            self.batch.undo.append(fn)


def _spent(current: Managed, data_bytes: int) -> Attributes:
    limits = current.usage_limits
    if limits is None:
        return current.attributes
    return allocated(current, limits, 1 if limits.usage_limits_unit is UsageLimitsUnit.OBJECT else data_bytes)


def allocated(current: Managed, limits: UsageLimits, amount: int) -> Attributes:
    """Give the attributes of an object with so much, in the unit of its Usage Limits, taken off them.

    Raises:
        UsageLimitExhausted: less than that is left.
    """
    left = limits.usage_limits_total if limits.usage_limits_count is None else limits.usage_limits_count
    if amount > left:
        raise errors.UsageLimitExhausted(f"the Usage Limits of {current.unique_identifier} are used up")
    rest = UsageLimits(
        usage_limits_total=limits.usage_limits_total,
        usage_limits_count=LongInteger(left - amount),
        usage_limits_unit=limits.usage_limits_unit,
    )
    return sets.put(current.attributes, Tag.USAGE_LIMITS, rest)
