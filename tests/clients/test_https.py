"""The HTTPS port of a gateway as it runs: encodings agree, hostile text is refused in words, bare operations."""

import json
import re
import ssl
from xml.etree.ElementTree import fromstring

import pytest

from tests.server.clients import connect
from tests.server.https import ask, post

JSON, XML = "application/json", "text/xml"
QUERY = '{"tag":"Query","value":[{"tag":"QueryFunction","type":"Enumeration","value":"QueryServerInformation"}]}'
HEADER = """
<RequestHeader>
  <ProtocolVersion>
    <ProtocolVersionMajor type="Integer" value="1"/><ProtocolVersionMinor type="Integer" value="4"/>
  </ProtocolVersion>
  <BatchCount type="Integer" value="1"/>
</RequestHeader>
"""
DRAW = '<BatchItem><Operation type="Enumeration" value="RNGRetrieve"/><RequestPayload>{}</RequestPayload></BatchItem>'
LAUGHS = "".join("<!ENTITY l{} '{}'>".format(n + 1, f"&l{n};" * 10) for n in range(9))
MANY = " ".join(f"a{n}='1'" for n in range(50000))
# What a file of this machine would say, were it read.
SECRET = "root:"


def message(payload):
    return f"<RequestMessage>{HEADER}{DRAW.format(payload)}</RequestMessage>"


LENGTH = '<DataLength type="Integer" value="{}"/>'
HOSTILE = {
    "billion laughs": f'<!DOCTYPE m [<!ENTITY l0 "1">{LAUGHS}]>{message(LENGTH.format("&l9;"))}',
    "quadratic": f'<!DOCTYPE m [<!ENTITY l "{"1" * 50000}">]>{message(LENGTH.format("&l;" * 50000))}',
    "external entity": f'<!DOCTYPE m [<!ENTITY e SYSTEM "file:///etc/passwd">]>{message(LENGTH.format("&e;"))}',
    "external document": f'<!DOCTYPE m SYSTEM "file:///etc/passwd">{message(LENGTH.format(8))}',
    "parameter entity": f'<!DOCTYPE m [<!ENTITY % e SYSTEM "file:///etc/passwd"> %e;]>{message(LENGTH.format(8))}',
    "inclusion": message('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd" parse="text"/>'),
    "deep": "<RequestMessage>" * 20000,
    "deep and whole": "<RequestMessage>" * 5000 + "</RequestMessage>" * 5000,
    "many attributes": f"<RequestMessage {MANY}/>",
    "long name": f"<{'n' * 1000000}/>",
    "cut": message(LENGTH.format(8))[:-9],
    "no text": "\udcff\udcfe\udcfd",
    "nothing": "",
}
HOSTILE_JSON = {
    "deep": '{"tag":"RequestMessage","value":[' * 20000,
    "deep and whole": '{"tag":"RequestMessage","value":[' * 5000 + "]}" * 5000,
    "brackets": "[" * 1000000,
    "many digits": '{"tag":"RequestMessage","value":' + "9" * 1000000 + "}",
    "many commas": '{"tag":"RequestMessage","value":[' + "," * 1000000,
    "open string": '{"tag":"' + "\\" * 1000001,
    "twice the same": '{"tag":"RequestMessage","tag":"Header"}',
    "another shape": '{"RequestMessage":{}}',
    "cut": QUERY[:-5],
    "no text": '{"tag":"\udcff"}',
    "nothing": "",
}


# In the spelling of those clients that write bare operations.
REFUSALS = ((404, "Operation_Not_Supported"), (422, "Invalid_Message"))


@pytest.fixture(scope="module")
def sock(gateway):
    pki = gateway.folder / "pki"
    context = ssl.create_default_context(cafile=pki / "ca.pem")
    context.load_cert_chain(pki / "client.pem", pki / "client.key")
    with connect(gateway.https_port, context) as sock:
        yield sock


def said(sock, text, media_type, path="/kmip"):
    """Give the status and the text of the answer to a text."""
    answer = ask(sock, post(text.encode(errors="surrogateescape"), media_type=media_type, path=path))
    return answer.status, answer.body.decode()


def test_the_message_that_the_hostile_ones_are_made_of_is_answered(sock):
    status, text = said(sock, message(LENGTH.format(8)), XML)
    assert (status, fromstring(text).find("BatchItem/ResultStatus").get("value")) == (200, "Success")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_xml_is_answered_in_xml(sock, text):
    status, answer = said(sock, text, XML)
    found = fromstring(answer)
    assert (status, found.tag) == (200, "ResponseMessage")
    assert found.find("BatchItem/ResultStatus").get("value") == "OperationFailed"
    assert_says_little(answer)


@pytest.mark.parametrize("text", HOSTILE_JSON.values(), ids=HOSTILE_JSON)
def test_hostile_json_is_answered_in_json(sock, text):
    status, answer = said(sock, text, JSON)
    assert (status, json.loads(answer)["tag"]) == (200, "ResponseMessage")
    assert '"OperationFailed"' in answer
    assert_says_little(answer)


@pytest.mark.parametrize("text", HOSTILE_JSON.values(), ids=HOSTILE_JSON)
def test_a_hostile_bare_operation_is_answered_in_a_line(sock, text):
    status, answer = said(sock, text, JSON, "/kmip/2_1")
    assert (status, answer.partition(":")[0]) in REFUSALS
    assert_says_little(answer)


def assert_says_little(answer):
    assert SECRET not in answer
    assert len(answer) < 2000
    assert not re.search(r"Traceback|\.py\b|expat|msgspec", answer)


def test_a_bare_operation_is_for_its_own_path(sock):
    assert json.loads(said(sock, QUERY, JSON, "/kmip/2_1")[1])["tag"] == "QueryResponse"
    status, answer = said(sock, QUERY, JSON)
    assert status == 200
    assert '"OperationFailed"' in answer


def test_a_bare_operation_that_fails_has_a_status(sock):
    missing = '{"tag":"Get","value":[{"tag":"UniqueIdentifier","type":"TextString","value":"none"}]}'
    status, answer = said(sock, missing, JSON, "/kmip/2_1")
    assert status == 422
    assert re.match(r"(Item|Object)_Not_Found: ", answer)
    status, answer = said(sock, '{"tag":"Poke","value":[]}', JSON, "/kmip/2_1")
    assert status == 404
