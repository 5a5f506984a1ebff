"""What every store offers: the rows, the questions, and the promises that a caller may build on.

The one rule of the room: what `write` has returned is durable, and no read that starts afterwards, in this process or
another, misses it.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum, IntEnum, StrEnum, auto
from typing import NamedTuple, Protocol, TypeVar

from msgspec import Struct

from gateway.store.accounts import Accounts, AccountsRead
from gateway.store.approvals import Approvals
from gateway.store.grants import Grants, GrantsRead

T = TypeVar("T")
Scalar = int | str | bytes | None

# No cache keeps a row that weighs more: it costs little more to read than to use.
MAX_ROW_BYTES = 64 * 1024


class Custody(StrEnum):
    """Where the key bytes of an object are."""

    TOKEN = "token"  # an object of the token  # noqa: S105 - a place, no secret
    WRAPPED = "wrapped"  # in the database, wrapped by a key of the token
    SEALED = "sealed"  # in the database, encrypted under the storage key of the token


class AttributeRow(Struct, frozen=True, gc=False):
    """One instance of one attribute: its TTLV bytes, and the one value that Locate can compare."""

    tag: int
    name: str = ""  # of a vendor attribute: "vendor\x00name"
    index: int = 0
    ttlv: bytes = b""
    scalar: Scalar = None  # an int is 64 bits and signed


class ObjectRow(Struct, frozen=True, gc=False):
    """One managed object; a destroyed one keeps its row. Build it with keywords: `id` and `changed` are the store's."""

    unique_identifier: str
    tenant: str
    owner: str  # the identity's name
    object_type: int
    custody: Custody
    token: str = ""
    object_class: int = 0
    cka_id: bytes = b""
    material: bytes | None = None  # the sealed object, or what neither the token nor an attribute tells of it
    wrapped: bytes = b""  # the key itself where it is not on the token, as the token gave it
    attributes: tuple[AttributeRow, ...] = ()  # in the order of tag, name, index
    destroyed: bool = False
    archived: bool = False
    trusted: bool = False  # may wrap what is Sensitive: as a key made here that never leaves and does nothing else
    id: int = 0  # grows with the time of creation, never reused
    changed: int = 0  # the number of the commit that last touched it

    @property
    def on_token(self) -> bool:
        """Whether the key is an object of the token, which goes when the object is destroyed."""
        return bool(self.cka_id) and self.custody is Custody.TOKEN

    @property
    def weight(self) -> int:
        """About how many bytes a cache of rows spends on what clients chose."""
        return len(self.material or b"") + len(self.wrapped) + sum(len(each.ttlv) for each in self.attributes)


class TicketRow(Struct, frozen=True):
    """A ticket that a client was given, known by the hash of its value; `parent` is that of the ticket it was asked by.

    What is None has no limit.
    """

    hash: bytes
    tenant: str
    owner: str
    parent: bytes | None = None
    delegated: bool = False  # for others to use too
    expires: int | None = None  # seconds since 1970
    requests: int | None = None  # that are left
    rights: bytes | None = None  # TTLV


class Stage(IntEnum):
    """How far an asynchronous request has come."""

    SUBMITTED = 1  # nobody has begun it
    IN_PROCESS = 2  # its instance is at it
    COMPLETED = 3  # its result is kept


class Change(NamedTuple):
    """An object that a commit added, or changed."""

    unique_identifier: str
    added: bool


class Committed(NamedTuple):
    """An object as a commit left it, and as it was before; None before where it is new."""

    before: ObjectRow | None
    after: ObjectRow


class Kept(NamedTuple):
    """What is kept of a destroyed object, so that it can be taken back, and until when."""

    due: int | None  # seconds since 1970; None: until an operator says so
    material: bytes | None = None  # as in its row
    wrapped: bytes = b""
    sealed_as: str = ""  # the unique identifier that it had when it was destroyed
    held: bool = False  # a batch is still at it


class HeldRequest(Struct, frozen=True, gc=False):
    """One asynchronous request: whose it is, how far it has come, and what is kept of it under the token's seal."""

    correlation: bytes
    tenant: str
    owner: str  # the identity's name
    operation: int
    version: str  # of the protocol
    batch_item: bytes | None  # its Unique Batch Item ID
    ticket: bytes | None  # the hash of that by which it was asked for
    submitted: int  # microseconds since 1970
    stage: Stage
    instance: int  # who has it to do
    begun: int = 0  # how often
    changes: tuple[Change, ...] = ()  # what its commits have done so far
    sealed: bytes = b""  # the request until it is completed, then the response payload; not in lists
    reason: int = 0  # why it failed, 0 if it did not
    message: str = ""  # the same in words
    objects: tuple[str, ...] = ()  # whom a completed one touched, first the one that it is about


class Op(Enum):
    """How a Filter compares; EQUAL, RANGE and MASK look at the scalar."""

    EQUAL = auto()  # scalar == low
    RANGE = auto()  # low <= scalar <= high, either end open when None
    MASK = auto()  # every bit of low is set in scalar
    EXISTS = auto()  # the attribute is there
    TTLV = auto()  # ttlv == low


class Filter(Struct, frozen=True):
    """One condition: some instance of the attribute satisfies it."""

    tag: int
    name: str = ""
    op: Op = Op.EQUAL
    low: Scalar = None
    high: Scalar = None


class Query(Struct, frozen=True):
    """The objects of a tenant that satisfy every filter, newest first."""

    tenant: str | None  # None: every tenant, which is for the gateway's own rounds, and for no client
    owner: str | None = None  # None: every owner of the tenant
    lent: int | None = None  # and what the owner was granted this use of
    filters: tuple[Filter, ...] = ()
    include_online: bool = True  # neither archived nor destroyed
    include_archived: bool = False
    include_destroyed: bool = False
    offset: int = 0
    limit: int | None = None


class Located(Struct, frozen=True):
    """One page of unique identifiers; `total` counts all pages, and is None where counting would take too long."""

    unique_identifiers: tuple[str, ...]
    total: int | None


class Transaction(Protocol):
    """The database as a function given to `write` sees it: its own changes included, all of them undone if it raises.

    The function runs in the writer's thread and may be one of many in the transaction: it must not wait for anything.
    """

    def get(self, unique_identifier: str) -> ObjectRow | None:
        """Give the row as it is now."""
        ...

    def add(self, row: ObjectRow, names: Iterable[str] = (), *, reserved: bool = True) -> ObjectRow:
        """Give the row with its `id`, spending the reservation of its CKA_ID.

        With custody TOKEN the CKA_ID must be one that this store reserved (or that the same function has just spent:
        the halves of a key pair share theirs), unless `reserved` is False. So a key that the reaper of another process
        has condemned can never become an object.

        Raises:
            NonUniqueName: another object of the same owner has one of the names.
            ObjectAlreadyExists: the unique identifier is taken.
            GeneralFailure: the CKA_ID is not reserved.
        """
        ...

    def replace_attributes(self, id: int, rows: Sequence[AttributeRow], names: Iterable[str] | None = None) -> None:
        """Make `rows` the whole set of attributes, and `names` the whole set of names (None: as they were).

        Raises:
            NameTaken: another object of the same owner has one of the names.
        """
        ...

    def rename(self, id: int, unique_identifier: str) -> None:
        """Give the object another unique identifier, so that its own is free for the one that replaces it.

        Raises:
            ObjectAlreadyExists: the unique identifier is taken.
        """
        ...

    def set_material(self, id: int, material: bytes | None, custody: Custody, wrapped: bytes = b"") -> None:
        """Change what is kept in the database of the key itself."""
        ...

    def move(self, row: ObjectRow) -> None:
        """Say where the key of an object is from now on: custody, token, CKA_ID and material are those of the row.

        The CKA_ID must be spent in the same function where the key is an object of the token.

        Raises:
            GeneralFailure: it was not reserved.
        """
        ...

    def condemn_key(self, cka_id: bytes) -> None:
        """Have whatever carries a CKA_ID taken off every token; `forget` it once that is done.

        Raises:
            GeneralFailure: a destroyed object can still be had back whose key carries it too.
        """
        ...

    def set_storage(self, id: int, *, destroyed: bool = False, archived: bool = False) -> None:
        """Say whether the object is destroyed or archived."""
        ...

    def named(self, tenant: str, owner: str, name: str) -> str | None:
        """Give the unique identifier of the owner's object that has this name, destroyed or not."""
        ...

    def with_scalar(self, tenant: str, tag: int, scalar: Scalar, limit: int) -> list[ObjectRow]:
        """Give objects of a tenant, destroyed or not, that have this value, one that `findable` says the index has."""
        ...

    def count_objects(self, tenant: str, owner: str, most: int) -> int:
        """Count an owner's objects that are not destroyed, or are kept all the same, up to `most` of either."""
        ...

    def count_invocations(self, subject: bytes, amount: int) -> int:
        """Add to how often a key was used, and give how often it was before."""
        ...

    def keep_iv(self, subject: bytes, iv: bytes) -> int:
        """Keep an IV of a key for good, and give how many of it are kept now; 0 where this one was there."""
        ...

    def ivs_forgotten_to(self) -> int:
        """Give the highest number of a row that was in a copy put back: of keys up to it, IVs may have come since."""
        ...

    def latest_instance(self) -> int:
        """Give the highest number that a process was given so far."""
        ...

    def setting(self, tenant: str, owner: str, tag: int) -> bytes | None:
        """Give what a client has laid down under a tag for its own objects, None where it has not."""
        ...

    def set_setting(self, tenant: str, owner: str, tag: int, ttlv: bytes | None) -> None:
        """Replace it; None takes it away."""
        ...

    def ticket(self, hash: bytes) -> list[TicketRow]:
        """Give a ticket and all by which it came to be, its own first; none where there is no such ticket."""
        ...

    def add_ticket(self, row: TicketRow) -> None:
        """Keep a ticket.

        Raises:
            IntegrityError of the database: there is one of this hash, or the parent is gone.
        """
        ...

    def count_tickets(self, tenant: str, owner: str, now: int) -> int:
        """Drop the tickets of a client that have expired, and count those that are left."""
        ...

    def spend_ticket(self, hash: bytes) -> None:
        """Take one request off what is left of a ticket; it must not be none."""
        ...

    def drop_ticket(self, hash: bytes) -> None:
        """Forget a ticket, and all that were asked by it."""
        ...

    def queue_destroy(self, id: int, *, held: bool = False, kept: Kept | None = None) -> None:
        """Note that something is left of a destroyed object, which must go: at once, or when it is due.

        At once goes a key on the token. While this store holds it, no reaper deletes it: who holds says later that the
        key stays, queues it again, or lets go of it.
        """
        ...

    def release_destroy(self, id: int) -> None:
        """Hold no more what this store has held; it goes when it is due."""
        ...

    def kept(self, id: int) -> Kept | None:
        """Give what is kept of a destroyed object; None where nothing is, or it is claimed to be deleted."""
        ...

    def let_go(self, id: int) -> None:
        """Have what is kept of a destroyed object be due now."""
        ...

    def dequeue_destroy(self, id: int) -> None:
        """Note that nothing is left of a destroyed object, or that it is no more destroyed."""
        ...

    def spend(self, cka_id: bytes) -> None:
        """Drop the reservation of a CKA_ID that no crash need clean up after."""
        ...

    @property
    def accounts(self) -> Accounts:
        """The tenants, roles, clients and credentials."""
        ...

    @property
    def approvals(self) -> Approvals:
        """What waits for the approval of others, or had it."""
        ...

    @property
    def grants(self) -> Grants:
        """What clients were granted of each other's objects."""
        ...

    def request(self, correlation: bytes) -> HeldRequest | None:
        """Give an asynchronous request as it is now."""
        ...

    def put_request(self, request: HeldRequest) -> None:
        """Keep an asynchronous request, in place of what was kept under its correlation value."""
        ...

    def drop_request(self, correlation: bytes) -> None:
        """Forget an asynchronous request."""
        ...

    def weigh_requests(self, tenant: str, owner: str) -> tuple[int, int]:
        """Tell how many asynchronous requests a client has, and how many bytes are kept of them."""
        ...

    def expire_requests(self, before: int) -> int:
        """Forget the completed requests that were submitted before then (microseconds since 1970), and count them."""
        ...


class Store(Protocol):
    """The store as the gateway sees it. Whatever the database does, only KmipError comes out (StoreDown)."""

    @property
    def instance(self) -> int:
        """The number of this process among those that have had the database open."""
        ...

    async def get(self, unique_identifier: str) -> ObjectRow | None:
        """Give the row with all that was committed before the call."""
        ...

    async def check(self) -> None:
        """Return when the database answers, and took the last write that there was, of any process.

        Raises:
            StoreDown: it does not.
        """
        ...

    def peek(self, unique_identifier: str) -> ObjectRow | None:
        """Give the same without a turn of the event loop."""
        ...

    def recall(self, unique_identifier: str) -> ObjectRow | None:
        """Give the row as the last look or `refresh` saw it, at a tenth of the cost."""
        ...

    def refresh(self) -> None:
        """Look whether anything was committed, so that `recall` knows it."""
        ...

    def access_generation(self) -> int:
        """Give the number of the last change of who may do what, with all that was committed before the call."""
        ...

    @property
    def accounts(self) -> AccountsRead:
        """The tenants, roles, clients and credentials, with all that was committed before each question."""
        ...

    @property
    def grants(self) -> GrantsRead:
        """What clients were granted of each other's objects, with all that was committed before each question."""
        ...

    def setting(self, tenant: str, owner: str, tag: int) -> bytes | None:
        """Give what a client has laid down under a tag for its own objects, with all that was committed before."""
        ...

    def ticket(self, hash: bytes) -> list[TicketRow]:
        """Give a ticket and all by which it came to be, its own first; none where there is no such ticket."""
        ...

    async def locate(self, query: Query, post: Callable[[ObjectRow], bool] | None = None) -> Located:
        """Give a page of what satisfies the query and, before offset and limit are counted, `post`."""
        ...

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        """Run `fn` in a transaction that it shares with others, and give its result once that is durable.

        Raises:
            StoreDown: the database failed; nothing of `fn` was kept.
        """
        ...

    def watch(self, watcher: Callable[[Sequence[Committed]], None]) -> None:
        """Have the watcher told, in the event loop, of what each `write` of this process did to objects from now on.

        It is told before whoever wrote; of an object that a function changed without reading it, nothing is told.
        """
        ...

    async def reserve(self) -> bytes:
        """Give a CKA_ID (16 random bytes) reserved durably before; waits only when the stock is empty."""
        ...

    async def destroyed(self, id: int) -> None:
        """Note that the token deletion that `queue_destroy` queued is done."""
        ...

    async def end_windows(self, now: int) -> int:
        """Erase from the database what was kept until `now`, seconds since 1970, and have its keys pending.

        Nobody can take that back from then on. Counts the objects of which nothing is left.
        """
        ...

    async def pending_destroys(self) -> list[ObjectRow]:
        """Give the destroyed objects whose key may still be on the token, and is to go now."""
        ...

    async def unspent(self) -> list[bytes]:
        """Condemn the reservations that dead processes left, and give all condemned CKA_IDs.

        So it is with those of this process that were handed out and not spent as often as this was asked, three times:
        their requests failed. It is for a reaper to ask, once in a round.

        Whatever carries one on the token was never acknowledged; `forget` them once it is destroyed.
        """
        ...

    async def forget(self, cka_ids: Sequence[bytes]) -> None:
        """Drop condemned reservations."""
        ...

    async def held(self, correlation: bytes) -> HeldRequest | None:
        """Give an asynchronous request."""
        ...

    async def held_by(self, tenant: str, owner: str) -> list[HeldRequest]:
        """Give a client's asynchronous requests without what is sealed of them, the oldest first."""
        ...

    async def unfinished(self) -> list[HeldRequest]:
        """Give the requests, without what is sealed of them, that this instance has to do, or nobody who lives."""
        ...

    def journal(self, request: HeldRequest) -> "Store":
        """Give this store for what is done for a request that is in process: its writes are told in `changes`.

        Each of them is refused, for good, once the request was canceled or has been begun anew.
        """
        ...

    async def close(self) -> None:
        """Finish the writes under way, give back the reservations not handed out, and close the database."""
        ...
