"""The verbs of `audit`, as the command line has them; what they do is in `audit`.

They import what they need when they run, as all verbs do.
"""

from pathlib import Path
from typing import Annotated

import typer

from gateway.admin.options import PLAIN, ConfigOption, JsonOption
from gateway.admin.printing import print_json, print_lines

PROBLEMS_FOUND = 1

audit_app = typer.Typer(help="Who did what: the records of the gateway and of its operators.", **PLAIN)

AuditDirectoryOption = Annotated[
    Path | None, typer.Option("--dir", metavar="DIR", help="Where the records are, if not where FILE says.")
]
SinceOption = Annotated[str | None, typer.Option(metavar="TIME", help="From then on, as in 2026-11-24T18:00:00.")]
UntilOption = Annotated[str | None, typer.Option(metavar="TIME", help="Before then.")]


@audit_app.command("verify")
def audit_verify(
    config: ConfigOption,
    directory: AuditDirectoryOption = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="The checkpoints' public key, PEM.")] = None,
    checkpoints: Annotated[Path | None, typer.Option(metavar="FILE", help="Checkpoints that were kept apart.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Chains that ended before then may have been put away.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say whether the records are what was written; exit 1 and name the first that is not.

    The checkpoints are verified by the key on the token, unless one is given.
    """
    from gateway.admin.audit import moment, verify_trail
    from gateway.config import load

    verdict = verify_trail(load(config), directory, key, checkpoints, moment(since) or 0.0)
    if json:
        print_json(verdict)
    else:
        print_lines((*(f"{each.kind}: {each.chain}: {each.what}" for each in verdict.faults), *verdict.remarks))
        print(f"{verdict.records} records are right", "" if verdict.faults else "and nothing is wrong")
    raise typer.Exit(PROBLEMS_FOUND if verdict.faults else 0)


@audit_app.command("search")
def audit_search(
    config: ConfigOption,
    directory: AuditDirectoryOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant only.")] = None,
    identity: Annotated[str | None, typer.Option(help="Of this client or operator only.")] = None,
    operation: Annotated[str | None, typer.Option(help="Of this operation or command only.")] = None,
    object: Annotated[str | None, typer.Option(help="That touched the object with this unique identifier.")] = None,
    result: Annotated[str | None, typer.Option(help="With this Result Status or Result Reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    json: JsonOption = False,
) -> None:
    """Print records, oldest first: time, who, what, objects, result, from where."""
    from gateway.admin.audit import FORMATS, found, line_of, moment
    from gateway.audit.searching import Wanted
    from gateway.config import load

    wanted = Wanted(moment(since), moment(until), tenant, identity, operation, object, result)
    for each in found(load(config), directory, wanted, limit):
        print(FORMATS["json"](each) if json else line_of(each))


@audit_app.command("export")
def audit_export(
    config: ConfigOption,
    directory: AuditDirectoryOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant only.")] = None,
    form: Annotated[str, typer.Option("--format", help="json or cef, a line each.")] = "json",
) -> None:
    """Print all records of a time, for another program."""
    from gateway.admin.audit import FORMATS, found, moment
    from gateway.audit.searching import Wanted
    from gateway.config import load

    if form not in FORMATS:
        raise typer.BadParameter(f"--format is one of {', '.join(FORMATS)}")
    for each in found(load(config), directory, Wanted(moment(since), moment(until), tenant)):
        print(FORMATS[form](each))
