"""Keys moved between token and database, and to another token: what they do stays the same, whatever is killed."""

import asyncio
import os
from pathlib import Path

import pytest

from gateway.admin import custody, passage
from gateway.admin.custody import RESIDENT, Mover, Order, Outcome
from gateway.admin.reaper import Reaper
from gateway.config import TokenConfig
from gateway.kmip import attribute_sets as sets
from gateway.kmip.enums import (
    CryptographicAlgorithm,
    CryptographicUsageMask,
    HashingAlgorithm,
    ObjectType,
    Operation,
    ProtectionStorageMask,
    RecommendedCurve,
    ResultReason,
)
from gateway.kmip.objects import OpaqueObject
from gateway.kmip.structure import Attribute, DateTime, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicDomainParameters, CryptographicParameters
from gateway.kmip.version import V2_1
from gateway.managed import Catalogue, ref_of
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.mac import MACRequest
from gateway.operations.register import RegisterRequest
from gateway.operations.sign import SignRequest
from gateway.operations.signature_verify import SignatureVerifyRequest
from gateway.store.api import Custody
from gateway.store.sqlite import open_store
from gateway.token.api import KeyRef, ObjectClass
from gateway.token.local import LocalWorkers
from gateway.token.setup import set_up_token
from gateway.wire.codec import Codec
from tests.token.conftest import softhsm

pytestmark = pytest.mark.on_token

A, M, O = CryptographicAlgorithm, CryptographicUsageMask, Operation  # noqa: E741
HMAC = CryptographicParameters(cryptographic_algorithm=A.HMAC_SHA256)
ECDSA = CryptographicParameters(cryptographic_algorithm=A.ECDSA, hashing_algorithm=HashingAlgorithm.SHA_256)
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1))
WRAPPED, ON_TOKEN = Order(Custody.WRAPPED), Order(Custody.TOKEN)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """No grace, and a one-time key that is made soon."""
    monkeypatch.setattr(custody, "GRACE_S", 0.0)
    monkeypatch.setattr(passage, "BITS", (2048,))


@pytest.fixture
async def admin(store, tmp_path):
    """The store as the process of an admin has it open."""
    opened = open_store(tmp_path / "gateway.sqlite")
    yield opened
    await opened.close()


@pytest.fixture
def mover(admin, token):
    return Mover(admin, {"default": token})


async def mac_key(gateway, *more):
    """Create an HMAC key of 256 bits."""
    attributes = (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.HMAC_SHA256),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.MAC_GENERATE | M.MAC_VERIFY),
        ACTIVE,
        *more,
    )
    request = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=attributes)
    return (await gateway.one(V2_1, O.CREATE, request)).unique_identifier


async def pair(gateway):
    """Create an EC pair."""
    curve = CryptographicDomainParameters(recommended_curve=RecommendedCurve.P_256)
    common = (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.ECDSA),
        Attribute(Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS, curve),
        ACTIVE,
    )
    request = CreateKeyPairRequest(
        common_attributes=common,
        private_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.SIGN),),
        public_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.VERIFY),),
    )
    made = await gateway.one(V2_1, O.CREATE_KEY_PAIR, request)
    return made.private_key_unique_identifier, made.public_key_unique_identifier


async def mac(gateway, uid):
    request = MACRequest(unique_identifier=uid, cryptographic_parameters=HMAC, data=b"data")
    return (await gateway.one(V2_1, O.MAC, request)).mac_data


async def told(gateway, uid):
    """Give where the object is said to be."""
    payload = await gateway.one(V2_1, O.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=uid))
    return next(each.value for each in payload.attributes if each.tag is Tag.PROTECTION_STORAGE_MASK)


async def on_token(token, row):
    """Give the keys on the token under the CKA_ID of a row."""
    return {ref.object_class for ref in await token.find([row.cka_id])}


async def test_a_key_and_a_pair_go_and_come_back_and_do_the_same(gateway, store, token, mover):
    key, (private, public) = await mac_key(gateway), await pair(gateway)
    code = await mac(gateway, key)
    sign = SignRequest(unique_identifier=private, cryptographic_parameters=ECDSA, data=b"data")
    first = (await gateway.one(V2_1, O.SIGN, sign)).signature_data
    for order, held in ((WRAPPED, set()), (ON_TOKEN, {ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY})):
        before = [store.peek(uid) for uid in (key, private, public)]
        for uid in (key, private):
            assert await mover.move(store.peek(uid), order) == [
                Outcome(each) for each in ((uid,) if uid == key else (private, public))
            ]
        assert await mover.move(store.peek(public), order) == []  # it went with its other half
        await mover.finish()
        rows = [store.peek(uid) for uid in (key, private, public)]
        assert {row.custody for row in rows} == {order.custody}
        assert rows[1].cka_id == rows[2].cka_id
        for row, old in zip(rows, before, strict=True):
            assert row.cka_id != old.cka_id
            assert await on_token(token, old) == set()
        assert await on_token(token, rows[1]) == held
        assert await told(gateway, key) is ProtectionStorageMask.SOFTWARE
        assert await mac(gateway, key) == code
        signed = (await gateway.one(V2_1, O.SIGN, sign)).signature_data
        for signature in (first, signed):
            verify = SignatureVerifyRequest(
                unique_identifier=public, cryptographic_parameters=ECDSA, data=b"data", signature_data=signature
            )
            assert (await gateway.one(V2_1, O.SIGNATURE_VERIFY, verify)).validity_indicator.name == "VALID"
        mover._moved.clear()


async def test_a_stream_does_not_go_on_with_a_key_that_moved(gateway, store, mover):
    """Nor when it is back: what was fed to the first key cannot be joined to another."""
    key = await mac_key(gateway)

    def part(data, **fields):
        return MACRequest(unique_identifier=key, cryptographic_parameters=HMAC, data=data, **fields)

    async def begun():
        return (await gateway.one(V2_1, O.MAC, part(b"da", init_indicator=True))).correlation_value

    values = [await begun(), await begun()]
    for order in (WRAPPED, ON_TOKEN):
        await mover.move(store.peek(key), order)
        await mover.finish()
        mover._moved.clear()
        request = MACRequest(unique_identifier=key, correlation_value=values.pop(), data=b"ta", final_indicator=True)
        assert await gateway.refused(V2_1, O.MAC, request) is ResultReason.INVALID_CORRELATION_VALUE
        request = MACRequest(unique_identifier=key, correlation_value=await begun(), data=b"ta", final_indicator=True)
        assert (await gateway.one(V2_1, O.MAC, request)).mac_data == await mac(gateway, key)


async def test_a_resident_key_stays_and_what_is_there_is_left_alone(gateway, store, token, mover):
    key = await mac_key(gateway, Attribute(Tag.EXTRACTABLE, False))
    row = store.peek(key)
    assert await mover.move(row, WRAPPED) == [Outcome(key, RESIDENT, there=False)]
    assert await mover.move(row, ON_TOKEN) == [Outcome(key, "is kept so already")]
    assert store.peek(key) == row
    assert await on_token(token, row) == {ObjectClass.SECRET_KEY}


@pytest.mark.parametrize("order", [WRAPPED, ON_TOKEN], ids=lambda order: str(order.custody))
@pytest.mark.parametrize("step", ["copied", "commit"])
async def test_a_move_that_is_killed_after_a_step_leaves_one_key_that_works(
    gateway, store, token, tmp_path, order, step
):
    key = await mac_key(gateway)
    code = await mac(gateway, key)
    if order is ON_TOKEN:
        other = open_store(tmp_path / "gateway.sqlite")
        mover = Mover(other, {"default": token})
        await mover.move(store.peek(key), WRAPPED)
        await mover.finish()
        await other.close()
    admin = open_store(tmp_path / "gateway.sqlite")
    mover = Mover(admin, {"default": token})
    before = store.peek(key)
    made = await mover.copied([before], order.custody, "default")
    if step == "commit":
        await mover.commit([before], made)
    await admin.close()  # what is not spent stays reserved, by an instance that is gone
    reaper = Reaper(store, {"default": token}, {"default": TokenConfig(module=Path())})
    for _ in range(2):  # a reservation is dropped the second time round
        await reaper.reap()
    row = store.peek(key)
    assert row.custody is (order.custody if step == "commit" else before.custody)
    held = {ref for each in (before, made[0]) for ref in await token.find([each.cka_id])}
    assert held == ({KeyRef(ObjectClass.SECRET_KEY, row.cka_id)} if row.on_token else set())
    assert await mac(gateway, key) == code
    assert await store.unspent() == []


async def test_a_key_that_is_destroyed_meanwhile_is_not_brought_back(gateway, store, token, admin, mover):
    key = await mac_key(gateway)
    row = store.peek(key)
    made = await mover.copied([row], Custody.WRAPPED, "default")
    await store.write(lambda transaction: transaction.set_storage(row.id, destroyed=True))
    with pytest.raises(custody.GeneralFailure, match="changed at the same time"):
        await mover.commit([row], made)
    assert store.peek(key).custody is Custody.TOKEN


async def allow_more(store, row):
    """Write into the database what a key was never made for."""
    catalogue = Catalogue(Codec())
    more = sets.put(catalogue.decode(row).attributes, Tag.CRYPTOGRAPHIC_USAGE_MASK, M.MAC_GENERATE | M.ENCRYPT)
    await store.write(lambda transaction: transaction.replace_attributes(row.id, catalogue.rows(more)))


async def test_what_may_leave_goes_to_another_token(gateway, store, token, tmp_path):
    key, resident = await mac_key(gateway), await mac_key(gateway, Attribute(Tag.EXTRACTABLE, False))
    value = await token.export_key(ref_of(store.peek(key)))
    opaque = OpaqueObject(opaque_data_type=OpenEnumeration(0x80000001), opaque_data_value=os.urandom(100))
    request = RegisterRequest(object_type=ObjectType.OPAQUE_OBJECT, opaque_object=opaque)
    sealed = (await gateway.one(V2_1, O.REGISTER, request)).unique_identifier
    settings = softhsm(tmp_path, label="second")
    await asyncio.to_thread(set_up_token, settings, so_pin="security officer")
    admin = open_store(tmp_path / "gateway.sqlite")
    async with LocalWorkers(settings) as second:
        mover = Mover(admin, {"default": token, "second": second})
        old = store.peek(key)
        await allow_more(admin, old)
        for custody_there in (Custody.TOKEN, Custody.WRAPPED):
            mover._moved.clear()
            assert await mover.move(store.peek(key), Order(custody_there, "second")) == [Outcome(key)]
            await mover.finish()
            row = store.peek(key)
            assert (row.token, row.custody) == ("second", custody_there)
            known = await second.attributes(ref_of(row))
            assert (known["extractable"], known["sign"], known["encrypt"]) == (True, True, False)
            assert await second.export_key(ref_of(row)) == value
            assert await on_token(token, old) == set()
        (stays,) = await mover.move(store.peek(resident), Order(Custody.TOKEN, "second"))
        assert stays == Outcome(resident, RESIDENT, there=False)
        assert (await mover.move(store.peek(sealed), Order(Custody.TOKEN, "second"))) == [Outcome(sealed)]
        (made,) = await mover.copied([store.peek(key)], Custody.TOKEN, "default")  # and killed before the commit
        assert await on_token(token, made) == {ObjectClass.SECRET_KEY}
        await admin.close()
        module = TokenConfig(module=Path())
        reaper = Reaper(store, {"default": token, "second": second}, {"default": module, "second": module})
        for _ in range(2):
            await reaper.reap()
        assert await on_token(token, made) == set()
        assert await second.export_key(ref_of(store.peek(key))) == value
        row = store.peek(sealed)
        assert (row.token, row.custody) == ("second", Custody.SEALED)
        assert opaque.opaque_data_value in await second.open(row.material, sealed.encode())
        # Of a token that is not there, nobody gives anything.
        assert (await gateway.refused(V2_1, O.GET, GetRequest(unique_identifier=sealed))).name == "GENERAL_FAILURE"
        await gateway.ask(V2_1, (O.DESTROY, DestroyRequest(unique_identifier=sealed)))
