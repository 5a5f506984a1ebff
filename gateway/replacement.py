"""What a key that replaces another takes over from it (KMIP 2.1 sections 6.1.46 Re-key and 6.1.47 Re-key Key Pair).

The one rule here: the old key loses its Names to the new one and gets a Link to it, in the commit that makes the new
one live; whatever says how the old one's life went stays with it.
"""

from gateway import attribute_rules, creation
from gateway.call import Call
from gateway.creation import Change, Draft
from gateway.errors import (
    GeneralFailure,
    InvalidAttributeValue,
    InvalidMessage,
    KeyValueNotPresent,
    NotReplaceable,
    ObjectDestroyed,
)
from gateway.kmip import attribute_sets as sets
from gateway.kmip.attributes import ATTRIBUTES, By
from gateway.kmip.enums import LinkType, ObjectType
from gateway.kmip.structure import Attributes, DateTime, Interval
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.templates import overlaid

# The dates that an Offset moves; the first is set, the others keep their distance from it.
DATES = (Tag.ACTIVATION_DATE, Tag.PROCESS_START_DATE, Tag.PROTECT_STOP_DATE, Tag.DEACTIVATION_DATE)

DATE_RANGE = range(-(2**63), 2**63)  # seconds since 1970 in a Date-Time

# What a client may have said of the old key and what is not so of the new one, besides all that the server sets.
OWN = frozenset({Tag.LINK, Tag.FRESH, Tag.ORIGINAL_CREATION_DATE, Tag.RANDOM_NUMBER_GENERATOR, Tag.KEY_VALUE_LOCATION})


def replaceable(managed: Managed, object_type: ObjectType) -> Managed:
    """Give a key that can be replaced, whatever its State.

    Raises:
        NotReplaceable: it is no such key.
        KeyValueNotPresent: the server never held it.
    """
    if managed.object_type is not object_type:
        raise NotReplaceable(f"{managed.unique_identifier} is no {object_type.token}")
    if not managed.flag(Tag.KEY_VALUE_PRESENT, default=True):
        raise KeyValueNotPresent
    return managed


def attributes_for(call: Call, old: Managed, given: Attributes, offset: Interval | None) -> Attributes:
    """Give the attributes of the key that replaces `old`; `given` has its way, and Names in it come after the old ones.

    Raises:
        InvalidMessage: an Offset together with dates, or for dates without an Activation Date.
        What attribute_rules.at_birth raises.
    """
    if offset is not None and any(sets.has(given, tag) for tag in DATES):
        raise InvalidMessage("an Offset and dates are not given together")
    kept = tuple(a for a in old.attributes if ATTRIBUTES[a.tag].by is not By.SERVER and a.tag not in OWN)
    if offset is not None:
        kept = _moved(kept, call.today, offset)
    attributes = attribute_rules.at_birth(overlaid(kept, given), old.object_type)
    attributes = sets.put(attributes, Tag.ROTATE_DATE, call.today)
    attributes = sets.put(attributes, Tag.ROTATE_GENERATION, _generation(old) + 1)
    return sets.put(attributes, Tag.ROTATE_LATEST, True)


def successor(draft: Draft, old: Managed) -> Draft:
    """Give the new key's draft with a Link to the old one, after all others: 1.x counts Links in their order."""
    attributes = creation.link(draft.attributes, LinkType.REPLACED_OBJECT_LINK, old.unique_identifier)
    return draft._replace(attributes=attributes)


def _moved(attributes: Attributes, today: DateTime, offset: Interval) -> Attributes:
    """Move the dates so that the Activation Date is `offset` from today (KMIP 1.4 section 4.4 Re-key).

    Raises:
        InvalidMessage: there are dates, and no Activation Date.
        InvalidAttributeValue: a date would not fit 64 bits.
    """
    activation = sets.number(attributes, Tag.ACTIVATION_DATE)
    present = [tag for tag in DATES if sets.has(attributes, tag)]
    if activation is None:
        if present:
            raise InvalidMessage("an Offset moves dates by the Activation Date, and the key has none")
        return attributes
    by = today + offset - activation
    for tag in present:
        moved = (sets.number(attributes, tag) or 0) + by
        if moved not in DATE_RANGE:
            raise InvalidAttributeValue(f"the Offset moves {tag.spelling} to where no date is")
        attributes = sets.put(attributes, tag, DateTime(moved))
    return attributes


def _is_latest(managed: Managed) -> bool:
    return managed.flag(Tag.ROTATE_LATEST, default=True)


def _generation(managed: Managed) -> int:
    return sets.number(managed.attributes, Tag.ROTATE_GENERATION) or 0


def replaced(call: Call, old: Managed, unique_identifier: str) -> Change:
    """Give what becomes of the old key once the one with this unique identifier replaces it."""

    def without_names(current: Managed) -> Attributes:
        if current.destroy is not None:
            raise ObjectDestroyed(f"{current.unique_identifier} was destroyed")
        if current.names() != old.names() or _is_latest(current) is not _is_latest(old):
            # Another change of its Names came between, and would be lost; or another replacement.
            raise GeneralFailure(f"{current.unique_identifier} was changed at the same time; try again")
        attributes = sets.drop(current.attributes, Tag.NAME)
        attributes = sets.put(attributes, Tag.ROTATE_DATE, call.today)
        attributes = sets.put(attributes, Tag.ROTATE_GENERATION, _generation(current))
        attributes = sets.put(attributes, Tag.ROTATE_LATEST, False)
        return creation.link(attributes, LinkType.REPLACEMENT_OBJECT_LINK, unique_identifier)

    return Change(old, without_names)
