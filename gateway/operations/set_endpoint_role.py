"""Set Endpoint Role: who asks and who answers on a connection (KMIP 2.1 section 6.1.58 Set Endpoint Role)."""

from gateway.call import Call
from gateway.errors import FeatureNotSupported
from gateway.kmip.enums import EndpointRole, Operation
from gateway.kmip.structure import Structure
from gateway.kmip.version import V2_0
from gateway.operations import operation


class SetEndpointRoleRequest(Structure):
    """The role that the server is to have from here on."""

    endpoint_role: EndpointRole


class SetEndpointRoleResponse(Structure):
    """The role that it has."""

    endpoint_role: EndpointRole


@operation(Operation.SET_ENDPOINT_ROLE, since=V2_0, pure=True)
async def set_endpoint_role(call: Call, request: SetEndpointRoleRequest) -> SetEndpointRoleResponse:
    """Stay a server.

    A gateway that became the client of its client would have nothing to ask: it sends neither Notify nor Put. And it
    would not answer any more, which is what the other end has connected for.

    Raises:
        FeatureNotSupported: it is to be a client.
    """
    if request.endpoint_role is not EndpointRole.SERVER:
        raise FeatureNotSupported("the gateway asks nothing of its clients: it stays the server")
    return SetEndpointRoleResponse(endpoint_role=EndpointRole.SERVER)
