"""A socket with the face of an SSL.Connection, for the port that has no TLS: one kind of connection serves both."""

import socket

from OpenSSL import SSL


class Plain:
    """What a connection asks of TLS, without any; faults are told in the same exceptions."""

    __slots__ = ("_socket",)

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def set_accept_state(self) -> None:
        """Do nothing: both sides are alike."""

    def do_handshake(self) -> None:
        """Do nothing: there is nothing to agree on."""

    def recv(self, size: int) -> bytes:
        """Give what has come; raises ZeroReturnError at the end."""
        try:
            data = self._socket.recv(size)
        except BlockingIOError:
            raise SSL.WantReadError from None
        if not data:
            raise SSL.ZeroReturnError
        return data

    def pending(self) -> int:
        """Give 0: nothing waits but in the socket."""
        return 0

    def send(self, data: bytes | memoryview) -> int:
        """Send what goes now and give how many bytes that was."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            raise SSL.WantWriteError from None

    def shutdown(self) -> bool:
        """Send no more."""
        self._socket.shutdown(socket.SHUT_WR)
        return True
