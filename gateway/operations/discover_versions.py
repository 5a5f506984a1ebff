"""Discover Versions: which protocol versions both sides speak (KMIP 2.1 section 6.1.16 Discover Versions)."""

from gateway.call import Call
from gateway.kmip.enums import Operation
from gateway.kmip.messages import ProtocolVersion
from gateway.kmip.structure import Structure
from gateway.kmip.version import SUPPORTED, V1_1, Version
from gateway.operations import operation


class DiscoverVersionsRequest(Structure):
    """The versions that the client speaks, the best first; none to ask for all of the server's."""

    protocol_version: tuple[ProtocolVersion, ...] = ()


class DiscoverVersionsResponse(Structure):
    """The versions that both speak, the server's best first."""

    protocol_version: tuple[ProtocolVersion, ...] = ()


@operation(Operation.DISCOVER_VERSIONS, since=V1_1, pure=True)
async def discover_versions(call: Call, request: DiscoverVersionsRequest) -> DiscoverVersionsResponse:
    """List the server's versions, or those of the client's that it speaks; none in common is no failure."""
    asked = {Version(v.protocol_version_major, v.protocol_version_minor) for v in request.protocol_version}
    common = [v for v in SUPPORTED if not asked or v in asked]
    return DiscoverVersionsResponse(
        protocol_version=tuple(
            ProtocolVersion(protocol_version_major=v[0], protocol_version_minor=v[1]) for v in common
        )
    )
