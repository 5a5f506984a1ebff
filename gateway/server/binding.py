"""The listening socket: bound before anything else, so that a port in use is told at once."""

import errno
import socket

from gateway.config import ServerConfig
from gateway.errors import ConfigurationError

# Connections that the kernel completes while all front ends are busy; a data centre that comes back from a power cut
# connects all at once.
BACKLOG = 1024

FAULTS = {
    errno.EADDRINUSE: "port {port} on {host} is in use; stop what listens there or choose another kmip_port",
    errno.EACCES: "port {port} needs a privilege; choose a kmip_port above 1023 or grant CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "{host} is no address of this machine; correct host",
}


def listen(config: ServerConfig) -> socket.socket:
    """Give the socket that all front ends accept from.

    Raises:
        ConfigurationError: the address cannot be had.
    """
    host, port = config.host, config.kmip_port
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
        sentence = fault.format(host=host, port=port, reason=error.strerror)
        raise ConfigurationError(f"[server] {sentence}.") from None
    sock.setblocking(False)
    return sock
