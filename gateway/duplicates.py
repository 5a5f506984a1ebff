"""A second object with the value of another: it may do no more, where its client does not know that value.

The one rule here: what one key could not be asked for, a copy of it cannot be asked for either. So nobody unwraps, or
derives a second time, a key that derives as one that encrypts (Clulow, CHES 2003).
"""

from collections.abc import Iterable

from gateway import creation, errors
from gateway.call import Call
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import CryptographicAlgorithm, CryptographicUsageMask, ObjectType
from gateway.kmip.structure import Attributes
from gateway.kmip.tags import Tag
from gateway.kmip.values import Digest
from gateway.managed import Managed
from gateway.store.api import Transaction

MAX_DUPLICATES = 100


def check(call: Call, transaction: Transaction, new: Managed, values: Iterable[bytes] = ()) -> None:
    """Check a new object against all that have one of its Digests, destroyed ones and other clients' included.

    `values` are further digests of it, in formats that it was not brought in. Of the tenant alone: what a key of it has
    wrapped, or derives, comes to no other. To compare with other tenants' would tell who has which value, a password
    that can be guessed for one.

    Raises:
        PermissionDenied: one of them is Sensitive or not Extractable, and may not be used as the new one may; or the
            new one is so, and a one-time pad, or derives and has no Digest.
        ServerLimitExceeded: there are too many to look at.
    """
    if new.resident and new.algorithm is CryptographicAlgorithm.ONE_TIME_PAD:
        raise errors.PermissionDenied("a one-time pad gives itself away to whoever encrypts zeros with it")
    digests = {*values, *(each.digest_value for each in sets.structures(new.attributes, Tag.DIGEST, Digest))}
    if not digests and new.resident and new.usage_bits & CryptographicUsageMask.DERIVE_KEY:
        raise errors.PermissionDenied("the token tells no digest of it, by which a copy that encrypts would be told")
    for value in digests:
        found = transaction.with_scalar(new.row.tenant, Tag.DIGEST, value, MAX_DUPLICATES + 1)
        if len(found) > MAX_DUPLICATES:
            raise errors.ServerLimitExceeded(f"{MAX_DUPLICATES} objects have this value already")
        for row in found:
            other = call.services.catalogue.decode(row)
            if other.resident and _does_more(new, other):
                raise errors.PermissionDenied("another object has this value, and may be used for less")


def _does_more(new: Managed, other: Managed) -> bool:
    return bool(new.usage_bits & ~other.usage_bits) or _leaves(new.attributes) or _is_of_another(new, other)


def _is_of_another(new: Managed, other: Managed) -> bool:
    """Tell whether it is a key of another algorithm, by which one use gives away what the other is to keep."""
    return new.object_type is ObjectType.SYMMETRIC_KEY and new.algorithm is not other.algorithm


def _leaves(attributes: Attributes) -> bool:
    return sets.value(attributes, Tag.SENSITIVE) is not True and creation.is_extractable(attributes)
