"""Dual control: what leaves or ends only once others have approved just that, word for word, and only once.

The one rule here: an approval is bound to the SHA-256 of who asks, what for and of which object. Whoever alters any of
it asks anew, and a request that is carried out has spent its approval before it does anything.
"""

import hashlib
import secrets
from collections.abc import Sequence

from msgspec.structs import replace

from gateway import wording
from gateway.access.permissions import NAMES, OPEN
from gateway.call import Call
from gateway.config import ApprovalConfig
from gateway.errors import NotAuthorized, ServerLimitExceeded
from gateway.kmip.structure import Structure
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.store.api import ObjectRow, Transaction
from gateway.store.approvals import ApprovalRow, Stage

ANY = "*"
MOST_OPEN = 100  # of one client; each altered request is another
KEPT_S = 90 * 86400  # how long one that is over is shown


class Asked(Structure):
    """What is bound by an approval besides the request itself."""

    tenant: str
    identity: str
    operation: str
    subject: str


async def require_export(
    call: Call, managed: Managed, request: Structure, how: str, wrapping: Managed | None = None
) -> None:
    """Make sure that others have approved that the key material of an object leaves, if its groups need it.

    `how` says in words in which form; `wrapping` is the key that wraps it, which is bound as it is now.

    Raises:
        NotAuthorized: they have not, or not yet; the message says under which number to ask them.
    """
    if waits_for_export(call, managed):
        await _require(call, managed, request, how, wrapping)


def waits_for_export(call: Call, managed: Managed) -> bool:
    """Tell whether the key material of an object leaves only once others have approved it."""
    config = call.services.approval
    return bool(config.needed) and managed.object_type not in OPEN and _is_named(managed.row, config.export)


async def require_destroy(call: Call, managed: Managed, request: Structure) -> None:
    """Make sure that others have approved that an object is destroyed, if its groups need it; raises the same."""
    config = call.services.approval
    if config.needed and _is_named(managed.row, config.destroy):
        await _require(call, managed, request, "destroyed")


def require_kept(call: Call, before: ObjectRow) -> None:
    """Make sure that an object may go without Destroy, as for one that is imported: that is no way round an approval.

    Raises:
        NotAuthorized: to destroy it would need one.
    """
    config = call.services.approval
    if config.needed and _is_named(before, config.destroy):
        raise NotAuthorized("to destroy the object that is there needs the approval of others: ask with Destroy")


def require_groups(call: Call, before: Managed, after: Sequence[str]) -> None:
    """Make sure that an object stays in the groups for which others are asked.

    Raises:
        NotAuthorized: it would leave one.
    """
    config = call.services.approval
    if config.needed and _groups(before.row) & {*config.export, *config.destroy} - set(after):
        raise NotAuthorized("an object does not leave a group whose objects need the approval of others")


def digest_of(asked: Asked, content: bytes) -> bytes:
    """Give what an approval is bound to; each part with its length, so that none can pass for two."""
    parts = (*(text.encode() for text in (asked.tenant, asked.identity, asked.operation, asked.subject)), content)
    whole = hashlib.sha256()
    for each in parts:
        whole.update(len(each).to_bytes(8, "big"))
        whole.update(each)
    return whole.digest()


def spend(
    transaction: Transaction, config: ApprovalConfig, asked: Asked, content: bytes, now: int, words: str = ""
) -> tuple[ApprovalRow, bool]:
    """Spend the approval of a request, and tell so; where there is none yet, give the row under which to ask for it.

    `words` say to others all that `content` binds.

    Raises:
        ServerLimitExceeded: too many requests of this client wait for approval.
    """
    digest = digest_of(asked, content)
    row = transaction.approvals.of(digest, now)
    if row is None:
        if transaction.approvals.open_of(asked.tenant, asked.identity, now) >= MOST_OPEN:
            raise ServerLimitExceeded("too many of this client's requests wait for approval")
        transaction.approvals.forget(now - KEPT_S)
        expires = now + int(config.lifetime_s)
        row = ApprovalRow(
            secrets.token_hex(6),
            digest,
            asked.tenant,
            asked.identity,
            asked.operation,
            asked.subject,
            now,
            expires,
            words=words,
        )
        transaction.approvals.put(row)
    approvers = {each.approver for each in row.votes} - {asked.identity}
    granted = row.stage is Stage.OPEN and len(approvers & set(config.approvers)) >= config.needed
    if granted:
        transaction.approvals.put(replace(row, stage=Stage.SPENT))
    return row, granted


def refusal(row: ApprovalRow, needed: int) -> str:
    """Say in words what a request lacks."""
    if row.stage is Stage.DENIED:
        return f"others have denied this; their decision is {row.id}"
    return f"this needs the approval of others: {len(row.votes)} of {needed} so far; it is {row.id}"


async def _require(call: Call, managed: Managed, request: Structure, how: str, wrapping: Managed | None = None) -> None:
    call.in_turn()
    identity, config = call.peer.identity, call.services.approval
    words = wording.told(how, managed, request, call.version)
    # An Import may put another object in the place of one that is named here: what was approved is this one.
    objects = [each.row.id for each in (managed, wrapping) if each is not None]
    content = f"{call.version} {objects} ".encode() + bytes(call.services.codec.encode_payload(request, call.version))
    asked = Asked(
        tenant=identity.tenant,
        identity=identity.name,
        operation=NAMES[call.operation],
        subject=managed.unique_identifier,
    )

    def write(transaction: Transaction) -> tuple[ApprovalRow, bool]:
        return spend(transaction, config, asked, content, int(call.services.clock()), words)

    row, granted = await call.store.write(write)
    if not granted:
        raise NotAuthorized(refusal(row, config.needed))


def _is_named(row: ObjectRow, groups: Sequence[str]) -> bool:
    return ANY in groups or not _groups(row).isdisjoint(groups)


def _groups(row: ObjectRow) -> frozenset[str]:
    return frozenset(str(each.scalar) for each in row.attributes if each.tag == Tag.OBJECT_GROUP)
