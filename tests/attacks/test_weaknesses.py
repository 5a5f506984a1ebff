"""What the policies refuse, in every way in which it can be asked for, and what an allowance lets through and logs."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from gateway.access.permissions import check
from gateway.access.roles import Role
from gateway.config import KmipConfig
from gateway.errors import ConfigurationError
from gateway.exchange import Exchange
from gateway.kmip.enums import (
    DerivationMethod,
    DigitalSignatureAlgorithm,
    HashingAlgorithm,
    KeyFormatType,
    ObjectType,
    PaddingMethod,
    RecommendedCurve,
    ResultReason,
)
from gateway.kmip.objects import KeyWrappingData
from gateway.kmip.structure import Attribute, Attributes
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicDomainParameters, CryptographicParameters
from gateway.kmip.version import V1_4, V2_1
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.derive_key import DerivationParameters, DeriveKeyRequest
from gateway.operations.get import GetRequest
from gateway.operations.mac import MACRequest
from gateway.operations.register import RegisterRequest
from gateway.operations.sign import SignRequest
from gateway.policy import REFUSED, Weakness
from gateway.store.copying import copy_database, put_in_place
from gateway.store.sqlite import open_store
from tests.attacks.attacker import (
    ACTIVE,
    RESIDENT,
    A,
    B,
    M,
    O,
    aes,
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
from tests.operations.conftest import KEPT, Gateway

R, W, P, H, D = ResultReason, Weakness, PaddingMethod, HashingAlgorithm, DigitalSignatureAlgorithm
REFUSED_SO = R.PERMISSION_DENIED


def under(gateway: Gateway, policy: str = "default", *allow: Weakness) -> Gateway:
    """Give the client of a gateway with another policy on the same database and token."""
    config = KmipConfig(custody=KEPT.value, policy=policy, allow=tuple(str(each) for each in allow))  # type: ignore[arg-type]
    exchange = Exchange(config, gateway.store, gateway.token, gateway.clock)
    return Gateway(exchange, gateway.clock, gateway.store, gateway.token)


async def secret(client: Gateway, algorithm: A, bits: int, uses: M = M.ENCRYPT | M.DECRYPT) -> str:
    """Have a secret key made."""
    request = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=spec(bits, uses, algorithm))
    return await made(client, (O.CREATE, request))


def pairing(attributes: Attributes) -> tuple[Any, CreateKeyPairRequest]:
    """Ask for a key pair that does everything that such pairs do."""
    return O.CREATE_KEY_PAIR, CreateKeyPairRequest(
        common_attributes=(*attributes, ACTIVE),
        private_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.SIGN | M.DECRYPT | M.UNWRAP_KEY),),
        public_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.VERIFY | M.ENCRYPT | M.WRAP_KEY),),
    )


def rsa(bits: int) -> Attributes:
    return (Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.RSA), Attribute(Tag.CRYPTOGRAPHIC_LENGTH, bits))


async def pair(client: Gateway, attributes: Attributes) -> tuple[str, str]:
    payload = await client.one(V2_1, *pairing(attributes))
    return payload.private_key_unique_identifier, payload.public_key_unique_identifier


def signing(key: str, digested: bytes | None = None, **parameters: Any) -> tuple[Any, SignRequest]:
    chosen = CryptographicParameters(**parameters)
    data = b"message" if digested is None else None
    return O.SIGN, SignRequest(
        unique_identifier=key, data=data, digested_data=digested, cryptographic_parameters=chosen
    )


@pytest.mark.parametrize("algorithm", [A.AES, A.DES3], ids=str)
async def test_ecb(gateway: Gateway, algorithm: A) -> None:
    key = await secret(gateway, algorithm, 128 if algorithm is A.AES else 168)
    for padding in (P.NONE, P.PKCS5):
        chosen = {"block_cipher_mode": B.ECB, "padding_method": padding}
        assert await reason(gateway, encrypt(key, bytes(16), **chosen)) is REFUSED_SO
        assert await reason(gateway, decrypt(key, bytes(16), **chosen)) is REFUSED_SO


async def test_ecb_in_parts(gateway: Gateway) -> None:
    key = await secret(gateway, A.AES, 128)
    for operation, request in (encrypt(key, bytes(16), block_cipher_mode=B.ECB),):
        assert await reason(gateway, (operation, replace(request, init_indicator=True))) is REFUSED_SO
    operation, asked = decrypt(key, bytes(16), block_cipher_mode=B.ECB)
    assert await reason(gateway, (operation, replace(asked, init_indicator=True))) is REFUSED_SO


async def test_3des_reads_what_it_wrote_and_writes_no_more(gateway: Gateway) -> None:
    key = await secret(gateway, A.DES3, 168)
    chosen = {"block_cipher_mode": B.CBC, "padding_method": P.PKCS5}
    assert await reason(gateway, encrypt(key, b"data", bytes(8), **chosen)) is REFUSED_SO
    allowed = under(gateway, "default", W.TRIPLE_DES)
    written = (await allowed.one(V2_1, *encrypt(key, b"data", bytes(8), **chosen))).data
    assert (await gateway.one(V2_1, *decrypt(key, written, bytes(8), **chosen))).data == b"data"
    request = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=spec(168, M.ENCRYPT, A.DES3))
    assert await reason(under(gateway, "fips"), (O.CREATE, request)) is REFUSED_SO


async def test_rsa_of_1024_bits(gateway: Gateway) -> None:
    assert await reason(gateway, pairing(rsa(1024))) is REFUSED_SO
    private, public = await pair(under(gateway, "default", W.SHORT_RSA), rsa(1024))
    assert await reason(gateway, signing(private, hashing_algorithm=H.SHA_256)) is REFUSED_SO
    assert await reason(gateway, encrypt(public, b"data", padding_method=P.OAEP)) is REFUSED_SO
    key = await create(gateway, M.ENCRYPT, bits=128)
    assert await reason(gateway, fetch(key, public, padding_method=P.OAEP)) is REFUSED_SO


async def test_nothing_is_done_on_short_curves(gateway: Gateway) -> None:
    domain = CryptographicDomainParameters(recommended_curve=RecommendedCurve.P_192)
    attributes = (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, A.ECDSA),
        Attribute(Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS, domain),
    )
    assert await reason(under(gateway, "open"), pairing(attributes)) is R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS


async def test_macs_by_short_keys(gateway: Gateway) -> None:
    key = await secret(gateway, A.HMAC_SHA256, 104, M.MAC_GENERATE)
    parameters = CryptographicParameters(cryptographic_algorithm=A.HMAC_SHA256)
    request = MACRequest(unique_identifier=key, data=b"data", cryptographic_parameters=parameters)
    assert await reason(gateway, (O.MAC, request)) is REFUSED_SO
    assert await reason(gateway, (O.MAC, replace(request, init_indicator=True))) is REFUSED_SO


async def test_signatures_by_sha_1(gateway: Gateway) -> None:
    private, _ = await pair(gateway, rsa(2048))
    asked = (
        {"hashing_algorithm": H.SHA_1},
        {"hashing_algorithm": H.SHA_1, "padding_method": P.PSS},
        {"digital_signature_algorithm": D.SHA_1_WITH_RSA_ENCRYPTION},
        {"hashing_algorithm": H.SHA_1, "digested": bytes(20)},
        {"digested": bytes(20)},
    )
    for each in asked:
        assert await reason(gateway, signing(private, **each)) is REFUSED_SO, each
    assert (await gateway.one(V2_1, *signing(private, hashing_algorithm=H.SHA_256))).signature_data


async def test_pkcs1_v1_5(gateway: Gateway) -> None:
    """An unpadding oracle, by Decrypt and by unwrapping; that it encrypts is refused by fips alone."""
    private, public = await pair(gateway, rsa(2048))
    sealed = (await gateway.one(V2_1, *encrypt(public, b"data", padding_method=P.PKCS1_V1_5))).data
    assert await reason(gateway, decrypt(private, sealed, padding_method=P.PKCS1_V1_5)) is REFUSED_SO
    assert await reason(under(gateway, "fips"), encrypt(public, b"data", padding_method=P.PKCS1_V1_5)) is REFUSED_SO
    key = await create(gateway, M.ENCRYPT, bits=128)
    assert await reason(under(gateway, "fips"), fetch(key, public, padding_method=P.PKCS1_V1_5)) is REFUSED_SO
    asked = wrapping(private, padding_method=P.PKCS1_V1_5)
    data = KeyWrappingData(
        wrapping_method=asked.wrapping_method,
        encryption_key_information=asked.encryption_key_information,
        encoding_option=asked.encoding_option,
    )
    given = aes(bytes(16))
    given = replace(given, key_block=replace(given.key_block, key_value=sealed, key_wrapping_data=data))
    assert await reason(gateway, bring(given, M.ENCRYPT)) is REFUSED_SO


@pytest.mark.parametrize("size", [1, 4, 8, 11])
async def test_no_policy_has_a_tag_of_less_than_96_bits(gateway: Gateway, size: int) -> None:
    key = await create(gateway, M.ENCRYPT | M.DECRYPT)
    for policy in REFUSED:
        asked = encrypt(key, b"data", block_cipher_mode=B.GCM, tag_length=size)
        assert await reason(under(gateway, policy), asked) is R.GENERAL_FAILURE


async def test_counters_of_clients(gateway: Gateway) -> None:
    key = await create(gateway, M.ENCRYPT)
    asked = encrypt(key, b"data", bytes(16), block_cipher_mode=B.CTR)
    assert (await gateway.one(V2_1, *asked)).data
    assert await reason(under(gateway, "fips"), asked) is REFUSED_SO
    drawn = await under(gateway, "fips").one(V2_1, *encrypt(key, b"data", block_cipher_mode=B.CTR))
    assert len(drawn.iv_counter_nonce) == 16


async def test_software_ciphers_are_not_approved(gateway: Gateway) -> None:
    def asked(policy: str) -> Gateway:
        config = KmipConfig(policy=policy, software_ciphers=True)  # type: ignore[arg-type]
        return Gateway(
            Exchange(config, gateway.store, gateway.token, gateway.clock), gateway.clock, gateway.store, gateway.token
        )

    key = await secret(gateway, A.CHACHA20POLY1305, 256)
    assert (await asked("default").one(V2_1, *encrypt(key, b"data"))).data
    assert await reason(asked("fips"), encrypt(key, b"data")) is REFUSED_SO


async def test_an_allowance_is_for_what_it_names_and_is_logged(gateway: Gateway) -> None:
    key = await secret(gateway, A.AES, 128)
    allowed = under(gateway, "default", W.ECB)
    with capture_logs() as logs:
        await allowed.one(V2_1, *encrypt(key, bytes(16), block_cipher_mode=B.ECB))
    (told,) = [each for each in logs if each["event"] == "weakness allowed"]
    assert (told["weakness"], told["object"], told["client"]) == ("ecb", key, "cert:a")
    with capture_logs() as logs:
        await gateway.one(V2_1, *encrypt(key, bytes(16), block_cipher_mode=B.GCM))
    assert not [each for each in logs if each["event"] == "weakness allowed"]
    assert await reason(allowed, encrypt(key, b"", bytes(12), block_cipher_mode=B.GCM)) is REFUSED_SO


async def test_a_flag_of_a_role_is_for_its_clients_alone(gateway: Gateway) -> None:
    key = await secret(gateway, A.AES, 128)
    asked = encrypt(key, bytes(16), block_cipher_mode=B.ECB)
    peer = gateway._peer
    for flags in ({"ecb"}, {"*"}):
        gateway._peer = replace(peer, roles=(*peer.roles, Role(name="old", flags=frozenset(flags))))
        assert (await gateway.one(V2_1, *asked)).data
    gateway._peer = replace(peer, roles=(*peer.roles, Role(name="other", flags=frozenset({"client_ivs"}))))
    assert await reason(gateway, asked) is REFUSED_SO
    with pytest.raises(ConfigurationError):
        check(Role(name="wrong", flags=frozenset({"ebc"})))


# --- IVs of GCM (reliability item 30)


async def test_the_iv_is_drawn_here_and_told_and_a_clients_is_refused(gateway: Gateway) -> None:
    key = await create(gateway, M.ENCRYPT | M.DECRYPT, RESIDENT)
    sealed = await gateway.one(V2_1, *encrypt(key, b"data", block_cipher_mode=B.GCM))
    assert len(sealed.iv_counter_nonce) == 12
    assert await reason(gateway, encrypt(key, b"data", bytes(12), block_cipher_mode=B.GCM)) is REFUSED_SO
    drawn = [
        (await gateway.one(version, *encrypt(key, b"data", block_cipher_mode=B.GCM))).iv_counter_nonce
        for version in (V1_4, V2_1)
        for _ in range(50)
    ]
    assert len({sealed.iv_counter_nonce, *drawn}) == 101


async def test_a_clients_iv_comes_once_for_a_value(gateway: Gateway) -> None:
    """Not a second time, not for a second key of the same value, nor after a restart."""
    allowed, value, iv = under(gateway, "default", W.CLIENT_IVS), bytes(range(32)), b"\xf0" * 12
    keys = [await register(gateway, value, M.ENCRYPT) for _ in range(2)]
    await allowed.one(V2_1, *encrypt(keys[0], b"data", iv, block_cipher_mode=B.GCM))
    for key in keys:
        for again in (allowed, under(gateway, "default", W.CLIENT_IVS)):
            assert await reason(again, encrypt(key, b"data", iv, block_cipher_mode=B.GCM)) is R.INVALID_FIELD
    other = await create(gateway, M.ENCRYPT)
    await allowed.one(V2_1, *encrypt(other, b"data", iv, block_cipher_mode=B.GCM))


async def test_an_iv_of_a_time_under_another_policy_comes_no_more(gateway: Gateway) -> None:
    """Under `open` it may come as often as it likes, and is kept."""
    key, asked = await create(gateway, M.ENCRYPT), {"block_cipher_mode": B.GCM}
    for _ in range(2):
        await under(gateway, "open").one(V2_1, *encrypt(key, b"data", b"\xf0" * 12, **asked))
    again = encrypt(key, b"data", b"\xf0" * 12, **asked)
    assert await reason(under(gateway, "default", W.CLIENT_IVS), again) is R.INVALID_FIELD


async def test_an_iv_comes_once_for_a_key_that_has_lost_its_digest(gateway: Gateway) -> None:
    """A derivation by HASH takes it away; and two formats of one value have one digest in common."""
    allowed, value = under(gateway, "default", W.CLIENT_IVS), bytes(range(1, 33))
    key = await register(gateway, value, M.ENCRYPT | M.DERIVE_KEY)
    asked = encrypt(key, b"data", b"\xf0" * 12, block_cipher_mode=B.GCM)
    await allowed.one(V2_1, *asked)
    hashed = DeriveKeyRequest(
        object_type=ObjectType.SYMMETRIC_KEY,
        unique_identifier=(key,),
        derivation_method=DerivationMethod.HASH,
        derivation_parameters=DerivationParameters(
            cryptographic_parameters=CryptographicParameters(hashing_algorithm=H.SHA_256)
        ),
        attributes=spec(256, M.ENCRYPT),
    )
    await gateway.one(V2_1, O.DERIVE_KEY, hashed)
    assert await reason(allowed, asked) is R.INVALID_FIELD
    fetched = GetRequest(unique_identifier=key, key_format_type=KeyFormatType.TRANSPARENT_SYMMETRIC_KEY)
    given = (await gateway.one(V2_1, O.GET, fetched)).symmetric_key
    attributes = (Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT), ACTIVE)
    registered = RegisterRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=attributes, symmetric_key=given)
    same = (await gateway.one(V2_1, O.REGISTER, registered)).unique_identifier
    assert await reason(allowed, encrypt(same, b"data", b"\xf0" * 12, block_cipher_mode=B.GCM)) is R.INVALID_FIELD


async def test_which_ivs_came_since_a_copy_that_is_put_back_is_forgotten(gateway: Gateway, tmp_path: Path) -> None:
    key, iv = await create(gateway, M.ENCRYPT), b"\xf0" * 12
    asked = encrypt(key, b"data", iv, block_cipher_mode=B.GCM)
    copy_database(tmp_path / "gateway.sqlite", tmp_path / "copy.sqlite")
    await under(gateway, "default", W.CLIENT_IVS).one(V2_1, *asked)
    put_in_place(tmp_path / "copy.sqlite", tmp_path / "restored.sqlite")
    store = open_store(tmp_path / "restored.sqlite")
    restored = Gateway(gateway.exchange, gateway.clock, store, gateway.token)
    allowed = under(restored, "default", W.CLIENT_IVS)
    assert await reason(allowed, asked) is REFUSED_SO
    new = await create(allowed, M.ENCRYPT)
    for again, _asked in (
        (allowed, encrypt(new, b"data", iv, block_cipher_mode=B.GCM)),
        (allowed, encrypt(key, b"data", block_cipher_mode=B.GCM)),
        (under(restored, "default", W.CLIENT_IVS, W.FORGOTTEN_IVS), asked),
    ):
        assert (await again.one(V2_1, *_asked)).data
    await store.close()


async def test_a_client_chooses_no_iv_that_was_drawn_here(gateway: Gateway) -> None:
    """Else whoever may Encrypt decrypts: the same IV makes the same key stream."""
    allowed, key = under(gateway, "default", W.CLIENT_IVS), await create(gateway, M.ENCRYPT)
    sealed = await gateway.one(V2_1, *encrypt(key, b"secret", block_cipher_mode=B.GCM))
    asked = encrypt(key, sealed.data, sealed.iv_counter_nonce, block_cipher_mode=B.GCM)
    assert await reason(allowed, asked) is R.INVALID_FIELD


async def test_an_iv_of_a_wrong_length_is_not_kept(gateway: Gateway) -> None:
    allowed, key = under(gateway, "default", W.CLIENT_IVS), await create(gateway, M.ENCRYPT)
    asked = encrypt(key, b"data", bytes(257), block_cipher_mode=B.GCM)
    assert await reason(allowed, asked) is R.BAD_CRYPTOGRAPHIC_PARAMETERS
    assert await gateway.store.write(lambda t: t.keep_iv(b"nobody", b"iv")) == 1


async def test_there_is_an_end_to_the_ivs_of_clients(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.nonces.MAX_CHOSEN", 2)
    allowed, key = under(gateway, "default", W.CLIENT_IVS), await create(gateway, M.ENCRYPT)
    for number in range(2):
        await allowed.one(V2_1, *encrypt(key, b"data", bytes((240, number)) * 6, block_cipher_mode=B.GCM))
    asked = encrypt(key, b"data", b"\xf0\x02" * 6, block_cipher_mode=B.GCM)
    assert await reason(allowed, asked) is R.SERVER_LIMIT_EXCEEDED


async def test_a_key_encrypts_no_more_than_it_may(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in blocks, across all processes: here blocks of four, and twelve in all."""
    monkeypatch.setattr("gateway.nonces.BLOCK", 4)
    monkeypatch.setattr("gateway.invocations.BLOCK", 4)
    monkeypatch.setattr("gateway.nonces.MAX_INVOCATIONS", 12)
    key = await create(gateway, M.ENCRYPT)
    processes = [under(gateway), under(gateway)]
    asked = encrypt(key, b"data", block_cipher_mode=B.GCM)
    done = 0
    for number in range(24):
        (answer,) = await processes[number % 2].ask(V2_1, asked)
        if answer.reason is not None:
            assert answer.reason is R.PERMISSION_DENIED
            break
        done += 1
    assert 12 <= done <= 12 + 2 * 4, "what a process has not noted yet is not counted"
    for each in processes:
        answers = [(await each.ask(V2_1, asked))[0].reason for _ in range(5)]
        assert answers[-1] is R.PERMISSION_DENIED


async def test_what_wraps_by_gcm_draws_its_ivs_alike(gateway: Gateway) -> None:
    by, key = await create(gateway, M.WRAP_KEY | M.UNWRAP_KEY, RESIDENT), await create(gateway, M.ENCRYPT)
    ivs = {
        (
            await gateway.one(V2_1, *fetch(key, by, block_cipher_mode=B.GCM))
        ).symmetric_key.key_block.key_wrapping_data.iv_counter_nonce
        for _ in range(20)
    }
    assert len(ivs) == 20
