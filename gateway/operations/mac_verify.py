"""MAC Verify: whether a message authentication code is right (KMIP 2.1 section 6.1.33 MAC Verify)."""

import hmac
from typing import Annotated

from gateway import key_use, parts
from gateway.call import Call
from gateway.errors import InvalidMessage, MissingData
from gateway.kmip.enums import CryptographicUsageMask, Operation, ValidityIndicator
from gateway.kmip.structure import Data, Identifier, Since, Structure
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V1_2
from gateway.operations import operation

M = CryptographicUsageMask


class MACVerifyRequest(Structure):
    """What was authenticated, the MAC, and the key to verify it with."""

    unique_identifier: Identifier | None = None
    cryptographic_parameters: CryptographicParameters | None = None
    data: Data | None = None
    mac_data: bytes | None = None
    correlation_value: Annotated[bytes | None, Since(1, 3)] = None
    init_indicator: Annotated[bool | None, Since(1, 3)] = None
    final_indicator: Annotated[bool | None, Since(1, 3)] = None


class MACVerifyResponse(Structure):
    """Whether it is right."""

    unique_identifier: str
    validity_indicator: ValidityIndicator | None = None
    correlation_value: Annotated[bytes | None, Since(1, 3)] = None


@operation(Operation.MAC_VERIFY, since=V1_2, pure=True)
async def mac_verify(call: Call, request: MACVerifyRequest) -> MACVerifyResponse:
    """Verify a MAC with a key whose usage mask has MAC Verify; a wrong one is Invalid, and no failure.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, WrongLifecycleState, UsageMaskMissing.
        InvalidObjectType: the key is no secret key.
        MissingData: there is no Data.
        BadCryptographicParameters, UnsupportedCryptographicParameters: see `token.mechanisms`.
        InvalidCorrelationValue, ServerLimitExceeded: see `parts` and `token.api`.
    """
    if parts.is_part(request):
        return await _part(call, request)
    if request.mac_data is None:
        raise InvalidMessage("MAC Data is missing")
    data = call.data(request.data)
    if data is None:
        raise MissingData("there is no Data")
    key, chosen = key_use.authenticator(call, request.unique_identifier, M.MAC_VERIFY, request.cryptographic_parameters)
    valid = await key_use.mac_is_right(call, key, chosen, data, request.mac_data)
    return MACVerifyResponse(unique_identifier=key.unique_identifier, validity_indicator=key_use.validity(valid))


async def _part(call: Call, request: MACVerifyRequest) -> MACVerifyResponse:
    """Take one part; the MAC comes with the first part or with the last."""
    async with parts.joined(call, Operation.MAC_VERIFY, request) as part:
        key, chosen = key_use.authenticator(
            call, request.unique_identifier, M.MAC_VERIFY, request.cryptographic_parameters
        )
        claim = part.claim(key.unique_identifier, key)
        if part.first:
            passed = await part.begin(key_use.authenticating(claim, key, chosen, request.mac_data or b""))
        else:
            passed = await part.go_on(claim, request.mac_data)
    valid = None
    if part.last:
        # A token says yes or no; what is made beside it is compared here.
        apart = key_use.beside_token(key, chosen)
        right = hmac.compare_digest(passed.output, passed.trailer) if apart else passed.output != b""
        valid = key_use.validity(right)
    return MACVerifyResponse(
        unique_identifier=key.unique_identifier,
        validity_indicator=valid,
        correlation_value=passed.correlation_value,
    )
