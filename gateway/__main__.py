"""The command line, and the only place that builds store, token and servers and joins them.

The rule of the room: a verb imports what it needs when it runs, for `dev` and `serve` must be listening within a second
and most of the tree is not theirs. Exit codes: 0 well, 1 a check found problems, 2 configuration or usage, or what the
gateway needs does not answer, 3 the token refuses the PIN, which nothing may try again by itself (then one sentence on
stderr says what to do).
"""

import asyncio
import sys
import time
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gateway import __version__
from gateway.admin.account_verbs import client_app, credential_app, role_app, tenant_app
from gateway.admin.approval_verbs import approval_app
from gateway.admin.audit_verbs import audit_app
from gateway.admin.grant_verbs import grant_app
from gateway.admin.object_verbs import object_app
from gateway.admin.options import PLAIN, ConfigOption, JsonOption
from gateway.admin.pin_verbs import pin_app
from gateway.admin.printing import WIDEST, print_json, print_lines
from gateway.admin.ticket_verbs import ticket_app
from gateway.errors import ConfigurationError, PinRefused
from gateway.hardening import forbid_core_files
from gateway.legible import legible

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
    from contextlib import AbstractContextManager

    from gateway.admin.token_report import Report
    from gateway.config import Config
    from gateway.exchange import Exchange
    from gateway.guesses import Guesses
    from gateway.rates import Paces
    from gateway.server.binding import Ports
    from gateway.token.pool import TokenPool

PROBLEMS_FOUND = 1
MISCONFIGURED = 2
PIN_REFUSED = 3

app = typer.Typer(name="kmip-gateway", help="A KMIP server that keeps and uses its keys in a PKCS#11 HSM.", **PLAIN)
config_app = typer.Typer(help="The configuration file.", **PLAIN)
token_app = typer.Typer(help="The PKCS#11 token.", **PLAIN)
kek_app = typer.Typer(help="The key-encryption keys, by which keys in the database are wrapped.", **PLAIN)
app.add_typer(config_app, name="config")
app.add_typer(token_app, name="token")
token_app.add_typer(kek_app, name="kek")
token_app.add_typer(pin_app, name="pin")
app.add_typer(object_app, name="object")
app.add_typer(ticket_app, name="ticket")
ca_app = typer.Typer(help="The authority by which Certify issues certificates.", **PLAIN)
app.add_typer(ca_app, name="ca")
app.add_typer(tenant_app, name="tenant")
app.add_typer(role_app, name="role")
app.add_typer(client_app, name="client")
app.add_typer(credential_app, name="credential")
app.add_typer(audit_app, name="audit")
app.add_typer(grant_app, name="grant")
app.add_typer(approval_app, name="approval")

PortOption = Annotated[
    int | None, typer.Option(min=0, max=65535, help="TCP port; 0 picks a free one.", show_default="5696")
]
HttpPortOption = Annotated[
    int | None, typer.Option(min=0, max=65535, help="TCP port for HTTPS too; 0 picks a free one.", show_default="none")
]
AllowOption = Annotated[
    list[str] | None, typer.Option("--allow", metavar="WEAKNESS", help="What docs/policy.md refuses; may repeat.")
]
ProcessesOption = Annotated[int | None, typer.Option(min=0, help="Processes; 0: one per core.", show_default="0")]
TokenNameOption = Annotated[str, typer.Option("--name", help="The NAME of [tokens.NAME], if not [token].")]
PinFileOption = Annotated[Path | None, typer.Option(metavar="FILE", help="File of mode 0400 with the PIN.")]
PinDescriptorOption = Annotated[int | None, typer.Option(metavar="N", help="File descriptor to read the PIN from.")]


def main() -> NoReturn:
    """Run the verb in argv and exit with its code."""
    forbid_core_files()
    try:
        app()
    except ConfigurationError as error:
        print(legible(f"kmip-gateway: {error}", WIDEST), file=sys.stderr)
        sys.exit(PIN_REFUSED if isinstance(error, PinRefused) else MISCONFIGURED)
    sys.exit(0)


@app.command()
def version() -> None:
    """Print the version."""
    print(f"kmip-gateway {__version__}")


@app.command()
def dev(
    directory: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Folder for everything.")] = Path("dev-data"),
    kmip_port: PortOption = None,
    http_port: HttpPortOption = None,
    front_ends: ProcessesOption = None,
    token_workers: ProcessesOption = None,
    allow: AllowOption = None,
) -> None:
    """Serve on a SoftHSM2 token, with a CA and certificates, all made in DIR at the first start."""
    from msgspec.structs import replace

    from gateway.admin.dev import prepare, with_allowed, with_https
    from gateway.config import load

    path = prepare(directory)
    options = {"kmip_port": kmip_port, "front_ends": front_ends, "token_workers": token_workers}

    def read() -> "Config":
        config = load(path)
        server = replace(config.server, **{key: value for key, value in options.items() if value is not None})
        config = with_allowed(replace(config, server=server), allow or [])
        return with_https(config, http_port)

    run_gateway(read, f" dir={directory}")


@app.command()
def serve(
    config: ConfigOption,
    pin_fd: PinDescriptorOption = None,
    pin_prompt: Annotated[bool, typer.Option("--pin-prompt", help="Ask the terminal for the PIN.")] = False,
) -> None:
    """Serve until SIGTERM or SIGINT.

    The PIN of [token] comes from where FILE says, unless a file descriptor or the terminal is to give it.
    """
    from gateway.admin.pins import PinSource, held
    from gateway.config import load, with_pin_file

    if pin_fd is None and not pin_prompt:
        run_gateway(lambda: load(config))
        return
    load(config)  # a fault in it is told before anybody types a PIN
    pin_file = held(PinSource("user PIN", "--pin", descriptor=pin_fd))
    run_gateway(lambda: with_pin_file(load(config), pin_file))


@app.command()
def reload(config: ConfigOption, json: JsonOption = False) -> None:
    """Have the running gateway read FILE, certificates and revocation lists again; on a fault it keeps the old."""
    from gateway.config import load
    from gateway.server.administration import ask_reload

    loaded = load(config)
    with recorded(loaded, "reload"):
        outcome = ask_reload(loaded.server.runtime_dir)
    if json:
        print_json(outcome)
    else:
        for process in outcome.processes:
            print(f"{process.kind} {process.index}: {process.error or 'reloaded'}")
        for key in outcome.waiting:
            print(f"{key}: counts from the next start on")
    if not outcome.good:
        raise typer.Exit(PROBLEMS_FOUND)


@config_app.command("check")
def config_check(config: ConfigOption) -> None:
    """Say whether FILE and the files that it names are correct."""
    from gateway.admin.configuration import check
    from gateway.config import load

    check(load(config))
    print(f"{config}: correct")


@token_app.command("init")
def token_init(
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Take [token] from the gateway's TOML.")] = None,
    name: TokenNameOption = "",
    module: Annotated[Path | None, typer.Option(metavar="PATH", help="The PKCS#11 library.")] = None,
    label: Annotated[str, typer.Option(help="The token's label.")] = "",
    serial: Annotated[str, typer.Option(help="The token's serial number.")] = "",
    slot: Annotated[int, typer.Option(min=-1, help="The slot number; -1: found by label or serial.")] = -1,
    initialise: Annotated[
        bool, typer.Option("--initialise", help="Make a new token first (SO PIN); one that is there is refused.")
    ] = False,
    erase: Annotated[
        bool,
        typer.Option(
            "--erase-initialised-token", help="With --initialise: erase the token named, and every key on it, for good."
        ),
    ] = False,
    pin_file: PinFileOption = None,
    pin_fd: PinDescriptorOption = None,
    so_pin_file: PinFileOption = None,
    so_pin_fd: PinDescriptorOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be changed, and change nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Prepare a token: initialise it where asked, make the gateway's own keys, say what it can and cannot do.

    Each PIN comes from its file (mode 0400), its file descriptor, or the terminal. With --config, the user PIN comes
    from the configured source unless another is given.
    """
    from gateway.admin.pins import PinSource
    from gateway.admin.token_setup import Job, initialise_token, plan, target_of
    from gateway.config import load

    job = Job(
        target_of(config, name=name, module=module, label=label, serial=serial, slot=slot),
        user_pin=PinSource("user PIN", "--pin", pin_file, pin_fd, new=initialise),
        so_pin=PinSource("SO PIN", "--so-pin", so_pin_file, so_pin_fd, initialise and not erase, may_be_empty=True),
        initialise=initialise,
        erase=erase,
    )
    if dry_run:
        print(*(f"would {step}" for step in plan(job) or ("change nothing",)), sep="\n")
    else:
        with nullcontext() if config is None else recorded(load(config), "token init"):
            report = initialise_token(job)
        print_report(report, json=json)


@token_app.command("check")
def token_check(config: ConfigOption, name: TokenNameOption = "", json: JsonOption = False) -> None:
    """Say what the configured token can and cannot do; exit 1 where the gateway needs more."""
    from gateway.admin.token_setup import check_token
    from gateway.config import load

    print_report(check_token(load(config).with_token(name)), json=json)


@kek_app.command("rotate")
def kek_rotate(config: ConfigOption, name: TokenNameOption = "") -> None:
    """Make a new key-encryption key and wrap every key of custody `wrapped` by it; the gateway may be serving.

    A run that was ended early is taken up again. The earlier key-encryption keys stay: backups may need them.
    """
    from gateway.admin.kek import rotate
    from gateway.config import load

    loaded = load(config)
    with recorded(loaded, "token kek rotate", name):
        rotation = rotate(loaded.with_token(name))
    value = rotation.check_value.upper() or "none that the token tells"
    print(f"version {rotation.version}: {rotation.rewrapped} keys wrapped anew; its check value is {value}")


def print_report(report: "Report", *, json: bool) -> None:
    """Print what a token can do, and exit with 1 where that is not enough."""
    from gateway.admin.token_report import lines_of

    if json:
        print_json(report)
    else:
        print_lines(lines_of(report))
    raise typer.Exit(0 if report.fit else PROBLEMS_FOUND)


@ca_app.command("init")
def ca_init(
    config: ConfigOption,
    name: Annotated[str, typer.Option(help="Its name, for [kmip] certification_authority.")],
    subject: Annotated[str, typer.Option(help="Its subject, as in CN=Keys,O=Example.")],
    key: Annotated[str, typer.Option(help="rsa-2048, -3072, -4096, ec-p256, -p384 or -p521.")] = "rsa-3072",
    days: Annotated[int, typer.Option(min=1, max=36500, help="For how long it issues.")] = 3650,
) -> None:
    """Make an authority with its key on the token, and print its certificate (PEM)."""
    from gateway.admin.authority import Plan, initialise_authority
    from gateway.config import load

    loaded = load(config)
    with recorded(loaded, "ca init", name):
        print(initialise_authority(loaded, Plan(name, subject, key, days)).decode(), end="")


@ca_app.command("show")
def ca_show(config: ConfigOption) -> None:
    """Print the certificate (PEM) of the authority that FILE names."""
    from gateway.admin.authority import show_authority
    from gateway.config import load

    print(show_authority(load(config)).decode(), end="")


def recorded(config: "Config", command: str, detail: str = "") -> "AbstractContextManager[None]":
    """Have the audit say that an operator does what the block does."""
    from gateway.admin.audit import recorded as recorded_in

    return recorded_in(config, command, detail)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy; its manifest is FILE.json.")],
    config: ConfigOption,
) -> None:
    """Copy the database while the gateway serves, with a manifest of the token's keys; keys stay on the token."""
    from gateway.admin.backup import back_up
    from gateway.config import load

    loaded = load(config)
    with recorded(loaded, "backup", str(file)):
        manifest = back_up(loaded, file)
    keys = sum(len(token.keys) for token in manifest.tokens.values())
    print(f"{file}: {manifest.counts['objects']} objects, {keys} of their keys on tokens")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` made, FILE.json beside it.")],
    config: ConfigOption,
    other_token: Annotated[
        bool, typer.Option("--other-token", help="The token has another label or serial number, and the same keys.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make FILE the database, where there is none; exit 1 where keys of it are gone, 2 where the token is another."""
    from gateway.admin.restore import lines_of, put_back
    from gateway.config import load

    loaded = load(config)
    with recorded(loaded, "restore", str(file)):
        restored = put_back(loaded, file, other_token=other_token)
    if json:
        print_json(restored)
    else:
        print_lines(lines_of(restored))
    raise typer.Exit(0 if restored.agrees else PROBLEMS_FOUND)


@app.command()
def fsck(
    config: ConfigOption,
    repair: Annotated[bool, typer.Option("--repair", help="Delete keys that are ours and over; nothing else.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Try every key and all that is sealed, not a sample.")] = False,
    database_only: Annotated[bool, typer.Option("--database-only", help="Do not look at the token.")] = False,
    json: JsonOption = False,
) -> None:
    """Compare database and token, beside a running gateway or without; exit 1 where they disagree."""
    from gateway.admin.findings import lines_of
    from gateway.admin.fsck import check
    from gateway.config import load

    loaded = load(config)
    with recorded(loaded, "fsck --repair") if repair else nullcontext():
        findings = check(loaded, repair=repair, deep=deep, database_only=database_only)
    if json:
        print_json(findings)
    else:
        print_lines(lines_of(findings))
    raise typer.Exit(0 if findings.sound else PROBLEMS_FOUND)


def address(host: str, port: int) -> str:
    """Give HOST:PORT, as a URL has it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def run_gateway(read: "Callable[[], Config]", suffix: str = "") -> None:
    """Serve until SIGTERM or SIGINT; once all front ends listen, print the line that says where.

    `read` gives the configuration as its file has it, at the start and for each reload.
    """
    from gateway.admin.audit import note
    from gateway.admin.logs import configure, warn_of_swap
    from gateway.guesses import Guesses
    from gateway.rates import Paces
    from gateway.server.supervisor import Supervisor
    from gateway.store.connection import migrate

    def tell_ready(ports: "Ports") -> None:
        https = "" if ports.https is None else f" https={address(config.https.host, ports.https)}"
        print(f"ready kmip={address(config.server.host, ports.kmip)}{https}{suffix}", flush=True)

    config = read()
    configure(config.log)
    warn_of_swap()
    # Once and before the fork: SQLite's locks do not survive one, and front ends must not race to make the tables.
    migrate(config.store.path)
    note(config, "serve", "Begun")
    code = Supervisor(config, partial(build, Paces(), Guesses(Paces())), tell_ready, read).run()
    note(config, "serve", "Ended")
    raise typer.Exit(code)


def tell_end(task: "asyncio.Task[Any]") -> None:
    """Log a fault of ours that has ended what should go round for as long as the process lives; nobody waits for it."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        task.get_loop().call_exception_handler({"message": f"{task.get_coro()} has ended", "exception": error})


@asynccontextmanager
async def build(
    paces: "Paces", guesses: "Guesses", config: "Config", pools: "Mapping[str, TokenPool]"
) -> "AsyncIterator[Exchange]":
    """Join store, token and exchange in a front end, and finish the store's writes at its end."""
    from gateway.admin.admission import Admission
    from gateway.admin.reaper import Reaper
    from gateway.admin.trail import open_trail
    from gateway.authority import check
    from gateway.exchange import Exchange
    from gateway.kmip.enums import ProtectionStorageMask
    from gateway.placement import Places
    from gateway.rates import Rates
    from gateway.server.pushing import Pusher
    from gateway.store.sqlite import open_store
    from gateway.token.quirks import quirk_of

    def protection(pool: "TokenPool") -> ProtectionStorageMask:
        in_software = quirk_of(pool.first_info.manufacturer, pool.first_info.model).in_software
        return ProtectionStorageMask.SOFTWARE if in_software else ProtectionStorageMask.HARDWARE

    name = config.token.name
    pool = pools[name]
    store = open_store(config.store.path, unique_names=config.kmip.unique_names)
    tokens = Admission(store, pools, name)
    places = Places(tokens.admitted, protection) if config.tokens else {}
    trail = open_trail(config.audit, pool, store.instance)
    exchange = Exchange(
        config.kmip,
        store,
        pool,
        time.time,
        token_name=name,
        protection=protection(pool),
        places=places,
        access=config.access,
        rates=Rates(paces, config.limits),
        guesses=guesses,
        approval=config.approval,
        audit=trail,
    )
    send = None
    if config.kmip.push:
        pusher = Pusher(config.tls)
        exchange.follow(lambda renewed: pusher.adopt(renewed.tls))
        send = pusher.send
    rounds: list[asyncio.Task[Any]] = []

    def go_round(work: "Coroutine[Any, Any, Any]") -> None:
        rounds.append(asyncio.create_task(work))
        rounds[-1].add_done_callback(tell_end)

    try:
        await tokens.look()  # first: on another token, nothing is to be reaped
        go_round(Reaper(store, tokens.admitted, config.all_tokens()).run())
        go_round(exchange.rotation(send).run())
        go_round(exchange.requests.run())
        if config.tokens:
            go_round(tokens.run())
        if send is not None:
            go_round(exchange.notices(send).run())
        if trail is not None:
            go_round(trail.run())
        await check(store, config.kmip.certification_authority)
        yield exchange
    finally:
        for each in rounds:
            each.cancel()
        await exchange.requests.close()
        if trail is not None:
            await trail.close()
        await store.close()


if __name__ == "__main__":
    main()
