"""Tenants, roles, clients and credentials in SQLite: each question and change as one statement."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import json
from msgspec.structs import astuple

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

Execute = Callable[[str, Sequence[object]], list[Any]]

SELECT_GENERATION = "SELECT number FROM access_generation"

TABLES = (
    "CREATE TABLE access_generation (number INTEGER NOT NULL) STRICT",
    "INSERT INTO access_generation VALUES (1)",
    "CREATE TABLE tenants (name TEXT PRIMARY KEY, settings TEXT NOT NULL) STRICT, WITHOUT ROWID",
    # A role of the tenant '' is every tenant's.
    """CREATE TABLE roles (
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        definition TEXT NOT NULL,
        PRIMARY KEY (tenant, name)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE clients (
        id INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL REFERENCES tenants (name),
        name TEXT NOT NULL,
        identity TEXT NOT NULL,
        standing TEXT NOT NULL,
        roles TEXT NOT NULL,
        proof TEXT NOT NULL,
        created INTEGER NOT NULL,
        comment TEXT NOT NULL,
        UNIQUE (tenant, name),
        UNIQUE (tenant, identity)
    ) STRICT""",
    """CREATE TABLE identifications (
        method TEXT NOT NULL,
        value TEXT NOT NULL,
        client INTEGER NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
        PRIMARY KEY (method, value)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX identifications_by_client ON identifications (client)",
    """CREATE TABLE credentials (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        client INTEGER NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
        secret TEXT NOT NULL,
        created INTEGER NOT NULL,
        latest INTEGER NOT NULL,
        PRIMARY KEY (kind, key)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX credentials_by_client ON credentials (client)",
    """CREATE TABLE strangers (
        key TEXT PRIMARY KEY,
        shown TEXT NOT NULL,
        address TEXT NOT NULL,
        seen INTEGER NOT NULL,
        rejected INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "INSERT INTO tenants VALUES ('default', '{}')",
)

# What a tenant takes along when it goes: another one of its name has none of it.
OF_A_TENANT = ("roles", "grants", "tickets", "settings", "asynchronous_requests")
_BUMP = "UPDATE access_generation SET number = number + 1"
_CLIENT = """SELECT clients.tenant, clients.name, clients.identity, clients.standing, clients.roles, clients.proof,
    clients.created, clients.comment FROM clients"""
_CREDENTIAL = """SELECT credentials.kind, credentials.key, clients.tenant, clients.name, credentials.secret,
    credentials.created, credentials.latest FROM credentials JOIN clients ON clients.id = credentials.client"""
_ID = "(SELECT id FROM clients WHERE tenant = ? AND name = ?)"
_PUT_CLIENT = """INSERT INTO clients (tenant, name, identity, standing, roles, proof, created, comment)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, name) DO UPDATE SET identity = excluded.identity,
    standing = excluded.standing, roles = excluded.roles, proof = excluded.proof, comment = excluded.comment"""


class SqliteAccounts:
    """The rows of accounts as a connection sees them; accounts.Accounts has the promises."""

    def __init__(self, execute: Execute) -> None:
        """Ask through this function, which gives the rows of a statement; changes need one of a transaction."""
        self._execute = execute

    def bump(self) -> None:
        self._execute(_BUMP, ())

    def tenants(self) -> list[TenantRow]:
        return [TenantRow(*each) for each in self._execute("SELECT name, settings FROM tenants ORDER BY name", ())]

    def tenant(self, name: str) -> TenantRow | None:
        found = self._execute("SELECT name, settings FROM tenants WHERE name = ?", (name,))
        return TenantRow(*found[0]) if found else None

    def add_tenant(self, row: TenantRow) -> None:
        self._change("INSERT INTO tenants VALUES (?, ?)", (row.name, row.settings))

    def remove_tenant(self, name: str) -> None:
        for table in OF_A_TENANT:
            self._execute(f"DELETE FROM {table} WHERE tenant = ?", (name,))  # noqa: S608
        self._change("DELETE FROM tenants WHERE name = ?", (name,))

    def owns_objects(self, tenant: str, identity: str | None = None) -> bool:
        sql = "SELECT 1 FROM objects WHERE tenant = ? AND (? IS NULL OR owner = ?) LIMIT 1"
        return bool(self._execute(sql, (tenant, identity, identity)))

    def roles(self, tenant: str | None = None) -> list[RoleRow]:
        sql = "SELECT * FROM roles WHERE ? IS NULL OR tenant = ? ORDER BY tenant, name"
        return [RoleRow(*each) for each in self._execute(sql, (tenant, tenant))]

    def role(self, tenant: str, name: str) -> RoleRow | None:
        found = self._execute("SELECT * FROM roles WHERE tenant = ? AND name = ?", (tenant, name))
        return RoleRow(*found[0]) if found else None

    def put_role(self, row: RoleRow) -> None:
        self._change("INSERT OR REPLACE INTO roles VALUES (?, ?, ?)", astuple(row))

    def remove_role(self, tenant: str, name: str) -> None:
        self._change("DELETE FROM roles WHERE tenant = ? AND name = ?", (tenant, name))

    def clients(self, tenant: str | None = None) -> list[ClientRow]:
        return self._clients("WHERE ? IS NULL OR tenant = ? ORDER BY tenant, name", tenant, tenant)

    def client(self, tenant: str, name: str) -> ClientRow | None:
        return _first(self._clients("WHERE tenant = ? AND name = ?", tenant, name))

    def owner(self, tenant: str, identity: str) -> ClientRow | None:
        return _first(self._clients("WHERE tenant = ? AND identity = ?", tenant, identity))

    def identified(self, by: Identification) -> ClientRow | None:
        joined = "JOIN identifications ON identifications.client = clients.id WHERE method = ? AND value = ?"
        return _first(self._clients(joined, *by))

    def identifications(self, tenant: str, name: str) -> list[Identification]:
        sql = f"SELECT method, value FROM identifications WHERE client = {_ID} ORDER BY method, value"  # noqa: S608
        return [Identification(*each) for each in self._execute(sql, (tenant, name))]

    def put_client(self, row: ClientRow) -> None:
        *columns, roles, proof, created, comment = astuple(row)
        self._change(_PUT_CLIENT, (*columns, json.encode(roles).decode(), proof, created, comment))

    def identify(self, row: ClientRow, by: Identification) -> None:
        self._change(f"INSERT INTO identifications VALUES (?, ?, {_ID})", (*by, row.tenant, row.name))  # noqa: S608

    def credential(self, kind: str, key: str) -> CredentialRow | None:
        found = self._execute(f"{_CREDENTIAL} WHERE kind = ? AND key = ?", (kind, key))
        return CredentialRow(*found[0]) if found else None

    def credentials(self, tenant: str | None = None) -> list[CredentialRow]:
        sql = f"{_CREDENTIAL} WHERE ? IS NULL OR tenant = ? ORDER BY tenant, name, kind, key"
        return [CredentialRow(*each) for each in self._execute(sql, (tenant, tenant))]

    def put_credential(self, row: CredentialRow) -> None:
        sql = f"INSERT OR REPLACE INTO credentials VALUES (?, ?, {_ID}, ?, ?, ?)"  # noqa: S608
        self._change(sql, (row.kind, row.key, row.tenant, row.client, row.secret, row.created, row.latest))

    def remove_credentials(self, tenant: str, client: str, kind: str | None = None) -> int:
        sql = f"DELETE FROM credentials WHERE client = {_ID} AND (? IS NULL OR kind = ?) RETURNING 1"  # noqa: S608
        gone = self._execute(sql, (tenant, client, kind, kind))
        self.bump()
        return len(gone)

    def spend_credential(self, kind: str, key: str) -> bool:
        return bool(self._execute("DELETE FROM credentials WHERE kind = ? AND key = ? RETURNING 1", (kind, key)))

    def advance_credential(self, kind: str, key: str, latest: int) -> bool:
        sql = "UPDATE credentials SET latest = ? WHERE kind = ? AND key = ? AND latest < ? RETURNING 1"
        return bool(self._execute(sql, (latest, kind, key, latest)))

    def stranger(self, key: str) -> StrangerRow | None:
        return next(iter(self._strangers("WHERE key = ?", key)), None)

    def strangers(self) -> list[StrangerRow]:
        return self._strangers("ORDER BY seen, key")

    def add_stranger(self, row: StrangerRow, most: int) -> bool:
        sql = "INSERT OR IGNORE INTO strangers SELECT ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM strangers) < ?"
        self._execute(sql, (*astuple(row), most))
        return self.stranger(row.key) is not None

    def reject_stranger(self, key: str) -> None:
        self._change("UPDATE strangers SET rejected = 1 WHERE key = ?", (key,))

    def remove_stranger(self, key: str) -> None:
        self._change("DELETE FROM strangers WHERE key = ?", (key,))

    def _change(self, sql: str, values: Sequence[object]) -> None:
        self._execute(sql, values)
        self.bump()

    def _clients(self, where: str, *values: object) -> list[ClientRow]:
        return [_client(*each) for each in self._execute(f"{_CLIENT} {where}", values)]

    def _strangers(self, where: str, *values: object) -> list[StrangerRow]:
        found = self._execute(f"SELECT * FROM strangers {where}", values)  # noqa: S608
        return [StrangerRow(key, shown, address, seen, rejected != 0) for key, shown, address, seen, rejected in found]


def _client(
    tenant: str, name: str, identity: str, standing: str, roles: str, proof: str, created: int, comment: str
) -> ClientRow:
    held = json.decode(roles, type=tuple[str, ...])
    return ClientRow(tenant, name, identity, Standing(standing), held, Proof(proof), created, comment)


def _first(found: list[ClientRow]) -> ClientRow | None:
    return found[0] if found else None
