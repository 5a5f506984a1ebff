"""A managed object as operations see it, and its rows as the store keeps them.

The one rule here: what decides whether an object may be used (its state, dates, mask) is taken from its attributes
once, when the row is first seen, and the row is never older than the last committed change.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Protocol

from gateway.errors import GeneralFailure
from gateway.kmip import attribute_sets as sets
from gateway.kmip.attributes import ATTRIBUTES
from gateway.kmip.enums import (
    CryptographicAlgorithm,
    CryptographicUsageMask,
    KeyFormatType,
    LinkType,
    ObjectType,
    State,
)
from gateway.kmip.lifecycle import state_at
from gateway.kmip.structure import Attribute, Attributes, Item, Value
from gateway.kmip.tags import Tag
from gateway.kmip.values import (
    AlternativeName,
    ApplicationSpecificInformation,
    CryptographicParameters,
    Digest,
    Link,
    Name,
    UsageLimits,
)
from gateway.store.api import MAX_ROW_BYTES, AttributeRow, Custody, ObjectRow, Scalar
from gateway.token.api import OWN_CKA_IDS, KeyRef, ObjectClass

# Clients choose what an object holds: what is kept of it is bounded in bytes, and not in objects alone.
MAX_NUMBERS = 1024
MAX_KEPT_BYTES = 64 * 1024 * 1024


class Codec(Protocol):
    """How attribute values become bytes; `wire` knows, and is handed down from above."""

    def encode_value(self, attribute: Attribute) -> bytes:
        """Encode an attribute's value for keeping."""
        ...

    def decode_value(self, tag: Tag, raw: bytes) -> Value:
        """Decode what `encode_value` gave."""
        ...


class Managed:
    """A managed object: its row, its attributes decoded, and what is asked of it at every use.

    Dates are seconds since 1970, None where there is none.
    """

    def __init__(self, row: ObjectRow, attributes: Attributes) -> None:
        self.row = row
        self.attributes = attributes
        self.unique_identifier = row.unique_identifier
        self.object_type = ObjectType(row.object_type)
        numbers = {a.tag: a.value for a in attributes if isinstance(a.value, int)}
        self.activation = numbers.get(Tag.ACTIVATION_DATE)
        self.deactivation = numbers.get(Tag.DEACTIVATION_DATE)
        self.process_start = numbers.get(Tag.PROCESS_START_DATE)
        self.protect_stop = numbers.get(Tag.PROTECT_STOP_DATE)
        self.compromise = numbers.get(Tag.COMPROMISE_DATE)
        self.destroy = numbers.get(Tag.DESTROY_DATE)
        self.archive = numbers.get(Tag.ARCHIVE_DATE)
        self.usage_mask = CryptographicUsageMask(numbers.get(Tag.CRYPTOGRAPHIC_USAGE_MASK, 0))
        self.usage_bits = int(self.usage_mask)
        self.usage_limits = sets.structure(attributes, Tag.USAGE_LIMITS, UsageLimits)

    @cached_property
    def algorithm(self) -> CryptographicAlgorithm | None:
        """The Cryptographic Algorithm, where the object has one."""
        found = sets.value(self.attributes, Tag.CRYPTOGRAPHIC_ALGORITHM)
        return found if isinstance(found, CryptographicAlgorithm) else None

    @cached_property
    def length(self) -> int:
        """The Cryptographic Length in bits, 0 where the object has none."""
        return sets.number(self.attributes, Tag.CRYPTOGRAPHIC_LENGTH) or 0

    @cached_property
    def key_format_type(self) -> KeyFormatType | None:
        """The format in which the object was given, or by default would be."""
        found = sets.value(self.attributes, Tag.KEY_FORMAT_TYPE)
        return found if isinstance(found, KeyFormatType) else None

    @cached_property
    def parameters(self) -> CryptographicParameters | None:
        """The first of its Cryptographic Parameters, which hold where a request gives none."""
        return sets.structure(self.attributes, Tag.CRYPTOGRAPHIC_PARAMETERS, CryptographicParameters)

    @cached_property
    def sensitive(self) -> bool:
        """Whether it leaves the server only wrapped."""
        return self.flag(Tag.SENSITIVE, default=False)

    @cached_property
    def extractable(self) -> bool:
        """Whether it leaves the server at all."""
        return self.flag(Tag.EXTRACTABLE, default=True)

    @cached_property
    def resident(self) -> bool:
        """Whether no client has its value from here."""
        return self.sensitive or not self.extractable

    @cached_property
    def fresh(self) -> bool:
        """Whether no client was given it yet."""
        return self.flag(Tag.FRESH, default=False)

    @cached_property
    def ref(self) -> KeyRef:
        """Where the key is on the token, or with what it comes along.

        Raises:
            GeneralFailure: it is one of the gateway's own keys: so somebody has written into the database.
        """
        if self.row.cka_id in OWN_CKA_IDS:
            raise GeneralFailure("the database names a key that is no client's")
        return ref_of(self.row)

    @property
    def served(self) -> bool:
        """Whether the token can use the key; what is sealed it cannot."""
        return self.row.custody is not Custody.SEALED and bool(self.row.object_class)

    def state(self, now: float) -> State:
        """Tell the State at `now`; it moves with the clock, so it is never kept."""
        return state_at(
            now,
            activation=self.activation,
            deactivation=self.deactivation,
            compromise=self.compromise,
            destroy=self.destroy,
            revoked=self.deactivation is not None and sets.value(self.attributes, Tag.REVOCATION_REASON) is not None,
        )

    def flag(self, tag: Tag, default: bool) -> bool:
        """Give an attribute that is true or false."""
        found = sets.value(self.attributes, tag)
        return found if isinstance(found, bool) else default

    def linked(self, kind: LinkType) -> str | None:
        """Give the unique identifier that the first Link of this type holds."""
        for link in sets.structures(self.attributes, Tag.LINK, Link):
            if link.link_type == kind and isinstance(link.linked_object_identifier, str):
                return link.linked_object_identifier
        return None

    def names(self) -> tuple[str, ...]:
        """Give the values of its Names."""
        return tuple(name.name_value for name in sets.structures(self.attributes, Tag.NAME, Name))


def state_of(row: ObjectRow, now: float) -> State:
    """Tell the State at `now` of an object whose attributes need not be decoded for it."""
    dates = {each.tag: each.scalar for each in row.attributes if isinstance(each.scalar, int)}
    return state_at(
        now,
        activation=dates.get(Tag.ACTIVATION_DATE),
        deactivation=dates.get(Tag.DEACTIVATION_DATE),
        compromise=dates.get(Tag.COMPROMISE_DATE),
        destroy=dates.get(Tag.DESTROY_DATE),
        revoked=any(each.tag == Tag.REVOCATION_REASON for each in row.attributes),
    )


def ref_of(row: ObjectRow) -> KeyRef:
    """Give the reference of an object's key."""
    return KeyRef(ObjectClass(row.object_class), row.cka_id, row.wrapped)


def visible_attributes(managed: Managed, now: float) -> Attributes:
    """Give all attributes as a client may see them at `now`, the State among them."""
    return (*managed.attributes, Attribute(Tag.STATE, managed.state(now)))


def scalar_of(value: Value) -> Scalar:
    """Give the one number, text or byte string by which Locate finds a value; None where there is none."""
    match value:
        case bool():
            return int(value)
        case int() if -(2**63) <= value < 2**63:
            return int(value)
        case str() | bytes():
            return value
        case Name():
            return value.name_value
        case AlternativeName():
            return value.alternative_name_value
        case ApplicationSpecificInformation():
            # A tape library has one namespace and a datum for each tape: the two together are worth an index.
            return f"{value.application_namespace}\0{value.application_data or ''}"
        case Digest():
            return value.digest_value
        case Link():
            return str(value.linked_object_identifier)
    return None


def attribute_name(attribute: Attribute) -> str:
    """Give the store's name of a vendor attribute, "" for all others."""
    return f"{attribute.vendor}\0{attribute.name}" if attribute.tag is Tag.ATTRIBUTE else ""


class Catalogue:
    """Makes objects of rows and rows of objects; keeps the objects that were made of rows still current."""

    def __init__(self, codec: Codec, capacity: int = 20_000) -> None:
        self._codec = codec
        self._capacity = capacity
        self._seen: dict[str, tuple[ObjectRow, Managed]] = {}
        self._weight = 0  # of all that was kept since the last clearing
        self._numbers: dict[tuple[Tag, int, type, int], AttributeRow] = {}  # those whose value is a number

    def managed(self, row: ObjectRow) -> Managed:
        """Give the object that a row describes, decoded once for as long as the store gives the same row."""
        seen = self._seen.get(row.unique_identifier)
        if seen is not None and seen[0] is row:
            return seen[1]
        managed = self.decode(row)
        if row.weight > MAX_ROW_BYTES:  # The store does not keep it either: it would not be met again.
            return managed
        if len(self._seen) >= self._capacity or self._weight > MAX_KEPT_BYTES:
            self._seen.clear()
            self._weight = 0
        self._seen[row.unique_identifier] = row, managed
        self._weight += row.weight
        return managed

    def decode(self, row: ObjectRow) -> Managed:
        """Decode a row's attributes."""
        return Managed(row, tuple(self._attribute(a) for a in row.attributes))

    def _attribute(self, row: AttributeRow) -> Attribute:
        tag = Tag(row.tag)
        vendor, _, name = row.name.partition("\0")
        return Attribute(tag, self._codec.decode_value(tag, row.ttlv), row.index, vendor, name)

    def rows(self, attributes: Iterable[Attribute]) -> tuple[AttributeRow, ...]:
        """Give the rows in which the store keeps these attributes."""
        return tuple([self._row(a) for a in attributes if a.tag in ATTRIBUTES])

    def _row(self, attribute: Attribute) -> AttributeRow:
        value = attribute.value
        if not isinstance(value, int) or attribute.tag is Tag.ATTRIBUTE:
            return self._made(attribute)
        # Booleans, enumerators, masks, lengths and today's date are the same for thousands of objects. The type is part
        # of what is asked for: 1, True and the first enumerator are equal, and are encoded differently.
        asked = attribute.tag, attribute.index, type(value), value
        row = self._numbers.get(asked)
        if row is None:
            if len(self._numbers) >= MAX_NUMBERS:
                self._numbers.clear()
            row = self._numbers[asked] = self._made(attribute)
        return row

    def _made(self, attribute: Attribute) -> AttributeRow:
        value = attribute.value
        return AttributeRow(
            tag=int(attribute.tag),
            name=attribute_name(attribute),
            index=attribute.index,
            ttlv=self._codec.encode_value(attribute),
            scalar=self._vendor_scalar(value) if isinstance(value, Item) else scalar_of(value),
        )

    def _vendor_scalar(self, item: Item) -> Any:
        # The value's bytes, which are the same for equal values of one type: enough for Locate's equality.
        return bytes((item.type,)) + item.raw if len(item.raw) <= 256 else None
