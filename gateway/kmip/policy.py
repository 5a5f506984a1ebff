"""What a client lays down for objects and for tickets: defaults, constraints, rights (KMIP 2.1 section 7)."""

from typing import Annotated

from gateway.kmip.enums import ObjectType, Operation
from gateway.kmip.structure import Attributed, Attributes, Form, Identifier, Since, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import UsageLimits

ATTRIBUTES = Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES, always=True)


class ObjectTypes(Structure):
    """Types of objects (section 7.24 Object Types)."""

    object_type: tuple[ObjectType, ...] = ()


class ObjectGroups(Structure):
    """Groups of objects (section 7.23 Object Groups)."""

    object_group: tuple[str, ...] = ()


class ObjectDefaults(Structure):
    """The attributes that new objects of some types get, in some groups or everywhere (section 7.22 Object Defaults).

    2.0 names one type, 2.1 several in a structure; some write the one type in 2.1 too (test case TC-MD-5).
    """

    object_type: tuple[ObjectType, ...] = ()
    object_types: Annotated[ObjectTypes | None, Since(2, 1)] = None
    attributes: Annotated[Attributes, ATTRIBUTES]
    object_groups: Annotated[ObjectGroups | None, Since(2, 1)] = None

    @property
    def types(self) -> tuple[ObjectType, ...]:
        """The types, however they are written."""
        return self.object_type + (self.object_types.object_type if self.object_types else ())

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups, none for everywhere."""
        return self.object_groups.object_group if self.object_groups else ()


class DefaultsInformation(Structure):
    """All defaults (section 7.11 Defaults Information)."""

    object_defaults: tuple[ObjectDefaults, ...] = ()


class Constraint(Structure):
    """The values that attributes have to have, of objects of some types and in some groups (section 7.6 Constraint)."""

    object_types: ObjectTypes | None = None
    object_groups: ObjectGroups | None = None
    attributes: Annotated[Attributes, ATTRIBUTES] = ()

    @property
    def types(self) -> tuple[ObjectType, ...]:
        """The types, none for all of them."""
        return self.object_types.object_type if self.object_types else ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups, none for everywhere."""
        return self.object_groups.object_group if self.object_groups else ()


class Constraints(Structure):
    """All constraints (section 7.7 Constraints)."""

    constraint: tuple[Constraint, ...] = ()


class Operations(Structure):
    """Operations that a right is for (section 7.25 Operations)."""

    operation: tuple[Operation, ...] = ()


class Objects(Structure):
    """Objects that a right is for (section 7.21 Objects)."""

    unique_identifier: tuple[Identifier, ...] = ()


class Right(Structure):
    """What a ticket allows: where something is left out, all of its kind (section 7.34 Right)."""

    usage_limits: UsageLimits | None = None
    operations: Operations | None = None
    objects: Objects | None = None
    object_groups: Annotated[ObjectGroups | None, Since(2, 1)] = None


class Rights(Structure):
    """All that a ticket allows; none is nothing (section 7.35 Rights)."""

    right: tuple[Right, ...] = ()
