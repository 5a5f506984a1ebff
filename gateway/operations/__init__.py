"""The operations, one file each: payloads, handler, docstring. The folder is the registry.

A handler is registered by `@operation`; the types of its parameters say which payload it takes and which it gives.
Whatever is shared between operations stands below them, in `creation`, `call` and the rooms under those.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar, get_type_hints

from gateway.call import Call
from gateway.config import KmipConfig
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Structure
from gateway.kmip.version import V1_0, V2_1, Version

Request = TypeVar("Request", bound=Structure)
Response = TypeVar("Response", bound=Structure)
Handler = Callable[[Call, Request], Awaitable[Response]]


class Entry(NamedTuple):
    """One operation: its payloads, its handler, and the versions that have it.

    `pure` says that it leaves no ID Placeholder and changes nothing but by `call.change`, if at all: neighbours in a
    batch may then be under way together. `switch` names the operator's choice in [kmip] without which there is none.
    """

    operation: Operation
    since: Version
    until: Version
    request: type[Structure]
    response: type[Structure]
    handler: Callable[[Call, Any], Awaitable[Structure]]
    pure: bool
    switch: str

    def exists_in(self, version: Version) -> bool:
        """Tell whether this version has the operation."""
        return self.since <= version <= self.until

    def offered(self, version: Version, config: KmipConfig) -> bool:
        """Tell whether a client of this version may ask for it, as the operator has chosen."""
        return self.exists_in(version) and (not self.switch or bool(getattr(config, self.switch)))


OPERATIONS: dict[int, Entry] = {}


def operation(
    which: Operation, since: Version = V1_0, until: Version = V2_1, *, pure: bool = False, switch: str = ""
) -> Callable[[Handler[Request, Response]], Handler[Request, Response]]:
    """Register a handler for an operation."""

    def register(handler: Handler[Request, Response]) -> Handler[Request, Response]:
        hints = get_type_hints(handler)
        OPERATIONS[which] = Entry(which, since, until, hints["request"], hints["return"], handler, pure, switch)
        return handler

    return register


for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
