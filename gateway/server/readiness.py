"""Whether this front end can serve: the database answers and the token carries out a call, asked at a bounded rate.

However often somebody asks, the token is asked once in `INTERVAL_S` by each front end: a balancer's probes, or a
stranger's, must not cost it anything.
"""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.errors import AuditDown, KmipError, StoreDown

INTERVAL_S = 1.0
# A probe's own patience is a few seconds mostly; a token that needs longer for a random byte is no use to clients.
TIMEOUT_S = 2.0


class Readiness:
    """Remembers the last answer of `check`, which raises KmipError when something does not answer."""

    def __init__(self, check: Callable[[], Awaitable[None]]) -> None:
        self._check = check
        self._asking = asyncio.Lock()
        self._due = 0.0  # in loop time
        self._failing = ""

    async def failing(self) -> str:
        """Give what does not answer, "token", "database" or "audit"; "" when all is well."""
        loop = asyncio.get_running_loop()
        async with self._asking:
            if loop.time() >= self._due:
                self._failing = await self._ask()
                self._due = loop.time() + INTERVAL_S
            return self._failing

    async def _ask(self) -> str:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._check()
        except AuditDown:
            return "audit"
        except StoreDown:
            return "database"
        except (KmipError, TimeoutError):
            return "token"
        return ""
