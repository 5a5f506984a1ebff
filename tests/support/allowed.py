"""What each version of the standard has: tags, enumerators, mask bits, fields, and attributes that 1.x names in words.

A response may hold nothing that its version does not have, in whatever case, whether the case looks at it or not.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from gateway.kmip.tags import Tag
from gateway.kmip.version import V3_0, Version
from tests.kmip.facts import facts, lifetime, version
from tests.wire.trees import Node

Lifetime = tuple[Version, Version]
INTEGER, ENUMERATION = 2, 5


def strange(found: list[Node], spoken: Version, parent: int = 0, operation: int = 0) -> Iterator[str]:
    """Tell of every item that the version does not have.

    `parent` is the tag of the structure that they are in, `operation` that of the batch item.
    """
    for node in found:
        if not _is_of(_tags().get(node.tag), spoken):
            yield f"{_name(node.tag)} is not of {spoken}"
        elif _born(parent, node.tag, operation) > spoken:
            yield f"{_name(node.tag)} is not in {_name(parent)} of {spoken}"
        elif isinstance(node.value, list):
            yield from _strange_structure(node.tag, node.value, spoken, operation)
        elif (parent, node.tag) != (Tag.BATCH_ITEM, Tag.OPERATION):  # there it is what the client asked for
            yield from _strange_value(node.tag, node, spoken)


def _strange_structure(tag: int, parts: list[Node], spoken: Version, operation: int) -> Iterator[str]:
    values = {part.tag: part for part in parts}
    if tag == Tag.BATCH_ITEM and Tag.OPERATION in values:
        operation = _number(values[Tag.OPERATION])
    yield from strange(parts, spoken, tag, operation)
    name = values.get(Tag.ATTRIBUTE_NAME)
    if tag == Tag.ATTRIBUTE and name is not None and isinstance(name.value, bytes) and spoken.major < 2:
        yield from _strange_attribute(name.value.decode(), values.get(Tag.ATTRIBUTE_VALUE), spoken)


def _strange_attribute(words: str, value: Node | None, spoken: Version) -> Iterator[str]:
    """Tell of an attribute of 1.x: what its value may be depends on its name."""
    meant = _numbered().get(words, 0)
    if value is not None and isinstance(value.value, list):
        yield from strange(value.value, spoken, meant)
    elif value is not None:
        yield from _strange_value(meant, value, spoken)


def _strange_value(tag: int, node: Node, spoken: Version) -> Iterator[str]:
    if node.type == ENUMERATION:
        yield from _strange_number(tag, _number(node), spoken)
    elif node.type == INTEGER and tag in _masks():
        # A bit that a later version gave up is told of still: it is what the client said of its key.
        for bit, lived in _masks()[tag].items():
            if _number(node) & bit and lived[0] > spoken:
                yield f"{_name(tag)} {bit:#x} is not of {spoken}"
    elif tag == Tag.ATTRIBUTE_NAME and isinstance(node.value, bytes) and spoken.major < 2:
        words = node.value.decode()
        if not _is_of(_attributes().get(words), spoken):
            yield f"the attribute {words} is not of {spoken}"


def _strange_number(tag: int, number: int, spoken: Version) -> Iterator[str]:
    lived = _tags().get(number) if tag == Tag.ATTRIBUTE_REFERENCE else _enumerators().get((tag, number))
    if not _is_of(lived, spoken):
        yield f"{_name(tag)} {number:#x} is not of {spoken}"


def _number(node: Node) -> int:
    assert isinstance(node.value, bytes)
    return int.from_bytes(node.value[:4], "big")


def _is_of(lived: Lifetime | None, spoken: Version) -> bool:
    """Tell whether a version has it; what the tables do not know is not judged."""
    return lived is None or lived[0] <= spoken <= lived[1]


def _name(tag: int) -> str:
    return next((row["name"] for row in facts()["tags"] if int(row["code"], 16) == tag), f"{tag:#x}")


def _born(parent: int, tag: int, operation: int) -> Version:
    """Give the first version in which a structure has a field; the first of all where the tables do not say."""
    if parent == Tag.RESPONSE_PAYLOAD:
        return _payload_fields().get((operation, tag), Version(1, 0))
    return _fields().get((parent, tag), Version(1, 0))


def _first(tables: dict[str, Any], rows: str | None) -> Iterator[tuple[int, Version]]:
    """Give each field of a structure's tables with the version of each table that it is in."""
    for spoken, table in tables.items():
        for row in table.get(rows, []):
            if row.get("tag"):
                yield int(row["tag"], 16), version(spoken)


def _earliest(found: Iterable[tuple[tuple[int, int], Version]]) -> dict[tuple[int, int], Version]:
    first: dict[tuple[int, int], Version] = {}
    for key, spoken in found:
        if spoken <= V3_0:
            first[key] = min(spoken, first.get(key, spoken))
    return first


@cache
def _fields() -> dict[tuple[int, int], Version]:
    """Give the first version of each field of each structure; of several forms of a structure, of the first."""
    aliases = {"Request Batch Item": "Batch Item", "Response Batch Item": "Batch Item"}
    return _earliest(
        ((_numbered()[aliases.get(part, part)], tag), spoken)
        for name, tables in facts()["structures"].items()
        for part in name.split(" [")[0].split(", ")
        for tag, spoken in _first(tables, "fields")
    )


@cache
def _payload_fields() -> dict[tuple[int, int], Version]:
    return _earliest(
        ((int(row["code"], 16), tag), spoken)
        for row in facts()["operations"]
        for tag, spoken in _first(row.get("payloads", {}), "response")
    )


@cache
def _masks() -> dict[int, dict[int, Lifetime]]:
    return {
        _numbered()[kind["display"]]: {int(row["code"], 16): lifetime(row) for row in kind["values"]}
        for kind in facts()["masks"].values()
    }


@cache
def _tags() -> dict[int, Lifetime]:
    return {int(row["code"], 16): lifetime(row) for row in facts()["tags"] if row["name"]}


@cache
def _numbered() -> dict[str, int]:
    return {row["name"]: int(row["code"], 16) for row in facts()["tags"] if row["name"]}


@cache
def _attributes() -> dict[str, Lifetime]:
    return {row["name"]: lifetime(row) for row in facts()["attributes"]}


@cache
def _enumerators() -> dict[tuple[int, int], Lifetime]:
    """Give the lifetimes by the tag that an enumeration is used under, and the number."""
    tags = {row["xml"]: int(row["code"], 16) for row in facts()["tags"] if row["name"]}
    return {
        (tags[used.split(" ")[0]], int(row["code"], 16)): lifetime(row)
        for kind in facts()["enumerations"].values()
        for used in kind["used_by_tags"]
        if used.split(" ")[0] in tags
        for row in kind["values"]
        if row.get("versions")
    }
