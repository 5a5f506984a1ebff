"""What a role allows, and what it does not: operations, objects, key material, new objects."""

import pytest
from msgspec.structs import replace

from gateway.access.permissions import check
from gateway.access.presets import PRESETS
from gateway.access.roles import ANY, EVERYTHING, Given, Quotas, Role
from gateway.errors import ConfigurationError
from gateway.kmip.enums import (
    BlockCipherMode,
    KeyFormatType,
    KeyWrapType,
    ObjectType,
    Operation,
    QueryFunction,
    ResultStatus,
    RevocationReasonCode,
)
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import ResultReason as R
from gateway.kmip.structure import Attribute
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, RevocationReason
from gateway.kmip.version import V1_4, V2_1
from gateway.operations.activate import ActivateRequest
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.export import ExportRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.import_ import ImportRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.ping import PingRequest
from gateway.operations.query import QueryRequest
from gateway.operations.register import RegisterRequest
from gateway.operations.revoke import RevokeRequest
from gateway.store.api import Custody
from gateway.token.api import KeyRef, Token
from tests.operations.conftest import Client, Gateway
from tests.operations.test_asynchronous import pend, polled
from tests.operations.test_create import kept, spec
from tests.operations.test_register_get import aes, mask, specification

O = Operation  # noqa: E741
S = ObjectType.SYMMETRIC_KEY
USE = M.ENCRYPT | M.DECRYPT
ACTIVE = Attribute(Tag.ACTIVATION_DATE, 1)
ALL = Role(name="all", operations=ANY, object_types=ANY, algorithms=ANY, extractable="both", export=True)


def making(algorithm: A = A.AES, bits: int = 128, *more: Attribute) -> CreateRequest:
    return CreateRequest(object_type=S, attributes=spec(algorithm, bits, USE, ACTIVE, *more))


async def key(client: Client, *more: Attribute) -> str:
    made = await client.one(V2_1, O.CREATE, making(A.AES, 128, *more))
    return str(made.unique_identifier)


def get(unique_identifier: str) -> GetRequest:
    return GetRequest(unique_identifier=unique_identifier)


# --- operations


async def test_a_client_without_a_role_may_do_nothing(gateway: Gateway) -> None:
    nobody = gateway.client("cert:a")
    for operation, payload in ((O.PING, PingRequest()), (O.CREATE, making()), (O.LOCATE, LocateRequest())):
        assert await nobody.refused(V2_1, operation, payload) is R.NOT_AUTHORIZED


async def test_what_a_role_does_not_name_is_denied(gateway: Gateway) -> None:
    one = await key(gateway)
    reader = gateway.client("cert:a", replace(ALL, operations=frozenset({"Get"})))
    assert (await reader.one(V2_1, O.GET, get(one))).unique_identifier == one
    assert await reader.refused(V2_1, O.DESTROY, DestroyRequest(unique_identifier=one)) is R.NOT_AUTHORIZED
    assert await reader.refused(V1_4, O.DESTROY, DestroyRequest(unique_identifier=one)) is R.PERMISSION_DENIED


async def test_query_tells_what_the_roles_allow(gateway: Gateway) -> None:
    reader = gateway.client("cert:a", replace(ALL, operations=frozenset({"Query", "Get"})))
    asked = QueryRequest(query_function=(QueryFunction.QUERY_OPERATIONS,))
    assert set((await reader.one(V2_1, O.QUERY, asked)).operation) == {O.QUERY, O.GET}


async def test_two_roles_do_not_join_to_a_third(gateway: Gateway) -> None:
    """One may read AES keys, the other encrypt with 3DES keys: neither lets a 3DES key be read."""
    aes_key = await key(gateway)
    des = await gateway.one(V2_1, O.CREATE, making(A.DES3, 168))
    roles = (
        replace(ALL, operations=frozenset({"Get"}), algorithms=frozenset({"AES"})),
        replace(ALL, operations=frozenset({"Encrypt"}), algorithms=frozenset({"DES3"})),
    )
    both = gateway.client("cert:a", *roles)
    await both.one(V2_1, O.GET, get(aes_key))
    assert await both.refused(V2_1, O.GET, get(des.unique_identifier)) is R.NOT_AUTHORIZED


# --- objects


async def test_types_algorithms_and_lengths_bound_old_objects_and_new(gateway: Gateway) -> None:
    long, short = await key(gateway), (await gateway.one(V2_1, O.CREATE, making(A.AES, 256))).unique_identifier
    limited = gateway.client("cert:a", replace(ALL, algorithms=frozenset({"AES"}), min_length=192))
    assert await limited.refused(V2_1, O.GET, get(long)) is R.NOT_AUTHORIZED
    await limited.one(V2_1, O.GET, get(short))
    assert await limited.refused(V2_1, O.CREATE, making(A.AES, 128)) is R.NOT_AUTHORIZED
    assert await limited.refused(V2_1, O.CREATE, making(A.DES3, 192)) is R.NOT_AUTHORIZED
    await limited.one(V2_1, O.CREATE, making(A.AES, 192))


async def test_locate_finds_what_the_role_is_for_alone(gateway: Gateway) -> None:
    await key(gateway)
    des = (await gateway.one(V2_1, O.CREATE, making(A.DES3, 168))).unique_identifier
    limited = gateway.client("cert:a", replace(ALL, algorithms=frozenset({"DES3"})))
    found = await limited.one(V2_1, O.LOCATE, LocateRequest())
    assert (found.unique_identifier, found.located_items) == ((des,), 1)


@pytest.mark.on_token
async def test_a_refused_key_does_not_stay_on_the_token(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    destroyed: list[bool] = []
    real = type(gateway.token).destroy

    async def destroy(self: Token, ref: KeyRef) -> bool:
        destroyed.append(await real(self, ref))
        return destroyed[-1]

    monkeypatch.setattr(type(gateway.token), "destroy", destroy)
    limited = gateway.client("cert:a", replace(ALL, max_length=128))
    assert await limited.refused(V2_1, O.CREATE, making(A.AES, 256)) is R.NOT_AUTHORIZED
    assert destroyed == [True]


# --- key material


async def test_without_the_right_to_export_no_material_leaves(gateway: Gateway) -> None:
    one = await key(gateway)
    pair = await gateway.one(
        V2_1,
        O.CREATE_KEY_PAIR,
        CreateKeyPairRequest(
            common_attributes=spec(A.RSA, 2048, None),
            private_key_attributes=(mask(M.SIGN),),
            public_key_attributes=(mask(M.VERIFY),),
        ),
    )
    looking = gateway.client("cert:a", replace(ALL, export=False))
    assert await looking.refused(V2_1, O.GET, get(one)) is R.NOT_AUTHORIZED
    assert await looking.refused(V2_1, O.EXPORT, ExportRequest(unique_identifier=one)) is R.NOT_AUTHORIZED
    assert await looking.refused(V2_1, O.GET, get(pair.private_key_unique_identifier)) is R.NOT_AUTHORIZED
    await looking.one(V2_1, O.GET, get(pair.public_key_unique_identifier))


async def test_wrapping_with_a_key_is_a_right_of_its_own(gateway: Gateway) -> None:
    one, kek = await key(gateway), await wrapping_key(gateway)
    wrapped = GetRequest(unique_identifier=one, key_wrapping_specification=specification(kek))
    without = gateway.client("cert:a", replace(ALL, operations=frozenset({"Get", "Locate", "GetAttributes"})))
    await without.one(V2_1, O.GET, get(one))
    assert await without.refused(V2_1, O.GET, wrapped) is R.NOT_AUTHORIZED
    allowed = gateway.client("cert:a", replace(ALL, operations=frozenset({"Get", "WrapKey"})))
    await allowed.one(V2_1, O.GET, wrapped)


async def test_unwrapping_with_a_key_is_one_too(gateway: Gateway) -> None:
    one, kek = await key(gateway), await wrapping_key(gateway)
    wrapped = GetRequest(unique_identifier=one, key_wrapping_specification=specification(kek))
    given = (await gateway.one(V2_1, O.GET, wrapped)).symmetric_key
    asked = ImportRequest(
        unique_identifier="brought",
        object_type=S,
        key_wrap_type=KeyWrapType.NOT_WRAPPED,
        attributes=spec(A.AES, 128, USE),
        symmetric_key=given,
    )
    without = gateway.client("cert:a", replace(ALL, operations=frozenset({"Import"})))
    assert await without.refused(V2_1, O.IMPORT, asked) is R.NOT_AUTHORIZED
    allowed = gateway.client("cert:a", replace(ALL, operations=frozenset({"Import", "UnwrapKey"})))
    await allowed.one(V2_1, O.IMPORT, asked)


async def wrapping_key(client: Client) -> str:
    asked = CreateRequest(object_type=S, attributes=spec(A.AES, 256, M.WRAP_KEY | M.UNWRAP_KEY, ACTIVE))
    return str((await client.one(V2_1, O.CREATE, asked)).unique_identifier)


async def test_replacing_by_import_is_destroying(gateway: Gateway) -> None:
    one = await key(gateway)
    asked = ImportRequest(
        unique_identifier=one, object_type=S, replace_existing=True, attributes=(), symmetric_key=aes(bytes(16))
    )
    without = gateway.client("cert:a", replace(ALL, operations=frozenset({"Import"})))
    assert await without.refused(V2_1, O.IMPORT, asked) is R.OBJECT_ALREADY_EXISTS


# --- new objects


async def test_a_resident_role_makes_keys_that_stay(gateway: Gateway) -> None:
    crypto = gateway.client("cert:a", replace(ALL, extractable="resident"))
    assert not (await kept(gateway, await key(crypto))).extractable
    leaving = Attribute(Tag.EXTRACTABLE, True)
    assert await crypto.refused(V2_1, O.CREATE, making(A.AES, 128, leaving)) is R.NOT_AUTHORIZED
    brought = RegisterRequest(object_type=S, attributes=(mask(USE),), symmetric_key=aes(bytes(range(16))))
    assert not (await kept(gateway, (await crypto.one(V2_1, O.REGISTER, brought)).unique_identifier)).extractable


async def test_a_served_role_makes_keys_that_get_gives(gateway: Gateway) -> None:
    storage = gateway.client("cert:a", replace(ALL, extractable="served"))
    await storage.one(V2_1, O.GET, get(await key(storage)))
    staying = Attribute(Tag.EXTRACTABLE, False)
    assert await storage.refused(V2_1, O.CREATE, making(A.AES, 128, staying)) is R.NOT_AUTHORIZED


@pytest.mark.parametrize("custody", ["token", "wrapped"])
async def test_a_role_says_where_keys_are_kept(gateway: Gateway, custody: str) -> None:
    client = gateway.client("cert:a", replace(ALL, custody=custody))
    assert (await kept(gateway, await key(client))).row.custody is Custody(custody)


async def test_a_roles_defaults_give_way_to_what_is_said(gateway: Gateway) -> None:
    defaults = (
        Given("CryptographicAlgorithm", "AES"),
        Given("CryptographicLength", 256),
        Given("CryptographicUsageMask", "Encrypt Decrypt"),
        Given("ObjectGroup", "payroll"),
        Given("Sensitive", False),
    )
    client = gateway.client("cert:a", replace(ALL, defaults=defaults))
    made = await client.one(V2_1, O.CREATE, CreateRequest(object_type=S, attributes=(Attribute(Tag.COMMENT, "x"),)))
    found = await kept(gateway, made.unique_identifier)
    assert (found.algorithm, found.length, found.usage_mask) == (A.AES, 256, USE)
    assert Attribute(Tag.OBJECT_GROUP, "payroll") in found.attributes
    assert (await kept(gateway, await key(client))).length == 128


async def test_there_is_an_end_to_the_objects_of_a_client(gateway: Gateway) -> None:
    client = gateway.client("cert:a", replace(ALL, quotas=Quotas(objects=2)))
    first, _ = await key(client), await key(client)
    assert await client.refused(V2_1, O.CREATE, making()) is R.SERVER_LIMIT_EXCEEDED
    assert await gateway.client("cert:c", replace(ALL, quotas=Quotas(objects=2))).one(V2_1, O.CREATE, making())
    reason = RevocationReason(revocation_reason_code=RevocationReasonCode.CESSATION_OF_OPERATION)
    await client.one(V2_1, O.REVOKE, RevokeRequest(unique_identifier=first, revocation_reason=reason))
    await client.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier=first))
    await client.one(V2_1, O.CREATE, making())


async def test_a_result_is_not_given_to_who_may_not_ask_for_it_any_more(gateway: Gateway) -> None:
    value = await pend(gateway, O.GET, get(await key(gateway)))
    limited = gateway.client("cert:a", replace(ALL, operations=frozenset({"Poll"})))
    answer = await polled(limited, value)
    while answer.status is ResultStatus.OPERATION_PENDING:
        answer = await polled(limited, value)
    assert answer.reason is R.NOT_AUTHORIZED
    assert (await polled(gateway, value)).payload.symmetric_key


# --- roles themselves


@pytest.mark.parametrize(
    "bad",
    [
        Role(name="bad", operations=frozenset({"Encrypts"})),
        Role(name="bad", object_types=frozenset({"Key"})),
        Role(name="bad", algorithms=frozenset({"ROT13"})),
        Role(name="bad", defaults=(Given("Fax", "1"),)),
        Role(name="bad", defaults=(Given("UniqueIdentifier", "1"),)),
        Role(name="bad", defaults=(Given("Extractable", True),)),
        Role(name="bad", defaults=(Given("CryptographicLength", "long"),)),
        Role(name="bad", defaults=(Given("CryptographicUsageMask", "Encrypt Play"),)),
    ],
)
async def test_a_role_that_names_what_there_is_not_is_refused(gateway: Gateway, bad: Role) -> None:
    with pytest.raises(ConfigurationError):
        check(bad)


async def test_a_kept_role_that_is_not_understood_allows_nothing(gateway: Gateway) -> None:
    later = gateway.client("cert:a", replace(ALL, object_types=frozenset({"Passkey"})))
    assert await later.refused(V2_1, O.CREATE, making()) is R.NOT_AUTHORIZED
    both = gateway.client("cert:a", replace(ALL, object_types=frozenset({"Passkey"})), EVERYTHING)
    await both.one(V2_1, O.CREATE, making())


@pytest.mark.parametrize("name", sorted(PRESETS))
async def test_a_preset_can_be_kept(gateway: Gateway, name: str) -> None:
    check(PRESETS[name])
    assert PRESETS[name].name == name


async def test_the_storage_preset_gets_its_keys_and_has_nothing_encrypted(gateway: Gateway) -> None:
    client = gateway.client("cert:a", PRESETS["storage"])
    one = await key(client)
    given = await client.one(V2_1, O.GET, get(one))
    assert given.symmetric_key.key_block.key_format_type is KeyFormatType.RAW
    asked = EncryptRequest(unique_identifier=one, data=bytes(16))
    assert await client.refused(V2_1, O.ENCRYPT, asked) is R.NOT_AUTHORIZED


async def test_the_crypto_preset_uses_keys_and_never_has_them(gateway: Gateway) -> None:
    client = gateway.client("cert:a", PRESETS["crypto"])
    one = await key(client)
    assert await client.refused(V2_1, O.GET, get(one)) is R.NOT_EXTRACTABLE
    before = await key(gateway)  # by another role of the same client's, which let it be made so
    assert await client.refused(V2_1, O.GET, get(before)) is R.NOT_AUTHORIZED
    gcm = CryptographicParameters(block_cipher_mode=BlockCipherMode.GCM, tag_length=16, random_iv=True)
    await client.one(
        V2_1, O.ENCRYPT, EncryptRequest(unique_identifier=one, data=bytes(16), cryptographic_parameters=gcm)
    )


async def test_the_auditor_preset_sees_and_changes_nothing(gateway: Gateway) -> None:
    one = await key(gateway)
    auditor = gateway.client("cert:a", PRESETS["auditor"])
    await auditor.one(V2_1, O.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=one))
    for operation, payload in (
        (O.GET, get(one)),
        (O.DESTROY, DestroyRequest(unique_identifier=one)),
        (O.ACTIVATE, ActivateRequest(unique_identifier=one)),
        (O.CREATE, making()),
    ):
        assert await auditor.refused(V2_1, operation, payload) is R.NOT_AUTHORIZED


async def test_the_operator_preset_leads_keys_through_life_and_has_no_material(gateway: Gateway) -> None:
    operator = gateway.client("cert:a", PRESETS["operator"])
    one = await key(operator)
    assert await operator.refused(V2_1, O.GET, get(one)) is R.NOT_AUTHORIZED
    asked = EncryptRequest(unique_identifier=one, data=bytes(16))
    assert await operator.refused(V2_1, O.ENCRYPT, asked) is R.NOT_AUTHORIZED
    reason = RevocationReason(revocation_reason_code=RevocationReasonCode.CESSATION_OF_OPERATION)
    await operator.one(V2_1, O.REVOKE, RevokeRequest(unique_identifier=one, revocation_reason=reason))
    await operator.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier=one))
