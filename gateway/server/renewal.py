"""What a reload brings to a front end: it was read once, by the supervisor, and is the same for all of them."""

import os

import msgspec

from gateway.config import Config
from gateway.server.tls import TlsFiles


class Renewal(msgspec.Struct, frozen=True):
    """What a front end is to use from now on."""

    config: Config
    files: TlsFiles

    def in_memory(self) -> int:
        """Give the descriptor of an unnamed file in memory that holds it; it has a private key, so no disk sees it."""
        descriptor = os.memfd_create("renewal")
        unwritten = memoryview(_encode(self))
        while unwritten:
            unwritten = unwritten[os.write(descriptor, unwritten) :]
        return descriptor


_encode = msgspec.msgpack.Encoder(enc_hook=str).encode
_decode = msgspec.msgpack.Decoder(Renewal, dec_hook=lambda kind, value: kind(value)).decode


def read_renewal(descriptor: int) -> Renewal:
    """Give what the supervisor sends, and close the descriptor; all front ends share its offset, so none moves it."""
    try:
        return _decode(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
    finally:
        os.close(descriptor)
