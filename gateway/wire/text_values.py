"""Values as XML and JSON write them, a row for each item type: read to the bytes of TTLV, and written from them.

A reader takes the value, a string in XML, and the tag that says what it is a value of; it raises ValueError. One reader
does for both encodings, since what either may write means the same in the other (KMIP Additional Message Encodings 1.0
sections 3.1 and 5.1; Profiles 2.1 sections 5.4 and 5.5).
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from gateway.wire import text_names
from gateway.wire.scalars import ItemType

Scalar = str | int | float | bool | None
Parser = Callable[[Scalar, int], bytes]
Formatter = Callable[[bytes, int], Scalar]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRUTH = {True: 1, False: 0, "true": 1, "false": 0, "1": 1, "0": 0}
# JavaScript keeps whole numbers exactly up to here (Profiles 2.1 section 5.5.1.6 asks for hexadecimal from 2^52 on).
_EXACT = 2**52


def _whole(value: Scalar, size: int) -> int:
    """Read a decimal number, or a hexadecimal one, which is two's complement when it fills `size` bytes."""
    if isinstance(value, str):
        number = text_names.hexadecimal(value)
        if number is not None:
            return number - (1 << size * 8) if number >> (size * 8 - 1) == 1 else number
        if re.fullmatch("[+-]?[0-9]{1,20}", value.strip()):
            return int(value)
    if type(value) is int:
        return value
    raise ValueError("this is no whole number")


def _packed(number: int, size: int, *, signed: bool) -> bytes:
    try:
        return number.to_bytes(size, "big", signed=signed)
    except OverflowError:
        raise ValueError(f"the number does not fit {size} bytes") from None


def _signed(size: int) -> Parser:
    return lambda value, _: _packed(_whole(value, size), size, signed=True)


def _integer(value: Scalar, means: int) -> bytes:
    kind = text_names.mask_of(means)
    if kind is None or not isinstance(value, str) or re.fullmatch("[+-]?[0-9]+", value):
        return _packed(_whole(value, 4), 4, signed=True)
    number = 0
    for name in re.split(r"[\s|]+", value.strip()):
        part = text_names.hexadecimal(name)
        number |= text_names.bit(kind, name) if part is None else part
    return _packed(number - (1 << 32) if number >> 31 == 1 else number, 4, signed=True)


def _unsigned(value: Scalar) -> bytes:
    number = text_names.hexadecimal(value) if isinstance(value, str) else None
    return _packed(_whole(value, 4) if number is None else number, 4, signed=False)


def _interval(value: Scalar, _: int) -> bytes:
    return _unsigned(value)


def _enumeration(value: Scalar, means: int) -> bytes:
    if isinstance(value, str) and text_names.hexadecimal(value) is None and not value.isdecimal():
        return _packed(text_names.enumerator(means, value), 4, signed=False)
    return _unsigned(value)


def _big_integer(value: Scalar, _: int) -> bytes:
    if type(value) is int:
        size = ((value if value >= 0 else ~value).bit_length() // 64 + 1) * 8
        return value.to_bytes(size, "big", signed=True)
    digits = value.removeprefix("0x") if isinstance(value, str) else ""
    raw = bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0"))
    if not raw:
        raise ValueError("a Big Integer is hexadecimal")
    # Some clients pad to 4 bytes only, older ones not at all; a number that was not padded has no sign.
    filled = b"\xff" if raw[0] & 0x80 and not len(raw) % 4 else b"\0"
    return filled * (-len(raw) % 8) + raw


def _boolean(value: Scalar, _: int) -> bytes:
    number = text_names.hexadecimal(value) if isinstance(value, str) else None
    known = _TRUTH.get(value) if isinstance(value, str | bool) else None
    truth = number if known is None else known
    if truth not in (0, 1):
        raise ValueError("a Boolean is true or false")
    return truth.to_bytes(8, "big")


def _text(value: Scalar, _: int) -> bytes:
    if not isinstance(value, str):
        raise ValueError("a Text String is a string")
    return value.encode()


def _byte_string(value: Scalar, _: int) -> bytes:
    if not isinstance(value, str):
        raise ValueError("a Byte String is hexadecimal, in a string")
    return bytes.fromhex(value)


def _moment(per_second: int) -> Parser:
    unit = timedelta(seconds=1) / per_second

    def parse(value: Scalar, _: int) -> bytes:
        if not isinstance(value, str) or text_names.hexadecimal(value) is not None:
            return _packed(_whole(value, 8), 8, signed=True)
        moment = datetime.fromisoformat(value.strip().upper())
        # A date without zone is not allowed, but was sent: it is read as UTC, which never depends on the machine.
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
        return _packed(since // unit, 8, signed=True)

    return parse


PARSERS: dict[int, Parser] = {
    ItemType.INTEGER: _integer,
    ItemType.LONG_INTEGER: _signed(8),
    ItemType.BIG_INTEGER: _big_integer,
    ItemType.ENUMERATION: _enumeration,
    ItemType.BOOLEAN: _boolean,
    ItemType.TEXT_STRING: _text,
    ItemType.BYTE_STRING: _byte_string,
    ItemType.DATE_TIME: _moment(1),
    ItemType.INTERVAL: _interval,
    ItemType.DATE_TIME_EXTENDED: _moment(1_000_000),
}


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big", signed=True)


def _date(raw: bytes, _: int) -> str:
    try:
        return (_EPOCH + timedelta(seconds=_number(raw))).isoformat().replace("+00:00", "Z")
    except OverflowError:  # There are more seconds in 64 bits than ISO 8601 has years.
        return f"0x{raw.hex()}"


def _bits(separator: str) -> Formatter:
    def write(raw: bytes, means: int) -> Scalar:
        kind, number = text_names.mask_of(means), _number(raw)
        if kind is None or number <= 0:
            return number
        return separator.join(text_names.bit_names(kind, number))

    return write


def _enumerator(raw: bytes, means: int) -> str:
    return text_names.enumerator_name(means, int.from_bytes(raw, "big")) or f"0x{raw.hex().upper()}"


def _long(raw: bytes, _: int) -> Scalar:
    number = _number(raw)
    return number if abs(number) < _EXACT else f"0x{raw.hex().upper()}"


JSON: dict[int, Formatter] = {
    ItemType.INTEGER: _bits("|"),
    ItemType.LONG_INTEGER: _long,
    ItemType.BIG_INTEGER: lambda raw, _: f"0x{raw.hex().upper()}",
    ItemType.ENUMERATION: _enumerator,
    ItemType.BOOLEAN: lambda raw, _: raw[-1] == 1,
    ItemType.TEXT_STRING: lambda raw, _: raw.decode(),
    ItemType.BYTE_STRING: lambda raw, _: raw.hex().upper(),
    ItemType.DATE_TIME: _date,
    ItemType.INTERVAL: lambda raw, _: int.from_bytes(raw, "big"),
    ItemType.DATE_TIME_EXTENDED: lambda raw, _: f"0x{raw.hex().upper()}",
}
XML: dict[int, Formatter] = JSON | {
    ItemType.INTEGER: _bits(" "),
    ItemType.LONG_INTEGER: lambda raw, _: _number(raw),
    ItemType.BIG_INTEGER: lambda raw, _: raw.hex().upper(),
    ItemType.BOOLEAN: lambda raw, _: "true" if raw[-1] else "false",
}
