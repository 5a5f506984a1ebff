"""What systemd is told, and what it hands over: sd_notify(3) and sd_listen_fds(3), without its library.

Without systemd, nothing of it happens. The watchdog is fed as long as every front end that serves has probed database
and token lately, whatever came of it: a token that is down is told by readiness and comes back without a restart, but
a gateway that can no longer even ask is to be started anew.
"""

import os
import socket
import time
from collections.abc import Iterable, MutableMapping

import structlog

LISTEN_FDS_START = 3
US = 1_000_000
KMIP = "kmip"

log = structlog.get_logger()


class Systemd:
    """The service manager, if there is one; times are of time.monotonic()."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Take what it says out of the environment: it is not for children."""
        self._address = environment.pop("NOTIFY_SOCKET", "")
        watchdog_us, watched = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        ours = watched in ("", str(os.getpid()))
        self._watchdog_s = int(watchdog_us) / US if watchdog_us and ours else 0.0
        self._fed = 0.0
        self._probed: dict[int, float] = {}

    @property
    def probe_s(self) -> float:
        """How often a front end is to probe database and token, 0 where nobody asks."""
        return self._watchdog_s / 4

    def ready(self, status: str) -> None:
        """Tell that the gateway serves, or has read its files again."""
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Tell that it reads its files again."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={round(time.monotonic() * US)}")

    def stopping(self) -> None:
        """Tell that it drains."""
        self._tell("STOPPING=1\nSTATUS=draining")

    def status(self, status: str) -> None:
        """Tell the operator something, for `systemctl status`."""
        self._tell(f"STATUS={status}")

    def probed(self, front_end: int, now: float) -> None:
        """Note that a front end has asked database and token, and had an answer of some kind."""
        self._probed[front_end] = now

    def turn(self, serving: Iterable[int], now: float) -> None:
        """Feed the watchdog when it is time, and every front end that serves has probed lately."""
        if not self._watchdog_s or now < self._fed + self.probe_s:
            return
        if all(now < self._probed.get(each, 0.0) + self._watchdog_s / 2 for each in serving):
            self._fed = now
            self._tell("WATCHDOG=1")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            try:
                sock.sendto(state.encode(), address)
            except OSError as error:  # systemd itself restarts, or is busy: it is told again
                log.debug("systemd not told", state=state, reason=error.strerror)


def handed_over(environment: MutableMapping[str, str] = os.environ) -> dict[str, socket.socket]:
    """Give the listening sockets of socket activation by FileDescriptorName=; a single one may be unnamed, for KMIP.

    They are given once, and are not for children.
    """
    pid, count = environment.pop("LISTEN_PID", ""), environment.pop("LISTEN_FDS", "0")
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()):
        return {}
    sockets = [socket.socket(fileno=LISTEN_FDS_START + place) for place in range(int(count))]
    for sock in sockets:
        sock.set_inheritable(False)
        sock.setblocking(False)
    if len(sockets) == 1:
        return {KMIP: sockets[0]}
    return dict(zip(names, sockets, strict=True))
