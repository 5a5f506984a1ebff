"""How many credentials were wrong, in memory that all front ends share: of an account, of an address, of one at other.

The one rule here: an account that there is and one that there is not are counted and held up alike. What is refused is
one account at one address, so that nobody is kept out by another who guesses; who guesses at many is only slowed down.
"""

from ipaddress import ip_address

from gateway.rates import Paces

MOST = 10  # wrong ones in a window
WINDOW_S = 60.0
COST_S = WINDOW_S / MOST
BURST_S = WINDOW_S - COST_S
SLOW_S = 1.0  # how long who has guessed too often waits for each answer that is no
NETWORK_BITS = 64  # of IPv6: who has one address has all of its network


class Guesses:
    """Counts wrong credentials; it takes ten of a kind at once, and then one every six seconds."""

    def __init__(self, paces: Paces) -> None:
        self._paces = paces

    def are_too_many(self, account: str, address: str) -> bool:
        """Tell whether nothing more is to be checked for an account at an address at present."""
        return self._are_over(_pair(account, address))

    def are_slowed(self, account: str, address: str) -> bool:
        """Tell whether an answer that is no is to wait: too many were, for this account or at this address."""
        return self._are_over(_account(account)) or self._are_over(_place(address))

    def failed(self, account: str, address: str) -> None:
        """Count one that was wrong."""
        for name in (_pair(account, address), _account(account), _place(address)):
            self._paces.charge(name, COST_S, BURST_S, WINDOW_S)

    def _are_over(self, name: str) -> bool:
        return self._paces.charge(name, 0.0, BURST_S) > 0.0


def network(address: str) -> str:
    """Give what an address is counted as."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or int(found) >> (128 - NETWORK_BITS))


def _pair(account: str, address: str) -> str:
    return f"guess at {network(address)} {account}"


def _account(account: str) -> str:
    return f"guess of {account}"


def _place(address: str) -> str:
    return f"guess from {network(address)}"
