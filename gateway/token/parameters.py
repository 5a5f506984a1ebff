"""A Mechanism of ours into the CK_MECHANISM a module reads: one row per shape of parameter.

What a shape needs and was not given is refused before the token sees it: modules differ in how they fail there.
"""

import struct
from collections.abc import Callable

from gateway.errors import BadCryptographicParameters
from gateway.token.api import Mechanism
from gateway.token.cryptoki import Arena

# All members of these structures are CK_ULONG or pointers, eight bytes each on every platform we run on.
_mechanism = struct.Struct("@3L")
_six = struct.Struct("@6L")
_two = struct.Struct("@2L")
_three = struct.Struct("@3L")
_five = struct.Struct("@5L")
CKZ_DATA_SPECIFIED = 1
CKD_NULL = 1

Packer = Callable[[Arena, Mechanism], bytes]


def _none(_: Arena, __: Mechanism) -> bytes:
    return b""


def _iv(size: int) -> Packer:
    def pack(_: Arena, mechanism: Mechanism) -> bytes:
        if len(mechanism.iv) != size:
            raise BadCryptographicParameters(f"the IV must be {size} bytes long, not {len(mechanism.iv)}")
        return mechanism.iv

    return pack


def _gcm(arena: Arena, mechanism: Mechanism) -> bytes:
    """CK_GCM_PARAMS."""
    if not mechanism.iv or not mechanism.tag_bits:
        raise BadCryptographicParameters("GCM needs an IV and a tag length")
    iv, aad = mechanism.iv, mechanism.aad
    return _six.pack(arena.place(iv), len(iv), 8 * len(iv), arena.place(aad), len(aad), mechanism.tag_bits)


def _ctr(_: Arena, mechanism: Mechanism) -> bytes:
    """CK_AES_CTR_PARAMS: how many bits count, and the first block."""
    if len(mechanism.iv) != 16:
        raise BadCryptographicParameters("the counter block must be 16 bytes long")
    return struct.pack("@L", mechanism.counter_bits or 128) + mechanism.iv


def _oaep(arena: Arena, mechanism: Mechanism) -> bytes:
    """CK_RSA_PKCS_OAEP_PARAMS."""
    label = mechanism.label
    return _five.pack(mechanism.hash, mechanism.mgf, CKZ_DATA_SPECIFIED, arena.place(label), len(label))


def _pss(_: Arena, mechanism: Mechanism) -> bytes:
    """CK_RSA_PKCS_PSS_PARAMS."""
    return _three.pack(mechanism.hash, mechanism.mgf, mechanism.salt_bytes)


def _ecdh(arena: Arena, mechanism: Mechanism) -> bytes:
    """CK_ECDH1_DERIVE_PARAMS."""
    shared, public = mechanism.shared_data, mechanism.public_data
    return _five.pack(mechanism.kdf or CKD_NULL, len(shared), arena.place(shared), len(public), arena.place(public))


def _string(arena: Arena, mechanism: Mechanism) -> bytes:
    """CK_KEY_DERIVATION_STRING_DATA."""
    return _two.pack(arena.place(mechanism.data), len(mechanism.data))


def _cbc_data(size: int) -> Packer:
    def pack(arena: Arena, mechanism: Mechanism) -> bytes:
        """CK_AES_CBC_ENCRYPT_DATA_PARAMS and its DES form."""
        if len(mechanism.iv) != size:
            raise BadCryptographicParameters(f"the IV must be {size} bytes long, not {len(mechanism.iv)}")
        return mechanism.iv + _string(arena, mechanism)

    return pack


def _optional_iv(_: Arena, mechanism: Mechanism) -> bytes:
    return mechanism.iv


def _public_value(_: Arena, mechanism: Mechanism) -> bytes:
    return mechanism.public_data


def _rows(packer: Packer, *ckms: int) -> dict[int, Packer]:
    return dict.fromkeys(ckms, packer)


# Mechanisms that are not here take no parameter.
PACKERS: dict[int, Packer] = {
    **_rows(_iv(16), 0x1082, 0x1085),  # AES_CBC, AES_CBC_PAD
    **_rows(_iv(8), 0x122, 0x125, 0x133, 0x136),  # DES_CBC, DES_CBC_PAD, DES3_CBC, DES3_CBC_PAD
    **_rows(_ctr, 0x1086),  # AES_CTR
    **_rows(_gcm, 0x1087),  # AES_GCM
    **_rows(_oaep, 0x09),  # RSA_PKCS_OAEP
    **_rows(_pss, 0x0D, 0x0E, 0x43, 0x44, 0x45, 0x47),  # RSA_PKCS_PSS and SHA1/256/384/512/224_RSA_PKCS_PSS
    **_rows(_ecdh, 0x1050, 0x1051),  # ECDH1_DERIVE, ECDH1_COFACTOR_DERIVE
    **_rows(_public_value, 0x21),  # DH_PKCS_DERIVE
    **_rows(_string, 0x1100, 0x1102, 0x1104),  # DES_, DES3_, AES_ECB_ENCRYPT_DATA
    **_rows(_cbc_data(16), 0x1105),  # AES_CBC_ENCRYPT_DATA
    **_rows(_cbc_data(8), 0x1101, 0x1103),  # DES_CBC_ENCRYPT_DATA, DES3_CBC_ENCRYPT_DATA
    **_rows(_string, 0x360, 0x362, 0x363, 0x364),  # CONCATENATE_..., XOR_BASE_AND_DATA
    **_rows(_optional_iv, 0x2109, 0x210A, 0x210B),  # AES_KEY_WRAP, _PAD, _KWP: the default IV when none is given
}


class MechanismPacker:
    """Writes a Mechanism where the module can read it; what it gives is valid until the next call."""

    def __init__(self) -> None:
        self._arena = Arena()

    def pack(self, mechanism: Mechanism) -> int:
        """Give the address of a CK_MECHANISM.

        Raises:
            BadCryptographicParameters: the mechanism needs something it was not given.
        """
        arena = self._arena
        arena.clear()
        packer = PACKERS.get(mechanism.ckm, _none)
        try:
            parameter = packer(arena, mechanism)
            return arena.place(_mechanism.pack(mechanism.ckm, arena.place(parameter), len(parameter)))
        except struct.error:
            raise BadCryptographicParameters("a number in the parameters is out of range") from None
