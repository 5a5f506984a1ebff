"""Reading and changing a set of attributes; a set is a tuple, and a change gives a new one."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from gateway.kmip.structure import Attribute, AttributeReference, Attributes, Item, Structure, Value
from gateway.kmip.tags import Tag

S = TypeVar("S", bound=Structure)
Key = tuple[Tag, str, str]


def value(attributes: Attributes, tag: Tag) -> Value | None:
    """Give the value of an attribute that has one instance, None when it is not there."""
    for attribute in attributes:
        if attribute.tag == tag:
            return attribute.value
    return None


def number(attributes: Attributes, tag: Tag) -> int | None:
    """Give an attribute's value that is a number: an integer, a date in seconds since 1970, a mask, an enumerator."""
    found = value(attributes, tag)
    return found if isinstance(found, int) else None


def text(attributes: Attributes, tag: Tag) -> str | None:
    """Give an attribute's value that is a text."""
    found = value(attributes, tag)
    return found if isinstance(found, str) else None


def structures(attributes: Attributes, tag: Tag, kind: type[S]) -> tuple[S, ...]:
    """Give all values of an attribute that are structures of this kind."""
    return tuple(a.value for a in attributes if a.tag == tag and isinstance(a.value, kind))


def structure(attributes: Attributes, tag: Tag, kind: type[S]) -> S | None:
    """Give the first value of an attribute that is a structure."""
    return next(iter(structures(attributes, tag, kind)), None)


def instances(attributes: Attributes, key: Key) -> Attributes:
    """Give all instances of one attribute, a vendor attribute known by its vendor and name."""
    return tuple(a for a in attributes if a.key == key)


def has(attributes: Attributes, tag: Tag) -> bool:
    """Tell whether an attribute is there at all."""
    return any(a.tag == tag for a in attributes)


def put(attributes: Attributes, tag: Tag, new: Value) -> Attributes:
    """Give the attribute this one value, whether or not it was there."""
    return (*(a for a in attributes if a.tag != tag), Attribute(tag, new))


def put_all(attributes: Attributes, new: Mapping[Tag, Value]) -> Attributes:
    """Give each of these attributes its one value, whether or not it was there."""
    return (*(a for a in attributes if a.tag not in new), *(Attribute(tag, value) for tag, value in new.items()))


def put_missing(attributes: Attributes, tag: Tag, new: Value) -> Attributes:
    """Give the attribute this value unless it has one."""
    return attributes if has(attributes, tag) else (*attributes, Attribute(tag, new))


def drop(attributes: Attributes, *tags: Tag) -> Attributes:
    """Leave attributes out."""
    return tuple(a for a in attributes if a.tag not in tags)


def add(attributes: Attributes, new: Attribute) -> Attributes:
    """Append an instance, under the index after the highest there is: an index never changes (KMIP 1.4 section 3)."""
    index = max((a.index + 1 for a in instances(attributes, new.key)), default=0)
    return (*attributes, replace(new, index=index))


def add_all(attributes: Attributes, new: Iterable[Attribute]) -> Attributes:
    """Append instances one after the other."""
    for attribute in new:
        attributes = add(attributes, attribute)
    return attributes


def reference(attribute: Attribute) -> AttributeReference:
    """Give an attribute's name."""
    return AttributeReference(attribute.tag, attribute.vendor, attribute.name)


def equal(one: Value, other: Value) -> bool:
    """Tell whether two values of an attribute are the same, wherever in their messages they stood."""
    if isinstance(one, Item) and isinstance(other, Item):
        return one.type == other.type and one.raw == other.raw
    return one == other
