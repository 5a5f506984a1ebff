"""Which client a connection is, and with which roles: asked at every request, and never older than the last change.

The one rule here: whoever is not known is nobody. A client that was revoked is refused at its next request, whatever
connection, certificate or ticket it has, because what is remembered ends with the number of the store's generation.
"""

from collections.abc import Callable, Iterable
from math import inf
from typing import NamedTuple

import structlog
from msgspec import ValidationError, json

from gateway.access.identity import Fact, Identity, Peer, Shown
from gateway.access.presets import PRESETS
from gateway.access.roles import Role
from gateway.config import AccessConfig
from gateway.errors import AuthenticationNotSuccessful, KmipError, NotAuthorized
from gateway.store.accounts import ClientRow, Identification, Proof, Standing, StrangerRow
from gateway.store.api import Store, Transaction

MAX_KNOWN = 4096  # peers that are remembered; each is a connection's
MAX_STRANGERS = 1000  # unknown certificates that wait for an administrator
NOT_NOTED_S = 60.0  # after which one that could not be noted is tried again
MAX_ADDRESS = 64
DEFAULT_TENANT = "default"
CERTIFICATE = "cert:"  # begins the identity of a client that nobody has made an account for

log = structlog.get_logger()


class Unknown(NotAuthorized):
    """No client is known by this certificate; it may wait for an administrator."""


class Refusal(NamedTuple):
    """Why a connection is refused; each request is told by an error of its own, since one keeps its frames."""

    kind: type[KmipError]
    message: str

    def error(self) -> KmipError:
        """Give the error for a request."""
        return self.kind(self.message)


class Known(NamedTuple):
    """What a connection's certificate says of who it is: the peer to act as, where it is enough for that."""

    peer: Peer | None
    ends: float  # seconds since 1970; of the certificate
    client: ClientRow | None = None
    refusal: Refusal | None = None


class Directory:
    """Gives the peer as which a request acts."""

    def __init__(self, config: AccessConfig, store: Store, clock: Callable[[], float]) -> None:
        """Ask this store; `clock` gives seconds since 1970."""
        self.config = config
        self._store = store
        self._clock = clock
        self._known: dict[Peer, Known] = {}
        self._roles: dict[tuple[str, tuple[str, ...]], tuple[Role, ...]] = {}
        self._generation = 0
        self._noted: dict[str, float] = {}  # until when an unknown certificate need not be noted again

    def adopt(self, config: AccessConfig) -> None:
        """Let these be let in from now on."""
        self.config = config
        self._known.clear()

    def generation(self) -> int:
        """Give the number of the last change of who may do what, and forget what was remembered before it.

        Raises:
            StoreDown: the database does not answer.
        """
        generation = self._store.access_generation()
        if generation != self._generation:
            self._known.clear()
            self._roles.clear()
            self._generation = generation
        return generation

    def known(self, peer: Peer) -> Known:
        """Give what the certificate of a connection says of who it is, as things are now.

        Raises:
            StoreDown: the database does not answer.
        """
        self.generation()
        found = self._known.get(peer)
        if found is None:
            found = self._look(peer)
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[peer] = found
        return found

    def by_certificate(self, peer: Peer) -> Peer:
        """Give the peer as which a request acts that shows no credential.

        Raises:
            NotAuthorized: the client was revoked, or must show a credential too.
            Unknown: nobody is known by this certificate.
            AuthenticationNotSuccessful: there is no certificate, or it has expired since it was shown.
        """
        found = self.known(peer)
        if found.peer is not None and found.ends > self._clock():
            return found.peer
        if found.refusal is not None:
            raise found.refusal.error()
        raise AuthenticationNotSuccessful("the certificate of this connection has expired")

    def by_credential(self, peer: Peer, client: ClientRow) -> Peer:
        """Give the peer as which a request acts that shows a credential of a client.

        Raises:
            NotAuthorized: the client, or the one that the certificate is of, was revoked; or they are two.
            AuthenticationNotSuccessful: the certificate has expired since it was shown.
        """
        found = self.known(peer)
        if peer.shown is not None and peer.shown.key:
            if found.ends <= self._clock():
                raise AuthenticationNotSuccessful("the certificate of this connection has expired")
            if found.refusal is not None and found.client is None and found.refusal.kind is not Unknown:
                raise found.refusal.error()
        _check(client)
        if found.client is None and client.proof is Proof.BOTH:
            raise NotAuthorized("this client has to show a certificate of its own with its credential")
        if found.client is not None and _name(found.client) != _name(client):
            raise NotAuthorized("the certificate and the credential are of two clients")
        return Peer(Identity(client.identity, client.tenant), peer.address, self.roles(client.tenant, client.roles))

    def acting(self, identity: Identity, address: str) -> Peer:
        """Give the peer as which something acts that was asked for by a client before, with the roles it has now.

        Raises:
            NotAuthorized: the client was revoked, or is none any more.
            StoreDown: the database does not answer.
        """
        self.generation()
        client = self._store.accounts.owner(identity.tenant, identity.name)
        if client is not None:
            _check(client)
            return Peer(identity, address, self.roles(client.tenant, client.roles))
        if self.config.unknown_clients == "own" and identity.tenant == DEFAULT_TENANT and self._is_free(identity):
            return Peer(identity, address, self.roles(DEFAULT_TENANT, self.config.default_roles))
        raise NotAuthorized("this client is not known any more")

    def _is_free(self, identity: Identity) -> bool:
        """Tell whether a certificate still speaks for itself: it was not rejected, and is no client's by now."""
        key = identity.name.removeprefix(CERTIFICATE)
        if key == identity.name:
            return True
        noted = self._store.accounts.stranger(key)
        rejected = noted is not None and noted.rejected
        return not rejected and self._store.accounts.identified(Identification("key", key)) is None

    def roles(self, tenant: str, names: Iterable[str]) -> tuple[Role, ...]:
        """Give the roles of these names: the tenant's own, else those for all tenants, else those that come along."""
        asked = tenant, tuple(names)
        if asked not in self._roles:
            found = [self._role(tenant, each) for each in asked[1]]
            self._roles[asked] = tuple(each for each in found if each is not None)
        return self._roles[asked]

    def _role(self, tenant: str, name: str) -> Role | None:
        accounts = self._store.accounts
        row = accounts.role(tenant, name) or accounts.role("", name)
        if row is None:
            if name not in PRESETS:
                log.warning("role not there", tenant=tenant, role=name)
            return PRESETS.get(name)
        try:
            return json.decode(row.definition, type=Role)
        except ValidationError as error:
            # Written by a later version: it may mean less than what could be read of it.
            log.error("role not understood", tenant=tenant, role=name, reason=str(error))
            return None

    def _look(self, peer: Peer) -> Known:
        shown = peer.shown
        if shown is None or not shown.key:
            refusal = Refusal(AuthenticationNotSuccessful, "this connection has shown no certificate")
            return Known(None, 0.0, refusal=refusal)
        try:
            return self._recognise(shown, peer.address)
        except NotAuthorized as error:
            return Known(None, shown.ends, refusal=Refusal(type(error), error.message))

    def _recognise(self, shown: Shown, address: str) -> Known:
        clients = {_name(each): each for each in self._clients(shown.facts())}
        if len(clients) > 1:
            raise NotAuthorized("this certificate is known as that of several clients")
        for client in clients.values():
            _check(client)
            if client.proof is Proof.BOTH:
                sentence = "this client has to show a credential with its certificate"
                return Known(None, shown.ends, client, Refusal(AuthenticationNotSuccessful, sentence))
            roles = self.roles(client.tenant, client.roles)
            return Known(Peer(Identity(client.identity, client.tenant), address, roles), shown.ends, client)
        return Known(self._unknown(shown, address), shown.ends)

    def _clients(self, facts: Iterable[Fact]) -> list[ClientRow]:
        found = [self._store.accounts.identified(Identification(*each)) for each in facts]
        return [each for each in found if each is not None]

    def _unknown(self, shown: Shown, address: str) -> Peer:
        noted = self._store.accounts.stranger(shown.key)
        if noted is not None and noted.rejected:
            raise NotAuthorized("this certificate was rejected by an administrator")
        match self.config.unknown_clients:
            case "own":
                roles = self.roles(DEFAULT_TENANT, self.config.default_roles)
                return Peer(Identity(f"{CERTIFICATE}{shown.key}"), address, roles)
            case "pending":
                raise Unknown("no client is known by this certificate yet: an administrator has to accept it")
            case "refuse":
                raise Unknown("no client is known by this certificate")

    async def note(self, peer: Peer) -> None:
        """Have an administrator told of a certificate that nobody is known by, once and if that is wanted."""
        shown, now = peer.shown, self._clock()
        if self.config.unknown_clients != "pending" or shown is None or not shown.key:
            return
        if self._noted.get(shown.key, 0.0) > now:
            return
        if len(self._noted) >= MAX_STRANGERS:
            self._noted.clear()
        self._noted[shown.key] = now + NOT_NOTED_S
        row = StrangerRow(shown.key, json.encode(shown).decode(), peer.address[:MAX_ADDRESS], int(now))
        if await self._store.write(lambda transaction: _noted(transaction, row)):
            self._noted[shown.key] = inf
        else:
            log.warning("unknown certificate not noted", key=shown.key, most=MAX_STRANGERS)


def _noted(transaction: Transaction, row: StrangerRow) -> bool:
    return transaction.accounts.add_stranger(row, MAX_STRANGERS)


def _check(client: ClientRow) -> None:
    if client.standing is not Standing.ACCEPTED:
        raise NotAuthorized("this client was revoked")


def _name(client: ClientRow) -> tuple[str, str]:
    return client.tenant, client.name
