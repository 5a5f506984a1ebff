"""The audit's lines to a syslog daemon or collector as well (RFC 5424; over TCP with octet counting, RFC 6587).

The rule here: nobody waits for it. What it does not take at once is dropped and counted; the files are the record.
"""

import os
import socket
import threading
import time
from datetime import UTC, datetime
from typing import Any

import structlog

from gateway.errors import ConfigurationError

# Facility 13, log audit; severity 5, notice.
PRIORITY = 13 * 8 + 5
RETRY_S = 5.0
CONNECT_S = 1.0

log = structlog.get_logger()


class Syslog:
    """Sends lines to `target`: unix:PATH, udp:HOST:PORT or tcp:HOST:PORT."""

    def __init__(self, target: str) -> None:
        """Take the target apart.

        Raises:
            ConfigurationError: it is none.
        """
        self._target = target
        self._kind, _, self._where = target.partition(":")
        if self._kind not in ("unix", "udp", "tcp") or not self._where:
            raise ConfigurationError(
                f'[audit] syslog = "{target}": give unix:PATH, udp:HOST:PORT or tcp:HOST:PORT, or nothing.'
            )
        if self._kind != "unix" and not self._where.rpartition(":")[2].isdigit():
            raise ConfigurationError(f'[audit] syslog = "{target}" has no port; give HOST:PORT.')
        self._socket: socket.socket | None = None
        self._again = 0.0
        self._dropped = 0
        self._tried = False
        self._dialling: threading.Thread | None = None
        self._dialled: socket.socket | OSError | None = None  # what it came to
        self._host = socket.gethostname() or "-"

    def ship(self, line: bytes) -> None:
        """Send one line, or count it as dropped."""
        if self._socket is None and not self._connect():
            return
        assert self._socket is not None  # noqa: S101 - _connect has made it
        message = self._framed(line)
        try:
            # What TCP took of half a message would garble the next one: such a connection is given up.
            if self._socket.send(message) != len(message):
                raise BlockingIOError("the collector is slow")
        except OSError as error:
            self._give_up(error)

    def _framed(self, line: bytes) -> bytes:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = f"<{PRIORITY}>1 {stamp} {self._host} kmip-gateway {os.getpid()} audit - "
        message = head.encode() + line
        return b"%d %s" % (len(message), message) if self._kind == "tcp" else message

    def _connect(self) -> bool:
        """Connect, and tell whether lines can be sent; after the first time a thread waits for what may take long."""
        now = time.monotonic()
        if self._dialling is None and now < self._again:
            self._dropped += 1
            return False
        if self._kind == "unix" or not self._tried:
            self._tried = True
            self._dial()
        elif self._dialling is None:
            self._dialling = threading.Thread(target=self._dial, daemon=True)
            self._dialling.start()
        found = self._dialled
        if found is None:
            self._dropped += 1
            return False
        self._dialled = self._dialling = None
        return self._taken(found)

    def _dial(self) -> None:
        try:
            self._dialled = self._connected()
        except OSError as error:
            self._dialled = error

    def _taken(self, found: socket.socket | OSError) -> bool:
        if isinstance(found, OSError):
            self._give_up(found)
            return False
        self._socket = found
        if self._dropped:
            log.warning("syslog takes audit records again", target=self._target, dropped=self._dropped)
            self._dropped = 0
        return True

    def _connected(self) -> socket.socket:
        if self._kind == "tcp":
            host, _, port = self._where.rpartition(":")
            made = socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S)
        elif self._kind == "udp":
            host, _, port = self._where.rpartition(":")
            family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_DGRAM)[0]
            made = _to(address, family, kind, protocol)
        else:
            made = _to(self._where, socket.AF_UNIX, socket.SOCK_DGRAM)
        made.setblocking(False)
        return made

    def _give_up(self, error: OSError) -> None:
        if not self._dropped:
            log.error("syslog takes no audit records", target=self._target, reason=error.strerror or str(error))
        self._dropped += 1
        self._again = time.monotonic() + RETRY_S
        self.close()

    def close(self) -> None:
        """Close the connection."""
        for each in (self._socket, self._dialled):
            if isinstance(each, socket.socket):
                each.close()
        self._socket = self._dialled = None


def _to(address: Any, *kind: int) -> socket.socket:
    """Give a socket of this kind that is connected there."""
    made = socket.socket(*kind)
    try:
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made
