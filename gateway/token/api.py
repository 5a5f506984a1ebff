"""What the rest of the gateway sees of a token: keys by class and CKA_ID, verbs as coroutines, failures as KmipError.

The rule of the room: no object handle, session or CK return value ever leaves it, and no key byte of a sensitive key
passes the PKCS#11 API in the clear.
"""

from enum import IntEnum, IntFlag
from hashlib import sha256
from typing import NamedTuple, Protocol

import msgspec

CKA_ID_BYTES = 16
# How the label of each key begins that is the gateway's own.
OWN_LABELS = "kmip-gateway"
STORAGE_KEY_LABEL = f"{OWN_LABELS} storage key"
AUDIT_KEY_LABEL = f"{OWN_LABELS} audit key"
MAX_KEKS = 1024


def kek_label(version: int) -> str:
    """Give the label of a key-encryption key; the first is made when the token is set up."""
    return f"{OWN_LABELS} key-encryption key v{version}"


def own_cka_id(label: str) -> bytes:
    """Give the CKA_ID of the gateway's own key with this label: what carries one is no key of a client's."""
    return sha256(label.encode()).digest()[:CKA_ID_BYTES]


KEK_LABEL = kek_label(1)
# Of both halves; found by this, since only secret keys are found by their label.
AUDIT_CKA_ID = own_cka_id(AUDIT_KEY_LABEL)
OWN_CKA_IDS = frozenset(map(own_cka_id, (AUDIT_KEY_LABEL, STORAGE_KEY_LABEL, *map(kek_label, range(1, MAX_KEKS + 1)))))


class ObjectClass(IntEnum):
    """CKO_*: the classes of object that can be keys."""

    PUBLIC_KEY = 2
    PRIVATE_KEY = 3
    SECRET_KEY = 4


class KeyRef(NamedTuple):
    """A key by what never changes: its object class and its CKA_ID of 16 bytes.

    A key that is not on the token comes along, `wrapped` as only the token can unwrap it (custody `wrapped`).
    """

    object_class: ObjectClass
    cka_id: bytes
    wrapped: bytes = b""


class KeyType(IntEnum):
    """CKK_*: the key types a gateway may meet."""

    RSA = 0x00
    DSA = 0x01
    DH = 0x02
    EC = 0x03
    GENERIC_SECRET = 0x10
    DES = 0x13
    DES2 = 0x14
    DES3 = 0x15
    AES = 0x1F
    BLOWFISH = 0x20
    CAMELLIA = 0x25
    MD5_HMAC = 0x27
    SHA_1_HMAC = 0x28
    SHA256_HMAC = 0x2B
    SHA384_HMAC = 0x2C
    SHA512_HMAC = 0x2D
    SHA224_HMAC = 0x2E
    CHACHA20 = 0x33
    EC_EDWARDS = 0x40
    EC_MONTGOMERY = 0x41


class Rights(IntFlag):
    """What a key may do, one bit for each CKA_*."""

    ENCRYPT = 1
    DECRYPT = 2
    SIGN = 4
    VERIFY = 8
    WRAP = 16
    UNWRAP = 32
    DERIVE = 64


class KeyTemplate(msgspec.Struct, frozen=True, array_like=True):
    """The attributes a new key is given; they are never relaxed afterwards.

    A right that the object class cannot have (a public key that decrypts) is left out without a word. One that is to
    be `wrapped` does not stay on the token: it is given back as a KeyRef with which it comes along.
    """

    label: str
    rights: Rights
    extractable: bool
    sensitive: bool = True
    wrapped: bool = False


class Mechanism(msgspec.Struct, frozen=True, array_like=True):
    """A CKM_* number and whatever its parameter needs; `parameters.py` packs the C structure of it.

    iv is the IV, nonce or counter block; label the OAEP label; data what a derivation derives from; public_data the
    peer's public point; hash, mgf and kdf are CKM_*, CKG_* and CKD_* numbers.
    """

    ckm: int
    iv: bytes = b""
    aad: bytes = b""
    tag_bits: int = 0
    hash: int = 0
    mgf: int = 0
    salt_bytes: int = 0
    label: bytes = b""
    counter_bits: int = 0
    kdf: int = 0
    public_data: bytes = b""
    shared_data: bytes = b""
    data: bytes = b""


class StreamKind(IntEnum):
    """What a stream does with its parts; a DIGEST and an HMAC are made in the worker, beside the token."""

    ENCRYPT = 0
    DECRYPT = 1
    SIGN = 2
    VERIFY = 3
    DIGEST = 4
    HMAC = 5


class Claim(NamedTuple):
    """Whose a stream is, for what, and with which key: each part must come with the claim of the first."""

    owner: bytes
    purpose: bytes
    ref: KeyRef | None


class Opening(msgspec.Struct, frozen=True, array_like=True):
    """How a stream begins.

    block_bytes is the size of the blocks that the data must fill, 0 where it need not; pads: the token has no such
    padding, so that the worker pads. trailer_bytes is how long a tag follows the ciphertext apart from it. trailer is
    what is verified at the end, if it is known already: a tag, a MAC, a signature. hash is hashlib's name; kept is
    given back at the end.
    """

    kind: StreamKind
    claim: Claim
    mechanism: Mechanism = Mechanism(0)
    block_bytes: int = 0
    pads: bool = False
    trailer_bytes: int = 0
    trailer: bytes = b""
    hash: str = ""
    kept: bytes = b""

    def __repr__(self) -> str:
        return f"<Opening {self.kind.name}>"


class Finished(msgspec.Struct, frozen=True, array_like=True):
    """What the end of a stream gives.

    output is the last of its output, a digest or a MAC, or of VERIFY one byte for right and none for wrong; trailer the
    tag of an encryption, or of a DIGEST or HMAC what is to be verified; kept is the opening's.
    """

    output: bytes = b""
    trailer: bytes = b""
    kept: bytes = b""

    def __repr__(self) -> str:
        return "<Finished>"


class MadeKey(NamedTuple):
    """A new secret key: its reference, and the SHA-256 digest of its value where the token tells one."""

    ref: KeyRef
    digest: bytes | None


class MadePair(NamedTuple):
    """A new key pair: its SubjectPublicKeyInfo (DER), and its halves."""

    info: bytes
    private: KeyRef
    public: KeyRef


class Receiver(msgspec.Struct, frozen=True, array_like=True):
    """Whom a key is sent to: a one-time RSA key of another token.

    name is its name in the worker that has it, info its SubjectPublicKeyInfo, hash the CKM_* by which OAEP hashes.
    """

    name: bytes
    info: bytes
    hash: int


class Crossing(msgspec.Struct, frozen=True, array_like=True):
    """What is on its way to another token, as only that can unwrap it.

    blob is wrapped by OAEP under the Receiver itself, or under the one-time AES key that `under` has wrapped so.
    digest, where it is said, is what SHA-256 makes of the key: the sender may have filled its end with zeros.
    """

    blob: bytes
    under: bytes = b""
    digest: bytes = b""

    def __repr__(self) -> str:
        return "<Crossing>"


class TokenInfo(msgspec.Struct, frozen=True):
    """How the token names itself; serial is hexadecimal or text as the token gives it."""

    label: str
    manufacturer: str
    model: str
    serial: str
    firmware: str


class Traits(msgspec.Struct, frozen=True):
    """What a token does and enforces that the gateway never relies on: see `traits.py`."""

    gcm_tag_bits: tuple[int, ...] = ()
    extractable_by_default: bool = False
    keeps_to_trusted: bool = False
    keeps_to_allowed_mechanisms: bool = False


class Profile(msgspec.Struct, frozen=True):
    """What known-answer self-tests found to work on this token; mechanism lists and flags are not believed.

    mechanisms are CKM_* that gave the right answer; oaep_hashes and pss_hashes CKM_* of hashes; curves the
    DER-encoded EC parameters that keys can be made on; kwp the CKM_* that is RFC 5649, 0 if none is, and
    kwp_any_length whether it is so for keys of other than whole blocks of eight bytes too (SoftHSM fills those with
    zeros first, which the unwrapped key then has at its end); curve25519 is (CKM_* of generation, EC parameters) or
    (0, b""). hmac_needs_long_key: an HMAC key must be as long as the hash. refuses_unextractable_wrap: the token
    itself keeps a key that is not extractable from being wrapped (NSS does not). private_exports are the CKK_* of
    private keys that can leave wrapped at all (SoftHSM 2.6.1 wraps no Edwards or Montgomery key). one_writer: all
    changes should be made by one worker, because every other then has to look through the whole token again.
    one_process: there can be no other worker at all. unwraps_long_data: C_UnwrapKey takes more than 256 bytes as a
    secret key. imports_private_keys: C_CreateObject takes them (a TPM makes all its own). check_values: the token
    tells a key's CKA_CHECK_VALUE. exact_rights: a key can be made that is refused what it was not made for (a TPM's
    decrypts and signs whatever is said). only_true_rights: a right that is False must be left out of a template.
    sends_by and receives_by are the CKM_* of the hashes with which a key goes to another token, and comes from one,
    wrapped by RSA-OAEP.
    """

    mechanisms: frozenset[int] = frozenset()
    oaep_hashes: frozenset[int] = frozenset()
    pss_hashes: frozenset[int] = frozenset()
    curves: frozenset[bytes] = frozenset()
    digests: frozenset[int] = frozenset()
    kwp: int = 0
    kwp_any_length: bool = False
    curve25519: tuple[int, bytes] = (0, b"")
    rsa_bits: tuple[int, ...] = ()
    aes_bits: tuple[int, ...] = ()
    hmac_needs_long_key: bool = False
    refuses_unextractable_wrap: bool = False
    private_exports: frozenset[int] = frozenset()
    one_writer: bool = False
    one_process: bool = False
    unwraps_long_data: bool = False
    imports_private_keys: bool = False
    check_values: bool = False
    exact_rights: bool = False
    only_true_rights: bool = False
    sends_by: frozenset[int] = frozenset()
    receives_by: frozenset[int] = frozenset()
    traits: Traits = Traits()


Attributes = dict[str, bool | int | str]


class Token(Protocol):
    """A PKCS#11 token, or a pool of workers in front of it.

    Everything here may raise TokenDown (the token or its worker is gone; a change may or may not have happened),
    TokenTimeout and ServerLimitExceeded (too much is waiting), besides what the verb names.
    """

    profile: Profile  # what works on this token

    async def generate_key(self, ref: KeyRef, key_type: KeyType, bits: int, template: KeyTemplate) -> KeyRef:
        """Make a secret key, and give the reference to keep."""

    async def generate_wrapped(self, ref: KeyRef, key_type: KeyType, bits: int, template: KeyTemplate) -> MadeKey:
        """Make a secret key that is not to stay on the token, and digest it, in one go."""

    async def generate_key_pair(
        self,
        cka_id: bytes,
        key_type: KeyType,
        bits: int,
        curve_oid: bytes,
        private: KeyTemplate,
        public: KeyTemplate,
    ) -> MadePair:
        """Make a key pair; both halves carry `cka_id`.

        curve_oid is the DER of the EC parameters, b"" for RSA.
        """

    async def import_key(self, ref: KeyRef, key_type: KeyType, material: bytes, template: KeyTemplate) -> KeyRef:
        """Make a key of a raw value, of PKCS#8 or of SubjectPublicKeyInfo, as the class says; give its reference."""

    async def export_key(self, ref: KeyRef) -> bytes:
        """Give the key in the form `import_key` takes.

        Raises:
            NotExtractable: the key may not leave the token.
        """

    async def wrap(self, wrapping: KeyRef, mechanism: Mechanism, target: KeyRef, *, by_copy: bool = False) -> bytes:
        """Give `target` encrypted under `wrapping`, by the token.

        by_copy: a copy of the wrapping key, which lives as long as this call and may do nothing else, does it. The key
        itself is for data, and no key of the token may do both. So with `wrap_data` and `unwrap_data`.
        """

    async def unwrap(
        self,
        unwrapping: KeyRef,
        mechanism: Mechanism,
        blob: bytes,
        ref: KeyRef,
        key_type: KeyType,
        template: KeyTemplate,
    ) -> None:
        """Make a token object of a wrapped key, inside the token."""

    async def wrap_data(self, wrapping: KeyRef, mechanism: Mechanism, data: bytes, *, by_copy: bool = False) -> bytes:
        """Give data encrypted under a wrapping key, by the token, as if it were a key."""

    async def unwrap_data(
        self, unwrapping: KeyRef, mechanism: Mechanism, blob: bytes, *, by_copy: bool = False
    ) -> bytes:
        """Give back what `wrap_data` took.

        Raises:
            CryptographicFailure: it was not wrapped under this key.
        """

    async def encrypt(self, ref: KeyRef, mechanism: Mechanism, data: bytes) -> bytes:
        """Give the ciphertext; with an authenticated mechanism the tag is its end."""

    async def decrypt(self, ref: KeyRef, mechanism: Mechanism, data: bytes) -> bytes:
        """Give the plaintext.

        Raises:
            CryptographicFailure: wrong padding, tag or length; which of them is not told.
        """

    async def sign(self, ref: KeyRef, mechanism: Mechanism, data: bytes) -> bytes:
        """Give the signature or the MAC."""

    async def verify(self, ref: KeyRef, mechanism: Mechanism, data: bytes, signature: bytes) -> bool:
        """Say whether the signature or MAC is right."""

    async def begin_stream(self, opening: Opening, data: bytes) -> tuple[bytes, bytes]:
        """Give the stream's correlation value, by which any front end can go on with it, and its first output.

        Raises:
            ServerLimitExceeded: its owner has, or all together have, as many streams as there may be.
        """

    async def continue_stream(self, correlation_value: bytes, claim: Claim, data: bytes) -> bytes:
        """Give the output for one more part; whatever fails ends the stream.

        Raises:
            InvalidCorrelationValue: there is no such stream for this claim: ended, idle too long, or never begun.
        """

    async def finish_stream(self, correlation_value: bytes, claim: Claim, data: bytes, trailer: bytes) -> Finished:
        """Give the rest; an authenticated decryption gives all of its output here, once the tag is found right.

        Raises:
            InvalidCorrelationValue: there is no such stream for this claim.
            CryptographicFailure: wrong padding, tag or length; which of them is not told.
        """

    async def end_stream(self, correlation_value: bytes, owner: bytes) -> None:
        """Give a stream up; one that is not there, or somebody else's, is left alone without a word."""

    async def derive(
        self, ref: KeyRef, mechanism: Mechanism, new: KeyRef, key_type: KeyType, bits: int, template: KeyTemplate
    ) -> KeyRef:
        """Make a new secret key in the token from the one named; give it as generate_key."""

    async def rewrap(self, ref: KeyRef) -> KeyRef:
        """Give a key that comes along wrapped by the newest key-encryption key."""

    async def wrapped_copy(self, ref: KeyRef, new: KeyRef) -> KeyRef:
        """Give a key of the token wrapped for the database, named `new`; the one on the token stays.

        Raises:
            NotExtractable: it may not leave the token.
            FeatureNotSupported: the token does not wrap it.
        """

    async def token_copy(self, ref: KeyRef, new: KeyRef, label: str) -> KeyRef:
        """Make a token object, named `new`, of a key that comes along wrapped; give its reference."""

    async def receive(self, bits: int, hash_: int) -> Receiver:
        """Make a one-time RSA key on this token, for other tokens to send keys to; the one before it is gone.

        It is not extractable, and ends with its worker.
        """

    async def send_key(self, ref: KeyRef, receiver: Receiver) -> Crossing:
        """Give a secret or private key wrapped for another token; the one here stays.

        Raises:
            NotExtractable: it may not leave the token.
            FeatureNotSupported: the token does not wrap it.
        """

    async def take_key(
        self, receiver: Receiver, crossing: Crossing, ref: KeyRef, key_type: KeyType, template: KeyTemplate
    ) -> KeyRef:
        """Make a key of what another token has wrapped for this one; give its reference.

        Raises:
            GeneralFailure: the one-time key is gone.
            FeatureNotSupported: the token does not take it, or it would be another key.
        """

    async def send_sealed(self, blob: bytes, aad: bytes, receiver: Receiver) -> Crossing:
        """Open what `seal` gave, and give it encrypted for another token."""

    async def take_sealed(self, receiver: Receiver, crossing: Crossing, aad: bytes) -> bytes:
        """Give what another token has encrypted for this one, sealed by this one's storage key."""

    async def digest(self, ckm: int, data: bytes) -> bytes:
        """Give the digest of data."""

    async def digest_key(self, ref: KeyRef, ckm: int) -> bytes:
        """Give the digest of a secret key's value; the key stays on the token.

        Raises:
            NotExtractable, FeatureNotSupported: the token does not digest this key.
        """

    async def random(self, n: int) -> bytes:
        """Give n random bytes of the token."""

    async def seed(self, data: bytes) -> None:
        """Stir data into the token's random generator."""

    async def destroy(self, ref: KeyRef) -> bool:
        """Delete the token object; False when there was none."""

    async def find(self, cka_ids: list[bytes]) -> list[KeyRef]:
        """Give the keys on the token that carry one of these CKA_IDs."""

    async def keys(self) -> list[KeyRef]:
        """Give every key on the token that has a CKA_ID, whosever it is; for checks, and never for a client."""

    async def labelled(self, label: str) -> KeyRef | None:
        """Give the gateway's own key with this label, None where the token was not set up."""

    async def attributes(self, ref: KeyRef) -> Attributes:
        """Give what the token itself says of the key: sensitive, extractable, local, its rights, and so on."""

    async def seal(self, data: bytes, aad: bytes) -> bytes:
        """Encrypt data for the database under the token's storage key, bound to `aad`."""

    async def open(self, blob: bytes, aad: bytes) -> bytes:
        """Give back what `seal` took."""

    async def info(self) -> TokenInfo:
        """Say which token this is."""
