"""The C calls of a PKCS#11 module that python-pkcs11 lacks or makes dear, as plain functions of handles.

python-pkcs11 loads the module, opens its sessions and makes new objects. What works on a handle is here: it has no
way to name an object by handle without a search, asks the token twice for the length of every output, and believes
what a token answers (NSS answers too little, and the session is lost). Every function raises CryptokiError and nothing
else. One thread only: the buffers are shared by all calls.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import ClassVar

from gateway.token.failures import CryptokiError

# Order of the function pointers in CK_FUNCTION_LIST (PKCS#11 2.40 section 3.6), after the padded CK_VERSION.
FUNCTIONS = (
    "Initialize Finalize GetInfo GetFunctionList GetSlotList GetSlotInfo GetTokenInfo GetMechanismList "
    "GetMechanismInfo InitToken InitPIN SetPIN OpenSession CloseSession CloseAllSessions GetSessionInfo "
    "GetOperationState SetOperationState Login Logout CreateObject CopyObject DestroyObject GetObjectSize "
    "GetAttributeValue SetAttributeValue FindObjectsInit FindObjects FindObjectsFinal EncryptInit Encrypt "
    "EncryptUpdate EncryptFinal DecryptInit Decrypt DecryptUpdate DecryptFinal DigestInit Digest DigestUpdate "
    "DigestKey DigestFinal SignInit Sign SignUpdate SignFinal SignRecoverInit SignRecover VerifyInit Verify "
    "VerifyUpdate VerifyFinal VerifyRecoverInit VerifyRecover DigestEncryptUpdate DecryptDigestUpdate "
    "SignEncryptUpdate DecryptVerifyUpdate GenerateKey GenerateKeyPair WrapKey UnwrapKey DeriveKey SeedRandom "
    "GenerateRandom GetFunctionStatus CancelFunction WaitForSlotEvent"
).split()
INDEX = {name: index for index, name in enumerate(FUNCTIONS)}
FIRST_POINTER = 8

CKF_OS_LOCKING_OK = 2
CKU_USER = 1
CKR_OK = 0
CKR_SIGNATURE_INVALID = 0xC0
CKR_SIGNATURE_LEN_RANGE = 0xC1
SHORTEST_RSA_BITS = 1024
CK_UNAVAILABLE_INFORMATION = ctypes.c_ulong(-1).value

# Room for the tag, a padding block, an RSA block or KWP's eight bytes, whichever the mechanism adds.
ROOM_BYTES = 8192
OUTPUT_BYTES = 1 << 20
ATTRIBUTE_BYTES = 16384
# NSS gives the number of a token object only into a buffer of just its size, and says of others that they are too small
# (test_nss.py): CKA_CLASS, CKA_KEY_TYPE, CKA_VALUE_LEN, CKA_MODULUS_BITS.
ULONG_ATTRIBUTES = frozenset({0x000, 0x100, 0x161, 0x121})
ULONG_BYTES = ctypes.sizeof(ctypes.c_ulong)
HANDLES_A_CALL = 1024

_ulong = ctypes.c_ulong
_pointer = ctypes.c_void_p
_bytes = ctypes.c_char_p

SIGNATURES: dict[str, tuple[type, ...]] = {
    "GetTokenInfo": (_ulong, _pointer),
    "GetMechanismInfo": (_ulong, _ulong, _pointer),
    "InitToken": (_ulong, _bytes, _ulong, _bytes),
    "Login": (_ulong, _ulong, _bytes, _ulong),
    "Logout": (_ulong,),
    "CloseAllSessions": (_ulong,),
    "Finalize": (_pointer,),
    "DestroyObject": (_ulong, _ulong),
    "CopyObject": (_ulong, _ulong, _pointer, _ulong, _pointer),
    "GetAttributeValue": (_ulong, _ulong, _pointer, _ulong),
    "FindObjectsInit": (_ulong, _pointer, _ulong),
    "FindObjects": (_ulong, _pointer, _ulong, _pointer),
    "FindObjectsFinal": (_ulong,),
    "EncryptInit": (_ulong, _pointer, _ulong),
    "Encrypt": (_ulong, _bytes, _ulong, _pointer, _pointer),
    "DecryptInit": (_ulong, _pointer, _ulong),
    "Decrypt": (_ulong, _bytes, _ulong, _pointer, _pointer),
    "SignInit": (_ulong, _pointer, _ulong),
    "Sign": (_ulong, _bytes, _ulong, _pointer, _pointer),
    "VerifyInit": (_ulong, _pointer, _ulong),
    "Verify": (_ulong, _bytes, _ulong, _bytes, _ulong),
    "DigestInit": (_ulong, _pointer),
    "DigestKey": (_ulong, _ulong),
    "DigestFinal": (_ulong, _pointer, _pointer),
    "GenerateKey": (_ulong, _pointer, _pointer, _ulong, _pointer),
    "WrapKey": (_ulong, _pointer, _ulong, _ulong, _pointer, _pointer),
    "UnwrapKey": (_ulong, _pointer, _ulong, _bytes, _ulong, _pointer, _ulong, _pointer),
    "DeriveKey": (_ulong, _pointer, _ulong, _pointer, _ulong, _pointer),
}


class InitializeArguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS."""

    _fields_ = [
        ("create_mutex", ctypes.c_void_p),
        ("destroy_mutex", ctypes.c_void_p),
        ("lock_mutex", ctypes.c_void_p),
        ("unlock_mutex", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_char_p),
    ]


class FunctionList:
    """The functions of the module at `path`: the very list python-pkcs11 uses, since a module has only one."""

    # What a module's function list points to must live as long as the module, which is as long as the process.
    kept: ClassVar[dict[str, tuple[object, ...]]] = {}

    def __init__(self, path: str) -> None:
        self._path = path
        self._library = ctypes.CDLL(path)
        address = ctypes.c_void_p()
        rv = self._library.C_GetFunctionList(ctypes.byref(address))
        if rv != CKR_OK or not address.value:
            raise CryptokiError(rv, "GetFunctionList")
        table = ctypes.c_void_p * len(FUNCTIONS)
        self.pointers = table.from_address(address.value + FIRST_POINTER)

    def initialize_with(self, reserved: bytes | None) -> None:
        """Make every later C_Initialize(NULL) say CKF_OS_LOCKING_OK, and pass `reserved` where a module needs it.

        python-pkcs11 0.10.1 calls C_Initialize(NULL), which tells the module that the process has one thread and yet
        lets the interpreter run others. To be called before python-pkcs11 loads the module.
        """
        if self._path in self.kept:
            return
        kind = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)
        real = kind(self.pointers[INDEX["Initialize"]] or 0)
        arguments = InitializeArguments(flags=CKF_OS_LOCKING_OK, reserved=reserved)
        replacement = kind(lambda _: real(ctypes.addressof(arguments)))
        self.kept[self._path] = (real, arguments, replacement)
        self.pointers[INDEX["Initialize"]] = ctypes.cast(replacement, ctypes.c_void_p).value

    def init_token(self, slot: int, so_pin: bytes, label: str) -> None:
        """Initialise the token in the slot, deleting what it holds."""
        function = self.function("InitToken")
        rv = function(slot, so_pin, len(so_pin), label.encode().ljust(32))
        if rv:
            raise CryptokiError(rv, "InitToken")

    def function(self, name: str, types: tuple[type, ...] = ()) -> "ctypes._FuncPointer":
        """Give one function, whose arguments have the types in SIGNATURES or those given.

        Raises CryptokiError when the module has none.
        """
        address = self.pointers[INDEX[name]]
        if not address:
            raise CryptokiError(0x54, name)  # CKR_FUNCTION_NOT_SUPPORTED
        return ctypes.CFUNCTYPE(ctypes.c_ulong, *(types or SIGNATURES[name]))(address)


class Arena:
    """Memory for what a call's mechanism points to: filled from the start for each call, and never freed.

    Blobs that do not fit are kept in buffers of their own until the next call.
    """

    SIZE = 16384

    def __init__(self) -> None:
        self.buffer = ctypes.create_string_buffer(self.SIZE)
        self.address = ctypes.addressof(self.buffer)
        self._used = 0
        self._large: list[ctypes.Array[ctypes.c_char]] = []

    def clear(self) -> None:
        """Start over for a new call."""
        self._used = 0
        if self._large:
            self._large = []

    def place(self, data: bytes) -> int:
        """Copy data in, aligned to eight bytes, and give its address; 0 (NULL) for no bytes."""
        size = len(data)
        if not size:
            return 0
        at = self._used
        if at + size > self.SIZE:
            large = ctypes.create_string_buffer(data, size)
            self._large.append(large)
            return ctypes.addressof(large)
        ctypes.memmove(self.address + at, data, size)
        self._used = (at + size + 7) & ~7
        return self.address + at


class AttributeArray:
    """A CK_ATTRIBUTE array of packed values; keeps alive what it points to."""

    def __init__(self, pairs: Sequence[tuple[int, bytes]]) -> None:
        self.count = len(pairs)
        self._values = [ctypes.create_string_buffer(value, max(len(value), 1)) for _, value in pairs]
        self._array = (_ulong * (3 * self.count))()
        for index, ((kind, value), buffer) in enumerate(zip(pairs, self._values, strict=True)):
            self._array[3 * index : 3 * index + 3] = [kind, ctypes.addressof(buffer), len(value)]
        self.address = ctypes.addressof(self._array)


class Calls:
    """The calls on handles of one loaded module. `mechanism` arguments are addresses of a CK_MECHANISM."""

    def __init__(self, functions: FunctionList) -> None:
        self._functions = {name: functions.function(name) for name in SIGNATURES}
        self._output = ctypes.create_string_buffer(OUTPUT_BYTES)
        self._output_bytes = self._offered = OUTPUT_BYTES
        self._output_address = ctypes.addressof(self._output)
        self._length = _ulong()
        self._length_address = ctypes.addressof(self._length)
        self._handle = _ulong()
        self._handle_address = ctypes.addressof(self._handle)
        self._handles = (_ulong * HANDLES_A_CALL)()
        self._attribute_buffer = ctypes.create_string_buffer(ATTRIBUTE_BYTES)
        self.encrypt_init, self.encrypt_data = self._functions["EncryptInit"], self._functions["Encrypt"]
        self.decrypt_init, self.decrypt_data = self._functions["DecryptInit"], self._functions["Decrypt"]
        self.sign_init, self.sign_data = self._functions["SignInit"], self._functions["Sign"]

    def _call(self, name: str, *arguments: object) -> None:
        rv = self._functions[name](*arguments)
        if rv:
            raise CryptokiError(rv, name)

    def _room(self, wanted: int) -> None:
        """Make the output buffer at least `wanted` bytes long, and offer so many to the next call."""
        if wanted > self._output_bytes:
            self._output = ctypes.create_string_buffer(wanted)
            self._output_bytes = wanted
            self._output_address = ctypes.addressof(self._output)
        self._offered = self._length.value = wanted

    def _given(self, function: str) -> bytes:
        """Give what a call wrote; a module that says it wrote more than it was offered is not to be believed."""
        length = self._length.value
        if length > self._offered:
            raise CryptokiError(0x150, function)  # CKR_BUFFER_TOO_SMALL, which is what it should have said
        return ctypes.string_at(self._output_address, length)

    def encrypt(self, session: int, mechanism: int, key: int, data: bytes) -> bytes:
        """C_EncryptInit and one C_Encrypt."""
        rv = self.encrypt_init(session, mechanism, key)
        if rv:
            raise CryptokiError(rv, "EncryptInit")
        size = len(data)
        self._room(size + ROOM_BYTES)
        rv = self.encrypt_data(session, data, size, self._output_address, self._length_address)
        if rv:
            raise CryptokiError(rv, "Encrypt")
        return self._given("Encrypt")

    def decrypt(self, session: int, mechanism: int, key: int, data: bytes) -> bytes:
        """C_DecryptInit and one C_Decrypt."""
        rv = self.decrypt_init(session, mechanism, key)
        if rv:
            raise CryptokiError(rv, "DecryptInit")
        size = len(data)
        self._room(size + ROOM_BYTES)
        rv = self.decrypt_data(session, data, size, self._output_address, self._length_address)
        if rv:
            raise CryptokiError(rv, "Decrypt")
        return self._given("Decrypt")

    def sign(self, session: int, mechanism: int, key: int, data: bytes) -> bytes:
        """C_SignInit and one C_Sign."""
        rv = self.sign_init(session, mechanism, key)
        if rv:
            raise CryptokiError(rv, "SignInit")
        self._room(ROOM_BYTES)
        rv = self.sign_data(session, data, len(data), self._output_address, self._length_address)
        if rv:
            raise CryptokiError(rv, "Sign")
        return self._given("Sign")

    def verify(self, session: int, mechanism: int, key: int, data: bytes, signature: bytes) -> bool:
        """C_VerifyInit and one C_Verify; False only for what the token calls a wrong signature."""
        self._call("VerifyInit", session, mechanism, key)
        rv = self._functions["Verify"](session, data, len(data), signature, len(signature))
        if rv in (CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE):
            return False
        if rv:
            raise CryptokiError(rv, "Verify")
        return True

    def digest_key(self, session: int, mechanism: int, key: int) -> bytes:
        """C_DigestInit, C_DigestKey and C_DigestFinal."""
        self._call("DigestInit", session, mechanism)
        self._call("DigestKey", session, key)
        self._room(ROOM_BYTES)
        self._call("DigestFinal", session, self._output_address, self._length_address)
        return self._given("DigestFinal")

    def generate(self, session: int, mechanism: int, template: AttributeArray) -> int:
        """C_GenerateKey; gives the handle of the new object."""
        self._call("GenerateKey", session, mechanism, template.address, template.count, self._handle_address)
        return self._handle.value

    def wrap(self, session: int, mechanism: int, wrapping: int, target: int) -> bytes:
        """One C_WrapKey; what is wrapped may be data of the gateway's, as long as a message can be."""
        self._room(OUTPUT_BYTES)
        self._call("WrapKey", session, mechanism, wrapping, target, self._output_address, self._length_address)
        return self._given("WrapKey")

    def unwrap(self, session: int, mechanism: int, key: int, blob: bytes, template: AttributeArray) -> int:
        """C_UnwrapKey; gives the handle of the new object."""
        self._call(
            "UnwrapKey",
            session,
            mechanism,
            key,
            blob,
            len(blob),
            template.address,
            template.count,
            self._handle_address,
        )
        return self._handle.value

    def derive(self, session: int, mechanism: int, key: int, template: AttributeArray) -> int:
        """C_DeriveKey; gives the handle of the new object."""
        self._call("DeriveKey", session, mechanism, key, template.address, template.count, self._handle_address)
        return self._handle.value

    def copy(self, session: int, handle: int, template: AttributeArray) -> int:
        """C_CopyObject; gives the handle of the copy."""
        self._call("CopyObject", session, handle, template.address, template.count, self._handle_address)
        return self._handle.value

    def destroy(self, session: int, handle: int) -> None:
        """C_DestroyObject."""
        self._call("DestroyObject", session, handle)

    def search(self, session: int, template: AttributeArray) -> list[int]:
        """Give the handles of all objects that match; leaves no search open behind it."""
        self._call("FindObjectsInit", session, template.address, template.count)
        try:
            return list(self._found(session))
        finally:
            self._functions["FindObjectsFinal"](session)

    def _found(self, session: int) -> Iterator[int]:
        address = ctypes.addressof(self._handles)
        while True:
            self._call("FindObjects", session, address, HANDLES_A_CALL, self._length_address)
            count = min(self._length.value, HANDLES_A_CALL)
            yield from self._handles[:count]
            if not count:
                return

    def attribute(self, session: int, handle: int, kind: int) -> bytes:
        """Give one attribute's packed value; raises CryptokiError also where a token gives no value without error."""
        room = ULONG_BYTES if kind in ULONG_ATTRIBUTES else ATTRIBUTE_BYTES
        entry = (_ulong * 3)(kind, ctypes.addressof(self._attribute_buffer), room)
        self._call("GetAttributeValue", session, handle, ctypes.addressof(entry), 1)
        if entry[2] == CK_UNAVAILABLE_INFORMATION:
            raise CryptokiError(0x12, "GetAttributeValue")  # CKR_ATTRIBUTE_TYPE_INVALID
        if entry[2] > room:
            raise CryptokiError(0x150, "GetAttributeValue")
        return ctypes.string_at(self._attribute_buffer, entry[2])

    def token_answers(self, slot: int) -> bool:
        """Say whether C_GetTokenInfo succeeds: SoftHSM goes on giving random bytes when its token is gone."""
        info = ctypes.create_string_buffer(512)
        return bool(self._functions["GetTokenInfo"](slot, ctypes.addressof(info)) == CKR_OK)

    def most_bits(self, slot: int, mechanism: int) -> int:
        """Give the longest key that the token says it makes with this mechanism; without a sane word of it, any."""
        info = (_ulong * 3)()
        rv = self._functions["GetMechanismInfo"](slot, mechanism, ctypes.addressof(info))
        return info[1] if rv == CKR_OK and info[1] >= SHORTEST_RSA_BITS else CK_UNAVAILABLE_INFORMATION

    def login(self, session: int, pin: bytes) -> None:
        """C_Login as user."""
        self._call("Login", session, CKU_USER, pin, len(pin))

    def leave(self, slot: int, session: int) -> None:
        """Log out, close every session and end with the module, after which nothing may be called."""
        for name, argument in (("Logout", session), ("CloseAllSessions", slot), ("Finalize", None)):
            # What it says against one of them is no reason to leave out the next: the process ends anyway.
            with suppress(CryptokiError):
                self._call(name, argument)
