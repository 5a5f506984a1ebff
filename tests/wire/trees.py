"""TTLV taken apart without any schema: what the codec wrote, seen by other eyes than its own."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from gateway.kmip.tags import Tag

STRUCTURE = 1


class Node(NamedTuple):
    """An item: tag, item type, and its value's bytes or what the structure holds."""

    tag: int
    type: int
    value: "bytes | list[Node]"


def nodes(raw: bytes) -> list[Node]:
    """Take a sequence of items apart; lengths, zero padding and the end must be right."""
    found, at = [], 0
    while at < len(raw):
        word, size = struct.unpack_from(">II", raw, at)
        value, padding = raw[at + 8 : at + 8 + size], raw[at + 8 + size : at + 8 + size + -size % 8]
        assert len(value) == size
        assert padding == bytes(-size % 8)
        at += 8 + size + len(padding)
        found.append(Node(word >> 8, word & 0xFF, nodes(value) if word & 0xFF == STRUCTURE else value))
    assert at == len(raw)
    return found


def walk(found: list[Node]) -> Iterator[Node]:
    """Give every item, structures before what they hold."""
    for node in found:
        yield node
        if isinstance(node.value, list):
            yield from walk(node.value)


def meaning(found: list[Node]) -> list[Node]:
    """Leave out what a writer may leave out: each Attribute Index 0, attributes without any in them."""
    kept = (node for node in found if (node.tag, node.value) not in SAYS_NOTHING)
    return [node._replace(value=meaning(node.value)) if isinstance(node.value, list) else node for node in kept]


SAYS_NOTHING: list[tuple[int, bytes | list[Node]]] = [
    (Tag.ATTRIBUTE_INDEX, bytes(4)),
    (Tag.TEMPLATE_ATTRIBUTE, []),
    (Tag.ATTRIBUTES, []),
]


def item(tag: int, type_: int, value: bytes = b"", *children: bytes) -> bytes:
    """Make an item by hand; a structure's children follow its value."""
    content = value + b"".join(children)
    return struct.pack(">II", tag << 8 | type_, len(content)) + content + bytes(-len(content) % 8)


def structure(tag: int, *children: bytes) -> bytes:
    """Make a structure by hand."""
    return item(tag, STRUCTURE, b"", *children)


def integer(tag: int, value: int, type_: int = 2) -> bytes:
    """Make an Integer, or an Enumeration or Interval by its type."""
    return item(tag, type_, struct.pack(">i" if type_ == 2 else ">I", value))


def enumeration(tag: int, value: int) -> bytes:
    """Make an Enumeration."""
    return integer(tag, value, 5)


def text(tag: int, value: str) -> bytes:
    """Make a Text String."""
    return item(tag, 7, value.encode())
