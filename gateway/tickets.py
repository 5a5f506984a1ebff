"""Tickets: what Login gives, and what a request that shows one may do (KMIP 2.1 sections 6.1.30 Login, 7.39 Ticket).

The one rule here: a ticket is a secret of 256 bits that is kept as its hash alone, is looked up at every request, and
never allows more than the one by which it was asked for: that one's end is its end, and its requests count there too.
"""

import hashlib
import secrets

import structlog

from gateway import errors
from gateway.access import rights
from gateway.access.identity import Identity, Peer
from gateway.call import Call, Services
from gateway.items import Admission
from gateway.kmip.enums import TicketType
from gateway.kmip.messages import Ticket, TicketCredential
from gateway.kmip.policy import Right, Rights
from gateway.kmip.structure import Item
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_1, Version
from gateway.store.api import TicketRow, Transaction

VALUE_BYTES = 32
MAX_TICKETS = 1000  # of one client
MAX_LINE = 8  # tickets asked for by one another
MAX_RIGHTS_BYTES = 16 * 1024
HEADER_BYTES = 8
STRUCTURE = 1
DEFAULT_LEASE_S = 3600  # where the client leaves the lease to the server

log = structlog.get_logger()


async def admit(services: Services, shown: Item, peer: Peer, version: Version) -> Admission:
    """Tell as whom a request of this peer acts that shows a ticket: as whom it was given to.

    Raises:
        InvalidTicket, TicketUsedUp: it does not hold.
        NotAuthorized: whose it is was revoked.
    """
    hash = _hash(services.codec.decode_structure(TicketCredential, shown, version).ticket)
    now = services.clock()
    line = services.store.ticket(hash)
    _check(line, peer.identity, now)
    if any(each.requests is not None for each in line):
        await services.store.write(lambda transaction: _spend(transaction, hash, peer.identity, now))
    first = line[0]
    owner = Identity(first.owner, first.tenant)
    if owner != peer.identity:
        log.info("delegated", identity=peer.identity.name, owner=owner.name, address=peer.address)
        if services.directory is None:
            raise errors.InvalidTicket
        peer = services.directory.acting(owner, peer.address)
    return Admission(peer, _rights(services, first), hash)


def admit_again(services: Services, hash: bytes, peer: Peer) -> Admission:
    """Tell what a ticket allows now, for a request that was counted when it came; `peer` is as whom it acts.

    Raises:
        InvalidTicket: its time is over.
    """
    line = services.store.ticket(hash)
    _check_time(line, services.clock())
    return Admission(peer, _rights(services, line[0]), hash)


def _check_time(line: list[TicketRow], now: float) -> None:
    if not line or line[-1].parent is not None:
        raise errors.InvalidTicket
    if any(each.expires is not None and each.expires <= now for each in line):
        raise errors.InvalidTicket


def _check(line: list[TicketRow], identity: Identity, now: float) -> None:
    """Check a ticket and those by which it came to be, as they are now.

    Raises:
        InvalidTicket: there is none, it is somebody else's own, or its time is over.
        TicketUsedUp: so are its requests.
    """
    _check_time(line, now)
    first = line[0]
    # What was delegated is for others of the tenant to use; what Login gave is of no use to who overheard it.
    if first.tenant != identity.tenant or not (first.delegated or first.owner == identity.name):
        raise errors.InvalidTicket
    if any(each.requests == 0 for each in line):
        raise errors.TicketUsedUp


def _spend(transaction: Transaction, hash: bytes, identity: Identity, now: float) -> None:
    line = transaction.ticket(hash)
    _check(line, identity, now)
    for each in line:
        if each.requests is not None:
            transaction.spend_ticket(each.hash)


def _rights(services: Services, row: TicketRow) -> tuple[Right, ...] | None:
    if row.rights is None:
        return None
    item = Item(STRUCTURE, row.rights[HEADER_BYTES:])
    return services.codec.decode_structure(Rights, item, V2_1).right


async def issue(
    call: Call, lease_s: int | None, requests: int | None, granted: tuple[Right, ...] | None = None
) -> Ticket:
    """Give a ticket for what the caller may do itself, or for what is granted of it; for others only if it is granted.

    `lease_s` and `requests` of 0 are no limit; without a lease the server chooses one.

    Raises:
        InvalidField: a number below 0.
        NotAuthorized: more is granted than the caller has.
        ServerLimitExceeded: the client has too many tickets, or grants too much at once.
    """
    if (requests or 0) < 0:
        raise errors.InvalidField("a Request Count is a number from 0")
    own = call.batch.rights
    if granted is not None and own is not None and not all(rights.covered(each, own) for each in granted):
        raise errors.NotAuthorized("more is granted than this ticket allows")
    value = secrets.token_bytes(VALUE_BYTES)
    identity = call.peer.identity
    lease_s = DEFAULT_LEASE_S if lease_s is None else lease_s
    row = TicketRow(
        hash=hashlib.sha256(value).digest(),
        tenant=identity.tenant,
        owner=identity.name,
        parent=call.batch.ticket,
        delegated=granted is not None,
        expires=call.today + lease_s if lease_s else None,
        requests=requests or None,
        rights=None if granted is None else _kept(call, granted),
    )
    await call.store.write(lambda transaction: _add(transaction, row, call.now))
    call.on_undo(lambda: call.store.write(lambda transaction: transaction.drop_ticket(row.hash)))
    return Ticket(ticket_type=TicketType.LOGIN, ticket_value=value)


def _kept(call: Call, granted: tuple[Right, ...]) -> bytes:
    raw = call.services.codec.encode_structure(Rights(right=granted), Tag.RIGHTS, V2_1)
    if len(raw) > MAX_RIGHTS_BYTES:
        raise errors.ServerLimitExceeded(f"the rights of a ticket may take {MAX_RIGHTS_BYTES} bytes, not {len(raw)}")
    return raw


def _add(transaction: Transaction, row: TicketRow, now: float) -> None:
    if transaction.count_tickets(row.tenant, row.owner, int(now)) >= MAX_TICKETS:
        raise errors.ServerLimitExceeded(f"a client has {MAX_TICKETS} tickets at most: log out of some")
    # The request that asks may have been the last that its own ticket allows.
    if row.parent is not None:
        line = transaction.ticket(row.parent)
        if not line:
            raise errors.InvalidTicket
        if len(line) >= MAX_LINE:
            raise errors.ServerLimitExceeded(f"tickets ask for tickets {MAX_LINE} deep at most")
    transaction.add_ticket(row)


async def end(call: Call, ticket: Ticket) -> None:
    """Make a ticket of the caller's invalid, and all that were asked for by it.

    In a batch that asks for Undo it is done once all of it has succeeded: a ticket that is gone does not come back.

    Raises:
        InvalidTicket: the caller has no such ticket.
    """
    hash = _hash(ticket)
    line = call.store.ticket(hash)
    identity = call.peer.identity
    if not line or (line[0].tenant, line[0].owner) != (identity.tenant, identity.name):
        raise errors.InvalidTicket

    async def drop() -> None:
        await call.store.write(lambda transaction: transaction.drop_ticket(hash))

    if call.batch.undo is None:
        await drop()
    else:
        call.batch.finish.append(drop)


def _hash(ticket: Ticket) -> bytes:
    return hashlib.sha256(ticket.ticket_value).digest()
