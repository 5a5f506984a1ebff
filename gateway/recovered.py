"""The response of an operation that had committed what it does when its server was killed.

The one rule here: only for operations of which one commit does all that the response tells, and whose responses only
say of which objects. Without that commit, what others did before it (a use counted, say) is no success.
"""

from collections.abc import Sequence
from typing import Any, get_origin, get_type_hints

from msgspec.structs import fields

from gateway.kmip.enums import ObjectType, Operation
from gateway.kmip.structure import Structure
from gateway.store.api import Change, ObjectRow

O = Operation  # noqa: E741
# The last commit of these adds all the new objects.
ADDING = frozenset(
    {
        O.CREATE,
        O.CREATE_KEY_PAIR,
        O.REGISTER,
        O.IMPORT,
        O.RE_KEY,
        O.RE_KEY_KEY_PAIR,
        O.DERIVE_KEY,
        O.CERTIFY,
        O.RE_CERTIFY,
        O.CREATE_SPLIT_KEY,
        O.JOIN_SPLIT_KEY,
    }
)
# The only commit of these changes one object.
CHANGING = frozenset(
    {
        O.ACTIVATE,
        O.REVOKE,
        O.DESTROY,
        O.ARCHIVE,
        O.RECOVER,
        O.ADD_ATTRIBUTE,
        O.MODIFY_ATTRIBUTE,
        O.SET_ATTRIBUTE,
        O.ADJUST_ATTRIBUTE,
        O.DELETE_ATTRIBUTE,
    }
)
HALVES: dict[int, str] = {
    ObjectType.PRIVATE_KEY: "private_key_unique_identifier",
    ObjectType.PUBLIC_KEY: "public_key_unique_identifier",
}


def response(operation: int, kind: type[Structure], changed: Sequence[tuple[Change, ObjectRow]]) -> Structure | None:
    """Give the response that tells of the new objects, or of the one changed; None where that is not enough."""
    added = operation in ADDING
    rows = [row for change, row in changed if change.added is added]
    if not rows or operation not in ADDING | CHANGING:
        return None
    known: dict[str, Any] = {"object_type": ObjectType(rows[0].object_type)}
    several = get_origin(get_type_hints(kind).get("unique_identifier")) is tuple
    identifiers = tuple(row.unique_identifier for row in rows)
    known["unique_identifier"] = identifiers if several else identifiers[0]
    known |= {HALVES[row.object_type]: row.unique_identifier for row in rows if row.object_type in HALVES}
    if any(field.required and field.name not in known for field in fields(kind)):
        return None
    return kind(**{field.name: known[field.name] for field in fields(kind) if field.name in known})
