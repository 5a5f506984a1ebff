"""What Locate asks for, as conditions on rows (KMIP 2.1 section 6.1.27 Locate).

The one rule here: what is asked is never left out. A condition that the store cannot test by itself is narrowed down by
what it can, and then tested on each row that is left.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from gateway.errors import InvalidField
from gateway.kmip.attributes import ATTRIBUTES
from gateway.kmip.enums import State
from gateway.kmip.names import Mask
from gateway.kmip.structure import Attribute, Attributes, DateTime, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import ApplicationSpecificInformation, UsageLimits, X509CertificateIdentifier
from gateway.managed import Catalogue, Codec, attribute_name, state_of
from gateway.store.api import AttributeRow, Filter, ObjectRow, Op

Test = Callable[[ObjectRow], bool]
Fits = Callable[[Any, Any], bool]

DER_INTEGER = 0x02
DATES = frozenset(tag for tag, rule in ATTRIBUTES.items() if rule.type is DateTime)
# The store finds the rarest condition fastest when the rare ones come first.
RARE_FIRST = (
    Tag.UNIQUE_IDENTIFIER,
    Tag.SHORT_UNIQUE_IDENTIFIER,
    Tag.NAME,
    Tag.ALTERNATIVE_NAME,
    Tag.LINK,
    Tag.APPLICATION_SPECIFIC_INFORMATION,
    Tag.DIGEST,
    Tag.ATTRIBUTE,
)
RARITY = {tag: place for place, tag in enumerate(RARE_FIRST)}


class Conditions(NamedTuple):
    """Filters for the store, and tests for the rows that pass them."""

    filters: tuple[Filter, ...]
    tests: tuple[Test, ...] = ()

    @property
    def post(self) -> Test | None:
        """All tests as one; None where the filters say everything."""
        if not self.tests:
            return None
        return lambda row: all(test(row) for test in self.tests)


def conditions(asked: Attributes, catalogue: Catalogue, codec: Codec, now: float) -> Conditions:
    """Give the conditions that an object must meet to be found: those of every attribute asked.

    Raises:
        InvalidField: a date is given more than twice.
    """
    parts = [_attribute(each, catalogue, codec, now) for each in asked if each.tag not in DATES]
    parts += [_date(tag, asked) for tag in dict.fromkeys(each.tag for each in asked if each.tag in DATES)]
    parts.sort(key=lambda part: RARITY.get(Tag(part.filters[0].tag), len(RARITY)) if part.filters else len(RARITY))
    return Conditions(
        tuple(each for part in parts for each in part.filters), tuple(each for part in parts for each in part.tests)
    )


def _date(tag: Tag, asked: Attributes) -> Conditions:
    """One date is to be met exactly, two are the ends of a range, both included."""
    dates = [each.value for each in asked if each.tag is tag and isinstance(each.value, int)]
    if len(dates) > 2:
        raise InvalidField(f"{tag.spelling} is given once or twice")
    if len(dates) == 1:
        return Conditions((Filter(tag, low=dates[0]),))
    return Conditions((Filter(tag, op=Op.RANGE, low=min(dates), high=max(dates)),))


def _attribute(asked: Attribute, catalogue: Catalogue, codec: Codec, now: float) -> Conditions:
    value = asked.value
    if isinstance(value, State):
        return Conditions(_STATE_FILTERS[value](int(now)), (lambda row: state_of(row, now) is value,))
    if isinstance(value, Mask):
        return Conditions((Filter(asked.tag, op=Op.MASK, low=int(value)),))
    (row,) = catalogue.rows((asked,))
    if isinstance(value, Structure):
        return _structure(asked, value, row, codec)
    if row.scalar is None:
        return Conditions((Filter(asked.tag, row.name, Op.TTLV, row.ttlv),))
    return Conditions((Filter(asked.tag, row.name, low=row.scalar),))


def _structure(asked: Attribute, value: Structure, row: AttributeRow, codec: Codec) -> Conditions:
    """A structure is met by one that has the fields asked; one with all its fields asked, by the same bytes."""
    found = _likely(asked, row)
    fits = _SPECIAL.get(type(value))
    if fits is None and all(getattr(value, name) not in (None, ()) for name in value.__struct_fields__):
        same = Filter(asked.tag, op=Op.TTLV, low=row.ttlv)
        return Conditions((same,) if row.scalar is None else (found, same))
    return Conditions((found,), (_some(asked, fits or has_fields, codec),))


def _likely(asked: Attribute, row: AttributeRow) -> Filter:
    """Give the filter that leaves the fewest objects that may have a structure."""
    if row.scalar is None:
        return Filter(asked.tag, op=Op.EXISTS)
    if isinstance(asked.value, ApplicationSpecificInformation) and asked.value.application_data is None:
        namespace = asked.value.application_namespace
        return Filter(asked.tag, op=Op.RANGE, low=f"{namespace}\0", high=f"{namespace}\1")
    return Filter(asked.tag, low=row.scalar)


def _some(asked: Attribute, fits: Fits, codec: Codec) -> Test:
    """Give the test whether some instance of the attribute fits what is asked."""
    name = attribute_name(asked)

    def test(row: ObjectRow) -> bool:
        kept = (each for each in row.attributes if each.tag == asked.tag and each.name == name)
        return any(fits(asked.value, codec.decode_value(asked.tag, each.ttlv)) for each in kept)

    return test


def has_fields(asked: Structure, kept: Structure) -> bool:
    """Tell whether a structure has every field that is asked, with the same value."""
    for name in asked.__struct_fields__:
        wanted, there = getattr(asked, name), getattr(kept, name)
        if isinstance(wanted, tuple):
            if not set(wanted) <= set(there):
                return False
        elif wanted is not None and wanted != there:
            return False
    return True


def enough_left(asked: UsageLimits, kept: UsageLimits) -> bool:
    """Tell whether an object has at least the Usage Limits asked."""
    left = kept.usage_limits_total if kept.usage_limits_count is None else kept.usage_limits_count
    return (
        kept.usage_limits_unit == asked.usage_limits_unit
        and kept.usage_limits_total >= asked.usage_limits_total
        and left >= (asked.usage_limits_count or 0)
    )


def same_certificate(asked: X509CertificateIdentifier, kept: X509CertificateIdentifier) -> bool:
    """Tell whether issuer and serial number are the same.

    The official cases give a serial number as a DER INTEGER in a request and as its bare content in a response.
    """
    serials = bare_serial(asked.certificate_serial_number), bare_serial(kept.certificate_serial_number)
    return asked.issuer_distinguished_name == kept.issuer_distinguished_name and serials[0] == serials[1]


def bare_serial(serial: bytes) -> bytes:
    """Give the content of a DER INTEGER; other bytes, which are content already, as they are."""
    whole = len(serial) > 2 and serial[0] == DER_INTEGER and serial[1] == len(serial) - 2
    return serial[2:] if whole else serial


_SPECIAL: dict[type[Structure], Fits] = {
    UsageLimits: enough_left,
    X509CertificateIdentifier: same_certificate,
}


# A State follows from dates and the clock: the store leaves out what cannot be in it, the test does the rest.
_STATE_FILTERS: dict[State, Callable[[int], tuple[Filter, ...]]] = {
    State.PRE_ACTIVE: lambda now: (),
    State.ACTIVE: lambda now: (Filter(Tag.ACTIVATION_DATE, op=Op.RANGE, high=now),),
    # Of any date: what was revoked is Deactivated though the clock was set back.
    State.DEACTIVATED: lambda now: (Filter(Tag.DEACTIVATION_DATE, op=Op.EXISTS),),
    State.COMPROMISED: lambda now: (Filter(Tag.COMPROMISE_DATE, op=Op.EXISTS),),
    State.DESTROYED: lambda now: (Filter(Tag.DESTROY_DATE, op=Op.EXISTS),),
    State.DESTROYED_COMPROMISED: lambda now: (Filter(Tag.DESTROY_DATE, op=Op.EXISTS),),
}


def names_meant(asked: Iterable[Attribute]) -> Attributes:
    """Take the Name that FortiOS puts bare into a Template-Attribute for the Name that is looked for."""
    return tuple(Attribute(Tag.NAME, each.value) if each.tag is Tag.TEMPLATE else each for each in asked)
