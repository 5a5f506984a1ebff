"""What waits for approval, and what an operator says to it; and commands that wait for it themselves.

The rule of the room: an operator is the user who logged in, which the kernel knows also after `sudo` (the audit login
id), and nobody approves what he asked for. Whoever may write the database needs nobody's approval: the file's owner is
the gateway's user alone.
"""

import asyncio
import os
import pwd
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gateway.approvals import Asked, refusal, spend
from gateway.config import ApprovalConfig, Config
from gateway.errors import ConfigurationError, KmipError
from gateway.store.api import Transaction
from gateway.store.approvals import ApprovalRow, Stage, Vote
from gateway.store.catalogue import open_catalogue
from gateway.store.sqlite import open_store

ADMINISTRATION = "administration"  # the tenant of those who ask on the command line
NOT_LOGGED_IN = 0xFFFFFFFF
LOGIN = Path("/proc/self/loginuid")

T = TypeVar("T")


class ListedApproval(Struct, frozen=True):
    """One line of `approval list`."""

    id: str
    stage: str
    operation: str
    subject: str
    words: str
    tenant: str
    identity: str
    approved_by: tuple[str, ...]
    expires: str


def logged_in() -> str | None:
    """Give who logged in, as the kernel knows it of this process; None where nobody has told it."""
    login = int(LOGIN.read_text()) if LOGIN.exists() else NOT_LOGGED_IN
    return None if login == NOT_LOGGED_IN else user_name(login)


def user_name(number: int) -> str:
    """Give a user's name, or the number of one who has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def operator() -> str:
    """Give who runs this command, as the system's log-in knows it.

    Raises:
        ConfigurationError: sudo knows it otherwise. Where no log-in has told the kernel who it is, anybody may, once:
            else one could be several.
    """
    login, by_sudo = logged_in(), os.environ.get("SUDO_UID", "0")
    if login is None:
        return user_name(os.getuid())
    if by_sudo.isdecimal() and int(by_sudo) and user_name(int(by_sudo)) != login:
        raise ConfigurationError(
            f"{login} has logged in here, and {user_name(int(by_sudo))} has called sudo: who asks?"
        )
    return login


def list_approvals(config: Config, *, everything: bool = False) -> list[ListedApproval]:
    """Give what waits for approval, or all that ever did.

    Raises:
        ConfigurationError: the database cannot be read.
    """
    catalogue = open_catalogue(config.store.path)
    try:
        rows = catalogue.approvals.all()
    finally:
        catalogue.close()
    now = time.time()
    return [_listed(row) for row in rows if everything or (row.stage is Stage.OPEN and row.expires > now)]


def decide(config: Config, id: str, *, approve: bool) -> ApprovalRow:
    """Approve or deny a request, as the operator who runs this command, and give it as it is then.

    Raises:
        ConfigurationError: this operator may not, or has, or asked himself; or nothing waits under this number.
    """
    name, now = operator(), int(time.time())
    if name not in config.approval.approvers:
        raise ConfigurationError(f"{name} is none of the approvers in [approval].")

    def write(transaction: Transaction) -> ApprovalRow:
        row = transaction.approvals.get(id)
        if row is None or row.stage is not Stage.OPEN or row.expires <= now:
            raise ConfigurationError(f"Nothing waits for approval under {id}; see `kmip-gateway approval list`.")
        if row.tenant == ADMINISTRATION and row.identity == name:
            raise ConfigurationError("Who asks does not approve.")
        if any(each.approver == name for each in row.votes):
            raise ConfigurationError(f"{name} has approved it already; it takes others.")
        decided = replace(row, votes=(*row.votes, Vote(name, now))) if approve else replace(row, stage=Stage.DENIED)
        transaction.approvals.put(decided)
        return decided

    return _written(config, write)


def require(config: Config, command: str, content: str) -> None:
    """Make sure that others have approved a command that changes who may do what, if [approval] has it so.

    Raises:
        ConfigurationError: they have not; the sentence says under which number to ask them.
    """
    approval: ApprovalConfig = config.approval
    if not approval.needed or not approval.administration:
        return
    asked = Asked(tenant=ADMINISTRATION, identity=operator(), operation=command, subject=content)

    def write(transaction: Transaction) -> tuple[ApprovalRow, bool]:
        return spend(transaction, approval, asked, b"", int(time.time()))

    row, granted = _written(config, write)
    if not granted:
        raise ConfigurationError(f"{command}: {refusal(row, approval.needed)}.")


def _written(config: Config, write: Callable[[Transaction], T]) -> T:
    async def run() -> T:
        store = open_store(config.store.path)
        try:
            return await store.write(write)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except KmipError as error:
        raise ConfigurationError(f"{error.message}.") from None


def _listed(row: ApprovalRow) -> ListedApproval:
    return ListedApproval(
        row.id,
        row.stage if row.expires > time.time() or row.stage is not Stage.OPEN else "expired",
        row.operation,
        row.subject,
        row.words,
        row.tenant,
        row.identity,
        tuple(each.approver for each in row.votes),
        datetime.fromtimestamp(row.expires, UTC).isoformat(),
    )
