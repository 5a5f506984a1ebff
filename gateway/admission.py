"""As whom a request acts, and what it may do: by its connection's certificate, its credentials, and its ticket.

The one rule here: what does not hold is the refusal of every batch item, and the request acts as nobody.
(KMIP 2.1 section 9.2 Authentication: all credentials of a request must hold; without one, the certificate says who.)
"""

from collections.abc import Sequence

from gateway import errors, tickets
from gateway.access.identity import Identity, Peer
from gateway.call import Services
from gateway.credentials import REFUSED, Credentials, Verified
from gateway.directory import Directory, Unknown
from gateway.items import Admission
from gateway.kmip.enums import CredentialType
from gateway.kmip.messages import Authentication, Credential
from gateway.kmip.version import Version

MAX_CREDENTIALS = 4  # of a request; each may cost a hash of 30 ms


async def admit(services: Services, authentication: Authentication | None, peer: Peer, version: Version) -> Admission:
    """Tell as whom a request of this connection acts; a peer that says itself who it is was let in before."""
    try:
        if authentication is None:
            if peer.shown is None:
                return Admission(peer)
            return Admission(_directory(services).by_certificate(peer), fresh=True)
        return await _with_credentials(services, authentication.credential, peer, version)
    except Unknown as refusal:
        return Admission(peer, refusal=await _noted(services, peer, refusal))
    except errors.KmipError as refusal:
        return Admission(peer, refusal=refusal)


def acting(services: Services, identity: Identity, address: str) -> Peer:
    """Give the peer as which something acts that a client has asked for before, with the roles that it has now.

    Raises:
        NotAuthorized: the client was revoked, or is none any more.
    """
    return _directory(services).acting(identity, address)


async def _with_credentials(services: Services, shown: Sequence[Credential], peer: Peer, version: Version) -> Admission:
    found = [each.credential_value for each in shown if each.credential_type is CredentialType.TICKET]
    others = [each for each in shown if each.credential_type is not CredentialType.TICKET]
    if len(found) > 1:
        raise errors.AuthenticationNotSuccessful("a request shows one ticket")
    answered = None
    if peer.shown is not None:
        directory = _directory(services)
        if services.credentials is not None and directory.config.unknown_credentials == "ignore":
            others = [each for each in others if services.credentials.known(each, version)]
        if others:
            verified = await _verified(services.credentials, directory, others, peer, version)
            peer, answered = directory.by_credential(peer, verified.client), verified.server_hashed_password
        else:
            peer = directory.by_certificate(peer)
    admission = await tickets.admit(services, found[0], peer, version) if found else Admission(peer)
    return admission._replace(server_hashed_password=answered)


async def _verified(
    credentials: Credentials | None, directory: Directory, shown: Sequence[Credential], peer: Peer, version: Version
) -> Verified:
    """Give the one client whose credentials these are.

    Raises:
        AuthenticationNotSuccessful: one of them is not right, they are of several clients, or none proves anything.
    """
    if credentials is None or len(shown) > MAX_CREDENTIALS:
        raise errors.AuthenticationNotSuccessful(f"a request shows {MAX_CREDENTIALS} credentials at most")
    generation = directory.generation()
    found = [await credentials.verified(each, peer.address, version, generation) for each in shown]
    first = found[0]
    if any(each.client != first.client for each in found):
        raise errors.AuthenticationNotSuccessful("these credentials are of several clients")
    if not any(each.proven for each in found) and directory.known(peer).client is None:
        raise errors.AuthenticationNotSuccessful(REFUSED)  # It proves nothing without the client's certificate.
    return next((each for each in found if each.server_hashed_password is not None), first)


async def _noted(services: Services, peer: Peer, refusal: errors.KmipError) -> errors.KmipError:
    try:
        await _directory(services).note(peer)
    except errors.StoreDown as down:
        return down
    return refusal


def _directory(services: Services) -> Directory:
    """Give the directory of clients.

    Raises:
        AuthenticationNotSuccessful: there is none where a command of an administrator runs, and nobody else asks.
    """
    if services.directory is None:
        raise errors.AuthenticationNotSuccessful("no client is known here")
    return services.directory
