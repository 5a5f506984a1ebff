"""Grants: whose objects another client of the tenant may use, and for what; the rows, and the questions about them.

The one rule here: a grant is for one use, and never reaches beyond its tenant, whatever its row says.
"""

from enum import IntEnum
from typing import NamedTuple, Protocol


class Lent(IntEnum):
    """What a grant is of."""

    OBJECT = 1  # the one of this unique identifier
    GROUP = 2  # those in this Object Group, as they are at that moment
    ALL = 3


class GrantRow(NamedTuple):
    """One use of another client's objects; of whatever client's of the tenant where the owner is empty."""

    tenant: str
    grantee: str  # an identity's name
    use: int  # an operation's number, or one of `access.permissions.Use`
    lent: Lent
    target: str  # a unique identifier, or an Object Group
    owner: str = ""


class Reach(NamedTuple):
    """Of which objects a client was granted a use."""

    all: bool  # of the tenant
    owners: tuple[str, ...]  # whose objects, all of them
    some: bool  # objects one by one, or groups


class GrantsRead(Protocol):
    """The questions."""

    def allow(self, id: int, tenant: str, grantee: str, use: int) -> bool:
        """Tell whether a client of a tenant was granted a use of the object of this `id`, an object of that tenant."""
        ...

    def reach(self, tenant: str, grantee: str, use: int) -> Reach:
        """Tell of what kinds of objects a client was granted a use."""
        ...

    def all(self, tenant: str | None = None) -> list[GrantRow]:
        """Give the grants of a tenant, or of all, those of a client together."""
        ...


class Grants(GrantsRead, Protocol):
    """The changes."""

    def add(self, row: GrantRow) -> None:
        """Grant; what is granted already stays so."""
        ...

    def remove(self, row: GrantRow) -> bool:
        """Take a grant back, and tell whether there was one."""
        ...
