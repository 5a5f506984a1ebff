"""Log (KMIP 2.1 section 6.1.29): what a client says is one line of the log, and says whose it is."""

import pytest
from structlog.testing import capture_logs

from gateway.kmip.enums import Operation, ResultReason
from gateway.kmip.version import SUPPORTED, V1_4, V2_0, V2_1
from gateway.operations.log import MAX_CHARACTERS, LogRequest

O, R = Operation, ResultReason  # noqa: E741


async def logged(client, text, version=V2_1):
    with capture_logs() as lines:
        await client.one(version, O.LOG, LogRequest(log_message=text))
    return lines


@pytest.mark.parametrize("version", [v for v in SUPPORTED if v >= V2_0], ids=str)
async def test_a_message_is_logged_with_its_sender(gateway, version):
    (line,) = await logged(gateway.other, "Registered a symmetric key. ✓", version)
    assert line == {
        "event": "client_message",
        "log_level": "info",
        "message": "Registered a symmetric key. ✓",
        "identity": "cert:b",
        "tenant": "default",
        "address": "127.0.0.1",
        "version": str(version),
    }


async def test_a_message_is_one_line_whatever_is_in_it(gateway):
    (line,) = await logged(gateway, 'a\r\n{"event": "refused"}\x1b[2J\u2028\u202e')
    assert line["message"] == 'a\\r\\n{"event": "refused"}\\x1b[2J\\u2028\\u202e'


async def test_a_message_longer_than_a_line_is_refused(gateway):
    await logged(gateway, "x" * MAX_CHARACTERS)
    longer = LogRequest(log_message="x" * (MAX_CHARACTERS + 1))
    assert await gateway.refused(V2_1, O.LOG, longer) is R.INVALID_FIELD


async def test_versions_before_2_0_have_no_log(gateway):
    assert await gateway.refused(V1_4, O.LOG, LogRequest(log_message="x")) is R.OPERATION_NOT_SUPPORTED
