"""Attacks by attributes and by derivation: a key is to be had otherwise than it was made to be."""

import os

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from msgspec.structs import replace

from gateway.errors import FeatureNotSupported
from gateway.kmip.enums import (
    AdjustmentType,
    DerivationMethod,
    KeyFormatType,
    ObjectType,
    ResultReason,
    ResultStatus,
    SplitKeyMethod,
)
from gateway.kmip.structure import Attribute, AttributeReference
from gateway.kmip.tags import Tag
from gateway.kmip.version import V1_4, V2_1
from gateway.operations.add_attribute import AddAttributeRequest
from gateway.operations.adjust_attribute import AdjustAttributeRequest
from gateway.operations.create_split_key import CreateSplitKeyRequest
from gateway.operations.delete_attribute import DeleteAttributeRequest
from gateway.operations.import_ import ImportRequest
from gateway.operations.modify_attribute import ModifyAttributeRequest
from gateway.operations.re_key import ReKeyRequest
from gateway.operations.set_attribute import SetAttributeRequest
from gateway.token.api import STORAGE_KEY_LABEL, KeyRef, kek_label
from tests.attacks.attacker import (
    EXTRACTABLE,
    NOT_SENSITIVE,
    RESIDENT,
    SENSITIVE,
    WRAPS,
    A,
    B,
    M,
    O,
    aes,
    create,
    derive,
    encrypt,
    fetch,
    made,
    reason,
    register,
)
from tests.operations.conftest import Gateway
from tests.operations.test_create import kept

R = ResultReason
BOTH = (SENSITIVE, RESIDENT)
RELAXED = (NOT_SENSITIVE, EXTRACTABLE, Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.WRAP_KEY | M.DECRYPT))


async def told(gateway: Gateway, key: str) -> dict[str, bool]:
    """Read what the token says a key may."""
    managed = await kept(gateway, key)
    names = ("sensitive", "extractable", "encrypt", "decrypt", "wrap", "unwrap", "derive", "sign", "verify")
    found = await gateway.token.attributes(managed.ref)
    return {name: found[name] is True for name in names}


@pytest.mark.parametrize("relaxed", RELAXED, ids=lambda each: each.tag.name)
async def test_no_attribute_operation_relaxes_a_resident_key(gateway: Gateway, relaxed: Attribute) -> None:
    key = await create(gateway, M.ENCRYPT, *BOTH)
    before, attributes = await told(gateway, key), (await kept(gateway, key)).attributes
    reference = AttributeReference(relaxed.tag)
    asked = (
        (O.ADD_ATTRIBUTE, AddAttributeRequest(unique_identifier=key, new_attribute=(relaxed,))),
        (O.MODIFY_ATTRIBUTE, ModifyAttributeRequest(unique_identifier=key, new_attribute=(relaxed,))),
        (O.SET_ATTRIBUTE, SetAttributeRequest(unique_identifier=key, new_attribute=(relaxed,))),
        (O.DELETE_ATTRIBUTE, DeleteAttributeRequest(unique_identifier=key, attribute_reference=(reference,))),
        *(
            (
                O.ADJUST_ATTRIBUTE,
                AdjustAttributeRequest(unique_identifier=key, attribute_reference=(reference,), adjustment_type=how),
            )
            for how in (AdjustmentType.NEGATE, AdjustmentType.INCREMENT)
        ),
    )
    for operation, payload in asked:
        (answer,) = await gateway.ask(V2_1, (operation, payload))
        assert answer.status is ResultStatus.OPERATION_FAILED, operation
    assert (await kept(gateway, key)).attributes == attributes
    assert await told(gateway, key) == before
    assert await reason(gateway, fetch(key)) is R.NOT_EXTRACTABLE


async def test_a_key_that_replaces_a_resident_one_is_another_key(gateway: Gateway) -> None:
    """Re-key with everything relaxed makes a new value; the old key stays as it was."""
    key = await create(gateway, M.ENCRYPT, *BOTH)
    before = await told(gateway, key)
    asked = ReKeyRequest(unique_identifier=key, attributes=(NOT_SENSITIVE, EXTRACTABLE))
    new = await made(gateway, (O.RE_KEY, asked))
    assert await told(gateway, key) == before
    assert await reason(gateway, fetch(key)) is R.NOT_EXTRACTABLE
    value = (await gateway.one(V2_1, *fetch(new))).symmetric_key.key_block.key_value.key_material
    ecb = Cipher(AES(value), modes.ECB()).encryptor()
    managed = await kept(gateway, key)
    check = (await gateway.token.attributes(managed.ref))["check_value"]
    assert ecb.update(bytes(16))[:3].hex() != check


async def test_an_import_in_its_place_brings_its_own_value(gateway: Gateway) -> None:
    key, value = await create(gateway, M.ENCRYPT, *BOTH), os.urandom(32)
    request = ImportRequest(
        unique_identifier=key,
        replace_existing=True,
        attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT),),
        symmetric_key=aes(value),
    )
    await made(gateway, (O.IMPORT, request))
    assert (await gateway.one(V2_1, *fetch(key))).symmetric_key.key_block.key_value.key_material == value


async def test_a_resident_key_is_not_split(gateway: Gateway) -> None:
    for more, why in (((SENSITIVE,), R.SENSITIVE), ((RESIDENT,), R.NOT_EXTRACTABLE)):
        key = await create(gateway, M.ENCRYPT, *more)
        asked = CreateSplitKeyRequest(
            object_type=ObjectType.SPLIT_KEY,
            unique_identifier=key,
            split_key_parts=2,
            split_key_threshold=2,
            split_key_method=SplitKeyMethod.XOR,
            attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT),),
        )
        assert await reason(gateway, (O.CREATE_SPLIT_KEY, asked)) is why


# --- derivation


async def test_what_a_resident_key_derives_twice_is_not_had_in_the_clear(gateway: Gateway) -> None:
    for more in ((SENSITIVE,), (RESIDENT,), BOTH):
        base = await create(gateway, M.DERIVE_KEY, *more)
        first = await made(gateway, derive(base, bytes(32), M.ENCRYPT, *BOTH))
        for relaxed in ((), (NOT_SENSITIVE,), (NOT_SENSITIVE, EXTRACTABLE)):
            assert await reason(gateway, derive(base, bytes(32), M.ENCRYPT, *relaxed)) is R.PERMISSION_DENIED
        assert await reason(gateway, fetch(first)) is R.NOT_EXTRACTABLE


@pytest.mark.parametrize("uses", [M.ENCRYPT, M.DECRYPT, M.MAC_GENERATE, WRAPS, M.WRAP_KEY], ids=str)
async def test_a_key_that_derives_does_nothing_else(gateway: Gateway, uses: M) -> None:
    """Who may encrypt with the base key, in ECB or by an IV of his choice, has what is derived by encryption."""
    base = await create(gateway, M.DERIVE_KEY | uses, *BOTH)
    assert await reason(gateway, derive(base, bytes(32), M.ENCRYPT, *BOTH)) is R.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK


async def test_what_is_derived_twice_is_for_one_use(gateway: Gateway) -> None:
    base = await create(gateway, M.DERIVE_KEY, *BOTH)
    await made(gateway, derive(base, bytes(32), M.DERIVE_KEY, *BOTH))
    assert await reason(gateway, derive(base, bytes(32), M.ENCRYPT, *BOTH)) is R.PERMISSION_DENIED
    await made(gateway, derive(base, bytes(31) + b"\1", M.ENCRYPT, *BOTH))


@pytest.mark.parametrize("more", [BOTH, (SENSITIVE,), (RESIDENT,)], ids=str)
async def test_what_is_derived_twice_is_for_one_use_whatever_its_format(
    gateway: Gateway, more: tuple[Attribute, ...]
) -> None:
    """Else the one encrypts what the other derives. A key that stays has no structure to be digested."""
    transparent = Attribute(Tag.KEY_FORMAT_TYPE, KeyFormatType.TRANSPARENT_SYMMETRIC_KEY)
    for first, second in (((), (transparent,)), ((transparent,), ()), ((transparent,), (transparent,))):
        base = await create(gateway, M.DERIVE_KEY, *BOTH)
        await made(gateway, derive(base, bytes(32), M.DERIVE_KEY, *more, *first))
        assert await reason(gateway, derive(base, bytes(32), M.ENCRYPT, *more, *second)) is R.PERMISSION_DENIED


async def test_without_a_digest_nothing_that_derives_is_derived(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a token that digests no keys nobody could tell the copy that encrypts."""

    async def digests_none(ref: KeyRef, ckm: int) -> bytes:
        raise FeatureNotSupported

    monkeypatch.setattr(gateway.token, "digest_key", digests_none)
    base = await create(gateway, M.DERIVE_KEY, *BOTH)
    assert await reason(gateway, derive(base, bytes(32), M.DERIVE_KEY, *BOTH)) is R.PERMISSION_DENIED
    await made(gateway, derive(base, bytes(32), M.ENCRYPT, *BOTH))


async def test_a_derived_key_wraps_nothing_sensitive(gateway: Gateway) -> None:
    base = await create(gateway, M.DERIVE_KEY, *BOTH)
    by = await made(gateway, derive(base, bytes(32), WRAPS, *BOTH))
    assert await reason(gateway, fetch(await create(gateway, M.ENCRYPT, SENSITIVE), by)) is R.PERMISSION_DENIED


@pytest.mark.parametrize("bits", [8, 64, 128, 192])
async def test_no_part_of_a_derivation_is_short_enough_to_be_guessed(gateway: Gateway, bits: int) -> None:
    base = await create(gateway, M.DERIVE_KEY, *BOTH)
    asked = derive(base, bytes(32), M.ENCRYPT, *BOTH, bits=bits)
    if bits in (8, 64):
        assert await reason(gateway, asked) is R.INVALID_ATTRIBUTE_VALUE, "AES has no such keys"
    else:
        assert await reason(gateway, asked) is R.NOT_EXTRACTABLE
    # In pieces of one byte, as a MAC key that may have any length.
    more = (Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.HMAC_SHA256),)
    operation, request = derive(base, bytes(32), M.MAC_GENERATE, *BOTH, bits=8)
    kept_ = tuple(a for a in request.attributes if a.tag is not Tag.CRYPTOGRAPHIC_ALGORITHM)
    assert await reason(gateway, (operation, replace(request, attributes=(*kept_, *more)))) is R.NOT_EXTRACTABLE


@pytest.mark.parametrize("method", [m for m in DerivationMethod if m is not DerivationMethod.ENCRYPT], ids=str)
async def test_a_resident_key_is_derived_from_by_no_other_way(gateway: Gateway, method: DerivationMethod) -> None:
    """XOR, concatenation, extraction, the bare hash: what PKCS#11 has of them takes a key apart (Tookan)."""
    base = await create(gateway, M.DERIVE_KEY, *BOTH)
    operation, request = derive(base, bytes(32), M.ENCRYPT, *BOTH)
    (answer,) = await gateway.ask(V2_1, (operation, replace(request, derivation_method=method)))
    assert answer.status is ResultStatus.OPERATION_FAILED


async def test_an_attackers_own_base_key_gives_only_what_he_knows(gateway: Gateway) -> None:
    value = os.urandom(32)
    base = await register(gateway, value, M.DERIVE_KEY)
    found = await made(gateway, derive(base, bytes(32), M.ENCRYPT))
    given = (await gateway.one(V2_1, *fetch(found))).symmetric_key.key_block.key_value.key_material
    ecb = Cipher(AES(value), modes.ECB()).encryptor()
    assert given == ecb.update(bytes(32))


async def test_a_use_that_the_mask_lacks_is_refused_in_every_version(gateway: Gateway) -> None:
    key = await create(gateway, M.DECRYPT, *BOTH)
    operation, request = encrypt(key, b"data", block_cipher_mode=B.GCM)
    assert await reason(gateway, (operation, request)) is R.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK
    assert await gateway.refused(V1_4, operation, request) is R.PERMISSION_DENIED


@pytest.mark.parametrize("label", [kek_label(2), kek_label(1), STORAGE_KEY_LABEL, f" {kek_label(2).upper()}"])
async def test_no_key_of_a_client_passes_for_one_of_the_gateways(gateway: Gateway, label: str) -> None:
    """It would be labelled by its identifier: the next key-encryption key, whose value the attacker knows."""
    before = await gateway.token.labelled(label)
    request = ImportRequest(
        unique_identifier=label,
        attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, WRAPS),),
        symmetric_key=aes(os.urandom(32)),
    )
    assert await reason(gateway, (O.IMPORT, request)) is R.INVALID_FIELD
    assert await gateway.token.labelled(label) == before
