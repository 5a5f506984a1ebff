"""Data that comes in several requests: which part one of them is, and how its stream on the token goes on.

(KMIP 2.1 section 6.1.17 Encrypt and its like: Init Indicator, Final Indicator, Correlation Value.)

The one rule here: every part is checked as if it were whole. Access, state, dates and usage mask are those of its own
time, the stream answers to the client, operation and key that began it, and a part that is refused ends the stream.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple, Protocol

from gateway import errors, placement
from gateway.call import Call
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Data
from gateway.managed import Managed
from gateway.token.api import Claim, Opening


class Streamed(Protocol):
    """A request that may be a part of several (KMIP 1.3 and later)."""

    @property
    def data(self) -> Data | None:
        """The data, or a part of it."""

    @property
    def correlation_value(self) -> bytes | None:
        """What joins the parts."""

    @property
    def init_indicator(self) -> bool | None:
        """Whether this is the first part."""

    @property
    def final_indicator(self) -> bool | None:
        """Whether this is the last part."""


class Passed(NamedTuple):
    """What one part gave: see `token.api.Finished`; the correlation value is for the next part, if one may come."""

    output: bytes
    correlation_value: bytes | None
    trailer: bytes = b""
    kept: bytes = b""


class Part:
    """One request of a stream."""

    def __init__(self, call: Call, operation: Operation, request: Streamed) -> None:
        self._call = call
        self._token = call.token  # until `claim` has seen the key
        self._operation = operation
        self._correlation_value = request.correlation_value or b""
        self.data = call.data(request.data) or b""
        self.first = bool(request.init_indicator)
        self.last = bool(request.final_indicator)
        if self.first and request.correlation_value is not None:
            raise errors.InvalidField("the first part of a stream has no Correlation Value")
        if not self.first and request.correlation_value is None:
            raise errors.InvalidCorrelationValue("the Correlation Value is missing")

    @property
    def owner(self) -> bytes:
        """Whose the stream is."""
        identity = self._call.peer.identity
        return f"{identity.tenant}\0{identity.name}".encode()

    def claim(self, subject: str, key: Managed | None = None) -> Claim:
        """Give the claim of this client on a stream about `subject` and with this key."""
        purpose = f"{self._operation.token}\0{subject}".encode()
        if key is not None:
            self._token = placement.token_of(self._call, key)
        return Claim(self.owner, purpose, None if key is None else key.ref)

    async def begin(self, opening: Opening) -> Passed:
        """Begin the stream on the token."""
        value, output = await self._token.begin_stream(opening, self.data)
        return Passed(output, value)

    async def go_on(self, claim: Claim, trailer: bytes | None = None) -> Passed:
        """Give the stream this part, and end it if it is the last."""
        token, value = self._token, self._correlation_value
        if not self.last:
            return Passed(await token.continue_stream(value, claim, self.data), value)
        done = await token.finish_stream(value, claim, self.data, trailer or b"")
        return Passed(done.output, None, done.trailer, done.kept)

    async def give_up(self) -> None:
        """End the stream, if it is still there."""
        if not self.first:
            with suppress(errors.KmipError):  # the refusal is what the client is to hear of
                await self._token.end_stream(self._correlation_value, self.owner)


def is_part(request: Streamed) -> bool:
    """Tell whether a request is one of several; one that is the first and the last is whole."""
    return request.correlation_value is not None or bool(request.init_indicator) is not bool(request.final_indicator)


def whole(call: Call, given: Data | None) -> bytes:
    """Give the data of a request that is no part, and so must have some.

    Raises:
        InvalidMessage: it has none.
        ItemNotFound: see `Call.data`.
    """
    data = call.data(given)
    if data is None:
        raise errors.InvalidMessage("Data is missing")
    return data


@asynccontextmanager
async def joined(call: Call, operation: Operation, request: Streamed) -> AsyncIterator[Part]:
    """Give a request's place in its stream; whatever it is refused for ends the stream.

    Raises:
        InvalidField, InvalidCorrelationValue: it has no place in any.
    """
    # What a part gives depends on those before it.
    call.in_turn()
    part = Part(call, operation, request)
    try:
        yield part
    except errors.KmipError:
        await part.give_up()
        raise


def refuse_later(**fields: object) -> None:
    """Refuse what only the first part may say, so that nobody believes it was heard.

    Raises:
        InvalidField: one of the fields is there.
    """
    for name, value in fields.items():
        if value is not None:
            raise errors.InvalidField(f"{name.replace('_', ' ')} belongs to the first part of a stream")
