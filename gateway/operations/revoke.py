"""Revoke: an object is deactivated, or told to be compromised (KMIP 2.1 section 6.1.44 Revoke)."""

from gateway.call import Call
from gateway.errors import InvalidField, ObjectArchived, ObjectDestroyed, WrongLifecycleState
from gateway.kmip import attribute_sets as sets
from gateway.kmip import lifecycle
from gateway.kmip.enums import Operation, RevocationReasonCode
from gateway.kmip.structure import Attributes, DateTime, Identifier, Structure
from gateway.kmip.tags import Tag
from gateway.kmip.values import RevocationReason
from gateway.managed import Managed
from gateway.operations import operation

COMPROMISES = (RevocationReasonCode.KEY_COMPROMISE, RevocationReasonCode.CA_COMPROMISE)


class RevokeRequest(Structure):
    """Which object (the ID Placeholder when left out), why, and since when others may have had it."""

    unique_identifier: Identifier | None = None
    revocation_reason: RevocationReason
    compromise_occurrence_date: DateTime | None = None


class RevokeResponse(Structure):
    """Which object it was."""

    unique_identifier: str


@operation(Operation.REVOKE)
async def revoke(call: Call, request: RevokeRequest) -> RevokeResponse:
    """Make an Active object Deactivated; one of any State, destroyed or not, Compromised for a reason of that kind.

    Raises:
        ObjectNotFound, ObjectArchived.
        ObjectDestroyed: and the reason is no compromise.
        WrongLifecycleState: the object was never Active, or is Compromised already.
        InvalidField: a Compromise Occurrence Date without a compromise.
    """
    compromised = request.revocation_reason.revocation_reason_code in COMPROMISES
    if request.compromise_occurrence_date is not None and not compromised:
        raise InvalidField("a Compromise Occurrence Date goes with a compromise only")

    def revoked(current: Managed) -> Attributes:
        if current.archive is not None:
            raise ObjectArchived(f"{current.unique_identifier} is archived")
        attributes = sets.put(current.attributes, Tag.REVOCATION_REASON, request.revocation_reason)
        if compromised:
            return _compromised(call, current, attributes, request.compromise_occurrence_date)
        return _deactivated(call, current, attributes)

    managed = await call.change(call.find(request.unique_identifier), revoked)
    return RevokeResponse(unique_identifier=managed.unique_identifier)


def _compromised(call: Call, current: Managed, attributes: Attributes, since: DateTime | None) -> Attributes:
    if current.compromise is not None:
        raise WrongLifecycleState(f"{current.unique_identifier} is {current.state(call.now).token} already")
    if since is None:
        # Where nobody knows, it should be the Initial Date (KMIP 1.4 section 3.29 Compromise Occurrence Date).
        since = DateTime(sets.number(attributes, Tag.INITIAL_DATE) or call.today)
    attributes = sets.put(attributes, Tag.COMPROMISE_DATE, call.today)
    return sets.put(attributes, Tag.COMPROMISE_OCCURRENCE_DATE, since)


def _deactivated(call: Call, current: Managed, attributes: Attributes) -> Attributes:
    if current.destroy is not None:
        raise ObjectDestroyed(f"{current.unique_identifier} was destroyed")
    state = current.state(call.now)
    if state not in lifecycle.REVOCABLE:
        raise WrongLifecycleState(f"{current.unique_identifier} is {state.token}, not Active")
    if current.deactivation is not None and current.deactivation <= call.now:
        return attributes
    return sets.put(attributes, Tag.DEACTIVATION_DATE, call.today)
