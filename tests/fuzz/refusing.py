"""A store and a token that fail whatever they are asked: the faults under which a message is answered all the same."""

from typing import Any, NoReturn

from gateway.errors import StoreDown, TokenDown
from gateway.token.api import Profile


class Refusing:
    """Every method raises, whether it is awaited or not."""

    profile = Profile()
    instance = 1

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        def refuse(*_args: object, **_named: object) -> NoReturn:
            raise self.error

        return refuse


def down() -> tuple[Any, Any]:
    """Give a store and a token that are down."""
    return Refusing(StoreDown), Refusing(TokenDown)
