"""Structures with every field filled, made from their annotations alone."""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from gateway.kmip.attributes import ATTRIBUTES
from gateway.kmip.names import Mask, Named
from gateway.kmip.objects import SymmetricKey
from gateway.kmip.structure import (
    Attribute,
    AttributeReference,
    BigInteger,
    DateTime,
    DateTimeExtended,
    Encoded,
    Interval,
    Item,
    ItemNumber,
    LongInteger,
    OpenEnumeration,
    Structure,
)
from gateway.kmip.tags import Tag
from gateway.wire.layout import Field, fields_of
from gateway.wire.scalars import ItemType
from tests.wire.trees import integer, structure, text

SCALARS: dict[Any, Any] = {
    int: 7,
    ItemNumber: -1,
    LongInteger: 2**40,
    BigInteger: -(2**70),
    OpenEnumeration: 0x80000001,
    bool: True,
    str: "Grüße",
    bytes: b"\0\1\2\3\4\5\6\7\x08",
    DateTime: 1577836800,
    Interval: 3600,
    DateTimeExtended: 1577836800_000001,
    Encoded: Encoded(b""),
    Item: Item(ItemType.STRUCTURE, integer(Tag.CRYPTOGRAPHIC_LENGTH, 128)),
}
# One value of every item type, as a vendor attribute may have it.
VENDOR_VALUES = {
    ItemType.STRUCTURE: structure(0x540001, text(0x540002, "a"), structure(0x540003)),
    ItemType.INTEGER: bytes(3) + b"\7",
    ItemType.LONG_INTEGER: b"\xff" * 8,
    ItemType.BIG_INTEGER: bytes(16),
    ItemType.ENUMERATION: b"\x80\0\0\1",
    ItemType.BOOLEAN: bytes(7) + b"\1",
    ItemType.TEXT_STRING: "Grüße".encode(),
    ItemType.BYTE_STRING: b"",
    ItemType.DATE_TIME: bytes(8),
    ItemType.INTERVAL: b"\xff" * 4,
    ItemType.DATE_TIME_EXTENDED: bytes(8),
}


def sample(annotation: Any) -> Any:
    """Give a value for an annotation; of a union's types the first that can stand alone."""
    if get_origin(annotation) in (Union, UnionType):
        return sample(next(part for part in get_args(annotation) if part not in (NoneType, Structure)))
    if annotation in SCALARS:
        return SCALARS[annotation]
    if issubclass(annotation, Named):
        return next(iter(annotation))
    if issubclass(annotation, Mask):
        first, second, *_ = annotation
        return first | second
    return full(SymmetricKey if annotation is Structure else annotation)


def full(cls: type[Structure]) -> Structure:
    """Give a structure with every field, those that repeat twice."""
    return cls(**{field.name: _field(field) for field in fields_of(cls)})


def _field(field: Field) -> Any:
    if field.attributed is not None:
        return REFERENCES if "AttributeReference" in repr(field.annotation) else tuple(ALL_ATTRIBUTES)
    return (sample(field.annotation),) * 2 if field.many else sample(field.annotation)


def attribute_samples() -> Iterator[Attribute]:
    """Give every attribute, those that repeat with two instances, and vendor attributes of every type."""
    for tag, rule in ATTRIBUTES.items():
        if tag is not Tag.ATTRIBUTE:
            yield from (Attribute(tag, sample(rule.type), index) for index in range(1 + rule.many))
    for type_, raw in VENDOR_VALUES.items():
        yield Attribute(Tag.ATTRIBUTE, Item(type_, raw), 0, "x", f"{type_.name}-1")


ALL_ATTRIBUTES = list(attribute_samples())
REFERENCES = tuple(dict.fromkeys(AttributeReference(a.tag, a.vendor, a.name) for a in ALL_ATTRIBUTES))
