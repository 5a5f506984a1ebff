"""Get Attributes: what is known of an object (KMIP 2.1 section 6.1.20 Get Attributes)."""

from typing import Annotated

from gateway.attribute_rules import in_order, shown
from gateway.call import Call
from gateway.errors import InvalidMessage
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Attributed, AttributeReference, Attributes, Form, Identifier, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import V1_0
from gateway.managed import visible_attributes
from gateway.operations import operation


class GetAttributesRequest(Structure):
    """Which object, and which of its attributes; all when none is named."""

    unique_identifier: Identifier | None = None
    attribute_reference: Annotated[
        tuple[AttributeReference, ...], Attributed(Form.NAMES, Tag.ATTRIBUTE_NAME, Tag.ATTRIBUTE_REFERENCE)
    ] = ()


class GetAttributesResponse(Structure):
    """The attributes that the object has, all instances of each."""

    unique_identifier: str
    attributes: Annotated[Attributes, Attributed(Form.REPEATED, Tag.ATTRIBUTE, Tag.ATTRIBUTES, always=True)] = ()


@operation(Operation.GET_ATTRIBUTES, pure=True)
async def get_attributes(call: Call, request: GetAttributesRequest) -> GetAttributesResponse:
    """Give those of the named attributes that the object has, in the order of the standard; no other is an error.

    Destroyed and archived objects keep their attributes.

    Raises:
        ObjectNotFound.
        InvalidMessage: an attribute is named twice (KMIP 1.4 section 4.12; 1.0 does not forbid it).
    """
    managed = call.find(request.unique_identifier)
    wanted = {reference.key for reference in request.attribute_reference}
    if len(wanted) < len(request.attribute_reference) and call.version > V1_0:
        raise InvalidMessage("an attribute is named more than once")
    known = visible_attributes(managed, call.now)
    asked = tuple(each for each in known if each.key in wanted) if wanted else known
    return GetAttributesResponse(
        unique_identifier=managed.unique_identifier, attributes=in_order(shown(asked, call.version))
    )
