"""The verbs of `ticket`, as the command line has them; what they do is in `tickets`."""

from typing import Annotated

import typer

from gateway.admin.options import PLAIN, ConfigOption, JsonOption
from gateway.admin.printing import print_json, print_row

ticket_app = typer.Typer(help="The tickets that clients were given; never their values.", **PLAIN)


@ticket_app.command("list")
def ticket_list(config: ConfigOption, json: JsonOption = False) -> None:
    """List the tickets that hold, with whose they are and what they allow."""
    from gateway.admin.tickets import list_tickets
    from gateway.config import load

    listed = list_tickets(load(config).store.path)
    if json:
        print_json(listed)
        return
    for each in listed:
        use = "for others" if each.for_others else "own"
        print_row(each.ticket, each.owner, use, each.expires or "endless", each.requests, each.rights)


@ticket_app.command("end")
def ticket_end(
    config: ConfigOption,
    tickets: Annotated[list[str] | None, typer.Argument(help="What they begin with in `ticket list`.")] = None,
    owner: Annotated[str | None, typer.Option(help="All tickets of this client.")] = None,
) -> None:
    """End tickets, and those that were asked for by them, at once."""
    from gateway.admin.audit import recorded
    from gateway.admin.tickets import end_tickets
    from gateway.config import load

    if not tickets and owner is None:
        raise typer.BadParameter("name tickets, or an owner")
    loaded = load(config)
    with recorded(loaded, "ticket end", " ".join(tickets or ()) or f"of {owner}"):
        print(end_tickets(loaded.store.path, tickets or [], owner), "ended")
