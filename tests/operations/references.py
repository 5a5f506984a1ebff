"""Every way in which a request can mean an object, for the test of the gate: a row each.

A row tells how to make what is meant, how to ask for it, and which use has to be granted to a client that is not its
owner; none where no grant gives it. What is asked for succeeds where it is allowed.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from msgspec.structs import replace

from gateway.kmip.enums import (
    AdjustmentType,
    BlockCipherMode,
    CertificateRequestType,
    DerivationMethod,
    DigitalSignatureAlgorithm,
    HashingAlgorithm,
    KeyWrapType,
    LinkType,
    ObjectType,
    Operation,
    PaddingMethod,
    RevocationReasonCode,
    SplitKeyMethod,
    UsageLimitsUnit,
)
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.objects import CertificateRequest
from gateway.kmip.policy import Objects, Operations, Right, Rights
from gateway.kmip.structure import Attribute, AttributeReference, DateTime, Item, LongInteger, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters, RevocationReason, UsageLimits
from gateway.kmip.version import V2_1
from gateway.operations import OPERATIONS
from gateway.operations.activate import ActivateRequest
from gateway.operations.add_attribute import AddAttributeRequest
from gateway.operations.adjust_attribute import AdjustAttributeRequest
from gateway.operations.archive import ArchiveRequest
from gateway.operations.certify import CertifyRequest
from gateway.operations.check import CheckRequest
from gateway.operations.create import CreateRequest
from gateway.operations.create_key_pair import CreateKeyPairRequest
from gateway.operations.create_split_key import CreateSplitKeyRequest
from gateway.operations.decrypt import DecryptRequest
from gateway.operations.delegated_login import DelegatedLoginRequest
from gateway.operations.delete_attribute import DeleteAttributeRequest
from gateway.operations.derive_key import DerivationParameters, DeriveKeyRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.encrypt import EncryptRequest
from gateway.operations.export import ExportRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_attribute_list import GetAttributeListRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.get_usage_allocation import GetUsageAllocationRequest
from gateway.operations.import_ import ImportRequest
from gateway.operations.join_split_key import JoinSplitKeyRequest
from gateway.operations.mac import MACRequest
from gateway.operations.mac_verify import MACVerifyRequest
from gateway.operations.modify_attribute import ModifyAttributeRequest
from gateway.operations.obtain_lease import ObtainLeaseRequest
from gateway.operations.re_certify import ReCertifyRequest
from gateway.operations.re_key import ReKeyRequest
from gateway.operations.re_key_key_pair import ReKeyKeyPairRequest
from gateway.operations.recover import RecoverRequest
from gateway.operations.register import RegisterRequest
from gateway.operations.revoke import RevokeRequest
from gateway.operations.set_attribute import SetAttributeRequest
from gateway.operations.sign import SignRequest
from gateway.operations.signature_verify import SignatureVerifyRequest
from gateway.operations.validate import ValidateRequest
from tests.operations.conftest import Client
from tests.operations.making import vendor
from tests.operations.test_certify import certified, period, pkcs10, registered
from tests.operations.test_pkcs12 import asked as file_of
from tests.operations.test_pkcs12 import certificate, linked, password, private_key
from tests.operations.test_register_get import EC_KEY, specification

O = Operation  # noqa: E741
Make = Callable[[Client], Awaitable[str]]
Ask = Callable[[Client, str], Awaitable[Structure]]

USE = M.ENCRYPT | M.DECRYPT | M.MAC_GENERATE | M.MAC_VERIFY | M.DERIVE_KEY
ACTIVE = Attribute(Tag.ACTIVATION_DATE, DateTime(1))
COMMENT = Attribute(Tag.COMMENT, "before")
LIMITED = Attribute(
    Tag.USAGE_LIMITS,
    UsageLimits(usage_limits_total=LongInteger(9), usage_limits_unit=UsageLimitsUnit.OBJECT),
)
CBC = CryptographicParameters(block_cipher_mode=BlockCipherMode.CBC, padding_method=PaddingMethod.NONE)
HMAC = CryptographicParameters(hashing_algorithm=HashingAlgorithm.SHA_256)
ECDSA = CryptographicParameters(digital_signature_algorithm=DigitalSignatureAlgorithm.ECDSA_WITH_SHA256)
REASON = RevocationReason(revocation_reason_code=RevocationReasonCode.CESSATION_OF_OPERATION)
COMMENT_NAME = AttributeReference(Tag.COMMENT)

# What belongs to an object beside it: the other parts of a split key, a key that was wrapped by it.
BESIDE: dict[str, object] = {}


class Reference(NamedTuple):
    """One way of meaning an object; `field` is of the request, or the Link that is followed from the object meant."""

    operation: Operation
    field: tuple[str, str]
    right: str
    make: Make
    ask: Ask

    @property
    def name(self) -> str:
        """What a test is called by it."""
        return f"{self.operation.token}-{self.field[0]}.{self.field[1]}"


def spec(algorithm: A, bits: int, uses: M, *more: Attribute) -> tuple[Attribute, ...]:
    """Give the attributes of a new key."""
    return (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, algorithm),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, bits),
        Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, uses),
        *more,
    )


def secret(uses: M, *more: Attribute, algorithm: A = A.AES, bits: int = 256) -> Make:
    """Give what makes a symmetric key."""

    async def make(client: Client) -> str:
        asked = CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=spec(algorithm, bits, uses, *more))
        return str((await client.one(V2_1, O.CREATE, asked)).unique_identifier)

    return make


key, waiting = secret(USE, ACTIVE, COMMENT), secret(USE, COMMENT)


async def pair(client: Client) -> tuple[str, str]:
    """Make a key pair."""
    asked = CreateKeyPairRequest(
        common_attributes=spec(A.EC, 256, M(0))[:2],
        private_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.SIGN), ACTIVE),
        public_key_attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.VERIFY), ACTIVE),
    )
    made = await client.one(V2_1, O.CREATE_KEY_PAIR, asked)
    return str(made.private_key_unique_identifier), str(made.public_key_unique_identifier)


async def private(client: Client) -> str:
    return (await pair(client))[0]


async def public(client: Client) -> str:
    return (await pair(client))[1]


async def archived(client: Client) -> str:
    made = await key(client)
    await client.one(V2_1, O.ARCHIVE, ArchiveRequest(unique_identifier=made))
    return made


async def parts(client: Client) -> str:
    asked = CreateSplitKeyRequest(
        object_type=ObjectType.SPLIT_KEY,
        unique_identifier=await key(client),
        split_key_parts=2,
        split_key_threshold=2,
        split_key_method=SplitKeyMethod.POLYNOMIAL_SHARING_GF_2_8,
        attributes=(COMMENT,),
    )
    first, second = (await client.one(V2_1, O.CREATE_SPLIT_KEY, asked)).unique_identifier
    BESIDE[first] = second
    return str(first)


async def unwrapper(client: Client) -> str:
    """Make a key that unwraps, and keep what it unwraps."""
    made = await secret(M.WRAP_KEY | M.UNWRAP_KEY, ACTIVE)(client)
    asked = GetRequest(unique_identifier=await key(client), key_wrapping_specification=specification(made))
    BESIDE[made] = (await client.one(V2_1, O.GET, asked)).symmetric_key
    return made


async def own_certificate(client: Client) -> str:
    return await certificate(client, V2_1, EC_KEY, "held")


async def file_password(client: Client) -> str:
    return await password(client, V2_1, ACTIVE)


async def issued(client: Client) -> str:
    return await certified(client, await registered(client), **pkcs10())


async def certificate_request(client: Client) -> str:
    given = CertificateRequest(
        certificate_request_type=CertificateRequestType.PKCS_10,
        certificate_request_value=pkcs10()["certificate_request"],
    )
    kind = ObjectType.CERTIFICATE_REQUEST
    asked = RegisterRequest(object_type=kind, attributes=(COMMENT,), certificate_request=given)
    return str((await client.one(V2_1, O.REGISTER, asked)).unique_identifier)


def of(request: Callable[..., Structure], **fields: object) -> Ask:
    """Give what asks for an object by its unique identifier, with these other fields."""

    async def ask(client: Client, unique_identifier: str) -> Structure:
        return request(unique_identifier=unique_identifier, **fields)

    return ask


async def _wrapped_by(client: Client, unique_identifier: str) -> Structure:
    asked = specification(unique_identifier)
    return GetRequest(unique_identifier=await key(client), key_wrapping_specification=asked)


async def _exported_wrapped_by(client: Client, unique_identifier: str) -> Structure:
    asked = specification(unique_identifier)
    return ExportRequest(unique_identifier=await key(client), key_wrapping_specification=asked)


async def _unwrapped_by(client: Client, unique_identifier: str) -> Structure:
    """Import what another key has wrapped, as if this one had."""
    if unique_identifier not in BESIDE:
        BESIDE[unique_identifier] = renamed(BESIDE[await unwrapper(client)], unique_identifier)
    return ImportRequest(
        unique_identifier="",
        object_type=ObjectType.SYMMETRIC_KEY,
        key_wrap_type=KeyWrapType.NOT_WRAPPED,
        attributes=spec(A.AES, 256, USE),
        symmetric_key=BESIDE[unique_identifier],  # type: ignore[arg-type]  # put there above
    )


def renamed(wrapped: object, by: str) -> object:
    """Give a wrapped key that says that another key has wrapped it."""
    block = wrapped.key_block  # type: ignore[attr-defined]  # a SymmetricKey
    data = block.key_wrapping_data
    information = replace(data.encryption_key_information, unique_identifier=by)
    data = replace(data, encryption_key_information=information)
    return replace(wrapped, key_block=replace(block, key_wrapping_data=data))  # type: ignore[type-var]  # the same


async def _derived(client: Client, unique_identifier: str) -> Structure:
    return DeriveKeyRequest(
        object_type=ObjectType.SYMMETRIC_KEY,
        unique_identifier=(unique_identifier,),
        derivation_method=DerivationMethod.HMAC,
        derivation_parameters=DerivationParameters(cryptographic_parameters=HMAC, derivation_data=(b"label",)),
        attributes=spec(A.AES, 128, M.ENCRYPT),
    )


async def _joined(client: Client, unique_identifier: str) -> Structure:
    beside = str(BESIDE.get(unique_identifier, unique_identifier))
    return JoinSplitKeyRequest(
        object_type=ObjectType.SYMMETRIC_KEY,
        unique_identifier=(unique_identifier, beside),
        attributes=(Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.ENCRYPT),),
    )


async def _validated(client: Client, unique_identifier: str) -> Structure:
    return ValidateRequest(unique_identifier=(unique_identifier,))


async def _delegated(client: Client, unique_identifier: str) -> Structure:
    right = Right(operations=Operations(operation=(O.GET,)), objects=Objects(unique_identifier=(unique_identifier,)))
    return DelegatedLoginRequest(rights=Rights(right=(right,)))


async def _re_keyed(client: Client, unique_identifier: str) -> Structure:
    return ReKeyKeyPairRequest(private_key_unique_identifier=unique_identifier)


async def _file_with_password(client: Client, unique_identifier: str) -> Structure:
    made = await private_key(client, V2_1, EC_KEY, linked(LinkType.PKCS_12_PASSWORD_LINK, unique_identifier))
    return file_of(made)[1]


async def _file_with_certificate(client: Client, unique_identifier: str) -> Structure:
    secret = await file_password(client)
    links = linked(LinkType.PKCS_12_PASSWORD_LINK, secret), linked(LinkType.PKCS_12_CERTIFICATE_LINK, unique_identifier)
    return file_of(await private_key(client, V2_1, EC_KEY, *links))[1]


async def _file_opened(client: Client, unique_identifier: str) -> Structure:
    secret = await file_password(client)
    made = await private_key(client, V2_1, EC_KEY, linked(LinkType.PKCS_12_PASSWORD_LINK, secret))
    given = (await client.one(V2_1, *file_of(made))).private_key
    return RegisterRequest(
        object_type=ObjectType.PRIVATE_KEY,
        attributes=(
            Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.SIGN),
            linked(LinkType.PKCS_12_PASSWORD_LINK, unique_identifier),
        ),
        private_key=given,
    )


async def _re_certified_by(client: Client, unique_identifier: str) -> Structure:
    return ReCertifyRequest(
        unique_identifier=await issued(client), certificate_request_unique_identifier=unique_identifier
    )


async def _certified_by_link(client: Client, unique_identifier: str) -> Structure:
    """Certify a request whose Link says which public key it is of."""
    made = await certificate_request(client)
    link = (linked(LinkType.PUBLIC_KEY_LINK, unique_identifier),)
    await client.one(V2_1, O.ADD_ATTRIBUTE, AddAttributeRequest(unique_identifier=made, new_attribute=link))
    return CertifyRequest(unique_identifier=made)


def row(operation: Operation, make: Make, ask: Ask, right: str = "", field: str = "unique_identifier") -> Reference:
    """Give the row of a field of the request itself."""
    return Reference(operation, (OPERATIONS[operation].request.__name__, field), right, make, ask)


NEW = (Attribute(Tag.COMMENT, "after"),)

REFERENCES = (
    row(O.ACTIVATE, waiting, of(ActivateRequest), "Activate"),
    row(O.ADD_ATTRIBUTE, secret(USE), of(AddAttributeRequest, new_attribute=NEW), "AddAttribute"),
    row(
        O.ADJUST_ATTRIBUTE,
        secret(USE, vendor("count", Item(2, bytes(4)))),
        of(
            AdjustAttributeRequest,
            attribute_reference=(AttributeReference(Tag.ATTRIBUTE, "x", "count"),),
            adjustment_type=AdjustmentType.INCREMENT,
        ),
        "AdjustAttribute",
    ),
    row(O.ARCHIVE, key, of(ArchiveRequest), "Archive"),
    row(O.CHECK, key, of(CheckRequest), "Check"),
    row(O.CREATE_SPLIT_KEY, key, of(
        CreateSplitKeyRequest,
        object_type=ObjectType.SPLIT_KEY,
        split_key_parts=2,
        split_key_threshold=2,
        split_key_method=SplitKeyMethod.POLYNOMIAL_SHARING_GF_2_8,
        attributes=(COMMENT,),
    )),
    row(O.DECRYPT, key, of(
        DecryptRequest, cryptographic_parameters=CBC, data=bytes(16), iv_counter_nonce=bytes(16)
    ), "Decrypt"),
    Reference(O.DELEGATED_LOGIN, ("Objects", "unique_identifier"), "", key, _delegated),
    row(O.DELETE_ATTRIBUTE, key, of(DeleteAttributeRequest, attribute_reference=(COMMENT_NAME,)), "DeleteAttribute"),
    row(O.DERIVE_KEY, secret(M.DERIVE_KEY, ACTIVE, algorithm=A.HMAC_SHA256), _derived, "DeriveKey"),
    row(O.DESTROY, waiting, of(DestroyRequest), "Destroy"),
    row(O.ENCRYPT, key, of(
        EncryptRequest, cryptographic_parameters=CBC, data=bytes(16), iv_counter_nonce=bytes(16)
    ), "Encrypt"),
    row(O.EXPORT, key, of(ExportRequest), "Export"),
    Reference(
        O.EXPORT, ("EncryptionKeyInformation", "unique_identifier"), "WrapKey", unwrapper, _exported_wrapped_by
    ),
    row(O.GET, key, of(GetRequest), "Get"),
    Reference(O.GET, ("EncryptionKeyInformation", "unique_identifier"), "WrapKey", unwrapper, _wrapped_by),
    Reference(O.GET, ("Link", "PKCS_12_PASSWORD_LINK"), "WrapKey", file_password, _file_with_password),
    Reference(O.GET, ("Link", "PKCS_12_CERTIFICATE_LINK"), "Get", own_certificate, _file_with_certificate),
    row(O.GET_ATTRIBUTE_LIST, key, of(GetAttributeListRequest), "GetAttributeList"),
    row(O.GET_ATTRIBUTES, key, of(GetAttributesRequest), "GetAttributes"),
    row(
        O.GET_USAGE_ALLOCATION,
        secret(USE, ACTIVE, LIMITED),
        of(GetUsageAllocationRequest, usage_limits_count=LongInteger(1)),
        "GetUsageAllocation",
    ),
    Reference(O.IMPORT, ("EncryptionKeyInformation", "unique_identifier"), "UnwrapKey", unwrapper, _unwrapped_by),
    row(O.JOIN_SPLIT_KEY, parts, _joined),
    row(O.MAC, secret(USE, ACTIVE, algorithm=A.HMAC_SHA256), of(
        MACRequest, cryptographic_parameters=HMAC, data=b"data"
    ), "MAC"),
    row(O.MAC_VERIFY, secret(USE, ACTIVE, algorithm=A.HMAC_SHA256), of(
        MACVerifyRequest, cryptographic_parameters=HMAC, data=b"data", mac_data=bytes(32)
    ), "MACVerify"),
    row(O.MODIFY_ATTRIBUTE, key, of(ModifyAttributeRequest, new_attribute=NEW), "ModifyAttribute"),
    row(O.OBTAIN_LEASE, key, of(ObtainLeaseRequest), "ObtainLease"),
    row(O.RE_KEY, key, of(ReKeyRequest)),
    row(O.RE_KEY_KEY_PAIR, private, _re_keyed, field="private_key_unique_identifier"),
    row(O.RECOVER, archived, of(RecoverRequest), "Recover"),
    Reference(O.REGISTER, ("Link", "PKCS_12_PASSWORD_LINK"), "UnwrapKey", file_password, _file_opened),
    row(O.REVOKE, key, of(RevokeRequest, revocation_reason=REASON), "Revoke"),
    row(O.SET_ATTRIBUTE, key, of(SetAttributeRequest, new_attribute=NEW), "SetAttribute"),
    row(O.SIGN, private, of(SignRequest, cryptographic_parameters=ECDSA, data=b"data"), "Sign"),
    row(O.SIGNATURE_VERIFY, public, of(
        SignatureVerifyRequest, cryptographic_parameters=ECDSA, data=b"data", signature_data=bytes(64)
    ), "SignatureVerify"),
    row(O.VALIDATE, own_certificate, _validated, "Validate"),
)  # fmt: skip

# Those of the certification authority, which a test has to make.
CERTIFYING = (
    row(O.CERTIFY, registered, of(CertifyRequest, **pkcs10())),
    Reference(O.CERTIFY, ("Link", "PUBLIC_KEY_LINK"), "", registered, _certified_by_link),
    row(O.RE_CERTIFY, issued, of(ReCertifyRequest, attributes=period(0, 86400))),
    row(O.RE_CERTIFY, certificate_request, _re_certified_by, field="certificate_request_unique_identifier"),
)

# Fields that can mean an object, and what the gate has to do with them.
BY_LINK = "a Link among attributes is kept as it is told, and asked for at the gate by what follows it"
OWN = "what it names is kept with its client and found by it alone"
REFUSED = "refused whatever it names"
ELSEWHERE: dict[Operation, dict[tuple[str, str], str]] = {
    O.ADD_ATTRIBUTE: {("AddAttributeRequest", "new_attribute"): BY_LINK},
    O.CANCEL: {("CancelRequest", "asynchronous_correlation_value"): OWN},
    O.CERTIFY: {("CertifyRequest", "attributes"): BY_LINK},
    O.CREATE: {("CreateRequest", "attributes"): BY_LINK},
    O.CREATE_KEY_PAIR: {
        ("CreateKeyPairRequest", "common_attributes"): BY_LINK,
        ("CreateKeyPairRequest", "private_key_attributes"): BY_LINK,
        ("CreateKeyPairRequest", "public_key_attributes"): BY_LINK,
    },
    O.CREATE_SPLIT_KEY: {("CreateSplitKeyRequest", "attributes"): BY_LINK},
    O.DECRYPT: {("DecryptRequest", "correlation_value"): OWN},
    O.DELETE_ATTRIBUTE: {("DeleteAttributeRequest", "current_attribute"): BY_LINK},
    O.DERIVE_KEY: {("DeriveKeyRequest", "attributes"): BY_LINK},
    O.ENCRYPT: {("EncryptRequest", "correlation_value"): OWN},
    O.EXPORT: {("MACSignatureKeyInformation", "unique_identifier"): REFUSED},
    O.GET: {("MACSignatureKeyInformation", "unique_identifier"): REFUSED},
    O.HASH: {("HashRequest", "correlation_value"): OWN},
    O.IMPORT: {
        ("ImportRequest", "attributes"): BY_LINK,
        ("ImportRequest", "unique_identifier"): "it has a test of its own: what is not the client's stays",
        ("KeyValue", "attributes"): BY_LINK,
        ("MACSignatureKeyInformation", "unique_identifier"): REFUSED,
        ("Template", "attributes"): BY_LINK,
    },
    O.JOIN_SPLIT_KEY: {("JoinSplitKeyRequest", "attributes"): BY_LINK},
    O.LOCATE: {("LocateRequest", "attributes"): "what has such a Link is looked for, and not what the Link means"},
    O.LOGOUT: {("LogoutRequest", "ticket"): OWN},
    O.MAC: {("MACRequest", "correlation_value"): OWN},
    O.MAC_VERIFY: {("MACVerifyRequest", "correlation_value"): OWN},
    O.MODIFY_ATTRIBUTE: {
        ("ModifyAttributeRequest", "current_attribute"): BY_LINK,
        ("ModifyAttributeRequest", "new_attribute"): BY_LINK,
    },
    O.PKCS_11: {("PKCS11Request", "correlation_value"): OWN},
    O.POLL: {("PollRequest", "asynchronous_correlation_value"): OWN},
    O.PROCESS: {("ProcessRequest", "asynchronous_correlation_value"): OWN},
    O.QUERY_ASYNCHRONOUS_REQUESTS: {("AsynchronousCorrelationValues", "asynchronous_correlation_value"): OWN},
    O.RE_CERTIFY: {("ReCertifyRequest", "attributes"): BY_LINK},
    O.RE_KEY: {("ReKeyRequest", "attributes"): BY_LINK},
    O.RE_KEY_KEY_PAIR: {
        ("ReKeyKeyPairRequest", "common_attributes"): BY_LINK,
        ("ReKeyKeyPairRequest", "private_key_attributes"): BY_LINK,
        ("ReKeyKeyPairRequest", "public_key_attributes"): BY_LINK,
    },
    O.REGISTER: {
        ("EncryptionKeyInformation", "unique_identifier"): "what comes wrapped stays so, with a Link that says by what",
        ("KeyValue", "attributes"): BY_LINK,
        ("MACSignatureKeyInformation", "unique_identifier"): REFUSED,
        ("RegisterRequest", "attributes"): BY_LINK,
        ("Template", "attributes"): BY_LINK,
    },
    O.SET_ATTRIBUTE: {("SetAttributeRequest", "new_attribute"): BY_LINK},
    O.SET_CONSTRAINTS: {("Constraint", "attributes"): BY_LINK},
    O.SET_DEFAULTS: {("ObjectDefaults", "attributes"): REFUSED},
    O.SIGN: {("SignRequest", "correlation_value"): OWN},
    O.SIGNATURE_VERIFY: {("SignatureVerifyRequest", "correlation_value"): OWN},
}

# They mean no object.
WITHOUT = frozenset(
    {
        O.DISCOVER_VERSIONS,
        O.GET_CONSTRAINTS,
        O.INTEROP,
        O.LOG,
        O.LOGIN,
        O.PING,
        O.QUERY,
        O.RNG_RETRIEVE,
        O.RNG_SEED,
        O.SET_ENDPOINT_ROLE,
    }
)

# Where rows are taken from the store beside the gate, and why that gives nobody what is not its own.
BESIDE_THE_GATE = {
    "asynchronous.py": "what a request of the client's own has committed, to tell it how that went",
    "authority.py": "the gateway's own authority, for the gateway",
    "certification.py": "whether a certificate was issued to this client; no row of another's is told of",
    "duplicates.py": "whether a value is there already that may do less; only a refusal comes of it",
    "imports.py": "whether an identifier is taken; what is not the client's stays",
    "notices.py": "the gateway's own round",
    "operations/interop.py": "the client's own objects, each then asked for at the gate",
    "operations/locate.py": "the client's own objects and what it was granted, by the query itself",
    "operations/validate.py": "the client's own certificates, each then asked for at the gate",
    "pending.py": "whether this client may still have what it asked for: each row is asked for at the gate again",
    "rotation.py": "the gateway's own round, which then asks as the owner",
    "templates.py": "the client's own templates, each then asked for at the gate",
}

# Links that are followed to another object, by the modules that do: each is a row above, or the gateway's own.
FOLLOWED = {
    ("authority.py", "PRIVATE_KEY_LINK"): "the gateway's own authority",
    ("authority.py", "PUBLIC_KEY_LINK"): "the gateway's own authority",
    ("bundles.py", "PKCS_12_CERTIFICATE_LINK"): "Get",
    ("bundles.py", "PKCS_12_PASSWORD_LINK"): "Get, Register",
    ("certification.py", "PRIVATE_KEY_LINK"): "Certify, of a pair that was made here together",
    ("certification.py", "PUBLIC_KEY_LINK"): "Certify, Re-certify",
    ("notices.py", "REPLACED_OBJECT_LINK"): "told of, and not followed",
    ("operations/re_key_key_pair.py", "PUBLIC_KEY_LINK"): "Re-key Key Pair, of a pair that was made here together",
    ("rotation.py", "PUBLIC_KEY_LINK"): "as the owner",
    ("rotation.py", "REPLACEMENT_OBJECT_LINK"): "as the owner",
}
