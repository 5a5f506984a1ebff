"""Create Split Key and Join Split Key (KMIP 2.1 sections 6.1.10 and 6.1.25): whose key, into what, and back."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import KeyFormatType, SecretDataType
from gateway.kmip.enums import ObjectType as O
from gateway.kmip.enums import Operation as Op
from gateway.kmip.enums import ResultReason as R
from gateway.kmip.enums import SplitKeyMethod as S
from gateway.kmip.objects import KeyBlock, KeyValue, PrivateKey, SplitKey
from gateway.kmip.structure import Attribute, Attributes, BigInteger, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.version import V1_2, V1_4, V2_1, Version
from gateway.operations.create import CreateRequest
from gateway.operations.create_split_key import CreateSplitKeyRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get import GetRequest
from gateway.operations.join_split_key import JoinSplitKeyRequest
from gateway.operations.register import RegisterRequest
from gateway.store.api import Custody
from tests.operations.conftest import Client, Gateway
from tests.operations.test_archive import undone
from tests.operations.test_create import kept, name, spec, value
from tests.operations.test_derive_key import RESIDENT, SENSITIVE, base, block, got, mask, password
from tests.operations.test_derive_key import registered as active

KEY = bytes(range(1, 17))
GF8, GF16, PRIME = S.POLYNOMIAL_SHARING_GF_2_8, S.POLYNOMIAL_SHARING_GF_2_16, S.POLYNOMIAL_SHARING_PRIME_FIELD
M521 = BigInteger(2**521 - 1)
USE = M.ENCRYPT | M.DECRYPT


def splitting(
    uid: str | None, method: S = GF8, parts: int = 4, threshold: int = 2, **more: Any
) -> CreateSplitKeyRequest:
    fields = {"object_type": O.SPLIT_KEY, "attributes": (), **more}
    return CreateSplitKeyRequest(
        unique_identifier=uid,
        split_key_parts=parts,
        split_key_threshold=threshold,
        split_key_method=method,
        **fields,
    )


def joining(parts: tuple[str, ...], kind: O = O.SYMMETRIC_KEY, **more: Any) -> JoinSplitKeyRequest:
    return JoinSplitKeyRequest(object_type=kind, unique_identifier=parts, **{"attributes": (mask(USE),), **more})


async def split(client: Client, *args: Any, version: Version = V2_1, **more: Any) -> tuple[str, ...]:
    payload = await client.one(version, Op.CREATE_SPLIT_KEY, splitting(*args, **more))
    return tuple(payload.unique_identifier)


async def joined(client: Client, *args: Any, version: Version = V2_1, **more: Any) -> str:
    return str((await client.one(version, Op.JOIN_SPLIT_KEY, joining(*args, **more))).unique_identifier)


async def not_split(gateway: Gateway, *args: Any, **more: Any) -> R | None:
    return await gateway.refused(V2_1, Op.CREATE_SPLIT_KEY, splitting(*args, **more))


async def not_joined(gateway: Gateway, *args: Any, **more: Any) -> R | None:
    return await gateway.refused(V2_1, Op.JOIN_SPLIT_KEY, joining(*args, **more))


async def part(gateway: Gateway, uid: str) -> SplitKey:
    found = (await gateway.one(V2_1, Op.GET, GetRequest(unique_identifier=uid))).split_key
    assert isinstance(found, SplitKey)
    return found


def share(number: int, material: bytes, method: S = GF8, parts: int = 4, **more: Any) -> SplitKey:
    return SplitKey(
        split_key_parts=parts,
        key_part_identifier=number,
        split_key_threshold=2,
        split_key_method=method,
        key_block=more.pop("key_block", block(material)),
        **more,
    )


async def registered(client: Client, given: SplitKey, *more: Attribute) -> str:
    request = RegisterRequest(object_type=O.SPLIT_KEY, split_key=given, attributes=more)
    return str((await client.one(V2_1, Op.REGISTER, request)).unique_identifier)


@pytest.mark.parametrize("version", [V1_2, V1_4, V2_1], ids=str)
@pytest.mark.parametrize("method", [GF8, GF16, PRIME, S.XOR], ids=lambda method: method.name)
async def test_a_key_is_split_and_joined_onto_the_token(gateway, method, version):
    uid = await base(gateway, KEY, uses=USE)
    more = {"prime_field_size": M521} if method is PRIME else {}
    parts = await split(gateway, uid, method, 4, 4 if method is S.XOR else 3, version=version, **more)
    for number, each in enumerate(parts, 1):
        found, told = await kept(gateway, each), await part(gateway, each)
        assert (told.key_part_identifier, told.split_key_parts, told.split_key_method) == (number, 4, method)
        assert told.prime_field_size == more.get("prime_field_size")
        assert (told.key_block.cryptographic_algorithm, told.key_block.cryptographic_length) == (A.AES, 128)
        assert found.row.custody is Custody.SEALED
        assert value(found, Tag.CRYPTOGRAPHIC_USAGE_MASK) == USE
        assert told.key_block.key_value.key_material != KEY
    enough = parts if method is S.XOR else (parts[3], parts[0], parts[2])
    made = await joined(gateway, enough, version=version)
    found = await kept(gateway, made)
    assert (found.served, found.algorithm, found.length) == (True, A.AES, 128)
    assert await got(gateway, made) == KEY
    assert await not_joined(gateway, enough[:2]) is R.CRYPTOGRAPHIC_FAILURE


async def test_a_new_key_may_be_in_parts_only(gateway):
    parts = await split(gateway, None, GF8, 3, 2, attributes=spec(A.AES, 256, USE))
    first, second = await joined(gateway, parts[:2]), await joined(gateway, parts[1:])
    assert await got(gateway, first) == await got(gateway, second)
    assert len(await got(gateway, first)) == 32
    assert await not_split(gateway, None, GF8, 3, 2) is R.MISSING_DATA


async def test_a_password_comes_together_as_what_it_is_said_to_be(gateway):
    secret = b"correct horse battery"
    parts = await split(gateway, await password(gateway, secret), GF8, 3, 2)
    as_password = OpenEnumeration(SecretDataType.PASSWORD)
    made = await joined(gateway, parts[:2], O.SECRET_DATA, secret_data_type=as_password)
    payload = await gateway.one(V2_1, Op.GET, GetRequest(unique_identifier=made))
    assert payload.secret_data.secret_data_type == SecretDataType.PASSWORD
    assert payload.secret_data.key_block.key_value.key_material == secret
    assert await not_split(gateway, await password(gateway, secret), GF16, 3, 2) is R.INVALID_FIELD


async def test_a_password_in_a_prime_field_keeps_its_length(gateway):
    secret = b"\0\0leading zeros"
    parts = await split(gateway, await password(gateway, secret), PRIME, 3, 2, prime_field_size=M521)
    assert await got(gateway, await joined(gateway, parts[:2], O.SECRET_DATA)) == secret


async def test_a_private_key_is_split(gateway):
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    given = PrivateKey(key_block=block(der, KeyFormatType.PKCS_8, A.EC))
    uid = await active(gateway, O.PRIVATE_KEY, given, uses=M.SIGN)
    parts = await split(gateway, uid, GF8, 3, 2)
    made = await joined(gateway, parts[1:], O.PRIVATE_KEY, attributes=(mask(M.SIGN),))
    found = await kept(gateway, made)
    assert (found.served, found.algorithm, found.length) == (True, A.EC, 256)
    assert await gateway.token.export_key(found.ref) == await gateway.token.export_key((await kept(gateway, uid)).ref)
    assert await not_split(gateway, uid, PRIME, 3, 2, prime_field_size=M521) is R.INVALID_FIELD


async def test_what_was_in_the_clear_was_not_always_sensitive(gateway):
    marks: Attributes = (SENSITIVE, RESIDENT)
    parts = await split(gateway, await base(gateway, KEY), GF8, 3, 2)
    made = await joined(gateway, parts, attributes=(mask(USE), *marks))
    for each in (made, (await split(gateway, await base(gateway, KEY), attributes=marks))[0]):
        found = await kept(gateway, each)
        assert (found.sensitive, found.extractable) == (True, False)
        assert (value(found, Tag.ALWAYS_SENSITIVE), value(found, Tag.NEVER_EXTRACTABLE)) == (False, False)


@pytest.mark.parametrize(("mark", "reason"), [(RESIDENT, R.NOT_EXTRACTABLE), (SENSITIVE, R.SENSITIVE)])
async def test_what_may_not_leave_is_neither_split_nor_joined(gateway, mark, reason):
    assert await not_split(gateway, await base(gateway, KEY, mark)) is reason
    parts = await split(gateway, await base(gateway, KEY), GF8, 3, 2)
    kept_back = await registered(gateway, share(3, bytes(16), parts=3), mark)
    assert await not_joined(gateway, (*parts[:2], kept_back)) is reason


async def test_nobody_splits_or_joins_what_is_anothers(gateway):
    uid = await base(gateway, KEY)
    parts = await split(gateway, uid, GF8, 3, 2)
    other = gateway.other
    assert await other.refused(V2_1, Op.CREATE_SPLIT_KEY, splitting(uid)) is R.OBJECT_NOT_FOUND
    assert await other.refused(V2_1, Op.JOIN_SPLIT_KEY, joining(parts)) is R.OBJECT_NOT_FOUND
    mine = await split(other, await base(other, KEY), GF8, 3, 2)
    assert await not_joined(gateway, (parts[0], mine[1])) is R.OBJECT_NOT_FOUND


async def test_what_is_destroyed_is_not_joined(gateway):
    parts = await split(gateway, await base(gateway, KEY), GF8, 3, 2)
    await gateway.one(V2_1, Op.DESTROY, DestroyRequest(unique_identifier=parts[0]))
    assert await not_joined(gateway, parts) is R.OBJECT_DESTROYED


async def test_what_is_destroyed_meanwhile_is_neither_split_nor_joined(gateway, monkeypatch):
    """Between the look at an object and the commit of what comes of it, the token is asked to seal that."""
    uid = await created(gateway)
    seal = gateway.token.seal

    def destroying(victim: str) -> None:
        async def later(data: bytes, aad: bytes) -> bytes:
            monkeypatch.setattr(gateway.token, "seal", seal)
            await gateway.one(V2_1, Op.DESTROY, DestroyRequest(unique_identifier=victim))
            return await seal(data, aad)

        monkeypatch.setattr(gateway.token, "seal", later)

    blowfish = [await registered(gateway, share(n, bytes([n]) * 16)) for n in (1, 2)]
    destroying(blowfish[0])
    assert await not_joined(gateway, tuple(blowfish), attributes=spec(A.BLOWFISH, 128, USE)) is R.OBJECT_DESTROYED
    destroying(uid)
    assert await not_split(gateway, uid) is R.OBJECT_DESTROYED


async def created(gateway: Gateway) -> str:
    """Create a key that may be destroyed: it is not Active."""
    request = CreateRequest(object_type=O.SYMMETRIC_KEY, attributes=spec(A.AES, 128, USE))
    return str((await gateway.one(V2_1, Op.CREATE, request)).unique_identifier)


async def test_splitting_and_joining_are_undone(gateway):
    uid = await base(gateway, KEY)
    await undone(gateway, Op.CREATE_SPLIT_KEY, splitting(uid))
    parts = await split(gateway, uid, GF8, 3, 2)
    await undone(gateway, Op.JOIN_SPLIT_KEY, joining(parts, attributes=(mask(USE), name("joined"))))
    await joined(gateway, parts, attributes=(mask(USE), name("joined")))


async def test_the_batch_means_the_first_part_next(gateway):
    items = (Op.CREATE_SPLIT_KEY, splitting(await base(gateway, KEY))), (Op.GET, GetRequest())
    made, fetched = await gateway.ask(V2_1, *items)
    assert fetched.payload.unique_identifier == made.payload.unique_identifier[0]
    assert fetched.payload.split_key.key_part_identifier == 1


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (splitting("", GF8, 3, 1), R.INVALID_FIELD),
        (splitting("", GF8, 300, 2), R.INVALID_FIELD),
        (splitting("", S.XOR, 3, 2), R.INVALID_FIELD),
        (splitting("", PRIME, 3, 2), R.MISSING_DATA),
        (splitting("", PRIME, 3, 2, prime_field_size=BigInteger(2**127 - 1)), R.INVALID_FIELD),
        (splitting("", GF8, 3, 2, object_type=O.SYMMETRIC_KEY), R.INVALID_OBJECT_TYPE),
        (splitting("", GF8, 3, 2, attributes=(name("of three"),)), R.NON_UNIQUE_NAME_ATTRIBUTE),
        (splitting("", GF8, 3, 2, attributes=(Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),)), R.INVALID_FIELD),
    ],
)
async def test_what_cannot_be_split_so_is_refused(gateway, request_, reason):
    uid = await base(gateway, KEY)
    given = {field: getattr(request_, field) for field in request_.__struct_fields__} | {"unique_identifier": uid}
    assert await gateway.refused(V2_1, Op.CREATE_SPLIT_KEY, CreateSplitKeyRequest(**given)) is reason


ODD_BLOCK = KeyBlock(
    key_format_type=KeyFormatType.RAW, key_value=KeyValue(key_material=bytes(16)), cryptographic_length=256
)


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (share(1, bytes(16)), R.INVALID_FIELD),
        (share(0, bytes(16)), R.INVALID_FIELD),
        (share(5, bytes(16)), R.INVALID_FIELD),
        (share(2, bytes(16), GF16), R.INVALID_FIELD),
        (share(2, bytes(16), parts=5), R.INVALID_FIELD),
        (share(2, bytes(16), prime_field_size=M521), R.INVALID_FIELD),
        (share(2, bytes(16), key_block=ODD_BLOCK), R.INVALID_FIELD),
        (share(2, bytes(15)), R.CRYPTOGRAPHIC_FAILURE),
    ],
)
async def test_parts_that_do_not_belong_together_are_not_joined(gateway, second, reason):
    parts = [await registered(gateway, each) for each in (share(1, bytes(16)), second)]
    assert await not_joined(gateway, tuple(parts), attributes=spec(A.AES, 128, USE)) is reason


async def test_what_is_joined_are_parts(gateway):
    uid = await base(gateway, KEY)
    (first, *_) = parts = await split(gateway, uid)
    assert await not_joined(gateway, (first, uid)) is R.INVALID_OBJECT_TYPE
    assert await not_joined(gateway, ()) is R.INVALID_MESSAGE
    assert await not_joined(gateway, (first,) * 256) is R.INVALID_FIELD
    assert await not_joined(gateway, parts, O.CERTIFICATE) is R.INVALID_OBJECT_TYPE
    assert await not_split(gateway, first) is R.INVALID_OBJECT_TYPE


@pytest.mark.parametrize("bits", [-8, 8 * 67, 2**31 - 8])
async def test_a_key_is_not_longer_than_its_prime_whatever_its_parts_say(gateway, bits):
    def told(material: bytes) -> KeyBlock:
        value = KeyValue(key_material=material)
        return KeyBlock(key_format_type=KeyFormatType.RAW, key_value=value, cryptographic_length=bits)

    given = [share(n, b"", PRIME, key_block=told(bytes([n]) * 66), prime_field_size=M521) for n in (1, 2)]
    algorithm = Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.BLOWFISH)
    parts = [await registered(gateway, each, algorithm) for each in given]
    assert await not_joined(gateway, tuple(parts)) is R.INVALID_FIELD


async def test_what_is_split_and_joined_is_not_too_long(gateway):
    assert await not_split(gateway, await password(gateway, bytes(16 * 1024 + 1)), GF8, 3, 2) is R.INVALID_FIELD
    parts = [await registered(gateway, share(n, bytes(16 * 1024 + 1))) for n in (1, 2)]
    assert await not_joined(gateway, tuple(parts), O.SECRET_DATA) is R.INVALID_FIELD
    longest = bytes(range(256)) * 64
    parts = await split(gateway, await password(gateway, longest), GF8, 3, 2)
    assert await got(gateway, await joined(gateway, parts[1:], O.SECRET_DATA)) == longest
