"""The process that fuzzes one target: `led.py --program=FILE --target=TARGET [options of libFuzzer] FOLDER...`.

libFuzzer ends it, leaves alone what begins with two dashes, and starts FILE with the same when it merges.
`tests.fuzz.guided` starts it and tidies up after it.
"""

import sys

import atheris

with atheris.instrument_imports(include=["gateway"], enable_loader_override=False):
    from tests.fuzz.guided.targets import TARGETS

if __name__ == "__main__":
    said = dict(each[2:].split("=", 1) for each in sys.argv if each.startswith("--"))
    atheris.Setup([said["program"], *sys.argv[1:]], TARGETS[said["target"]][0]())
    atheris.Fuzz()
