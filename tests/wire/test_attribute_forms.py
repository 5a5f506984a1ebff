"""Attributes go out in the form of each generation and come back the same (KMIP 1.4 section 2.1, 2.1 section 7.2)."""

from itertools import groupby
from typing import Annotated

import pytest
from msgspec.structs import replace

from gateway.errors import InvalidField, TtlvError, UnsupportedAttribute
from gateway.kmip.attributes import ATTRIBUTES
from gateway.kmip.enums import CryptographicAlgorithm, NameType, ObjectType
from gateway.kmip.structure import (
    Attribute,
    Attributed,
    AttributeReference,
    Attributes,
    Form,
    Item,
    Structure,
)
from gateway.kmip.tags import Tag
from gateway.kmip.values import Name
from gateway.kmip.version import SUPPORTED, V1_0, V1_2, V1_4, V2_0, V2_1
from gateway.wire import attribute_forms, layout
from gateway.wire.scalars import ItemType
from tests.wire.samples import ALL_ATTRIBUTES, REFERENCES
from tests.wire.trees import enumeration, integer, item, nodes, structure, text

GENERATIONS = (V1_4, V2_1)


class Template(Structure):
    """A field as Create has it."""

    attributes: Annotated[Attributes, Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES)] = ()


class Repeated(Structure):
    """A field as Locate has it."""

    attributes: Annotated[Attributes, Attributed(Form.REPEATED, Tag.ATTRIBUTE, Tag.ATTRIBUTES)] = ()


class Single(Structure):
    """A field as Add Attribute has it."""

    new_attribute: Annotated[Attributes, Attributed(Form.SINGLE, Tag.ATTRIBUTE, Tag.NEW_ATTRIBUTE)]


class Names(Structure):
    """A field as Get Attributes has it."""

    attribute_reference: Annotated[
        tuple[AttributeReference, ...], Attributed(Form.NAMES, Tag.ATTRIBUTE_NAME, Tag.ATTRIBUTE_REFERENCE)
    ] = ()


def write(value, version):
    """Write a structure's fields."""
    return layout.content_writer(type(value), version)(value)


def read(cls, raw, version):
    """Read a structure from its fields."""
    return layout.reader(cls, version)(raw, 0, len(raw))


def known(attributes, version):
    """Leave out what a version does not have."""
    return tuple(a for a in attributes if ATTRIBUTES[a.tag].exists_in(version))


def as_read(attribute, version):
    """Give an attribute as it is read: 2.x has no index, and an Item tells where it stood."""
    value = replace(attribute.value, offset=0, message=b"") if isinstance(attribute.value, Item) else attribute.value
    return replace(attribute, value=value, index=attribute.index if version.major < 2 else 0)


def same(found, wanted, version):
    """Compare attributes as they are read."""
    return [as_read(a, version) for a in found] == [as_read(a, version) for a in wanted]


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
@pytest.mark.parametrize("cls", [Template, Repeated])
def test_all_attributes_of_a_version_come_back_and_no_others(cls, version):
    found = read(cls, write(cls(attributes=tuple(ALL_ATTRIBUTES)), version), version).attributes
    wanted = known(ALL_ATTRIBUTES, version)
    assert [a.key for a in found] == [a.key for a in wanted]
    # Before 1.4 some values are written without the fields that they got later.
    assert version < V1_4 or same(found, wanted, version)


@pytest.mark.parametrize("version", GENERATIONS, ids=str)
@pytest.mark.parametrize("attribute", ALL_ATTRIBUTES, ids=lambda a: f"{a.tag.name}{a.name}-{a.index}")
def test_each_attribute_comes_back_alone(attribute, version):
    raw = write(Single(new_attribute=(attribute,)), version)
    if ATTRIBUTES[attribute.tag].exists_in(version):
        assert same(read(Single, raw, version).new_attribute, [attribute], version)
    else:
        assert raw in (b"", structure(Tag.NEW_ATTRIBUTE))


@pytest.mark.parametrize("attribute", ALL_ATTRIBUTES, ids=lambda a: f"{a.tag.name}{a.name}-{a.index}")
def test_what_is_kept_comes_back(attribute):
    raw = attribute_forms.encode_value(attribute)
    value = attribute_forms.decode_value(attribute.tag, raw)
    assert same([replace(attribute, value=value)], [attribute], V1_4)


def test_a_kept_attribute_that_is_damaged_is_told():
    raw = attribute_forms.encode_value(Attribute(Tag.CONTACT_INFORMATION, "me"))
    for damaged in (raw[:9], raw[:3] + b"\2" + raw[4:], b"\x42\0\1" + raw[3:], raw[:4]):
        with pytest.raises(TtlvError):
            attribute_forms.decode_value(Tag.CONTACT_INFORMATION, damaged)


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
def test_references_come_back(version):
    found = read(Names, write(Names(attribute_reference=REFERENCES), version), version).attribute_reference
    assert found == known(REFERENCES, version)


def attribute(name, value, *more):
    """Make an Attribute of 1.x by hand."""
    return structure(Tag.ATTRIBUTE, text(Tag.ATTRIBUTE_NAME, name), *more, value)


ALGORITHM = attribute("Cryptographic Algorithm", enumeration(Tag.ATTRIBUTE_VALUE, 3))
LENGTH = attribute("Cryptographic Length", integer(Tag.ATTRIBUTE_VALUE, 256))
AES_256 = (Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES), Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256))


def test_1x_writes_names_in_words():
    assert write(Template(attributes=AES_256), V1_0) == structure(Tag.TEMPLATE_ATTRIBUTE, ALGORITHM, LENGTH)
    assert write(Repeated(attributes=AES_256), V1_0) == ALGORITHM + LENGTH


def test_2x_writes_tags():
    wanted = structure(
        Tag.ATTRIBUTES, enumeration(Tag.CRYPTOGRAPHIC_ALGORITHM, 3), integer(Tag.CRYPTOGRAPHIC_LENGTH, 256)
    )
    assert write(Template(attributes=AES_256), V2_0) == wanted == write(Repeated(attributes=AES_256), V2_0)


@pytest.mark.parametrize("version", GENERATIONS, ids=str)
def test_no_attributes_are_no_field(version):
    assert write(Template(), version) == write(Repeated(), version) == write(Names(), version) == b""


def test_the_filters_of_locate_may_stand_in_a_template_attribute():
    """FortiOS sends them so; the standard has bare Attributes."""
    wrapped = read(Repeated, structure(Tag.TEMPLATE_ATTRIBUTE, ALGORITHM, LENGTH), V1_0)
    assert wrapped == read(Repeated, ALGORITHM + LENGTH, V1_0) == Repeated(attributes=AES_256)


def test_a_template_may_be_named():
    name = structure(Tag.NAME, text(Tag.NAME_VALUE, "T1"), enumeration(Tag.NAME_TYPE, 1))
    found = read(Template, structure(Tag.TEMPLATE_ATTRIBUTE, name, ALGORITHM), V1_0).attributes
    wanted = Name(name_value="T1", name_type=NameType.UNINTERPRETED_TEXT_STRING)
    assert found == (Attribute(Tag.TEMPLATE, wanted), AES_256[0])


def test_an_index_belongs_to_1x_and_to_attributes_that_repeat():
    third = Attribute(Tag.OBJECT_GROUP, "g", 2)
    wanted = attribute("Object Group", text(Tag.ATTRIBUTE_VALUE, "g"), integer(Tag.ATTRIBUTE_INDEX, 2))
    assert write(Repeated(attributes=(third,)), V1_2) == wanted
    assert write(Repeated(attributes=(third,)), V2_1) == structure(Tag.ATTRIBUTES, text(Tag.OBJECT_GROUP, "g"))
    assert read(Repeated, wanted, V1_2).attributes == (third,)


@pytest.mark.parametrize("index", [-1, -(2**31)])
def test_an_index_counts_from_0(index):
    raw = attribute("Object Group", text(Tag.ATTRIBUTE_VALUE, "g"), integer(Tag.ATTRIBUTE_INDEX, index))
    with pytest.raises(InvalidField):
        read(Repeated, raw, V1_2)


def test_a_vendor_attribute_has_its_vendor_before_the_hyphen():
    own = Attribute(Tag.ATTRIBUTE, Item(ItemType.TEXT_STRING, b"1"), 0, "x", "Purpose-of-it")
    raw = write(Repeated(attributes=(own,)), V1_0)
    assert raw == attribute("x-Purpose-of-it", text(Tag.ATTRIBUTE_VALUE, "1"), integer(Tag.ATTRIBUTE_INDEX, 0))
    assert same(read(Repeated, raw, V1_0).attributes, [own], V1_0)


def test_a_vendor_of_2x_has_no_name_in_1x():
    own = Attribute(Tag.ATTRIBUTE, Item(ItemType.TEXT_STRING, b"1"), 0, "Acme", "Purpose")
    assert write(Repeated(attributes=(own,)), V1_4) == b""
    assert same(read(Repeated, write(Repeated(attributes=(own,)), V2_0), V2_0).attributes, [own], V2_0)


@pytest.mark.parametrize("name", ["", "Purpose", "z-Purpose", "cryptographic algorithm", "Attribute", "x"])
def test_a_name_that_1x_does_not_have_is_refused(name):
    with pytest.raises(UnsupportedAttribute):
        read(Repeated, attribute(name, text(Tag.ATTRIBUTE_VALUE, "1")), V1_0)


VALUE = enumeration(Tag.ATTRIBUTE_VALUE, 3)
MALFORMED = {
    "no value": structure(Tag.ATTRIBUTE, text(Tag.ATTRIBUTE_NAME, "State")),
    "no name": structure(Tag.ATTRIBUTE, VALUE),
    "nothing": structure(Tag.ATTRIBUTE),
    "two values": attribute("State", VALUE, VALUE),
    "name is no text": structure(Tag.ATTRIBUTE, enumeration(Tag.ATTRIBUTE_NAME, 1), VALUE),
    "index is no integer": attribute("State", VALUE, text(Tag.ATTRIBUTE_INDEX, "1234")),
    "value of another type": attribute("State", integer(Tag.ATTRIBUTE_VALUE, 1)),
    "value of no type": attribute("x-a", item(Tag.ATTRIBUTE_VALUE, 12)),
    "cut off": structure(Tag.ATTRIBUTE, text(Tag.ATTRIBUTE_NAME, "State"), b"\x42\0\x0b\5"),
    "tag of nobody": attribute("State", VALUE, integer(0x430001, 1)),
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_attribute_is_refused(raw):
    with pytest.raises(TtlvError):
        read(Repeated, raw, V1_4)


@pytest.mark.parametrize("version", GENERATIONS, ids=str)
@pytest.mark.parametrize("depth", [40, 1000, 10_000])
def test_a_vendors_value_nested_without_end_is_refused(depth, version):
    value = structure(Tag.ATTRIBUTE_VALUE)
    for _ in range(depth):
        value = structure(Tag.ATTRIBUTE_VALUE, value)
    raw = attribute("x-a", value)
    if version.major >= 2:
        vendor = structure(Tag.ATTRIBUTE, text(Tag.VENDOR_IDENTIFICATION, "x"), text(Tag.ATTRIBUTE_NAME, "a"), value)
        raw = structure(Tag.ATTRIBUTES, vendor)
    with pytest.raises(TtlvError, match="nested too deeply"):
        read(Repeated, raw, version)


def test_an_attribute_with_a_field_of_another_is_refused_and_one_of_a_vendor_passed_over():
    with pytest.raises(InvalidField):
        read(Repeated, attribute("State", VALUE, integer(Tag.BATCH_COUNT, 1)), V1_4)
    assert read(Repeated, attribute("State", VALUE, integer(0x540001, 1)), V1_4).attributes[0].tag is Tag.STATE


@pytest.mark.parametrize("version", GENERATIONS, ids=str)
def test_two_fields_where_one_belongs_are_refused(version):
    raw = write(Template(attributes=AES_256), version)
    with pytest.raises(TtlvError, match="twice"):
        read(Template, raw + raw, version)


def test_what_is_no_attribute_is_refused_in_2x():
    for field in (integer(Tag.BATCH_COUNT, 1), text(Tag.NAME_VALUE, "a"), structure(Tag.TEMPLATE_ATTRIBUTE)):
        with pytest.raises(UnsupportedAttribute):
            read(Template, structure(Tag.ATTRIBUTES, field), V2_1)
    with pytest.raises(TtlvError):
        read(Template, structure(Tag.ATTRIBUTES, integer(0x430001, 1)), V2_1)
    assert read(Template, structure(Tag.ATTRIBUTES, integer(0x540001, 1)), V2_1) == Template()


def test_an_attribute_of_another_type_is_refused_in_2x():
    with pytest.raises(TtlvError, match="ObjectType cannot have item type 2"):
        read(Template, structure(Tag.ATTRIBUTES, integer(Tag.OBJECT_TYPE, 2)), V2_1)


def test_names_newer_than_the_message_are_understood():
    raw = attribute("Sensitive", item(Tag.ATTRIBUTE_VALUE, 6, bytes(7) + b"\1"))
    assert read(Repeated, raw, V1_0).attributes == (Attribute(Tag.SENSITIVE, True),)


def test_a_reference_of_2x_is_an_attributes_tag():
    raw = enumeration(Tag.ATTRIBUTE_REFERENCE, Tag.OBJECT_TYPE)
    assert read(Names, raw, V2_1).attribute_reference == (AttributeReference(Tag.OBJECT_TYPE),)
    for tag in (Tag.BATCH_COUNT, 0, 0x42FFFF, 0xFFFFFFFF):
        with pytest.raises(UnsupportedAttribute):
            read(Names, enumeration(Tag.ATTRIBUTE_REFERENCE, tag), V2_1)


def test_attributes_keep_their_order():
    raw = write(Repeated(attributes=tuple(ALL_ATTRIBUTES)), V1_4)
    names = [node.value[0].value.decode() for node in nodes(raw)]
    assert [name for name, _ in groupby(names)] == [
        attribute_forms.name_1x(reference) for reference in known(REFERENCES, V1_4)
    ]


def test_enumerators_are_members_so_that_is_can_be_asked():
    raw = structure(Tag.ATTRIBUTES, enumeration(Tag.OBJECT_TYPE, 2))
    (found,) = read(Template, raw, V2_1).attributes
    assert found.value is ObjectType.SYMMETRIC_KEY
