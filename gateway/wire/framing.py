"""Bytes of a connection in, whole TTLV messages out; no I/O (KMIP 1.4 section 9.1 TTLV Encoding).

The header of a message tells its size, so a message is refused before any of its body is kept. After a FramingError
nothing on the connection can be trusted: the caller answers once and closes.
"""

from gateway.errors import TtlvError

# Tag 420078 Request Message, type 01 Structure.
REQUEST_MESSAGE = b"\x42\x00\x78\x01"
HEADER_BYTES = 8


class FramingError(TtlvError):
    """The bytes cannot be the start of a request that this server reads; `offset` counts from the message's start."""


class Framer:
    """The receive buffer of one connection.

    A caller feeds whatever the wire gives and pulls messages until there is none. The common case, one read that is
    exactly one message, hands back the very bytes that came in.
    """

    __slots__ = ("_buffer", "_max_message_bytes")

    def __init__(self, max_message_bytes: int) -> None:
        self._max_message_bytes = max_message_bytes  # header included
        self._buffer: bytes | bytearray = b""

    def __len__(self) -> int:
        """Tell how many bytes wait, whole messages and the start of one."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take bytes as they came from the wire."""
        if not self._buffer:
            self._buffer = data
            return
        if isinstance(self._buffer, bytes):
            self._buffer = bytearray(self._buffer)
        self._buffer += data

    def peek(self, count: int) -> bytes:
        """Give the first bytes, so many or as many as there are."""
        return bytes(self._buffer[:count])

    def take(self) -> bytes:
        """Give all bytes that wait, for somebody else to read."""
        data, self._buffer = bytes(self._buffer), b""
        return data

    def next_message(self) -> bytes | None:
        """Give the next whole message, header included, or None until more bytes come.

        Raises:
            FramingError: not a Request Message, or one larger than this server reads.
        """
        buffer = self._buffer
        if not buffer:
            return None
        if len(buffer) < HEADER_BYTES:
            self._check_start(buffer)
            return None
        size = self._message_bytes(buffer)
        if len(buffer) < size:
            return None
        if len(buffer) == size:
            self._buffer = b""
            return bytes(buffer)
        return self._cut(size)

    def _message_bytes(self, buffer: bytes | bytearray) -> int:
        """Give the size of the message that the buffer starts with, header included."""
        if buffer[:4] != REQUEST_MESSAGE:
            self._check_start(buffer)
        size = HEADER_BYTES + int.from_bytes(buffer[4:8], "big")
        if size > self._max_message_bytes:
            raise FramingError(f"The message has {size} bytes; this server reads {self._max_message_bytes}", 4)
        return size

    def _check_start(self, buffer: bytes | bytearray) -> None:
        """Raise at the first byte that no Request Message has."""
        for offset, (found, wanted) in enumerate(zip(buffer, REQUEST_MESSAGE, strict=False)):
            if found != wanted:
                raise FramingError("A Request Message in TTLV was expected", offset)

    def _cut(self, size: int) -> bytes:
        """Give the first `size` bytes and keep the rest; a bytearray drops its head without moving the tail."""
        if isinstance(self._buffer, bytes):
            self._buffer = bytearray(self._buffer)
        message = bytes(self._buffer[:size])
        del self._buffer[:size]
        return message
