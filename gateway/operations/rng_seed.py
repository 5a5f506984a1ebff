"""RNG Seed: bytes of a client stirred into the token's random numbers (KMIP 2.1 section 6.1.50 RNG Seed)."""

from gateway.call import Call
from gateway.errors import FeatureNotSupported, PermissionDenied
from gateway.kmip.enums import Operation
from gateway.kmip.structure import Structure
from gateway.kmip.version import V1_2
from gateway.operations import operation


class RNGSeedRequest(Structure):
    """What to stir in."""

    data: bytes


class RNGSeedResponse(Structure):
    """How many bytes of it were taken."""

    data_length: int


@operation(Operation.RNG_SEED, since=V1_2, pure=True)
async def rng_seed(call: Call, request: RNGSeedRequest) -> RNGSeedResponse:
    """Stir `request.data` into the random numbers of one of the token's workers; none of it where a token takes none.

    C_SeedRandom mixes a seed into what the token has of its own, so that no client can foresee the numbers of another.

    Raises:
        PermissionDenied: the operator wants no seeds of clients.
    """
    limit = call.config.rng_seed_bytes
    if limit < 0:
        raise PermissionDenied("this server takes no seeds of clients")
    seed = request.data[:limit]
    if not seed:
        return RNGSeedResponse(data_length=0)
    try:
        await call.token.seed(seed)
    except FeatureNotSupported:
        return RNGSeedResponse(data_length=0)
    return RNGSeedResponse(data_length=len(seed))
