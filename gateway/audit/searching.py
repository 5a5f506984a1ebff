"""Records that are looked for, from all chains, in the order of their times, a line at a time."""

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.audit.records import Stored, decode
from gateway.audit.verifying import chains, places


class Wanted(NamedTuple):
    """What a record must be; what is None may be anything. Times in seconds since 1970, `until` not included."""

    since: float | None = None
    until: float | None = None
    tenant: str | None = None
    identity: str | None = None
    operation: str | None = None
    object: str | None = None
    result: str | None = None  # its status, or its reason

    def fits(self, record: Stored) -> bool:
        """Tell whether this is one."""
        return (
            (self.since is None or record.time >= self.since)
            and (self.until is None or record.time < self.until)
            and self.tenant in (None, record.tenant)
            and self.identity in (None, record.identity, record.certificate)
            and (self.operation is None or _same(self.operation, record.operation))
            and (self.object is None or self.object in record.objects)
            and (self.result is None or any(_same(self.result, each) for each in (record.status, record.reason)))
        )


def _same(asked: str, told: str) -> bool:
    """Compare names however they are spelt: "Get Attributes", GetAttributes, GET_ATTRIBUTES."""
    return _plain(asked) == _plain(told)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def search(folder: Path, wanted: Wanted) -> Iterator[Stored]:
    """Give the records that fit, oldest first; what is no record is passed over, for `audit verify` tells of it."""
    since = wanted.since or 0.0
    # A file that was last written to before then has nothing of it.
    found = [[path for path in files if path.stat().st_mtime >= since] for files in chains(folder).values()]
    return filter(wanted.fits, heapq.merge(*map(_records, found), key=_time))


def _records(files: list[Path]) -> Iterator[Stored]:
    for place in places(files):
        try:
            yield decode(place.line)
        except msgspec.MsgspecError:
            continue


def _time(record: Stored) -> float:
    return record.time
