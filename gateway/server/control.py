"""What supervisor and front end say to each other, over one socket pair of packets for each front end.

Supervisor to front end: Attach, with one descriptor, the front end's end of a socket pair to a token worker; Adopt,
with one of memory; Quiet before the end. Front end to supervisor: Listening once, or Failed with the sentence that the
operator is to read; Adopted for each Adopt; Quieted; Probed now and then, where a watchdog is to be fed.
"""

import socket

import msgspec

from gateway.token.reports import Ready

PACKET_BYTES = 65536


class Attach(msgspec.Struct, frozen=True, tag=True):
    """Use the descriptor that comes with this packet to reach worker `worker` of a token from now on.

    `found` is what the token's first worker found it to be, for who hears of the token for the first time.
    """

    worker: int
    token: str
    found: Ready


class Adopt(msgspec.Struct, frozen=True, tag=True):
    """Use what the descriptor that comes with this packet holds, from now on (`reloading.Renewal`)."""

    number: int


class Adopted(msgspec.Struct, frozen=True, tag=True):
    """It is in use; or it is not, and the error says why."""

    number: int
    error: str = ""


class Quiet(msgspec.Struct, frozen=True, tag=True):
    """Accept no connection any more; those that there are go on until SIGTERM."""


class Quieted(msgspec.Struct, frozen=True, tag=True):
    """The front end accepts no connection."""


class Listening(msgspec.Struct, frozen=True, tag=True):
    """The front end accepts connections."""


class Probed(msgspec.Struct, frozen=True, tag=True):
    """The front end has asked database and token for something, and had an answer, good or bad."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The front end cannot start, because of the configuration."""

    sentence: str


Message = Attach | Adopt | Adopted | Quiet | Quieted | Listening | Probed | Failed

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


def pair() -> tuple[socket.socket, socket.socket]:
    """Give the two ends: the supervisor's, then the front end's; both non-blocking, packets kept whole."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    theirs.setblocking(False)
    return ours, theirs


def send(channel: socket.socket, message: Message, *descriptors: int) -> None:
    """Send one message; the receiver gets its own copies of the descriptors.

    Raises:
        OSError: the other process is gone, or does not read.
    """
    socket.send_fds(channel, [_encode(message)], descriptors)


def receive(channel: socket.socket) -> tuple[Message, list[int]] | None:
    """Give the next message and its descriptors, or None when the other process is gone.

    Raises:
        BlockingIOError: nothing has come.
    """
    try:
        packet, descriptors, _, _ = socket.recv_fds(channel, PACKET_BYTES, 1)
    except ConnectionResetError:
        return None
    return (_decode(packet), descriptors) if packet else None
