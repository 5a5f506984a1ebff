"""Every way of writing a value that clients and test cases use, and what stands for nothing."""

import json
from xml.sax.saxutils import quoteattr

import pytest

from gateway.errors import TextError
from gateway.wire import text, ttlv_json, ttlv_xml

Value = str | int | float | bool | None


def by_json(tag: str, type_: str, value: Value) -> bytes:
    """Give the bytes of a value written in JSON."""
    body = json.dumps({"tag": tag, "type": type_, "value": value}).encode()
    raw = text.decode(body, "application/json", bare=False).raw
    return raw[8 : 8 + int.from_bytes(raw[4:8], "big")]


def by_xml(tag: str, type_: str, value: Value) -> bytes:
    """Give the bytes of a value written in XML."""
    raw = ttlv_xml.decode(f'<{tag} type="{type_}" value={quoteattr(str(value))}/>'.encode())
    return raw[8 : 8 + int.from_bytes(raw[4:8], "big")]


LENGTH, MASK, DATE, DATA = "CryptographicLength", "CryptographicUsageMask", "ActivationDate", "Data"
BOTH = [
    (LENGTH, "Integer", "-7", "fffffff9"),
    (LENGTH, "Integer", "+7", "00000007"),
    (LENGTH, "Integer", "0x00000100", "00000100"),
    (LENGTH, "Integer", "0xFFFFFFFF", "ffffffff"),
    (LENGTH, "Integer", "0xFFFFFFFFFFFFFFFE", "fffffffe"),
    (MASK, "Integer", "12", "0000000c"),
    (MASK, "Integer", "0x0000000c", "0000000c"),
    (MASK, "Integer", "Encrypt Decrypt", "0000000c"),
    (MASK, "Integer", "Encrypt|Decrypt", "0000000c"),
    (MASK, "Integer", " Encrypt   0x00000008 ", "0000000c"),
    (MASK, "Integer", "encrypt | DECRYPT", "0000000c"),
    (MASK, "Integer", "ContentCommitment", "00000400"),
    (MASK, "Integer", "0x80000001", "80000001"),
    (MASK, "Integer", "", "00000000"),
    ("StorageStatusMask", "Integer", "OnlineStorage ArchivalStorage", "00000003"),
    ("UsageLimitsCount", "LongInteger", "9007199254740993", "0020000000000001"),
    ("UsageLimitsCount", "LongInteger", "0x0020000000000001", "0020000000000001"),
    ("UsageLimitsCount", "LongInteger", "0xffffffffffffffff", "ffffffffffffffff"),
    ("UsageLimitsCount", "LongInteger", "-1", "ffffffffffffffff"),
    ("Modulus", "BigInteger", "0x00000000499602D2", "00000000499602d2"),
    ("Modulus", "BigInteger", "00000000499602d2", "00000000499602d2"),
    ("Modulus", "BigInteger", "0xFFFFFFFF", "ffffffffffffffff"),
    ("Modulus", "BigInteger", "0xff", "00000000000000ff"),
    ("Modulus", "BigInteger", "0x1ff", "00000000000001ff"),
    ("Modulus", "BigInteger", "00000000000000000000000000000001", "00000000000000000000000000000001"),
    ("Operation", "Enumeration", "Encrypt", "0000001f"),
    ("Operation", "Enumeration", "0x0000001f", "0000001f"),
    ("Operation", "Enumeration", "31", "0000001f"),
    ("Operation", "Enumeration", "0x8000AA01", "8000aa01"),
    ("UniqueIdentifier", "Enumeration", "IDPlaceholder", "00000001"),
    ("AttributeReference", "Enumeration", "State", "0042008d"),
    ("PKCS_11Function", "Enumeration", "C_GetInfo", "00000003"),
    ("PKCS_11ReturnCode", "Enumeration", "HOST_MEMORY", "00000002"),
    ("Sensitive", "Boolean", "true", "0000000000000001"),
    ("Sensitive", "Boolean", "0", "0000000000000000"),
    ("Sensitive", "Boolean", "0x0000000000000001", "0000000000000001"),
    ("Comment", "TextString", " Gr\u00fc\u00dfe\n\t<&\">'", "204772c3bcc39f650a093c26223e27"),
    ("Comment", "TextString", "", ""),
    (DATA, "ByteString", "00fFAb", "00ffab"),
    (DATA, "ByteString", "", ""),
    (DATE, "DateTime", "2001-09-09T01:46:40Z", "000000003b9aca00"),
    (DATE, "DateTime", "2001-09-09T01:46:40+00:00", "000000003b9aca00"),
    (DATE, "DateTime", "2001-09-09T03:46:40.999+02:00", "000000003b9aca00"),
    (DATE, "DateTime", "2001-09-09t01:46:40z", "000000003b9aca00"),
    (DATE, "DateTime", "2001-09-09T01:46:40", "000000003b9aca00"),
    (DATE, "DateTime", "0x000000003b9aca00", "000000003b9aca00"),
    (DATE, "DateTime", "1969-12-31T23:59:59Z", "ffffffffffffffff"),
    (DATE, "DateTime", "0xffffffffffffffff", "ffffffffffffffff"),
    ("LeaseTime", "Interval", "4294967295", "ffffffff"),
    ("LeaseTime", "Interval", "0xffffffff", "ffffffff"),
    ("Timestamp", "DateTimeExtended", "2001-09-09T01:46:40.000001Z", "00038d7ea4c68001"),
    ("Timestamp", "DateTimeExtended", "0x00038d7ea4c68001", "00038d7ea4c68001"),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "type_", "value", "raw"), BOTH)
def test_a_value_is_read_alike_in_both_encodings(tag: str, type_: str, value: str, raw: str) -> None:
    tag = "0x420124" if tag == "Timestamp" else tag
    assert by_json(tag, type_, value).hex() == raw
    xml = f'TTLV tag="{tag}"' if tag.startswith("0x") else tag
    assert by_xml(xml, type_, value).hex() == raw


@pytest.mark.parametrize(
    ("tag", "type_", "value", "raw"),
    [
        (LENGTH, "Integer", -7, "fffffff9"),
        (MASK, "Integer", 12, "0000000c"),
        ("UsageLimitsCount", "LongInteger", 2**53 + 1, "0020000000000001"),
        ("Modulus", "BigInteger", 255, "00000000000000ff"),
        ("Modulus", "BigInteger", -(2**63), "8000000000000000"),
        ("Modulus", "BigInteger", 2**63, "00000000000000008000000000000000"),
        ("Operation", "Enumeration", 31, "0000001f"),
        ("Sensitive", "Boolean", True, "0000000000000001"),
        (DATE, "DateTime", 10**9, "000000003b9aca00"),
        ("LeaseTime", "Interval", 60, "0000003c"),
        ("RequestPayload", "Structure", None, ""),
    ],
)
def test_a_value_may_be_json_s_own(tag: str, type_: str, value: Value, raw: str) -> None:
    assert by_json(tag, type_, value).hex() == raw


@pytest.mark.parametrize(
    ("tag", "type_", "value"),
    [
        (LENGTH, "Integer", "0x1FFFFFFFF"),
        (LENGTH, "Integer", "2147483648"),
        (LENGTH, "Integer", "one"),
        (LENGTH, "Integer", "0b1"),
        (LENGTH, "Integer", "\u0663"),
        (LENGTH, "Integer", ""),
        (LENGTH, "Integer", "9" * 5000),
        (LENGTH, "Integer", "Encrypt"),
        (MASK, "Integer", "Encrypt,Decrypt"),
        (MASK, "Integer", "0x100000000"),
        ("UsageLimitsCount", "LongInteger", "9223372036854775808"),
        ("Modulus", "BigInteger", "0x"),
        ("Modulus", "BigInteger", "-1"),
        ("Operation", "Enumeration", "Fly"),
        ("Operation", "Enumeration", "-1"),
        ("Operation", "Enumeration", "0x100000000"),
        ("Operation", "Enumeration", "E" * 200),
        ("Comment", "Enumeration", "Encrypt"),
        ("Sensitive", "Boolean", "yes"),
        ("Sensitive", "Boolean", "0x02"),
        (DATA, "ByteString", "0"),
        (DATA, "ByteString", "0x00"),
        (DATA, "ByteString", "gg"),
        (DATE, "DateTime", "yesterday"),
        (DATE, "DateTime", "2001-13-01T00:00:00Z"),
        (DATE, "DateTime", "$NOW"),
        ("LeaseTime", "Interval", "-1"),
        ("LeaseTime", "Interval", "4294967296"),
        (DATA, "Bytes", "00"),
        ("NoSuchTag", "ByteString", "00"),
        ("0x41FFFF", "ByteString", "00"),
        ("O" * 300, "ByteString", "00"),
    ],
)
def test_what_is_no_value_is_refused_and_not_repeated(tag: str, type_: str, value: str) -> None:
    with pytest.raises(TextError) as caught:
        by_json(tag, type_, value)
    assert caught.value.place == "$"
    assert not value or value not in caught.value.message
    with pytest.raises(TextError):
        by_xml(f'TTLV tag="{tag}"', type_, value)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("Integer", 1.0), ("Integer", True), ("Integer", None), ("LongInteger", 2**63), ("Interval", -1),
        ("TextString", 1), ("TextString", None), ("ByteString", 1), ("Boolean", 1), ("Boolean", None),
        ("Enumeration", 1.5), ("DateTime", 1.5), ("DateTime", None), ("BigInteger", 1e300),
    ],
)  # fmt: skip
def test_what_json_has_of_another_kind_is_refused(type_: str, value: Value) -> None:
    with pytest.raises(TextError):
        by_json(DATA, type_, value)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-62135596800, "0001-01-01T00:00:00Z"),
        (253402300799, "9999-12-31T23:59:59Z"),
        (253402300800, "0x0000003AFFF44180"),
        (-62135596801, "0xFFFFFFF1886E08FF"),
        (2**63 - 1, "0x7FFFFFFFFFFFFFFF"),
    ],
)
def test_a_date_has_a_year_of_four_digits_or_is_a_number(seconds: int, written: str) -> None:
    raw = bytes.fromhex("4200010900000008") + seconds.to_bytes(8, "big", signed=True)
    assert json.loads(ttlv_json.encode(raw))["value"] == written
    assert f'value="{written}"'.encode() in ttlv_xml.encode(raw)


@pytest.mark.parametrize(
    ("number", "written"),
    [(2**52 - 1, 2**52 - 1), (2**52, "0x0010000000000000"), (-(2**52), "0xFFF0000000000000"), (-1, -1)],
)
def test_long_integers_that_javascript_would_round_are_hexadecimal_in_json(number: int, written: Value) -> None:
    raw = bytes.fromhex("4200950300000008") + number.to_bytes(8, "big", signed=True)
    assert json.loads(ttlv_json.encode(raw))["value"] == written
    assert f'value="{number}"'.encode() in ttlv_xml.encode(raw)
