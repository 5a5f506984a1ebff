"""MAC: a message authentication code by a secret key (KMIP 2.1 section 6.1.32 MAC)."""

from typing import Annotated

from gateway import key_use, parts
from gateway.call import Call
from gateway.kmip.enums import CryptographicUsageMask, Operation
from gateway.kmip.structure import Data, Identifier, Since, Structure
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V1_2
from gateway.operations import operation

M = CryptographicUsageMask


class MACRequest(Structure):
    """What to authenticate, with which key, and how."""

    unique_identifier: Identifier | None = None
    cryptographic_parameters: CryptographicParameters | None = None
    data: Data | None = None
    correlation_value: Annotated[bytes | None, Since(1, 3)] = None
    init_indicator: Annotated[bool | None, Since(1, 3)] = None
    final_indicator: Annotated[bool | None, Since(1, 3)] = None


class MACResponse(Structure):
    """The MAC."""

    unique_identifier: str
    mac_data: bytes | None = None
    correlation_value: Annotated[bytes | None, Since(1, 3)] = None


@operation(Operation.MAC, since=V1_2, pure=True)
async def mac(call: Call, request: MACRequest) -> MACResponse:
    """Give the MAC of `request.data` by an Active key whose usage mask has MAC Generate.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, WrongLifecycleState, UsageMaskMissing, UsageLimitExhausted.
        InvalidObjectType: the key is no secret key.
        RefusedByPolicy: it is too weak.
        BadCryptographicParameters, UnsupportedCryptographicParameters: see `token.mechanisms`.
        InvalidCorrelationValue, ServerLimitExceeded: see `parts` and `token.api`.
    """
    if parts.is_part(request):
        return await _part(call, request)
    data = parts.whole(call, request.data)
    key, chosen = key_use.authenticator(
        call, request.unique_identifier, M.MAC_GENERATE, request.cryptographic_parameters
    )
    await key_use.spend(call, key, data)
    code = await key_use.mac(call, key, chosen, data)
    return MACResponse(unique_identifier=key.unique_identifier, mac_data=code)


async def _part(call: Call, request: MACRequest) -> MACResponse:
    """Take one part; the MAC comes after the last."""
    async with parts.joined(call, Operation.MAC, request) as part:
        key, chosen = key_use.authenticator(
            call, request.unique_identifier, M.MAC_GENERATE, request.cryptographic_parameters
        )
        claim = part.claim(key.unique_identifier, key)
        if part.first:
            await key_use.spend(call, key, part.data)
            passed = await part.begin(key_use.authenticating(claim, key, chosen))
        else:
            await key_use.spend_more(call, key, part.data)
            passed = await part.go_on(claim)
    return MACResponse(
        unique_identifier=key.unique_identifier,
        mac_data=passed.output or None,
        correlation_value=passed.correlation_value,
    )
