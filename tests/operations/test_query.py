"""Query (KMIP 2.1 section 6.1.40): truthful in every version, and readable for the clients that there are."""

import warnings

import pytest
from msgspec.structs import replace

from gateway import __version__
from gateway.config import KmipConfig, RngStatement, ValidationStatement
from gateway.exchange import Exchange
from gateway.kmip.enums import (
    ClientRegistrationMethod,
    CryptographicAlgorithm,
    DRBGAlgorithm,
    ObjectType,
    Operation,
    ProtectionStorageMask,
    QueryFunction,
    ResultReason,
    RNGAlgorithm,
    ValidationType,
)
from gateway.kmip.tags import Tag
from gateway.kmip.version import SUPPORTED, V1_0, V1_1, V1_3, V1_4, V2_0, V2_1, Version
from gateway.operations import OPERATIONS
from gateway.operations.query import QueryRequest, _told
from gateway.token.api import Profile
from gateway.wire import layout
from tests.operations.conftest import Gateway
from tests.operations.test_create import created, spec, value

with warnings.catch_warnings():
    # PyKMIP's server, which comes with its client, is of the time before SQLAlchemy 2.0.
    warnings.simplefilter("ignore")
    from kmip.core import enums as pykmip
    from kmip.core.messages.payloads import QueryResponsePayload
    from kmip.core.utils import BytearrayStream

Q = QueryFunction
OLD = (Q.QUERY_OPERATIONS, Q.QUERY_OBJECTS, Q.QUERY_SERVER_INFORMATION, Q.QUERY_APPLICATION_NAMESPACES)
ALL = tuple(each for each in Q if each.exists_in(V2_1))
ENUMERATORS = {"operation": Operation, "object_type": ObjectType}


async def told(gateway: Gateway, version: Version, *functions: Q):
    return await gateway.one(version, Operation.QUERY, QueryRequest(query_function=functions))


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_operations_and_objects_are_those_of_the_version(gateway: Gateway, version: Version) -> None:
    answer = await told(gateway, version, *ALL)
    assert set(answer.operation) == {
        entry.operation for entry in OPERATIONS.values() if entry.offered(version, KmipConfig())
    }
    assert all(each.exists_in(version) for each in (*answer.operation, *answer.object_type))
    assert {ObjectType.SYMMETRIC_KEY, ObjectType.PRIVATE_KEY} <= set(answer.object_type)
    assert (ObjectType.TEMPLATE in answer.object_type) is (version < V2_0)


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_only_what_is_asked_for_is_told(gateway: Gateway, version: Version) -> None:
    answer = await told(gateway, version, Q.QUERY_OBJECTS)
    assert answer == replace(await told(gateway, version, *OLD), operation=(), **dict.fromkeys(SERVER))


SERVER = ("vendor_identification", "server_information")


async def test_the_server_names_itself(gateway: Gateway) -> None:
    answer = await told(gateway, V2_1, Q.QUERY_SERVER_INFORMATION)
    assert answer.vendor_identification == "kmip-gateway"
    assert answer.server_information.server_version == __version__
    assert "SoftHSM" in answer.server_information.product_name
    old = await told(gateway, V1_4, Q.QUERY_SERVER_INFORMATION)
    assert old.server_information.server_version is None


async def test_capabilities_are_those_of_the_batch(gateway: Gateway) -> None:
    (capabilities,) = (await told(gateway, V1_4, Q.QUERY_CAPABILITIES)).capability_information
    assert capabilities.batch_undo_capability and capabilities.batch_continue_capability
    assert capabilities.asynchronous_capability and capabilities.streaming_capability
    (old,) = (await told(gateway, V1_3, Q.QUERY_CAPABILITIES)).capability_information
    assert old.batch_undo_capability is None


async def test_storage_masks_are_where_the_token_is(gateway: Gateway) -> None:
    answer = await told(gateway, V2_1, Q.QUERY_STORAGE_PROTECTION_MASKS)
    assert answer.protection_storage_masks.protection_storage_mask == (ProtectionStorageMask.SOFTWARE,)


async def test_a_token_that_makes_no_signatures_is_not_said_to(gateway: Gateway) -> None:
    profile = Profile(mechanisms=frozenset({0x1082}))
    functions, protection = frozenset({Q.QUERY_OPERATIONS}), ProtectionStorageMask.SOFTWARE
    answer = _told(functions, V2_1, profile, KmipConfig(), protection, False)
    assert Operation.ENCRYPT in answer.operation or Operation.ENCRYPT not in OPERATIONS
    assert not {Operation.SIGN, Operation.MAC, Operation.CREATE_KEY_PAIR} & set(answer.operation)


async def test_nothing_asked_is_missing_data(gateway: Gateway) -> None:
    assert await gateway.refused(V1_1, Operation.QUERY, QueryRequest()) is ResultReason.MISSING_DATA


async def test_functions_of_later_versions_get_no_answer_in_old_ones(gateway: Gateway) -> None:
    answer = await told(gateway, V1_0, Q.QUERY_CAPABILITIES, Q.QUERY_RNGS, Q.QUERY_STORAGE_PROTECTION_MASKS)
    assert answer == type(answer)()


@pytest.mark.parametrize("version", [v for v in SUPPORTED if v < V2_1], ids=str)
async def test_pykmip_reads_every_answer(gateway: Gateway, version: Version) -> None:
    # PyKMIP has the Protection Storage Masks of 2.0 as bare integers.
    functions = [q for q in ALL if q.exists_in(version) and q < Q.QUERY_STORAGE_PROTECTION_MASKS]
    answer = await told(gateway, version, *functions)
    raw = layout.writer(type(answer), Tag.RESPONSE_PAYLOAD, version)(answer)
    payload = QueryResponsePayload()
    payload.read(BytearrayStream(raw), kmip_version=pykmip.KMIPVersion[f"KMIP_{version.major}_{version.minor}"])
    assert [each.value for each in payload.operations] == list(answer.operation)
    assert payload.vendor_identification == "kmip-gateway"


async def test_what_an_operator_states_of_the_token_is_told(gateway: Gateway) -> None:
    nothing = await told(gateway, V2_1, Q.QUERY_RNGS, Q.QUERY_VALIDATIONS)
    assert [each.rng_algorithm for each in nothing.rng_parameters] == [RNGAlgorithm.UNSPECIFIED]
    assert nothing.validation_information == ()
    methods = await told(gateway, V2_1, Q.QUERY_CLIENT_REGISTRATION_METHODS)
    assert methods.client_registration_method == (ClientRegistrationMethod.UNSPECIFIED,)
    stated = KmipConfig(
        rngs=(RngStatement(algorithm="DRBG", cipher="AES", bits=256, drbg="CTR"),),
        client_registration_methods=("CLIENT_REGISTERED",),
        validations=(ValidationStatement(authority="NIST_CMVP", version=3, type="HARDWARE", level=3),),
    )
    client = Gateway(Exchange(stated, gateway.store, gateway.token, gateway.clock), gateway.clock, gateway.store, None)
    found = await told(client, V2_1, Q.QUERY_RNGS, Q.QUERY_VALIDATIONS)
    methods = await told(client, V2_1, Q.QUERY_CLIENT_REGISTRATION_METHODS)
    assert methods.client_registration_method == (ClientRegistrationMethod.CLIENT_REGISTERED,)
    (generator,), (validation,) = found.rng_parameters, found.validation_information
    assert (generator.drbg_algorithm, generator.cryptographic_length) == (DRBGAlgorithm.CTR, 256)
    assert (validation.validation_type, validation.validation_level) == (ValidationType.HARDWARE, 3)
    made = await created(client, spec(CryptographicAlgorithm.AES, 128))
    assert value(made, Tag.RANDOM_NUMBER_GENERATOR) == generator
