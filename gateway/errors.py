"""Every failure that a client can be told of: one class per Result Reason (KMIP 2.1 section 11.48).

Raise, never return, for a failure. The message goes to the client and says what to do; the cause goes to the log.
A class carries the reason for both generations of the protocol: 2.0 brought forty new reasons, and a 1.x client must
never see one of them.

KmipError
├── InvalidMessage          the message cannot be understood; TtlvError and TextError add where
├── InvalidField, MissingData, FeatureNotSupported, OperationNotSupported, ResponseTooLarge, ...
└── GeneralFailure          ours, the token's or the database's fault: TokenDown, TokenTimeout, StoreDown,
                        AuditDown

ConfigurationError          start-up only: one sentence for the operator, exit code 2
└── PinRefused              exit code 3
"""

from gateway.kmip.enums import ResultReason as R
from gateway.kmip.version import V2_1, Version


class KmipError(Exception):
    """A batch item's failure; `reason` goes to 2.x clients, `reason_1x` to 1.x ones."""

    reason = R.GENERAL_FAILURE
    reason_1x: R | None = None  # the same reason when None
    reason_1x_until_2_0 = False  # the 2.0 test cases still want the reason of 1.x
    reason_earlier = R.GENERAL_FAILURE  # in versions that came before the reason itself

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or "")
        self.message = message or (type(self).__doc__ or "").strip().split("\n")[0]

    def reason_for(self, version: Version) -> R:
        """Give the Result Reason to send to a client of this version."""
        old = version < V2_1 if self.reason_1x_until_2_0 else version.major < 2
        reason = self.reason_1x if old and self.reason_1x is not None else self.reason
        return reason if reason.exists_in(version) else self.reason_earlier


class GeneralFailure(KmipError):
    """The request could not be carried out."""


class TokenDown(GeneralFailure):
    """The HSM does not answer; try again later."""


class TokenTimeout(GeneralFailure):
    """The HSM did not answer in time."""


class RequestCanceled(GeneralFailure):
    """The request was canceled."""


class StoreDown(GeneralFailure):
    """The database does not answer; try again later."""


class AuditDown(GeneralFailure):
    """What is done here cannot be recorded, so it is not done; try again later."""


class InvalidMessage(KmipError):
    """The message does not follow the specification."""

    reason = R.INVALID_MESSAGE


class TtlvError(InvalidMessage):
    """The bytes are not TTLV, or not the structure expected; `offset` counts bytes from the start of the message."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} (at byte {offset})")
        self.offset = offset


class TextError(InvalidMessage):
    """The XML or JSON is not well formed, or no TTLV; `place` is a line and column, or a JSON path."""

    def __init__(self, message: str, place: str) -> None:
        super().__init__(f"{message} (at {place})")
        self.place = place


class UnsupportedProtocolVersion(KmipError):
    """The server does not speak this protocol version."""

    reason, reason_1x = R.UNSUPPORTED_PROTOCOL_VERSION, R.INVALID_MESSAGE


class InvalidField(KmipError):
    """A field is not allowed here or has a value that is not allowed."""

    reason = R.INVALID_FIELD


class InvalidCSR(KmipError):
    """The certificate request is not right."""

    reason, reason_1x = R.INVALID_CSR, R.INVALID_FIELD


class MissingData(KmipError):
    """A field that is needed here is missing."""

    reason = R.MISSING_DATA


class OperationNotSupported(KmipError):
    """The server does not do this operation."""

    reason = R.OPERATION_NOT_SUPPORTED


class FeatureNotSupported(KmipError):
    """The server or the token does not do this."""

    reason = R.FEATURE_NOT_SUPPORTED


class NotInVersion(FeatureNotSupported):
    """There is no way to say this in the version of the request."""


class UnknownMessageExtension(KmipError):
    """A critical message extension is unknown."""

    reason, reason_1x = R.UNKNOWN_MESSAGE_EXTENSION, R.FEATURE_NOT_SUPPORTED


class ResponseTooLarge(KmipError):
    """TOO_LARGE"""

    reason = R.RESPONSE_TOO_LARGE


class AuthenticationNotSuccessful(KmipError):
    """The credentials were not accepted."""

    reason = R.AUTHENTICATION_NOT_SUCCESSFUL


class PermissionDenied(KmipError):
    """This is not allowed."""

    reason = R.PERMISSION_DENIED


class RefusedByPolicy(PermissionDenied):
    """The crypto policy refuses this."""


class InvalidTicket(KmipError):
    """The ticket is not valid, or not any more."""

    reason, reason_1x = R.INVALID_TICKET, R.AUTHENTICATION_NOT_SUCCESSFUL


class TicketUsedUp(KmipError):
    """The ticket has been used as often as it may be."""

    reason, reason_1x = R.USAGE_LIMIT_EXCEEDED, R.AUTHENTICATION_NOT_SUCCESSFUL


class NotAuthorized(KmipError):
    """This client may not do this."""

    reason, reason_1x = R.NOT_AUTHORIZED, R.PERMISSION_DENIED


class ItemNotFound(KmipError):
    """Nothing of that kind was found."""

    reason = R.ITEM_NOT_FOUND


class ObjectNotFound(KmipError):
    """No such managed object."""

    reason, reason_1x = R.OBJECT_NOT_FOUND, R.ITEM_NOT_FOUND


class ObjectDestroyed(KmipError):
    """The managed object was destroyed."""

    reason, reason_1x = R.OBJECT_DESTROYED, R.ITEM_NOT_FOUND


class ObjectArchived(KmipError):
    """The managed object is archived."""

    reason = R.OBJECT_ARCHIVED


class ObjectAlreadyExists(KmipError):
    """An object with this unique identifier exists."""

    reason, reason_earlier = R.OBJECT_ALREADY_EXISTS, R.INVALID_FIELD


class IllegalOperation(KmipError):
    """This operation cannot be applied to this object."""

    reason, reason_1x = R.INVALID_FIELD, R.ILLEGAL_OPERATION


class IllegalObjectType(KmipError):
    """This operation cannot be applied to this type of object."""

    reason, reason_1x = R.ILLEGAL_OBJECT_TYPE, R.ILLEGAL_OPERATION


class InvalidObjectType(KmipError):
    """The object is not of the type needed here."""

    reason, reason_1x = R.INVALID_OBJECT_TYPE, R.INVALID_FIELD


class NotReplaceable(InvalidObjectType):
    """Objects of this type are not re-keyed (1.x says Illegal Operation here)."""

    reason_1x = R.ILLEGAL_OPERATION


class WrongLifecycleState(KmipError):
    """The object's State forbids this (1.x has no such reason and says Permission Denied; so do the 2.0 test cases)."""

    reason, reason_1x = R.WRONG_KEY_LIFECYCLE_STATE, R.PERMISSION_DENIED
    reason_1x_until_2_0 = True


class UsageMaskMissing(KmipError):
    """The Cryptographic Usage Mask does not allow this use."""

    reason, reason_1x = R.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK, R.PERMISSION_DENIED


class UsageLimitExhausted(KmipError):
    """The Usage Limits of the object are used up (the test cases of every version want Permission Denied)."""

    reason = R.PERMISSION_DENIED


class CryptographicFailure(KmipError):
    """The cryptographic operation failed."""

    reason = R.CRYPTOGRAPHIC_FAILURE


class BadCryptographicParameters(KmipError):
    """The Cryptographic Parameters do not fit the key or each other."""

    reason, reason_1x = R.BAD_CRYPTOGRAPHIC_PARAMETERS, R.INVALID_FIELD


class UnsupportedCryptographicParameters(KmipError):
    """The token does nothing with these Cryptographic Parameters."""

    reason, reason_1x = R.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS, R.FEATURE_NOT_SUPPORTED


class InvalidCorrelationValue(KmipError):
    """The Correlation Value is unknown."""

    reason, reason_1x = R.INVALID_CORRELATION_VALUE, R.INVALID_FIELD


class InvalidAsynchronousCorrelationValue(KmipError):
    """No request is kept under this Asynchronous Correlation Value."""

    reason, reason_1x = R.INVALID_ASYNCHRONOUS_CORRELATION_VALUE, R.ITEM_NOT_FOUND


class Sensitive(KmipError):
    """The object is Sensitive: it can only be fetched wrapped."""

    reason, reason_earlier = R.SENSITIVE, R.PERMISSION_DENIED


class NotExtractable(KmipError):
    """The object is not Extractable."""

    reason, reason_earlier = R.NOT_EXTRACTABLE, R.PERMISSION_DENIED


class KeyValueNotPresent(KmipError):
    """The server does not hold this object's key value."""

    reason, reason_earlier = R.KEY_VALUE_NOT_PRESENT, R.ITEM_NOT_FOUND


class KeyFormatTypeNotSupported(KmipError):
    """The object cannot be given in this Key Format Type."""

    reason = R.KEY_FORMAT_TYPE_NOT_SUPPORTED


class KeyCompressionTypeNotSupported(KmipError):
    """The object cannot be given in this Key Compression Type."""

    reason = R.KEY_COMPRESSION_TYPE_NOT_SUPPORTED


class KeyWrapTypeNotSupported(KmipError):
    """The object cannot be given with this Key Wrap Type."""

    reason, reason_1x = R.KEY_WRAP_TYPE_NOT_SUPPORTED, R.FEATURE_NOT_SUPPORTED


class EncodingOptionError(KmipError):
    """The Encoding Option does not fit what is to be wrapped."""

    reason, reason_earlier = R.ENCODING_OPTION_ERROR, R.INVALID_FIELD


class WrappingObjectNotFound(KmipError):
    """No such wrapping key."""

    reason, reason_1x = R.WRAPPING_OBJECT_NOT_FOUND, R.ITEM_NOT_FOUND


class WrappingObjectDestroyed(KmipError):
    """The wrapping key was destroyed."""

    reason, reason_1x = R.WRAPPING_OBJECT_DESTROYED, R.PERMISSION_DENIED


class WrappingObjectArchived(KmipError):
    """The wrapping key is archived."""

    reason, reason_1x = R.WRAPPING_OBJECT_ARCHIVED, R.OBJECT_ARCHIVED


class AttributeReadOnly(KmipError):
    """A client cannot change this attribute."""

    reason, reason_1x = R.ATTRIBUTE_READ_ONLY, R.PERMISSION_DENIED


class AttributeSingleValued(KmipError):
    """The object already has this attribute, which has one value only."""

    reason, reason_1x = R.ATTRIBUTE_SINGLE_VALUED, R.ILLEGAL_OPERATION


class MultiValuedAttribute(KmipError):
    """The object has several instances of this attribute; say which is meant."""

    reason, reason_1x = R.MULTI_VALUED_ATTRIBUTE, R.INVALID_FIELD


class AttributeNotFound(KmipError):
    """The object has no such attribute."""

    reason, reason_1x = R.ATTRIBUTE_NOT_FOUND, R.ITEM_NOT_FOUND


class NoUsageLimits(AttributeNotFound):
    """The object has no Usage Limits (1.x: Get Usage Allocation is no operation for it then)."""

    reason_1x = R.ILLEGAL_OPERATION


class AttributeNotSet(AttributeNotFound):
    """The object has no such attribute yet; add it first (1.x: Modify Attribute answers Invalid Field)."""

    reason_1x = R.INVALID_FIELD


class AttributeInstanceNotFound(KmipError):
    """The object has no such instance of the attribute."""

    reason, reason_1x = R.ATTRIBUTE_INSTANCE_NOT_FOUND, R.ITEM_NOT_FOUND


class IndexOutOfBounds(KmipError):
    """The object has no attribute with this index."""

    reason, reason_1x = R.ATTRIBUTE_INSTANCE_NOT_FOUND, R.INDEX_OUT_OF_BOUNDS


class UnsupportedAttribute(KmipError):
    """The server does not know this attribute."""

    reason, reason_1x = R.UNSUPPORTED_ATTRIBUTE, R.INVALID_FIELD


class InvalidAttribute(KmipError):
    """The attribute is not allowed here."""

    reason, reason_1x = R.INVALID_ATTRIBUTE, R.INVALID_FIELD


class InvalidAttributeValue(KmipError):
    """The attribute cannot have this value."""

    reason, reason_1x = R.INVALID_ATTRIBUTE_VALUE, R.INVALID_FIELD


class InvalidDataType(KmipError):
    """This cannot be done with a value of this type."""

    reason, reason_1x = R.INVALID_DATA_TYPE, R.INVALID_FIELD


class NumericRange(KmipError):
    """A number is out of range."""

    reason, reason_1x = R.NUMERIC_RANGE, R.INVALID_FIELD


class NonUniqueName(KmipError):
    """Another object has this Name already."""

    # So says a Create of 1.x; Add and Modify Attribute say Illegal Operation there: NameTaken.

    reason, reason_1x = R.NON_UNIQUE_NAME_ATTRIBUTE, R.INVALID_FIELD


class NameTaken(NonUniqueName):
    """Another object has this Name already."""

    reason_1x = R.ILLEGAL_OPERATION


class ApplicationNamespaceNotSupported(KmipError):
    """The server does not make identifiers for this application namespace."""

    reason = R.APPLICATION_NAMESPACE_NOT_SUPPORTED


class ProtectionStorageUnavailable(KmipError):
    """None of the Protection Storage Masks asked for can be met."""

    reason, reason_1x = R.PROTECTION_STORAGE_UNAVAILABLE, R.FEATURE_NOT_SUPPORTED


class PrivateProtectionStorageUnavailable(ProtectionStorageUnavailable):
    """None of the Protection Storage Masks asked for the private key can be met."""

    reason = R.PRIVATE_PROTECTION_STORAGE_UNAVAILABLE


class PublicProtectionStorageUnavailable(ProtectionStorageUnavailable):
    """None of the Protection Storage Masks asked for the public key can be met."""

    reason = R.PUBLIC_PROTECTION_STORAGE_UNAVAILABLE


class PKCS11CodecError(KmipError):
    """The arguments of the PKCS#11 function are not encoded as they have to be."""

    reason = R.PKCS_11_CODEC_ERROR


class PKCS11InvalidFunction(KmipError):
    """PKCS#11 has no such function."""

    reason = R.PKCS_11_INVALID_FUNCTION


class PKCS11InvalidInterface(KmipError):
    """There is no such PKCS#11 interface here."""

    reason = R.PKCS_11_INVALID_INTERFACE


class UnknownObjectGroup(KmipError):
    """The server does not know this object group."""

    reason, reason_earlier = R.UNKNOWN_OBJECT_GROUP, R.INVALID_FIELD


class ConstraintViolation(KmipError):
    """Constraints that the client has set forbid this."""

    reason, reason_earlier = R.CONSTRAINT_VIOLATION, R.PERMISSION_DENIED


class ServerLimitExceeded(KmipError):
    """A limit of the server is reached."""

    reason, reason_1x = R.SERVER_LIMIT_EXCEEDED, R.GENERAL_FAILURE


class TooManyInstances(ServerLimitExceeded):
    """The server keeps no more instances of this attribute."""

    reason_1x = R.INDEX_OUT_OF_BOUNDS


class ConfigurationError(Exception):
    """The gateway cannot start as it is configured: one sentence for the operator that says what to do."""


class PinRefused(ConfigurationError):
    """The token refused the PIN: nothing may try it again by itself, or the token locks."""
