"""The attributes of managed objects and their rules, a row each (KMIP 2.1 section 4 Object Attributes).

Everything that differs from attribute to attribute stands in this table: its type, whether it repeats, who sets it, and
the versions that have it.
"""

from enum import Enum, auto
from typing import Any, NamedTuple

from gateway.kmip.enums import (
    CertificateType,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    DigitalSignatureAlgorithm,
    KeyFormatType,
    NISTKeyType,
    ObjectType,
    ProtectionLevel,
    ProtectionStorageMask,
    State,
)
from gateway.kmip.structure import DateTime, Interval, OpenEnumeration
from gateway.kmip.tags import Tag
from gateway.kmip.values import (
    AlternativeName,
    ApplicationSpecificInformation,
    CertificateIdentifier,
    CertificateIssuer,
    CertificateSubject,
    CryptographicDomainParameters,
    CryptographicParameters,
    Digest,
    KeyValueLocation,
    Link,
    Name,
    RevocationReason,
    RNGParameters,
    RotateName,
    UsageLimits,
    VendorAttribute,
    X509CertificateIdentifier,
    X509CertificateIssuer,
    X509CertificateSubject,
)
from gateway.kmip.version import V1_0, V1_1, V1_2, V1_3, V1_4, V2_0, V2_1, Version


class By(Enum):
    """Who gives an attribute its value."""

    SERVER = auto()  # the server alone
    BIRTH = auto()  # the client when the object is made, nobody afterwards
    CLIENT = auto()  # the client at any time, and it stays
    OWNER = auto()  # the client at any time, and may delete it


class Rule(NamedTuple):
    """What the standard says of one attribute; `type` is an annotation like those of a Structure's fields."""

    tag: Tag
    type: Any
    many: bool
    by: By
    since: Version
    until: Version

    def exists_in(self, version: Version) -> bool:
        """Tell whether `version` has this attribute."""
        return self.since <= version <= self.until


ONE, MANY = False, True
S, B, C, O = By.SERVER, By.BIRTH, By.CLIENT, By.OWNER  # noqa: E741
T = Tag

CERTIFICATE_NAMES = (
    T.CERTIFICATE_SUBJECT_CN,
    T.CERTIFICATE_SUBJECT_O,
    T.CERTIFICATE_SUBJECT_OU,
    T.CERTIFICATE_SUBJECT_EMAIL,
    T.CERTIFICATE_SUBJECT_C,
    T.CERTIFICATE_SUBJECT_ST,
    T.CERTIFICATE_SUBJECT_L,
    T.CERTIFICATE_SUBJECT_UID,
    T.CERTIFICATE_SUBJECT_SERIAL_NUMBER,
    T.CERTIFICATE_SUBJECT_TITLE,
    T.CERTIFICATE_SUBJECT_DC,
    T.CERTIFICATE_SUBJECT_DN_QUALIFIER,
    T.CERTIFICATE_ISSUER_CN,
    T.CERTIFICATE_ISSUER_O,
    T.CERTIFICATE_ISSUER_OU,
    T.CERTIFICATE_ISSUER_EMAIL,
    T.CERTIFICATE_ISSUER_C,
    T.CERTIFICATE_ISSUER_ST,
    T.CERTIFICATE_ISSUER_L,
    T.CERTIFICATE_ISSUER_UID,
    T.CERTIFICATE_ISSUER_SERIAL_NUMBER,
    T.CERTIFICATE_ISSUER_TITLE,
    T.CERTIFICATE_ISSUER_DC,
    T.CERTIFICATE_ISSUER_DN_QUALIFIER,
)

# fmt: off
# ruff: noqa: E501
ATTRIBUTES: dict[Tag, Rule] = {row[0]: Rule(*row) for row in (
    # tag                               type                           how many  by since until
    (T.UNIQUE_IDENTIFIER,               str,                           ONE,      S, V1_0, V2_1),
    (T.NAME,                            Name,                          MANY,     O, V1_0, V2_1),
    (T.OBJECT_TYPE,                     ObjectType,                    ONE,      S, V1_0, V2_1),
    (T.CRYPTOGRAPHIC_ALGORITHM,         CryptographicAlgorithm,        ONE,      B, V1_0, V2_1),
    (T.CRYPTOGRAPHIC_LENGTH,            int,                           ONE,      B, V1_0, V2_1),  # bits
    (T.CRYPTOGRAPHIC_PARAMETERS,        CryptographicParameters,       MANY,     O, V1_0, V2_1),
    (T.CRYPTOGRAPHIC_DOMAIN_PARAMETERS, CryptographicDomainParameters, ONE,      B, V1_0, V2_1),
    (T.CERTIFICATE_TYPE,                CertificateType,               ONE,      B, V1_0, V2_1),
    (T.CERTIFICATE_LENGTH,              int,                           ONE,      S, V1_1, V2_1),  # bytes
    (T.X_509_CERTIFICATE_IDENTIFIER,    X509CertificateIdentifier,     ONE,      S, V1_1, V2_1),
    (T.X_509_CERTIFICATE_SUBJECT,       X509CertificateSubject,        ONE,      S, V1_1, V2_1),
    (T.X_509_CERTIFICATE_ISSUER,        X509CertificateIssuer,         ONE,      S, V1_1, V2_1),
    (T.CERTIFICATE_IDENTIFIER,          CertificateIdentifier,         ONE,      S, V1_0, V1_4),
    (T.CERTIFICATE_SUBJECT,             CertificateSubject,            ONE,      S, V1_0, V1_4),
    (T.CERTIFICATE_ISSUER,              CertificateIssuer,             ONE,      S, V1_0, V1_4),
    (T.DIGITAL_SIGNATURE_ALGORITHM,     DigitalSignatureAlgorithm,     MANY,     S, V1_1, V2_1),
    (T.DIGEST,                          Digest,                        MANY,     S, V1_0, V2_1),
    (T.OPERATION_POLICY_NAME,           str,                           ONE,      C, V1_0, V1_4),
    (T.CRYPTOGRAPHIC_USAGE_MASK,        CryptographicUsageMask,        ONE,      B, V1_0, V2_1),
    (T.LEASE_TIME,                      Interval,                      ONE,      S, V1_0, V2_1),
    (T.USAGE_LIMITS,                    UsageLimits,                   ONE,      O, V1_0, V2_1),
    (T.STATE,                           State,                         ONE,      S, V1_0, V2_1),
    (T.INITIAL_DATE,                    DateTime,                      ONE,      S, V1_0, V2_1),
    (T.ACTIVATION_DATE,                 DateTime,                      ONE,      C, V1_0, V2_1),
    (T.PROCESS_START_DATE,              DateTime,                      ONE,      C, V1_0, V2_1),
    (T.PROTECT_STOP_DATE,               DateTime,                      ONE,      C, V1_0, V2_1),
    (T.DEACTIVATION_DATE,               DateTime,                      ONE,      C, V1_0, V2_1),
    (T.DESTROY_DATE,                    DateTime,                      ONE,      S, V1_0, V2_1),
    (T.COMPROMISE_OCCURRENCE_DATE,      DateTime,                      ONE,      S, V1_0, V2_1),
    (T.COMPROMISE_DATE,                 DateTime,                      ONE,      S, V1_0, V2_1),
    (T.REVOCATION_REASON,               RevocationReason,              ONE,      S, V1_0, V2_1),
    (T.ARCHIVE_DATE,                    DateTime,                      ONE,      S, V1_0, V2_1),
    (T.OBJECT_GROUP,                    str,                           MANY,     O, V1_0, V2_1),
    (T.FRESH,                           bool,                          ONE,      B, V1_1, V2_1),
    (T.LINK,                            Link,                          MANY,     O, V1_0, V2_1),
    (T.APPLICATION_SPECIFIC_INFORMATION, ApplicationSpecificInformation, MANY,   O, V1_0, V2_1),
    (T.CONTACT_INFORMATION,             str,                           ONE,      O, V1_0, V2_1),
    (T.LAST_CHANGE_DATE,                DateTime,                      ONE,      S, V1_0, V2_1),
    (T.ATTRIBUTE,                       VendorAttribute,               MANY,     O, V1_0, V2_1),
    (T.ALTERNATIVE_NAME,                AlternativeName,               MANY,     O, V1_2, V2_1),
    (T.KEY_VALUE_PRESENT,               bool,                          ONE,      S, V1_2, V2_1),
    (T.KEY_VALUE_LOCATION,              KeyValueLocation,              MANY,     O, V1_2, V2_1),
    (T.ORIGINAL_CREATION_DATE,          DateTime,                      ONE,      B, V1_2, V2_1),
    (T.RANDOM_NUMBER_GENERATOR,         RNGParameters,                 ONE,      B, V1_3, V2_1),
    (T.PKCS_12_FRIENDLY_NAME,           str,                           ONE,      O, V1_4, V2_1),
    (T.DESCRIPTION,                     str,                           ONE,      O, V1_4, V2_1),
    (T.COMMENT,                         str,                           ONE,      O, V1_4, V2_1),
    (T.SENSITIVE,                       bool,                          ONE,      C, V1_4, V2_1),
    (T.ALWAYS_SENSITIVE,                bool,                          ONE,      S, V1_4, V2_1),
    (T.EXTRACTABLE,                     bool,                          ONE,      C, V1_4, V2_1),
    (T.NEVER_EXTRACTABLE,               bool,                          ONE,      S, V1_4, V2_1),
    *((each,                            str,                           MANY,     S, V1_4, V2_1) for each in CERTIFICATE_NAMES),
    (T.KEY_FORMAT_TYPE,                 KeyFormatType,                 ONE,      B, V2_0, V2_1),
    (T.OPAQUE_DATA_TYPE,                OpenEnumeration,               ONE,      S, V2_0, V2_1),
    (T.NIST_KEY_TYPE,                   NISTKeyType,                   MANY,     B, V2_0, V2_1),
    (T.PROTECTION_LEVEL,                ProtectionLevel,               ONE,      O, V2_0, V2_1),
    (T.PROTECTION_PERIOD,               Interval,                      ONE,      O, V2_0, V2_1),
    (T.PROTECTION_STORAGE_MASK,         ProtectionStorageMask,         ONE,      S, V2_0, V2_1),
    (T.QUANTUM_SAFE,                    bool,                          ONE,      O, V2_0, V2_1),
    (T.SHORT_UNIQUE_IDENTIFIER,         bytes,                         ONE,      S, V2_0, V2_1),
    (T.ROTATE_AUTOMATIC,                bool,                          ONE,      B, V2_1, V2_1),
    (T.ROTATE_DATE,                     DateTime,                      ONE,      S, V2_1, V2_1),
    (T.ROTATE_GENERATION,               int,                           ONE,      S, V2_1, V2_1),
    (T.ROTATE_INTERVAL,                 Interval,                      ONE,      B, V2_1, V2_1),
    (T.ROTATE_LATEST,                   bool,                          ONE,      S, V2_1, V2_1),
    (T.ROTATE_NAME,                     RotateName,                    ONE,      O, V2_1, V2_1),
    (T.ROTATE_OFFSET,                   Interval,                      ONE,      B, V2_1, V2_1),
)}
# fmt: on

# What 1.x calls an attribute. "x-" and "y-" begin a vendor attribute's name (KMIP 1.4 section 3.39 Custom Attribute).
BY_SPELLING: dict[str, Tag] = {tag.spelling: tag for tag in ATTRIBUTES if tag is not Tag.ATTRIBUTE}
VENDORS_IN_1X = ("x", "y")
