"""The numbers of PKCS#11: a function's place is its module's own, a return value's name the one that tokens give."""

import ctypes

from gateway.kmip.pkcs11 import Function, ReturnCode
from gateway.token.failures import FAILURES
from tests.token.conftest import MODULE

IN_FUNCTION_LIST = 68  # of PKCS#11 2.x; those after are in the list of 3.0


def test_functions_stand_where_the_function_list_has_them():
    module = ctypes.CDLL(str(MODULE))
    found = ctypes.c_void_p()
    assert module.C_GetFunctionList(ctypes.byref(found)) == ReturnCode.OK
    # CK_VERSION, padded to a pointer, then one pointer each.
    pointers = (ctypes.c_void_p * (1 + IN_FUNCTION_LIST)).from_address(found.value)
    listed = [function for function in Function if function <= IN_FUNCTION_LIST]
    assert len(listed) == IN_FUNCTION_LIST
    for function in listed:
        exported = ctypes.cast(getattr(module, function.token), ctypes.c_void_p).value
        assert pointers[function] == exported, function.token


def test_return_codes_are_those_that_the_workers_know():
    names = {int(code): code.token.replace("_", "").lower() for code in ReturnCode}
    # python-pkcs11 spells two of them as British English does.
    known = {f.rv: f.name.lower().replace("cancelled", "canceled").replace("ognised", "ognized") for f in FAILURES}
    assert {rv: names.get(rv) for rv in known} == known
