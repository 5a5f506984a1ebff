"""Derive Key (KMIP 2.1 section 6.1.14): what each method gives, where it is done, and from whose keys never."""

import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.kmip.enums import (
    BlockCipherMode,
    HashingAlgorithm,
    KeyFormatType,
    LinkType,
    PaddingMethod,
    RevocationReasonCode,
    UsageLimitsUnit,
)
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import DerivationMethod as D
from gateway.kmip.enums import ObjectType as O
from gateway.kmip.enums import Operation as Op
from gateway.kmip.enums import ResultReason as R
from gateway.kmip.enums import SecretDataType as SecretType
from gateway.kmip.objects import KeyBlock, KeyValue, PrivateKey, PublicKey, SecretData, SymmetricKey
from gateway.kmip.structure import Attribute, Attributes, DateTime, LongInteger, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, Link, RevocationReason, UsageLimits
from gateway.kmip.version import SUPPORTED, V1_4, V2_1, Version
from gateway.operations.archive import ArchiveRequest
from gateway.operations.derive_key import DerivationParameters, DeriveKeyRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get import GetRequest
from gateway.operations.register import RegisterRequest
from gateway.operations.revoke import RevokeRequest
from gateway.operations.set_attribute import SetAttributeRequest
from gateway.store.api import Custody
from tests.operations.conftest import Client, Gateway
from tests.operations.test_archive import undone
from tests.operations.test_create import kept, value

# Several look at what was derived from a key that stays here.
pytestmark = pytest.mark.allow("clear_derivation")

KEY = bytes(range(16))
DATA = b"label-context"
SHA256 = CryptographicParameters(hashing_algorithm=HashingAlgorithm.SHA_256)
CBC = CryptographicParameters(block_cipher_mode=BlockCipherMode.CBC)
ECB = CryptographicParameters(block_cipher_mode=BlockCipherMode.ECB)
RESIDENT = Attribute(Tag.EXTRACTABLE, False)
SENSITIVE = Attribute(Tag.SENSITIVE, True)
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1_600_000_000))


def mask(uses: M) -> Attribute:
    return Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, uses)


def block(material: bytes, kind: KeyFormatType = KeyFormatType.RAW, algorithm: A | None = None) -> KeyBlock:
    return KeyBlock(key_format_type=kind, key_value=KeyValue(key_material=material), cryptographic_algorithm=algorithm)


async def registered(client: Client, kind: O, given: Any, *more: Attribute, uses: M = M.DERIVE_KEY) -> str:
    request = RegisterRequest(object_type=kind, attributes=(mask(uses), ACTIVE, *more), **{kind.name.lower(): given})
    return str((await client.one(V2_1, Op.REGISTER, request)).unique_identifier)


async def base(client: Client, material: bytes = KEY, *more: Attribute, algorithm: A = A.AES, **uses: Any) -> str:
    given = SymmetricKey(key_block=block(material, algorithm=algorithm))
    return await registered(client, O.SYMMETRIC_KEY, given, *more, **uses)


async def password(client: Client, material: bytes, *more: Attribute) -> str:
    given = SecretData(secret_data_type=OpenEnumeration(SecretType.PASSWORD), key_block=block(material))
    return await registered(client, O.SECRET_DATA, given, *more)


def request(
    given: tuple[str, ...],
    method: D,
    bits: int = 128,
    *more: Attribute,
    kind: O = O.SYMMETRIC_KEY,
    algorithm: A = A.AES,
    data: tuple[bytes, ...] = (),
    **parameters: Any,
) -> DeriveKeyRequest:
    attributes: Attributes = (Attribute(Tag.CRYPTOGRAPHIC_LENGTH, bits), mask(M.ENCRYPT | M.DECRYPT), *more)
    if kind is O.SYMMETRIC_KEY:
        attributes = (Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, algorithm), *attributes)
    return DeriveKeyRequest(
        object_type=kind,
        unique_identifier=given,
        derivation_method=method,
        derivation_parameters=DerivationParameters(derivation_data=data, **parameters),
        attributes=attributes,
    )


async def derived(gateway: Gateway, *args: Any, version: Version = V2_1, **fields: Any) -> str:
    payload = await gateway.one(version, Op.DERIVE_KEY, request(*args, **fields))
    return str(payload.unique_identifier)


async def refused(gateway: Gateway, *args: Any, version: Version = V2_1, **fields: Any) -> R | None:
    return await gateway.refused(version, Op.DERIVE_KEY, request(*args, **fields))


async def got(gateway: Gateway, unique_identifier: str) -> bytes:
    payload = await gateway.one(V2_1, Op.GET, GetRequest(unique_identifier=unique_identifier))
    given = payload.symmetric_key or payload.secret_data
    return bytes(given.key_block.key_value.key_material)


def linked(managed: Any, kind: LinkType) -> list[str]:
    links = (a.value for a in managed.attributes if isinstance(a.value, Link))
    return [str(link.linked_object_identifier) for link in links if link.link_type is kind]


# --- what the methods give


@pytest.mark.parametrize(
    ("method", "fields", "expected"),
    [
        (D.HASH, {}, hashlib.sha256(KEY).digest()),
        (D.HMAC, {"data": (DATA,)}, hmac.digest(KEY, DATA, "sha256")),
        # The two of NIST SP 800-108 by `openssl kdf … KBKDF` with use-l:0 and use-separator:0.
        (
            D.NIST800_108_C,
            {"data": (DATA,)},
            bytes.fromhex("a76ddc6b5aaec61e84ff8d2ba9ce9521d7e63be8868b29f1a0ba0b5ae3657615058a534bbdee3bb7"),
        ),
        (
            D.NIST800_108_F,
            {"data": (DATA,), "initialization_vector": b"\xaa" * 32},
            bytes.fromhex("00557b082b180fdf2039c4c46cf10ebcbaed4ebc418876da195062de4fd268f123ff345f36960aca"),
        ),
        (
            D.NIST800_108_DPI,
            {"data": (DATA,)},
            hmac.digest(KEY, hmac.digest(KEY, DATA, "sha256") + b"\0\0\0\1" + DATA, "sha256"),
        ),
    ],
    ids=lambda each: each.token if isinstance(each, D) else "",
)
async def test_a_key_is_derived_by_a_pseudorandom_function(gateway, method, fields, expected):
    uid = await base(gateway)
    size = 8 * len(expected)
    made = await derived(
        gateway, (uid,), method, size, algorithm=A.HMAC_SHA256, cryptographic_parameters=SHA256, **fields
    )
    assert await got(gateway, made) == expected
    short = await derived(gateway, (uid,), method, 128, cryptographic_parameters=SHA256, **fields)
    assert await got(gateway, short) == expected[:16]


async def test_hkdf_is_that_of_rfc_5869(gateway):
    uid = await base(gateway, b"\x0b" * 22, algorithm=A.HMAC_SHA256)
    salt, info = bytes(range(13)), bytes(range(0xF0, 0xFA))
    made = await derived(gateway, (uid,), D.HKDF, 336, data=(info,), salt=salt, algorithm=A.HMAC_SHA256)
    okm = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    assert await got(gateway, made) == bytes.fromhex(okm)
    assert await refused(gateway, (uid,), D.HKDF, 255 * 256 + 8, algorithm=A.HMAC_SHA256) is not None


async def test_pbkdf2_is_that_of_rfc_6070(gateway):
    uid = await password(gateway, b"passwordPASSWORDpassword")
    fields = {"salt": b"saltSALTsaltSALTsaltSALTsaltSALTsalt", "iteration_count": 4096}
    made = await derived(gateway, (uid,), D.PBKDF2, 200, kind=O.SECRET_DATA, **fields)
    assert await got(gateway, made) == bytes.fromhex("3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038")
    found = await kept(gateway, made)
    assert value(found, Tag.CRYPTOGRAPHIC_ALGORITHM) is None
    payload = await gateway.one(V2_1, Op.GET, GetRequest(unique_identifier=made))
    assert payload.secret_data.secret_data_type == SecretType.SEED


@pytest.mark.parametrize(("mode", "iv"), [(ECB, None), (CBC, bytes(range(16)))], ids=["ECB", "CBC"])
async def test_a_resident_key_encrypts_into_a_key_on_the_token(gateway, mode, iv):
    """It never leaves, and neither does what is derived, unless its own attributes allow it."""
    uid = await base(gateway, KEY, RESIDENT, SENSITIVE)
    made = await derived(
        gateway, (uid,), D.ENCRYPT, 256, data=(bytes(32),), cryptographic_parameters=mode, initialization_vector=iv
    )
    encryptor = Cipher(AES(KEY), modes.ECB() if iv is None else modes.CBC(iv)).encryptor()
    assert await got(gateway, made) == encryptor.update(bytes(32))
    assert (await kept(gateway, made)).row.custody is not Custody.SEALED


async def test_a_part_of_what_encryption_gives_is_not_taken_from_a_resident_key(gateway):
    fields = {"data": (bytes(32),), "cryptographic_parameters": ECB}
    uid = await base(gateway, KEY, RESIDENT)
    assert await refused(gateway, (uid,), D.ENCRYPT, 128, **fields) is R.NOT_EXTRACTABLE
    uid = await base(gateway)
    made = await derived(gateway, (uid,), D.ENCRYPT, 128, **fields)
    assert await got(gateway, made) == Cipher(AES(KEY), modes.ECB()).encryptor().update(bytes(16))


async def test_blowfish_derives_what_its_author_published(gateway):
    uid = await base(gateway, bytes.fromhex("0123456789abcdeff0e1d2c3b4a59687"), algorithm=A.BLOWFISH)
    padded = CryptographicParameters(
        block_cipher_mode=BlockCipherMode.CBC,
        padding_method=PaddingMethod.PKCS5,
        cryptographic_algorithm=A.BLOWFISH,
    )
    said = {
        "data": (b"7654321 Now is the time for \0",),
        "initialization_vector": bytes.fromhex("fedcba9876543210"),
        "cryptographic_parameters": padded,
    }
    made = await derived(gateway, (uid,), D.ENCRYPT, 192, kind=O.SECRET_DATA, **said)
    assert await got(gateway, made) == bytes.fromhex("6b77b4d63006dee605b156e27403979358deb9e7154616d9")


@pytest.mark.parametrize("size", [16, 24])
async def test_triple_des_derives_with_two_keys_or_three(gateway, size):
    key = bytes(range(1, 2 * size, 2))
    uid = await base(gateway, key, algorithm=A.DES3)
    fields = {"data": (bytes(16),), "cryptographic_parameters": ECB}
    made = await derived(gateway, (uid,), D.ENCRYPT, 128, **fields)
    assert await got(gateway, made) == Cipher(TripleDES((key * 2)[:24]), modes.ECB()).encryptor().update(bytes(16))


async def test_padding_is_asked_for(gateway):
    padded = CryptographicParameters(block_cipher_mode=BlockCipherMode.ECB, padding_method=PaddingMethod.PKCS5)
    uid = await base(gateway)
    made = await derived(gateway, (uid,), D.ENCRYPT, data=(b"fifteen bytes!!",), cryptographic_parameters=padded)
    assert await got(gateway, made) == Cipher(AES(KEY), modes.ECB()).encryptor().update(b"fifteen bytes!!\1")
    bare = {"data": (b"fifteen bytes!!",), "cryptographic_parameters": ECB}
    assert await refused(gateway, (uid,), D.ENCRYPT, **bare) is R.INVALID_FIELD


async def test_secret_data_can_be_the_derivation_data(gateway):
    uid, secret = await base(gateway), await password(gateway, DATA)
    expected = hmac.digest(KEY, DATA, "sha256")[:16]
    for given in ((uid, secret), (secret, uid)):
        made = await derived(gateway, given, D.HMAC, cryptographic_parameters=SHA256)
        assert await got(gateway, made) == expected
        assert linked(await kept(gateway, made), LinkType.DERIVATION_BASE_OBJECT_LINK) == list(given)
    assert len(linked(await kept(gateway, secret), LinkType.DERIVED_KEY_LINK)) == 2
    twice = {"data": (DATA,), "cryptographic_parameters": SHA256}
    assert await refused(gateway, (uid, secret), D.HMAC, **twice) is R.INVALID_FIELD


# --- agreement


async def pair(client: Client, key: Any, *more: Attribute, algorithm: A = A.EC) -> tuple[str, str]:
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    private = PrivateKey(key_block=block(der, KeyFormatType.PKCS_8, algorithm))
    public = PublicKey(key_block=block(info, KeyFormatType.X_509, algorithm))
    return (
        await registered(client, O.PRIVATE_KEY, private, *more),
        await registered(client, O.PUBLIC_KEY, public),
    )


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP256K1(), ec.BrainpoolP256R1(), None], ids=str)
@pytest.mark.parametrize("bits", [256, 128])
async def test_two_parties_agree(gateway, curve, bits):
    """Of whole length on the token, a part of it here; the token does not know Brainpool's curves."""
    make = x25519.X25519PrivateKey.generate if curve is None else lambda: ec.generate_private_key(curve)
    mine, theirs = make(), make()
    first, second = await pair(gateway, mine), await pair(gateway, theirs)
    shared = mine.exchange(theirs.public_key()) if curve is None else mine.exchange(ec.ECDH(), theirs.public_key())
    ecdh = CryptographicParameters(cryptographic_algorithm=A.ECDH)
    for given in ((first[0], second[1]), (first[1], second[0])):
        made = await derived(gateway, given, D.ASYMMETRIC_KEY, bits, cryptographic_parameters=ecdh)
        assert await got(gateway, made) == shared[: bits // 8]


async def test_a_resident_private_key_agrees_on_the_token_alone(gateway):
    mine, theirs = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP384R1())
    (private, _), (_, public) = await pair(gateway, mine, RESIDENT), await pair(gateway, theirs)
    made = await derived(gateway, (private, public), D.ASYMMETRIC_KEY, 384, algorithm=A.HMAC_SHA384)
    assert await got(gateway, made) == mine.exchange(ec.ECDH(), theirs.public_key())
    assert await refused(gateway, (private, public), D.ASYMMETRIC_KEY, 256) is R.NOT_EXTRACTABLE


async def test_keys_that_do_not_fit_each_other_do_not_agree(gateway):
    one = await pair(gateway, ec.generate_private_key(ec.SECP256R1()))
    other = await pair(gateway, ec.generate_private_key(ec.SECP256K1()))
    assert await refused(gateway, (one[0], other[1]), D.ASYMMETRIC_KEY, 256) is R.INVALID_FIELD
    assert await refused(gateway, (one[0], other[1]), D.ASYMMETRIC_KEY, 128) is R.INVALID_FIELD
    assert await refused(gateway, (one[0], other[0]), D.ASYMMETRIC_KEY, 256) is R.INVALID_OBJECT_TYPE
    assert await refused(gateway, (one[0],), D.ASYMMETRIC_KEY, 256) is R.INVALID_FIELD
    assert await refused(gateway, (await base(gateway),), D.ASYMMETRIC_KEY, 256) is R.INVALID_OBJECT_TYPE


# --- the object that comes of it


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_both_know_each_other(gateway, version):
    uid = await base(gateway)
    made = [await derived(gateway, (uid,), D.HASH, cryptographic_parameters=SHA256, version=version) for _ in "ab"]
    assert linked(await kept(gateway, uid), LinkType.DERIVED_KEY_LINK) == made
    assert linked(await kept(gateway, made[0]), LinkType.DERIVATION_BASE_OBJECT_LINK) == [uid]


async def test_a_base_key_remembers_the_latest_two_hundred(gateway):
    uid = await base(gateway)
    fields = {"cryptographic_parameters": SHA256, "algorithm": A.SKIPJACK}
    items = [(Op.DERIVE_KEY, request((uid,), D.HASH, 80, **fields)) for _ in range(203)]
    made = [answer.payload.unique_identifier for answer in await gateway.ask(V2_1, *items)]
    assert linked(await kept(gateway, uid), LinkType.DERIVED_KEY_LINK) == made[3:]


@pytest.mark.parametrize("of_base", [(), (SENSITIVE, RESIDENT)], ids=["open base", "resident base"])
@pytest.mark.parametrize("of_derived", [(), (SENSITIVE, RESIDENT)], ids=["open", "resident"])
async def test_always_and_never_are_true_only_if_they_were_of_the_base_key(gateway, of_base, of_derived):
    uid = await base(gateway, KEY, *of_base)
    fields = {"data": (bytes(16),), "cryptographic_parameters": ECB}
    found = await kept(gateway, await derived(gateway, (uid,), D.ENCRYPT, 128, *of_derived, **fields))
    truth = bool(of_base and of_derived)
    assert (value(found, Tag.ALWAYS_SENSITIVE), value(found, Tag.NEVER_EXTRACTABLE)) == (truth, truth)
    assert (found.sensitive, found.extractable) == (bool(of_derived), not of_derived)
    on_token = await gateway.token.attributes(found.ref)
    assert on_token["extractable"] is not bool(of_derived)


async def test_a_hash_that_is_a_key_is_no_attribute_of_its_base(gateway):
    """What HASH derives by SHA-256 is the Digest of the base key, which is readable, and clear in the database."""
    uid = await base(gateway)
    digest = hashlib.sha256(KEY).digest()
    other = {"data": (DATA,), "cryptographic_parameters": SHA256}
    await derived(gateway, (uid,), D.HMAC, **other)
    assert value(await kept(gateway, uid), Tag.DIGEST).digest_value == digest
    await derived(gateway, (uid,), D.HASH, cryptographic_parameters=SHA256)
    found = await gateway.store.get(uid)
    assert not any(digest in row.ttlv for row in found.attributes)


async def test_what_no_token_uses_is_sealed(gateway):
    uid = await base(gateway)
    made = await derived(gateway, (uid,), D.HASH, 256, algorithm=A.CHACHA20, cryptographic_parameters=SHA256)
    assert (await kept(gateway, made)).row.custody is Custody.SEALED
    assert await got(gateway, made) == hashlib.sha256(KEY).digest()


async def test_a_derivation_is_undone(gateway):
    uid = await base(gateway)
    before = (await kept(gateway, uid)).attributes
    await undone(gateway, Op.DERIVE_KEY, request((uid,), D.HASH, cryptographic_parameters=SHA256))
    assert (await kept(gateway, uid)).attributes == before


async def test_a_derivation_uses_the_key(gateway):
    limits = UsageLimits(usage_limits_total=LongInteger(32), usage_limits_unit=UsageLimitsUnit.BYTE)
    uid = await base(gateway, KEY, Attribute(Tag.USAGE_LIMITS, limits))
    fields = {"cryptographic_parameters": SHA256}
    await derived(gateway, (uid,), D.HASH, 128, **fields)
    assert await refused(gateway, (uid,), D.HASH, 256, **fields) is R.PERMISSION_DENIED
    await derived(gateway, (uid,), D.HASH, 128, **fields)


# --- what is refused


@pytest.mark.parametrize(
    ("more", "reason", "reason_1_4"),
    [((RESIDENT,), R.NOT_EXTRACTABLE, R.NOT_EXTRACTABLE), ((SENSITIVE,), R.SENSITIVE, R.SENSITIVE)],
)
async def test_nothing_is_derived_here_from_a_key_that_may_not_leave(gateway, more, reason, reason_1_4):
    uid = await base(gateway, KEY, *more)
    fields = {"cryptographic_parameters": SHA256}
    assert await refused(gateway, (uid,), D.HASH, **fields) is reason
    assert await refused(gateway, (uid,), D.HASH, version=V1_4, **fields) is reason_1_4
    secret = await password(gateway, DATA, *more)
    assert await refused(gateway, (secret,), D.PBKDF2, salt=b"s", iteration_count=1) is reason
    assert await refused(gateway, (await base(gateway), secret), D.HMAC, **fields) is reason


async def test_a_key_derives_only_if_it_may(gateway):
    fields = {"cryptographic_parameters": SHA256}
    uid = await base(gateway, uses=M.ENCRYPT)
    assert await refused(gateway, (uid,), D.HASH, **fields) is R.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK
    stranger = await base(gateway.other)
    assert await refused(gateway, (stranger,), D.HASH, **fields) is R.OBJECT_NOT_FOUND
    assert await refused(gateway, (await base(gateway), stranger), D.HMAC, **fields) is R.OBJECT_NOT_FOUND
    future = Attribute(Tag.PROTECT_STOP_DATE, DateTime(1_650_000_000))
    assert await refused(gateway, (await base(gateway, KEY, future),), D.HASH, **fields) is R.WRONG_KEY_LIFECYCLE_STATE


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (lambda uid: (Op.REVOKE, revoke(uid)), R.WRONG_KEY_LIFECYCLE_STATE),
        (lambda uid: (Op.ARCHIVE, ArchiveRequest(unique_identifier=uid)), R.OBJECT_ARCHIVED),
        (
            lambda uid: (Op.SET_ATTRIBUTE, SetAttributeRequest(unique_identifier=uid, new_attribute=(SENSITIVE,))),
            R.GENERAL_FAILURE,
        ),
    ],
    ids=["revoked", "archived", "sensitive"],
)
async def test_a_key_that_may_no_more_meanwhile_derives_nothing(gateway, monkeypatch, meanwhile, reason):
    uid = await base(gateway, KEY)
    reserve = gateway.store.reserve

    async def later() -> bytes:
        gateway.clock.now += 1
        await gateway.one(V2_1, *meanwhile(uid))
        return await reserve()

    monkeypatch.setattr(gateway.store, "reserve", later)
    assert await refused(gateway, (uid,), D.HASH, cryptographic_parameters=SHA256) is reason
    assert linked(await kept(gateway, uid), LinkType.DERIVED_KEY_LINK) == []


def revoke(uid: str) -> RevokeRequest:
    reason = RevocationReason(revocation_reason_code=RevocationReasonCode.CESSATION_OF_OPERATION)
    return RevokeRequest(unique_identifier=uid, revocation_reason=reason)


@pytest.mark.parametrize(
    ("method", "fields", "reason"),
    [
        (D.HASH, {"bits": 264, "algorithm": A.HMAC_SHA256}, R.INVALID_FIELD),
        (D.HASH, {"data": (DATA,)}, R.INVALID_FIELD),
        (D.HASH, {"cryptographic_parameters": None}, R.BAD_CRYPTOGRAPHIC_PARAMETERS),
        (D.HMAC, {}, R.MISSING_DATA),
        (D.HMAC, {"data": (DATA, DATA)}, R.INVALID_FIELD),
        (D.NIST800_108_C, {}, R.MISSING_DATA),
        (D.PBKDF2, {"salt": b"salt"}, R.MISSING_DATA),
        (D.PBKDF2, {"iteration_count": 1}, R.MISSING_DATA),
        (D.PBKDF2, {"salt": b"salt", "iteration_count": 0}, R.INVALID_FIELD),
        (D.PBKDF2, {"salt": b"salt", "iteration_count": 3_000_001}, R.INVALID_FIELD),
        (D.ENCRYPT, {"data": (bytes(16),)}, R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS),
        (D.ENCRYPT, {"data": (bytes(16),), "cryptographic_parameters": CBC}, R.BAD_CRYPTOGRAPHIC_PARAMETERS),
        (D.AWS_SIGNATURE_VERSION_4, {"data": (DATA,)}, R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS),
        (D.HASH, {"bits": 100}, R.INVALID_ATTRIBUTE_VALUE),
        (D.HASH, {"kind": O.PRIVATE_KEY}, R.INVALID_OBJECT_TYPE),
    ],
)
async def test_what_cannot_be_is_refused(gateway, method, fields, reason):
    fields = {"cryptographic_parameters": SHA256, **fields}
    assert await refused(gateway, (await base(gateway),), method, **fields) is reason


async def test_base_objects_are_named_and_few_and_different(gateway):
    uid, other = await base(gateway), await base(gateway)
    fields = {"cryptographic_parameters": SHA256}
    assert await refused(gateway, (), D.HASH, **fields) is R.INVALID_MESSAGE
    assert await refused(gateway, (uid, uid), D.HMAC, **fields) is R.INVALID_FIELD
    assert await refused(gateway, (uid, other), D.HMAC, **fields) is R.INVALID_OBJECT_TYPE
    assert await refused(gateway, (uid, other, uid), D.HMAC, **fields) is R.INVALID_FIELD


async def test_the_new_object_is_what_the_batch_means_next(gateway):
    uid = await base(gateway)
    items = (Op.DERIVE_KEY, request((uid,), D.HASH, cryptographic_parameters=SHA256)), (Op.GET, GetRequest())
    made, fetched = await gateway.ask(V2_1, *items)
    assert fetched.payload.unique_identifier == made.payload.unique_identifier
    await gateway.one(V2_1, Op.DESTROY, DestroyRequest(unique_identifier=made.payload.unique_identifier))
