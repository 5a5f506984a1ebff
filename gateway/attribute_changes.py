"""What adding, changing or deleting one attribute makes of an object's attributes (KMIP 2.1 section 4).

The one rule here: every change is checked against the object as it is inside the transaction, so that two clients that
change it at once cannot together do what neither may do alone.
"""

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from gateway import approvals, constraints, errors
from gateway.attribute_rules import check_dates, check_value, refuse_server_set, spelled
from gateway.call import Call
from gateway.kmip import attribute_sets as sets
from gateway.kmip.attributes import ATTRIBUTES, By
from gateway.kmip.enums import State
from gateway.kmip.structure import Attribute, AttributeReference, Attributes
from gateway.kmip.tags import Tag
from gateway.kmip.values import Link, Name, UsageLimits
from gateway.managed import Managed
from gateway.store.api import Transaction

# An object is read and written as a whole.
MAX_INSTANCES = 1000  # of one attribute
MAX_OBJECT_BYTES = 2 << 20  # One that has grown beyond takes no more; Revoke and Destroy still find their room.


class Changed(NamedTuple):
    """The attributes after a change, and the instances that it was about."""

    attributes: Attributes
    instances: Attributes


class DateRule(NamedTuple):
    """In which States a client may set a date, and whether only as long as the date that is there lies ahead."""

    states: frozenset[State]
    ahead: bool = False


_PRE_ACTIVE = frozenset({State.PRE_ACTIVE})
_NOT_OVER = frozenset({State.PRE_ACTIVE, State.ACTIVE})

# Sections 4.1, 4.44, 4.45 and 4.19, "Modifiable by client".
DATE_RULES = {
    Tag.ACTIVATION_DATE: DateRule(_PRE_ACTIVE),
    Tag.PROCESS_START_DATE: DateRule(_NOT_OVER, ahead=True),
    Tag.PROTECT_STOP_DATE: DateRule(_NOT_OVER, ahead=True),
    Tag.DEACTIVATION_DATE: DateRule(_NOT_OVER),
}

# What a key has once been it stays: its value may leave the token never more easily than before.
STAYS = {Tag.SENSITIVE: True, Tag.EXTRACTABLE: False}


def the_one(call: Call, given: Attributes) -> Attribute:
    """Give the one attribute that a request is about, a Link in it resolved to the object that it means.

    Raises:
        InvalidMessage: there is none, or there are several.
        InvalidField: there is the name of a template.
        ObjectNotFound: a Link refers to another batch item that made nothing.
    """
    if len(given) != 1:
        raise errors.InvalidMessage(f"the request is about one attribute, not {len(given)}")
    if given[0].tag not in ATTRIBUTES:
        raise errors.InvalidField("a template's name is no attribute")
    return resolved(call, given[0])


def resolved(call: Call, attribute: Attribute) -> Attribute:
    """Give an attribute with a unique identifier in place of a reference to the ID Placeholder or to a batch item."""
    value = attribute.value
    if isinstance(value, Link) and not isinstance(value.linked_object_identifier, str):
        meant = call.identifier(value.linked_object_identifier)
        return replace(attribute, value=replace(value, linked_object_identifier=meant))
    return attribute


async def change(call: Call, managed: Managed, tag: Tag, fn: Callable[[Managed], Changed]) -> Attributes:
    """Replace the attributes of an object by what `fn` makes of them, and give the instances that it was about.

    Names are compared with those of other objects if it is one.

    Raises:
        NotAuthorized: it is the group, on which rights of a ticket hang, or of another client's object.
        ConstraintViolation: the client's constraints forbid it.
        What `fn` raises.
    """
    if tag is Tag.OBJECT_GROUP:
        call.require_own(managed.row)
        call.require_fixed_groups()
    about: Attributes = ()

    def attributes(current: Managed) -> Attributes:
        nonlocal about
        changed = fn(current)
        if tag is Tag.OBJECT_GROUP:
            approvals.require_groups(call, current, [str(each.value) for each in changed.attributes if each.tag is tag])
        about = changed.instances
        return changed.attributes

    def check(transaction: Transaction, changed: Managed) -> None:
        constraints.check_changed(call, transaction, changed, tag)

    await call.change(managed, attributes, names=tag is Tag.NAME, check=check)
    return about


def added(call: Call, current: Managed, new: Attribute) -> Changed:
    """Give the attributes with one more instance.

    Raises:
        AttributeSingleValued: there is one, and the attribute has one value only.
        TooManyInstances: there are so many that the server takes no more.
        AttributeReadOnly, WrongLifecycleState, InvalidAttributeValue, NameTaken.
    """
    kept = _settled(call, current, new)
    there = len(sets.instances(current.attributes, new.key))
    if there >= MAX_INSTANCES:
        raise errors.TooManyInstances(f"an object has at most {MAX_INSTANCES} instances of {spelled(new)}")
    if not there or ATTRIBUTES[new.tag].many:
        attributes = sets.add(current.attributes, kept)
        return _whole(attributes, attributes[-1])
    if new.tag is Tag.OPERATION_POLICY_NAME:
        # VAST Data gives it to Create and adds it once more. It means nothing here: the last one is kept.
        return Changed(sets.put(current.attributes, new.tag, new.value), (new,))
    raise errors.AttributeSingleValued(f"the object has its {spelled(new)}; modify it")


def modified(call: Call, current: Managed, old: Attribute, new: Attribute) -> Changed:
    """Give the attributes with the value of one instance replaced; the instance keeps its index.

    Raises:
        AttributeReadOnly, WrongLifecycleState, InvalidAttributeValue, NameTaken.
    """
    kept = replace(_settled(call, current, new), index=old.index)
    return _whole(tuple(kept if each is old else each for each in current.attributes), kept)


def deleted(call: Call, current: Managed, gone: Attributes) -> Changed:
    """Give the attributes without these instances.

    Raises:
        AttributeReadOnly: the client may not delete it.
    """
    for each in gone:
        _touchable(call, current, each)
        if ATTRIBUTES[each.tag].by is not By.OWNER:
            raise errors.AttributeReadOnly(f"{spelled(each)} cannot be deleted")
    return Changed(tuple(each for each in current.attributes if each not in gone), gone)


def refuse_read_only(attribute: Attribute | AttributeReference) -> None:
    """Refuse an attribute that a client cannot change after the object was made.

    Raises:
        AttributeReadOnly: it is one.
    """
    refuse_server_set(attribute)
    if ATTRIBUTES[attribute.tag].by is By.BIRTH:
        raise errors.AttributeReadOnly(f"{spelled(attribute)} is set when the object is made, and not afterwards")


def _touchable(call: Call, current: Managed, attribute: Attribute) -> None:
    if current.destroy is not None:
        raise errors.ObjectDestroyed(f"{current.unique_identifier} was destroyed")
    if current.archive is not None:
        raise errors.ObjectArchived(f"{current.unique_identifier} is archived")
    refuse_read_only(attribute)
    limits = current.usage_limits
    if attribute.tag is Tag.USAGE_LIMITS and limits and limits.usage_limits_count != limits.usage_limits_total:
        raise errors.AttributeReadOnly("Usage Limits stay as they are once the object has been used")


def _settled(call: Call, current: Managed, new: Attribute) -> Attribute:
    """Give an attribute as it will be kept, if the client may give it this value now."""
    _touchable(call, current, new)
    if not ATTRIBUTES[new.tag].exists_in(call.version):
        raise errors.UnsupportedAttribute(f"KMIP {call.version} has no {spelled(new)}")
    check_value(new)
    if current.row.weight > MAX_OBJECT_BYTES:
        raise errors.ServerLimitExceeded(f"an object has at most {MAX_OBJECT_BYTES} bytes of attributes")
    _check_date(call, current, new)
    if new.tag in STAYS and new.value != STAYS[new.tag] and sets.value(current.attributes, new.tag) == STAYS[new.tag]:
        raise errors.AttributeReadOnly(f"{spelled(new)} stays {STAYS[new.tag]}")
    if isinstance(new.value, UsageLimits):
        return replace(new, value=replace(new.value, usage_limits_count=new.value.usage_limits_total))
    return new


def _check_date(call: Call, current: Managed, new: Attribute) -> None:
    rule = DATE_RULES.get(new.tag)
    if rule is None:
        return
    state, old = current.state(call.now), sets.number(current.attributes, new.tag)
    if state not in rule.states:
        raise errors.WrongLifecycleState(f"{spelled(new)} cannot be set any more: the object is {state.token}")
    if rule.ahead and old is not None and old <= call.now:
        raise errors.WrongLifecycleState(f"{spelled(new)} cannot be set any more: it has been reached")


def _whole(attributes: Attributes, new: Attribute) -> Changed:
    """Give the attributes if they may stand together: dates in order, no name twice."""
    check_dates(attributes)
    names = [name.name_value for name in sets.structures(attributes, Tag.NAME, Name)]
    if len(names) != len(set(names)):
        raise errors.NameTaken("the object has this Name already")
    return Changed(attributes, (new,))
