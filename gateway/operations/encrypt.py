"""Encrypt: bytes in, ciphertext out, the key never leaving the token (KMIP 2.1 section 6.1.17 Encrypt)."""

import secrets
from typing import Annotated

from cryptography.hazmat.primitives.padding import PKCS7

from gateway import key_use, nonces, parts, placement, policy, software_ciphers
from gateway.call import Call
from gateway.errors import InvalidField, UnsupportedCryptographicParameters
from gateway.kmip.enums import CryptographicUsageMask, ObjectType, Operation
from gateway.kmip.structure import Data, Identifier, Since, Structure
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V1_2, V1_4
from gateway.managed import Managed
from gateway.operations import operation
from gateway.policy import Weakness
from gateway.software_ciphers import Asked
from gateway.token import mechanisms, oaep
from gateway.token.api import Claim, Mechanism, Opening, StreamKind

M = CryptographicUsageMask


class EncryptRequest(Structure):
    """What to encrypt, with which key, and how."""

    unique_identifier: Identifier | None = None
    cryptographic_parameters: CryptographicParameters | None = None
    data: Data | None = None
    iv_counter_nonce: bytes | None = None
    correlation_value: Annotated[bytes | None, Since(1, 3)] = None
    init_indicator: Annotated[bool | None, Since(1, 3)] = None
    final_indicator: Annotated[bool | None, Since(1, 3)] = None
    authenticated_encryption_additional_data: Annotated[bytes | None, Since(1, 4)] = None


class EncryptResponse(Structure):
    """The ciphertext, and the IV if it was drawn here."""

    unique_identifier: str
    data: bytes | None = None
    iv_counter_nonce: bytes | None = None
    correlation_value: Annotated[bytes | None, Since(1, 3)] = None
    authenticated_encryption_tag: Annotated[bytes | None, Since(1, 4)] = None


@operation(Operation.ENCRYPT, since=V1_2, pure=True)
async def encrypt(call: Call, request: EncryptRequest) -> EncryptResponse:
    """Encrypt `request.data` with an Active key whose usage mask has Encrypt.

    Without an IV one is drawn where Random IV asks for it, in GCM always, and only then does the response carry it. The
    tag of GCM has a field of its own since 1.4; before, it is the end of the data.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, WrongLifecycleState, UsageMaskMissing, UsageLimitExhausted.
        InvalidObjectType: the key is neither a Symmetric Key nor a Public Key.
        RefusedByPolicy: it is too weak.
        BadCryptographicParameters, UnsupportedCryptographicParameters: see `token.mechanisms`.
        InvalidMessage: there is no IV, and none to be drawn.
        InvalidField: the data does not fill whole blocks, or is too long for an RSA key; the IV has come before.
        GeneralFailure: there is no tag of this length.
        InvalidCorrelationValue, ServerLimitExceeded: see `parts` and `token.api`.
    """
    if parts.is_part(request):
        return await _part(call, request)
    whole = parts.whole(call, request.data)
    key = key_use.cipher_key(
        call, request.unique_identifier, M.ENCRYPT, ObjectType.SYMMETRIC_KEY, ObjectType.PUBLIC_KEY
    )
    parameters = key_use.parameters_of(key, request.cryptographic_parameters)
    if key_use.in_software(call, key):
        return await _in_software(call, key, parameters, request, whole)
    if key.object_type is ObjectType.PUBLIC_KEY:
        return await _for_private_key(call, key, parameters, whole)
    cipher = _cipher(call, key, parameters)
    mechanism, drawn = await _mechanism(call, key, cipher, parameters, request)
    data = _blocks(cipher, whole) if cipher.block_bytes else whole
    if key.usage_limits is not None:
        await key_use.spend(call, key, whole)
    ciphertext = await placement.token_of(call, key).encrypt(key.ref, mechanism, data)
    tag = None
    if cipher.tagged and call.version >= V1_4:
        tag_at = len(ciphertext) - mechanism.tag_bits // 8
        ciphertext, tag = ciphertext[:tag_at], ciphertext[tag_at:]
    return EncryptResponse(
        unique_identifier=key.unique_identifier,
        data=ciphertext,
        iv_counter_nonce=drawn,
        authenticated_encryption_tag=tag,
    )


def _cipher(call: Call, key: Managed, parameters: CryptographicParameters) -> mechanisms.Cipher:
    cipher = mechanisms.cipher(placement.token_of(call, key).profile, key.algorithm, parameters)
    if cipher.ckm in policy.TO_ENCRYPT:
        policy.check_mechanism(call, policy.TO_ENCRYPT, cipher.ckm, key.unique_identifier)
    return cipher


async def _mechanism(
    call: Call, key: Managed, cipher: mechanisms.Cipher, parameters: CryptographicParameters, request: EncryptRequest
) -> tuple[Mechanism, bytes | None]:
    """Give the mechanism, and its IV if it was drawn here."""
    iv, additional = request.iv_counter_nonce, request.authenticated_encryption_additional_data
    if iv is None and cipher.iv_bytes:
        mechanisms.check_drawn(cipher, parameters)
        drawn = await nonces.drawn(call, key) if cipher.tagged else secrets.token_bytes(cipher.iv_bytes)
        return mechanisms.mechanism(cipher, parameters, drawn, additional), drawn
    chosen = mechanisms.mechanism(cipher, parameters, iv, additional)
    if cipher.tagged:
        await nonces.keep(call, key, chosen.iv)
    elif cipher.ckm == mechanisms.CKM_AES_CTR:
        policy.check(call, Weakness.CLIENT_COUNTERS, key.unique_identifier)
    return chosen, None


async def _in_software(
    call: Call, key: Managed, parameters: CryptographicParameters, request: EncryptRequest, data: bytes
) -> EncryptResponse:
    asked = Asked(parameters, request.iv_counter_nonce, request.authenticated_encryption_additional_data)
    sealed = await software_ciphers.encrypt(call, key, asked, data)
    return EncryptResponse(
        unique_identifier=key.unique_identifier,
        data=sealed.data,
        iv_counter_nonce=sealed.drawn,
        authenticated_encryption_tag=sealed.tag,
    )


async def _part(call: Call, request: EncryptRequest) -> EncryptResponse:
    """Encrypt one part; the parameters, the IV and what is authenticated alone are those of the first."""
    async with parts.joined(call, Operation.ENCRYPT, request) as part:
        key = key_use.usable(
            call, request.unique_identifier, M.ENCRYPT, ObjectType.SYMMETRIC_KEY, ObjectType.PUBLIC_KEY
        )
        claim = part.claim(key.unique_identifier, key)
        drawn = None
        if part.first:
            opening, drawn = await _opening(call, key, claim, request)
            await key_use.spend(call, key, part.data)
            passed = await part.begin(opening)
        else:
            parts.refuse_later(
                iv_counter_nonce=request.iv_counter_nonce,
                additional_data=request.authenticated_encryption_additional_data,
            )
            await key_use.spend_more(call, key, part.data)
            passed = await part.go_on(claim)
    apart = call.version >= V1_4
    return EncryptResponse(
        unique_identifier=key.unique_identifier,
        data=(passed.output if apart else passed.output + passed.trailer) or None,
        iv_counter_nonce=drawn,
        correlation_value=passed.correlation_value,
        authenticated_encryption_tag=(passed.trailer or None) if apart else None,
    )


async def _opening(call: Call, key: Managed, claim: Claim, request: EncryptRequest) -> tuple[Opening, bytes | None]:
    """Give how the stream begins, and its IV if it was drawn here."""
    if key.object_type is ObjectType.PUBLIC_KEY:
        raise UnsupportedCryptographicParameters("RSA encrypts what fits into one block, and so not in parts")
    parameters = key_use.parameters_of(key, request.cryptographic_parameters)
    cipher = _cipher(call, key, parameters)
    mechanism, drawn = await _mechanism(call, key, cipher, parameters, request)
    opening = Opening(
        StreamKind.ENCRYPT,
        claim,
        mechanism,
        block_bytes=cipher.block_bytes,
        pads=cipher.pads,
        trailer_bytes=mechanism.tag_bits // 8,
    )
    return opening, drawn


def _blocks(cipher: mechanisms.Cipher, data: bytes) -> bytes:
    """Give data in whole blocks."""
    if cipher.pads:
        padder = PKCS7(8 * cipher.block_bytes).padder()
        return padder.update(data) + padder.finalize()
    if len(data) % cipher.block_bytes:
        raise InvalidField(f"without padding, the data must be a multiple of {cipher.block_bytes} bytes long")
    return data


async def _for_private_key(
    call: Call, key: Managed, parameters: CryptographicParameters, data: bytes
) -> EncryptResponse:
    """Encrypt with the public half of an RSA pair: on the token if it can, else with the public key outside it."""
    chosen = mechanisms.rsa_encryption(placement.token_of(call, key).profile, key.algorithm, parameters)
    policy.check_length(call, key.algorithm, key.length, key.unique_identifier)
    if isinstance(chosen.way, Mechanism):
        policy.check_mechanism(call, policy.TO_ENCRYPT, chosen.way.ckm, key.unique_identifier)
    room = (key.length + 7) // 8 - chosen.overhead_bytes
    if len(data) > room:
        raise InvalidField(f"this key encrypts {max(room, 0)} bytes at most with this padding")
    await key_use.spend(call, key, data)
    if isinstance(chosen.way, mechanisms.Oaep):
        ciphertext = oaep.encrypt(await placement.token_of(call, key).export_key(key.ref), chosen.way, data)
    else:
        ciphertext = await placement.token_of(call, key).encrypt(key.ref, chosen.way, data)
    return EncryptResponse(unique_identifier=key.unique_identifier, data=ciphertext)
