"""Data in several parts: the same as in one, for the client, operation and key that began, and for nobody else."""

import hashlib
import hmac
import itertools
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.access.roles import EVERYTHING
from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    HashingAlgorithm,
    Operation,
    PaddingMethod,
    ResultReason,
    ResultStatus,
    RevocationReasonCode,
    UsageLimitsUnit,
    ValidityIndicator,
)
from gateway.kmip.structure import LongInteger
from gateway.kmip.values import CryptographicParameters, RevocationReason, UsageLimits
from gateway.kmip.version import V1_3, V1_4, V2_1, Version
from gateway.operations.decrypt import DecryptRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.hash import HashRequest
from gateway.operations.mac import MACRequest
from gateway.operations.mac_verify import MACVerifyRequest
from gateway.operations.revoke import RevokeRequest
from gateway.operations.sign import SignRequest
from gateway.operations.signature_verify import SignatureVerifyRequest
from gateway.token.streams import MAX_STREAMS_OF_ONE
from tests.operations.conftest import Client, Gateway
from tests.operations.test_cryptography import GCM, RSA_KEY, Keys, params

A, B, H, P = CryptographicAlgorithm, BlockCipherMode, HashingAlgorithm, PaddingMethod
M, R = CryptographicUsageMask, ResultReason
pytestmark = pytest.mark.allow("ecb", "client_ivs", "sha1_signatures")

KEY, DATA = bytes(range(32)), bytes(range(77))
UNKNOWN = R.INVALID_CORRELATION_VALUE
REQUESTS = {
    Operation.ENCRYPT: EncryptRequest,
    Operation.DECRYPT: DecryptRequest,
    Operation.SIGN: SignRequest,
    Operation.SIGNATURE_VERIFY: SignatureVerifyRequest,
    Operation.MAC: MACRequest,
    Operation.MAC_VERIFY: MACVerifyRequest,
    Operation.HASH: HashRequest,
}


@pytest.fixture
def keys(gateway: Gateway) -> Keys:
    return Keys(gateway)


async def streamed(
    client: Client,
    operation: Operation,
    cuts: tuple[bytes, ...],
    version: Version = V2_1,
    last: dict[str, Any] | None = None,
    every: dict[str, Any] | None = None,
    **first: Any,
) -> list[Any]:
    """Give the answers to data in parts: `first` and `last` are fields of those requests alone, `every` of all."""
    answers: list[Any] = []
    for number, data in enumerate(cuts):
        fields: dict[str, Any] = {"data": data, **(every or {})}
        if number == 0:
            fields |= {"init_indicator": True, **first}
        else:
            fields["correlation_value"] = answers[0].correlation_value
        if number == len(cuts) - 1:
            fields |= {"final_indicator": True, **(last or {})}
        answers.append(await client.one(version, operation, REQUESTS[operation](**fields)))
    assert all(each.correlation_value == answers[0].correlation_value for each in answers[:-1])
    assert answers[-1].correlation_value is None
    return answers


def cut(data: bytes, *sizes: int) -> tuple[bytes, ...]:
    """Cut data into pieces of these sizes and the rest."""
    ends = list(itertools.accumulate(sizes))
    return tuple(data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True))


def joined(answers: list[Any]) -> bytes:
    return b"".join(each.data or b"" for each in answers)


async def begin(client: Client, uid: str, **fields: Any) -> bytes:
    """Begin to encrypt, and give the correlation value."""
    fields = {"cryptographic_parameters": params(B.ECB, P.PKCS5), "data": b"", **fields}
    request = EncryptRequest(unique_identifier=uid, init_indicator=True, **fields)
    answer = await client.one(V2_1, Operation.ENCRYPT, request)
    return bytes(answer.correlation_value)


def further(uid: str, value: bytes, **fields: Any) -> EncryptRequest:
    return EncryptRequest(unique_identifier=uid, correlation_value=value, data=b"more", **fields)


CIPHERS = {
    "ECB padded here": params(B.ECB, P.PKCS5),
    "CBC padded by the token": params(B.CBC, P.PKCS5),
    "CTR": params(B.CTR),
}


@pytest.mark.parametrize("given", CIPHERS.values(), ids=CIPHERS)
@pytest.mark.parametrize("sizes", [(1,), (16, 16), (0, 76), (31, 1, 45), (77,)], ids=str)
async def test_parts_give_what_the_whole_gives(
    gateway: Gateway, keys: Keys, given: CryptographicParameters, sizes: tuple[int, ...]
) -> None:
    uid = await keys.secret()
    first = {
        "cryptographic_parameters": given,
        "iv_counter_nonce": None if given.block_cipher_mode is B.ECB else KEY[:16],
    }
    every = {"unique_identifier": uid}
    whole = await gateway.one(V2_1, Operation.ENCRYPT, EncryptRequest(**every, data=DATA, **first))
    sealed = await streamed(gateway, Operation.ENCRYPT, cut(DATA, *sizes), every=every, **first)
    assert joined(sealed) == whole.data
    opened = await streamed(gateway, Operation.DECRYPT, cut(whole.data, *sizes), every=every, **first)
    assert joined(opened) == DATA


@pytest.mark.parametrize("version", [V1_4, V2_1], ids=str)
@pytest.mark.parametrize("tag_comes_first", [True, False])
async def test_gcm_gives_no_plaintext_before_the_tag_is_right(
    gateway: Gateway, keys: Keys, version: Version, tag_comes_first: bool
) -> None:
    uid = await keys.secret()
    every = {"unique_identifier": uid}
    first = {"cryptographic_parameters": GCM, "authenticated_encryption_additional_data": b"header"}
    sealed = await streamed(gateway, Operation.ENCRYPT, cut(DATA, 40), version, every=every, **first)
    iv, tag = sealed[0].iv_counter_nonce, sealed[1].authenticated_encryption_tag
    assert AESGCM(KEY).decrypt(iv, joined(sealed) + tag, b"header") == DATA
    given = {"authenticated_encryption_tag": tag}
    opened = await streamed(
        gateway,
        Operation.DECRYPT,
        cut(joined(sealed), 16, 16),
        version,
        every=every,
        last={} if tag_comes_first else given,
        **first,
        **(given if tag_comes_first else {}),
        iv_counter_nonce=iv,
    )
    assert [each.data for each in opened] == [None, None, DATA]


async def test_before_1_4_the_tag_is_the_end_of_the_data(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret()
    first = {"cryptographic_parameters": GCM, "iv_counter_nonce": KEY[:12]}
    every = {"unique_identifier": uid}
    sealed = joined(await streamed(gateway, Operation.ENCRYPT, cut(DATA, 40), V1_3, every=every, **first))
    assert sealed == AESGCM(KEY).encrypt(KEY[:12], DATA, b"")
    assert joined(await streamed(gateway, Operation.DECRYPT, cut(sealed, 70), V1_3, every=every, **first)) == DATA


BROKEN = {
    "a wrong tag": (params(B.GCM), {"authenticated_encryption_tag": bytes(16)}),
    "no tag": (params(B.GCM), {}),
    "wrong padding, of the token": (params(B.CBC, P.PKCS5), {}),
    "wrong padding, of the gateway": (params(B.ECB, P.PKCS5), {}),
    "half a block": (params(B.CBC), {"data": bytes(5)}),
    "a tag where none belongs": (params(B.CTR), {"authenticated_encryption_tag": bytes(16)}),
}


@pytest.mark.parametrize(("given", "last"), BROKEN.values(), ids=BROKEN)
async def test_every_failure_of_decryption_is_told_alike_and_ends_the_stream(
    gateway: Gateway, keys: Keys, given: CryptographicParameters, last: dict[str, Any]
) -> None:
    uid = await keys.secret()
    iv = {B.ECB: None, B.GCM: KEY[:12]}.get(given.block_cipher_mode or B.ECB, KEY[:16])
    request = DecryptRequest(
        unique_identifier=uid, cryptographic_parameters=given, iv_counter_nonce=iv, data=bytes(16), init_indicator=True
    )
    value = (await gateway.one(V2_1, Operation.DECRYPT, request)).correlation_value
    fields = {"unique_identifier": uid, "correlation_value": value, "final_indicator": True, "data": bytes(16)}
    (answer,) = await gateway.ask(V2_1, (Operation.DECRYPT, DecryptRequest(**{**fields, **last})))
    assert answer.reason is R.CRYPTOGRAPHIC_FAILURE
    assert answer.message == "the data cannot be decrypted with this key and these parameters"
    assert await gateway.refused(V2_1, Operation.DECRYPT, DecryptRequest(**{**fields, **last})) is UNKNOWN
    assert (await gateway.one(V2_1, Operation.HASH, HashRequest(cryptographic_parameters=SHA256, data=DATA))).data


SHA256 = CryptographicParameters(hashing_algorithm=H.SHA_256)


@pytest.mark.parametrize("algorithm", [H.SHA_256, H.SHA3_512, H.MD5], ids=lambda each: each.token)
async def test_a_hash_in_parts(gateway: Gateway, algorithm: HashingAlgorithm) -> None:
    every = {"cryptographic_parameters": CryptographicParameters(hashing_algorithm=algorithm)}
    answers = await streamed(gateway, Operation.HASH, cut(DATA, 0, 3), every=every)
    name = algorithm.name.lower().replace("sha_", "sha")
    assert [each.data for each in answers] == [None, None, hashlib.new(name, DATA).digest()]


async def test_a_hash_goes_on_with_its_own_algorithm_alone(gateway: Gateway) -> None:
    request = HashRequest(cryptographic_parameters=SHA256, data=DATA, init_indicator=True)
    value = (await gateway.one(V2_1, Operation.HASH, request)).correlation_value
    other = CryptographicParameters(hashing_algorithm=H.SHA_512)
    more = HashRequest(cryptographic_parameters=other, data=DATA, correlation_value=value)
    assert await gateway.refused(V2_1, Operation.HASH, more) is UNKNOWN


async def test_a_signature_in_parts(gateway: Gateway, keys: Keys) -> None:
    private, public = await keys.pair(RSA_KEY, A.RSA, 2048)
    pss = CryptographicParameters(padding_method=P.PSS, hashing_algorithm=H.SHA_1, salt_length=7)
    made = await streamed(
        gateway, Operation.SIGN, cut(DATA, 5, 6), every={"unique_identifier": private}, cryptographic_parameters=pss
    )
    signature = made[-1].signature_data
    scheme = padding.PSS(padding.MGF1(hashes.SHA1()), 7)
    RSA_KEY.public_key().verify(signature, DATA, scheme, hashes.SHA1())
    for given, verdict in ((DATA, ValidityIndicator.VALID), (DATA[1:], ValidityIndicator.INVALID)):
        for first, last in (({"signature_data": signature}, {}), ({}, {"signature_data": signature})):
            answers = await streamed(
                gateway,
                Operation.SIGNATURE_VERIFY,
                cut(given, 40),
                every={"unique_identifier": public},
                last=last,
                cryptographic_parameters=pss,
                **first,
            )
            assert [each.validity_indicator for each in answers] == [None, verdict]


@pytest.mark.parametrize("algorithm", [A.HMAC_SHA256, A.AES], ids=lambda each: each.token)
async def test_a_mac_in_parts(gateway: Gateway, keys: Keys, algorithm: CryptographicAlgorithm) -> None:
    """The AES key is made an HMAC with beside the token, since it may leave."""
    uid = await keys.secret(algorithm=algorithm, mask=M.MAC_GENERATE | M.MAC_VERIFY, sensitive=False, extractable=True)
    every = {
        "unique_identifier": uid,
        "cryptographic_parameters": CryptographicParameters(cryptographic_algorithm=A.HMAC_SHA256),
    }
    made = await streamed(gateway, Operation.MAC, cut(DATA, 5, 6), every=every)
    code = made[-1].mac_data
    assert code == hmac.digest(KEY, DATA, "sha256")
    assert [each.mac_data for each in made[:-1]] == [None, None]
    for given, verdict in ((code, ValidityIndicator.VALID), (bytes(32), ValidityIndicator.INVALID)):
        answers = await streamed(gateway, Operation.MAC_VERIFY, cut(DATA, 40), every={**every, "mac_data": given})
        assert [each.validity_indicator for each in answers] == [None, verdict]


async def test_a_stream_is_its_clients_and_nobody_elses(gateway: Gateway, keys: Keys) -> None:
    uid, twin = await keys.secret(), await keys.secret()
    value = await begin(gateway, uid)
    theirs = await Keys(gateway.other).secret()  # type: ignore[arg-type]  # it needs what every client has
    assert await gateway.other.refused(V2_1, Operation.ENCRYPT, further(uid, value)) is R.OBJECT_NOT_FOUND
    assert await gateway.other.refused(V2_1, Operation.ENCRYPT, further(theirs, value)) is UNKNOWN
    assert (await gateway.one(V2_1, Operation.ENCRYPT, further(uid, value))).correlation_value == value
    assert await gateway.refused(V2_1, Operation.ENCRYPT, further(twin, value)) is UNKNOWN, (
        "another key of the same client"
    )
    assert await gateway.refused(V2_1, Operation.ENCRYPT, further(uid, value)) is UNKNOWN, "a refusal has ended it"
    value = await begin(gateway, uid)
    other = DecryptRequest(unique_identifier=uid, data=b"x", correlation_value=value)
    assert await gateway.refused(V2_1, Operation.DECRYPT, other) is UNKNOWN, "another operation"


@pytest.mark.parametrize("value", [b"", b"x", bytes(18), b"\xff" * 18, bytes(1000)], ids=len)
async def test_a_correlation_value_that_is_made_up(gateway: Gateway, keys: Keys, value: bytes) -> None:
    uid = await keys.secret()
    assert await gateway.refused(V2_1, Operation.ENCRYPT, further(uid, value)) is UNKNOWN
    assert await gateway.refused(V1_4, Operation.ENCRYPT, further(uid, value)) is R.INVALID_FIELD


MISPLACED = {
    "last without a first": ({"final_indicator": True}, UNKNOWN),
    "first with a correlation value": ({"init_indicator": True, "correlation_value": b"x"}, R.INVALID_FIELD),
    "no data, and no part": ({"data": None}, R.INVALID_MESSAGE),
}


@pytest.mark.parametrize(("fields", "reason"), MISPLACED.values(), ids=MISPLACED)
async def test_a_part_out_of_place(gateway: Gateway, keys: Keys, fields: dict[str, Any], reason: ResultReason) -> None:
    uid = await keys.secret()
    given = {"data": b"x", "cryptographic_parameters": params(B.ECB), **fields}
    assert await gateway.refused(V2_1, Operation.ENCRYPT, EncryptRequest(unique_identifier=uid, **given)) is reason


@pytest.mark.parametrize("field", ["iv_counter_nonce", "authenticated_encryption_additional_data"])
async def test_what_belongs_to_the_first_part_is_refused_later(gateway: Gateway, keys: Keys, field: str) -> None:
    uid = await keys.secret()
    value = await begin(gateway, uid)
    assert await gateway.refused(V2_1, Operation.ENCRYPT, further(uid, value, **{field: bytes(16)})) is R.INVALID_FIELD
    assert await gateway.refused(V2_1, Operation.ENCRYPT, further(uid, value)) is UNKNOWN


async def test_what_has_no_parts_is_refused(gateway: Gateway, keys: Keys) -> None:
    """RSA encrypts one block; Ed25519 needs the whole message twice."""
    private, public = await keys.pair(RSA_KEY, A.RSA, 2048, M.DECRYPT, M.ENCRYPT)
    oaep = CryptographicParameters(padding_method=P.OAEP)
    for uid, operation in ((public, Operation.ENCRYPT), (private, Operation.DECRYPT)):
        request = REQUESTS[operation](
            unique_identifier=uid, data=b"x", init_indicator=True, cryptographic_parameters=oaep
        )
        assert await gateway.refused(V2_1, operation, request) is R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS
    signer, _ = await keys.pair(ed25519.Ed25519PrivateKey.generate(), A.ED25519, 256)
    request = SignRequest(unique_identifier=signer, data=b"x", init_indicator=True)
    assert await gateway.refused(V2_1, Operation.SIGN, request) is R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS


async def test_a_key_that_is_revoked_or_destroyed_between_parts_is_used_no_more(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret()
    value, second = await begin(gateway, uid), await begin(gateway, uid)
    reason = RevocationReason(revocation_reason_code=RevocationReasonCode.CESSATION_OF_OPERATION)
    await gateway.one(V2_1, Operation.REVOKE, RevokeRequest(unique_identifier=uid, revocation_reason=reason))
    assert await gateway.refused(V2_1, Operation.ENCRYPT, further(uid, value)) is R.WRONG_KEY_LIFECYCLE_STATE
    await gateway.one(V2_1, Operation.DESTROY, DestroyRequest(unique_identifier=uid))
    assert await gateway.refused(V2_1, Operation.ENCRYPT, further(uid, second)) is R.OBJECT_DESTROYED


@pytest.mark.parametrize(
    ("unit", "left"), [(UsageLimitsUnit.BYTE, 4), (UsageLimitsUnit.OBJECT, 9)], ids=["bytes", "uses"]
)
async def test_parts_are_taken_off_usage_limits(gateway: Gateway, keys: Keys, unit: UsageLimitsUnit, left: int) -> None:
    """Every byte counts once, and one stream is one use."""
    limits = UsageLimits(usage_limits_total=LongInteger(10), usage_limits_unit=unit)
    uid = await keys.secret(usage_limits=limits)
    every = {"unique_identifier": uid}
    await streamed(
        gateway,
        Operation.ENCRYPT,
        (b"a", b"bc", b"def"),
        every=every,
        cryptographic_parameters=params(B.CTR),
        iv_counter_nonce=KEY[:16],
    )
    answer = await gateway.one(V2_1, Operation.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=uid))
    now = next(each.value for each in answer.attributes if isinstance(each.value, UsageLimits))
    assert now.usage_limits_count == left


async def test_bytes_beyond_the_usage_limits_end_the_stream(gateway: Gateway, keys: Keys) -> None:
    limits = UsageLimits(usage_limits_total=LongInteger(4), usage_limits_unit=UsageLimitsUnit.BYTE)
    uid = await keys.secret(usage_limits=limits)
    value = await begin(gateway, uid, data=b"one")
    assert await gateway.refused(V2_1, Operation.ENCRYPT, further(uid, value)) is R.PERMISSION_DENIED
    last = EncryptRequest(unique_identifier=uid, correlation_value=value, final_indicator=True)
    assert await gateway.refused(V2_1, Operation.ENCRYPT, last) is UNKNOWN


async def test_one_client_cannot_take_all_streams(gateway: Gateway) -> None:
    """With a client of its own: another test may have left the usual one a stream, for a minute."""
    one = gateway.client("cert:of many streams", EVERYTHING)
    uid = await Keys(one).secret()  # type: ignore[arg-type]  # as above
    values = [await begin(one, uid) for _ in range(MAX_STREAMS_OF_ONE)]  # type: ignore[arg-type]  # as above
    request = EncryptRequest(unique_identifier=uid, cryptographic_parameters=params(B.ECB), init_indicator=True)
    assert await one.refused(V2_1, Operation.ENCRYPT, request) is R.SERVER_LIMIT_EXCEEDED
    assert await begin(gateway.other, await Keys(gateway.other).secret())  # type: ignore[arg-type]  # as above
    for value in values:
        await one.one(V2_1, Operation.ENCRYPT, further(uid, value, final_indicator=True))
    assert await begin(one, uid)  # type: ignore[arg-type]  # as above


async def test_parts_in_one_batch_keep_their_order(gateway: Gateway, keys: Keys) -> None:
    uid = await keys.secret()
    value = await begin(gateway, uid, data=b"0123")
    texts = (b"4567", b"89ab", b"cdef")
    items = [
        EncryptRequest(unique_identifier=uid, correlation_value=value, data=text, final_indicator=text == texts[-1])
        for text in texts
    ]
    answers = await gateway.ask(V2_1, *[(Operation.ENCRYPT, item) for item in items])
    assert [each.status for each in answers] == [ResultStatus.SUCCESS] * 3
    whole = EncryptRequest(
        unique_identifier=uid, cryptographic_parameters=params(B.ECB, P.PKCS5), data=b"0123456789abcdef"
    )
    assert joined([each.payload for each in answers]) == (await gateway.one(V2_1, Operation.ENCRYPT, whole)).data


async def test_a_part_after_a_failed_item_is_not_taken(gateway: Gateway, keys: Keys) -> None:
    """Items that change nothing are begun ahead of their turn; a part is none of them."""
    uid = await keys.secret()
    value = await begin(gateway, uid, data=b"0123")
    lost = EncryptRequest(unique_identifier="none", data=b"x")
    more = EncryptRequest(unique_identifier=uid, correlation_value=value, data=b"xxxx")
    assert len(await gateway.ask(V2_1, (Operation.ENCRYPT, lost), (Operation.ENCRYPT, more))) == 1
    last = EncryptRequest(unique_identifier=uid, correlation_value=value, data=b"456789abcdef", final_indicator=True)
    sealed = (await gateway.one(V2_1, Operation.ENCRYPT, last)).data
    request = DecryptRequest(unique_identifier=uid, cryptographic_parameters=params(B.ECB, P.PKCS5), data=sealed)
    assert (await gateway.one(V2_1, Operation.DECRYPT, request)).data == b"0123456789abcdef"
