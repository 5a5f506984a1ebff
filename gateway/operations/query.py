"""Query: what this server can do (KMIP 2.1 section 6.1.40 Query).

The one rule here: nothing is told that does not work, on this token, in the version of the request. Operations are read
off the registry, so that one that is added is told of by being there.
"""

from functools import lru_cache
from typing import Annotated, Any

from msgspec.structs import replace

from gateway import __version__, defaults
from gateway.attribute_rules import shown
from gateway.call import Call
from gateway.config import KmipConfig
from gateway.errors import MissingData
from gateway.kmip.enums import (
    AttestationType,
    ClientRegistrationMethod,
    DestroyAction,
    ObjectType,
    Operation,
    ProtectionStorageMask,
    QueryFunction,
    RNGMode,
    ShreddingAlgorithm,
    UnwrapMode,
)
from gateway.kmip.objects import OBJECTS
from gateway.kmip.policy import DefaultsInformation, ObjectDefaults, ObjectGroups
from gateway.kmip.structure import Constant, Item, Since, Structure
from gateway.kmip.values import ProtectionStorageMasks, RNGParameters
from gateway.kmip.version import V2_0, V2_1, Version
from gateway.operations import OPERATIONS, operation
from gateway.profiles import ProfileInformation, conforming
from gateway.statements import ValidationInformation, random_numbers, registration_methods, validations
from gateway.token.api import Profile

Q = QueryFunction
PRODUCT = "kmip-gateway"

# Mechanisms of which a token must have one for the operation to be of any use (CKM_*).
CIPHERS = frozenset({0x01, 0x09, 0x1081, 0x1082, 0x1085, 0x1086, 0x1087, 0x132, 0x133, 0x136})
SIGNATURES = frozenset({0x01, 0x0D, 0x40, 0x43, 0x1041, 0x1044, 0x1057})
MACS = frozenset({0x221, 0x251, 0x256, 0x261, 0x271, 0x108A})
NEEDS = {
    Operation.ENCRYPT: CIPHERS,
    Operation.DECRYPT: CIPHERS,
    Operation.SIGN: SIGNATURES,
    Operation.SIGNATURE_VERIFY: SIGNATURES,
    Operation.MAC: MACS,
    Operation.MAC_VERIFY: MACS,
    Operation.CREATE_KEY_PAIR: SIGNATURES,
    Operation.RE_KEY_KEY_PAIR: SIGNATURES,
}


TO_CLIENTS = (Operation.NOTIFY, Operation.PUT)


class QueryRequest(Structure):
    """What is asked for."""

    query_function: tuple[QueryFunction, ...] = ()
    object_groups: Annotated[ObjectGroups | None, Since(2, 1)] = None


class ServerInformation(Structure):
    """Which server this is; 1.x leaves the content to vendors, and gets none (section 7.31 of 2.0)."""

    server_name: Annotated[str | None, Since(2, 0)] = None
    server_serial_number: Annotated[str | None, Since(2, 0)] = None
    server_version: Annotated[str | None, Since(2, 0)] = None
    product_name: Annotated[str | None, Since(2, 0)] = None


class CapabilityInformation(Structure):
    """How operations may be asked for (KMIP 1.4 section 2.1.21 Capability Information)."""

    streaming_capability: bool | None = None
    asynchronous_capability: bool | None = None
    attestation_capability: bool | None = None
    batch_undo_capability: Annotated[bool | None, Since(1, 4)] = None
    batch_continue_capability: Annotated[bool | None, Since(1, 4)] = None
    unwrap_mode: UnwrapMode | None = None
    destroy_action: DestroyAction | None = None
    shredding_algorithm: ShreddingAlgorithm | None = None
    rng_mode: RNGMode | None = None


class QueryResponse(Constant):
    """The answers to what was asked; extensions, namespaces and attestation there are none."""

    operation: tuple[Operation, ...] = ()
    object_type: tuple[ObjectType, ...] = ()
    vendor_identification: str | None = None
    server_information: ServerInformation | None = None
    application_namespace: tuple[str, ...] = ()
    extension_information: Annotated[tuple[Item, ...], Since(1, 1)] = ()
    attestation_type: Annotated[tuple[AttestationType, ...], Since(1, 2)] = ()
    rng_parameters: Annotated[tuple[RNGParameters, ...], Since(1, 3)] = ()
    profile_information: Annotated[tuple[ProfileInformation, ...], Since(1, 3)] = ()
    validation_information: Annotated[tuple[ValidationInformation, ...], Since(1, 3)] = ()
    capability_information: Annotated[tuple[CapabilityInformation, ...], Since(1, 3)] = ()
    client_registration_method: Annotated[tuple[ClientRegistrationMethod, ...], Since(1, 3)] = ()
    defaults_information: Annotated[DefaultsInformation | None, Since(2, 0)] = None
    protection_storage_masks: Annotated[ProtectionStorageMasks | None, Since(2, 0)] = None


CAPABILITIES = CapabilityInformation(
    streaming_capability=True,
    asynchronous_capability=True,
    attestation_capability=False,
    batch_undo_capability=True,
    batch_continue_capability=True,
    unwrap_mode=UnwrapMode.UNSPECIFIED,
    destroy_action=DestroyAction.UNSPECIFIED,
    shredding_algorithm=ShreddingAlgorithm.UNSPECIFIED,
    rng_mode=RNGMode.UNSPECIFIED,
)
# Answers that depend on nothing.
FIXED: dict[QueryFunction, dict[str, Any]] = {
    Q.QUERY_CAPABILITIES: {"capability_information": (CAPABILITIES,)},
}


@operation(Operation.QUERY, pure=True)
async def query(call: Call, request: QueryRequest) -> QueryResponse:
    """Tell what is asked for, as far as the version of the request has it.

    Raises:
        MissingData: nothing is asked for.
    """
    if not request.query_function:
        raise MissingData("the Query Function is missing")
    services = call.services
    config, protection = services.config, services.protection
    functions = frozenset(request.query_function)
    told = _told(functions, call.version, services.token.profile, config, protection, _listens(call))
    if Q.QUERY_DEFAULTS_INFORMATION in functions:
        groups = request.object_groups.object_group if request.object_groups else ()
        told = replace(told, defaults_information=_defaults(call, groups))
    if told.operation and not call.may_enter_all:
        told = replace(told, operation=tuple(each for each in told.operation if call.may_enter(each)))
    if told.server_information is not None and call.version >= V2_0:
        told = replace(told, server_information=await _server(call))
    return told


def _listens(call: Call) -> bool:
    """Tell whether the client is one that the gateway sends something to."""
    identity = call.peer.identity
    return any(each.is_for(identity.tenant, identity.name) for each in call.config.push)


async def _server(call: Call) -> ServerInformation:
    token = await call.services.token.info()
    return ServerInformation(
        server_name=call.config.vendor_identification,
        server_serial_number=token.serial,
        server_version=__version__,
        product_name=f"{PRODUCT} on {token.manufacturer} {token.model}",
    )


def _defaults(call: Call, groups: tuple[str, ...]) -> DefaultsInformation | None:
    """Give the client's own defaults: an empty structure for none (test case TC-MD-1), which 2.0 has no way to say."""
    found = defaults.of_groups(defaults.read(call), groups)
    if call.version >= V2_1:
        return found
    earlier = tuple(one for each in found.object_defaults if not each.groups for one in _one_by_one(call, each))
    return DefaultsInformation(object_defaults=earlier) if earlier else None


def _one_by_one(call: Call, several: ObjectDefaults) -> list[ObjectDefaults]:
    """Write defaults as 2.0 does, for one type each, as far as 2.0 has the attributes (section 7.18 of 2.0)."""
    attributes = shown(several.attributes, call.version)
    return [ObjectDefaults(object_type=(each,), attributes=attributes) for each in several.types]


@lru_cache(maxsize=256)
def _told(
    functions: frozenset[QueryFunction],
    version: Version,
    profile: Profile,
    config: KmipConfig,
    protection: ProtectionStorageMask,
    listens: bool,
) -> QueryResponse:
    """Put an answer together; clients poll with Query, each always with the same functions."""
    found: dict[str, Any] = {}
    for function in functions:
        found |= FIXED.get(function, {})
    if Q.QUERY_OPERATIONS in functions:
        found["operation"] = _operations(version, profile, config, listens)
    if Q.QUERY_OBJECTS in functions:
        found["object_type"] = _objects(version)
    if Q.QUERY_SERVER_INFORMATION in functions:
        found |= {"vendor_identification": config.vendor_identification, "server_information": ServerInformation()}
    if Q.QUERY_RNGS in functions:
        found["rng_parameters"] = random_numbers(config)
    if Q.QUERY_VALIDATIONS in functions:
        found["validation_information"] = validations(config)
    if Q.QUERY_CLIENT_REGISTRATION_METHODS in functions:
        found["client_registration_method"] = registration_methods(config)
    if Q.QUERY_PROFILES in functions:
        found["profile_information"] = conforming(version, profile, config)
    if Q.QUERY_STORAGE_PROTECTION_MASKS in functions:
        # What is no token object is in the database, on whatever token its key is.
        there = tuple(dict.fromkeys((protection, ProtectionStorageMask.SOFTWARE)))
        found["protection_storage_masks"] = ProtectionStorageMasks(protection_storage_mask=there)
    return QueryResponse(**found)


def _operations(version: Version, profile: Profile, config: KmipConfig, listens: bool) -> tuple[Operation, ...]:
    """List the operations that work, in the order of their numbers; those to clients for one that `listens`."""
    offered = [
        entry.operation
        for entry in OPERATIONS.values()
        if entry.offered(version, config)
        and (entry.operation not in NEEDS or not NEEDS[entry.operation].isdisjoint(profile.mechanisms))
    ]
    return tuple(sorted((*offered, *(TO_CLIENTS if listens else ()))))


def _objects(version: Version) -> tuple[ObjectType, ...]:
    return tuple(kind for kind in sorted(OBJECTS) if kind.exists_in(version))
