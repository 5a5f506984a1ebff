"""PyKMIP's client against a running gateway: what its keys do is compared with what other code does."""

import hashlib
import hmac
import os

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.clients.conftest import enums, failing, version_of
from tests.clients.test_pykmip_objects import EC_KEY, RSA_KEY, pkcs8, spki

# After conftest, which silences what PyKMIP warns of when it is imported first.
from kmip.pie.objects import PrivateKey, PublicKey, SymmetricKey  # isort: skip

A, M, F, B, P, H = (
    enums.CryptographicAlgorithm,
    enums.CryptographicUsageMask,
    enums.KeyFormatType,
    enums.BlockCipherMode,
    enums.PaddingMethod,
    enums.HashingAlgorithm,
)


@pytest.fixture(scope="session")
def pykmip(lenient_pykmip):
    """PyKMIP's client of a gateway that allows what its suite asks for."""
    return lenient_pykmip


DATA = b"attack at dawn, attack at dawn, "  # two blocks of AES, four of 3DES
CRYPTOGRAPHIC = pytest.mark.parametrize("client", ["1.2", "1.3", "1.4", "2.0"], indirect=True)


def block_ciphers():
    """Give the name, key, IV, parameters and the other implementation of each cipher."""
    aes, des3 = bytes(range(32)), bytes.fromhex("0123456789abcdef23456789abcdef01456789abcdef0123")
    iv, short_iv = bytes(range(16)), bytes(range(8))
    for size in (16, 24, 32):
        key = aes[:size]
        yield f"AES-{size * 8} ECB", A.AES, key, None, (B.ECB, P.NONE), Cipher(algorithms.AES(key), modes.ECB())
        yield f"AES-{size * 8} CBC", A.AES, key, iv, (B.CBC, P.NONE), Cipher(algorithms.AES(key), modes.CBC(iv))
        yield f"AES-{size * 8} CTR", A.AES, key, iv, (B.CTR, P.NONE), Cipher(algorithms.AES(key), modes.CTR(iv))
        yield f"AES-{size * 8} padded", A.AES, key, iv, (B.CBC, P.PKCS5), Cipher(algorithms.AES(key), modes.CBC(iv))
    cipher = Cipher(TripleDES(des3), modes.CBC(short_iv))
    yield "3DES CBC", A.TRIPLE_DES, des3, short_iv, (B.CBC, P.NONE), cipher
    yield "3DES padded", A.TRIPLE_DES, des3, short_iv, (B.CBC, P.PKCS5), cipher


CIPHERS = list(block_ciphers())


@CRYPTOGRAPHIC
@pytest.mark.parametrize(
    ("algorithm", "key", "iv", "mode", "peer"), [case[1:] for case in CIPHERS], ids=[case[0] for case in CIPHERS]
)
def test_block_ciphers(client, fresh, algorithm, key, iv, mode, peer):
    uid = usable(client, SymmetricKey(algorithm, len(key) * 8, key, [M.ENCRYPT, M.DECRYPT], fresh()))
    parameters = {"cryptographic_algorithm": algorithm, "block_cipher_mode": mode[0], "padding_method": mode[1]}
    sealed, drawn = client.encrypt(DATA, uid, parameters, iv)
    assert drawn is None
    encryptor = peer.encryptor()
    padder = PKCS7(peer.algorithm.block_size).padder()
    padded = padder.update(DATA) + padder.finalize() if mode[1] is P.PKCS5 else DATA
    assert sealed == encryptor.update(padded) + encryptor.finalize()
    assert client.decrypt(sealed, uid, parameters, iv) == DATA


def usable(client, given):
    """Register a key and activate it."""
    uid = client.register(given)
    client.activate(uid)
    return uid


@CRYPTOGRAPHIC
def test_an_iv_is_drawn(client):
    """As README's first example has it, and in the mode that MongoDB asks for by Random IV."""
    uid = client.create(A.AES, 256)
    client.activate(uid)
    cbc = {"block_cipher_mode": B.CBC, "padding_method": P.PKCS5}
    drawn = set()
    for given in (cbc, {**cbc, "random_iv": True}):
        sealed, iv = client.encrypt(DATA, uid, given)
        assert len(iv) == 16
        assert client.decrypt(sealed, uid, given, iv) == DATA
        drawn.add(iv)
    assert len(drawn) == 2


@CRYPTOGRAPHIC
def test_gcm(client, fresh):
    """Until 1.3 the tag is the end of the data; from 1.4 on it has a field, which PyKMIP's pie does not give away."""
    key, iv = os.urandom(16), bytes(range(12))
    uid = usable(client, SymmetricKey(A.AES, 128, key, [M.ENCRYPT, M.DECRYPT], fresh()))
    gcm = {"block_cipher_mode": B.GCM, "tag_length": 16}
    sealed, _ = client.encrypt(DATA, uid, gcm, iv)
    whole = AESGCM(key).encrypt(iv, DATA, None)
    if version_of(client) < "1.4":
        assert sealed == whole
        assert client.decrypt(sealed, uid, gcm, iv) == DATA
    else:
        assert sealed == whole[: len(DATA)]
        with failing():
            client.decrypt(sealed, uid, gcm, iv)


@CRYPTOGRAPHIC
def test_what_cannot_be_decrypted(client):
    uid = client.create(A.AES, 256)
    cbc = {"block_cipher_mode": B.CBC, "padding_method": P.PKCS5}
    with failing():
        client.encrypt(DATA, uid, cbc)  # not Active
    client.activate(uid)
    sealed, iv = client.encrypt(DATA, uid, cbc)
    with failing(enums.ResultReason.CRYPTOGRAPHIC_FAILURE):
        client.decrypt(sealed[:-16], uid, cbc, iv)
    with failing():
        client.decrypt(sealed, uid, cbc)  # without the IV
    with failing():
        client.encrypt(DATA, uid, {"block_cipher_mode": B.XTS}, iv)


@CRYPTOGRAPHIC
@pytest.mark.parametrize("method", [P.PKCS1v15, P.OAEP], ids=lambda method: method.name)
def test_rsa_encryption(client, fresh, method):
    public = usable(client, PublicKey(A.RSA, 2048, spki(RSA_KEY), F.X_509, [M.ENCRYPT], fresh()))
    private = usable(client, PrivateKey(A.RSA, 2048, pkcs8(RSA_KEY), F.PKCS_8, [M.DECRYPT], fresh()))
    parameters = {"padding_method": method, "hashing_algorithm": H.SHA_1, "cryptographic_algorithm": A.RSA}
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    scheme = oaep if method is P.OAEP else padding.PKCS1v15()
    sealed, iv = client.encrypt(DATA, public, parameters)
    assert iv is None
    assert RSA_KEY.decrypt(sealed, scheme) == DATA
    assert client.decrypt(RSA_KEY.public_key().encrypt(DATA, scheme), private, parameters) == DATA


RSA_HASHES = {
    H.SHA_1: hashes.SHA1(),
    H.SHA_256: hashes.SHA256(),
    H.SHA_384: hashes.SHA384(),
    H.SHA_512: hashes.SHA512(),
}


@CRYPTOGRAPHIC
@pytest.mark.parametrize("hashing", RSA_HASHES, ids=lambda hashing: hashing.name)
@pytest.mark.parametrize("method", [P.PKCS1v15, P.PSS], ids=lambda method: method.name)
def test_rsa_signatures(client, pair, method, hashing):
    private, public, key = pair
    given = {"padding_method": method, "hashing_algorithm": hashing, "cryptographic_algorithm": A.RSA}
    signature = client.sign(DATA, private, given)
    other = RSA_HASHES[hashing]
    scheme = padding.PKCS1v15() if method is P.PKCS1v15 else padding.PSS(padding.MGF1(other), other.digest_size)
    key.verify(signature, DATA, scheme, other)
    assert client.signature_verify(DATA, signature, public, given) is enums.ValidityIndicator.VALID
    assert client.signature_verify(DATA[1:], signature, public, given) is enums.ValidityIndicator.INVALID


@pytest.fixture(scope="module")
def pair(pykmip):
    """A pair made by the token: private and public unique identifier, and the public key."""
    client = pykmip()
    public, private = client.create_key_pair(A.RSA, 2048, public_usage_mask=[M.VERIFY], private_usage_mask=[M.SIGN])
    client.activate(public)
    client.activate(private)
    return private, public, load_der_public_key(client.get(public).value)


@CRYPTOGRAPHIC
def test_ecdsa_signatures(client, fresh):
    private = usable(client, PrivateKey(A.EC, 256, pkcs8(EC_KEY), F.PKCS_8, [M.SIGN], fresh()))
    public = usable(client, PublicKey(A.EC, 256, spki(EC_KEY), F.X_509, [M.VERIFY], fresh()))
    given = {"digital_signature_algorithm": enums.DigitalSignatureAlgorithm.ECDSA_WITH_SHA256}
    signature = client.sign(DATA, private, given)
    EC_KEY.public_key().verify(signature, DATA, ec.ECDSA(hashes.SHA256()))
    assert client.signature_verify(DATA, signature, public, given) is enums.ValidityIndicator.VALID
    prehashed = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
    signature = EC_KEY.sign(hashlib.sha256(DATA).digest(), prehashed)
    assert client.signature_verify(DATA, signature, public, given) is enums.ValidityIndicator.VALID


MACS = {A.HMAC_SHA1: "sha1", A.HMAC_SHA256: "sha256", A.HMAC_SHA384: "sha384", A.HMAC_SHA512: "sha512"}


@CRYPTOGRAPHIC
@pytest.mark.parametrize("algorithm", MACS, ids=lambda algorithm: algorithm.name)
def test_hmac(client, fresh, algorithm):
    key = bytes(range(64))
    uid = usable(client, SymmetricKey(algorithm, 512, key, [M.MAC_GENERATE], fresh()))
    assert client.mac(DATA, uid, algorithm) == (uid, hmac.digest(key, DATA, MACS[algorithm]))


@CRYPTOGRAPHIC
def test_another_client_cannot_use_a_key(pykmip, client):
    uid = client.create(A.AES, 256)
    client.activate(uid)
    other = pykmip(version_of(client), "client2")
    with failing(enums.ResultReason.ITEM_NOT_FOUND, enums.ResultReason.OBJECT_NOT_FOUND):
        other.encrypt(DATA, uid, {"block_cipher_mode": B.ECB, "padding_method": P.PKCS5})
    with failing(enums.ResultReason.ITEM_NOT_FOUND, enums.ResultReason.OBJECT_NOT_FOUND):
        other.mac(DATA, uid, A.HMAC_SHA256)


@pytest.mark.parametrize("client", ["1.0", "1.1"], indirect=True)
def test_versions_without_cryptography_refuse_it(client):
    uid = client.create(A.AES, 256)
    with failing(enums.ResultReason.OPERATION_NOT_SUPPORTED):
        client.encrypt(DATA, uid)
