"""Verbs that use keys where they are, and those that need no key at all; none of them changes the token."""

import os
from collections.abc import Callable

from pkcs11 import Attribute
from pkcs11 import Mechanism as P11Mechanism

from gateway.errors import InvalidField, UnsupportedCryptographicParameters
from gateway.token import frames
from gateway.token.api import Attributes, KeyRef, Mechanism, ObjectClass
from gateway.token.failures import CryptokiError, failure_of
from gateway.token.frames import FailureCode
from gateway.token.reach import Reach
from gateway.token.templates import RIGHT_ATTRIBUTES

CKM_AES_GCM = 0x1087
SEAL_IV_BYTES = 12
SEAL_TAG_BITS = 128
MAX_RANDOM_BYTES = 1 << 20
# CKM_* of MACs, and how long each is: MD5, SHA-1, SHA-224 to SHA-512, AES-CMAC.
MAC_BYTES = {0x211: 16, 0x221: 20, 0x256: 28, 0x251: 32, 0x261: 48, 0x271: 64, 0x108A: 16}
# What `attributes` gives, and how to read it.
READABLE: dict[str, tuple[Attribute, Callable[[bytes], bool | int | str]]] = {
    "key_type": (Attribute.KEY_TYPE, lambda value: int.from_bytes(value, "little")),
    "label": (Attribute.LABEL, lambda value: value.decode("utf-8", "replace")),
    # The first three bytes of a block of zeros encrypted: tells keys apart and gives nothing of them away.
    "check_value": (Attribute.CHECK_VALUE, bytes.hex),
    **{
        kind.name.lower(): (kind, lambda value: value not in (b"", b"\0"))
        for kind in (
            Attribute.TOKEN,
            Attribute.PRIVATE,
            Attribute.SENSITIVE,
            Attribute.EXTRACTABLE,
            Attribute.ALWAYS_SENSITIVE,
            Attribute.NEVER_EXTRACTABLE,
            Attribute.LOCAL,
            *RIGHT_ATTRIBUTES.values(),
        )
    },
}


def encrypt(reach: Reach, request: frames.Encrypt) -> bytes:
    calls, session, handle = reach.calls, reach.connection.session, reach.copies.of(request.ref)
    encrypted = calls.encrypt(session, reach.pack(request.mechanism), handle, request.data)
    if reach.connection.quirk.says_no_length and request.ref.object_class is ObjectClass.PUBLIC_KEY:
        return encrypted[: len(calls.attribute(session, handle, Attribute.MODULUS))]
    return encrypted


def decrypt(reach: Reach, request: frames.Decrypt) -> bytes:
    handle = reach.copies.of(request.ref)
    return reach.calls.decrypt(reach.connection.session, reach.pack(request.mechanism), handle, request.data)


def sign(reach: Reach, request: frames.Sign) -> bytes:
    handle = reach.copies.of(request.ref)
    return reach.calls.sign(reach.connection.session, reach.pack(request.mechanism), handle, request.data)


def verify(reach: Reach, request: frames.Verify) -> bool:
    handle = reach.copies.of(request.ref)
    mechanism = reach.pack(request.mechanism)
    size = len(request.signature)
    # NSS takes a MAC with more bytes behind it for right, and tpm2-pkcs11 keeps the key busy for ever after a signature
    # of no bytes (test_signatures_of_other_lengths_are_wrong).
    if not size or size != MAC_BYTES.get(request.mechanism.ckm, size):
        return False
    try:
        return reach.calls.verify(reach.connection.session, mechanism, handle, request.data, request.signature)
    except CryptokiError as error:
        if reach.connection.quirk.vague_verify and error.function == "Verify":
            return False
        raise


def seal(reach: Reach, request: frames.Seal) -> bytes:
    return sealed_by(reach, reach.storage(), request.data, request.aad)


def sealed_by(reach: Reach, key: int, data: bytes, aad: bytes) -> bytes:
    """Give data encrypted by AES-GCM, after the IV."""
    iv = os.urandom(SEAL_IV_BYTES)
    mechanism = reach.pack(Mechanism(CKM_AES_GCM, iv=iv, aad=aad, tag_bits=SEAL_TAG_BITS))
    return iv + reach.calls.encrypt(reach.connection.session, mechanism, key, data)


def open(reach: Reach, request: frames.Open) -> bytes:
    return opened_by(reach, reach.storage(), request.blob, request.aad)


def opened_by(reach: Reach, key: int, blob: bytes, aad: bytes) -> bytes:
    """Give back what `sealed_by` took."""
    iv, sealed = blob[:SEAL_IV_BYTES], blob[SEAL_IV_BYTES:]
    mechanism = reach.pack(Mechanism(CKM_AES_GCM, iv=iv, aad=aad, tag_bits=SEAL_TAG_BITS))
    return reach.calls.decrypt(reach.connection.session, mechanism, key, sealed)


def ping(reach: Reach, request: frames.Ping) -> None:
    """Answer, which is all that is asked."""


def find(reach: Reach, request: frames.Find) -> list[KeyRef]:
    return reach.handles.present(request.cka_ids)


def keys(reach: Reach, request: frames.Keys) -> list[KeyRef]:
    return reach.handles.all()


def labelled(reach: Reach, request: frames.Labelled) -> list[KeyRef]:
    ref = reach.handles.labelled_ref(request.label)
    return [] if ref is None else [ref]


def digest(reach: Reach, request: frames.Digest) -> bytes:
    try:
        mechanism = P11Mechanism(request.ckm)
    except ValueError:
        raise UnsupportedCryptographicParameters from None
    return bytes(reach.connection.work.digest(request.data, mechanism=mechanism))


def digest_key(reach: Reach, request: frames.DigestKey) -> bytes:
    handle = reach.handles.of(request.ref)
    return reach.calls.digest_key(reach.connection.session, reach.pack(Mechanism(request.ckm)), handle)


def random(reach: Reach, request: frames.Random) -> bytes:
    if not 0 <= request.n <= MAX_RANDOM_BYTES:
        raise InvalidField(f"at most {MAX_RANDOM_BYTES} random bytes at a time")
    return reach.connection.work.generate_random(8 * request.n) if request.n else b""


def seed(reach: Reach, request: frames.Seed) -> None:
    reach.connection.work.seed_random(request.data)


def token_info(reach: Reach, request: frames.Info) -> Attributes:
    """Give what the token says of itself, the fields of TokenInfo by name."""
    info = reach.connection.info
    return {name: getattr(info, name) for name in info.__struct_fields__}


def attributes(reach: Reach, request: frames.ReadAttributes) -> Attributes:
    handle = reach.handles.of(request.ref)
    known: Attributes = {}
    for name, (kind, read) in READABLE.items():
        try:
            known[name] = read(reach.calls.attribute(reach.connection.session, handle, kind))
        except CryptokiError as error:
            if failure_of(error).code is not FailureCode.BAD_FIELD:
                raise
    return known
