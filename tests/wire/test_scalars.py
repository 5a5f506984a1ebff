"""The item types: what is read and refused, and that each value comes back (KMIP 2.1 section 9.1.1)."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidField, TtlvError
from gateway.kmip.enums import CryptographicAlgorithm, CryptographicUsageMask
from gateway.kmip.structure import (
    BigInteger,
    DateTime,
    DateTimeExtended,
    Interval,
    Item,
    LongInteger,
    OpenEnumeration,
)
from gateway.kmip.tags import Tag
from gateway.wire import scalars
from gateway.wire.layout import SCALARS
from gateway.wire.scalars import READERS, ItemType
from tests.wire.trees import item, structure

T = ItemType
FIXED = {
    T.INTEGER: 4,
    T.LONG_INTEGER: 8,
    T.ENUMERATION: 4,
    T.BOOLEAN: 8,
    T.DATE_TIME: 8,
    T.INTERVAL: 4,
    T.DATE_TIME_EXTENDED: 8,
}
SIGNED_32, UNSIGNED_32, SIGNED_64 = (-(2**31), 2**31 - 1), (0, 2**32 - 1), (-(2**63), 2**63 - 1)
BOUNDS = {
    int: SIGNED_32,
    LongInteger: SIGNED_64,
    OpenEnumeration: UNSIGNED_32,
    DateTime: SIGNED_64,
    Interval: UNSIGNED_32,
    DateTimeExtended: SIGNED_64,
    BigInteger: (-(2**4096), 2**4096),
}
VALUES = {kind: st.integers(*bounds) for kind, bounds in BOUNDS.items()} | {
    bool: st.booleans(),
    str: st.text().filter(lambda value: not value.endswith("\0")),
    bytes: st.binary(),
}


def round_trip(kind, value):
    """Write a value and read it back; the item is whole and padded to 8 bytes."""
    arm = SCALARS[kind]
    raw = arm.writer(Tag.DATA)(value)
    ((word, at, size),) = scalars.items(raw, 0, len(raw))
    assert (word, len(raw) % 8) == (Tag.DATA << 8 | arm.item_type, 0)
    assert raw[at + size :] == bytes(-size % 8)
    return arm.read(raw, at, size)


@given(st.data())
@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_values_come_back(kind, data):
    value = data.draw(VALUES[kind])
    assert round_trip(kind, value) == value


@pytest.mark.parametrize(("kind", "bound"), [(kind, bound) for kind, bounds in BOUNDS.items() for bound in bounds])
def test_bounds_come_back(kind, bound):
    assert round_trip(kind, bound) == bound


@pytest.mark.parametrize("kind", [kind for kind in BOUNDS if kind is not BigInteger], ids=lambda kind: kind.__name__)
def test_out_of_bounds_is_not_written(kind):
    low, high = BOUNDS[kind]
    for value in (low - 1, high + 1):
        with pytest.raises(struct.error):
            round_trip(kind, value)


@pytest.mark.parametrize("type_", FIXED, ids=lambda type_: type_.name)
def test_a_fixed_length_is_the_only_one(type_):
    raw = bytes(64)
    READERS[type_](raw, 0, FIXED[type_])
    for length in {0, 1, 3, 4, 5, 7, 8, 9, 12, 16} - {FIXED[type_]}:
        with pytest.raises(TtlvError):
            READERS[type_](raw, 0, length)


def test_a_boolean_is_0_or_1():
    read = scalars.read_boolean
    assert [read(n.to_bytes(8, "big"), 0, 8) for n in (0, 1)] == [False, True]
    for wrong in (bytes(7) + b"\2", b"\1" + bytes(7), b"\xff" * 8):
        with pytest.raises(TtlvError):
            read(wrong, 0, 8)


@pytest.mark.parametrize(
    ("value", "size"), [(0, 8), (2**63 - 1, 8), (2**63, 16), (-(2**63), 8), (-(2**63) - 1, 16), (2**1023, 136)]
)
def test_a_big_integer_is_as_short_as_it_can_be(value, size):
    assert len(scalars.big_integer_writer(Tag.MODULUS)(value)) == 8 + size


def test_a_longer_big_integer_is_read():
    assert scalars.read_big_integer(bytes(15) + b"\7", 0, 16) == 7
    assert scalars.read_big_integer(b"\xff" * 16, 0, 16) == -1
    for length in (0, 1, 4, 12):
        with pytest.raises(TtlvError):
            scalars.read_big_integer(bytes(16), 0, length)


@pytest.mark.parametrize("wrong", [b"\xff", b"ab\xc3", b"\xed\xa0\x80", b"\xc0\xaf"])
def test_a_text_is_utf_8(wrong):
    with pytest.raises(TtlvError):
        scalars.read_text(wrong, 0, len(wrong))


def test_a_text_whose_padding_was_counted_is_read():
    """IBM Db2 counts the padding in the length."""
    assert scalars.read_text(b"SQL_MK\0\0", 0, 8) == "SQL_MK"
    assert scalars.read_text(b"a\0b\0", 0, 4) == "a\0b"
    assert scalars.read_text(bytes(8), 0, 8) == ""


def test_an_unknown_enumerator_is_an_invalid_field():
    read = scalars.enumeration_reader(CryptographicAlgorithm)
    assert read(b"\0\0\0\3", 0, 4) is CryptographicAlgorithm.AES
    for number in (0, 0x7FFFFFFF, 0x80000001, 0xFFFFFFFF):
        with pytest.raises(InvalidField, match=f"0x{number:08X}"):
            read(number.to_bytes(4, "big"), 0, 4)


def test_bits_that_a_mask_does_not_name_are_kept():
    read = scalars.mask_reader(CryptographicUsageMask)
    assert read(b"\0\0\0\x0c", 0, 4) is CryptographicUsageMask.ENCRYPT | CryptographicUsageMask.DECRYPT
    assert read(b"\x40\0\0\4", 0, 4) == 0x40000004
    with pytest.raises(InvalidField):
        read(b"\x80\0\0\0", 0, 4)


def test_the_masks_that_clients_make_up_take_little_memory():
    read = scalars.mask_reader(CryptographicUsageMask)
    assert [int(read(number.to_bytes(4, "big"), 0, 4)) for number in range(5000)] == list(range(5000))


@pytest.mark.parametrize(
    "raw",
    [
        item(Tag.DATA, 8, b"12345"),
        structure(Tag.KEY_MATERIAL, item(Tag.MODULUS, 4, bytes(8)), structure(Tag.KEY)),
        item(0x540001, 7, b"own"),
    ],
)
def test_an_item_is_kept_as_it_came(raw):
    ((word, at, size),) = scalars.items(raw, 0, len(raw))
    kept = scalars.read_item(word & 0xFF)(raw, at, size)
    assert kept == Item(word & 0xFF, raw[at : at + size], at, raw)
    assert scalars.item_writer(Tag(word >> 8) if word >> 24 == 0x42 else word >> 8)(kept) == raw


def nested(depth):
    """Give structures inside each other."""
    raw = b""
    for _ in range(depth):
        raw = structure(Tag.ATTRIBUTE_VALUE, raw)
    return raw


def test_a_kept_item_has_an_end_to_its_depth():
    read = scalars.read_item(T.STRUCTURE, max_depth=32)
    content = nested(32)
    assert read(content, 0, len(content)).raw == content
    for depth in (33, 5000):
        content = nested(depth)
        with pytest.raises(TtlvError, match="nested too deeply"):
            read(content, 0, len(content))


@pytest.mark.parametrize(
    "content",
    [
        item(Tag.DATA, 12),
        item(Tag.DATA, 0),
        item(Tag.DATA, 2, bytes(8)),
        item(Tag.DATA, 6, b"\2" + bytes(7)),
        item(Tag.DATA, 8, bytes(8))[:-1],
        item(Tag.DATA, 8, bytes(8))[:7],
        b"\x42\0\xc2\x08\xff\xff\xff\xff",
        b"\x42\0\xc2\x08\xff\xff\xff\xf9" + bytes(8),
    ],
)
def test_a_kept_item_is_well_formed(content):
    with pytest.raises(TtlvError):
        scalars.read_item(T.STRUCTURE)(content, 0, len(content))
