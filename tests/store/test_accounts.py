"""Tenants, roles, clients and credentials as rows, and the number that tells other processes of a change."""

from msgspec.structs import replace

from gateway.store.accounts import (
    ClientRow,
    CredentialRow,
    Identification,
    Proof,
    RoleRow,
    Standing,
    StrangerRow,
    TenantRow,
)
from gateway.store.api import TicketRow
from gateway.store.grants import GrantRow, Lent
from tests.store.conftest import key

ANNA = ClientRow("bank", "anna", "client:anna", Standing.ACCEPTED, ("storage",), Proof.BOTH, 7, "of the third floor")
KEY = Identification("key", "ab" * 32)


def add_anna(transaction):
    transaction.accounts.add_tenant(TenantRow("bank"))
    transaction.accounts.put_client(ANNA)
    transaction.accounts.identify(ANNA, KEY)


async def test_a_client_is_found_by_what_it_is_known_by(store):
    await store.write(add_anna)
    assert store.accounts.identified(KEY) == ANNA == store.accounts.owner("bank", "client:anna")
    assert store.accounts.identified(Identification("san-uri", KEY.value)) is None
    assert store.accounts.identifications("bank", "anna") == [KEY]


async def test_every_change_of_an_administrator_is_told_to_other_processes_at_once(store, other):
    await store.write(add_anna)
    role = RoleRow("bank", "storage", "{}")
    password = CredentialRow("password", "anna", "bank", "anna", "hash", 7)
    changes = (
        lambda accounts: accounts.add_tenant(TenantRow("shop")),
        lambda accounts: accounts.remove_tenant("shop"),
        lambda accounts: accounts.put_role(role),
        lambda accounts: accounts.remove_role("bank", "storage"),
        lambda accounts: accounts.put_client(replace(ANNA, standing=Standing.REVOKED)),
        lambda accounts: accounts.identify(ANNA, Identification("san-dns", "anna.example")),
        lambda accounts: accounts.put_credential(password),
        lambda accounts: accounts.remove_credentials("bank", "anna"),
        lambda accounts: accounts.add_stranger(StrangerRow("ff", "{}", "", 7), 1) and accounts.reject_stranger("ff"),
        lambda accounts: accounts.remove_stranger("ff"),
    )
    for change in changes:
        before = other.access_generation()
        await store.write(lambda transaction, change=change: change(transaction.accounts))
        assert other.access_generation() > before
    assert other.accounts.client("bank", "anna").standing is Standing.REVOKED


async def test_other_commits_leave_what_is_remembered_of_access(store, other):
    before = other.access_generation()
    await store.write(lambda transaction: transaction.add(key()))
    assert other.access_generation() == before


async def test_a_credential_for_one_use_is_spent_once(store):
    await store.write(add_anna)
    await store.write(lambda t: t.accounts.put_credential(CredentialRow("one-time", "x", "bank", "anna", "", 7)))
    assert await store.write(lambda t: t.accounts.spend_credential("one-time", "x"))
    assert not await store.write(lambda t: t.accounts.spend_credential("one-time", "x"))


async def test_a_time_stamp_only_advances(store):
    await store.write(add_anna)
    await store.write(lambda t: t.accounts.put_credential(CredentialRow("hashed", "anna", "bank", "anna", "", 7)))
    shown = [
        await store.write(lambda t, at=at: t.accounts.advance_credential("hashed", "anna", at)) for at in (5, 5, 4, 6)
    ]
    assert shown == [True, False, False, True]


async def test_unknown_certificates_are_noted_up_to_a_number(store):
    rows = [StrangerRow(f"{number:02x}", "{}", "192.0.2.1", number) for number in range(3)]
    noted = [await store.write(lambda t, row=row: t.accounts.add_stranger(row, 2)) for row in (*rows, rows[0])]
    assert noted == [True, True, False, True]
    assert store.accounts.strangers() == rows[:2]


async def test_a_tenant_tells_whether_it_owns_objects(store):
    row = key()
    await store.write(lambda transaction: transaction.add(row))
    assert store.accounts.owns_objects(row.tenant, row.owner)
    assert not store.accounts.owns_objects(row.tenant, "client:nobody")
    assert not store.accounts.owns_objects("bank")


async def test_a_tenant_of_the_same_name_has_nothing_of_the_one_that_is_gone(store):
    grant = GrantRow("shop", "client:anna", 10, Lent.ALL, "")
    ticket = TicketRow(bytes(32), "shop", "client:anna")

    def leave(transaction):
        transaction.accounts.add_tenant(TenantRow("shop"))
        transaction.accounts.put_role(RoleRow("shop", "own", "{}"))
        transaction.grants.add(grant)
        transaction.add_ticket(ticket)
        transaction.set_setting("shop", "client:anna", 1, b"defaults")

    await store.write(leave)
    await store.write(lambda transaction: transaction.accounts.remove_tenant("shop"))
    await store.write(lambda transaction: transaction.accounts.add_tenant(TenantRow("shop")))
    assert (store.grants.all("shop"), store.accounts.roles("shop"), store.ticket(bytes(32))) == ([], [], [])
    assert store.setting("shop", "client:anna", 1) is None
