"""A record as a line of the Common Event Format, version 0, which collectors of security events read."""

from gateway import __version__
from gateway.audit.records import Record
from gateway.legible import legible

FAILED = "OperationFailed"
# Severity, from 0 to 10: what succeeded, what was refused, what could not be recorded.
ROUTINE, REFUSED, ALARM = 1, 5, 9


def cef(record: Record) -> str:
    """Give the line."""
    name = record.operation or record.event
    severity = ALARM if record.event == "interrupted" else REFUSED if record.status == FAILED else ROUTINE
    header = ("CEF:0", "kmip-gateway", "kmip-gateway", __version__, record.event, name, str(severity))
    fields = {
        "rt": str(int(record.time * 1000)),
        "src": record.address,
        "suser": record.identity,
        "act": record.operation,
        "outcome": record.status,
        "reason": record.reason,
        "cs1Label": "tenant" if record.tenant else "",
        "cs1": record.tenant,
        "cs2Label": "objects" if record.objects else "",
        "cs2": " ".join(record.objects),
        "cs3Label": "serverCorrelationValue" if record.server_correlation else "",
        "cs3": record.server_correlation,
        "cs4Label": "clientCorrelationValue" if record.client_correlation else "",
        "cs4": record.client_correlation,
        "in": str(record.bytes) if record.bytes else "",
        "msg": record.detail,
    }
    extension = " ".join(f"{key}={_value(value)}" for key, value in fields.items() if value)
    return "|".join([header[0], *map(_header, header[1:]), extension])


def _header(text: str) -> str:
    return legible(text).replace("\\", "\\\\").replace("|", "\\|")


def _value(text: str) -> str:
    return legible(text, 4000).replace("\\", "\\\\").replace("=", "\\=")
