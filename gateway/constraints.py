"""Constraints: which values a client's objects have to have (KMIP 2.1 sections 7.6 Constraint, 6.1.55 Set Constraints).

The one rule here: of the constraints for an object's type, those that name one of its groups come before those that
name none, and one of them has to be met. They are asked inside the transaction that makes or changes the object, so
that none gets past constraints that were set before.
"""

from gateway import client_settings
from gateway.call import Call
from gateway.errors import ConstraintViolation
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import ObjectType
from gateway.kmip.policy import Constraint, Constraints
from gateway.kmip.structure import Attributes
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.store.api import Transaction


def read(call: Call) -> Constraints:
    """Give the client's constraints."""
    return client_settings.read(call, Tag.CONSTRAINTS, Constraints) or Constraints()


def check_new(call: Call, transaction: Transaction, object_type: ObjectType, attributes: Attributes) -> None:
    """Check an object before it is added.

    Raises:
        ConstraintViolation: none of the constraints that govern it is met.
    """
    own = _read_in(call, transaction, call.peer.identity.name)
    _check(_governing(own, object_type, attributes), attributes)


def check_changed(call: Call, transaction: Transaction, changed: Managed, tag: Tag) -> None:
    """Check an object whose attribute of this tag was changed, if that is what constraints are about.

    They are the owner's, whoever changes it. An object that was there before them may have other attributes changed: it
    need not meet them.

    Raises:
        ConstraintViolation: none of the constraints that govern it is met.
    """
    of_owner = _read_in(call, transaction, changed.row.owner)
    governing = _governing(of_owner, changed.object_type, changed.attributes)
    if tag is Tag.OBJECT_GROUP or any(sets.has(each.attributes, tag) for each in governing):
        _check(governing, changed.attributes)


def _read_in(call: Call, transaction: Transaction, owner: str) -> tuple[Constraint, ...]:
    found = client_settings.read_in(call, transaction, Tag.CONSTRAINTS, Constraints, owner)
    return () if found is None else found.constraint


def _governing(
    constraints: tuple[Constraint, ...], object_type: ObjectType, attributes: Attributes
) -> tuple[Constraint, ...]:
    if not constraints:
        return ()
    of_type = [each for each in constraints if not each.types or object_type in each.types]
    groups = {a.value for a in attributes if a.tag is Tag.OBJECT_GROUP}
    of_group = tuple(each for each in of_type if not groups.isdisjoint(each.groups))
    return of_group or tuple(each for each in of_type if not each.groups)


def _check(governing: tuple[Constraint, ...], attributes: Attributes) -> None:
    if governing and not any(_met(each, attributes) for each in governing):
        named = sorted({a.tag.spelling for each in governing for a in each.attributes})
        raise ConstraintViolation(f"constraints are set for {', '.join(named)}, and are not met")


def _met(constraint: Constraint, attributes: Attributes) -> bool:
    """Tell whether every attribute named has a value that is among those given; one that is missing has none."""
    # Each attribute is asked for once, however many values it may have: this is inside a transaction, and all wait.
    keys = {wanted.key for wanted in constraint.attributes}
    return all(_is_one_of(key, constraint.attributes, attributes) for key in keys)


def _is_one_of(key: sets.Key, wanted: Attributes, attributes: Attributes) -> bool:
    values = [each.value for each in sets.instances(wanted, key)]
    return any(sets.equal(each.value, value) for each in sets.instances(attributes, key) for value in values)
