"""Every verb of the pool on every real token, checked against cryptography where there is a right answer."""

import hashlib
import hmac
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from gateway.errors import (
    BadCryptographicParameters,
    CryptographicFailure,
    FeatureNotSupported,
    GeneralFailure,
    InvalidField,
    KmipError,
    NotExtractable,
    UnsupportedCryptographicParameters,
)
from gateway.token.api import KEK_LABEL, STORAGE_KEY_LABEL, KeyRef, KeyType, Mechanism, ObjectClass, Rights
from gateway.token.pool import TokenPool
from tests.token.conftest import secret, template
from tests.token.needs import (
    CHECK_VALUES,
    CURVE25519,
    EXACT_RIGHTS,
    KWP,
    PRIVATE_IMPORTS,
    SEALING,
    SECRET_KEYS,
    check_needs,
    needs,
    require,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
USE = Rights.ENCRYPT | Rights.DECRYPT
MAC = Rights.SIGN | Rights.VERIFY
CURVES = {
    "P-256": bytes.fromhex("06082a8648ce3d030107"),
    "P-384": bytes.fromhex("06052b81040022"),
    "P-521": bytes.fromhex("06052b81040023"),
    "secp256k1": bytes.fromhex("06052b8104000a"),
}
ED25519, ED448, X25519 = (bytes.fromhex("06032b65" + end) for end in ("70", "71", "6e"))


@pytest.fixture
def token(shared: TokenPool, request: pytest.FixtureRequest) -> TokenPool:
    check_needs(request, shared.profile)
    return shared


def private_of(ref: KeyRef) -> KeyRef:
    return KeyRef(ObjectClass.PRIVATE_KEY, ref.cka_id)


def public_of(ref: KeyRef) -> KeyRef:
    return KeyRef(ObjectClass.PUBLIC_KEY, ref.cka_id)


def gcm(iv: bytes, aad: bytes = b"") -> Mechanism:
    return Mechanism(0x1087, iv=iv, aad=aad, tag_bits=128)


async def pair(token: TokenPool, key_type: KeyType, bits: int, curve: bytes, private: Rights, public: Rights) -> bytes:
    """Make a pair under a new CKA_ID; gives the CKA_ID, after checking that its public half is what was returned."""
    cka_id = os.urandom(16)
    (info, *_) = await token.generate_key_pair(
        cka_id,
        key_type,
        bits,
        curve,
        template(private, extractable=key_type in token.profile.private_exports),
        template(public),
    )
    assert await token.export_key(KeyRef(ObjectClass.PUBLIC_KEY, cka_id)) == info
    return cka_id


@needs(0x1087)
@pytest.mark.parametrize("size", [0, 1, 64, 4096, 1 << 20])
async def test_gcm_is_what_cryptography_makes(token: TokenPool, size: int) -> None:
    ref, key, iv, data = secret(), os.urandom(32), os.urandom(12), os.urandom(size)
    await token.import_key(ref, KeyType.AES, key, template(USE))
    sealed = await token.encrypt(ref, gcm(iv, b"header"), data)
    assert sealed == AESGCM(key).encrypt(iv, data, b"header")
    assert await token.decrypt(ref, gcm(iv, b"header"), sealed) == data


@needs(0x1087)
@pytest.mark.parametrize("aad_bytes", [15_000, 20_000, 500_000])
async def test_additional_data_larger_than_the_arena(token: TokenPool, aad_bytes: int) -> None:
    ref, key, aad = secret(), os.urandom(32), os.urandom(aad_bytes)
    await token.import_key(ref, KeyType.AES, key, template(USE))
    assert await token.encrypt(ref, gcm(b"i" * 12, aad), b"x") == AESGCM(key).encrypt(b"i" * 12, b"x", aad)


@needs(0x1087)
async def test_gcm_takes_a_long_iv(token: TokenPool) -> None:
    ref, key = secret(), os.urandom(16)
    await token.import_key(ref, KeyType.AES, key, template(USE))
    assert await token.encrypt(ref, gcm(b"i" * 16), b"x") == AESGCM(key).encrypt(b"i" * 16, b"x", None)


@needs(0x1082, 0x1086)
async def test_ctr_and_cbc_are_what_cryptography_makes(token: TokenPool) -> None:
    ref, key, iv, data = secret(), os.urandom(32), os.urandom(16), os.urandom(48)
    await token.import_key(ref, KeyType.AES, key, template(USE))
    for ckm, mode in ((0x1082, modes.CBC(iv)), (0x1086, modes.CTR(iv))):
        assert await token.encrypt(ref, Mechanism(ckm, iv=iv), data) == _encrypted(key, mode, data)


def _encrypted(key: bytes, mode: modes.Mode, data: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), mode).encryptor()
    return encryptor.update(data) + encryptor.finalize()


@needs(0x251)
async def test_hmac(token: TokenPool) -> None:
    ref, key = secret(), os.urandom(32)
    await token.import_key(ref, KeyType.GENERIC_SECRET, key, template(MAC))
    mac = await token.sign(ref, Mechanism(0x251), b"message")
    assert mac == hmac.digest(key, b"message", "sha256")
    assert await token.verify(ref, Mechanism(0x251), b"message", mac)
    assert not await token.verify(ref, Mechanism(0x251), b"message", bytes(32))
    for other in (mac[:-1], mac + b"\0", mac[:10], b""):
        assert not await token.verify(ref, Mechanism(0x251), b"message", other)


@pytest.mark.parametrize("key_type", [KeyType.RSA, KeyType.EC])
async def test_signatures_of_other_lengths_are_wrong(token: TokenPool, key_type: KeyType) -> None:
    bits, curve = (2048, b"") if key_type is KeyType.RSA else (0, CURVES["P-256"])
    cka_id = await pair(token, key_type, bits, curve, Rights.SIGN, Rights.VERIFY)
    private, public = (KeyRef(c, cka_id) for c in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY))
    mechanism = Mechanism(0x01 if key_type is KeyType.RSA else 0x1041)
    signature = await token.sign(private, mechanism, bytes(32))
    for other in (signature[:-1], signature + b"\0", signature[:-1] + bytes([signature[-1] ^ 1]), b""):
        assert not await token.verify(public, mechanism, bytes(32), other)
    assert await token.verify(public, mechanism, bytes(32), signature)


@needs(KWP)
@pytest.mark.parametrize("size", [1, 16, 21, 24, 31, 32, 64, 100])
async def test_a_secret_comes_back_as_it_went_in(token: TokenPool, size: int) -> None:
    """SoftHSM's key wrapping fills the last block with zeros: a key that ends in a zero byte tells the two apart."""
    for material in (os.urandom(size), os.urandom(size - 1) + b"\0", bytes(size)):
        ref = secret()
        await token.import_key(ref, KeyType.GENERIC_SECRET, material, template(MAC, extractable=True))
        assert await token.export_key(ref) == material


@needs(KWP, 0x1087)
@pytest.mark.parametrize("bits", [128, 192, 256])
async def test_a_generated_key_leaves_if_extractable(token: TokenPool, bits: int) -> None:
    ref = secret()
    await token.generate_key(ref, KeyType.AES, bits, template(USE, extractable=True))
    key = await token.export_key(ref)
    assert len(key) == bits // 8
    assert await token.encrypt(ref, gcm(b"i" * 12), b"x") == AESGCM(key).encrypt(b"i" * 12, b"x", None)


@needs(KWP, 0x131)
async def test_triple_des_keys(token: TokenPool) -> None:
    ref = secret()
    await token.generate_key(ref, KeyType.DES3, 192, template(USE, extractable=True))
    assert len(await token.export_key(ref)) == 24


async def test_rsa_pair(token: TokenPool) -> None:
    cka_id = await pair(token, KeyType.RSA, 2048, b"", Rights.SIGN | Rights.DECRYPT, Rights.VERIFY | Rights.ENCRYPT)
    private, public = (KeyRef(c, cka_id) for c in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY))
    outside = load_der_public_key(await token.export_key(public))
    assert isinstance(outside, rsa.RSAPublicKey)
    signature = await token.sign(private, Mechanism(0x40), b"message")
    outside.verify(signature, b"message", padding.PKCS1v15(), SHA256())
    assert await token.verify(public, Mechanism(0x40), b"message", signature)
    assert await token.decrypt(private, Mechanism(0x01), outside.encrypt(b"secret", padding.PKCS1v15())) == b"secret"
    if KeyType.RSA in token.profile.private_exports:
        again = load_der_private_key(await token.export_key(private), None)
        assert again.public_key() == outside
    for ref in (private, public):
        assert await token.destroy(ref)


@pytest.mark.parametrize("curve", CURVES.values(), ids=list(CURVES))
async def test_ec_pair(token: TokenPool, curve: bytes) -> None:
    require(token.profile, curve)
    cka_id = await pair(token, KeyType.EC, 0, curve, Rights.SIGN, Rights.VERIFY)
    private, public = (KeyRef(c, cka_id) for c in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY))
    outside = load_der_public_key(await token.export_key(public))
    assert isinstance(outside, ec.EllipticCurvePublicKey)
    digest = hashlib.sha256(b"message").digest()
    raw = await token.sign(private, Mechanism(0x1041), digest)
    half = len(raw) // 2
    signature = utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
    outside.verify(signature, digest, ec.ECDSA(utils.Prehashed(SHA256())))
    assert await token.verify(public, Mechanism(0x1041), digest, raw)
    if KeyType.EC in token.profile.private_exports:
        assert load_der_private_key(await token.export_key(private), None).public_key() == outside


@needs(0x1057)
@pytest.mark.parametrize("curve", [ED25519, ED448], ids=["Ed25519", "Ed448"])
async def test_edwards_pair(token: TokenPool, curve: bytes) -> None:
    cka_id = await pair(token, KeyType.EC_EDWARDS, 0, curve, Rights.SIGN, Rights.VERIFY)
    private, public = (KeyRef(c, cka_id) for c in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY))
    outside = load_der_public_key(await token.export_key(public))
    assert isinstance(outside, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)
    outside.verify(await token.sign(private, Mechanism(0x1057), b"message"), b"message")


@needs(0x1050, CURVE25519)
async def test_curve25519_pair_agrees_with_cryptography(token: TokenPool) -> None:
    cka_id = await pair(token, KeyType.EC_MONTGOMERY, 0, X25519, Rights.DERIVE, Rights(0))
    outside = load_der_public_key(await token.export_key(KeyRef(ObjectClass.PUBLIC_KEY, cka_id)))
    peer, agreed = x25519.X25519PrivateKey.generate(), secret()
    assert isinstance(outside, x25519.X25519PublicKey)
    mechanism = Mechanism(0x1050, public_data=peer.public_key().public_bytes_raw())
    private = KeyRef(ObjectClass.PRIVATE_KEY, cka_id)
    await token.derive(private, mechanism, agreed, KeyType.GENERIC_SECRET, 256, template(MAC, extractable=True))
    assert await token.export_key(agreed) == peer.exchange(outside)


PRIVATE_KEYS = {
    "RSA": (KeyType.RSA, rsa.generate_private_key(65537, 2048)),
    "P-256": (KeyType.EC, ec.generate_private_key(ec.SECP256R1())),
    "P-521": (KeyType.EC, ec.generate_private_key(ec.SECP521R1())),
    "Ed25519": (KeyType.EC_EDWARDS, ed25519.Ed25519PrivateKey.generate()),
    "X25519": (KeyType.EC_MONTGOMERY, x25519.X25519PrivateKey.generate()),
}


@needs(PRIVATE_IMPORTS)
@pytest.mark.parametrize(("key_type", "key"), PRIVATE_KEYS.values(), ids=list(PRIVATE_KEYS))
async def test_private_keys_go_in_and_come_back(token: TokenPool, key_type: KeyType, key: rsa.RSAPrivateKey) -> None:
    if key_type is KeyType.EC_EDWARDS:
        require(token.profile, ED25519)
    if key_type is KeyType.EC_MONTGOMERY:
        require(token.profile, CURVE25519)
    exports = key_type in token.profile.private_exports
    ref = private_of(secret())
    rights = Rights.DERIVE if key_type is KeyType.EC_MONTGOMERY else Rights.SIGN
    pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    await token.import_key(ref, key_type, pkcs8, template(rights, extractable=True))
    if not exports:
        with pytest.raises(NotExtractable):
            await token.export_key(ref)
        return
    again = load_der_private_key(await token.export_key(ref), None)
    assert again.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) == pkcs8


@pytest.mark.parametrize(("key_type", "key"), PRIVATE_KEYS.values(), ids=list(PRIVATE_KEYS))
async def test_public_keys_go_in_and_come_back(token: TokenPool, key_type: KeyType, key: rsa.RSAPrivateKey) -> None:
    if key_type is not KeyType.RSA:
        require(token.profile, PRIVATE_IMPORTS)  # a TPM keeps RSA public keys of others, and no curve's
    if key_type is KeyType.EC_EDWARDS:
        require(token.profile, ED25519)
    if key_type is KeyType.EC_MONTGOMERY:
        require(token.profile, CURVE25519)
    ref = public_of(secret())
    info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    await token.import_key(ref, key_type, info, template(Rights.VERIFY))
    assert await token.export_key(ref) == info


@needs(0x1057)
async def test_an_imported_ed25519_key_signs(token: TokenPool) -> None:
    key, ref = ed25519.Ed25519PrivateKey.generate(), private_of(secret())
    pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    await token.import_key(ref, KeyType.EC_EDWARDS, pkcs8, template(Rights.SIGN))
    assert await token.sign(ref, Mechanism(0x1057), b"message") == key.sign(b"message")


@needs(KWP)
async def test_wrap_and_unwrap(token: TokenPool) -> None:
    wrapping, target, copy, key = secret(), secret(), secret(), os.urandom(32)
    material = os.urandom(32)
    await token.import_key(wrapping, KeyType.AES, key, template(Rights.WRAP | Rights.UNWRAP))
    await token.import_key(target, KeyType.AES, material, template(USE, extractable=True))
    kwp = Mechanism(token.profile.kwp)
    blob = await token.wrap(wrapping, kwp, target)
    assert blob == aes_key_wrap_with_padding(key, material)
    await token.unwrap(wrapping, kwp, blob, copy, KeyType.AES, template(USE, extractable=True))
    assert await token.export_key(copy) == material
    with pytest.raises(CryptographicFailure):
        await token.unwrap(wrapping, kwp, bytes(40), secret(), KeyType.AES, template(USE))


@needs(KWP)
@pytest.mark.parametrize("size", [16, 21, 24, 33])
async def test_padded_wrapping_is_rfc_5649_or_refused(token: TokenPool, size: int) -> None:
    """SoftHSM would wrap 21 bytes as 24: the wrong answer for whoever unwraps it."""
    wrapping, target, key, material = secret(), secret(), os.urandom(32), os.urandom(size - 2) + b"\0\0"
    await token.import_key(wrapping, KeyType.AES, key, template(Rights.WRAP | Rights.UNWRAP))
    await token.import_key(target, KeyType.GENERIC_SECRET, material, template(MAC, extractable=True))
    kwp, right = Mechanism(token.profile.kwp), aes_key_wrap_with_padding(key, material)
    assert await token.unwrap_data(wrapping, kwp, right) == material
    copy = secret()
    await token.unwrap(wrapping, kwp, right, copy, KeyType.GENERIC_SECRET, template(MAC, extractable=True))
    assert await token.export_key(copy) == material
    if size % 8 and not token.profile.kwp_any_length:
        with pytest.raises(UnsupportedCryptographicParameters):
            await token.wrap(wrapping, kwp, target)
    else:
        assert await token.wrap(wrapping, kwp, target) == right
    # Data is padded beside the token where the token cannot.
    assert await token.wrap_data(wrapping, kwp, material) == right


@needs(0x1105, KWP)
async def test_derive_by_encryption(token: TokenPool) -> None:
    base, new, key = secret(), secret(), os.urandom(32)
    await token.import_key(base, KeyType.AES, key, template(Rights.DERIVE))
    mechanism = Mechanism(0x1105, iv=bytes(16), data=bytes(32))
    await token.derive(base, mechanism, new, KeyType.AES, 256, template(USE, extractable=True))
    assert await token.export_key(new) == _encrypted(key, modes.CBC(bytes(16)), bytes(32))


async def test_digest_random_and_seed(token: TokenPool) -> None:
    assert await token.digest(0x250, b"message") == hashlib.sha256(b"message").digest()
    assert await token.digest(0x250, b"") == hashlib.sha256(b"").digest()
    await token.seed(os.urandom(32))
    first, second = await token.random(32), await token.random(32)
    assert len(first) == len(second) == 32
    assert first != second
    assert await token.random(0) == b""


@needs(SEALING)
async def test_what_is_sealed_opens_only_as_it_was_bound(token: TokenPool) -> None:
    blob = await token.seal(b"a certificate", b"row 7")
    assert b"a certificate" not in blob
    assert blob != await token.seal(b"a certificate", b"row 7")
    assert await token.open(blob, b"row 7") == b"a certificate"
    for altered, aad in ((blob, b"row 8"), (blob[:-1] + bytes([blob[-1] ^ 1]), b"row 7"), (blob[:5], b"row 7")):
        with pytest.raises((CryptographicFailure, BadCryptographicParameters)):
            await token.open(altered, aad)


@needs(SECRET_KEYS)
async def test_destroy_and_find(token: TokenPool) -> None:
    refs = [secret() for _ in range(12)]
    for ref in refs:
        await token.generate_key(ref, KeyType.AES, 256, template(USE))
    absent = os.urandom(16)
    assert sorted(await token.find([ref.cka_id for ref in refs] + [absent])) == sorted(refs)
    assert await token.find([refs[0].cka_id]) == [refs[0]]
    assert set(refs) <= set(await token.keys())
    for ref in refs:
        assert await token.destroy(ref)
        assert not await token.destroy(ref)
    assert await token.find([ref.cka_id for ref in refs]) == []
    assert not set(refs) & set(await token.keys())


async def test_both_halves_of_a_pair_are_found(token: TokenPool) -> None:
    cka_id = await pair(token, KeyType.EC, 0, CURVES["P-256"], Rights.SIGN, Rights.VERIFY)
    found = await token.find([cka_id])
    assert {ref.object_class for ref in found} == {ObjectClass.PUBLIC_KEY, ObjectClass.PRIVATE_KEY}
    assert await token.destroy(KeyRef(ObjectClass.PRIVATE_KEY, cka_id))
    assert await token.find([cka_id]) == [KeyRef(ObjectClass.PUBLIC_KEY, cka_id)]


@needs(SECRET_KEYS)
async def test_templates_are_what_was_asked(token: TokenPool) -> None:
    ref = secret()
    await token.generate_key(ref, KeyType.AES, 256, template(Rights.ENCRYPT | Rights.SIGN, label="a name"))
    known = await token.attributes(ref)
    assert known["label"] == "a name"
    assert known["key_type"] == KeyType.AES
    known.pop("local")  # NSS says False of every key, and nobody here asks it
    assert {name for name, value in known.items() if value is True} == {
        "token", "private", "sensitive", "always_sensitive", "never_extractable", "encrypt", "sign",
    }  # fmt: skip
    assert {name for name, value in known.items() if value is False} == {
        "extractable", "decrypt", "verify", "wrap", "unwrap", "derive",
    }  # fmt: skip


@needs(SECRET_KEYS)
async def test_an_imported_key_was_not_always_safe(token: TokenPool) -> None:
    ref = secret()
    await token.import_key(ref, KeyType.AES, bytes(16), template(USE, extractable=True))
    known = await token.attributes(ref)
    assert (known["sensitive"], known["extractable"]) == (True, True)
    assert not (known["always_sensitive"] or known["never_extractable"] or known["local"])


@needs(EXACT_RIGHTS)
async def test_templates_of_a_pair(token: TokenPool) -> None:
    cka_id = os.urandom(16)
    await token.generate_key_pair(
        cka_id, KeyType.EC, 0, CURVES["P-256"], template(Rights.SIGN), template(Rights.VERIFY)
    )
    private = await token.attributes(KeyRef(ObjectClass.PRIVATE_KEY, cka_id))
    public = await token.attributes(KeyRef(ObjectClass.PUBLIC_KEY, cka_id))
    assert (private["sensitive"], private["extractable"], private["private"]) == (True, False, True)
    assert (private["sign"], private["decrypt"], private["unwrap"], private["derive"]) == (True, False, False, False)
    assert (public["verify"], public["encrypt"], public["wrap"], public["private"]) == (True, False, False, False)


@needs(SECRET_KEYS)
@pytest.mark.parametrize("rights", [Rights.WRAP | Rights.DECRYPT, Rights.UNWRAP | Rights.ENCRYPT])
async def test_rights_that_must_not_meet(token: TokenPool, rights: Rights) -> None:
    with pytest.raises(InvalidField, match="cannot both"):
        await token.generate_key(secret(), KeyType.AES, 256, template(rights))
    with pytest.raises(InvalidField, match="cannot both"):
        await token.import_key(secret(), KeyType.AES, bytes(32), template(rights))


@needs(SECRET_KEYS)
async def test_a_resident_key_does_not_leave(token: TokenPool) -> None:
    ref = secret()
    await token.generate_key(ref, KeyType.AES, 256, template(USE))
    with pytest.raises(NotExtractable):
        await token.export_key(ref)


@needs(0x1087)
async def test_a_wrong_tag_is_a_cryptographic_failure_and_harms_nothing(token: TokenPool) -> None:
    ref = secret()
    await token.generate_key(ref, KeyType.AES, 256, template(USE))
    sealed = await token.encrypt(ref, gcm(b"i" * 12), b"data")
    for altered in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:3], b""):
        with pytest.raises(CryptographicFailure):
            await token.decrypt(ref, gcm(b"i" * 12), altered)
    assert await token.decrypt(ref, gcm(b"i" * 12), sealed) == b"data"


@needs(0x1085)
async def test_wrong_padding_is_the_same_failure(token: TokenPool) -> None:
    ref = secret()
    await token.generate_key(ref, KeyType.AES, 256, template(USE))
    mechanism = Mechanism(0x1085, iv=bytes(16))
    sealed = await token.encrypt(ref, mechanism, b"data")
    messages = set()
    for altered in (bytes(16), sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed + b"x"):
        with pytest.raises(CryptographicFailure) as caught:
            await token.decrypt(ref, mechanism, altered)
        messages.add(caught.value.message)
    assert len(messages) == 1  # no oracle


async def test_a_key_that_the_token_lost(token: TokenPool) -> None:
    with pytest.raises(GeneralFailure, match="has lost the key"):
        await token.encrypt(secret(), gcm(b"i" * 12), b"data")


@needs(SECRET_KEYS, 0x1081)
@pytest.mark.parametrize(
    ("mechanism", "error"),
    [
        (Mechanism(0x80000001), UnsupportedCryptographicParameters),
        (Mechanism(0x1082, iv=b"short"), BadCryptographicParameters),
        (Mechanism(0x1087, tag_bits=128), BadCryptographicParameters),
        (Mechanism(0x1086), BadCryptographicParameters),
        (Mechanism(0x09, hash=0x250, mgf=2), KmipError),
    ],
)
async def test_mechanisms_that_do_not_fit(token: TokenPool, mechanism: Mechanism, error: type[KmipError]) -> None:
    ref = secret()
    await token.generate_key(ref, KeyType.AES, 256, template(USE))
    with pytest.raises(error):
        await token.encrypt(ref, mechanism, bytes(16))
    assert await token.encrypt(ref, Mechanism(0x1081), bytes(16))  # the session is in order


@needs(SECRET_KEYS)
async def test_key_types_that_cannot_be_made(token: TokenPool) -> None:
    with pytest.raises(FeatureNotSupported):
        await token.generate_key(secret(), KeyType.CHACHA20, 256, template(USE))
    with pytest.raises(KmipError):
        await token.generate_key_pair(
            os.urandom(16), KeyType.EC, 0, b"\x06\x03\x2a\x03\x04", template(Rights.SIGN), template(Rights.VERIFY)
        )


@needs(SECRET_KEYS)
async def test_numbers_out_of_range_are_refused_before_the_token_sees_them(token: TokenPool) -> None:
    ref = secret()
    await token.generate_key(ref, KeyType.AES, 256, template(USE))
    for mechanism in (Mechanism(0x1087, iv=b"i" * 12, tag_bits=-1), Mechanism(1 << 63), Mechanism(-1)):
        with pytest.raises((BadCryptographicParameters, UnsupportedCryptographicParameters)):
            await token.encrypt(ref, mechanism, b"data")
    for bits in (-8, 7, 1 << 40):
        with pytest.raises(InvalidField):
            await token.generate_key(secret(), KeyType.GENERIC_SECRET, bits, template(MAC))
        with pytest.raises(InvalidField):
            await token.generate_key_pair(
                os.urandom(16), KeyType.RSA, bits, b"", template(Rights.SIGN), template(Rights.VERIFY)
            )
    for n in (-1, 1 << 40):
        with pytest.raises(InvalidField):
            await token.random(n)
    with pytest.raises(UnsupportedCryptographicParameters):
        await token.digest(0x7FFF_FFFF, b"data")
    assert len(await token.random(8)) == 8


@pytest.mark.parametrize("object_class", [ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY])
@pytest.mark.parametrize("material", [b"", b"nonsense", bytes(100)], ids=["empty", "text", "zeros"])
async def test_material_that_is_no_key(token: TokenPool, object_class: ObjectClass, material: bytes) -> None:
    with pytest.raises(InvalidField):
        await token.import_key(KeyRef(object_class, os.urandom(16)), KeyType.RSA, material, template(Rights(0)))


async def test_material_of_another_type(token: TokenPool) -> None:
    pkcs8 = PRIVATE_KEYS["P-256"][1].private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(InvalidField):
        await token.import_key(private_of(secret()), KeyType.RSA, pkcs8, template(Rights.SIGN))


async def test_the_token_says_who_it_is(token: TokenPool) -> None:
    info = await token.info()
    assert (info.label, info.manufacturer, info.model) in {
        ("kmip", "SoftHSM project", "SoftHSM v2"),
        ("NSS Certificate DB", "Mozilla Foundation", "NSS 3"),
        ("kmip", "IBM", "SW   TPM"),
    }


@needs(SECRET_KEYS)
async def test_the_gateways_own_keys_are_found_by_their_labels(token: TokenPool) -> None:
    for label in (KEK_LABEL, STORAGE_KEY_LABEL):
        ref = await token.labelled(label)
        assert ref is not None
        assert (await token.attributes(ref))["label"] == label
    assert await token.labelled("kmip-gateway no such key") is None


@needs(SECRET_KEYS, CHECK_VALUES)
async def test_a_check_value_is_the_start_of_zeros_encrypted(token: TokenPool) -> None:
    ref = secret()
    await token.generate_key(ref, KeyType.AES, 256, template(USE))
    zeros = await token.encrypt(ref, Mechanism(0x1081), bytes(16))
    assert (await token.attributes(ref))["check_value"] == zeros[:3].hex()
    await token.destroy(ref)
