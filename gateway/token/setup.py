"""Setting a token up: initialise it, give it a user PIN, make the gateway's own two keys.

Runs as a process of its own (`python -m gateway.token.setup REQUEST ANSWER`, two inherited file descriptors), because
the process that asks for it may fork front ends afterwards, and must not carry a loaded PKCS#11 module into them.
"""

import os
import subprocess
import sys
from contextlib import suppress
from enum import StrEnum

import msgspec
import pkcs11
from msgspec.structs import replace
from pkcs11.exceptions import PKCS11Error

from gateway.errors import ConfigurationError
from gateway.token import frames
from gateway.token.api import (
    KEK_LABEL,
    MAX_KEKS,
    STORAGE_KEY_LABEL,
    KeyRef,
    KeyTemplate,
    KeyType,
    ObjectClass,
    Profile,
    Rights,
    TokenInfo,
    kek_label,
    own_cka_id,
)
from gateway.token.connection import Connection, Module, check_tries, is_in_use, is_initialised, serial_of
from gateway.token.failures import CryptokiError, failure_of
from gateway.token.pkcs11 import Access
from gateway.token.rights import takes_only_true
from gateway.token.settings import WorkerSettings, read_pin
from gateway.token.testbench import Bench
from gateway.token.worker import harden

KEY_BITS = 256
MAX_LABEL_BYTES = 32  # CK_TOKEN_INFO.label
TIMEOUT_S = 120.0
SESSIONS_TRIED = 64
KEK_RIGHTS = Rights.WRAP | Rights.UNWRAP
OWN_KEYS = {STORAGE_KEY_LABEL: Rights.ENCRYPT | Rights.DECRYPT, KEK_LABEL: KEK_RIGHTS}


class Existing(StrEnum):
    """What becomes of a token that is initialised already."""

    USE = "use"
    REFUSE = "refuse"  # and nothing of it is touched: no PIN is tried, no key made
    ERASE = "erase"


class SetUp(msgspec.Struct, frozen=True):
    """What to do: with a security officer's PIN the token named in the settings is initialised first if it is not.

    so_pin may be "", which is what the security officer of NSS has; None: nothing is initialised.
    With `dry`, nothing is changed and the security officer's PIN not tried. With `add_kek`, a key-encryption key is
    made beside those that there are. With `new_pin`, the PIN of the user, or of the security officer if `so_pin` is
    there too, is changed to it, and nothing else done.
    """

    settings: WorkerSettings
    so_pin: str | None = None
    existing: Existing = Existing.USE
    add_kek: bool = False
    look: bool = False  # change nothing
    dry: bool = False
    new_pin: str | None = None
    count_sessions: bool = False  # and nothing else

    def __repr__(self) -> str:
        return "<SetUp>"


class EndedEarly(ConfigurationError):
    """Nobody knows what was done: the process that did it ended without a word, or took too long."""


class Outcome(msgspec.Struct, frozen=True):
    """How it went: the token, which of the gateway's keys were made now, the newest KEK; or why it failed."""

    info: TokenInfo | None = None
    initialised: bool = False
    keys_made: tuple[str, ...] = ()
    newest_kek: int = 0
    sessions: int = 0  # that were open at once, where they were counted
    planned: tuple[str, ...] = ()  # what a dry run would have done
    failure: str = ""


def set_up_token(settings: WorkerSettings, so_pin: str | None = None, existing: Existing = Existing.USE) -> Outcome:
    """Make the token ready for the gateway and say what was done; does nothing to a token that is ready.

    The user PIN is read from its source in the settings. Without `so_pin` a token that does not exist is an error, and
    `existing` is of no matter.

    Raises:
        ConfigurationError: why it cannot be done.
    """
    return _carried_out(SetUp(settings, so_pin, existing))


def plan_token(settings: WorkerSettings, existing: Existing, *, initialise: bool) -> tuple[str, ...]:
    """Give what `set_up_token` would change, a phrase each; nothing is changed, and no PIN tried but the user's.

    Raises:
        ConfigurationError: why it could not be done.
    """
    return _carried_out(SetUp(settings, "" if initialise else None, existing, dry=True)).planned


def _carried_out(asked: SetUp) -> Outcome:
    """Carry out in a process of its own."""
    request = os.memfd_create("kmip-gateway token set-up", os.MFD_CLOEXEC)
    answer = os.memfd_create("kmip-gateway token set-up answer", os.MFD_CLOEXEC)
    try:
        os.write(request, msgspec.json.encode(asked))
        os.lseek(request, 0, os.SEEK_SET)
        _run(request, answer, asked)
        outcome = _outcome(answer)
    finally:
        os.close(request)
        os.close(answer)
    if outcome.failure:
        raise ConfigurationError(outcome.failure)
    return outcome


def _run(request: int, answer: int, asked: SetUp) -> None:
    try:
        subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", "gateway.token.setup", str(request), str(answer)],
            stdin=subprocess.DEVNULL,
            pass_fds=(request, answer),
            env={**os.environ, **asked.settings.environment},
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EndedEarly(f"Setting up the token took longer than {TIMEOUT_S:.0f} s and was ended.") from None


def _outcome(fd: int) -> Outcome:
    os.lseek(fd, 0, os.SEEK_SET)
    raw = os.read(fd, 1 << 16)
    if not raw:
        raise EndedEarly("Setting up the token ended without a result; see the messages above.")
    return msgspec.json.decode(raw, type=Outcome)


def carry_out(request: SetUp) -> Outcome:
    """Do what is asked, in this process."""
    settings, initialised = request.settings, False
    if request.new_pin is not None:
        _change_pin(request, request.new_pin)
        return Outcome()
    if request.dry:
        return Outcome(planned=_plan(request))
    if request.so_pin is not None:
        module = Module(settings)
        place = module.place()
        if _may_initialise(request, place):
            settings, initialised = _initialise(request, request.so_pin, module, place), True
    access = Access(Connection(settings))
    if request.count_sessions:
        return Outcome(access.connection.info, sessions=_count_sessions(access))
    made: tuple[str, ...] = ()
    if not request.look or request.add_kek:
        access.profile = Profile(only_true_rights=takes_only_true(Bench(access)))
    if not request.look:
        made = tuple(label for label, rights in OWN_KEYS.items() if _make_if_absent(access, label, rights))
    if request.add_kek:
        made += (_add_kek(access),)
    return Outcome(access.connection.info, initialised, made, _next_kek(access) - 1)


def _plan(request: SetUp) -> tuple[str, ...]:
    """Give what would be changed."""
    module = Module(request.settings)
    place = module.place() if request.so_pin is not None else module.token()
    if request.so_pin is not None and _may_initialise(request, place):
        first = f"initialise the token in slot {place.slot.slot_id} as '{request.settings.label}'"
        if is_in_use(place):
            first += f", erasing '{place.label}' and every key on it"
        elif is_initialised(place):
            first = f"give the token '{place.label}' its user PIN"
        return (first, *(f"make the key '{label}'" for label in OWN_KEYS))
    access = Access(Connection(request.settings))
    return tuple(f"make the key '{label}'" for label in OWN_KEYS if access.handles.labelled(label) is None)


def _may_initialise(request: SetUp, place: pkcs11.Token) -> bool:
    """Say whether to initialise it, False where it is to be used as it is."""
    if request.existing is Existing.REFUSE and is_in_use(place):
        raise ConfigurationError(
            f"The token '{place.label}' in slot {place.slot.slot_id} is initialised already and was not touched; leave "
            "--initialise out to use it, name a new one, or erase it with --erase-initialised-token."
        )
    return request.existing is Existing.ERASE or not is_in_use(place)


def _initialise(request: SetUp, so_pin: str, module: Module, place: pkcs11.Token) -> WorkerSettings:
    """Initialise the token, erasing what it holds, and give the settings that name it from then on.

    One that is initialised and has only no user yet (a partition as its vendor's tool leaves it, an empty database of
    NSS) is just given the user PIN.
    """
    settings, slot = request.settings, place.slot.slot_id
    if is_initialised(place) and not is_in_use(place):
        _give_pin(place, so_pin, read_pin(settings))
        return settings
    if not 0 < len(settings.label.encode()) <= MAX_LABEL_BYTES:
        raise ConfigurationError(f"A new token needs a label of 1 to {MAX_LABEL_BYTES} bytes; set label in [token].")
    if any(token.slot.slot_id != slot for token in module.labelled(settings.label)):
        raise ConfigurationError(f"There is another token with label '{settings.label}'; choose another label.")
    pin = read_pin(settings)  # before anything is erased: it may be missing
    module.functions.init_token(slot, so_pin.encode(), settings.label)
    module.reinitialize()  # SoftHSM gives a new token another slot and serial number, which only a new look shows
    (token,) = module.labelled(settings.label)
    _give_pin(token, so_pin, pin)
    return replace(settings, slot=-1, serial=serial_of(token))


def _give_pin(token: pkcs11.Token, so_pin: str, pin: str) -> None:
    check_tries(token, officer=True)
    session = token.open(rw=True, so_pin=so_pin)
    try:
        session.init_pin(pin)
    finally:
        session.close()


def change_pin(settings: WorkerSettings, so_pin: str | None, new_pin: str) -> None:
    """Change the security officer's PIN, or with no `so_pin` the user's, whose old one the settings name.

    Raises:
        ConfigurationError: why it was not changed; a wrong old PIN was tried once.
    """
    _carried_out(SetUp(settings, so_pin, new_pin=new_pin))


def _change_pin(request: SetUp, new_pin: str) -> None:
    module, officer = Module(request.settings), request.so_pin is not None
    token = module.token(with_pin=not officer)
    old = read_pin(request.settings) if request.so_pin is None else request.so_pin
    check_tries(token, officer=officer)
    try:
        session = token.open(rw=True, so_pin=old) if officer else token.open(rw=True, user_pin=old)
    except PKCS11Error as error:
        failure = failure_of(error)
        if failure.code is frames.FailureCode.UNSUPPORTED:
            raise ConfigurationError(f"The token '{token.label}' has no security officer who could log in.") from None
        raise ConfigurationError(
            f"The token '{token.label}' refuses the old PIN ({failure.name}); it was tried once."
        ) from None
    try:
        session.set_pin(old, new_pin)
    except PKCS11Error as error:
        name = failure_of(error).name
        raise ConfigurationError(f"The token '{token.label}' does not take the new PIN ({name}).") from None
    finally:
        session.close()


def add_kek(settings: WorkerSettings) -> int:
    """Make the next key-encryption key, which workers begin to wrap with in a few seconds, and give its version.

    Raises:
        ConfigurationError: why it cannot be done.
    """
    return _carried_out(SetUp(settings, add_kek=True)).newest_kek


def newest_kek(settings: WorkerSettings) -> int:
    """Give the version of the newest key-encryption key, 0 for none.

    Raises:
        ConfigurationError: the token cannot be used.
    """
    return _carried_out(SetUp(settings, look=True)).newest_kek


def most_sessions(settings: WorkerSettings) -> int:
    """Give how many sessions one process could have open at once; it stops at SESSIONS_TRIED.

    Raises:
        ConfigurationError: the token cannot be used.
    """
    return _carried_out(SetUp(settings, count_sessions=True)).sessions


def _count_sessions(access: Access) -> int:
    """Open sessions beside the two that there are, as many as go, and close them again."""
    opened: list[pkcs11.Session] = []
    with suppress(PKCS11Error):  # whatever it says of one more
        while len(opened) + 2 < SESSIONS_TRIED:
            opened.append(access.connection.token.open(rw=True))
    for session in opened:
        session.close()
    return len(opened) + 2


def _add_kek(access: Access) -> str:
    with access.connection.writing():
        label = kek_label(_next_kek(access))
        _make_if_absent(access, label, KEK_RIGHTS)
    return label


def _next_kek(access: Access) -> int:
    for version in range(1, MAX_KEKS + 1):
        if access.handles.labelled(kek_label(version)) is None:
            return version
    raise ConfigurationError(f"A token has {MAX_KEKS} key-encryption keys at most.")


def _make_if_absent(access: Access, label: str, rights: Rights) -> bool:
    # Under the lock, so that two set-ups at once do not make two keys with one label.
    with access.connection.writing():
        if access.handles.labelled(label) is not None:
            return False
        ref = KeyRef(ObjectClass.SECRET_KEY, own_cka_id(label))
        template = KeyTemplate(label, rights, extractable=False)
        reply = access.answer(frames.GenerateKey(0, ref, KeyType.AES, KEY_BITS, template))
    if isinstance(reply, frames.Failed) and reply.code is frames.FailureCode.UNSUPPORTED:
        return False  # a token without secret keys; its report says what is missing because of that
    if isinstance(reply, frames.Failed):
        raise ConfigurationError(f"The key '{label}' could not be made: {reply.message or reply.detail}")
    return True


def main(arguments: list[str]) -> int:
    """Read the request, carry it out, write the outcome."""
    request_fd, answer_fd = map(int, arguments)
    harden()
    with os.fdopen(request_fd, "rb") as file:
        request = msgspec.json.decode(file.read(), type=SetUp)
    try:
        outcome = carry_out(request)
    except ConfigurationError as error:
        outcome = Outcome(failure=str(error))
    except (CryptokiError, PKCS11Error) as error:
        outcome = Outcome(failure=f"The token cannot be set up: {failure_of(error).name}.")
    os.write(answer_fd, msgspec.json.encode(outcome))
    return 0


if __name__ == "__main__":
    # os._exit: a module's own exit handlers must not run after its sessions were left open.
    os._exit(main(sys.argv[1:]))
