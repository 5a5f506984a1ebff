"""What no client changes stays as it is, whichever operation tries it (KMIP 2.1 section 4, "Modifiable by client")."""

from enum import Enum
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from msgspec.structs import fields

from gateway.kmip.attributes import ATTRIBUTES, By
from gateway.kmip.enums import ResultReason as R
from gateway.kmip.structure import Attribute, AttributeReference, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import V1_4, V2_1
from tests.operations.conftest import Gateway
from tests.operations.making import call_of, make
from tests.operations.test_attributes import adding, adjusting, deleting, modifying, setting

ENDS = (Tag.DESTROY_DATE, Tag.ARCHIVE_DATE)  # an object that has one is refused for that
READ_ONLY = [tag for tag, rule in ATTRIBUTES.items() if rule.by in (By.SERVER, By.BIRTH)]


def sample_of(kind: Any) -> Any:
    """Give some value of a type, as a client could write it."""
    if get_origin(kind) is Annotated:
        return sample_of(get_args(kind)[0])
    if hasattr(kind, "__supertype__"):  # a number by another name
        return kind(1)
    if issubclass(kind, Enum):
        return next(iter(kind))
    if issubclass(kind, Structure):
        hints = get_type_hints(kind, include_extras=True)
        return kind(**{each.name: sample_of(hints[each.name]) for each in fields(kind) if each.required})
    return {bool: True, int: 1, str: "x", bytes: b"x"}[kind]


async def test_what_no_client_may_change_is_refused_by_every_operation(gateway: Gateway) -> None:
    for tag in READ_ONLY:
        await refused(gateway, tag)


async def refused(gateway: Gateway, tag: Tag) -> None:
    """Try to change an attribute in every way."""
    rule = ATTRIBUTES[tag]
    version, reason = (V2_1, R.ATTRIBUTE_READ_ONLY) if rule.exists_in(V2_1) else (V1_4, R.PERMISSION_DENIED)
    new, name = Attribute(tag, sample_of(rule.type)), AttributeReference(tag)
    one = await make(gateway, *(() if tag in ENDS else (new,)))
    before = call_of(gateway).find(one).attributes
    asked = [adding(one, new), modifying(one, new), deleting(one, name)]
    if version is V2_1:
        asked += [setting(one, new), adjusting(one, name)]
    for each in asked:
        assert await gateway.refused(version, *each) is reason, each
    assert call_of(gateway).find(one).attributes == before
