"""What is too weak, or gives too much away, to be done unasked: a row for each, and who may do it all the same.

The one rule here: a row is refused unless the policy leaves it out or the operator has allowed it by name, and every
use that is made of an allowance is logged. docs/policy.md says the same in words, with the test of each row.
"""

from enum import StrEnum
from typing import NamedTuple

import structlog

from gateway import errors
from gateway.call import Call

log = structlog.get_logger()


class Weakness(StrEnum):
    """What a policy may refuse; its value is the name by which an operator allows it."""

    UNTRUSTED_WRAPPING = "untrusted_wrapping"
    CLEAR_UNWRAPPING = "clear_unwrapping"
    CLEAR_DERIVATION = "clear_derivation"


W = Weakness


class Row(NamedTuple):
    """A weakness: what a client is told of it, and in which policies it is refused."""

    weakness: Weakness
    told: str
    default: bool
    fips: bool


YES, NO = True, False
ROWS = (
    #   weakness                what a client is told                                               default  fips
    Row(W.UNTRUSTED_WRAPPING, "a Sensitive key leaves under a wrapping key that was made here, wraps alone and never "
        "leaves (Extractable false)", YES, YES),
    Row(W.CLEAR_UNWRAPPING, "what is unwrapped by a key that wraps Sensitive ones is Sensitive: say so", YES, YES),
    Row(W.CLEAR_DERIVATION, "what is derived from a key that is Sensitive or not Extractable is so too: say so",
        YES, YES),
)  # fmt: skip
TOLD = {row.weakness: row.told for row in ROWS}
REFUSED = {
    "default": frozenset(row.weakness for row in ROWS if row.default),
    "fips": frozenset(row.weakness for row in ROWS if row.fips),
    "open": frozenset(row.weakness for row in ROWS if row.default),  # and all of them allowed
}


def check(call: Call, weakness: Weakness, about: str) -> None:
    """Refuse what is weak, or log that it was allowed; `about` is the unique identifier of the key, or tells it.

    Raises:
        RefusedByPolicy: the policy refuses it, and nobody has allowed it.
    """
    config = call.config
    if weakness not in REFUSED[config.policy]:
        return
    if config.policy != "open" and weakness not in config.allow:
        raise errors.RefusedByPolicy(f"{TOLD[weakness]} ({weakness}, by policy)")
    log.info("weakness allowed", weakness=str(weakness), object=about, client=call.peer.identity.name)
