"""What every cryptographic operation asks of a key and of its request before the token is called.

The one rule here: nothing of a failed decryption but that it failed reaches a client, whatever the token says of it.
"""

import hmac

from msgspec import msgpack

from gateway import errors, keyplans, placement, policy
from gateway.call import Call
from gateway.kmip.enums import CryptographicUsageMask, ObjectType, UsageLimitsUnit, ValidityIndicator
from gateway.kmip.structure import Identifier
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.managed import Managed
from gateway.token import mechanisms
from gateway.token.api import Claim, Mechanism, Opening, StreamKind
from gateway.token.mechanisms import HMACS, NO_PARAMETERS, Mac
from gateway.token.signatures import Signing

# Why a token does not decrypt, where the reason lies in the data.
IN_THE_DATA = (errors.CryptographicFailure, errors.BadCryptographicParameters, errors.InvalidField)


def usable(call: Call, given: Identifier | None, use: CryptographicUsageMask, *types: ObjectType) -> Managed:
    """Give a key of one of these types that may be used so now, and that is on the token.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, WrongLifecycleState, UsageMaskMissing: see `Call.key`.
        InvalidObjectType: it is no such key.
        UnsupportedCryptographicParameters: it is kept beside the token, which cannot use it.
    """
    return _on_token(call.key(given, use), types)


def cipher_key(call: Call, given: Identifier | None, use: CryptographicUsageMask, *types: ObjectType) -> Managed:
    """Give a key that encrypts or decrypts now: one that `usable` gives, or one that is used here (`in_software`).

    Raises:
        What usable raises.
    """
    key = call.key(given, use)
    if in_software(call, key):
        return key
    return _on_token(key, types)


def in_software(call: Call, key: Managed) -> bool:
    """Tell whether the gateway itself encrypts with a key: the operator allows it, and no token has its algorithm.

    A one-time pad may be Secret Data too.
    """
    return (
        call.config.software_ciphers
        and key.algorithm in keyplans.SOFTWARE_ALGORITHMS
        and key.object_type in (ObjectType.SYMMETRIC_KEY, ObjectType.SECRET_DATA)
    )


def _on_token(key: Managed, types: tuple[ObjectType, ...]) -> Managed:
    if key.object_type not in types:
        raise errors.InvalidObjectType(f"{key.object_type.token} objects cannot be used so")
    if not key.served:
        raise errors.UnsupportedCryptographicParameters(
            "the token has no keys of this algorithm: the object is kept, and cannot be used"
        )
    return key


def parameters_of(key: Managed, given: CryptographicParameters | None) -> CryptographicParameters:
    """Give the parameters to use: the request's, else the key's first ones, else none at all."""
    return given or key.parameters or NO_PARAMETERS


async def spend(call: Call, key: Managed, data: bytes | None) -> None:
    """Take a use of the key off its Usage Limits, if it has any.

    Raises:
        UsageLimitExhausted: not that much is left.
    """
    if key.usage_limits is not None:
        await call.spend(key, len(data or b""))


async def spend_more(call: Call, key: Managed, data: bytes | None) -> None:
    """Take a further part of the same use off the Usage Limits: bytes count again, uses do not.

    Raises:
        UsageLimitExhausted: not that much is left.
    """
    if key.usage_limits is not None and key.usage_limits.usage_limits_unit is UsageLimitsUnit.BYTE:
        await call.spend(key, len(data or b""))


async def decrypt(call: Call, key: Managed, mechanism: Mechanism, data: bytes) -> bytes:
    """Decrypt on the token.

    Raises:
        CryptographicFailure: for every reason that lies in the data, with the same words.
    """
    try:
        return await placement.token_of(call, key).decrypt(key.ref, mechanism, data)
    except IN_THE_DATA:
        raise undecipherable() from None


def digesting(claim: Claim, chosen: Signing, parameters: CryptographicParameters, signature: bytes = b"") -> Opening:
    """Give how a stream begins that digests what is signed, and keeps what the end needs to know.

    Raises:
        BadCryptographicParameters: no hash is named.
        UnsupportedCryptographicParameters: the algorithm takes whole messages.
    """
    if not chosen.scheme.hashed:
        raise errors.UnsupportedCryptographicParameters("this algorithm signs whole messages, and so not in parts")
    if chosen.hash is None:
        raise errors.BadCryptographicParameters("the Hashing Algorithm is missing")
    kept = msgpack.encode(parameters)
    return Opening(StreamKind.DIGEST, claim, hash=chosen.hash.name, trailer=signature, kept=kept)


def kept_parameters(kept: bytes) -> CryptographicParameters:
    """Give the parameters with which a stream began: those of its last request need not be the same."""
    return msgpack.decode(kept, type=CryptographicParameters)


def undecipherable() -> errors.CryptographicFailure:
    """Give the one failure of decryption."""
    return errors.CryptographicFailure("the data cannot be decrypted with this key and these parameters")


def validity(valid: bool) -> ValidityIndicator:
    """Say whether a signature or MAC is right, as a response does; a wrong one is no failure of the operation."""
    return ValidityIndicator.VALID if valid else ValidityIndicator.INVALID


def authenticator(
    call: Call, given: Identifier | None, use: CryptographicUsageMask, parameters: CryptographicParameters | None
) -> tuple[Managed, Mac]:
    """Give a key that may make or verify MACs now, and how it does.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, WrongLifecycleState, UsageMaskMissing, InvalidObjectType.
        RefusedByPolicy: it is too short to make one.
        BadCryptographicParameters, UnsupportedCryptographicParameters: see `mechanisms.mac`; the key is too short for
            the token, or of another algorithm and may not leave it.
    """
    key = usable(call, given, use, ObjectType.SYMMETRIC_KEY)
    profile = placement.token_of(call, key).profile
    chosen = mechanisms.mac(profile, key.algorithm, parameters_of(key, parameters))
    if use is CryptographicUsageMask.MAC_GENERATE:
        policy.check_mac(call, key.length, key.unique_identifier)
    if beside_token(key, chosen):
        if key.flag(Tag.SENSITIVE, True) or not key.flag(Tag.EXTRACTABLE, False):
            raise errors.UnsupportedCryptographicParameters("the token makes an HMAC with a key for HMAC alone")
    elif chosen.hash is not None and profile.hmac_needs_long_key and key.length < 8 * chosen.hash.size:
        raise errors.UnsupportedCryptographicParameters(
            f"the token makes this HMAC with a key of {8 * chosen.hash.size} bits or more alone"
        )
    return key, chosen


def authenticating(claim: Claim, key: Managed, chosen: Mac, code: bytes | None = None) -> Opening:
    """Give how a stream begins that makes a MAC, or verifies one where `code` is not None."""
    if chosen.hash is not None and beside_token(key, chosen):
        return Opening(StreamKind.HMAC, claim, hash=chosen.hash.name, trailer=code or b"")
    kind = StreamKind.SIGN if code is None else StreamKind.VERIFY
    return Opening(kind, claim, Mechanism(chosen.ckm), trailer=code or b"")


def beside_token(key: Managed, chosen: Mac) -> bool:
    """Tell whether a MAC is to be made beside the token: HMAC with a key that is there as a key for a cipher.

    The test cases CS-AC-M-4 to 6 do this with an AES key. It is done for a key that its owner may fetch in the clear
    (extractable and not sensitive), and so has no secret before the gateway.
    """
    return chosen.hash is not None and key.algorithm not in HMACS


async def mac(call: Call, key: Managed, chosen: Mac, data: bytes) -> bytes:
    """Give the MAC of data."""
    if chosen.hash is not None and beside_token(key, chosen):
        return hmac.digest(await placement.token_of(call, key).export_key(key.ref), data, chosen.hash.name)
    return await placement.token_of(call, key).sign(key.ref, Mechanism(chosen.ckm), data)


async def mac_is_right(call: Call, key: Managed, chosen: Mac, data: bytes, code: bytes) -> bool:
    """Tell whether a MAC is right."""
    if beside_token(key, chosen):
        return hmac.compare_digest(await mac(call, key, chosen, data), code)
    return await placement.token_of(call, key).verify(key.ref, Mechanism(chosen.ckm), data, code)
