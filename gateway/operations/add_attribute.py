"""Add Attribute: an object gets one more attribute, or one more instance of it (KMIP 2.1 section 6.1.2)."""

from typing import Annotated

from gateway import attribute_changes
from gateway.call import Call
from gateway.errors import InvalidField
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Attributed, Attributes, Form, Identifier, Structure, Until
from gateway.kmip.tags import Tag
from gateway.operations import operation


class AddAttributeRequest(Structure):
    """Which object, and what it gets."""

    unique_identifier: Identifier | None = None
    new_attribute: Annotated[Attributes, Attributed(Form.SINGLE, Tag.ATTRIBUTE, Tag.NEW_ATTRIBUTE)] = ()


class AddAttributeResponse(Structure):
    """Which object it was; 1.x gives the attribute back, with the index that it got."""

    unique_identifier: str
    attribute: Annotated[Attributes, Attributed(Form.SINGLE, Tag.ATTRIBUTE, Tag.ATTRIBUTES), Until(1, 4)] = ()


@operation(Operation.ADD_ATTRIBUTE)
async def add_attribute(call: Call, request: AddAttributeRequest) -> AddAttributeResponse:
    """Add an attribute, or an instance of one that may have several, under the next index.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        InvalidMessage: it is not one attribute.
        InvalidField: the attribute has an index (KMIP 1.4 section 4.14 Add Attribute).
        UnsupportedAttribute, AttributeReadOnly, AttributeSingleValued, InvalidAttributeValue.
        TooManyInstances: the server keeps no more of them.
        NameTaken: another object has this Name.
        WrongLifecycleState: a date cannot be set any more.
    """
    managed = call.live(request.unique_identifier)
    new = attribute_changes.the_one(call, request.new_attribute)
    # An index of 0 cannot be told from none, and does no harm.
    if new.index:
        raise InvalidField("the server chooses the Attribute Index")
    kept = await attribute_changes.change(
        call, managed, new.tag, lambda current: attribute_changes.added(call, current, new)
    )
    return AddAttributeResponse(unique_identifier=managed.unique_identifier, attribute=kept)
