"""On which of several tokens an object is, and where a new one goes.

The one rule here: a key is looked for on the token that its row names, and on no other. A token that is down, or is not
configured any more, makes its own objects fail and no others.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import Generic, TypeVar

from gateway.call import Call, Place
from gateway.errors import ObjectDestroyed, TokenDown
from gateway.kmip.enums import ProtectionStorageMask
from gateway.kmip.structure import Attributes
from gateway.kmip.tags import Tag
from gateway.managed import Managed
from gateway.token.api import Token

T = TypeVar("T", bound=Token)


class Places(Mapping[str, Place], Generic[T]):
    """The tokens that there are now, by name, each with where it keeps its keys."""

    def __init__(self, tokens: Mapping[str, T], protection: Callable[[T], ProtectionStorageMask]) -> None:
        """`tokens` may change at any time."""
        self._tokens = tokens
        self._protection = protection

    def __getitem__(self, name: str) -> Place:
        token = self._tokens[name]
        return Place(token, self._protection(token))

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokens)

    def __len__(self) -> int:
        return len(self._tokens)


def token_of(call: Call, managed: Managed) -> Token:
    """Give the token that an object is on, or is sealed by.

    Raises:
        TokenDown: it is not there.
        ObjectDestroyed: it may still have the object's key, for an operator to have back, and for nobody else.
    """
    if managed.destroy is not None:
        raise ObjectDestroyed(f"{managed.unique_identifier} was destroyed")
    services = call.services
    name = managed.row.token
    return services.token if name == services.token_name else _place(call, name).token


def home(call: Call, attributes: Attributes) -> Call:
    """Give the call to make a new object with these attributes by: its `token` is the one where the object goes.

    The role that says how such an object is decides, if it names a token: it is the operator's word about the client.
    Else it is the first row of [kmip] group_tokens for one of the object's groups, which the client chooses.

    Raises:
        TokenDown: that token is not there.
    """
    terms = call.terms_for(None, attributes)
    if terms is not None and terms.role.token is not None:
        return at(call, terms.role.token)
    table = call.config.group_tokens
    groups = {each.value for each in attributes if each.tag is Tag.OBJECT_GROUP} if table else ()
    name = next((row.token for row in table if row.group in groups), None)
    return call if name is None else at(call, name)


def at(call: Call, name: str) -> Call:
    """Give the same call with the token of this name as the one that new objects go to.

    Raises:
        TokenDown: it is not there.
    """
    if name == call.services.token_name:
        return call
    place, moved = _place(call, name), copy(call)
    moved.services = call.services._replace(token=place.token, token_name=name, protection=place.protection)
    return moved


def _place(call: Call, name: str) -> Place:
    found = call.services.places.get(name)
    if found is None:
        raise TokenDown("The token that has the object is not there.")
    return found
