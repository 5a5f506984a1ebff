"""Structures that are values of attributes, or parts of several messages (KMIP 2.1 section 4 Object Attributes)."""

from typing import Annotated

from gateway.kmip.enums import (
    AlternativeNameType,
    BlockCipherMode,
    CryptographicAlgorithm,
    DigitalSignatureAlgorithm,
    DRBGAlgorithm,
    FIPS186Variation,
    HashingAlgorithm,
    KeyFormatType,
    KeyRoleType,
    KeyValueLocationType,
    LinkType,
    MaskGenerator,
    NameType,
    PaddingMethod,
    ProtectionStorageMask,
    RecommendedCurve,
    RevocationReasonCode,
    RNGAlgorithm,
    RotateNameType,
    UsageLimitsUnit,
)
from gateway.kmip.structure import Identifier, Item, LongInteger, Since, Structure


class Name(Structure):
    """A name that no other object has (section 4.34 Name)."""

    name_value: str
    name_type: NameType


class AlternativeName(Structure):
    """A name that need not be unique (section 4.2 Alternative Name)."""

    alternative_name_value: str
    alternative_name_type: AlternativeNameType


class CryptographicParameters(Structure):
    """How a key is to be used (section 4.17 Cryptographic Parameters).

    IV Length and the other lengths of GCM's IV count bits, Tag Length and Salt Length bytes.
    """

    block_cipher_mode: BlockCipherMode | None = None
    padding_method: PaddingMethod | None = None
    hashing_algorithm: HashingAlgorithm | None = None
    key_role_type: KeyRoleType | None = None
    digital_signature_algorithm: Annotated[DigitalSignatureAlgorithm | None, Since(1, 2)] = None
    cryptographic_algorithm: Annotated[CryptographicAlgorithm | None, Since(1, 2)] = None
    random_iv: Annotated[bool | None, Since(1, 2)] = None
    iv_length: Annotated[int | None, Since(1, 2)] = None
    tag_length: Annotated[int | None, Since(1, 2)] = None
    fixed_field_length: Annotated[int | None, Since(1, 2)] = None
    invocation_field_length: Annotated[int | None, Since(1, 2)] = None
    counter_length: Annotated[int | None, Since(1, 2)] = None
    initial_counter_value: Annotated[int | None, Since(1, 2)] = None
    salt_length: Annotated[int | None, Since(1, 4)] = None
    mask_generator: Annotated[MaskGenerator | None, Since(1, 4)] = None
    mask_generator_hashing_algorithm: Annotated[HashingAlgorithm | None, Since(1, 4)] = None
    p_source: Annotated[bytes | None, Since(1, 4)] = None
    trailer_field: Annotated[int | None, Since(1, 4)] = None


class CryptographicDomainParameters(Structure):
    """The group of a Diffie-Hellman or elliptic curve key pair (section 4.15 Cryptographic Domain Parameters)."""

    qlength: int | None = None  # bits
    recommended_curve: RecommendedCurve | None = None


class CertificateIdentifier(Structure):
    """Issuer and serial number as text (KMIP 1.4 section 3.9 Certificate Identifier, gone in 2.0)."""

    issuer: str
    serial_number: str | None = None


class CertificateSubject(Structure):
    """The subject as text (KMIP 1.4 section 3.10 Certificate Subject, gone in 2.0)."""

    certificate_subject_distinguished_name: str
    certificate_subject_alternative_name: tuple[str, ...] = ()


class CertificateIssuer(Structure):
    """The issuer as text (KMIP 1.4 section 3.11 Certificate Issuer, gone in 2.0)."""

    certificate_issuer_distinguished_name: str
    certificate_issuer_alternative_name: tuple[str, ...] = ()


class X509CertificateIdentifier(Structure):
    """Issuer and serial number in DER (section 4.69 X.509 Certificate Identifier)."""

    issuer_distinguished_name: bytes
    certificate_serial_number: bytes


class X509CertificateSubject(Structure):
    """The subject in DER (section 4.71 X.509 Certificate Subject)."""

    subject_distinguished_name: bytes
    subject_alternative_name: tuple[bytes, ...] = ()


class X509CertificateIssuer(Structure):
    """The issuer in DER (section 4.70 X.509 Certificate Issuer)."""

    issuer_distinguished_name: bytes
    issuer_alternative_name: tuple[bytes, ...] = ()


class Digest(Structure):
    """A hash of the object in one of its formats (section 4.20 Digest)."""

    hashing_algorithm: HashingAlgorithm
    digest_value: bytes | None = None
    key_format_type: Annotated[KeyFormatType | None, Since(1, 1)] = None


class UsageLimits(Structure):
    """How much may still be done with the object (section 4.67 Usage Limits); units are bytes or operations."""

    usage_limits_total: LongInteger
    usage_limits_count: LongInteger | None = None
    usage_limits_unit: UsageLimitsUnit


class RevocationReason(Structure):
    """Why an object was revoked (section 4.49 Revocation Reason)."""

    revocation_reason_code: RevocationReasonCode
    revocation_message: str | None = None


class Link(Structure):
    """A tie to another object (section 4.32 Link)."""

    link_type: LinkType
    linked_object_identifier: Identifier


class ApplicationSpecificInformation(Structure):
    """Data that an application keeps with the object (section 4.4 Application Specific Information)."""

    application_namespace: str
    application_data: str | None = None


class KeyValueLocation(Structure):
    """Where the key value is when the server does not hold it (section 4.30 Key Value Location)."""

    key_value_location_value: str
    key_value_location_type: KeyValueLocationType


class RNGParameters(Structure):
    """What random numbers came from (section 7.21 RNG Parameters)."""

    rng_algorithm: RNGAlgorithm
    cryptographic_algorithm: CryptographicAlgorithm | None = None
    cryptographic_length: int | None = None
    hashing_algorithm: HashingAlgorithm | None = None
    drbg_algorithm: DRBGAlgorithm | None = None
    recommended_curve: RecommendedCurve | None = None
    fips186_variation: FIPS186Variation | None = None
    prediction_resistance: bool | None = None


class RotateName(Structure):
    """A name that stays with all generations of a rotated object (section 4.56 Rotate Name)."""

    rotate_name_value: str
    rotate_name_type: RotateNameType


class ProtectionStorageMasks(Structure):
    """Alternatives for where an object is kept, the best first (section 7.20 Protection Storage Masks)."""

    protection_storage_mask: tuple[ProtectionStorageMask, ...] = ()


class VendorAttribute(Structure):
    """An attribute that a vendor or client defined, as 2.x writes it (section 4.68 Vendor Attributes)."""

    vendor_identification: str
    attribute_name: str
    attribute_value: Item
