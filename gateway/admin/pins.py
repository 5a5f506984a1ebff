"""PINs for the token set-up: from a file, a file descriptor or the terminal; never from argv or the environment."""

import os
import stat
from getpass import getpass
from pathlib import Path
from typing import NamedTuple

from gateway.errors import ConfigurationError
from gateway.token.settings import OWN_DESCRIPTORS

FAULT_BYTES = 4096  # of a sentence from the process that reads
MAX_PIN_BYTES = 255  # more than any PKCS#11 token takes


class PinSource(NamedTuple):
    """Where one PIN comes from: `path` or `descriptor`, else the terminal, which is asked twice for a new one.

    may_be_empty: some tokens' security officers have no PIN at all (NSS), which a file says by being empty. At the
    terminal an empty answer is a slip, and must not cost a real token one of its tries.
    """

    what: str  # "SO PIN"
    option: str  # "--so-pin"
    path: Path | None = None
    descriptor: int | None = None
    new: bool = False
    may_be_empty: bool = False


def read_pin(source: PinSource) -> bytes:
    """Give the PIN without its line end.

    Raises:
        ConfigurationError: the source cannot be read, is open to others, or is empty; or there is no terminal to ask.
    """
    if source.path is not None:
        raw = _from_file(source, source.path)
    elif source.descriptor is not None:
        raw = _from_descriptor(source, source.descriptor)
    else:
        raw = _from_terminal(source)
    pin = raw.rstrip(b"\r\n")
    asked = source.path is None and source.descriptor is None
    if len(pin) > MAX_PIN_BYTES or (not pin and (asked or not source.may_be_empty)):
        raise ConfigurationError(f"The {source.what} is empty or longer than {MAX_PIN_BYTES} bytes; give another.")
    return pin


def _from_file(source: PinSource, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigurationError(f"{path} can be read by others; run chmod 400 on it.")
            return file.read(MAX_PIN_BYTES + 2)
    except OSError as error:
        raise ConfigurationError(f"{path}: the {source.what} cannot be read ({error.strerror}).") from None


def _from_descriptor(source: PinSource, descriptor: int) -> bytes:
    try:
        with open(descriptor, "rb", closefd=False) as file:
            return file.readline(MAX_PIN_BYTES + 2)
    except OSError as error:
        raise ConfigurationError(
            f"{source.option}-fd {descriptor}: the {source.what} cannot be read ({error.strerror})."
        ) from None


def _from_terminal(source: PinSource) -> bytes:
    try:
        # /dev/tty, and not stdin: a script that has no terminal must be told, not left waiting.
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise ConfigurationError(
            f"There is no terminal to ask for the {source.what}; give {source.option}-file or {source.option}-fd."
        ) from None
    pin = getpass(f"{source.what}: ")
    if source.new and getpass(f"{source.what} again: ") != pin:
        raise ConfigurationError(f"The two {source.what}s differ; start again.")
    return pin.encode()


def held(source: PinSource) -> Path:
    """Give the path of an unnamed file that has the PIN, for as long as this process and those it starts have it open.

    Another process reads the PIN, and a descriptor that it came by is closed: this one may fork front ends, and they
    must not have it in the memory that they share.

    Raises:
        ConfigurationError: it cannot be read.
    """
    descriptor = os.memfd_create("kmip-gateway PIN", os.MFD_CLOEXEC)
    pid = os.fork()
    if not pid:
        os._exit(_written(source, descriptor))
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        raise ConfigurationError(os.pread(descriptor, FAULT_BYTES, 0).decode())
    if source.descriptor is not None:
        os.close(source.descriptor)
    os.fchmod(descriptor, 0o400)
    return Path(f"{OWN_DESCRIPTORS}{descriptor}")


def _written(source: PinSource, descriptor: int) -> int:
    """Leave the PIN in the file and give 0, or why there is none."""
    try:
        os.write(descriptor, read_pin(source))
    except ConfigurationError as error:
        os.write(descriptor, str(error).encode())
        return 1
    return 0
