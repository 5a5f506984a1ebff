"""What one stream does with its parts: PKCS#11's multi-part calls on a session of its own, or a digest beside them.

The rule of the room: the plaintext of an authenticated decryption is held back until the token has found the tag right.
Tokens may give it earlier (PKCS#11 2.40 leaves that open); SoftHSM gives all of it at the end, and holds it meanwhile.
"""

import ctypes
import hashlib
import hmac
from collections.abc import Callable
from typing import Protocol

from cryptography.hazmat.primitives.padding import PKCS7
from pkcs11 import Session

from gateway.errors import CryptographicFailure, InvalidField, ServerLimitExceeded, UnsupportedCryptographicParameters
from gateway.token.api import Opening, StreamKind
from gateway.token.cryptoki import CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE, ROOM_BYTES, FunctionList
from gateway.token.failures import CryptokiError
from gateway.token.parameters import MechanismPacker

# Of one authenticated decryption, here and again in the token: its tag comes last.
MAX_HELD_BYTES = 16 * 1024 * 1024

_ulong, _pointer, _bytes = ctypes.c_ulong, ctypes.c_void_p, ctypes.c_char_p
CKR_OPERATION_NOT_INITIALIZED = 0x91
INIT = (_ulong, _pointer, _ulong)
CIPHER_UPDATE = (_ulong, _bytes, _ulong, _pointer, _pointer)
UPDATE = (_ulong, _bytes, _ulong)
FINAL = (_ulong, _pointer, _pointer)
VERIFY_FINAL = (_ulong, _bytes, _ulong)


class Flow(Protocol):
    """One stream at work; after an error it is only to be closed. `held` counts the bytes that wait for its end."""

    held: int

    def feed(self, data: bytes) -> bytes:
        """Take a part and give what comes of it by now."""

    def finish(self, trailer: bytes) -> tuple[bytes, bytes]:
        """Give the output that is left, and the trailer, as Finished has them."""

    def close(self) -> None:
        """Give the session back."""


class Multipart:
    """The calls of a multi-part operation on a session of its own, resolved when they are needed.

    A module need not have them, and a gateway that never sees a stream must not fail for want of them.
    """

    def __init__(self, functions: FunctionList, session: Session, verb: str) -> None:
        """`verb` is Encrypt, Decrypt, Sign or Verify."""
        self._functions = functions
        self._session = session
        self._verb = verb
        # Of this stream alone: a token may go on reading what the mechanism points to.
        self._packer = MechanismPacker()
        self._took = False  # whether a part has gone in

    @property
    def _handle(self) -> int:
        return int(self._session.handle)  # type: ignore[attr-defined]  # as in Connection.session

    def _call(self, step: str, types: tuple[type, ...], *arguments: object) -> int:
        name = f"{self._verb}{step}"
        return int(self._functions.function(name, types)(self._handle, *arguments))

    def _done(self, step: str, types: tuple[type, ...], *arguments: object) -> None:
        rv = self._call(step, types, *arguments)
        if rv == CKR_OPERATION_NOT_INITIALIZED and not self._took:
            # It was initialised just before: so says NSS of AES-GCM, which it takes whole alone (pkcs11.md section 2).
            raise UnsupportedCryptographicParameters("the token takes data in parts by other mechanisms alone")
        if rv:
            raise CryptokiError(rv, f"{self._verb}{step}")
        self._took |= step != "Init"

    def begin(self, opening: Opening, key: int) -> None:
        """C_...Init."""
        self._done("Init", INIT, self._packer.pack(opening.mechanism), key)

    def take(self, data: bytes) -> None:
        """C_SignUpdate or C_VerifyUpdate."""
        if data:
            self._done("Update", UPDATE, data, len(data))

    def turn(self, data: bytes, held: int = 0) -> bytes:
        """C_EncryptUpdate or C_DecryptUpdate; `held` is how many bytes the token may still hold back.

        SoftHSM wants room for them all at each call, though it writes none of them.
        """
        return self._output(held + len(data), "Update", CIPHER_UPDATE, data, len(data)) if data else b""

    def rest(self, room: int = 0) -> bytes:
        """C_EncryptFinal, C_DecryptFinal or C_SignFinal; `room` is how many bytes were held back."""
        return self._output(room, "Final", FINAL)

    def is_right(self, signature: bytes) -> bool:
        """C_VerifyFinal."""
        rv = self._call("Final", VERIFY_FINAL, signature, len(signature))
        if rv not in (0, CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE):
            raise CryptokiError(rv, "VerifyFinal")
        return rv == 0

    def _output(self, room: int, step: str, types: tuple[type, ...], *arguments: object) -> bytes:
        output = ctypes.create_string_buffer(room + ROOM_BYTES)
        length = _ulong(room + ROOM_BYTES)
        self._done(step, types, *arguments, ctypes.addressof(output), ctypes.addressof(length))
        return ctypes.string_at(output, length.value)

    def close(self) -> None:
        """Close the session, and with it whatever was under way."""
        self._session.close()


class Encrypting:
    """Plaintext in, ciphertext out; the tag, if there is one, apart from it."""

    def __init__(self, calls: Multipart, opening: Opening) -> None:
        self.held = 0
        self._calls = calls
        self._opening = opening
        self._padder = PKCS7(8 * opening.block_bytes).padder() if opening.pads else None
        self._taken = 0
        self.close = calls.close

    def feed(self, data: bytes) -> bytes:
        self._taken += len(data)
        return self._calls.turn(self._padder.update(data) if self._padder else data)

    def finish(self, trailer: bytes) -> tuple[bytes, bytes]:
        opening = self._opening
        if self._padder:
            output = self._calls.turn(self._padder.finalize()) + self._calls.rest()
        elif opening.block_bytes and self._taken % opening.block_bytes:
            raise InvalidField(f"without padding, the data must be a multiple of {opening.block_bytes} bytes long")
        else:
            output = self._calls.rest()
        at = len(output) - opening.trailer_bytes
        return output[:at], output[at:]


class Decrypting:
    """Ciphertext in, plaintext out."""

    def __init__(self, calls: Multipart, opening: Opening) -> None:
        self.held = 0
        self._calls = calls
        self._opening = opening
        self._unpadder = PKCS7(8 * opening.block_bytes).unpadder() if opening.pads else None
        self._taken = 0
        self.close = calls.close

    def feed(self, data: bytes) -> bytes:
        self._taken += len(data)
        plaintext = self._calls.turn(data)
        return self._unpadder.update(plaintext) if self._unpadder else plaintext

    def finish(self, trailer: bytes) -> tuple[bytes, bytes]:
        if trailer or (self._opening.block_bytes and self._taken % self._opening.block_bytes):
            raise CryptographicFailure
        plaintext = self._calls.rest()
        if self._unpadder is None:
            return plaintext, b""
        try:
            return self._unpadder.update(plaintext) + self._unpadder.finalize(), b""
        except ValueError:
            raise CryptographicFailure from None


class Unsealing:
    """Ciphertext and tag in; plaintext out at the end, once the tag is found right."""

    def __init__(self, calls: Multipart, opening: Opening) -> None:
        self.held = 0
        self._calls = calls
        self._opening = opening
        self._plaintext = bytearray()
        self.close = calls.close

    def feed(self, data: bytes) -> bytes:
        self.held += len(data)
        if self.held > MAX_HELD_BYTES:
            raise ServerLimitExceeded(f"an authenticated decryption in parts takes {MAX_HELD_BYTES} bytes at most")
        self._plaintext += self._calls.turn(data, self.held)
        return b""

    def finish(self, trailer: bytes) -> tuple[bytes, bytes]:
        if len(trailer) != self._opening.trailer_bytes:
            raise CryptographicFailure
        self._plaintext += self._calls.turn(trailer, self.held)
        self._plaintext += self._calls.rest(self.held)
        return bytes(self._plaintext), b""


class Signing:
    """Data in, a MAC at the end."""

    def __init__(self, calls: Multipart, opening: Opening) -> None:
        self.held = 0
        self._calls = calls
        self.close = calls.close

    def feed(self, data: bytes) -> bytes:
        self._calls.take(data)
        return b""

    def finish(self, trailer: bytes) -> tuple[bytes, bytes]:
        return self._calls.rest(), b""


class Verifying(Signing):
    """Data in; at the end, whether the MAC is right."""

    def finish(self, trailer: bytes) -> tuple[bytes, bytes]:
        return b"\1" * self._calls.is_right(trailer), b""


class Hashing:
    """Data in, a digest or an HMAC at the end; needs no session."""

    def __init__(self, state: "hashlib._Hash | hmac.HMAC") -> None:
        self.held = 0
        self._state = state

    def feed(self, data: bytes) -> bytes:
        self._state.update(data)
        return b""

    def finish(self, trailer: bytes) -> tuple[bytes, bytes]:
        return self._state.digest(), trailer

    def close(self) -> None:
        """Nothing is held."""


class OnToken(Protocol):
    """Makes a flow of calls that have begun."""

    def __call__(self, calls: Multipart, opening: Opening) -> Flow: ...


VERBS: dict[StreamKind, tuple[str, OnToken]] = {
    StreamKind.ENCRYPT: ("Encrypt", Encrypting),
    StreamKind.DECRYPT: ("Decrypt", Decrypting),
    StreamKind.SIGN: ("Sign", Signing),
    StreamKind.VERIFY: ("Verify", Verifying),
}


def on_token(opening: Opening, functions: FunctionList, session: Session, key: int) -> Flow:
    """Begin on a session, which is closed again if that fails."""
    verb, flow = VERBS[opening.kind]
    calls = Multipart(functions, session, verb)
    try:
        calls.begin(opening, key)
    except BaseException:
        calls.close()
        raise
    sealed = opening.kind is StreamKind.DECRYPT and opening.mechanism.tag_bits
    return Unsealing(calls, opening) if sealed else flow(calls, opening)


def beside_token(opening: Opening, key: Callable[[], bytes]) -> Flow:
    """Begin a digest, or an HMAC with a key that may leave the token."""
    if opening.kind is StreamKind.HMAC:
        return Hashing(hmac.new(key(), digestmod=opening.hash))
    return Hashing(hashlib.new(opening.hash, usedforsecurity=False))
