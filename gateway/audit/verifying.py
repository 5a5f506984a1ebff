"""Whether the files are what was written: the first record that is not, and what no checkpoint covers.

Files are read a line at a time, so that it does not matter how large they are.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.audit import checkpoints
from gateway.audit.chain import DIGITS, SUFFIX
from gateway.audit.checkpoints import Checkpoint
from gateway.audit.records import Stored, decode, genesis, hash_of

MAX_LINE_BYTES = 1 << 20
CHECKPOINTS = "checkpoints.jsonl"


class Place(NamedTuple):
    """A line: its file, its number there from 1, and its bytes without the end."""

    file: Path
    number: int
    line: bytes

    def __str__(self) -> str:
        return f"{self.file.name} line {self.number}"


class Fault(msgspec.Struct, frozen=True):
    """The first thing that is wrong with a chain: "removed", "edited", "reordered", "truncated", "forked"..."""

    chain: str
    kind: str
    what: str


class Verdict(msgspec.Struct, frozen=True):
    """What was found: faults; how many records there are; what is not proven, a sentence each."""

    faults: tuple[Fault, ...]
    records: int
    remarks: tuple[str, ...]


def chains(folder: Path) -> dict[str, list[Path]]:
    """Give the files of each chain in their order."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*" + SUFFIX)):
        name, _, number = path.name.removesuffix(SUFFIX).rpartition(".")
        if name and number.isdigit() and len(number) == DIGITS:
            found.setdefault(name, []).append(path)
    return found


def places(files: list[Path]) -> Iterator[Place]:
    """Give the lines of a chain's files, one after the other; the end of one that has none is given as it is."""
    for path in files:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                yield Place(path, number, line.removesuffix(b"\n"))


def verify(
    folder: Path,
    public_key: ec.EllipticCurvePublicKey | None,
    checkpoint_file: Path | None = None,
    since: float = 0.0,
) -> Verdict:
    """Compare every chain with itself and with the checkpoints, of which those count that the key has signed.

    A chain whose last checkpoint was before `since` may have been put away: that it is not there is no fault.

    Raises:
        OSError: a file cannot be read.
    """
    signed, faults, remarks = _checkpoints(checkpoint_file or folder / CHECKPOINTS, public_key)
    found = chains(folder)
    records = 0
    for chain in sorted(found.keys() | signed.keys()):
        if chain not in found and all(each.time < since for each in signed[chain].values()):
            continue
        walk = Walk(chain, found.get(chain, []), signed.get(chain, {}))
        fault = walk.fault()
        faults += [fault] if fault else []
        remarks += walk.remarks
        records += walk.count
    return Verdict(tuple(faults), records, tuple(remarks))


def _checkpoints(
    path: Path, public_key: ec.EllipticCurvePublicKey | None
) -> tuple[dict[str, dict[int, Checkpoint]], list[Fault], list[str]]:
    """Give the checkpoints by chain and count, and what is wrong with them."""
    signed: dict[str, dict[int, Checkpoint]] = {}
    faults: list[Fault] = []
    remarks: list[str] = []
    if not path.exists():
        return signed, faults, [f"{path}: there are no checkpoints, so that the end of no chain is proven"]
    for place in places([path]):
        if not place.line:
            continue
        try:
            read = checkpoints.decode(place.line)
        except msgspec.MsgspecError:
            remarks.append(f"{place}: is no checkpoint")
            continue
        if public_key is None or not read.holds(public_key):
            if read.signature and public_key is not None:
                faults.append(Fault(read.chain, "checkpoint", f"{place}: was not signed by the key, or was altered"))
            else:
                remarks.append(f"{place}: is not signed")
            continue
        known = signed.setdefault(read.chain, {}).setdefault(read.count, read)
        if known.head != read.head:
            faults.append(Fault(read.chain, "forked", f"{place}: another record {read.count - 1} was signed before"))
    return signed, faults, remarks


class Walk:
    """One chain, from its first line on; `count` lines were right."""

    def __init__(self, chain: str, files: list[Path], signed: dict[int, Checkpoint]) -> None:
        self._chain = chain
        self._files = files
        self._signed = signed
        self.count = 0
        self.remarks: list[str] = []

    def fault(self) -> Fault | None:
        """Give the first fault, or None."""
        head, last = genesis(self._chain), max(self._signed, default=0)
        before: Place | None = None
        reading, ended = places(self._files), False
        for place in reading:
            if ended:
                return Fault(self._chain, "forged", f"{place}: stands behind the end of the chain, which is signed")
            record = _read(place)
            if record is None:
                return self._unreadable(place, reading, last)
            if record.seq != self.count or record.prev != head.decode():
                return self._broken(place, record, before, next(reading, None))
            head = hash_of(place.line)
            self.count += 1
            at = self._signed.get(self.count)
            if at is not None and at.head != head.decode():
                return Fault(self._chain, "edited", f"{place}: record {record.seq} is not the one that was signed")
            ended = at is not None and record.event == "ended"
            before = place
        if self.count < last:
            return self._truncated(last, before)
        if self.count > last:
            self._remark_tail(last)
        return None

    def _remark_tail(self, last: int) -> None:
        which = f"the last {self.count - last} of {self.count} records are behind the last checkpoint"
        if not last:
            which = f"no checkpoint is of any of its {self.count} records"
        self.remarks.append(
            f"{self._chain}: {which}, so that nothing proves that the gateway wrote them, or that none was cut off"
        )

    def _unreadable(self, place: Place, reading: Iterator[Place], last: int) -> Fault | None:
        """Tell of a line that is no record: what a crash leaves is the last line, which no checkpoint is of."""
        if next(reading, None) is None and self.count >= last:
            self.remarks.append(f"{place}: is not whole, as a process leaves it that was killed while it wrote")
            return None
        return Fault(self._chain, "edited", f"{place}: is no record; record {self.count} belongs here")

    def _truncated(self, last: int, before: Place | None) -> Fault:
        at = self._signed[last]
        where = f"after {before}" if before else "there is no file of this chain"
        what = f"{where}: records {self.count} to {last - 1} are missing, which were there at {at.time:.0f} (signed)"
        return Fault(self._chain, "truncated", what)

    def _broken(self, place: Place, record: Stored, before: Place | None, after: Place | None) -> Fault:
        expected = self.count
        if record.seq == expected:
            kind, what = "edited", f"{before or place}: record {max(0, expected - 1)} is not the one that was written"
            if before is None:
                what = f"{place}: record 0 is not of this chain"
        elif record.seq > expected:
            following = _read(after) if after else None
            kind, what = "removed", f"{place}: records {expected} to {record.seq - 1} are missing before it"
            if following is not None and following.seq == expected:
                kind, what = "reordered", f"{place}: record {record.seq} stands before record {expected}"
        elif self._hash_before(record.seq) == record.prev:
            kind, what = "forked", f"{place}: record {record.seq} is there twice"
        else:
            kind, what = "reordered", f"{place}: record {record.seq} stands behind record {expected - 1}"
        return Fault(self._chain, kind, what)

    def _hash_before(self, seq: int) -> str:
        """Give the hash that the record of this number was chained to."""
        for place in places(self._files):
            record = _read(place)
            if record is not None and record.seq == seq:
                return record.prev
        return ""


def _read(place: Place) -> Stored | None:
    try:
        return decode(place.line)
    except msgspec.MsgspecError:
        return None
