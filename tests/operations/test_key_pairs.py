"""Create Key Pair (KMIP 2.1 section 6.1.9): which pairs the token makes, what each half is told."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import KeyFormatType, LinkType, ObjectType, Operation, RecommendedCurve, ResultReason
from gateway.kmip.enums import ProtectionStorageMask as P
from gateway.kmip.structure import Attribute, Attributes
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicDomainParameters, Digest, ProtectionStorageMasks
from gateway.kmip.version import SUPPORTED, V1_2, V1_4, V2_1, Version
from gateway.managed import Managed
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.locate import LocateRequest
from tests.operations.conftest import Gateway
from tests.operations.test_create import kept, name, spec, value

SIGN = (Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.SIGN),)
VERIFY = (Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.VERIFY),)
EXTRACTABLE = Attribute(Tag.EXTRACTABLE, True)


def on(curve: RecommendedCurve, algorithm: A = A.EC) -> Attributes:
    domain = CryptographicDomainParameters(recommended_curve=curve)
    return (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, algorithm),
        Attribute(Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS, domain),
    )


def request(common: Attributes, private: Attributes = SIGN, public: Attributes = VERIFY) -> CreateKeyPairRequest:
    return CreateKeyPairRequest(common_attributes=common, private_key_attributes=private, public_key_attributes=public)


async def made(
    gateway: Gateway, common: Attributes, private: Attributes = SIGN, public: Attributes = VERIFY, version=V2_1
) -> tuple[Managed, Managed]:
    payload = await gateway.one(version, Operation.CREATE_KEY_PAIR, request(common, private, public))
    return (
        await kept(gateway, payload.private_key_unique_identifier),
        await kept(gateway, payload.public_key_unique_identifier),
    )


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
@pytest.mark.allow("short_rsa")
async def test_the_halves_are_one_pair_in_every_version(gateway: Gateway, version: Version) -> None:
    named = (*SIGN, name("private")), (*VERIFY, name("public"))
    private, public = await made(gateway, spec(A.RSA, 1024, None), *named, version)
    assert private.object_type is ObjectType.PRIVATE_KEY
    assert private.row.cka_id == public.row.cka_id
    assert private.linked(LinkType.PUBLIC_KEY_LINK) == public.unique_identifier
    assert public.linked(LinkType.PRIVATE_KEY_LINK) == private.unique_identifier
    assert (private.names(), public.names()) == (("private",), ("public",))
    key = load_der_private_key(await gateway.token.export_key(private.ref), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.public_key() == load_der_public_key(await gateway.token.export_key(public.ref))


@pytest.mark.parametrize(
    ("common", "curve"),
    [
        (on(RecommendedCurve.P_256), "secp256r1"),
        (on(RecommendedCurve.P_384, A.ECDSA), "secp384r1"),
        (on(RecommendedCurve.P_521, A.ECDH), "secp521r1"),
        (on(RecommendedCurve.SECP256K1), "secp256k1"),
        (spec(A.EC, 256, None), "secp256r1"),
        (spec(A.ECDSA, 521, None), "secp521r1"),
    ],
)
async def test_curves_by_name_or_length(gateway: Gateway, common: Attributes, curve: str) -> None:
    private, public = await made(gateway, common)
    key = load_der_public_key(await gateway.token.export_key(public.ref))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == curve
    assert private.length == key.key_size
    assert private.key_format_type is KeyFormatType.TRANSPARENT_EC_PRIVATE_KEY


async def test_ed25519_stays_on_a_token_that_lets_none_go(gateway: Gateway) -> None:
    private, public = await made(gateway, (Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.ED25519),))
    assert public.length == 256
    assert value(private, Tag.EXTRACTABLE) is False
    assert value(private, Tag.DIGEST) is None
    refusal = request((Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.ED25519),), (*SIGN, EXTRACTABLE))
    assert await gateway.refused(V2_1, Operation.CREATE_KEY_PAIR, refusal) is ResultReason.FEATURE_NOT_SUPPORTED


async def test_the_seed_message(gateway: Gateway) -> None:
    """The product's user gave this message: an ECDH pair on Curve25519, then a Locate of everything."""
    common = (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.ECDH),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(
            Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS,
            CryptographicDomainParameters(qlength=256, recommended_curve=RecommendedCurve.CURVE25519),
        ),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M(2108)),
        Attribute(Tag.KEY_FORMAT_TYPE, KeyFormatType.ECPRIVATEKEY),
        Attribute(Tag.OBJECT_TYPE, ObjectType.PRIVATE_KEY),
    )
    create = CreateKeyPairRequest(common_attributes=common)
    answers = await gateway.ask(
        V2_1, (Operation.CREATE_KEY_PAIR, create), (Operation.LOCATE, LocateRequest()), maximum_response_size=9999
    )
    pair, located = (answer.payload for answer in answers)
    assert located.located_items == 2
    assert set(located.unique_identifier) == {pair.private_key_unique_identifier, pair.public_key_unique_identifier}


async def test_each_half_may_do_what_its_own_mask_says(gateway: Gateway) -> None:
    private, public = await made(gateway, spec(A.RSA, 2048, None))
    told = await gateway.token.attributes(private.ref), await gateway.token.attributes(public.ref)
    assert told[0]["sign"] and not told[0]["decrypt"]
    assert told[1]["verify"] and not told[1]["encrypt"]


async def test_masks_that_make_no_sense_for_a_half_are_kept(gateway: Gateway) -> None:
    """TC-REKEY-5 gives the private key Encrypt and the public key Decrypt."""
    odd = M.ENCRYPT | M.SIGN, M.DECRYPT | M.VERIFY
    private, public = await made(
        gateway,
        spec(A.RSA, 2048, None),
        *((Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, mask),) for mask in odd),
    )
    assert (private.usage_mask, public.usage_mask) == odd


async def test_a_pair_without_masks_is_made(gateway: Gateway) -> None:
    """Barbican asks so."""
    private, public = await made(gateway, spec(A.RSA, 2048, None), (), (), V1_2)
    assert private.usage_bits == public.usage_bits == 0


@pytest.mark.allow("short_rsa")
async def test_what_is_said_of_a_half_has_its_way(gateway: Gateway) -> None:
    contact = Attribute(Tag.CONTACT_INFORMATION, "common"), Attribute(Tag.CONTACT_INFORMATION, "own")
    group = Attribute(Tag.OBJECT_GROUP, "one"), Attribute(Tag.OBJECT_GROUP, "two")
    private, public = await made(
        gateway, (*spec(A.RSA, 1024, None), contact[0], group[0]), (*SIGN, contact[1], group[1]), VERIFY
    )
    assert value(private, Tag.CONTACT_INFORMATION) == "own"
    assert value(public, Tag.CONTACT_INFORMATION) == "common"
    assert [a.value for a in private.attributes if a.tag is Tag.OBJECT_GROUP] == ["one", "two"]


@pytest.mark.allow("short_rsa")
async def test_digests_are_of_the_format_told(gateway: Gateway) -> None:
    pkcs8 = Attribute(Tag.KEY_FORMAT_TYPE, KeyFormatType.PKCS_8)
    private, public = await made(gateway, spec(A.RSA, 1024, None), (*SIGN, pkcs8))
    digests = [a.value for a in private.attributes if a.tag is Tag.DIGEST]
    assert all(isinstance(each, Digest) for each in digests)
    assert [each.key_format_type for each in digests] == [KeyFormatType.PKCS_8, KeyFormatType.PKCS_1]
    assert digests[0].digest_value == hashlib.sha256(await gateway.token.export_key(private.ref)).digest()
    assert public.key_format_type is KeyFormatType.PKCS_1


@pytest.mark.allow("short_rsa")
async def test_a_name_for_both_halves_is_one_too_many(gateway: Gateway) -> None:
    common = (*spec(A.RSA, 1024, None), name("both"))
    reason = await gateway.refused(V2_1, Operation.CREATE_KEY_PAIR, request(common))
    assert reason is ResultReason.NON_UNIQUE_NAME_ATTRIBUTE


@pytest.mark.parametrize(
    ("common", "reason"),
    [
        (spec(A.RSA, 1000, None), ResultReason.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS),
        (spec(A.RSA, 0, None), ResultReason.GENERAL_FAILURE),
        (spec(A.RSA, None, None), ResultReason.MISSING_DATA),
        (spec(None, 2048, None), ResultReason.MISSING_DATA),
        (spec(A.EC, None, None), ResultReason.MISSING_DATA),
        (spec(A.EC, 257, None), ResultReason.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS),
        (spec(A.DSA, 2048, None), ResultReason.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS),
        (on(RecommendedCurve.K_163), ResultReason.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS),
        (
            (*on(RecommendedCurve.P_384), Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256)),
            ResultReason.INVALID_ATTRIBUTE_VALUE,
        ),
        (spec(A.RSA, 4096, None, Attribute(Tag.QUANTUM_SAFE, True)), ResultReason.GENERAL_FAILURE),
    ],
)
async def test_what_cannot_be_made_is_refused(gateway: Gateway, common: Attributes, reason: ResultReason) -> None:
    assert await gateway.refused(V2_1, Operation.CREATE_KEY_PAIR, request(common)) is reason


async def test_halves_of_different_lengths_are_refused(gateway: Gateway) -> None:
    lengths = (Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 1024),), (Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 2048),)
    asked = request((Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.RSA),), *lengths)
    assert await gateway.refused(V1_4, Operation.CREATE_KEY_PAIR, asked) is ResultReason.INVALID_FIELD


@pytest.mark.parametrize("half", ["private", "public"])
async def test_each_half_has_its_own_storage_masks(gateway: Gateway, half: str) -> None:
    masks = ProtectionStorageMasks(protection_storage_mask=(P.HARDWARE,))
    asked = CreateKeyPairRequest(
        common_attributes=spec(A.RSA, 1024, None), **{f"{half}_protection_storage_masks": masks}
    )
    reason = await gateway.refused(V2_1, Operation.CREATE_KEY_PAIR, asked)
    assert reason is ResultReason[f"{half.upper()}_PROTECTION_STORAGE_UNAVAILABLE"]


@pytest.mark.on_token
@pytest.mark.allow("short_rsa")
async def test_destroying_a_half_leaves_the_other_on_the_token(gateway: Gateway) -> None:
    private, public = await made(gateway, spec(A.RSA, 1024, None))
    await gateway.one(V2_1, Operation.DESTROY, DestroyRequest(unique_identifier=private.unique_identifier))
    assert await gateway.token.find([public.row.cka_id]) == [public.ref]
    await gateway.one(V2_1, Operation.DESTROY, DestroyRequest(unique_identifier=public.unique_identifier))
    assert await gateway.token.find([public.row.cka_id]) == []
