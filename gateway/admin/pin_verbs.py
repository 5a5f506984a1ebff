"""The verbs of `token pin`, as the command line has them; what they do is in `pin_change`.

They import what they need when they run, as all verbs do.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from gateway.admin.options import PLAIN

pin_app = typer.Typer(help="The PINs of the token.", **PLAIN)

FileOption = Annotated[Path | None, typer.Option(metavar="FILE", help="File of mode 0400 with it.")]
DescriptorOption = Annotated[int | None, typer.Option(metavar="N", help="File descriptor to read it from.")]


@pin_app.command("change")
def pin_change(
    officer: Annotated[bool, typer.Option("--so/--user", help="Of the security officer, or of the user.")],
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="The gateway's TOML file.")] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="With --config: of this token, if not of [token].")] = "",
    module: Annotated[Path | None, typer.Option(metavar="PATH", help="The PKCS#11 library.")] = None,
    label: Annotated[str, typer.Option(help="The token's label.")] = "",
    serial: Annotated[str, typer.Option(help="The token's serial number.")] = "",
    slot: Annotated[int, typer.Option(min=-1, help="The slot number; -1: found by label or serial.")] = -1,
    pin_file: FileOption = None,
    pin_fd: DescriptorOption = None,
    new_pin_file: FileOption = None,
    new_pin_fd: DescriptorOption = None,
) -> None:
    """Change a PIN. A wrong old one is tried once.

    The old PIN is in --pin-file or --pin-fd, the new one in --new-pin-file or --new-pin-fd; else the terminal is asked.
    The user's old PIN is the configured one unless another is given, and the configured PIN file gets the new one. A
    gateway that serves goes on, and reads the file at its next login.
    """
    from gateway.admin.audit import recorded
    from gateway.admin.pin_change import Change, change
    from gateway.admin.pins import PinSource
    from gateway.admin.token_setup import has_source, target_of
    from gateway.config import load

    loaded = None if config is None else load(config)
    target = target_of(config, name=name, module=module, label=label, serial=serial, slot=slot)
    whose = "SO PIN" if officer else "user PIN"
    old = PinSource(f"old {whose}", "--pin", pin_file, pin_fd, may_be_empty=officer)
    configured = not officer and pin_file is None and pin_fd is None and has_source(target.token)
    new = PinSource(f"new {whose}", "--new-pin", new_pin_file, new_pin_fd, new=True)
    with nullcontext() if loaded is None else recorded(loaded, "token pin change", f"{whose} of {target.token.name}"):
        kept = change(Change(target, None if configured else old, new, officer))
    print(f"the {whose} is changed" + (f", and {kept} has the new one" if kept else ""))
    if not officer and kept is None:
        print("put the new one where the gateway takes it from before its next start")
