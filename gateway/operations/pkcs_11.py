"""PKCS#11: a call of PKCS#11 in a KMIP message (KMIP 2.1 section 6.1.37 PKCS#11).

The one rule here: no call reaches the token. Handles, sessions and PINs of the token are the gateway's alone, and what
it keeps for one client no other may see; a token's own functions know no clients. So this is a library without a slot:
it can be initialised, told of and finalised, and answers "not supported" to whatever would need one.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gateway import __version__, client_settings, errors
from gateway.call import Call
from gateway.kmip.enums import Operation
from gateway.kmip.pkcs11 import Function, ReturnCode
from gateway.kmip.structure import OpenEnumeration, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_0
from gateway.operations import operation

INTERFACE = "PKCS 11"  # the name that PKCS#11 3.0 has for its own functions
CRYPTOKI = bytes((3, 0))
LIBRARY = bytes(int(part) for part in __version__.split(".")[:2])
TEXT_BYTES = 32
NO_FLAGS = bytes(8)
CORRELATION_BYTES = 16
MAX_INITIALISED = 64  # of one client; beyond that the oldest has ended
NO_ARGUMENTS = b""
# One byte that says whether there is a pointer follows for C_Initialize and C_Finalize; what it points to is not sent.
NOTHING = frozenset({NO_ARGUMENTS, b"\x00", b"\x01"})


class PKCS11Request(Structure):
    """Which function of which interface, for whom it was initialised, and its arguments, encoded."""

    pkcs_11_interface: str | None = None
    pkcs_11_function: OpenEnumeration
    correlation_value: bytes | None = None
    pkcs_11_input_parameters: bytes | None = None


class PKCS11Response(Structure):
    """What the function gave; the operation succeeds also where the function does not."""

    pkcs_11_interface: str | None = None
    pkcs_11_function: OpenEnumeration
    correlation_value: bytes | None = None
    pkcs_11_output_parameters: bytes | None = None
    pkcs_11_return_code: ReturnCode


class Initialised(Structure):
    """The correlation values of a client that were not finalised, the oldest first."""

    correlation_value: tuple[bytes, ...] = ()


class Returned(NamedTuple):
    """What a function came to."""

    code: ReturnCode = ReturnCode.OK
    output: bytes | None = None
    correlation_value: bytes | None = None


@operation(Operation.PKCS_11, since=V2_0)
async def pkcs_11(call: Call, request: PKCS11Request) -> PKCS11Response:
    """Carry out a function of PKCS#11, as far as it needs no token.

    Raises:
        PKCS11InvalidInterface: another interface.
        PKCS11InvalidFunction: PKCS#11 has no such function.
        PKCS11CodecError: the arguments are not those of the function.
    """
    if request.pkcs_11_interface not in (None, INTERFACE):
        raise errors.PKCS11InvalidInterface(f"the only interface here is {INTERFACE!r}")
    if request.pkcs_11_function not in Function._value2member_map_:
        raise errors.PKCS11InvalidFunction(f"PKCS#11 has no function {request.pkcs_11_function}")
    returned = await _returned(call, Function(request.pkcs_11_function), request)
    return PKCS11Response(
        pkcs_11_interface=request.pkcs_11_interface,
        pkcs_11_function=request.pkcs_11_function,
        correlation_value=returned.correlation_value,
        pkcs_11_output_parameters=returned.output,
        pkcs_11_return_code=returned.code,
    )


async def _returned(call: Call, function: Function, request: PKCS11Request) -> Returned:
    arguments = request.pkcs_11_input_parameters or NO_ARGUMENTS
    if function in FUNCTIONS and arguments not in FUNCTIONS[function].arguments:
        raise errors.PKCS11CodecError(f"these are no arguments of {function.name}")
    if function is Function.C_Initialize:
        return await _initialise(call)
    known = client_settings.read(call, Tag.PKCS_11_INTERFACE, Initialised) or Initialised()
    value = request.correlation_value
    if value is None or value not in known.correlation_value:
        return Returned(ReturnCode.CRYPTOKI_NOT_INITIALIZED)
    if function not in FUNCTIONS:
        return Returned(ReturnCode.FUNCTION_NOT_SUPPORTED)
    return await FUNCTIONS[function].carry_out(call, value)


async def _initialise(call: Call) -> Returned:
    value = secrets.token_bytes(CORRELATION_BYTES)

    def begun(there: Initialised) -> Initialised:
        return Initialised(correlation_value=(*there.correlation_value, value)[-MAX_INITIALISED:])

    await client_settings.alter(call, Tag.PKCS_11_INTERFACE, Initialised, begun)
    return Returned(correlation_value=value)


async def _finalise(call: Call, value: bytes) -> Returned:
    def ended(there: Initialised) -> Initialised:
        return Initialised(correlation_value=tuple(each for each in there.correlation_value if each != value))

    await client_settings.alter(call, Tag.PKCS_11_INTERFACE, Initialised, ended)
    return Returned()


async def _tell(call: Call, value: bytes) -> Returned:
    """Give CK_INFO: versions, who made the library, what it is."""
    maker, library = _padded(call.config.vendor_identification), _padded("kmip-gateway, no slots")
    return Returned(output=CRYPTOKI + maker + NO_FLAGS + library + LIBRARY)


def _padded(text: str) -> bytes:
    """Give a text in the 32 bytes that PKCS#11 has for it, filled up with blanks; none of its characters is cut."""
    return text.encode()[:TEXT_BYTES].decode(errors="ignore").encode().ljust(TEXT_BYTES)


class Served(NamedTuple):
    """A function that is carried out: what may come with it, and how."""

    arguments: frozenset[bytes]
    carry_out: Callable[[Call, bytes], Awaitable[Returned]]


FUNCTIONS = {
    Function.C_Initialize: Served(NOTHING, lambda call, _: _initialise(call)),
    Function.C_Finalize: Served(NOTHING, _finalise),
    Function.C_GetInfo: Served(frozenset({NO_ARGUMENTS}), _tell),
}
