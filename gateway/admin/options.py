"""What all verbs of the command line have in common: how their groups are made, and the options that most take."""

from pathlib import Path
from typing import Annotated, Any

import typer

# A traceback with locals would print PINs; and plain help costs no import of rich.
PLAIN: dict[str, Any] = {
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "no_args_is_help": True,
}

ConfigOption = Annotated[Path, typer.Option("--config", metavar="FILE", help="The gateway's TOML file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
