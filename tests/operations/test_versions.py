"""Objects of the newest version, asked for in every version: nothing newer than the request's version goes out.

`answers` of tests.support looks at every response of every test so; here is what an old client could be told of most.
"""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from gateway.kmip.enums import (
    CertificateRequestType,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    ObjectType,
    Operation,
    QueryFunction,
    ResultReason,
)
from gateway.kmip.objects import CertificateRequest
from gateway.kmip.structure import Attribute, Interval, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.version import SUPPORTED, V1_1, V1_2, V2_0, V2_1, Version
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.export import ExportRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_attribute_list import GetAttributeListRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.query import QueryRequest
from gateway.operations.register import RegisterRequest
from tests.operations.conftest import Gateway

A, M = CryptographicAlgorithm, CryptographicUsageMask
NEW_USES = Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.FPE_ENCRYPT | M.AUTHENTICATE)
KEY = CreateRequest(
    object_type=ObjectType.SYMMETRIC_KEY,
    attributes=(
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        NEW_USES,
        Attribute(Tag.SENSITIVE, False),
        Attribute(Tag.COMMENT, "of 1.4"),
        Attribute(Tag.QUANTUM_SAFE, True),
        Attribute(Tag.ROTATE_INTERVAL, Interval(86400)),
    ),
)
PAIR = CreateKeyPairRequest(
    common_attributes=(Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.ED25519), Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256)),
    private_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.SIGN),),
    public_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.VERIFY),),
)

PKCS_10 = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(ec.generate_private_key(ec.SECP256R1()), SHA256())
REGISTER = RegisterRequest(
    object_type=ObjectType.CERTIFICATE_REQUEST,
    certificate_request=CertificateRequest(
        certificate_request_type=CertificateRequestType.PKCS_10,
        certificate_request_value=PKCS_10.public_bytes(Encoding.DER),
    ),
)


async def made(gateway: Gateway, operation: Operation, request: Any) -> list[str]:
    answer = await gateway.one(V2_1, operation, request)
    if operation is Operation.CREATE_KEY_PAIR:
        return [answer.private_key_unique_identifier, answer.public_key_unique_identifier]
    return [answer.unique_identifier]


NEWEST = {
    "a key": (Operation.CREATE, KEY),
    "a pair": (Operation.CREATE_KEY_PAIR, PAIR),
    "a request": (Operation.REGISTER, REGISTER),
}


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
@pytest.mark.parametrize("asked", NEWEST.values(), ids=NEWEST)
async def test_what_an_old_client_is_told_of_a_new_object(gateway: Gateway, asked: Any, version: Version) -> None:
    for uid in await made(gateway, *asked):
        attributes = await gateway.one(version, Operation.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=uid))
        listed = await gateway.one(
            version, Operation.GET_ATTRIBUTE_LIST, GetAttributeListRequest(unique_identifier=uid)
        )
        assert {each.tag for each in attributes.attributes} <= {each.tag for each in listed.attribute_reference}
        (got,) = await gateway.ask(version, (Operation.GET, GetRequest(unique_identifier=uid)))
        known = version >= V2_0 or asked is not NEWEST["a request"]
        assert (got.reason is ResultReason.ILLEGAL_OPERATION) is not known
        await gateway.ask(version, (Operation.EXPORT, ExportRequest(unique_identifier=uid)))


async def test_an_old_client_loses_no_use_that_it_knows(gateway: Gateway) -> None:
    (uid,) = await made(gateway, Operation.CREATE, KEY)
    request = GetAttributesRequest(unique_identifier=uid)
    told = {v: (await gateway.one(v, Operation.GET_ATTRIBUTES, request)).attributes for v in (V1_2, V2_1)}
    masks = {v: next(each.value for each in found if each.tag is NEW_USES.tag) for v, found in told.items()}
    assert masks == {V1_2: M.ENCRYPT, V2_1: NEW_USES.value}


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_what_query_tells_of_is_of_its_version(gateway: Gateway, version: Version) -> None:
    functions = tuple(each for each in QueryFunction if each.exists_in(version))
    answer = await gateway.one(version, Operation.QUERY, QueryRequest(query_function=functions))
    assert OpenEnumeration(Operation.GET) in answer.operation
    assert not {Operation.NOTIFY, Operation.PUT} & set(answer.operation), "what the gateway does not send"
    assert (ObjectType.CERTIFICATE_REQUEST in answer.object_type) is (version >= V2_0)


async def test_a_key_on_a_curve_has_its_earlier_name_before_1_2(gateway: Gateway) -> None:
    curve = Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.EC), Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256)
    (uid, _) = await made(gateway, Operation.CREATE_KEY_PAIR, replace(PAIR, common_attributes=curve))
    for version, name in ((V1_1, A.ECDSA), (V1_2, A.EC)):
        told = await gateway.one(version, Operation.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=uid))
        assert Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, name) in told.attributes
