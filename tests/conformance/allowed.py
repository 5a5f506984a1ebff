"""What each version of the standard has: tags, enumerators, and the attributes that 1.x names in words.

A response may hold nothing that its version does not have, in whatever case, whether the case looks at it or not.
"""

from collections.abc import Iterator
from functools import cache

from gateway.kmip.version import Version
from tests.kmip.facts import facts, lifetime
from tests.wire.trees import Node

Lifetime = tuple[Version, Version]
ENUMERATION = 5
ATTRIBUTE, ATTRIBUTE_NAME, ATTRIBUTE_VALUE = 0x420008, 0x42000A, 0x42000B


def strange(found: list[Node], version: Version) -> Iterator[str]:
    """Tell of every item that the version does not have."""
    for node in found:
        if not _is_of(_tags().get(node.tag), version):
            yield f"{_name(node.tag)} is not of {version}"
        elif isinstance(node.value, list):
            yield from strange(node.value, version)
            if node.tag == ATTRIBUTE:
                yield from _strange_attribute(node.value, version)
        elif node.type == ENUMERATION:
            yield from _strange_number(node.tag, node.value, version)


def _strange_attribute(parts: list[Node], version: Version) -> Iterator[str]:
    """Tell of an attribute of 1.x whose name or enumerator the version does not have."""
    values = {part.tag: part for part in parts}
    name, value = values.get(ATTRIBUTE_NAME), values.get(ATTRIBUTE_VALUE)
    if name is None or not isinstance(name.value, bytes):
        return
    words = name.value.decode()
    if not _is_of(_attributes().get(words), version):
        yield f"the attribute {words} is not of {version}"
    if value is not None and value.type == ENUMERATION and isinstance(value.value, bytes):
        yield from _strange_number(_numbered().get(words, 0), value.value, version)


def _strange_number(tag: int, value: bytes, version: Version) -> Iterator[str]:
    number = int.from_bytes(value[:4], "big")
    if not _is_of(_enumerators().get((tag, number)), version):
        yield f"{_name(tag)} {number:#x} is not of {version}"


def _is_of(lived: Lifetime | None, version: Version) -> bool:
    """Tell whether a version has it; what the tables do not know is not judged."""
    return lived is None or lived[0] <= version <= lived[1]


def _name(tag: int) -> str:
    return next((row["name"] for row in facts()["tags"] if int(row["code"], 16) == tag), f"{tag:#x}")


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
