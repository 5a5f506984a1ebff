"""The table: requests/s and latencies of the gateway and of PyKMIP's server, and the raw rate of the token.

Usage: python -m tests.bench [--seconds 3] [--rounds 1] [--connections 1,8,32] [--items 1,10,100] [--only Encrypt]
       [--custody wrapped] [--dir DIR] [--no-pykmip] [--no-raw]
"""

import argparse
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import cases, load, raw, servers
from tests.bench.cases import Case
from tests.bench.load import Load, Rate
from tests.bench.servers import Server
from tests.support.client import Client

# A row's name, connections, batch items.
Key = tuple[str, int, int]
# What the processor does for a request depends little on what else the machine does; rates do.
COLUMNS = (
    *("operation", "connections", "items", "ops/s", "p50 µs", "p99 µs", "CPU µs"),
    *("PyKMIP ops/s", "ratio", "raw 1 / 2 processes"),
)


def main() -> None:
    """Run the servers in turn and print the table as Markdown."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        folder = Path(name)
        program = load.build(folder)
        servers.prepare(folder / "gateway", options.custody)
        ours = servers.gateway(folder / "gateway", *options.gateway)
        try:
            pki = folder / "gateway" / "pki"
            work = Load(program, pki, options.seconds)
            plan = _plan(options)
            found = _measure(options, work, ours, folder / "gateway", plan, [cases.signing, cases.symmetric])
        finally:
            ours.stop()
        pin = (folder / "gateway" / "user.pin").read_text().strip() if options.raw else ""
        bare = [raw.rates(folder / "gateway" / "softhsm2.conf", pin, n) for n in (1, 2)] if pin else []
        theirs: dict[Key, Rate] = {}
        if options.pykmip:
            peer = servers.pykmip(folder, pki)
            try:
                theirs = _measure(options, work, peer, folder / "gateway", plan, [cases.symmetric])
            finally:
                peer.stop()
        _print(found, theirs, bare)
        _print_https(found, max(options.connections), _aiohttp_alone(work, pki, max(options.connections)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    numbers: Callable[[str], list[int]] = lambda text: [int(each) for each in text.split(",")]  # noqa: E731
    parser.add_argument("--seconds", type=float, default=3, help="of measuring for each figure")
    parser.add_argument("--rounds", type=int, default=1, help="of all rows; a figure is the median of its rounds")
    parser.add_argument("--connections", type=numbers, default=[1, 8, 32])
    parser.add_argument("--items", type=numbers, default=[1, 10, 100], help="batch items a message")
    parser.add_argument("--only", default="", help="rows whose name begins so")
    parser.add_argument("--custody", default="token", choices=["wrapped", "token"])
    parser.add_argument("--dir", default=None, help="where the token and the databases go for the run")
    parser.add_argument("--no-pykmip", dest="pykmip", action="store_false")
    parser.add_argument("--no-raw", dest="raw", action="store_false")
    parser.add_argument("gateway", nargs="*", help="options for the gateway, after --")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> list[tuple[int, int]]:
    """Every number of connections with one item, then every larger batch with the most connections."""
    most = max(options.connections)
    return [(n, 1) for n in options.connections] + [(most, items) for items in options.items if items > 1]


def _measure(
    options: argparse.Namespace,
    work: Load,
    server: Server,
    directory: Path,
    plan: list[tuple[int, int]],
    families: list[Callable[[Client], list[Case]]],
) -> dict[Key, Rate]:
    with Client(directory, server.port) as client:
        rows = [case for family in families for case in family(client)]
    rows = [case for case in rows if case.name.startswith(options.only) and (server.https_port or not case.media)]
    found: dict[Key, list[Rate]] = {}
    for _ in range(options.rounds):
        for connections, items in plan:
            for case in (case for case in rows if items <= case.most_items):
                http = case.media is not None
                rate = work.run(server, case.message(items), connections, reconnect=case.reconnect, http=http)
                found.setdefault((case.name, connections, items), []).append(rate)
                print(f"# {case.name} {connections} {items}: {rate}", flush=True)
    return {key: sorted(rates)[len(rates) // 2] for key, rates in found.items()}


def _aiohttp_alone(work: Load, pki: Path, connections: int) -> Rate:
    """Give what the load generator gets out of a server that has nothing to do."""
    server = servers.aiohttp_alone(pki)
    try:
        nothing = cases.HTTP.format(media_type="text/plain", length=0).encode()
        return work.run(server, nothing, connections, http=True)
    finally:
        server.stop()


def _print(ours: dict[Key, Rate], theirs: dict[Key, Rate], bare: list[dict[str, float]]) -> None:
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"\n{cpu}, {platform.python_version()}, {platform.system()} {platform.release()}\n")
    print(f"| {' | '.join(COLUMNS)} |")
    print("|" + "---|" * len(COLUMNS))
    for (name, connections, items), rate in ours.items():
        peer = theirs.get((name, connections, items))
        other = f"{peer.rps * items:,.0f} | {rate.rps / peer.rps:.1f}x" if peer and peer.rps else "- | -"
        limit = " / ".join(f"{each[name]:,.0f}" for each in bare if name in each) or "-"
        faults = f" ({rate.failed} failed, {rate.broken} broken)" if rate.failed or rate.broken else ""
        figures = (
            f"{rate.rps * items:,.0f}{faults} | {rate.p50_us:,.0f} | {rate.p99_us:,.0f} | {rate.cpu_us / items:,.0f}"
        )
        print(f"| {name} | {connections} | {items} | {figures} | {other} | {limit} |")


def _print_https(ours: dict[Key, Rate], connections: int, alone: Rate) -> None:
    """Print what each encoding over HTTPS reaches of the raw socket's rate, and what HTTPS alone would."""
    raw = ours.get((cases.ENCRYPT, connections, 1))
    if raw is None:
        return
    print()
    for name in cases.OVER_HTTPS:
        rate = ours[name, connections, 1]
        processor = f"{rate.cpu_us:.0f} µs of processor time against {raw.cpu_us:.0f}"
        print(f"{name}: {rate.rps / raw.rps:.0%} of the raw socket's rate at {connections} connections, {processor}")
    print(f"aiohttp alone, which answers without a gateway: {alone.rps:,.0f} requests/s, {alone.cpu_us:.0f} µs")


if __name__ == "__main__":
    main()
