"""What every cryptographic operation asks of a key and of its request before the token is called.

The one rule here: nothing of a failed decryption but that it failed reaches a client, whatever the token says of it.
"""

import hmac
from typing import Protocol

from gateway import errors
from gateway.call import Call
from gateway.kmip.enums import CryptographicUsageMask, ObjectType, ValidityIndicator
from gateway.kmip.structure import Identifier
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.managed import Managed
from gateway.store.api import Custody
from gateway.token import mechanisms
from gateway.token.api import Mechanism
from gateway.token.mechanisms import HMACS, NO_PARAMETERS, Mac


class Streamed(Protocol):
    """A request that may be a part of several (KMIP 1.3 and later)."""

    @property
    def correlation_value(self) -> bytes | None:
        """What joins the parts."""

    @property
    def init_indicator(self) -> bool | None:
        """Whether this is the first part."""

    @property
    def final_indicator(self) -> bool | None:
        """Whether this is the last part."""


def refuse_parts(request: Streamed) -> None:
    """Refuse a request that is one of several parts; one that is the first and the last is whole.

    Raises:
        FeatureNotSupported: it is.
    """
    if request.correlation_value is not None or bool(request.init_indicator) is not bool(request.final_indicator):
        raise errors.FeatureNotSupported("data is taken in one part here, not in several")


def usable(call: Call, given: Identifier | None, use: CryptographicUsageMask, *types: ObjectType) -> Managed:
    """Give a key of one of these types that may be used so now, and that is on the token.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, WrongLifecycleState, UsageMaskMissing: see `Call.key`.
        InvalidObjectType: it is no such key.
        UnsupportedCryptographicParameters: it is kept beside the token, which cannot use it.
    """
    key = call.key(given, use)
    if key.object_type not in types:
        raise errors.InvalidObjectType(f"{key.object_type.token} objects cannot be used so")
    if key.row.custody is not Custody.TOKEN or not key.row.object_class:
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


async def decrypt(call: Call, key: Managed, mechanism: Mechanism, data: bytes) -> bytes:
    """Decrypt on the token.

    Raises:
        CryptographicFailure: for every reason that lies in the data, with the same words.
    """
    try:
        return await call.token.decrypt(key.ref, mechanism, data)
    except (errors.CryptographicFailure, errors.BadCryptographicParameters, errors.InvalidField):
        raise undecipherable() from None


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
        BadCryptographicParameters, UnsupportedCryptographicParameters: see `mechanisms.mac`; the key is too short for
            the token, or of another algorithm and may not leave it.
    """
    key = usable(call, given, use, ObjectType.SYMMETRIC_KEY)
    profile = call.token.profile
    chosen = mechanisms.mac(profile, key.algorithm, parameters_of(key, parameters))
    if beside_token(key, chosen):
        if key.flag(Tag.SENSITIVE, True) or not key.flag(Tag.EXTRACTABLE, False):
            raise errors.UnsupportedCryptographicParameters("the token makes an HMAC with a key for HMAC alone")
    elif chosen.hash is not None and profile.hmac_needs_long_key and key.length < 8 * chosen.hash.size:
        raise errors.UnsupportedCryptographicParameters(
            f"the token makes this HMAC with a key of {8 * chosen.hash.size} bits or more alone"
        )
    return key, chosen


def beside_token(key: Managed, chosen: Mac) -> bool:
    """Tell whether a MAC is to be made beside the token: HMAC with a key that is there as a key for a cipher.

    The test cases CS-AC-M-4 to 6 do this with an AES key. It is done for a key that its owner may fetch in the clear
    (extractable and not sensitive), and so has no secret before the gateway.
    """
    return chosen.hash is not None and key.algorithm not in HMACS


async def mac(call: Call, key: Managed, chosen: Mac, data: bytes) -> bytes:
    """Give the MAC of data."""
    if chosen.hash is not None and beside_token(key, chosen):
        return hmac.digest(await call.token.export_key(key.ref), data, chosen.hash.name)
    return await call.token.sign(key.ref, Mechanism(chosen.ckm), data)


async def mac_is_right(call: Call, key: Managed, chosen: Mac, data: bytes, code: bytes) -> bool:
    """Tell whether a MAC is right."""
    if beside_token(key, chosen):
        return hmac.compare_digest(await mac(call, key, chosen, data), code)
    return await call.token.verify(key.ref, Mechanism(chosen.ckm), data, code)
