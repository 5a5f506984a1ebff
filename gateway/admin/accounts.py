"""Tenants, roles and clients as an administrator's commands see them: each change one commit, heard of at once.

The rule of the room: what is asked for is checked in the transaction that changes it.
"""

import asyncio
import re
import time
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, ValidationError, convert, json
from msgspec.structs import replace

from gateway.access import permissions
from gateway.access.identity import Shown
from gateway.access.presets import PRESETS
from gateway.access.roles import Role
from gateway.errors import ConfigurationError
from gateway.store.accounts import (
    Accounts,
    AccountsRead,
    ClientRow,
    Identification,
    Proof,
    RoleRow,
    Standing,
    StrangerRow,
    TenantRow,
)
from gateway.store.catalogue import open_catalogue
from gateway.store.sqlite import open_store

T = TypeVar("T")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RESERVED_TENANTS = ("gateway",)  # the gateway's own objects are there
DEFAULT_TENANT = "default"
MAX_COMMENT = 200
SHORTEST = 8  # hexadecimal digits that mean one certificate
METHODS = ("key", "san-uri", "san-dns", "subject")


class ListedRole(Struct, frozen=True):
    """One line of `role list`; one that comes along is of no tenant."""

    tenant: str
    name: str
    preset: bool


class ListedClient(Struct, frozen=True):
    """One line of `client list`."""

    tenant: str
    name: str
    standing: str
    proof: str
    roles: tuple[str, ...]
    owner: str  # as `object list` shows it
    known_by: tuple[str, ...]
    credentials: tuple[str, ...]
    created: str
    comment: str


class ListedStranger(Struct, frozen=True):
    """One line of `client pending`."""

    key: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    address: str
    seen: str
    rejected: bool


def change(database: Path, fn: Callable[[Accounts], T]) -> T:
    """Give what a change of the accounts gives, once it is durable; a running gateway hears of it at its next request.

    Raises:
        ConfigurationError: the database cannot be used, or the change says why it is refused.
    """
    return asyncio.run(_changed(database, fn))


async def _changed(database: Path, fn: Callable[[Accounts], T]) -> T:
    store = open_store(database)
    try:
        return await store.write(lambda transaction: fn(transaction.accounts))
    finally:
        await store.close()


def read(database: Path, fn: Callable[[AccountsRead], T]) -> T:
    """Give what a question about the accounts gives.

    Raises:
        ConfigurationError: the database cannot be read.
    """
    catalogue = open_catalogue(database)
    try:
        return fn(catalogue.accounts)
    finally:
        catalogue.close()


def checked(kind: str, name: str) -> str:
    """Give a name back that a tenant, role or client may have.

    Raises:
        ConfigurationError: it is none.
    """
    if not NAME.fullmatch(name) or (kind == "tenant" and name in RESERVED_TENANTS):
        raise ConfigurationError(
            f"{name!r} is no name for a {kind}: use up to 64 letters, digits, dots, dashes and underscores."
        )
    return name


# --- tenants


def create_tenant(accounts: Accounts, name: str) -> None:
    """Add a tenant.

    Raises:
        ConfigurationError: there is one of this name.
    """
    checked("tenant", name)
    if accounts.tenant(name) is not None:
        raise ConfigurationError(f"There is a tenant named {name} already.")
    accounts.add_tenant(TenantRow(name))


def remove_tenant(accounts: Accounts, name: str) -> None:
    """Remove a tenant that has neither clients nor objects, with its roles.

    Raises:
        ConfigurationError: there is none of this name, or it has some.
    """
    tenant_of(accounts, name)
    if name == DEFAULT_TENANT:
        raise ConfigurationError("The tenant default stays: clients that nobody has named may be in it.")
    if accounts.clients(name):
        raise ConfigurationError(f"The tenant {name} has clients, of which revoked ones are kept; it stays.")
    if accounts.owns_objects(name):
        raise ConfigurationError(f"The tenant {name} has objects, of which destroyed ones are kept; it stays.")
    accounts.remove_tenant(name)


def tenant_of(accounts: AccountsRead, name: str) -> TenantRow:
    """Give a tenant.

    Raises:
        ConfigurationError: there is none of this name.
    """
    row = accounts.tenant(name)
    if row is None:
        raise ConfigurationError(f"There is no tenant named {name}; make it with `kmip-gateway tenant create {name}`.")
    return row


# --- roles


def role_from(name: str, file: Path | None, preset: str | None) -> Role:
    """Give a role as a TOML or JSON file says it, or one that comes along, under this name.

    Raises:
        ConfigurationError: the file cannot be read or is no role, or there is no such role.
    """
    checked("role", name)
    if (file is None) == (preset is None):
        raise ConfigurationError("Say what the role may do by --file or by --like, and by one of them.")
    if preset is not None:
        if preset not in PRESETS:
            raise ConfigurationError(f"No role named {preset} comes along; there are {', '.join(PRESETS)}.")
        return replace(PRESETS[preset], name=name)
    assert file is not None  # noqa: S101 - one of the two is given
    try:
        role = convert({**_table(file), "name": name}, Role)
    except ValidationError as error:
        raise ConfigurationError(f"{file} is no role: {error}.") from None
    permissions.check(role)
    return role


def _table(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text("utf-8")
        found = json.decode(text, type=dict[str, Any]) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror}).") from None
    except (ValueError, ValidationError) as error:
        raise ConfigurationError(f"{file}: is neither TOML nor, named .json, JSON: {error}.") from None
    return found


def written(role: Role) -> str:
    """Give a role as JSON, each time the same."""
    return json.encode(role, order="deterministic").decode()


def put_role(accounts: Accounts, tenant: str, role: Role) -> None:
    """Keep a role of a tenant, or with "" of all tenants, in place of the one of this name.

    Raises:
        ConfigurationError: there is no such tenant.
    """
    if tenant:
        tenant_of(accounts, tenant)
    accounts.put_role(RoleRow(tenant, role.name, written(role)))


def remove_role(accounts: Accounts, tenant: str, name: str) -> None:
    """Remove a role.

    Raises:
        ConfigurationError: there is none of this name, or clients have it.
    """
    if accounts.role(tenant, name) is None:
        raise ConfigurationError(f"The tenant {tenant or '(all)'} has no role of its own named {name}.")
    holders = [each.name for each in accounts.clients(tenant or None) if name in each.roles]
    if holders and name not in PRESETS and (not tenant or accounts.role("", name) is None):
        raise ConfigurationError(
            f"The role {name} stays, for {', '.join(holders[:5])} would have nothing in its place."
        )
    accounts.remove_role(tenant, name)


def list_roles(accounts: AccountsRead, tenant: str | None) -> list[ListedRole]:
    """Give the roles of a tenant with those for all, or all there are."""
    rows = [each for each in accounts.roles() if tenant is None or each.tenant in ("", tenant)]
    return [ListedRole("", name, True) for name in PRESETS] + [ListedRole(row.tenant, row.name, False) for row in rows]


def show_role(accounts: AccountsRead, tenant: str, name: str) -> Role:
    """Give what the clients of a tenant may do by a role.

    Raises:
        ConfigurationError: there is none of this name.
    """
    row = accounts.role(tenant, name) or accounts.role("", name)
    if row is not None:
        return json.decode(row.definition, type=Role)
    if name not in PRESETS:
        raise ConfigurationError(f"There is no role named {name}; see `kmip-gateway role list`.")
    return PRESETS[name]


# --- clients


class Enrolment(Struct, frozen=True, kw_only=True):
    """A client to be made."""

    tenant: str
    name: str
    roles: tuple[str, ...]
    proof: Proof = Proof.ANY
    comment: str = ""


def add_client(accounts: Accounts, wanted: Enrolment, facts: Sequence[Identification]) -> ClientRow:
    """Add a client that is known by these facts.

    What its key has made where clients have spaces of their own, it keeps, if that is its tenant.

    Raises:
        ConfigurationError: what `check_client` says, or another is known by one of these facts.
    """
    check_client(accounts, wanted)
    owners = [f"cert:{fact.value}" for fact in facts if fact.method == "key" and wanted.tenant == DEFAULT_TENANT]
    kept = [each for each in owners if accounts.owns_objects(DEFAULT_TENANT, each)]
    identity, now = (*kept, f"client:{wanted.name}")[0], int(time.time())
    row = ClientRow(
        wanted.tenant, wanted.name, identity, Standing.ACCEPTED, wanted.roles, wanted.proof, now, wanted.comment
    )
    accounts.put_client(row)
    for fact in facts:
        identify(accounts, row, fact)
    return row


def check_client(accounts: AccountsRead, wanted: Enrolment) -> None:
    """Check that a client can be made.

    Raises:
        ConfigurationError: there is one of this name, or no such tenant or role; or the texts are no such texts.
    """
    checked("client", wanted.name)
    tenant_of(accounts, wanted.tenant)
    for role in wanted.roles:
        show_role(accounts, wanted.tenant, role)
    if accounts.client(wanted.tenant, wanted.name) is not None:
        raise ConfigurationError(f"The tenant {wanted.tenant} has a client named {wanted.name}, perhaps a revoked one.")
    if len(wanted.comment) > MAX_COMMENT or not wanted.comment.isprintable():
        raise ConfigurationError(f"A comment is {MAX_COMMENT} printing characters at most.")


def identify(accounts: Accounts, row: ClientRow, fact: Identification) -> None:
    """Let a client be known by one more fact.

    Raises:
        ConfigurationError: a client is known by it already.
    """
    known = accounts.identified(fact)
    if known is not None:
        raise ConfigurationError(
            f"The client {known.name} of the tenant {known.tenant} is known by this {fact.method} already."
        )
    accounts.identify(row, fact)
    if fact.method == "key":
        accounts.remove_stranger(fact.value)


def facts_of(shown: Shown, methods: Sequence[str]) -> list[Identification]:
    """Give the facts of a certificate that these methods find.

    Raises:
        ConfigurationError: it has none of one of them.
    """
    found: list[Identification] = []
    for method in methods or ("key",):
        facts = [Identification(*each) for each in shown.facts() if each.method == method]
        if not facts:
            raise ConfigurationError(f"The certificate has no {method}; there are {', '.join(METHODS)}.")
        found += facts
    return found


def client_of(accounts: AccountsRead, tenant: str, name: str) -> ClientRow:
    """Give a client.

    Raises:
        ConfigurationError: there is none of this name.
    """
    row = accounts.client(tenant, name)
    if row is None:
        raise ConfigurationError(f"The tenant {tenant} has no client named {name}; see `kmip-gateway client list`.")
    return row


def set_roles(accounts: Accounts, tenant: str, name: str, roles: Sequence[str]) -> None:
    """Give a client these roles in place of those that it has.

    Raises:
        ConfigurationError: there is no such client or role.
    """
    row = client_of(accounts, tenant, name)
    for role in roles:
        show_role(accounts, tenant, role)
    accounts.put_client(replace(row, roles=tuple(roles)))


def set_standing(accounts: Accounts, tenant: str, name: str, standing: Standing) -> None:
    """Revoke a client, or let it in again; the next request of each of its connections goes by it.

    Raises:
        ConfigurationError: there is none of this name.
    """
    accounts.put_client(replace(client_of(accounts, tenant, name), standing=standing))


def facts_waiting(accounts: AccountsRead, key: str, methods: Sequence[str]) -> tuple[str, list[Identification]]:
    """Give the whole key of a certificate that waits, and by what its client would be known.

    Raises:
        ConfigurationError: there is no such certificate, or it has no such name.
    """
    row = _stranger(accounts, key)
    return row.key, facts_of(json.decode(row.shown, type=Shown), methods)


def accept(accounts: Accounts, key: str, wanted: Enrolment, methods: Sequence[str]) -> ClientRow:
    """Make a client of a certificate that waits.

    Raises:
        ConfigurationError: there is no such certificate, or what `add_client` refuses.
    """
    row = _stranger(accounts, key)
    made = add_client(accounts, wanted, facts_of(json.decode(row.shown, type=Shown), methods))
    accounts.remove_stranger(row.key)
    return made


def reject(accounts: Accounts, key: str) -> None:
    """Keep a certificate out, whoever asks for it by whatever credential.

    Raises:
        ConfigurationError: there is no such certificate.
    """
    accounts.reject_stranger(_stranger(accounts, key).key)


def _stranger(accounts: AccountsRead, key: str) -> StrangerRow:
    if len(key) < SHORTEST:
        raise ConfigurationError(f"{key!r}: give {SHORTEST} digits or more, so that no other certificate is meant.")
    found = [each for each in accounts.strangers() if each.key.startswith(key.lower())]
    if len(found) != 1:
        raise ConfigurationError(f"{key}: no one certificate that waits; see `kmip-gateway client pending`.")
    return found[0]


def list_clients(accounts: AccountsRead, tenant: str | None) -> list[ListedClient]:
    """Give the clients of a tenant, or of all."""
    credentials: dict[tuple[str, str], list[str]] = {}
    for each in accounts.credentials(tenant):
        credentials.setdefault((each.tenant, each.client), []).append(f"{each.kind} {each.key}")
    return [_client(accounts, row, credentials.get((row.tenant, row.name), [])) for row in accounts.clients(tenant)]


def _client(accounts: AccountsRead, row: ClientRow, credentials: Sequence[str]) -> ListedClient:
    facts = accounts.identifications(row.tenant, row.name)
    return ListedClient(
        tenant=row.tenant,
        name=row.name,
        standing=row.standing.value,
        proof=row.proof.value,
        roles=row.roles,
        owner=row.identity,
        known_by=tuple(f"{each.method} {each.value}" for each in facts),
        credentials=tuple(credentials),
        created=_date(row.created),
        comment=row.comment,
    )


def list_pending(accounts: AccountsRead) -> list[ListedStranger]:
    """Give the certificates that wait, those rejected included."""
    return [_listed(row, json.decode(row.shown, type=Shown)) for row in accounts.strangers()]


def _listed(row: StrangerRow, shown: Shown) -> ListedStranger:
    names = *shown.uris, *shown.dns
    return ListedStranger(row.key, shown.subject, shown.issuer, names, row.address, _date(row.seen), row.rejected)


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
