"""What a crash left on the token, removed: the crash rule of docs/architecture.md.

The one rule of the room: only a CKA_ID that the database names as ours (queued for deletion, or reserved by a process
that is dead and never acknowledged) is ever deleted.
"""

import asyncio
from typing import NoReturn

import structlog

from gateway.config import TokenConfig
from gateway.errors import KmipError
from gateway.store.api import Store
from gateway.token.api import KeyRef, ObjectClass, Token

# A deletion that the token refused (it was down) is tried again after this; nothing waits for it.
INTERVAL_S = 60.0

log = structlog.get_logger()


class Reaper:
    """Removes from one token what crashes left there; every front end may run one."""

    def __init__(self, store: Store, token: Token, config: TokenConfig) -> None:
        self._store = store
        self._token = token
        self._name = config.name
        self._interval_s = max(INTERVAL_S, config.generate_timeout_s)
        self._seen: frozenset[bytes] = frozenset()

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
        # In this order: what a dead process held is let go of by the first.
        return await self._destroy_unspent() + await self._finish_destroys()

    async def _finish_destroys(self) -> int:
        reaped = 0
        for row in await self._store.pending_destroys():
            # A request under way may be deleting the same key; whoever comes second finds nothing, which is well.
            if row.token == self._name:
                reaped += await self._token.destroy(KeyRef(ObjectClass(row.object_class), row.cka_id))
                await self._store.destroyed(row.id)
        return reaped

    async def _destroy_unspent(self) -> int:
        """Destroy what carries a condemned CKA_ID.

        The reservation is kept until the next time round: a worker may still be generating for the front end that
        died, and no generation takes longer than the interval.
        """
        condemned = frozenset(await self._store.unspent())
        found = await self._token.find(sorted(condemned)) if condemned else []
        for ref in found:
            await self._token.destroy(ref)
        done = condemned & self._seen
        if done:
            await self._store.forget(sorted(done))
        self._seen = condemned - done
        return len(found)
