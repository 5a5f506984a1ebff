"""Keys that come along with the request: kept in the database, wrapped by a key-encryption key, used in the session.

The rule of the room: what was unwrapped for use can do no more than its parcel says, lives in the session only, and for
LIFE_S at most; a key that may not leave cannot leave from here either.
"""

import hmac
import time
from collections import OrderedDict
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from pkcs11 import Attribute
from pkcs11 import Mechanism as P11Mechanism

from gateway.errors import GeneralFailure
from gateway.token.api import (
    STORAGE_KEY_LABEL,
    KeyRef,
    KeyTemplate,
    KeyType,
    Mechanism,
    ObjectClass,
    Profile,
    Rights,
    kek_label,
)
from gateway.token.connection import Connection
from gateway.token.copies import Copies
from gateway.token.cryptoki import AttributeArray
from gateway.token.failures import CryptokiError, KeyGone
from gateway.token.handles import Handles
from gateway.token.keyforms import public_attributes, token_parameters
from gateway.token.parameters import MechanismPacker
from gateway.token.templates import key_attributes, key_type_attributes, packed, rights_of

# How many keys are ready for use, and for how long; SoftHSM keeps about 2 KB of a session object.
MAX_LIVE = 4096
LIFE_S = 60.0
# How often those are looked for that nobody asked for again, and how many go at once: on an HSM far away each takes
# milliseconds, and requests wait.
REAP_S, REAP_AT_ONCE = 1.0, 128
MAX_TEMPLATES = 256
VERSION_BYTES = 4  # of the key-encryption key; the database can look for it
# What follows binds a parcel to its place: else who writes the database could say that a key may leave, or may more.
MAC_BYTES = 16
BOUND_BYTES = VERSION_BYTES + MAC_BYTES
# One block that the token encrypts by its storage key makes the key of these codes: nobody else can. GCM, by which that
# key seals, encrypts no such block but by a chance of 2^-128.
BINDING = sha256(b"kmip-gateway binds what is wrapped").digest()[:16]
CKM_AES_ECB = 0x1081
# How soon a worker wraps with a new key-encryption key that another process made.
LOOK_AGAIN_S = 5.0
NOT_EXTRACTABLE = AttributeArray(packed({Attribute.EXTRACTABLE: False}))


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """A key as the database has it: what it may do, and its value, wrapped, or in the clear if it is a public key."""

    key_type: KeyType
    rights: Rights
    extractable: bool
    blob: bytes

    def __repr__(self) -> str:
        return "<Parcel>"


def unpack(wrapped: bytes) -> tuple[int, Parcel]:
    """Give the version of the key-encryption key, 0 for none, and the parcel; whether it is one is not looked at.

    Raises:
        GeneralFailure: it is no such thing.
    """
    try:
        parcel = msgspec.msgpack.decode(wrapped[BOUND_BYTES:], type=Parcel)
    except msgspec.DecodeError:
        raise GeneralFailure("the wrapped key in the database is damaged") from None
    return int.from_bytes(wrapped[:VERSION_BYTES], "big"), parcel


class Live(NamedTuple):
    """The session object of a key, and until when it is used."""

    handle: int
    until: float


class Parcels:
    """The key-encryption keys, and the keys that are unwrapped at present; `made` counts the session objects."""

    def __init__(self, connection: Connection, handles: Handles, copies: Copies) -> None:
        self._connection = connection
        self._handles = handles
        self._copies = copies
        self._mechanisms = MechanismPacker()
        self._live: OrderedDict[KeyRef, Live] = OrderedDict()
        self._keks: dict[int, KeyRef | int] = {}  # a handle where the key has no CKA_ID
        self._newest, self._looked = 0, 0.0
        self._binding = b""
        self._reaped = 0.0
        self._templates: dict[tuple[ObjectClass, tuple[tuple[Attribute, Any], ...], KeyTemplate], AttributeArray] = {}
        self.profile = Profile()
        self.made = 0
        handles.coming_along = self.of

    def of(self, ref: KeyRef) -> int:
        """Give the handle of a key that came along, unwrapping it if need be.

        Raises:
            KeyGone: the token does not have its key-encryption key.
        """
        live, now = self._live.get(ref), time.monotonic()
        if live is not None and live.until > now:
            self._live.move_to_end(ref)
            return live.handle
        self.forget(ref)
        handle = self._unwrapped(ref)
        self._keep(ref, handle)
        return handle

    def send(self, ref: KeyRef, handle: int, key_type: KeyType, template: KeyTemplate) -> KeyRef:
        """Give the reference of a secret or private key that was made in the session, wrapped for the database.

        The session object must be extractable. It is used up: what stays for use is as extractable as the key.
        """
        calls, session = self._connection.calls, self._connection.session
        try:
            version = self._newest_version()
            blob = calls.wrap(session, self._kwp(), self._kek(version), handle)
            ready = handle if template.extractable else calls.copy(session, handle, NOT_EXTRACTABLE)
        except (CryptokiError, KeyGone):
            calls.destroy(session, handle)
            raise
        if ready != handle:
            calls.destroy(session, handle)
        rights = rights_of(ref.object_class, template)
        sent = self._packed(ref, version, Parcel(key_type, rights, template.extractable, blob))
        self._keep(sent, ready)
        return sent

    def template_of_new(self, template: KeyTemplate, value_bytes: int) -> AttributeArray:
        """Give the template of a secret key that is to be made in the session, and be wrapped and used from there.

        It has no label: where it is unwrapped again, nobody would know it. Of 0 bytes is one whose type says its size.
        """
        nameless = KeyTemplate("", template.rights, extractable=True)
        more: dict[Attribute, Any] = {Attribute.VALUE_LEN: value_bytes} if value_bytes else {}
        return self._cached(ObjectClass.SECRET_KEY, more, nameless)

    def copy(self, ref: KeyRef, handle: int, key_type: KeyType, template: KeyTemplate) -> KeyRef:
        """Give the reference of an extractable key, wrapped for the database; the key itself stays as it is."""
        version = self._newest_version()
        blob = self._connection.calls.wrap(self._connection.session, self._kwp(), self._kek(version), handle)
        rights = rights_of(ref.object_class, template)
        return self._packed(ref, version, Parcel(key_type, rights, template.extractable, blob))

    def unwrapped_as(self, ref: KeyRef, template: AttributeArray) -> int:
        """Give the handle of a new object of this template, with the value of a secret or private key."""
        version, parcel = self.unpacked(ref)
        return self._connection.calls.unwrap(
            self._connection.session, self._kwp(), self._kek(version), parcel.blob, template
        )

    def send_public(self, ref: KeyRef, info: bytes, key_type: KeyType, template: KeyTemplate) -> KeyRef:
        """Give the reference of a public key: its SubjectPublicKeyInfo, and what it may do."""
        rights = rights_of(ref.object_class, template)
        return self._packed(ref, 0, Parcel(key_type, rights, extractable=True, blob=info))

    def rewrap(self, ref: KeyRef) -> KeyRef:
        """Give the reference of a key wrapped by the newest key-encryption key."""
        version, parcel = self.unpacked(ref)
        if version in (0, self._newest_version()):
            return ref
        open_template = KeyTemplate("", parcel.rights, extractable=True)
        handle = self._unwrapped(ref, open_template)
        closed = KeyTemplate("", parcel.rights, parcel.extractable)
        return self.send(ref._replace(wrapped=b""), handle, parcel.key_type, closed)

    def forget(self, ref: KeyRef) -> None:
        """Delete the session object of a key, if there is one."""
        live = self._live.pop(ref, None)
        if live is not None:
            with suppress(CryptokiError):  # it went with its session
                self._connection.calls.destroy(self._connection.session, live.handle)

    def reap(self) -> None:
        """Delete what has been ready for too long: the key may be destroyed, or whoever used it has gone."""
        now = time.monotonic()
        if now < self._reaped + REAP_S:
            return
        self._reaped = now
        over = (ref for ref, live in self._live.items() if live.until <= now)
        for ref in list(islice(over, REAP_AT_ONCE)):
            self.forget(ref)

    def clear(self) -> None:
        """Drop all: their session is gone, and the token's handles may be others."""
        self._live.clear()
        for kek in self._keks.values():
            if isinstance(kek, KeyRef):
                self._copies.forget(kek)
        self._keks.clear()
        self._binding = b""
        self._looked = 0.0

    def _keep(self, ref: KeyRef, handle: int) -> None:
        while len(self._live) >= MAX_LIVE:
            self.forget(next(iter(self._live)))
        self._live[ref] = Live(handle, time.monotonic() + LIFE_S)
        self.made += 1

    def _unwrapped(self, ref: KeyRef, template: KeyTemplate | None = None) -> int:
        version, parcel = self.unpacked(ref)
        template = template or KeyTemplate("", parcel.rights, parcel.extractable)
        if ref.object_class is ObjectClass.PUBLIC_KEY:
            attributes = self._attributes(ref.object_class, template)
            attributes |= public_form(self.profile, parcel.key_type, parcel.blob)
            made: Any = self._connection.work.create_object(attributes)
            return int(made.handle)
        template_of_token = self._cached(ref.object_class, token_key_type(self.profile, parcel.key_type), template)
        return self._connection.calls.unwrap(
            self._connection.session, self._kwp(), self._kek(version), parcel.blob, template_of_token
        )

    def _packed(self, ref: KeyRef, version: int, parcel: Parcel) -> KeyRef:
        """Give a reference with the bytes that the database keeps."""
        prefix, body = version.to_bytes(VERSION_BYTES, "big"), msgspec.msgpack.encode(parcel)
        return ref._replace(wrapped=prefix + self._code(ref, prefix, body) + body)

    def unpacked(self, ref: KeyRef) -> tuple[int, Parcel]:
        """Give what `_packed` took, if it was made here, for a key of this CKA_ID and class.

        Raises:
            GeneralFailure: it was not.
        """
        prefix, code, body = (
            ref.wrapped[:VERSION_BYTES],
            ref.wrapped[VERSION_BYTES:BOUND_BYTES],
            ref.wrapped[BOUND_BYTES:],
        )
        if not hmac.compare_digest(self._code(ref, prefix, body), code):
            raise GeneralFailure("the wrapped key in the database is damaged, or another's")
        return unpack(ref.wrapped)

    def _code(self, ref: KeyRef, prefix: bytes, body: bytes) -> bytes:
        place = bytes((ref.object_class, len(ref.cka_id))) + ref.cka_id
        return hmac.digest(self._binding or self._made_binding(), place + prefix + body, "sha256")[:MAC_BYTES]

    def _made_binding(self) -> bytes:
        """Give the key of these codes, which this process keeps while it is connected.

        Raises:
            KeyGone: the token does not have its storage key.
        """
        storage = self._handles.labelled(STORAGE_KEY_LABEL)
        if storage is None:
            raise KeyGone(f"it holds no key labelled '{STORAGE_KEY_LABEL}'; run `kmip-gateway token init`")
        mechanism = self._mechanisms.pack(Mechanism(CKM_AES_ECB))
        block = self._connection.calls.encrypt(self._connection.session, mechanism, storage, BINDING)
        self._binding = sha256(block).digest()
        return self._binding

    def _cached(self, object_class: ObjectClass, more: dict[Attribute, Any], template: KeyTemplate) -> AttributeArray:
        """Give the template of a secret or private key; thousands of keys have the same few."""
        asked = (object_class, tuple(more.items()), template)
        found = self._templates.get(asked)
        if found is None:
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.clear()
            found = AttributeArray(packed(self._attributes(object_class, template) | more))
            self._templates[asked] = found
        return found

    def _attributes(self, object_class: ObjectClass, template: KeyTemplate) -> dict[Attribute, Any]:
        nameless = KeyRef(object_class, b"")
        false_rights = not self.profile.only_true_rights
        return key_attributes(nameless, template, on_token=False, false_rights=false_rights)

    def _kwp(self) -> int:
        return self._mechanisms.pack(Mechanism(self.profile.kwp))

    def _kek(self, version: int) -> int:
        """Give the handle of a key-encryption key, of its copy where the token reads a key's file for every call."""
        kek = self._keks.get(version)
        if kek is None:
            label = kek_label(version)
            kek = self._handles.labelled_ref(label) or self._handles.labelled(label)
        if kek is None:
            raise KeyGone(f"it holds no key labelled '{kek_label(version)}'; run `kmip-gateway token init`")
        self._keks[version] = kek
        return self._copies.of(kek) if isinstance(kek, KeyRef) else kek

    def _newest_version(self) -> int:
        now = time.monotonic()
        if not self._newest or now - self._looked > LOOK_AGAIN_S:
            self._looked = now
            self._newest = max(self._newest, 1)
            while self._handles.labelled(kek_label(self._newest + 1)) is not None:
                self._newest += 1
        return self._newest


def token_key_type(profile: Profile, key_type: KeyType) -> dict[Attribute, Any]:
    """Give CKA_KEY_TYPE as this token has it.

    A module that makes Curve25519 keys with the Edwards mechanism gives them the Edwards type too (SoftHSM).
    """
    edwards = profile.curve25519[0] == P11Mechanism.EC_EDWARDS_KEY_PAIR_GEN
    if key_type is KeyType.EC_MONTGOMERY and edwards:
        key_type = KeyType.EC_EDWARDS
    return key_type_attributes(key_type)


def public_form(profile: Profile, key_type: KeyType, info: bytes) -> dict[Attribute, Any]:
    """Give the attributes of a public key as this token takes them."""
    form = token_parameters(public_attributes(key_type, info), profile.curve25519[1])
    return {**token_key_type(profile, key_type), **form}
