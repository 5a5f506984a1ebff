"""The verbs of `object`, as the command line has them; what they do is in `objects`, `kept` and `custody`.

They import what they need when they run, as all verbs do.
"""

from enum import StrEnum
from typing import Annotated

import typer

from gateway.admin.options import PLAIN, ConfigOption, JsonOption
from gateway.admin.printing import print_json, print_row

PROBLEMS_FOUND = 1

object_app = typer.Typer(help="Managed objects, from the database; never key material.", **PLAIN)


class Kept(StrEnum):
    """Where keys can be kept, as the option says it."""

    TOKEN = "token"  # noqa: S105 - a place, no secret
    WRAPPED = "wrapped"


@object_app.command("list")
def object_list(
    config: ConfigOption,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant only.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Start after this number, the last of the page before.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    destroyed: Annotated[
        bool, typer.Option("--destroyed", help="Destroyed ones that `object restore` has back, and until when.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List managed objects, oldest first."""
    from gateway.admin.objects import list_objects
    from gateway.config import load

    listed = list_objects(load(config).store.path, tenant=tenant, after=after, limit=limit, destroyed=destroyed)
    if json:
        print_json(listed)
        return
    for each in listed:
        cells = each.number, each.unique_identifier, each.object_type, each.state, each.custody, ", ".join(each.names)
        print_row(*cells, *((each.restorable_until,) if destroyed else ()))


@object_app.command("show")
def object_show(
    unique_identifier: Annotated[str, typer.Argument(help="As `object list` prints it.")],
    config: ConfigOption,
    json: JsonOption = False,
) -> None:
    """Show one managed object with its attributes."""
    from msgspec.structs import asdict

    from gateway.admin.objects import show_object
    from gateway.config import load

    shown = show_object(load(config).store.path, unique_identifier)
    if json:
        print_json(shown)
        return
    lines = {**asdict(shown.listed), "token": shown.token, "cka_id": shown.cka_id, **dict(shown.attributes)}
    for name, value in lines.items():
        print_row(f"{name}: {value}")


@object_app.command("restore")
def object_restore(
    unique_identifier: Annotated[str, typer.Argument(help="As `object list --destroyed` prints it.")],
    config: ConfigOption,
) -> None:
    """Take a destroyed object back while [kmip] destroy_window_s lasts; the gateway may be serving."""
    from gateway.admin.audit import recorded
    from gateway.admin.kept import described, take_back
    from gateway.config import load

    loaded = load(config)
    with recorded(loaded, "object restore", described(loaded, unique_identifier)):
        state = take_back(loaded, unique_identifier)
    print_row(unique_identifier, f"is {state.token} again")


@object_app.command("erase")
def object_erase(
    unique_identifiers: Annotated[list[str], typer.Argument(help="As `object list --destroyed` prints them.")],
    config: ConfigOption,
) -> None:
    """Have destroyed objects gone before their window is over.

    Nobody has them back from then on; a gateway that serves deletes their keys from the token a minute later at most.
    """
    from gateway.admin.audit import recorded
    from gateway.admin.kept import erase
    from gateway.config import load

    loaded = load(config)
    with recorded(loaded, "object erase", " ".join(unique_identifiers)):
        erase(loaded, unique_identifiers)
    for each in unique_identifiers:
        print_row(each, "cannot be taken back any more")


@object_app.command("move")
def object_move(
    unique_identifiers: Annotated[list[str], typer.Argument(help="As `object list` prints them.")],
    config: ConfigOption,
    custody: Annotated[Kept, typer.Option(help="On the token, or wrapped in the database.")],
    token: Annotated[str, typer.Option(metavar="NAME", help="To this token; else each stays on its own.")] = "",
    through_memory: Annotated[
        bool,
        typer.Option("--through-memory", help="Where two tokens have no other way: in the clear, in this command."),
    ] = False,
) -> None:
    """Move keys between the token and the database, or to another token; exit 1 where one stays where it is.

    The gateway may be serving. Halves of a pair move together. A run that was ended early is taken up by the next.
    """
    from gateway.admin.audit import recorded
    from gateway.admin.custody import Order, move
    from gateway.config import load
    from gateway.store.api import Custody

    loaded = load(config)
    command = f"object move to {token}" if token else "object move"  # the first may have to be approved
    details = f"{' '.join(unique_identifiers)}, custody {custody}{', through memory' * through_memory}"
    with recorded(loaded, command, details):
        outcomes = move(loaded, unique_identifiers, Order(Custody(custody), token, through_memory))
    for each in outcomes:
        print_row(each.unique_identifier, each.what)
    raise typer.Exit(PROBLEMS_FOUND if not all(each.there for each in outcomes) else 0)
