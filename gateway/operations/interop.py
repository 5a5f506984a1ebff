"""Interop: where a test case begins and ends (KMIP 2.1 section 6.1.26 Interop).

The one rule here: "SHALL NOT be available in a production server". It is there only where [kmip] interop is true, and
Query does not tell of it elsewhere.
"""

from gateway import approvals, client_settings, creation
from gateway.call import Call
from gateway.kmip.enums import InteropFunction, Operation
from gateway.kmip.structure import Structure
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_0
from gateway.operations import operation
from gateway.store.api import Query


class InteropRequest(Structure):
    """Whether a test case begins or ends, or all is to be as before any; and which it is."""

    interop_function: InteropFunction
    interop_identifier: str


class InteropResponse(Structure):
    """Nothing: it was taken note of."""


@operation(Operation.INTEROP, since=V2_0, switch="interop")
async def interop(call: Call, request: InteropRequest) -> InteropResponse:
    """Destroy all objects of this client for Reset, Active ones too, and free their Names; else do nothing.

    Its defaults and constraints go too. All of it stays where one object needs the approval of others to be destroyed.

    Raises:
        NotAuthorized: there is one.
    """
    if request.interop_function is InteropFunction.RESET:
        await _reset(call)
    return InteropResponse()


async def _reset(call: Call) -> None:
    identity = call.peer.identity
    query = Query(tenant=identity.tenant, owner=identity.name, include_archived=True)
    mine = [call.find(each) for each in (await call.store.locate(query)).unique_identifiers]
    for each in mine:
        approvals.require_kept(call, each.row)
    for tag in (Tag.DEFAULTS_INFORMATION, Tag.CONSTRAINTS):
        await client_settings.lay_down(call, tag, None)
    await creation.unmake(call, mine)
