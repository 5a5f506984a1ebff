"""The default attributes that a role gives new objects, from names and plain values to KMIP attributes."""

from collections.abc import Iterable

from gateway.access.roles import Given
from gateway.errors import ConfigurationError
from gateway.kmip.attributes import ATTRIBUTES, By, Rule
from gateway.kmip.names import Mask, Named, normal_form
from gateway.kmip.structure import Attribute, Attributes, Interval, Value
from gateway.kmip.tags import Tag

RULES = {normal_form(tag.spelling): rule for tag, rule in ATTRIBUTES.items() if rule.by is not By.SERVER}
# What each object has for itself, or a role says in another place.
NOT_GIVEN = frozenset({Tag.NAME, Tag.LINK, Tag.ATTRIBUTE, Tag.EXTRACTABLE})


def attributes_given(defaults: Iterable[Given]) -> Attributes:
    """Give the attributes that a role says new objects have where nothing else is said.

    Raises:
        ConfigurationError: there is no such attribute, it is no client's to give, or cannot have the value.
    """
    return tuple(_attribute(each) for each in defaults)


def _attribute(given: Given) -> Attribute:
    rule = RULES.get(given.attribute)
    if rule is None or rule.tag in NOT_GIVEN:
        raise ConfigurationError(f"{given.attribute[:100]!r} is no attribute that a role gives new objects.")
    value = _value(rule, given.value)
    if value is None:
        raise ConfigurationError(f"{given.attribute} cannot be {given.value!r}.")
    return Attribute(rule.tag, value)


def _value(rule: Rule, given: str | int | bool) -> Value | None:
    """Give a value as its attribute has it; None where it cannot have it."""
    kind = rule.type
    if kind in (str, bool, int):
        return given if type(given) is kind else None
    if kind is Interval:
        return Interval(given) if type(given) is int else None
    if not isinstance(kind, type) or not isinstance(given, str):
        return None
    if issubclass(kind, Mask):
        return _mask(kind, given)
    if issubclass(kind, Named):
        return next((member for member in kind if member.token == given), None)
    return None


def _mask(kind: type[Mask], given: str) -> Mask | None:
    """Give the bits that a text names, parted by blanks."""
    bits = {member.token: member for member in kind}
    found = [bits.get(name) for name in given.split()]
    if not found or None in found:
        return None
    whole = kind(0)
    for bit in found:
        whole |= bit  # type: ignore[operator]  # None is out
    return whole
