"""What lies in the database of a key that is kept there (reliability item 25): wrapped, whatever becomes of it."""

import os
import sqlite3
from base64 import b64encode
from contextlib import closing
from pathlib import Path

import pytest

from gateway.config import KmipConfig
from gateway.errors import GeneralFailure
from gateway.exchange import Exchange
from gateway.kmip.enums import (
    EncodingOption,
    KeyFormatType,
    NameType,
    ResultReason,
    UsageLimitsUnit,
    WrappingMethod,
)
from gateway.kmip.objects import KeyBlock, KeyWrappingData, SymmetricKey
from gateway.kmip.structure import Attribute, LongInteger
from gateway.kmip.tags import Tag
from gateway.kmip.values import Name, UsageLimits
from gateway.kmip.version import V2_1
from gateway.operations.add_attribute import AddAttributeRequest
from gateway.operations.archive import ArchiveRequest
from gateway.operations.recover import RecoverRequest
from gateway.store.api import Custody
from gateway.store.sqlite import open_store
from gateway.token.api import KEK_LABEL, STORAGE_KEY_LABEL, Token
from gateway.token.parcels import unpack
from tests.attacks.attacker import (
    RESIDENT,
    WRAPS,
    B,
    M,
    O,
    bring,
    create,
    encrypt,
    fetch,
    reason,
    register,
    wrapping,
)
from tests.operations.conftest import Clock, Gateway
from tests.operations.test_create import kept

R = ResultReason


@pytest.fixture
def kmip_config() -> KmipConfig:
    """Keys are kept in the database."""
    return KmipConfig(custody="wrapped")


def everything(folder: Path) -> bytes:
    """Give all that the database has on the disk, its write-ahead log included."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("gateway.sqlite*")))


async def test_a_key_that_is_used_and_changed_stays_wrapped(gateway: Gateway, tmp_path: Path) -> None:
    value = os.urandom(32)
    limits = UsageLimits(usage_limits_total=LongInteger(5), usage_limits_unit=UsageLimitsUnit.OBJECT)
    key = await register(gateway, value, M.ENCRYPT, Attribute(Tag.USAGE_LIMITS, limits))
    before = (await kept(gateway, key)).row
    assert before.custody is Custody.WRAPPED
    for _ in range(3):
        await gateway.one(V2_1, *encrypt(key, b"data", block_cipher_mode=B.GCM))
    gateway.clock.now += 60
    name = Attribute(Tag.NAME, Name(name_value="changed", name_type=NameType.UNINTERPRETED_TEXT_STRING))
    await gateway.one(V2_1, O.ADD_ATTRIBUTE, AddAttributeRequest(unique_identifier=key, new_attribute=(name,)))
    await gateway.one(V2_1, O.ARCHIVE, ArchiveRequest(unique_identifier=key))
    await gateway.one(V2_1, O.RECOVER, RecoverRequest(unique_identifier=key))
    changed = await kept(gateway, key)
    assert (changed.row.custody, changed.row.wrapped) == (before.custody, before.wrapped)
    assert changed.usage_limits is not None and changed.usage_limits.usage_limits_count == 2
    assert (await gateway.one(V2_1, *fetch(key))).symmetric_key.key_block.key_value.key_material == value
    found = everything(tmp_path)
    assert key.encode() in found
    spelled = (value.hex().encode(), value.hex().upper().encode(), b64encode(value))
    for written in (value[:16], value[16:], *spelled):
        assert written not in found


def rewrite(path: Path, statement: str, *values: object) -> None:
    """Write the database as somebody does who has the file."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, values)


@pytest.mark.parametrize("own", [KEK_LABEL, STORAGE_KEY_LABEL])
async def test_no_row_makes_a_clients_key_of_one_of_the_gateways(
    token: Token, clock: Clock, tmp_path: Path, kmip_config: KmipConfig, own: str
) -> None:
    """By the key-encryption key, whoever can also write the database would unwrap what never leaves."""
    path = tmp_path / "rewritten.sqlite"
    store = open_store(path, unique_names=True)
    gateway = Gateway(Exchange(kmip_config, store, token, clock), clock, store, token)
    secret = await create(gateway, M.ENCRYPT, RESIDENT)
    parcel = unpack((await kept(gateway, secret)).row.wrapped)[1].blob
    by = await register(gateway, os.urandom(32), WRAPS | M.ENCRYPT | M.DECRYPT)
    await gateway.exchange.requests.close()
    await store.close()

    ref = await token.labelled(own)
    assert ref is not None
    changes = "custody = 'token', wrapped = x'', object_class = ?, cka_id = ?"
    rewrite(path, f"UPDATE objects SET {changes} WHERE unique_identifier = ?", ref.object_class, ref.cka_id, by)
    store = open_store(path, unique_names=True)
    gateway = Gateway(Exchange(kmip_config, store, token, clock), clock, store, token)
    block = KeyBlock(
        key_format_type=KeyFormatType.RAW,
        key_value=parcel,
        key_wrapping_data=KeyWrappingData(
            wrapping_method=WrappingMethod.ENCRYPT,
            encryption_key_information=wrapping(by, block_cipher_mode=B.AESKEYWRAPPADDING).encryption_key_information,
            encoding_option=EncodingOption.NO_ENCODING,
        ),
    )
    for asked in (
        bring(SymmetricKey(key_block=block), M.ENCRYPT),
        encrypt(by, b"data", block_cipher_mode=B.GCM),
        fetch(await register(gateway, os.urandom(16), M.ENCRYPT), by),
    ):
        assert await reason(gateway, asked) is R.GENERAL_FAILURE
    with pytest.raises(GeneralFailure):
        await token.destroy(ref)
    assert await token.labelled(own) == ref
    await gateway.exchange.requests.close()
    await store.close()
