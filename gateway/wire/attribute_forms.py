"""Attributes as each generation of the protocol writes them.

2.x has a structure of fields, one tag for each attribute. 1.x has a structure for each instance: its name in words, its
index and its value. Inside the gateway both are Attribute, and references to them AttributeReference.
"""

from collections.abc import Iterable
from functools import cache, partial
from typing import Any

from gateway.errors import InvalidField, KmipError, NotInVersion, TtlvError, UnsupportedAttribute
from gateway.kmip.attributes import ATTRIBUTES, BY_SPELLING, VENDORS_IN_1X
from gateway.kmip.structure import (
    Attribute,
    Attributed,
    AttributeReference,
    Attributes,
    Form,
    Item,
    OpenEnumeration,
    Structure,
)
from gateway.kmip.tags import Tag
from gateway.kmip.values import Name, VendorAttribute
from gateway.kmip.version import V2_1, Version
from gateway.wire import layout, scalars
from gateway.wire.layout import APPEND, EXTEND, ONE, Entry
from gateway.wire.scalars import HEADER_BYTES, ItemType, Reader, Writer, read_head


def reference_1x(name: str) -> AttributeReference:
    """Find the attribute that 1.x calls by this name in words.

    Raises:
        UnsupportedAttribute: there is none, and it is not a name for custom attributes either.
    """
    if name in BY_SPELLING:
        return AttributeReference(BY_SPELLING[name])
    vendor, hyphen, own = name.partition("-")
    if hyphen and vendor in VENDORS_IN_1X:
        return AttributeReference(Tag.ATTRIBUTE, vendor, own)
    raise UnsupportedAttribute(f"there is no attribute {name[:100]!r}")


def name_1x(attribute: Attribute | AttributeReference) -> str:
    """Spell an attribute's name as 1.x does."""
    return f"{attribute.vendor}-{attribute.name}" if attribute.tag is Tag.ATTRIBUTE else attribute.tag.spelling


@cache
def value_readers(tag: Tag, version: Version) -> dict[int, Reader]:
    """Give the readers of an attribute's value by item type; a vendor attribute's value may be anything."""
    annotation = Item if tag is Tag.ATTRIBUTE else ATTRIBUTES[tag].type
    return {arm.item_type: arm.read for arm in layout.arms(annotation, version)}


@cache
def value_writer(tag: Tag, under: Tag, version: Version) -> Writer:
    """Give the writer of an attribute's value under the tag that it is to have."""
    annotation = Item if tag is Tag.ATTRIBUTE else ATTRIBUTES[tag].type
    return layout.union_writer(layout.arms(annotation, version), under)


# A structure that begins with one of these is of no other attribute than Cryptographic Parameters; the published cases
# CS-AC-M-3-12 and CS-AC-M-8-12 do without its name.
ONLY_PARAMETERS = frozenset({Tag.BLOCK_CIPHER_MODE, Tag.PADDING_METHOD})

_PARTS = {
    Tag.ATTRIBUTE_NAME << 8 | ItemType.TEXT_STRING,
    Tag.ATTRIBUTE_INDEX << 8 | ItemType.INTEGER,
    *(Tag.ATTRIBUTE_VALUE << 8 | type_ for type_ in ItemType),
}


@cache
def in_1x(version: Version) -> Reader:
    """Compile the reader of one Attribute structure of 1.x (KMIP 1.4 section 2.1.1 Attribute)."""

    def read(data: bytes, at: int, length: int) -> Attribute:
        parts: dict[int, tuple[int, int, int]] = {}
        for word, value, size in scalars.items(data, at, at + length):
            if word not in _PARTS:
                _not_known(_PARTS, "an Attribute", InvalidField, word, value)
            elif word >> 8 in parts:
                raise TtlvError("a part of an Attribute comes twice", value - HEADER_BYTES)
            else:
                parts[word >> 8] = word & 0xFF, value, size
        return _attribute(data, parts, at + length, version)

    return read


def _attribute(data: bytes, parts: dict[int, tuple[int, int, int]], end: int, version: Version) -> Attribute:
    if Tag.ATTRIBUTE_VALUE not in parts:
        raise TtlvError("an Attribute has a name and a value", end)
    reference = _referred(data, parts, end)
    index = 0
    if Tag.ATTRIBUTE_INDEX in parts:
        _, at, size = parts[Tag.ATTRIBUTE_INDEX]
        index = scalars.read_integer(data, at, size)
        if index < 0:
            raise InvalidField(f"an Attribute Index is a number from 0 (at byte {at})")
    type_, at, size = parts[Tag.ATTRIBUTE_VALUE]
    read = value_readers(reference.tag, version).get(type_)
    if read is None:
        raise TtlvError(f"{name_1x(reference)} cannot have item type {type_}", at)
    return Attribute(reference.tag, read(data, at, size), index, reference.vendor, reference.name)


def _referred(data: bytes, parts: dict[int, tuple[int, int, int]], end: int) -> AttributeReference:
    """Tell which attribute an Attribute structure is about."""
    if Tag.ATTRIBUTE_NAME in parts:
        _, at, size = parts[Tag.ATTRIBUTE_NAME]
        return reference_1x(scalars.read_text(data, at, size))
    type_, at, size = parts[Tag.ATTRIBUTE_VALUE]
    if type_ == ItemType.STRUCTURE and size and read_head(data, at)[0] >> 8 in ONLY_PARAMETERS:
        return AttributeReference(Tag.CRYPTOGRAPHIC_PARAMETERS)
    raise TtlvError("an Attribute has a name and a value", end)


@cache
def template(version: Version) -> Reader:
    """Compile the reader of a Template-Attribute (KMIP 1.4 section 2.1.8 Template-Attribute Structures)."""
    name = layout.reader(Name, version)
    entries = {
        Tag.ATTRIBUTE << 8 | ItemType.STRUCTURE: in_1x(version),
        # The name of a Template object: it stands for that object's attributes, which the operation puts in.
        Tag.NAME << 8 | ItemType.STRUCTURE: lambda data, at, size: Attribute(Tag.TEMPLATE, name(data, at, size)),
    }
    return partial(_read_all, entries, "a Template-Attribute")


@cache
def in_2x(version: Version) -> Reader:
    """Compile the reader of an Attributes structure of 2.x (KMIP 2.1 section 7.2 Attributes)."""
    entries: dict[int, Reader] = {}
    for tag in ATTRIBUTES:
        if tag is not Tag.ATTRIBUTE:
            for type_, read in value_readers(tag, version).items():
                entries[tag << 8 | type_] = partial(_valued, tag, read)
    vendor = layout.reader(VendorAttribute, version)
    entries[Tag.ATTRIBUTE << 8 | ItemType.STRUCTURE] = lambda data, at, size: _vendor(vendor(data, at, size))
    return partial(_read_all, entries, "Attributes")


def _valued(tag: Tag, read: Reader, data: bytes, at: int, size: int) -> Attribute:
    return Attribute(tag, read(data, at, size))


def _vendor(value: VendorAttribute) -> Attribute:
    return Attribute(
        Tag.ATTRIBUTE, value.attribute_value, vendor=value.vendor_identification, name=value.attribute_name
    )


def _read_all(entries: dict[int, Reader], where: str, data: bytes, at: int, length: int) -> Attributes:
    found = []
    for word, value, size in scalars.items(data, at, at + length):
        read = entries.get(word)
        if read is None:
            _not_known(entries, where, UnsupportedAttribute, word, value)
        else:
            found.append(read(data, value, size))
    return tuple(found)


def _not_known(known: Iterable[int], where: str, error: type[KmipError], word: int, value: int) -> None:
    name = layout.stranger(known, word, value - HEADER_BYTES)
    if name:
        raise error(f"{name} is not known in {where} (at byte {value - HEADER_BYTES})")


@cache
def _reference_structure(version: Version) -> Reader:
    read = layout.reader(VendorReference, version)

    def read_reference(data: bytes, at: int, size: int) -> AttributeReference:
        value = read(data, at, size)
        return AttributeReference(Tag.ATTRIBUTE, value.vendor_identification, value.attribute_name)

    return read_reference


class VendorReference(Structure):
    """The name of a vendor attribute (KMIP 2.1 section 7.3 Attribute Reference)."""

    vendor_identification: str
    attribute_name: str


def _reference_by_tag(data: bytes, at: int, size: int) -> AttributeReference:
    code = scalars.read_unsigned(data, at, size)
    if code not in Tag._value2member_map_ or Tag(code) not in ATTRIBUTES:
        raise UnsupportedAttribute(f"tag 0x{code:06X} is not an attribute's (at byte {at})")
    return AttributeReference(Tag(code))


def _reference_by_name(data: bytes, at: int, size: int) -> AttributeReference:
    name = scalars.read_text(data, at, size)
    try:
        return reference_1x(name)
    except UnsupportedAttribute:
        # To ask for an attribute that nothing has is no error (KMIP 1.4 section 4.12 Get Attributes): such a name is a
        # vendor attribute's whose vendor has no name.
        return AttributeReference(Tag.ATTRIBUTE, "", name)


def entries(name: str, field: Attributed, version: Version) -> dict[int, Entry]:
    """Give the items that may carry a field of attributes in this version."""
    structure, text, number = ItemType.STRUCTURE, ItemType.TEXT_STRING, ItemType.ENUMERATION
    if field.form is Form.GONE:  # only a server says so
        found = {}
    elif field.form is Form.NAMES:
        found = {
            field.tag_1x << 8 | text: Entry(name, _reference_by_name, APPEND),
            Tag.ATTRIBUTE_REFERENCE << 8 | number: Entry(name, _reference_by_tag, APPEND),
            Tag.ATTRIBUTE_REFERENCE << 8 | structure: Entry(name, _reference_structure(version), APPEND),
        }
    elif version.major >= 2:
        found = {field.tag << 8 | structure: Entry(name, in_2x(version), ONE)}
    elif field.form is Form.TEMPLATE:
        found = {field.tag_1x << 8 | structure: Entry(name, template(version), ONE)}
    else:
        # FortiOS wraps the filters of Locate in a Template-Attribute, where the standard has bare Attributes.
        found = {
            field.tag_1x << 8 | structure: Entry(name, in_1x(version), APPEND),
            Tag.TEMPLATE_ATTRIBUTE << 8 | structure: Entry(name, template(version), EXTEND),
        }
    return found


@cache
def write_1x(version: Version) -> Writer:
    """Compile the writer of one Attribute structure of 1.x; it gives nothing for what this version does not have."""
    write_name, write_index = scalars.text_writer(Tag.ATTRIBUTE_NAME), layout.SCALARS[int].writer(Tag.ATTRIBUTE_INDEX)

    def write(attribute: Attribute) -> bytes:
        rule = ATTRIBUTES[attribute.tag]
        if not rule.exists_in(version) or (rule.tag is Tag.ATTRIBUTE and attribute.vendor not in VENDORS_IN_1X):
            return b""
        content = write_name(name_1x(attribute))
        # PyKMIP looks for index 0 with attributes that repeat; with the others an index says nothing.
        if rule.many:
            content += write_index(attribute.index)
        try:
            content += value_writer(attribute.tag, Tag.ATTRIBUTE_VALUE, version)(attribute.value)
        except NotInVersion:
            return b""
        return scalars.structure(Tag.ATTRIBUTE, content)

    return write


@cache
def write_2x(version: Version) -> Writer:
    """Compile the writer of one attribute of 2.x; it gives nothing for what this version does not have."""
    write_vendor = layout.writer(VendorAttribute, Tag.ATTRIBUTE, version)

    def write(attribute: Attribute) -> bytes:
        if not ATTRIBUTES[attribute.tag].exists_in(version):
            return b""
        if attribute.tag is Tag.ATTRIBUTE:
            value: Any = attribute.value
            return write_vendor(
                VendorAttribute(
                    vendor_identification=attribute.vendor, attribute_name=attribute.name, attribute_value=value
                )
            )
        try:
            return value_writer(attribute.tag, attribute.tag, version)(attribute.value)
        except NotInVersion:
            return b""

    return write


def writer(field: Attributed, version: Version) -> Writer:
    """Compile the writer of a field of attributes; an empty field is left out, save where 2.x wants its structure."""
    if field.form in (Form.NAMES, Form.GONE):
        return _names_writer(field, version)
    if version.major >= 2:
        one = write_2x(version)
        empty = scalars.structure(field.tag, b"") if field.always else b""
        return lambda value: scalars.structure(field.tag, b"".join([one(a) for a in value])) if value else empty
    one = write_1x(version)
    if field.form is Form.TEMPLATE:
        one = _with_template_names(version)
        return lambda value: scalars.structure(field.tag_1x, b"".join([one(a) for a in value])) if value else b""
    return lambda value: b"".join([one(a) for a in value])


def _with_template_names(version: Version) -> Writer:
    """Compile the writer of what a Template-Attribute holds: attributes, and names of Template objects."""
    attribute, name = write_1x(version), layout.writer(Name, Tag.NAME, version)
    return lambda value: name(value.value) if value.tag is Tag.TEMPLATE else attribute(value)


def _without_value(name: str) -> bytes:
    """Write the Attribute structure of an attribute that is gone."""
    return scalars.structure(Tag.ATTRIBUTE, scalars.text_writer(Tag.ATTRIBUTE_NAME)(name))


def _names_writer(field: Attributed, version: Version) -> Writer:
    write_name = _without_value if field.form is Form.GONE else scalars.text_writer(field.tag_1x)
    by_tag = layout.SCALARS[OpenEnumeration].writer(Tag.ATTRIBUTE_REFERENCE)
    structured = layout.writer(VendorReference, Tag.ATTRIBUTE_REFERENCE, version)

    def write(references: tuple[AttributeReference, ...]) -> bytes:
        return b"".join([one(r) for r in references if ATTRIBUTES[r.tag].exists_in(version)])

    def one(reference: AttributeReference) -> bytes:
        if version.major < 2 or field.tag is Tag.ATTRIBUTE_NAME:
            known = reference.tag is not Tag.ATTRIBUTE or reference.vendor in VENDORS_IN_1X
            return write_name(name_1x(reference)) if known else b""
        if reference.tag is Tag.ATTRIBUTE:
            return structured(VendorReference(vendor_identification=reference.vendor, attribute_name=reference.name))
        return by_tag(reference.tag)

    return write


def encode_value(attribute: Attribute) -> bytes:
    """Encode an attribute's value to keep it: the item, in the newest version's form, under the attribute's own tag."""
    return value_writer(attribute.tag, attribute.tag, V2_1)(attribute.value)


def decode_value(tag: Tag, raw: bytes) -> Any:
    """Decode what `encode_value` gave.

    Raises:
        TtlvError: the bytes are not what it gives.
    """
    word, size = read_head(raw, 0) if len(raw) >= HEADER_BYTES else (0, 0)
    read = value_readers(tag, V2_1).get(word & 0xFF)
    if word >> 8 != tag or read is None or HEADER_BYTES + size > len(raw):
        raise TtlvError("a stored attribute is damaged", 0)
    return read(raw, HEADER_BYTES, size)
