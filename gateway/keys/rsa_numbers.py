"""RSA private keys of their numbers, which a client may have chosen to keep this process busy for minutes.

The one rule here: nothing is computed from a number before its size is known, and nothing takes more than two seconds.
Whether the primes are prime is not looked at: it takes 50 ms at 2 048 bits and 5 s at 8 192, and a client that
registers numbers of another kind harms its own key alone.
"""

import secrets
from math import gcd, lcm

from cryptography.hazmat.primitives.asymmetric import rsa

MAX_BITS = 16384
# Each try to find the primes takes a modular power, 60 ms at this length.
MAX_BITS_WITHOUT_PRIMES = 4096
TRIES = 16  # each finds the primes of a true RSA modulus with a probability of at least 1/2
E_BITS = 256


def private_key(n: int, e: int | None, d: int | None, p: int | None, q: int | None) -> rsa.RSAPrivateKey:
    """Give the key that these numbers determine.

    Raises:
        ValueError: they are too few, or do not belong together.
    """
    if any(number is not None and not 0 < number.bit_length() <= MAX_BITS for number in (n, e, d, p, q)):
        raise ValueError("a number of an RSA key is out of range")
    if p is None or q is None:
        if e is None or d is None:
            raise ValueError("too few numbers for an RSA key")
        p, q = _primes(n, e, d)
    check_primes(n, p, q)
    e, d = _exponents(e, d, p, q)
    check_exponents(e, d, p, q)
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(e=e, n=n),
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def check(key: rsa.RSAPrivateKey) -> None:
    """Check that the numbers of a key belong together.

    Raises:
        ValueError: they do not.
    """
    if key.key_size > MAX_BITS:
        raise ValueError("the RSA key is too long")
    numbers = key.private_numbers()
    check_primes(numbers.public_numbers.n, numbers.p, numbers.q)
    check_exponents(numbers.public_numbers.e, numbers.d, numbers.p, numbers.q)


def check_primes(n: int, p: int, q: int) -> None:
    """Check that two numbers can be the primes of a modulus; raises ValueError."""
    if min(p, q) < 3 or p == q or p * q != n:
        raise ValueError("the primes are not those of the modulus")


def check_exponents(e: int, d: int, p: int, q: int) -> None:
    """Check that two exponents undo each other; raises ValueError."""
    if e < 3 or e.bit_length() > E_BITS or e * d % (p - 1) != 1 or e * d % (q - 1) != 1:
        raise ValueError("the exponents do not belong together")


def _exponents(e: int | None, d: int | None, p: int, q: int) -> tuple[int, int]:
    order = lcm(p - 1, q - 1)
    if e is not None:
        return e, pow(e, -1, order) if d is None else d
    if d is None:
        raise ValueError("an RSA key has at least one exponent")
    return pow(d, -1, order), d


def _primes(n: int, e: int, d: int) -> tuple[int, int]:
    """Find the primes of a modulus with both exponents (NIST SP 800-56B appendix C)."""
    if n.bit_length() > MAX_BITS_WITHOUT_PRIMES:
        raise ValueError("so long an RSA key needs its primes")
    if e.bit_length() > E_BITS or d >= n:
        raise ValueError("the exponents are too large")
    odd = e * d - 1
    halvings = (odd & -odd).bit_length() - 1
    if not halvings or pow(2, odd, n) != 1:
        raise ValueError("the exponents do not belong to the modulus")
    for _ in range(TRIES):
        found = _divisor(n, pow(secrets.randbelow(n - 3) + 2, odd >> halvings, n), halvings)
        if found:
            return max(found, n // found), min(found, n // found)
    raise ValueError("the modulus has no two primes")


def _divisor(n: int, power: int, halvings: int) -> int:
    """Square a power until it is 1; a square root of 1 that is neither 1 nor -1 gives a divisor, else 0."""
    for _ in range(halvings):
        square = pow(power, 2, n)
        if square == 1:
            return gcd(power - 1, n) if power not in (1, n - 1) else 0
        power = square
    return 0
