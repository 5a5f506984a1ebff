"""What the roles of a client come to, worked out once: which uses they allow, and of which objects.

The one rule here: each role is asked by itself. What one allows of the objects and another of the use, neither allows;
and a role that cannot be understood allows nothing.
"""

from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple, get_args

import structlog

from gateway.access.role_defaults import attributes_given
from gateway.access.roles import ANY, Role
from gateway.config import Weakness
from gateway.errors import ConfigurationError
from gateway.kmip.enums import CryptographicAlgorithm, ObjectType, Operation

log = structlog.get_logger()

# What is no secret: everybody who may see such an object has it, whatever is said of Extractable and of exporting.
OPEN = (ObjectType.PUBLIC_KEY, ObjectType.CERTIFICATE, ObjectType.CERTIFICATE_REQUEST, ObjectType.TEMPLATE)
EXTRACTABLE = {"served": (True,), "resident": (False,), "both": (True, False)}


class Use(IntEnum):
    """What is done with an object beside the operation that is asked for, and needs a right of its own."""

    WRAP_KEY = -1
    UNWRAP_KEY = -2


# How roles and grants name what may be done: operations as XML names them, and the uses beside them.
USES: dict[str, int] = {each.token: int(each) for each in Operation} | {"WrapKey": -1, "UnwrapKey": -2}
# What may be granted of another client's objects. What replaces an object, certifies its key or splits it, its owner
# alone asks for, and for a ticket too.
GRANTABLE: dict[str, int] = {
    name: USES[name]
    for name in (
        "Activate", "AddAttribute", "AdjustAttribute", "Archive", "Check", "Decrypt", "DeleteAttribute", "DeriveKey",
        "Destroy", "Encrypt", "Export", "Get", "GetAttributeList", "GetAttributes", "GetUsageAllocation", "Locate",
        "MAC", "MACVerify", "ModifyAttribute", "ObtainLease", "Recover", "Revoke", "SetAttribute", "Sign",
        "SignatureVerify", "UnwrapKey", "Validate", "WrapKey",
    )
}  # fmt: skip
MAY_BE_GRANTED = frozenset(GRANTABLE.values())
NAMES = {use: name for name, use in USES.items()}
TYPES = {each.token: int(each) for each in ObjectType}
ALGORITHMS = {each.token: int(each) for each in CryptographicAlgorithm}


class Facts(NamedTuple):
    """What of an object roles speak of; None where it has no such thing, or where it is not known yet."""

    object_type: int | None
    algorithm: int | None = None
    length: int | None = None  # bits
    extractable: bool = True


class Terms:
    """What one role says of objects; a set that is None stands for all of a kind, a length for no bound."""

    __slots__ = ("algorithms", "defaults", "longest", "role", "shortest", "types")

    def __init__(self, role: Role) -> None:
        """Read a role.

        Raises:
            ConfigurationError: it names what there is not.
        """
        self.role = role
        self.types = _numbers(role.object_types, TYPES, "object type")
        self.algorithms = _numbers(role.algorithms, ALGORITHMS, "algorithm")
        self.shortest = role.min_length or 0
        self.longest = role.max_length
        self.defaults = attributes_given(role.defaults)

    @property
    def whole(self) -> bool:
        """Whether it is for all objects."""
        return self.types is None and self.algorithms is None and not self.shortest and self.longest is None

    @property
    def free(self) -> bool:
        """Whether nothing is said of new objects either."""
        return self.whole and self.role.extractable == "both" and self.role.quotas.objects is None

    def fit(self, facts: Facts) -> bool:
        """Tell whether they are for such an object; what it does not have breaks nothing that is said of it."""
        return (
            (self.types is None or facts.object_type is None or facts.object_type in self.types)
            and (self.algorithms is None or facts.algorithm is None or facts.algorithm in self.algorithms)
            and (not facts.length or self.shortest <= facts.length)
            and (not facts.length or self.longest is None or facts.length <= self.longest)
        )

    def let_stay(self, facts: Facts) -> bool:
        """Tell whether a new object may be one that Get gives, or one that never leaves, as this one is."""
        return facts.object_type in OPEN or facts.extractable in EXTRACTABLE[self.role.extractable]


class Reach:
    """The objects that some of a client's roles allow a use of."""

    __slots__ = ("exports", "free", "terms", "whole")

    def __init__(self, terms: Iterable[Terms]) -> None:
        self.terms = tuple(terms)
        self.whole = any(each.whole for each in self.terms)
        self.free = any(each.free for each in self.terms)
        self.exports = any(each.whole and each.role.export for each in self.terms)

    def covers(self, facts: Facts) -> bool:
        """Tell whether an object is among them."""
        return any(each.fit(facts) for each in self.terms)

    def lets_leave(self, facts: Facts) -> bool:
        """Tell whether a role that allows the use lets the key material of an object leave."""
        return any(each.role.export and each.fit(facts) for each in self.terms)

    def making(self, facts: Facts) -> list[Terms]:
        """Give the roles that allow a new object as this one is."""
        return [each for each in self.terms if each.fit(facts) and each.let_stay(facts)]

    def first(self, facts: Facts) -> Terms | None:
        """Give the first role that is for such objects, and so says how a new one is; None where none is."""
        return next((each for each in self.terms if each.fit(facts)), None)


NOWHERE = Reach(())


class Permissions:
    """What a client may do, by all of its roles."""

    __slots__ = ("_reaches", "everything", "flags", "unasked")

    def __init__(self, roles: Iterable[Role]) -> None:
        known = [(role, terms) for role in roles if (terms := _terms(role)) is not None]
        self._reaches = {use: Reach(t for role, t in known if _allows(role, name)) for name, use in USES.items()}
        self.flags = frozenset[str]().union(*(role.flags for role, _ in known))
        # Of what the gateway does by itself for who may do everything, nobody asks by the name of an operation.
        self.unasked = Reach(terms for role, terms in known if role.operations == ANY and terms.free)

        self.everything = all(each.terms for each in self._reaches.values())  # that can be done, be it of no object

    def reach(self, use: int) -> Reach:
        """Give the objects that a use is allowed of."""
        return self._reaches.get(use, NOWHERE)

    def allow(self, use: int) -> bool:
        """Tell whether some role allows a use, be it of no object."""
        return bool(self.reach(use).terms)


@lru_cache(maxsize=1024)
def permissions_of(roles: tuple[Role, ...]) -> Permissions:
    """Give what roles come to; cached, since many clients have the same."""
    return Permissions(roles)


def check(role: Role) -> None:
    """Check a role before it is kept.

    Raises:
        ConfigurationError: it names what there is not.
    """
    _numbers(role.operations, USES, "operation")
    _numbers(role.flags, dict.fromkeys(get_args(Weakness), 0), "flag")
    Terms(role)


def _terms(role: Role) -> Terms | None:
    try:
        return Terms(role)
    except ConfigurationError as error:
        log.error("role_not_understood", role=role.name, reason=str(error))
        return None


def _allows(role: Role, name: str) -> bool:
    return role.operations == ANY or name in role.operations


def _numbers(names: frozenset[str], known: dict[str, int], what: str) -> frozenset[int] | None:
    """Give the numbers of names; None for any.

    Raises:
        ConfigurationError: one is not known.
    """
    if names == ANY:
        return None
    for name in sorted(names - known.keys()):
        raise ConfigurationError(f"There is no {what} {name[:100]!r}.")
    return frozenset(known[name] for name in names)
