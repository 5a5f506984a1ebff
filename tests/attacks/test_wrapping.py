"""Attacks by wrapping: what is Sensitive is wrapped in whatever way, and the attacker tries to open it.

Clulow, "On the security of PKCS#11" (CHES 2003); Delaune, Kremer and Steel (2010); Bortolozzo et al., "Tookan" (2010).
"""

import os

import pytest
from msgspec.structs import replace

from gateway.access.permissions import Use
from gateway.access.roles import EVERYTHING
from gateway.config import KmipConfig
from gateway.exchange import Exchange
from gateway.kmip.enums import (
    CryptographicUsageMask,
    EncodingOption,
    KeyFormatType,
    KeyWrapType,
    ObjectType,
    PaddingMethod,
    ResultReason,
    RevocationReasonCode,
    UsageLimitsUnit,
)
from gateway.kmip.objects import PublicKey, SymmetricKey
from gateway.kmip.structure import Attribute, LongInteger
from gateway.kmip.tags import Tag
from gateway.kmip.values import RevocationReason, UsageLimits
from gateway.kmip.version import V2_1
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get import GetRequest
from gateway.operations.import_ import ImportRequest
from gateway.operations.register import RegisterRequest
from gateway.operations.revoke import RevokeRequest
from gateway.store.grants import GrantRow, Lent
from tests.attacks.attacker import (
    ACTIVE,
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
    blob,
    bring,
    create,
    decrypt,
    encrypt,
    fetch,
    made,
    reason,
    register,
    spec,
    wrapping,
)
from tests.operations.conftest import Gateway
from tests.operations.test_create import kept

R, F = ResultReason, KeyFormatType


async def secret(gateway: Gateway, uses: CryptographicUsageMask = M.ENCRYPT, bits: int = 256) -> str:
    """Have the key made that the attacker wants: Sensitive, so that it leaves wrapped only."""
    return await create(gateway, uses, SENSITIVE, bits=bits)


async def trusted(gateway: Gateway, *more: Attribute, bits: int = 256) -> str:
    """Have a key made that may wrap it."""
    return await create(gateway, WRAPS, RESIDENT, *more, bits=bits)


async def test_a_sensitive_key_leaves_under_a_key_that_never_does_and_comes_back_as_sensitive(gateway: Gateway) -> None:
    """What stays possible: a backup of a Sensitive key that this gateway alone can open."""
    by, key = await trusted(gateway), await secret(gateway)
    back = await made(gateway, bring(await blob(gateway, key, by), M.ENCRYPT, SENSITIVE))
    assert await reason(gateway, fetch(back)) is R.SENSITIVE
    sealed = await gateway.one(V2_1, *encrypt(key, b"data", block_cipher_mode=B.GCM))
    again = await made(gateway, bring(await blob(gateway, key, by), M.ENCRYPT, SENSITIVE, RESIDENT))
    assert sealed.data and await reason(gateway, fetch(again)) is R.NOT_EXTRACTABLE


@pytest.mark.parametrize("more", [(), (SENSITIVE,), (RESIDENT,), (SENSITIVE, RESIDENT)], ids=str)
@pytest.mark.parametrize("uses", [M.WRAP_KEY | M.DECRYPT, M.WRAP_KEY | M.UNWRAP_KEY | M.DERIVE_KEY], ids=str)
async def test_wrap_and_decrypt_on_one_key(
    gateway: Gateway, uses: CryptographicUsageMask, more: tuple[Attribute, ...]
) -> None:
    by, key = await create(gateway, uses, *more), await secret(gateway)
    assert await reason(gateway, fetch(key, by)) in (R.PERMISSION_DENIED, R.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK)


async def test_wrap_and_decrypt_on_two_keys_of_one_value(gateway: Gateway) -> None:
    """Registered twice: once to wrap, once to decrypt."""
    value = os.urandom(32)
    await register(gateway, value, M.DECRYPT)
    for more in ((), (SENSITIVE,), (RESIDENT,), (SENSITIVE, RESIDENT)):
        by = await register(gateway, value, M.WRAP_KEY, *more)
        for mode in (B.NISTKEYWRAP, B.GCM):
            asked = fetch(await secret(gateway), by, block_cipher_mode=mode)
            assert await reason(gateway, asked) is R.PERMISSION_DENIED


async def test_a_wrapping_key_that_was_imported_as_never_extractable_is_not_believed(gateway: Gateway) -> None:
    history = (Attribute(Tag.ALWAYS_SENSITIVE, True), Attribute(Tag.NEVER_EXTRACTABLE, True))
    request = ImportRequest(
        unique_identifier="mine",
        attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, WRAPS), ACTIVE, SENSITIVE, RESIDENT, *history),
        symmetric_key=aes(os.urandom(32)),
    )
    by = await made(gateway, (O.IMPORT, request))
    assert await reason(gateway, fetch(await secret(gateway), by)) is R.PERMISSION_DENIED


@pytest.mark.parametrize("more", [(), (SENSITIVE,)], ids=str)
async def test_a_key_that_may_leave_itself_wraps_nothing_sensitive(
    gateway: Gateway, more: tuple[Attribute, ...]
) -> None:
    """Made here, and later fetched, or wrapped and brought back as one that decrypts."""
    assert await reason(gateway, fetch(await secret(gateway), await create(gateway, WRAPS, *more))) is (
        R.PERMISSION_DENIED
    )


async def test_wrapped_as_sensitive_and_unwrapped_as_not(gateway: Gateway) -> None:
    """The owner has Wrap Key and Unwrap Key on one key: imported, or registered and asked for unwrapped."""
    by, key = await trusted(gateway), await secret(gateway)
    given = await blob(gateway, key, by)
    for more in ((), (NOT_SENSITIVE,), (NOT_SENSITIVE, EXTRACTABLE), (RESIDENT,)):
        assert await reason(gateway, bring(given, M.ENCRYPT, *more)) is R.PERMISSION_DENIED
    request = RegisterRequest(
        object_type=ObjectType.SYMMETRIC_KEY,
        attributes=(*spec(256, M.ENCRYPT), NOT_SENSITIVE),
        symmetric_key=given,
    )
    as_it_came = await made(gateway, (O.REGISTER, request))
    opened = GetRequest(unique_identifier=as_it_came, key_wrap_type=KeyWrapType.NOT_WRAPPED)
    assert await reason(gateway, (O.GET, opened)) is R.PERMISSION_DENIED
    opened = GetRequest(unique_identifier=as_it_came)
    assert (await gateway.one(V2_1, O.GET, opened)).symmetric_key.key_block.key_value == given.key_block.key_value


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (M.ENCRYPT, M.ENCRYPT | M.DECRYPT),
        (M.DERIVE_KEY, M.ENCRYPT),
        (M.DERIVE_KEY, M.DERIVE_KEY | M.ENCRYPT),
        (M.UNWRAP_KEY, M.DECRYPT),
        (M.MAC_GENERATE, M.WRAP_KEY),
    ],
    ids=str,
)
async def test_a_wrapped_key_brought_back_for_more(
    gateway: Gateway, before: CryptographicUsageMask, after: CryptographicUsageMask
) -> None:
    by, key = await trusted(gateway), await secret(gateway, before)
    given = await blob(gateway, key, by)
    assert await reason(gateway, bring(given, after, SENSITIVE)) is R.PERMISSION_DENIED
    await made(gateway, bring(given, before, SENSITIVE))


async def test_a_wrapped_key_brought_back_for_more_after_it_was_destroyed(gateway: Gateway) -> None:
    by, key = await trusted(gateway), await create(gateway, M.DERIVE_KEY, SENSITIVE)
    given = await blob(gateway, key, by)
    why = RevocationReason(revocation_reason_code=RevocationReasonCode.CESSATION_OF_OPERATION)
    await gateway.one(V2_1, O.REVOKE, RevokeRequest(unique_identifier=key, revocation_reason=why))
    await gateway.one(V2_1, O.DESTROY, DestroyRequest(unique_identifier=key))
    assert await reason(gateway, bring(given, M.ENCRYPT, SENSITIVE)) is R.PERMISSION_DENIED


async def test_a_trusted_key_is_not_wrapped_itself(gateway: Gateway) -> None:
    """Brought back as one that decrypts, it would open all that it has wrapped."""
    assert await reason(gateway, fetch(await trusted(gateway), await trusted(gateway))) is R.NOT_EXTRACTABLE


@pytest.mark.parametrize("mode", [B.ECB, B.CBC, B.CTR, B.CFB, B.OFB, B.XTS, B.CCM], ids=str)
async def test_no_way_of_wrapping_lets_a_blob_be_altered(gateway: Gateway, mode: B) -> None:
    by, key = await trusted(gateway), await secret(gateway)
    asked = fetch(key, by, block_cipher_mode=mode, padding_method=PaddingMethod.NONE)
    assert await reason(gateway, asked) is R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS


@pytest.mark.parametrize("mode", [B.NISTKEYWRAP, B.AESKEYWRAPPADDING, B.GCM], ids=str)
async def test_an_altered_blob_is_no_key(gateway: Gateway, mode: B) -> None:
    by, key = await trusted(gateway), await secret(gateway)
    given = await blob(gateway, key, by, block_cipher_mode=mode)
    value = given.key_block.key_value
    assert isinstance(value, bytes)
    for place in (0, len(value) // 2, len(value) - 1):
        altered = value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
        wrong = replace(given, key_block=replace(given.key_block, key_value=altered))
        assert await reason(gateway, bring(wrong, M.ENCRYPT, SENSITIVE)) is R.CRYPTOGRAPHIC_FAILURE


# --- key pairs


async def pair(
    gateway: Gateway, private: CryptographicUsageMask, bits: int = 3072, *more: Attribute
) -> tuple[str, str]:
    """Have an RSA pair made that wraps, and unwraps by the uses of its private half; give both identifiers."""
    request = CreateKeyPairRequest(
        common_attributes=(
            Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.RSA),
            Attribute(Tag.CRYPTOGRAPHIC_LENGTH, bits),
            ACTIVE,
        ),
        private_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, private), *more),
        public_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.WRAP_KEY | M.ENCRYPT),),
    )
    payload = await gateway.one(V2_1, O.CREATE_KEY_PAIR, request)
    return payload.private_key_unique_identifier, payload.public_key_unique_identifier


async def test_a_public_key_is_trusted_as_its_private_half(gateway: Gateway) -> None:
    key = await secret(gateway, bits=128)
    for uses, more in ((M.DECRYPT | M.UNWRAP_KEY, RESIDENT), (M.UNWRAP_KEY, EXTRACTABLE)):
        _, public = await pair(gateway, uses, 3072, more)
        asked = fetch(key, public, padding_method=PaddingMethod.OAEP)
        assert await reason(gateway, asked) is R.PERMISSION_DENIED
    private, public = await pair(gateway, M.UNWRAP_KEY, 3072, RESIDENT)
    given = await blob(gateway, key, public, padding_method=PaddingMethod.OAEP)
    opened = decrypt(private, given.key_block.key_value, padding_method=PaddingMethod.OAEP)  # type: ignore[arg-type]
    assert await reason(gateway, opened) is R.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK


# --- the strong under the weak (reliability item 28)


async def test_aes_128_wraps_neither_aes_256_nor_rsa_4096(gateway: Gateway) -> None:
    by = await trusted(gateway, bits=128)
    assert await reason(gateway, fetch(await secret(gateway), by)) is R.PERMISSION_DENIED
    private, _ = await pair(gateway, M.SIGN, 4096)
    assert await reason(gateway, fetch(private, by)) is R.PERMISSION_DENIED


async def test_rsa_2048_wraps_no_aes_128(gateway: Gateway) -> None:
    _, by = await pair(gateway, M.UNWRAP_KEY, 2048, RESIDENT)
    asked = fetch(await create(gateway, M.ENCRYPT, bits=128), by, padding_method=PaddingMethod.OAEP)
    assert await reason(gateway, asked) is R.PERMISSION_DENIED


async def test_the_token_is_told_no_two_rights_that_must_not_meet(gateway: Gateway) -> None:
    """Whatever the mask: CKA_WRAP with CKA_DECRYPT or CKA_DERIVE, CKA_UNWRAP with CKA_ENCRYPT (item 26)."""
    every = M.ENCRYPT | M.DECRYPT | WRAPS | M.SIGN | M.VERIFY | M.MAC_GENERATE | M.MAC_VERIFY | M.DERIVE_KEY
    for uses in (every, WRAPS | M.DECRYPT, WRAPS | M.ENCRYPT, WRAPS | M.DERIVE_KEY, WRAPS):
        for more in ((), (SENSITIVE, RESIDENT)):
            managed = await kept(gateway, await create(gateway, uses, *more))
            told = await gateway.token.attributes(managed.ref)
            assert not told["wrap"] or not (told["decrypt"] or told["derive"]), told
            assert not told["unwrap"] or not told["encrypt"], told
            assert told["sensitive"] is True
            assert told["extractable"] is (not more)


# --- a copy that is said to be something else


async def test_a_copy_is_no_key_of_another_algorithm(gateway: Gateway) -> None:
    """AES-128 as 3DES of two keys is weaker; and a one-time pad gives itself away, by what the gateway does itself."""
    config = replace(KmipConfig(), software_ciphers=True)
    exchange = Exchange(config, gateway.store, gateway.token, gateway.clock)
    soft = Gateway(exchange, gateway.clock, gateway.store, gateway.token)
    by, key = await trusted(gateway), await secret(gateway, bits=128)
    operation, asked = bring(await blob(gateway, key, by), M.ENCRYPT, SENSITIVE)
    given: SymmetricKey = asked.symmetric_key  # type: ignore[assignment]  # bring has put it there
    for algorithm in (A.DES3, A.ONE_TIME_PAD):
        other = replace(given.key_block, cryptographic_algorithm=algorithm, cryptographic_length=128)
        request = replace(asked, symmetric_key=SymmetricKey(key_block=other))
        assert await reason(soft, (operation, request)) is R.PERMISSION_DENIED, algorithm


async def test_a_key_does_not_come_back_between_bytes_that_are_known(gateway: Gateway) -> None:
    """Wrapped as an encoded Key Value and unwrapped as bytes alone it would have a Digest that no other has."""
    by, key = await trusted(gateway), await secret(gateway, M.DERIVE_KEY)
    specification = replace(wrapping(by), encoding_option=EncodingOption.TTLV_ENCODING)
    request = GetRequest(unique_identifier=key, key_wrapping_specification=specification)
    block = (await gateway.one(V2_1, O.GET, request)).symmetric_key.key_block
    data = replace(block.key_wrapping_data, encoding_option=EncodingOption.NO_ENCODING)
    embedded = replace(block, cryptographic_length=None, key_wrapping_data=data)
    operation, asked = bring(SymmetricKey(key_block=embedded), M.MAC_GENERATE, SENSITIVE)
    embedded = replace(embedded, cryptographic_algorithm=A.HMAC_SHA256)
    asked = replace(asked, symmetric_key=SymmetricKey(key_block=embedded))
    assert await reason(gateway, (operation, asked)) is R.ENCODING_OPTION_ERROR


@pytest.mark.parametrize("form", [F.PKCS_8, F.ECPRIVATEKEY, F.TRANSPARENT_EC_PRIVATE_KEY], ids=str)
async def test_a_private_key_in_another_format_is_a_copy_too(gateway: Gateway, form: KeyFormatType) -> None:
    """A key that signs is no key for agreement, whichever of its formats the Digest is of."""
    by = await trusted(gateway)
    request = CreateKeyPairRequest(
        common_attributes=(Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.EC), Attribute(Tag.CRYPTOGRAPHIC_LENGTH, 256)),
        private_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.SIGN), ACTIVE, SENSITIVE),
        public_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.VERIFY),),
    )
    key = (await gateway.one(V2_1, O.CREATE_KEY_PAIR, request)).private_key_unique_identifier
    specification = replace(wrapping(by), encoding_option=EncodingOption.TTLV_ENCODING)
    asked = GetRequest(unique_identifier=key, key_format_type=form, key_wrapping_specification=specification)
    given = (await gateway.one(V2_1, O.GET, asked)).private_key
    for uses, wanted in ((M.DERIVE_KEY, R.PERMISSION_DENIED), (M.SIGN, None)):
        brought = ImportRequest(
            unique_identifier="",
            attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, uses), ACTIVE, SENSITIVE),
            private_key=given,
            key_wrap_type=KeyWrapType.NOT_WRAPPED,
        )
        (answer,) = await gateway.ask(V2_1, (O.IMPORT, brought))
        assert answer.reason is wanted, answer.message


def wrapped(given: SymmetricKey, bits: int | None) -> RegisterRequest:
    """Ask for a wrapped key to be kept as it came, said to be so long."""
    attributes = (Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT), ACTIVE, SENSITIVE)
    block = replace(given.key_block, cryptographic_algorithm=A.AES if bits else None, cryptographic_length=bits)
    return RegisterRequest(
        object_type=ObjectType.SYMMETRIC_KEY, attributes=attributes, symmetric_key=SymmetricKey(key_block=block)
    )


@pytest.mark.parametrize("bits", [128, None])
async def test_a_key_kept_wrapped_is_as_strong_as_it_is_and_not_as_it_is_said(
    gateway: Gateway, bits: int | None
) -> None:
    given = await blob(gateway, await secret(gateway), await trusted(gateway))
    weak = await trusted(gateway, bits=128)
    kept_so = await made(gateway, (O.REGISTER, wrapped(given, bits)))
    for by, wanted in ((weak, R.PERMISSION_DENIED), (await trusted(gateway), None)):
        operation, asked = fetch(kept_so, by)
        (answer,) = await gateway.ask(V2_1, (operation, replace(asked, key_wrap_type=KeyWrapType.NOT_WRAPPED)))
        assert answer.reason is wanted, answer.message


async def test_a_secret_is_not_unwrapped_as_a_public_key(gateway: Gateway) -> None:
    """Public keys are given to clients of a role that lets no key material leave."""
    key, own = await create(gateway, M.ENCRYPT), await create(gateway, WRAPS)
    mute = gateway.client("cert:a", replace(EVERYTHING, name="mute", export=False))
    assert await reason(mute, fetch(key)) in (R.PERMISSION_DENIED, R.NOT_AUTHORIZED)
    given = await blob(gateway, key, own)
    public = PublicKey(key_block=replace(given.key_block, cryptographic_algorithm=A.RSA, cryptographic_length=2048))
    attributes = (Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT), ACTIVE)
    brought = ImportRequest(
        unique_identifier="", attributes=attributes, public_key=public, key_wrap_type=KeyWrapType.NOT_WRAPPED
    )
    assert await reason(mute, (O.IMPORT, brought)) is R.INVALID_FIELD
    registered = RegisterRequest(object_type=ObjectType.PUBLIC_KEY, attributes=attributes, public_key=public)
    found = await made(mute, (O.REGISTER, registered))
    asked = GetRequest(unique_identifier=found, key_wrap_type=KeyWrapType.NOT_WRAPPED)
    assert await reason(mute, (O.GET, asked)) is R.INVALID_FIELD


async def test_a_wrapping_key_wraps_no_more_than_its_usage_limits_let_it(gateway: Gateway) -> None:
    """Where the key is as where it is taken out first, and by a client to which the key was lent to wrap alone."""
    limits = UsageLimits(usage_limits_total=LongInteger(3), usage_limits_unit=UsageLimitsUnit.OBJECT)
    by = await trusted(gateway, Attribute(Tag.USAGE_LIMITS, limits))
    lent = GrantRow("default", "cert:b", int(Use.WRAP_KEY), Lent.OBJECT, by, "")
    await gateway.store.write(lambda transaction: transaction.grants.add(lent))
    for client in (gateway, gateway.other):
        await blob(client, await create(client, M.ENCRYPT), by)
    in_structure = replace(wrapping(by), encoding_option=EncodingOption.TTLV_ENCODING)
    asked = GetRequest(unique_identifier=await create(gateway, M.ENCRYPT), key_wrapping_specification=in_structure)
    assert (await gateway.one(V2_1, O.GET, asked)).symmetric_key
    for client in (gateway, gateway.other):
        assert await reason(client, fetch(await create(client, M.ENCRYPT), by)) is R.PERMISSION_DENIED
    assert await reason(gateway, (O.GET, asked)) is R.PERMISSION_DENIED
