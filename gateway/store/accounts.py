"""Tenants, roles, clients and how each is known: the rows, and the questions about them.

The one rule here: every change that an administrator makes moves the number that `Store.access_generation` gives, in
the same commit, so that what a process remembers of these rows ends with it.
"""

from enum import StrEnum
from typing import NamedTuple, Protocol

from msgspec import Struct


class Standing(StrEnum):
    """Whether a client is let in."""

    ACCEPTED = "accepted"
    REVOKED = "revoked"


class Proof(StrEnum):
    """What a client has to show."""

    ANY = "any"  # one of the certificates or credentials that it is known by
    BOTH = "both"  # one of each, in every request


class TenantRow(Struct, frozen=True):
    """A tenant; `settings` is JSON."""

    name: str
    settings: str = "{}"


class RoleRow(Struct, frozen=True):
    """A role of a tenant, as JSON; of the tenant "" where it is for all."""

    tenant: str
    name: str
    definition: str


class ClientRow(Struct, frozen=True):
    """A client; `identity` is what the owner column of its objects holds, whatever certificate it shows."""

    tenant: str
    name: str
    identity: str
    standing: Standing
    roles: tuple[str, ...]
    proof: Proof
    created: int  # seconds since 1970
    comment: str = ""


class Identification(NamedTuple):
    """A fact of certificates by which a client is known, such as the hash of its key; the method is its namespace."""

    method: str
    value: str


class CredentialRow(Struct, frozen=True):
    """A credential of a client; `secret` is what it is checked against, and nothing that it could be told from."""

    kind: str
    key: str  # which one: the user name, or what a device says of itself
    tenant: str
    client: str
    secret: str
    created: int  # seconds since 1970
    latest: int = 0  # the latest time stamp that was shown with it, in microseconds since 1970


class StrangerRow(Struct, frozen=True):
    """A certificate of the clients' authority that nobody knows; `shown` is what it says, as JSON."""

    key: str  # the SHA-256 of its public key, hexadecimal
    shown: str
    address: str
    seen: int  # first, in seconds since 1970
    rejected: bool = False


class AccountsRead(Protocol):
    """The questions."""

    def tenants(self) -> list[TenantRow]:
        """Give all tenants by name."""
        ...

    def tenant(self, name: str) -> TenantRow | None:
        """Give one of them."""
        ...

    def roles(self, tenant: str | None = None) -> list[RoleRow]:
        """Give the roles of a tenant, or of all."""
        ...

    def role(self, tenant: str, name: str) -> RoleRow | None:
        """Give one of them."""
        ...

    def clients(self, tenant: str | None = None) -> list[ClientRow]:
        """Give the clients of a tenant, or of all."""
        ...

    def client(self, tenant: str, name: str) -> ClientRow | None:
        """Give one of them."""
        ...

    def owner(self, tenant: str, identity: str) -> ClientRow | None:
        """Give the client whose objects have this owner."""
        ...

    def identified(self, by: Identification) -> ClientRow | None:
        """Give the client that is known by this fact."""
        ...

    def identifications(self, tenant: str, name: str) -> list[Identification]:
        """Give the facts by which a client is known."""
        ...

    def credential(self, kind: str, key: str) -> CredentialRow | None:
        """Give a credential."""
        ...

    def credentials(self, tenant: str | None = None) -> list[CredentialRow]:
        """Give the credentials of a tenant's clients, or of all."""
        ...

    def stranger(self, key: str) -> StrangerRow | None:
        """Give an unknown certificate that was seen."""
        ...

    def strangers(self) -> list[StrangerRow]:
        """Give them all, the first seen first."""
        ...


class Accounts(AccountsRead, Protocol):
    """The changes."""

    def bump(self) -> None:
        """Move the number of the generation: something was changed that says who may do what."""
        ...

    def add_tenant(self, row: TenantRow) -> None:
        """Add a tenant; there must be none of this name."""
        ...

    def remove_tenant(self, name: str) -> None:
        """Remove a tenant that has no clients, and its roles."""
        ...

    def owns_objects(self, tenant: str, identity: str | None = None) -> bool:
        """Tell whether a tenant, or one owner in it, has objects, destroyed ones included."""
        ...

    def put_role(self, row: RoleRow) -> None:
        """Add a role, or replace the one of this name."""
        ...

    def remove_role(self, tenant: str, name: str) -> None:
        """Remove a role; who has it has one less."""
        ...

    def put_client(self, row: ClientRow) -> None:
        """Add a client, or replace what is known of it."""
        ...

    def identify(self, row: ClientRow, by: Identification) -> None:
        """Let a client be known by a fact, by which nobody must be known yet."""
        ...

    def put_credential(self, row: CredentialRow) -> None:
        """Add a credential, or replace the one of this kind and key."""
        ...

    def remove_credentials(self, tenant: str, client: str, kind: str | None = None) -> int:
        """Remove a client's credentials, of one kind or all, and count them."""
        ...

    def spend_credential(self, kind: str, key: str) -> bool:
        """Remove one that is good for one use; tell whether it was there. This is no administrator's change."""
        ...

    def advance_credential(self, kind: str, key: str, latest: int) -> bool:
        """Note the time stamp shown with a credential; tell whether it is later than all before it."""
        ...

    def add_stranger(self, row: StrangerRow, most: int) -> bool:
        """Note an unknown certificate, if fewer than `most` are noted; tell whether it is noted now."""
        ...

    def reject_stranger(self, key: str) -> None:
        """Note that a certificate is not to be let in."""
        ...

    def remove_stranger(self, key: str) -> None:
        """Forget an unknown certificate."""
        ...
