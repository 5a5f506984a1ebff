"""A second object with the value of another: it may do no more, where its client does not know that value.

The one rule here: what one key could not be asked for, a copy of it cannot be asked for either. So nobody unwraps, or
derives a second time, a key that derives as one that encrypts (Clulow, CHES 2003).
"""

from gateway import creation, errors
from gateway.call import Call
from gateway.kmip import attribute_sets as sets
from gateway.kmip.structure import Attributes
from gateway.kmip.tags import Tag
from gateway.kmip.values import Digest
from gateway.managed import Managed
from gateway.store.api import Transaction

MAX_DUPLICATES = 100


def check(call: Call, transaction: Transaction, new: Managed) -> None:
    """Check a new object against all that have one of its Digests, destroyed ones and other clients' included.

    Of the tenant alone: what a key of it has wrapped, or derives, comes to no other. To compare with other tenants'
    would tell who has which value, a password that can be guessed for one.

    Raises:
        PermissionDenied: one of them is Sensitive or not Extractable, and may not be used as the new one may.
        ServerLimitExceeded: there are too many to look at.
    """
    for digest in sets.structures(new.attributes, Tag.DIGEST, Digest):
        found = transaction.with_scalar(new.row.tenant, Tag.DIGEST, digest.digest_value, MAX_DUPLICATES + 1)
        if len(found) > MAX_DUPLICATES:
            raise errors.ServerLimitExceeded(f"{MAX_DUPLICATES} objects have this value already")
        for row in found:
            other = call.services.catalogue.decode(row)
            if (other.sensitive or not other.extractable) and _does_more(new, other):
                raise errors.PermissionDenied("another object has this value, and may be used for less")


def _does_more(new: Managed, other: Managed) -> bool:
    return bool(new.usage_bits & ~other.usage_bits) or _leaves(new.attributes)


def _leaves(attributes: Attributes) -> bool:
    return sets.value(attributes, Tag.SENSITIVE) is not True and creation.is_extractable(attributes)
