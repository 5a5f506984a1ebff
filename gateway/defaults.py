"""Defaults: the attributes that a client's new objects get unless it says otherwise (KMIP 2.1 section 6.1.56).

The one rule here: a default gives way. What the request says, or the object itself, has its way; what is laid down for
one of the object's groups lies over what is laid down for all.
"""

from gateway import client_settings
from gateway.access.permissions import OPEN
from gateway.call import Call
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import ObjectType
from gateway.kmip.policy import DefaultsInformation, ObjectDefaults
from gateway.kmip.structure import Attributes
from gateway.kmip.tags import Tag
from gateway.templates import overlaid

# What material that a client brings tells of itself.
TOLD_BY_MATERIAL = (
    Tag.CRYPTOGRAPHIC_ALGORITHM,
    Tag.CRYPTOGRAPHIC_LENGTH,
    Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS,
    Tag.CERTIFICATE_TYPE,
    Tag.KEY_FORMAT_TYPE,
)
# What is said of one algorithm, and of no other.
OF_AN_ALGORITHM = (
    Tag.CRYPTOGRAPHIC_LENGTH,
    Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS,
    Tag.CRYPTOGRAPHIC_PARAMETERS,
    Tag.KEY_FORMAT_TYPE,
)


def read(call: Call) -> DefaultsInformation:
    """Give the client's defaults."""
    return client_settings.read(call, Tag.DEFAULTS_INFORMATION, DefaultsInformation) or DefaultsInformation()


def of_groups(defaults: DefaultsInformation, groups: tuple[str, ...]) -> DefaultsInformation:
    """Give the defaults that name one of these groups; all of them where no group is asked for."""
    found = (each for each in defaults.object_defaults if not groups or not set(groups).isdisjoint(each.groups))
    return DefaultsInformation(object_defaults=tuple(found))


def completed(call: Call, object_type: ObjectType, given: Attributes) -> Attributes:
    """Give the attributes of an object that is to be made, the client's defaults under them, and its role's below."""
    given = _under(_for(read(call).object_defaults, object_type, given), given)
    return _under(_of_role(call, object_type, given), given)


def beside_material(call: Call, object_type: ObjectType, given: Attributes) -> Attributes:
    """Give the attributes of an object that a client brings, its defaults under them, and its role's below."""
    own = overlaid(sets.drop(_for(read(call).object_defaults, object_type, given), *TOLD_BY_MATERIAL), given)
    return overlaid(sets.drop(_of_role(call, object_type, own), *TOLD_BY_MATERIAL), own)


def _under(defaults: Attributes, given: Attributes) -> Attributes:
    """Give attributes with defaults under them; what those say of another algorithm they do not say."""
    algorithm = sets.value(given, Tag.CRYPTOGRAPHIC_ALGORITHM)
    if algorithm not in (None, sets.value(defaults, Tag.CRYPTOGRAPHIC_ALGORITHM)):
        defaults = sets.drop(defaults, *OF_AN_ALGORITHM)
    return overlaid(defaults, given) if defaults else given


def _of_role(call: Call, object_type: ObjectType, given: Attributes) -> Attributes:
    """Give what the client's role gives such new objects: what it names, and that they do not leave if none may."""
    terms = call.terms_for(object_type, given)
    if terms is None:
        return ()
    resident = terms.role.extractable == "resident" and object_type not in OPEN
    return sets.put(terms.defaults, Tag.EXTRACTABLE, False) if resident else terms.defaults


def _for(all_defaults: tuple[ObjectDefaults, ...], object_type: ObjectType, given: Attributes) -> Attributes:
    groups = {a.value for a in given if a.tag is Tag.OBJECT_GROUP}
    found: Attributes = ()
    of_type = [each for each in all_defaults if object_type in each.types]
    for each in sorted(of_type, key=lambda each: bool(each.groups)):  # those for all first, the others over them
        if not each.groups or not groups.isdisjoint(each.groups):
            found = overlaid(found, each.attributes)
    return found
