"""Starts the process that fuzzes, with folders to start from, and reads what it came to."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.corpus import corpus
from tests.fuzz.guided.targets import TARGETS
from tests.fuzz.texts import texts

ROOT = Path(__file__).parents[3]
KEPT = Path(__file__).parent / "kept"
LONGEST_BYTES = 4096
# Of those to start from; larger ones are slower and hold the same. A text takes three times the bytes.
SEED_BYTES, TEXT_SEED_BYTES = 1024, 3072
SLOWEST_S = 5  # an input that takes longer is a finding


class Outcome(NamedTuple):
    """What a run came to; `found` are inputs that reached what no other does, and `broke` is none or what to read."""

    executed: int
    found: Path
    broke: str


class Run:
    """One target being fuzzed for so many seconds, in a folder of its own."""

    def __init__(self, target: str, seconds: int, folder: Path, further: Iterable[str] = ()) -> None:
        self.found = folder / "found"
        seeds = folder / "seeds"
        for each in (self.found, seeds):
            each.mkdir()
        write(seeds, _seeds(target))
        limits = (f"-max_total_time={seconds}", f"-max_len={LONGEST_BYTES}", f"-timeout={SLOWEST_S}")
        self._process = _led(
            target, folder, *limits, "-print_final_stats=1", *further, self.found, seeds, *kept(target)
        )

    def wait(self) -> Outcome:
        """Give what came of it, when the time is over or something broke."""
        said = self._process.communicate()[0].decode(errors="replace")
        executed = re.search(r"number_of_executed_units: (\d+)", said)
        broke = "" if self._process.returncode == 0 and executed else said[-5000:]
        return Outcome(int(executed[1]) if executed else 0, self.found, broke)


def keep(target: str, found: Path, folder: Path) -> None:
    """Put beside what is kept the least of what was found that reaches as much."""
    seeds = folder / "seeds"
    write(seeds, _seeds(target))
    own = KEPT / target
    own.mkdir(parents=True, exist_ok=True)
    # Merging takes nothing into the first folder that the others of it, the seeds, reach already.
    merged = folder / "merged"
    merged.mkdir()
    for each in (*seeds.iterdir(), *own.iterdir()):
        (merged / each.name).write_bytes(each.read_bytes())
    before = {each.name for each in merged.iterdir()}
    _led(target, folder, "-merge=1", merged, found).communicate()
    for each in merged.iterdir():
        if each.name not in before:
            (own / each.name).write_bytes(each.read_bytes())


def kept(target: str) -> list[Path]:
    """Give the folder of what earlier runs kept, where there is one."""
    return [each for each in (KEPT / target,) if each.is_dir()]


def write(folder: Path, inputs: Iterable[bytes]) -> None:
    """Write each input to a file, named as libFuzzer does."""
    folder.mkdir(exist_ok=True)
    for each in inputs:
        (folder / hashlib.sha1(each, usedforsecurity=False).hexdigest()).write_bytes(each)


def _seeds(target: str) -> list[bytes]:
    media_type = TARGETS[target][1]
    if media_type is None:
        return [each for each in corpus() if len(each) <= SEED_BYTES]
    return [each for each in texts()[media_type] if len(each) <= TEXT_SEED_BYTES]


def _led(target: str, folder: Path, *arguments: str | Path) -> "subprocess.Popen[bytes]":
    # libFuzzer starts its program once more for each input that ends it while it merges, by the shell.
    program = folder / "led"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("led.py")}" "$@"\n')
    program.chmod(0o700)
    command = [program, f"--program={program}", f"--target={target}", f"-artifact_prefix={folder}/", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
