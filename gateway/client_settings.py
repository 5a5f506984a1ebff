"""What a client has laid down for its own objects: one structure for each client and kind, kept as its TTLV bytes.

The one rule here: a client reads and changes its own alone. What one lays down touches no object of another's.
"""

from collections.abc import Callable
from typing import TypeVar

from gateway.call import Call
from gateway.errors import ServerLimitExceeded
from gateway.kmip.structure import Item, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_1
from gateway.store.api import Transaction

S = TypeVar("S", bound=Structure)

# Every new object is held against them: what a client lays down is bounded, and with it the time that this takes.
MAX_BYTES = 16 * 1024
HEADER_BYTES = 8
STRUCTURE = 1


def read(call: Call, tag: Tag, kind: type[S]) -> S | None:
    """Give what the client has laid down under this tag, None where it has not."""
    identity = call.peer.identity
    return _decoded(call, kind, call.store.setting(identity.tenant, identity.name, tag))


def read_in(call: Call, transaction: Transaction, tag: Tag, kind: type[S], owner: str) -> S | None:
    """Give what an owner of the client's tenant has laid down, as it is inside a transaction."""
    return _decoded(call, kind, transaction.setting(call.peer.identity.tenant, owner, tag))


async def lay_down(call: Call, tag: Tag, new: Structure | None) -> None:
    """Replace what the client has laid down under this tag, as a whole; None takes it away.

    Raises:
        NotAuthorized: a ticket is for some objects only.
        ServerLimitExceeded: it is too much.
    """
    call.require_everything()
    raw = None if new is None else call.services.codec.encode_structure(new, tag, V2_1)
    if raw is not None and len(raw) > MAX_BYTES:
        raise ServerLimitExceeded(f"this may take {MAX_BYTES} bytes, and takes {len(raw)}")
    await _replace(call, tag, lambda before: raw)


async def alter(call: Call, tag: Tag, kind: type[S], fn: Callable[[S], S]) -> None:
    """Replace what is kept for the client under this tag by what `fn` makes of it as it is at that moment.

    What has no bound of its own goes by `lay_down`.

    Raises:
        NotAuthorized: a ticket is for some objects only.
    """
    call.require_everything()
    codec = call.services.codec
    await _replace(call, tag, lambda raw: codec.encode_structure(fn(_decoded(call, kind, raw) or kind()), tag, V2_1))


async def _replace(call: Call, tag: Tag, fn: Callable[[bytes | None], bytes | None]) -> None:
    identity = call.peer.identity

    def write(transaction: Transaction) -> tuple[bytes | None, bytes | None]:
        before = transaction.setting(identity.tenant, identity.name, tag)
        after = fn(before)
        transaction.set_setting(identity.tenant, identity.name, tag, after)
        return before, after

    before, after = await call.store.write(write)

    def take_back(transaction: Transaction) -> None:
        # What was laid down since holds.
        if transaction.setting(identity.tenant, identity.name, tag) == after:
            transaction.set_setting(identity.tenant, identity.name, tag, before)

    call.on_undo(lambda: call.store.write(take_back))


def _decoded(call: Call, kind: type[S], raw: bytes | None) -> S | None:
    if raw is None:
        return None
    return call.services.codec.decode_structure(kind, Item(STRUCTURE, raw[HEADER_BYTES:]), V2_1)
