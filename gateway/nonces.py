"""The IVs of authenticated encryption: drawn here, or a client's where that is allowed, and never the same twice.

The one rule here: a GCM key whose IV comes twice gives away the difference of two messages, and the key of its tags. So
an IV of a client is kept for good before it is used, and is none that the gateway may have drawn (docs/policy.md).
"""

from gateway import errors, policy
from gateway.call import Call
from gateway.invocations import BLOCK, IV_BYTES, MAX_INVOCATIONS, PREFIX_BYTES
from gateway.kmip import attribute_sets as sets
from gateway.kmip.tags import Tag
from gateway.kmip.values import Digest
from gateway.managed import Managed
from gateway.policy import Weakness
from gateway.store.api import Transaction

# Of one key; each takes a row of some fifty bytes.
MAX_CHOSEN = 1 << 16
# How many processes that are yet to come are counted among those whose IVs no client may choose.
YET_TO_COME = 4096


async def drawn(call: Call, key: Managed) -> bytes:
    """Draw an IV of twelve bytes for a key.

    Raises:
        UsageLimitExhausted: the key has encrypted as often as it may, whatever its Usage Limits.
    """
    number = key.row.id
    iv = call.services.invocations.draw(number)
    while iv is None:
        await _note(call, key)
        call.services.invocations.note(number)
        iv = call.services.invocations.draw(number)
    return iv


async def _note(call: Call, key: Managed) -> None:
    subjects = _subjects(key)

    def noted(transaction: Transaction) -> None:
        if max(transaction.count_invocations(each, BLOCK) for each in subjects) > MAX_INVOCATIONS - BLOCK:
            raise errors.UsageLimitExhausted(f"{key.unique_identifier} has encrypted 2^32 times: Re-key it")

    await call.store.write(noted)


async def keep(call: Call, key: Managed, iv: bytes) -> None:
    """Keep an IV that a client has chosen for a key, so that it never comes again.

    Under the policy `open` it is kept too, for the day on which another is chosen, and may come again until then: the
    official cases send one IV under one key value many times.

    Raises:
        RefusedByPolicy: the policy wants IVs to be drawn here; or a copy of the database was put back, and nobody knows
            any more which IVs came for this key in between.
        InvalidField: it has come before, or might have been drawn here.
        ServerLimitExceeded: no more IVs are kept of this key.
    """
    policy.check(call, Weakness.CLIENT_IVS, key.unique_identifier)
    call.in_turn()
    subjects, again = _subjects(key), call.config.policy == "open"

    def kept(transaction: Transaction) -> None:
        if key.row.id <= transaction.ivs_forgotten_to():
            policy.check(call, Weakness.FORGOTTEN_IVS, key.unique_identifier)
        counts = [transaction.keep_iv(each, iv) for each in subjects]
        if not again:
            _check_new(transaction, iv, counts)

    await call.store.write(kept)


def _check_new(transaction: Transaction, iv: bytes, counts: list[int]) -> None:
    """Refuse an IV that is not new; `counts` are how many are kept of the key now, 0 where this one was before."""
    ours = range(1, transaction.latest_instance() + YET_TO_COME)
    if len(iv) == IV_BYTES and int.from_bytes(iv[:PREFIX_BYTES], "big") in ours:
        raise errors.InvalidField("an IV that begins so may have been drawn here: choose another")
    if not all(counts):
        raise errors.InvalidField("this IV has come before: choose another")
    if max(counts) > MAX_CHOSEN:
        raise errors.ServerLimitExceeded(f"{MAX_CHOSEN} IVs of this key are kept, and no more: Re-key it")


def _subjects(key: Managed) -> list[bytes]:
    """Give what counts go by: the object, and its value as its Digests tell it, for two objects may have one.

    The object too, since a token may tell no Digest, and a derivation by HASH takes it away (`deriving`).
    """
    digests = (each.digest_value for each in sets.structures(key.attributes, Tag.DIGEST, Digest))
    return [key.row.id.to_bytes(8, "big"), *(each for each in digests if each)]
