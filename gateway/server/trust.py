"""What the gateway shows to clients and believes of them at present: certificate, authorities, revocation lists.

All of it can be replaced while clients are connected: in one step, or not at all. The first context is made before the
front ends are forked and stays; each connection begins with it and then takes the certificate and the authorities of
the latest, so that tickets are good in every front end, whichever contexts it had meanwhile.
"""

import secrets
import socket
import time
from hashlib import blake2b

from cryptography.x509 import Certificate
from OpenSSL import SSL
from OpenSSL.crypto import X509, X509Store, X509StoreContext, X509StoreContextError, X509StoreFlags

from gateway.config import TlsConfig
from gateway.server.peer import CertificateRefused
from gateway.server.revocation import Revocation, read_lists
from gateway.server.tls import REQUIRED, TlsFiles, context_of, read_authorities, read_files


class Trust:
    """The present state of all that; `authority` names the authorities that clients are verified by."""

    def __init__(self, config: TlsConfig, *, certificates: str = "required") -> None:
        """Read what the configuration names; `certificates` is [access] certificates.

        Raises:
            ConfigurationError: a file is missing, unreadable or not what its key says.
        """
        self._verify_mode = REQUIRED if certificates == "required" else SSL.VERIFY_PEER
        self._secret = secrets.token_bytes(16)
        self.adopt(read_files(config), config)
        self._first = self._context

    def adopt(self, files: TlsFiles, config: TlsConfig) -> None:
        """Use these files from now on.

        Raises:
            ConfigurationError: something is wrong with them, and what was in use stays.
        """
        authorities = read_authorities(files.ca, config.ca)
        # Who was verified by other authorities does not resume: a ticket would bring back what they once admitted.
        session_id = blake2b(files.ca, key=self._secret, digest_size=16).digest()
        context = context_of(files, config, session_id, self._verify_mode)
        revocation = Revocation(read_lists(files.crls, authorities), hard=config.crl_policy == "hard")
        store = X509Store()
        store.set_flags(X509StoreFlags.PARTIAL_CHAIN)
        for each in authorities:
            store.add_cert(X509.from_cryptography(each))
        self._context, self._revocation, self._store = context, revocation, store
        self.authority = files.ca

    def secure(self, sock: socket.socket) -> SSL.Connection:
        """Give the server's side of TLS on a connected socket."""
        tls = SSL.Connection(self._first, sock)
        _take_turns(tls)
        tls.set_context(self._context)
        return tls

    def good_until(self, certificate: Certificate, tls: SSL.Connection, verified_by: bytes) -> float:
        """Give until when a client's certificate need not be looked at again, in seconds since 1970.

        `verified_by` are the authorities at its handshake; if they are others now, it is verified again.

        Raises:
            CertificateRefused: it is out of date, revoked, or of no authority that counts any more.
        """
        now, end = time.time(), certificate.not_valid_after_utc.timestamp()
        if end < now:
            raise CertificateRefused("certificate expired")
        if verified_by is not self.authority and verified_by != self.authority:
            self._verify(certificate, tls)
        return min(end, self._revocation.check(certificate, now))

    def _verify(self, certificate: Certificate, tls: SSL.Connection) -> None:
        chain = [X509.from_cryptography(each) for each in tls.get_peer_cert_chain(as_cryptography=True) or []]
        try:
            X509StoreContext(self._store, X509.from_cryptography(certificate), chain).verify_certificate()
        except X509StoreContextError:
            raise CertificateRefused("certificate is of no authority that counts any more") from None


def _take_turns(tls: SSL.Connection) -> None:
    """Have each record that is TLS's own, such as a key update, end a read, so that others are served in between.

    With SSL_MODE_AUTO_RETRY a read goes on over them as long as they come: a client that sends nothing else would stop
    the front end. pyOpenSSL sets it for every connection and has no function to clear it, but its binding has.
    """
    binding = SSL._lib  # type: ignore[attr-defined]  # private, as said
    binding.SSL_clear_mode(tls._ssl, binding.SSL_MODE_AUTO_RETRY)
