"""Discover Versions (KMIP 2.1 section 6.1.16): whatever the version of the message, the answer can be read."""

import pytest

from gateway.kmip.enums import Operation, ResultReason
from gateway.kmip.messages import ProtocolVersion
from gateway.kmip.version import SUPPORTED, V1_0, V1_1, V2_1, Version
from gateway.operations.discover_versions import DiscoverVersionsRequest
from tests.operations.conftest import Gateway


def spoken(*versions: tuple[int, int]) -> tuple[ProtocolVersion, ...]:
    return tuple(ProtocolVersion(protocol_version_major=a, protocol_version_minor=b) for a, b in versions)


@pytest.mark.parametrize("version", [v for v in SUPPORTED if v >= V1_1], ids=str)
async def test_all_versions_are_told_newest_first(gateway: Gateway, version: Version) -> None:
    payload = await gateway.one(version, Operation.DISCOVER_VERSIONS, DiscoverVersionsRequest())
    assert payload.protocol_version == spoken(*SUPPORTED)


async def test_what_both_speak_comes_in_the_servers_order(gateway: Gateway) -> None:
    request = DiscoverVersionsRequest(protocol_version=spoken((1, 0), (3, 0), (1, 4)))
    payload = await gateway.one(V2_1, Operation.DISCOVER_VERSIONS, request)
    assert payload.protocol_version == spoken((1, 4), (1, 0))


async def test_the_first_version_has_no_such_operation(gateway: Gateway) -> None:
    reason = await gateway.refused(V1_0, Operation.DISCOVER_VERSIONS, DiscoverVersionsRequest())
    assert reason is ResultReason.OPERATION_NOT_SUPPORTED
