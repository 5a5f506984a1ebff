"""Sign: a signature by the private key of a pair, which never leaves the token (KMIP 2.1 section 6.1.55 Sign)."""

from typing import Annotated

from gateway import errors, key_use, parts, placement, policy
from gateway.call import Call
from gateway.kmip.enums import CryptographicUsageMask, ObjectType, Operation
from gateway.kmip.structure import Data, Identifier, Since, Structure
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V1_2
from gateway.managed import Managed
from gateway.operations import operation
from gateway.token import signatures
from gateway.token.signatures import Signing

M = CryptographicUsageMask


class SignRequest(Structure):
    """What to sign, as it is or digested by the client, with which key, and how."""

    unique_identifier: Identifier | None = None
    cryptographic_parameters: CryptographicParameters | None = None
    data: Data | None = None
    digested_data: Annotated[bytes | None, Since(1, 4)] = None
    correlation_value: Annotated[bytes | None, Since(1, 3)] = None
    init_indicator: Annotated[bool | None, Since(1, 3)] = None
    final_indicator: Annotated[bool | None, Since(1, 3)] = None


class SignResponse(Structure):
    """The signature; one of ECDSA is in DER."""

    unique_identifier: str
    signature_data: bytes | None = None
    correlation_value: Annotated[bytes | None, Since(1, 3)] = None


@operation(Operation.SIGN, since=V1_2, pure=True)
async def sign(call: Call, request: SignRequest) -> SignResponse:
    """Sign with an Active private key whose usage mask has Sign.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, WrongLifecycleState, UsageMaskMissing, UsageLimitExhausted.
        InvalidObjectType: the key is no Private Key.
        MissingData, InvalidField: there is neither Data nor Digested Data, or both.
        RefusedByPolicy: it is too weak.
        BadCryptographicParameters, UnsupportedCryptographicParameters: see `token.signatures`.
        InvalidCorrelationValue, ServerLimitExceeded: see `parts` and `token.api`.
    """
    if parts.is_part(request):
        return await _part(call, request)
    key = key_use.usable(call, request.unique_identifier, M.SIGN, ObjectType.PRIVATE_KEY)
    parameters = key_use.parameters_of(key, request.cryptographic_parameters)
    chosen = _chosen(call, key, parameters)
    if chosen.hash is None and chosen.scheme.hashed and request.digested_data is not None:
        policy.check_digest(call, len(request.digested_data), key.unique_identifier)
    data = call.data(request.data)
    message = chosen.message(data, request.digested_data)
    await key_use.spend(call, key, data or request.digested_data)
    signature = await placement.token_of(call, key).sign(key.ref, chosen.mechanism(), message)
    return SignResponse(unique_identifier=key.unique_identifier, signature_data=chosen.outward(signature))


def _chosen(call: Call, key: Managed, parameters: CryptographicParameters) -> Signing:
    chosen = signatures.signing(placement.token_of(call, key).profile, key.algorithm, key.length, parameters)
    if not signatures.on_token(placement.token_of(call, key).profile, chosen):
        raise errors.UnsupportedCryptographicParameters("the token does not sign with this hash")
    policy.check_length(call, key.algorithm, key.length, key.unique_identifier)
    if chosen.hash is not None and chosen.scheme.hashed:
        policy.check_digest(call, chosen.hash.size, key.unique_identifier)
    return chosen


async def _part(call: Call, request: SignRequest) -> SignResponse:
    """Take one part into the digest, which the key signs after the last."""
    async with parts.joined(call, Operation.SIGN, request) as part:
        key = key_use.usable(call, request.unique_identifier, M.SIGN, ObjectType.PRIVATE_KEY)
        parts.refuse_later(digested_data=request.digested_data)
        claim = part.claim(key.unique_identifier, key)
        signature = None
        if part.first:
            parameters = key_use.parameters_of(key, request.cryptographic_parameters)
            opening = key_use.digesting(claim, _chosen(call, key, parameters), parameters)
            await key_use.spend(call, key, part.data)
            passed = await part.begin(opening)
        else:
            await key_use.spend_more(call, key, part.data)
            passed = await part.go_on(claim)
        if part.last:
            chosen = _chosen(call, key, key_use.kept_parameters(passed.kept))
            message = chosen.message(None, passed.output)
            signature = chosen.outward(await placement.token_of(call, key).sign(key.ref, chosen.mechanism(), message))
    return SignResponse(
        unique_identifier=key.unique_identifier,
        signature_data=signature,
        correlation_value=passed.correlation_value,
    )
