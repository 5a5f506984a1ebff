"""The comparison itself: what a response must not get away with, and what it may do as it likes."""

from xml.etree.ElementTree import fromstring

import pytest

from gateway.kmip.version import V1_0, V1_3, V1_4, V2_1
from tests.conformance.bound import MADE, Bound
from tests.conformance.comparing import differences
from tests.kmip.facts import needs_facts
from tests.support.allowed import strange
from tests.wire.trees import nodes
from tests.wire.xmlcases import NOW, to_ttlv

pytestmark = needs_facts

UID = '<UniqueIdentifier type="TextString" value="{}"/>'
STATE = (
    '<Attribute><AttributeName type="TextString" value="State"/>'
    '<AttributeValue type="Enumeration" value="{}"/></Attribute>'
)
LENGTH = '<CryptographicLength type="Integer" value="{}"/>'
DATE = '<ActivationDate type="DateTime" value="{}"/>'
KEY = '<KeyMaterial type="ByteString" value="{}"/>'
SERVER = "<ServerInformation>{}</ServerInformation>"


def compared(expected, found, bound=None):
    """Give the differences between the payloads of two texts."""
    bound = Bound(NOW, set()) if bound is None else bound  # an empty one is false
    element, other = (fromstring(f"<ResponsePayload>{each}</ResponsePayload>") for each in (expected, found))
    (payload,) = nodes(to_ttlv(other, Bound(NOW, set())))
    return differences(element, payload.value, bound)


DIFFERENT = {
    "a value": (LENGTH.format(128), LENGTH.format(256)),
    "an enumerator by name": (STATE.format("Active"), STATE.format("PreActive")),
    "an item missing": (LENGTH.format(128), ""),
    "an attribute missing": (STATE.format("Active"), ""),
    "an item too much": (UID.format("$A"), UID.format("a") + LENGTH.format(1)),
    "one too many": (UID.format("$A"), UID.format("a") + UID.format("b")),
    "two placeholders of one name": (UID.format("$A") * 2, UID.format("a") + UID.format("b")),
    "another type": (LENGTH.format(1), '<CryptographicLength type="LongInteger" value="1"/>'),
    "key material": (KEY.format("01"), KEY.format("02")),
}


@pytest.mark.parametrize(("expected", "found"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_difference_is_found(expected, found):
    assert compared(expected, found)


ALIKE = {
    "the order of attributes": (STATE.format("Active") + UID.format("$A"), UID.format("a") + STATE.format("Active")),
    "an attribute more": (UID.format("$A"), UID.format("a") + STATE.format("Active")),
    "another server's identifier": (UID.format("8590e6e9"), UID.format("a")),
    "a date of the server's": (DATE.format("2013-06-17T08:24:02+00:00"), DATE.format("$NOW")),
    "what a server says of itself": (SERVER.format(""), SERVER.format(UID.format("x"))),
    "a text for people": ("", '<ResultMessage type="TextString" value="no"/>'),
}


@pytest.mark.parametrize(("expected", "found"), ALIKE.values(), ids=ALIKE)
def test_what_may_vary_is_no_difference(expected, found):
    assert compared(expected, found) == []


def test_a_date_that_a_request_fixed_must_come_back():
    bound = Bound(NOW, set())
    bound.note_request(fromstring(f"<RequestPayload>{DATE.format('$NOW-3600')}</RequestPayload>"))
    assert compared(DATE.format("$NOW-3600"), DATE.format("$NOW-3599"), bound)
    assert not compared(DATE.format("$NOW-3600"), DATE.format("$NOW-3600"), bound)


def test_key_material_that_a_client_sent_must_come_back_even_where_the_server_makes_some():
    bound = Bound(NOW, MADE)
    bound.note_request(fromstring(f"<RequestPayload>{KEY.format('0A')}</RequestPayload>"))
    assert compared(KEY.format("0a"), KEY.format("0b"), bound)
    assert not compared(KEY.format("0c"), KEY.format("0b"), bound)
    assert bound.text(fromstring(KEY.format("0C"))) == "0b", "later requests have what the gateway gave"


def test_a_version_is_held_to_what_it_has():
    def found(text):
        return nodes(to_ttlv(fromstring(f"<ResponsePayload>{text}</ResponsePayload>"), Bound(NOW, set())))

    sensitive = (
        '<Attribute><AttributeName type="TextString" value="Always Sensitive"/>'
        '<AttributeValue type="Boolean" value="true"/></Attribute>'
    )
    assert list(strange(found(sensitive), V1_4)) == []
    assert list(strange(found(sensitive), V1_3)) == ["the attribute Always Sensitive is not of 1.3"]
    reason = '<ResultReason type="Enumeration" value="WrongKeyLifecycleState"/>'
    assert list(strange(found(reason), V2_1)) == []
    assert list(strange(found(reason), V1_0)) == ["Result Reason 0x43 is not of 1.0"]
    assert list(strange(found(LENGTH.format(1)), V1_0)) == []
    rotated = '<RotateLatest type="Boolean" value="true"/>'
    assert list(strange(found(rotated), V1_4)) == ["Rotate Latest is not of 1.4"]
