"""Signature Verify: whether a signature is right (KMIP 2.1 section 6.1.56 Signature Verify)."""

from typing import Annotated

from gateway import errors, key_use, parts, placement
from gateway.call import Call
from gateway.kmip.enums import CryptographicUsageMask, ObjectType, Operation, ValidityIndicator
from gateway.kmip.structure import Data, Identifier, Since, Structure
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V1_2
from gateway.managed import Managed
from gateway.operations import operation
from gateway.token import signatures
from gateway.token.signatures import Signing

M = CryptographicUsageMask


class SignatureVerifyRequest(Structure):
    """What was signed, as it is or digested by the client, the signature, and the key to verify it with."""

    unique_identifier: Identifier | None = None
    cryptographic_parameters: CryptographicParameters | None = None
    data: Data | None = None
    digested_data: Annotated[bytes | None, Since(1, 4)] = None
    signature_data: bytes | None = None
    correlation_value: Annotated[bytes | None, Since(1, 3)] = None
    init_indicator: Annotated[bool | None, Since(1, 3)] = None
    final_indicator: Annotated[bool | None, Since(1, 3)] = None


class SignatureVerifyResponse(Structure):
    """Whether it is right."""

    unique_identifier: str
    validity_indicator: ValidityIndicator | None = None
    data: bytes | None = None
    correlation_value: Annotated[bytes | None, Since(1, 3)] = None


@operation(Operation.SIGNATURE_VERIFY, since=V1_2, pure=True)
async def signature_verify(call: Call, request: SignatureVerifyRequest) -> SignatureVerifyResponse:
    """Verify with a public key whose usage mask has Verify; a wrong signature is Invalid, and no failure.

    So is one by another algorithm than the key's, as the test case TC-ECDSA-SIGN-DIGESTEDDATA-1 has it.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, WrongLifecycleState, UsageMaskMissing.
        InvalidObjectType: the key is no Public Key.
        MissingData, InvalidField: there is neither Data nor Digested Data, or both.
        BadCryptographicParameters, UnsupportedCryptographicParameters: see `token.signatures`.
        InvalidCorrelationValue, ServerLimitExceeded: see `parts` and `token.api`.
    """
    if parts.is_part(request):
        return await _part(call, request)
    if request.signature_data is None:
        raise errors.InvalidMessage("Signature Data is missing")
    key = key_use.usable(call, request.unique_identifier, M.VERIFY, ObjectType.PUBLIC_KEY)
    parameters = key_use.parameters_of(key, request.cryptographic_parameters)
    valid = False
    if signatures.fits(key.algorithm, parameters):
        chosen = signatures.signing(placement.token_of(call, key).profile, key.algorithm, key.length, parameters)
        message = chosen.message(call.data(request.data), request.digested_data)
        valid = await _verified(call, key, chosen, message, request.signature_data)
    return SignatureVerifyResponse(unique_identifier=key.unique_identifier, validity_indicator=key_use.validity(valid))


async def _verified(call: Call, key: Managed, chosen: Signing, message: bytes, signature: bytes) -> bool:
    unsalted = chosen.scheme.salted and chosen.salt_bytes is None
    if unsalted or not signatures.on_token(placement.token_of(call, key).profile, chosen):
        return signatures.verify_pss(
            await placement.token_of(call, key).export_key(key.ref), chosen, message, signature
        )
    inward = chosen.inward(signature)
    if inward is None:
        return False
    try:
        return await placement.token_of(call, key).verify(key.ref, chosen.mechanism(), message, inward)
    except errors.CryptographicFailure:
        return False  # some tokens fail on a signature that is no number below the modulus


async def _part(call: Call, request: SignatureVerifyRequest) -> SignatureVerifyResponse:
    """Take one part into the digest; the signature comes with the first part or with the last."""
    async with parts.joined(call, Operation.SIGNATURE_VERIFY, request) as part:
        key = key_use.usable(call, request.unique_identifier, M.VERIFY, ObjectType.PUBLIC_KEY)
        parts.refuse_later(digested_data=request.digested_data)
        claim = part.claim(key.unique_identifier, key)
        valid = None
        if part.first:
            parameters = key_use.parameters_of(key, request.cryptographic_parameters)
            chosen = signatures.signing(placement.token_of(call, key).profile, key.algorithm, key.length, parameters)
            passed = await part.begin(key_use.digesting(claim, chosen, parameters, request.signature_data or b""))
        else:
            passed = await part.go_on(claim, request.signature_data)
        if part.last:
            parameters = key_use.kept_parameters(passed.kept)
            chosen = signatures.signing(placement.token_of(call, key).profile, key.algorithm, key.length, parameters)
            message = chosen.message(None, passed.output)
            valid = key_use.validity(await _verified(call, key, chosen, message, passed.trailer))
    return SignatureVerifyResponse(
        unique_identifier=key.unique_identifier,
        validity_indicator=valid,
        correlation_value=passed.correlation_value,
    )
