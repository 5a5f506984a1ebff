"""The numbers of PKCS#11 that the KMIP operation PKCS#11 speaks of (KMIP 2.1 section 11 Enumerations; PKCS#11 3.0).

XML and JSON name a function as PKCS#11 does, a return value without its prefix. Neither has a KMIP version of its own.
"""

from gateway.kmip.names import Named


class Literal(Named):
    """An enumeration whose spelling is the name as it stands."""

    @property
    def spelling(self) -> str:
        """The name that PKCS#11 has for it."""
        return self.name


class Function(Literal):
    """PKCS#11 Function: the place in CK_FUNCTION_LIST, and then in CK_FUNCTION_LIST_3_0, counted from 1."""

    C_Initialize = 1
    C_Finalize = 2
    C_GetInfo = 3
    C_GetFunctionList = 4
    C_GetSlotList = 5
    C_GetSlotInfo = 6
    C_GetTokenInfo = 7
    C_GetMechanismList = 8
    C_GetMechanismInfo = 9
    C_InitToken = 10
    C_InitPIN = 11
    C_SetPIN = 12
    C_OpenSession = 13
    C_CloseSession = 14
    C_CloseAllSessions = 15
    C_GetSessionInfo = 16
    C_GetOperationState = 17
    C_SetOperationState = 18
    C_Login = 19
    C_Logout = 20
    C_CreateObject = 21
    C_CopyObject = 22
    C_DestroyObject = 23
    C_GetObjectSize = 24
    C_GetAttributeValue = 25
    C_SetAttributeValue = 26
    C_FindObjectsInit = 27
    C_FindObjects = 28
    C_FindObjectsFinal = 29
    C_EncryptInit = 30
    C_Encrypt = 31
    C_EncryptUpdate = 32
    C_EncryptFinal = 33
    C_DecryptInit = 34
    C_Decrypt = 35
    C_DecryptUpdate = 36
    C_DecryptFinal = 37
    C_DigestInit = 38
    C_Digest = 39
    C_DigestUpdate = 40
    C_DigestKey = 41
    C_DigestFinal = 42
    C_SignInit = 43
    C_Sign = 44
    C_SignUpdate = 45
    C_SignFinal = 46
    C_SignRecoverInit = 47
    C_SignRecover = 48
    C_VerifyInit = 49
    C_Verify = 50
    C_VerifyUpdate = 51
    C_VerifyFinal = 52
    C_VerifyRecoverInit = 53
    C_VerifyRecover = 54
    C_DigestEncryptUpdate = 55
    C_DecryptDigestUpdate = 56
    C_SignEncryptUpdate = 57
    C_DecryptVerifyUpdate = 58
    C_GenerateKey = 59
    C_GenerateKeyPair = 60
    C_WrapKey = 61
    C_UnwrapKey = 62
    C_DeriveKey = 63
    C_SeedRandom = 64
    C_GenerateRandom = 65
    C_GetFunctionStatus = 66
    C_CancelFunction = 67
    C_WaitForSlotEvent = 68
    C_GetInterfaceList = 69
    C_GetInterface = 70
    C_LoginUser = 71
    C_SessionCancel = 72
    C_MessageEncryptInit = 73
    C_EncryptMessage = 74
    C_EncryptMessageBegin = 75
    C_EncryptMessageNext = 76
    C_MessageEncryptFinal = 77
    C_MessageDecryptInit = 78
    C_DecryptMessage = 79
    C_DecryptMessageBegin = 80
    C_DecryptMessageNext = 81
    C_MessageDecryptFinal = 82
    C_MessageSignInit = 83
    C_SignMessage = 84
    C_SignMessageBegin = 85
    C_SignMessageNext = 86
    C_MessageSignFinal = 87
    C_MessageVerifyInit = 88
    C_VerifyMessage = 89
    C_VerifyMessageBegin = 90
    C_VerifyMessageNext = 91
    C_MessageVerifyFinal = 92


class ReturnCode(Literal):
    """PKCS#11 Return Code: the values of CK_RV."""

    OK = 0x000
    CANCEL = 0x001
    HOST_MEMORY = 0x002
    SLOT_ID_INVALID = 0x003
    GENERAL_ERROR = 0x005
    FUNCTION_FAILED = 0x006
    ARGUMENTS_BAD = 0x007
    NO_EVENT = 0x008
    NEED_TO_CREATE_THREADS = 0x009
    CANT_LOCK = 0x00A
    ATTRIBUTE_READ_ONLY = 0x010
    ATTRIBUTE_SENSITIVE = 0x011
    ATTRIBUTE_TYPE_INVALID = 0x012
    ATTRIBUTE_VALUE_INVALID = 0x013
    ACTION_PROHIBITED = 0x01B
    DATA_INVALID = 0x020
    DATA_LEN_RANGE = 0x021
    DEVICE_ERROR = 0x030
    DEVICE_MEMORY = 0x031
    DEVICE_REMOVED = 0x032
    ENCRYPTED_DATA_INVALID = 0x040
    ENCRYPTED_DATA_LEN_RANGE = 0x041
    AEAD_DECRYPT_FAILED = 0x042
    FUNCTION_CANCELED = 0x050
    FUNCTION_NOT_PARALLEL = 0x051
    FUNCTION_NOT_SUPPORTED = 0x054
    KEY_HANDLE_INVALID = 0x060
    KEY_SIZE_RANGE = 0x062
    KEY_TYPE_INCONSISTENT = 0x063
    KEY_NOT_NEEDED = 0x064
    KEY_CHANGED = 0x065
    KEY_NEEDED = 0x066
    KEY_INDIGESTIBLE = 0x067
    KEY_FUNCTION_NOT_PERMITTED = 0x068
    KEY_NOT_WRAPPABLE = 0x069
    KEY_UNEXTRACTABLE = 0x06A
    MECHANISM_INVALID = 0x070
    MECHANISM_PARAM_INVALID = 0x071
    OBJECT_HANDLE_INVALID = 0x082
    OPERATION_ACTIVE = 0x090
    OPERATION_NOT_INITIALIZED = 0x091
    PIN_INCORRECT = 0x0A0
    PIN_INVALID = 0x0A1
    PIN_LEN_RANGE = 0x0A2
    PIN_EXPIRED = 0x0A3
    PIN_LOCKED = 0x0A4
    SESSION_CLOSED = 0x0B0
    SESSION_COUNT = 0x0B1
    SESSION_HANDLE_INVALID = 0x0B3
    SESSION_PARALLEL_NOT_SUPPORTED = 0x0B4
    SESSION_READ_ONLY = 0x0B5
    SESSION_EXISTS = 0x0B6
    SESSION_READ_ONLY_EXISTS = 0x0B7
    SESSION_READ_WRITE_SO_EXISTS = 0x0B8
    SIGNATURE_INVALID = 0x0C0
    SIGNATURE_LEN_RANGE = 0x0C1
    TEMPLATE_INCOMPLETE = 0x0D0
    TEMPLATE_INCONSISTENT = 0x0D1
    TOKEN_NOT_PRESENT = 0x0E0
    TOKEN_NOT_RECOGNIZED = 0x0E1
    TOKEN_WRITE_PROTECTED = 0x0E2
    UNWRAPPING_KEY_HANDLE_INVALID = 0x0F0
    UNWRAPPING_KEY_SIZE_RANGE = 0x0F1
    UNWRAPPING_KEY_TYPE_INCONSISTENT = 0x0F2
    USER_ALREADY_LOGGED_IN = 0x100
    USER_NOT_LOGGED_IN = 0x101
    USER_PIN_NOT_INITIALIZED = 0x102
    USER_TYPE_INVALID = 0x103
    USER_ANOTHER_ALREADY_LOGGED_IN = 0x104
    USER_TOO_MANY_TYPES = 0x105
    WRAPPED_KEY_INVALID = 0x110
    WRAPPED_KEY_LEN_RANGE = 0x112
    WRAPPING_KEY_HANDLE_INVALID = 0x113
    WRAPPING_KEY_SIZE_RANGE = 0x114
    WRAPPING_KEY_TYPE_INCONSISTENT = 0x115
    RANDOM_SEED_NOT_SUPPORTED = 0x120
    RANDOM_NO_RNG = 0x121
    DOMAIN_PARAMS_INVALID = 0x130
    CURVE_NOT_SUPPORTED = 0x140
    BUFFER_TOO_SMALL = 0x150
    SAVED_STATE_INVALID = 0x160
    INFORMATION_SENSITIVE = 0x170
    STATE_UNSAVEABLE = 0x180
    CRYPTOKI_NOT_INITIALIZED = 0x190
    CRYPTOKI_ALREADY_INITIALIZED = 0x191
    MUTEX_BAD = 0x1A0
    MUTEX_NOT_LOCKED = 0x1A1
    NEW_PIN_MODE = 0x1B0
    NEXT_OTP = 0x1B1
    EXCEEDED_MAX_ITERATIONS = 0x1B5
    FIPS_SELF_TEST_FAILED = 0x1B6
    LIBRARY_LOAD_FAILED = 0x1B7
    PIN_TOO_WEAK = 0x1B8
    PUBLIC_KEY_INVALID = 0x1B9
    FUNCTION_REJECTED = 0x200
    TOKEN_RESOURCE_EXCEEDED = 0x201
    OPERATION_CANCEL_FAILED = 0x202
    KEY_EXHAUSTED = 0x203
    VENDOR_DEFINED = 0x80000000
