"""Messages that are nearly right: mutations of bytes, which break TTLV, and of items, which break what it says."""

import struct
from collections.abc import Callable, Sequence
from random import Random

from gateway.kmip.tags import Tag
from tests.wire.trees import STRUCTURE, Node, nodes

TAGS = [*map(int, Tag), 0x540001, 0x430001]
LENGTHS = (0, 1, 3, 4, 5, 7, 8, 9, 16, 2**15, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1)
NUMBERS = (0, 1, 2, 3, 7, 2**31 - 1, 2**31, 2**32 - 1)
WIDE = (0, 1, -1, 2**31, 2**63 - 1, -(2**63))
TEXTS = (b"", b"\0", b"\xff", b"x-", b"Name", "ü".encode(), b"A" * 300)


def mutated(random: Random, corpus: Sequence[bytes]) -> bytes:
    """Give a message of the corpus after some changes; most often it is still TTLV."""
    raw = random.choice(corpus)
    if random.random() < 0.7:
        tree = nodes(raw)
        for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
            random.choice(ON_ITEMS)(random, tree, corpus)
        return b"".join(map(encode, tree))
    for _ in range(random.choice((1, 1, 2, 4))):
        raw = random.choice(ON_BYTES)(random, raw, corpus)
    return with_length(raw) if random.random() < 0.5 else raw


def encode(node: Node) -> bytes:
    """Write an item that was taken apart."""
    value = node.value if isinstance(node.value, bytes) else b"".join(map(encode, node.value))
    return struct.pack(">II", node.tag << 8 | node.type, len(value)) + value + bytes(-len(value) % 8)


def with_length(raw: bytes) -> bytes:
    """Put the length of the whole message right."""
    return raw[:4] + struct.pack(">I", max(len(raw) - 8, 0)) + raw[8:]


def _flip(random: Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    at = random.randrange(len(raw) or 1)
    return raw[:at] + bytes([(raw[at : at + 1] or b"\0")[0] ^ 1 << random.randrange(8)]) + raw[at + 1 :]


def _cut(random: Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    return raw[: random.randrange(len(raw) + 1)]


def _drop(random: Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    at = random.randrange(len(raw) + 1)
    return raw[:at] + raw[at + random.choice((1, 4, 8, 16)) :]


def _insert(random: Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    at = random.randrange(len(raw) + 1)
    return raw[:at] + random.randbytes(random.choice((1, 4, 8, 16))) + raw[at:]


def _lie(random: Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    """Set some item's length; items begin at multiples of eight."""
    at = random.randrange(0, len(raw) + 1, 8)
    return raw[: at + 4] + struct.pack(">I", random.choice(LENGTHS)) + raw[at + 8 :]


def _splice(random: Random, raw: bytes, corpus: Sequence[bytes]) -> bytes:
    other = random.choice(corpus)
    at = random.randrange(0, len(raw) + 1, 8)
    return raw[:at] + other[random.randrange(0, len(other) + 1, 8) :]


ON_BYTES: tuple[Callable[[Random, bytes, Sequence[bytes]], bytes], ...] = (_flip, _cut, _drop, _insert, _lie, _splice)


def _somewhere(random: Random, tree: list[Node]) -> tuple[list[Node], int]:
    """Choose an item by going down at random: the list that it is in, and its place there."""
    while True:
        at = random.randrange(len(tree))
        inside = tree[at].value
        if not isinstance(inside, list) or not inside or random.random() < 0.1:
            return tree, at
        tree = inside


def _remove(random: Random, tree: list[Node], _: Sequence[bytes]) -> None:
    holder, at = _somewhere(random, tree)
    if holder is not tree:
        del holder[at]


def _repeat(random: Random, tree: list[Node], _: Sequence[bytes]) -> None:
    holder, at = _somewhere(random, tree)
    holder.insert(at, holder[at])


def _move(random: Random, tree: list[Node], _: Sequence[bytes]) -> None:
    holder, _at = _somewhere(random, tree)
    random.shuffle(holder)


def _retag(random: Random, tree: list[Node], _: Sequence[bytes]) -> None:
    holder, at = _somewhere(random, tree)
    holder[at] = holder[at]._replace(tag=random.choice(TAGS))


def _retype(random: Random, tree: list[Node], _: Sequence[bytes]) -> None:
    holder, at = _somewhere(random, tree)
    if isinstance(holder[at].value, bytes):
        holder[at] = holder[at]._replace(type=random.randrange(2, 14))


def _revalue(random: Random, tree: list[Node], _: Sequence[bytes]) -> None:
    holder, at = _somewhere(random, tree)
    node = holder[at]
    if isinstance(node.value, bytes):
        holder[at] = node._replace(value=_value(random, node.type))


def _value(random: Random, type_: int) -> bytes:
    """Give a value that an item of this type can have, at the edge of what it can say."""
    if type_ in (7, 8):
        return random.choice(TEXTS)
    if type_ in (2, 5, 10):
        return struct.pack(">I", random.choice(NUMBERS))
    return struct.pack(">q", random.choice(WIDE))


def _graft(random: Random, tree: list[Node], corpus: Sequence[bytes]) -> None:
    """Put an item of another message beside or in place of one here."""
    holder, at = _somewhere(random, tree)
    there, where = _somewhere(random, nodes(random.choice(corpus)))
    if random.random() < 0.5:
        holder[at] = there[where]
    else:
        holder.insert(at, there[where])


def _bury(random: Random, tree: list[Node], _: Sequence[bytes]) -> None:
    holder, at = _somewhere(random, tree)
    for _depth in range(random.choice((1, 2, 40))):
        holder[at] = Node(holder[at].tag, STRUCTURE, [holder[at]])


ON_ITEMS: tuple[Callable[[Random, list[Node], Sequence[bytes]], None], ...] = (
    _remove,
    _repeat,
    _move,
    _retag,
    _retype,
    _revalue,
    _revalue,
    _graft,
    _bury,
)
