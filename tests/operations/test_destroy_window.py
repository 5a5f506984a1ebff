"""Destroy with a window: gone for every client at once, had back by an operator, and in the end gone for good."""

import asyncio
import time
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway import placement, pushes
from gateway.admin import kept as admin_kept
from gateway.admin.custody import Mover, Order
from gateway.admin.objects import list_objects
from gateway.admin.reaper import Reaper
from gateway.config import Config, KmipConfig, StoreConfig, TlsConfig, TokenConfig
from gateway.errors import ConfigurationError, ObjectDestroyed
from gateway.kmip.enums import (
    BatchErrorContinuationOption,
    BlockCipherMode,
    InteropFunction,
    LinkType,
    ObjectType,
    Operation,
    ResultReason,
    ResultStatus,
    RevocationReasonCode,
    State,
)
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.objects import OpaqueObject
from gateway.kmip.structure import Attribute, DateTime, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, RevocationReason
from gateway.kmip.version import V2_1
from gateway.operations.activate import ActivateRequest
from gateway.operations.create import CreateRequest
from gateway.operations.decrypt import DecryptRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.import_ import ImportRequest
from gateway.operations.interop import InteropRequest
from gateway.operations.revoke import RevokeRequest
from gateway.store.api import Custody
from gateway.store.sqlite import open_store
from tests.operations.making import call_of, names
from tests.operations.test_asynchronous import pend, polled
from tests.operations.test_create import created, kept, spec
from tests.operations.test_custody import pair
from tests.operations.test_roles import ALL, Quotas

O, R, S = Operation, ResultReason, ResultStatus  # noqa: E741
WINDOW_S = 3600
DATA = b"sixteen bytes!!!"
CBC = CryptographicParameters(block_cipher_mode=BlockCipherMode.CBC)
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1))
UNDO = {"batch_error_continuation_option": BatchErrorContinuationOption.UNDO}
NOBODY = (O.ACTIVATE, ActivateRequest(unique_identifier="nobody's"))


@pytest.fixture(params=[Custody.TOKEN, Custody.WRAPPED], ids=str)
def custody(request):
    return request.param


@pytest.fixture
def kmip_config(custody):
    return KmipConfig(custody=custody.value, destroy_window_s=WINDOW_S, allow=("client_ivs",), interop=True)


@pytest.fixture
def operator(gateway, tmp_path):
    """Give a function that has an object back at a moment, as the command does, and gives its State."""
    tls = TlsConfig(ca=Path(), certificate=Path(), key=Path())
    config = Config(
        version="v1",
        tls=tls,
        token=TokenConfig(module=Path()),
        store=StoreConfig(path=tmp_path / "gateway.sqlite"),
        kmip=KmipConfig(),
    )

    async def take_back(uid, unique_names=True):
        asked = replace(config, kmip=KmipConfig(unique_names=unique_names))
        return await asyncio.to_thread(admin_kept.take_back, asked, uid, gateway.clock)

    take_back.config = config
    return take_back


@pytest.fixture
def reaper(gateway):
    return Reaper(gateway.store, {"default": gateway.token}, {"default": TokenConfig(module=Path())}, gateway.clock)


async def key(gateway, *more):
    return (await created(gateway, spec(A.AES, 256, M.ENCRYPT | M.DECRYPT, *more))).unique_identifier


async def encrypted(gateway, uid):
    asked = EncryptRequest(unique_identifier=uid, cryptographic_parameters=CBC, data=DATA, iv_counter_nonce=bytes(16))
    return (await gateway.one(V2_1, O.ENCRYPT, asked)).data


async def decrypted(gateway, uid, data):
    asked = DecryptRequest(unique_identifier=uid, cryptographic_parameters=CBC, data=data, iv_counter_nonce=bytes(16))
    return (await gateway.one(V2_1, O.DECRYPT, asked)).data


async def revoke(gateway, uid, code=RevocationReasonCode.CESSATION_OF_OPERATION):
    reason = RevocationReason(revocation_reason_code=code)
    await gateway.one(V2_1, O.REVOKE, RevokeRequest(unique_identifier=uid, revocation_reason=reason))


async def destroy(gateway, uid):
    await gateway.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier=uid))


async def state(gateway, uid):
    return (await kept(gateway, uid)).state(gateway.clock.now)


async def test_what_is_destroyed_is_had_back_within_the_window_and_is_the_same_key(gateway, operator, reaper, custody):
    uid = await key(gateway, ACTIVE)
    data, before = await encrypted(gateway, uid), gateway.store.peek(uid)
    await revoke(gateway, uid)
    await destroy(gateway, uid)
    # For clients it is destroyed, in every way and at once; nothing that they reach leads to its material.
    for operation, request in (
        (O.GET, GetRequest(unique_identifier=uid)),
        (O.ENCRYPT, EncryptRequest(unique_identifier=uid, cryptographic_parameters=CBC, data=DATA)),
        (O.DECRYPT, DecryptRequest(unique_identifier=uid, cryptographic_parameters=CBC, data=data)),
        (O.DESTROY, DestroyRequest(unique_identifier=uid)),
    ):
        assert await gateway.refused(V2_1, operation, request) is R.OBJECT_DESTROYED
    row = gateway.store.peek(uid)
    assert (row.destroyed, row.material, row.wrapped) == (True, None, b"")
    assert await state(gateway, uid) is State.DESTROYED
    # Nor is it sent to anybody who was to have it by a Put, nor is a token asked by whoever has it in hand.
    call = call_of(gateway)
    assert await pushes.put(call, call.find(uid)) is None
    with pytest.raises(ObjectDestroyed):
        placement.token_of(call, call.find(uid))
    gateway.clock.now += WINDOW_S - 1
    assert await reaper.reap() == 0
    assert bool(await gateway.token.find([before.cka_id])) is (custody is Custody.TOKEN)
    assert await operator(uid) is State.DEACTIVATED
    assert await decrypted(gateway, uid, data) == DATA
    assert (gateway.store.peek(uid).wrapped, gateway.store.peek(uid).custody) == (before.wrapped, custody)
    with pytest.raises(ConfigurationError, match="is not destroyed"):
        await operator(uid)


async def test_one_that_was_never_active_encrypts_once_it_is(gateway, operator):
    uid = await key(gateway)
    await destroy(gateway, uid)
    assert await operator(uid) is State.PRE_ACTIVE
    await gateway.one(V2_1, O.ACTIVATE, ActivateRequest(unique_identifier=uid))
    assert await decrypted(gateway, uid, await encrypted(gateway, uid)) == DATA


async def test_after_the_window_it_is_gone_from_token_and_database(gateway, operator, reaper, tmp_path, custody):
    uid, other = await key(gateway), await key(gateway)
    row = gateway.store.peek(uid)
    await destroy(gateway, uid)
    gateway.clock.now += WINDOW_S + 1
    with pytest.raises(ConfigurationError, match="gone for good"):  # though no reaper has come by yet
        await operator(uid)
    await destroy(gateway, other)
    assert await reaper.reap() == 1
    assert await gateway.token.find([row.cka_id]) == []
    with pytest.raises(ConfigurationError, match="gone for good"):
        await operator(uid)
    # A clock that is put back brings nothing back that was claimed.
    gateway.clock.now -= WINDOW_S
    with pytest.raises(ConfigurationError, match="gone for good"):
        await operator(uid)
    files = [path.read_bytes() for path in tmp_path.glob("gateway.sqlite*")]
    assert custody is Custody.TOKEN or not any(row.wrapped in each for each in files[:1])
    assert await operator(other) is State.PRE_ACTIVE


async def test_what_was_said_of_it_meanwhile_holds(gateway, operator):
    uid = await key(gateway)
    await destroy(gateway, uid)
    await revoke(gateway, uid, RevocationReasonCode.KEY_COMPROMISE)
    assert await state(gateway, uid) is State.DESTROYED_COMPROMISED
    assert await operator(uid) is State.COMPROMISED


async def test_undo_brings_it_back_and_a_batch_that_succeeds_leaves_it_for_the_window(
    gateway, operator, reaper, custody
):
    uid = await key(gateway)
    asked = (O.DESTROY, DestroyRequest(unique_identifier=uid))
    first, _ = await gateway.ask(V2_1, asked, NOBODY, **UNDO)
    assert (first.status, await state(gateway, uid)) == (S.OPERATION_UNDONE, State.PRE_ACTIVE)
    gateway.clock.now += 2 * WINDOW_S
    assert await reaper.reap() == 0  # nothing is left of the window
    assert (await gateway.one(V2_1, O.GET, GetRequest(unique_identifier=uid))).symmetric_key is not None
    (done,) = await gateway.ask(V2_1, asked, **UNDO)
    assert done.status is S.SUCCESS
    assert await operator(uid) is State.PRE_ACTIVE
    # One whose window ends while its batch is still at work is kept until that has ended.
    row = gateway.store.peek(uid)
    due = admin_kept.Kept(int(gateway.clock.now) - 1)
    await gateway.store.write(lambda tx: tx.set_storage(row.id, destroyed=True))
    await gateway.store.write(lambda tx: tx.queue_destroy(row.id, held=True, kept=due))
    assert await reaper.reap() == 0
    await gateway.store.write(lambda tx: tx.release_destroy(row.id))
    assert await reaper.reap() == 1


async def test_what_a_batch_made_and_undoes_is_gone_at_once(gateway, reaper):
    create = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=spec(A.AES, 256, M.ENCRYPT))
    made, _ = await gateway.ask(V2_1, (O.CREATE, create), NOBODY, **UNDO)
    row = gateway.store.peek(made.payload.unique_identifier)
    assert await gateway.token.find([row.cka_id]) == []
    assert await gateway.store.write(lambda tx: tx.kept(row.id)) is None


async def test_a_destroy_that_nobody_waited_for_is_had_back_and_a_reset_is_not(gateway, operator):
    uid, other = await key(gateway), await key(gateway)
    value = await pend(gateway, O.DESTROY, DestroyRequest(unique_identifier=uid))
    answer = await polled(gateway, value)
    while answer.status is S.OPERATION_PENDING:
        answer = await polled(gateway, value)
    assert answer.status is S.SUCCESS
    assert await operator(uid) is State.PRE_ACTIVE
    row = gateway.store.peek(other)
    reset = InteropRequest(interop_function=InteropFunction.RESET, interop_identifier="TC-1")
    await gateway.one(V2_1, O.INTEROP, reset)
    assert await gateway.token.find([row.cka_id]) == []
    with pytest.raises(ConfigurationError, match="gone for good"):
        await operator(other)


async def test_a_name_that_is_taken_is_named(gateway, operator, tmp_path):
    uid = await key(gateway, *names("payroll"))
    await destroy(gateway, uid)
    loose = open_store(tmp_path / "gateway.sqlite", unique_names=False)
    row = gateway.store.peek(uid)
    other = replace(row, unique_identifier="another", cka_id=await loose.reserve(), destroyed=False)
    await loose.write(lambda tx: tx.add(other, ("payroll",)))
    await loose.close()
    with pytest.raises(ConfigurationError, match="its Name 'payroll' is that of another"):
        await operator(uid)
    assert gateway.store.peek(uid) == row
    assert await operator(uid, unique_names=False) is State.PRE_ACTIVE


async def test_what_an_import_replaced_comes_back_under_its_own_identifier(gateway, operator, token, monkeypatch):
    class Opened:
        async def __aenter__(self):
            return {"default": token}

        async def __aexit__(self, *_):
            pass

    def opaque(value):
        return OpaqueObject(opaque_data_type=OpenEnumeration(0x80000001), opaque_data_value=value)

    async def bring(value, **more):
        asked = ImportRequest(
            unique_identifier="a", object_type=ObjectType.OPAQUE_OBJECT, opaque_object=opaque(value), **more
        )
        await gateway.one(V2_1, O.IMPORT, asked)

    monkeypatch.setattr(admin_kept, "opened", lambda *_: Opened())
    await bring(b"first")
    first = gateway.store.peek("a").id
    await bring(b"second", replace_existing=True)
    listed = list_objects(operator.config.store.path, tenant=None, after=0, limit=9)
    aside = next(each.unique_identifier for each in listed if each.number == first)
    # The command has a loop of its own; the workers of this test are in this one.
    fn = partial(admin_kept._found, aside, gateway.clock.now)
    row, found = await gateway.store.write(fn)
    material = await admin_kept._sealed_as_now(operator.config, gateway.store, row, found)
    await gateway.store.write(partial(admin_kept._taken_back, row, found, material, gateway.clock.now, True))
    got = await gateway.one(V2_1, O.GET, GetRequest(unique_identifier=aside))
    assert got.opaque_object.opaque_data_value == b"first"
    got = await gateway.one(V2_1, O.GET, GetRequest(unique_identifier="a"))
    assert got.opaque_object.opaque_data_value == b"second"
    assert (await kept(gateway, aside)).linked(LinkType.REPLACEMENT_OBJECT_LINK) == "a"


@pytest.mark.parametrize("custody", [Custody.TOKEN], ids=str, indirect=True)
async def test_a_half_of_a_pair_does_not_move_while_the_other_can_be_had_back(gateway, operator, token, tmp_path):
    private, public = await pair(gateway)
    await revoke(gateway, private)
    await destroy(gateway, private)
    admin = open_store(tmp_path / "gateway.sqlite")
    (stays,) = await Mover(admin, {"default": token}).move(gateway.store.peek(public), Order(Custody.WRAPPED))
    await admin.close()
    assert not stays.there and private in stays.what
    assert len(await token.find([gateway.store.peek(public).cka_id])) == 2
    assert await operator(private) is State.DEACTIVATED


async def test_a_role_has_its_own_window_and_what_is_kept_counts_among_the_objects(gateway, operator):
    client = gateway.client("cert:a", replace(ALL, destroy_window_s=0, quotas=Quotas(objects=1)))
    uid = await key(client)
    await destroy(client, uid)
    with pytest.raises(ConfigurationError, match="gone for good"):
        await operator(uid)
    client = gateway.client("cert:a", replace(ALL, destroy_window_s=2 * WINDOW_S, quotas=Quotas(objects=1)))
    uid = await key(client)
    await destroy(client, uid)
    create = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=spec(A.AES, 256, M.ENCRYPT))
    assert await client.refused(V2_1, O.CREATE, create) is R.SERVER_LIMIT_EXCEEDED
    gateway.clock.now += WINDOW_S + 1
    assert await operator(uid) is State.PRE_ACTIVE


async def test_an_operator_ends_a_window_and_lists_those_that_are_open(gateway, operator, reaper):
    gateway.clock.now = time.time()
    uid, other = await key(gateway), await key(gateway)
    row = gateway.store.peek(uid)
    await destroy(gateway, uid)
    await destroy(gateway, other)
    listing = partial(list_objects, operator.config.store.path, tenant=None, after=0, limit=9, destroyed=True)
    assert [(each.unique_identifier, each.restorable_until != "") for each in listing()] == [(uid, True), (other, True)]
    await asyncio.to_thread(admin_kept.erase, operator.config, [uid])
    assert [each.unique_identifier for each in listing()] == [other]
    await reaper.reap()
    assert await gateway.token.find([row.cka_id]) == []
    with pytest.raises(ConfigurationError, match="gone for good"):
        await asyncio.to_thread(admin_kept.erase, operator.config, [other, uid])
    assert await operator(other) is State.PRE_ACTIVE
