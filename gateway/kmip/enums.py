"""Every enumeration and mask of KMIP 1.0 to 2.1, and of the 3.0 draft (KMIP 2.1 section 11).

A row reads: code, first version, last version, the standard's spelling. The spelling stands only where it is not the
member's name with capital initials.
"""

from gateway.kmip.names import Mask, Named
from gateway.kmip.version import V1_0, V1_1, V1_2, V1_3, V1_4, V2_0, V2_1, V3_0


class AdjustmentType(Named):
    """Adjustment Type."""

    INCREMENT = 1, V2_0
    DECREMENT = 2, V2_0
    NEGATE = 3, V2_0


class AlternativeNameType(Named):
    """Alternative Name Type."""

    UNINTERPRETED_TEXT_STRING = 1, V1_2
    URI = 2, V1_2, V3_0, "URI"
    OBJECT_SERIAL_NUMBER = 3, V1_2
    EMAIL_ADDRESS = 4, V1_2
    DNS_NAME = 5, V1_2, V3_0, "DNS Name"
    X_500_DISTINGUISHED_NAME = 6, V1_2, V3_0, "X.500 Distinguished Name"
    IP_ADDRESS = 7, V1_2, V3_0, "IP Address"


class AsynchronousIndicator(Named):
    """Asynchronous Indicator."""

    MANDATORY = 1, V2_0
    OPTIONAL = 2, V2_0
    PROHIBITED = 3, V2_0


class AttestationType(Named):
    """Attestation Type."""

    TPM_QUOTE = 1, V1_2, V3_0, "TPM Quote"
    TCG_INTEGRITY_REPORT = 2, V1_2, V3_0, "TCG Integrity Report"
    SAML_ASSERTION = 3, V1_2, V3_0, "SAML Assertion"


class BatchErrorContinuationOption(Named):
    """Batch Error Continuation Option."""

    CONTINUE = 1
    STOP = 2
    UNDO = 3


class BlockCipherMode(Named):
    """Block Cipher Mode."""

    CBC = 1, V1_0, V3_0, "CBC"
    ECB = 2, V1_0, V3_0, "ECB"
    PCBC = 3, V1_0, V3_0, "PCBC"
    CFB = 4, V1_0, V3_0, "CFB"
    OFB = 5, V1_0, V3_0, "OFB"
    CTR = 6, V1_0, V3_0, "CTR"
    CMAC = 7, V1_0, V3_0, "CMAC"
    CCM = 8, V1_0, V3_0, "CCM"
    GCM = 9, V1_0, V3_0, "GCM"
    CBC_MAC = 10, V1_0, V3_0, "CBC-MAC"
    XTS = 11, V1_0, V3_0, "XTS"
    AESKEYWRAPPADDING = 12, V1_0, V3_0, "AESKeyWrapPadding"
    NISTKEYWRAP = 13, V1_0, V3_0, "NISTKeyWrap"
    X9_102_AESKW = 14, V1_0, V3_0, "X9.102 AESKW"
    X9_102_TDKW = 15, V1_0, V3_0, "X9.102 TDKW"
    X9_102_AKW1 = 16, V1_0, V3_0, "X9.102 AKW1"
    X9_102_AKW2 = 17, V1_0, V3_0, "X9.102 AKW2"
    AEAD = 18, V1_4, V3_0, "AEAD"


class CancellationResult(Named):
    """Cancellation Result."""

    CANCELED = 1
    UNABLE_TO_CANCEL = 2, V1_0, V3_0, "Unable to Cancel"
    COMPLETED = 3
    FAILED = 4
    UNAVAILABLE = 5


class CertificateRequestType(Named):
    """Certificate Request Type."""

    CRMF = 1, V1_0, V3_0, "CRMF"
    PKCS_10 = 2, V1_0, V3_0, "PKCS#10"
    PEM = 3, V1_0, V3_0, "PEM"
    PGP = 4, V1_0, V1_4, "PGP"


class CertificateType(Named):
    """Certificate Type."""

    X_509 = 1, V1_0, V3_0, "X.509"
    PGP = 2, V1_0, V3_0, "PGP"


class ClientRegistrationMethod(Named):
    """Client Registration Method."""

    UNSPECIFIED = 1, V1_3
    SERVER_PRE_GENERATED = 2, V1_3, V3_0, "Server Pre-Generated"
    SERVER_ON_DEMAND = 3, V1_3, V3_0, "Server On-Demand"
    CLIENT_GENERATED = 4, V1_3
    CLIENT_REGISTERED = 5, V1_3


class CredentialType(Named):
    """Credential Type."""

    USERNAME_AND_PASSWORD = 1, V1_0, V3_0, "Username and Password"
    DEVICE = 2, V1_1
    ATTESTATION = 3, V1_2
    ONE_TIME_PASSWORD = 4, V2_0
    HASHED_PASSWORD = 5, V2_0
    TICKET = 6, V2_0
    PASSWORD = 7, V3_0
    CERTIFICATE = 8, V3_0


class CryptographicAlgorithm(Named):
    """Cryptographic Algorithm."""

    DES = 1, V1_0, V3_0, "DES"
    DES3 = 2, V1_0, V3_0, "3DES"
    AES = 3, V1_0, V3_0, "AES"
    RSA = 4, V1_0, V3_0, "RSA"
    DSA = 5, V1_0, V3_0, "DSA"
    ECDSA = 6, V1_0, V3_0, "ECDSA"
    HMAC_SHA1 = 7, V1_0, V3_0, "HMAC-SHA1"
    HMAC_SHA224 = 8, V1_0, V3_0, "HMAC-SHA224"
    HMAC_SHA256 = 9, V1_0, V3_0, "HMAC-SHA256"
    HMAC_SHA384 = 10, V1_0, V3_0, "HMAC-SHA384"
    HMAC_SHA512 = 11, V1_0, V3_0, "HMAC-SHA512"
    HMAC_MD5 = 12, V1_0, V3_0, "HMAC-MD5"
    DH = 13, V1_0, V3_0, "DH"
    ECDH = 14, V1_0, V3_0, "ECDH"
    ECMQV = 15, V1_0, V3_0, "ECMQV"
    BLOWFISH = 16
    CAMELLIA = 17
    CAST5 = 18, V1_0, V3_0, "CAST5"
    IDEA = 19, V1_0, V3_0, "IDEA"
    MARS = 20, V1_0, V3_0, "MARS"
    RC2 = 21, V1_0, V3_0, "RC2"
    RC4 = 22, V1_0, V3_0, "RC4"
    RC5 = 23, V1_0, V3_0, "RC5"
    SKIPJACK = 24, V1_0, V3_0, "SKIPJACK"
    TWOFISH = 25
    EC = 26, V1_2, V3_0, "EC"
    ONE_TIME_PAD = 27, V1_3
    CHACHA20 = 28, V1_4, V3_0, "ChaCha20"
    POLY1305 = 29, V1_4
    CHACHA20POLY1305 = 30, V1_4, V3_0, "ChaCha20Poly1305"
    SHA3_224 = 31, V1_4, V3_0, "SHA3-224"
    SHA3_256 = 32, V1_4, V3_0, "SHA3-256"
    SHA3_384 = 33, V1_4, V3_0, "SHA3-384"
    SHA3_512 = 34, V1_4, V3_0, "SHA3-512"
    HMAC_SHA3_224 = 35, V1_4, V3_0, "HMAC-SHA3-224"
    HMAC_SHA3_256 = 36, V1_4, V3_0, "HMAC-SHA3-256"
    HMAC_SHA3_384 = 37, V1_4, V3_0, "HMAC-SHA3-384"
    HMAC_SHA3_512 = 38, V1_4, V3_0, "HMAC-SHA3-512"
    SHAKE_128 = 39, V1_4, V3_0, "SHAKE-128"
    SHAKE_256 = 40, V1_4, V3_0, "SHAKE-256"
    ARIA = 41, V2_0, V3_0, "ARIA"
    SEED = 42, V2_0, V3_0, "SEED"
    SM2 = 43, V2_0, V3_0, "SM2"
    SM3 = 44, V2_0, V3_0, "SM3"
    SM4 = 45, V2_0, V3_0, "SM4"
    GOST_R_34_10_2012 = 46, V2_0, V3_0, "GOST R 34.10-2012"
    GOST_R_34_11_2012 = 47, V2_0, V3_0, "GOST R 34.11-2012"
    GOST_R_34_13_2015 = 48, V2_0, V3_0, "GOST R 34.13-2015"
    GOST_28147_89 = 49, V2_0, V3_0, "GOST 28147-89"
    XMSS = 50, V2_0, V3_0, "XMSS"
    SPHINCS_256 = 51, V2_0, V3_0, "SPHINCS-256"
    MCELIECE = 52, V2_0, V3_0, "McEliece"
    MCELIECE_6960119 = 53, V2_0, V3_0, "McEliece-6960119"
    MCELIECE_8192128 = 54, V2_0, V3_0, "McEliece-8192128"
    ED25519 = 55, V2_0
    ED448 = 56, V2_0
    ML_KEM_512 = 57, V3_0, V3_0, "ML-KEM-512"
    ML_KEM_768 = 58, V3_0, V3_0, "ML-KEM-768"
    ML_KEM_1024 = 59, V3_0, V3_0, "ML-KEM-1024"
    ML_DSA_44 = 60, V3_0, V3_0, "ML-DSA-44"
    ML_DSA_65 = 61, V3_0, V3_0, "ML-DSA-65"
    ML_DSA_87 = 62, V3_0, V3_0, "ML-DSA-87"
    SLH_DSA_SHA2_128S = 63, V3_0, V3_0, "SLH-DSA-SHA2-128s"
    SLH_DSA_SHA2_128F = 64, V3_0, V3_0, "SLH-DSA-SHA2-128f"
    SLH_DSA_SHA2_192S = 65, V3_0, V3_0, "SLH-DSA-SHA2-192s"
    SLH_DSA_SHA2_192F = 66, V3_0, V3_0, "SLH-DSA-SHA2-192f"
    SLH_DSA_SHA2_256S = 67, V3_0, V3_0, "SLH-DSA-SHA2-256s"
    SLH_DSA_SHA2_256F = 68, V3_0, V3_0, "SLH-DSA-SHA2-256f"
    SLH_DSA_SHAKE_128S = 69, V3_0, V3_0, "SLH-DSA-SHAKE-128s"
    SLH_DSA_SHAKE_128F = 70, V3_0, V3_0, "SLH-DSA-SHAKE-128f"
    SLH_DSA_SHAKE_192S = 71, V3_0, V3_0, "SLH-DSA-SHAKE-192s"
    SLH_DSA_SHAKE_192F = 72, V3_0, V3_0, "SLH-DSA-SHAKE-192f"
    SLH_DSA_SHAKE_256S = 73, V3_0, V3_0, "SLH-DSA-SHAKE-256s"
    SLH_DSA_SHAKE_256F = 74, V3_0, V3_0, "SLH-DSA-SHAKE-256f"


class CryptographicUsageMask(Mask):
    """Cryptographic Usage Mask."""

    SIGN = 0x00000001, V1_0, V2_1
    VERIFY = 0x00000002, V1_0, V2_1
    ENCRYPT = 0x00000004, V1_0, V2_1
    DECRYPT = 0x00000008, V1_0, V2_1
    WRAP_KEY = 0x00000010, V1_0, V2_1
    UNWRAP_KEY = 0x00000020, V1_0, V2_1
    EXPORT = 0x00000040, V1_0, V1_4
    MAC_GENERATE = 0x00000080, V1_0, V2_1, "MAC Generate"
    MAC_VERIFY = 0x00000100, V1_0, V2_1, "MAC Verify"
    DERIVE_KEY = 0x00000200, V1_0, V2_1
    # Reserved in the text of 2.0 and 2.1, whose test cases go on using it (TC-CERTATTR-1-21).
    CONTENT_COMMITMENT_NON_REPUDIATION = 0x00000400, V1_0, V2_1, "Content Commitment (Non Repudiation)"
    KEY_AGREEMENT = 0x00000800, V1_0, V2_1
    CERTIFICATE_SIGN = 0x00001000, V1_0, V2_1
    CRL_SIGN = 0x00002000, V1_0, V2_1, "CRL Sign"
    GENERATE_CRYPTOGRAM = 0x00004000, V1_0, V1_4
    VALIDATE_CRYPTOGRAM = 0x00008000, V1_0, V1_4
    TRANSLATE_ENCRYPT = 0x00010000, V1_0, V1_4
    TRANSLATE_DECRYPT = 0x00020000, V1_0, V1_4
    TRANSLATE_WRAP = 0x00040000, V1_0, V1_4
    TRANSLATE_UNWRAP = 0x00080000, V1_0, V1_4
    AUTHENTICATE = 0x00100000, V2_0, V2_1
    UNRESTRICTED = 0x00200000, V2_0, V2_1
    FPE_ENCRYPT = 0x00400000, V2_0, V2_1, "FPE Encrypt"
    FPE_DECRYPT = 0x00800000, V2_0, V2_1, "FPE Decrypt"


class DRBGAlgorithm(Named):
    """DRBG Algorithm."""

    UNSPECIFIED = 1, V1_3
    DUAL_EC = 2, V1_3, V3_0, "Dual-EC"
    HASH = 3, V1_3
    HMAC = 4, V1_3, V3_0, "HMAC"
    CTR = 5, V1_3, V3_0, "CTR"


class DataReference(Named):
    """Data given as an enumeration (2.x)."""

    DECRYPT = 1, V2_0
    ENCRYPT = 2, V2_0
    HASH = 3, V2_0
    MAC_MAC_DATA = 4, V2_0, V3_0, "MAC MAC Data"
    RNG_RETRIEVE = 5, V2_0, V3_0, "RNG Retrieve"
    SIGN_SIGNATURE_DATA = 6, V2_0
    SIGNATURE_VERIFY = 7, V2_0


class DeactivationReasonCode(Named):
    """Deactivation Reason Code."""

    UNSPECIFIED = 1, V3_0
    DEACTIVATION_DATE = 2, V3_0
    PROTECT_STOP_DATE = 3, V3_0
    USAGE_LIMIT = 4, V3_0


class DerivationMethod(Named):
    """Derivation Method."""

    PBKDF2 = 1, V1_0, V3_0, "PBKDF2"
    HASH = 2, V1_0, V3_0, "HASH"
    HMAC = 3, V1_0, V3_0, "HMAC"
    ENCRYPT = 4, V1_0, V3_0, "ENCRYPT"
    NIST800_108_C = 5, V1_0, V3_0, "NIST800-108-C"
    NIST800_108_F = 6, V1_0, V3_0, "NIST800-108-F"
    NIST800_108_DPI = 7, V1_0, V3_0, "NIST800-108-DPI"
    ASYMMETRIC_KEY = 8, V1_4
    AWS_SIGNATURE_VERSION_4 = 9, V2_0, V3_0, "AWS Signature Version 4"
    HKDF = 10, V2_0, V3_0, "HKDF"


class DestroyAction(Named):
    """Destroy Action."""

    UNSPECIFIED = 1, V1_3
    KEY_MATERIAL_DELETED = 2, V1_3
    KEY_MATERIAL_SHREDDED = 3, V1_3
    META_DATA_DELETED = 4, V1_3
    META_DATA_SHREDDED = 5, V1_3
    DELETED = 6, V1_3
    SHREDDED = 7, V1_3


class DigitalSignatureAlgorithm(Named):
    """Digital Signature Algorithm."""

    MD2_WITH_RSA_ENCRYPTION = 1, V1_1, V3_0, "MD2 with RSA Encryption"
    MD5_WITH_RSA_ENCRYPTION = 2, V1_1, V3_0, "MD5 with RSA Encryption"
    SHA_1_WITH_RSA_ENCRYPTION = 3, V1_1, V3_0, "SHA-1 with RSA Encryption"
    SHA_224_WITH_RSA_ENCRYPTION = 4, V1_1, V3_0, "SHA-224 with RSA Encryption"
    SHA_256_WITH_RSA_ENCRYPTION = 5, V1_1, V3_0, "SHA-256 with RSA Encryption"
    SHA_384_WITH_RSA_ENCRYPTION = 6, V1_1, V3_0, "SHA-384 with RSA Encryption"
    SHA_512_WITH_RSA_ENCRYPTION = 7, V1_1, V3_0, "SHA-512 with RSA Encryption"
    RSASSA_PSS = 8, V1_1, V3_0, "RSASSA-PSS"
    DSA_WITH_SHA_1 = 9, V1_1, V3_0, "DSA with SHA-1"
    DSA_WITH_SHA224 = 10, V1_1, V3_0, "DSA with SHA224"
    DSA_WITH_SHA256 = 11, V1_1, V3_0, "DSA with SHA256"
    ECDSA_WITH_SHA_1 = 12, V1_1, V3_0, "ECDSA with SHA-1"
    ECDSA_WITH_SHA224 = 13, V1_1, V3_0, "ECDSA with SHA224"
    ECDSA_WITH_SHA256 = 14, V1_1, V3_0, "ECDSA with SHA256"
    ECDSA_WITH_SHA384 = 15, V1_1, V3_0, "ECDSA with SHA384"
    ECDSA_WITH_SHA512 = 16, V1_1, V3_0, "ECDSA with SHA512"
    SHA3_256_WITH_RSA_ENCRYPTION = 17, V1_4, V3_0, "SHA3-256 with RSA Encryption"
    SHA3_384_WITH_RSA_ENCRYPTION = 18, V1_4, V3_0, "SHA3-384 with RSA Encryption"
    SHA3_512_WITH_RSA_ENCRYPTION = 19, V1_4, V3_0, "SHA3-512 with RSA Encryption"


class EncodingOption(Named):
    """Encoding Option."""

    NO_ENCODING = 1, V1_1
    TTLV_ENCODING = 2, V1_1, V3_0, "TTLV Encoding"


class EndpointRole(Named):
    """Endpoint Role."""

    CLIENT = 1, V2_0
    SERVER = 2, V2_0


class Ephemeral(Named):
    """Ephemeral."""

    DATA = 1, V3_0
    EMPTY = 2, V3_0
    UNIQUE_IDENTIFIER = 3, V3_0


class FIPS186Variation(Named):
    """FIPS186 Variation."""

    UNSPECIFIED = 1, V1_3
    GP_X_ORIGINAL = 2, V1_3, V3_0, "GP x-Original"
    GP_X_CHANGE_NOTICE = 3, V1_3, V3_0, "GP x-Change Notice"
    X_ORIGINAL = 4, V1_3, V3_0, "x-Original"
    X_CHANGE_NOTICE = 5, V1_3, V3_0, "x-Change Notice"
    K_ORIGINAL = 6, V1_3, V3_0, "k-Original"
    K_CHANGE_NOTICE = 7, V1_3, V3_0, "k-Change Notice"


class HashingAlgorithm(Named):
    """Hashing Algorithm."""

    MD2 = 1, V1_0, V3_0, "MD2"
    MD4 = 2, V1_0, V3_0, "MD4"
    MD5 = 3, V1_0, V3_0, "MD5"
    SHA_1 = 4, V1_0, V3_0, "SHA-1"
    SHA_224 = 5, V1_0, V3_0, "SHA-224"
    SHA_256 = 6, V1_0, V3_0, "SHA-256"
    SHA_384 = 7, V1_0, V3_0, "SHA-384"
    SHA_512 = 8, V1_0, V3_0, "SHA-512"
    RIPEMD_160 = 9, V1_0, V3_0, "RIPEMD-160"
    TIGER = 10
    WHIRLPOOL = 11
    SHA_512_224 = 12, V1_2, V3_0, "SHA-512/224"
    SHA_512_256 = 13, V1_2, V3_0, "SHA-512/256"
    SHA3_224 = 14, V1_4, V3_0, "SHA3-224"
    SHA3_256 = 15, V1_4, V3_0, "SHA3-256"
    SHA3_384 = 16, V1_4, V3_0, "SHA3-384"
    SHA3_512 = 17, V1_4, V3_0, "SHA3-512"


class InteropFunction(Named):
    """Interop Function."""

    BEGIN = 1, V2_0
    END = 2, V2_0
    RESET = 3, V2_0


class ItemType(Named):
    """Item Type."""

    STRUCTURE = 1, V2_0
    INTEGER = 2, V2_0
    LONG_INTEGER = 3, V2_0
    BIG_INTEGER = 4, V2_0
    ENUMERATION = 5, V2_0
    BOOLEAN = 6, V2_0
    TEXT_STRING = 7, V2_0
    BYTE_STRING = 8, V2_0
    DATE_TIME = 9, V2_0
    INTERVAL = 10, V2_0
    DATE_TIME_EXTENDED = 11, V2_0
    IDENTIFIER = 12, V3_0
    REFERENCE = 13, V3_0
    NAME_REFERENCE = 14, V3_0


class KeyCompressionType(Named):
    """Key Compression Type."""

    EC_PUBLIC_KEY_TYPE_UNCOMPRESSED = 1, V1_0, V3_0, "EC Public Key Type Uncompressed"
    EC_PUBLIC_KEY_TYPE_X9_62_COMPRESSED_PRIME = 2, V1_0, V3_0, "EC Public Key Type X9.62 Compressed Prime"
    EC_PUBLIC_KEY_TYPE_X9_62_COMPRESSED_CHAR2 = 3, V1_0, V3_0, "EC Public Key Type X9.62 Compressed Char2"
    EC_PUBLIC_KEY_TYPE_X9_62_HYBRID = 4, V1_0, V3_0, "EC Public Key Type X9.62 Hybrid"


class KeyFormatType(Named):
    """Key Format Type."""

    RAW = 1
    OPAQUE = 2
    PKCS_1 = 3, V1_0, V3_0, "PKCS#1"
    PKCS_8 = 4, V1_0, V3_0, "PKCS#8"
    X_509 = 5, V1_0, V3_0, "X.509"
    ECPRIVATEKEY = 6, V1_0, V3_0, "ECPrivateKey"
    TRANSPARENT_SYMMETRIC_KEY = 7
    TRANSPARENT_DSA_PRIVATE_KEY = 8, V1_0, V3_0, "Transparent DSA Private Key"
    TRANSPARENT_DSA_PUBLIC_KEY = 9, V1_0, V3_0, "Transparent DSA Public Key"
    TRANSPARENT_RSA_PRIVATE_KEY = 10, V1_0, V3_0, "Transparent RSA Private Key"
    TRANSPARENT_RSA_PUBLIC_KEY = 11, V1_0, V3_0, "Transparent RSA Public Key"
    TRANSPARENT_DH_PRIVATE_KEY = 12, V1_0, V3_0, "Transparent DH Private Key"
    TRANSPARENT_DH_PUBLIC_KEY = 13, V1_0, V3_0, "Transparent DH Public Key"
    TRANSPARENT_ECDSA_PRIVATE_KEY = 14, V1_0, V1_4, "Transparent ECDSA Private Key"
    TRANSPARENT_ECDSA_PUBLIC_KEY = 15, V1_0, V1_4, "Transparent ECDSA Public Key"
    TRANSPARENT_ECDH_PRIVATE_KEY = 16, V1_0, V1_4, "Transparent ECDH Private Key"
    TRANSPARENT_ECDH_PUBLIC_KEY = 17, V1_0, V1_4, "Transparent ECDH Public Key"
    TRANSPARENT_ECMQV_PRIVATE_KEY = 18, V1_0, V1_4, "Transparent ECMQV Private Key"
    TRANSPARENT_ECMQV_PUBLIC_KEY = 19, V1_0, V1_4, "Transparent ECMQV Public Key"
    TRANSPARENT_EC_PRIVATE_KEY = 20, V1_3, V3_0, "Transparent EC Private Key"
    TRANSPARENT_EC_PUBLIC_KEY = 21, V1_3, V3_0, "Transparent EC Public Key"
    PKCS_12 = 22, V1_4, V3_0, "PKCS#12"
    PKCS_10 = 23, V2_0, V3_0, "PKCS#10"


class KeyRoleType(Named):
    """Key Role Type."""

    BDK = 1, V1_0, V3_0, "BDK"
    CVK = 2, V1_0, V3_0, "CVK"
    DEK = 3, V1_0, V3_0, "DEK"
    MKAC = 4, V1_0, V3_0, "MKAC"
    MKSMC = 5, V1_0, V3_0, "MKSMC"
    MKSMI = 6, V1_0, V3_0, "MKSMI"
    MKDAC = 7, V1_0, V3_0, "MKDAC"
    MKDN = 8, V1_0, V3_0, "MKDN"
    MKCP = 9, V1_0, V3_0, "MKCP"
    MKOTH = 10, V1_0, V3_0, "MKOTH"
    KEK = 11, V1_0, V3_0, "KEK"
    MAC16609 = 12, V1_0, V3_0, "MAC16609"
    MAC97971 = 13, V1_0, V3_0, "MAC97971"
    MAC97972 = 14, V1_0, V3_0, "MAC97972"
    MAC97973 = 15, V1_0, V3_0, "MAC97973"
    MAC97974 = 16, V1_0, V3_0, "MAC97974"
    MAC97975 = 17, V1_0, V3_0, "MAC97975"
    ZPK = 18, V1_0, V3_0, "ZPK"
    PVKIBM = 19, V1_0, V3_0, "PVKIBM"
    PVKPVV = 20, V1_0, V3_0, "PVKPVV"
    PVKOTH = 21, V1_0, V3_0, "PVKOTH"
    DUKPT = 22, V1_4, V3_0, "DUKPT"
    IV = 23, V1_4, V3_0, "IV"
    TRKBK = 24, V1_4, V3_0, "TRKBK"


class KeyValueLocationType(Named):
    """Key Value Location Type."""

    UNINTERPRETED_TEXT_STRING = 1, V1_2
    URI = 2, V1_2, V3_0, "URI"


class KeyWrapType(Named):
    """Key Wrap Type."""

    NOT_WRAPPED = 1, V1_4
    AS_REGISTERED = 2, V1_4


class LinkType(Named):
    """Link Type."""

    CERTIFICATE_LINK = 257, V1_0, V2_1
    PUBLIC_KEY_LINK = 258, V1_0, V2_1
    PRIVATE_KEY_LINK = 259, V1_0, V2_1
    DERIVATION_BASE_OBJECT_LINK = 260, V1_0, V2_1
    DERIVED_KEY_LINK = 261, V1_0, V2_1
    REPLACEMENT_OBJECT_LINK = 262, V1_0, V2_1
    REPLACED_OBJECT_LINK = 263, V1_0, V2_1
    PARENT_LINK = 264, V1_2, V2_1
    CHILD_LINK = 265, V1_2, V2_1
    PREVIOUS_LINK = 266, V1_2, V2_1
    NEXT_LINK = 267, V1_2, V2_1
    PKCS_12_CERTIFICATE_LINK = 268, V1_4, V2_1, "PKCS#12 Certificate Link"
    PKCS_12_PASSWORD_LINK = 269, V1_4, V2_1, "PKCS#12 Password Link"
    WRAPPING_KEY_LINK = 270, V2_0, V2_1


class MaskGenerator(Named):
    """Mask Generator."""

    MGF1 = 1, V1_4, V3_0, "MGF1"


class NISTKeyType(Named):
    """NIST Key Type."""

    PRIVATE_SIGNATURE_KEY = 1, V2_0, V3_0, "Private signature key"
    PUBLIC_SIGNATURE_VERIFICATION_KEY = 2, V2_0, V3_0, "Public signature verification key"
    SYMMETRIC_AUTHENTICATION_KEY = 3, V2_0, V3_0, "Symmetric authentication key"
    PRIVATE_AUTHENTICATION_KEY = 4, V2_0, V3_0, "Private authentication key"
    PUBLIC_AUTHENTICATION_KEY = 5, V2_0, V3_0, "Public authentication key"
    SYMMETRIC_DATA_ENCRYPTION_KEY = 6, V2_0, V3_0, "Symmetric data encryption key"
    SYMMETRIC_KEY_WRAPPING_KEY = 7, V2_0, V3_0, "Symmetric key wrapping key"
    SYMMETRIC_RANDOM_NUMBER_GENERATION_KEY = 8, V2_0, V3_0, "Symmetric random number generation key"
    SYMMETRIC_MASTER_KEY = 9, V2_0, V3_0, "Symmetric master key"
    PRIVATE_KEY_TRANSPORT_KEY = 10, V2_0, V3_0, "Private key transport key"
    PUBLIC_KEY_TRANSPORT_KEY = 11, V2_0, V3_0, "Public key transport key"
    SYMMETRIC_KEY_AGREEMENT_KEY = 12, V2_0, V3_0, "Symmetric key agreement key"
    PRIVATE_STATIC_KEY_AGREEMENT_KEY = 13, V2_0, V3_0, "Private static key agreement key"
    PUBLIC_STATIC_KEY_AGREEMENT_KEY = 14, V2_0, V3_0, "Public static key agreement key"
    PRIVATE_EPHEMERAL_KEY_AGREEMENT_KEY = 15, V2_0, V3_0, "Private ephemeral key agreement key"
    PUBLIC_EPHEMERAL_KEY_AGREEMENT_KEY = 16, V2_0, V3_0, "Public ephemeral key agreement key"
    SYMMETRIC_AUTHORIZATION_KEY = 17, V2_0, V3_0, "Symmetric authorization key"
    PRIVATE_AUTHORIZATION_KEY = 18, V2_0, V3_0, "Private authorization key"
    PUBLIC_AUTHORIZATION_KEY = 19, V2_0, V3_0, "Public authorization key"


class NameType(Named):
    """Name Type."""

    UNINTERPRETED_TEXT_STRING = 1, V1_0, V2_1
    URI = 2, V1_0, V2_1, "URI"


class OTPAlgorithm(Named):
    """OTP Algorithm."""

    HOTP = 1, V3_0, V3_0, "HOTP"
    TOTP = 2, V3_0, V3_0, "TOTP"


class ObjectClass(Named):
    """Object Class."""

    USER = 1, V3_0
    SYSTEM = 2, V3_0


class ObjectGroupMember(Named):
    """Object Group Member."""

    GROUP_MEMBER_FRESH = 1, V1_1, V2_1
    GROUP_MEMBER_DEFAULT = 2, V1_1, V2_1


class ObjectType(Named):
    """Object Type."""

    CERTIFICATE = 1
    SYMMETRIC_KEY = 2
    PUBLIC_KEY = 3
    PRIVATE_KEY = 4
    SPLIT_KEY = 5
    TEMPLATE = 6, V1_0, V1_4
    SECRET_DATA = 7
    OPAQUE_OBJECT = 8
    PGP_KEY = 9, V1_2, V3_0, "PGP Key"
    CERTIFICATE_REQUEST = 10, V2_0
    USER = 11, V3_0
    GROUP = 12, V3_0
    PASSWORD_CREDENTIAL = 13, V3_0
    DEVICE_CREDENTIAL = 14, V3_0
    ONE_TIME_PASSWORD_CREDENTIAL = 15, V3_0
    HASHED_PASSWORD_CREDENTIAL = 16, V3_0


class Operation(Named):
    """Operation."""

    CREATE = 1
    CREATE_KEY_PAIR = 2
    REGISTER = 3
    RE_KEY = 4, V1_0, V3_0, "Re-key"
    DERIVE_KEY = 5
    CERTIFY = 6
    RE_CERTIFY = 7, V1_0, V3_0, "Re-certify"
    LOCATE = 8
    CHECK = 9
    GET = 10
    GET_ATTRIBUTES = 11
    GET_ATTRIBUTE_LIST = 12
    ADD_ATTRIBUTE = 13
    MODIFY_ATTRIBUTE = 14
    DELETE_ATTRIBUTE = 15
    OBTAIN_LEASE = 16
    GET_USAGE_ALLOCATION = 17
    ACTIVATE = 18
    REVOKE = 19
    DESTROY = 20
    ARCHIVE = 21
    RECOVER = 22
    VALIDATE = 23
    QUERY = 24
    CANCEL = 25
    POLL = 26
    NOTIFY = 27
    PUT = 28
    RE_KEY_KEY_PAIR = 29, V1_1, V3_0, "Re-key Key Pair"
    DISCOVER_VERSIONS = 30, V1_1
    ENCRYPT = 31, V1_2
    DECRYPT = 32, V1_2
    SIGN = 33, V1_2
    SIGNATURE_VERIFY = 34, V1_2
    MAC = 35, V1_2, V3_0, "MAC"
    MAC_VERIFY = 36, V1_2, V3_0, "MAC Verify"
    RNG_RETRIEVE = 37, V1_2, V3_0, "RNG Retrieve"
    RNG_SEED = 38, V1_2, V3_0, "RNG Seed"
    HASH = 39, V1_2
    CREATE_SPLIT_KEY = 40, V1_2
    JOIN_SPLIT_KEY = 41, V1_2
    IMPORT = 42, V1_4
    EXPORT = 43, V1_4
    LOG = 44, V2_0
    LOGIN = 45, V2_0
    LOGOUT = 46, V2_0
    DELEGATED_LOGIN = 47, V2_0
    ADJUST_ATTRIBUTE = 48, V2_0
    SET_ATTRIBUTE = 49, V2_0
    SET_ENDPOINT_ROLE = 50, V2_0
    PKCS_11 = 51, V2_0, V3_0, "PKCS#11"
    INTEROP = 52, V2_0
    RE_PROVISION = 53, V2_0, V3_0, "Re-Provision"
    SET_DEFAULTS = 54, V2_1
    SET_CONSTRAINTS = 55, V2_1
    GET_CONSTRAINTS = 56, V2_1
    QUERY_ASYNCHRONOUS_REQUESTS = 57, V2_1
    PROCESS = 58, V2_1
    PING = 59, V2_1
    CREATE_GROUP = 60, V3_0
    OBLITERATE = 61, V3_0
    CREATE_USER = 62, V3_0
    CREATE_CREDENTIAL = 63, V3_0
    DEACTIVATE = 64, V3_0


class PaddingMethod(Named):
    """Padding Method."""

    NONE = 1
    OAEP = 2, V1_0, V3_0, "OAEP"
    PKCS5 = 3, V1_0, V3_0, "PKCS5"
    SSL3 = 4, V1_0, V3_0, "SSL3"
    ZEROS = 5
    ANSI_X9_23 = 6, V1_0, V3_0, "ANSI X9.23"
    ISO_10126 = 7, V1_0, V3_0, "ISO 10126"
    PKCS1_V1_5 = 8, V1_0, V3_0, "PKCS1 v1.5"
    X9_31 = 9, V1_0, V3_0, "X9.31"
    PSS = 10, V1_0, V3_0, "PSS"


class ProcessingStage(Named):
    """Processing Stage."""

    SUBMITTED = 1, V2_1
    IN_PROCESS = 2, V2_1
    COMPLETED = 3, V2_1


class ProfileName(Named):
    """Profile Name."""

    BASELINE_SERVER_BASIC_KMIP_V1_2 = 1, V1_3, V1_4, "Baseline Server Basic KMIP v1.2"
    BASELINE_SERVER_TLS_V1_2_KMIP_V1_2 = 2, V1_3, V1_4, "Baseline Server TLS v1.2 KMIP v1.2"
    BASELINE_CLIENT_BASIC_KMIP_V1_2 = 3, V1_3, V1_4, "Baseline Client Basic KMIP v1.2"
    BASELINE_CLIENT_TLS_V1_2_KMIP_V1_2 = 4, V1_3, V1_4, "Baseline Client TLS v1.2 KMIP v1.2"
    COMPLETE_SERVER_BASIC_KMIP_V1_2 = 5, V1_3, V1_4, "Complete Server Basic KMIP v1.2"
    COMPLETE_SERVER_TLS_V1_2_KMIP_V1_2 = 6, V1_3, V1_4, "Complete Server TLS v1.2 KMIP v1.2"
    TAPE_LIBRARY_CLIENT_KMIP_V1_0 = 7, V1_3, V1_4, "Tape Library Client KMIP v1.0"
    TAPE_LIBRARY_CLIENT_KMIP_V1_1 = 8, V1_3, V1_4, "Tape Library Client KMIP v1.1"
    TAPE_LIBRARY_CLIENT_KMIP_V1_2 = 9, V1_3, V1_4, "Tape Library Client KMIP v1.2"
    TAPE_LIBRARY_SERVER_KMIP_V1_0 = 10, V1_3, V1_4, "Tape Library Server KMIP v1.0"
    TAPE_LIBRARY_SERVER_KMIP_V1_1 = 11, V1_3, V1_4, "Tape Library Server KMIP v1.1"
    TAPE_LIBRARY_SERVER_KMIP_V1_2 = 12, V1_3, V1_4, "Tape Library Server KMIP v1.2"
    SYMMETRIC_KEY_LIFECYCLE_CLIENT_KMIP_V1_0 = 13, V1_3, V1_4, "Symmetric Key Lifecycle Client KMIP v1.0"
    SYMMETRIC_KEY_LIFECYCLE_CLIENT_KMIP_V1_1 = 14, V1_3, V1_4, "Symmetric Key Lifecycle Client KMIP v1.1"
    SYMMETRIC_KEY_LIFECYCLE_CLIENT_KMIP_V1_2 = 15, V1_3, V1_4, "Symmetric Key Lifecycle Client KMIP v1.2"
    SYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_0 = 16, V1_3, V1_4, "Symmetric Key Lifecycle Server KMIP v1.0"
    SYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_1 = 17, V1_3, V1_4, "Symmetric Key Lifecycle Server KMIP v1.1"
    SYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_2 = 18, V1_3, V1_4, "Symmetric Key Lifecycle Server KMIP v1.2"
    ASYMMETRIC_KEY_LIFECYCLE_CLIENT_KMIP_V1_0 = 19, V1_3, V1_4, "Asymmetric Key Lifecycle Client KMIP v1.0"
    ASYMMETRIC_KEY_LIFECYCLE_CLIENT_KMIP_V1_1 = 20, V1_3, V1_4, "Asymmetric Key Lifecycle Client KMIP v1.1"
    ASYMMETRIC_KEY_LIFECYCLE_CLIENT_KMIP_V1_2 = 21, V1_3, V1_4, "Asymmetric Key Lifecycle Client KMIP v1.2"
    ASYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_0 = 22, V1_3, V1_4, "Asymmetric Key Lifecycle Server KMIP v1.0"
    ASYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_1 = 23, V1_3, V1_4, "Asymmetric Key Lifecycle Server KMIP v1.1"
    ASYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_2 = 24, V1_3, V1_4, "Asymmetric Key Lifecycle Server KMIP v1.2"
    BASIC_CRYPTOGRAPHIC_CLIENT_KMIP_V1_2 = 25, V1_3, V1_4, "Basic Cryptographic Client KMIP v1.2"
    BASIC_CRYPTOGRAPHIC_SERVER_KMIP_V1_2 = 26, V1_3, V1_4, "Basic Cryptographic Server KMIP v1.2"
    ADVANCED_CRYPTOGRAPHIC_CLIENT_KMIP_V1_2 = 27, V1_3, V1_4, "Advanced Cryptographic Client KMIP v1.2"
    ADVANCED_CRYPTOGRAPHIC_SERVER_KMIP_V1_2 = 28, V1_3, V1_4, "Advanced Cryptographic Server KMIP v1.2"
    RNG_CRYPTOGRAPHIC_CLIENT_KMIP_V1_2 = 29, V1_3, V1_4, "RNG Cryptographic Client KMIP v1.2"
    RNG_CRYPTOGRAPHIC_SERVER_KMIP_V1_2 = 30, V1_3, V1_4, "RNG Cryptographic Server KMIP v1.2"
    BASIC_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_0 = 31, V1_3, V1_4, "Basic Symmetric Key Foundry Client KMIP v1.0"
    INTERMEDIATE_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_0 = (
        32,
        V1_3,
        V1_4,
        "Intermediate Symmetric Key Foundry Client KMIP v1.0",
    )
    ADVANCED_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_0 = 33, V1_3, V1_4, "Advanced Symmetric Key Foundry Client KMIP v1.0"
    BASIC_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_1 = 34, V1_3, V1_4, "Basic Symmetric Key Foundry Client KMIP v1.1"
    INTERMEDIATE_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_1 = (
        35,
        V1_3,
        V1_4,
        "Intermediate Symmetric Key Foundry Client KMIP v1.1",
    )
    ADVANCED_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_1 = 36, V1_3, V1_4, "Advanced Symmetric Key Foundry Client KMIP v1.1"
    BASIC_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_2 = 37, V1_3, V1_4, "Basic Symmetric Key Foundry Client KMIP v1.2"
    INTERMEDIATE_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_2 = (
        38,
        V1_3,
        V1_4,
        "Intermediate Symmetric Key Foundry Client KMIP v1.2",
    )
    ADVANCED_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_2 = 39, V1_3, V1_4, "Advanced Symmetric Key Foundry Client KMIP v1.2"
    SYMMETRIC_KEY_FOUNDRY_SERVER_KMIP_V1_0 = 40, V1_3, V1_4, "Symmetric Key Foundry Server KMIP v1.0"
    SYMMETRIC_KEY_FOUNDRY_SERVER_KMIP_V1_1 = 41, V1_3, V1_4, "Symmetric Key Foundry Server KMIP v1.1"
    SYMMETRIC_KEY_FOUNDRY_SERVER_KMIP_V1_2 = 42, V1_3, V1_4, "Symmetric Key Foundry Server KMIP v1.2"
    OPAQUE_MANAGED_OBJECT_STORE_CLIENT_KMIP_V1_0 = 43, V1_3, V1_4, "Opaque Managed Object Store Client KMIP v1.0"
    OPAQUE_MANAGED_OBJECT_STORE_CLIENT_KMIP_V1_1 = 44, V1_3, V1_4, "Opaque Managed Object Store Client KMIP v1.1"
    OPAQUE_MANAGED_OBJECT_STORE_CLIENT_KMIP_V1_2 = 45, V1_3, V1_4, "Opaque Managed Object Store Client KMIP v1.2"
    OPAQUE_MANAGED_OBJECT_STORE_SERVER_KMIP_V1_0 = 46, V1_3, V1_4, "Opaque Managed Object Store Server KMIP v1.0"
    OPAQUE_MANAGED_OBJECT_STORE_SERVER_KMIP_V1_1 = 47, V1_3, V1_4, "Opaque Managed Object Store Server KMIP v1.1"
    OPAQUE_MANAGED_OBJECT_STORE_SERVER_KMIP_V1_2 = 48, V1_3, V1_4, "Opaque Managed Object Store Server KMIP v1.2"
    SUITE_B_MINLOS_128_CLIENT_KMIP_V1_0 = 49, V1_3, V1_4, "Suite B minLOS_128 Client KMIP v1.0"
    SUITE_B_MINLOS_128_CLIENT_KMIP_V1_1 = 50, V1_3, V1_4, "Suite B minLOS_128 Client KMIP v1.1"
    SUITE_B_MINLOS_128_CLIENT_KMIP_V1_2 = 51, V1_3, V1_4, "Suite B minLOS_128 Client KMIP v1.2"
    SUITE_B_MINLOS_128_SERVER_KMIP_V1_0 = 52, V1_3, V1_4, "Suite B minLOS_128 Server KMIP v1.0"
    SUITE_B_MINLOS_128_SERVER_KMIP_V1_1 = 53, V1_3, V1_4, "Suite B minLOS_128 Server KMIP v1.1"
    SUITE_B_MINLOS_128_SERVER_KMIP_V1_2 = 54, V1_3, V1_4, "Suite B minLOS_128 Server KMIP v1.2"
    SUITE_B_MINLOS_192_CLIENT_KMIP_V1_0 = 55, V1_3, V1_4, "Suite B minLOS_192 Client KMIP v1.0"
    SUITE_B_MINLOS_192_CLIENT_KMIP_V1_1 = 56, V1_3, V1_4, "Suite B minLOS_192 Client KMIP v1.1"
    SUITE_B_MINLOS_192_CLIENT_KMIP_V1_2 = 57, V1_3, V1_4, "Suite B minLOS_192 Client KMIP v1.2"
    SUITE_B_MINLOS_192_SERVER_KMIP_V1_0 = 58, V1_3, V1_4, "Suite B minLOS_192 Server KMIP v1.0"
    SUITE_B_MINLOS_192_SERVER_KMIP_V1_1 = 59, V1_3, V1_4, "Suite B minLOS_192 Server KMIP v1.1"
    SUITE_B_MINLOS_192_SERVER_KMIP_V1_2 = 60, V1_3, V1_4, "Suite B minLOS_192 Server KMIP v1.2"
    STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_CLIENT_KMIP_V1_0 = (
        61,
        V1_3,
        V1_4,
        "Storage Array with Self Encrypting Drive Client KMIP v1.0",
    )
    STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_CLIENT_KMIP_V1_1 = (
        62,
        V1_3,
        V1_4,
        "Storage Array with Self Encrypting Drive Client KMIP v1.1",
    )
    STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_CLIENT_KMIP_V1_2 = (
        63,
        V1_3,
        V1_4,
        "Storage Array with Self Encrypting Drive Client KMIP v1.2",
    )
    STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_SERVER_KMIP_V1_0 = (
        64,
        V1_3,
        V1_4,
        "Storage Array with Self Encrypting Drive Server KMIP v1.0",
    )
    STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_SERVER_KMIP_V1_1 = (
        65,
        V1_3,
        V1_4,
        "Storage Array with Self Encrypting Drive Server KMIP v1.1",
    )
    STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_SERVER_KMIP_V1_2 = (
        66,
        V1_3,
        V1_4,
        "Storage Array with Self Encrypting Drive Server KMIP v1.2",
    )
    HTTPS_CLIENT_KMIP_V1_0 = 67, V1_3, V1_4, "HTTPS Client KMIP v1.0"
    HTTPS_CLIENT_KMIP_V1_1 = 68, V1_3, V1_4, "HTTPS Client KMIP v1.1"
    HTTPS_CLIENT_KMIP_V1_2 = 69, V1_3, V1_4, "HTTPS Client KMIP v1.2"
    HTTPS_SERVER_KMIP_V1_0 = 70, V1_3, V1_4, "HTTPS Server KMIP v1.0"
    HTTPS_SERVER_KMIP_V1_1 = 71, V1_3, V1_4, "HTTPS Server KMIP v1.1"
    HTTPS_SERVER_KMIP_V1_2 = 72, V1_3, V1_4, "HTTPS Server KMIP v1.2"
    JSON_CLIENT_KMIP_V1_0 = 73, V1_3, V1_4, "JSON Client KMIP v1.0"
    JSON_CLIENT_KMIP_V1_1 = 74, V1_3, V1_4, "JSON Client KMIP v1.1"
    JSON_CLIENT_KMIP_V1_2 = 75, V1_3, V1_4, "JSON Client KMIP v1.2"
    JSON_SERVER_KMIP_V1_0 = 76, V1_3, V1_4, "JSON Server KMIP v1.0"
    JSON_SERVER_KMIP_V1_1 = 77, V1_3, V1_4, "JSON Server KMIP v1.1"
    JSON_SERVER_KMIP_V1_2 = 78, V1_3, V1_4, "JSON Server KMIP v1.2"
    XML_CLIENT_KMIP_V1_0 = 79, V1_3, V1_4, "XML Client KMIP v1.0"
    XML_CLIENT_KMIP_V1_1 = 80, V1_3, V1_4, "XML Client KMIP v1.1"
    XML_CLIENT_KMIP_V1_2 = 81, V1_3, V1_4, "XML Client KMIP v1.2"
    XML_SERVER_KMIP_V1_0 = 82, V1_3, V1_4, "XML Server KMIP v1.0"
    XML_SERVER_KMIP_V1_1 = 83, V1_3, V1_4, "XML Server KMIP v1.1"
    XML_SERVER_KMIP_V1_2 = 84, V1_3, V1_4, "XML Server KMIP v1.2"
    BASELINE_SERVER_BASIC_KMIP_V1_3 = 85, V1_3, V1_4, "Baseline Server Basic KMIP v1.3"
    BASELINE_SERVER_TLS_V1_2_KMIP_V1_3 = 86, V1_3, V1_4, "Baseline Server TLS v1.2 KMIP v1.3"
    BASELINE_CLIENT_BASIC_KMIP_V1_3 = 87, V1_3, V1_4, "Baseline Client Basic KMIP v1.3"
    BASELINE_CLIENT_TLS_V1_2_KMIP_V1_3 = 88, V1_3, V1_4, "Baseline Client TLS v1.2 KMIP v1.3"
    COMPLETE_SERVER_BASIC_KMIP_V1_3 = 89, V1_3, V1_4, "Complete Server Basic KMIP v1.3"
    COMPLETE_SERVER_TLS_V1_2_KMIP_V1_3 = 90, V1_3, V1_4, "Complete Server TLS v1.2 KMIP v1.3"
    TAPE_LIBRARY_CLIENT_KMIP_V1_3 = 91, V1_3, V1_4, "Tape Library Client KMIP v1.3"
    TAPE_LIBRARY_SERVER_KMIP_V1_3 = 92, V1_3, V1_4, "Tape Library Server KMIP v1.3"
    SYMMETRIC_KEY_LIFECYCLE_CLIENT_KMIP_V1_3 = 93, V1_3, V1_4, "Symmetric Key Lifecycle Client KMIP v1.3"
    SYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_3 = 94, V1_3, V1_4, "Symmetric Key Lifecycle Server KMIP v1.3"
    ASYMMETRIC_KEY_LIFECYCLE_CLIENT_KMIP_V1_3 = 95, V1_3, V1_4, "Asymmetric Key Lifecycle Client KMIP v1.3"
    ASYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_3 = 96, V1_3, V1_4, "Asymmetric Key Lifecycle Server KMIP v1.3"
    BASIC_CRYPTOGRAPHIC_CLIENT_KMIP_V1_3 = 97, V1_3, V1_4, "Basic Cryptographic Client KMIP v1.3"
    BASIC_CRYPTOGRAPHIC_SERVER_KMIP_V1_3 = 98, V1_3, V1_4, "Basic Cryptographic Server KMIP v1.3"
    ADVANCED_CRYPTOGRAPHIC_CLIENT_KMIP_V1_3 = 99, V1_3, V1_4, "Advanced Cryptographic Client KMIP v1.3"
    ADVANCED_CRYPTOGRAPHIC_SERVER_KMIP_V1_3 = 100, V1_3, V1_4, "Advanced Cryptographic Server KMIP v1.3"
    RNG_CRYPTOGRAPHIC_CLIENT_KMIP_V1_3 = 101, V1_3, V1_4, "RNG Cryptographic Client KMIP v1.3"
    RNG_CRYPTOGRAPHIC_SERVER_KMIP_V1_3 = 102, V1_3, V1_4, "RNG Cryptographic Server KMIP v1.3"
    BASIC_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_3 = 103, V1_3, V1_4, "Basic Symmetric Key Foundry Client KMIP v1.3"
    INTERMEDIATE_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_3 = (
        104,
        V1_3,
        V1_4,
        "Intermediate Symmetric Key Foundry Client KMIP v1.3",
    )
    ADVANCED_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_3 = 105, V1_3, V1_4, "Advanced Symmetric Key Foundry Client KMIP v1.3"
    SYMMETRIC_KEY_FOUNDRY_SERVER_KMIP_V1_3 = 106, V1_3, V1_4, "Symmetric Key Foundry Server KMIP v1.3"
    OPAQUE_MANAGED_OBJECT_STORE_CLIENT_KMIP_V1_3 = 107, V1_3, V1_4, "Opaque Managed Object Store Client KMIP v1.3"
    OPAQUE_MANAGED_OBJECT_STORE_SERVER_KMIP_V1_3 = 108, V1_3, V1_4, "Opaque Managed Object Store Server KMIP v1.3"
    SUITE_B_MINLOS_128_CLIENT_KMIP_V1_3 = 109, V1_3, V1_4, "Suite B minLOS_128 Client KMIP v1.3"
    SUITE_B_MINLOS_128_SERVER_KMIP_V1_3 = 110, V1_3, V1_4, "Suite B minLOS_128 Server KMIP v1.3"
    SUITE_B_MINLOS_192_CLIENT_KMIP_V1_3 = 111, V1_3, V1_4, "Suite B minLOS_192 Client KMIP v1.3"
    SUITE_B_MINLOS_192_SERVER_KMIP_V1_3 = 112, V1_3, V1_4, "Suite B minLOS_192 Server KMIP v1.3"
    STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_CLIENT_KMIP_V1_3 = (
        113,
        V1_3,
        V1_4,
        "Storage Array with Self Encrypting Drive Client KMIP v1.3",
    )
    STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_SERVER_KMIP_V1_3 = (
        114,
        V1_3,
        V1_4,
        "Storage Array with Self Encrypting Drive Server KMIP v1.3",
    )
    HTTPS_CLIENT_KMIP_V1_3 = 115, V1_3, V1_4, "HTTPS Client KMIP v1.3"
    HTTPS_SERVER_KMIP_V1_3 = 116, V1_3, V1_4, "HTTPS Server KMIP v1.3"
    JSON_CLIENT_KMIP_V1_3 = 117, V1_3, V1_4, "JSON Client KMIP v1.3"
    JSON_SERVER_KMIP_V1_3 = 118, V1_3, V1_4, "JSON Server KMIP v1.3"
    XML_CLIENT_KMIP_V1_3 = 119, V1_3, V1_4, "XML Client KMIP v1.3"
    XML_SERVER_KMIP_V1_3 = 120, V1_3, V1_4, "XML Server KMIP v1.3"
    BASELINE_SERVER_BASIC_KMIP_V1_4 = 121, V1_4, V1_4, "Baseline Server Basic KMIP v1.4"
    BASELINE_SERVER_TLS_V1_2_KMIP_V1_4 = 122, V1_4, V1_4, "Baseline Server TLS v1.2 KMIP v1.4"
    BASELINE_CLIENT_BASIC_KMIP_V1_4 = 123, V1_4, V1_4, "Baseline Client Basic KMIP v1.4"
    BASELINE_CLIENT_TLS_V1_2_KMIP_V1_4 = 124, V1_4, V1_4, "Baseline Client TLS v1.2 KMIP v1.4"
    COMPLETE_SERVER_BASIC_KMIP_V1_4 = 125, V1_4, V1_4, "Complete Server Basic KMIP v1.4"
    COMPLETE_SERVER_TLS_V1_2_KMIP_V1_4 = 126, V1_4, V1_4, "Complete Server TLS v1.2 KMIP v1.4"
    TAPE_LIBRARY_CLIENT_KMIP_V1_4 = 127, V1_4, V1_4, "Tape Library Client KMIP v1.4"
    TAPE_LIBRARY_SERVER_KMIP_V1_4 = 128, V1_4, V1_4, "Tape Library Server KMIP v1.4"
    SYMMETRIC_KEY_LIFECYCLE_CLIENT_KMIP_V1_4 = 129, V1_4, V1_4, "Symmetric Key Lifecycle Client KMIP v1.4"
    SYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_4 = 130, V1_4, V1_4, "Symmetric Key Lifecycle Server KMIP v1.4"
    ASYMMETRIC_KEY_LIFECYCLE_CLIENT_KMIP_V1_4 = 131, V1_4, V1_4, "Asymmetric Key Lifecycle Client KMIP v1.4"
    ASYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_4 = 132, V1_4, V1_4, "Asymmetric Key Lifecycle Server KMIP v1.4"
    BASIC_CRYPTOGRAPHIC_CLIENT_KMIP_V1_4 = 133, V1_4, V1_4, "Basic Cryptographic Client KMIP v1.4"
    BASIC_CRYPTOGRAPHIC_SERVER_KMIP_V1_4 = 134, V1_4, V1_4, "Basic Cryptographic Server KMIP v1.4"
    ADVANCED_CRYPTOGRAPHIC_CLIENT_KMIP_V1_4 = 135, V1_4, V1_4, "Advanced Cryptographic Client KMIP v1.4"
    ADVANCED_CRYPTOGRAPHIC_SERVER_KMIP_V1_4 = 136, V1_4, V1_4, "Advanced Cryptographic Server KMIP v1.4"
    RNG_CRYPTOGRAPHIC_CLIENT_KMIP_V1_4 = 137, V1_4, V1_4, "RNG Cryptographic Client KMIP v1.4"
    RNG_CRYPTOGRAPHIC_SERVER_KMIP_V1_4 = 138, V1_4, V1_4, "RNG Cryptographic Server KMIP v1.4"
    BASIC_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_4 = 139, V1_4, V1_4, "Basic Symmetric Key Foundry Client KMIP v1.4"
    INTERMEDIATE_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_4 = (
        140,
        V1_4,
        V1_4,
        "Intermediate Symmetric Key Foundry Client KMIP v1.4",
    )
    ADVANCED_SYMMETRIC_KEY_FOUNDRY_CLIENT_KMIP_V1_4 = 141, V1_4, V1_4, "Advanced Symmetric Key Foundry Client KMIP v1.4"
    SYMMETRIC_KEY_FOUNDRY_SERVER_KMIP_V1_4 = 142, V1_4, V1_4, "Symmetric Key Foundry Server KMIP v1.4"
    OPAQUE_MANAGED_OBJECT_STORE_CLIENT_KMIP_V1_4 = 143, V1_4, V1_4, "Opaque Managed Object Store Client KMIP v1.4"
    OPAQUE_MANAGED_OBJECT_STORE_SERVER_KMIP_V1_4 = 144, V1_4, V1_4, "Opaque Managed Object Store Server KMIP v1.4"
    SUITE_B_MINLOS_128_CLIENT_KMIP_V1_4 = 145, V1_4, V1_4, "Suite B minLOS_128 Client KMIP v1.4"
    SUITE_B_MINLOS_128_SERVER_KMIP_V1_4 = 146, V1_4, V1_4, "Suite B minLOS_128 Server KMIP v1.4"
    SUITE_B_MINLOS_192_CLIENT_KMIP_V1_4 = 147, V1_4, V1_4, "Suite B minLOS_192 Client KMIP v1.4"
    SUITE_B_MINLOS_192_SERVER_KMIP_V1_4 = 148, V1_4, V1_4, "Suite B minLOS_192 Server KMIP v1.4"
    STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_CLIENT_KMIP_V1_4 = (
        149,
        V1_4,
        V1_4,
        "Storage Array with Self Encrypting Drive Client KMIP v1.4",
    )
    STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_SERVER_KMIP_V1_4 = (
        150,
        V1_4,
        V1_4,
        "Storage Array with Self Encrypting Drive Server KMIP v1.4",
    )
    HTTPS_CLIENT_KMIP_V1_4 = 151, V1_4, V1_4, "HTTPS Client KMIP v1.4"
    HTTPS_SERVER_KMIP_V1_4 = 152, V1_4, V1_4, "HTTPS Server KMIP v1.4"
    JSON_CLIENT_KMIP_V1_4 = 153, V1_4, V1_4, "JSON Client KMIP v1.4"
    JSON_SERVER_KMIP_V1_4 = 154, V1_4, V1_4, "JSON Server KMIP v1.4"
    XML_CLIENT_KMIP_V1_4 = 155, V1_4, V1_4, "XML Client KMIP v1.4"
    XML_SERVER_KMIP_V1_4 = 156, V1_4, V1_4, "XML Server KMIP v1.4"
    COMPLETE_SERVER_BASIC = 260, V2_0
    COMPLETE_SERVER_TLS_V1_2 = 261, V2_0, V3_0, "Complete Server TLS v1.2"
    TAPE_LIBRARY_CLIENT = 262, V2_0
    TAPE_LIBRARY_SERVER = 263, V2_0
    SYMMETRIC_KEY_LIFECYCLE_CLIENT = 264, V2_0
    SYMMETRIC_KEY_LIFECYCLE_SERVER = 265, V2_0
    ASYMMETRIC_KEY_LIFECYCLE_CLIENT = 266, V2_0
    ASYMMETRIC_KEY_LIFECYCLE_SERVER = 267, V2_0
    BASIC_CRYPTOGRAPHIC_CLIENT = 268, V2_0
    BASIC_CRYPTOGRAPHIC_SERVER = 269, V2_0
    ADVANCED_CRYPTOGRAPHIC_CLIENT = 270, V2_0
    ADVANCED_CRYPTOGRAPHIC_SERVER = 271, V2_0
    RNG_CRYPTOGRAPHIC_CLIENT = 272, V2_0, V3_0, "RNG Cryptographic Client"
    RNG_CRYPTOGRAPHIC_SERVER = 273, V2_0, V3_0, "RNG Cryptographic Server"
    BASIC_SYMMETRIC_KEY_FOUNDRY_CLIENT = 274, V2_0
    INTERMEDIATE_SYMMETRIC_KEY_FOUNDRY_CLIENT = 275, V2_0
    ADVANCED_SYMMETRIC_KEY_FOUNDRY_CLIENT = 276, V2_0
    SYMMETRIC_KEY_FOUNDRY_SERVER = 277, V2_0
    OPAQUE_MANAGED_OBJECT_STORE_CLIENT = 278, V2_0
    OPAQUE_MANAGED_OBJECT_STORE_SERVER = 279, V2_0
    STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_CLIENT = 284, V2_0, V3_0, "Storage Array with Self Encrypting Drive Client"
    STORAGE_ARRAY_WITH_SELF_ENCRYPTING_DRIVE_SERVER = 285, V2_0, V3_0, "Storage Array with Self Encrypting Drive Server"
    HTTPS_CLIENT = 286, V2_0, V3_0, "HTTPS Client"
    HTTPS_SERVER = 287, V2_0, V3_0, "HTTPS Server"
    JSON_CLIENT = 288, V2_0, V3_0, "JSON Client"
    JSON_SERVER = 289, V2_0, V3_0, "JSON Server"
    XML_CLIENT = 290, V2_0, V3_0, "XML Client"
    XML_SERVER = 291, V2_0, V3_0, "XML Server"
    AES_XTS_CLIENT = 292, V2_0, V3_0, "AES XTS Client"
    AES_XTS_SERVER = 293, V2_0, V3_0, "AES XTS Server"
    QUANTUM_SAFE_CLIENT = 294, V2_0
    QUANTUM_SAFE_SERVER = 295, V2_0
    PKCS_11_CLIENT = 296, V2_0, V3_0, "PKCS#11 Client"
    PKCS_11_SERVER = 297, V2_0, V3_0, "PKCS#11 Server"
    BASELINE_CLIENT = 298, V2_0
    BASELINE_SERVER = 299, V2_0
    COMPLETE_SERVER = 300, V2_0


class ProtectionLevel(Named):
    """Protection Level."""

    HIGH = 1, V2_0
    LOW = 2, V2_0


class ProtectionStorageMask(Mask):
    """Protection Storage Mask."""

    SOFTWARE = 0x00000001, V2_0, V2_1
    HARDWARE = 0x00000002, V2_0, V2_1
    ON_PROCESSOR = 0x00000004, V2_0, V2_1
    ON_SYSTEM = 0x00000008, V2_0, V2_1
    OFF_SYSTEM = 0x00000010, V2_0, V2_1
    HYPERVISOR = 0x00000020, V2_0, V2_1
    OPERATING_SYSTEM = 0x00000040, V2_0, V2_1
    CONTAINER = 0x00000080, V2_0, V2_1
    ON_PREMISES = 0x00000100, V2_0, V2_1
    OFF_PREMISES = 0x00000200, V2_0, V2_1
    SELF_MANAGED = 0x00000400, V2_0, V2_1
    OUTSOURCED = 0x00000800, V2_0, V2_1
    VALIDATED = 0x00001000, V2_0, V2_1
    SAME_JURISDICTION = 0x00002000, V2_0, V2_1


class PutFunction(Named):
    """Put Function."""

    NEW = 1
    REPLACE = 2


class QueryFunction(Named):
    """Query Function."""

    QUERY_OPERATIONS = 1
    QUERY_OBJECTS = 2
    QUERY_SERVER_INFORMATION = 3
    QUERY_APPLICATION_NAMESPACES = 4
    QUERY_EXTENSION_LIST = 5, V1_1
    QUERY_EXTENSION_MAP = 6, V1_1
    QUERY_ATTESTATION_TYPES = 7, V1_2
    QUERY_RNGS = 8, V1_3, V3_0, "Query RNGs"
    QUERY_VALIDATIONS = 9, V1_3
    QUERY_PROFILES = 10, V1_3
    QUERY_CAPABILITIES = 11, V1_3
    QUERY_CLIENT_REGISTRATION_METHODS = 12, V1_3
    QUERY_DEFAULTS_INFORMATION = 13, V2_0
    QUERY_STORAGE_PROTECTION_MASKS = 14, V2_0
    QUERY_CREDENTIAL_INFORMATION = 15, V3_0


class RNGAlgorithm(Named):
    """RNG Algorithm."""

    UNSPECIFIED = 1, V1_3
    FIPS_186_2 = 2, V1_3, V3_0, "FIPS 186-2"
    DRBG = 3, V1_3, V3_0, "DRBG"
    NRBG = 4, V1_3, V3_0, "NRBG"
    ANSI_X9_31 = 5, V1_3, V3_0, "ANSI X9.31"
    ANSI_X9_62 = 6, V1_3, V3_0, "ANSI X9.62"


class RNGMode(Named):
    """RNG Mode."""

    UNSPECIFIED = 1, V1_3
    SHARED_INSTANTIATION = 2, V1_3
    NON_SHARED_INSTANTIATION = 3, V1_3, V3_0, "Non-Shared Instantiation"


class RecommendedCurve(Named):
    """Recommended Curve."""

    P_192 = 1, V1_0, V3_0, "P-192"
    K_163 = 2, V1_0, V3_0, "K-163"
    B_163 = 3, V1_0, V3_0, "B-163"
    P_224 = 4, V1_0, V3_0, "P-224"
    K_233 = 5, V1_0, V3_0, "K-233"
    B_233 = 6, V1_0, V3_0, "B-233"
    P_256 = 7, V1_0, V3_0, "P-256"
    K_283 = 8, V1_0, V3_0, "K-283"
    B_283 = 9, V1_0, V3_0, "B-283"
    P_384 = 10, V1_0, V3_0, "P-384"
    K_409 = 11, V1_0, V3_0, "K-409"
    B_409 = 12, V1_0, V3_0, "B-409"
    P_521 = 13, V1_0, V3_0, "P-521"
    K_571 = 14, V1_0, V3_0, "K-571"
    B_571 = 15, V1_0, V3_0, "B-571"
    SECP112R1 = 16, V1_2, V3_0, "SECP112R1"
    SECP112R2 = 17, V1_2, V3_0, "SECP112R2"
    SECP128R1 = 18, V1_2, V3_0, "SECP128R1"
    SECP128R2 = 19, V1_2, V3_0, "SECP128R2"
    SECP160K1 = 20, V1_2, V3_0, "SECP160K1"
    SECP160R1 = 21, V1_2, V3_0, "SECP160R1"
    SECP160R2 = 22, V1_2, V3_0, "SECP160R2"
    SECP192K1 = 23, V1_2, V3_0, "SECP192K1"
    SECP224K1 = 24, V1_2, V3_0, "SECP224K1"
    SECP256K1 = 25, V1_2, V3_0, "SECP256K1"
    SECT113R1 = 26, V1_2, V3_0, "SECT113R1"
    SECT113R2 = 27, V1_2, V3_0, "SECT113R2"
    SECT131R1 = 28, V1_2, V3_0, "SECT131R1"
    SECT131R2 = 29, V1_2, V3_0, "SECT131R2"
    SECT163R1 = 30, V1_2, V3_0, "SECT163R1"
    SECT193R1 = 31, V1_2, V3_0, "SECT193R1"
    SECT193R2 = 32, V1_2, V3_0, "SECT193R2"
    SECT239K1 = 33, V1_2, V3_0, "SECT239K1"
    ANSIX9P192V2 = 34, V1_2, V3_0, "ANSIX9P192V2"
    ANSIX9P192V3 = 35, V1_2, V3_0, "ANSIX9P192V3"
    ANSIX9P239V1 = 36, V1_2, V3_0, "ANSIX9P239V1"
    ANSIX9P239V2 = 37, V1_2, V3_0, "ANSIX9P239V2"
    ANSIX9P239V3 = 38, V1_2, V3_0, "ANSIX9P239V3"
    ANSIX9C2PNB163V1 = 39, V1_2, V3_0, "ANSIX9C2PNB163V1"
    ANSIX9C2PNB163V2 = 40, V1_2, V3_0, "ANSIX9C2PNB163V2"
    ANSIX9C2PNB163V3 = 41, V1_2, V3_0, "ANSIX9C2PNB163V3"
    ANSIX9C2PNB176V1 = 42, V1_2, V3_0, "ANSIX9C2PNB176V1"
    ANSIX9C2TNB191V1 = 43, V1_2, V3_0, "ANSIX9C2TNB191V1"
    ANSIX9C2TNB191V2 = 44, V1_2, V3_0, "ANSIX9C2TNB191V2"
    ANSIX9C2TNB191V3 = 45, V1_2, V3_0, "ANSIX9C2TNB191V3"
    ANSIX9C2PNB208W1 = 46, V1_2, V3_0, "ANSIX9C2PNB208W1"
    ANSIX9C2TNB239V1 = 47, V1_2, V3_0, "ANSIX9C2TNB239V1"
    ANSIX9C2TNB239V2 = 48, V1_2, V3_0, "ANSIX9C2TNB239V2"
    ANSIX9C2TNB239V3 = 49, V1_2, V3_0, "ANSIX9C2TNB239V3"
    ANSIX9C2PNB272W1 = 50, V1_2, V3_0, "ANSIX9C2PNB272W1"
    ANSIX9C2PNB304W1 = 51, V1_2, V3_0, "ANSIX9C2PNB304W1"
    ANSIX9C2TNB359V1 = 52, V1_2, V3_0, "ANSIX9C2TNB359V1"
    ANSIX9C2PNB368W1 = 53, V1_2, V3_0, "ANSIX9C2PNB368W1"
    ANSIX9C2TNB431R1 = 54, V1_2, V3_0, "ANSIX9C2TNB431R1"
    BRAINPOOLP160R1 = 55, V1_2, V3_0, "BRAINPOOLP160R1"
    BRAINPOOLP160T1 = 56, V1_2, V3_0, "BRAINPOOLP160T1"
    BRAINPOOLP192R1 = 57, V1_2, V3_0, "BRAINPOOLP192R1"
    BRAINPOOLP192T1 = 58, V1_2, V3_0, "BRAINPOOLP192T1"
    BRAINPOOLP224R1 = 59, V1_2, V3_0, "BRAINPOOLP224R1"
    BRAINPOOLP224T1 = 60, V1_2, V3_0, "BRAINPOOLP224T1"
    BRAINPOOLP256R1 = 61, V1_2, V3_0, "BRAINPOOLP256R1"
    BRAINPOOLP256T1 = 62, V1_2, V3_0, "BRAINPOOLP256T1"
    BRAINPOOLP320R1 = 63, V1_2, V3_0, "BRAINPOOLP320R1"
    BRAINPOOLP320T1 = 64, V1_2, V3_0, "BRAINPOOLP320T1"
    BRAINPOOLP384R1 = 65, V1_2, V3_0, "BRAINPOOLP384R1"
    BRAINPOOLP384T1 = 66, V1_2, V3_0, "BRAINPOOLP384T1"
    BRAINPOOLP512R1 = 67, V1_2, V3_0, "BRAINPOOLP512R1"
    BRAINPOOLP512T1 = 68, V1_2, V3_0, "BRAINPOOLP512T1"
    CURVE25519 = 69, V2_0, V3_0, "CURVE25519"
    CURVE448 = 70, V2_0, V3_0, "CURVE448"


class ResultReason(Named):
    """Result Reason."""

    ITEM_NOT_FOUND = 1
    RESPONSE_TOO_LARGE = 2
    AUTHENTICATION_NOT_SUCCESSFUL = 3
    INVALID_MESSAGE = 4
    OPERATION_NOT_SUPPORTED = 5
    MISSING_DATA = 6
    INVALID_FIELD = 7
    FEATURE_NOT_SUPPORTED = 8
    OPERATION_CANCELED_BY_REQUESTER = 9
    CRYPTOGRAPHIC_FAILURE = 10
    ILLEGAL_OPERATION = 11, V1_0, V1_4
    PERMISSION_DENIED = 12
    OBJECT_ARCHIVED = 13
    INDEX_OUT_OF_BOUNDS = 14, V1_0, V1_4, "Index Out of Bounds"
    APPLICATION_NAMESPACE_NOT_SUPPORTED = 15
    KEY_FORMAT_TYPE_NOT_SUPPORTED = 16
    KEY_COMPRESSION_TYPE_NOT_SUPPORTED = 17
    ENCODING_OPTION_ERROR = 18, V1_1
    KEY_VALUE_NOT_PRESENT = 19, V1_2
    ATTESTATION_REQUIRED = 20, V1_2
    ATTESTATION_FAILED = 21, V1_2
    SENSITIVE = 22, V1_4
    NOT_EXTRACTABLE = 23, V1_4
    OBJECT_ALREADY_EXISTS = 24, V1_4
    INVALID_TICKET = 25, V2_0
    USAGE_LIMIT_EXCEEDED = 26, V2_0
    NUMERIC_RANGE = 27, V2_0
    INVALID_DATA_TYPE = 28, V2_0
    READ_ONLY_ATTRIBUTE = 29, V2_0
    MULTI_VALUED_ATTRIBUTE = 30, V2_0
    UNSUPPORTED_ATTRIBUTE = 31, V2_0
    ATTRIBUTE_INSTANCE_NOT_FOUND = 32, V2_0
    ATTRIBUTE_NOT_FOUND = 33, V2_0
    ATTRIBUTE_READ_ONLY = 34, V2_0
    ATTRIBUTE_SINGLE_VALUED = 35, V2_0
    BAD_CRYPTOGRAPHIC_PARAMETERS = 36, V2_0
    BAD_PASSWORD = 37, V2_0
    CODEC_ERROR = 38, V2_0
    ILLEGAL_OBJECT_TYPE = 40, V2_0
    INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK = 41, V2_0
    INTERNAL_SERVER_ERROR = 42, V2_0
    INVALID_ASYNCHRONOUS_CORRELATION_VALUE = 43, V2_0
    INVALID_ATTRIBUTE = 44, V2_0
    INVALID_ATTRIBUTE_VALUE = 45, V2_0
    INVALID_CORRELATION_VALUE = 46, V2_0
    INVALID_CSR = 47, V2_0, V3_0, "Invalid CSR"
    INVALID_OBJECT_TYPE = 48, V2_0
    KEY_WRAP_TYPE_NOT_SUPPORTED = 50, V2_0
    MISSING_INITIALIZATION_VECTOR = 52, V2_0
    NON_UNIQUE_NAME_ATTRIBUTE = 53, V2_0
    OBJECT_DESTROYED = 54, V2_0
    OBJECT_NOT_FOUND = 55, V2_0
    NOT_AUTHORIZED = 57, V2_0
    SERVER_LIMIT_EXCEEDED = 58, V2_0
    UNKNOWN_ENUMERATION = 59, V2_0
    UNKNOWN_MESSAGE_EXTENSION = 60, V2_0
    UNKNOWN_TAG = 61, V2_0
    UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS = 62, V2_0
    UNSUPPORTED_PROTOCOL_VERSION = 63, V2_0
    WRAPPING_OBJECT_ARCHIVED = 64, V2_0
    WRAPPING_OBJECT_DESTROYED = 65, V2_0
    WRAPPING_OBJECT_NOT_FOUND = 66, V2_0
    WRONG_KEY_LIFECYCLE_STATE = 67, V2_0
    PROTECTION_STORAGE_UNAVAILABLE = 68, V2_0
    PKCS_11_CODEC_ERROR = 69, V2_0, V3_0, "PKCS#11 Codec Error"
    PKCS_11_INVALID_FUNCTION = 70, V2_0, V3_0, "PKCS#11 Invalid Function"
    PKCS_11_INVALID_INTERFACE = 71, V2_0, V3_0, "PKCS#11 Invalid Interface"
    PRIVATE_PROTECTION_STORAGE_UNAVAILABLE = 72, V2_0
    PUBLIC_PROTECTION_STORAGE_UNAVAILABLE = 73, V2_0
    UNKNOWN_OBJECT_GROUP = 74, V2_1, V2_1
    CONSTRAINT_VIOLATION = 75, V2_1
    DUPLICATE_PROCESS_REQUEST = 76, V2_1
    CIRCULAR_LINK_ERROR = 77, V3_0
    GENERAL_FAILURE = 256


class ResultStatus(Named):
    """Result Status."""

    SUCCESS = 0
    OPERATION_FAILED = 1
    OPERATION_PENDING = 2
    OPERATION_UNDONE = 3


class RevocationReasonCode(Named):
    """Revocation Reason Code."""

    UNSPECIFIED = 1
    KEY_COMPROMISE = 2
    CA_COMPROMISE = 3, V1_0, V3_0, "CA Compromise"
    AFFILIATION_CHANGED = 4
    SUPERSEDED = 5
    CESSATION_OF_OPERATION = 6, V1_0, V3_0, "Cessation of Operation"
    PRIVILEGE_WITHDRAWN = 7


class RotateNameType(Named):
    """Rotate Name Type."""

    UNINTERPRETED_TEXT_STRING = 1, V2_1, V2_1
    URI = 2, V2_1, V2_1, "URI"


class SecretDataType(Named):
    """Secret Data Type."""

    PASSWORD = 1
    SEED = 2


class ShreddingAlgorithm(Named):
    """Shredding Algorithm."""

    UNSPECIFIED = 1, V1_3
    CRYPTOGRAPHIC = 2, V1_3
    UNSUPPORTED = 3, V1_3


class SplitKeyMethod(Named):
    """Split Key Method."""

    XOR = 1, V1_0, V3_0, "XOR"
    POLYNOMIAL_SHARING_GF_2_16 = 2, V1_0, V3_0, "Polynomial Sharing GF (2^16)"
    POLYNOMIAL_SHARING_PRIME_FIELD = 3
    POLYNOMIAL_SHARING_GF_2_8 = 4, V1_2, V3_0, "Polynomial Sharing GF (2^8)"


class SplitKeyPolynomial(Named):
    """Split Key Polynomial."""

    POLYNOMIAL_283 = 1, V3_0, V3_0, "Polynomial-283"
    POLYNOMIAL_285 = 2, V3_0, V3_0, "Polynomial-285"


class State(Named):
    """State."""

    PRE_ACTIVE = 1, V1_0, V3_0, "Pre-Active"
    ACTIVE = 2
    DEACTIVATED = 3
    COMPROMISED = 4
    DESTROYED = 5
    DESTROYED_COMPROMISED = 6


class StorageStatusMask(Mask):
    """Storage Status Mask."""

    ON_LINE_STORAGE = 0x00000001, V1_0, V2_1, "On-line storage"
    ARCHIVAL_STORAGE = 0x00000002, V1_0, V2_1, "Archival storage"
    DESTROYED_STORAGE = 0x00000004, V2_0, V2_1, "Destroyed storage"


class TicketType(Named):
    """Ticket Type."""

    LOGIN = 1, V2_0


class UniqueIdentifierReference(Named):
    """Unique Identifier given as an enumeration (2.x)."""

    ID_PLACEHOLDER = 1, V2_0, V3_0, "ID Placeholder"
    CERTIFY = 2, V2_0
    CREATE = 3, V2_0
    CREATE_KEY_PAIR = 4, V2_0
    CREATE_KEY_PAIR_PRIVATE_KEY = 5, V2_0
    CREATE_KEY_PAIR_PUBLIC_KEY = 6, V2_0
    CREATE_SPLIT_KEY = 7, V2_0
    DERIVE_KEY = 8, V2_0
    IMPORT = 9, V2_0
    JOIN_SPLIT_KEY = 10, V2_0
    LOCATE = 11, V2_0
    REGISTER = 12, V2_0
    RE_KEY = 13, V2_0, V3_0, "Re-key"
    RE_CERTIFY = 14, V2_0, V3_0, "Re-certify"
    RE_KEY_KEY_PAIR = 15, V2_0, V3_0, "Re-key Key Pair"
    RE_KEY_KEY_PAIR_PRIVATE_KEY = 16, V2_0, V3_0, "Re-key Key Pair Private Key"
    RE_KEY_KEY_PAIR_PUBLIC_KEY = 17, V2_0, V3_0, "Re-key Key Pair Public Key"
    RE_PROVISION = 18, V3_0, V3_0, "Re-Provision"
    CREATE_USER = 19, V3_0
    CREATE_GROUP = 20, V3_0
    CREATE_CREDENTIAL = 21, V3_0


class UnwrapMode(Named):
    """Unwrap Mode."""

    UNSPECIFIED = 1, V1_3
    PROCESSED = 2, V1_3
    NOT_PROCESSED = 3, V1_3


class UsageLimitsUnit(Named):
    """Usage Limits Unit."""

    BYTE = 1
    OBJECT = 2


class ValidationAuthorityType(Named):
    """Validation Authority Type."""

    UNSPECIFIED = 1, V1_3
    NIST_CMVP = 2, V1_3, V3_0, "NIST CMVP"
    COMMON_CRITERIA = 3, V1_3


class ValidationType(Named):
    """Validation Type."""

    UNSPECIFIED = 1, V1_3
    HARDWARE = 2, V1_3
    SOFTWARE = 3, V1_3
    FIRMWARE = 4, V1_3
    HYBRID = 5, V1_3


class ValidityIndicator(Named):
    """Validity Indicator."""

    VALID = 1
    INVALID = 2
    UNKNOWN = 3


class WrappingMethod(Named):
    """Wrapping Method."""

    ENCRYPT = 1
    MAC_SIGN = 2, V1_0, V3_0, "MAC/sign"
    ENCRYPT_THEN_MAC_SIGN = 3, V1_0, V3_0, "Encrypt then MAC/sign"
    MAC_SIGN_THEN_ENCRYPT = 4, V1_0, V3_0, "MAC/sign then encrypt"
    TR_31 = 5, V1_0, V3_0, "TR-31"
