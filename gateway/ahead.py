"""Batch items started before their turn, so that those which change nothing wait for the token together.

Nobody can tell from outside: the answers come in the order of the items, and an item that finds that it would change
something, or that needs what an earlier item leaves, stops with OutOfTurn and is carried out when its turn has come.
"""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class OutOfTurn(BaseException):
    """The item must wait for its turn; no failure, and so nothing that a handler may catch."""


class Ahead(Generic[T]):
    """A coroutine that was run, without a task of its own, up to where it first waits."""

    __slots__ = ("_coroutine", "_result", "_waits_for")

    def __init__(self, coroutine: Coroutine[Any, None, T]) -> None:
        self._coroutine = coroutine
        self._result: T | None = None
        self._waits_for: Any = None
        self._step()

    def _step(self) -> None:
        try:
            self._waits_for = self._coroutine.send(None) or Turn()
        except StopIteration as stop:
            self._waits_for, self._result = None, stop.value
        except OutOfTurn:
            self._waits_for = None

    async def finish(self) -> T | None:
        """Give what the coroutine returns; None if it was out of turn."""
        while self._waits_for is not None:
            await (self._waits_for if isinstance(self._waits_for, Turn) else Settled(self._waits_for))
            self._step()
        return self._result

    def close(self) -> None:
        """Give the coroutine up."""
        self._coroutine.close()


class Turn:
    """Waits for one turn of the event loop."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Settled:
    """Waits until a future is done, and leaves its result or exception to the coroutine that waits for it."""

    def __init__(self, future: "asyncio.Future[Any]") -> None:
        self._future = future

    def __await__(self) -> Generator["asyncio.Future[Any]", None, None]:
        if not self._future.done():
            # As Future.__await__ says to a task that this is a future to wait for.
            self._future._asyncio_future_blocking = True
            yield self._future
