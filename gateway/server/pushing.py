"""Messages of the gateway to clients that listen: a TLS connection for each, and who is at its other end.

The one rule here: nothing is sent before the other end has shown a certificate of the clients' authority with the very
key that the owner is known by. Keys are in these messages.
"""

import asyncio
import ssl
import time
from typing import NoReturn

import structlog
from cryptography.x509 import load_der_x509_certificate

from gateway.config import PushTarget, TlsConfig
from gateway.errors import ConfigurationError, GeneralFailure
from gateway.server.peer import CertificateRefused, key_of
from gateway.server.revocation import Revocation, read_lists
from gateway.server.tls import read_authorities, read_files

TIMEOUT_S = 10.0  # from connecting to the last byte of the answer
MAX_ANSWER_BYTES = 64 * 1024
HEADER_BYTES = 8
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

log = structlog.get_logger()


class Pusher:
    """Brings messages to clients, by the gateway's own certificate."""

    def __init__(self, config: TlsConfig) -> None:
        """Read the certificates.

        Raises:
            ConfigurationError: one of the files cannot be used.
        """
        self._context, self._revocation = _context(config), _revocation(config)

    def adopt(self, config: TlsConfig) -> None:
        """Use the files that there are now, from the next message on; on a fault in them, go on with what there was."""
        try:
            self._context, self._revocation = _context(config), _revocation(config)
        except ConfigurationError as error:
            log.error("push goes on with the certificates of before", reason=str(error))

    async def send(self, target: PushTarget, message: bytes) -> bytes:
        """Give the client's response to a message.

        Raises:
            GeneralFailure: it cannot be reached, is somebody else, or does not answer with one message.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._exchange(target, message)
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError) as error:
            raise GeneralFailure(f"{target.host}:{target.port} does not answer: {type(error).__name__}") from error

    async def _exchange(self, target: PushTarget, message: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(target.host, target.port, ssl=self._context)
        try:
            self._check(writer.get_extra_info("ssl_object").getpeercert(binary_form=True), target)
            writer.write(message)
            await writer.drain()
            header = await reader.readexactly(HEADER_BYTES)
            length = int.from_bytes(header[4:], "big")
            if length > MAX_ANSWER_BYTES:
                raise GeneralFailure(f"{target.host}:{target.port} answers with {length} bytes")
            return header + await reader.readexactly(length)
        finally:
            writer.close()

    def _check(self, shown: bytes, target: PushTarget) -> None:
        """Make sure that it is the client that is meant, and that its certificate was not taken back."""
        certificate = load_der_x509_certificate(shown)
        try:
            found = f"cert:{key_of(certificate)}"
            self._revocation.check(certificate, time.time())
        except CertificateRefused as refused:
            told = f"{target.host}:{target.port} shows a certificate that is refused: {refused}"
            raise GeneralFailure(told) from refused
        if found != (f"cert:{target.key}" if target.key else target.identity):
            raise GeneralFailure(f"{target.host}:{target.port} is somebody else: {found}")


def _context(config: TlsConfig) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # Its key is compared, which no authority can give to another.
    # As for clients: an issuing authority in the file is trusted though it is below a root (server/tls).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.minimum_version = VERSIONS[config.minimum_version]
    try:
        context.load_verify_locations(config.ca)
        context.load_cert_chain(config.certificate, config.key, password=_no_password)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"[tls] cannot be used to push to clients: {error}.") from error
    return context


def _revocation(config: TlsConfig) -> Revocation:
    files = read_files(config)
    return Revocation(read_lists(files.crls, read_authorities(files.ca, config.ca)), hard=config.crl_policy == "hard")


def _no_password() -> NoReturn:
    """Refuse an encrypted key, for which OpenSSL would otherwise ask at the terminal."""
    raise ConfigurationError("[tls] key is encrypted; give it without a password, with mode 0400.")
