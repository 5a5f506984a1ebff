"""Secret sharing: a key into parts, and enough parts into the key again (KMIP 2.1 section 11.50 Split Key Method).

The one rule here: nothing but arithmetic, and none that looks into a table at a place that a secret tells, since the
processor's cache tells it on. The binary fields are worked in for all bytes of a value at once, as lanes of one long
integer; what multiplies them, identifiers and Lagrange's coefficients, is public. The prime field is Python's integers,
whose time tells little but how long they are.
"""

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import xor
from typing import NamedTuple, Protocol

from gateway.errors import CryptographicFailure, InvalidField, MissingData
from gateway.kmip.enums import SplitKeyMethod

S = SplitKeyMethod
MAX_PARTS = 255  # the field of 256 elements has one for each, and the secret's
MAX_PRIME_BITS = 2112
MILLER_RABIN_ROUNDS = 10
MARGIN_BYTES = 16  # more than a number below a prime takes, so that none is likelier than another

# x^8 + x^4 + x^3 + x^2 + 1: the parts in test cases TC-SJ-2 and TC-SJ-3 are of this field, not of AES's.
REDUCTION = 0x1D
# y^2 = y + m makes pairs of bytes, uy + v, the field of 65536 elements; m = x^5 + x^4 + x^3 + x.
EXTENSION = 0x3A


class Scheme(NamedTuple):
    """How a key is split: into so many parts, any `threshold` of which give it; `prime` where the method has one."""

    method: SplitKeyMethod
    parts: int
    threshold: int
    prime: int | None = None


def check(scheme: Scheme, size: int | None) -> None:
    """Check that a key of so many bytes can be split so; None where parts are all that is known of it.

    Raises:
        InvalidField: parts, threshold or prime make no sense, alone, together or with this key.
        MissingData: the prime is missing.
    """
    if not 2 <= scheme.threshold <= scheme.parts <= MAX_PARTS:
        raise InvalidField(f"a key has up to {MAX_PARTS} parts, and its threshold is from 2 to their number")
    if scheme.method is S.XOR and scheme.threshold != scheme.parts:
        raise InvalidField("all parts are needed where a key is split by XOR: the threshold is their number")
    if scheme.method is S.POLYNOMIAL_SHARING_GF_2_16 and size is not None and size % 2:
        raise InvalidField("GF(2^16) takes a key in pieces of 16 bits, and this one has an odd number of bytes")
    if scheme.method is S.POLYNOMIAL_SHARING_PRIME_FIELD:
        _check_prime(scheme, size)
    elif scheme.prime is not None:
        raise InvalidField("a Prime Field Size goes with the prime field alone")


def _check_prime(scheme: Scheme, size: int | None) -> None:
    prime = scheme.prime
    if prime is None:
        raise MissingData("the Prime Field Size is missing")
    if not MAX_PARTS < prime < 1 << MAX_PRIME_BITS or not _is_prime(prime):
        raise InvalidField(f"the Prime Field Size is a prime number of {MAX_PRIME_BITS} bits at most")
    if size is not None and prime.bit_length() <= 8 * size:
        raise InvalidField(f"the Prime Field Size is above any key of {8 * size} bits: it has more bits itself")


def _is_prime(number: int) -> bool:
    """Tell primes from other odd numbers above 3, wrongly once in a million million times at most (Miller, Rabin)."""
    if not number % 2:
        return False
    shifts = ((number - 1) & -(number - 1)).bit_length() - 1
    bases = (2 + secrets.randbelow(number - 3) for _ in range(MILLER_RABIN_ROUNDS))
    return not any(_proves_composite(base, number, shifts) for base in bases)


def _proves_composite(base: int, number: int, shifts: int) -> bool:
    power = pow(base, (number - 1) >> shifts, number)
    if power in (1, number - 1):
        return False
    for _ in range(shifts - 1):
        power = power * power % number
        if power == number - 1:
            return False
    return True


def randomness(scheme: Scheme, size: int) -> tuple[int, int]:
    """Tell how many random strings `split` takes for a key of so many bytes, and how long each is."""
    if scheme.prime is not None:
        size = _share_bytes(scheme.prime) + MARGIN_BYTES
    return scheme.threshold - 1, size


def split(scheme: Scheme, secret: bytes, random: Sequence[bytes]) -> list[bytes]:
    """Give the parts of a key; that with Key Part Identifier 1 is the first. `check` has been passed."""
    if scheme.method is S.XOR:
        return [*random, reduce(_xor, random, secret)]
    if scheme.prime is not None:
        return _split_modulo(scheme, scheme.prime, secret, random)
    field = FIELDS[scheme.method](len(secret))
    polynomial = [field.load(each) for each in (secret, *random)]
    return [field.dump(_value_at(field, polynomial, number)) for number in range(1, scheme.parts + 1)]


def join(scheme: Scheme, parts: Mapping[int, bytes], size: int) -> bytes:
    """Give the key of so many bytes that parts are of, each under its Key Part Identifier. `check` has been passed.

    Raises:
        CryptographicFailure: there are too few, or they are not of one key.
    """
    if len(parts) < scheme.threshold:
        raise CryptographicFailure(f"the key takes {scheme.threshold} of its parts")
    if len({len(part) for part in parts.values()}) != 1:
        raise CryptographicFailure(NOT_OF_ONE_KEY)
    if scheme.method is S.XOR:
        return reduce(_xor, parts.values())
    numbers = sorted(parts)
    last = len(numbers) - scheme.threshold
    found = [
        _interpolated(scheme, {number: parts[number] for number in numbers[first : first + scheme.threshold]}, size)
        for first in range(last + 1)
    ]
    if not all(hmac.compare_digest(found[0], each) for each in found[1:]):
        raise CryptographicFailure(NOT_OF_ONE_KEY)
    return found[0]


NOT_OF_ONE_KEY = "the parts are not of one key"


def _interpolated(scheme: Scheme, parts: Mapping[int, bytes], size: int) -> bytes:
    if scheme.prime is not None:
        return _join_modulo(scheme.prime, parts, size)
    some = next(iter(parts.values()))
    field, scalars = FIELDS[scheme.method](len(some)), SCALARS[scheme.method]
    terms = (field.times(field.load(part), _weight(scalars, number, parts)) for number, part in parts.items())
    return field.dump(reduce(xor, terms))


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")


# --- the binary fields


class Field(Protocol):
    """Strings over a field of characteristic 2, each as one integer: their sum is its exclusive or."""

    order: int

    def load(self, value: bytes) -> int:
        """Give the integer of a string."""

    def dump(self, vector: int) -> bytes:
        """Give back what `load` took."""

    def times(self, vector: int, constant: int) -> int:
        """Multiply every element by one that is public."""


class Bytes:
    """Elements of GF(2^8), one a byte."""

    order = 1 << 8

    def __init__(self, size: int) -> None:
        self._size = size
        self._ones = int.from_bytes(b"\1" * size, "big")
        self._low_bits = self._ones * 0x7F

    def load(self, value: bytes) -> int:
        """Give the integer of a string."""
        return int.from_bytes(value, "big")

    def dump(self, vector: int) -> bytes:
        """Give back what `load` took."""
        return vector.to_bytes(self._size, "big")

    def times(self, vector: int, constant: int) -> int:
        """Multiply every element by one that is public."""
        product = 0
        while constant:
            product ^= vector * (constant & 1)
            overflow = (vector >> 7) & self._ones
            vector = ((vector & self._low_bits) << 1) ^ overflow * REDUCTION
            constant >>= 1
        return product


class Pairs:
    """Elements of GF(2^16), two bytes each: first all that stand with y, then all that stand alone."""

    order = 1 << 16

    def __init__(self, size: int) -> None:
        self._bytes = Bytes(size // 2)
        self._bits = 8 * (size // 2)

    def load(self, value: bytes) -> int:
        """Give the integer of a string."""
        return int.from_bytes(value[::2] + value[1::2], "big")

    def dump(self, vector: int) -> bytes:
        """Give back what `load` took."""
        value = vector.to_bytes(self._bits // 4, "big")
        half = len(value) // 2
        return bytes(byte for pair in zip(value[:half], value[half:], strict=True) for byte in pair)

    def times(self, vector: int, constant: int) -> int:
        """Multiply every element by one that is public."""
        u, v = vector >> self._bits, vector & ((1 << self._bits) - 1)
        a, b = constant >> 8, constant & 0xFF
        times = self._bytes.times
        # (uy + v)(ay + b) = ua y^2 + (ub + va) y + vb, and y^2 is y + m.
        high = times(u, a ^ b) ^ times(v, a)
        low = times(u, ONE_BYTE.times(a, EXTENSION)) ^ times(v, b)
        return (high << self._bits) | low


ONE_BYTE = Bytes(1)
FIELDS: dict[SplitKeyMethod, Callable[[int], Field]] = {
    S.POLYNOMIAL_SHARING_GF_2_8: Bytes,
    S.POLYNOMIAL_SHARING_GF_2_16: Pairs,
}
# The same fields for single elements.
SCALARS: dict[SplitKeyMethod, Field] = {S.POLYNOMIAL_SHARING_GF_2_8: ONE_BYTE, S.POLYNOMIAL_SHARING_GF_2_16: Pairs(2)}


def _value_at(field: Field, polynomial: Sequence[int], number: int) -> int:
    value = 0
    for coefficient in reversed(polynomial):
        value = field.times(value, number) ^ coefficient
    return value


def _weight(field: Field, number: int, numbers: Mapping[int, bytes]) -> int:
    """Give Lagrange's coefficient of a part for the value at 0."""
    weight = 1
    for other in numbers:
        if other != number:
            weight = field.times(weight, field.times(other, _inverse(field, other ^ number)))
    return weight


def _inverse(field: Field, element: int) -> int:
    power, exponent, inverse = element, field.order - 2, 1
    while exponent:
        if exponent & 1:
            inverse = field.times(inverse, power)
        power = field.times(power, power)
        exponent >>= 1
    return inverse


# --- the prime field


def _share_bytes(prime: int) -> int:
    return (prime.bit_length() + 7) // 8


def _split_modulo(scheme: Scheme, prime: int, secret: bytes, random: Sequence[bytes]) -> list[bytes]:
    polynomial = [int.from_bytes(each, "big") % prime for each in (secret, *random)]
    values = (_value_modulo(prime, polynomial, number) for number in range(1, scheme.parts + 1))
    return [value.to_bytes(_share_bytes(prime), "big") for value in values]


def _value_modulo(prime: int, polynomial: Sequence[int], number: int) -> int:
    value = 0
    for coefficient in reversed(polynomial):
        value = (value * number + coefficient) % prime
    return value


def _join_modulo(prime: int, parts: Mapping[int, bytes], size: int) -> bytes:
    value = 0
    for number, part in parts.items():
        weight = 1
        for other in parts:
            if other != number:
                weight = weight * other * pow(other - number, -1, prime) % prime
        value += int.from_bytes(part, "big") * weight
    try:
        return (value % prime).to_bytes(size, "big")
    except OverflowError:
        raise CryptographicFailure(NOT_OF_ONE_KEY) from None
