"""Keys wrapped by other managed keys, on their way out and in (KMIP 2.1 section 3.4 Key Wrapping Data).

The wrapping key stays on the token, which does the wrapping: a key that is there too is wrapped where it is, everything
else goes in as a session object first.
"""

from typing import NamedTuple

from msgspec.structs import replace

from gateway import errors, nonces, placement, policy
from gateway.access.permissions import Use
from gateway.call import Call
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    EncodingOption,
    KeyFormatType,
    ObjectType,
    PaddingMethod,
    WrappingMethod,
)
from gateway.kmip.objects import EncryptionKeyInformation, KeyBlock, KeyValue, KeyWrappingData, KeyWrappingSpecification
from gateway.kmip.structure import Item
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.managed import Managed, visible_attributes
from gateway.policy import Weakness
from gateway.token import mechanisms, oaep
from gateway.token.api import Mechanism, ObjectClass, Profile
from gateway.token.mechanisms import Oaep

A, B, P = CryptographicAlgorithm, BlockCipherMode, PaddingMethod
M = CryptographicUsageMask
# For these the token's key does not wrap: its copy does. See creation.rights_for.
FOR_DATA = int(M.ENCRYPT | M.DECRYPT | M.DERIVE_KEY | M.KEY_AGREEMENT)
FOR_WRAPPING = int(M.WRAP_KEY | M.UNWRAP_KEY)
STRUCTURE = 1  # the item type
HEADER_BYTES = 8
BLOCK_BITS = 64
ENCODED_KEY_VALUE = Tag.KEY_VALUE.to_bytes(3, "big") + bytes((STRUCTURE,))

CKM_AES_KEY_WRAP, CKM_AES_GCM = 0x2109, 0x1087

# The strength of keys in bits, by their length where it is not the length itself (NIST SP 800-57 part 1, table 2).
# 4096 by the formula of FIPS 140 IG 7.5, without which it would count as 3072 and leave under AES-128.
RSA_STRENGTHS = ((15360, 256), (7680, 192), (4096, 152), (3072, 128), (2048, 112), (1024, 80))
MAX_STRENGTH = 256  # no attack is known that would tell a longer key, as for HMAC, from one of this
CURVE_ALGORITHMS = (A.EC, A.ECDSA, A.ECDH, A.ECMQV, A.ED25519, A.ED448)


class Wrapping(NamedTuple):
    """The key and the way by which something is wrapped or unwrapped; see `token.api` for `by_copy`.

    Where the way is no mechanism, the token does the bare RSA at most and the gateway OAEP.
    """

    key: Managed
    way: Mechanism | Oaep
    by_copy: bool

    @property
    def iv(self) -> bytes | None:
        """The IV that whoever unwraps has to know, where there is one."""
        return (self.way.iv or None) if isinstance(self.way, Mechanism) else None

    @property
    def wraps_keys(self) -> bool:
        """Whether the token wraps a key so where it is."""
        return isinstance(self.way, Mechanism) and self.way.ckm != CKM_AES_GCM


def strength(algorithm: CryptographicAlgorithm | None, length: int) -> int:
    """Give the strength of a key of so many bits, in bits; 0 for what has none, such as a password."""
    if algorithm in (A.RSA, A.DSA, A.DH):
        return next((bits for least, bits in RSA_STRENGTHS if length >= least), 0)
    if algorithm in CURVE_ALGORITHMS:
        return min(length // 2, MAX_STRENGTH)
    if algorithm is A.DES3:
        return 112 if length > 128 else 80
    return 0 if algorithm is None else min(length, MAX_STRENGTH)


def check_strength(key: Managed, algorithm: CryptographicAlgorithm | None, length: int) -> None:
    """Check that a wrapping key is as strong as a key of this algorithm and length.

    Raises:
        PermissionDenied: it is weaker.
    """
    if strength(algorithm, length) > strength(key.algorithm, key.length):
        raise errors.PermissionDenied("the wrapping key is weaker than the key")


def _key(call: Call, information: EncryptionKeyInformation, use: CryptographicUsageMask, right: Use) -> Managed:
    """Give a wrapping key that may be used so, now; what is wrong with it is told as of a wrapping key."""
    try:
        return call.key(information.unique_identifier, use, right)
    except errors.ObjectNotFound as error:
        raise errors.WrappingObjectNotFound(error.message) from None
    except errors.ObjectDestroyed as error:
        raise errors.WrappingObjectDestroyed(error.message) from None
    except errors.ObjectArchived as error:
        raise errors.WrappingObjectArchived(error.message) from None


def _wrapping(call: Call, information: EncryptionKeyInformation | None, use: CryptographicUsageMask) -> Wrapping:
    if information is None:
        raise errors.FeatureNotSupported("keys are wrapped by encryption only, without a MAC or signature")
    key = _key_for(call, information, use)
    types = (ObjectType.SYMMETRIC_KEY, ObjectType.PUBLIC_KEY if use is M.WRAP_KEY else ObjectType.PRIVATE_KEY)
    if key.object_type not in types:
        raise errors.IllegalObjectType(f"a {key.object_type.token} does not do this")
    if not key.served:
        raise errors.FeatureNotSupported("the token does not hold the wrapping key")
    chosen = way(key, information.cryptographic_parameters, placement.token_of(call, key).profile)
    if isinstance(chosen, Mechanism):
        table = policy.TO_ENCRYPT if use is M.WRAP_KEY else policy.TO_DECRYPT
        policy.check_mechanism(call, table, chosen.ckm, key.unique_identifier)
    if use is M.WRAP_KEY:
        policy.check_length(call, key.algorithm, key.length, key.unique_identifier)
    return Wrapping(key, chosen, _by_copy(key, use))


def _key_for(call: Call, information: EncryptionKeyInformation, use: CryptographicUsageMask) -> Managed:
    """Give a wrapping key; where the operator says so, one that may wrap may unwrap (TC-WRAP-2 and 3 of 1.4)."""
    right = Use.WRAP_KEY if use is M.WRAP_KEY else Use.UNWRAP_KEY
    try:
        return _key(call, information, use, right)
    except errors.UsageMaskMissing:
        if use is not M.UNWRAP_KEY or not call.config.unwrap_by_wrap_key:
            raise
        return _key(call, information, M.WRAP_KEY, right)


def _by_copy(key: Managed, use: CryptographicUsageMask) -> bool:
    """Tell whether a key is for something else, and so does this only by a copy that does nothing else.

    Who may wrap a key with it and decrypt the result has that key in the clear. It is no more than anybody has who may
    fetch the wrapping key itself, as the test case TC-SENSITIVE-1 lets its client.

    Raises:
        UsageMaskMissing: it is for something else, and does not leave the gateway in the clear.
    """
    resident = key.object_type is not ObjectType.PUBLIC_KEY and (key.sensitive or not key.extractable)
    if resident and (key.usage_bits & ~FOR_WRAPPING or not key.usage_bits & int(use)):
        raise errors.UsageMaskMissing(
            f"{key.unique_identifier} is for something else: one that is Sensitive or not Extractable is for no more"
        )
    return bool(key.usage_bits & FOR_DATA) or not key.usage_bits & int(use)


def way(key: Managed, asked: CryptographicParameters | None, profile: Profile) -> Mechanism | Oaep:
    """Choose the way that a request asks for, else the one that the wrapping key's attributes say.

    Raises:
        BadCryptographicParameters: the parameters are not among the key's, where it has any.
        UnsupportedCryptographicParameters: nothing is wrapped by them here.
    """
    known = sets.structures(key.attributes, Tag.CRYPTOGRAPHIC_PARAMETERS, CryptographicParameters)
    if asked is not None and known and asked not in known:
        raise errors.BadCryptographicParameters("the wrapping key has other Cryptographic Parameters")
    parameters = asked or next(iter(known), None) or CryptographicParameters()
    if key.algorithm is A.RSA:
        padded = replace(parameters, padding_method=parameters.padding_method or P.OAEP)
        return mechanisms.rsa_encryption(profile, key.algorithm, padded).way
    found = _aes(key, parameters, profile)
    if found is None:
        raise errors.UnsupportedCryptographicParameters("no keys are wrapped by these parameters")
    return found


def _aes(key: Managed, parameters: CryptographicParameters, profile: Profile) -> Mechanism | None:
    if key.algorithm is not A.AES:
        return None
    mode = parameters.block_cipher_mode
    modes = {None: CKM_AES_KEY_WRAP, B.NISTKEYWRAP: CKM_AES_KEY_WRAP, B.AESKEYWRAPPADDING: profile.kwp}
    ckm = CKM_AES_GCM if mode is B.GCM else modes.get(mode, 0)
    if not ckm or ckm not in profile.mechanisms | {profile.kwp}:
        return None
    return Mechanism(ckm, tag_bits=8 * mechanisms.tag_bytes(parameters)) if mode is B.GCM else Mechanism(ckm)


def key_of(call: Call, specification: KeyWrappingSpecification) -> Managed:
    """Give the key by which an object is to be wrapped, if it may be used so; `to_wrap` asks for more.

    Raises:
        WrappingObjectNotFound, WrappingObjectDestroyed, WrappingObjectArchived.
        WrongLifecycleState, UsageMaskMissing, FeatureNotSupported.
    """
    information = specification.encryption_key_information
    if information is None:
        raise errors.FeatureNotSupported("keys are wrapped by encryption only, without a MAC or signature")
    return _key(call, information, M.WRAP_KEY, Use.WRAP_KEY)


async def to_wrap(call: Call, managed: Managed, specification: KeyWrappingSpecification) -> Wrapping:
    """Give the key and mechanism by which an object is to be wrapped, once everything about it is allowed.

    Raises:
        WrappingObjectNotFound, WrappingObjectDestroyed, WrappingObjectArchived.
        WrongLifecycleState, UsageMaskMissing, IllegalObjectType: the wrapping key cannot be used so.
        PermissionDenied: the wrapping key is weaker than the key, or may not wrap what is Sensitive.
        EncodingOptionError: attributes are to be wrapped too, and there is no encoding.
        FeatureNotSupported, UnsupportedCryptographicParameters, BadCryptographicParameters.
    """
    if specification.wrapping_method is not WrappingMethod.ENCRYPT:
        raise errors.FeatureNotSupported("keys are wrapped by encryption only, without a MAC or signature")
    if specification.attribute_reference and not _encoded(specification.encoding_option):
        raise errors.EncodingOptionError("attributes cannot be wrapped without an encoding")
    wrapping = _wrapping(call, specification.encryption_key_information, M.WRAP_KEY)
    check_strength(wrapping.key, managed.algorithm, managed.length)
    if managed.sensitive and not wrapping.key.row.trusted:
        policy.check(call, Weakness.UNTRUSTED_WRAPPING, managed.unique_identifier)
    if isinstance(wrapping.way, Mechanism) and wrapping.way.ckm == CKM_AES_GCM:
        return wrapping._replace(way=replace(wrapping.way, iv=await nonces.drawn(call, wrapping.key)))
    return wrapping


def _encoded(option: EncodingOption | None) -> bool:
    # The whole Key Value is encoded unless the client says otherwise (section 3.4 Key Wrapping Data).
    return option is not EncodingOption.NO_ENCODING


def wraps_in_place(
    managed: Managed, wrapping: Wrapping, format_type: KeyFormatType, specification: KeyWrappingSpecification
) -> bool:
    """Tell whether the token can wrap an object where it is: its bytes alone, as the token has them.

    They must be known to be whole blocks of eight bytes, as with AES: SoftHSM's RFC 5649 fills the others with zeros,
    which whoever unwraps them could not tell from the key.
    """
    return (
        wrapping.wraps_keys
        and managed.length > 0
        and managed.length % BLOCK_BITS == 0
        and managed.served
        and managed.row.token == wrapping.key.row.token
        and managed.row.object_class == ObjectClass.SECRET_KEY
        and format_type in (KeyFormatType.RAW, KeyFormatType.OPAQUE)
        and not _encoded(specification.encoding_option)
    )


async def wrap_in_place(call: Call, managed: Managed, wrapping: Wrapping) -> bytes:
    """Give a token's secret key wrapped, where `wraps_in_place`; it does not leave the token in the clear.

    Raises:
        UsageLimitExhausted: the wrapping key has wrapped as much as it may.
    """
    assert isinstance(wrapping.way, Mechanism)  # noqa: S101 - so `wraps_in_place` has seen
    await call.spend(wrapping.key, managed.length // 8, Use.WRAP_KEY)
    return await placement.token_of(call, wrapping.key).wrap(
        wrapping.key.ref, wrapping.way, managed.ref, by_copy=wrapping.by_copy
    )


async def wrap_value(
    call: Call, managed: Managed, value: KeyValue, wrapping: Wrapping, specification: KeyWrappingSpecification
) -> bytes:
    """Give a Key Value wrapped: all of it encoded, with the attributes that were asked for, or its bytes alone.

    Raises:
        EncodingOptionError: without an encoding, the material must be a byte string.
        UsageLimitExhausted: the wrapping key has wrapped as much as it may.
    """
    if _encoded(specification.encoding_option):
        wanted = {reference.key for reference in specification.attribute_reference}
        attributes = tuple(a for a in visible_attributes(managed, call.now) if a.key in wanted)
        whole = KeyValue(key_material=value.key_material, attributes=attributes)
        data = call.services.codec.encode_structure(whole, Tag.KEY_VALUE, call.version)
    elif isinstance(value.key_material, bytes):
        data = value.key_material
    else:
        raise errors.EncodingOptionError("a structure is wrapped in its encoding only")
    await call.spend(wrapping.key, len(data), Use.WRAP_KEY)
    if isinstance(wrapping.way, Oaep):
        return oaep.encrypt(
            await placement.token_of(call, wrapping.key).export_key(wrapping.key.ref), wrapping.way, data
        )
    return await placement.token_of(call, wrapping.key).wrap_data(
        wrapping.key.ref, wrapping.way, data, by_copy=wrapping.by_copy
    )


def wrapped_block(
    block: KeyBlock, value: bytes, wrapping: Wrapping, specification: KeyWrappingSpecification
) -> KeyBlock:
    """Put a wrapped Key Value into a Key Block, with what a client needs to unwrap it; a tag is the value's end."""
    data = KeyWrappingData(
        wrapping_method=specification.wrapping_method,
        encryption_key_information=specification.encryption_key_information,
        iv_counter_nonce=wrapping.iv,
        encoding_option=specification.encoding_option,
    )
    return replace(block, key_value=value, key_wrapping_data=data)


async def unwrapped_block(call: Call, block: KeyBlock, *, sensitive: bool) -> KeyBlock:
    """Unwrap the Key Value of a Key Block with the managed key that its Key Wrapping Data names.

    `sensitive` says that what is unwrapped is Sensitive, and so leaves wrapped only.

    Raises:
        WrappingObjectNotFound, WrappingObjectDestroyed, WrappingObjectArchived.
        WrongLifecycleState, UsageMaskMissing, IllegalObjectType: the key cannot be used so.
        MissingData: the IV is missing.
        RefusedByPolicy: the key wraps what is Sensitive, and this is to be Sensitive no more.
        CryptographicFailure: it is not the key with which this was wrapped.
    """
    data, blob = block.key_wrapping_data, _blob(block)
    if data is None or data.wrapping_method is not WrappingMethod.ENCRYPT:
        raise errors.KeyWrapTypeNotSupported("the key was not wrapped by encryption alone")
    unwrapping = _wrapping(call, data.encryption_key_information, M.UNWRAP_KEY)
    if unwrapping.key.row.trusted and not sensitive:
        policy.check(call, Weakness.CLEAR_UNWRAPPING, unwrapping.key.unique_identifier)
    clear = await _unwrapped(call, unwrapping, blob, data.iv_counter_nonce)
    return replace(block, key_value=_value(call, clear, data.encoding_option), key_wrapping_data=None)


async def _unwrapped(call: Call, unwrapping: Wrapping, blob: bytes, iv: bytes | None) -> bytes:
    key, chosen, by_copy = unwrapping
    if isinstance(chosen, Oaep):
        return await _without_oaep(call, key, chosen, blob)
    if chosen.ckm == CKM_AES_GCM:
        if not iv:
            raise errors.MissingData("the IV/Counter/Nonce with which the key was wrapped is missing")
        chosen = replace(chosen, iv=iv)
    return await placement.token_of(call, key).unwrap_data(key.ref, chosen, blob, by_copy=by_copy)


async def _without_oaep(call: Call, key: Managed, scheme: Oaep, blob: bytes) -> bytes:
    """Undo the OAEP that the token lacks; whatever is wrong is told alike."""
    key_bytes = (key.length + 7) // 8
    clear = None
    if len(blob) == key_bytes:
        clear = oaep.unpad(
            await placement.token_of(call, key).unwrap_data(key.ref, mechanisms.RSA_RAW, blob), key_bytes, scheme
        )
    if clear is None:
        raise errors.CryptographicFailure("it was not wrapped by this key and these parameters")
    return clear


def _blob(block: KeyBlock) -> bytes:
    value = block.key_value
    # The standard has a byte string here, PyKMIP a structure with the bytes as its Key Material.
    if isinstance(value, KeyValue) and isinstance(value.key_material, bytes):
        return value.key_material
    if not isinstance(value, bytes):
        raise errors.KeyValueNotPresent("there is no wrapped Key Value")
    return value


def _value(call: Call, clear: bytes, option: EncodingOption | None) -> KeyValue:
    if not _encoded(option):
        if clear[:4] == ENCODED_KEY_VALUE and int.from_bytes(clear[4:HEADER_BYTES], "big") + HEADER_BYTES == len(clear):
            # Else a key would come back between bytes that are known, with a Digest by which no copy is told.
            raise errors.EncodingOptionError("what was wrapped is an encoded Key Value: say so")
        return KeyValue(key_material=clear)
    if clear[:4] != ENCODED_KEY_VALUE:
        raise errors.CryptographicFailure("what was wrapped is not an encoded Key Value")
    size = int.from_bytes(clear[4:HEADER_BYTES], "big")
    item = Item(STRUCTURE, clear[HEADER_BYTES : HEADER_BYTES + size])
    return call.services.codec.decode_structure(KeyValue, item, call.version)
