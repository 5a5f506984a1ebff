"""Data of other batch items, and items whose output is for later ones alone (KMIP 2.1 section 8.2)."""

import hashlib

import pytest

from gateway import items
from gateway.batch import MAX_AHEAD
from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicUsageMask,
    DataReference,
    HashingAlgorithm,
    Operation,
    PaddingMethod,
    ResultReason,
    ResultStatus,
)
from gateway.kmip.structure import Data, ItemNumber, Structure
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V2_0, V2_1, Version
from gateway.operations.decrypt import DecryptRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.hash import HashRequest
from gateway.operations.mac import MACRequest
from gateway.operations.rng_retrieve import RNGRetrieveRequest
from tests.operations.conftest import Gateway
from tests.operations.test_cryptography import Keys, params
from tests.support.messages import Answer, answers, request

M, R = CryptographicUsageMask, ResultReason
SHA256 = CryptographicParameters(hashing_algorithm=HashingAlgorithm.SHA_256)
CBC = params(BlockCipherMode.CBC, PaddingMethod.PKCS5)
IV, DATA = bytes(range(16)), b"what is re-encrypted"


@pytest.fixture
def keys(gateway: Gateway) -> Keys:
    return Keys(gateway)


async def ask(
    gateway: Gateway, *items: tuple[Operation, Structure], ephemeral: tuple[int, ...] = (), version: Version = V2_1
) -> list[Answer]:
    """Send items, of which those with these numbers are ephemeral."""
    raw = request(version, *items, ephemeral=ephemeral)
    return answers(await gateway.exchange.answer(raw, gateway._peer), version)


def hashed(data: Data) -> tuple[Operation, Structure]:
    return Operation.HASH, HashRequest(cryptographic_parameters=SHA256, data=data)


@pytest.mark.parametrize("version", [V2_0, V2_1], ids=str)
@pytest.mark.parametrize("reference", [DataReference.DECRYPT, ItemNumber(0), ItemNumber(-1)], ids=repr)
async def test_data_is_re_encrypted_without_being_given_out(
    gateway: Gateway, keys: Keys, reference: Data, version: Version
) -> None:
    old, new = await keys.secret(), await keys.secret(bytes(32))
    given = {"cryptographic_parameters": CBC, "iv_counter_nonce": IV}
    sealed = (
        await gateway.one(version, Operation.ENCRYPT, EncryptRequest(unique_identifier=old, data=DATA, **given))
    ).data
    opening = DecryptRequest(unique_identifier=old, data=sealed, **given)
    closing = EncryptRequest(unique_identifier=new, data=reference, **given)
    first, second = await ask(
        gateway, (Operation.DECRYPT, opening), (Operation.ENCRYPT, closing), ephemeral=(0,), version=version
    )
    assert first.status is ResultStatus.SUCCESS
    assert first.payload is None, "an empty payload: not even the unique identifier"
    again = DecryptRequest(unique_identifier=new, data=second.payload.data, **given)
    assert (await gateway.one(version, Operation.DECRYPT, again)).data == DATA


async def test_each_operation_puts_out_its_own_data(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret(mask=M.MAC_GENERATE, sensitive=False, extractable=True)
    hmac_256 = CryptographicParameters(hashing_algorithm=HashingAlgorithm.SHA_256)
    mac = MACRequest(unique_identifier=uid, data=DataReference.RNG_RETRIEVE, cryptographic_parameters=hmac_256)
    found = await ask(
        gateway,
        (Operation.RNG_RETRIEVE, RNGRetrieveRequest(data_length=20)),
        (Operation.MAC, mac),
        hashed(DataReference.MAC_MAC_DATA),
        hashed(DataReference.HASH),
        hashed(ItemNumber(0)),
    )
    random, code, first, second, third = [each.payload for each in found]
    assert first.data == hashlib.sha256(code.mac_data).digest()
    assert second.data == hashlib.sha256(first.data).digest()
    assert third.data == hashlib.sha256(random.data).digest()


@pytest.mark.parametrize(
    "reference", [DataReference.SIGN_SIGNATURE_DATA, ItemNumber(1), ItemNumber(-2), ItemNumber(2**31 - 1)], ids=repr
)
async def test_there_is_no_such_data(gateway: Gateway, reference: Data) -> None:
    _, answer = await ask(gateway, hashed(DATA), hashed(reference))
    assert answer.reason is R.ITEM_NOT_FOUND


async def test_a_failed_item_and_one_that_puts_out_no_data_are_referred_to_in_vain(
    gateway: Gateway, keys: Keys
) -> None:
    uid = await keys.secret(sensitive=False, extractable=True)
    got, answer = await ask(gateway, (Operation.GET, GetRequest(unique_identifier=uid)), hashed(ItemNumber(0)))
    assert got.status is ResultStatus.SUCCESS
    assert answer.reason is R.ITEM_NOT_FOUND, "key material is no data"


async def test_another_message_knows_nothing_of_it(gateway: Gateway) -> None:
    await ask(gateway, hashed(DATA), ephemeral=(0,))
    (answer,) = await ask(gateway, hashed(DataReference.HASH))
    assert answer.reason is R.ITEM_NOT_FOUND


async def test_only_what_puts_out_data_may_be_ephemeral(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret()
    (answer,) = await ask(gateway, (Operation.GET, GetRequest(unique_identifier=uid)), ephemeral=(0,))
    assert answer.reason is R.FEATURE_NOT_SUPPORTED


async def test_what_is_kept_for_later_items_is_bounded(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "MAX_RESPONSE_BYTES", 3000)
    item = Operation.RNG_RETRIEVE, RNGRetrieveRequest(data_length=1000)
    found = await ask(gateway, *[item] * 100, ephemeral=tuple(range(100)))
    assert found[-1].reason is R.RESPONSE_TOO_LARGE
    assert len(found) <= 3 + MAX_AHEAD, "those begun together are not counted yet"
