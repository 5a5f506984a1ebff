"""Interop (KMIP 2.1 section 6.1.26): for tests only, and off unless an operator turns it on."""

import pytest

from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    InteropFunction,
    Operation,
    QueryFunction,
    ResultReason,
    ResultStatus,
    StorageStatusMask,
)
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.version import SUPPORTED, V1_4, V2_0, V2_1
from gateway.operations.archive import ArchiveRequest
from gateway.operations.get import GetRequest
from gateway.operations.interop import InteropRequest, InteropResponse
from gateway.operations.locate import LocateRequest
from gateway.operations.query import QueryRequest
from tests.operations.conftest import Gateway
from tests.operations.making import make, names
from tests.operations.test_create import created, spec

O, R, F = Operation, ResultReason, InteropFunction  # noqa: E741
WITH_2 = [v for v in SUPPORTED if v >= V2_0]
EVERYWHERE = StorageStatusMask.ON_LINE_STORAGE | StorageStatusMask.ARCHIVAL_STORAGE


@pytest.fixture
def kmip_config():
    """A gateway for tests."""
    return KmipConfig(interop=True)


def telling(function):
    return O.INTEROP, InteropRequest(interop_function=function, interop_identifier="TC-1")


async def listed(client, version):
    asked = QueryRequest(query_function=(QueryFunction.QUERY_OPERATIONS,))
    return (await client.one(version, O.QUERY, asked)).operation


async def located(client):
    return list((await client.one(V2_1, O.LOCATE, LocateRequest(storage_status_mask=EVERYWHERE))).unique_identifier)


@pytest.mark.parametrize("version", WITH_2, ids=str)
async def test_production_has_none_and_tells_of_none(gateway, version):
    production = Exchange(KmipConfig(), gateway.store, gateway.token, gateway.clock)
    client = Gateway(production, gateway.clock, gateway.store, gateway.token)
    for function in F:
        assert await client.refused(version, *telling(function)) is R.OPERATION_NOT_SUPPORTED
    assert O.INTEROP not in await listed(client, version)


@pytest.mark.parametrize("version", WITH_2, ids=str)
async def test_begin_and_end_change_nothing(gateway, version):
    mine = await make(gateway)
    for function in (F.BEGIN, F.END):
        assert await gateway.one(version, *telling(function)) == InteropResponse()
    assert await located(gateway) == [mine]
    assert O.INTEROP in await listed(gateway, version)


async def test_versions_before_2_0_have_none(gateway):
    assert await gateway.refused(V1_4, *telling(F.BEGIN)) is R.OPERATION_NOT_SUPPORTED
    assert O.INTEROP not in await listed(gateway, V1_4)


async def test_reset_destroys_all_that_is_the_clients_and_nothing_else(gateway):
    key = await created(gateway, spec(A.AES, 128))
    await make(gateway, Attribute(Tag.ACTIVATION_DATE, DateTime(1)), *names("taken"))
    archived = await make(gateway)
    await gateway.one(V2_1, O.ARCHIVE, ArchiveRequest(unique_identifier=archived))
    theirs = await make(gateway.other)
    await gateway.one(V2_1, *telling(F.RESET))
    assert await located(gateway) == []
    assert await gateway.token.find([key.row.cka_id]) == []
    assert await located(gateway.other) == [theirs]
    await make(gateway, *names("taken"))


async def test_reset_is_undone(gateway):
    key = await created(gateway, spec(A.AES, 128))
    answers = await gateway.ask(
        V2_1,
        telling(F.RESET),
        (O.GET, GetRequest(unique_identifier="nothing")),
        batch_error_continuation_option=BatchErrorContinuationOption.UNDO,
    )
    assert [answer.status for answer in answers] == [ResultStatus.OPERATION_UNDONE, ResultStatus.OPERATION_FAILED]
    assert await located(gateway) == [key.unique_identifier]
    assert await gateway.token.find([key.row.cka_id]) == [key.ref]
