"""The tokens that the suite runs on, each started by the tests in a folder of its own with no manual step.

SoftHSM2 is the one the gateway ships with; NSS softokn answers differently almost everywhere; a TPM 2.0 (swtpm behind
a resource manager on a D-Bus of its own) is the least a token can be: RSA and EC key pairs and nothing else. Each is
made ready by the gateway's own set-up, so that is tested on every one too.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gateway.token.settings import WorkerSettings
from gateway.token.setup import set_up_token

LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
NSS = LIBRARIES / "libsoftokn3.so"
TPM = LIBRARIES / "libtpm2_pkcs11.so.1"
TABRMD = LIBRARIES / "libtss2-tcti-tabrmd.so.0"
TPM_PROGRAMS = ("swtpm", "tpm2-abrmd", "dbus-daemon", "dbus-send")
PIN = "the pin that no log shows"
START_S = 15.0
PORTS = range(20_000, 30_000, 2)  # below those that the system gives to whoever asks for any
LISTENING = "0A"  # in the fourth column of /proc/net/tcp


def pin_file(folder: Path, pin: str = PIN) -> str:
    """Write the user PIN into the folder and give the file's path."""
    path = folder / "pin"
    path.write_text(pin + "\n")
    path.chmod(0o400)
    return str(path)


def softhsm(folder: Path, label: str = "kmip") -> WorkerSettings:
    """Give the settings of a SoftHSM2 of its own in the folder, with no token yet."""
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    return WorkerSettings(
        module=str(SOFTHSM),
        runtime_dir=str(folder / "run"),
        label=label,
        pin_file=pin_file(folder),
        environment={"SOFTHSM2_CONF": str(configuration)},
    )


@contextmanager
def softhsm_token(folder: Path) -> Iterator[WorkerSettings]:
    """Give a SoftHSM2 that is set up."""
    settings = softhsm(folder)
    set_up_token(settings, so_pin="security officer")
    yield settings


@contextmanager
def nss_token(folder: Path) -> Iterator[WorkerSettings]:
    """Give an NSS database that is set up; its security officer has no PIN."""
    (folder / "db").mkdir()
    settings = WorkerSettings(
        module=str(NSS),
        runtime_dir=str(folder / "run"),
        label="NSS Certificate DB",
        pin_file=pin_file(folder),
        reserved=f"configdir='sql:{folder}/db' certPrefix='' keyPrefix='' secmod='' flags=",
    )
    set_up_token(settings, so_pin="")
    yield settings


@contextmanager
def tpm_token(folder: Path) -> Iterator[WorkerSettings]:
    """Give a TPM that is set up.

    tpm2-pkcs11 would talk to swtpm itself, but forgets to unload what it loads: after three objects the TPM is full,
    so the resource manager must stand between them.
    """
    with ExitStack() as stack:
        port = stack.enter_context(_swtpm(folder))
        bus = stack.enter_context(_message_bus())
        stack.enter_context(_resource_manager(port, bus))
        (folder / "store").mkdir()
        settings = WorkerSettings(
            module=str(TPM),
            runtime_dir=str(folder / "run"),
            label="kmip",
            pin_file=pin_file(folder),
            environment={
                "TPM2_PKCS11_STORE": str(folder / "store"),
                "TPM2_PKCS11_TCTI": "tabrmd:bus_type=session",
                "TPM2_PKCS11_LOG_LEVEL": "0",
                "TSS2_LOG": "all+NONE",
                "DBUS_SESSION_BUS_ADDRESS": bus,
            },
        )
        set_up_token(settings, so_pin="security officer")
        yield settings


@contextmanager
def _running(*command: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """Run a daemon while the block runs, in silence."""
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, **{**silent, **options}) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def _swtpm(folder: Path) -> Iterator[int]:
    """Give the port of a new TPM on the loopback interface; its users look for its control channel on the next."""
    (folder / "state").mkdir()
    taken = _listening()
    port = random.choice([port for port in PORTS if not {port, port + 1} & taken])
    with _running(
        *("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}/state", "--flags", "not-need-init,startup-clear"),
        *("--server", f"type=tcp,port={port},bindaddr=127.0.0.1"),
        *("--ctrl", f"type=tcp,port={port + 1},bindaddr=127.0.0.1"),
    ) as process:
        _wait_until(process, lambda: port in _listening())
        yield port


def _listening() -> set[int]:
    """Give the ports that are listened on, found out without a connection: swtpm takes the first for its only user."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == LISTENING}


def _wait_until(process: "subprocess.Popen[str]", done: Callable[[], bool]) -> None:
    """Wait for a daemon to be ready."""
    until = time.monotonic() + START_S
    while not done():
        assert process.poll() is None, f"{process.args} ended at once"
        assert time.monotonic() < until, f"{process.args} did not start"
        time.sleep(0.02)


@contextmanager
def _message_bus() -> Iterator[str]:
    """Give the address of a D-Bus of our own."""
    with _running("dbus-daemon", "--session", "--nofork", "--print-address=1", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


@contextmanager
def _resource_manager(port: int, bus: str) -> Iterator[None]:
    """Run the resource manager until it has its name on the bus."""
    environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": bus}
    command = ("tpm2-abrmd", "--session", "--allow-root", f"--tcti=swtpm:host=127.0.0.1,port={port}")
    call = ("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/")
    ask = (*call, "org.freedesktop.DBus.GetNameOwner", "string:com.intel.tss2.Tabrmd")
    with _running(*command, env=environment) as process:
        _wait_until(process, lambda: not subprocess.run(ask, env=environment, capture_output=True).returncode)
        yield


def _tpm_missing() -> str:
    lacking = [name for name in TPM_PROGRAMS if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")]
    lacking += [path.name for path in (TPM, TABRMD) if not path.exists()]
    return f"no {', '.join(lacking)}" if lacking else ""


KINDS = {
    "softhsm": softhsm_token,
    "nss": nss_token,
    "tpm": tpm_token,
}
MISSING = {
    "softhsm": "" if SOFTHSM.exists() else f"no {SOFTHSM}",
    "nss": "" if NSS.exists() else f"no {NSS}",
    "tpm": _tpm_missing(),
}


@contextmanager
def started(kind: str, folder: Path) -> Iterator[WorkerSettings]:
    """Give a token of this kind that is set up, or skip the test with what is not installed."""
    if MISSING[kind]:
        pytest.skip(f"{kind}: {MISSING[kind]}")
    with KINDS[kind](folder) as settings:
        yield settings
