"""What an operator states for Query to tell: random numbers and validations of the token, how clients register.

No test can find these out; where nothing is stated nothing is claimed (KMIP 2.1 sections 7.38 and 7.21).
"""

from gateway.config import KmipConfig, RngStatement, ValidationStatement
from gateway.kmip.enums import (
    ClientRegistrationMethod,
    CryptographicAlgorithm,
    DRBGAlgorithm,
    FIPS186Variation,
    HashingAlgorithm,
    RecommendedCurve,
    RNGAlgorithm,
    ValidationAuthorityType,
    ValidationType,
)
from gateway.kmip.structure import Structure
from gateway.kmip.values import RNGParameters

UNSTATED = RNGParameters(rng_algorithm=RNGAlgorithm.UNSPECIFIED)


class ValidationInformation(Structure):
    """A validation by an authority (section 7.38 Validation Information)."""

    validation_authority_type: ValidationAuthorityType
    validation_authority_country: str | None = None
    validation_authority_uri: str | None = None
    validation_version_major: int
    validation_version_minor: int | None = None
    validation_type: ValidationType
    validation_level: int
    validation_certificate_identifier: str | None = None
    validation_certificate_uri: str | None = None
    validation_vendor_uri: str | None = None
    validation_profile: tuple[str, ...] = ()


def random_numbers(config: KmipConfig) -> tuple[RNGParameters, ...]:
    """Give the random number generators, an unspecified one where none is stated."""
    return tuple(map(_generator, config.rngs)) or (UNSTATED,)


def validations(config: KmipConfig) -> tuple[ValidationInformation, ...]:
    """Give the validations that are stated."""
    return tuple(map(_validation, config.validations))


def registration_methods(config: KmipConfig) -> tuple[ClientRegistrationMethod, ...]:
    """Give the ways in which clients are registered, an unspecified one where none is stated."""
    stated = tuple(ClientRegistrationMethod[each] for each in config.client_registration_methods)
    return stated or (ClientRegistrationMethod.UNSPECIFIED,)


def _generator(stated: RngStatement) -> RNGParameters:
    return RNGParameters(
        rng_algorithm=RNGAlgorithm[stated.algorithm],
        cryptographic_algorithm=CryptographicAlgorithm[stated.cipher] if stated.cipher else None,
        cryptographic_length=stated.bits or None,
        hashing_algorithm=HashingAlgorithm[stated.hash] if stated.hash else None,
        drbg_algorithm=DRBGAlgorithm[stated.drbg] if stated.drbg else None,
        recommended_curve=RecommendedCurve[stated.curve] if stated.curve else None,
        fips186_variation=FIPS186Variation[stated.variation] if stated.variation else None,
        prediction_resistance=stated.prediction_resistance or None,
    )


def _validation(stated: ValidationStatement) -> ValidationInformation:
    return ValidationInformation(
        validation_authority_type=ValidationAuthorityType[stated.authority],
        validation_authority_country=stated.country or None,
        validation_authority_uri=stated.authority_uri or None,
        validation_version_major=stated.version,
        validation_type=ValidationType[stated.type],
        validation_level=stated.level,
        validation_certificate_identifier=stated.certificate or None,
        validation_certificate_uri=stated.certificate_uri or None,
    )
