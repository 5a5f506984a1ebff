"""The verbs of `grant`, as the command line has them; what they do is in `grants`."""

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.admin.options import PLAIN, ConfigOption, JsonOption
from gateway.admin.printing import print_json, print_row

if TYPE_CHECKING:
    from gateway.admin.grants import Asked

grant_app = typer.Typer(help="What clients may do with objects of other clients of their tenant.", **PLAIN)

TenantOption = Annotated[str, typer.Option(help="The tenant of both clients.")]
ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT", help="Who may; a name, or what `object list` shows.")]
UsesOption = Annotated[
    list[str], typer.Option("--use", help="What it may: Get, Encrypt, Locate, WrapKey, ...; * for all that can be.")
]
ObjectOption = Annotated[str | None, typer.Option("--object", metavar="UID", help="This object.")]
GroupOption = Annotated[str | None, typer.Option("--group", help="All objects of this Object Group.")]
AllOption = Annotated[bool, typer.Option("--all", help="All objects.")]
OwnerOption = Annotated[str, typer.Option(help="Of this client only.", show_default="every client of the tenant")]


@grant_app.command("add")
def grant_add(
    client: ClientArgument,
    config: ConfigOption,
    use: UsesOption,
    tenant: TenantOption = "default",
    unique_identifier: ObjectOption = None,
    group: GroupOption = None,
    everything: AllOption = False,
    owner: OwnerOption = "",
) -> None:
    """Let a client use objects of another client of its tenant, as far as its roles allow it too."""
    from gateway.admin.audit import recorded
    from gateway.admin.grants import add_grants
    from gateway.config import load

    loaded, meant = load(config), asked(client, use, tenant, unique_identifier, group, everything, owner)
    with recorded(loaded, "grant add", str(meant)):
        add_grants(loaded.store.path, meant)


@grant_app.command("remove")
def grant_remove(
    client: ClientArgument,
    config: ConfigOption,
    use: UsesOption,
    tenant: TenantOption = "default",
    unique_identifier: ObjectOption = None,
    group: GroupOption = None,
    everything: AllOption = False,
    owner: OwnerOption = "",
) -> None:
    """Take back what was granted; it ends at the client's next request."""
    from gateway.admin.audit import recorded
    from gateway.admin.grants import remove_grants
    from gateway.config import load

    loaded, meant = load(config), asked(client, use, tenant, unique_identifier, group, everything, owner)
    with recorded(loaded, "grant remove", str(meant)):
        print(remove_grants(loaded.store.path, meant), "taken back")


@grant_app.command("list")
def grant_list(
    config: ConfigOption,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant only.")] = None,
    json: JsonOption = False,
) -> None:
    """List what is granted: tenant, to whom, of what, whose, which uses."""
    from gateway.admin.grants import list_grants
    from gateway.config import load

    listed = list_grants(load(config).store.path, tenant)
    if json:
        print_json(listed)
        return
    for each in listed:
        print_row(each.tenant, each.client, each.what, each.target, each.owner or "any", " ".join(each.uses))


def asked(
    client: str, uses: list[str], tenant: str, unique_identifier: str | None, group: str | None, all_: bool, owner: str
) -> "Asked":
    """Give what the options ask for.

    Raises:
        BadParameter: not just one of object, group and all is named.
    """
    from gateway.admin.grants import Asked
    from gateway.store.grants import Lent

    named = [(Lent.OBJECT, unique_identifier), (Lent.GROUP, group), (Lent.ALL, "" if all_ else None)]
    meant = [(lent, target) for lent, target in named if target is not None]
    if len(meant) != 1:
        raise typer.BadParameter("name one of --object, --group and --all")
    ((lent, target),) = meant
    return Asked(tenant, client, lent, target, tuple(uses), owner)
