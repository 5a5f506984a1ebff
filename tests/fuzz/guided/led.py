"""The process that fuzzes one target: `led.py --target=TARGET [options of libFuzzer] FOLDER...`.

libFuzzer ends it, leaves alone what begins with two dashes, and starts it once more with the same when it merges.
`tests.fuzz.guided` starts it and tidies up after it.
"""

import sys

import atheris

with atheris.instrument_imports(include=["gateway"], enable_loader_override=False):
    from tests.fuzz.guided.targets import TARGETS

if __name__ == "__main__":
    (target,) = [each.removeprefix("--target=") for each in sys.argv if each.startswith("--target=")]
    atheris.Setup(sys.argv, TARGETS[target][0]())
    atheris.Fuzz()
