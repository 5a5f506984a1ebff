"""What works on this token, found by trying it against known answers at every start; lists and flags are not asked.

Lists lie in both directions: SoftHSM's flags are uninitialised memory, tpm2-pkcs11 lists what it refuses, and 0x210A is
RFC 5649 on one token and something else on the next (pkcs11.md section 2). All keys here are constants and session
objects, gone with the session; the right answers are cryptography's.
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import cmac, hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes
from cryptography.hazmat.primitives.keywrap import (
    aes_key_unwrap_with_padding,
    aes_key_wrap,
    aes_key_wrap_with_padding,
)
from cryptography.hazmat.primitives.padding import PKCS7
from pkcs11 import Attribute
from pkcs11 import KeyType as P11KeyType
from pkcs11 import Mechanism as P11Mechanism
from pkcs11.constants import MechanismFlag

from gateway.token import keyforms, testkeys
from gateway.token.api import KeyType, Mechanism, Profile, Rights
from gateway.token.cryptoki import AttributeArray
from gateway.token.pkcs11 import Access
from gateway.token.rights import keeps_to_rights, takes_only_true
from gateway.token.templates import packed
from gateway.token.testbench import PRIVATE_RIGHTS, Bench, Trial
from gateway.token.traits import traits_of

KEY, IV, DATA = bytes(range(32)), bytes(range(100, 116)), bytes(range(1, 65))
LONG_DATA_BLOCKS = 40  # of DATA: as long as a private key of RSA-4096 in PKCS#8
KEY_DES3 = bytes(range(1, 25))
HASHES: dict[int, hashes.HashAlgorithm] = {
    0x210: hashes.MD5(),  # noqa: S303 - old clients MAC with it; what a key may do is decided elsewhere
    0x220: hashes.SHA1(),  # noqa: S303
    0x255: hashes.SHA224(),
    0x250: hashes.SHA256(),
    0x260: hashes.SHA384(),
    0x270: hashes.SHA512(),
    0x2B5: hashes.SHA3_224(),
    0x2B0: hashes.SHA3_256(),
    0x2C0: hashes.SHA3_384(),
    0x2D0: hashes.SHA3_512(),
}
MGF1 = {0x220: 1, 0x250: 2, 0x260: 3, 0x270: 4, 0x255: 5}
CKM_SHA_1, CKM_SHA256 = 0x220, 0x250
CARRIERS = (CKM_SHA256, CKM_SHA_1)  # the hashes of OAEP by which a key can go to another token
HMACS = {0x211: 0x210, 0x221: 0x220, 0x256: 0x255, 0x251: 0x250, 0x261: 0x260, 0x271: 0x270}
RSA_HASHED = {0x05: 0x210, 0x06: 0x220, 0x46: 0x255, 0x40: 0x250, 0x41: 0x260, 0x42: 0x270}
RSA_PSS_HASHED = {0x0E: 0x220, 0x47: 0x255, 0x43: 0x250, 0x44: 0x260, 0x45: 0x270}
ECDSA_HASHED = {0x1042: 0x220, 0x1043: 0x255, 0x1044: 0x250, 0x1045: 0x260, 0x1046: 0x270}
# Of PKCS#11 3.0 and 2.40, then of Luna and CloudHSM. What a number is on another token, the known answer tells.
KWP_CANDIDATES = (0x210B, 0x210A, 0x80000171, 0x8000216F)
# (CKM_* of generation, EC parameters) under which Curve25519 has been met.
CURVE25519_CANDIDATES = ((0x1055, keyforms.PRINTABLE_OF[keyforms.OID_OF["X25519"]]),)
CURVES = tuple(
    bytes.fromhex(oid)
    for oid in (
        "06082a8648ce3d030101",  # P-192
        "06052b81040021",  # P-224
        "06082a8648ce3d030107",  # P-256
        "06052b81040022",  # P-384
        "06052b81040023",  # P-521
        "06052b8104000a",  # secp256k1
        "06092b2403030208010107",  # brainpoolP256r1
        "06092b240303020801010b",  # brainpoolP384r1
        "06092b240303020801010d",  # brainpoolP512r1
    )
)
EDWARDS_CURVES = (keyforms.OID_OF["Ed25519"], keyforms.OID_OF["Ed448"])
# Generation is too slow to try: a token that signs with RSA makes these, but for those that it says are too long.
RSA_BITS = (2048, 3072, 4096)
CKM_RSA_PAIR = 0x00
AES_BITS = (128, 192, 256)


def profile_of(access: Access) -> Profile:
    """Give the profile of the token behind `access`."""
    bench = Bench(access)
    access.profile = Profile(only_true_rights=takes_only_true(bench))  # the trials make keys, too
    longest = access.calls.most_bits(access.connection.token.slot.slot_id, CKM_RSA_PAIR)
    working = frozenset(ckm for ckm, trial in trials() if bench.passes(trial))
    curve25519 = next((pair for pair in CURVE25519_CANDIDATES if bench.passes(_curve25519(pair))), (0, b""))
    kwp = next((ckm for ckm in KWP_CANDIDATES if bench.passes(_kwp(ckm))), 0)
    profile = Profile(
        mechanisms=working | _raw_pss(bench),
        oaep_hashes=frozenset(ckm for ckm in MGF1 if bench.passes(_oaep(ckm))),
        pss_hashes=_pss_hashes(bench),
        curves=_curves(bench),
        digests=frozenset(ckm for ckm in HASHES if bench.passes(_digest(ckm))),
        kwp=kwp,
        kwp_any_length=bool(kwp) and bench.passes(_kwp(kwp, 21)),
        curve25519=curve25519,
        rsa_bits=tuple(bits for bits in RSA_BITS if 0x01 in working and bits <= longest),
        aes_bits=tuple(bits for bits in AES_BITS if bench.passes(_generates(P11KeyType.AES, bits))),
        hmac_needs_long_key=0x271 in working and not bench.passes(_hmac(0x271, 0x270, key=KEY)),
        private_exports=frozenset(kind for kind in PRIVATE_RIGHTS if kwp and bench.passes(_exports(kind, kwp))),
        refuses_unextractable_wrap=_refuses_unextractable(bench),
        one_writer=access.connection.quirk.write_lock,
        one_process=access.connection.quirk.one_process,
        imports_private_keys=bench.imports(KeyType.RSA),
        traits=traits_of(bench, kwp),
        only_true_rights=access.profile.only_true_rights,
        exact_rights=keeps_to_rights(bench),
        check_values=bench.passes(_check_value),
        unwraps_long_data=bool(kwp) and bench.passes(_unwraps_long_data(kwp)),
        sends_by=frozenset(ckm for ckm in CARRIERS if bench.passes(_sends(ckm))),
        receives_by=frozenset(ckm for ckm in CARRIERS if bench.passes(_receives(ckm))),
    )
    bench.renew()
    return profile


def trials() -> Iterator[tuple[int, Trial]]:
    """Give each mechanism with what must come out of it."""
    yield 0x1081, _cipher(0x1081, algorithms.AES(KEY), modes.ECB(), b"", pad=0)  # noqa: S305 - the token's ECB
    yield 0x1082, _cipher(0x1082, algorithms.AES(KEY), modes.CBC(IV), IV, pad=0)
    yield 0x1085, _cipher(0x1085, algorithms.AES(KEY), modes.CBC(IV), IV, pad=128)
    yield 0x1086, _cipher(0x1086, algorithms.AES(KEY), modes.CTR(IV), IV, pad=0)
    yield 0x1087, _gcm
    yield 0x108A, _aes_cmac
    yield 0x2109, _key_wrap
    triple = TripleDES(KEY_DES3)
    yield 0x132, _cipher(0x132, triple, modes.ECB(), b"", pad=0)  # noqa: S305
    yield 0x133, _cipher(0x133, triple, modes.CBC(IV[:8]), IV[:8], pad=0)
    yield 0x136, _cipher(0x136, triple, modes.CBC(IV[:8]), IV[:8], pad=64)
    for mac, digest in HMACS.items():
        yield mac, _hmac(mac, digest, key=KEY + KEY)
    yield 0x01, _rsa_pkcs
    yield 0x03, _rsa_raw
    for ckm, digest in RSA_HASHED.items():
        yield ckm, _rsa_hashed(ckm, digest)
    for ckm, digest in RSA_PSS_HASHED.items():
        yield ckm, _rsa_pss(ckm, digest, DATA)
    yield 0x09, _oaep(CKM_SHA_1)
    yield 0x1041, _ecdsa(0x1041, CKM_SHA256, prehashed=True)
    for ckm, digest in ECDSA_HASHED.items():
        yield ckm, _ecdsa(ckm, digest, prehashed=False)
    yield 0x1057, _eddsa
    yield 0x1050, _ecdh
    yield 0x1104, _derives_by_ecb
    yield 0x1105, _derives_by_cbc
    yield 0x1080, _generates(P11KeyType.AES, 256)
    yield 0x350, _generates(P11KeyType.GENERIC_SECRET, 256)
    yield 0x131, _generates(P11KeyType.DES3, None)


# --- secret keys


def _cipher(ckm: int, algorithm: Any, mode: Any, iv: bytes, *, pad: int) -> Trial:
    """`pad` is the block size in bits to pad to as PKCS#7 says, 0 for data that fits."""

    def trial(bench: Bench) -> bool:
        aes = isinstance(algorithm, algorithms.AES)
        value, key_type = (KEY, KeyType.AES) if aes else (KEY_DES3, KeyType.DES3)
        key = bench.secret(value, Rights.ENCRYPT | Rights.DECRYPT, key_type)
        plain, padded = (DATA[:61], _padded(DATA[:61], pad)) if pad else (DATA, DATA)
        encryptor = Cipher(algorithm, mode).encryptor()
        expected = encryptor.update(padded) + encryptor.finalize()
        mechanism = Mechanism(ckm, iv=iv)
        return bench.encrypt(key, mechanism, plain) == expected and bench.decrypt(key, mechanism, expected) == plain

    return trial


def _padded(data: bytes, block_bits: int) -> bytes:
    padder = PKCS7(block_bits).padder()
    return padder.update(data) + padder.finalize()


def _gcm(bench: Bench) -> bool:
    key = bench.secret(KEY, Rights.ENCRYPT | Rights.DECRYPT)
    mechanism = Mechanism(0x1087, iv=IV[:12], aad=b"aad", tag_bits=128)
    expected = aead.AESGCM(KEY).encrypt(IV[:12], DATA, b"aad")
    return bench.encrypt(key, mechanism, DATA) == expected and bench.decrypt(key, mechanism, expected) == DATA


def _aes_cmac(bench: Bench) -> bool:
    mac = cmac.CMAC(algorithms.AES(KEY))
    mac.update(DATA)
    return bench.sign(bench.secret(KEY, Rights.SIGN), Mechanism(0x108A), DATA) == mac.finalize()


def _hmac(ckm: int, digest: int, *, key: bytes) -> Trial:
    def trial(bench: Bench) -> bool:
        expected = hmac.digest(key, DATA, HASHES[digest].name.replace("-", "_"))
        handle = bench.secret(key, Rights.SIGN, KeyType.GENERIC_SECRET)
        return bench.sign(handle, Mechanism(ckm), DATA) == expected

    return trial


def _check_value(bench: Bench) -> bool:
    encryptor = Cipher(algorithms.AES(KEY), modes.ECB()).encryptor()  # noqa: S305 - what PKCS#11 says of it
    told = bench.attribute(bench.secret(KEY, Rights.ENCRYPT), Attribute.CHECK_VALUE)
    return told == encryptor.update(bytes(16))[:3]


def _key_wrap(bench: Bench) -> bool:
    target = bench.secret(DATA[:32], Rights.ENCRYPT, extractable=True)
    wrapped = bench.wrap(bench.secret(KEY, Rights.WRAP), Mechanism(0x2109), target)
    return wrapped == aes_key_wrap(KEY, DATA[:32])


def _kwp(ckm: int, size: int = 32) -> Trial:
    def trial(bench: Bench) -> bool:
        target = bench.secret(DATA[:size], Rights.SIGN, KeyType.GENERIC_SECRET, extractable=True)
        wrapped = bench.wrap(bench.secret(KEY, Rights.WRAP), Mechanism(ckm), target)
        return wrapped == aes_key_wrap_with_padding(KEY, DATA[:size])

    return trial


def _unwraps_long_data(kwp: int) -> Trial:
    def trial(bench: Bench) -> bool:
        blob = aes_key_wrap_with_padding(KEY, DATA * LONG_DATA_BLOCKS)
        return bench.unwrapped(bench.secret(KEY, Rights.UNWRAP), Mechanism(kwp), blob) != 0

    return trial


def _exports(key_type: KeyType, kwp: int) -> Trial:
    def trial(bench: Bench) -> bool:
        target = bench.made_private(key_type, extractable=True)
        wrapped = bench.wrap(bench.secret(KEY, Rights.WRAP), Mechanism(kwp), target)
        pkcs8 = keyforms.first_element(aes_key_unwrap_with_padding(KEY, wrapped))
        return keyforms.private_attributes(key_type, pkcs8) == testkeys.private_attributes(key_type)

    return trial


def _refuses_unextractable(bench: Bench) -> bool:
    """NSS wraps keys that are not extractable: there the gateway must look itself."""

    def trial(bench: Bench) -> bool:
        bench.wrap(bench.secret(KEY, Rights.WRAP), Mechanism(0x2109), bench.secret(DATA[:32], Rights.ENCRYPT))
        return True

    return not bench.passes(trial)


def _derives_by_ecb(bench: Bench) -> bool:
    encryptor = Cipher(algorithms.AES(KEY), modes.ECB()).encryptor()  # noqa: S305 - what the mechanism says
    key = bench.secret(KEY, Rights.DERIVE)
    return bench.derived(key, Mechanism(0x1104, data=DATA[:32]), 32) == encryptor.update(DATA[:32])


def _derives_by_cbc(bench: Bench) -> bool:
    encryptor = Cipher(algorithms.AES(KEY), modes.CBC(IV)).encryptor()
    key = bench.secret(KEY, Rights.DERIVE)
    return bench.derived(key, Mechanism(0x1105, iv=IV, data=DATA[:32]), 32) == encryptor.update(DATA[:32])


def _generates(key_type: P11KeyType, bits: int | None) -> Trial:
    def trial(bench: Bench) -> bool:
        bench.work.generate_key(key_type, bits, capabilities=MechanismFlag.SIGN)
        return True

    return trial


# --- no key


def _digest(ckm: int) -> Trial:
    def trial(bench: Bench) -> bool:
        expected = hashlib.new(HASHES[ckm].name.replace("-", "_"), DATA).digest()
        return bytes(bench.work.digest(DATA, mechanism=P11Mechanism(ckm))) == expected

    return trial


# --- RSA


def _rsa_pkcs(bench: Bench) -> bool:
    key = bench.private(KeyType.RSA)
    public = bench.public(KeyType.RSA)
    signed = testkeys.rsa_message_of(public.public_numbers(), bench.sign(key, Mechanism(0x01), DATA)) == DATA
    return signed and bench.decrypt(key, Mechanism(0x01), public.encrypt(DATA, padding.PKCS1v15())) == DATA


def _rsa_raw(bench: Bench) -> bool:
    key = bench.private(KeyType.RSA)
    numbers = bench.public(KeyType.RSA).public_numbers()
    cipher = pow(int.from_bytes(DATA, "big"), numbers.e, numbers.n).to_bytes(256, "big")
    return bench.decrypt(key, Mechanism(0x03), cipher).lstrip(b"\0") == DATA.lstrip(b"\0")


def _rsa_hashed(ckm: int, digest: int) -> Trial:
    def trial(bench: Bench) -> bool:
        signature = bench.sign(bench.private(KeyType.RSA), Mechanism(ckm), DATA)
        bench.public(KeyType.RSA).verify(signature, DATA, padding.PKCS1v15(), HASHES[digest])
        return True

    return trial


def _rsa_pss(ckm: int, digest: int, data: bytes, *, prehashed: bool = False) -> Trial:
    def trial(bench: Bench) -> bool:
        algorithm = HASHES[digest]
        salt = algorithm.digest_size
        mechanism = Mechanism(ckm, hash=digest, mgf=MGF1[digest], salt_bytes=salt)
        signature = bench.sign(bench.private(KeyType.RSA), mechanism, data)
        scheme = padding.PSS(padding.MGF1(algorithm), salt)
        seen = utils.Prehashed(algorithm) if prehashed else algorithm
        bench.public(KeyType.RSA).verify(signature, data, scheme, seen)
        return True

    return trial


def _pss_hashes(bench: Bench) -> frozenset[int]:
    """The hashes with which the raw CKM_RSA_PKCS_PSS signs what was hashed before."""
    return frozenset(
        ckm for ckm in MGF1 if bench.passes(_rsa_pss(0x0D, ckm, DATA[: HASHES[ckm].digest_size], prehashed=True))
    )


def _raw_pss(bench: Bench) -> frozenset[int]:
    digest = DATA[: HASHES[CKM_SHA256].digest_size]
    return frozenset({0x0D} if bench.passes(_rsa_pss(0x0D, CKM_SHA256, digest, prehashed=True)) else ())


def _oaep(digest: int) -> Trial:
    def trial(bench: Bench) -> bool:
        scheme = padding.OAEP(padding.MGF1(HASHES[digest]), HASHES[digest], None)
        cipher = bench.public(KeyType.RSA).encrypt(DATA, scheme)
        key = bench.private(KeyType.RSA)
        return bench.decrypt(key, Mechanism(0x09, hash=digest, mgf=MGF1[digest]), cipher) == DATA

    return trial


def _sends(digest: int) -> Trial:
    """Whether the token wraps a key under another token's RSA key."""

    def trial(bench: Bench) -> bool:
        numbers = testkeys.private_attributes(KeyType.RSA)
        public = bench.made(
            {
                Attribute.CLASS: 2,
                Attribute.KEY_TYPE: int(KeyType.RSA),
                Attribute.WRAP: True,
                **{kind: numbers[kind] for kind in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT)},
            }
        )
        target = bench.secret(DATA[:21], Rights.SIGN, KeyType.GENERIC_SECRET, extractable=True)
        wrapped = bench.wrap(public, Mechanism(0x09, hash=digest, mgf=MGF1[digest]), target)
        scheme = padding.OAEP(padding.MGF1(HASHES[digest]), HASHES[digest], None)
        return testkeys.rsa_key().decrypt(wrapped, scheme) == DATA[:21]

    return trial


def _receives(digest: int) -> Trial:
    """Whether the token unwraps what was wrapped under an RSA key of its own."""

    def trial(bench: Bench) -> bool:
        attributes = {Attribute.CLASS: 3, Attribute.KEY_TYPE: int(KeyType.RSA), Attribute.SENSITIVE: True}
        rights = {Attribute.UNWRAP: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True}
        key = bench.made({**attributes, **rights, **testkeys.private_attributes(KeyType.RSA)})
        scheme = padding.OAEP(padding.MGF1(HASHES[digest]), HASHES[digest], None)
        cipher = testkeys.rsa_key().public_key().encrypt(KEY, scheme)
        taken = bench.unwrapped(key, Mechanism(0x09, hash=digest, mgf=MGF1[digest]), cipher, _aes_that_encrypts())
        encryptor = Cipher(algorithms.AES(KEY), modes.ECB()).encryptor()  # noqa: S305 - shows which key came
        return bench.encrypt(taken, Mechanism(0x1081), DATA) == encryptor.update(DATA)

    return trial


def _aes_that_encrypts() -> AttributeArray:
    attributes = {Attribute.CLASS: 4, Attribute.KEY_TYPE: int(KeyType.AES), Attribute.TOKEN: False}
    return AttributeArray(packed({**attributes, Attribute.SENSITIVE: True, Attribute.ENCRYPT: True}))


# --- elliptic curves


def _ecdsa(ckm: int, digest: int, *, prehashed: bool) -> Trial:
    def trial(bench: Bench) -> bool:
        algorithm = HASHES[digest]
        data = DATA[: algorithm.digest_size] if prehashed else DATA
        raw = bench.sign(bench.private(KeyType.EC), Mechanism(ckm), data)
        half = len(raw) // 2
        signature = utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
        seen = utils.Prehashed(algorithm) if prehashed else algorithm
        bench.public(KeyType.EC).verify(signature, data, ec.ECDSA(seen))
        return True

    return trial


def _eddsa(bench: Bench) -> bool:
    key = bench.private(KeyType.EC_EDWARDS)
    return bench.sign(key, Mechanism(0x1057), DATA) == testkeys.ed25519_key().sign(DATA)


def _ecdh(bench: Bench) -> bool:
    peer = ec.derive_private_key(7, ec.SECP256R1())
    public = peer.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    key = bench.private(KeyType.EC)
    expected = peer.exchange(ec.ECDH(), bench.public(KeyType.EC))
    return bench.derived(key, Mechanism(0x1050, public_data=public), 32) == expected


def _pair(bench: Bench, mechanism: P11Mechanism, curve: bytes) -> tuple[int, int]:
    parameters = bench.work.create_domain_parameters(P11KeyType.EC, {Attribute.EC_PARAMS: curve}, local=True)
    rights = MechanismFlag.DERIVE | MechanismFlag.SIGN | MechanismFlag.VERIFY
    public, private = parameters.generate_keypair(mechanism=mechanism, capabilities=rights)
    return public.handle, private.handle


def _curve25519(candidate: tuple[int, bytes]) -> Trial:
    def trial(bench: Bench) -> bool:
        public, private = _pair(bench, P11Mechanism(candidate[0]), candidate[1])
        point = keyforms.point_of(bench.attribute(public, Attribute.EC_POINT))
        peer = x25519.X25519PrivateKey.from_private_bytes(KEY)
        expected = peer.exchange(x25519.X25519PublicKey.from_public_bytes(point))
        theirs = peer.public_key().public_bytes_raw()
        return bench.derived(private, Mechanism(0x1050, public_data=theirs), 32) == expected

    return trial


def _signs(bench: Bench, curve: bytes) -> bool:
    """Whether the pair that the token keeps on this curve signs: on P-521 tpm2-pkcs11 makes one that it cannot use."""
    digest = DATA[:32]
    raw = bench.sign(bench.handle(bench.kept(curve)), Mechanism(0x1041), digest)
    half = len(raw) // 2
    signature = utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
    bench.kept_public(curve).verify(signature, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    return True


def _curves(bench: Bench) -> frozenset[bytes]:
    """The curves on which the token makes key pairs."""

    def makes(mechanism: P11Mechanism, curve: bytes) -> bool:
        if not bench.imports(KeyType.EC):
            return bench.passes(lambda bench: _signs(bench, curve))
        return bench.passes(lambda bench: bool(_pair(bench, mechanism, curve)))

    weierstrass = {curve for curve in CURVES if makes(P11Mechanism.EC_KEY_PAIR_GEN, curve)}
    edwards = {curve for curve in EDWARDS_CURVES if makes(P11Mechanism.EC_EDWARDS_KEY_PAIR_GEN, curve)}
    return frozenset(weierstrass | edwards)
