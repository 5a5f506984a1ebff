"""`credential set|list|remove`: what a client shows in the header of its requests.

The rule of the room: a password comes from a file, a file descriptor or the terminal, and only what passwords.py makes
of it is kept; what was drawn here is printed once.
"""

import time
from datetime import UTC, datetime

from msgspec import Struct

from gateway.access import passwords
from gateway.admin.accounts import client_of
from gateway.admin.pins import PinSource, read_pin
from gateway.credentials import device_key, one_time_key
from gateway.errors import ConfigurationError
from gateway.kmip.messages import Device
from gateway.store.accounts import Accounts, AccountsRead, CredentialRow

KINDS = ("password", "hashed", "device", "one-time")
SHORTEST_PASSWORD = 8
MAX_ONE_TIME = 100
MAX_TEXT = 1024


class ListedCredential(Struct, frozen=True):
    """One line of `credential list`; `key` is the user name, or what a device says of itself."""

    tenant: str
    client: str
    kind: str
    key: str
    created: str


class Wanted(Struct, frozen=True, kw_only=True):
    """A credential to be made; `username` for all kinds but a device's."""

    kind: str
    username: str = ""
    device: Device = Device()
    count: int = 1


def check(wanted: Wanted) -> None:
    """Check what is wanted, before anybody is asked for a password.

    Raises:
        ConfigurationError: it is no credential.
    """
    if wanted.kind not in KINDS:
        raise ConfigurationError(f"--kind {wanted.kind}: there are {', '.join(KINDS)}.")
    if wanted.kind == "device" and wanted.device == Device():
        raise ConfigurationError("A device says something of itself: give --serial, --device, --network, --machine …")
    if wanted.kind != "device" and not 0 < len(wanted.username) <= MAX_TEXT:
        raise ConfigurationError(f"A user name has 1 to {MAX_TEXT} characters.")
    if not 1 <= wanted.count <= MAX_ONE_TIME:
        raise ConfigurationError(f"--count is 1 to {MAX_ONE_TIME}.")


def told(wanted: Wanted, *, without_password: bool) -> str:
    """Say all of what is wanted but the password: who approves it approves just that."""
    if wanted.kind == "device":
        return f"device {device_key(wanted.device)}{' without a password' if without_password else ''}"
    many = f", {wanted.count} of them" if wanted.kind == "one-time" else ""
    return f"{wanted.kind} of {wanted.username}{many}"


def password_from(source: PinSource) -> str:
    """Give a password from where it comes.

    Raises:
        ConfigurationError: it cannot be read, is too short, or is no text.
    """
    try:
        password = read_pin(source).decode()
    except UnicodeDecodeError:
        raise ConfigurationError("The password is no text in UTF-8.") from None
    if len(password) < SHORTEST_PASSWORD:
        raise ConfigurationError(f"A password has {SHORTEST_PASSWORD} characters or more.")
    return password


def rows_of(tenant: str, client: str, wanted: Wanted, password: str) -> tuple[list[CredentialRow], list[str]]:
    """Give the rows of a credential, and the passwords that were drawn for it; a device may have none ("")."""
    now = int(time.time())

    def row(key: str, secret: str) -> CredentialRow:
        return CredentialRow(wanted.kind, key, tenant, client, secret, now)

    match wanted.kind:
        case "password":
            return [row(wanted.username, passwords.kept(password))], []
        case "hashed":
            return [row(wanted.username, passwords.kept_for_hashing(wanted.username, password))], []
        case "device":
            return [row(device_key(wanted.device), passwords.kept(password) if password else "")], []
    drawn = [passwords.one_time() for _ in range(wanted.count)]
    return [row(one_time_key(wanted.username, each), "") for each in drawn], drawn


def keep(accounts: Accounts, rows: list[CredentialRow]) -> None:
    """Keep credentials of a client.

    Raises:
        ConfigurationError: there is no such client, or another one has the user name.
    """
    for row in rows:
        client_of(accounts, row.tenant, row.client)
        there = accounts.credential(row.kind, row.key)
        if there is not None and (there.tenant, there.client) != (row.tenant, row.client):
            raise ConfigurationError("Another client has this user name, or is this device; choose another.")
        accounts.put_credential(row)


def remove(accounts: Accounts, tenant: str, client: str, kind: str | None) -> int:
    """Remove a client's credentials, of one kind or all, and count them.

    Raises:
        ConfigurationError: there is no such client.
    """
    client_of(accounts, tenant, client)
    return accounts.remove_credentials(tenant, client, kind)


def listed(accounts: AccountsRead, tenant: str | None) -> list[ListedCredential]:
    """Give the credentials of a tenant's clients, or of all; never what they are checked against."""
    return [
        ListedCredential(
            row.tenant, row.client, row.kind, row.key, datetime.fromtimestamp(row.created, UTC).isoformat()
        )
        for row in accounts.credentials(tenant)
    ]
