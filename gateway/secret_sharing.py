"""Secret sharing: a key into parts, and enough parts into the key again (KMIP 2.1 section 11.50 Split Key Method).

The one rule here: nothing but arithmetic, and none that looks into a table at a place that a secret tells, since the
processor's cache tells it on. All bytes of a value are multiplied at once, as lanes of one long integer, and what by,
identifiers and Lagrange's coefficients, is public. The prime field is Python's integers, whose time tells little but
how long they are.

GF(2^16) is done as GF(2^8): its elements are pairs uy + v of bytes, and a Key Part Identifier up to 255 is a pair with
u = 0. What is multiplied by such pairs alone is multiplied byte by byte, whatever y is.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from functools import cache, reduce
from typing import NamedTuple, Protocol

from gateway.errors import CryptographicFailure, InvalidField, MissingData
from gateway.kmip.enums import SplitKeyMethod

S = SplitKeyMethod
MAX_PARTS = 255  # the field of 256 elements has one for each, and the secret's
MAX_PRIME_BITS = 2112
# Of a key and of each part: the longest private key has 10 kB, and the time goes with the square of the parts.
MAX_BYTES = 16 * 1024
MILLER_RABIN_ROUNDS = 10
MARGIN_BYTES = 16  # more than a number below a prime takes, so that none is likelier than another

# x^8 + x^4 + x^3 + x^2 + 1: the parts in test cases TC-SJ-2 and TC-SJ-3 are of this field, not of AES's.
REDUCTION = 0x1D
ORDER = 1 << 8
NOT_OF_ONE_KEY = "the parts are not of one key"


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
    if size is not None and size > MAX_BYTES:
        raise InvalidField(f"a key of {MAX_BYTES} bytes at most is split, and this one has {size}")
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
        size = _bytes_of(scheme.prime) + MARGIN_BYTES
    return scheme.threshold - 1, size


def split(scheme: Scheme, secret: bytes, random: Sequence[bytes]) -> list[bytes]:
    """Give the parts of a key; that with Key Part Identifier 1 is the first. `check` has been passed."""
    if scheme.method is S.XOR:
        return [*random, reduce(_xor, random, secret)]
    field = _field(scheme, len(secret))
    size = len(secret) if scheme.prime is None else _bytes_of(scheme.prime)
    polynomial = [field.load(each) for each in (secret, *random)]
    return [field.dump(_value_at(field, polynomial, number), size) for number in range(1, scheme.parts + 1)]


def join(scheme: Scheme, parts: Mapping[int, bytes], size: int) -> bytes:
    """Give the key of so many bytes that parts are of, each under its Key Part Identifier. `check` has been passed.

    `size` counts in the prime field alone; in others, a key is as long as its parts.

    Raises:
        CryptographicFailure: there are too few, or they are not of one key.
        InvalidField: they are too long, or the key would be longer than the prime.
    """
    if len(parts) < scheme.threshold:
        raise CryptographicFailure(f"the key takes {scheme.threshold} of its parts")
    sizes = {len(part) for part in parts.values()}
    if len(sizes) != 1:
        raise CryptographicFailure(NOT_OF_ONE_KEY)
    if max(sizes) > MAX_BYTES or (scheme.prime is not None and size not in range(_bytes_of(scheme.prime) + 1)):
        raise InvalidField("parts of this length, or with this Cryptographic Length, are not joined")
    if scheme.method is S.XOR:
        return reduce(_xor, parts.values())
    field = _field(scheme, *sizes)
    numbers = sorted(parts)
    found = Interpolation(field, {number: field.load(parts[number]) for number in numbers[: scheme.threshold]})
    for number in numbers[scheme.threshold :]:
        part = field.load(parts[number])
        if not hmac.compare_digest(field.dump(found.value_at(number), *sizes), field.dump(part, *sizes)):
            raise CryptographicFailure(NOT_OF_ONE_KEY)
    try:
        return field.dump(found.value_at(0), size if scheme.prime is not None else sizes.pop())
    except OverflowError:
        raise CryptographicFailure(NOT_OF_ONE_KEY) from None


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")


def _bytes_of(prime: int) -> int:
    return (prime.bit_length() + 7) // 8


# --- polynomials


class Field(Protocol):
    """A field in which values, each as one integer, are multiplied by elements that are public."""

    def load(self, value: bytes) -> int:
        """Give the integer of a value."""

    def dump(self, value: int, size: int) -> bytes:
        """Give a value as so many bytes."""

    def plus(self, one: int, other: int) -> int:
        """Add values."""

    def times(self, value: int, element: int) -> int:
        """Multiply a value by an element."""

    def minus(self, one: int, other: int) -> int:
        """Subtract elements."""

    def product(self, one: int, other: int) -> int:
        """Multiply elements."""

    def inverse(self, element: int) -> int:
        """Give what an element makes 1 with."""


def _value_at(field: Field, polynomial: Sequence[int], number: int) -> int:
    value = 0
    for coefficient in reversed(polynomial):
        value = field.plus(field.times(value, number), coefficient)
    return value


class Interpolation:
    """The one polynomial through as many values as it has coefficients, by Lagrange's formula."""

    def __init__(self, field: Field, values: Mapping[int, int]) -> None:
        self._field = field
        self._values = values
        # What depends on the places alone is worked out once: a long key may have a hundred parts more than it needs.
        self._fixed = {place: field.inverse(self._product(place, leaving=place)) for place in values}

    def _product(self, place: int, leaving: int | None = None) -> int:
        field, product = self._field, 1
        for other in self._values:
            if other != leaving:
                product = field.product(product, field.minus(place, other))
        return product

    def value_at(self, place: int) -> int:
        """Give the polynomial's value at a place where it is not known."""
        field, value = self._field, 0
        product = self._product(place)
        for known, fixed in self._fixed.items():
            weight = field.product(field.product(product, fixed), field.inverse(field.minus(place, known)))
            value = field.plus(value, field.times(self._values[known], weight))
        return value


class Bytes:
    """GF(2^8): values are strings of elements, all multiplied at once; subtraction is addition is exclusive or."""

    def __init__(self, size: int) -> None:
        self._ones = int.from_bytes(b"\1" * size, "big")
        self._low_bits = self._ones * 0x7F

    def load(self, value: bytes) -> int:
        """Give the integer of a value."""
        return int.from_bytes(value, "big")

    def dump(self, value: int, size: int) -> bytes:
        """Give a value as so many bytes."""
        return value.to_bytes(size, "big")

    def plus(self, one: int, other: int) -> int:
        """Add values."""
        return one ^ other

    def times(self, value: int, element: int) -> int:
        """Multiply a value by an element."""
        product = 0
        while element:
            product ^= value * (element & 1)
            overflow = (value >> 7) & self._ones
            value = ((value & self._low_bits) << 1) ^ overflow * REDUCTION
            element >>= 1
        return product

    minus = plus

    def product(self, one: int, other: int) -> int:
        """Multiply elements."""
        return ONE_BYTE.times(one, other)

    def inverse(self, element: int) -> int:
        """Give what an element makes 1 with."""
        return _inverse(element)


ONE_BYTE = Bytes(1)


@cache  # there are 255
def _inverse(element: int) -> int:
    return reduce(ONE_BYTE.times, [element] * (ORDER - 2))


class Modulo:
    """The integers modulo a prime."""

    def __init__(self, prime: int) -> None:
        self._prime = prime

    def load(self, value: bytes) -> int:
        """Give the integer of a value."""
        return int.from_bytes(value, "big") % self._prime

    def dump(self, value: int, size: int) -> bytes:
        """Give a value as so many bytes."""
        return value.to_bytes(size, "big")

    def plus(self, one: int, other: int) -> int:
        """Add values."""
        return (one + other) % self._prime

    def times(self, value: int, element: int) -> int:
        """Multiply a value by an element."""
        return value * element % self._prime

    product = times

    def minus(self, one: int, other: int) -> int:
        """Subtract elements."""
        return (one - other) % self._prime

    def inverse(self, element: int) -> int:
        """Give what an element makes 1 with."""
        return pow(element, -1, self._prime)


def _field(scheme: Scheme, size: int) -> Field:
    return Bytes(size) if scheme.prime is None else Modulo(scheme.prime)
