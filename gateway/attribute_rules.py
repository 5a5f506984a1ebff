"""What a client may do to attributes, checked against the table of rules (KMIP 2.1 section 4 Object Attributes)."""

from collections import Counter
from collections.abc import Iterable

from gateway import errors
from gateway.kmip import attribute_sets as sets
from gateway.kmip.attributes import ATTRIBUTES, By
from gateway.kmip.enums import ObjectType
from gateway.kmip.structure import Attribute, AttributeReference, Attributes
from gateway.kmip.tags import Tag

# "y-" is the server's own prefix (KMIP 1.4 section 3.39 Custom Attribute).
SERVER_VENDOR = "y"

# Each must not come after the next (KMIP 2.1 sections 4.1, 4.44, 4.45 and 4.19).
ORDERED_DATES = (
    (Tag.ACTIVATION_DATE, Tag.PROCESS_START_DATE),
    (Tag.ACTIVATION_DATE, Tag.PROTECT_STOP_DATE),
    (Tag.ACTIVATION_DATE, Tag.DEACTIVATION_DATE),
    (Tag.PROCESS_START_DATE, Tag.DEACTIVATION_DATE),
    (Tag.PROTECT_STOP_DATE, Tag.DEACTIVATION_DATE),
)
ORDER_OF_ATTRIBUTES = {tag: place for place, tag in enumerate(ATTRIBUTES)}


def at_birth(given: Attributes, object_type: ObjectType) -> Attributes:
    """Check the attributes that a client gives a new object, and give them with their indexes counted from 0.

    Object Type and Key Format Type may stand among them, as some clients put them there.

    Raises:
        AttributeReadOnly: only the server sets one of them.
        AttributeSingleValued: one comes twice that has one value.
        InvalidAttributeValue: the dates are out of order, or the type is another object's.
    """
    kept: Attributes = ()
    for attribute in given:
        if attribute.tag is Tag.OBJECT_TYPE:
            if attribute.value != object_type:
                raise errors.InvalidAttributeValue("the Object Type among the attributes is another one")
            continue
        refuse_server_set(attribute)
        kept = sets.add(kept, attribute)
    _single_values(kept)
    check_dates(kept)
    return kept


def refuse_server_set(attribute: Attribute | AttributeReference) -> None:
    """Refuse an attribute that only the server sets.

    Raises:
        AttributeReadOnly: it is one.
    """
    if ATTRIBUTES[attribute.tag].by is By.SERVER or attribute.vendor == SERVER_VENDOR:
        raise errors.AttributeReadOnly(f"only the server sets {spelled(attribute)}")


def _single_values(attributes: Attributes) -> None:
    for (tag, vendor, name), times in Counter(a.key for a in attributes).items():
        if times > 1 and not ATTRIBUTES[tag].many:
            raise errors.AttributeSingleValued(f"{spelled(AttributeReference(tag, vendor, name))} has one value only")


def check_dates(attributes: Attributes) -> None:
    """Check that the dates are in the order that the life of an object has.

    Raises:
        InvalidAttributeValue: they are not.
    """
    for earlier, later in ORDERED_DATES:
        first, second = sets.number(attributes, earlier), sets.number(attributes, later)
        if first is not None and second is not None and first > second:
            raise errors.InvalidAttributeValue(f"{earlier.spelling} comes after {later.spelling}")


def spelled(attribute: Attribute | AttributeReference) -> str:
    """Spell an attribute's name for a message to the client."""
    if attribute.tag is Tag.ATTRIBUTE:
        return f"{attribute.vendor[:50]}-{attribute.name[:100]}"
    return attribute.tag.spelling


def in_order(attributes: Iterable[Attribute]) -> Attributes:
    """Sort attributes as the standard lists them, the instances of each by index."""
    return tuple(sorted(attributes, key=lambda a: (ORDER_OF_ATTRIBUTES[a.tag], a.vendor, a.name, a.index)))
