"""Objects on their way into the archive and out of it (KMIP 2.1 sections 6.1.4 Archive and 6.1.42 Recover).

The one rule here: the Archive Date and what Locate finds the object by change in one commit. The key stays where it is:
the archive is a state in which nothing but Recover and Destroy touches an object, not another place.
"""

from collections.abc import Callable
from functools import partial

from gateway.call import Altered, Call
from gateway.kmip.structure import Attributes
from gateway.managed import Managed
from gateway.store.api import Transaction


async def move(call: Call, managed: Managed, fn: Callable[[Managed], Attributes], *, archived: bool) -> None:
    """Replace the attributes of an object as `Call.change` does, and say in the same commit whether it is archived."""

    def write(transaction: Transaction) -> Altered:
        altered = call.alter(transaction, managed, fn)
        transaction.set_storage(altered.before.id, archived=archived)
        return altered

    call.in_turn()
    altered = await call.store.write(write)
    call.on_undo(partial(_move_back, call, altered))


async def _move_back(call: Call, altered: Altered) -> None:
    before = altered.before

    def write(transaction: Transaction) -> None:
        call.put_back(transaction, altered)
        current = call.current(transaction, before.unique_identifier)
        # The date tells: another request may have archived or recovered the object since, and that holds.
        transaction.set_storage(before.id, destroyed=current.row.destroyed, archived=current.archive is not None)

    await call.store.write(write)
