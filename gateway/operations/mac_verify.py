"""MAC Verify: whether a message authentication code is right (KMIP 2.1 section 6.1.33 MAC Verify)."""

from typing import Annotated

from gateway import key_use
from gateway.call import Call
from gateway.errors import MissingData
from gateway.kmip.enums import CryptographicUsageMask, Operation, ValidityIndicator
from gateway.kmip.structure import Identifier, Since, Structure
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V1_2
from gateway.operations import operation

M = CryptographicUsageMask


class MACVerifyRequest(Structure):
    """What was authenticated, the MAC, and the key to verify it with."""

    unique_identifier: Identifier | None = None
    cryptographic_parameters: CryptographicParameters | None = None
    data: bytes | None = None
    mac_data: bytes
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
        FeatureNotSupported: the data is one part of several.
    """
    key_use.refuse_parts(request)
    if request.data is None:
        raise MissingData("there is no Data")
    key, chosen = key_use.authenticator(call, request.unique_identifier, M.MAC_VERIFY, request.cryptographic_parameters)
    valid = await key_use.mac_is_right(call, key, chosen, request.data, request.mac_data)
    return MACVerifyResponse(unique_identifier=key.unique_identifier, validity_indicator=key_use.validity(valid))
