"""The vocabulary in which messages are written down: a Structure's annotations are its table.

A field's name is its tag: `unique_identifier` is Tag.UNIQUE_IDENTIFIER. A field stands where the standard puts it, and
is written in that order. Its type says how it is encoded; `X | None` is optional, `tuple[X, ...]` repeats, `X | Y` may
be either. `Annotated` adds Since, Until or a form for attributes, which 1.x and 2.x write differently.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, NewType, TypeAlias, dataclass_transform

import msgspec

from gateway.kmip.enums import DataReference, UniqueIdentifierReference
from gateway.kmip.tags import Tag
from gateway.kmip.version import Version

LongInteger = NewType("LongInteger", int)
BigInteger = NewType("BigInteger", int)
DateTime = NewType("DateTime", int)  # seconds since 1970
Interval = NewType("Interval", int)  # seconds
DateTimeExtended = NewType("DateTimeExtended", int)  # microseconds since 1970
OpenEnumeration = NewType("OpenEnumeration", int)  # an Enumeration whose values the standard leaves open
ItemNumber = NewType("ItemNumber", int)  # a batch item of this request, from 0, or back from here when negative

# 2.x lets a unique identifier be a text, a reference by kind of operation, or a batch item's number (2.1 section 6).
Identifier: TypeAlias = str | UniqueIdentifierReference | ItemNumber
# So may data be given: as bytes, or as what another batch item of the request put out.
Data: TypeAlias = bytes | DataReference | ItemNumber


@dataclass_transform(kw_only_default=True, frozen_default=True)
class StructureMeta(msgspec.StructMeta):
    """Make every Structure frozen and keyword-only, so that its fields can stand in the order of the standard."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> "StructureMeta":
        return super().__new__(cls, name, bases, body, frozen=True, kw_only=True, gc=False)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Structure(msgspec.Struct, metaclass=StructureMeta):
    """A KMIP structure; change one by `msgspec.structs.replace`."""


class Constant(Structure):
    """A structure that is made once and sent many times, as the very same value: its encoding is kept."""


class Bound(Version):
    """A version in a field's annotation; two of different kinds are never equal, or typing would take one for both."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash((type(self).__name__, *self))


class Since(Bound):
    """The first version that has the field; it is understood from older clients too, and never sent to them."""

    __slots__ = ()


class Until(Bound):
    """The last version that has the field."""

    __slots__ = ()


class Form(Enum):
    """How a field of attributes looks in 1.x; in 2.x it is a structure named for the field."""

    TEMPLATE = "one Template-Attribute structure"
    REPEATED = "an Attribute structure for each"
    SINGLE = "one Attribute structure"
    NAMES = "an Attribute Name for each"
    GONE = "an Attribute structure without value for each, which is only written"


@dataclass(frozen=True)
class Attributed:
    """Marks a field of attributes: its form in 1.x, its tags in 1.x and 2.x, and whether 2.x writes it when empty."""

    form: Form
    tag_1x: Tag
    tag: Tag
    always: bool = False


class Item(msgspec.Struct, frozen=True, gc=False):
    """A value kept as it came: item type, the value's bytes without header or padding, and where it began.

    One that was read knows its message, so that what is found wrong in it later can be told by its place there.
    """

    type: int
    raw: bytes
    offset: int = 0
    message: bytes = b""


class Payload(Item, frozen=True, gc=False):
    """A structure kept as it came, and not looked into yet: what is wrong inside is told when it is decoded."""


class Encoded(bytes):
    """A field that is already encoded, header included."""

    __slots__ = ()


Value: TypeAlias = bool | int | str | bytes | Structure | Item


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """One instance of one attribute; `vendor` and `name` only for vendor attributes, `index` as 1.x counts them."""

    tag: Tag
    value: Value
    index: int = 0
    vendor: str = ""
    name: str = ""

    @property
    def key(self) -> tuple[Tag, str, str]:
        """What its instances have in common."""
        return self.tag, self.vendor, self.name


class AttributeReference(msgspec.Struct, frozen=True, gc=False):
    """An attribute's name: its tag, or for a vendor attribute its vendor and name."""

    tag: Tag
    vendor: str = ""
    name: str = ""

    @property
    def key(self) -> tuple[Tag, str, str]:
        """What an Attribute of this name has as its key."""
        return self.tag, self.vendor, self.name


Attributes: TypeAlias = tuple[Attribute, ...]
