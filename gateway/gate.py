"""Who may do what with which object: roles, tickets and grants, asked at every object that a request touches.

The one rule here: what nobody allows is denied, and what a client may not even know of is told as if it were not there.
An object is reached by its owner, or by a client of the same tenant that was granted just this use of it. A role has to
allow the use too, and so has the ticket that the request shows.
"""

from typing import Protocol

from gateway import errors
from gateway.access.identity import Peer
from gateway.access.permissions import MAY_BE_GRANTED, NAMES, OPEN, Facts, Terms
from gateway.access.rights import for_operation, reach, whole
from gateway.config import KmipConfig
from gateway.items import Batch
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import ObjectType
from gateway.kmip.structure import Attributes
from gateway.kmip.tags import Tag
from gateway.store.api import ObjectRow, Store, Transaction

_SAID = frozenset({Tag.CRYPTOGRAPHIC_ALGORITHM, Tag.CRYPTOGRAPHIC_LENGTH, Tag.EXTRACTABLE})


class Behind(Protocol):
    """What the gate looks into."""

    @property
    def config(self) -> KmipConfig:
        """The choices that an operator made."""

    @property
    def store(self) -> Store:
        """The metadata database."""


class Gate:
    """What one batch item may do, as its client's roles, its ticket and grants say."""

    __slots__ = ("batch", "operation", "peer", "reach", "rights", "services")

    services: Behind

    def __init__(self, services: Behind, peer: Peer, batch: Batch) -> None:
        self.services = services
        self.peer = peer
        self.batch = batch
        self.operation = 0  # from `enter` on, the one that is asked for
        self.reach = peer.permissions.unasked  # from `enter` on, what the roles allow it of
        self.rights = batch.rights  # of the ticket; from `enter` on, those for this operation

    def enter(self, operation: int) -> None:
        """Make sure that the request may ask for an operation at all.

        Raises:
            InvalidTicket, TicketUsedUp, AuthenticationNotSuccessful: the ticket that it shows does not hold.
            NotAuthorized: that ticket does not allow it, or none of the client's roles does.
        """
        if self.batch.refusal is not None:
            raise self.batch.refusal
        self.operation = operation
        self.reach = self.peer.permissions.reach(operation)
        if not self.reach.terms and operation in NAMES:  # What no version has is refused in other words.
            raise errors.NotAuthorized("no role of this client allows this operation")
        if self.batch.rights is not None:
            self.rights = for_operation(self.batch.rights, operation)
            if not self.rights:
                raise errors.NotAuthorized("the ticket does not allow this operation")

    def may_enter(self, operation: int) -> bool:
        """Tell whether the roles allow an operation, and the ticket that the request shows, if any."""
        rights = self.batch.rights
        return self.peer.permissions.allow(operation) and (rights is None or bool(for_operation(rights, operation)))

    @property
    def may_enter_all(self) -> bool:
        """Whether roles and ticket allow every operation."""
        return self.batch.rights is None and self.peer.permissions.everything

    def require_everything(self) -> None:
        """Make sure that the operation is allowed whatever the object, for what it does is not about a certain one.

        Raises:
            NotAuthorized: a ticket allows it for some objects only.
        """
        if self.rights is not None and not whole(self.rights):
            raise errors.NotAuthorized("the ticket allows this for some objects only")

    def require_fixed_groups(self) -> None:
        """Make sure that no right hangs on an object's group, for the group is about to be changed.

        Raises:
            NotAuthorized: one does: whoever has the ticket could bring any object into its reach.
        """
        if any(each.object_groups is not None for each in self.batch.rights or ()):
            raise errors.NotAuthorized("the ticket allows nothing that changes an Object Group")

    def require_own(self, row: ObjectRow) -> None:
        """Make sure that an object is the client's own: what decides who else may use it is its owner's to say.

        Raises:
            NotAuthorized: it was granted to it.
        """
        if not self.is_own(row):
            raise errors.NotAuthorized("only the owner of an object does this")

    def require_export(self, row: ObjectRow) -> None:
        """Make sure that the key material of an object may be given to this client.

        Raises:
            NotAuthorized: no role that allows the operation lets it leave.
        """
        if not self.reach.exports and row.object_type not in OPEN and not self.reach.lets_leave(_facts(row)):
            raise errors.NotAuthorized("no role of this client lets key material leave")

    def is_own(self, row: ObjectRow) -> bool:
        """Tell whether an object is this client's."""
        identity = self.peer.identity
        return row.owner == identity.name and row.tenant == identity.tenant

    def owns(self, row: ObjectRow, use: int | None = None) -> bool:
        """Tell whether an object is this client's, and roles and ticket allow the use; None is the operation itself."""
        return self.is_own(row) and self.allows(row, use)

    def may(self, row: ObjectRow, use: int | None = None, source: Store | Transaction | None = None) -> bool:
        """Tell whether an object may be used; grants are looked up in `source`, the store when it is None."""
        identity = self.peer.identity
        if row.tenant != identity.tenant:
            return False
        if row.owner == identity.name:
            return (use is None and self.rights is None and self.reach.whole) or self.allows(row, use)
        # A ticket that is for less passes on what is its client's, and not what others have lent to it.
        if self.rights is not None or not self.allows(row, use):
            return False
        use = self.operation if use is None else use
        grants = (self.services.store if source is None else source).grants
        return use in MAY_BE_GRANTED and grants.allow(row.id, identity.tenant, identity.name, use)

    def allows(self, row: ObjectRow, use: int | None = None) -> bool:
        """Tell whether roles and ticket allow a use of an object, whosesoever it is."""
        allowed = self.reach if use is None else self.peer.permissions.reach(use)
        if not allowed.whole and not allowed.covers(_facts(row)):
            return False
        if self.rights is None:
            return True
        rights = for_operation(self.batch.rights or (), use) if use is not None and use > 0 else self.rights
        return reach(rights, row.unique_identifier, _groups(row))

    def missing(self, unique_identifier: str, row: ObjectRow | None) -> errors.KmipError:
        """Give what a client is told of an object that it does not get: of one that is not its own, nothing."""
        # The official cases with two clients (TC-111, TC-112) want a foreign object to be denied: a switch, off by
        # default, since telling the two apart tells a stranger which identifiers exist.
        if row is not None and self.services.config.foreign_objects == "denied":
            return errors.NotAuthorized("this object belongs to another client")
        if row is not None and self.is_own(row):
            return errors.NotAuthorized("neither role nor ticket allow this for this object")
        return errors.ObjectNotFound(f"there is no object {unique_identifier[:100]!r}")

    # --- new objects

    def check_new(self, transaction: Transaction, row: ObjectRow) -> None:
        """Make sure that roles, and the ticket that the request shows, are for an object that is about to be made.

        Raises:
            NotAuthorized: they are not; a ticket that is for certain objects is for no new one.
            ServerLimitExceeded: the client has as many objects as its roles let it have.
        """
        if self.rights is not None and not reach(self.rights, row.unique_identifier, _groups(row)):
            raise errors.NotAuthorized("the ticket does not allow to make this object")
        if self.reach.free:
            return
        allowing = self.reach.making(_facts(row))
        if not allowing:
            raise errors.NotAuthorized("no role of this client allows to make such an object")
        if not any(_has_room(transaction, row, each.role.quotas.objects) for each in allowing):
            raise errors.ServerLimitExceeded("the client has as many objects as its roles let it have")

    def terms_for(self, object_type: ObjectType | None, attributes: Attributes) -> Terms | None:
        """Give the role that says how a new object with these attributes is; None where none is for such."""
        algorithm = sets.number(attributes, Tag.CRYPTOGRAPHIC_ALGORITHM)
        return self.reach.first(Facts(object_type, algorithm, sets.number(attributes, Tag.CRYPTOGRAPHIC_LENGTH)))


def _has_room(transaction: Transaction, row: ObjectRow, most: int | None) -> bool:
    return most is None or transaction.count_objects(row.tenant, row.owner, most) < most


def _facts(row: ObjectRow) -> Facts:
    said = {each.tag: each.scalar for each in row.attributes if each.tag in _SAID}
    return Facts(
        row.object_type,
        _number(said.get(Tag.CRYPTOGRAPHIC_ALGORITHM)),
        _number(said.get(Tag.CRYPTOGRAPHIC_LENGTH)),
        said.get(Tag.EXTRACTABLE) != 0,
    )


def _number(scalar: object) -> int | None:
    return scalar if isinstance(scalar, int) else None


def _groups(row: ObjectRow) -> frozenset[str]:
    return frozenset(str(each.scalar) for each in row.attributes if each.tag == Tag.OBJECT_GROUP)
