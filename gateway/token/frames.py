"""What front ends and token workers say to each other: length-prefixed msgpack frames of a closed set of verbs.

A frame is a length of four bytes, big-endian, and one array. Nothing here can carry code: no pickle, no class name,
and a verb that is not listed ends the connection.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import TypeVar

import msgspec

from gateway.errors import (
    BadCryptographicParameters,
    CryptographicFailure,
    FeatureNotSupported,
    GeneralFailure,
    InvalidCorrelationValue,
    InvalidField,
    KmipError,
    NotExtractable,
    ServerLimitExceeded,
    TokenDown,
    TokenTimeout,
    UnsupportedCryptographicParameters,
    UsageMaskMissing,
)
from gateway.token.api import (
    Attributes,
    Claim,
    Crossing,
    Finished,
    KeyRef,
    KeyTemplate,
    KeyType,
    MadeKey,
    MadePair,
    Mechanism,
    Opening,
    Receiver,
)

# A KMIP message is 1 MiB by default and may be configured larger; a frame carries at most two of its fields.
MAX_FRAME_BYTES = 256 * 1024 * 1024
LENGTH_BYTES = 4
STREAM_BYTES = 16  # of the random name of a stream in its worker


class Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A frame; `id` joins a reply to its request. Its repr never shows what it carries."""

    id: int

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


class Ping(Frame, frozen=True, array_like=True, gc=False, tag=0):
    """Answered with nothing, in turn."""


class Find(Frame, frozen=True, array_like=True, gc=False, tag=1):
    """Which of these CKA_IDs are on the token."""

    cka_ids: list[bytes]


class GenerateKey(Frame, frozen=True, array_like=True, gc=False, tag=2):
    """Make a secret key."""

    ref: KeyRef
    key_type: KeyType
    bits: int
    template: KeyTemplate


class GenerateWrapped(GenerateKey, frozen=True, array_like=True, gc=False, tag=49):
    """Make a secret key that comes along wrapped; answered with an encoded MadeKey."""


class GenerateKeyPair(Frame, frozen=True, array_like=True, gc=False, tag=3):
    """Make a key pair; answered with an encoded MadePair."""

    cka_id: bytes
    key_type: KeyType
    bits: int
    curve_oid: bytes
    private: KeyTemplate
    public: KeyTemplate


class ImportKey(Frame, frozen=True, array_like=True, gc=False, tag=4):
    """Make a token object of key material."""

    ref: KeyRef
    key_type: KeyType
    material: bytes
    template: KeyTemplate


class ExportKey(Frame, frozen=True, array_like=True, gc=False, tag=5):
    """Give the key material."""

    ref: KeyRef


class Wrap(Frame, frozen=True, array_like=True, gc=False, tag=6):
    """Encrypt one key under another."""

    wrapping: KeyRef
    mechanism: Mechanism
    target: KeyRef
    by_copy: bool = False


class Unwrap(Frame, frozen=True, array_like=True, gc=False, tag=7):
    """Make a token object of a wrapped key."""

    unwrapping: KeyRef
    mechanism: Mechanism
    blob: bytes
    ref: KeyRef
    key_type: KeyType
    template: KeyTemplate


class Rewrap(Frame, frozen=True, array_like=True, gc=False, tag=40):
    """Wrap a key that comes along by the newest key-encryption key; answered with its new reference."""

    ref: KeyRef


class Encrypt(Frame, frozen=True, array_like=True, gc=False, tag=8):
    """Encrypt data."""

    ref: KeyRef
    mechanism: Mechanism
    data: bytes


class Decrypt(Frame, frozen=True, array_like=True, gc=False, tag=9):
    """Decrypt data."""

    ref: KeyRef
    mechanism: Mechanism
    data: bytes


class Sign(Frame, frozen=True, array_like=True, gc=False, tag=10):
    """Sign or MAC data."""

    ref: KeyRef
    mechanism: Mechanism
    data: bytes


class Verify(Sign, frozen=True, array_like=True, gc=False, tag=11):
    """Check a signature or MAC."""

    signature: bytes


class Derive(Frame, frozen=True, array_like=True, gc=False, tag=12):
    """Make a secret key from another key."""

    ref: KeyRef
    mechanism: Mechanism
    new: KeyRef
    key_type: KeyType
    bits: int
    template: KeyTemplate


class Digest(Frame, frozen=True, array_like=True, gc=False, tag=13):
    """Hash data."""

    ckm: int
    data: bytes


class Random(Frame, frozen=True, array_like=True, gc=False, tag=14):
    """Give random bytes."""

    n: int


class Seed(Frame, frozen=True, array_like=True, gc=False, tag=15):
    """Stir the random generator."""

    data: bytes


class Destroy(Frame, frozen=True, array_like=True, gc=False, tag=16):
    """Delete a token object."""

    ref: KeyRef


class ReadAttributes(Frame, frozen=True, array_like=True, gc=False, tag=17):
    """Say what the token knows of a key."""

    ref: KeyRef


class Seal(Frame, frozen=True, array_like=True, gc=False, tag=18):
    """Encrypt data under the storage key."""

    data: bytes
    aad: bytes


class Open(Frame, frozen=True, array_like=True, gc=False, tag=19):
    """Decrypt what Seal gave."""

    blob: bytes
    aad: bytes


class Info(Frame, frozen=True, array_like=True, gc=False, tag=20):
    """Say which token this is."""


class WrapData(Frame, frozen=True, array_like=True, gc=False, tag=21):
    """Encrypt data under a wrapping key as if it were a key."""

    wrapping: KeyRef
    mechanism: Mechanism
    data: bytes
    by_copy: bool = False


class UnwrapData(Frame, frozen=True, array_like=True, gc=False, tag=22):
    """Decrypt what WrapData gave."""

    unwrapping: KeyRef
    mechanism: Mechanism
    blob: bytes
    by_copy: bool = False


class DigestKey(Frame, frozen=True, array_like=True, gc=False, tag=23):
    """Hash a secret key's value."""

    ref: KeyRef
    ckm: int


class Labelled(Frame, frozen=True, array_like=True, gc=False, tag=24):
    """Which secret key of the gateway's own has this label."""

    label: str


class Keys(Frame, frozen=True, array_like=True, gc=False, tag=41):
    """Which keys are on the token."""


class WrappedCopy(Frame, frozen=True, array_like=True, gc=False, tag=42):
    """Wrap a key of the token for the database, and leave it; answered with its new reference."""

    ref: KeyRef
    new: KeyRef


class TokenCopy(WrappedCopy, frozen=True, array_like=True, gc=False, tag=43):
    """Make a token object of a key that comes along wrapped."""

    label: str


class Receive(Frame, frozen=True, array_like=True, gc=False, tag=44):
    """Make a one-time RSA key that another token wraps for; answered with an encoded Receiver."""

    bits: int
    hash: int


class SendKey(Frame, frozen=True, array_like=True, gc=False, tag=45):
    """Wrap a key for another token; answered with an encoded Crossing."""

    ref: KeyRef
    receiver: Receiver


class TakeKey(Frame, frozen=True, array_like=True, gc=False, tag=46):
    """Make a key of what another token has wrapped for this one."""

    receiver: Receiver
    crossing: Crossing
    ref: KeyRef
    key_type: KeyType
    template: KeyTemplate


class SendSealed(Frame, frozen=True, array_like=True, gc=False, tag=47):
    """Open what is sealed and encrypt it for another token; answered with an encoded Crossing."""

    blob: bytes
    aad: bytes
    receiver: Receiver


class TakeSealed(Frame, frozen=True, array_like=True, gc=False, tag=48):
    """Seal what another token has encrypted for this one."""

    receiver: Receiver
    crossing: Crossing
    aad: bytes


class BeginStream(Frame, frozen=True, array_like=True, gc=False, tag=25):
    """Begin with data that comes in parts; answered with the stream's name, and what it gives for the first."""

    opening: Opening
    data: bytes


class ContinueStream(Frame, frozen=True, array_like=True, gc=False, tag=26):
    """Take one part more."""

    stream: bytes
    claim: Claim
    data: bytes


class FinishStream(Frame, frozen=True, array_like=True, gc=False, tag=27):
    """Take the last part; answered with an encoded Finished."""

    stream: bytes
    claim: Claim
    data: bytes
    trailer: bytes


class EndStream(Frame, frozen=True, array_like=True, gc=False, tag=28):
    """Give a stream up."""

    stream: bytes
    owner: bytes


Request = (
    Ping
    | Find
    | GenerateKey
    | GenerateKeyPair
    | ImportKey
    | ExportKey
    | Wrap
    | Unwrap
    | Encrypt
    | Decrypt
    | Sign
    | Verify
    | Derive
    | Digest
    | Random
    | Seed
    | Destroy
    | ReadAttributes
    | Seal
    | Open
    | Info
    | WrapData
    | UnwrapData
    | DigestKey
    | Labelled
    | Keys
    | BeginStream
    | ContinueStream
    | FinishStream
    | EndStream
    | Rewrap
    | WrappedCopy
    | TokenCopy
    | Receive
    | SendKey
    | TakeKey
    | SendSealed
    | TakeSealed
    | GenerateWrapped
)
Result = bytes | bool | None | list[KeyRef] | Attributes


class Done(Frame, frozen=True, array_like=True, gc=False, tag=0):
    """The request was carried out."""

    result: Result = None


class FailureCode(IntEnum):
    """How a token failure is told to a front end."""

    GENERAL = 0
    DOWN = 1
    TIMEOUT = 2
    CRYPTOGRAPHIC = 3
    UNSUPPORTED_PARAMETERS = 4
    BAD_PARAMETERS = 5
    UNSUPPORTED = 6
    BAD_FIELD = 7
    NOT_EXTRACTABLE = 8
    NOT_PERMITTED = 9
    LIMIT = 10
    NO_STREAM = 11


ERRORS: dict[FailureCode, type[KmipError]] = {
    FailureCode.GENERAL: GeneralFailure,
    FailureCode.DOWN: TokenDown,
    FailureCode.TIMEOUT: TokenTimeout,
    FailureCode.CRYPTOGRAPHIC: CryptographicFailure,
    FailureCode.UNSUPPORTED_PARAMETERS: UnsupportedCryptographicParameters,
    FailureCode.BAD_PARAMETERS: BadCryptographicParameters,
    FailureCode.UNSUPPORTED: FeatureNotSupported,
    FailureCode.BAD_FIELD: InvalidField,
    FailureCode.NOT_EXTRACTABLE: NotExtractable,
    FailureCode.NOT_PERMITTED: UsageMaskMissing,
    FailureCode.LIMIT: ServerLimitExceeded,
    FailureCode.NO_STREAM: InvalidCorrelationValue,
}


class TokenAnswer(Exception):
    """What the token itself said: the cause of an error, for the log and never for a client."""


class Failed(Frame, frozen=True, array_like=True, gc=False, tag=1):
    """The request failed; `message` may be shown to a client ("": what the error says by itself), `detail` may not."""

    code: FailureCode
    message: str = ""
    detail: str = ""

    def error(self) -> KmipError:
        """Give the error to raise in the front end."""
        error = ERRORS[self.code](self.message)
        error.__cause__ = TokenAnswer(self.detail) if self.detail else None
        return error


Reply = Done | Failed


_encoder = msgspec.msgpack.Encoder()
request_decoder: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
reply_decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
R = TypeVar("R", Finished, MadeKey, MadePair, Receiver, Crossing)


def append_frame(buffer: bytearray, frame: Frame) -> None:
    """Add one frame to what is to be sent; a frame that cannot be encoded leaves the buffer as it was."""
    body = _encoder.encode(frame)
    buffer += len(body).to_bytes(LENGTH_BYTES, "big")
    buffer += body


def encode_result(result: Finished | MadeKey | MadePair | Receiver | Crossing) -> bytes:
    """Give the result of a verb that answers with a structure."""
    return _encoder.encode(result)


def decode_result(raw: bytes, cls: type[R]) -> R:
    """Read the result of such a verb."""
    return msgspec.msgpack.decode(raw, type=cls)


class Splitter:
    """Cuts a stream of bytes into frames.

    Raises ValueError at a frame that is larger than any request can be: the peer is not one of ours.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._wanted = 0  # bytes in `_rest` before it is worth looking again: a large frame is not copied at each read

    def feed(self, data: bytes) -> Iterator[memoryview]:
        """Give each whole frame of what came so far, without its length; use it up before feeding more."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._wanted:
                return
            data = bytes(self._rest)
            self._rest.clear()
        view, position, end = memoryview(data), 0, len(data)
        self._wanted = 0
        while end - position >= LENGTH_BYTES:
            start = position + LENGTH_BYTES
            length = int.from_bytes(view[position:start], "big")
            if length > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            if end - start < length:
                self._wanted = LENGTH_BYTES + length
                break
            position = start + length
            yield view[start:position]
        self._rest += view[position:]
