"""Opens one PKCS#12 file in a process of its own: `python -m gateway.keys.opening`, the file and its password on stdin.

The rule here: a file says itself how often its password is hashed, and nothing stops the library once it has begun. So
this process has a limit on its time and memory, set before a byte is read, and dies of it.
"""

import resource
import sys
from collections.abc import Iterator, Sequence

from gateway.hardening import forbid_dumps

CPU_S = 3
MEMORY_BYTES = 512 * 1024 * 1024
UNREADABLE = 1


def packed(parts: Sequence[bytes]) -> bytes:
    """Give byte strings as one, each after its length in four bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def unpacked(data: bytes) -> Iterator[bytes]:
    """Give back what `packed` took."""
    while data:
        size = int.from_bytes(data[:4], "big")
        yield data[4 : 4 + size]
        data = data[4 + size :]


def opened(file: bytes, password: bytes) -> list[bytes]:
    """Give the friendly name of the key's certificate, the key in PKCS#8, its certificate, and all others, in DER.

    What the file does not have is empty.

    Raises:
        ValueError: it is no PKCS#12 file under this password.
    """
    # Imported once the limits hold.
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

    found = load_pkcs12(file, password)
    key, own = found.key, found.cert
    others = [each.certificate.public_bytes(Encoding.DER) for each in found.additional_certs]
    return [
        (own and own.friendly_name) or b"",
        b"" if key is None else key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        b"" if own is None else own.certificate.public_bytes(Encoding.DER),
        *others,
    ]


def main() -> int:
    """Open the file on stdin and give its parts on stdout."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    forbid_dumps()
    password, file = unpacked(sys.stdin.buffer.read())
    try:
        parts = opened(file, password)
    except ValueError:
        return UNREADABLE
    sys.stdout.buffer.write(packed(parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
