"""How long a gateway takes from exec to `ready` on a development directory that is there already.

Usage: python -m tests.bench.start [--rounds 5] [--dir DIR]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench import servers


def main() -> None:
    """Print each start and the median, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        folder = Path(name) / "gateway"
        servers.gateway(folder).stop()
        taken = [_seconds(folder) for _ in range(options.rounds)]
    print(f"{', '.join(f'{each:.2f}' for each in taken)}; median {statistics.median(taken):.2f} s")


def _seconds(folder: Path) -> float:
    begun = time.perf_counter()
    server = servers.gateway(folder)
    taken = time.perf_counter() - begun
    server.stop()
    return taken


if __name__ == "__main__":
    main()
