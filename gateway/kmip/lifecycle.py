"""The life of a managed object: its State follows from its dates (KMIP 2.1 section 4.57 State)."""

from gateway.kmip.enums import State

USABLE = frozenset({State.ACTIVE})
# Deactivated and compromised keys may still read what they protected (section 4.57: "SHALL NOT be used for applying
# cryptographic protection"; processing is left to policy).
PROCESSING = frozenset({State.ACTIVE, State.DEACTIVATED, State.COMPROMISED})
DESTROYED = frozenset({State.DESTROYED, State.DESTROYED_COMPROMISED})
DESTROYABLE = frozenset({State.PRE_ACTIVE, State.DEACTIVATED, State.COMPROMISED})
REVOCABLE = frozenset({State.ACTIVE, State.DEACTIVATED})


def state_at(
    now: float,
    *,
    activation: int | None,
    deactivation: int | None,
    compromise: int | None,
    destroy: int | None,
    revoked: bool = False,
) -> State:
    """Tell the State at `now` (seconds since 1970) from the four dates that move it.

    What was `revoked` stays so, though the clock be set back to before its Deactivation Date.
    """
    if destroy is not None:
        return State.DESTROYED if compromise is None else State.DESTROYED_COMPROMISED
    if compromise is not None:
        return State.COMPROMISED
    if revoked and deactivation is not None:
        return State.DEACTIVATED
    if activation is None or activation > now:
        return State.PRE_ACTIVE
    if deactivation is not None and deactivation <= now:
        return State.DEACTIVATED
    return State.ACTIVE
