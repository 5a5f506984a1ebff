"""What a client may do with objects that another client of its tenant has lent to it, and what its owner alone may."""

import pytest

from gateway.access.permissions import GRANTABLE, USES
from gateway.access.presets import PRESETS
from gateway.kmip.enums import CryptographicAlgorithm as A
from gateway.kmip.enums import CryptographicUsageMask as M
from gateway.kmip.enums import ObjectType, Operation
from gateway.kmip.enums import ResultReason as R
from gateway.kmip.policy import Constraint, Constraints, Objects, Operations, Right, Rights
from gateway.kmip.structure import Attribute
from gateway.kmip.tags import Tag
from gateway.kmip.version import V2_1
from gateway.operations.add_attribute import AddAttributeRequest
from gateway.operations.create import CreateRequest
from gateway.operations.delegated_login import DelegatedLoginRequest
from gateway.operations.destroy import DestroyRequest
from gateway.operations.get import GetRequest
from gateway.operations.get_attributes import GetAttributesRequest
from gateway.operations.locate import LocateRequest
from gateway.operations.modify_attribute import ModifyAttributeRequest
from gateway.operations.re_key import ReKeyRequest
from gateway.operations.set_constraints import SetConstraintsRequest
from gateway.store.grants import GrantRow, Lent
from tests.operations.conftest import Client, Gateway
from tests.operations.test_create import name, spec
from tests.operations.test_register_get import specification
from tests.operations.test_split_keys import splitting
from tests.operations.test_tickets import login, shown, with_ticket

O = Operation  # noqa: E741
LENT_TO = "cert:b"


async def lend(gateway: Gateway, lent: Lent, target: str, *uses: str, owner: str = "", tenant: str = "default") -> None:
    """Grant as an administrator does, to client B."""
    rows = [GrantRow(tenant, LENT_TO, USES[use], lent, target, owner) for use in uses]
    await gateway.store.write(lambda transaction: [transaction.grants.add(row) for row in rows])


async def take_back(gateway: Gateway, lent: Lent, target: str, *uses: str) -> None:
    rows = [GrantRow("default", LENT_TO, USES[use], lent, target) for use in uses]
    found = await gateway.store.write(lambda transaction: [transaction.grants.remove(row) for row in rows])
    assert all(found)


async def key(client: Client, *more: Attribute, mask: M = M.ENCRYPT) -> str:
    attributes = spec(A.AES, 128, mask, *more)
    made = await client.one(V2_1, O.CREATE, CreateRequest(object_type=ObjectType.SYMMETRIC_KEY, attributes=attributes))
    return str(made.unique_identifier)


def group(text: str) -> Attribute:
    return Attribute(Tag.OBJECT_GROUP, text)


def get(unique_identifier: str) -> GetRequest:
    return GetRequest(unique_identifier=unique_identifier)


async def located(client: Client, *attributes: Attribute) -> set[str]:
    found = await client.one(V2_1, O.LOCATE, LocateRequest(attributes=attributes))
    assert found.located_items == len(found.unique_identifier)
    return set(found.unique_identifier)


async def test_a_granted_use_is_allowed_and_no_other(gateway: Gateway) -> None:
    one, two = await key(gateway), await key(gateway)
    await lend(gateway, Lent.OBJECT, one, "Get")
    await gateway.other.one(V2_1, O.GET, get(one))
    assert await gateway.other.refused(V2_1, O.GET, get(two)) is R.OBJECT_NOT_FOUND
    asked = GetAttributesRequest(unique_identifier=one)
    assert await gateway.other.refused(V2_1, O.GET_ATTRIBUTES, asked) is R.OBJECT_NOT_FOUND


async def test_a_grant_that_is_taken_back_ends_at_once(gateway: Gateway) -> None:
    one = await key(gateway)
    await lend(gateway, Lent.OBJECT, one, "Get")
    await gateway.other.one(V2_1, O.GET, get(one))
    await take_back(gateway, Lent.OBJECT, one, "Get")
    assert await gateway.other.refused(V2_1, O.GET, get(one)) is R.OBJECT_NOT_FOUND


async def test_the_object_group_is_asked_for_as_it_is_at_that_moment(gateway: Gateway) -> None:
    one = await key(gateway, group("payroll"))
    await lend(gateway, Lent.GROUP, "payroll", "Get")
    await gateway.other.one(V2_1, O.GET, get(one))
    out = ModifyAttributeRequest(unique_identifier=one, new_attribute=(group("elsewhere"),))
    await gateway.one(V2_1, O.MODIFY_ATTRIBUTE, out)
    assert await gateway.other.refused(V2_1, O.GET, get(one)) is R.OBJECT_NOT_FOUND


async def test_a_group_may_be_that_of_one_owner(gateway: Gateway) -> None:
    """Others cannot put an object where the grantee would take it for the owner's."""
    third = gateway.client("cert:c", PRESETS["everything"])
    planted = await key(third, group("payroll"))
    one = await key(gateway, group("payroll"))
    await lend(gateway, Lent.GROUP, "payroll", "Get", "Locate", owner="cert:a")
    await gateway.other.one(V2_1, O.GET, get(one))
    assert await gateway.other.refused(V2_1, O.GET, get(planted)) is R.OBJECT_NOT_FOUND
    assert await located(gateway.other, group("payroll")) == {one}


async def test_locate_finds_what_is_granted_for_it_with_what_is_own(gateway: Gateway) -> None:
    own = await key(gateway.other)
    hidden, one, grouped = await key(gateway), await key(gateway, name("n")), await key(gateway, group("payroll"))
    assert await located(gateway.other) == {own}
    await lend(gateway, Lent.OBJECT, one, "Locate")
    await lend(gateway, Lent.GROUP, "payroll", "Locate")
    await lend(gateway, Lent.OBJECT, hidden, "Get")
    assert await located(gateway.other) == {own, one, grouped}
    assert await located(gateway.other, name("n")) == {one}
    assert await located(gateway) == {hidden, one, grouped}
    page = await gateway.other.one(V2_1, O.LOCATE, LocateRequest(maximum_items=1, offset_items=1))
    assert (page.unique_identifier, page.located_items) == ((one,), 3)


async def test_all_of_a_tenant_for_its_auditor(gateway: Gateway) -> None:
    one = await key(gateway)
    await lend(gateway, Lent.ALL, "", "Locate", "GetAttributes", "Get")
    auditor = gateway.client(LENT_TO, PRESETS["auditor"])
    assert await located(auditor) == {one}
    await auditor.one(V2_1, O.GET_ATTRIBUTES, GetAttributesRequest(unique_identifier=one))
    # A grant allows no more than the roles do.
    assert await auditor.refused(V2_1, O.GET, get(one)) is R.NOT_AUTHORIZED


async def test_no_grant_reaches_beyond_its_tenant(gateway: Gateway) -> None:
    one = await key(gateway, group("payroll"))
    stranger = gateway.client(LENT_TO, PRESETS["everything"], tenant="elsewhere")
    for tenant in ("default", "elsewhere"):
        await lend(gateway, Lent.OBJECT, one, "Get", "Locate", tenant=tenant)
        await lend(gateway, Lent.GROUP, "payroll", "Get", "Locate", tenant=tenant)
        await lend(gateway, Lent.ALL, "", "Get", "Locate", tenant=tenant)
    assert await stranger.refused(V2_1, O.GET, get(one)) is R.OBJECT_NOT_FOUND
    assert await located(stranger) == set()
    await gateway.other.one(V2_1, O.GET, get(one))


async def test_wrapping_with_a_granted_key_is_granted_by_itself(gateway: Gateway) -> None:
    active = Attribute(Tag.ACTIVATION_DATE, 1)
    kek = await key(gateway, active, mask=M.WRAP_KEY)
    own = await key(gateway.other)
    wrapped = GetRequest(unique_identifier=own, key_wrapping_specification=specification(kek))
    await lend(gateway, Lent.OBJECT, kek, *(GRANTABLE.keys() - {"WrapKey"}))
    assert await gateway.other.refused(V2_1, O.GET, wrapped) is R.WRAPPING_OBJECT_NOT_FOUND
    await lend(gateway, Lent.OBJECT, kek, "WrapKey")
    await gateway.other.one(V2_1, O.GET, wrapped)


async def test_the_owner_alone_changes_the_groups_that_share_an_object(gateway: Gateway) -> None:
    one = await key(gateway)
    await lend(gateway, Lent.OBJECT, one, "AddAttribute", "ModifyAttribute")
    asked = AddAttributeRequest(unique_identifier=one, new_attribute=(group("mine"),))
    assert await gateway.other.refused(V2_1, O.ADD_ATTRIBUTE, asked) is R.NOT_AUTHORIZED
    comment = Attribute(Tag.COMMENT, "seen")
    await gateway.other.one(V2_1, O.ADD_ATTRIBUTE, AddAttributeRequest(unique_identifier=one, new_attribute=(comment,)))
    await gateway.one(V2_1, O.ADD_ATTRIBUTE, asked)


async def test_the_owners_constraints_hold_whoever_changes_an_object(gateway: Gateway) -> None:
    one = await key(gateway, Attribute(Tag.COMMENT, "a"))
    only = Constraint(attributes=(Attribute(Tag.COMMENT, "a"),))
    await gateway.one(V2_1, O.SET_CONSTRAINTS, SetConstraintsRequest(constraints=Constraints(constraint=(only,))))
    await lend(gateway, Lent.OBJECT, one, "ModifyAttribute")
    asked = ModifyAttributeRequest(unique_identifier=one, new_attribute=(Attribute(Tag.COMMENT, "b"),))
    assert await gateway.other.refused(V2_1, O.MODIFY_ATTRIBUTE, asked) is R.CONSTRAINT_VIOLATION


async def test_what_only_the_owner_does_no_row_grants(gateway: Gateway) -> None:
    one = await key(gateway)
    await lend(gateway, Lent.OBJECT, one, *(USES.keys() - GRANTABLE.keys()))
    right = Right(operations=Operations(operation=(O.GET,)), objects=Objects(unique_identifier=(one,)))
    for operation, payload in (
        (O.RE_KEY, ReKeyRequest(unique_identifier=one)),
        (O.CREATE_SPLIT_KEY, splitting(one)),
        (O.DELEGATED_LOGIN, DelegatedLoginRequest(rights=Rights(right=(right,)))),
    ):
        assert await gateway.other.refused(V2_1, operation, payload) is R.OBJECT_NOT_FOUND


async def test_a_ticket_for_less_does_not_pass_on_what_was_lent(gateway: Gateway) -> None:
    one = await key(gateway)
    await lend(gateway, Lent.OBJECT, one, "Get", "Locate")
    whole = await login(gateway.other)
    assert await with_ticket(gateway.other, whole, O.GET, get(one)) is None
    rights = Rights(right=(Right(operations=Operations(operation=(O.GET, O.LOCATE))),))
    ticket = (await gateway.other.one(V2_1, O.DELEGATED_LOGIN, DelegatedLoginRequest(rights=rights))).ticket
    assert await with_ticket(gateway.other, ticket, O.GET, get(one)) is R.OBJECT_NOT_FOUND
    (found,) = await gateway.other.ask(V2_1, (O.LOCATE, LocateRequest()), **shown(ticket))
    assert found.payload.unique_identifier == ()


async def test_what_is_done_with_a_lent_object_is_checked_again_in_the_transaction(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grant that is taken back between the look and the commit leaves the object alone."""
    one = await key(gateway)
    await lend(gateway, Lent.OBJECT, one, "Destroy")
    write = gateway.store.write

    async def late(fn):  # type: ignore[no-untyped-def]
        monkeypatch.undo()
        await take_back(gateway, Lent.OBJECT, one, "Destroy")
        return await write(fn)

    monkeypatch.setattr(gateway.exchange._services.store, "write", late)
    asked = DestroyRequest(unique_identifier=one)
    assert await gateway.other.refused(V2_1, O.DESTROY, asked) is R.OBJECT_NOT_FOUND
    await gateway.one(V2_1, O.DESTROY, asked)
