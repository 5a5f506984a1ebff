"""Secret sharing: whatever is split comes together again, and from too few parts nothing does."""

from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import CryptographicFailure, InvalidField, MissingData
from gateway.kmip.enums import SplitKeyMethod as S
from gateway.secret_sharing import Bytes, Scheme, check, join, randomness, split

GF8, GF16, PRIME = S.POLYNOMIAL_SHARING_GF_2_8, S.POLYNOMIAL_SHARING_GF_2_16, S.POLYNOMIAL_SHARING_PRIME_FIELD
M521 = 2**521 - 1
CURVE25519 = 2**255 - 19
POLYNOMIALS = (GF8, GF16, PRIME)


def scheme(method: S, parts: int, threshold: int) -> Scheme:
    return Scheme(method, parts, threshold, M521 if method is PRIME else None)


def parts_of(how: Scheme, secret: bytes, seed: int = 1) -> dict[int, bytes]:
    count, size = randomness(how, len(secret))
    drawn = Random(seed)
    return dict(enumerate(split(how, secret, [drawn.randbytes(size) for _ in range(count)]), 1))


def times_in_field(a: int, b: int) -> int:
    """Multiply in GF(2)[x] / (x^8 + x^4 + x^3 + x^2 + 1), as in school: first the product, then the remainder."""
    product = 0
    for bit in range(8):
        product ^= (a << bit) * (b >> bit & 1)
    for bit in range(15, 7, -1):
        product ^= (0x11D << (bit - 8)) * (product >> bit & 1)
    return product


@given(
    method=st.sampled_from([*POLYNOMIALS, S.XOR]),
    secret=st.binary(min_size=2, max_size=64).map(lambda value: value[: len(value) // 2 * 2]),
    numbers=st.tuples(st.integers(2, 8), st.integers(2, 8)).map(sorted),
    drawn=st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_enough_parts_in_any_order_are_the_key(method, secret, numbers, drawn):
    threshold, parts = numbers if method is not S.XOR else (numbers[1], numbers[1])
    how = scheme(method, parts, threshold)
    check(how, len(secret))
    made = parts_of(how, secret, drawn.randrange(1 << 32))
    enough = drawn.sample(sorted(made), drawn.randint(threshold, parts))
    assert join(how, {number: made[number] for number in enough}, len(secret)) == secret


@pytest.mark.parametrize("method", POLYNOMIALS)
def test_every_set_of_enough_parts_is_the_key(method):
    how, secret = scheme(method, 6, 3), bytes(range(32))
    made = parts_of(how, secret)
    for chosen in combinations(made, 3):
        assert join(how, {number: made[number] for number in chosen}, 32) == secret
    for chosen in combinations(made, 2):
        with pytest.raises(CryptographicFailure):
            join(how, {number: made[number] for number in chosen}, 32)


def test_too_few_parts_fit_every_key():
    """For each key there is randomness that makes the same part: it tells nothing of which key it is of."""
    how = scheme(GF8, 2, 2)
    part = parts_of(how, b"\x12")[2]
    for secret in range(256):
        found = next(c for c in range(256) if times_in_field(c, 2) ^ secret == part[0])
        assert split(how, bytes([secret]), [bytes([found])])[1] == part


def test_the_parts_of_the_official_cases_are_of_this_field():
    """TC-SJ-3: two of four parts of 0102…10."""
    made = {
        1: bytes.fromhex("66C46A7754F94DE420C7B1A7FFF5EC56"),
        2: bytes.fromhex("CF93D1E2A7E593CD5B8D6247F4E5D49C"),
        3: bytes.fromhex("A855B891F61AD9217240D8EC061E37DA"),
        4: bytes.fromhex("803DBAD55CDD329FAD19D99AE2C5A415"),
    }
    assert join(Scheme(GF8, 4, 2), made, 16) == bytes(range(1, 17))


@given(st.binary(min_size=1, max_size=40), st.integers(0, 255))
def test_all_bytes_are_multiplied_as_each_alone(value, element):
    field = Bytes(len(value))
    product = field.dump(field.times(field.load(value), element), len(value))
    assert product == bytes(times_in_field(byte, element) for byte in value)


@given(st.integers(1, 255))
def test_an_inverse_makes_one(element):
    assert times_in_field(Bytes(1).inverse(element), element) == 1


def times_in_extension(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Multiply ry + s by uy + v in GF(2^8)[y] / (y^2 + y + m), with the m of the standard."""
    (r, s), (u, v) = one, other
    square = times_in_field(r, u)
    cross = times_in_field(r, v) ^ times_in_field(s, u)
    return square ^ cross, times_in_field(s, v) ^ times_in_field(square, 0x3A)


@given(secret=st.binary(min_size=2, max_size=2), slope=st.binary(min_size=2, max_size=2), number=st.integers(1, 255))
def test_parts_in_the_extension_are_those_of_its_own_arithmetic(secret, slope, number):
    """The polynomial of the first degree in pairs of bytes, worked out as the standard writes them."""
    part = split(Scheme(GF16, 255, 2), secret, [slope])[number - 1]
    high, low = times_in_extension((slope[0], slope[1]), (0, number))
    assert part == bytes([high ^ secret[0], low ^ secret[1]])


@pytest.mark.parametrize("method", POLYNOMIALS)
def test_a_part_of_another_key_is_found_out_where_there_are_more_than_enough(method):
    how = scheme(method, 5, 3)
    made = parts_of(how, bytes(32))
    for number in made:
        with pytest.raises(CryptographicFailure):
            join(how, made | {number: parts_of(how, b"\1" * 32, seed=2)[number]}, 32)


def test_a_value_above_every_key_is_no_key():
    how = scheme(PRIME, 2, 2)
    with pytest.raises(CryptographicFailure):
        join(how, {1: b"\xff" * 66, 2: b"\1" * 66}, 2)


@pytest.mark.parametrize("prime", [257, CURVE25519, M521, 2**1279 - 1], ids=int.bit_length)
def test_primes_are_taken(prime):
    check(Scheme(PRIME, 3, 2, prime), 1)


@pytest.mark.parametrize(
    "number",
    [
        0,
        -7,
        251,  # as few elements as there may be parts
        256,
        41041,  # a Carmichael number
        3215031751,  # a strong pseudoprime to the bases 2, 3, 5 and 7
        (2**127 - 1) * (2**107 - 1),
        2**2203 - 1,  # prime, and too long
    ],
)
def test_what_is_no_prime_is_refused(number):
    with pytest.raises(InvalidField):
        check(Scheme(PRIME, 3, 2, number), 1)


@pytest.mark.parametrize(
    ("how", "size"),
    [
        (Scheme(GF8, 1, 1), 16),
        (Scheme(GF8, 3, 1), 16),
        (Scheme(GF8, 2, 3), 16),
        (Scheme(GF8, 256, 2), 16),
        (Scheme(GF8, -1, -1), 16),
        (Scheme(GF16, 3, 2), 15),
        (Scheme(S.XOR, 3, 2), 16),
        (Scheme(GF8, 3, 2, M521), 16),
        (Scheme(PRIME, 3, 2, CURVE25519), 32),
    ],
)
def test_what_makes_no_sense_is_refused(how, size):
    with pytest.raises(InvalidField):
        check(how, size)


def test_a_prime_field_has_a_prime():
    with pytest.raises(MissingData):
        check(Scheme(PRIME, 3, 2), 16)


@pytest.mark.parametrize("method", POLYNOMIALS)
def test_the_most_parts_of_a_long_key(method):
    how, secret = scheme(method, 255, 100), bytes(range(64))
    made = parts_of(how, secret)
    assert join(how, made, 64) == secret
    with pytest.raises(CryptographicFailure):
        join(how, made | {255: made[254]}, 64)
