"""IVs of GCM that this process draws, none of which comes a second time for a key, and how often a key has been used.

The one rule here: an IV of the gateway is known by its first four bytes, the number of a process that no other ever has
(NIST SP 800-38D section 8.2.1, deterministic construction); what is left counts on from a random start for each key. So
there is nothing to write for it, a crash loses nothing, and no client's IV can be one of these.
"""

import secrets

PREFIX_BYTES, COUNTER_BYTES = 4, 8
IV_BYTES = PREFIX_BYTES + COUNTER_BYTES
WRAPS_AT = 1 << 8 * COUNTER_BYTES
# How many invocations are noted in the database at once: the count of a key is right but for what a process that has
# ended, or forgotten the key, had not noted.
BLOCK = 1 << 16
# Of one key, in all processes together (NIST SP 800-38D section 8.3).
MAX_INVOCATIONS = 1 << 32
# How many keys' counters are kept; a key that is forgotten starts anew at random, among 2^64.
MAX_KEYS = 16384


class Invocations:
    """The counters of the keys that this process encrypts with."""

    def __init__(self, instance: int) -> None:
        """`instance` is the number of this process in the database, given once and never again."""
        self._prefix = (instance % (1 << 8 * PREFIX_BYTES)).to_bytes(PREFIX_BYTES, "big")
        self._left: dict[int, int] = {}  # of each key's block
        self._next: dict[int, int] = {}

    def draw(self, key: int) -> bytes | None:
        """Give an IV for the key with this number of a row; None where a block is used up, and `note` comes first."""
        left = self._left.get(key)
        if left is None:
            left = self._begin(key)
        if not left:
            return None
        self._left[key] = left - 1
        self._next[key] = counter = self._next[key] + 1
        return self._prefix + (counter % WRAPS_AT).to_bytes(COUNTER_BYTES, "big")

    def note(self, key: int) -> None:
        """Begin another block of a key, once the last is noted."""
        self._left[key] = BLOCK

    def _begin(self, key: int) -> int:
        if len(self._left) >= MAX_KEYS:
            self._left.clear()
            self._next.clear()
        self._left[key] = BLOCK
        self._next[key] = secrets.randbelow(WRAPS_AT)
        return BLOCK
