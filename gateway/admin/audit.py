"""`audit verify`, `search` and `export`, and the records of what operators do.

The rule of the room: a command that changes something is recorded before it begins and when it has ended; where that
cannot be, it is not carried out.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.admin import approvals, audit_key, logs
from gateway.audit import cef, shared
from gateway.audit.records import Record, Stored, encode
from gateway.audit.searching import Wanted, search
from gateway.audit.verifying import Verdict, verify
from gateway.config import Config
from gateway.errors import ConfigurationError, KmipError
from gateway.legible import legible
from gateway.server.syslog import Syslog
from gateway.token.local import LocalWorkers
from gateway.token.settings import WorkerSettings

DETAIL_CHARACTERS = 1000
# How commands begin that change who may do what, take keys to another token, or bring a destroyed one back.
APPROVED = ("tenant ", "role ", "client ", "credential ", "grant ", "object move to ", "object restore")
# Of these, what only takes away: when somebody has to be kept out, nobody is waited for.
AT_ONCE = frozenset({"client revoke", "client reject", "credential remove", "grant remove"})


@contextmanager
def recorded(config: Config, command: str, detail: str = "") -> Iterator[None]:
    """Record a command around the block that carries it out; `detail` says all of what it is to do.

    Raises:
        ConfigurationError: it cannot be recorded, or others have to approve it first, and so it is not carried out.
    """
    note(config, command, "Asked", detail)
    status = "OperationFailed"
    try:
        if command.startswith(APPROVED) and command not in AT_ONCE:
            approvals.require(config, command, detail)
        yield
        status = "Success"
    finally:
        note(config, command, status, detail)


def note(config: Config, command: str, status: str, detail: str = "") -> None:
    """Record what an operator does, or what becomes of the gateway itself.

    Raises:
        ConfigurationError: it cannot be recorded.
    """
    if not config.audit.enabled:
        return
    record = Record(
        time.time(),
        "command",
        operation=command,
        identity=_operator(),
        status=status,
        detail=legible(detail, DETAIL_CHARACTERS),
    )
    try:
        line = shared.add(config.audit.dir, record)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{config.audit.dir}: nothing can be recorded there ({error}).") from None
    if config.audit.syslog:
        logs.configure(config.log)  # what it has to say goes to stderr
        collector = Syslog(config.audit.syslog)
        collector.ship(line)
        collector.close()


def _operator() -> str:
    """Give the user of the operating system, and who is behind it: as the kernel knows it, and as sudo says."""
    name, login, by_sudo = approvals.user_name(os.getuid()), approvals.logged_in(), os.environ.get("SUDO_USER", "")
    behind = [each for each in dict.fromkeys((login, by_sudo)) if each and each != name]
    return legible(f"os:{', by sudo of '.join(behind)} as {name}" if behind else f"os:{name}")


def verify_trail(
    config: Config, folder: Path | None, key: Path | None, checkpoint_file: Path | None, since: float = 0.0
) -> Verdict:
    """Verify the records by the key in the file, or by the one on the token.

    Raises:
        ConfigurationError: they, or the key, cannot be read.
    """
    public_key = audit_key.read_key(key) if key else asyncio.run(_key_on_token(config))
    try:
        return verify(folder or config.audit.dir, public_key, checkpoint_file or config.audit.checkpoint_file, since)
    except OSError as error:
        raise ConfigurationError(f"{error.filename}: cannot be read ({error.strerror}).") from None


async def _key_on_token(config: Config) -> ec.EllipticCurvePublicKey | None:
    try:
        async with LocalWorkers(WorkerSettings.of(config.token, config.server.runtime_dir)) as pool:
            return await audit_key.find_key(pool)
    except KmipError as error:
        raise ConfigurationError(f"The key on the token: {error.message} Give --key FILE instead.") from None


def found(config: Config, folder: Path | None, wanted: Wanted, limit: int | None = None) -> Iterator[Stored]:
    """Give the records that fit, oldest first.

    Raises:
        ConfigurationError: there are none.
    """
    place = folder or config.audit.dir
    if not place.is_dir():
        raise ConfigurationError(f"{place}: there is no such folder; see dir in [audit].")
    return islice(search(place, wanted), limit)


def moment(text: str | None) -> float | None:
    """Give the seconds since 1970 of a time in ISO 8601, in UTC unless it says otherwise.

    Raises:
        ConfigurationError: it is none.
    """
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{text}: is no time such as 2026-11-24T18:00:00.") from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def line_of(record: Stored) -> str:
    """Give a record for people: time, who, what, of which objects, how it went, from where."""
    when = datetime.fromtimestamp(record.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    who = f"{record.tenant}/{record.identity}" if record.tenant else record.identity or "-"
    objects = " ".join(record.objects) + (f" and {record.more_objects} more" if record.more_objects else "")
    result = record.reason or record.status or "-"
    fields = (when, who, record.operation or record.event, objects or "-", result, record.address or "-", record.detail)
    return "\t".join(legible(field, DETAIL_CHARACTERS) for field in fields).rstrip("\t")


FORMATS = {"json": lambda record: encode(record).decode(), "cef": cef.cef}
