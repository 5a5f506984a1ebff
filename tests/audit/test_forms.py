"""Records for other programs: CEF, syslog; and what is looked for among them."""

import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.cef import cef
from gateway.audit.chain import Chain
from gateway.audit.records import Record, encode
from gateway.audit.searching import Wanted, search
from gateway.audit.trail import Trail
from gateway.errors import ConfigurationError
from gateway.legible import legible
from gateway.server import syslog
from gateway.server.syslog import Syslog

GET = Record(
    1000.5, "item", "Get", "acme", "cert:a", address="10.0.0.7", objects=("a|b=c",), status="OperationFailed",
    reason="ObjectNotFound",
)  # fmt: skip


def test_cef_has_its_fields_and_nothing_in_them_ends_one() -> None:
    line = cef(GET)
    assert line.startswith("CEF:0|kmip-gateway|kmip-gateway|")
    assert "|item|Get|5|rt=1000500 src=10.0.0.7 suser=cert:a act=Get outcome=OperationFailed" in line
    assert "cs1Label=tenant cs1=acme cs2Label=objects cs2=a|b\\=c" in line
    hostile = cef(Record(1.0, "item", "Get|9|x", identity="a\nCEF:0|b|src=1", detail="\u202e\\"))
    assert "\n" not in hostile
    assert "|Get\\|9\\|x|" in hostile
    assert "suser=a\\\\u000aCEF:0|b|src\\=1" in hostile
    assert hostile.endswith("msg=\\\\u202e\\\\")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Grüße, ключ, 鍵", "plain, Grüße, ключ, 鍵"),
        ("a\r\nb", "a\\u000d\\u000ab"),
        ("\x1b[31m\x07\x9b", "\\u001b[31m\\u0007\\u009b"),
        ("\u202e\u2066\u200b\ufeff", "\\u202e\\u2066\\u200b\\ufeff"),
        ("\u2028\U000e0041", "\\u2028\\U000e0041"),
        ("x" * 10**6, "x" * 200 + "..."),
    ],
)
def test_what_strangers_write_is_shown_and_does_nothing(text: str, shown: str) -> None:
    assert legible(text) == shown


def written(folder: Path) -> None:
    for name, start in (("front-end-a", 0), ("front-end-b", 1)):
        chain = Chain(folder, name, max_file_bytes=500)
        for number in range(start, 20, 2):
            operation, status = ("Get", "Success") if number % 4 < 2 else ("GetAttributes", "OperationFailed")
            tenant, objects = f"tenant-{number % 2}", (f"object-{number}",)
            chain.append([encode(Record(number, "item", operation, tenant, "cert:a", objects=objects, status=status))])


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(), list(range(20))),
        (Wanted(since=5, until=9), [5, 6, 7, 8]),
        (Wanted(tenant="tenant-1", until=6), [1, 3, 5]),
        (Wanted(operation="Get Attributes", until=8), [2, 3, 6, 7]),
        (Wanted(operation="GET_ATTRIBUTES", tenant="tenant-0", until=8), [2, 6]),
        (Wanted(object="object-11"), [11]),
        (Wanted(result="operation failed", since=14), [14, 15, 18, 19]),
        (Wanted(identity="cert:b"), []),
    ],
    ids=str,
)
def test_records_are_found_in_their_order(tmp_path: Path, wanted: Wanted, numbers: list[int]) -> None:
    written(tmp_path)
    assert [each.time for each in search(tmp_path, wanted)] == numbers


def test_a_file_that_was_last_written_before_is_not_read(tmp_path: Path) -> None:
    written(tmp_path)
    for path in tmp_path.glob("front-end-a.*"):
        os.utime(path, (10, 10))
    assert [each.time for each in search(tmp_path, Wanted(since=15))] == [15, 17, 19]


# --- syslog


def taken(kind: str, folder: Path) -> tuple[socket.socket, str]:
    """Give a socket that takes datagrams, and the target that leads there."""
    if kind == "unix":
        there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        there.bind(str(folder / "log"))
        return there, f"unix:{folder / 'log'}"
    there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    there.bind(("127.0.0.1", 0))
    return there, f"udp:127.0.0.1:{there.getsockname()[1]}"


@pytest.mark.parametrize("kind", ["unix", "udp"])
async def test_lines_go_to_syslog_as_they_are_in_the_file(tmp_path: Path, kind: str) -> None:
    there, target = taken(kind, tmp_path)
    to = Syslog(target)
    with there:
        there.settimeout(5)
        trail = Trail(tmp_path / "audit", "front-end", ship=to.ship)
        trail.write([GET])
        head, _, line = there.recv(65536).partition(b" audit - ")
        assert head.startswith(b"<109>1 ")
        assert head.endswith(f" kmip-gateway {os.getpid()}".encode())
        assert line + b"\n" == (tmp_path / "audit" / "front-end.000001.jsonl").read_bytes()
        await trail.checkpoint()
        assert b'"chain":"front-end","count":1' in there.recv(65536)
    to.close()


def test_syslog_over_tcp_counts_its_octets(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        to = Syslog(f"tcp:127.0.0.1:{server.getsockname()[1]}")
        to.ship(b"one")
        to.ship(b"two")
        there, _ = server.accept()
        to.close()
        with there, there.makefile("rb") as file:
            received = file.read()
    size, _, rest = received.partition(b" ")
    assert rest[: int(size)].endswith(b"audit - one")
    size, _, rest = rest[int(size) :].partition(b" ")
    assert rest[: int(size)].endswith(b"audit - two")


def test_a_collector_that_is_away_holds_nobody_back_and_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    to = Syslog(f"unix:{tmp_path / 'log'}")
    for _ in range(3):
        to.ship(b"lost")
    assert capsys.readouterr().out.count("syslog takes no audit records") == 1
    there, _ = taken("unix", tmp_path)
    monkeypatch.setattr(syslog, "RETRY_S", 0.0)
    to._again = 0.0
    with there:
        to.ship(b"kept")
        assert there.recv(65536).endswith(b"kept")
    assert "dropped=3" in capsys.readouterr().out
    to.close()


def test_a_collector_that_does_not_answer_is_waited_for_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are not resolved, and hosts that say nothing, held up a front end for seconds, again and again."""
    begun, there, waiting = threading.Event(), threading.Event(), []
    with socket.create_server(("127.0.0.1", 0)) as server:
        to = Syslog(f"tcp:127.0.0.1:{server.getsockname()[1]}")
        to.ship(b"first")
        to._give_up(OSError("gone"))
        to._again = 0.0
        real = socket.create_connection

        def slow(*where: Any, **more: Any) -> socket.socket:
            waiting.append(threading.current_thread())
            begun.set()
            assert there.wait(20)
            return real(*where, **more)

        monkeypatch.setattr(socket, "create_connection", slow)
        for _ in range(3):
            to.ship(b"lost")
        assert begun.wait(20)
        (thread,) = waiting
        assert thread is not threading.current_thread()
        there.set()
        thread.join()
        to.ship(b"kept")
        first, second = server.accept()[0], server.accept()[0]
        to.close()
        with first, second, second.makefile("rb") as file:
            received = file.read()
    assert received.endswith(b"audit - kept")
    assert b"lost" not in received


@pytest.mark.parametrize("target", ["", "tcp", "tcp:host", "udp:", "http://x", "unix:"])
def test_a_target_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(ConfigurationError):
        Syslog(target)
