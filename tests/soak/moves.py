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
DESTROYING = {"wrapped"}  # the custodies to which a move destroys a key on the token


def dying(fn: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Give a coroutine function after which its process is gone."""

    async def call(*arguments: Any, **options: Any) -> Any:
        await fn(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return call


def die(step: str, toml: Path, key: str, target: str) -> None:
    """Move a key, and be killed after the step."""
    kind, name = STEPS[step]
    setattr(kind, name, dying(getattr(kind, name)))
    custody.move(load(toml), [key], Order(Custody(target)))


def killed(step: str, toml: Path, key: str, target: str) -> None:
    """Have another process moved and killed so."""
    command = [sys.executable, "-m", "tests.soak.moves", "--die", step, str(toml), key, target]
    code = subprocess.run(command, check=False).returncode
    assert code == -signal.SIGKILL, f"{step}: not killed, but exit code {code}"


def rounds(folder: Path, count: int) -> None:
    """Kill, look, go on, look again, so often for every step and both ways."""
    with running_dev(folder / "dev", "--front-ends", "1", "--token-workers", "1") as gateway:
        toml = gateway.folder / "gateway.toml"
        with Client(gateway.folder, gateway.port) as client:
            key = one(client, Operation.CREATE, KEY).unique_identifier
            told = encrypted(client, key)
            for number in range(count):
                for target in ("wrapped", "token"):
                    for step in STEPS:
                        if step == "destroyed" and target not in DESTROYING:
                            continue
                        back = run("object", "move", key, "--custody", other(target), "--config", toml)
                        assert back.returncode == 0, back.stderr
                        killed(step, toml, key, target)
                        assert encrypted(client, key) == told, (step, target)
                        finished = run("object", "move", key, "--custody", target, "--config", toml)
                        assert finished.returncode == 0, finished.stderr
                        assert encrypted(client, key) == told, (step, target)
                        print(f"round {number}: killed after '{step}' on the way to {target}", flush=True)
        assert gateway.stop() == 0
    repaired = run("fsck", "--repair", "--config", toml)
    print(repaired.stdout)
    finished = run("fsck", "--config", toml)
    print(finished.stdout)
    assert finished.returncode == 0


def other(target: str) -> str:
    """Give the other custody."""
    return "token" if target == "wrapped" else "wrapped"


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--die", nargs=4, metavar=("STEP", "FILE", "KEY", "CUSTODY"), help="for this program itself")
    options = parser.parse_args()
    if options.die:
        step, toml, key, target = options.die
        die(step, Path(toml), key, target)
        return
    with tempfile.TemporaryDirectory() as folder:
        rounds(Path(folder), options.rounds)


if __name__ == "__main__":
    main()
