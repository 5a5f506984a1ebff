"""A request in words, for whoever is to approve it: all that it says, and what it would do with which object.

The one rule here: what is told is whole, and in ASCII; what a client chose stands in quotation marks, with everything
in it escaped that could end them. What is too long to be read is not asked at all.
"""

import json
from collections.abc import Iterator
from enum import Enum
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from gateway.access.permissions import OPEN
from gateway.errors import ServerLimitExceeded
from gateway.kmip.names import normal_form
from gateway.kmip.structure import Structure
from gateway.kmip.version import Version
from gateway.managed import Managed

MOST = 1500  # characters
MOST_NAMES = 3
IN_THE_CLEAR = "in the clear"


def told(what: str, managed: Managed, request: Structure, version: Version) -> str:
    """Give what is to be done with an object, what that is, and everything that the request says.

    Raises:
        ServerLimitExceeded: it is too long for anybody to read.
    """
    words = "; ".join((what, object_told(managed), f"KMIP {version}", *_fields_told(request)))
    if len(words) > MOST:
        raise ServerLimitExceeded("this request says more than others could read before they approve it")
    return words


def object_told(managed: Managed) -> str:
    """Give what an object is: type, algorithm, length and Names."""
    kind = managed.object_type.token
    if managed.algorithm is not None:
        kind += f" {managed.algorithm.token}-{managed.length}"
    names = [json.dumps(name) for name in managed.names()[:MOST_NAMES]]
    return " ".join((kind, *names))


def wrapped_by(key: Managed) -> str:
    """Give by which key something is wrapped, and who could have that key."""
    if key.object_type in OPEN:
        reach = "whose private key may be anywhere"
    elif not key.extractable:
        reach = "which never leaves the token"
    else:
        reach = "which can be fetched " + ("wrapped" if key.sensitive else IN_THE_CLEAR)
    owner = json.dumps(key.row.owner)
    return f"wrapped by {json.dumps(key.unique_identifier)} of {owner} ({object_told(key)}), {reach}"


def _fields_told(value: Struct) -> Iterator[str]:
    for field in fields(value):
        found = getattr(value, field.name)
        if found != field.default and found not in (None, ()):
            yield f"{normal_form(field.name.replace('_', ' '))} {_told(found)}"


def _told(value: Any) -> str:
    if isinstance(value, Struct):
        return "(" + ", ".join(_fields_told(value)) + ")"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_told, value)) + "]"
    if isinstance(value, Enum):
        return str(getattr(value, "token", value.name))
    if isinstance(value, bytes):
        return value.hex()
    return json.dumps(value if isinstance(value, str | int | float) else str(value))
