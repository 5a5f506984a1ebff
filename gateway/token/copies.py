"""Session copies of the keys in use, for a token that reads a key's file for every call.

A copy is an object of the same token with the same attributes, sensitive and not extractable where the key is; it lives
no longer than COPY_LIFE_S, so that a key which another application deletes is soon unusable here too. What the gateway
itself destroys, its database refuses before any worker is asked.
"""

import time
from typing import NamedTuple

from pkcs11 import Attribute

from gateway.token.api import KeyRef
from gateway.token.connection import Connection
from gateway.token.cryptoki import AttributeArray
from gateway.token.failures import CryptokiError
from gateway.token.handles import Handles
from gateway.token.templates import packed

IN_SESSION = AttributeArray(packed({Attribute.TOKEN: False}))
COPY_LIFE_S = 5.0
# A key is copied when it is used for the third time; a copy costs as much as four uses.
USES_BEFORE_COPY = 3
MAX_KEYS = 4096


class Copy(NamedTuple):
    """The handle to use and until when; the handle of the token's own object where it could not be copied."""

    handle: int
    until: float
    is_copy: bool


class Copies:
    """Gives the handle under which a key is used; `made` counts the session objects."""

    def __init__(self, connection: Connection, handles: Handles) -> None:
        self._connection = connection
        self._handles = handles
        self._wanted = connection.quirk.copy_for_use
        self._copies: dict[KeyRef, Copy] = {}
        self._uses: dict[KeyRef, int] = {}
        self.made = 0

    def of(self, ref: KeyRef) -> int:
        """Give a key's handle for use.

        Raises:
            KeyGone: the token holds no such key.
        """
        copy = self._copies.get(ref)
        if copy is not None:
            if copy.until > time.monotonic():
                return copy.handle
            self.forget(ref)
        handle = self._handles.of(ref)
        if not self._wanted or ref.wrapped:
            return handle
        uses = self._uses[ref] = self._uses.get(ref, 0) + 1
        return handle if uses < USES_BEFORE_COPY else self._copied(ref, handle)

    def _copied(self, ref: KeyRef, handle: int) -> int:
        if len(self._copies) >= MAX_KEYS:
            self.forget(next(iter(self._copies)))
        connection = self._connection
        try:
            copy, is_copy = connection.calls.copy(connection.session, handle, IN_SESSION), True
        except CryptokiError:  # CKA_COPYABLE may be false; the key itself will do, or tell what is wrong with it
            copy, is_copy = handle, False
        self.made += is_copy
        self._copies[ref] = Copy(copy, time.monotonic() + COPY_LIFE_S, is_copy)
        return copy

    def forget(self, ref: KeyRef) -> None:
        """Delete the copy of a key, if there is one."""
        self._uses.pop(ref, None)
        copy = self._copies.pop(ref, None)
        if copy is not None and copy.is_copy:
            try:
                self._connection.calls.destroy(self._connection.session, copy.handle)
            except CryptokiError:
                return  # it went with its session

    def clear(self) -> None:
        """Drop all: their session is gone."""
        self._copies.clear()
        self._uses.clear()
