"""Obtain Lease (KMIP 2.1 section 6.1.35): how long, since when unchanged, and of what there is none."""

import pytest

from gateway.kmip.enums import Operation, ResultReason, RevocationReasonCode
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.values import RevocationReason
from gateway.kmip.version import SUPPORTED, V1_2, V2_1
from gateway.operations.archive import ArchiveRequest
from gateway.operations.obtain_lease import ObtainLeaseRequest
from gateway.operations.revoke import RevokeRequest
from tests.operations.making import destroy, make

O, R, Code = Operation, ResultReason, RevocationReasonCode  # noqa: E741


def lease(unique_identifier):
    return ObtainLeaseRequest(unique_identifier=unique_identifier)


async def revoked(client, code):
    unique_identifier = await make(client, Attribute(Tag.ACTIVATION_DATE, DateTime(1)))
    reason = RevocationReason(revocation_reason_code=code)
    await client.one(V2_1, O.REVOKE, RevokeRequest(unique_identifier=unique_identifier, revocation_reason=reason))
    return unique_identifier


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_a_lease_is_an_hour_of_an_object_that_has_not_changed_since(gateway, version):
    unique_identifier = await make(gateway)
    made = int(gateway.clock.now)
    gateway.clock.now += 500
    for _ in range(2):  # A lease is no change.
        payload = await gateway.one(version, O.OBTAIN_LEASE, lease(unique_identifier))
        assert payload.unique_identifier == unique_identifier
        assert (payload.lease_time, payload.last_change_date) == (3600, made)


@pytest.mark.parametrize("version", SUPPORTED, ids=str)
async def test_of_what_is_compromised_there_is_none(gateway, version):
    unique_identifier = await revoked(gateway, Code.KEY_COMPROMISE)
    assert await gateway.refused(version, O.OBTAIN_LEASE, lease(unique_identifier)) is R.PERMISSION_DENIED


async def test_of_what_is_deactivated_there_is_one_to_process_old_data(gateway):
    unique_identifier = await revoked(gateway, Code.SUPERSEDED)
    assert (await gateway.one(V2_1, O.OBTAIN_LEASE, lease(unique_identifier))).lease_time == 3600


async def test_of_what_is_not_there_is_none(gateway):
    archived, destroyed = await make(gateway), await make(gateway)
    await gateway.one(V2_1, O.ARCHIVE, ArchiveRequest(unique_identifier=archived))
    await destroy(gateway, destroyed)
    assert await gateway.refused(V2_1, O.OBTAIN_LEASE, lease(archived)) is R.OBJECT_ARCHIVED
    assert await gateway.refused(V2_1, O.OBTAIN_LEASE, lease(destroyed)) is R.OBJECT_DESTROYED
    assert await gateway.refused(V1_2, O.OBTAIN_LEASE, ObtainLeaseRequest()) is R.ITEM_NOT_FOUND
    assert await gateway.other.refused(V2_1, O.OBTAIN_LEASE, lease(await make(gateway))) is R.OBJECT_NOT_FOUND
