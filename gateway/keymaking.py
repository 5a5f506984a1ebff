"""Keys made here: planned by their attributes, made by the token, described in a draft.

The one rule here: a key that the token can hold is made in the token. What no token uses (Blowfish, SKIPJACK and their
like) is drawn from the token's random numbers and kept sealed.
"""

from contextlib import suppress

from msgspec.structs import replace

from gateway import creation, errors, keyblocks, keyplans, material, policy
from gateway.call import Call
from gateway.creation import Draft
from gateway.keyplans import PairPlan
from gateway.keys.private import PRIVATE_WRITERS
from gateway.keys.public import PUBLIC_WRITERS
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import HashingAlgorithm, KeyFormatType, LinkType, ObjectType, SecretDataType
from gateway.kmip.objects import KeyBlock, KeyValue, SecretData, SymmetricKey
from gateway.kmip.structure import Attribute, Attributes, OpenEnumeration, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicDomainParameters, Digest
from gateway.kmip.version import V2_1
from gateway.policy import Weakness
from gateway.store.api import Custody
from gateway.token.api import KeyRef, KeyTemplate, KeyType, MadeKey, ObjectClass, Profile

F, O = KeyFormatType, ObjectType  # noqa: E741
CKM_SHA256 = 0x250
FORMATS = {
    O.SYMMETRIC_KEY: frozenset({F.RAW, F.OPAQUE, F.TRANSPARENT_SYMMETRIC_KEY}),
    O.SECRET_DATA: frozenset({F.RAW, F.OPAQUE}),
    O.PRIVATE_KEY: frozenset(PRIVATE_WRITERS),
    O.PUBLIC_KEY: frozenset(PUBLIC_WRITERS),
}
# What the halves of a pair have in common whatever the request says of which half.
OF_BOTH_HALVES = (Tag.CRYPTOGRAPHIC_ALGORITHM, Tag.CRYPTOGRAPHIC_LENGTH, Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS)


# --- secret keys


async def secret(call: Call, object_type: ObjectType, attributes: Attributes) -> Draft:
    """Make a symmetric key or Secret Data as its attributes ask, and give its draft.

    Raises:
        RefusedByPolicy: it is too weak.
        KeyFormatTypeNotSupported: it would not have the format that the attributes name.
        What plan_secret raises.
    """
    plan = keyplans.plan_secret(object_type, attributes, call.token.profile)
    if plan.key_type in (KeyType.DES2, KeyType.DES3):
        policy.check(call, Weakness.TRIPLE_DES_KEYS, "a new key")
    default = F.OPAQUE if object_type is O.SECRET_DATA else F.RAW
    attributes = formatted(object_type, creation.generated(attributes, call), default)
    unique_identifier = creation.new_identifier()
    if plan.key_type is None:
        value = await call.token.random(plan.bits // 8)
        attributes = _with_digests(call, ObjectClass.SECRET_KEY, value, attributes)
        return await _sealed(call, O.SYMMETRIC_KEY, value, attributes, unique_identifier)
    ref = KeyRef(ObjectClass.SECRET_KEY, await call.store.reserve())
    template = creation.template(call, unique_identifier, attributes, plan.key_type, plan.bits)
    made = await _generated(call, ref, plan.key_type, plan.bits, template)
    # Generated Secret Data is a password (TC-CREATE-SD-1).
    draft = await on_token(call, object_type, attributes, made, unique_identifier, SecretDataType.PASSWORD)
    return draft._replace(trusted=creation.is_trusted(attributes))


async def _generated(call: Call, ref: KeyRef, key_type: KeyType, bits: int, template: KeyTemplate) -> KeyRef | MadeKey:
    """Make a secret key, and digest it if it will be gone from the token once it is wrapped."""
    if template.wrapped:
        return await call.token.generate_wrapped(ref, key_type, bits, template)
    return await call.token.generate_key(ref, key_type, bits, template)


def formatted(object_type: ObjectType, attributes: Attributes, default: KeyFormatType = F.RAW) -> Attributes:
    """Give the attributes of a secret key with the format that it is given in where a client does not say.

    Raises:
        KeyFormatTypeNotSupported: it would not have the format that they name.
    """
    attributes = sets.put_missing(attributes, Tag.KEY_FORMAT_TYPE, default)
    if _format(attributes) not in FORMATS[object_type]:
        raise errors.KeyFormatTypeNotSupported(f"such a key is not given in the format {_format(attributes).token}")
    return attributes


async def on_token(
    call: Call,
    object_type: ObjectType,
    attributes: Attributes,
    made: KeyRef | MadeKey,
    unique_identifier: str,
    secret_data_type: SecretDataType = SecretDataType.SEED,
) -> Draft:
    """Give the draft of a secret key that the token has just made; it is taken off again if it cannot be described."""
    ref = made.ref if isinstance(made, MadeKey) else made
    async with creation.kept(call, ref):
        attributes = await _digested(call, made, attributes)
    beside = _beside(call, secret_data_type) if object_type is O.SECRET_DATA else None
    return Draft(object_type, attributes, ref, Custody.TOKEN, beside, unique_identifier)


async def of_value(
    call: Call,
    object_type: ObjectType,
    attributes: Attributes,
    value: bytes,
    secret_data_type: SecretDataType = SecretDataType.SEED,
) -> Draft:
    """Put a symmetric key or Secret Data whose value was worked out here on the token, and give its draft.

    Its attributes name its format and, for a symmetric key, its algorithm and length. What no token uses is sealed.
    """
    attributes = _with_digests(call, ObjectClass.SECRET_KEY, value, attributes)
    unique_identifier = creation.new_identifier()
    algorithm = None if object_type is O.SECRET_DATA else keyplans.algorithm_of(attributes)
    key = keyblocks.read(object_type, F.RAW, value, algorithm)
    key_type = keyblocks.token_type(key, object_type, algorithm, call.token.profile)
    if key_type is not None:
        ref = KeyRef(ObjectClass.SECRET_KEY, await call.store.reserve())
        with suppress(*keyblocks.NOT_HELD):
            template = creation.template(call, unique_identifier, attributes, key_type, 8 * len(value))
            ref = await call.token.import_key(ref, key_type, value, template)
            beside = _beside(call, secret_data_type) if object_type is O.SECRET_DATA else None
            return Draft(object_type, attributes, ref, Custody.TOKEN, beside, unique_identifier)
    return await _sealed(call, object_type, value, attributes, unique_identifier, secret_data_type)


def _format(attributes: Attributes) -> KeyFormatType:
    found = sets.value(attributes, Tag.KEY_FORMAT_TYPE)
    return found if isinstance(found, KeyFormatType) else F.RAW


async def _digested(call: Call, made: KeyRef | MadeKey, attributes: Attributes) -> Attributes:
    """Add the digests of a secret key; for that it leaves the token only if its format is a structure.

    One that does not leave has the digest of its bare value at least: by that a copy is told (`duplicates`).
    """
    format_type = _format(attributes)
    ref = made.ref if isinstance(made, MadeKey) else made
    if format_type is F.TRANSPARENT_SYMMETRIC_KEY:
        if creation.is_extractable(attributes):
            return _with_digests(call, ref.object_class, await call.token.export_key(ref), attributes)
        format_type = F.RAW
    value = made.digest if isinstance(made, MadeKey) else await _digest(call, ref)
    if value is None:
        return attributes
    digest = Digest(hashing_algorithm=HashingAlgorithm.SHA_256, digest_value=value, key_format_type=format_type)
    return sets.add(attributes, Attribute(Tag.DIGEST, digest))


async def _digest(call: Call, ref: KeyRef) -> bytes | None:
    # Some tokens digest no key that is not extractable, and some no key at all.
    with suppress(errors.NotExtractable, errors.FeatureNotSupported):
        return await call.token.digest_key(ref, CKM_SHA256)
    return None


def _with_digests(call: Call, object_class: ObjectClass, form: bytes, attributes: Attributes) -> Attributes:
    """Add the digests of a key in its format, and in the one that is always told beside it.

    Raises:
        KeyFormatTypeNotSupported: such a key does not have the format that the attributes name.
    """
    own = _format(attributes)
    found = [creation.digest_in(call, keyblocks.material(object_class, form, own), own)]
    other = keyblocks.ALSO_DIGESTED.get(own)
    if other is not None:
        with suppress(errors.KeyFormatTypeNotSupported):  # PKCS#8 may hold an EC key, PKCS#1 may not.
            found.append(creation.digest_in(call, keyblocks.material(object_class, form, other), other))
    return sets.add_all(attributes, (Attribute(Tag.DIGEST, digest) for digest in found))


async def _sealed(
    call: Call,
    object_type: ObjectType,
    value: bytes,
    attributes: Attributes,
    unique_identifier: str,
    secret_data_type: SecretDataType = SecretDataType.SEED,
) -> Draft:
    format_type = _format(attributes)
    block = KeyBlock(
        key_format_type=format_type,
        key_value=KeyValue(key_material=keyblocks.material(ObjectClass.SECRET_KEY, value, format_type)),
    )
    if object_type is O.SECRET_DATA:
        given: Structure = SecretData(secret_data_type=OpenEnumeration(secret_data_type), key_block=block)
    else:
        algorithm, length = keyplans.algorithm_of(attributes), keyplans.length(attributes)
        given = SymmetricKey(key_block=replace(block, cryptographic_algorithm=algorithm, cryptographic_length=length))
    blob = await material.seal(call, unique_identifier, given)
    return Draft(object_type, attributes, None, Custody.SEALED, blob, unique_identifier)


def _beside(call: Call, secret_data_type: SecretDataType) -> bytes:
    """Give what is kept beside Secret Data on the token: which type of it that is."""
    block = KeyBlock(key_format_type=F.OPAQUE)
    return material.pack(call, SecretData(secret_data_type=OpenEnumeration(secret_data_type), key_block=block))


# --- key pairs


async def pair(call: Call, private: Attributes, public: Attributes) -> tuple[Draft, Draft]:
    """Make a key pair as the attributes of its halves ask, and give the drafts of the private and the public key.

    Both halves carry one CKA_ID, and each a Link to the other.

    Raises:
        RefusedByPolicy: it is too weak.
        InvalidAttributeValue: the halves have different algorithms, lengths or curves.
        FeatureNotSupported: the private key is to be Extractable, and the token lets no such key go.
        What plan_pair raises.
    """
    private, public = _agreed(private, public)
    plan = keyplans.plan_pair(private, call.token.profile)
    policy.check_length(call, keyplans.algorithm_of(private), plan.bits, "a new pair")
    identifiers = creation.new_identifier(), creation.new_identifier()
    private = _described(call, _resident(private, plan, call.token.profile), plan, O.PRIVATE_KEY)
    public = _described(call, public, plan, O.PUBLIC_KEY)
    private = creation.link(private, LinkType.PUBLIC_KEY_LINK, identifiers[1])
    public = creation.link(public, LinkType.PRIVATE_KEY_LINK, identifiers[0])
    cka_id = await call.store.reserve()
    made = await call.token.generate_key_pair(
        cka_id,
        plan.key_type,
        plan.bits,
        b"" if plan.curve is None else plan.curve.parameters,
        creation.template(call, identifiers[0], private, plan.key_type),
        creation.template(call, identifiers[1], public, plan.key_type),
    )
    async with creation.kept(call, made.private, made.public):
        public = _with_digests(call, ObjectClass.PUBLIC_KEY, made.info, public)
        if creation.is_extractable(private):
            form = await call.token.export_key(made.private)
            private = _with_digests(call, ObjectClass.PRIVATE_KEY, form, private)
    trusted = creation.is_trusted(private)
    return (
        Draft(O.PRIVATE_KEY, private, made.private, unique_identifier=identifiers[0], trusted=trusted),
        Draft(O.PUBLIC_KEY, public, made.public, unique_identifier=identifiers[1], trusted=trusted),
    )


def _agreed(private: Attributes, public: Attributes) -> tuple[Attributes, Attributes]:
    """Give each half what the request says of the other alone and holds for both."""
    for tag in OF_BOTH_HALVES:
        own, other = sets.value(private, tag), sets.value(public, tag)
        if own is not None and other is not None and own != other:
            raise errors.InvalidAttributeValue(f"the halves of a pair have the same {tag.spelling}")
        found = own if own is not None else other
        if found is not None:
            private, public = sets.put_missing(private, tag, found), sets.put_missing(public, tag, found)
    return private, public


def _resident(private: Attributes, plan: PairPlan, profile: Profile) -> Attributes:
    """Say of a private key that the token never lets go that it is not Extractable."""
    if plan.key_type in profile.private_exports:
        return private
    if sets.value(private, Tag.EXTRACTABLE) is True:
        raise errors.FeatureNotSupported("the token lets no private key of this type go")
    return sets.put(private, Tag.EXTRACTABLE, False)


def _described(call: Call, attributes: Attributes, plan: PairPlan, object_type: ObjectType) -> Attributes:
    """Add what the server chose: length, curve, format."""
    attributes = sets.put_missing(creation.generated(attributes, call), Tag.CRYPTOGRAPHIC_LENGTH, plan.bits)
    if plan.recommended is not None:
        domain = CryptographicDomainParameters(qlength=plan.bits, recommended_curve=plan.recommended)
        attributes = sets.put_missing(attributes, Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS, domain)
    if sets.value(attributes, Tag.KEY_FORMAT_TYPE) in FORMATS[object_type]:
        return attributes
    # A format common to both halves fits one of them at most.
    default = keyblocks.default_format(object_type, keyplans.algorithm_of(attributes), V2_1)
    return sets.put(attributes, Tag.KEY_FORMAT_TYPE, default)
