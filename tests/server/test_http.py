"""HTTP as a client meets it: who may speak, what is refused and how, how long it may take, how it ends."""

import gc
import gzip
import json
import socket
import ssl
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

from gateway.config import HttpsConfig
from gateway.server.http_conversation import HttpConversation
from gateway.server.openapi import DOCUMENT
from tests.server.authority import DAY, Authority
from tests.server.clients import client_context, closed, connect, dial, read_message, request, response
from tests.server.https import BINARY, HttpServer, ask, get, post, read_answer
from tests.server.test_connection import eventually

MAX_BODY_BYTES = 100_000
BODY = request(b"hello   ")
KMIP = post(BODY)


@pytest.fixture
def configured(config):
    https = HttpsConfig(port=0, admin_port=0, max_body_bytes=MAX_BODY_BYTES)
    return lambda **server: replace(config, https=https, server=replace(config.server, **server))


@pytest.fixture
def server(configured):
    with HttpServer(configured()) as running:
        yield running


@pytest.fixture
def sock(server, context):
    with connect(server.port, context) as sock:
        yield sock


def cut(sock, seconds):
    """Tell whether the server ends the connection within that time, without a byte."""
    begun = time.monotonic()
    return closed(sock) and time.monotonic() - begun < seconds


# Who.


def test_the_identity_is_that_of_the_kmip_port(server, serving, sock, context):
    assert ask(sock, KMIP).body == response(b"hello   ")
    with serving() as kmip, connect(kmip.port, context) as raw:
        raw.sendall(request(b"hello   "))
        assert raw.recv(16) == response(b"hello   ")
        assert kmip.echo.peers == server.echo.peers


def test_certificates_that_are_refused(server, authority, tmp_path):
    bad = {
        "none": None,
        "of another authority": Authority(tmp_path / "other").issue("client"),
        "expired": authority.issue("http expired", starts=-2 * DAY, ends=-DAY),
    }
    for what, files in bad.items():
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            with connect(server.port, client_context(authority.ca, files)) as sock:
                ask(sock, KMIP)
            pytest.fail(what)
    assert not server.echo.peers


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_resumed_session_ends_with_its_certificate(server, context, monkeypatch, version):
    context.minimum_version = context.maximum_version = version
    with connect(server.port, context) as sock:
        ask(sock, KMIP)
        session = sock.session
    with connect(server.port, context, session) as sock:
        assert ask(sock, KMIP).status == 200
        assert sock.session_reused
    later = time.time() + 10 * 86400
    monkeypatch.setattr("gateway.server.peer.time.time", lambda: later)
    with connect(server.port, context, session) as sock:
        assert sock.session_reused
        assert closed(sock)
    assert len(server.echo.peers) == 2


# Where.


def test_a_client_that_begins_with_post_on_the_kmip_port_is_answered_in_http(server, context):
    with connect(server.kmip_port, context) as sock, connect(server.port, context) as https:
        assert ask(sock, KMIP).body == ask(https, KMIP).body == response(b"hello   ")
        assert server.echo.peers[0] == server.echo.peers[1]
        assert ask(sock, get("/version")).status == 200
        assert ask(sock, post(request(b"large200000"))).body == response(bytes(200000))
        sock.sendall(post(request(b"wait    ")) + KMIP)
        server.echo.gate.set()
        assert [read_answer(sock).body for _ in range(2)] == [response(b"wait    "), response(b"hello   ")]


def test_post_may_come_byte_by_byte(server, context):
    with connect(server.kmip_port, context) as sock:
        for byte in KMIP[:8]:
            sock.sendall(bytes([byte]))
            time.sleep(0.01)
        assert ask(sock, KMIP[8:]).body == response(b"hello   ")


def test_the_kmip_port_speaks_ttlv_beside_http(server, context):
    with connect(server.kmip_port, context) as sock:
        for byte in request(b"hello   "):
            sock.sendall(bytes([byte]))
        assert read_message(sock) == response(b"hello   ")


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\n\r\n", b"PUT / HTTP/1.1\r\n\r\n", b"POSTS"])
def test_what_begins_otherwise_is_no_request_message(server, context, start):
    with connect(server.kmip_port, context) as sock:
        sock.sendall(start)
        assert b"Request Message" in read_message(sock)
        assert closed(sock)


def test_without_https_the_kmip_port_speaks_no_http(serving, context):
    with serving() as kmip, connect(kmip.port, context) as sock:
        sock.sendall(KMIP)
        assert b"Request Message" in read_message(sock)


def test_a_message_does_not_turn_into_http(server, context):
    with connect(server.kmip_port, context) as sock:
        sock.sendall(request(b"hello   ") + KMIP)
        assert read_message(sock) == response(b"hello   ")
        assert b"Request Message" in read_message(sock)
        assert closed(sock)


@pytest.mark.parametrize("sent", [b"", b"PO", b"POST /kmip HT", post(b"1234", length=400)])
def test_a_client_that_stops_in_post_is_cut(configured, context, sent):
    limits = configured(message_timeout_s=0.3, idle_timeout_s=0.5)
    with HttpServer(limits) as server, connect(server.kmip_port, context) as sock:
        sock.sendall(sent)
        assert cut(sock, 2)
        assert eventually(lambda: server.tally.open_connections() == 0)


def test_a_client_that_ends_its_stream_is_still_answered(server, context):
    for port in (server.port, server.kmip_port):
        server.echo.gate.clear()
        with connect(port, context) as sock:
            sock.sendall(post(request(b"wait    ")))
            socket.socket.shutdown(sock, socket.SHUT_WR)  # of TCP alone: no close_notify
            time.sleep(0.1)
            server.echo.gate.set()
            assert read_answer(sock).body == response(b"wait    ")
            assert closed(sock)


# What is answered.


def test_an_answer_has_the_profiles_headers_and_says_nothing_of_what_is_inside(sock):
    answer = ask(sock, KMIP)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == BINARY
    assert answer.headers["Content-Length"] == "16"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Server"] == "kmip-gateway"
    assert "Content-Encoding" not in answer.headers


def test_a_connection_is_kept_and_pipelined_requests_are_answered_in_order(sock):
    assert ask(sock, KMIP).status == 200
    sock.sendall(b"".join(post(request(b"number %d" % n)) for n in range(20)))
    assert [read_answer(sock).body for _ in range(20)] == [response(b"number %d" % n) for n in range(20)]


def test_an_answer_is_not_compressed(sock):
    answer = ask(sock, post(request(b"large4096"), Accept_Encoding="gzip, deflate, br"))
    assert answer.body == response(bytes(4096))


def test_a_client_may_wait_to_be_asked_for_the_body(sock):
    body = request(b"hello   ")
    assert ask(sock, post(b"", length=len(body), Expect="100-continue")).status == 100
    assert ask(sock, body).body == response(b"hello   ")
    assert ask(sock, KMIP).status == 200


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (get("/"), 404),
        (get("/kmip/../etc/passwd"), 404),
        (get("/metrics"), 404),  # the admin port's
        (get("/kmip"), 405),
        (post(b"", path="/version"), 405),
        (post(b"{}", media_type="text/html"), 415),
        (post(b"{}", media_type=""), 415),
        (post(gzip.compress(request()), Content_Encoding="gzip"), 415),
        (post(b"x", length=MAX_BODY_BYTES + 1), 413),
        (post(b"x", Expect="more"), 417),
        (post(b"", length="", Transfer_Encoding="chunked") + b"0\r\n\r\n", 411),
        (post(b"", length=""), 411),
        # Two lengths, or a length and chunks, are how one request is smuggled inside another.
        (post(KMIP, length=4, Transfer_Encoding="chunked"), 400),
        (KMIP.replace(b"Host:", b"Content-Length: 4\r\nHost:"), 400),
        (post(b"", length="-1"), 400),
        (KMIP.replace(b"Content-Length:", b"Content-Length :"), 400),
        (KMIP.replace(b"Host:", b"Ho st:"), 400),
        (b"\x42\x00\x78\x01\x00\x00\x00\x08hello   \r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 10000 + b"\r\n\r\n", 400),
    ],
)
def test_what_is_refused_is_told_in_one_line(server, sock, raw, status):
    answer = ask(sock, raw)
    assert answer.status == status
    assert answer.headers["Server"] == "kmip-gateway"
    assert answer.body.count(b"\n") == 1
    assert len(answer.body) < 80
    for inside in (b"aiohttp", b"Traceback", b"Error", b"python", b"passwd", b"xxx"):
        assert inside not in answer.body
    assert not server.echo.begun


@pytest.mark.parametrize(
    "raw",
    [
        *(post(BODY, length=length) for length in ("+16", "0x10", "16, 16", "1 6", "16, 0", "9" * 30)),
        *(post(BODY, Transfer_Encoding=coding) for coding in ("identity", "chunked", "xchunked", "gzip, chunked")),
        post(BODY, length="", Transfer_Encoding="chunked").replace(b"Host:", b"Transfer-Encoding: identity\r\nHost:"),
        KMIP.replace(b"\r\n", b"\n", 3),
        KMIP.replace(b"localhost", b"localhost\r\n folded"),
        KMIP.replace(b"localhost", b"local\0host"),
        KMIP.replace(b"localhost", b"local\rhost"),
        KMIP.replace(b"HTTP/1.1", b"HTTP/2.0"),
        KMIP.replace(b"POST", b"HEAD"),
        KMIP.replace(b"Host:", b"Host: another\r\nHost:"),
        KMIP.replace(b"Host: localhost\r\n", b""),
        KMIP.replace(b"Host:", b"Content-Type: application/json\r\nHost:"),
        KMIP.replace(b"Host:", b"X: y\r\n" * 200 + b"Host:"),
        KMIP.replace(b"/kmip", b"/" + b"k" * 9000),
        KMIP.replace(b"/kmip", b"//kmip"),
        KMIP.replace(b"/kmip", b"/version/../kmip"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_follows_a_doubtful_request_is_never_read_as_one(server, sock, raw):
    sock.sendall(raw + KMIP)
    answer = b""
    with suppress(ssl.SSLError, ConnectionError):
        while more := sock.recv(65536):
            answer += more
    assert answer.count(b"Content-Length: ") == 1
    assert answer.split()[1] in (b"400", b"404", b"405")
    assert not server.echo.begun


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_sent_the_next_client_is_served(server, context, data):
    raw = bytearray(data.draw(st.sampled_from([KMIP, get("/version"), post(b"{}", media_type="application/json")])))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw)))
        raw[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    port = data.draw(st.sampled_from([server.port, server.kmip_port]))
    with connect(port, context) as sock, suppress(ssl.SSLError, ConnectionError):
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_RDWR)
    with connect(port, context) as sock:
        assert ask(sock, KMIP).status == 200


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_an_offered_protocol_is_ignored(sock, protocol):
    answer = ask(sock, post(BODY, Connection="Upgrade", Upgrade=protocol))
    assert (answer.status, answer.body, answer.headers["Connection"]) == (200, response(b"hello   "), "close")
    assert closed(sock)


def test_a_refusal_with_its_body_unread_ends_the_connection(sock):
    sock.sendall(post(KMIP, path="/elsewhere", length=len(KMIP) + 1))
    assert read_answer(sock).headers["Connection"] == "close"
    assert closed(sock)


def test_an_empty_body_is_a_message_like_any_other_that_is_none(sock):
    assert ask(sock, post(b"")).body == response(b"")


def test_the_method_that_a_path_has_is_named(sock):
    assert ask(sock, get("/kmip")).headers["Allow"] == "POST"


def test_a_fault_of_ours_is_one_line_and_in_the_log(server, sock, monkeypatch, capsys):
    async def fail(raw, peer):
        raise RuntimeError("the PIN is 1234")

    monkeypatch.setattr(server.echo, "answer", fail)
    answer = ask(sock, KMIP)
    assert (answer.status, answer.body) == (500, b"The request failed; the server's log says why.\n")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (get("/passwords"), {"status": 404}),
        (b"GET / HTTP/9.9\r\n\r\n", {"status": 400}),
        (post(b"secret", media_type="application/json"), {"reason": "InvalidMessage"}),
    ],
)
def test_a_refusal_is_a_line_of_the_log_that_quotes_nothing(server, sock, raw, told):
    with capture_logs() as lines:
        ask(sock, raw)
    (line,) = (line for line in lines if line["event"] == "refused")
    assert told.items() <= line.items()
    assert (line["address"], line["identity"][:5]) == ("127.0.0.1", "cert:")
    assert "passwords" not in str(line)
    assert "secret" not in str(line)


# How long.


def test_a_large_text_does_not_keep_others_waiting(configured, context):
    text = b"<RequestMessage>" + b"<BatchItem/>" * 130000 + b"</RequestMessage>"
    config = configured()
    https, kmip = replace(config.https, max_body_bytes=len(text)), replace(config.kmip, max_message_bytes=len(text))
    config = replace(config, https=https, kmip=kmip)
    with HttpServer(config) as server, connect(server.port, context) as large, connect(server.port, context) as small:
        large.sendall(post(text, media_type="text/xml"))
        time.sleep(0.05)
        for _ in range(5):
            assert ask(small, KMIP).status == 200
        large.settimeout(0.0)
        with pytest.raises(ssl.SSLWantReadError):
            large.recv(1)
        large.settimeout(30)
        assert read_answer(large).status == 200


@pytest.mark.parametrize("sent", [b"", b"POST /kmip HTTP/1.1\r\nHo", post(b"1234", length=400)])
def test_a_client_that_stops_is_cut(configured, context, sent):
    limits = configured(message_timeout_s=0.3, idle_timeout_s=0.5)
    with HttpServer(limits) as server, connect(server.port, context) as sock:
        sock.sendall(sent)
        assert cut(sock, 2)


def test_a_client_that_sends_byte_by_byte_is_cut(configured, context):
    with HttpServer(configured(message_timeout_s=0.4)) as server, connect(server.port, context) as sock:
        with pytest.raises((ConnectionError, ssl.SSLError)):
            for byte in KMIP * 10:
                sock.sendall(bytes([byte]))
                time.sleep(0.02)
        assert not server.echo.begun


def test_a_client_that_does_not_read_is_cut(configured, context):
    with HttpServer(configured(message_timeout_s=0.4)) as server, connect(server.port, context) as sock:
        sock.sendall(post(request(b"large80000000")))
        time.sleep(1.5)
        with pytest.raises((ConnectionError, ssl.SSLError, AssertionError)):
            read_answer(sock)
        assert server.tally.open_connections() == 0


def test_a_kept_connection_may_idle_for_longer_than_a_message_may_take(configured, context):
    with HttpServer(configured(message_timeout_s=0.2, idle_timeout_s=30)) as server:
        with connect(server.port, context) as sock:
            assert ask(sock, KMIP).status == 200
            time.sleep(0.8)
            assert ask(sock, KMIP).status == 200


def test_a_handshake_has_its_deadline(configured):
    with HttpServer(configured(handshake_timeout_s=0.3)) as server, dial(server.port) as sock:
        assert cut(sock, 2)


def test_caps_hold(configured, context):
    with HttpServer(configured(max_connections=2)) as server:
        with connect(server.port, context) as first, connect(server.port, context) as second:
            assert ask(first, KMIP).status == ask(second, KMIP).status == 200
            with pytest.raises((ConnectionError, ssl.SSLError)):
                connect(server.port, context)
        assert eventually(lambda: server.tally.open_connections() == 0)
        with connect(server.port, context) as sock:
            assert ask(sock, KMIP).status == 200


# How it ends.


@pytest.mark.parametrize("name", ["port", "kmip_port"])
def test_a_drain_lets_a_request_be_answered_and_closes_what_is_idle(server, context, name):
    port = getattr(server, name)
    with connect(port, context) as busy, connect(port, context) as idle:
        assert ask(idle, KMIP).status == 200
        busy.sendall(post(request(b"wait    ")))
        while b"wait    " not in server.echo.begun:
            time.sleep(0.01)
        server.drain()
        assert closed(idle)
        server.echo.gate.set()
        answer = read_answer(busy)
        assert (answer.body, answer.headers["Connection"]) == (response(b"wait    "), "close")
        assert closed(busy)
    server.join()
    assert server.left == 0


def test_a_drain_does_not_wait_for_ever(configured, context):
    with HttpServer(configured(drain_timeout_s=0.3)) as server, connect(server.port, context) as sock:
        sock.sendall(post(request(b"wait    ")))
        while not server.echo.begun:
            time.sleep(0.01)
        begun = time.monotonic()
        server.drain()
        server.join()
        assert time.monotonic() - begun < 3


def test_a_connection_leaves_nothing_for_the_garbage_collector(server, context):
    gc.collect()
    gc.disable()
    try:
        for port in (server.port, server.kmip_port):
            with connect(port, context) as sock:
                assert ask(sock, KMIP).status == 200
        assert eventually(lambda: not [each for each in gc.get_objects() if type(each) is HttpConversation])
    finally:
        gc.enable()


# Health and numbers.


def admin(server, path):
    with dial(server.admin_port) as sock:
        return ask(sock, get(path))


@pytest.mark.parametrize("failing", ["token", "database", "slow token"])
def test_readiness_says_what_does_not_answer(server, failing):
    server.echo.failing = failing
    answer = admin(server, "/readyz")
    assert answer.status == 503
    assert json.loads(answer.body) == {"status": "DOWN", "failing": failing.removeprefix("slow ")}
    assert admin(server, "/livez").status == 200


def test_however_often_readiness_is_asked_the_token_is_asked_once_a_second(server):
    with dial(server.admin_port) as sock:
        sock.sendall(get("/readyz") * 200)
        assert {read_answer(sock).status for _ in range(200)} == {200}
    assert server.echo.checks <= 2
    time.sleep(1.1)
    assert admin(server, "/readyz").status == 200
    assert server.echo.checks in (2, 3)


def test_metrics_count_what_was_answered(server, sock):
    for _ in range(3):
        ask(sock, KMIP)
    assert ask(sock, get("/nothing")).status == 404
    server.echo.failing = "database"
    answer = admin(server, "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    lines = set(answer.body.decode().splitlines())
    assert 'kmip_request_seconds_count{encoding="ttlv",port="https"} 3.0' in lines
    assert 'kmip_http_responses_total{status="200"} 3.0' in lines
    assert 'kmip_http_responses_total{status="404"} 1.0' in lines
    assert {"kmip_connections 2.0", "kmip_token_up 1.0", "kmip_database_up 0.0"} <= lines


def test_the_admin_port_has_no_keys_and_tells_no_version(server):
    assert admin(server, "/version").status == admin(server, "/openapi.json").status == 404
    with dial(server.admin_port) as sock:
        assert ask(sock, KMIP).status == 404
    assert not server.echo.begun


def test_the_document_names_the_paths_that_there_are(sock):
    document = json.loads(ask(sock, get("/openapi.json")).body)
    assert document == DOCUMENT
    for path, methods in document["paths"].items():
        for method, raw in (("get", get(path)), ("post", post(b"", path=path))):
            answer = ask(sock, raw)
            assert (answer.status == 405) == (method not in methods), path
            if method in methods:
                media_type = answer.headers["Content-Type"].partition(";")[0]
                assert media_type in methods[method]["responses"][str(answer.status)]["content"]


def test_a_port_in_use_is_told_with_its_key(configured):
    from gateway.errors import ConfigurationError
    from gateway.server.binding import listen_all

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = configured()
        for key in ("port", "admin_port"):
            https = replace(config.https, **{key: port})
            with pytest.raises(ConfigurationError, match=rf"\[https\] port {port} .* another {key}\."):
                with listen_all(replace(config, https=https)):
                    pass
