"""The official test cases as TTLV: each file's messages in turn, transcoded by the standard's tables alone.

The gateway's codec takes no part in it, so what agrees here was not agreed on with itself. A placeholder ($NOW-3600,
$UNIQUE_IDENTIFIER_0, $DATA ...) takes its value from a `Bindings`: what a runner bound, or something that fits.
"""

import re
import struct
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError, fromstring

from gateway.kmip.version import Version
from tests.kmip.facts import SHARED, facts

CASES = SHARED / "testcases"
# 1 January 2020, which is what $NOW is unless a runner says otherwise.
NOW = 1577836800
# These are PKCS#11's own, of which the files have no more.
PKCS11 = {"PKCS_11Function": {"C_Initialize": 1, "C_Finalize": 2, "C_GetInfo": 3}, "PKCS_11ReturnCode": {"OK": 0}}
# How one file ends.
TWICE = re.compile(r"</KMIP>\s+</KMIP>")
DATES = {"DateTime": 1, "DateTimeExtended": 1_000_000}


class Step(NamedTuple):
    """One message of a case, and its place in the file."""

    number: int
    element: Element

    @property
    def is_request(self) -> bool:
        """Tell a request from a response."""
        return self.element.tag == "RequestMessage"

    @property
    def version(self) -> Version:
        """The protocol version in the header."""
        found = self.element.find(".//ProtocolVersion")
        assert found is not None
        return Version(*(int(part.get("value", "")) for part in found))


class Bindings(dict[str, str]):
    """The values of placeholders, as the XML would have them; the clock is `now`, in seconds."""

    def __init__(self, now: int = NOW) -> None:
        super().__init__()
        self.now = now

    def __missing__(self, name: str) -> str:
        """Make up something that is the same each time: hexadecimal digits are a text, and bytes too."""
        return sha256(name.encode()).hexdigest()

    def text(self, element: Element) -> str:
        """Give an element's value, placeholders filled in."""
        value = element.get("value", "")
        if element.get("type") in DATES:
            return str(self.moment(value) * DATES[element.get("type", "")])
        if element.tag == "AttributeName":
            return words(element)
        return self[value[1:]] if value.startswith("$") else value

    def moment(self, value: str) -> int:
        """Read a date, in seconds since 1970."""
        if value.startswith("$NOW"):
            return self.now + int(value.removeprefix("$NOW") or 0)
        return int(datetime.fromisoformat(value).timestamp())


def words(element: Element) -> str:
    """Give the name that 1.x writes in words; files made from HTML have its line breaks as blanks."""
    return " ".join(element.get("value", "").split())


def files(*versions: str) -> list[Path]:
    """List the files of these versions, but for those that are no XML as published."""
    return [path for v in versions for path in sorted((CASES / v).rglob("*.xml")) if _root(path) is not None]


def steps(path: Path) -> list[Step]:
    """Give the messages of a file in their order."""
    root = _root(path)
    assert root is not None
    return [Step(number, element) for number, element in enumerate(root)]


@cache
def _root(path: Path) -> Element | None:
    try:
        return fromstring(TWICE.sub("</KMIP>", path.read_text()))
    except ParseError:
        return None


def to_ttlv(element: Element, bindings: Bindings) -> bytes:
    """Transcode an element and all that it holds."""
    return item(element, bindings, tag_name(element))


def tag_name(element: Element) -> str:
    return element.get("tag", "") if element.tag == "TTLV" else element.tag


def item(element: Element, bindings: Bindings, means: str) -> bytes:
    """Transcode one item; `means` is the attribute that an Attribute Value is a value of, else the item's own name."""
    kind = element.get("type", "Structure")
    if kind == "Structure":
        value = b"".join(item(child, bindings, name) for child, name in children(element))
    else:
        value = PACKERS[kind](bindings.text(element), means)
    head = struct.pack(">II", tag_number(tag_name(element)) << 8 | TYPES[kind], len(value))
    return head + value + bytes(-len(value) % 8)


def children(element: Element) -> Iterator[tuple[Element, str]]:
    """Give each child with what it means: 1.x names an attribute in words, beside its value."""
    name = element.find("AttributeName")
    for child in element:
        if child.tag == "AttributeValue" and name is not None:
            yield child, _spellings().get(words(name), "")
        else:
            yield child, tag_name(child)


@cache
def _tags() -> dict[str, int]:
    return {row["xml"]: int(row["code"], 16) for row in facts()["tags"] if row["name"]}


@cache
def _spellings() -> dict[str, str]:
    return {row["name"]: row["xml"] for row in facts()["tags"] if row["name"]}


def tag_number(name: str) -> int:
    return int(name, 16) if name.startswith("0x") else _tags()[name]


@cache
def _enumeration(tag: str) -> dict[str, int]:
    """Give the numbers of the enumeration that a tag's values are of."""
    found: dict[str, int] = {}
    for name, kind in facts()["enumerations"].items():
        if name == tag or any(used.split(" ")[0] == tag for used in kind["used_by_tags"]):
            found |= _numbers(kind["values"])
    return found | ({"NotAuthorized": 0x39} if tag == "ResultReason" else {})


def _numbers(rows: list[dict[str, str]]) -> dict[str, int]:
    return {row["xml"]: int(row["code"], 16) for row in rows if row.get("xml")}


def _enumerated(value: str, means: str) -> bytes:
    if value.startswith("0x"):
        return struct.pack(">I", int(value, 16))
    if means == "AttributeReference":
        return struct.pack(">I", tag_number(value))
    if means in PKCS11:
        return struct.pack(">I", PKCS11[means][value])
    return struct.pack(">I", _enumeration(means)[value])


def _integer(value: str, means: str) -> bytes:
    if re.fullmatch(r"-?\d+", value):
        return struct.pack(">i", int(value))
    bits = _numbers(facts()["masks"][means]["values"]) | {"ContentCommitment": 0x400}
    number = 0
    for part in value.split():
        number |= int(part, 16) if part.startswith("0x") else bits[part]
    return struct.pack(">i", number)


def _number(layout: str) -> Callable[[str, str], bytes]:
    return lambda value, _: struct.pack(layout, int(value))


def _hexadecimal(value: str, _: str) -> bytes:
    return bytes.fromhex(value)


TYPES: dict[str, int] = {name: int(code, 16) for name, code in facts().get("type_codes", {}).items()}
PACKERS: dict[str, Callable[[str, str], bytes]] = {
    "Integer": _integer,
    "LongInteger": _number(">q"),
    "BigInteger": _hexadecimal,
    "Enumeration": _enumerated,
    "Boolean": lambda value, _: struct.pack(">q", value in ("true", "1")),
    "TextString": lambda value, _: value.encode(),
    "ByteString": _hexadecimal,
    "DateTime": _number(">q"),
    "Interval": _number(">I"),
    "DateTimeExtended": _number(">q"),
}
