"""Delete Attribute: an object loses an attribute, or an instance of it (KMIP 2.1 section 6.1.13 Delete Attribute)."""

from typing import Annotated

from gateway import attribute_changes
from gateway.attribute_changes import Changed
from gateway.call import Call
from gateway.errors import AttributeInstanceNotFound, AttributeNotFound, InvalidField, InvalidMessage
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import Operation
from gateway.kmip.structure import (
    Attribute,
    Attributed,
    AttributeReference,
    Attributes,
    Form,
    Identifier,
    Since,
    Structure,
    Until,
)
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.operations import operation


class DeleteAttributeRequest(Structure):
    """Which object, and what it loses.

    1.x names the attribute and the index of the instance, 0 when left out. 2.x gives the value of the instance, or a
    reference that stands for all instances.
    """

    unique_identifier: Identifier | None = None
    current_attribute: Annotated[
        Attributes, Attributed(Form.SINGLE, Tag.CURRENT_ATTRIBUTE, Tag.CURRENT_ATTRIBUTE), Since(2, 0)
    ] = ()
    attribute_reference: Annotated[
        tuple[AttributeReference, ...], Attributed(Form.NAMES, Tag.ATTRIBUTE_NAME, Tag.ATTRIBUTE_REFERENCE)
    ] = ()
    attribute_index: Annotated[int | None, Until(1, 4)] = None


class DeleteAttributeResponse(Structure):
    """Which object it was; 1.x gives back what it lost."""

    unique_identifier: str
    attribute: Annotated[Attributes, Attributed(Form.SINGLE, Tag.ATTRIBUTE, Tag.ATTRIBUTES), Until(1, 4)] = ()


@operation(Operation.DELETE_ATTRIBUTE)
async def delete_attribute(call: Call, request: DeleteAttributeRequest) -> DeleteAttributeResponse:
    """Delete an instance of an attribute, or by reference all of them; the indexes of the others stay.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived.
        InvalidMessage: no attribute is named, or several.
        InvalidField: the value given is another attribute's than the reference.
        AttributeNotFound: the object has no such attribute.
        AttributeInstanceNotFound: none of its instances is the one meant.
        AttributeReadOnly: the client may not delete it.
    """
    managed = call.live(request.unique_identifier)
    old = attribute_changes.the_one(call, request.current_attribute) if request.current_attribute else None
    named = _named(request, old)
    attribute_changes.refuse_read_only(named)

    def without(current: Managed) -> Changed:
        there = sets.instances(current.attributes, named.key)
        return attribute_changes.deleted(call, current, _meant(call, there, old, request.attribute_index or 0))

    gone = await attribute_changes.change(call, managed, named.tag, without)
    return DeleteAttributeResponse(unique_identifier=managed.unique_identifier, attribute=gone)


def _named(request: DeleteAttributeRequest, old: Attribute | None) -> AttributeReference:
    """Tell which attribute is meant."""
    names = request.attribute_reference if old is None else (sets.reference(old), *request.attribute_reference)
    if not names:
        raise InvalidMessage("Delete Attribute says which attribute")
    if any(each.key != names[0].key for each in names):
        raise InvalidField("Delete Attribute is about one attribute")
    return names[0]


def _meant(call: Call, there: Attributes, old: Attribute | None, index: int) -> Attributes:
    """Find the instances that are to go."""
    if not there:
        raise AttributeNotFound
    if old is not None:
        meant = tuple(each for each in there if sets.equal(each.value, old.value))[:1]
    elif call.version.major == 1:
        meant = tuple(each for each in there if each.index == index)
    else:
        meant = there
    if not meant:
        raise AttributeInstanceNotFound
    return meant
