"""`object move` killed at every step, beside a gateway that serves: `python -m tests.soak.moves --rounds 10`.

Each round kills one move after one of its steps, looks whether the key still does what it did, moves it to the end, and
looks again. At last the gateway is stopped, `fsck --repair` takes away what the kills left, and nothing may be left to
find. The product has no code for it: the steps are wrapped from here, in the process that is to die.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gateway.admin import custody
from gateway.admin.custody import Mover, Order
from gateway.config import load
from gateway.kmip.enums import Operation
from gateway.store.api import Custody
from gateway.store.sqlite import SqliteStore
from gateway.token.pool import TokenPool
from tests.cli.process import run, running_dev
from tests.cli.test_kek import KEY, encrypted, one
from tests.support.client import Client

# After which of its calls a process is killed, by the step that is done then.
STEPS: dict[str, tuple[type, str]] = {
    "reserved": (SqliteStore, "reserve"),
    "copied": (Mover, "copied"),
    "committed": (Mover, "commit"),
    "destroyed": (TokenPool, "destroy"),
}
# Where the key goes, round and round: its custody, and the token.
PLACES = (("wrapped", "default"), ("token", "default"), ("token", "second"), ("wrapped", "second"))
SECOND = """
[tokens.second]
module = "{module}"
label = "second"
pin_file = "{pin_file}"
environment = {{ SOFTHSM2_CONF = "{environment[SOFTHSM2_CONF]}" }}
"""


def dying(fn: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Give a coroutine function after which its process is gone."""

    async def call(*arguments: Any, **options: Any) -> Any:
        await fn(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return call


def die(step: str, toml: Path, key: str, place: tuple[str, str]) -> None:
    """Move a key, and be killed after the step."""
    kind, name = STEPS[step]
    setattr(kind, name, dying(getattr(kind, name)))
    custody.move(load(toml), [key], Order(Custody(place[0]), place[1]))


def killed(step: str, toml: Path, key: str, place: tuple[str, str]) -> None:
    """Have another process move and be killed so."""
    command = [sys.executable, "-m", "tests.soak.moves", "--die", step, str(toml), key, *place]
    code = subprocess.run(command, check=False).returncode
    assert code == -signal.SIGKILL, f"{step}: not killed, but exit code {code}"


def moved(toml: Path, key: str, place: tuple[str, str]) -> None:
    """Move a key to its end."""
    finished = run("object", "move", key, "--custody", place[0], "--token", place[1], "--config", toml)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def with_second_token(folder: Path) -> None:
    """Give a development gateway another token beside its own."""
    with running_dev(folder / "dev") as gateway:
        assert gateway.stop() == 0
    toml, officer = folder / "dev" / "gateway.toml", folder / "so.pin"
    text = toml.read_text()
    toml.write_text(text + SECOND.format(**tomllib.loads(text)["token"]))
    officer.write_text("security officer")
    officer.chmod(0o400)
    made = run("token", "init", "--config", toml, "--name", "second", "--initialise", "--so-pin-file", officer)
    assert made.returncode == 0, made.stderr


def rounds(folder: Path, count: int) -> None:
    """Kill, look, go on, look again, so often for every step and on every way."""
    with_second_token(folder)
    with running_dev(folder / "dev", "--front-ends", "1", "--token-workers", "1") as gateway:
        toml = gateway.folder / "gateway.toml"
        with Client(gateway.folder, gateway.port) as client:
            key = one(client, Operation.CREATE, KEY).unique_identifier
            told = encrypted(client, key)
            for number in range(count):
                for at, target in enumerate(PLACES):
                    before = PLACES[at - 1]
                    for step in STEPS:
                        if step == "destroyed" and before[0] != "token":
                            continue
                        moved(toml, key, before)
                        killed(step, toml, key, target)
                        assert encrypted(client, key) == told, (step, target)
                        moved(toml, key, target)
                        assert encrypted(client, key) == told, (step, target)
                        print(f"round {number}: killed after '{step}' from {before} to {target}", flush=True)
        assert gateway.stop() == 0
    repaired = run("fsck", "--repair", "--config", toml)
    print(repaired.stdout)
    finished = run("fsck", "--config", toml)
    print(finished.stdout)
    assert finished.returncode == 0


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = ("STEP", "FILE", "KEY", "CUSTODY", "TOKEN")
    parser.add_argument("--die", nargs=5, metavar=arguments, help="for this program itself")
    options = parser.parse_args()
    if options.die:
        step, toml, key, *place = options.die
        die(step, Path(toml), key, (place[0], place[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        rounds(Path(folder), options.rounds)


if __name__ == "__main__":
    main()
