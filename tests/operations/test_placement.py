"""Two tokens behind one gateway: what is made from a key stays by it; what concerns both is done by both."""

import asyncio

import pytest
import pytest_asyncio
from msgspec.structs import replace

from gateway.access.presets import PRESETS
from gateway.config import GroupToken
from gateway.exchange import Exchange
from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    DerivationMethod,
    EncodingOption,
    ObjectType,
    Operation,
    ProtectionStorageMask,
    ResultReason,
    WrappingMethod,
)
from gateway.kmip.objects import EncryptionKeyInformation, KeyWrappingSpecification
from gateway.kmip.structure import Attribute, DateTime
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.kmip.version import V2_1
from gateway.operations.create import CreateRequest
from gateway.operations.decrypt import DecryptRequest
from gateway.operations.derive_key import DerivationParameters, DeriveKeyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get import GetRequest
from gateway.operations.re_key import ReKeyRequest
from gateway.placement import Places
from gateway.token.local import LocalWorkers
from gateway.token.setup import set_up_token
from tests.operations.conftest import Gateway
from tests.token.conftest import softhsm

A, M, O = CryptographicAlgorithm, CryptographicUsageMask, Operation  # noqa: E741
CBC = CryptographicParameters(block_cipher_mode=BlockCipherMode.CBC)
IV = bytes(16)
THERE = Attribute(Tag.OBJECT_GROUP, "there")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def second(tmp_path_factory):
    """A second token."""
    settings = softhsm(tmp_path_factory.mktemp("second"), label="second")
    await asyncio.to_thread(set_up_token, settings, so_pin="security officer")
    async with LocalWorkers(settings) as pool:
        yield pool


@pytest.fixture
def tokens(token, second):
    """The tokens that there are; a test takes one away."""
    return {"default": token, "second": second}


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(tokens, token, store, kmip_config, clock):
    config = replace(kmip_config, group_tokens=(GroupToken(group="there", token="second"),))
    places = Places(tokens, lambda _: ProtectionStorageMask.SOFTWARE)
    exchange = Exchange(config, store, token, clock, places=places)
    yield Gateway(exchange, clock, store, token)
    await exchange.requests.close()


async def made(client, mask, *more):
    """Create an AES key, and give its unique identifier."""
    attributes = (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, mask),
        Attribute(Tag.ACTIVATION_DATE, DateTime(1)),
        *more,
    )
    request = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=attributes)
    return (await client.one(V2_1, O.CREATE, request)).unique_identifier


def encrypting(uid):
    return EncryptRequest(unique_identifier=uid, cryptographic_parameters=CBC, data=IV, iv_counter_nonce=IV)


async def test_what_replaces_a_key_or_is_derived_from_it_is_on_its_token(gateway, store):
    key = await made(gateway, M.DERIVE_KEY, THERE)
    assert store.peek(key).token == "second"
    new = (await gateway.one(V2_1, O.RE_KEY, ReKeyRequest(unique_identifier=key))).unique_identifier
    given = (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.AES),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT | M.DECRYPT),
        Attribute(Tag.ACTIVATION_DATE, DateTime(1)),
    )
    derive = DeriveKeyRequest(
        object_type=ObjectType.SYMMETRIC_KEY,
        unique_identifier=(new,),
        derivation_method=DerivationMethod.ENCRYPT,
        derivation_parameters=DerivationParameters(
            cryptographic_parameters=CBC, initialization_vector=IV, derivation_data=(bytes(32),)
        ),
        attributes=given,
    )
    derived = (await gateway.one(V2_1, O.DERIVE_KEY, derive)).unique_identifier
    assert [store.peek(each).token for each in (new, derived)] == ["second", "second"]
    sealed = await gateway.one(V2_1, O.ENCRYPT, encrypting(derived))
    asked = DecryptRequest(
        unique_identifier=derived, cryptographic_parameters=CBC, data=sealed.data, iv_counter_nonce=IV
    )
    assert (await gateway.one(V2_1, O.DECRYPT, asked)).data == IV


@pytest.mark.parametrize("sensitive", [False, True])
async def test_an_extractable_key_is_wrapped_by_one_on_another_token_and_no_other_is(gateway, sensitive):
    wrapping = await made(gateway, M.WRAP_KEY, Attribute(Tag.EXTRACTABLE, False))
    key = await made(gateway, M.ENCRYPT, THERE, Attribute(Tag.SENSITIVE, sensitive))
    request = GetRequest(
        unique_identifier=key,
        key_wrapping_specification=KeyWrappingSpecification(
            wrapping_method=WrappingMethod.ENCRYPT,
            encryption_key_information=EncryptionKeyInformation(unique_identifier=wrapping),
            encoding_option=EncodingOption.NO_ENCODING,
        ),
    )
    resident = await made(gateway, M.ENCRYPT, THERE, Attribute(Tag.EXTRACTABLE, False))
    refused = replace(request, unique_identifier=resident)
    assert await gateway.refused(V2_1, O.GET, refused) is ResultReason.NOT_EXTRACTABLE
    (answer,) = await gateway.ask(V2_1, (O.GET, request))
    value = answer.payload.symmetric_key.key_block.key_value
    assert len(value if isinstance(value, bytes) else value.key_material) == 40


async def test_a_token_that_is_gone_takes_its_objects_along_and_no_others(gateway, tokens):
    here, there = await made(gateway, M.ENCRYPT), await made(gateway, M.ENCRYPT, THERE)
    del tokens["second"]
    await gateway.one(V2_1, O.ENCRYPT, encrypting(here))
    assert await gateway.refused(V2_1, O.ENCRYPT, encrypting(there)) is ResultReason.GENERAL_FAILURE
    assert await gateway.refused(V2_1, O.RE_KEY, ReKeyRequest(unique_identifier=there)) is ResultReason.GENERAL_FAILURE


async def test_a_role_that_names_a_token_has_its_way_over_a_group(gateway, store):
    role = replace(next(iter(PRESETS.values())), name="there", operations=frozenset({"*"}), token="second")
    client = gateway.client("cert:c", role)
    key = await made(client, M.ENCRYPT)
    assert store.peek(key).token == "second"
