"""What a client may do to attributes, checked against the table of rules (KMIP 2.1 section 4 Object Attributes)."""

from collections import Counter
from collections.abc import Iterable
from functools import cache

from msgspec.structs import replace

from gateway import errors, keyblocks
from gateway.kmip import attribute_sets as sets
from gateway.kmip.attributes import ATTRIBUTES, VENDORS_IN_1X, By
from gateway.kmip.enums import CryptographicAlgorithm, ObjectType
from gateway.kmip.names import Mask, Named
from gateway.kmip.structure import Attribute, AttributeReference, Attributes, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import ApplicationSpecificInformation, UsageLimits
from gateway.kmip.version import Version

# "y-" is the server's own prefix (KMIP 1.4 section 3.39 Custom Attribute).
SERVER_VENDOR = "y"

# The gateway makes a key each time, and goes on when the client is long gone: ten thousand keys a week from one request
# are none that anybody wants.
MIN_ROTATE_INTERVAL_S = 3600

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
        ApplicationNamespaceNotSupported: the server is to make up Application Data.
    """
    kept: Attributes = ()
    for attribute in given:
        if attribute.tag is Tag.OBJECT_TYPE:
            if attribute.value != object_type:
                raise errors.InvalidAttributeValue("the Object Type among the attributes is another one")
            continue
        refuse_server_set(attribute)
        check_value(attribute)
        kept = sets.add(kept, attribute)
    check_single_values(kept)
    check_dates(kept)
    return kept


def refuse_server_set(attribute: Attribute | AttributeReference) -> None:
    """Refuse an attribute that only the server sets.

    Raises:
        AttributeReadOnly: it is one.
    """
    if ATTRIBUTES[attribute.tag].by is By.SERVER or attribute.vendor == SERVER_VENDOR:
        raise errors.AttributeReadOnly(f"only the server sets {spelled(attribute)}")


def check_value(attribute: Attribute) -> None:
    """Check what a client gives as the value of an attribute, whatever the object.

    Raises:
        ApplicationNamespaceNotSupported: the server is to make up Application Data (section 4.4).
        InvalidAttributeValue: Usage Limits below nothing, a Rotate Interval of less than an hour, or a vendor attribute
            with a NUL in its name.
    """
    if "\0" in attribute.vendor or "\0" in attribute.name:  # The store tells one from the other by it.
        raise errors.InvalidAttributeValue("no NUL can be in the name of an attribute")
    value = attribute.value
    if isinstance(value, ApplicationSpecificInformation) and value.application_data is None:
        raise errors.ApplicationNamespaceNotSupported("the server makes up no Application Data: give some")
    if attribute.tag is Tag.ROTATE_INTERVAL and isinstance(value, int) and 0 < value < MIN_ROTATE_INTERVAL_S:
        raise errors.InvalidAttributeValue(f"a Rotate Interval is {MIN_ROTATE_INTERVAL_S} seconds at least")
    if isinstance(value, UsageLimits) and value.usage_limits_total < 0:
        raise errors.InvalidAttributeValue("the Usage Limits Total is a number from 0")


def check_single_values(attributes: Attributes) -> None:
    """Check that no attribute comes twice that has one value.

    Raises:
        AttributeSingleValued: one does.
    """
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


def shown(attributes: Iterable[Attribute], version: Version) -> Attributes:
    """Leave out what this version does not know: attributes, values with other enumerators, bits of masks."""
    return tuple(known for each in attributes if (known := _known(each, version)) is not None)


def _known(attribute: Attribute, version: Version) -> Attribute | None:
    if not ATTRIBUTES[attribute.tag].exists_in(version) or not _nameable(attribute, version):
        return None
    value = attribute.value
    match value:
        case CryptographicAlgorithm():
            name = keyblocks.name_in(value, version)
            return None if name is None else replace(attribute, value=name)
        case Named():
            return attribute if value.exists_in(version) else None
        case Mask():
            bits = value & _bits(type(value), version)
            return attribute if bits == value else replace(attribute, value=bits)
        case Structure():
            parts = (getattr(value, field) for field in value.__struct_fields__)
            known = all(part.exists_in(version) for part in parts if isinstance(part, Named))
            return attribute if known else None
    return attribute


def _nameable(attribute: Attribute, version: Version) -> bool:
    """Tell whether the version can spell the name: 1.x knows "x-" and "y-" and no other vendors."""
    return attribute.tag is not Tag.ATTRIBUTE or version.major > 1 or attribute.vendor in VENDORS_IN_1X


@cache
def _bits(kind: type[Mask], version: Version) -> int:
    return sum(bit.value for bit in kind if bit.since <= version <= bit.until)
