"""The official messages in three encodings: as published in XML they are the TTLV that the standard's tables give."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import tostring

import pytest

from gateway.wire import ttlv_json, ttlv_xml
from gateway.wire.text_tree import to_ttlv
from tests.kmip.facts import SHARED, needs_facts
from tests.wire import xmlcases
from tests.wire.encodings import assert_three_encodings_agree

pytestmark = needs_facts
BINDINGS = xmlcases.Bindings()
PROFILE = SHARED / "ttlv_vectors" / "msgenc_profile_v1.0.json"
# The version in these two steps' XML is another than in their TTLV and JSON.
MISPRINTED = {("MSGENC-JSON-M-1-11", 1), ("MSGENC-JSON-M-1-11", 3)}


def published(step: xmlcases.Step) -> bytes:
    """Give a message's XML, its placeholders filled in."""
    message = deepcopy(step.element)
    message.tail = None  # what stands between messages, "# TIME 2" for one
    for element in message.iter():
        value = element.get("value", "")
        if element.tag == "AttributeName":
            element.set("value", xmlcases.words(element))
        elif value.startswith("$NOW"):
            element.set("value", datetime.fromtimestamp(BINDINGS.moment(value), UTC).isoformat())
        elif value.startswith("$"):
            element.set("value", BINDINGS[value[1:]])
    return tostring(message)


@pytest.mark.parametrize("version", ["1.0", "1.2", "1.4", "2.1"])
def test_every_official_message_is_read_as_the_standard_s_tables_have_it(version: str) -> None:
    steps = [step for path in xmlcases.files(version) for step in xmlcases.steps(path)]
    assert len(steps) > 900
    for step in steps:
        raw = xmlcases.to_ttlv(step.element, BINDINGS)
        assert ttlv_xml.decode(published(step)) == raw
        assert_three_encodings_agree(raw)


def samples() -> list[dict[str, Any]]:
    """Give the steps that the profile prints as JSON."""
    vectors = json.loads(PROFILE.read_text())["vectors"] if PROFILE.exists() else []
    return [each for each in vectors if "json" in each]


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: f"{sample['id']}-{sample['index']}")
def test_the_profile_s_samples_agree(sample: dict[str, Any]) -> None:
    tree, _ = ttlv_json.read(json.dumps(sample["json"]).encode())
    raw = to_ttlv(tree)
    assert raw == bytes.fromhex(sample["ttlv"])
    assert (ttlv_xml.decode(sample["xml"].encode()) == raw) is ((sample["id"], sample["index"]) not in MISPRINTED)
