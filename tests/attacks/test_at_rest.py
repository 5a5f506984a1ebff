"""What lies in the database of a key that is kept there (reliability item 25): wrapped, whatever becomes of it."""

import os
from base64 import b64encode
from pathlib import Path

import pytest

from gateway.config import KmipConfig
from gateway.kmip.enums import NameType, UsageLimitsUnit
from gateway.kmip.structure import Attribute, LongInteger
from gateway.kmip.tags import Tag
from gateway.kmip.values import Name, UsageLimits
from gateway.kmip.version import V2_1
from gateway.operations.add_attribute import AddAttributeRequest
from gateway.operations.archive import ArchiveRequest
from gateway.operations.recover import RecoverRequest
from gateway.store.api import Custody
from tests.attacks.attacker import B, M, O, encrypt, fetch, register
from tests.operations.conftest import Gateway
from tests.operations.test_create import kept


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
