"""What aiohttp reads from and writes to: a connection's socket with the face of an asyncio transport.

asyncio's own transports would bring a second TLS, of the system's OpenSSL, with buffers of its own for every idle
connection. The socket stays the connection's to close.
"""

import asyncio
from typing import Any

from OpenSSL import SSL

from gateway.server.connection import RECORD_BYTES, Connection

# What waits for a client to read it, above what the system holds, until whoever writes is asked to pause.
BACKLOG_BYTES = 65536
NOBODY = asyncio.Protocol()


class Transport(asyncio.Transport):
    """Calls `protocol` as a transport does; it is told of the end exactly once."""

    def __init__(self, connection: Connection, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._connection = connection
        self._tls = connection.tls
        self._descriptor = connection.socket.fileno()
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._reading = self._closing = self._lost = False
        self._crowded = False  # the protocol was asked to pause
        self._emptied: asyncio.Future[None] | None = None

    def start(self, received: bytes) -> None:
        """Begin, with what was read already."""
        self._protocol.connection_made(self)
        if received:
            self._protocol.data_received(received)
        self.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Give the socket; of peer and certificate the connection knows."""
        return self._connection.socket if name == "socket" else default

    def is_closing(self) -> bool:
        """Tell whether nothing more can be written."""
        return self._closing

    def is_reading(self) -> bool:
        """Tell whether data comes in."""
        return self._reading

    def get_write_buffer_size(self) -> int:
        """Give how many bytes the socket has not taken yet."""
        return len(self._unsent)

    def pause_reading(self) -> None:
        """Leave what comes in the socket."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._descriptor)

    def resume_reading(self) -> None:
        """Read on."""
        if not self._reading and not self._closing:
            self._reading = True
            self._loop.add_reader(self._descriptor, self._read)
            # What is decrypted already would not make the socket readable.
            self._loop.call_soon(self._read)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send what goes now, and the rest as soon as it goes."""
        rest = memoryview(data)
        if not self._unsent and not self._lost:
            rest = rest[self._send(rest) :]
        if rest and not self._lost:
            if not self._unsent:
                self._loop.add_writer(self._descriptor, self._flush)
            self._unsent += rest
            self._ask_to_pause()

    async def sent(self) -> None:
        """Return when the socket has taken all that was written, or is lost."""
        if self._unsent and not self._lost:
            self._emptied = self._loop.create_future()
            await self._emptied

    def close(self) -> None:
        """Read no more, and end when all is sent."""
        if not self._closing:
            self._closing = True
            self.pause_reading()
            if not self._unsent:
                self._lose(None)

    def abort(self) -> None:
        """End now."""
        self._lose(None)

    def _read(self) -> None:
        """Give the protocol what the socket has; the loop calls it when the socket is readable."""
        try:
            while self._reading:
                self._protocol.data_received(self._tls.recv(RECORD_BYTES))
                if not self._tls.pending():
                    return
        except SSL.WantReadError:
            pass  # a part of a record, or a record of TLS itself
        except SSL.ZeroReturnError:
            self._end()
        except (SSL.Error, OSError) as error:
            self._break(error)

    def _end(self) -> None:
        """The client sends no more."""
        self.pause_reading()
        if not self._protocol.eof_received():
            self.close()

    def _send(self, data: memoryview) -> int:
        """Send as many records as go now, and give how many bytes that was."""
        sent = 0
        try:
            while sent < len(data):
                sent += self._tls.send(data[sent : sent + RECORD_BYTES])
        except (SSL.WantWriteError, SSL.WantReadError):
            pass
        except (SSL.Error, OSError) as error:
            self._break(error)
        return sent

    def _flush(self) -> None:
        """Send more of what waits; the loop calls it when the socket is writable."""
        with memoryview(self._unsent) as unsent:
            sent = self._send(unsent)
        del self._unsent[:sent]
        if self._unsent or self._lost:
            return
        self._loop.remove_writer(self._descriptor)
        self._tell_emptied()
        if self._crowded:
            self._crowded = False
            self._protocol.resume_writing()
        if self._closing:
            self._lose(None)

    def _ask_to_pause(self) -> None:
        if len(self._unsent) > BACKLOG_BYTES and not self._crowded:
            self._crowded = True
            self._protocol.pause_writing()

    def _tell_emptied(self) -> None:
        if self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    def _break(self, error: SSL.Error | OSError) -> None:
        self._connection.tell_broken(error)
        self._lose(ConnectionResetError("the connection broke"))

    def _lose(self, error: Exception | None) -> None:
        """Let go of the socket, and tell the protocol once."""
        if self._lost:
            return
        self.pause_reading()
        self._loop.remove_writer(self._descriptor)
        self._closing = self._lost = True
        self._tell_emptied()
        self._loop.call_soon(self._protocol.connection_lost, error)
        self._protocol = NOBODY  # or both would wait for the garbage collector
