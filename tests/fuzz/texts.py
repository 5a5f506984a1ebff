"""`python -m tests.fuzz.texts 60 1`: mutated JSON and XML through their readers, by seconds and seed; a tally.

Whatever comes must be TTLV bytes or one documented error, soon.
"""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from gateway.errors import InvalidMessage, OperationNotSupported
from gateway.wire import text, ttlv_json, ttlv_xml
from gateway.wire.text_tree import to_ttlv
from tests.fuzz.corpus import corpus
from tests.wire.dialects import CREATE_5, PAGE_REQUEST, create_4, strip_types
from tests.wire.trees import nodes

JSON, XML = "application/json", "text/xml"
SLOWEST_S = 2.0  # no text here has more than a few thousand items
# What XML and JSON are made of, and what has broken readers of either.
TOKENS = {
    JSON: [
        *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b",]", b",}", b"null", b"NaN", b"-", b"1e999", b"9" * 400),
        *(b"\\ud800", b"\xff", b"\xef\xbb\xbf", b"\0", b'{"tag":"', b'"value":[', b'"type":"Structure"', b"[" * 2000),
        *(b'"tag":"Header",', b'"tag":"Items"', b'"tag":"Object"', b'"tag":"VendorAttributes"', b'"Message"'),
    ],
    XML: [
        *(
            b"<",
            b">",
            b"/>",
            b"</",
            b'"',
            b"'",
            b"&",
            b"&x;",
            b"&#0;",
            b"&#xD800;",
            b"]]>",
            b"<![CDATA[",
            b"<!--",
            b"--",
        ),
        *(b'<!DOCTYPE x [<!ENTITY a "b">]>', b"<!ENTITY", b"<?xml version='1.0' encoding='utf-16'?>", b"<?a b?>"),
        *(
            b' xmlns="urn:x"',
            b' xmlns:a="urn:x" a:b=""',
            b"<TTLV tag=",
            b' type="Structure"',
            b"\xff",
            b"\0",
            b"<a>" * 99,
        ),
    ],
}
VALUES: list[Any] = [
    *(None, True, False, 0, -1, 2**31, 2**63, -(2**63), 2**200, 1.5, 1e300, "", "0x", "0x0", "-1", "0xFFFFFFFF"),
    *("0xFFFFFFFFFFFFFFFFF", "Encrypt|Decrypt", "Encrypt  0x8", "x" * 5000, "2020-01-01T00:00:00Z", "0001-01-01", "\0"),
    *("9999-12-31T23:59:60+99:99", "AA", "A", " ", "\ufffe", "IDPlaceholder", [], [1], [None], {}, {"tag": "Data"}),
]
NAMES = [
    *("RequestMessage", "Message", "Header", "Items", "BatchItem", "Object", "VendorAttributes", "Link", "Attribute"),
    *("AttributeName", "AttributeValue", "IvCounterNonce", "RevocationReason", "0x42000D", "0x540001", "0x41", "", "é"),
    *("CryptographicUsageMask", "KeyFormatType", "UniqueIdentifier", "Query", "O-p-e-r-a-t-i-o-n", "x" * 3000),
]
TYPES = [*("Structure", "Integer", "LongInteger", "BigInteger", "Enumeration", "Boolean", "TextString", "ByteString")]
TYPES += ["DateTime", "Interval", "DateTimeExtended", "", "structure", "Bogus"]


def texts() -> dict[str, list[bytes]]:
    """Give well-formed requests to start from: the corpus in both encodings, and every dialect."""
    raws = corpus()
    dialects = [PAGE_REQUEST, *(json.dumps(each).encode() for each in (create_4(), CREATE_5, strip_types(CREATE_5)))]
    return {JSON: [*map(ttlv_json.encode, raws), *dialects * 50], XML: [*map(ttlv_xml.encode, raws)]}


def mutated(random: Random, kind: str, found: Sequence[bytes]) -> bytes:
    """Give a text after some changes: to its items, if it is JSON still, or to its bytes."""
    body = random.choice(found)
    if kind == JSON and random.random() < 0.5:
        try:
            tree = json.loads(body)
        except ValueError:
            return _bytewise(random, kind, body, found)
        for _ in range(random.choice((1, 1, 2, 5))):
            random.choice(ON_ITEMS)(random, tree)
        return json.dumps(tree).encode()
    if kind == XML and random.random() < 0.5:
        for _ in range(random.choice((1, 1, 2, 5))):
            body = _reattributed(random, body)
        return body
    return _bytewise(random, kind, body, found)


def _reattributed(random: Random, body: bytes) -> bytes:
    """Put another value, type or name in an element's attributes, or another element in its place."""
    found = random.choice([*re.finditer(rb'(value|type|tag)="([^"]*)"|<(\w+)(?=>| type)', body)])
    choices = {b"value": [*map(str, VALUES)], b"type": TYPES}.get(found[1], NAMES)
    place = 2 if found[1] else 3
    return body[: found.start(place)] + random.choice(choices).encode() + body[found.end(place) :]


def _bytewise(random: Random, kind: str, body: bytes, found: Sequence[bytes]) -> bytes:
    for _ in range(random.choice((1, 1, 2, 5))):
        at, to = sorted(random.randrange(len(body) + 1) for _ in range(2))
        change = random.randrange(5)
        if change == 0:
            body = body[:at] + random.choice(TOKENS[kind]) + body[at:]
        elif change == 1:
            body = body[:at] + random.choice(TOKENS[kind]) + body[min(at + random.randrange(9), len(body)) :]
        elif change == 2:
            body = body[:at] + body[at + random.randrange(20) :]
        elif change == 3:
            body = body[:at] + body[at:to] * 2 + body[to:]
        else:
            other = random.choice(found)
            body = body[:at] + other[random.randrange(len(other) + 1) :]
    return body[:200_000]


def _objects(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting += each["value"] if isinstance(each.get("value"), list) else []


def _change(key: str, choices: Sequence[Any]) -> Callable[[Random, Any], None]:
    def change(random: Random, tree: Any) -> None:
        random.choice([*_objects(tree)])[key] = random.choice(choices)

    return change


def _rearrange(random: Random, tree: Any) -> None:
    holders = [each for each in _objects(tree) if isinstance(each.get("value"), list)]
    held = random.choice(holders or [{"value": []}])["value"]
    random.shuffle(held)
    if held and random.random() < 0.5:
        held.append(random.choice(held))


def _wrap(random: Random, tree: Any) -> None:
    item = random.choice([*_objects(tree)])
    for _ in range(random.choice((1, 2, 60))):
        inner = dict(item)
        item.clear()
        item.update({"tag": inner.get("tag"), "type": "Structure", "value": [inner]})


ON_ITEMS = (_change("tag", NAMES), _change("type", TYPES), _change("value", VALUES), _rearrange, _wrap)


def outcome(body: bytes, media_type: str, *, bare: bool) -> str:
    """Have a text decoded; give how it came out. What is decoded must be TTLV, and mean the same again as text."""
    start = time.thread_time()
    try:
        raw = text.decode(body, media_type, bare=bare).raw
    except (InvalidMessage, OperationNotSupported) as error:
        assert time.thread_time() - start < SLOWEST_S
        return type(error).__name__
    assert time.thread_time() - start < SLOWEST_S
    nodes(raw)
    again, _ = ttlv_json.read(ttlv_json.encode(raw))
    assert to_ttlv(again) == raw
    return "decoded"


def main(seconds: float, seed: int) -> None:
    """Fuzz until the time is over and print; the text that breaks something is printed first."""
    random, found, results = Random(seed), texts(), Counter[str]()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        kind, bare = random.choice((JSON, XML)), random.random() < 0.5
        body = mutated(random, kind, found[kind])
        try:
            results[f"{kind} {outcome(body, kind, bare=bare)}"] += 1
        except BaseException:
            print(f"seed {seed}, {kind}, bare={bare}: {body!r}")
            raise
    print(f"{sum(results.values())} texts in {seconds:.0f} s: {dict(results)}")


if __name__ == "__main__":
    given = [*sys.argv[1:], "60", "1"][: max(len(sys.argv[1:]), 2)]
    main(float(given[0]), int(given[1]))
