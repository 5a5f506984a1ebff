"""One worker's hold on its token: the module, the login and the sessions.

The rule of the room: one anchor session carries the login and is never closed, because closing it logs every other
session out; all work is done on another session, opened without the PIN and thrown away as soon as it saw an error
that was not expected.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pkcs11
from pkcs11 import TokenFlag
from pkcs11.exceptions import PKCS11Error

from gateway.errors import ConfigurationError, PinRefused
from gateway.token.api import TokenInfo
from gateway.token.cryptoki import Calls, FunctionList
from gateway.token.failures import CryptokiError, Recovery, failure_of
from gateway.token.quirks import quirk_of
from gateway.token.settings import WorkerSettings, read_pin

CKR_USER_ALREADY_LOGGED_IN = 0x100
# CKF_USER_PIN_FINAL_TRY and _LOCKED, and those of the security officer.
FINAL_TRY, LOCKED = {False: 0x20000, True: 0x200000}, {False: 0x40000, True: 0x400000}
LOCK_POLL_S = 0.0005
COUNTER_BYTES = 8


class Module:
    """A loaded PKCS#11 module and its tokens."""

    def __init__(self, settings: WorkerSettings) -> None:
        """Load and initialise it; raises ConfigurationError with the reason."""
        self._settings = settings
        try:
            self.functions = FunctionList(settings.module)
            self.functions.initialize_with(settings.reserved.encode() or None)
            self._library = pkcs11.lib(settings.module)
        except (OSError, AttributeError) as error:  # not there, no library, or one without C_GetFunctionList
            raise ConfigurationError(f"The PKCS#11 module {settings.module} cannot be loaded: {error}.") from None
        except (PKCS11Error, CryptokiError) as error:
            name = failure_of(error).name
            raise ConfigurationError(f"The PKCS#11 module {settings.module} cannot be initialised: {name}.") from None

    @property
    def made_by(self) -> str:
        """Who made the library, which need not be who made the token."""
        return str(self._library.manufacturer_id)

    def token(self, *, with_pin: bool = True) -> pkcs11.Token:
        """Give the one token that the settings name, initialised and, if asked, with a user PIN."""
        token = self._named()
        wanted = self._wanted()
        if token is None:
            raise ConfigurationError(
                f"No token with {wanted} in {self._settings.module}; create it or correct [token]."
            )
        if with_pin and not token.flags & TokenFlag.USER_PIN_INITIALIZED:
            raise ConfigurationError(f"The token with {wanted} has no user PIN; initialise it first.")
        return token

    def place(self) -> pkcs11.Token:
        """Give the token, initialised or not, to which a set-up with these settings goes.

        That is the one in the slot they name, else the initialised one that they name, else any that is not
        initialised.
        """
        if self._settings.slot >= 0:
            found = [token for token in self._tokens() if token.slot.slot_id == self._settings.slot]
        else:
            named = self._named()
            found = [named] if named else [token for token in self._tokens() if self._is_free(token)]
        if not found:
            where = f"token in slot {self._settings.slot}" * (self._settings.slot >= 0) or "uninitialised token"
            raise ConfigurationError(f"{self._settings.module} has no {where}.")
        return found[0]

    def is_named(self, token: pkcs11.Token) -> bool:
        """Say whether the settings name this token, which is initialised."""
        settings = self._settings
        return (
            is_initialised(token)
            and settings.label in ("", token.label)
            and settings.serial in ("", serial_of(token))
            and settings.slot in (-1, token.slot.slot_id)
        )

    def _is_free(self, token: pkcs11.Token) -> bool:
        return not is_initialised(token) and self._settings.serial in ("", serial_of(token))

    def labelled(self, label: str) -> list[pkcs11.Token]:
        """Give all tokens with the label; NSS calls one initialised only when its user has a PIN."""
        return [token for token in self._tokens() if token.label == label]

    def reinitialize(self) -> None:
        """Make the module look at its tokens anew."""
        self._library.reinitialize()

    def _tokens(self) -> list[pkcs11.Token]:
        tokens = []
        for slot in self._library.get_slots(token_present=True):
            try:
                tokens.append(slot.get_token())
            except PKCS11Error:  # a slot whose reader is broken must not hide the others
                continue
        return tokens

    def _named(self) -> pkcs11.Token | None:
        found = [token for token in self._tokens() if self.is_named(token)]
        if len(found) > 1:
            raise ConfigurationError(f"{len(found)} tokens with {self._wanted()}; set serial in [token] to choose one.")
        return found[0] if found else None

    def _wanted(self) -> str:
        settings = self._settings
        parts = [
            f"label '{settings.label}'" if settings.label else "",
            f"serial {settings.serial}" * bool(settings.serial),
        ]
        parts.append(f"slot {settings.slot}" if settings.slot >= 0 else "")
        return " and ".join(part for part in parts if part) or "any label"


def is_initialised(token: pkcs11.Token) -> bool:
    """Say whether the token has been given a label and a security officer."""
    return bool(token.flags & TokenFlag.TOKEN_INITIALIZED)


def is_in_use(token: pkcs11.Token) -> bool:
    """Say whether the token is initialised and has a user, who may have keys on it."""
    return is_initialised(token) and bool(token.flags & TokenFlag.USER_PIN_INITIALIZED)


def serial_of(token: pkcs11.Token) -> str:
    """Give the token's serial number as settings have it."""
    serial: bytes = token.serial
    return serial.decode("utf-8", "replace").rstrip("\0 ")


def check_tries(token: pkcs11.Token, *, officer: bool = False) -> None:
    """Make sure that a wrong PIN would not lock the token, before one is tried.

    Raises:
        PinRefused: it is locked, or one try is left.
    """
    whose, flags = "security officer" if officer else "user", int(token.flags)
    if flags & LOCKED[officer]:
        raise PinRefused(f"The token '{token.label}' has locked its {whose}'s PIN; no PIN was tried.")
    if flags & FINAL_TRY[officer]:
        raise PinRefused(
            f"The token '{token.label}' locks its {whose}'s PIN at the next wrong one; none was tried. Log in once "
            "with the right one by the vendor's tool, and start again."
        )


class Connection:
    """A token that is logged in to; `session` is the handle to work on."""

    def __init__(self, settings: WorkerSettings, *, waiting: Callable[[], None] = lambda: None) -> None:
        """Log in, once.

        `waiting` is called while the lock on the token is awaited, so that whoever watches knows it is no hang.

        Raises:
            PinRefused: wrong, expired or locked PIN; it was tried once.
            ConfigurationError: no such module or token, or no PIN to read.
        """
        self._settings = settings
        self._module = module = Module(settings)
        self.token = module.token()
        self.quirk = quirk_of(self.token.manufacturer_id, self.token.model, module.made_by)
        self.functions = module.functions
        self.calls = Calls(module.functions)
        self._anchor = self._log_in()
        self._work = self.token.open(rw=True)
        self._waiting = waiting
        self._lock_file = self._open_lock() if self.quirk.write_lock else -1
        self._locked = self._changing = False
        self.changes_seen = -1
        self.behind: Callable[[], None] = lambda: None

    @property
    def info(self) -> TokenInfo:
        """How the token names itself."""
        token = self.token
        major, minor = token.firmware_version
        return TokenInfo(
            label=token.label,
            manufacturer=token.manufacturer_id,
            model=token.model,
            serial=serial_of(token),
            firmware=f"{major}.{minor}",
        )

    @property
    def work(self) -> pkcs11.Session:
        """The session to work on, as python-pkcs11 knows it."""
        return self._work

    @property
    def session(self) -> int:
        """The handle of the session to work on."""
        return int(self._work.handle)  # type: ignore[attr-defined]  # public in the Cython class, absent from its stub

    def start_over(self) -> None:
        """Initialise the module anew and log in: it forgets what it leaked, and sees what other processes have made."""
        self._module.reinitialize()
        self._anchor = self._log_in()
        self._work = self.token.open(rw=True)

    def leave(self) -> None:
        """Log out and end with the module, so that an HSM does not keep sessions for a process that is gone."""
        self.calls.leave(self.token.slot.slot_id, self.session)

    def answers(self) -> bool:
        """Say whether the token is there at all."""
        return self.calls.token_answers(self.token.slot.slot_id)

    def renew_session(self) -> None:
        """Leave the session that is not trusted any more for a new one."""
        old = self._work
        self._work = self.token.open(rw=True)
        try:
            old.close()
        except PKCS11Error:
            return  # it was gone already, which is why we are here

    def log_in_again(self) -> None:
        """Renew the login of the whole worker on the anchor session.

        Raises:
            PinRefused: the token takes the PIN no more.
        """
        pin = read_pin(self._settings)
        check_tries(self._module.token())
        try:
            self.calls.login(int(self._anchor.handle), pin.encode())  # type: ignore[attr-defined]  # as in `session`
        except CryptokiError as error:
            if error.rv == CKR_USER_ALREADY_LOGGED_IN:
                return
            if failure_of(error).recovery is Recovery.STOP_PIN:
                raise PinRefused(f"The token refused the PIN ({failure_of(error).name}).") from None
            raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the token's lock, if it needs one, across all processes; may be entered twice."""
        if self._lock_file < 0 or self._locked:
            yield
            return
        self._take_lock()
        try:
            yield
        finally:
            self._locked = False
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock to change token objects, after seeing what other processes have changed.

        SoftHSM counts changes in a file, and looks again only when a search finds the count moved. A process that
        writes takes over the count with its own change in it: what another process had written just before stays
        invisible to it for ever (test_interleaved_writers). So we count for ourselves in the lock file, and
        let `behind` search first if another process wrote since this one looked.
        """
        with self.reading():
            if self._lock_file >= 0 and not self._changing:
                changes = self._changes()
                if changes != self.changes_seen:
                    self.behind()
                # Counted before the change is made: a process killed in between counts too much, which is harmless.
                self.changes_seen = changes + 1
                os.pwrite(self._lock_file, self.changes_seen.to_bytes(COUNTER_BYTES, "big"), 0)
            before, self._changing = self._changing, True
            try:
                yield
            finally:
                self._changing = before

    def note_searched(self) -> None:
        """Remember, under the lock, that the whole token was just looked through."""
        if self._lock_file >= 0:
            self.changes_seen = self._changes()

    def _changes(self) -> int:
        return int.from_bytes(os.pread(self._lock_file, COUNTER_BYTES, 0), "big")

    def _take_lock(self) -> None:
        # Polled, not awaited: a worker that hangs in the module with the lock in its hand is killed at its deadline,
        # and those that wait for it must be seen to wait and not be killed with it.
        while True:
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                self._waiting()
                time.sleep(LOCK_POLL_S)
        self._locked = True

    def _open_lock(self) -> int:
        folder = Path(self._settings.runtime_dir)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"token-{self._settings.name}.lock"
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _log_in(self) -> pkcs11.Session:
        pin = read_pin(self._settings)
        check_tries(self.token)
        try:
            return self.token.open(rw=True, user_pin=pin)
        except PKCS11Error as error:
            failure = failure_of(error)
        if failure.recovery is Recovery.STOP_PIN:
            raise PinRefused(
                f"The token '{self.token.label}' refused the PIN ({failure.name}); correct it before the next start, "
                "since most tokens lock after a few tries."
            )
        raise ConfigurationError(f"Logging in to the token '{self.token.label}' failed: {failure.name}.")
