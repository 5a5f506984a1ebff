"""Messages as traces show them, a line for each item, and back: what a client puts on the wire, without its code.

    RequestMessage
      RequestHeader
        BatchCount Integer 1

Tags, item types and enumerators have the names of XML; an enumerator may stand as a number too. The gateway's codec
takes no part in it.
"""

import struct
import textwrap
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gateway.kmip import enums
from gateway.kmip.tags import Tag
from tests.wire import trees

TAGS = {tag.token: tag for tag in Tag}
# In the order of their codes, from 1.
TYPES = "Structure Integer LongInteger BigInteger Enumeration Boolean TextString ByteString DateTime Interval".split()
NUMBERS = {
    "Integer": ">i",
    "LongInteger": ">q",
    "Enumeration": ">I",
    "Boolean": ">Q",
    "DateTime": ">q",
    "Interval": ">I",
}


class Item(NamedTuple):
    """An item of a message: the name of its tag, the name of its type, and its value or what it holds."""

    tag: str
    type: str
    value: "int | str | bytes | list[Item]"

    def all(self, *path: str) -> "list[Item]":
        """Give what is found down this path, at whatever depth it begins."""
        first, *rest = path
        found = [each for each in self.walk() if each.tag == first]
        return found if not rest else [each for one in found for each in one.all(*rest) if each is not one]

    def values(self, *path: str) -> "list[int | str | bytes | list[Item]]":
        """Give the values of what is found down this path."""
        return [each.value for each in self.all(*path)]

    def value_of(self, *path: str) -> "int | str | bytes | list[Item]":
        """Give the value of the only one that is found down this path."""
        (value,) = self.values(*path)
        return value

    def fields(self) -> list[str]:
        """Give the names of what the structure holds, in order."""
        assert isinstance(self.value, list)
        return [each.tag for each in self.value]

    def walk(self) -> "Iterator[Item]":
        """Give this item and all below it."""
        yield self
        if isinstance(self.value, list):
            for each in self.value:
                yield from each.walk()


def nest(tag: str, *parts: str) -> str:
    """Give the lines of a structure; its parts may be lines too."""
    return "\n".join((tag, *(textwrap.indent(part, "  ") for part in parts if part)))


def attribute(name: str, *value: str, index: str = "") -> str:
    """Give an Attribute of 1.x; one line of value is a type and what it says, several are what a structure holds."""
    (first, *_), structured = value, len(value) > 1
    return nest(
        "Attribute",
        f"AttributeName TextString {name}",
        index,
        nest("AttributeValue", *value) if structured else f"AttributeValue {first}",
    )


def named(name: str) -> str:
    """Give the Attribute Name."""
    return attribute("Name", f"NameValue TextString {name}", "NameType Enumeration UninterpretedTextString")


def item(operation: str, *payload: str, number: str = "") -> str:
    """Give a batch item."""
    return nest("BatchItem", f"Operation Enumeration {operation}", number, nest("RequestPayload", *payload))


def message(version: str, *items: str, header: Iterable[str] = ()) -> str:
    """Give a request message; `header` is what stands in its header beside the version and the count."""
    major, minor = version.split(".")
    spoken = nest("ProtocolVersion", f"ProtocolVersionMajor Integer {major}", f"ProtocolVersionMinor Integer {minor}")
    head = nest("RequestHeader", spoken, *header, f"BatchCount Integer {len(items)}")
    return nest("RequestMessage", head, *items)


def encode(text: str) -> bytes:
    """Give the message that the lines show; how far they are indented makes the structures."""
    lines = [(len(line) - len(line.lstrip()), line.split(maxsplit=2)) for line in text.splitlines() if line.strip()]
    depth = lines[0][0]
    (message,) = _structures(lines, depth)
    return message


def _structures(lines: list[tuple[int, list[str]]], depth: int) -> list[bytes]:
    """Encode the items that begin at this depth, and take their lines away."""
    made = []
    while lines and lines[0][0] >= depth:
        indent, words = lines.pop(0)
        assert indent == depth, words
        tag = TAGS[words[0]]
        if len(words) == 1:
            made.append(trees.structure(tag, *_structures(lines, lines[0][0]) if lines and lines[0][0] > depth else ()))
        else:
            made.append(trees.item(tag, TYPES.index(words[1]) + 1, _value(*words, "")))
    return made


def _value(tag: str, kind: str, text: str, *_: str) -> bytes:
    if kind == "TextString":
        return text.encode()
    if kind == "ByteString":
        return bytes.fromhex(text)
    return struct.pack(NUMBERS[kind], _enumerator(tag, text) if kind == "Enumeration" else int(text, 0))


def _enumerator(tag: str, text: str) -> int:
    """Give the number of an enumerator; in an Attribute Value its enumeration stands before it, with a dot."""
    if text[0].isdigit():
        return int(text, 0)
    kind, _, name = text.rpartition(".")
    return next(int(each) for each in getattr(enums, kind or tag) if each.token == name)


def decode(raw: bytes) -> Item:
    """Take a message apart."""
    (message,) = trees.nodes(raw)
    return _item(message)


def _item(node: trees.Node) -> Item:
    name, kind = Tag(node.tag).token, TYPES[node.type - 1]
    if isinstance(node.value, list):
        return Item(name, kind, [_item(each) for each in node.value])
    if kind in NUMBERS:
        return Item(name, kind, struct.unpack(NUMBERS[kind], node.value)[0])
    return Item(name, kind, node.value.decode() if kind == "TextString" else node.value)
