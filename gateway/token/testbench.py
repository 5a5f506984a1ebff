"""The bench of the self-tests: keys to try a token with, and the calls that try it.

The keys are constants and session objects, gone with the session. A token that takes no private keys from outside and
has no session objects keeps pairs of its own for this, made once.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute
from pkcs11.exceptions import PKCS11Error

from gateway.errors import KmipError
from gateway.token import frames, testkeys
from gateway.token.api import CKA_ID_BYTES, KeyRef, KeyTemplate, KeyType, Mechanism, ObjectClass, Rights
from gateway.token.cryptoki import AttributeArray
from gateway.token.failures import CryptokiError, KeyGone
from gateway.token.leaving import public_info
from gateway.token.making import generate_key_pair
from gateway.token.pkcs11 import Access
from gateway.token.templates import packed

PRIVATE_RIGHTS = {
    KeyType.RSA: (Attribute.SIGN, Attribute.DECRYPT),
    KeyType.EC: (Attribute.SIGN, Attribute.DERIVE),
    KeyType.EC_EDWARDS: (Attribute.SIGN,),
}

KEPT_LABEL = "kmip-gateway self-test"
P256 = bytes.fromhex("06082a8648ce3d030107")
KEPT_OF = {KeyType.RSA: b"", KeyType.EC: P256}  # the curves of the pairs that a token may have to keep

Trial = Callable[["Bench"], bool]


class Bench:
    """Keys and calls for the trials, all on session objects of the worker's session."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._calls = access.calls
        self._private: dict[KeyType, int] = {}
        self._imports: dict[KeyType, bool] = {}

    def passes(self, trial: Trial) -> bool:
        """Say whether the trial gave the right answer; after an error the session is renewed, as it may be stuck."""
        try:
            return trial(self)
        except (CryptokiError, PKCS11Error, KmipError, KeyGone, InvalidSignature, InvalidUnwrap, ValueError):
            self.renew()
            return False

    def renew(self) -> None:
        """Drop all session objects with their session."""
        self._private.clear()
        self.access.connection.renew_session()

    @property
    def session(self) -> int:
        """The session's handle."""
        return self.access.connection.session

    @property
    def work(self) -> Any:
        """The session of python-pkcs11."""
        return self.access.connection.work

    def secret(
        self, value: bytes, rights: Rights, key_type: KeyType = KeyType.AES, *, extractable: bool = False
    ) -> int:
        """Give a secret key's handle."""
        return self.access.session_key(value, rights, key_type, extractable=extractable)

    def made(self, attributes: dict[Attribute, Any]) -> int:
        """Give the handle of a session object of these attributes."""
        return int(self.work.create_object({Attribute.TOKEN: False, Attribute.ID: b"self-test", **attributes}).handle)

    def private(self, key_type: KeyType) -> int:
        """Give the handle of a private key of this type that may do all that one can: see `public`."""
        if key_type not in self._private:
            brought_in = self.imports(key_type)
            self._private[key_type] = (
                self.made_private(key_type) if brought_in else self.handle(self.kept(KEPT_OF[key_type]))
            )
        return self._private[key_type]

    def public(self, key_type: KeyType) -> Any:
        """Give its public key: that of the constant key, or of a key on the token where none can be brought in."""
        if self.imports(key_type):
            return testkeys.KEYS[key_type]().public_key()
        return self.kept_public(KEPT_OF[key_type])

    def kept_public(self, curve: bytes) -> Any:
        """Give the public half of a kept pair."""
        ref = KeyRef(ObjectClass.PUBLIC_KEY, self.kept(curve).cka_id)
        return load_der_public_key(public_info(self.access, self.handle(ref)))

    def handle(self, ref: KeyRef) -> int:
        """Give the handle of a key on the token."""
        return self.access.handles.of(ref)

    def imports(self, key_type: KeyType) -> bool:
        """Say whether the token takes private keys of this type from outside."""
        if key_type not in self._imports:
            brought_in = self.passes(lambda bench: bool(bench.made_private(key_type)))
            self._imports[key_type] = brought_in or key_type not in KEPT_OF
        return self._imports[key_type]

    def kept(self, curve: bytes) -> KeyRef:
        """Give the self-test's own private key on this curve, b"" for RSA, made on the token by the first test of all.

        Only for a token that has neither session objects nor keys from outside. A TPM takes seconds to make one, so it
        stays there; the gateway never gives it to a client.
        """
        ref = KeyRef(ObjectClass.PRIVATE_KEY, hashlib.sha256(KEPT_LABEL.encode() + curve).digest()[:CKA_ID_BYTES])
        if self.access.handles.get(ref) is None:
            key_type, bits = (KeyType.EC, 0) if curve else (KeyType.RSA, 2048)
            private, public = Rights.SIGN | (Rights(0) if curve else Rights.DECRYPT), Rights.VERIFY
            templates = (KeyTemplate(KEPT_LABEL, rights, extractable=False) for rights in (private, public))
            generate_key_pair(self.access, frames.GenerateKeyPair(0, ref.cka_id, key_type, bits, curve, *templates))
        return ref

    def made_private(self, key_type: KeyType, *, extractable: bool = False) -> int:
        """Give the handle of a new copy of the constant private key."""
        attributes: dict[Attribute, Any] = {
            Attribute.CLASS: 3,
            Attribute.KEY_TYPE: int(key_type),
            Attribute.SENSITIVE: True,
            Attribute.PRIVATE: True,
            Attribute.EXTRACTABLE: extractable,
            **dict.fromkeys(PRIVATE_RIGHTS[key_type], True),
            **testkeys.private_attributes(key_type),
        }
        return self.made(attributes)

    def mechanism(self, mechanism: Mechanism) -> int:
        """Give the address of a packed mechanism, valid for one call."""
        return self.access.pack(mechanism)

    def encrypt(self, key: int, mechanism: Mechanism, data: bytes) -> bytes:
        """Encrypt on the token."""
        return self._calls.encrypt(self.session, self.mechanism(mechanism), key, data)

    def decrypt(self, key: int, mechanism: Mechanism, data: bytes) -> bytes:
        """Decrypt on the token."""
        return self._calls.decrypt(self.session, self.mechanism(mechanism), key, data)

    def sign(self, key: int, mechanism: Mechanism, data: bytes) -> bytes:
        """Sign or MAC on the token."""
        return self._calls.sign(self.session, self.mechanism(mechanism), key, data)

    def wrap(self, key: int, mechanism: Mechanism, target: int) -> bytes:
        """Wrap on the token."""
        return self._calls.wrap(self.session, self.mechanism(mechanism), key, target)

    def unwrapped(self, key: int, mechanism: Mechanism, blob: bytes, template: AttributeArray | None = None) -> int:
        """Unwrap a key on the token, a generic secret unless the template says more, and give its handle."""
        attributes = {Attribute.CLASS: 4, Attribute.KEY_TYPE: int(KeyType.GENERIC_SECRET), Attribute.TOKEN: False}
        open_ = {**attributes, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: True}
        template = template or AttributeArray(packed(open_))
        return self._calls.unwrap(self.session, self.mechanism(mechanism), key, blob, template)

    def derived(self, key: int, mechanism: Mechanism, size: int) -> bytes:
        """Derive a generic secret on the token and give its value, which may be read."""
        attributes = {
            Attribute.CLASS: 4,
            Attribute.KEY_TYPE: int(KeyType.GENERIC_SECRET),
            Attribute.TOKEN: False,
            Attribute.SENSITIVE: False,
            Attribute.EXTRACTABLE: True,
            Attribute.VALUE_LEN: size,
        }
        template = AttributeArray(packed(attributes))
        handle = self._calls.derive(self.session, self.mechanism(mechanism), key, template)
        return self._calls.attribute(self.session, handle, Attribute.VALUE)

    def attribute(self, handle: int, kind: Attribute) -> bytes:
        """Read an attribute."""
        return self._calls.attribute(self.session, handle, kind)
