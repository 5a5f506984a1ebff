"""Verbs by which keys leave the token, wrapped or as the public half, and by which they are destroyed."""

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding
from pkcs11 import Attribute

from gateway.errors import (
    CryptographicFailure,
    FeatureNotSupported,
    GeneralFailure,
    NotExtractable,
    UnsupportedCryptographicParameters,
    UsageMaskMissing,
)
from gateway.token import frames, keyforms
from gateway.token.api import OWN_CKA_IDS, KeyRef, KeyTemplate, KeyType, Mechanism, ObjectClass, Rights
from gateway.token.cryptoki import AttributeArray
from gateway.token.failures import CryptokiError, failure_of
from gateway.token.frames import FailureCode
from gateway.token.reach import Reach
from gateway.token.templates import key_type_attributes, packed

BLOCK_BYTES = 8
CKM_SHA256 = 0x250
CKM_AES_ECB = 0x1081
KWP_IV, KWP_ROUNDS = bytes.fromhex("a65959a6"), 6
MAX_PADDED_BYTES = 4096  # a token call for every 8 bytes and round: a tenth of a second on SoftHSM
# By these no token wraps keys (SoftHSM issue 642), and every token encrypts: AES-GCM, bare RSA.
ENCRYPTING = (0x1087, 0x03)
# The rights that a wrapping key may have, and its copy has one of.
RIGHTS_OF = {
    ObjectClass.SECRET_KEY: (Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.WRAP, Attribute.UNWRAP),
    ObjectClass.PUBLIC_KEY: (Attribute.ENCRYPT, Attribute.WRAP),
    ObjectClass.PRIVATE_KEY: (Attribute.DECRYPT, Attribute.UNWRAP),
}
# Which right a key that does not leave has to have itself, for its copy to have one.
RIGHT_FOR = {
    Attribute.ENCRYPT: Attribute.WRAP,
    Attribute.WRAP: Attribute.WRAP,
    Attribute.DECRYPT: Attribute.UNWRAP,
    Attribute.UNWRAP: Attribute.UNWRAP,
}
SHORT_BLOB_BYTES = 256 + 8  # what NSS unwraps as a secret key, wrapped


def export_key(reach: Reach, request: frames.ExportKey) -> bytes:
    handle = reach.copies.of(request.ref)
    if request.ref.object_class is ObjectClass.PUBLIC_KEY:
        return public_info(reach, handle)
    if not reach.profile.kwp:
        raise FeatureNotSupported("the token cannot wrap keys as RFC 5649 says")
    check_leaves(reach, handle)
    return _out(reach, request.ref.object_class, handle)


def check_leaves(reach: Reach, handle: int) -> None:
    """Make sure that a key may leave, where the token itself does not.

    Raises:
        NotExtractable: it may not.
    """
    if not reach.profile.refuses_unextractable_wrap and not reach.flag(handle, Attribute.EXTRACTABLE):
        raise NotExtractable


def _out(reach: Reach, object_class: ObjectClass, handle: int) -> bytes:
    """Give the value of a secret or private key, which leaves the module wrapped under the transport key."""
    transport, value = reach.transport()
    mechanism = reach.pack(Mechanism(reach.profile.kwp))
    wrapped = reach.calls.wrap(reach.connection.session, mechanism, transport, handle)
    try:
        material = aes_key_unwrap_with_padding(value, wrapped)
    except InvalidUnwrap:
        raise CryptographicFailure("the token wrapped the key wrongly") from None
    return material if reach.profile.kwp_any_length else _without_filling(reach, object_class, handle, material)


def _without_filling(reach: Reach, object_class: ObjectClass, handle: int, material: bytes) -> bytes:
    """Take off the zeros with which a token filled the key's last block of eight bytes before wrapping it."""
    if material[-1]:  # ends in no zero, so nothing was filled: 255 keys of 256, and no call to the token
        return material
    if object_class is ObjectClass.PRIVATE_KEY:
        return keyforms.first_element(material)
    # CKA_VALUE_LEN is no help: SoftHSM says 0 of a key that was unwrapped. The digest of the key tells.
    digest = digest_of(reach, handle)
    shortest = max(len(material.rstrip(b"\0")), len(material) - BLOCK_BYTES + 1)
    for size in range(len(material), shortest - 1, -1):
        if hmac.compare_digest(sha256(material[:size]).digest(), digest):
            return material[:size]
    raise CryptographicFailure("the token wrapped the key wrongly")


def digest_of(reach: Reach, handle: int) -> bytes:
    """Give what SHA-256 makes of a secret key's value, on the token."""
    return reach.calls.digest_key(reach.connection.session, reach.pack(Mechanism(CKM_SHA256)), handle)


def value_bytes(reach: Reach, handle: int) -> int | None:
    """Give the length of a secret key's value; None for DES keys, which have no CKA_VALUE_LEN and are whole blocks.

    SoftHSM says 0 of keys that were unwrapped or derived.
    """
    try:
        size = reach.calls.attribute(reach.connection.session, handle, Attribute.VALUE_LEN)
    except CryptokiError as error:
        if failure_of(error).code is FailureCode.BAD_FIELD:
            return None
        raise
    return int.from_bytes(size, "little")


def _check_fills(reach: Reach, mechanism: Mechanism, size: int | None) -> None:
    """Refuse to wrap what this token would wrap in another way than RFC 5649 says, filled with zeros."""
    if mechanism.ckm == reach.profile.kwp and not reach.profile.kwp_any_length and (size or 0) % BLOCK_BYTES:
        raise UnsupportedCryptographicParameters("the token wraps with padding only whole blocks of 8 bytes")


@contextmanager
def _wrapping_key(reach: Reach, ref: KeyRef, right: Attribute | None) -> Iterator[int]:
    """Give the handle of a wrapping key, or with `right` that of a copy which has this right and no other.

    Raises:
        UsageMaskMissing: the key neither leaves the token nor wraps: whatever the database says by now, a copy of it
            does no more than it does itself.
    """
    handle = reach.handles.of(ref)
    if right is None:
        yield handle
        return
    secret = ref.object_class is not ObjectClass.PUBLIC_KEY
    if secret and not reach.flag(handle, RIGHT_FOR[right]) and not reach.flag(handle, Attribute.EXTRACTABLE):
        raise UsageMaskMissing("the key is for something else, and does not leave the token")
    rights = {each: each is right for each in RIGHTS_OF[ref.object_class]}
    template = AttributeArray(packed({Attribute.TOKEN: False, **rights}))
    reach.count_session_object()
    copy = reach.calls.copy(reach.connection.session, handle, template)
    try:
        yield copy
    finally:
        reach.calls.destroy(reach.connection.session, copy)


def wrap(reach: Reach, request: frames.Wrap) -> bytes:
    target = reach.handles.of(request.target)
    if request.target.object_class is ObjectClass.SECRET_KEY and request.mechanism.ckm == reach.profile.kwp:
        _check_fills(reach, request.mechanism, value_bytes(reach, target))
    with _wrapping_key(reach, request.wrapping, Attribute.WRAP if request.by_copy else None) as wrapping:
        mechanism = reach.pack(request.mechanism)
        return reach.calls.wrap(reach.connection.session, mechanism, wrapping, target)


def _is_padded_here(reach: Reach, request: frames.WrapData) -> bool:
    """Tell whether the padding of RFC 5649 is to be made here, as the token's is filled with zeros."""
    return (
        request.mechanism.ckm == reach.profile.kwp
        and not reach.profile.kwp_any_length
        and CKM_AES_ECB in reach.profile.mechanisms
        and len(request.data) % BLOCK_BYTES > 0
        and len(request.data) <= MAX_PADDED_BYTES
    )


def _encrypted_block(reach: Reach, key: int, block: bytes) -> bytes:
    return reach.calls.encrypt(reach.connection.session, reach.pack(Mechanism(CKM_AES_ECB)), key, block)


def padded_wrap(data: bytes, encrypt: Callable[[bytes], bytes]) -> bytes:
    """Give data wrapped as RFC 5649 says, by a function that encrypts one block of 16 bytes."""
    register = KWP_IV + len(data).to_bytes(4, "big")
    filled = data + bytes(-len(data) % BLOCK_BYTES)
    if len(filled) == BLOCK_BYTES:
        return encrypt(register + filled)
    blocks = [filled[start : start + BLOCK_BYTES] for start in range(0, len(filled), BLOCK_BYTES)]
    for step in range(KWP_ROUNDS * len(blocks)):
        place = step % len(blocks)
        whole = encrypt(register + blocks[place])
        register = (int.from_bytes(whole[:BLOCK_BYTES], "big") ^ (step + 1)).to_bytes(BLOCK_BYTES, "big")
        blocks[place] = whole[BLOCK_BYTES:]
    return register + b"".join(blocks)


def wrap_data(reach: Reach, request: frames.WrapData) -> bytes:
    if request.mechanism.ckm in ENCRYPTING:
        with _wrapping_key(reach, request.wrapping, Attribute.ENCRYPT) as key:
            return reach.calls.encrypt(reach.connection.session, reach.pack(request.mechanism), key, request.data)
    if _is_padded_here(reach, request):
        with _wrapping_key(reach, request.wrapping, Attribute.ENCRYPT) as key:
            return padded_wrap(request.data, partial(_encrypted_block, reach, key))
    _check_fills(reach, request.mechanism, len(request.data))
    with _wrapping_key(reach, request.wrapping, Attribute.WRAP if request.by_copy else None) as wrapping:
        mechanism = reach.pack(request.mechanism)
        handle = reach.session_key(request.data, Rights(0), KeyType.GENERIC_SECRET, extractable=True)
        try:
            return reach.calls.wrap(reach.connection.session, mechanism, wrapping, handle)
        finally:
            reach.calls.destroy(reach.connection.session, handle)


def unwrap_data(reach: Reach, request: frames.UnwrapData) -> bytes:
    if request.mechanism.ckm in ENCRYPTING:
        with _wrapping_key(reach, request.unwrapping, Attribute.DECRYPT) as key:
            return reach.calls.decrypt(reach.connection.session, reach.pack(request.mechanism), key, request.blob)
    if not reach.profile.kwp:
        raise FeatureNotSupported("the token cannot wrap keys as RFC 5649 says")
    if len(request.blob) > SHORT_BLOB_BYTES and not reach.profile.unwraps_long_data:
        raise FeatureNotSupported("the token unwraps no data longer than 256 bytes")
    ref, template = KeyRef(ObjectClass.SECRET_KEY, b""), KeyTemplate("", Rights(0), extractable=True)
    attributes = reach.key_attributes(ref, template, on_token=False)
    attributes |= key_type_attributes(KeyType.GENERIC_SECRET)
    reach.count_session_object()
    packed_attributes = AttributeArray(packed(attributes))
    with _wrapping_key(reach, request.unwrapping, Attribute.UNWRAP if request.by_copy else None) as key:
        mechanism = reach.pack(request.mechanism)
        handle = reach.calls.unwrap(reach.connection.session, mechanism, key, request.blob, packed_attributes)
    try:
        return _out(reach, ObjectClass.SECRET_KEY, handle)
    finally:
        reach.calls.destroy(reach.connection.session, handle)


def destroy(reach: Reach, request: frames.Destroy) -> bool:
    if request.ref.cka_id in OWN_CKA_IDS:
        raise GeneralFailure("the gateway's own keys are not destroyed")
    reach.copies.forget(request.ref)
    reach.streams.end_with(request.ref)
    if request.ref.wrapped:
        reach.parcels.forget(request.ref)
        return False
    with reach.connection.writing():
        handle = reach.handles.get(request.ref) or reach.handles.half_made().get(request.ref)
        if handle is None:
            return False
        try:
            reach.calls.destroy(reach.connection.session, handle)
        except CryptokiError:
            if reach.connection.quirk.keeps_busy:
                reach.wear_out()  # the deletion stays queued in the database, and can be done then
            raise
    reach.handles.forget(request.ref)
    return True


def public_info(reach: Reach, handle: int) -> bytes:
    """Give the SubjectPublicKeyInfo of a public key."""

    def read(kind: Attribute) -> bytes:
        return reach.calls.attribute(reach.connection.session, handle, kind)

    if int.from_bytes(read(Attribute.KEY_TYPE), "little") == KeyType.RSA:
        return keyforms.rsa_public(read(Attribute.MODULUS), read(Attribute.PUBLIC_EXPONENT))
    return keyforms.ec_public(read(Attribute.EC_PARAMS), read(Attribute.EC_POINT))
