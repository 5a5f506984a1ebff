"""What a crash left on the token, removed: the crash rule of docs/architecture.md.

The one rule of the room: only a CKA_ID that the database names as ours (queued for deletion, or reserved by a process
that is dead and never acknowledged) is ever deleted. What was kept for a window is queued here when that is over.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import structlog

from gateway.config import TokenConfig
from gateway.errors import KmipError, TokenDown
from gateway.store.api import Store
from gateway.token.api import KeyRef, ObjectClass, Token

# A deletion that the token refused (it was down) is tried again after this; nothing waits for it.
INTERVAL_S = 60.0

log = structlog.get_logger()


class Reaper:
    """Removes from the tokens what crashes left there; every front end may run one.

    `tokens` are those that there are now, `configured` all that there may be: a token that is not there keeps what it
    has until it comes, and keeps no other waiting.
    """

    def __init__(
        self,
        store: Store,
        tokens: Mapping[str, Token],
        configured: Mapping[str, TokenConfig],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._clock = clock
        self._names = frozenset(configured)
        self._interval_s = max(INTERVAL_S, *(each.generate_timeout_s for each in configured.values()))
        self._seen: frozenset[bytes] = frozenset()
        self._silent: dict[str, TokenDown] = {}  # tokens that did not answer this time

    async def run(self) -> NoReturn:
        """Reap now and once in a while, until cancelled."""
        while True:
            try:
                reaped = await self.reap()
            except KmipError as error:
                log.warning("reaper failed", reason=str(error))
            else:
                if reaped:
                    log.info("reaped", objects=reaped)
            await asyncio.sleep(self._interval_s)

    async def reap(self) -> int:
        """Remove what is left, and count it.

        Raises:
            KmipError: the token or the database does not answer; what is left is found again.
        """
        self._silent.clear()
        # In this order: what a dead process held is let go of by the first.
        reaped = await self._destroy_unspent()
        reaped += await self._store.end_windows(int(self._clock()))
        reaped += await self._finish_destroys()
        for error in self._silent.values():
            raise error
        return reaped

    async def _finish_destroys(self) -> int:
        reaped = 0
        for row in await self._store.pending_destroys():
            # A request under way may be deleting the same key; whoever comes second finds nothing, which is well.
            token = self._tokens.get(row.token)
            with self._while_it_answers(row.token):
                if token is not None:
                    reaped += await token.destroy(KeyRef(ObjectClass(row.object_class), row.cka_id))
                    await self._store.destroyed(row.id)
        return reaped

    @contextmanager
    def _while_it_answers(self, name: str) -> Iterator[None]:
        """Go on with the next token where this one is down, if there are others."""
        try:
            yield
        except TokenDown as error:
            self._silent[name] = error

    async def _destroy_unspent(self) -> int:
        """Destroy what carries a condemned CKA_ID.

        The reservation is kept until the next time round: a worker may still be generating for the front end that
        died, and no generation takes longer than the interval.
        """
        condemned = frozenset(await self._store.unspent())
        reaped = 0
        for name, token in list(self._tokens.items()) if condemned else ():
            with self._while_it_answers(name):
                found = await token.find(sorted(condemned))
                for ref in found:
                    await token.destroy(ref)
                reaped += len(found)
        if self._silent or self._names - self._tokens.keys():
            return reaped  # nobody knows what is on a token that does not answer: the reservations are kept
        done = condemned & self._seen
        if done:
            await self._store.forget(sorted(done))
        self._seen = condemned - done
        return reaped
