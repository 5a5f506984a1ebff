"""Managed objects and the parts of keys (KMIP 2.1 sections 2 Objects and 3 Object Data Structures)."""

from typing import Annotated

from gateway.kmip.enums import (
    CertificateRequestType,
    CertificateType,
    CryptographicAlgorithm,
    EncodingOption,
    KeyCompressionType,
    KeyFormatType,
    ObjectType,
    RecommendedCurve,
    SplitKeyMethod,
    WrappingMethod,
)
from gateway.kmip.structure import (
    Attributed,
    AttributeReference,
    Attributes,
    BigInteger,
    Form,
    Item,
    OpenEnumeration,
    Since,
    Structure,
)
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters


class TransparentSymmetricKey(Structure):
    """A symmetric key in the open (section 3.3.1 Transparent Symmetric Key)."""

    key: bytes


class TransparentDSAPrivateKey(Structure):
    """A DSA private key by its numbers."""

    p: BigInteger
    q: BigInteger
    g: BigInteger
    x: BigInteger


class TransparentDSAPublicKey(Structure):
    """A DSA public key by its numbers."""

    p: BigInteger
    q: BigInteger
    g: BigInteger
    y: BigInteger


class TransparentRSAPrivateKey(Structure):
    """An RSA private key by its numbers."""

    modulus: BigInteger
    private_exponent: BigInteger | None = None
    public_exponent: BigInteger | None = None
    p: BigInteger | None = None
    q: BigInteger | None = None
    prime_exponent_p: BigInteger | None = None
    prime_exponent_q: BigInteger | None = None
    crt_coefficient: BigInteger | None = None


class TransparentRSAPublicKey(Structure):
    """An RSA public key by its numbers."""

    modulus: BigInteger
    public_exponent: BigInteger


class TransparentDHPrivateKey(Structure):
    """A Diffie-Hellman private key by its numbers."""

    p: BigInteger
    q: BigInteger | None = None
    g: BigInteger
    j: BigInteger | None = None
    x: BigInteger


class TransparentDHPublicKey(Structure):
    """A Diffie-Hellman public key by its numbers."""

    p: BigInteger
    q: BigInteger | None = None
    g: BigInteger
    j: BigInteger | None = None
    y: BigInteger


class TransparentECPrivateKey(Structure):
    """An elliptic curve private key by its number (section 3.3.9 Transparent EC Private Key)."""

    recommended_curve: RecommendedCurve
    d: BigInteger


class TransparentECPublicKey(Structure):
    """An elliptic curve public key by its point, in ANSI X9.62 form (section 3.3.10 Transparent EC Public Key)."""

    recommended_curve: RecommendedCurve
    q_string: bytes


F = KeyFormatType
# The structure that Key Material is under each format; every other format is a byte string.
TRANSPARENT: dict[KeyFormatType, type[Structure]] = {
    F.TRANSPARENT_SYMMETRIC_KEY: TransparentSymmetricKey,
    F.TRANSPARENT_DSA_PRIVATE_KEY: TransparentDSAPrivateKey,
    F.TRANSPARENT_DSA_PUBLIC_KEY: TransparentDSAPublicKey,
    F.TRANSPARENT_RSA_PRIVATE_KEY: TransparentRSAPrivateKey,
    F.TRANSPARENT_RSA_PUBLIC_KEY: TransparentRSAPublicKey,
    F.TRANSPARENT_DH_PRIVATE_KEY: TransparentDHPrivateKey,
    F.TRANSPARENT_DH_PUBLIC_KEY: TransparentDHPublicKey,
    F.TRANSPARENT_ECDSA_PRIVATE_KEY: TransparentECPrivateKey,
    F.TRANSPARENT_ECDSA_PUBLIC_KEY: TransparentECPublicKey,
    F.TRANSPARENT_ECDH_PRIVATE_KEY: TransparentECPrivateKey,
    F.TRANSPARENT_ECDH_PUBLIC_KEY: TransparentECPublicKey,
    F.TRANSPARENT_ECMQV_PRIVATE_KEY: TransparentECPrivateKey,
    F.TRANSPARENT_ECMQV_PUBLIC_KEY: TransparentECPublicKey,
    F.TRANSPARENT_EC_PRIVATE_KEY: TransparentECPrivateKey,
    F.TRANSPARENT_EC_PUBLIC_KEY: TransparentECPublicKey,
}


class KeyValue(Structure):
    """Key material and, with wrapped keys, the attributes that are wrapped with it (section 3.2 Key Value).

    Read from a message, material that is a structure is an Item: the Key Format Type beside the Key Value says which.
    """

    key_material: bytes | Item | Structure
    attributes: Annotated[Attributes, Attributed(Form.REPEATED, Tag.ATTRIBUTE, Tag.ATTRIBUTES)] = ()


class EncryptionKeyInformation(Structure):
    """The key that encrypts another (section 3.5 Encryption Key Information)."""

    unique_identifier: str
    cryptographic_parameters: CryptographicParameters | None = None


class MACSignatureKeyInformation(Structure):
    """The key that authenticates another."""

    unique_identifier: str
    cryptographic_parameters: CryptographicParameters | None = None


class KeyWrappingData(Structure):
    """How a key value was wrapped (section 3.4 Key Wrapping Data)."""

    wrapping_method: WrappingMethod
    encryption_key_information: EncryptionKeyInformation | None = None
    mac_signature_key_information: MACSignatureKeyInformation | None = None
    mac_signature: bytes | None = None
    iv_counter_nonce: bytes | None = None
    encoding_option: Annotated[EncodingOption | None, Since(1, 1)] = None


class KeyWrappingSpecification(Structure):
    """How a key value is to be wrapped (section 3.6 Key Wrapping Specification)."""

    wrapping_method: WrappingMethod
    encryption_key_information: EncryptionKeyInformation | None = None
    mac_signature_key_information: MACSignatureKeyInformation | None = None
    attribute_reference: Annotated[
        tuple[AttributeReference, ...], Attributed(Form.NAMES, Tag.ATTRIBUTE_NAME, Tag.ATTRIBUTE_NAME)
    ] = ()
    encoding_option: Annotated[EncodingOption | None, Since(1, 1)] = None


class KeyBlock(Structure):
    """A key and what is needed to read it (section 3.1 Key Block); the value is a byte string when it is wrapped."""

    key_format_type: KeyFormatType
    key_compression_type: KeyCompressionType | None = None
    key_value: bytes | KeyValue | None = None
    cryptographic_algorithm: CryptographicAlgorithm | None = None
    cryptographic_length: int | None = None
    key_wrapping_data: KeyWrappingData | None = None


class Certificate(Structure):
    """An X.509 certificate in DER, or a PGP one (section 2.1 Certificate)."""

    certificate_type: CertificateType
    certificate_value: bytes


class CertificateRequest(Structure):
    """What a certificate is asked for by (section 2.2 Certificate Request)."""

    certificate_request_type: CertificateRequestType
    certificate_request_value: bytes


class SymmetricKey(Structure):
    """A symmetric key (section 2.8 Symmetric Key)."""

    key_block: KeyBlock


class PublicKey(Structure):
    """The public half of a pair (section 2.5 Public Key)."""

    key_block: KeyBlock


class PrivateKey(Structure):
    """The private half of a pair (section 2.4 Private Key)."""

    key_block: KeyBlock


class SplitKey(Structure):
    """A part of a key (section 2.7 Split Key)."""

    split_key_parts: int
    key_part_identifier: int
    split_key_threshold: int
    split_key_method: SplitKeyMethod
    prime_field_size: BigInteger | None = None
    key_block: KeyBlock


class SecretData(Structure):
    """A password or seed (section 2.6 Secret Data); clients use types of their own too."""

    secret_data_type: OpenEnumeration
    key_block: KeyBlock


class OpaqueObject(Structure):
    """Data that the server does not understand (section 2.3 Opaque Object)."""

    opaque_data_type: OpenEnumeration
    opaque_data_value: bytes


class PGPKey(Structure):
    """A PGP key (section 2.4 of 1.4 PGP Key)."""

    pgp_key_version: int
    key_block: KeyBlock


class Template(Structure):
    """A named set of attributes (KMIP 1.4 section 2.2.6 Template, deprecated in 1.3 and gone in 2.0)."""

    attributes: Annotated[Attributes, Attributed(Form.REPEATED, Tag.ATTRIBUTE, Tag.ATTRIBUTES)] = ()


Keyed = SymmetricKey | PublicKey | PrivateKey | SplitKey | SecretData | PGPKey
ManagedObject = Keyed | Certificate | CertificateRequest | OpaqueObject | Template

OBJECTS: dict[ObjectType, type[Structure]] = {
    ObjectType.CERTIFICATE: Certificate,
    ObjectType.SYMMETRIC_KEY: SymmetricKey,
    ObjectType.PUBLIC_KEY: PublicKey,
    ObjectType.PRIVATE_KEY: PrivateKey,
    ObjectType.SPLIT_KEY: SplitKey,
    ObjectType.TEMPLATE: Template,
    ObjectType.SECRET_DATA: SecretData,
    ObjectType.OPAQUE_OBJECT: OpaqueObject,
    ObjectType.PGP_KEY: PGPKey,
    ObjectType.CERTIFICATE_REQUEST: CertificateRequest,
}
