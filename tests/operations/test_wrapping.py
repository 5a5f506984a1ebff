"""Wrapping keys that are for data too: they wrap by a copy that does nothing else, if their owner may fetch them."""

import os

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from msgspec.structs import replace

from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicUsageMask,
    EncodingOption,
    KeyWrapType,
    Operation,
    ResultReason,
)
from gateway.kmip.objects import EncryptionKeyInformation, KeyWrappingData
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V1_4, V2_1
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from tests.operations.conftest import Gateway
from tests.operations.test_register_get import KEK, aes, get, mask, register, specification

M = CryptographicUsageMask
EVERYTHING = (M.ENCRYPT, M.DECRYPT, M.WRAP_KEY, M.UNWRAP_KEY)
DATED = Attribute(Tag.ACTIVATION_DATE, DateTime(1))
RAW = {"mode": BlockCipherMode.NISTKEYWRAP, "encoding_option": EncodingOption.NO_ENCODING}


async def key_for_all(gateway: Gateway, *attributes: Attribute) -> str:
    return await register(gateway, V2_1, aes(KEK), mask(*EVERYTHING), DATED, *attributes)


@pytest.mark.parametrize("asked", [RAW, {}], ids=["where it is", "encoded"])
async def test_a_key_for_data_wraps_by_a_copy(gateway: Gateway, asked: dict[str, object]) -> None:
    by, key = await key_for_all(gateway), os.urandom(32)
    made = await register(gateway, V2_1, aes(key), mask(M.ENCRYPT), Attribute(Tag.SENSITIVE, True))
    found = (await get(gateway, V2_1, made, key_wrapping_specification=specification(by, **asked))).key_block
    assert aes_key_unwrap(KEK, found.key_value).endswith(key if asked else b"")
    ecb = CryptographicParameters(block_cipher_mode=BlockCipherMode.ECB)
    request = EncryptRequest(unique_identifier=by, data=bytes(16), cryptographic_parameters=ecb)
    assert (await gateway.one(V1_4, Operation.ENCRYPT, request)).data, "the key itself is for data still"


async def test_a_key_for_data_unwraps_by_a_copy(gateway: Gateway) -> None:
    by, key = await key_for_all(gateway), os.urandom(32)
    data = KeyWrappingData(
        wrapping_method=specification(by).wrapping_method,
        encryption_key_information=EncryptionKeyInformation(unique_identifier=by),
        encoding_option=EncodingOption.NO_ENCODING,
    )
    given = aes(key)
    block = replace(given.key_block, key_value=aes_key_wrap(KEK, key), key_wrapping_data=data)
    made = await register(gateway, V2_1, replace(given, key_block=block), mask(M.ENCRYPT))
    found = await get(gateway, V2_1, made, key_wrap_type=KeyWrapType.NOT_WRAPPED)
    assert found.key_block.key_value.key_material == key


@pytest.mark.parametrize(
    "attribute", [Attribute(Tag.SENSITIVE, True), Attribute(Tag.EXTRACTABLE, False)], ids=lambda each: each.tag.name
)
async def test_a_key_for_data_that_nobody_may_fetch_wraps_nothing(gateway: Gateway, attribute: Attribute) -> None:
    """Who wraps a Sensitive key with it and decrypts the result has that key in the clear."""
    by = await key_for_all(gateway, attribute)
    made = await register(gateway, V2_1, aes(os.urandom(32)), mask(M.ENCRYPT), Attribute(Tag.SENSITIVE, True))
    request = GetRequest(unique_identifier=made, key_wrapping_specification=specification(by, **RAW))
    reason = await gateway.refused(V2_1, Operation.GET, request)
    assert reason is ResultReason.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK
