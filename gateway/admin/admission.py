"""Which further tokens are used: those that the database was written with, as each of them comes.

The one rule here: a token that cannot open what the token of its name once sealed is another one. It is not used at
all, and nothing on it is reaped; the other tokens go on.
"""

import asyncio
from collections.abc import Mapping
from typing import NoReturn

import structlog

from gateway.admin.proof import check_proof
from gateway.errors import ConfigurationError, KmipError
from gateway.store.sqlite import SqliteStore
from gateway.token.pool import TokenPool

INTERVAL_S = 1.0

log = structlog.get_logger()


class Admission:
    """`admitted` are the tokens that may be used, by name; `pools` are those that there are."""

    def __init__(self, store: SqliteStore, pools: Mapping[str, TokenPool], first: str) -> None:
        self._store = store
        self._pools = pools
        self._first = first
        self._refused: set[str] = set()
        self.admitted: dict[str, TokenPool] = {}

    async def look(self) -> None:
        """Admit the tokens that have come.

        Raises:
            ConfigurationError: the token of [token] is another one.
        """
        while new := [name for name in self._pools if name not in self.admitted and name not in self._refused]:
            name = new[0]
            try:
                await check_proof(self._store, self._pools[name], name)
            except ConfigurationError as error:
                if name == self._first:
                    raise
                self._refused.add(name)
                log.error("token refused", token=name, reason=str(error))
            else:
                self.admitted[name] = self._pools[name]

    async def run(self) -> NoReturn:
        """Look for further tokens until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                await self.look()
            except KmipError as error:  # the database; looked for again
                log.warning("token not proven", reason=error.message)
