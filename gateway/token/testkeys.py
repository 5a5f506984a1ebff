"""Constant keys for the self-tests, made once and worth nothing: making an RSA key at each start costs 134 ms.

They are published here, so no key of a client is ever protected by one of them.
"""

from base64 import b64decode
from collections.abc import Callable
from functools import cache
from typing import cast

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from gateway.token import keyforms
from gateway.token.api import KeyType

RSA_PKCS8 = b64decode(
    "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQDFWH8VQqA+RnLfa9YRE/NAYIlk9cpnmeIJEwThmpoUa7j/FaZG"
    "T8CdeRX1f8y5fTDmCctp2ySF1AovfmQsg5i6g/iZGd3+asgN3q9yMu1RLd7AHDBXIbZ+4CITrb6/B+zkrgZTiVVbQT4mI7/9JWCs"
    "bapNSxFioQm1svrGH+49btmOH44VCFju6Kn7n976eCoIvNvqTS94KEP8T16IkzwFYWLAZKVh8Q1RW6akZ9ImkmkxWSd5pfxRXGHU"
    "sbUP3C71W3VHVF6nm3Keek27/pK4XD8XZA/Rr7g7b6aqkWhvoljWXol3wdwI+qRM/CjQxKWRCet7C295AFQSVsdCROsLAgMBAAEC"
    "ggEAMOT/u5dB15whyvxPUfTk8H7am8KQLwH/8Gqfa3wgD84uzDijdUk+OmXtTGGpKg38BwrHNMeAcY37JhBFJohGV3PqLJitmWMA"
    "hPs28e7vQI1CYsu5KGVob1/94W1LVM5UYcZCOAFPPihYix+RalmP7bjQGI1wVcT7gGLDYkI4B00XxN/O/tl78T3OlveRdPLsP8fp"
    "BYGPrdv8IOhjdTmWPvH+qwpZD63FYnk2FqbN51mNtJVtzHlQV57QUJfspdUTWGwM522RV7b/qMT1Nsb9oSS+WtUWUkDulFQsA4+R"
    "wMUw2O8b8NBxeAgmvJEUrtoyDK8v80sveVT69MrSeRXhwQKBgQDitojSKUc7FOynxlCNNsCA1HM8PRVONlGYVKyUiruf5MAdqRRs"
    "58YLNEQATlPwqJD0qc9OfHvEj/zgqpGbAIjIbIdJznJzPk2v0+vIEpQHQ3U2SLiL5HuUeFBl9H62FrW+6zMKIipUrosBlDvs3kK9"
    "BN8Xa9bB2WJDUHsMFpdASwKBgQDe1saP7GiySNrM3h0XF1eQcMl5H0ywJb2yidJ5r5A+4xFjSEg/0uC929/6p6MA40Fkqq2/o4aT"
    "6JShB2+9ZCy7TuP2UUtpz4JZrN4X3yi/Ntd7Nj7WivQ6IUfIHRYrCdXJOPO4J/eOB9IK6F31/qYv/CxE0WSkWE8EqRPkqwnIQQKB"
    "gHZ0LPSxwJfsDOJ0Sa4ex2IIntUAjVs6IlPXGfzap8GZQY+9wgBM8Tr1afpG8rCxQluzRa+adwhyuwuf00gLdWxS2DUF+uKf0PNn"
    "ZLA6lMFey6U7RcFB9hfS7R74KiR1pSxFs3s98qQgNlzy2ISgdHpSS0XvgFv0etT0/fWI8CoVAoGAMwDFgbuCWwwByFIuJlLZX93w"
    "vyBC1S5ONMcGvYNJaJtgJ3Er2C/T8KCaqywjSti45umJywsKil/5ZMHm+VosQtLTqlUBBb7Q/uVqD9yr3tgWicTorQIw0/06CLtf"
    "j4o4vE2kusmrB38SvBxjJSKbtu/o0fd7KYJs04w/WV8sZgECgYBognZ5h0SnnhBJXK7ZpkHQYlGdkHH7uuuMmSleQV2StCaliApZ"
    "GlNF8vrjai5PFCLeyPUAL506hoK690pbsGb2giFzyNt5+qV7VPP7mcMbPEZ/AbISjSuxHzlV8/1tOyHbPXe6G81UcvoRyYAeCRzH"
    "LPO69IcfGBdc4P/ojvLXUA=="
)
EC_PKCS8 = b64decode(
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2+cunFM7JtEHMoQeSJE5dsSs5MvsEXD9Z9dDn46iyrWhRANCAARB"
    "vZwj1bCtV5ZW7G9II7gZHeEQDYpi5FlL0GlcuhS0//wFJSljcwHU8EFeoFMBBc2W11QDFdSqJkgk13ofeWk3"
)
ED25519_PKCS8 = b64decode("MC4CAQAwBQYDK2VwBCIEIAhe8ddtUpdJMgddYPlIaqXkpDqDe5UXCeNbknC+8eh+")


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """The RSA key of 2048 bits."""
    # Not validated again: its primes were found above, and testing them takes longer than all self-tests together.
    key = load_der_private_key(RSA_PKCS8, None, unsafe_skip_rsa_key_validation=True)
    return cast(rsa.RSAPrivateKey, key)  # the constant above is one


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """The key on P-256."""
    return cast(ec.EllipticCurvePrivateKey, load_der_private_key(EC_PKCS8, None))  # as above


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    """The Ed25519 key."""
    return cast(ed25519.Ed25519PrivateKey, load_der_private_key(ED25519_PKCS8, None))  # as above


KEYS: dict[KeyType, Callable[[], rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey]] = {
    KeyType.RSA: rsa_key,
    KeyType.EC: ec_key,
    KeyType.EC_EDWARDS: ed25519_key,
}


@cache
def private_attributes(key_type: KeyType) -> keyforms.Attributes:
    """Give what C_CreateObject needs of the constant key."""
    return keyforms.attributes_of(key_type, KEYS[key_type]())


def rsa_message_of(numbers: rsa.RSAPublicNumbers, signature: bytes) -> bytes:
    """Give what a PKCS#1 v1.5 signature signs when nothing was hashed and no DigestInfo added, as CKM_RSA_PKCS does.

    Raises ValueError: no such signature.
    """
    block = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(len(signature), "big")
    start, _, message = block[1:].partition(b"\0")
    if block[0] or start != b"\1" + b"\xff" * (len(start) - 1):
        raise ValueError("not a PKCS#1 v1.5 signature block")
    return message
