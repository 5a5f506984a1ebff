"""Get Attribute List: which attributes an object has (KMIP 2.1 section 6.1.21 Get Attribute List)."""

from typing import Annotated

from gateway.attribute_rules import in_order, shown
from gateway.call import Call
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Attributed, AttributeReference, Form, Identifier, Structure
from gateway.kmip.tags import Tag
from gateway.managed import visible_attributes
from gateway.operations import operation


class GetAttributeListRequest(Structure):
    """Which object; the ID Placeholder when left out."""

    unique_identifier: Identifier | None = None


class GetAttributeListResponse(Structure):
    """The names of the attributes that the object has, each once."""

    unique_identifier: str
    attribute_reference: Annotated[
        tuple[AttributeReference, ...], Attributed(Form.NAMES, Tag.ATTRIBUTE_NAME, Tag.ATTRIBUTE_REFERENCE)
    ] = ()


@operation(Operation.GET_ATTRIBUTE_LIST, pure=True)
async def get_attribute_list(call: Call, request: GetAttributeListRequest) -> GetAttributeListResponse:
    """Name the attributes that Get Attributes would give, in the order of the standard.

    Raises:
        ObjectNotFound.
    """
    managed = call.find(request.unique_identifier)
    known = in_order(shown(visible_attributes(managed, call.now), call.version))
    names = dict.fromkeys(sets.reference(each) for each in known)
    return GetAttributeListResponse(unique_identifier=managed.unique_identifier, attribute_reference=tuple(names))
