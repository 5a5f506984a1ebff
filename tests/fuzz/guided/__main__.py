"""`python -m tests.fuzz.guided ttlv,json,xml,answer 60`: each target fuzzed for so many seconds, one after the other.

It starts from the requests of the corpus and from what is in `kept/`: the inputs by which earlier runs reached code
that those do not. `--keep` adds what this run found. What breaks something is printed, with the input; further options
go to libFuzzer.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.guided.running import Run, keep
from tests.fuzz.guided.targets import TARGETS


def main() -> None:
    """Fuzz, and print how many inputs there were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", type=lambda text: text.split(","))
    parser.add_argument("seconds", type=int)
    parser.add_argument("--keep", action="store_true")
    options, further = parser.parse_known_args()
    if not set(options.targets) <= TARGETS.keys():
        parser.error(f"the targets are {', '.join(TARGETS)}")
    broke = False
    for target in options.targets:
        with tempfile.TemporaryDirectory() as folder:
            outcome = Run(target, options.seconds, Path(folder), further).wait()
            print(f"{target}: {outcome.executed} inputs", flush=True)
            if outcome.broke:
                broke = True
                print(outcome.broke)
                for each in Path(folder).glob("*-*"):
                    print(f"{each.name}: {each.read_bytes().hex()}")
            if options.keep:
                keep(target, outcome.found, Path(folder))
    sys.exit(broke)


if __name__ == "__main__":
    main()
