"""Protection Storage Masks (KMIP 2.1 section 4.47): where an object really is, on a token that is hardware."""

import pytest

from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import ObjectType, Operation, QueryFunction, ResultReason
from gateway.kmip.enums import ProtectionStorageMask as P
from gateway.kmip.objects import OpaqueObject
from gateway.kmip.structure import OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import ProtectionStorageMasks
from gateway.kmip.version import V2_1
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.query import QueryRequest
from gateway.operations.register import RegisterRequest
from tests.operations.conftest import Gateway
from tests.operations.test_create import kept, spec, value

O, R, K = Operation, ResultReason, ObjectType  # noqa: E741
CUSTODIES = [("token", P.HARDWARE), ("wrapped", P.SOFTWARE)]
BLOB = OpaqueObject(opaque_data_type=OpenEnumeration(1), opaque_data_value=b"a document")


def on_hardware(gateway, custody="token"):
    """Give a client of a gateway whose token is said to be hardware, and which keeps keys in this custody."""
    config = KmipConfig(custody=custody, allow=("short_rsa",))
    exchange = Exchange(config, gateway.store, gateway.token, gateway.clock, protection=P.HARDWARE)
    return Gateway(exchange, gateway.clock, gateway.store, gateway.token)


def masks(*given):
    return ProtectionStorageMasks(protection_storage_mask=given) if given else None


def creating(*given):
    return O.CREATE, CreateRequest(
        object_type=K.SYMMETRIC_KEY, attributes=spec(A.AES, 128, M.ENCRYPT), protection_storage_masks=masks(*given)
    )


def registering(*given):
    return O.REGISTER, RegisterRequest(
        object_type=K.OPAQUE_OBJECT, opaque_object=BLOB, protection_storage_masks=masks(*given)
    )


async def where(client, asked):
    made = await client.one(V2_1, *asked)
    return value(await kept(client, made.unique_identifier), Tag.PROTECTION_STORAGE_MASK)


@pytest.mark.parametrize(("custody", "there"), CUSTODIES)
async def test_a_key_is_where_its_custody_says(gateway, custody, there):
    client = on_hardware(gateway, custody)
    assert await where(client, creating()) == there
    assert await where(client, creating(there)) == there
    (other,) = {P.HARDWARE, P.SOFTWARE} - {there}
    assert await where(client, creating(other, there)) == there
    assert await client.refused(V2_1, *creating(other)) is R.PROTECTION_STORAGE_UNAVAILABLE
    assert len((await client.one(V2_1, O.LOCATE, LocateRequest())).unique_identifier) == 3


async def test_what_the_token_cannot_hold_is_in_the_database(gateway):
    client = on_hardware(gateway)
    assert await where(client, registering()) == P.SOFTWARE
    assert await client.refused(V2_1, *registering(P.HARDWARE)) is R.PROTECTION_STORAGE_UNAVAILABLE


async def test_each_half_of_a_pair_is_where_it_is_wanted(gateway):
    client = on_hardware(gateway)
    request = CreateKeyPairRequest(
        common_attributes=spec(A.RSA, 1024, None), public_protection_storage_masks=masks(P.SOFTWARE)
    )
    assert await client.refused(V2_1, O.CREATE_KEY_PAIR, request) is R.PUBLIC_PROTECTION_STORAGE_UNAVAILABLE


async def test_query_tells_both(gateway):
    asked = QueryRequest(query_function=(QueryFunction.QUERY_STORAGE_PROTECTION_MASKS,))
    told = await on_hardware(gateway).one(V2_1, O.QUERY, asked)
    assert told.protection_storage_masks.protection_storage_mask == (P.HARDWARE, P.SOFTWARE)
