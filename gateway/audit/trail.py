"""The trail of one process: its chain, what happens when it cannot be written, and when it is signed.

The rule here: a record is in its file before the answer that it is about goes out. A write of one record costs 1.2 µs,
and an eighth of a write of eight with the wait for the others 0.9 (both of the process's CPU), so nobody waits.
"""

import asyncio
import errno
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

import structlog

from gateway.audit import checkpoints, shared
from gateway.audit.chain import Chain
from gateway.audit.checkpoints import Checkpoint, Keeping, Signer
from gateway.audit.records import Record, encode
from gateway.errors import KmipError

Ship = Callable[[bytes], None]
T = TypeVar("T")

UNSIGNED = (0, "")

LOOK_S = 1.0
FIRST_CHECKPOINT_S = 2.0  # after the start, when the token workers have been joined to this process
SIGN_S = 5.0  # a token that hangs must not keep the trail from being mended meanwhile
MAX_PENDING = 4096  # records kept while the files cannot be written
# Handshakes that are recorded: strangers must not fill the disk, and with it stop the use of keys.
REFUSALS_AT_ONCE, REFUSALS_A_SECOND = 50, 1

log = structlog.get_logger()


class Trail:
    """Takes records; `closed` while they cannot be written and nothing may be done that would not be recorded."""

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        max_file_bytes: int = 104857600,
        sync: Literal["never", "checkpoint", "always"] = "checkpoint",
        fail_open: bool = False,
        checkpoint_file: Path | None = None,
        checkpoint_records: int = 10000,
        checkpoint_interval_s: float = 60.0,
        signer: Signer | None = None,
        ship: Ship | None = None,
    ) -> None:
        """`ship` is given each line, of records and of checkpoints, once it is written."""
        self._folder = folder
        self._chain = Chain(folder, name, max_file_bytes, durable=sync == "always")
        self._sync = sync
        self._fail_open = fail_open
        self._keeping = Keeping(checkpoint_file or folder / "checkpoints.jsonl")
        self._checkpoint_records = checkpoint_records
        self._checkpoint_interval_s = checkpoint_interval_s
        self._signer = signer
        self._ship = ship
        self.failing = False
        self.closed = False
        self._pending: list[bytes] = []
        self._lost = 0
        self._refusals_left = REFUSALS_AT_ONCE
        self._refusals_unsaid = 0
        self._signed: dict[str, tuple[int, str]] = {}  # chain → lines at its last checkpoint, and their hash
        self._disk: asyncio.Future[Any] | None = None  # what a thread was last asked for
        self._due = time.monotonic() + FIRST_CHECKPOINT_S
        self._unsigned_told = False
        self.syncs = sync == "always"
        self._syncing = asyncio.Lock()
        self._synced = 0

    def write(self, records: Sequence[Record]) -> bool:
        """Write the records; False where that failed and, for that, nothing may be answered."""
        bodies = [encode(record) for record in records]
        if self.failing:
            self._keep(bodies)
            return not self.closed
        try:
            lines = self._chain.append(bodies)
        except OSError as error:
            self._fail(error)
            self._keep(bodies)
            return not self.closed
        if self._ship is not None:
            for line in lines:
                self._ship(line)
        return True

    async def synced(self) -> bool:
        """Wait until all that was written is on the disk, sharing one call with others; False as `write` says it."""
        mine = self._chain.count
        async with self._syncing:
            if self._synced < mine and not self.failing:
                reached = self._chain.count
                await self._to_disk()
                self._synced = reached
        return not self.closed

    async def _to_disk(self) -> None:
        try:
            own = os.dup(self._chain.descriptor)  # the chain may begin its next file meanwhile
        except OSError as error:
            return self._fail(error)
        try:
            await asyncio.to_thread(os.fsync, own)
        except OSError as error:
            self._fail(error)
        finally:
            os.close(own)

    def turned_away(self, address: str, reason: str) -> None:
        """Record a handshake that was refused; of too many at once, how many there were."""
        if not self._refusals_left:
            self._refusals_unsaid += 1
            return
        self._refusals_left -= 1
        self.write([Record(time.time(), "handshake", address=address, status="OperationFailed", detail=reason)])

    def _keep(self, bodies: list[bytes]) -> None:
        room = MAX_PENDING - len(self._pending)
        self._pending += bodies[:room]
        self._lost += max(0, len(bodies) - room)

    def _fail(self, error: OSError) -> None:
        if not self.failing:
            log.error("audit trail cannot be written", folder=str(self._folder), reason=error.strerror or str(error))
        self.failing, self.closed = True, not self._fail_open

    # --- once a second

    async def run(self) -> NoReturn:
        """Recover what failed, and sign what is due, until cancelled."""
        self.begin()
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    def begin(self) -> None:
        """Write the chain's first record."""
        self.write([Record(time.time(), "begun", detail=f"chain {self._chain.name}, process {os.getpid()}")])

    async def look(self) -> None:
        """Do what is done once a second."""
        self._refusals_left = min(REFUSALS_AT_ONCE, self._refusals_left + REFUSALS_A_SECOND)
        if self._refusals_unsaid:
            detail = f"{self._refusals_unsaid} more, in the second before"
            self._refusals_unsaid = 0
            self.write([Record(time.time(), "handshake", status="OperationFailed", detail=detail)])
        if self.failing:
            self._recover()
        else:
            self._check()
        now = time.monotonic()
        news = self._chain.count - self._signed.get(self._chain.name, UNSIGNED)[0]
        if not self.failing and (now >= self._due or news >= self._checkpoint_records):
            self._due = now + self._checkpoint_interval_s
            await self.checkpoint()

    def _check(self) -> None:
        try:
            self._chain.check()
        except OSError as error:
            self._fail(error)

    def _recover(self) -> None:
        lost = f"{self._lost} records lost" if self._lost else "no record lost"
        told = encode(Record(time.time(), "interrupted", detail=f"the trail could not be written; {lost}"))
        try:
            lines = self._chain.append([*self._pending, told])
        except OSError:
            return  # It was told when it began; the next look tries again.
        self._pending, self._lost = [], 0
        self.failing = self.closed = False
        log.warning("audit trail is written again", folder=str(self._folder))
        for line in lines if self._ship is not None else ():
            self._ship(line)  # type: ignore[misc]

    # --- checkpoints

    async def checkpoint(self) -> None:
        """Sign where this process's chain and that of the operators end, unless nothing was added."""
        count, head = self._chain.count, self._chain.head.decode()
        if self._sync != "never" and count and not self.failing:
            await self._to_disk()
        try:
            async with asyncio.timeout(SIGN_S):
                await self._sign(self._chain.name, count, head)
                await self._sign(shared.NAME, *await self._in_thread(shared.end_of, self._folder))
            self._unsigned_told = False
        except (OSError, ValueError, KmipError) as error:  # a TimeoutError is an OSError
            # What is not signed now is signed by the next one.
            if not self._unsigned_told:
                log.error("audit checkpoint cannot be made", reason=str(error) or "the token does not answer in time")
            self._unsigned_told = True

    async def _sign(self, chain: str, count: int, head: str) -> None:
        before = self._signed.get(chain, UNSIGNED)
        if count == before[0] and (not count or head == before[1]):
            return
        if count <= before[0]:
            raise ValueError(f"the chain {chain} is shorter than it was, or ends otherwise: somebody has cut it off")
        made = await checkpoints.signed(Checkpoint(time.time(), chain, count, head), self._signer)
        line = await self._in_thread(self._keeping.add, made)
        self._signed[chain] = count, head
        if self._ship is not None:
            self._ship(line)

    async def _in_thread(self, fn: Callable[..., T], *given: object) -> T:
        """Have a thread wait for the disk; one that does not come back is waited for before it is asked again.

        Raises:
            OSError: what was asked for before is not done yet.
        """
        if self._disk is not None and not self._disk.done():
            raise OSError(errno.EBUSY, "the disk of the checkpoints does not answer")
        asked = asyncio.ensure_future(asyncio.to_thread(fn, *given))
        self._disk = asked
        return await asyncio.shield(asked)

    async def close(self) -> None:
        """Sign the end, and let the file go; nothing is recorded after it, and so nothing is to be done."""
        self.write([Record(time.time(), "ended")])
        failing, self.failing, self.closed = self.failing, True, True
        if not failing:
            if self._sync != "never":
                await self._to_disk()
            await self.checkpoint()
        self._chain.close()
