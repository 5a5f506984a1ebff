"""kill -9 at every point of every operation, under load, again and again: `python -m tests.soak.kills --kills 500`.

Each round arms one point of `failpoints`, has eight clients ask until some process passes it and kills its victim (a
front end, the token workers, or the supervisor, with which all ends), and then looks at everything that the clients
know. The seed gives the order of the points, the victims and what each client asks; the moment is the machine's.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from gateway.admin.dev import prepare
from gateway.store.api import ObjectRow, Stage
from gateway.store.catalogue import open_catalogue
from tests.cli.process import Gateway, running_dev
from tests.clients.test_crashes import eventually, keys_on_token
from tests.faulty.power import Power
from tests.soak.failpoints import FOLDER, children
from tests.soak.ledger import Ledger, Violation, hold
from tests.support.client import Client

OPTIONS = ("--front-ends", "2", "--token-workers", "2")
CLIENTS = 8
ROUND_S = 3.0  # A point that nobody passes in this time is left for later.
AFTERWARDS_S = 0.1  # The load goes on so long after a kill.
FEWER = 20  # Objects on the token are counted every so many kills.
# What only those ask who look whether all is well.
LOOKS = ("Encrypt", "Get", "GetAttributes", "Locate", "Poll", "Sign", "SignatureVerify")
SHARES = {"front end": 6, "workers": 3, "supervisor": 2}


class Kill(NamedTuple):
    """What is to be killed at which point, when it is passed for the how manieth time, and how long after."""

    point: str
    victim: str
    skip: int
    delay_s: float


class Run:
    """One gateway that is killed and started again, and the clients that keep asking it."""

    def __init__(self, folder: Path, seed: int, custody: str, log: Path | None = None, window_s: int = 0) -> None:
        self.folder, self.points = folder / "gateway", folder / "points"
        self.custody = custody
        self.points.mkdir()
        (self.points / "passed").touch()
        self._rng = random.Random(f"{seed} kills")
        self.ledgers = [Ledger(f"client{number}", random.Random(f"{seed} {number}")) for number in range(CLIENTS)]
        self.kills: Counter[str] = Counter()
        self.killed_at: Counter[str] = Counter()
        self.missed: set[str] = set()
        self.wrecks = 0
        self.environment = os.environ | {FOLDER: str(self.points)}
        self._log = log or folder / "log"
        self._stack = ExitStack()
        self._gateway: Gateway | None = None
        configuration = prepare(self.folder)
        with configuration.open("a") as file:
            file.write(f'custody = "{custody}"\ndestroy_window_s = {window_s}\n')

    @property
    def gateway(self) -> Gateway:
        """The gateway that runs; started again if it was killed."""
        if self._gateway is None or self._gateway.process.poll() is not None:
            self._stack.close()
            log = self._stack.enter_context(self._log.open("a"))
            self._gateway = self._stack.enter_context(self.start(log))
        return self._gateway

    def start(self, log: IO[str]) -> AbstractContextManager[Gateway]:
        """Start a gateway on the folder; there may be one already."""
        module, env = "tests.soak.failpoints", self.environment
        return running_dev(self.folder, *OPTIONS, stderr=log, module=module, env=env)

    @property
    def answered(self) -> int:
        """How many requests were answered so far."""
        return sum(each.answered for each in self.ledgers)

    def kill_all(self) -> None:
        """Kill every process at once."""
        pid = self.gateway.process.pid
        for each in (pid, *children(pid, workers=True), *children(pid, workers=False)):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)

    def known(self) -> list[str]:
        """Give the points that were passed so far under load."""
        passed = set((self.points / "passed").read_text().splitlines())
        return sorted(each for each in passed if each.split(":")[0] not in LOOKS)

    def choose(self, point: str, victim: str | None = None) -> Kill:
        """Give a kill at a point, by chance."""
        chosen = victim or self._rng.choices(list(SHARES), list(SHARES.values()))[0]
        return Kill(point, chosen, self._rng.randrange(3), self._rng.choice((0.0, 0.0, 0.001, 0.005)))

    def load(self, until: Callable[[], bool], seconds: float, then: Callable[[], None] = lambda: None) -> None:
        """Have the clients ask until something holds, or the time is over, and do something while they still do."""
        stop, gateway = threading.Event(), self.gateway
        failures: list[Exception] = []
        threads = [
            threading.Thread(target=keep_asking, args=(gateway, ledger, stop, failures)) for ledger in self.ledgers
        ]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while not until() and not failures and time.monotonic() < end:
            time.sleep(0.01)
        then()
        time.sleep(AFTERWARDS_S)
        stop.set()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def arm(self, kill: Kill) -> Path:
        """Have it killed as soon as that point is passed; the file that is given is gone then."""
        armed, draft = self.points / "armed", self.points / "draft"
        draft.write_text(json.dumps({"number": sum(self.kills.values()), **kill._asdict()}))
        draft.rename(armed)
        return armed

    def kill(self, kill: Kill) -> bool:
        """Have something killed under load, and say whether it came to that."""
        armed = self.arm(kill)
        self.load(lambda: not armed.exists(), ROUND_S)
        try:
            armed.unlink()
        except FileNotFoundError:
            self.kills[kill.victim] += 1
            self.killed_at[kill.point] += 1
            return True
        self.missed.add(kill.point)
        return False

    def settle(self, *, thoroughly: bool) -> None:
        """Look at everything that the clients know, and, thoroughly, at all that is in the database and on the token.

        Raises:
            Violation: a promise is broken.
        """
        with client_of(self.gateway) as client:
            # One that was kept before its client was told is carried out all the same.
            hold(eventually(lambda: not unfinished(self.folder), 30), "asynchronous requests come to no end")
            for ledger in self.ledgers:
                ledger.settle(client)
        self._check_database()
        if thoroughly:
            self._check_token()

    def _check_database(self) -> None:
        lists = [(*each.things, *((each.base,) if each.base else ())) for each in self.ledgers]
        known = {thing.unique_identifier for things in lists for thing in things}
        rows = {row.unique_identifier for row in objects(self.folder) if not row.destroyed and row.owner != "gateway"}
        hold(rows <= known, f"objects that no client asked for: {rows - known}")

    def _check_token(self) -> None:
        """Look whether database and token name the same keys; what was left is being cleared away meanwhile."""
        compared: tuple[set[tuple[int, str]], set[tuple[int, str]]] = (set(), set())

        def same() -> bool:
            nonlocal compared
            try:
                found = keys_on_token(self.folder)
            except subprocess.CalledProcessError:  # a key was deleted while it was looked at
                return False
            # SoftHSM killed before it wrote the CKA_ID leaves an object of which nobody can say whose it is.
            self.wrecks = sum(not cka_id for _, cka_id in found)
            compared = {each for each in found if each[1]}, keys_of(objects(self.folder))
            return compared[0] == compared[1] and not queued(self.folder)

        done = eventually(same, 30)
        on_token, named = compared
        hold(
            done, f"on the token alone {on_token - named}, named alone {named - on_token}, queue {queued(self.folder)}"
        )

    def close(self) -> None:
        """End the gateway."""
        self._stack.close()


def keys_of(rows: list[ObjectRow]) -> set[tuple[int, str]]:
    """Give class and CKA_ID of what rows name on the token."""
    return {(row.object_class, row.cka_id.hex()) for row in rows if row.on_token and not row.destroyed}


def objects(folder: Path) -> list[ObjectRow]:
    """Give all rows."""
    with closing(open_catalogue(folder / "gateway.sqlite")) as catalogue:
        rows, page = [], catalogue.page(limit=1000)
        while page:
            rows += page
            page = catalogue.page(after=page[-1].id, limit=1000)
    return rows


def queued(folder: Path) -> int:
    """Count the deletions that the database says are still to be done."""
    return count(folder, "SELECT count(*) FROM destroys")


def unfinished(folder: Path) -> int:
    """Count the asynchronous requests that have no result yet."""
    return count(folder, f"SELECT count(*) FROM asynchronous_requests WHERE stage < {Stage.COMPLETED}")


def count(folder: Path, query: str) -> int:
    """Give the number that a query gives."""
    with closing(sqlite3.connect(folder / "gateway.sqlite")) as connection:
        (found,) = connection.execute(query).fetchone()
    return int(found)


def keep_asking(gateway: Gateway, ledger: Ledger, stop: threading.Event, failures: list[Exception]) -> None:
    """Ask until told to stop, on a new connection whenever one breaks."""
    while not stop.is_set():
        try:
            with Client(gateway.folder, gateway.port) as client:
                while not stop.is_set():
                    ledger.step(client)
        except Violation as violation:
            failures.append(violation)
            return
        except OSError:
            if gateway.process.poll() is not None:
                return
            time.sleep(0.01)


@contextmanager
def client_of(gateway: Gateway) -> Iterator[Client]:
    """Give a client that is connected to a gateway which has just been hurt."""
    end = time.monotonic() + 20
    while True:
        with suppress(OSError):
            connected = Client(gateway.folder, gateway.port)
            break
        hold(time.monotonic() < end, "the gateway takes no connection")
        time.sleep(0.1)
    with connected as client:
        yield client


def soak(run: Run, kills: int, victims: tuple[str, ...] = (), warm_up_s: float = 6.0) -> None:
    """Kill so often, at every point in turn, and look at everything after each time.

    Raises:
        Violation: a promise is broken.
    """
    run.load(lambda: False, warm_up_s)
    run.settle(thoroughly=True)
    done, order = 0, []
    while done < kills:
        if not order:
            order = run.known()
            run._rng.shuffle(order)
        kill = run.choose(order.pop(), victims[done % len(victims)] if victims else None)
        if run.kill(kill):
            done += 1
            run.settle(thoroughly=done % FEWER == 0)
            if done % 10 == 0:
                print(time.strftime("%X"), done, dict(run.kills), flush=True)
    run.settle(thoroughly=True)


def cut_power(run: Run, power: Power, cuts: int) -> int:
    """Cut the power so often under load, look at everything after each time, and count the writes that were lost.

    Raises:
        Violation: a promise is broken.
    """
    run.environment |= power.environment
    lost = 0
    for number in range(cuts):
        enough = run.answered + 60
        run.load(lambda enough=enough: run.answered > enough, 20, run.kill_all)  # type: ignore[misc]
        lost += power.cut()
        run.settle(thoroughly=False)
        print(time.strftime("%X"), "cut", number + 1, "writes lost", lost, flush=True)
    run.settle(thoroughly=True)
    return lost


def main() -> int:
    """Run, print the figures, and give 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--cuts", type=int, default=0, help="cut the power so often instead")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--custody", choices=("token", "wrapped"), default="token")
    parser.add_argument("--window", type=int, default=0, help="keep so many seconds what is destroyed")
    parser.add_argument("--dir", type=Path, default=None)
    given = parser.parse_args()
    folder = given.dir or Path(tempfile.mkdtemp(prefix="kills-"))
    folder.mkdir(exist_ok=True)
    print(f"seed {given.seed}, custody {given.custody}, in {folder}", flush=True)
    run = Run(folder, given.seed, given.custody, window_s=given.window)
    try:
        if given.cuts:
            cut_power(run, Power(folder, run.folder / "gateway.sqlite"), given.cuts)
        else:
            soak(run, given.kills)
    except Violation as violation:
        print(f"VIOLATION after {dict(run.kills)}, last at {list(run.killed_at)[-1:]}: {violation}")
        return 1
    finally:
        run.close()
        print(
            f"kills {dict(run.kills)} = {sum(run.kills.values())} at {len(run.killed_at)} points of {len(run.known())}"
        )
        print(f"requests answered {run.answered}")
        print(f"objects {sum(len(each.things) for each in run.ledgers)}, nameless on the token {run.wrecks}")
        print("never passed again:", sorted(run.missed - set(run.killed_at)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
