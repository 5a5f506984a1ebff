"""What each CK return value means for us: one table, and nothing above the worker knows its names.

python-pkcs11 raises an exception class per return value where it knows one; those are looked up by class name.
"""

import re
from enum import Enum, auto
from typing import NamedTuple

from pkcs11.exceptions import PKCS11Error

from gateway.token.frames import FailureCode


class Recovery(Enum):
    """What to do before a failure is told."""

    NONE = auto()
    FIND_AGAIN = auto()  # the handle is dead: look the key up by CKA_ID, once
    LOGIN = auto()  # the login is gone: log in again, once
    NEW_SESSION = auto()  # the session is gone: open another, once
    DISCARD = auto()  # the session is not to be trusted: open another, and do not try again
    PROBE = auto()  # bad data or a dead token: ask the token; discard the session
    STOP = auto()  # the token or the module is gone: the worker ends, and its successor starts clean
    STOP_PIN = auto()  # the PIN is refused: never try it again


class Failure(NamedTuple):
    """One row: the value, its name, what is told and what is done first."""

    rv: int
    name: str
    code: FailureCode
    recovery: Recovery = Recovery.NONE


C, R = FailureCode, Recovery
FAILURES = (
    Failure(0x002, "HostMemory", C.DOWN, R.STOP),  # opencryptoki without its daemon
    Failure(0x003, "SlotIDInvalid", C.DOWN, R.STOP),
    Failure(0x005, "GeneralError", C.GENERAL, R.PROBE),
    Failure(0x006, "FunctionFailed", C.GENERAL, R.PROBE),
    Failure(0x007, "ArgumentsBad", C.BAD_PARAMETERS, R.DISCARD),  # SoftHSM: OAEP with a hash it lacks
    Failure(0x010, "AttributeReadOnly", C.BAD_FIELD),
    Failure(0x011, "AttributeSensitive", C.NOT_EXTRACTABLE),
    Failure(0x012, "AttributeTypeInvalid", C.BAD_FIELD),
    Failure(0x013, "AttributeValueInvalid", C.BAD_FIELD),
    Failure(0x01B, "ActionProhibited", C.NOT_PERMITTED),
    Failure(0x020, "DataInvalid", C.CRYPTOGRAPHIC, R.DISCARD),
    Failure(0x021, "DataLenRange", C.CRYPTOGRAPHIC, R.DISCARD),
    Failure(0x030, "DeviceError", C.DOWN, R.STOP),
    Failure(0x031, "DeviceMemory", C.GENERAL),
    Failure(0x032, "DeviceRemoved", C.DOWN, R.STOP),
    Failure(0x040, "EncryptedDataInvalid", C.CRYPTOGRAPHIC, R.DISCARD),
    Failure(0x041, "EncryptedDataLenRange", C.CRYPTOGRAPHIC, R.DISCARD),
    Failure(0x042, "AeadDecryptFailed", C.CRYPTOGRAPHIC, R.DISCARD),
    Failure(0x050, "FunctionCancelled", C.GENERAL, R.DISCARD),
    Failure(0x054, "FunctionNotSupported", C.UNSUPPORTED),
    Failure(0x060, "KeyHandleInvalid", C.GENERAL, R.FIND_AGAIN),
    Failure(0x062, "KeySizeRange", C.BAD_PARAMETERS),
    Failure(0x063, "KeyTypeInconsistent", C.BAD_PARAMETERS),
    Failure(0x068, "KeyFunctionNotPermitted", C.NOT_PERMITTED),
    Failure(0x067, "KeyIndigestible", C.NOT_EXTRACTABLE),
    Failure(0x069, "KeyNotWrappable", C.NOT_EXTRACTABLE),
    Failure(0x06A, "KeyUnextractable", C.NOT_EXTRACTABLE),
    Failure(0x070, "MechanismInvalid", C.UNSUPPORTED_PARAMETERS),
    Failure(0x071, "MechanismParamInvalid", C.BAD_PARAMETERS),
    Failure(0x082, "ObjectHandleInvalid", C.GENERAL, R.FIND_AGAIN),
    Failure(0x090, "OperationActive", C.GENERAL, R.NEW_SESSION),
    Failure(0x091, "OperationNotInitialized", C.GENERAL, R.NEW_SESSION),
    Failure(0x0A0, "PinIncorrect", C.DOWN, R.STOP_PIN),
    Failure(0x0A1, "PinInvalid", C.DOWN, R.STOP_PIN),
    Failure(0x0A2, "PinLenRange", C.DOWN, R.STOP_PIN),
    Failure(0x0A3, "PinExpired", C.DOWN, R.STOP_PIN),
    Failure(0x0A4, "PinLocked", C.DOWN, R.STOP_PIN),
    Failure(0x0B0, "SessionClosed", C.GENERAL, R.NEW_SESSION),
    Failure(0x0B1, "SessionCount", C.LIMIT),
    Failure(0x0B3, "SessionHandleInvalid", C.GENERAL, R.NEW_SESSION),
    Failure(0x0C0, "SignatureInvalid", C.CRYPTOGRAPHIC),
    Failure(0x0C1, "SignatureLenRange", C.CRYPTOGRAPHIC),
    Failure(0x0D0, "TemplateIncomplete", C.BAD_FIELD),
    Failure(0x0D1, "TemplateInconsistent", C.BAD_FIELD),
    Failure(0x0E0, "TokenNotPresent", C.DOWN, R.STOP),
    Failure(0x0E1, "TokenNotRecognised", C.DOWN, R.STOP),
    Failure(0x0E2, "TokenWriteProtected", C.GENERAL),
    Failure(0x0F0, "UnwrappingKeyHandleInvalid", C.GENERAL, R.FIND_AGAIN),
    Failure(0x0F1, "UnwrappingKeySizeRange", C.BAD_PARAMETERS),
    Failure(0x0F2, "UnwrappingKeyTypeInconsistent", C.BAD_PARAMETERS),
    Failure(0x101, "UserNotLoggedIn", C.DOWN, R.LOGIN),
    Failure(0x102, "UserPinNotInitialized", C.DOWN, R.STOP_PIN),
    Failure(0x103, "UserTypeInvalid", C.UNSUPPORTED),  # a security officer, to a token without one
    Failure(0x110, "WrappedKeyInvalid", C.CRYPTOGRAPHIC),
    Failure(0x112, "WrappedKeyLenRange", C.CRYPTOGRAPHIC),
    Failure(0x113, "WrappingKeyHandleInvalid", C.GENERAL, R.FIND_AGAIN),
    Failure(0x114, "WrappingKeySizeRange", C.BAD_PARAMETERS),
    Failure(0x115, "WrappingKeyTypeInconsistent", C.BAD_PARAMETERS),
    Failure(0x120, "RandomSeedNotSupported", C.UNSUPPORTED),
    Failure(0x121, "RandomNoRNG", C.UNSUPPORTED),
    Failure(0x130, "DomainParamsInvalid", C.BAD_PARAMETERS),
    Failure(0x140, "CurveNotSupported", C.UNSUPPORTED_PARAMETERS),
    Failure(0x150, "BufferTooSmall", C.GENERAL, R.DISCARD),
    Failure(0x190, "CryptokiNotInitialized", C.DOWN, R.STOP),
    Failure(0x1B9, "PublicKeyInvalid", C.BAD_FIELD),
)
BY_RV = {failure.rv: failure for failure in FAILURES}
BY_NAME = {failure.name: failure for failure in FAILURES}
# What python-pkcs11 says in words of its own, where it has neither class nor number.
BY_TEXT = {"initialized": 0x190, "User type invalid": 0x103}
UNMAPPED = re.compile(r"0x([0-9a-fA-F]+)")


class CryptokiError(Exception):
    """A CK return value other than CKR_OK, and the function that gave it."""

    def __init__(self, rv: int, function: str) -> None:
        super().__init__(f"C_{function}: {name_of(rv)}")
        self.rv, self.function = rv, function


class KeyGone(Exception):
    """A key that should be on the token is not: the database names it, the token has lost it."""


def name_of(rv: int) -> str:
    """Give the name of a return value, its number when it has none here."""
    return BY_RV[rv].name if rv in BY_RV else f"0x{rv:X}"


def failure_of(error: CryptokiError | PKCS11Error) -> Failure:
    """Give the row of an error; what has no row is a general failure after which the session is not trusted."""
    if isinstance(error, CryptokiError):
        return BY_RV.get(error.rv, Failure(error.rv, f"0x{error.rv:X}", C.GENERAL, R.DISCARD))
    known = BY_NAME.get(type(error).__name__)
    if known is not None:
        return known
    # python-pkcs11 has no class for some values, and says them only in the text of the message.
    match = UNMAPPED.search(str(error))
    rv = int(match[1], 16) if match else next((rv for text, rv in BY_TEXT.items() if text in str(error)), -1)
    name = f"0x{rv:X}" if rv >= 0 else type(error).__name__
    return BY_RV.get(rv, Failure(rv, name, C.GENERAL, R.DISCARD))
