"""Set Attribute: an attribute gets a value, whether it had one or not (KMIP 2.1 section 6.1.47 Set Attribute)."""

from typing import Annotated

from gateway import attribute_changes
from gateway.attribute_changes import Changed
from gateway.call import Call
from gateway.errors import MultiValuedAttribute
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Attributed, Attributes, Form, Identifier, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_0
from gateway.managed import Managed
from gateway.operations import operation


class SetAttributeRequest(Structure):
    """Which object, and what it gets."""

    unique_identifier: Identifier | None = None
    new_attribute: Annotated[Attributes, Attributed(Form.SINGLE, Tag.ATTRIBUTE, Tag.NEW_ATTRIBUTE)] = ()


class SetAttributeResponse(Structure):
    """Which object it was."""

    unique_identifier: str


@operation(Operation.SET_ATTRIBUTE, since=V2_0)
async def set_attribute(call: Call, request: SetAttributeRequest) -> SetAttributeResponse:
    """Add an attribute, or give its only instance another value.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        InvalidMessage: it is not one attribute.
        MultiValuedAttribute: the object has several instances.
        UnsupportedAttribute, AttributeReadOnly, InvalidAttributeValue.
        NameTaken: another object has this Name.
        WrongLifecycleState: a date cannot be set any more.
    """
    managed = call.live(request.unique_identifier)
    new = attribute_changes.the_one(call, request.new_attribute)

    def with_it(current: Managed) -> Changed:
        there = sets.instances(current.attributes, new.key)
        if len(there) > 1:
            raise MultiValuedAttribute
        if there:
            return attribute_changes.modified(call, current, there[0], new)
        return attribute_changes.added(call, current, new)

    await attribute_changes.change(call, managed, new.tag, with_it)
    return SetAttributeResponse(unique_identifier=managed.unique_identifier)
