"""Attributes of several sources laid over each other: templates of 1.x, what the halves of a pair have in common."""

from gateway import material
from gateway.attribute_changes import resolved
from gateway.call import Call
from gateway.errors import ItemNotFound
from gateway.kmip import attribute_sets as sets
from gateway.kmip.attributes import ATTRIBUTES
from gateway.kmip.enums import ObjectType
from gateway.kmip.objects import Template
from gateway.kmip.structure import Attributes
from gateway.kmip.tags import Tag
from gateway.kmip.values import Name
from gateway.store.api import Filter, Query


def overlaid(below: Attributes, above: Attributes) -> Attributes:
    """Give both sets as one: of an attribute with one value `above` has its way, of others all instances stay."""
    said = {attribute.key for attribute in above if not ATTRIBUTES[attribute.tag].many}
    union = [attribute for attribute in below if attribute.key not in said]
    return (*union, *(a for a in above if not any(a.key == b.key and sets.equal(a.value, b.value) for b in union)))


async def expanded(call: Call, given: Attributes) -> Attributes:
    """Give a client's attributes with those of the templates that it names under them, references in Links resolved.

    Raises:
        ItemNotFound: there is no such template.
    """
    names = sets.structures(given, Tag.TEMPLATE, Name)
    own = tuple(resolved(call, attribute) for attribute in given if attribute.tag is not Tag.TEMPLATE)
    for name in reversed(names):
        own = overlaid(await _template(call, name.name_value), own)
    return own


async def _template(call: Call, name: str) -> Attributes:
    identity = call.peer.identity
    filters = (
        Filter(tag=Tag.NAME, low=name),
        Filter(tag=Tag.OBJECT_TYPE, low=int(ObjectType.TEMPLATE)),
    )
    located = await call.store.locate(Query(tenant=identity.tenant, owner=identity.name, filters=filters))
    if not located.unique_identifiers:
        raise ItemNotFound(f"there is no template {name[:100]!r}")
    template = await material.unseal(call, call.live(located.unique_identifiers[0]))
    # A template's Name is its own.
    return sets.drop(template.attributes, Tag.NAME) if isinstance(template, Template) else ()
