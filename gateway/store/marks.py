"""Whether anything was committed, told in memory that all processes of a database share: asking SQLite takes 7 µs.

The rule here: whoever changes an object, or who may do what, says so before it commits, and again when it has. While
one is at it, or has died over it, the two numbers differ, and nobody believes them.
"""

from gateway.store.locks import LockFile

BEGUN, ENDED = 1, 2  # their places behind the note
NONE = -1


class Marks:
    """The numbers of the commit that was begun last, and of the one that ended last."""

    __slots__ = ("_numbers",)

    def __init__(self, locks: LockFile) -> None:
        """Share those of the database; its lineage was looked at before, for that goes by the length of the file."""
        self._numbers = locks.shared()

    def begin(self) -> None:
        """Say that a commit is coming; call it in one's turn to write."""
        self._numbers[BEGUN] += 1

    def end(self) -> None:
        """Say that it is there. One that failed is not told of: the database has to be asked until the next."""
        self._numbers[ENDED] = self._numbers[BEGUN]

    def last(self) -> int:
        """Give the number of the last commit; NONE while there may be one that is not told of."""
        ended = self._numbers[ENDED]
        return ended if ended == self._numbers[BEGUN] else NONE
