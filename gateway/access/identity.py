"""Who speaks: the identity that owns objects, and the peer of one connection.

An identity is taken from the client certificate's public key only, never from a text that whoever asked for the
certificate could choose: two authorities may issue the same common name, and a renewed certificate keeps its key.
"""

from functools import cached_property

from msgspec import Struct

from gateway.access.permissions import Permissions, permissions_of
from gateway.access.roles import EVERYTHING, Role


class Identity(Struct, frozen=True):
    """One client, whatever connection it comes by; `name` is what the owner column of an object row holds."""

    name: str
    tenant: str = "default"


class Peer(Struct, frozen=True, dict=True):
    """Who asks: who it proved to be, the network address it came from, and its roles; without one it may do nothing."""

    identity: Identity
    address: str
    roles: tuple[Role, ...] = ()

    @cached_property
    def permissions(self) -> Permissions:
        """What the roles come to, worked out at the first request."""
        return permissions_of(self.roles)


# The gateway itself, owner of its certification authority; no certificate gives this name, and no client this tenant.
GATEWAY = Peer(Identity("gateway", tenant="gateway"), address="", roles=(EVERYTHING,))
