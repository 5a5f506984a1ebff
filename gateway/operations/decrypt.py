"""Decrypt: ciphertext in, bytes out, the key never leaving the token (KMIP 2.1 section 6.1.11 Decrypt)."""

from typing import Annotated

from cryptography.hazmat.primitives.padding import PKCS7

from gateway import key_use, parts, placement, policy, software_ciphers
from gateway.call import Call
from gateway.errors import InvalidMessage, UnsupportedCryptographicParameters
from gateway.kmip.enums import CryptographicUsageMask, ObjectType, Operation
from gateway.kmip.structure import Data, Identifier, Since, Structure
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V1_2, V1_4
from gateway.managed import Managed
from gateway.operations import operation
from gateway.software_ciphers import Asked
from gateway.token import mechanisms, oaep
from gateway.token.api import Claim, Opening, StreamKind

M = CryptographicUsageMask


class DecryptRequest(Structure):
    """What to decrypt, with which key, and how."""

    unique_identifier: Identifier | None = None
    cryptographic_parameters: CryptographicParameters | None = None
    data: Data | None = None
    iv_counter_nonce: bytes | None = None
    correlation_value: Annotated[bytes | None, Since(1, 3)] = None
    init_indicator: Annotated[bool | None, Since(1, 3)] = None
    final_indicator: Annotated[bool | None, Since(1, 3)] = None
    authenticated_encryption_additional_data: Annotated[bytes | None, Since(1, 4)] = None
    authenticated_encryption_tag: Annotated[bytes | None, Since(1, 4)] = None


class DecryptResponse(Structure):
    """The plaintext."""

    unique_identifier: str
    data: bytes | None = None
    correlation_value: Annotated[bytes | None, Since(1, 3)] = None


@operation(Operation.DECRYPT, since=V1_2, pure=True)
async def decrypt(call: Call, request: DecryptRequest) -> DecryptResponse:
    """Decrypt `request.data` with a key whose usage mask has Decrypt.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, WrongLifecycleState, UsageMaskMissing.
        InvalidObjectType: the key is neither a Symmetric Key nor a Private Key.
        RefusedByPolicy: it is too weak.
        BadCryptographicParameters, UnsupportedCryptographicParameters: see `token.mechanisms`.
        InvalidMessage: the IV or the tag is missing.
        CryptographicFailure: wrong length, padding, tag or key; which of them is not told.
        GeneralFailure: there is no tag of this length.
        InvalidCorrelationValue, ServerLimitExceeded: see `parts` and `token.api`.
    """
    if parts.is_part(request):
        return await _part(call, request)
    whole = parts.whole(call, request.data)
    key = key_use.cipher_key(
        call, request.unique_identifier, M.DECRYPT, ObjectType.SYMMETRIC_KEY, ObjectType.PRIVATE_KEY
    )
    parameters = key_use.parameters_of(key, request.cryptographic_parameters)
    if key_use.in_software(call, key):
        asked = Asked(
            parameters,
            request.iv_counter_nonce,
            request.authenticated_encryption_additional_data,
            request.authenticated_encryption_tag,
        )
        plaintext = await software_ciphers.decrypt(call, key, asked, whole)
        return DecryptResponse(unique_identifier=key.unique_identifier, data=plaintext)
    if key.object_type is ObjectType.PRIVATE_KEY:
        plaintext = await _with_private_key(call, key, parameters, whole)
        return DecryptResponse(unique_identifier=key.unique_identifier, data=plaintext)
    cipher = _cipher(call, key, parameters)
    mechanism = mechanisms.mechanism(
        cipher, parameters, request.iv_counter_nonce, request.authenticated_encryption_additional_data
    )
    data = _sealed(call, request, whole, mechanism.tag_bits // 8) if cipher.tagged else whole
    if cipher.block_bytes and len(data) % cipher.block_bytes:
        raise key_use.undecipherable()
    plaintext = await key_use.decrypt(call, key, mechanism, data)
    if cipher.pads:
        plaintext = _unpadded(cipher, plaintext)
    return DecryptResponse(unique_identifier=key.unique_identifier, data=plaintext)


def _cipher(call: Call, key: Managed, parameters: CryptographicParameters) -> mechanisms.Cipher:
    cipher = mechanisms.cipher(placement.token_of(call, key).profile, key.algorithm, parameters)
    if cipher.ckm in policy.TO_DECRYPT:
        policy.check_mechanism(call, policy.TO_DECRYPT, cipher.ckm, key.unique_identifier)
    return cipher


async def _part(call: Call, request: DecryptRequest) -> DecryptResponse:
    """Decrypt one part; the parameters, the IV and what is authenticated alone are those of the first.

    With GCM nothing comes out before the last part, which has the tag unless the first had it.
    """
    async with parts.joined(call, Operation.DECRYPT, request) as part:
        key = key_use.usable(
            call, request.unique_identifier, M.DECRYPT, ObjectType.SYMMETRIC_KEY, ObjectType.PRIVATE_KEY
        )
        claim = part.claim(key.unique_identifier, key)
        if part.first:
            passed = await part.begin(_opening(call, key, claim, request))
        else:
            parts.refuse_later(
                iv_counter_nonce=request.iv_counter_nonce,
                additional_data=request.authenticated_encryption_additional_data,
            )
            passed = await _passed(part, claim, request)
    return DecryptResponse(
        unique_identifier=key.unique_identifier,
        data=passed.output or None,
        correlation_value=passed.correlation_value,
    )


async def _passed(part: parts.Part, claim: Claim, request: DecryptRequest) -> parts.Passed:
    try:
        return await part.go_on(claim, request.authenticated_encryption_tag)
    except key_use.IN_THE_DATA:
        raise key_use.undecipherable() from None


def _opening(call: Call, key: Managed, claim: Claim, request: DecryptRequest) -> Opening:
    if key.object_type is ObjectType.PRIVATE_KEY:
        raise UnsupportedCryptographicParameters("RSA decrypts one block, and so not in parts")
    parameters = key_use.parameters_of(key, request.cryptographic_parameters)
    cipher = _cipher(call, key, parameters)
    mechanism = mechanisms.mechanism(
        cipher, parameters, request.iv_counter_nonce, request.authenticated_encryption_additional_data
    )
    return Opening(
        StreamKind.DECRYPT,
        claim,
        mechanism,
        block_bytes=cipher.block_bytes,
        pads=cipher.pads,
        # Before 1.4 the tag is the end of the data, wherever that is cut.
        trailer_bytes=mechanism.tag_bits // 8 if call.version >= V1_4 else 0,
        trailer=request.authenticated_encryption_tag or b"",
    )


def _sealed(call: Call, request: DecryptRequest, data: bytes, tag_bytes: int) -> bytes:
    """Give ciphertext and tag as the token wants them, one behind the other; before 1.4 they came so."""
    tag = request.authenticated_encryption_tag
    if tag is None:
        if call.version >= V1_4:
            raise InvalidMessage("missing-tag")
        sealed, size = data, min(tag_bytes, len(data))
    else:
        sealed, size = data + tag, len(tag)
    if size != tag_bytes:
        raise key_use.undecipherable()
    return sealed


def _unpadded(cipher: mechanisms.Cipher, padded: bytes) -> bytes:
    unpadder = PKCS7(8 * cipher.block_bytes).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise key_use.undecipherable() from None


async def _with_private_key(call: Call, key: Managed, parameters: CryptographicParameters, data: bytes) -> bytes:
    """Decrypt with the private half of an RSA pair; where the token lacks this OAEP it does the bare RSA in it."""
    chosen = mechanisms.rsa_encryption(placement.token_of(call, key).profile, key.algorithm, parameters)
    key_bytes = (key.length + 7) // 8
    if len(data) != key_bytes:
        raise key_use.undecipherable()
    if not isinstance(chosen.way, mechanisms.Oaep):
        policy.check_mechanism(call, policy.TO_DECRYPT, chosen.way.ckm, key.unique_identifier)
        return await key_use.decrypt(call, key, chosen.way, data)
    block = await key_use.decrypt(call, key, mechanisms.RSA_RAW, data)
    plaintext = oaep.unpad(block, key_bytes, chosen.way)
    if plaintext is None:
        raise key_use.undecipherable()
    return plaintext
