"""What a worker is told at its start, and how it gets at the PIN: by the source's name, never by the PIN itself."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import msgspec

from gateway.config import TokenConfig
from gateway.errors import ConfigurationError

MAX_PIN_BYTES = 1024
OWN_DESCRIPTORS = "/proc/self/fd/"  # a PIN file that a process was given open, and that has no other name
OTHERS = 0o077  # who may not do anything with the file
# systemd lets the service's user read a credential by an access control list, whose mask stands where the group's bits
# do; nobody else may enter the folder.
OTHERS_OF_CREDENTIAL = 0o037


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to reach one token; travels to the worker as JSON through an inherited file descriptor."""

    module: str
    runtime_dir: str
    name: str = "default"
    label: str = ""
    serial: str = ""
    slot: int = -1
    pin_file: str = ""
    pin_credential: str = ""
    environment: dict[str, str] = {}
    reserved: str = ""
    call_timeout_s: float = 10.0
    generate_timeout_s: float = 60.0

    @classmethod
    def of(cls, token: TokenConfig, runtime_dir: Path) -> Self:
        """Give the settings that the configuration file's [token] table says."""
        return cls(
            module=str(token.module),
            runtime_dir=str(runtime_dir),
            name=token.name,
            label=token.label,
            serial=token.serial,
            slot=token.slot,
            pin_file=str(token.pin_file or ""),
            pin_credential=token.pin_credential,
            environment=token.environment,
            reserved=token.reserved,
            call_timeout_s=token.call_timeout_s,
            generate_timeout_s=token.generate_timeout_s,
        )


def read_pin(settings: WorkerSettings) -> str:
    """Give the user PIN from its source, without the line end.

    Raises:
        ConfigurationError: no source is named, it cannot be read, it is not UTF-8, or others may read it.
    """
    path = _pin_path(settings)
    try:
        with path.open("rb") as file:
            _check_private(path, os.fstat(file.fileno()), OTHERS if settings.pin_file else OTHERS_OF_CREDENTIAL)
            pin = file.read(MAX_PIN_BYTES).rstrip(b"\r\n")
    except OSError as error:
        raise ConfigurationError(f"The PIN file {path} cannot be read: {error.strerror}.") from None
    if not pin:
        raise ConfigurationError(f"The PIN file {path} is empty; write the user PIN of the token into it.")
    try:
        return pin.decode()
    except UnicodeDecodeError:
        # Raised anew outside of this block's context: the error object holds the PIN.
        pass
    raise ConfigurationError(f"The PIN file {path} is not UTF-8 text.")


def open_pin_files(pin_files: Iterable[Path | str | None]) -> tuple[int, ...]:
    """Give the descriptors of those PIN files that are open in this process and have no other name."""
    names = (str(each) for each in pin_files if each is not None)
    return tuple(int(name.removeprefix(OWN_DESCRIPTORS)) for name in names if name.startswith(OWN_DESCRIPTORS))


def _pin_path(settings: WorkerSettings) -> Path:
    if settings.pin_file:
        return Path(settings.pin_file)
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if not settings.pin_credential:
        raise ConfigurationError("No PIN source is configured; set pin_file or pin_credential in [token].")
    if not folder:
        raise ConfigurationError("pin_credential needs systemd's LoadCredential=; CREDENTIALS_DIRECTORY is not set.")
    return Path(folder) / settings.pin_credential


def _check_private(path: Path, status: os.stat_result, others: int) -> None:
    if stat.S_IMODE(status.st_mode) & others:
        raise ConfigurationError(f"The PIN file {path} can be read by others; give it mode 0400.")
