"""Archive and Recover (KMIP 2.1 sections 6.1.4 and 6.1.42): what is put away is not used, and comes back as it was."""

import asyncio

import pytest

from gateway import archives
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    Operation,
    ResultReason,
    ResultStatus,
    StorageStatusMask,
)
from gateway.kmip.structure import Attribute, DateTime, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import SUPPORTED, V1_2, V2_1
from gateway.operations.activate import ActivateRequest
from gateway.operations.archive import ArchiveRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.recover import RecoverRequest
from tests.operations.making import call_of, destroy, make, names

O, R, S = Operation, ResultReason, ResultStatus  # noqa: E741
ARCHIVAL = StorageStatusMask.ARCHIVAL_STORAGE


async def archived(client, version=V2_1):
    unique_identifier = await make(client, *names("tape"))
    await client.one(version, O.ARCHIVE, ArchiveRequest(unique_identifier=unique_identifier))
    return unique_identifier


async def located(client, **fields):
    return list((await client.one(V2_1, O.LOCATE, LocateRequest(**fields))).unique_identifier)


def dates(client, unique_identifier):
    attributes = call_of(client).find(unique_identifier).attributes
    return sets.number(attributes, Tag.ARCHIVE_DATE), sets.number(attributes, Tag.LAST_CHANGE_DATE)


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_what_is_archived_is_not_given_away_or_found_but_can_be_looked_at(gateway, version):
    unique_identifier = await archived(gateway, version)
    assert await gateway.refused(version, O.GET, GetRequest(unique_identifier=unique_identifier)) is R.OBJECT_ARCHIVED
    assert await located(gateway) == []
    assert await located(gateway, storage_status_mask=ARCHIVAL) == [unique_identifier]
    payload = await gateway.one(version, O.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=unique_identifier))
    assert Attribute(Tag.ARCHIVE_DATE, DateTime(int(gateway.clock.now))) in payload.attributes


async def test_archiving_is_a_change_of_the_object(gateway):
    unique_identifier = await make(gateway)
    gateway.clock.now += 5
    await gateway.one(V2_1, O.ARCHIVE, ArchiveRequest(unique_identifier=unique_identifier))
    assert dates(gateway, unique_identifier) == (int(gateway.clock.now), int(gateway.clock.now))


async def test_what_is_archived_is_not_archived_again_or_changed(gateway):
    unique_identifier = await archived(gateway)
    again = ArchiveRequest(unique_identifier=unique_identifier)
    assert await gateway.refused(V2_1, O.ARCHIVE, again) is R.OBJECT_ARCHIVED
    assert await gateway.refused(V1_2, O.ACTIVATE, ActivateRequest(unique_identifier=unique_identifier)) is (
        R.OBJECT_ARCHIVED
    )


async def test_of_many_who_archive_at_once_one_does(gateway):
    asked = (O.ARCHIVE, ArchiveRequest(unique_identifier=await make(gateway)))
    told = await asyncio.gather(*(gateway.ask(V2_1, asked) for _ in range(5)))
    assert sorted(answer.status for (answer,) in told) == [S.SUCCESS, *[S.OPERATION_FAILED] * 4]


async def test_an_archived_object_can_be_destroyed(gateway):
    unique_identifier = await archived(gateway)
    await gateway.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier=unique_identifier))
    assert await located(gateway, storage_status_mask=ARCHIVAL) == []


async def test_a_destroyed_object_is_not_archived(gateway):
    unique_identifier = await make(gateway)
    await destroy(gateway, unique_identifier)
    asked = ArchiveRequest(unique_identifier=unique_identifier)
    assert await gateway.refused(V2_1, O.ARCHIVE, asked) is R.OBJECT_DESTROYED


async def test_a_stranger_archives_nothing(gateway):
    asked = ArchiveRequest(unique_identifier=await make(gateway))
    assert await gateway.other.refused(V2_1, O.ARCHIVE, asked) is R.OBJECT_NOT_FOUND
    assert await gateway.other.refused(V1_2, O.ARCHIVE, asked) is R.ITEM_NOT_FOUND


async def undone(client, operation: Operation, payload: Structure) -> None:
    """Ask for an operation in a batch whose second item fails, and that is undone therefore."""
    nothing = (O.GET, GetRequest(unique_identifier="nothing"))
    answers = await client.ask(
        V2_1, (operation, payload), nothing, batch_error_continuation_option=BatchErrorContinuationOption.UNDO
    )
    assert [answer.status for answer in answers] == [S.OPERATION_UNDONE, S.OPERATION_FAILED]


async def test_archiving_is_undone(gateway):
    unique_identifier = await make(gateway)
    await undone(gateway, O.ARCHIVE, ArchiveRequest(unique_identifier=unique_identifier))
    assert await located(gateway) == [unique_identifier]
    assert dates(gateway, unique_identifier)[0] is None


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_what_is_recovered_is_as_it_was(gateway, version):
    unique_identifier = await archived(gateway, version)
    gateway.clock.now += 5
    payload = await gateway.one(version, O.RECOVER, RecoverRequest(unique_identifier=unique_identifier))
    assert payload.unique_identifier == unique_identifier
    assert await located(gateway) == [unique_identifier]
    assert dates(gateway, unique_identifier) == (None, int(gateway.clock.now))
    await gateway.one(version, O.ACTIVATE, ActivateRequest(unique_identifier=unique_identifier))


async def test_recovering_what_is_on_line_changes_nothing(gateway):
    unique_identifier = await make(gateway)
    before = call_of(gateway).find(unique_identifier).attributes
    gateway.clock.now += 5
    await gateway.one(V2_1, O.RECOVER, RecoverRequest(unique_identifier=unique_identifier))
    assert call_of(gateway).find(unique_identifier).attributes == before


async def test_what_is_recovered_is_what_later_items_mean(gateway):
    unique_identifier = await archived(gateway)
    answers = await gateway.ask(
        V1_2,
        (O.RECOVER, RecoverRequest(unique_identifier=unique_identifier)),
        (O.ACTIVATE, ActivateRequest()),
    )
    assert [answer.payload.unique_identifier for answer in answers] == [unique_identifier] * 2


async def test_a_destroyed_object_is_not_recovered(gateway):
    unique_identifier = await archived(gateway)
    await destroy(gateway, unique_identifier)
    asked = RecoverRequest(unique_identifier=unique_identifier)
    assert await gateway.refused(V2_1, O.RECOVER, asked) is R.OBJECT_DESTROYED


async def test_a_stranger_recovers_nothing(gateway):
    asked = RecoverRequest(unique_identifier=await archived(gateway))
    assert await gateway.other.refused(V2_1, O.RECOVER, asked) is R.OBJECT_NOT_FOUND
    assert await located(gateway) == []


async def test_recovering_is_undone(gateway):
    unique_identifier = await archived(gateway)
    await undone(gateway, O.RECOVER, RecoverRequest(unique_identifier=unique_identifier))
    assert await located(gateway, storage_status_mask=ARCHIVAL) == [unique_identifier]
    assert dates(gateway, unique_identifier)[0] == int(gateway.clock.now)


async def test_undo_leaves_an_object_archived_that_another_request_has_archived_since(gateway):
    """Locate goes by what the row says, use by the date: both stay as the other request has left them."""
    unique_identifier = await make(gateway)
    call = call_of(gateway)
    call.batch.undo = []
    managed = call.find(unique_identifier)
    await archives.move(
        call, managed, lambda current: sets.put(current.attributes, Tag.ARCHIVE_DATE, call.today), archived=True
    )
    await gateway.one(V2_1, O.RECOVER, RecoverRequest(unique_identifier=unique_identifier))
    gateway.clock.now += 5
    await gateway.one(V2_1, O.ARCHIVE, ArchiveRequest(unique_identifier=unique_identifier))
    for step in call.batch.undo:
        await step()
    assert dates(gateway, unique_identifier)[0] == int(gateway.clock.now)
    assert await located(gateway) == []
    assert await located(gateway, storage_status_mask=ARCHIVAL) == [unique_identifier]
