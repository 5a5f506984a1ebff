"""Several batch items in one message: what follows a failure, and how later items refer to earlier ones."""

import pytest

from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    ObjectType,
    Operation,
    QueryFunction,
    ResultReason,
    ResultStatus,
    UniqueIdentifierReference,
    UsageLimitsUnit,
)
from gateway.kmip.structure import Attribute, DateTime, ItemNumber, LongInteger, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, UsageLimits
from gateway.kmip.version import V1_0, V1_4, V2_0, V2_1, Version
from gateway.operations.activate import ActivateRequest
from gateway.operations.create import CreateRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.query import QueryRequest
from gateway.operations.rng_retrieve import RNGRetrieveRequest
from tests.operations.conftest import Gateway

Item = tuple[Operation, Structure]
O, M = Operation, CryptographicUsageMask  # noqa: E741
AES = (
    Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, CryptographicAlgorithm.AES),
    Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 128),
    Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT),
)
CREATE: Item = (O.CREATE, CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=AES))
MISSING: Item = (O.GET, GetRequest(unique_identifier="missing"))
LOCATE: Item = (O.LOCATE, LocateRequest())
SUCCESS, FAILED, UNDONE = ResultStatus.SUCCESS, ResultStatus.OPERATION_FAILED, ResultStatus.OPERATION_UNDONE
C = BatchErrorContinuationOption


async def statuses(gateway: Gateway, version: Version, *items: Item, option: C | None) -> list[ResultStatus]:
    found = await gateway.ask(version, *items, batch_error_continuation_option=option)
    return [answer.status for answer in found]


@pytest.mark.parametrize("version", [V1_0, V1_4, V2_1])
@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (None, [SUCCESS, FAILED]),
        (C.STOP, [SUCCESS, FAILED]),
        (C.CONTINUE, [SUCCESS, FAILED, SUCCESS]),
        (C.UNDO, [UNDONE, FAILED]),
    ],
)
async def test_what_follows_a_failure(
    gateway: Gateway, version: Version, option: C | None, expected: list[ResultStatus]
) -> None:
    assert await statuses(gateway, version, LOCATE, MISSING, LOCATE, option=option) == expected


async def test_undo_takes_a_created_key_away_again(gateway: Gateway) -> None:
    created, failed = await gateway.ask(V2_1, CREATE, MISSING, batch_error_continuation_option=C.UNDO)
    assert (created.status, created.reason, failed.status) == (UNDONE, None, FAILED)
    key = created.payload.unique_identifier
    assert await gateway.refused(V2_1, O.GET, GetRequest(unique_identifier=key)) is ResultReason.OBJECT_DESTROYED
    row = gateway.store.peek(key)
    assert row is not None
    assert await gateway.token.find([row.cka_id]) == []


async def test_undo_brings_a_destroyed_key_back(gateway: Gateway) -> None:
    made = await gateway.one(V2_1, *CREATE)
    key = GetRequest(unique_identifier=made.unique_identifier)
    before = await gateway.one(V2_1, O.GET, key)
    destroy = (O.DESTROY, DestroyRequest(unique_identifier=made.unique_identifier))
    assert await statuses(gateway, V2_1, destroy, MISSING, option=C.UNDO) == [UNDONE, FAILED]
    assert await gateway.one(V2_1, O.GET, key) == before
    assert await gateway.store.pending_destroys() == []


async def test_a_batch_with_undo_that_succeeds_destroys_for_good(gateway: Gateway) -> None:
    made = await gateway.one(V2_1, *CREATE)
    destroy = (O.DESTROY, DestroyRequest(unique_identifier=made.unique_identifier))
    assert await statuses(gateway, V2_1, destroy, LOCATE, option=C.UNDO) == [SUCCESS, SUCCESS]
    row = gateway.store.peek(made.unique_identifier)
    assert row is not None
    assert await gateway.token.find([row.cka_id]) == []
    assert await gateway.store.pending_destroys() == []


async def test_undo_of_activate_restores_the_state(gateway: Gateway) -> None:
    made = await gateway.one(V2_1, *CREATE)
    activate = (O.ACTIVATE, ActivateRequest(unique_identifier=made.unique_identifier))
    assert await statuses(gateway, V2_1, activate, MISSING, option=C.UNDO) == [UNDONE, FAILED]
    assert await statuses(gateway, V2_1, activate, option=None) == [SUCCESS]


@pytest.mark.parametrize("version", [V1_4, V2_0, V2_1])
async def test_the_id_placeholder_goes_from_item_to_item(gateway: Gateway, version: Version) -> None:
    encrypt = EncryptRequest(data=bytes(16), iv_counter_nonce=bytes(12), cryptographic_parameters=None)
    created, activated, encrypted, destroyed = await gateway.ask(
        version,
        CREATE,
        (O.ACTIVATE, ActivateRequest()),
        (O.ENCRYPT, encrypt),
        (O.DESTROY, DestroyRequest()),
        batch_error_continuation_option=C.CONTINUE,
    )
    assert activated.payload.unique_identifier == created.payload.unique_identifier
    assert encrypted.status is FAILED  # there are no parameters; the placeholder is none the worse
    assert destroyed.status is FAILED  # it is Active


@pytest.mark.parametrize(
    "reference",
    [UniqueIdentifierReference.CREATE, UniqueIdentifierReference.ID_PLACEHOLDER, ItemNumber(0), ItemNumber(-1)],
)
async def test_2x_refers_to_earlier_items(gateway: Gateway, reference: UniqueIdentifierReference | ItemNumber) -> None:
    created, activated = await gateway.ask(V2_1, CREATE, (O.ACTIVATE, ActivateRequest(unique_identifier=reference)))
    assert activated.payload.unique_identifier == created.payload.unique_identifier


async def test_an_empty_placeholder_names_nothing(gateway: Gateway) -> None:
    for version, reason in ((V1_4, ResultReason.ITEM_NOT_FOUND), (V2_1, ResultReason.OBJECT_NOT_FOUND)):
        assert await gateway.refused(version, O.GET, GetRequest()) is reason


async def test_an_answer_too_large_for_the_client_fails_alone(gateway: Gateway) -> None:
    query = (O.QUERY, QueryRequest(query_function=(QueryFunction.QUERY_OPERATIONS, QueryFunction.QUERY_OBJECTS)))
    located, queried = await gateway.ask(V1_4, LOCATE, query, maximum_response_size=512)
    assert (located.status, queried.status, queried.reason) == (SUCCESS, FAILED, ResultReason.RESPONSE_TOO_LARGE)


async def test_items_under_way_together_see_what_an_item_before_them_did(gateway: Gateway) -> None:
    made = await gateway.one(V2_1, *CREATE)
    get = (O.GET, GetRequest(unique_identifier=made.unique_identifier))
    await gateway.ask(V2_1, get, get)
    destroy = (O.DESTROY, DestroyRequest(unique_identifier=made.unique_identifier))
    draw = (O.RNG_RETRIEVE, RNGRetrieveRequest(data_length=8))
    found = await gateway.ask(V2_1, destroy, draw, get, draw, get, batch_error_continuation_option=C.CONTINUE)
    assert [each.status for each in found] == [SUCCESS, SUCCESS, FAILED, SUCCESS, FAILED]
    assert {each.reason for each in found} == {None, ResultReason.OBJECT_DESTROYED}


async def test_usage_limits_are_exact_though_items_are_under_way_together(gateway: Gateway) -> None:
    limits = UsageLimits(usage_limits_total=LongInteger(5), usage_limits_unit=UsageLimitsUnit.OBJECT)
    attributes = (*AES, Attribute(Tag.USAGE_LIMITS, limits), Attribute(Tag.ACTIVATION_DATE, DateTime(1)))
    made = await gateway.one(V1_4, O.CREATE, CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=attributes))
    gcm = CryptographicParameters(block_cipher_mode=BlockCipherMode.GCM, tag_length=16)
    encrypt = EncryptRequest(unique_identifier=made.unique_identifier, cryptographic_parameters=gcm, data=bytes(16))
    first = await gateway.ask(V1_4, *[(O.ENCRYPT, encrypt)] * 3)
    assert [each.status for each in first] == [SUCCESS] * 3
    rest = await gateway.ask(V1_4, *[(O.ENCRYPT, encrypt)] * 6)
    assert [each.status for each in rest] == [SUCCESS, SUCCESS, FAILED]
    assert rest[-1].reason is ResultReason.PERMISSION_DENIED


async def test_a_failure_stops_what_was_begun_after_it(gateway: Gateway) -> None:
    draw = (O.RNG_RETRIEVE, RNGRetrieveRequest(data_length=8))
    found = await gateway.ask(V1_4, *[draw] * 40, MISSING, *[draw] * 40)
    assert [each.status for each in found] == [SUCCESS] * 40 + [FAILED]


async def test_a_long_batch_is_answered_in_order(gateway: Gateway) -> None:
    sizes = [1 + number % 50 for number in range(200)]
    found = await gateway.ask(V2_1, *[(O.RNG_RETRIEVE, RNGRetrieveRequest(data_length=size)) for size in sizes])
    assert [len(each.payload.data) for each in found] == sizes
