"""Set Constraints: which values this client's objects have to have (KMIP 2.1 section 6.1.55 Set Constraints)."""

from gateway import attribute_rules, client_settings
from gateway.call import Call
from gateway.errors import InvalidAttribute, InvalidField, InvalidObjectType, UnknownObjectGroup
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import Operation
from gateway.kmip.objects import OBJECTS
from gateway.kmip.policy import Constraint, Constraints
from gateway.kmip.structure import Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_1
from gateway.operations import operation

# Of every object another one, or of a kind that a request may give as a reference to be resolved.
NOT_CONSTRAINED = (Tag.NAME, Tag.LINK)


class SetConstraintsRequest(Structure):
    """All constraints that there are to be; none takes away those that are there (test case TC-MD-22)."""

    constraints: Constraints | None = None


class SetConstraintsResponse(Structure):
    """Nothing: they are set."""


@operation(Operation.SET_CONSTRAINTS, since=V2_1)
async def set_constraints(call: Call, request: SetConstraintsRequest) -> SetConstraintsResponse:
    """Replace this client's constraints; objects that are there stay as they are.

    Raises:
        InvalidField: a constraint without attributes.
        InvalidObjectType: one for objects that are not kept here.
        UnknownObjectGroup: one for a group that the operator does not know, where there is a list of them.
        InvalidAttribute, AttributeReadOnly, InvalidAttributeValue: an attribute cannot be constrained so.
        ServerLimitExceeded: they are too many.
    """
    for each in () if request.constraints is None else request.constraints.constraint:
        _check(call, each)
    await client_settings.lay_down(call, Tag.CONSTRAINTS, request.constraints)
    return SetConstraintsResponse()


def _check(call: Call, constraint: Constraint) -> None:
    if not constraint.attributes:
        raise InvalidField("a constraint is on attributes: name some")
    known = call.config.object_groups
    for group in constraint.groups:
        if known and group not in known:
            raise UnknownObjectGroup(f"there is no object group {group[:100]!r}")
    for object_type in constraint.types:
        if object_type not in OBJECTS or not object_type.exists_in(call.version):
            raise InvalidObjectType(f"no {object_type.token} is kept here")
    for tag in NOT_CONSTRAINED:
        if sets.has(constraint.attributes, tag):
            raise InvalidAttribute(f"a {tag.spelling} is each object's own: it is not constrained")
    for attribute in constraint.attributes:  # Several values of one attribute are the ones that it may have.
        attribute_rules.refuse_server_set(attribute)
        attribute_rules.check_value(attribute)
