"""Values as XML and JSON write them, a row for each item type: read to the bytes of TTLV, and written from them.

A row is made for what the value means, which is the tag of an item or of the attribute that it is a value of. One
reader does for both encodings, since what either may write means the same in the other (KMIP Additional Message
Encodings 1.0 sections 3.1 and 5.1; Profiles 2.1 sections 5.4 and 5.5). No message repeats a value: it may be a key.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from gateway.errors import TtlvError
from gateway.wire import scalars, text_names
from gateway.wire.scalars import ItemType, Reader

Scalar = str | int | float | bool | None
Parser = Callable[[Scalar], bytes]
Formatter = Callable[[Any], Scalar]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FALSE, _TRUE = bytes(8), bytes(7) + b"\1"
_TRUTH = {True: _TRUE, False: _FALSE, "true": _TRUE, "false": _FALSE, "1": _TRUE, "0": _FALSE}
# JavaScript keeps whole numbers exactly up to here (Profiles 2.1 section 5.5.1.6 asks for hexadecimal from 2^52 on).
_EXACT = 2**52
# The seconds that ISO 8601 has a year of four digits for.
_FIRST_SECOND, _LAST_SECOND = -62135596800, 253402300799
_DECIMAL = re.compile(r"\s*[+-]?[0-9]{1,20}\s*", re.ASCII).fullmatch


# --- Reading ---


def _whole(value: Scalar, size: int) -> int:
    """Read a decimal number, or a hexadecimal one, which is two's complement when it fills `size` bytes, or eight."""
    if type(value) is int:
        return value
    if isinstance(value, str):
        number = text_names.hexadecimal(value)
        if number is not None:
            bits = 64 if number >> 63 else size * 8
            return number - (1 << bits) if number >> (bits - 1) == 1 else number
        if _DECIMAL(value):
            return int(value)
    raise ValueError("this is no whole number")


def _packed(number: int, size: int, *, signed: bool = True) -> bytes:
    try:
        return number.to_bytes(size, "big", signed=signed)
    except OverflowError:
        raise ValueError(f"the number does not fit {size} bytes") from None


def _signed(size: int) -> Parser:
    return lambda value: _packed(value if type(value) is int else _whole(value, size), size)


def _integer(means: int) -> Parser:
    kind, number = text_names.mask_of(means), _signed(4)
    if kind is None:
        return number

    def parse(value: Scalar) -> bytes:
        if not isinstance(value, str) or _DECIMAL(value):
            return number(value)
        bits = 0
        for name in re.findall(r"[^\s|]+", value):
            part = text_names.hexadecimal(name)
            bits |= text_names.bit(kind, name) if part is None else part
        return _packed(bits - (1 << 32) if bits >> 31 == 1 else bits, 4, signed=True)

    return parse


def _unsigned(value: Scalar) -> bytes:
    number = text_names.hexadecimal(value) if isinstance(value, str) else None
    return _packed(_whole(value, 4) if number is None else number, 4, signed=False)


def _enumeration(means: int) -> Parser:
    known = {name: number.to_bytes(4, "big") for name, number in text_names.enumerators(means).items()}

    def parse(value: Scalar) -> bytes:
        if type(value) is not str:
            return _unsigned(value)
        raw = known.get(value)
        if raw is not None:
            return raw
        if text_names.hexadecimal(value) is None and not _DECIMAL(value):
            return _packed(text_names.enumerator(means, value), 4, signed=False)
        return _unsigned(value)

    return parse


def _big_integer(value: Scalar) -> bytes:
    if type(value) is int:
        size = ((value if value >= 0 else ~value).bit_length() // 64 + 1) * 8
        return value.to_bytes(size, "big", signed=True)
    digits = re.sub("^0[xX]", "", value) if isinstance(value, str) else ""
    raw = _unhexed(digits.rjust(len(digits) + len(digits) % 2, "0"))
    if not raw:
        raise ValueError("a Big Integer is hexadecimal")
    # Some clients pad to 4 bytes only, older ones not at all; a number that was not padded has no sign.
    filled = b"\xff" if raw[0] & 0x80 and not len(raw) % 4 else b"\0"
    return filled * (-len(raw) % 8) + raw


def _boolean(value: Scalar) -> bytes:
    known = _TRUTH.get(value) if isinstance(value, str | bool) else None
    if known is not None:
        return known
    number = text_names.hexadecimal(value) if isinstance(value, str) else None
    if number not in (0, 1):
        raise ValueError("a Boolean is true or false")
    return _TRUE if number else _FALSE


def _text(value: Scalar) -> bytes:
    if type(value) is not str:
        raise ValueError("a Text String is a string")
    return value.encode()


def _unhexed(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise ValueError("these are no hexadecimal digits, two a byte") from None


def _byte_string(value: Scalar) -> bytes:
    if type(value) is not str:
        raise ValueError("a Byte String is hexadecimal, in a string")
    return _unhexed(value)


def _moment(per_second: int) -> Parser:
    unit = timedelta(seconds=1) / per_second

    def parse(value: Scalar) -> bytes:
        if not isinstance(value, str) or text_names.hexadecimal(value) is not None:
            return _packed(_whole(value, 8), 8, signed=True)
        try:
            moment = datetime.fromisoformat(value.strip().upper())
        except ValueError:
            raise ValueError("this is no date and time of ISO 8601") from None
        # A date without zone is not allowed, but was sent: it is read as UTC, which never depends on the machine.
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
        return _packed(since // unit, 8, signed=True)

    return parse


def _any_meaning(parse: Parser) -> Callable[[int], Parser]:
    return lambda _: parse


PARSERS: dict[int, Callable[[int], Parser]] = {
    ItemType.INTEGER: _integer,
    ItemType.LONG_INTEGER: _any_meaning(_signed(8)),
    ItemType.BIG_INTEGER: _any_meaning(_big_integer),
    ItemType.ENUMERATION: _enumeration,
    ItemType.BOOLEAN: _any_meaning(_boolean),
    ItemType.TEXT_STRING: _any_meaning(_text),
    ItemType.BYTE_STRING: _any_meaning(_byte_string),
    ItemType.DATE_TIME: _any_meaning(_moment(1)),
    ItemType.INTERVAL: _any_meaning(_unsigned),
    ItemType.DATE_TIME_EXTENDED: _any_meaning(_moment(1_000_000)),
}


# --- Writing: first TTLV is read, exactly as it stands, then the value is put in words, if it is not one of JSON's ---

Shaping = Callable[[int], tuple[Reader, Formatter | None]]


def _read_text(data: bytes, at: int, length: int) -> str:
    try:
        return data[at : at + length].decode()
    except UnicodeDecodeError as error:
        raise TtlvError("a Text String is UTF-8", at + error.start) from None


def _read_big_integer(data: bytes, at: int, length: int) -> bytes:
    scalars.read_big_integer(data, at, length)
    return data[at : at + length]


def _upper_hex(raw: bytes) -> str:
    return raw.hex().upper()


@lru_cache(maxsize=256)
def _date(seconds: int) -> str:
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
        return _sixteen_digits(seconds)
    year, month, day, hour, minute, second, *_ = time.gmtime(seconds)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"


def _sixteen_digits(number: int) -> str:
    return f"0x{number & 0xFFFFFFFFFFFFFFFF:016X}"


def _long(number: int) -> Scalar:
    return number if abs(number) < _EXACT else _sixteen_digits(number)


def _bits(separator: str) -> Shaping:
    def shape(means: int) -> tuple[Reader, Formatter | None]:
        kind = text_names.mask_of(means)
        if kind is None:
            return scalars.read_integer, None
        write: Formatter = lambda n: separator.join(text_names.bit_names(kind, n)) if n > 0 else n  # noqa: E731
        return scalars.read_integer, write

    return shape


def _enumerator(means: int) -> tuple[Reader, None]:
    known = {number.to_bytes(4, "big"): name for name, number in text_names.enumerators(means).items()}

    def read(data: bytes, at: int, length: int) -> str:
        return known.get(data[at : at + length]) or f"0x{scalars.read_unsigned(data, at, length):08X}"

    return read, None


def _alike(read: Reader, write: Formatter | None = None) -> Shaping:
    return lambda _: (read, write)


JSON: dict[int, Shaping] = {
    ItemType.INTEGER: _bits("|"),
    ItemType.LONG_INTEGER: _alike(scalars.read_long, _long),
    ItemType.BIG_INTEGER: _alike(_read_big_integer, lambda raw: f"0x{_upper_hex(raw)}"),
    ItemType.ENUMERATION: _enumerator,
    ItemType.BOOLEAN: _alike(scalars.read_boolean),
    ItemType.TEXT_STRING: _alike(_read_text),
    ItemType.BYTE_STRING: _alike(scalars.read_bytes, _upper_hex),
    ItemType.DATE_TIME: _alike(scalars.read_long, _date),
    ItemType.INTERVAL: _alike(scalars.read_unsigned),
    ItemType.DATE_TIME_EXTENDED: _alike(scalars.read_long, _sixteen_digits),
}
XML: dict[int, Shaping] = JSON | {
    ItemType.INTEGER: _bits(" "),
    ItemType.LONG_INTEGER: _alike(scalars.read_long),
    ItemType.BIG_INTEGER: _alike(_read_big_integer, _upper_hex),
    ItemType.BOOLEAN: _alike(scalars.read_boolean, lambda truth: "true" if truth else "false"),
}
