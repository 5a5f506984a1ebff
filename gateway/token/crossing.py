"""Verbs by which a key goes to another token: wrapped by the one, unwrapped by the other, in the clear nowhere between.

The receiver makes a one-time RSA key. What is short enough is wrapped by OAEP under that; everything else under a
one-time AES key that goes along, wrapped so. What is sealed is opened by the one worker and sealed again by the other,
as it is opened whenever it is used; whoever carries it from here to there sees no more of it than of a key.
"""

import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from msgspec.structs import replace
from pkcs11 import Attribute
from pkcs11 import KeyType as P11KeyType

from gateway.errors import FeatureNotSupported, GeneralFailure
from gateway.token import frames, using
from gateway.token.api import Crossing, KeyRef, KeyTemplate, KeyType, Mechanism, ObjectClass, Receiver, Rights
from gateway.token.cryptoki import AttributeArray
from gateway.token.digests import HASHES, Hash
from gateway.token.keyforms import Attributes, public_attributes
from gateway.token.leaving import BLOCK_BYTES, check_leaves, digest_of, public_info, value_bytes
from gateway.token.making import NO_RIGHTS, for_library, nameless, opened, prove
from gateway.token.parcels import public_form, token_key_type
from gateway.token.reach import Reach, handle_of
from gateway.token.templates import key_type_attributes, packed

CKM_RSA_PKCS_OAEP = 0x09
AES_BITS = 256
NAME_BYTES = 16
PRIVATE, PUBLIC, SECRET = (
    KeyRef(kind, b"") for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY, ObjectClass.SECRET_KEY)
)
BY_CKM: dict[int, Hash] = {row.ckm: row for row in HASHES.values() if row.ckm}


def receive(reach: Reach, request: frames.Receive) -> bytes:
    """Make the one-time RSA key, in place of the one before."""
    if reach.receiver is not None:
        (_, old), reach.receiver = reach.receiver, None
        reach.calls.destroy(reach.connection.session, old)
    public, private = reach.connection.work.generate_keypair(
        P11KeyType.RSA,
        request.bits,
        capabilities=NO_RIGHTS,
        private_template=for_library(_in_session(reach, PRIVATE, Rights.UNWRAP)),
        public_template=for_library(_in_session(reach, PUBLIC, Rights(0))),
    )
    reach.count_session_object()
    receiver = Receiver(os.urandom(NAME_BYTES), public_info(reach, handle_of(public)), request.hash)
    reach.calls.destroy(reach.connection.session, handle_of(public))
    reach.receiver = receiver, handle_of(private)
    return frames.encode_result(receiver)


def send_key(reach: Reach, request: frames.SendKey) -> bytes:
    """Wrap a secret or private key for the receiver; the key here stays.

    Raises:
        NotExtractable: it may not leave the token.
    """
    handle, receiver = reach.handles.of(request.ref), request.receiver
    check_leaves(reach, handle)
    secret = request.ref.object_class is ObjectClass.SECRET_KEY
    with _public_key(reach, receiver) as public:
        if secret and _is_short(reach, handle, receiver):
            return frames.encode_result(Crossing(_wrapped(reach, _oaep(receiver), public, handle)))
        crossing = _enveloped(reach, receiver, public, handle)
        if secret and len(crossing.blob) - BLOCK_BYTES <= _room(receiver):
            crossing = Crossing(_wrapped(reach, _oaep(receiver), public, handle))
        elif secret and not reach.profile.kwp_any_length:
            crossing = replace(crossing, digest=digest_of(reach, handle))
    return frames.encode_result(crossing)


def take_key(reach: Reach, request: frames.TakeKey) -> list[KeyRef]:
    """Make a key of what another token has wrapped for this one.

    Raises:
        GeneralFailure: the one-time key is gone.
        FeatureNotSupported: it would be another key.
    """
    wrapped = request.template.wrapped
    ref = nameless(request.ref) if wrapped else request.ref
    attributes = reach.key_attributes(ref, opened(request.template), on_token=not wrapped)
    attributes |= token_key_type(reach.profile, request.key_type)
    with _unwrapping(reach, request.receiver, request.crossing, Rights.UNWRAP) as (key, mechanism):
        with nullcontext() if wrapped else reach.connection.writing():
            handle = _unwrapped(reach, key, mechanism, request.crossing.blob, attributes)
    _check_same(reach, handle, request.crossing.digest)
    if not wrapped:
        reach.handles.learn(request.ref, handle)
        return [request.ref]
    sent = reach.parcels.send(request.ref, handle, request.key_type, request.template)
    if request.ref.object_class is ObjectClass.PRIVATE_KEY:
        prove(reach, sent)
    return [sent]


def send_sealed(reach: Reach, request: frames.SendSealed) -> bytes:
    """Encrypt what is sealed here for the receiver, bound to the same place."""
    data = using.open(reach, frames.Open(request.id, request.blob, request.aad))
    with _public_key(reach, request.receiver) as public, _one_time_key(reach, Rights.ENCRYPT) as key:
        under = _wrapped(reach, _oaep(request.receiver), public, key)
        return frames.encode_result(Crossing(using.sealed_by(reach, key, data, request.aad), under))


def take_sealed(reach: Reach, request: frames.TakeSealed) -> bytes:
    """Seal here what another token has encrypted for this one."""
    with _unwrapping(reach, request.receiver, request.crossing, Rights.DECRYPT) as (key, _):
        data = using.opened_by(reach, key, request.crossing.blob, request.aad)
    return using.seal(reach, frames.Seal(request.id, data, request.aad))


# --- of the sender


@contextmanager
def _public_key(reach: Reach, receiver: Receiver) -> Iterator[int]:
    """Give the handle of the receiver's one-time key, which may wrap and nothing else."""
    attributes = _in_session(reach, PUBLIC, Rights.WRAP) | public_form(reach.profile, KeyType.RSA, receiver.info)
    reach.count_session_object()
    handle = handle_of(reach.connection.work.create_object(attributes))
    try:
        yield handle
    finally:
        reach.calls.destroy(reach.connection.session, handle)


@contextmanager
def _one_time_key(reach: Reach, right: Rights) -> Iterator[int]:
    """Give the handle of a new AES key, which leaves the token under the receiver's key alone."""
    template = for_library(_in_session(reach, SECRET, right, extractable=True))
    reach.count_session_object()
    key = reach.connection.work.generate_key(P11KeyType.AES, AES_BITS, capabilities=NO_RIGHTS, template=template)
    try:
        yield handle_of(key)
    finally:
        reach.calls.destroy(reach.connection.session, handle_of(key))


def _enveloped(reach: Reach, receiver: Receiver, public: int, handle: int) -> Crossing:
    if not reach.profile.kwp:
        raise FeatureNotSupported("the token cannot wrap keys as RFC 5649 says")
    with _one_time_key(reach, Rights.WRAP) as key:
        blob = _wrapped(reach, Mechanism(reach.profile.kwp), key, handle)
        return Crossing(blob, _wrapped(reach, _oaep(receiver), public, key))


def _wrapped(reach: Reach, mechanism: Mechanism, wrapping: int, target: int) -> bytes:
    return reach.calls.wrap(reach.connection.session, reach.pack(mechanism), wrapping, target)


def _room(receiver: Receiver) -> int:
    """Give how many bytes OAEP takes (RFC 8017 section 7.1.1)."""
    modulus = public_attributes(KeyType.RSA, receiver.info)[Attribute.MODULUS]
    return len(modulus) - 2 * BY_CKM[receiver.hash].size - 2


def _is_short(reach: Reach, handle: int, receiver: Receiver) -> bool:
    """Tell whether a secret key is known to fit; of some, SoftHSM says that they have no length."""
    size = value_bytes(reach, handle)
    return size is None or 0 < size <= _room(receiver)


# --- of the receiver


@contextmanager
def _unwrapping(reach: Reach, receiver: Receiver, crossing: Crossing, right: Rights) -> Iterator[tuple[int, Mechanism]]:
    """Give the handle of what unwraps the blob, with this right, and how."""
    if reach.receiver is None or reach.receiver[0].name != receiver.name:
        raise GeneralFailure("the one-time key that keys are sent to is gone; begin again")
    one_time = reach.receiver[1]
    if not crossing.under:
        yield one_time, _oaep(receiver)
        return
    attributes = _in_session(reach, SECRET, right) | key_type_attributes(KeyType.AES)
    reach.count_session_object()
    key = _unwrapped(reach, one_time, _oaep(receiver), crossing.under, attributes)
    try:
        yield key, Mechanism(reach.profile.kwp)
    finally:
        reach.calls.destroy(reach.connection.session, key)


def _unwrapped(reach: Reach, key: int, mechanism: Mechanism, blob: bytes, attributes: Attributes) -> int:
    template = AttributeArray(packed(attributes))
    return reach.calls.unwrap(reach.connection.session, reach.pack(mechanism), key, blob, template)


def _check_same(reach: Reach, handle: int, digest: bytes) -> None:
    """Make sure that the key is the one that was sent; destroys it if it is not."""
    if digest and not hmac.compare_digest(digest_of(reach, handle), digest):
        reach.calls.destroy(reach.connection.session, handle)
        raise FeatureNotSupported("the sending token filled the key with zeros, so that it came as another")


# --- of both


def _in_session(reach: Reach, ref: KeyRef, rights: Rights, *, extractable: bool = False) -> Attributes:
    """Give the attributes of a key that ends with the session."""
    return reach.key_attributes(ref, KeyTemplate("", rights, extractable), on_token=False)


def _oaep(receiver: Receiver) -> Mechanism:
    return Mechanism(CKM_RSA_PKCS_OAEP, hash=receiver.hash, mgf=BY_CKM[receiver.hash].mgf)
