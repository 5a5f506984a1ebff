"""The commands `tenant`, `role`, `client` and `credential`: who may connect, and what each may do.

A command imports what it needs when it runs, as those of `__main__` do. All of them work beside a running gateway.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gateway.admin.options import PLAIN, ConfigOption, JsonOption
from gateway.admin.printing import print_json, print_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.config import Config
    from gateway.store.accounts import Accounts, Identification

T = TypeVar("T")

tenant_app = typer.Typer(help="Tenants: each has its own clients, roles, objects and names.", **PLAIN)
role_app = typer.Typer(help="Roles: what a client may do.", **PLAIN)
client_app = typer.Typer(help="Clients, and the certificates by which they are known.", **PLAIN)
credential_app = typer.Typer(help="What clients show in their requests: passwords, devices.", **PLAIN)

NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
TenantOption = Annotated[str, typer.Option(help="The client's tenant.")]
OfTenantOption = Annotated[str | None, typer.Option("--tenant", help="Of this tenant only.")]
RolesOption = Annotated[list[str], typer.Option("--role", help="A role; may be given several times.")]
MethodsOption = Annotated[
    list[str] | None,
    typer.Option("--by", help="Known by the certificate's key, san-uri, san-dns or subject.", show_default="key"),
]
CommentOption = Annotated[str, typer.Option(help="For administrators.")]


def show(value: Any, lines: Sequence[tuple[object, ...]], *, json: bool) -> None:
    """Print a list as one JSON document, or a line for each."""
    if json:
        print_json(value)
        return
    for each in lines:
        print_row(*each)


def change(config: "Config", command: str, detail: str, fn: "Callable[[Accounts], T]") -> "T":
    """Give what a change gives, which the audit knows of before it is made, and after it how it went."""
    from gateway.admin import accounts
    from gateway.admin.audit import recorded

    with recorded(config, command, detail):
        return accounts.change(config.store.path, fn)


@tenant_app.command("create")
def tenant_create(name: NameArgument, config: ConfigOption) -> None:
    """Make a tenant."""
    from gateway.admin import accounts
    from gateway.config import load

    change(load(config), "tenant create", name, lambda found: accounts.create_tenant(found, name))


@tenant_app.command("list")
def tenant_list(config: ConfigOption, json: JsonOption = False) -> None:
    """List the tenants."""
    from gateway.admin import accounts
    from gateway.config import load

    names = accounts.read(load(config).store.path, lambda found: [each.name for each in found.tenants()])
    show(names, [(each,) for each in names], json=json)


@tenant_app.command("remove")
def tenant_remove(name: NameArgument, config: ConfigOption) -> None:
    """Remove a tenant that has neither clients nor objects."""
    from gateway.admin import accounts
    from gateway.config import load

    change(load(config), "tenant remove", name, lambda found: accounts.remove_tenant(found, name))


RoleTenantOption = Annotated[
    str, typer.Option("--tenant", help="Of this tenant; without it, of all.", show_default="all")
]


@role_app.command("create")
def role_create(
    name: NameArgument,
    config: ConfigOption,
    tenant: RoleTenantOption = "",
    file: Annotated[Path | None, typer.Option(help="TOML or JSON that says what the role may do.")] = None,
    like: Annotated[str | None, typer.Option(help="A role that comes along, to begin with.")] = None,
) -> None:
    """Make a role, or put another in place of the one of this name."""
    from gateway.admin import accounts
    from gateway.config import load

    role = accounts.role_from(name, file, like)
    # All that it allows: who approves it approves just that.
    detail = f"{tenant or 'all'}/{name} {accounts.written(role)}"
    change(load(config), "role create", detail, lambda found: accounts.put_role(found, tenant, role))


@role_app.command("list")
def role_list(config: ConfigOption, tenant: OfTenantOption = None, json: JsonOption = False) -> None:
    """List the roles, those that come along included."""
    from gateway.admin import accounts
    from gateway.config import load

    roles = accounts.read(load(config).store.path, lambda found: accounts.list_roles(found, tenant))
    show(roles, [(each.name, each.tenant or "all", "preset" if each.preset else "") for each in roles], json=json)


@role_app.command("show")
def role_show(name: NameArgument, config: ConfigOption, tenant: RoleTenantOption = "") -> None:
    """Print what clients of a tenant may do by a role, as JSON that `role create --file` takes."""
    from gateway.admin import accounts
    from gateway.config import load

    show(accounts.read(load(config).store.path, lambda found: accounts.show_role(found, tenant, name)), [], json=True)


@role_app.command("remove")
def role_remove(name: NameArgument, config: ConfigOption, tenant: RoleTenantOption = "") -> None:
    """Remove a role that no client would miss."""
    from gateway.admin import accounts
    from gateway.config import load

    change(
        load(config),
        "role remove",
        f"{tenant or 'all'}/{name}",
        lambda found: accounts.remove_role(found, tenant, name),
    )


@client_app.command("create")
def client_create(
    name: NameArgument,
    config: ConfigOption,
    tenant: TenantOption,
    role: RolesOption,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="New folder for its certificate and files.")] = None,
    csr: Annotated[Path | None, typer.Option(metavar="FILE", help="Its certificate request (PEM).")] = None,
    certificate: Annotated[Path | None, typer.Option(metavar="FILE", help="A certificate that it has (PEM).")] = None,
    by: MethodsOption = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--for", help="vsphere, mongodb, mysql, pykmip or libkmip: a configuration.")
    ] = None,
    server: Annotated[str | None, typer.Option(help="How it calls this gateway.", show_default="[server] host")] = None,
    days: Annotated[int, typer.Option(min=1, max=36500, help="For how long the certificate is good.")] = 825,
    both: Annotated[bool, typer.Option("--both", help="It has to show a credential with its certificate.")] = False,
    comment: CommentOption = "",
) -> None:
    """Make a client; with --out, issue its certificate, for the key of --csr or a new one, and write what it needs."""
    from gateway.admin import accounts, enrolment
    from gateway.admin.audit import recorded
    from gateway.admin.snippets import SNIPPETS
    from gateway.config import load
    from gateway.store.accounts import Proof

    if out is not None and certificate is not None:
        raise typer.BadParameter("give --out to have a certificate issued, or --certificate, and not both")
    if out is None and (csr is not None or kinds):
        raise typer.BadParameter("give --out, the folder to write to")
    if unknown := [each for each in kinds or () if each not in SNIPPETS]:
        raise typer.BadParameter(f"--for {unknown[0]}: there are {', '.join(SNIPPETS)}")
    configuration = load(config)
    proof = Proof.BOTH if both else Proof.ANY
    wanted = accounts.Enrolment(tenant=tenant, name=name, roles=tuple(role), proof=proof, comment=comment)
    # Asked first, so that nothing is signed for a client that is not made.
    accounts.change(configuration.store.path, lambda found: accounts.check_client(found, wanted))  # changes nothing
    given = () if certificate is None else (enrolment.shown_by(enrolment.read_certificate(certificate)),)
    facts = [fact for shown in given for fact in accounts.facts_of(shown, by or ())]
    key = "" if csr is None else f"; the key of a request, {enrolment.key_requested(csr)}"
    if out is not None:
        enrolment.check_folder(out)
    issuing = f"; a certificate of {days} days, by {', '.join(by or ('key',))}" if out is not None else ""
    detail = f"{tenant}/{name} with the roles {', '.join(role)}; shows {proof.value}; {_told(facts)}{key}{issuing}"
    with recorded(configuration, "client create", detail):
        if out is not None:
            issued = enrolment.issue(configuration, tenant, name, csr, days)
            facts = accounts.facts_of(enrolment.shown_by(issued.certificate), by or ())
            enrolment.write_bundle(out, issued, configuration, kinds or [], server or configuration.server.host)
        accounts.change(configuration.store.path, lambda found: accounts.add_client(found, wanted, facts))


@client_app.command("roles")
def client_roles(name: NameArgument, config: ConfigOption, tenant: TenantOption, role: RolesOption) -> None:
    """Give a client these roles in place of those that it has."""
    from gateway.admin import accounts
    from gateway.config import load

    detail = f"{tenant}/{name} to {', '.join(role)}"
    change(load(config), "client roles", detail, lambda found: accounts.set_roles(found, tenant, name, role))


def _told(facts: "Sequence[Identification]") -> str:
    return ", ".join(f"{each.method} {each.value}" for each in facts)


@client_app.command("identify")
def client_identify(
    name: NameArgument,
    config: ConfigOption,
    tenant: TenantOption,
    certificate: Annotated[Path, typer.Option(metavar="FILE", help="Its further certificate (PEM).")],
    by: MethodsOption = None,
) -> None:
    """Let a client be known by a further certificate too, such as one of a new key."""
    from gateway.admin import accounts, enrolment
    from gateway.config import load
    from gateway.store.accounts import Accounts

    facts = accounts.facts_of(enrolment.shown_by(enrolment.read_certificate(certificate)), by or ())

    def identify(found: Accounts) -> None:
        row = accounts.client_of(found, tenant, name)
        for fact in facts:
            accounts.identify(found, row, fact)

    detail = f"{tenant}/{name} by {_told(facts)}"
    change(load(config), "client identify", detail, identify)


@client_app.command("list")
def client_list(config: ConfigOption, tenant: OfTenantOption = None, json: JsonOption = False) -> None:
    """List the clients."""
    from gateway.admin import accounts
    from gateway.config import load

    found = accounts.read(load(config).store.path, lambda rows: accounts.list_clients(rows, tenant))
    lines = [(c.tenant, c.name, c.standing, ",".join(c.roles), "; ".join((*c.known_by, *c.credentials))) for c in found]
    show(found, lines, json=json)


@client_app.command("pending")
def client_pending(config: ConfigOption, json: JsonOption = False) -> None:
    """List the certificates that no client is known by, and that wait to be accepted or rejected."""
    from gateway.admin import accounts
    from gateway.config import load

    found = accounts.read(load(config).store.path, accounts.list_pending)
    lines = [(p.key, p.subject, ", ".join(p.names), p.address, p.seen, "rejected" if p.rejected else "") for p in found]
    show(found, lines, json=json)


@client_app.command("accept")
def client_accept(
    key: Annotated[str, typer.Argument(metavar="KEY", help="What it begins with in `client pending`.")],
    config: ConfigOption,
    name: Annotated[str, typer.Option(help="What the client is to be called.")],
    tenant: TenantOption,
    role: RolesOption,
    by: MethodsOption = None,
    comment: CommentOption = "",
) -> None:
    """Make a client of a certificate that waits; the next request of its open connection goes through."""
    from gateway.admin import accounts
    from gateway.config import load

    wanted = accounts.Enrolment(tenant=tenant, name=name, roles=tuple(role), comment=comment)
    loaded = load(config)
    # Who approves it approves this certificate, and not whatever begins so when it is carried out.
    whole, facts = accounts.read(loaded.store.path, lambda found: accounts.facts_waiting(found, key, by or ()))
    detail = f"{tenant}/{name} with the roles {', '.join(role)}; {whole} by {_told(facts)}"
    change(loaded, "client accept", detail, lambda found: accounts.accept(found, whole, wanted, by or ()))


@client_app.command("reject")
def client_reject(
    key: Annotated[str, typer.Argument(metavar="KEY", help="What it begins with in `client pending`.")],
    config: ConfigOption,
) -> None:
    """Keep a certificate out, whatever credential comes with it."""
    from gateway.admin import accounts
    from gateway.config import load

    change(load(config), "client reject", key, lambda found: accounts.reject(found, key))


@client_app.command("revoke")
def client_revoke(
    name: NameArgument,
    config: ConfigOption,
    tenant: TenantOption,
    undo: Annotated[bool, typer.Option("--undo", help="Let it in again.")] = False,
) -> None:
    """Refuse a client from its next request on, on open connections too; its objects stay."""
    from gateway.admin import accounts
    from gateway.config import load
    from gateway.store.accounts import Standing

    standing = Standing.ACCEPTED if undo else Standing.REVOKED
    command = "client revoke --undo" if undo else "client revoke"
    change(
        load(config), command, f"{tenant}/{name}", lambda found: accounts.set_standing(found, tenant, name, standing)
    )


@credential_app.command("set")
def credential_set(
    client: Annotated[str, typer.Argument(metavar="CLIENT")],
    config: ConfigOption,
    tenant: TenantOption,
    kind: Annotated[str, typer.Option(help="password, hashed, device or one-time.")] = "password",
    username: Annotated[str | None, typer.Option(help="The user name.", show_default="CLIENT")] = None,
    password_file: Annotated[Path | None, typer.Option(metavar="FILE", help="File of mode 0400.")] = None,
    password_fd: Annotated[int | None, typer.Option(metavar="N", help="File descriptor to read it from.")] = None,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="A device without one: it needs its client's certificate.")
    ] = False,
    serial: Annotated[str | None, typer.Option(help="Device Serial Number.")] = None,
    device: Annotated[str | None, typer.Option(help="Device Identifier.")] = None,
    network: Annotated[str | None, typer.Option(help="Network Identifier.")] = None,
    machine: Annotated[str | None, typer.Option(help="Machine Identifier.")] = None,
    media: Annotated[str | None, typer.Option(help="Media Identifier.")] = None,
    count: Annotated[int, typer.Option(help="Passwords for one use, each printed once.")] = 1,
) -> None:
    """Give a client a credential; its password comes from a file, a file descriptor or the terminal."""
    from gateway.admin import accounts, credentials
    from gateway.admin.pins import PinSource
    from gateway.config import load
    from gateway.kmip.messages import Device

    said = Device(
        device_serial_number=serial,
        device_identifier=device,
        network_identifier=network,
        machine_identifier=machine,
        media_identifier=media,
    )
    wanted = credentials.Wanted(kind=kind, username=client if username is None else username, device=said, count=count)
    credentials.check(wanted)
    loaded = load(config)
    accounts.read(loaded.store.path, lambda found: accounts.client_of(found, tenant, client))
    without = kind == "one-time" or (kind == "device" and no_password)
    source = PinSource("password", "--password", password_file, password_fd, new=True)
    password = "" if without else credentials.password_from(source)
    rows, drawn = credentials.rows_of(tenant, client, wanted, password)
    detail = f"{tenant}/{client} {credentials.told(wanted, without_password=no_password)}"
    change(loaded, "credential set", detail, lambda found: credentials.keep(found, rows))
    for each in drawn:
        print(each)


@credential_app.command("list")
def credential_list(config: ConfigOption, tenant: OfTenantOption = None, json: JsonOption = False) -> None:
    """List the credentials, without what is secret of them."""
    from gateway.admin import accounts, credentials
    from gateway.config import load

    found = accounts.read(load(config).store.path, lambda rows: credentials.listed(rows, tenant))
    show(found, [(each.tenant, each.client, each.kind, each.key, each.created) for each in found], json=json)


@credential_app.command("remove")
def credential_remove(
    client: Annotated[str, typer.Argument(metavar="CLIENT")],
    config: ConfigOption,
    tenant: TenantOption,
    kind: Annotated[str | None, typer.Option(help="Of this kind only.")] = None,
) -> None:
    """Remove a client's credentials."""
    from gateway.admin import credentials
    from gateway.config import load

    detail = f"{tenant}/{client} {kind or 'all'}"
    loaded = load(config)
    count = change(loaded, "credential remove", detail, lambda found: credentials.remove(found, tenant, client, kind))
    print(count, "removed")
