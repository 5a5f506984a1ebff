"""Log: a client's remark in the server's log (KMIP 2.1 section 6.1.29 Log)."""

import structlog

from gateway.call import Call
from gateway.errors import InvalidField
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Structure
from gateway.kmip.version import V2_0
from gateway.operations import operation

MAX_CHARACTERS = 4096  # A line of a log, not a store for clients' data.

log = structlog.get_logger()


class LogRequest(Structure):
    """What is to be written down."""

    log_message: str


class LogResponse(Structure):
    """Nothing: it was written down."""


@operation(Operation.LOG, since=V2_0)
async def log_(call: Call, request: LogRequest) -> LogResponse:
    """Write a client's text to the log at level info, with who sent it and from where.

    Raises:
        InvalidField: the text is longer than a line of the log may be.
    """
    if len(request.log_message) > MAX_CHARACTERS:
        raise InvalidField(f"a Log Message has at most {MAX_CHARACTERS} characters")
    identity = call.peer.identity
    log.info(
        "client_message",
        message=_on_one_line(request.log_message),
        identity=identity.name,
        tenant=identity.tenant,
        address=call.peer.address,
        version=str(call.version),
    )
    return LogResponse()


def _on_one_line(text: str) -> str:
    """Spell out what is not printable: a client must not be able to write lines that look like the gateway's own."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
