"""What a role says that a client may do; JSON in the store and in files, frozen structures here.

The one rule here: what a role does not name is not allowed, and a client may do what one of its roles allows.
Names are the standard's, as XML spells them ("Encrypt", "SymmetricKey", "AES"); `ANY` stands for all of a kind.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ANY = frozenset({"*"})
AtLeastOne = Annotated[int, Meta(ge=1)]


class Given(Struct, frozen=True, forbid_unknown_fields=True):
    """A default attribute: of new objects whose request does not name it; an enumerator by its name."""

    attribute: str
    value: str | int | bool


class Quotas(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Most of what a client may have and ask for; None is no limit."""

    objects: AtLeastOne | None = None  # that are not destroyed
    requests_per_s: AtLeastOne | None = None


class Role(Struct, frozen=True, kw_only=True, cache_hash=True, forbid_unknown_fields=True, omit_defaults=True):
    """One role of a tenant; lengths are in bits."""

    name: str
    operations: frozenset[str] = frozenset()
    object_types: frozenset[str] = frozenset()
    algorithms: frozenset[str] = frozenset()
    min_length: AtLeastOne | None = None
    max_length: AtLeastOne | None = None
    custody: Literal["token", "wrapped"] | None = None  # of new keys; None: as [kmip] custody says
    extractable: Literal["served", "resident", "both"] = "resident"  # may keys be made that Get gives, or that stay
    export: bool = False
    defaults: tuple[Given, ...] = ()
    quotas: Quotas = Quotas()
    flags: frozenset[str] = frozenset()  # what the crypto policy refuses unless a role allows it
    destroy_window_s: Annotated[int, Meta(ge=0, le=36500 * 86400)] | None = None  # None: as [kmip] says
    token: str | None = None  # where new keys go; None: where the tenant's go


# For the gateway itself, and for a configuration that gives every client all it can (development).
EVERYTHING = Role(
    name="everything",
    operations=ANY,
    object_types=ANY,
    algorithms=ANY,
    extractable="both",
    export=True,
)
