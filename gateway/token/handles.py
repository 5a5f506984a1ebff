"""A worker's private map from (class, CKA_ID) to object handle, so that no request pays for a search.

SoftHSM searches in 17 µs for each object on the token. The map is filled once at the start, kept up by what this
worker makes and destroys, and a search is made only for a key that another process made since.
"""

from pkcs11 import Attribute

from gateway.token.api import KeyRef, ObjectClass
from gateway.token.connection import Connection
from gateway.token.cryptoki import AttributeArray
from gateway.token.failures import CryptokiError, KeyGone, Recovery, failure_of
from gateway.token.templates import packed

# Above this many missing CKA_IDs one enumeration of the token is cheaper than a search for each.
SEARCHES_AT_MOST = 3


class Handles:
    """The map; handles in it may be dead, and `forget` drops those that turned out to be."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._map: dict[KeyRef, int] = {}

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
        found = self._search(ref)
        if not found:
            raise KeyGone(f"the token holds no {ref.object_class.name} with CKA_ID {ref.cka_id.hex()}")
        self._map[ref] = found[0]
        return found[0]

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
        """Give the keys that carry one of the CKA_IDs, asking the token anew for those that are not known."""
        refs = [KeyRef(object_class, cka_id) for cka_id in cka_ids for object_class in ObjectClass]
        if sum(ref not in self._map for ref in refs) > SEARCHES_AT_MOST * len(ObjectClass):
            self.enumerate()
            return [ref for ref in refs if ref in self._map]
        return [ref for ref in refs if self.get(ref) is not None]

    def enumerate(self) -> None:
        """Fill the map with every key on the token that has a CKA_ID.

        Objects may vanish while we look, and a module killed while it wrote leaves half an object without CKA_ID;
        neither may keep a worker from starting. The class is in the template because SoftHSM gives such halves only
        to a search without it.
        """
        known = {handle: ref for ref, handle in self._map.items()}
        found: dict[KeyRef, int] = {}
        with self._connection.writing():
            for object_class in ObjectClass:
                for handle in self._search_class(object_class):
                    ref = known.get(handle) or self._ref_of(object_class, handle)
                    if ref is not None:
                        found[ref] = handle
        self._map = found

    def labelled(self, label: str) -> int | None:
        """Give the handle of the secret key with this label: for the gateway's own keys, which have no row."""
        template = packed({Attribute.CLASS: int(ObjectClass.SECRET_KEY), Attribute.LABEL: label})
        with self._connection.writing():
            found = self._connection.calls.search(self._connection.session, AttributeArray(template))
        return min(found, default=None)

    def _search(self, ref: KeyRef) -> list[int]:
        template = packed({Attribute.CLASS: int(ref.object_class), Attribute.ID: ref.cka_id})
        with self._connection.writing():
            return self._connection.calls.search(self._connection.session, AttributeArray(template))

    def _search_class(self, object_class: ObjectClass) -> list[int]:
        template = AttributeArray(packed({Attribute.CLASS: int(object_class)}))
        return self._connection.calls.search(self._connection.session, template)

    def _ref_of(self, object_class: ObjectClass, handle: int) -> KeyRef | None:
        try:
            cka_id = self._connection.calls.attribute(self._connection.session, handle, Attribute.ID)
        except CryptokiError as error:
            if failure_of(error).recovery in (Recovery.STOP, Recovery.LOGIN):
                raise
            return None
        return KeyRef(object_class, cka_id) if cka_id else None
