"""Who speaks: the identity that owns objects, and the peer of one connection.

An identity is taken from the client certificate's public key only, never from a text that whoever asked for the
certificate could choose: two authorities may issue the same common name, and a renewed certificate keeps its key.
"""

from msgspec import Struct


class Identity(Struct, frozen=True):
    """One client, whatever connection it comes by; `name` is what the owner column of an object row holds."""

    name: str
    tenant: str = "default"


class Peer(Struct, frozen=True):
    """The other end of one connection: who it proved to be, and the network address it came from."""

    identity: Identity
    address: str


# The gateway itself, owner of its certification authority; no certificate gives this name, and no client this tenant.
GATEWAY = Peer(Identity("gateway", tenant="gateway"), address="")
