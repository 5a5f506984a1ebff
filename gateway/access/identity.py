"""Who speaks: the identity that owns objects, what a connection shows, and the peer as which a request acts.

A client is known by facts of its certificate that are namespaced by how they were found: the hash of its public key,
or the authority together with a name that this authority vouches for. A bare common name is never one of them: two
authorities may issue the same.
"""

import json
from functools import cached_property
from typing import NamedTuple

from msgspec import Struct

from gateway.access.permissions import Permissions, permissions_of
from gateway.access.roles import EVERYTHING, Role


class Identity(Struct, frozen=True):
    """One client, whatever connection it comes by; `name` is what the owner column of an object row holds."""

    name: str
    tenant: str = "default"


class Fact(NamedTuple):
    """One thing that a certificate proves, under the name of how it was found."""

    method: str
    value: str


class Shown(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What a certificate says that matters here; `key` is the SHA-256 of its public key, `ends` in seconds since 1970.

    `authority` is the hexadecimal key identifier of whoever issued it: a name alone may be that of two authorities.
    """

    key: str
    issuer: str = ""
    authority: str = ""
    subject: str = ""
    uris: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    ends: float = 0.0

    def facts(self) -> tuple[Fact, ...]:
        """Give what a client may be known by, as the store has it."""
        named = [("san-uri", each) for each in self.uris] + [("san-dns", each) for each in self.dns]
        named += [("subject", self.subject)] if self.subject else []
        return (
            Fact("key", self.key),
            *(Fact(method, qualified(self.issuer, self.authority, value)) for method, value in named),
        )


def qualified(issuer: str, authority: str, value: str) -> str:
    """Give a name together with who vouches for it; JSON, so that no text can pass for two others."""
    return json.dumps([issuer, authority, value])


# What a connection without a certificate shows.
NOTHING_SHOWN = Shown(key="")


class Peer(Struct, frozen=True, cache_hash=True, dict=True):
    """Who asks: who it proved to be, the network address it came from, and its roles; without one it may do nothing.

    With `shown` it is the other end of a connection as it came, of which nobody has said yet which client it is.
    """

    identity: Identity
    address: str
    roles: tuple[Role, ...] = ()
    shown: Shown | None = None

    @cached_property
    def permissions(self) -> Permissions:
        """What the roles come to, worked out at the first request."""
        return permissions_of(self.roles)

    @cached_property
    def line(self) -> str:
        """Whose messages its own wait for: its client's, or its certificate's; where it has shown none, its address's.

        Two tenants may have a client of the same name, and everybody without a certificate is called alike.
        """
        if self.shown is not None and not self.shown.key:
            return self.address
        return f"{self.identity.tenant} {self.identity.name}"

    @cached_property
    def requests_per_s(self) -> int | None:
        """The most that a role lets it ask; None where there is one that says nothing of it."""
        rates = [each.quotas.requests_per_s for each in self.roles]
        told = [each for each in rates if each is not None]
        return max(told) if told and len(told) == len(rates) else None


def stranger(shown: Shown, address: str) -> Peer:
    """Give the peer of a connection that has shown this; its identity, without tenant or role, is for the log."""
    name = f"cert:{shown.key}" if shown.key else "nobody"
    return Peer(Identity(name, tenant=""), address, (), shown)


# The gateway itself, owner of its certification authority; no certificate gives this name, and no client this tenant.
GATEWAY = Peer(Identity("gateway", tenant="gateway"), address="", roles=(EVERYTHING,))
