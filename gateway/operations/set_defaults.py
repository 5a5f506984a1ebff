"""Set Defaults: which attributes this client's new objects get by default (KMIP 2.1 section 6.1.56 Set Defaults)."""

from gateway import attribute_rules, client_settings
from gateway.call import Call
from gateway.errors import InvalidAttribute, InvalidField, InvalidObjectType, UnknownObjectGroup
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import Operation
from gateway.kmip.objects import OBJECTS
from gateway.kmip.policy import DefaultsInformation, ObjectDefaults
from gateway.kmip.structure import Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_1
from gateway.operations import operation

# Two objects cannot both have the one, and hardly mean the same other object by the other.
NO_DEFAULTS = (Tag.NAME, Tag.LINK)


class SetDefaultsRequest(Structure):
    """All defaults that there are to be; none takes away those that are there."""

    defaults_information: DefaultsInformation | None = None


class SetDefaultsResponse(Structure):
    """Nothing: they are set."""


@operation(Operation.SET_DEFAULTS, since=V2_1)
async def set_defaults(call: Call, request: SetDefaultsRequest) -> SetDefaultsResponse:
    """Replace this client's defaults; those of other clients stay, and so do objects that are there.

    Raises:
        NotAuthorized: a ticket is for some objects only, or for those of a group that would be a default.
        InvalidField: defaults without object types.
        InvalidObjectType: for objects that are not kept here.
        UnknownObjectGroup: for a group that the operator does not know, where there is a list of them.
        InvalidAttribute, AttributeReadOnly, AttributeSingleValued, InvalidAttributeValue: an attribute cannot be so.
        ServerLimitExceeded: they are too many.
    """
    for each in () if request.defaults_information is None else request.defaults_information.object_defaults:
        _check(call, each)
    await client_settings.lay_down(call, Tag.DEFAULTS_INFORMATION, request.defaults_information)
    return SetDefaultsResponse()


def _check(call: Call, defaults: ObjectDefaults) -> None:
    if not defaults.types:
        raise InvalidField("defaults are for object types: name some")
    known = call.config.object_groups
    for group in defaults.groups:
        if known and group not in known:
            raise UnknownObjectGroup(f"there is no object group {group[:100]!r}")
    if sets.has(defaults.attributes, Tag.OBJECT_GROUP):  # which the owner's new objects would be in
        call.require_fixed_groups()
    for tag in NO_DEFAULTS:
        if sets.has(defaults.attributes, tag):
            raise InvalidAttribute(f"a {tag.spelling} is each object's own: it has no default")
    for object_type in defaults.types:
        if object_type not in OBJECTS or not object_type.exists_in(call.version):
            raise InvalidObjectType(f"no {object_type.token} is kept here")
        attribute_rules.at_birth(defaults.attributes, object_type)
