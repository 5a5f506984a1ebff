"""Certificate requests of RFC 4211 (CRMF), read as the PKCS#10 requests that ask for the same.

Nothing but DER is taken apart here: names, keys and extensions are read by who reads those of PKCS#10.
"""

from collections.abc import Iterator
from typing import NamedTuple

from asn1crypto import parser
from cryptography import x509

UNIVERSAL, CONTEXT = 0, 2
CONSTRUCTED, CONSTRUCTED_BIT = 1, 0x20
SEQUENCE, SET = 16, 17
# Parts of a CertTemplate (section 5), and the signature among the proofs of possession (section 4).
SUBJECT, PUBLIC_KEY, EXTENSIONS = 5, 6, 9
SIGNATURE = 1
OID_EXTENSION_REQUEST = bytes.fromhex("06092a864886f70d01090e")
# What is taken apart costs the square of its length: 1 MB of empty values would take many seconds.
MAX_BYTES = 64 * 1024
VERSION_1 = bytes.fromhex("020100")


class Value(NamedTuple):
    """A DER value: class and number of its tag, its content, and the whole of it."""

    class_: int
    tag: int
    content: bytes
    whole: bytes


def _values(content: bytes) -> Iterator[Value]:
    """Give the values that stand one behind the other.

    Raises:
        ValueError: they are not DER.
    """
    while content:
        class_, _, tag, header, inner, trailer = parser.parse(content)  # type: ignore[no-untyped-call]
        size = len(header) + len(inner)
        if trailer:
            raise ValueError("a length is indefinite")
        yield Value(class_, tag, inner, content[:size])
        content = content[size:]


def _inside(value: Value, tag: int = SEQUENCE, class_: int = UNIVERSAL) -> list[Value]:
    if (value.class_, value.tag) != (class_, tag) or not value.whole[0] & CONSTRUCTED_BIT:
        raise ValueError("another structure was expected")
    return list(_values(value.content))


def _made(tag: int, *parts: bytes, class_: int = UNIVERSAL) -> bytes:
    made: bytes = parser.emit(class_, CONSTRUCTED, tag, b"".join(parts))  # type: ignore[no-untyped-call]
    return made


def as_pkcs10(raw: bytes) -> tuple[x509.CertificateSigningRequest, bytes]:
    """Give the one request in CertReqMessages as a PKCS#10 request, and the bytes that its signature is over.

    The signature in the PKCS#10 request is that of the CRMF one, and is over those bytes, not over the request itself.

    Raises:
        ValueError: it is no such request, or possession is not proved by a signature over all of it.
    """
    if len(raw) > MAX_BYTES:
        raise ValueError("no certificate request is so long")
    (messages,) = _values(raw)
    (message,) = _inside(messages)
    request, *proofs = _inside(message)
    _, template, *_ = _inside(request)
    parts = {part.tag: part for part in _inside(template) if part.class_ == CONTEXT}
    proof = next((each for each in proofs if (each.class_, each.tag) == (CONTEXT, SIGNATURE)), None)
    if proof is None or not parts.keys() >= {SUBJECT, PUBLIC_KEY}:
        raise ValueError("subject, public key or signature is missing")
    # With both in the template the signature is over the request, and nothing is put in its place (section 4.1).
    algorithm, signature = _inside(proof, SIGNATURE, CONTEXT)
    information = _made(
        SEQUENCE,
        VERSION_1,
        parts[SUBJECT].content,
        _made(SEQUENCE, parts[PUBLIC_KEY].content),
        _made(0, *_attributes(parts.get(EXTENSIONS)), class_=CONTEXT),
    )
    whole = _made(SEQUENCE, information, algorithm.whole, signature.whole)
    return x509.load_der_x509_csr(whole), request.whole


def _attributes(extensions: Value | None) -> Iterator[bytes]:
    if extensions is not None:
        yield _made(SEQUENCE, OID_EXTENSION_REQUEST, _made(SET, _made(SEQUENCE, extensions.content)))
