"""Listening sockets: bound before anything else, so that a port in use is told at once."""

import errno
import socket

from gateway.config import HttpsConfig, ServerConfig
from gateway.errors import ConfigurationError

# Connections that the kernel completes while all front ends are busy; a data centre that comes back from a power cut
# connects all at once.
BACKLOG = 1024

FAULTS = {
    errno.EADDRINUSE: "port {port} on {host} is in use; stop what listens there or choose another {key}",
    errno.EACCES: "port {port} needs a privilege; choose a {key} above 1023 or grant CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "{host} is no address of this machine; correct host",
}


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
