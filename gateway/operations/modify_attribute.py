"""Modify Attribute: an attribute that an object has gets another value (KMIP 2.1 section 6.1.33 Modify Attribute)."""

from typing import Annotated

from gateway import attribute_changes
from gateway.attribute_changes import Changed
from gateway.call import Call
from gateway.errors import AttributeInstanceNotFound, AttributeNotSet, InvalidField
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Attribute, Attributed, Attributes, Form, Identifier, Since, Structure, Until
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.operations import operation


class ModifyAttributeRequest(Structure):
    """Which object and which of its attributes, and the new value.

    1.x tells the instance by its index, 2.x by the value that it has, where there are several.
    """

    unique_identifier: Identifier | None = None
    current_attribute: Annotated[
        Attributes, Attributed(Form.SINGLE, Tag.CURRENT_ATTRIBUTE, Tag.CURRENT_ATTRIBUTE), Since(2, 0)
    ] = ()
    new_attribute: Annotated[Attributes, Attributed(Form.SINGLE, Tag.ATTRIBUTE, Tag.NEW_ATTRIBUTE)] = ()


class ModifyAttributeResponse(Structure):
    """Which object it was; 1.x gives the attribute back."""

    unique_identifier: str
    attribute: Annotated[Attributes, Attributed(Form.SINGLE, Tag.ATTRIBUTE, Tag.ATTRIBUTES), Until(1, 4)] = ()


@operation(Operation.MODIFY_ATTRIBUTE)
async def modify_attribute(call: Call, request: ModifyAttributeRequest) -> ModifyAttributeResponse:
    """Give one instance of an attribute another value; its index stays.

    An Activation Date that is not ahead makes the object Active, a Deactivation Date Deactivated (section 4.57 State).

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        InvalidMessage: it is not one attribute.
        AttributeNotSet: the object has no such attribute.
        AttributeInstanceNotFound: none of its instances is the one meant.
        UnsupportedAttribute, AttributeReadOnly, InvalidAttributeValue.
        NameTaken: another object has this Name.
        WrongLifecycleState: a date cannot be set any more.
    """
    managed = call.live(request.unique_identifier)
    new = attribute_changes.the_one(call, request.new_attribute)
    old = attribute_changes.the_one(call, request.current_attribute) if request.current_attribute else None
    if old is not None and old.key != new.key:
        raise InvalidField("Current Attribute and New Attribute are different attributes")
    attribute_changes.refuse_read_only(new)

    def modified(current: Managed) -> Changed:
        return attribute_changes.modified(call, current, _meant(call, current, old, new), new)

    kept = await attribute_changes.change(call, managed, new.tag, modified)
    return ModifyAttributeResponse(unique_identifier=managed.unique_identifier, attribute=kept)


def _meant(call: Call, current: Managed, old: Attribute | None, new: Attribute) -> Attribute:
    """Find the instance that is to get the new value."""
    there = sets.instances(current.attributes, new.key)
    if not there:
        raise AttributeNotSet
    if old is not None:
        meant = [each for each in there if sets.equal(each.value, old.value)]
    elif call.version.major == 1:
        meant = [each for each in there if each.index == new.index]
    else:
        meant = list(there) if len(there) == 1 else []
    if not meant:
        raise AttributeInstanceNotFound("none of the attribute's instances is the one meant")
    return meant[0]
