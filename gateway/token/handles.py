"""A worker's private map from (class, CKA_ID) to object handle, so that no request pays for a search.

SoftHSM searches in 17 µs for each object on the token. The map is filled once at the start, kept up by what this
worker makes and destroys, and the token is searched again only for a key that another process made since.
"""

from collections.abc import Callable

from pkcs11 import Attribute

from gateway.token.api import KeyRef, ObjectClass
from gateway.token.connection import Connection
from gateway.token.cryptoki import AttributeArray
from gateway.token.failures import CryptokiError, KeyGone, Recovery, failure_of
from gateway.token.templates import packed

ON_TOKEN = AttributeArray(packed({Attribute.TOKEN: True}))
NOT_YET = AttributeArray(packed({Attribute.TOKEN: False}))
KEY_CLASSES = frozenset(ObjectClass)


class Handles:
    """The map; handles in it may be dead, and `forget` drops those that turned out to be."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._map: dict[KeyRef, int] = {}
        self.coming_along: Callable[[KeyRef], int] = self._unknown  # for keys that are not on the token
        connection.behind = self.enumerate

    def __len__(self) -> int:
        return len(self._map)

    def of(self, ref: KeyRef) -> int:
        """Give the handle of a key.

        Raises:
            KeyGone: there is none with this class and CKA_ID on the token.
        """
        handle = self._map.get(ref)
        if handle is not None:
            return handle
        if ref.wrapped:
            return self.coming_along(ref)
        self.enumerate()
        if ref not in self._map:
            raise KeyGone(f"it holds no {ref.object_class.name} with CKA_ID {ref.cka_id.hex()}")
        return self._map[ref]

    def _unknown(self, ref: KeyRef) -> int:
        raise KeyGone(f"{ref.object_class.name} {ref.cka_id.hex()} is not on it")

    def get(self, ref: KeyRef) -> int | None:
        """Give the handle of a key, None when the token holds none."""
        try:
            return self.of(ref)
        except KeyGone:
            return None

    def learn(self, ref: KeyRef, handle: int) -> None:
        """Note a key that was just made."""
        self._map[ref] = handle

    def forget(self, ref: KeyRef) -> None:
        """Drop a handle that is dead or was destroyed."""
        self._map.pop(ref, None)

    def clear(self) -> None:
        """Drop all, as after a new login."""
        self._map.clear()

    def present(self, cka_ids: list[bytes]) -> list[KeyRef]:
        """Give the keys that carry one of the CKA_IDs, as the token has them now, half made or whole."""
        self.enumerate()
        found = self._map.keys() | self.half_made().keys()
        refs = [KeyRef(object_class, cka_id) for cka_id in cka_ids for object_class in ObjectClass]
        return [ref for ref in refs if ref in found]

    def half_made(self) -> dict[KeyRef, int]:
        """Give the keys with a CKA_ID that do not say that they are on the token.

        They are session objects; or SoftHSM was killed while it wrote them, one attribute after another: then they are
        there for good, and no search for what is on the token finds them.
        """
        with self._connection.reading():
            handles = self._connection.calls.search(self._connection.session, NOT_YET)
            return {ref: handle for handle in handles if (ref := self._ref_of(handle)) is not None}

    def all(self) -> list[KeyRef]:
        """Give every key that the token has now, half made or whole, and that has a CKA_ID."""
        self.enumerate()
        return [*self._map, *(self.half_made().keys() - self._map.keys())]

    def enumerate(self) -> None:
        """Fill the map with every key on the token that has a CKA_ID.

        One search, and two reads for each key that is new to us: a search for a single key costs as much, since
        SoftHSM looks at every object for it. Objects may vanish while we look, and a module killed while it wrote
        leaves half an object without class or CKA_ID; neither may keep a worker from starting.
        """
        known = {handle: ref for ref, handle in self._map.items()}
        found: dict[KeyRef, int] = {}
        with self._connection.reading():
            for handle in self._connection.calls.search(self._connection.session, ON_TOKEN):
                ref = known.get(handle) or self._ref_of(handle)
                if ref is not None:
                    found[ref] = handle
            self._connection.note_searched()
        self._map = found

    def labelled(self, label: str) -> int | None:
        """Give the handle of the secret key with this label: for the gateway's own keys, which have no row."""
        template = packed({Attribute.CLASS: int(ObjectClass.SECRET_KEY), Attribute.LABEL: label})
        with self._connection.reading():
            found = self._connection.calls.search(self._connection.session, AttributeArray(template))
        return min(found, default=None)

    def labelled_ref(self, label: str) -> KeyRef | None:
        """Give the name of that key, which verbs know it by."""
        handle = self.labelled(label)
        return None if handle is None else self._ref_of(handle)

    def _ref_of(self, handle: int) -> KeyRef | None:
        calls, session = self._connection.calls, self._connection.session
        try:
            object_class = int.from_bytes(calls.attribute(session, handle, Attribute.CLASS), "little")
            if object_class not in KEY_CLASSES:
                return None
            cka_id = calls.attribute(session, handle, Attribute.ID)
        except CryptokiError as error:
            if failure_of(error).recovery in (Recovery.STOP, Recovery.LOGIN, Recovery.NEW_SESSION):
                raise
            return None
        return KeyRef(ObjectClass(object_class), cka_id) if cka_id else None
