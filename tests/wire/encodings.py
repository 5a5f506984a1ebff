"""Binary, JSON and XML held to each other."""

from gateway.wire import ttlv_json, ttlv_xml
from gateway.wire.json_dialects import Spelling
from gateway.wire.text_tree import to_ttlv


def assert_three_encodings_agree(raw: bytes) -> None:
    """Take TTLV through JSON and XML and back, and from one to the other."""
    as_json, as_xml = ttlv_json.encode(raw), ttlv_xml.encode(raw)
    root, spelling = ttlv_json.read(as_json)
    assert spelling is Spelling.STANDARD
    assert to_ttlv(root) == raw
    assert ttlv_xml.decode(as_xml) == raw
    assert ttlv_json.encode(ttlv_xml.decode(as_xml)) == as_json
    assert ttlv_xml.encode(to_ttlv(root)) == as_xml
