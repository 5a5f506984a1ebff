"""RNG Retrieve: random bytes of the token (KMIP 2.1 section 6.1.49 RNG Retrieve)."""

from gateway.call import Call
from gateway.errors import InvalidField
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Structure
from gateway.kmip.version import V1_2
from gateway.operations import operation

# An HSM makes some kilobytes a second, and all clients share it; keys and nonces are shorter than this.
MAX_BYTES = 65_536


class RNGRetrieveRequest(Structure):
    """How many bytes."""

    data_length: int


class RNGRetrieveResponse(Structure):
    """The random bytes."""

    data: bytes


@operation(Operation.RNG_RETRIEVE, since=V1_2, pure=True)
async def rng_retrieve(call: Call, request: RNGRetrieveRequest) -> RNGRetrieveResponse:
    """Give `request.data_length` random bytes.

    Raises:
        InvalidField: that is none, or more than the gateway gives at once.
    """
    if not 0 < request.data_length <= MAX_BYTES:
        raise InvalidField(f"the Data Length can be from 1 to {MAX_BYTES} bytes")
    return RNGRetrieveResponse(data=await call.token.random(request.data_length))
