"""Derive Key: a key or Secret Data worked out from other objects (KMIP 2.1 section 6.1.14 Derive Key)."""

from collections.abc import Sequence
from typing import Annotated

from gateway import (
    attribute_rules,
    creation,
    defaults,
    derivations,
    deriving,
    duplicates,
    keyplans,
    placement,
    templates,
)
from gateway.call import Call
from gateway.derivations import Asked
from gateway.deriving import Order
from gateway.errors import InvalidField, InvalidMessage, InvalidObjectType
from gateway.giving import in_the_clear
from gateway.key_use import parameters_of
from gateway.kmip.enums import CryptographicUsageMask, DerivationMethod, KeyFormatType, ObjectType, Operation
from gateway.kmip.structure import Attributed, Attributes, Form, Identifier, Structure, Until
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.managed import Managed
from gateway.operations import operation

O = ObjectType  # noqa: E741
DERIVED = (O.SYMMETRIC_KEY, O.SECRET_DATA)
MAX_BASE_OBJECTS = 2


class DerivationParameters(Structure):
    """What a derivation is told besides the base objects (section 7.12 Derivation Parameters)."""

    cryptographic_parameters: CryptographicParameters | None = None
    initialization_vector: bytes | None = None
    derivation_data: tuple[bytes, ...] = ()
    salt: bytes | None = None
    iteration_count: int | None = None


class DeriveKeyRequest(Structure):
    """From which objects, how, and into what; its attributes say how long, in bits."""

    object_type: ObjectType
    unique_identifier: tuple[Identifier, ...] = ()
    derivation_method: DerivationMethod
    derivation_parameters: DerivationParameters
    attributes: Annotated[Attributes, Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES)]


class DeriveKeyResponse(Structure):
    """Under which unique identifier the new object is kept; 1.x may be told what the server chose, and is not."""

    unique_identifier: str
    attributes: Annotated[
        Attributes, Attributed(Form.TEMPLATE, Tag.TEMPLATE_ATTRIBUTE, Tag.ATTRIBUTES), Until(1, 4)
    ] = ()


@operation(Operation.DERIVE_KEY)
async def derive_key(call: Call, request: DeriveKeyRequest) -> DeriveKeyResponse:
    """Derive an object, and link it and its base objects to each other.

    Raises:
        ObjectNotFound, ObjectDestroyed, ObjectArchived, WrongLifecycleState, UsageMaskMissing, UsageLimitExhausted.
        InvalidObjectType: other objects are not derived, or not derived from.
        InvalidMessage: there are no base objects.
        MissingData: algorithm or length is missing, or what the method needs.
        InvalidField: more is wanted than the method gives, or Derivation Data comes twice.
        PermissionDenied: it would do more than another key with its value may, or be less secret than its base.
        NotExtractable, Sensitive: the token does not derive so, and the base key may not leave it.
        BadCryptographicParameters, UnsupportedCryptographicParameters, KeyFormatTypeNotSupported.
        AttributeReadOnly, AttributeSingleValued, InvalidAttributeValue, NonUniqueName: an attribute cannot be so.
    """
    if request.object_type not in DERIVED:
        raise InvalidObjectType(f"Derive Key makes symmetric keys and Secret Data, not {request.object_type.token}")
    derivations.check_known(request.derivation_method)
    found = _bases(call, request)
    given = defaults.completed(call, request.object_type, await templates.expanded(call, request.attributes))
    attributes = attribute_rules.at_birth(given, request.object_type)
    order = await _order(call, request, found, attributes)
    await call.spend(order.base, order.asked.size)
    home = placement.at(call, order.base.row.token)  # the token derives what stays on it
    draft = await deriving.drafted(home, order)
    changes = deriving.bases_linked(call, order, draft.unique_identifier)
    check = duplicates.check if order.base.resident else None
    (made,) = await creation.add(home, draft, changes=changes, check=check)
    call.batch.placeholder = made.unique_identifier
    return DeriveKeyResponse(unique_identifier=made.unique_identifier)


def _bases(call: Call, request: DeriveKeyRequest) -> list[Managed]:
    given = request.unique_identifier
    if not given:
        raise InvalidMessage("Derive Key names the objects to derive from: there is no default")
    if len(given) > MAX_BASE_OBJECTS:
        raise InvalidField(f"a key is derived from {MAX_BASE_OBJECTS} objects at most")
    found = [call.key(each, CryptographicUsageMask.DERIVE_KEY) for each in given]
    if len({each.unique_identifier for each in found}) < len(found):
        raise InvalidField("the objects to derive from are different ones")
    return found


async def _order(call: Call, request: DeriveKeyRequest, found: Sequence[Managed], attributes: Attributes) -> Order:
    agreement = request.derivation_method is DerivationMethod.ASYMMETRIC_KEY
    first, second = (O.PRIVATE_KEY, O.PUBLIC_KEY) if agreement else (O.SYMMETRIC_KEY, O.SECRET_DATA)
    base, other = _in_roles(found, first, second)
    if agreement and (other is None or request.derivation_parameters.derivation_data):
        raise InvalidField("keys agree by a Private Key and a Public Key, and nothing else")
    plan = keyplans.plan_secret(request.object_type, attributes, placement.token_of(call, base).profile)
    given = request.derivation_parameters
    asked = Asked(
        parameters=parameters_of(base, given.cryptographic_parameters),
        algorithm=base.algorithm,
        data=await _data(call, given, None if agreement else other),
        salt=given.salt,
        iterations=given.iteration_count,
        iv=given.initialization_vector or b"",
        size=plan.bits // 8,
    )
    return Order(request.derivation_method, base, other, found, asked, request.object_type, attributes, plan)


def _in_roles(found: Sequence[Managed], first: ObjectType, second: ObjectType) -> tuple[Managed, Managed | None]:
    """Tell the object that is derived from and the one that goes with it; a client may name them in either order.

    Secret Data is derived from too where it stands alone or first of two.
    """
    base = next((each for each in found if each.object_type is first), found[0])
    others = [each for each in found if each is not base]
    allowed = (first, O.SECRET_DATA) if second is O.SECRET_DATA else (first,)
    if base.object_type not in allowed or any(each.object_type is not second for each in others):
        raise InvalidObjectType(f"keys are derived from a {first.token}, or a {second.token} with it, by this method")
    return base, next(iter(others), None)


async def _data(call: Call, given: DerivationParameters, secret: Managed | None) -> bytes | None:
    """Give the Derivation Data: from the request, or from Secret Data that the client could have fetched."""
    if len(given.derivation_data) + (secret is not None) > 1:
        raise InvalidField("there is one Derivation Data, in the request or as Secret Data")
    if secret is not None:
        return await in_the_clear(call, secret, KeyFormatType.RAW)
    return given.derivation_data[0] if given.derivation_data else None
