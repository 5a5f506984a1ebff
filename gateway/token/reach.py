"""What every verb has in hand on one token: the connection, the handles, the gateway's own keys.

The verbs themselves are functions of a Reach and a request, in `making`, `leaving` and `using`.
"""

import os
from typing import Any

from pkcs11 import Attribute

from gateway.token.api import (
    STORAGE_KEY_LABEL,
    KeyRef,
    KeyTemplate,
    KeyType,
    Mechanism,
    ObjectClass,
    Profile,
    Receiver,
    Rights,
)
from gateway.token.connection import Connection
from gateway.token.copies import Copies
from gateway.token.failures import KeyGone
from gateway.token.handles import Handles
from gateway.token.parameters import MechanismPacker
from gateway.token.parcels import Parcels
from gateway.token.streams import Streams
from gateway.token.templates import key_attributes, key_type_attributes

TRANSPORT_KEY_BYTES = 32
EXPORTS_A_TRANSPORT_KEY = 10_000


class Reach:
    """One token as one worker reaches it; no failure is translated here."""

    def __init__(self, connection: Connection, profile: Profile | None = None) -> None:
        self.connection = connection
        self.calls = connection.calls
        self.handles = Handles(connection)
        self.copies = Copies(connection, self.handles)
        self.parcels = Parcels(connection, self.handles, self.copies)
        self.profile = profile or Profile()
        self.streams = Streams()
        self._session_objects = 0
        self._mechanisms = MechanismPacker()
        self._storage_key: int | None = None
        self._transport_key: tuple[int, bytes] | None = None
        self._exports_left = 0
        self.receiver: tuple[Receiver, int] | None = None  # the one-time key that other tokens send to, and its handle

    @property
    def profile(self) -> Profile:
        """What works on this token."""
        return self._profile

    @profile.setter
    def profile(self, profile: Profile) -> None:
        """Say what works, once it has been tried."""
        self._profile = self.parcels.profile = profile

    @property
    def keeps_by_copy(self) -> bool:
        """Whether keys are made in the session and then copied onto the token."""
        return self.connection.quirk.keep_by_copy

    @property
    def session_objects(self) -> int:
        """How many session objects were made: a module may leak some bytes with each."""
        return self._session_objects + self.copies.made + self.parcels.made

    def count_session_object(self) -> None:
        """Note that one was made."""
        self._session_objects += 1

    def wear_out(self) -> None:
        """Have the module begin anew, in this worker or another, as soon as this one has answered."""
        self._session_objects += self.connection.quirk.recycle_after

    def wear_off(self) -> None:
        """Note that the module has lost all session objects and begins to leak from nothing."""
        self._session_objects = self.copies.made = self.parcels.made = 0
        self.streams = Streams()  # their sessions went too

    def pack(self, mechanism: Mechanism) -> int:
        """Give the address of a CK_MECHANISM, valid until the next one is packed."""
        return self._mechanisms.pack(mechanism)

    def key_attributes(self, ref: KeyRef, template: KeyTemplate, *, on_token: bool) -> dict[Attribute, Any]:
        """Give the attributes of a new key, as `templates` makes them and as this token wants them."""
        return key_attributes(ref, template, on_token=on_token, false_rights=not self.profile.only_true_rights)

    def session_key(
        self, value: bytes, rights: Rights, key_type: KeyType = KeyType.AES, *, extractable: bool = False
    ) -> int:
        """Give the handle of a secret key that ends with the session."""
        ref = KeyRef(ObjectClass.SECRET_KEY, b"")
        attributes = self.key_attributes(ref, KeyTemplate("", rights, extractable), on_token=False)
        attributes |= {**key_type_attributes(key_type), Attribute.VALUE: value}
        self.count_session_object()
        return handle_of(self.connection.work.create_object(attributes))

    def transport(self) -> tuple[int, bytes]:
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

    def storage(self) -> int:
        """Give the handle of the storage key; raises KeyGone when the token was not set up."""
        if self._storage_key is None:
            self._storage_key = self.handles.labelled(STORAGE_KEY_LABEL)
        if self._storage_key is None:
            raise KeyGone(f"it holds no key labelled '{STORAGE_KEY_LABEL}'; run `kmip-gateway token init`")
        return self._storage_key

    def flag(self, handle: int, kind: Attribute) -> bool:
        """Read an attribute that is true or false."""
        return self.calls.attribute(self.connection.session, handle, kind) not in (b"", b"\0")

    def forget_own_keys(self) -> None:
        """Drop the handles of the transport, storage and one-time keys, which may be dead."""
        self._storage_key = self._transport_key = self.receiver = None


def handle_of(made: Any) -> int:
    """Give the handle of an object of python-pkcs11: public in the Cython class, absent or optional in its stubs."""
    return int(made.handle)
