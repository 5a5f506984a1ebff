"""Well-formed requests to start from: those of the official cases, or every operation's payload filled."""

from collections.abc import Iterator

from gateway.kmip.version import SUPPORTED
from gateway.operations import OPERATIONS
from tests.support.messages import request
from tests.wire.samples import full
from tests.wire.xmlcases import Bindings, files, steps, to_ttlv

LARGEST = 4096  # bytes; a mutation in a larger message mostly hits the inside of a key


def corpus(bindings: Bindings | None = None) -> list[bytes]:
    """Give the requests, each once."""
    found = {*_filled(), *_official(Bindings() if bindings is None else bindings)}
    return sorted(raw for raw in found if len(raw) <= LARGEST)


def _filled() -> Iterator[bytes]:
    for version in SUPPORTED:
        for entry in OPERATIONS.values():
            if entry.exists_in(version):
                yield request(version, (entry.operation, full(entry.request)))


def _official(bindings: Bindings) -> Iterator[bytes]:
    for path in files("1.0", "1.2", "1.4", "2.1"):
        for step in steps(path):
            if step.is_request:
                yield to_ttlv(step.element, bindings)
