"""What a token worker tells the supervisor, on a socket of its own: that it is ready, why not, that it has aged."""

import msgspec

from gateway.token.api import Profile, TokenInfo


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """A worker's first word to the supervisor: it is logged in and takes requests."""

    profile: Profile
    info: TokenInfo


class StartFailed(msgspec.Struct, frozen=True, tag="start_failed"):
    """Why a worker cannot start: one sentence for the operator, without the PIN."""

    sentence: str
    pin_refused: bool = False


class Retiring(msgspec.Struct, frozen=True, tag="retiring"):
    """The worker has leaked enough and asks to be replaced; it goes on working until then."""


ControlMessage = Ready | StartFailed | Retiring

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ControlMessage)


def encode_control(message: ControlMessage) -> bytes:
    """Give the datagram for the control socket."""
    return _encoder.encode(message)


def decode_control(raw: bytes) -> ControlMessage:
    """Read a datagram of the control socket."""
    message: ControlMessage = _decoder.decode(raw)
    return message
