"""How clients connect and cut their messages, whoever they are: by shared/kmip/interop.md section 7."""

import ssl
from socket import create_connection

import pytest

from gateway.kmip.enums import ResultReason, State
from gateway.kmip.tags import Tag
from tests.clients.speaker import CONTINUE, FAILED, SUCCESS, create, meant, shown
from tests.clients.traces import attribute, decode, encode, item, message, named, nest
from tests.wire import trees

PLACEHOLDER_VERSIONS = ("1.0", "1.2", "1.4")
REASON = nest("RevocationReason", "RevocationReasonCode Enumeration CessationOfOperation")


def connected(gateway, highest, session=None):
    """Give a context with at most this TLS version, and a connection by it."""
    pki = gateway.folder / "pki"
    context = ssl.create_default_context(cafile=pki / "ca.pem")
    context.maximum_version = highest
    context.load_cert_chain(pki / "client.pem", pki / "client.key")
    plain = create_connection(("127.0.0.1", gateway.port), timeout=30)
    return context, context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)


def asked(sock):
    """Ask for the versions and give the whole answer."""
    sock.sendall(encode(message("1.4", item("DiscoverVersions"))))
    found = sock.recv(65536)
    while len(found) < 8 or len(found) < 8 + int.from_bytes(found[4:8], "big"):
        found += sock.recv(65536)
    return decode(found)


def test_veeam_resumes_its_session(gateway):
    """It connects anew for each call: a server that cannot take its session back is one that it gives up."""
    context, sock = connected(gateway, ssl.TLSVersion.TLSv1_2)
    with sock:
        asked(sock)
        session = sock.session
    for _ in range(4):
        plain = create_connection(("127.0.0.1", gateway.port), timeout=30)
        with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as again:
            assert asked(again).values("ResultStatus") == [SUCCESS]
            assert again.session_reused, "whichever front end takes the connection"


def test_appliances_that_know_tls_1_2_alone(gateway):
    _, sock = connected(gateway, ssl.TLSVersion.TLSv1_2)
    with sock:
        assert sock.version() == "TLSv1.2"
        assert asked(sock).values("ResultStatus") == [SUCCESS]


def test_ceph_rgw_lets_its_connection_rest(gateway):
    """It keeps connections for a while and uses them again."""
    _, sock = connected(gateway, ssl.TLSVersion.TLSv1_3)
    with sock:
        for _ in range(3):
            assert asked(sock).values("ResultStatus") == [SUCCESS]


def test_pykmip_sends_its_head_first(wire, gateway):
    """However a message is cut on its way, it is one message."""
    _, sock = connected(gateway, ssl.TLSVersion.TLSv1_3)
    raw = encode(message("1.2", item("DiscoverVersions")))
    with sock:
        for cut in (raw[:8], raw[8:9], raw[9:]):
            sock.sendall(cut)
        assert decode(sock.recv(65536)).values("ResultStatus") == [SUCCESS]


@pytest.mark.parametrize("version", PLACEHOLDER_VERSIONS)
def test_kmip_go_means_what_it_just_made(speak, fresh, version):
    """The ID Placeholder goes on through Create, Activate, Get Attributes and ReKey, and from Locate to Get."""
    go, name = speak(version), fresh()
    answer = go.send(
        item("Create", *create(named(name))),
        item("Activate"),
        item("GetAttributes", "AttributeName TextString State"),
        item("ReKey"),
        item("GetAttributes", "AttributeName TextString Name"),
    )
    assert answer.values("ResultStatus") == [SUCCESS] * 5
    old, new = dict.fromkeys(answer.values("UniqueIdentifier"))
    assert shown(answer.all("BatchItem")[2]) == {"State": State.ACTIVE}
    found = go.send(item("Locate", named(name)), item("Get"))
    assert set(found.values("UniqueIdentifier")) == {new}
    assert old != new


@pytest.mark.parametrize("option", ["Stop", "Continue", "Undo"])
def test_kmip_go_hears_of_every_item_until_the_end(speak, fresh, option):
    """What comes of a batch whose second item fails, by each Batch Error Continuation Option."""
    go, name = speak("1.4"), fresh()
    header = (f"BatchErrorContinuationOption Enumeration {option}",)
    answer = go.send(
        item("Create", *create(named(name))), item("Get", meant("none")), item("Locate", named(name)), header=header
    )
    undone = 2
    assert (
        answer.values("ResultStatus")
        == {
            "Stop": [SUCCESS, FAILED],
            "Continue": [SUCCESS, FAILED, SUCCESS],
            "Undo": [undone + 1, FAILED],
        }[option]
    )
    assert len(go.ask("Locate", named(name)).values("UniqueIdentifier")) == (option != "Undo")


@pytest.mark.parametrize("operation", ["Archive", "0x7F", "Notify"])
def test_an_item_that_nobody_can_do_fails_alone(speak, operation):
    client = speak("1.2", CONTINUE)
    uid = client.make("Create", *create())
    answer = client.send(item("Get", meant(uid)), item(operation, meant("none")), item("GetAttributes", meant(uid)))
    assert answer.values("ResultStatus") == [SUCCESS, FAILED, SUCCESS]


@pytest.mark.parametrize("version", ["1.0", "1.2", "1.4", "2.1"])
def test_an_item_of_a_vendor_in_a_payload_costs_no_message(wire, version):
    """A tag 0x54XXXX that the gateway does not know: passed over, or its item fails; the others do not."""
    vendor = trees.text(0x540001, "what only its vendor knows")
    lines = message(version, item("DiscoverVersions"), item("Query", "QueryFunction Enumeration 1"), header=(CONTINUE,))
    if version == "1.0":
        lines = lines.replace("DiscoverVersions", "Query")
    raw = encode(lines)
    payload = trees.structure(Tag.REQUEST_PAYLOAD)
    assert payload in raw
    holding = raw.replace(payload, trees.structure(Tag.REQUEST_PAYLOAD, vendor), 1)
    longer = len(holding) - len(raw)
    whole = bytearray(holding)
    whole[4:8] = (int.from_bytes(whole[4:8], "big") + longer).to_bytes(4, "big")
    at = bytes(whole).index(Tag.BATCH_ITEM.to_bytes(3, "big") + b"\1") + 4
    whole[at : at + 4] = (int.from_bytes(whole[at : at + 4], "big") + longer).to_bytes(4, "big")
    answer = decode(wire().send(bytes(whole)))
    first, second = answer.values("ResultStatus")
    assert second == SUCCESS
    assert first in (SUCCESS, FAILED)


def test_a_filter_that_the_gateway_does_not_know_finds_nothing(speak):
    """Never everything: a client would take another's key."""
    client = speak("1.2")
    client.make("Create", *create())
    unknown = attribute("x-NobodyHasThis", "TextString value")
    assert client.ask("Locate", unknown).values("UniqueIdentifier") == []
    misspelled = attribute("Nmae", "TextString value")
    assert client.refused("Locate", misspelled) is ResultReason.INVALID_FIELD
