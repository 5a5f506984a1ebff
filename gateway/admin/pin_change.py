"""`token pin change`: another PIN for the user or the security officer, and the PIN file with it.

The one rule here: at no moment is the PIN that is in force in no file. The new one lies beside the PIN file before the
token is asked, and takes its place after.
"""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from gateway.admin.files import write_file
from gateway.admin.pins import PinSource, read_pin
from gateway.admin.token_setup import Target, has_source, pin_file, runtime_dir
from gateway.errors import ConfigurationError
from gateway.token.settings import WorkerSettings
from gateway.token.setup import EndedEarly, change_pin

MODE = 0o400


class Change(NamedTuple):
    """Whose PIN is changed on which token: the old one (None: from the configured source), and the new one."""

    target: Target
    old: PinSource | None
    new: PinSource
    officer: bool = False


def change(asked: Change) -> Path | None:
    """Change a PIN, and give the PIN file that has the new one, if there is one.

    Raises:
        ConfigurationError: why it was not changed, or what is left to be done by hand.
    """
    token = asked.target.token
    if asked.old is None and (asked.officer or not has_source(token)):
        raise ConfigurationError("No source of the old PIN is named; give --pin-file, --pin-fd, or be at a terminal.")
    kept = None if asked.officer else token.pin_file
    beside = None if kept is None else kept.with_name(kept.name + ".new")
    if beside is not None and beside.exists():
        raise ConfigurationError(
            f"{beside} is left from a change that was ended early: one of it and {kept} has the PIN that is in force. "
            f"Put that one into {kept}, remove {beside}, and start again."
        )
    with ExitStack() as stack:
        settings = WorkerSettings.of(token, runtime_dir(asked.target, stack))
        old = None if asked.old is None else read_pin(asked.old)
        if old is not None and not asked.officer:
            settings = replace(settings, pin_file=stack.enter_context(pin_file(old)), pin_credential="")
        new = read_pin(asked.new)
        if beside is not None:
            write_file(beside, new + b"\n", MODE)
        try:
            change_pin(settings, _text(old) if asked.officer else None, _text(new))
        except EndedEarly as error:
            told = f" {beside} has the new PIN; keep it until you know which is in force." if beside else ""
            raise ConfigurationError(f"{error}{told}") from None
        except ConfigurationError:
            if beside is not None:
                beside.unlink()
            raise
    if beside is not None and kept is not None:
        os.chown(beside, kept.stat().st_uid, kept.stat().st_gid)
        beside.rename(kept)
    return kept


def _text(pin: bytes | None) -> str:
    try:
        return (pin or b"").decode()
    except UnicodeDecodeError:
        pass  # raised anew outside of this block: the error object holds the PIN
    raise ConfigurationError("A PIN is UTF-8 text.")
