"""One record: what it says, its bounds, and its JSON."""

from binascii import hexlify
from collections.abc import Sequence
from hashlib import sha256

import msgspec

from gateway.legible import ascii_json, legible

MAX_OBJECTS = 32  # named in one record; the others are counted
MAX_OBJECT_CHARACTERS = 100
HASH_CHARACTERS = 64


class Record(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What one batch item, one refusal or one command came to.

    time is in seconds since 1970; bytes is the size of the request message. `event` is "item",
    "message" (refused as a whole), "handshake" (refused before any), "command" (of an operator), or what the trail
    tells of itself.
    """

    time: float
    event: str
    operation: str = ""
    tenant: str = ""
    identity: str = ""
    certificate: str = ""  # whose connection it was, where somebody else's ticket was shown
    address: str = ""
    objects: tuple[str, ...] = ()
    more_objects: int = 0
    status: str = ""
    reason: str = ""
    version: str = ""
    client_correlation: str = ""
    server_correlation: str = ""
    item: int = 0  # its place in the message, from 0
    bytes: int = 0
    duration_us: int = 0
    detail: str = ""


class Stored(Record, frozen=True, omit_defaults=True, gc=False):
    """A record as it stands in its chain: its number there, and the SHA-256 of the line before it."""

    seq: int = 0
    prev: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Stored)


def encode(record: Record) -> bytes:
    """Give the record's JSON in ASCII: what could forge a line, or drive a terminal, is escaped."""
    return ascii_json(_encoder.encode(record))


def decode(line: bytes) -> Stored:
    """Give the record of a line.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    return _decoder.decode(line)


def chained(seq: int, prev: bytes, body: bytes) -> bytes:
    """Give the line, without its end, of a record that stands at this place behind the line of this hash."""
    return b'{"seq":%d,"prev":"%s",%s' % (seq, prev, body[1:])


def hash_of(line: bytes) -> bytes:
    """Give the SHA-256 of a line, without its end, in hexadecimal."""
    return hexlify(sha256(line).digest())


def genesis(chain: str) -> bytes:
    """Give what stands for the line before a chain's first: it differs from chain to chain, so none can be renamed."""
    return hash_of(b"kmip-gateway audit chain " + chain.encode())


def bounded(asked: Sequence[str], told: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Give each object once that was asked for or told of, as many as a record names, and how many more there are."""
    if not asked and not told:
        return (), 0
    if len(asked) == 1 and (not told or (len(told) == 1 and told[0] == asked[0])):  # most requests
        name = asked[0]
        return (name if len(name) <= MAX_OBJECT_CHARACTERS else legible(name, MAX_OBJECT_CHARACTERS),), 0
    distinct = dict.fromkeys((*asked, *told))
    shown = tuple(legible(name, MAX_OBJECT_CHARACTERS) for name in list(distinct)[:MAX_OBJECTS])
    return shown, len(distinct) - len(shown)
