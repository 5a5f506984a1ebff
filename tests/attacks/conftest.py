"""The gateway of tests/operations, with the policy that an operator has who says nothing, for attacks on it."""

from pathlib import Path

import pytest
import pytest_asyncio

from tests.operations.conftest import clock, gateway, kmip_config, store, token

__all__ = ["clock", "gateway", "kmip_config", "store", "token"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run every test of this folder in the loop in which the workers' sockets are read."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
