"""The socket by which this machine's operator speaks with the supervisor: one packet of JSON each way.

It stands in `runtime_dir`, which nobody else may enter; who may connect may as well stop the gateway.
"""

import os
import socket
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING

import msgspec

from gateway.errors import ConfigurationError
from gateway.server.reloading import FOLLOW_S, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "control.sock"
PACKET_BYTES = 65536
RELOAD = b"reload"
CREDENTIALS = Struct("3i")  # process, user, group


class Administration:
    """The supervisor's end; `reload` is called for each request, with whom to tell the outcome."""

    def __init__(self, folder: Path, reload: Callable[[Callable[[Outcome], None]], None]) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._reload = reload
        self._path = folder / NAME
        self._path.unlink(missing_ok=True)
        with _short(folder) as path:
            self.socket.bind(path)
        self._path.chmod(0o600)  # before anybody can connect, whatever the umask and the folder's mode
        self.socket.listen()
        self.socket.setblocking(False)
        self._inode = self._path.stat().st_ino

    def accept(self) -> socket.socket | None:
        """Give the next operator's connection, from which `hear` is to be called once it can be read."""
        try:
            connection, _ = self.socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return None
        connection.setblocking(False)
        return connection

    def hear(self, connection: socket.socket) -> None:
        """Carry out what an operator asks, and close the connection with the answer."""
        try:
            asked = connection.recv(PACKET_BYTES)
        except OSError:
            asked = b""
        if asked != RELOAD or _user_of(connection) not in (0, os.geteuid()):
            connection.close()
            return

        def answer(outcome: Outcome) -> None:
            with connection, suppress(OSError):  # the operator may have left
                connection.send(msgspec.json.encode(outcome))

        self._reload(answer)

    def close(self) -> None:
        """Let nobody ask any more."""
        self.socket.close()
        with suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._inode:  # else the gateway that succeeds this one has put its own here
                self._path.unlink()


def _user_of(connection: socket.socket) -> int:
    """Give whose process has connected, as the kernel knows it."""
    return int(CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))[1])


def ask_reload(folder: Path) -> Outcome:
    """Have the gateway whose `runtime_dir` this is read its files again, and give what came of it.

    Raises:
        ConfigurationError: it does not run, or does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(2 * FOLLOW_S)
        try:
            with _short(folder) as path:
                sock.connect(path)
            sock.send(RELOAD)
            packet = sock.recv(PACKET_BYTES)
            return msgspec.json.decode(packet, type=Outcome)
        except (OSError, msgspec.DecodeError):
            raise ConfigurationError(f"No gateway answers in {folder}; is it running, and is this its file?") from None


@contextmanager
def _short(folder: Path) -> "Iterator[str]":
    """Give a name of the socket that is never too long for an address, which has room for 107 bytes."""
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    except OSError:
        raise ConfigurationError(f"[server] runtime_dir: {folder} cannot be entered.") from None
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
