"""Which mechanism Cryptographic Parameters mean, which are refused, and what is done beside the token."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import errors
from gateway.kmip.enums import (
    BlockCipherMode,
    CryptographicAlgorithm,
    DigitalSignatureAlgorithm,
    HashingAlgorithm,
    PaddingMethod,
)
from gateway.kmip.values import CryptographicParameters
from gateway.token import mechanisms, oaep, parameters, signatures
from gateway.token.api import Mechanism, Profile
from gateway.token.digests import HASHES
from gateway.token.mechanisms import CIPHERS, HMACS, Oaep

A, B, D, H, P = (
    CryptographicAlgorithm,
    BlockCipherMode,
    DigitalSignatureAlgorithm,
    HashingAlgorithm,
    PaddingMethod,
)
SHA2 = frozenset(HASHES[h].ckm for h in (H.SHA_1, H.SHA_224, H.SHA_256, H.SHA_384, H.SHA_512))
EVERYTHING = Profile(
    mechanisms=frozenset(
        {row.ckm for row in CIPHERS.values()}
        | {row.ckm for row in HMACS.values()}
        | {row.ckm for row in signatures.SCHEMES.values()}
        | {0x03, 0x09, 0x108A}
    ),
    oaep_hashes=SHA2,
    pss_hashes=SHA2,
)
# SoftHSM has OAEP with SHA-1 alone.
SHA1_ONLY = Profile(mechanisms=frozenset({0x01, 0x03, 0x09}), oaep_hashes=frozenset({0x220}))
NOTHING = Profile()
RSA_KEY = rsa.generate_private_key(65537, 1024)


def said(**fields: object) -> CryptographicParameters:
    return CryptographicParameters(**fields)  # type: ignore[arg-type]


def test_every_row_is_found_by_its_parameters_and_needs_its_self_test() -> None:
    for (algorithm, mode, pad), row in CIPHERS.items():
        asked = said(block_cipher_mode=mode, padding_method=pad)
        assert mechanisms.cipher(EVERYTHING, algorithm, asked) is row
        with pytest.raises(errors.UnsupportedCryptographicParameters):
            mechanisms.cipher(NOTHING, algorithm, asked)


def test_no_padding_method_means_no_padding() -> None:
    for (algorithm, mode, pad), row in CIPHERS.items():
        if pad is P.NONE:
            assert mechanisms.cipher(EVERYTHING, algorithm, said(block_cipher_mode=mode)) is row


def test_the_iv_of_every_row_is_what_the_worker_packs() -> None:
    for row in CIPHERS.values():
        if row.iv_bytes and not row.tagged:
            iv = bytes(row.iv_bytes)
            made = mechanisms.mechanism(row, said(), iv, None)
            assert parameters.MechanismPacker().pack(made)
            with pytest.raises(errors.BadCryptographicParameters):
                mechanisms.mechanism(row, said(), iv + b"\0", None)
            with pytest.raises(errors.InvalidMessage, match="missing-iv"):
                mechanisms.mechanism(row, said(), None, None)


def test_only_gcm_authenticates_other_data() -> None:
    row = CIPHERS[A.AES, B.CBC, P.PKCS5]
    assert mechanisms.mechanism(row, said(), bytes(16), b"") == Mechanism(0x1085, iv=bytes(16))
    with pytest.raises(errors.BadCryptographicParameters):
        mechanisms.mechanism(row, said(), bytes(16), b"header")
    gcm = CIPHERS[A.AES, B.GCM, P.NONE]
    made = mechanisms.mechanism(gcm, said(tag_length=12), bytes(12), b"header")
    assert made == Mechanism(0x1087, iv=bytes(12), aad=b"header", tag_bits=96)


@pytest.mark.parametrize("iv", [b"", bytes(257)])
def test_gcm_ivs_have_bounds(iv: bytes) -> None:
    with pytest.raises(errors.BadCryptographicParameters):
        mechanisms.mechanism(CIPHERS[A.AES, B.GCM, P.NONE], said(), iv, None)


def test_an_iv_is_drawn_unless_the_parameters_forbid_it() -> None:
    cbc, gcm = CIPHERS[A.AES, B.CBC, P.NONE], CIPHERS[A.AES, B.GCM, P.NONE]
    for row, asked in (
        (cbc, said(random_iv=True)),
        (cbc, said()),
        (gcm, said()),
        (gcm, said(random_iv=False)),
        (gcm, said(iv_length=96)),
    ):
        mechanisms.check_drawn(row, asked)
    with pytest.raises(errors.InvalidMessage, match="missing-iv"):
        mechanisms.check_drawn(cbc, said(random_iv=False))
    for unsupported in (said(iv_length=64), said(fixed_field_length=32)):
        with pytest.raises(errors.UnsupportedCryptographicParameters):
            mechanisms.check_drawn(gcm, unsupported)


@pytest.mark.parametrize(("bits", "nonce"), [(7, 16), (136, 16), (12, 16), (32, 11), (32, 13), (None, 17)])
def test_a_counter_fills_the_block_with_its_nonce(bits: int | None, nonce: int) -> None:
    row = CIPHERS[A.AES, B.CTR, P.NONE]
    with pytest.raises((errors.BadCryptographicParameters, errors.UnsupportedCryptographicParameters)):
        mechanisms.mechanism(row, said(counter_length=bits), bytes(nonce), None)


# --- RSA


def test_oaep_goes_to_the_token_where_its_self_test_passed_and_to_bare_rsa_else() -> None:
    asked = said(padding_method=P.OAEP, hashing_algorithm=H.SHA_256)
    on_token = mechanisms.rsa_encryption(EVERYTHING, A.RSA, asked)
    assert on_token.way == Mechanism(0x09, hash=0x250, mgf=2)
    beside = mechanisms.rsa_encryption(SHA1_ONLY, A.RSA, asked)
    assert beside.way == Oaep(HASHES[H.SHA_256], HASHES[H.SHA_256], b"")
    assert on_token.overhead_bytes == beside.overhead_bytes == 66
    assert mechanisms.rsa_encryption(SHA1_ONLY, A.RSA, said(padding_method=P.OAEP)).way == Mechanism(
        0x09, hash=0x220, mgf=1
    )


@pytest.mark.parametrize("unproven", [{"p_source": b"label"}, {"mask_generator_hashing_algorithm": H.SHA_256}], ids=str)
def test_what_the_self_test_did_not_try_is_not_asked_of_the_token(unproven: dict[str, object]) -> None:
    asked = said(padding_method=P.OAEP, hashing_algorithm=H.SHA_1, **unproven)
    assert isinstance(mechanisms.rsa_encryption(EVERYTHING, A.RSA, asked).way, Oaep)


@pytest.mark.parametrize(
    ("profile", "algorithm", "fields", "failure"),
    [
        (EVERYTHING, A.RSA, {}, errors.BadCryptographicParameters),
        (EVERYTHING, A.RSA, {"padding_method": P.NONE}, errors.UnsupportedCryptographicParameters),
        (EVERYTHING, A.RSA, {"padding_method": P.PSS}, errors.UnsupportedCryptographicParameters),
        (EVERYTHING, A.EC, {"padding_method": P.OAEP}, errors.UnsupportedCryptographicParameters),
        (EVERYTHING, A.RSA, {"cryptographic_algorithm": A.AES}, errors.BadCryptographicParameters),
        (NOTHING, A.RSA, {"padding_method": P.OAEP}, errors.UnsupportedCryptographicParameters),
        (NOTHING, A.RSA, {"padding_method": P.PKCS1_V1_5}, errors.UnsupportedCryptographicParameters),
        (
            EVERYTHING,
            A.RSA,
            {"padding_method": P.OAEP, "hashing_algorithm": H.MD5},
            errors.UnsupportedCryptographicParameters,
        ),
    ],
)
def test_rsa_parameters_that_are_refused(
    profile: Profile, algorithm: A, fields: dict[str, object], failure: type[errors.KmipError]
) -> None:
    with pytest.raises(failure):
        mechanisms.rsa_encryption(profile, algorithm, said(**fields))


def bare_rsa(ciphertext: bytes) -> bytes:
    """Do what CKM_RSA_X_509 does."""
    numbers = RSA_KEY.private_numbers()
    number = pow(int.from_bytes(ciphertext, "big"), numbers.d, numbers.public_numbers.n)
    return number.to_bytes(128, "big")


SHA_1_SCHEME = Oaep(HASHES[H.SHA_1], HASHES[H.SHA_256], b"label")


@given(st.binary(max_size=128 - SHA_1_SCHEME.overhead_bytes))
@settings(max_examples=50, deadline=None)
def test_oaep_comes_back(message: bytes) -> None:
    info = RSA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    block = bare_rsa(oaep.encrypt(info, SHA_1_SCHEME, message))
    assert oaep.unpad(block, 128, SHA_1_SCHEME) == message
    assert oaep.unpad(block.lstrip(b"\0"), 128, SHA_1_SCHEME) == message


@given(st.binary(min_size=128, max_size=128))
@settings(max_examples=50, deadline=None)
def test_other_blocks_hold_no_message(block: bytes) -> None:
    assert oaep.unpad(block, 128, SHA_1_SCHEME) is None


def test_each_check_of_oaep_is_made() -> None:
    """Blocks built by hand, each wrong in one place alone."""
    scheme = Oaep(HASHES[H.SHA_1], HASHES[H.SHA_1], b"")
    label = hashlib.sha1(b"").digest()

    def block(first: bytes, data: bytes) -> bytes:
        seed = bytes(range(20))
        masked = bytes(a ^ b for a, b in zip(data, oaep.mask(seed, len(data), scheme.mgf_hash), strict=True))
        hidden = bytes(a ^ b for a, b in zip(seed, oaep.mask(masked, 20, scheme.mgf_hash), strict=True))
        return first + hidden + masked

    zeros = bytes(128 - 21 - 20 - 4)
    assert oaep.unpad(block(b"\0", label + zeros + b"\x01abc"), 128, scheme) == b"abc"
    assert oaep.unpad(block(b"\0", label + zeros + b"abc\x01"), 128, scheme) is None  # no zero before the separator
    assert oaep.unpad(block(b"\0", label + zeros + bytes(4)), 128, scheme) is None  # no separator
    assert oaep.unpad(block(b"\x01", label + zeros + b"\x01abc"), 128, scheme) is None  # first byte
    assert oaep.unpad(block(b"\0", label[:-1] + b"\0" + zeros + b"\x01abc"), 128, scheme) is None  # label


# --- signatures and MACs


@pytest.mark.parametrize("algorithm", list(HASHES), ids=str)
def test_a_digest_info_is_what_cryptography_signs(algorithm: H) -> None:
    hash_ = HASHES[algorithm]
    signature = RSA_KEY.sign(b"message", padding.PKCS1v15(), hash_.algorithm)
    numbers = RSA_KEY.public_key().public_numbers()
    block = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(128, "big")
    assert block.endswith(b"\0" + hash_.prefix + hash_.digest(b"message"))
    assert len(hash_.digest(b"")) == hash_.size


def test_every_digital_signature_algorithm_has_its_scheme() -> None:
    for name, meaning in signatures.MEANINGS.items():
        chosen = signatures.signing(
            EVERYTHING,
            meaning.algorithm,
            2048,
            said(digital_signature_algorithm=name, hashing_algorithm=meaning.hash or H.SHA_256),
        )
        assert chosen.hash is HASHES[meaning.hash or H.SHA_256]
        with pytest.raises(errors.UnsupportedCryptographicParameters):
            signatures.signing(NOTHING, meaning.algorithm, 2048, said(digital_signature_algorithm=name))


@pytest.mark.parametrize("fields", [{"trailer_field": 2}, {"mask_generator_hashing_algorithm": H.SHA_1}], ids=str)
def test_pss_with_two_hashes_or_another_trailer_is_unsupported(fields: dict[str, object]) -> None:
    asked = said(padding_method=P.PSS, hashing_algorithm=H.SHA_256, **fields)
    with pytest.raises(errors.UnsupportedCryptographicParameters):
        signatures.signing(EVERYTHING, A.RSA, 2048, asked)


def test_a_token_without_the_hash_does_not_sign_with_pss() -> None:
    profile = Profile(mechanisms=frozenset({0x0D}), pss_hashes=frozenset({0x220}))
    for algorithm, does in ((H.SHA_1, True), (H.SHA_256, False), (H.SHA3_256, False)):
        chosen = signatures.signing(profile, A.RSA, 2048, said(padding_method=P.PSS, hashing_algorithm=algorithm))
        assert signatures.on_token(profile, chosen) is does


def test_pss_is_verified_with_the_hash_a_token_lacks() -> None:
    info = RSA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    asked = said(padding_method=P.PSS, hashing_algorithm=H.SHA3_256)
    chosen = signatures.signing(EVERYTHING, A.RSA, 1024, asked)
    signature = RSA_KEY.sign(b"message", padding.PSS(padding.MGF1(hashes.SHA3_256()), 7), hashes.SHA3_256())
    digest = chosen.message(b"message", None)
    assert signatures.verify_pss(info, chosen, digest, signature)
    assert not signatures.verify_pss(info, chosen, digest, signature[:-1] + b"\0\0")
    assert not signatures.verify_pss(info, chosen._replace(salt_bytes=8), digest, signature)


@pytest.mark.parametrize(
    ("key", "fields", "ckm"),
    [
        (A.HMAC_SHA256, {}, 0x251),
        (A.HMAC_SHA256, {"hashing_algorithm": H.SHA_256}, 0x251),
        (A.HMAC_SHA256, {"cryptographic_algorithm": A.HMAC_SHA256}, 0x251),
        (A.AES, {}, 0x108A),
        (A.AES, {"cryptographic_algorithm": A.AES}, 0x108A),
        (A.AES, {"block_cipher_mode": B.CMAC}, 0x108A),
        (A.AES, {"cryptographic_algorithm": A.HMAC_SHA1}, 0x221),
        (A.AES, {"hashing_algorithm": H.SHA_512}, 0x271),
        (A.HMAC_SHA256, {"cryptographic_algorithm": A.HMAC_SHA1}, None),
        (A.HMAC_SHA256, {"cryptographic_algorithm": A.AES}, None),
        (A.HMAC_SHA256, {"block_cipher_mode": B.CBC_MAC}, None),
        (A.DES3, {"cryptographic_algorithm": A.AES}, None),
        (A.DES3, {}, None),
        (None, {}, None),
        (A.AES, {"hashing_algorithm": H.MD5}, None),
        (A.AES, {"cryptographic_algorithm": A.HMAC_SHA1, "hashing_algorithm": H.SHA_256}, None),
        (A.AES, {"cryptographic_algorithm": A.HMAC_SHA1, "hashing_algorithm": H.SHA_1}, 0x221),
    ],
)
def test_which_mac_is_meant(key: A | None, fields: dict[str, object], ckm: int | None) -> None:
    if ckm is None:
        with pytest.raises((errors.BadCryptographicParameters, errors.UnsupportedCryptographicParameters)):
            mechanisms.mac(EVERYTHING, key, said(**fields))
    else:
        assert mechanisms.mac(EVERYTHING, key, said(**fields)).ckm == ckm
        with pytest.raises(errors.UnsupportedCryptographicParameters):
            mechanisms.mac(NOTHING, key, said(**fields))
