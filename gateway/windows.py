"""How long a destroyed object can be had back by an operator, and how it is put away until then.

The one rule here: from the commit on in which an object is destroyed, nothing that a client can reach leads to its
material. What is kept of it lies in another table, where the reaper and an operator's commands alone look.
"""

import math

from gateway.call import Call
from gateway.managed import Managed
from gateway.store.api import Kept, ObjectRow, Transaction


def window_s(call: Call, managed: Managed) -> int:
    """Give for how many seconds an object is kept that is destroyed now: as a role says, else the configuration."""
    terms = call.terms_for(managed.object_type, managed.attributes)
    if terms is None or terms.role.destroy_window_s is None:
        return call.config.destroy_window_s
    return terms.role.destroy_window_s


def put_away(call: Call, transaction: Transaction, row: ObjectRow, seconds: int) -> None:
    """Take the material out of the row of a destroyed object, and say when what is left of it is to go.

    In a batch that asks for Undo, it goes once the batch has succeeded at the earliest.
    """
    transaction.set_material(row.id, None, row.custody)
    transaction.set_storage(row.id, destroyed=True)
    held = call.batch.undo is not None
    if seconds:
        kept = Kept(math.ceil(call.services.clock()) + seconds, row.material, row.wrapped, row.unique_identifier)
        transaction.queue_destroy(row.id, held=held, kept=kept)
    elif row.on_token:
        transaction.queue_destroy(row.id, held=held)
