"""The verbs of the worker protocol carried out on one token, and every failure turned into a reply.

The rule of the room: a request is tried a second time only when the token said that it did not start on the first
(a dead handle, a lost login, a lost session); anything else is told at once. One thread, one request at a time.
"""

import os
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding
from pkcs11 import Attribute
from pkcs11 import KeyType as P11KeyType
from pkcs11 import Mechanism as P11Mechanism
from pkcs11.constants import DEFAULT, MechanismFlag
from pkcs11.exceptions import PKCS11Error

from gateway.errors import (
    ConfigurationError,
    CryptographicFailure,
    FeatureNotSupported,
    InvalidField,
    KmipError,
    NotExtractable,
    UnsupportedCryptographicParameters,
)
from gateway.token import frames, keyforms
from gateway.token.api import (
    STORAGE_KEY_LABEL,
    Attributes,
    KeyRef,
    KeyTemplate,
    KeyType,
    Mechanism,
    ObjectClass,
    Profile,
    Rights,
    TokenInfo,
)
from gateway.token.connection import Connection, PinRefused
from gateway.token.cryptoki import AttributeArray
from gateway.token.failures import CryptokiError, Failure, KeyGone, Recovery, failure_of
from gateway.token.frames import Done, Failed, FailureCode
from gateway.token.handles import Handles
from gateway.token.parameters import MechanismPacker
from gateway.token.templates import RIGHT_ATTRIBUTES, key_attributes, key_type_attributes, packed

CKM_AES_GCM = 0x1087
NO_RIGHTS = MechanismFlag(0)  # every right is in the template
SEAL_IV_BYTES = 12
SEAL_TAG_BITS = 128
TRANSPORT_KEY_BYTES = 32
EXPORTS_A_TRANSPORT_KEY = 10_000
MAX_SECRET_BITS = 1 << 16
MAX_RSA_BITS = 8192
MAX_RANDOM_BYTES = 1 << 20
GENERATED_BITS_SAID = (KeyType.AES, KeyType.GENERIC_SECRET)
CODES = {error: code for code, error in frames.ERRORS.items()}

# What `attributes` gives, and how to read it.
READABLE: dict[str, tuple[Attribute, Callable[[bytes], bool | int | str]]] = {
    "key_type": (Attribute.KEY_TYPE, lambda value: int.from_bytes(value, "little")),
    "label": (Attribute.LABEL, lambda value: value.decode("utf-8", "replace")),
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
# A general error from these means bad data, as long as the token still answers.
ON_DATA = (
    frames.Encrypt,
    frames.Decrypt,
    frames.Sign,
    frames.Verify,
    frames.Unwrap,
    frames.Open,
    frames.Derive,
    frames.UnwrapData,
)


class Access:
    """One token as one worker sees it. `stopping` is set when the worker must end after its replies are out."""

    def __init__(self, connection: Connection, profile: Profile | None = None) -> None:
        self.connection = connection
        self.calls = connection.calls
        self.profile = profile or Profile()
        self.handles = Handles(connection)
        self.stopping: Recovery | None = None
        self.session_objects = 0
        self._mechanisms = MechanismPacker()
        self._storage_key: int | None = None
        self._transport_key: tuple[int, bytes] | None = None
        self._exports_left = 0

    def pack(self, mechanism: Mechanism) -> int:
        """Give the address of a CK_MECHANISM, valid until the next one is packed."""
        return self._mechanisms.pack(mechanism)

    @property
    def info(self) -> TokenInfo:
        """How the token names itself."""
        return self.connection.info

    def answer(self, request: frames.Request) -> frames.Reply:
        """Carry out one request; every failure is a reply."""
        try:
            return Done(request.id, self._twice_at_most(request))
        except KmipError as error:
            return Failed(request.id, CODES.get(type(error), FailureCode.GENERAL), error.message)
        except KeyGone as error:
            return self._key_gone(request, error)
        except ConfigurationError as error:  # a PIN source that cannot be read any more, or a PIN that is refused
            self.stopping = Recovery.STOP_PIN if isinstance(error, PinRefused) else Recovery.STOP
            return Failed(request.id, FailureCode.DOWN, "The token does not let the gateway in.")
        except (CryptokiError, PKCS11Error) as error:
            return self._told(request, failure_of(error))
        except (ValueError, OverflowError, LookupError) as error:
            # Something that the C layer cannot take: the request's fault, and no reason for the worker to end, since
            # the front end would only send it to the next one.
            return Failed(request.id, FailureCode.GENERAL, detail=f"{type(request).__name__}: {type(error).__name__}")

    def _twice_at_most(self, request: frames.Request) -> frames.Result:
        verb = VERBS[type(request)]
        try:
            return verb(self, request)
        except (CryptokiError, PKCS11Error) as error:
            if not self._recovered(request, failure_of(error).recovery):
                raise
        return verb(self, request)

    def _recovered(self, request: frames.Request, recovery: Recovery) -> bool:
        """Do what the failure asks for; True when the request may be tried again."""
        if recovery is Recovery.FIND_AGAIN:
            self._forget_handles(request)
        elif recovery is Recovery.NEW_SESSION:
            self._renew_session()
        elif recovery is Recovery.LOGIN:
            self.connection.log_in_again()
            self._forget_all()
        else:
            return False
        return True

    def _told(self, request: frames.Request, failure: Failure) -> Failed:
        """Give the reply for a failure that stays, after leaving behind what is not to be trusted."""
        code = failure.code
        if failure.recovery is Recovery.PROBE:
            code = self._probed(request)
        elif failure.recovery is Recovery.DISCARD:
            self._renew_session()
        if code is FailureCode.DOWN and self.stopping is None:
            self.stopping = Recovery.STOP_PIN if failure.recovery is Recovery.STOP_PIN else Recovery.STOP
        return Failed(request.id, code, detail=f"{type(request).__name__}: {failure.name}")

    def _key_gone(self, request: frames.Request, error: KeyGone) -> Failed:
        # SoftHSM whose folder is gone finds no objects and calls that success.
        if self.connection.answers():
            return Failed(request.id, FailureCode.GENERAL, "The token has lost the key.", str(error))
        self.stopping = Recovery.STOP
        return Failed(request.id, FailureCode.DOWN, detail=str(error))

    def _probed(self, request: frames.Request) -> FailureCode:
        # SoftHSM says GeneralError for a wrong tag, for wrong padding and for a token whose folder is gone.
        if not self.connection.answers():
            self.stopping = Recovery.STOP
            return FailureCode.DOWN
        self._renew_session()
        return FailureCode.CRYPTOGRAPHIC if isinstance(request, ON_DATA) else FailureCode.GENERAL

    def _renew_session(self) -> None:
        """Leave the session; its session objects go with it."""
        try:
            self.connection.renew_session()
        except (CryptokiError, PKCS11Error):
            self.stopping = Recovery.STOP
        self._transport_key = None

    def _forget_all(self) -> None:
        self.handles.clear()
        self._storage_key = self._transport_key = None

    def _forget_handles(self, request: frames.Request) -> None:
        for field in ("ref", "wrapping", "target", "unwrapping"):
            ref = getattr(request, field, None)
            if ref is not None:
                self.handles.forget(ref)
        self._storage_key = self._transport_key = None

    # --- keys are made

    def generate_key(self, request: frames.GenerateKey) -> None:
        _check_bits(request.bits, MAX_SECRET_BITS)
        template = self._template(request.ref, request.template)
        key_type = _library_key_type(request.key_type)
        bits = request.bits if request.key_type in GENERATED_BITS_SAID else None
        with self.connection.writing():
            key = self.connection.work.generate_key(key_type, bits, capabilities=NO_RIGHTS, template=template)
        self.handles.learn(request.ref, _handle(key))

    def generate_key_pair(self, request: frames.GenerateKeyPair) -> bytes:
        private = KeyRef(ObjectClass.PRIVATE_KEY, request.cka_id)
        public = KeyRef(ObjectClass.PUBLIC_KEY, request.cka_id)
        templates = {
            "private_template": self._template(private, request.private),
            "public_template": self._template(public, request.public),
        }
        with self.connection.writing():
            public_key, private_key = self._generate_pair(request, templates)
        self.handles.learn(private, _handle(private_key))
        self.handles.learn(public, _handle(public_key))
        return self._public_info(_handle(public_key))

    def _generate_pair(self, request: frames.GenerateKeyPair, templates: dict[str, Any]) -> tuple[Any, Any]:
        session = self.connection.work
        if request.key_type is KeyType.RSA:
            _check_bits(request.bits, MAX_RSA_BITS)
            return session.generate_keypair(P11KeyType.RSA, request.bits, capabilities=NO_RIGHTS, **templates)
        key_type, mechanism, curve = request.key_type, P11Mechanism.EC_KEY_PAIR_GEN, request.curve_oid
        if key_type is KeyType.EC_EDWARDS:
            mechanism = P11Mechanism.EC_EDWARDS_KEY_PAIR_GEN
        elif key_type is KeyType.EC_MONTGOMERY:
            number, curve = self.profile.curve25519
            if not number or request.curve_oid != keyforms.OID_OF["X25519"]:
                raise FeatureNotSupported("the token has no key pairs on this curve")
            mechanism = P11Mechanism(number)
        parameters = session.create_domain_parameters(P11KeyType.EC, {Attribute.EC_PARAMS: curve}, local=True)
        return parameters.generate_keypair(mechanism=mechanism, capabilities=NO_RIGHTS, **templates)

    def import_key(self, request: frames.ImportKey) -> None:
        attributes = self._key_attributes(request.ref, request.template, on_token=True)
        attributes |= self._material(request)
        with self.connection.writing():
            key = self.connection.work.create_object(attributes)
        self.handles.learn(request.ref, _handle(key))

    def _material(self, request: frames.ImportKey) -> dict[Attribute, Any]:
        if request.ref.object_class is ObjectClass.SECRET_KEY:
            return {**key_type_attributes(request.key_type), Attribute.VALUE: request.material}
        if request.ref.object_class is ObjectClass.PRIVATE_KEY:
            form = keyforms.private_attributes(request.key_type, request.material)
        else:
            form = keyforms.public_attributes(request.key_type, request.material)
        form = keyforms.token_parameters(form, self.profile.curve25519[1])
        return {**self._asymmetric_type(request.key_type), **form}

    def _asymmetric_type(self, key_type: KeyType) -> dict[Attribute, Any]:
        # A module that makes Curve25519 keys with the Edwards mechanism gives them the Edwards type too (SoftHSM).
        edwards = self.profile.curve25519[0] == P11Mechanism.EC_EDWARDS_KEY_PAIR_GEN
        if key_type is KeyType.EC_MONTGOMERY and edwards:
            key_type = KeyType.EC_EDWARDS
        return key_type_attributes(key_type)

    def unwrap(self, request: frames.Unwrap) -> None:
        attributes = self._key_attributes(request.ref, request.template, on_token=True)
        attributes |= key_type_attributes(request.key_type)
        key = self.handles.of(request.unwrapping)
        mechanism = self.pack(request.mechanism)
        with self.connection.writing():
            handle = self.calls.unwrap(
                self.connection.session, mechanism, key, request.blob, AttributeArray(packed(attributes))
            )
        self.handles.learn(request.ref, handle)

    def derive(self, request: frames.Derive) -> None:
        _check_bits(request.bits, MAX_SECRET_BITS)
        attributes = self._key_attributes(request.new, request.template, on_token=True)
        attributes |= key_type_attributes(request.key_type)
        if request.key_type in GENERATED_BITS_SAID:
            attributes[Attribute.VALUE_LEN] = request.bits // 8
        key = self.handles.of(request.ref)
        mechanism = self.pack(request.mechanism)
        with self.connection.writing():
            handle = self.calls.derive(self.connection.session, mechanism, key, AttributeArray(packed(attributes)))
        self.handles.learn(request.new, handle)

    def _key_attributes(self, ref: KeyRef, template: KeyTemplate, *, on_token: bool) -> dict[Attribute, Any]:
        return key_attributes(ref, template, on_token=on_token, false_rights=not self.connection.quirk.only_true_rights)

    def _template(self, ref: KeyRef, template: KeyTemplate) -> dict[Attribute, Any]:
        """Give the template for python-pkcs11, which adds every right as False unless told to leave it out."""
        attributes = self._key_attributes(ref, template, on_token=True)
        return {**{attribute: DEFAULT for attribute in RIGHT_ATTRIBUTES.values()}, **attributes}

    # --- keys leave, and go

    def export_key(self, request: frames.ExportKey) -> bytes:
        handle = self.handles.of(request.ref)
        if request.ref.object_class is ObjectClass.PUBLIC_KEY:
            return self._public_info(handle)
        if not self.profile.kwp:
            raise FeatureNotSupported("the token cannot wrap keys as RFC 5649 says")
        if not self.profile.refuses_unextractable_wrap and not self._flag(handle, Attribute.EXTRACTABLE):
            raise NotExtractable
        return self._out(request.ref.object_class, handle)

    def _out(self, object_class: ObjectClass, handle: int) -> bytes:
        """Give the value of a secret or private key, which leaves the module wrapped under the transport key."""
        transport, value = self._transport()
        mechanism = self.pack(Mechanism(self.profile.kwp))
        wrapped = self.calls.wrap(self.connection.session, mechanism, transport, handle)
        try:
            material = aes_key_unwrap_with_padding(value, wrapped)
        except InvalidUnwrap:
            raise CryptographicFailure("the token wrapped the key wrongly") from None
        return material if self.profile.kwp_any_length else self._without_filling(object_class, handle, material)

    def _without_filling(self, object_class: ObjectClass, handle: int, material: bytes) -> bytes:
        """Take off the zeros with which a token filled the key's last block of eight bytes before wrapping it."""
        if material[-1]:  # ends in no zero, so nothing was filled: 255 keys of 256, and no call to the token
            return material
        if object_class is ObjectClass.PRIVATE_KEY:
            return keyforms.first_element(material)
        try:
            size = self.calls.attribute(self.connection.session, handle, Attribute.VALUE_LEN)
        except CryptokiError as error:
            if failure_of(error).code is FailureCode.BAD_FIELD:  # DES keys have none, and are whole blocks
                return material
            raise
        return material[: int.from_bytes(size, "little")]

    def _transport(self) -> tuple[int, bytes]:
        """Give the transport key's handle and value; a new one after so many exports."""
        if self._transport_key is None or self._exports_left <= 0:
            old, self._transport_key = self._transport_key, None
            if old is not None:
                self.calls.destroy(self.connection.session, old[0])
            value = os.urandom(TRANSPORT_KEY_BYTES)
            self._transport_key = (self.session_key(value, Rights.WRAP), value)
            self._exports_left = EXPORTS_A_TRANSPORT_KEY
        self._exports_left -= 1
        return self._transport_key

    def session_key(
        self, value: bytes, rights: Rights, key_type: KeyType = KeyType.AES, *, extractable: bool = False
    ) -> int:
        """Give the handle of a secret key that ends with the session."""
        ref = KeyRef(ObjectClass.SECRET_KEY, b"")
        attributes = self._key_attributes(ref, KeyTemplate("", rights, extractable), on_token=False)
        attributes |= {**key_type_attributes(key_type), Attribute.VALUE: value}
        self.session_objects += 1
        return _handle(self.connection.work.create_object(attributes))

    def wrap(self, request: frames.Wrap) -> bytes:
        wrapping, target = self.handles.of(request.wrapping), self.handles.of(request.target)
        mechanism = self.pack(request.mechanism)
        return self.calls.wrap(self.connection.session, mechanism, wrapping, target)

    def wrap_data(self, request: frames.WrapData) -> bytes:
        wrapping = self.handles.of(request.wrapping)
        mechanism = self.pack(request.mechanism)
        handle = self.session_key(request.data, Rights(0), KeyType.GENERIC_SECRET, extractable=True)
        try:
            return self.calls.wrap(self.connection.session, mechanism, wrapping, handle)
        finally:
            self.calls.destroy(self.connection.session, handle)

    def unwrap_data(self, request: frames.UnwrapData) -> bytes:
        if not self.profile.kwp:
            raise FeatureNotSupported("the token cannot wrap keys as RFC 5649 says")
        key, mechanism = self.handles.of(request.unwrapping), self.pack(request.mechanism)
        ref, template = KeyRef(ObjectClass.SECRET_KEY, b""), KeyTemplate("", Rights(0), extractable=True)
        attributes = self._key_attributes(ref, template, on_token=False)
        attributes |= key_type_attributes(KeyType.GENERIC_SECRET)
        self.session_objects += 1
        packed_attributes = AttributeArray(packed(attributes))
        handle = self.calls.unwrap(self.connection.session, mechanism, key, request.blob, packed_attributes)
        try:
            return self._out(ObjectClass.SECRET_KEY, handle)
        finally:
            self.calls.destroy(self.connection.session, handle)

    def destroy(self, request: frames.Destroy) -> bool:
        with self.connection.writing():
            handle = self.handles.get(request.ref)
            if handle is None:
                return False
            self.calls.destroy(self.connection.session, handle)
        self.handles.forget(request.ref)
        return True

    # --- keys are used

    def encrypt(self, request: frames.Encrypt) -> bytes:
        handle = self.handles.of(request.ref)
        return self.calls.encrypt(self.connection.session, self.pack(request.mechanism), handle, request.data)

    def decrypt(self, request: frames.Decrypt) -> bytes:
        handle = self.handles.of(request.ref)
        return self.calls.decrypt(self.connection.session, self.pack(request.mechanism), handle, request.data)

    def sign(self, request: frames.Sign) -> bytes:
        handle = self.handles.of(request.ref)
        return self.calls.sign(self.connection.session, self.pack(request.mechanism), handle, request.data)

    def verify(self, request: frames.Verify) -> bool:
        handle = self.handles.of(request.ref)
        mechanism = self.pack(request.mechanism)
        return self.calls.verify(self.connection.session, mechanism, handle, request.data, request.signature)

    def seal(self, request: frames.Seal) -> bytes:
        iv = os.urandom(SEAL_IV_BYTES)
        mechanism = Mechanism(CKM_AES_GCM, iv=iv, aad=request.aad, tag_bits=SEAL_TAG_BITS)
        handle, packed_mechanism = self._storage(), self.pack(mechanism)
        return iv + self.calls.encrypt(self.connection.session, packed_mechanism, handle, request.data)

    def open(self, request: frames.Open) -> bytes:
        iv, sealed = request.blob[:SEAL_IV_BYTES], request.blob[SEAL_IV_BYTES:]
        mechanism = Mechanism(CKM_AES_GCM, iv=iv, aad=request.aad, tag_bits=SEAL_TAG_BITS)
        handle, packed_mechanism = self._storage(), self.pack(mechanism)
        return self.calls.decrypt(self.connection.session, packed_mechanism, handle, sealed)

    def _storage(self) -> int:
        if self._storage_key is None:
            self._storage_key = self.handles.labelled(STORAGE_KEY_LABEL)
        if self._storage_key is None:
            raise KeyGone(f"it holds no key labelled '{STORAGE_KEY_LABEL}'; run `kmip-gateway token init`")
        return self._storage_key

    # --- no key at all, or what is known of one

    def ping(self, request: frames.Ping) -> None:
        return None

    def find(self, request: frames.Find) -> list[KeyRef]:
        return self.handles.present(request.cka_ids)

    def digest(self, request: frames.Digest) -> bytes:
        try:
            mechanism = P11Mechanism(request.ckm)
        except ValueError:
            raise UnsupportedCryptographicParameters from None
        return bytes(self.connection.work.digest(request.data, mechanism=mechanism))

    def digest_key(self, request: frames.DigestKey) -> bytes:
        handle = self.handles.of(request.ref)
        return self.calls.digest_key(self.connection.session, self.pack(Mechanism(request.ckm)), handle)

    def random(self, request: frames.Random) -> bytes:
        if not 0 <= request.n <= MAX_RANDOM_BYTES:
            raise InvalidField(f"at most {MAX_RANDOM_BYTES} random bytes at a time")
        return self.connection.work.generate_random(8 * request.n) if request.n else b""

    def seed(self, request: frames.Seed) -> None:
        self.connection.work.seed_random(request.data)

    def token_info(self, request: frames.Info) -> Attributes:
        info = self.info
        return {name: getattr(info, name) for name in info.__struct_fields__}

    def attributes(self, request: frames.ReadAttributes) -> Attributes:
        handle = self.handles.of(request.ref)
        known: Attributes = {}
        for name, (kind, read) in READABLE.items():
            try:
                known[name] = read(self.calls.attribute(self.connection.session, handle, kind))
            except CryptokiError as error:
                if failure_of(error).code is not FailureCode.BAD_FIELD:
                    raise
        return known

    def _flag(self, handle: int, kind: Attribute) -> bool:
        return self.calls.attribute(self.connection.session, handle, kind) not in (b"", b"\0")

    def _public_info(self, handle: int) -> bytes:
        def read(kind: Attribute) -> bytes:
            return self.calls.attribute(self.connection.session, handle, kind)

        if int.from_bytes(read(Attribute.KEY_TYPE), "little") == KeyType.RSA:
            return keyforms.rsa_public(read(Attribute.MODULUS), read(Attribute.PUBLIC_EXPONENT))
        return keyforms.ec_public(read(Attribute.EC_PARAMS), read(Attribute.EC_POINT))


def _handle(made: Any) -> int:
    # Public in the Cython class, absent or optional in its stubs.
    return int(made.handle)


def _check_bits(bits: int, limit: int) -> None:
    # A module takes any length at its word, and would look for primes, or for memory, until it is killed.
    if bits < 0 or bits > limit or bits % 8:
        raise InvalidField(f"a key cannot be {bits} bits long here")


def _library_key_type(key_type: KeyType) -> P11KeyType:
    try:
        return P11KeyType(key_type)
    except ValueError:
        raise FeatureNotSupported(f"keys of type {key_type.name} cannot be generated") from None


VERBS: dict[type[frames.Frame], Callable[[Access, Any], frames.Result]] = {
    frames.Ping: Access.ping,
    frames.Find: Access.find,
    frames.GenerateKey: Access.generate_key,
    frames.GenerateKeyPair: Access.generate_key_pair,
    frames.ImportKey: Access.import_key,
    frames.ExportKey: Access.export_key,
    frames.Wrap: Access.wrap,
    frames.Unwrap: Access.unwrap,
    frames.Encrypt: Access.encrypt,
    frames.Decrypt: Access.decrypt,
    frames.Sign: Access.sign,
    frames.Verify: Access.verify,
    frames.Derive: Access.derive,
    frames.Digest: Access.digest,
    frames.Random: Access.random,
    frames.Seed: Access.seed,
    frames.Destroy: Access.destroy,
    frames.ReadAttributes: Access.attributes,
    frames.Seal: Access.seal,
    frames.Open: Access.open,
    frames.Info: Access.token_info,
    frames.WrapData: Access.wrap_data,
    frames.UnwrapData: Access.unwrap_data,
    frames.DigestKey: Access.digest_key,
}
