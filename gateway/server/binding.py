"""Listening sockets: bound before anything else, so that a port in use is told at once."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from gateway.config import Config, HttpsConfig, ServerConfig
from gateway.errors import ConfigurationError
from gateway.server.systemd import handed_over

# Connections that the kernel completes while all front ends are busy; a data centre that comes back from a power cut
# connects all at once.
BACKLOG = 1024

FAULTS = {
    errno.EADDRINUSE: "port {port} on {host} is in use; stop what listens there or choose another {key}",
    errno.EACCES: "port {port} needs a privilege; choose a {key} above 1023 or grant CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "{host} is no address of this machine; correct host",
}


class Ports(NamedTuple):
    """The TCP ports that the gateway listens on; None where it does not."""

    kmip: int
    https: int | None = None
    admin: int | None = None


class Sockets(NamedTuple):
    """What all front ends accept from."""

    kmip: socket.socket
    https: socket.socket | None
    admin: socket.socket | None

    def ports(self) -> Ports:
        """Give the ports, those too that the system chose."""
        kmip, https, admin = (None if sock is None else int(sock.getsockname()[1]) for sock in self)
        return Ports(kmip or 0, https, admin)

    def close(self) -> None:
        """Let the system refuse new connections, once the front ends have closed theirs too."""
        for sock in self:
            if sock is not None:
                sock.close()


@contextmanager
def listen_all(config: Config) -> Iterator[Sockets]:
    """Give every socket that is configured, and close them at the end; raises as `listen` does.

    Those that systemd hands over are used as they are.
    """
    https, opened, given = config.https, ExitStack(), handed_over()
    with opened:
        for sock in given.values():
            opened.enter_context(sock)
        kmip = given.get("kmip") or opened.enter_context(listen(config.server))
        if https.port < 0:
            yield Sockets(kmip, None, None)
            return
        secured = given.get("https") or opened.enter_context(listen_https(https))
        admin = given.get("admin")
        if admin is None and https.admin_port >= 0:
            admin = opened.enter_context(listen_admin(https))
        yield Sockets(kmip, secured, admin)


def listen(config: ServerConfig) -> socket.socket:
    """Give the socket that all front ends accept from.

    Raises:
        ConfigurationError: the address cannot be had.
    """
    return _bind(config.host, config.kmip_port, "[server]", "kmip_port")


def listen_https(config: HttpsConfig) -> socket.socket:
    """Give the socket for HTTPS; raises as `listen` does."""
    return _bind(config.host, config.port, "[https]", "port")


def listen_admin(config: HttpsConfig) -> socket.socket:
    """Give the socket for health and metrics; raises as `listen` does."""
    return _bind(config.admin_host, config.admin_port, "[https]", "admin_port")


def _bind(host: str, port: int, table: str, key: str) -> socket.socket:
    six = ":" in host
    try:
        sock = socket.create_server(
            (host, port),
            family=socket.AF_INET6 if six else socket.AF_INET,
            backlog=BACKLOG,
            dualstack_ipv6=host == "::",
        )
    except OSError as error:
        fault = FAULTS.get(error.errno or 0, "cannot listen on {host} port {port} ({reason})")
        sentence = fault.format(host=host, port=port, key=key, reason=error.strerror)
        raise ConfigurationError(f"{table} {sentence}.") from None
    sock.setblocking(False)
    return sock
