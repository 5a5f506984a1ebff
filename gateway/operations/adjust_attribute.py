"""Adjust Attribute: a number moves up or down or changes its sign (KMIP 2.1 section 6.1.3 Adjust Attribute)."""

from typing import Annotated, Any

from msgspec.structs import replace

from gateway import attribute_changes
from gateway.attribute_changes import Changed
from gateway.attribute_rules import spelled
from gateway.call import Call
from gateway.errors import InvalidDataType, InvalidMessage, ItemNotFound, MultiValuedAttribute, NumericRange
from gateway.kmip import attribute_sets as sets
from gateway.kmip.attributes import ATTRIBUTES
from gateway.kmip.enums import AdjustmentType, ItemType, Operation
from gateway.kmip.structure import (
    Attribute,
    Attributed,
    AttributeReference,
    BigInteger,
    DateTime,
    DateTimeExtended,
    Form,
    Identifier,
    Interval,
    Item,
    LongInteger,
    Structure,
)
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_0
from gateway.managed import Managed
from gateway.operations import operation

_SIGNED_64 = range(-(2**63), 2**63)
# The numbers that each item type holds; a Big Integer holds any.
RANGES: dict[int, range] = {
    ItemType.INTEGER: range(-(2**31), 2**31),
    ItemType.LONG_INTEGER: _SIGNED_64,
    ItemType.INTERVAL: range(2**32),
    ItemType.DATE_TIME: _SIGNED_64,
    ItemType.DATE_TIME_EXTENDED: _SIGNED_64,
    ItemType.BOOLEAN: range(2),
}
COUNTABLE = frozenset({*RANGES, ItemType.BIG_INTEGER} - {ItemType.BOOLEAN})
NEGATABLE = frozenset({ItemType.INTEGER, ItemType.LONG_INTEGER, ItemType.BIG_INTEGER, ItemType.BOOLEAN})
BY_ANNOTATION: dict[Any, int] = {
    int: ItemType.INTEGER,
    Interval: ItemType.INTERVAL,
    DateTime: ItemType.DATE_TIME,
    bool: ItemType.BOOLEAN,
}


class AdjustAttributeRequest(Structure):
    """Which object and attribute; the step is 1 when left out: a second, or a microsecond of an extended date."""

    unique_identifier: Identifier | None = None
    attribute_reference: Annotated[
        tuple[AttributeReference, ...], Attributed(Form.NAMES, Tag.ATTRIBUTE_NAME, Tag.ATTRIBUTE_REFERENCE)
    ] = ()
    adjustment_type: AdjustmentType
    adjustment_value: int | LongInteger | BigInteger | Interval | DateTime | DateTimeExtended | None = None


class AdjustAttributeResponse(Structure):
    """Which object it was."""

    unique_identifier: str


@operation(Operation.ADJUST_ATTRIBUTE, since=V2_0)
async def adjust_attribute(call: Call, request: AdjustAttributeRequest) -> AdjustAttributeResponse:
    """Count a number, an interval or a date up or down, or negate a number or a Boolean.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        InvalidMessage: it is not one attribute.
        ItemNotFound: the object has no such attribute.
        MultiValuedAttribute: the object has several instances.
        InvalidDataType: the attribute is of a type that cannot be adjusted so.
        NumericRange: its type does not hold the result.
        AttributeReadOnly, WrongLifecycleState, InvalidAttributeValue.
    """
    managed = call.live(request.unique_identifier)
    if len(request.attribute_reference) != 1:
        raise InvalidMessage("Adjust Attribute is about one attribute")
    named = request.attribute_reference[0]
    attribute_changes.refuse_read_only(named)

    def adjusted(current: Managed) -> Changed:
        there = sets.instances(current.attributes, named.key)
        if not there:
            raise ItemNotFound(f"the object has no {spelled(named)}")
        if len(there) > 1:
            raise MultiValuedAttribute
        return attribute_changes.modified(call, current, there[0], _adjusted(there[0], request))

    await attribute_changes.change(call, managed, named.tag, adjusted)
    return AdjustAttributeResponse(unique_identifier=managed.unique_identifier)


def _adjusted(old: Attribute, request: AdjustAttributeRequest) -> Attribute:
    value = old.value
    item_type = value.type if isinstance(value, Item) else BY_ANNOTATION.get(ATTRIBUTES[old.tag].type, 0)
    number = _computed(_number(value), item_type, request)
    if number not in RANGES.get(item_type, (number,)):
        raise NumericRange(f"{spelled(old)} cannot become {number}")
    if isinstance(value, Item):
        return replace(old, value=replace(value, raw=_raw(number, value)))
    return replace(old, value=bool(number) if item_type == ItemType.BOOLEAN else number)


def _number(value: Any) -> int:
    if not isinstance(value, Item):
        return value if isinstance(value, int) else 0
    return int.from_bytes(value.raw, "big", signed=value.type != ItemType.INTERVAL)


def _computed(number: int, item_type: int, request: AdjustAttributeRequest) -> int:
    kind = request.adjustment_type
    if item_type not in (NEGATABLE if kind is AdjustmentType.NEGATE else COUNTABLE):
        raise InvalidDataType(f"an attribute of this type has no {kind.token}")
    if kind is AdjustmentType.NEGATE:
        return 1 - number if item_type == ItemType.BOOLEAN else -number
    step = 1 if request.adjustment_value is None else request.adjustment_value
    return number + step if kind is AdjustmentType.INCREMENT else number - step


def _raw(number: int, item: Item) -> bytes:
    size = (number.bit_length() // 64 + 1) * 8 if item.type == ItemType.BIG_INTEGER else len(item.raw)
    return number.to_bytes(size, "big", signed=item.type != ItemType.INTERVAL)
