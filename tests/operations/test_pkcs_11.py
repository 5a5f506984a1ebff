"""PKCS#11 and Set Endpoint Role (KMIP 2.1 sections 6.1.37, 6.1.58): what a gateway can be asked that is not a token."""

import pytest

from gateway.kmip.enums import EndpointRole, Operation, ResultReason
from gateway.kmip.pkcs11 import Function, ReturnCode
from gateway.kmip.structure import OpenEnumeration
from gateway.kmip.version import V2_0, V2_1
from gateway.operations.pkcs_11 import MAX_INITIALISED, PKCS11Request
from gateway.operations.set_endpoint_role import SetEndpointRoleRequest

O, R, F, C = Operation, ResultReason, Function, ReturnCode  # noqa: E741
BOTH = pytest.mark.parametrize("version", [V2_0, V2_1], ids=str)


def calling(function, value=None, arguments=None, interface=None):
    return O.PKCS_11, PKCS11Request(
        pkcs_11_interface=interface,
        pkcs_11_function=OpenEnumeration(function),
        correlation_value=value,
        pkcs_11_input_parameters=arguments,
    )


async def code(client, *asked, **more):
    return (await client.one(V2_1, *calling(*asked, **more))).pkcs_11_return_code


async def initialised(client):
    return (await client.one(V2_1, *calling(F.C_Initialize, arguments=b"\x01"))).correlation_value


@BOTH
async def test_a_library_is_initialised_told_of_and_finalised(gateway, version):
    begun = await gateway.one(version, *calling(F.C_Initialize, arguments=b"\x01"))
    assert (begun.pkcs_11_function, begun.pkcs_11_return_code) == (F.C_Initialize, C.OK)
    value = begun.correlation_value
    info = (await gateway.one(version, *calling(F.C_GetInfo, value))).pkcs_11_output_parameters
    assert len(info) == 76
    assert (info[:2], info[2:34], info[34:42]) == (b"\x03\x00", b"kmip-gateway".ljust(32), bytes(8))
    assert (await gateway.one(version, *calling(F.C_Finalize, value))).pkcs_11_return_code is C.OK
    assert await code(gateway, F.C_GetInfo, value) is C.CRYPTOKI_NOT_INITIALIZED


async def test_it_belongs_to_who_initialised_it(gateway):
    value = await initialised(gateway)
    for asked in (F.C_GetInfo, F.C_Finalize):
        assert await code(gateway.other, asked, value) is C.CRYPTOKI_NOT_INITIALIZED
    assert await code(gateway, F.C_GetInfo) is C.CRYPTOKI_NOT_INITIALIZED
    assert await code(gateway, F.C_GetInfo, value) is C.OK


@pytest.mark.parametrize("function", [f for f in F if f not in (F.C_Initialize, F.C_Finalize, F.C_GetInfo)])
async def test_nothing_else_is_carried_out(gateway, function):
    value = await initialised(gateway)
    assert await code(gateway, function, value, b"any") is C.FUNCTION_NOT_SUPPORTED
    assert await code(gateway, function, None, b"any") is C.CRYPTOKI_NOT_INITIALIZED


async def test_what_pkcs11_does_not_have_is_refused(gateway):
    value = await initialised(gateway)
    assert await gateway.refused(V2_1, *calling(0x7FFF)) is R.PKCS_11_INVALID_FUNCTION
    assert await gateway.refused(V2_1, *calling(F.C_GetInfo, value, b"\x01")) is R.PKCS_11_CODEC_ERROR
    assert await gateway.refused(V2_1, *calling(F.C_Initialize, None, b"\x02")) is R.PKCS_11_CODEC_ERROR
    assert await gateway.refused(V2_1, *calling(F.C_GetInfo, interface="Vendor X")) is R.PKCS_11_INVALID_INTERFACE


async def test_who_never_finalises_keeps_the_latest(gateway):
    first = await initialised(gateway)
    values = [await initialised(gateway) for _ in range(MAX_INITIALISED)]
    assert await code(gateway, F.C_GetInfo, first) is C.CRYPTOKI_NOT_INITIALIZED
    assert await code(gateway, F.C_GetInfo, values[0]) is C.OK


@BOTH
async def test_the_gateway_stays_the_server(gateway, version):
    stay = SetEndpointRoleRequest(endpoint_role=EndpointRole.SERVER)
    assert (await gateway.one(version, O.SET_ENDPOINT_ROLE, stay)).endpoint_role is EndpointRole.SERVER
    swap = SetEndpointRoleRequest(endpoint_role=EndpointRole.CLIENT)
    assert await gateway.refused(version, O.SET_ENDPOINT_ROLE, swap) is R.FEATURE_NOT_SUPPORTED
