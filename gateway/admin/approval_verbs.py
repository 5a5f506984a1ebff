"""The verbs of `approval`, as the command line has them; what they do is in `approvals`.

They import what they need when they run, as all verbs do.
"""

from pathlib import Path
from typing import Annotated

import typer

from gateway.admin.options import PLAIN, ConfigOption
from gateway.admin.printing import print_json, print_whole_row

approval_app = typer.Typer(
    help="What is done only once others have approved it: [approval] in the gateway's file.", **PLAIN
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As the refusal of the request names it.")]


@approval_app.command("list")
def approval_list(
    config: ConfigOption,
    everything: Annotated[bool, typer.Option("--all", help="Also what was denied, carried out or is over.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what waits for approval: who asks, for what, and who has approved it."""
    from gateway.admin.approvals import list_approvals
    from gateway.config import load

    listed = list_approvals(load(config), everything=everything)
    if json:
        print_json(listed)
        return
    for each in listed:
        said = ", ".join(each.approved_by) or "nobody yet"
        who = each.tenant, each.identity
        print_whole_row(each.id, each.stage, each.operation, each.subject, *who, said, each.expires, each.words)


@approval_app.command("approve")
def approval_approve(id: IdArgument, config: ConfigOption) -> None:
    """Approve a request; whoever asked asks again, word for word, when enough have."""
    _decide(config, id, approve=True)


@approval_app.command("deny")
def approval_deny(id: IdArgument, config: ConfigOption) -> None:
    """Deny a request, whatever others have said of it."""
    _decide(config, id, approve=False)


def _decide(config: Path, id: str, *, approve: bool) -> None:
    from gateway.admin.approvals import decide
    from gateway.admin.audit import recorded
    from gateway.config import load

    loaded = load(config)
    with recorded(loaded, "approval approve" if approve else "approval deny", id):
        row = decide(loaded, id, approve=approve)
    print_whole_row(f"{row.operation} of {row.subject}, asked by {row.identity}", *filter(None, [row.words]))
    print(f"{len(row.votes)} of {loaded.approval.needed} have approved it" if approve else "denied")
