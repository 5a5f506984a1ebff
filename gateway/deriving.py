"""A key derived from another: by the token where that can, else here from a base key that may leave the token.

The one rule here: a derivation takes nothing off the token that its client could not have fetched. A base key that is
Sensitive or not Extractable derives by the token or not at all.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from gateway import creation, derivations, errors, giving, keymaking, policy
from gateway.call import Call
from gateway.creation import Change, Draft
from gateway.derivations import Asked
from gateway.keyplans import SecretPlan
from gateway.keys import agreement, private, public
from gateway.keys.curves import NotUnderstood, PrivateKey, PublicKey, curve_of
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    CryptographicAlgorithm,
    CryptographicUsageMask,
    DerivationMethod,
    KeyFormatType,
    LinkType,
    ObjectType,
    RecommendedCurve,
    State,
)
from gateway.kmip.structure import Attribute, Attributes
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicDomainParameters, Digest, Link
from gateway.managed import Managed
from gateway.policy import Weakness
from gateway.token.algorithms import CURVE_OF_LENGTH
from gateway.token.api import KeyRef, KeyType, Mechanism, ObjectClass

A, D, F, O = CryptographicAlgorithm, DerivationMethod, KeyFormatType, ObjectType  # noqa: E741
CKM_ECDH1_DERIVE, CKM_AES_ECB_ENCRYPT_DATA, CKM_AES_CBC_ENCRYPT_DATA = 0x1050, 0x1104, 0x1105
M = CryptographicUsageMask
FOR_DATA = int(M.ENCRYPT | M.DECRYPT | M.MAC_GENERATE | M.MAC_VERIFY | M.WRAP_KEY | M.UNWRAP_KEY)
AGREEMENTS = (None, A.ECDH, A.EC)
# The key types that a token is told the length of.
MADE_BY_TOKEN = (KeyType.AES, KeyType.GENERIC_SECRET)
# Of one base key, the latest: an object is read and written as a whole, and a master key may derive one for each file.
MAX_DERIVED_LINKS = 200


class Order(NamedTuple):
    """A derivation to be done: by which method, from what, into an object of which type with which attributes.

    `other` is the public key of an agreement; `linked` are the base objects in the client's order.
    """

    method: DerivationMethod
    base: Managed
    other: Managed | None
    linked: Sequence[Managed]
    asked: Asked
    object_type: ObjectType
    attributes: Attributes
    plan: SecretPlan


async def drafted(call: Call, order: Order) -> Draft:
    """Give the draft of a derived object; a key is on the token then.

    Raises:
        What _check_secret raises.
        NotExtractable, Sensitive: the token does not derive so, and the base key may not leave it.
        InvalidField, MissingData: more is wanted than the method gives, or what it needs is missing.
        BadCryptographicParameters, UnsupportedCryptographicParameters, KeyValueNotPresent, KeyFormatTypeNotSupported.
    """
    _check_secret(call, order)
    order = order._replace(attributes=_described(call, order))
    mechanism = await _mechanism(call, order)
    if mechanism is not None:
        draft = await _by_token(call, order, mechanism)
    else:
        value = await _value(call, order)
        draft = await keymaking.of_value(call, order.object_type, order.attributes, value)
    return draft._replace(history=_inherited(order.base, draft.attributes))


def _check_secret(call: Call, order: Order) -> None:
    """Check that what is derived from a key that its owner cannot fetch is not to be had by another way.

    Whoever derives twice alike has one value twice; and who may encrypt with the base key has what it derives by
    encryption.

    Raises:
        RefusedByPolicy: the derived object would leave in the clear.
        UsageMaskMissing: the base key is for data too.
    """
    base, attributes = order.base, order.attributes
    if not base.resident:
        return
    if sets.value(attributes, Tag.SENSITIVE) is not True and creation.is_extractable(attributes):
        policy.check(call, Weakness.CLEAR_DERIVATION, base.unique_identifier)
    elif base.object_type is O.SYMMETRIC_KEY and base.usage_bits & FOR_DATA:
        raise errors.UsageMaskMissing(
            f"{base.unique_identifier} is for data: a Sensitive or not Extractable one derives nothing secret then"
        )


def _described(call: Call, order: Order) -> Attributes:
    links = (
        Link(link_type=LinkType.DERIVATION_BASE_OBJECT_LINK, linked_object_identifier=each.unique_identifier)
        for each in order.linked
    )
    attributes = sets.add_all(order.attributes, (Attribute(Tag.LINK, link) for link in links))
    attributes = sets.put_missing(attributes, Tag.ORIGINAL_CREATION_DATE, call.today)
    return keymaking.formatted(order.object_type, attributes)


def _inherited(base: Managed, attributes: Attributes) -> Attributes:
    """Say that a key is Always Sensitive and Never Extractable only if its base is too, as PKCS#11 has it."""
    always = sets.value(attributes, Tag.SENSITIVE) is True and base.flag(Tag.ALWAYS_SENSITIVE, default=False)
    never = sets.value(attributes, Tag.EXTRACTABLE) is False and base.flag(Tag.NEVER_EXTRACTABLE, default=False)
    return Attribute(Tag.ALWAYS_SENSITIVE, always), Attribute(Tag.NEVER_EXTRACTABLE, never)


def bases_linked(call: Call, order: Order, unique_identifier: str) -> list[Change]:
    """Give what becomes of the base objects once the one with this unique identifier is derived from them."""
    link = Link(link_type=LinkType.DERIVED_KEY_LINK, linked_object_identifier=unique_identifier)

    def linked(base: Managed, current: Managed) -> Attributes:
        _check_still(call, base, current)
        earlier = [each for each in current.attributes if _is_derived_link(each)]
        dropped = earlier[: max(len(earlier) + 1 - MAX_DERIVED_LINKS, 0)]
        if order.method is D.HASH:
            dropped += _told_digests(order.asked, current)
        return sets.add(tuple(each for each in current.attributes if each not in dropped), Attribute(Tag.LINK, link))

    return [Change(base, partial(linked, base)) for base in order.linked]


def _told_digests(asked: Asked, base: Managed) -> list[Attribute]:
    """Give the Digests of a base key that are the very key derived from it by HASH, and stand in the database.

    They go with the first such derivation: attributes are no place for a key. Who saw them before knows it already,
    which is how the standard has it.
    """
    chosen = asked.parameters.hashing_algorithm
    return [a for a in base.attributes if isinstance(a.value, Digest) and a.value.hashing_algorithm is chosen]


def _check_still(call: Call, base: Managed, current: Managed) -> None:
    """Check that an object may be derived from at the moment at which what was derived from it becomes live."""
    state = current.state(call.services.clock())
    if state is not State.ACTIVE:
        raise errors.WrongLifecycleState(f"{current.unique_identifier} is {state.token}")
    if current.archive is not None:
        raise errors.ObjectArchived(f"{current.unique_identifier} is archived")
    if _protection(current) != _protection(base):
        raise errors.GeneralFailure(f"{current.unique_identifier} was changed at the same time; try again")


def _protection(managed: Managed) -> tuple[bool, bool, int]:
    return managed.sensitive, managed.extractable, managed.usage_bits


def _is_derived_link(attribute: Attribute) -> bool:
    return isinstance(attribute.value, Link) and attribute.value.link_type is LinkType.DERIVED_KEY_LINK


# --- by the token


async def _mechanism(call: Call, order: Order) -> Mechanism | None:
    """Give the mechanism by which the token derives, None where it does not.

    Only what the mechanism gives as a whole is taken: which end of it a token cuts off is the module's choice, and a
    part of it short enough to be guessed would tell of the rest.
    """
    base = order.base
    if order.plan.key_type not in MADE_BY_TOKEN or not base.served:
        return None
    if order.method is D.ENCRYPT and base.algorithm is A.AES:
        found, size = _encryption(order.asked)
    elif order.method is D.ASYMMETRIC_KEY:
        found, size = await _agreement(call, order)
    else:
        return None
    return found if found.ckm in call.token.profile.mechanisms and size == order.asked.size else None


def _encryption(asked: Asked) -> tuple[Mechanism, int]:
    data = derivations.plaintext(asked)
    ckm = CKM_AES_CBC_ENCRYPT_DATA if asked.iv else CKM_AES_ECB_ENCRYPT_DATA
    return Mechanism(ckm, iv=asked.iv, data=data), len(data)


async def _agreement(call: Call, order: Order) -> tuple[Mechanism, int]:
    theirs = await _public(call, order)
    if _curve(order.base) is not curve_of(theirs):
        raise errors.InvalidField(agreement.OTHER_CURVE)
    return Mechanism(CKM_ECDH1_DERIVE, public_data=public.point(theirs, None)), agreement.shared_bytes(theirs)


async def _public(call: Call, order: Order) -> PublicKey:
    other = order.other
    if other is None:
        raise errors.InvalidObjectType("an agreement needs a Private Key and a Public Key")
    if order.asked.parameters.cryptographic_algorithm not in AGREEMENTS:
        raise errors.UnsupportedCryptographicParameters("keys agree by ECDH here")
    try:
        return public.read(F.X_509, await giving.in_the_clear(call, other, F.X_509))
    except NotUnderstood:
        raise errors.InvalidObjectType("this public key is not one for key agreement") from None


def _curve(managed: Managed) -> RecommendedCurve | None:
    domain = sets.structure(managed.attributes, Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS, CryptographicDomainParameters)
    if domain is not None and domain.recommended_curve is not None:
        return domain.recommended_curve
    return CURVE_OF_LENGTH.get(managed.length)


async def _by_token(call: Call, order: Order, mechanism: Mechanism) -> Draft:
    unique_identifier, key_type = creation.new_identifier(), order.plan.key_type
    assert key_type is not None  # noqa: S101 - _mechanism has seen that it is one
    new = KeyRef(ObjectClass.SECRET_KEY, await call.store.reserve())
    bits = 8 * order.asked.size
    template = creation.template(call, unique_identifier, order.attributes, key_type, bits)
    ref = await call.token.derive(
        order.base.ref,
        mechanism,
        new,
        key_type,
        bits,
        template,
    )
    return await keymaking.on_token(call, order.object_type, order.attributes, ref, unique_identifier)


# --- here


async def _value(call: Call, order: Order) -> bytes:
    if order.method is D.ASYMMETRIC_KEY:
        return await _agreed(call, order)
    secret = await giving.in_the_clear(call, order.base, F.RAW)
    # In a thread of its own: PBKDF2 is slow on purpose.
    return await asyncio.to_thread(derivations.derive, order.method, secret, order.asked)


async def _agreed(call: Call, order: Order) -> bytes:
    theirs = await _public(call, order)
    value = agreement.shared(await _private(call, order.base), theirs)
    return derivations.cut(value, order.asked.size)


async def _private(call: Call, base: Managed) -> PrivateKey:
    material = await giving.in_the_clear(call, base, F.PKCS_8)
    try:
        return private.read(F.PKCS_8, material)
    except NotUnderstood:
        raise errors.InvalidObjectType("this private key is not one for key agreement") from None
