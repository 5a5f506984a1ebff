"""How fast clients may ask, in memory that all front ends share: what a client asks of one counts in all.

Of each client one number is kept: when it will have used up what it has asked, at its rate (the "virtual scheduling"
of the Generic Cell Rate Algorithm). Two processes that charge a client in the same microsecond may let one request
too many through, which harms nobody; a lock would.
"""

import asyncio
import mmap
import time
from collections.abc import Callable
from hashlib import blake2b
from secrets import token_bytes

from gateway.access.identity import Peer
from gateway.config import LimitsConfig
from gateway.errors import ServerLimitExceeded

# Clients that fall into one cell share a rate, so there are many more cells than clients; pages not used take nothing.
CELLS = 1 << 18
CELL_BYTES = 8
ROUNDING_S = 1e-6  # ten times a tenth of a second is more than a second


class Paces:
    """When each of many, by name, is done with what it was charged with; made before the first fork."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds, the same in all processes."""
        self._cells = memoryview(mmap.mmap(-1, CELLS * CELL_BYTES)).cast("d")
        self._key = token_bytes(16)  # nobody can choose with whom to share a cell
        self._clock = clock

    def charge(self, name: str, cost_s: float, burst_s: float, patience_s: float = 0.0) -> float:
        """Give how long to wait until so many seconds' worth may be had; longer than patience, nothing is charged.

        Who has asked for nothing has `burst_s` saved up.
        """
        digest = blake2b(name.encode(), digest_size=4, key=self._key).digest()
        cell = int.from_bytes(digest, "big") % CELLS
        now = self._clock()
        done = max(self._cells[cell], now - burst_s) + cost_s
        wait = done - now if done - now > ROUNDING_S else 0.0
        if wait <= patience_s:
            self._cells[cell] = done
        return wait


class Rates:
    """The rates of clients and tenants, as [limits] has them; a client's roles come first."""

    def __init__(self, paces: Paces, config: LimitsConfig) -> None:
        self._paces = paces
        self._config = config

    def adopt(self, config: LimitsConfig) -> None:
        """Go by these limits from now on."""
        self._config = config

    def wait_s(self, peer: Peer, items: int) -> float:
        """Give how long a message of so many items has to wait, and charge its client and tenant; mostly 0."""
        config, identity = self._config, peer.identity
        of_client, of_tenant = peer.requests_per_s or config.client_requests_per_s, config.tenant_requests_per_s
        wait = 0.0
        if of_client:
            wait = self._charge(f"client {identity.tenant} {identity.name}", items / of_client)
        if of_tenant and wait <= config.patience_s:
            wait = max(wait, self._charge(f"tenant {identity.tenant}", items / of_tenant))
        return wait

    async def bear(self, wait_s: float) -> None:
        """Let a message wait so long; where that is too long, refuse it, and not before it has waited all the same.

        Otherwise who is refused could ask again at once, and refusing would cost more than answering.

        Raises:
            ServerLimitExceeded: it would have to wait longer than [limits] patience_s.
        """
        patience_s = self._config.patience_s
        await asyncio.sleep(min(wait_s, patience_s))
        if wait_s > patience_s:
            raise ServerLimitExceeded("too many requests; ask more slowly")

    def _charge(self, name: str, cost_s: float) -> float:
        return self._paces.charge(name, cost_s, self._config.burst_s, self._config.patience_s)
